package dev.sortie.runtime.testing;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.ProtocolMessageEnum;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.rpc.PreconditionFailure;
import com.google.rpc.RetryInfo;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.util.Optional;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;

/**
 * What a failed call says.
 *
 * <pre>{@code
 * StatusAssert.fails(() -> stub.getHop(request))
 *         .with(Status.Code.NOT_FOUND, ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND)
 *         .metadata("resource", "hop");
 * }</pre>
 */
public final class StatusAssert {
    private final StatusRuntimeException thrown;
    private final com.google.rpc.Status status;

    private StatusAssert(StatusRuntimeException thrown) {
        this.thrown = thrown;
        var described = StatusProto.fromThrowable(thrown);
        if (described == null) {
            throw new AssertionError("no google.rpc.Status", thrown);
        }
        this.status = described;
    }

    /** Makes the call, which must fail. */
    public static StatusAssert fails(ThrowingCallable call) {
        try {
            call.call();
        } catch (StatusRuntimeException failed) {
            return new StatusAssert(failed);
        } catch (Throwable other) {
            throw new AssertionError("expected a StatusRuntimeException", other);
        }
        throw new AssertionError("expected a failure, but the call succeeded");
    }

    /** What another client caught. */
    public static StatusAssert of(StatusRuntimeException failed) {
        return new StatusAssert(failed);
    }

    /** The code and the reason. */
    public StatusAssert with(Status.Code code, ProtocolMessageEnum reason) {
        assertThat(thrown.getStatus().getCode())
                .as("code of %s", thrown.getMessage())
                .isEqualTo(code);
        assertThat(info().getReason())
                .as("reason of %s", thrown.getMessage())
                .isEqualTo(reason.getValueDescriptor().getName());
        assertThat(info().getDomain()).isNotEmpty();
        return this;
    }

    /** An entry of the metadata. */
    public StatusAssert metadata(String key, Object value) {
        assertThat(info().getMetadataMap()).containsEntry(key, value.toString());
        return this;
    }

    /** A field violation for a path. */
    public StatusAssert field(String path) {
        assertThat(detail(BadRequest.class).orElseThrow().getFieldViolationsList())
                .extracting(BadRequest.FieldViolation::getField)
                .contains(path);
        return this;
    }

    /** The description of the violation of a field contains a text. */
    public StatusAssert field(String path, String text) {
        field(path);
        assertThat(detail(BadRequest.class).orElseThrow().getFieldViolationsList())
                .filteredOn(violation -> violation.getField().equals(path))
                .extracting(BadRequest.FieldViolation::getDescription)
                .anySatisfy(description -> assertThat(description).contains(text));
        return this;
    }

    /** A precondition violation of a subject. */
    public StatusAssert precondition(String subject) {
        assertThat(detail(PreconditionFailure.class).orElseThrow().getViolationsList())
                .extracting(PreconditionFailure.Violation::getSubject)
                .contains(subject);
        return this;
    }

    /** There is a time after which to try again, for people and for gRPC's own retries. */
    public StatusAssert retryable() {
        assertThat(detail(RetryInfo.class)).isPresent();
        var trailers = thrown.getTrailers();
        assertThat(trailers).isNotNull();
        assertThat(trailers.get(Metadata.Key.of("grpc-retry-pushback-ms", Metadata.ASCII_STRING_MARSHALLER)))
                .isNotNull();
        return this;
    }

    /** The message contains a text. */
    public StatusAssert message(String text) {
        assertThat(status.getMessage()).contains(text);
        return this;
    }

    /** The status itself. */
    public com.google.rpc.Status status() {
        return status;
    }

    private ErrorInfo info() {
        return detail(ErrorInfo.class).orElseThrow(() -> new AssertionError("no ErrorInfo", thrown));
    }

    private <M extends Message> Optional<M> detail(Class<M> type) {
        for (Any detail : status.getDetailsList()) {
            if (detail.is(type)) {
                try {
                    return Optional.of(detail.unpack(type));
                } catch (InvalidProtocolBufferException broken) {
                    throw new AssertionError(broken);
                }
            }
        }
        return Optional.empty();
    }
}
