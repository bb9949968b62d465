package dev.sortie.runtime.grpc;

import com.google.protobuf.InvalidProtocolBufferException;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.failure.FailureException;
import dev.sortie.type.v1.ErrorReason;
import io.grpc.ForwardingServerCallListener.SimpleForwardingServerCallListener;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.StatusRuntimeException;
import java.util.List;

/** Says of a request message that cannot be parsed that the caller is at fault, and why. */
final class ParsingInterceptor implements ServerInterceptor {

    @Override
    public <Q, P> ServerCall.Listener<Q> interceptCall(
            ServerCall<Q, P> call, Metadata headers, ServerCallHandler<Q, P> next) {
        return new SimpleForwardingServerCallListener<>(next.startCall(call, headers)) {
            @Override
            public void onMessage(Q message) {
                try {
                    super.onMessage(message);
                } catch (StatusRuntimeException failed) {
                    throw failed.getCause() instanceof InvalidProtocolBufferException broken ? invalid(broken) : failed;
                }
            }
        };
    }

    /** The whole message is at fault: what was parsed before the fault says little about where it is. */
    private static FailureException invalid(InvalidProtocolBufferException broken) {
        var message = String.valueOf(broken.getMessage());
        String description;
        if (message.contains("UTF-8")) {
            description = "a text in the message is not valid UTF-8";
        } else if (message.contains("nesting")) {
            description = "the message is nested too deeply (expected: at most 100 levels of messages;"
                    + " each level of a JSON object takes three, each of a JSON array two)";
        } else {
            description = "the message is cut off or is not in protobuf's wire format";
        }
        return Failure.invalidArgument(
                        ErrorReason.ERROR_REASON_FIELD_INVALID,
                        List.of(new Failure.FieldViolation("request", description)))
                .with("field_count", 1)
                .exception();
    }
}
