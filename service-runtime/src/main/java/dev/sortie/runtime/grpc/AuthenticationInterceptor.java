package dev.sortie.runtime.grpc;

import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.identity.Authenticator;
import dev.sortie.runtime.identity.JwtAuthenticator;
import dev.sortie.runtime.identity.Principal;
import dev.sortie.type.v1.Access;
import dev.sortie.type.v1.ErrorReason;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import java.util.UUID;

/**
 * Finds out who calls. RPCs for anybody are not asked for a token, and one that is sent is not looked at. Where the request
 * may carry it, its absence is for {@link RequestTokenInterceptor}.
 */
final class AuthenticationInterceptor implements ServerInterceptor {
    private static final String SCHEME = "Bearer ";

    private final Authenticator authenticator;
    private final AccessRules rules;

    AuthenticationInterceptor(Authenticator authenticator, AccessRules rules) {
        this.authenticator = authenticator;
        this.rules = rules;
    }

    @Override
    public <Q, P> ServerCall.Listener<Q> interceptCall(
            ServerCall<Q, P> call, Metadata headers, ServerCallHandler<Q, P> next) {
        var state = CallContext.current();
        var rule = rules.of(call.getMethodDescriptor());
        boolean inRequest = rule.tokens() != null && !headers.containsKey(CallContext.AUTHORIZATION);
        if (state != null && rule.access() != Access.ACCESS_ANONYMOUS && !inRequest) {
            state.authenticated(onBehalf(authenticate(headers), headers));
        }
        return next.startCall(call, headers);
    }

    private Principal authenticate(Metadata headers) {
        var header = headers.get(CallContext.AUTHORIZATION);
        if (header == null) {
            throw Failure.unauthenticated(
                            ErrorReason.ERROR_REASON_TOKEN_MISSING,
                            "the call carries no token; send metadata authorization: Bearer <token>")
                    .exception();
        }
        if (!header.regionMatches(true, 0, SCHEME, 0, SCHEME.length())) {
            throw JwtAuthenticator.invalid();
        }
        return authenticator.authenticate(token(header));
    }

    /** The token in a header that has the scheme. */
    static String token(String header) {
        return header.substring(SCHEME.length()).strip();
    }

    private static Principal onBehalf(Principal caller, Metadata headers) {
        var user = headers.get(CallContext.ACTING_FOR);
        if (user == null) {
            return caller;
        }
        if (!caller.isService()) {
            throw Failure.permissionDenied(
                            ErrorReason.ERROR_REASON_ROLE_INSUFFICIENT, "only a service may act for somebody else")
                    .with("required", "SERVICE")
                    .with("role", caller.role())
                    .exception();
        }
        try {
            return caller.actingFor(UUID.fromString(user));
        } catch (IllegalArgumentException _) {
            throw Failure.invalidArgument(
                            ErrorReason.ERROR_REASON_FIELD_INVALID,
                            CallContext.ACTING_FOR.name(),
                            "not a user id (expected: a UUID)")
                    .exception();
        }
    }
}
