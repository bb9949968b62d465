package dev.sortie.runtime.failure;

import com.google.protobuf.Any;
import com.google.protobuf.Duration;
import com.google.protobuf.Message;
import com.google.protobuf.util.Durations;
import com.google.rpc.BadRequest;
import com.google.rpc.Code;
import com.google.rpc.ErrorInfo;
import com.google.rpc.PreconditionFailure;
import com.google.rpc.RetryInfo;
import com.google.rpc.Status;
import dev.sortie.runtime.sql.SqlFailures;
import dev.sortie.type.v1.ErrorReason;
import io.grpc.Metadata;
import io.grpc.StatusException;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * The one place where what was thrown becomes what the caller sees. Every status carries {@code ErrorInfo}; the details
 * stay small enough for the 8 KiB of trailers that clients accept.
 */
public final class FailureStatuses {
    /** Read by gRPC's own retries; milliseconds. */
    public static final Metadata.Key<String> RETRY_PUSHBACK =
            Metadata.Key.of("grpc-retry-pushback-ms", Metadata.ASCII_STRING_MARSHALLER);

    // Bytes. Together, in base64 and with the message once more percent-encoded, they stay below 7 KiB.
    private static final int MAX_TEXT = 360;
    private static final int MAX_METADATA = 1_400;
    private static final int MAX_VIOLATIONS = 2_200;
    private static final java.time.Duration RETRY_AFTER = java.time.Duration.ofSeconds(1);

    private final String domain;

    /**
     * @param domain names the service in {@code ErrorInfo}, such as {@code mission.sortie.dev}
     */
    public FailureStatuses(String domain) {
        this.domain = domain;
    }

    /**
     * How a call ends.
     *
     * @param expected false for a fault of the server, which belongs in the log with its stack
     */
    public record Closing(io.grpc.Status status, Metadata trailers, boolean expected) {}

    /**
     * What the caller is told about something that was thrown.
     *
     * @param correlationId told to the caller in place of what the server keeps to itself
     */
    public Closing closing(Throwable thrown, String correlationId) {
        var failure = classify(thrown);
        return failure == null ? closing(internal(correlationId), false) : closing(toStatus(failure), true);
    }

    /** A failure as an exception of gRPC, for a place that has no other way to end a call. */
    public StatusRuntimeException exception(Failure failure) {
        var closing = closing(toStatus(failure), true);
        return new StatusRuntimeException(closing.status(), closing.trailers());
    }

    /** A failure as the message that describes it on the wire. */
    public Status toStatus(Failure failure) {
        // Exhaustive on purpose: a new kind of failure without a code does not compile.
        return switch (failure) {
            case Failure.InvalidArgument f -> status(Code.INVALID_ARGUMENT, f, badRequest(f.violations()));
            case Failure.NotFound f -> status(Code.NOT_FOUND, f);
            case Failure.AlreadyExists f -> status(Code.ALREADY_EXISTS, f);
            case Failure.FailedPrecondition f -> status(Code.FAILED_PRECONDITION, f, preconditions(f.violations()));
            case Failure.Aborted f ->
                f.retryAfter().isZero() ? status(Code.ABORTED, f) : status(Code.ABORTED, f, retry(f.retryAfter()));
            case Failure.OutOfRange f -> status(Code.OUT_OF_RANGE, f);
            case Failure.Unauthenticated f -> status(Code.UNAUTHENTICATED, f);
            case Failure.PermissionDenied f -> status(Code.PERMISSION_DENIED, f);
            case Failure.ResourceExhausted f -> status(Code.RESOURCE_EXHAUSTED, f, retry(f.retryAfter()));
            case Failure.Unavailable f -> status(Code.UNAVAILABLE, f, retry(f.retryAfter()));
            case Failure.DeadlineExceeded f -> status(Code.DEADLINE_EXCEEDED, f);
        };
    }

    private static @Nullable Failure classify(Throwable thrown) {
        return switch (thrown) {
            case FailureException expected -> expected.failure();
            case StatusRuntimeException peer -> ofPeer(peer.getStatus());
            case StatusException peer -> ofPeer(peer.getStatus());
            case TimeoutException _, CancellationException _, InterruptedException _ -> outOfTime();
            default -> SqlFailures.classify(thrown);
        };
    }

    /** What another service answered is this service's business; only that it does not answer concerns the caller. */
    private static @Nullable Failure ofPeer(io.grpc.Status status) {
        return switch (status.getCode()) {
            case UNAVAILABLE, RESOURCE_EXHAUSTED ->
                Failure.unavailable(
                                ErrorReason.ERROR_REASON_DEPENDENCY_UNAVAILABLE,
                                RETRY_AFTER,
                                "a service that this one needs does not answer; try again")
                        .with("dependency", "service");
            case DEADLINE_EXCEEDED, CANCELLED -> outOfTime();
            default -> null;
        };
    }

    private static Failure outOfTime() {
        return Failure.deadlineExceeded(
                ErrorReason.ERROR_REASON_DEADLINE_EXCEEDED,
                "the call's time ran out before it was done; whether it was done is not known");
    }

    private Status internal(String correlationId) {
        var info = ErrorInfo.newBuilder()
                .setReason(ErrorReason.ERROR_REASON_INTERNAL.name())
                .setDomain(domain)
                .putMetadata("correlation_id", correlationId);
        return Status.newBuilder()
                .setCode(Code.INTERNAL_VALUE)
                .setMessage("the server failed; its log has the details under correlation id " + correlationId)
                .addDetails(Any.pack(info.build()))
                .build();
    }

    private Status status(Code code, Failure failure, Message... details) {
        var info = ErrorInfo.newBuilder().setReason(failure.reason()).setDomain(domain);
        int bytes = 0;
        for (var entry : failure.metadata().entrySet()) {
            var value = shorten(entry.getValue());
            bytes += 8 + utf8(entry.getKey()) + utf8(value);
            if (bytes <= MAX_METADATA) {
                info.putMetadata(entry.getKey(), value);
            }
        }
        var status = Status.newBuilder()
                .setCode(code.getNumber())
                .setMessage(shorten(failure.message()))
                .addDetails(Any.pack(info.build()));
        for (var detail : details) {
            status.addDetails(Any.pack(detail));
        }
        return status.build();
    }

    private static Closing closing(Status status, boolean expected) {
        var exception = StatusProto.toStatusRuntimeException(status);
        var trailers = exception.getTrailers();
        var known = trailers == null ? new Metadata() : trailers;
        for (var detail : status.getDetailsList()) {
            if (detail.is(RetryInfo.class)) {
                known.put(RETRY_PUSHBACK, Long.toString(retryMillis(detail)));
            }
        }
        return new Closing(exception.getStatus(), known, expected);
    }

    private static long retryMillis(Any retryInfo) {
        try {
            return Durations.toMillis(retryInfo.unpack(RetryInfo.class).getRetryDelay());
        } catch (com.google.protobuf.InvalidProtocolBufferException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    private static BadRequest badRequest(List<Failure.FieldViolation> violations) {
        var kept = new ArrayList<BadRequest.FieldViolation>();
        int bytes = 0;
        for (var violation : violations) {
            var detail = BadRequest.FieldViolation.newBuilder()
                    .setField(shorten(violation.field()))
                    .setDescription(shorten(violation.description()))
                    .build();
            bytes += detail.getSerializedSize() + 4;
            if (bytes > MAX_VIOLATIONS) {
                break;
            }
            kept.add(detail);
        }
        return BadRequest.newBuilder().addAllFieldViolations(kept).build();
    }

    private static PreconditionFailure preconditions(List<Failure.PreconditionViolation> violations) {
        var kept = new ArrayList<PreconditionFailure.Violation>();
        int bytes = 0;
        for (var violation : violations) {
            var detail = PreconditionFailure.Violation.newBuilder()
                    .setType(shorten(violation.type()))
                    .setSubject(shorten(violation.subject()))
                    .setDescription(shorten(violation.description()))
                    .build();
            bytes += detail.getSerializedSize() + 4;
            if (bytes > MAX_VIOLATIONS) {
                break;
            }
            kept.add(detail);
        }
        return PreconditionFailure.newBuilder().addAllViolations(kept).build();
    }

    private static RetryInfo retry(java.time.Duration delay) {
        return RetryInfo.newBuilder()
                .setRetryDelay(
                        Duration.newBuilder().setSeconds(delay.getSeconds()).setNanos(delay.getNano()))
                .build();
    }

    private static String shorten(String text) {
        if (text.length() <= MAX_TEXT / 3) {
            return text;
        }
        int bytes = 0;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            bytes += c < 0x80 ? 1 : c < 0x800 ? 2 : 3;
            if (bytes > MAX_TEXT) {
                return text.substring(0, Character.isLowSurrogate(c) ? i - 1 : i) + "…";
            }
        }
        return text;
    }

    private static int utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8).length;
    }
}
