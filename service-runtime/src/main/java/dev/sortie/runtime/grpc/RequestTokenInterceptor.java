package dev.sortie.runtime.grpc;

import com.google.protobuf.Message;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.identity.Authenticator;
import dev.sortie.type.v1.ErrorReason;
import io.grpc.ForwardingServerCallListener.SimpleForwardingServerCallListener;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;

/**
 * Finds out who calls from the request itself, where the contract says that it carries the token, of callers that sent
 * none as metadata. What authentication and authorization have put off is made good here, before anything else looks at
 * the request.
 */
final class RequestTokenInterceptor implements ServerInterceptor {
    private final Authenticator authenticator;
    private final AccessRules rules;

    RequestTokenInterceptor(Authenticator authenticator, AccessRules rules) {
        this.authenticator = authenticator;
        this.rules = rules;
    }

    @Override
    public <Q, P> ServerCall.Listener<Q> interceptCall(
            ServerCall<Q, P> call, Metadata headers, ServerCallHandler<Q, P> next) {
        var rule = rules.of(call.getMethodDescriptor());
        var tokens = rule.tokens();
        var state = CallContext.current();
        if (tokens == null || state == null || headers.containsKey(CallContext.AUTHORIZATION)) {
            return next.startCall(call, headers);
        }
        return new SimpleForwardingServerCallListener<>(next.startCall(call, headers)) {
            @Override
            public void onMessage(Q message) {
                var token = message instanceof Message request ? tokens.find(request) : null;
                if (token == null) {
                    throw Failure.unauthenticated(
                                    ErrorReason.ERROR_REASON_TOKEN_MISSING,
                                    "the call carries no token; send it as %s in the request, or as metadata"
                                            + " authorization: Bearer <token>",
                                    tokens.entry())
                            .exception();
                }
                var caller = authenticator.authenticate(token);
                state.authenticated(caller);
                AuthorizationInterceptor.check(rule, caller);
                super.onMessage(message);
            }
        };
    }
}
