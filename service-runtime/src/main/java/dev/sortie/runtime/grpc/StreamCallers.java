package dev.sortie.runtime.grpc;

import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.failure.FailureException;
import dev.sortie.runtime.identity.Authenticator;
import dev.sortie.runtime.identity.Principal;
import dev.sortie.type.v1.Access;
import dev.sortie.type.v1.ErrorReason;
import io.grpc.Context;
import io.grpc.ForwardingServerCallListener.SimpleForwardingServerCallListener;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor.MethodType;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.Status;
import java.time.Instant;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps asking who has streams open, for these may outlast their callers' rights: a token is revoked, a user deactivated
 * or given another role. One that the authenticator no longer knows, or that may no longer make the call, has its streams
 * ended. A token that has come to its own end is no reason: whoever serves a stream knows when that is.
 */
final class StreamCallers implements ServerInterceptor {
    private static final Logger LOG = LoggerFactory.getLogger(StreamCallers.class);

    private final Authenticator authenticator;
    private final AccessRules rules;
    private final Set<Stream> open = ConcurrentHashMap.newKeySet();

    StreamCallers(Authenticator authenticator, AccessRules rules) {
        this.authenticator = authenticator;
        this.rules = rules;
    }

    private record Stream(
            ServerCall<?, ?> call, AccessRules.Rule rule, String token, Principal caller, Context context) {
        /** Ends it as if its service had failed. */
        void end(FailureException refusal) {
            context.run(() -> call.close(Status.UNKNOWN.withCause(refusal), new Metadata()));
            LOG.atInfo()
                    .addKeyValue("method", call.getMethodDescriptor().getFullMethodName())
                    .addKeyValue("user_id", caller.userId())
                    .addKeyValue("reason", refusal.failure().reason())
                    .log("a stream is ended: its caller may no longer have it");
        }

        // Each is itself, whatever else is the same.

        @Override
        public boolean equals(Object other) {
            return this == other;
        }

        @Override
        public int hashCode() {
            return System.identityHashCode(this);
        }
    }

    @Override
    public <Q, P> ServerCall.Listener<Q> interceptCall(
            ServerCall<Q, P> call, Metadata headers, ServerCallHandler<Q, P> next) {
        var header = headers.get(CallContext.AUTHORIZATION);
        var rule = rules.of(call.getMethodDescriptor());
        if (call.getMethodDescriptor().getType() == MethodType.UNARY
                || header == null
                || rule.access() == Access.ACCESS_ANONYMOUS) {
            return next.startCall(call, headers);
        }
        var stream = new Stream(
                call, rule, AuthenticationInterceptor.token(header), CallContext.principal(), Context.current());
        open.add(stream);
        try {
            return new SimpleForwardingServerCallListener<>(next.startCall(call, headers)) {
                @Override
                public void onCancel() {
                    open.remove(stream);
                    super.onCancel();
                }

                @Override
                public void onComplete() {
                    open.remove(stream);
                    super.onComplete();
                }
            };
        } catch (Throwable failed) {
            open.remove(stream);
            throw failed;
        }
    }

    /** Asks once for each token that streams are open with. While nobody can be asked, they go on. */
    void look(Instant now) {
        var byToken = open.stream()
                .filter(stream -> stream.caller.expiresAt().isAfter(now))
                .collect(Collectors.groupingBy(Stream::token));
        byToken.forEach((token, streams) -> {
            try {
                var caller = authenticator.authenticate(token);
                streams.forEach(stream -> check(stream, caller));
            } catch (FailureException refused) {
                if (refused.failure() instanceof Failure.Unauthenticated) {
                    streams.forEach(stream -> stream.end(revoked()));
                }
            }
        });
    }

    private static void check(Stream stream, Principal caller) {
        try {
            AuthorizationInterceptor.check(stream.rule, caller);
        } catch (FailureException refused) {
            stream.end(refused);
        }
    }

    private static FailureException revoked() {
        return Failure.unauthenticated(
                        ErrorReason.ERROR_REASON_TOKEN_INVALID,
                        "the token that this stream was opened with has been revoked, or its user deactivated")
                .exception();
    }
}
