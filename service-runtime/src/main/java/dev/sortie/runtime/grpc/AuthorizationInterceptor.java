package dev.sortie.runtime.grpc;

import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.identity.Principal;
import dev.sortie.runtime.identity.Role;
import dev.sortie.type.v1.Access;
import dev.sortie.type.v1.ErrorReason;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;

/** Lets a caller through whom the contract lets through, with what their token is limited to. Who owns what is for the service to check. */
final class AuthorizationInterceptor implements ServerInterceptor {
    private final AccessRules rules;

    AuthorizationInterceptor(AccessRules rules) {
        this.rules = rules;
    }

    @Override
    public <Q, P> ServerCall.Listener<Q> interceptCall(
            ServerCall<Q, P> call, Metadata headers, ServerCallHandler<Q, P> next) {
        var rule = rules.of(call.getMethodDescriptor());
        boolean inRequest = rule.tokens() != null && !headers.containsKey(CallContext.AUTHORIZATION);
        if (!inRequest) { // otherwise it is not known yet who calls
            check(rule, CallContext.principal());
        }
        return next.startCall(call, headers);
    }

    static void check(AccessRules.Rule rule, Principal caller) {
        var access = rule.access();
        boolean allowed = switch (access) {
            case ACCESS_ANONYMOUS -> true;
            case ACCESS_VIEWER -> !caller.isNobody();
            case ACCESS_DEVELOPER -> !caller.isNobody() && caller.reaches(Role.DEVELOPER);
            case ACCESS_ADMIN -> !caller.isNobody() && caller.reaches(Role.ADMIN);
            case ACCESS_SERVICE -> caller.isService();
            case ACCESS_UNSPECIFIED, UNRECOGNIZED -> false;
        };
        if (!allowed) {
            throw refusal(access.name().replace("ACCESS_", ""), caller);
        }
        if (access != Access.ACCESS_ANONYMOUS) {
            caller.requireScope(rule.scopes());
        }
    }

    private static RuntimeException refusal(String required, Principal caller) {
        return Failure.permissionDenied(
                        ErrorReason.ERROR_REASON_ROLE_INSUFFICIENT,
                        "this RPC asks for %s; the caller is %s",
                        required,
                        caller.role())
                .with("required", required)
                .with("role", caller.role())
                .exception();
    }
}
