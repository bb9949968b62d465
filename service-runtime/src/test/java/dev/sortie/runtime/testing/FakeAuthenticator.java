package dev.sortie.runtime.testing;

import dev.sortie.runtime.identity.Authenticator;
import dev.sortie.runtime.identity.JwtAuthenticator;
import dev.sortie.runtime.identity.Principal;
import dev.sortie.runtime.identity.Role;
import dev.sortie.type.v1.Scope;
import java.time.Instant;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;

/** Knows the tokens that a test gave it, and from the start {@code viewer}, {@code developer}, {@code admin}, {@code service}. */
public final class FakeAuthenticator implements Authenticator {
    public static final Principal VIEWER = user(1, "viewer", Role.VIEWER, Principal.Kind.USER);
    public static final Principal DEVELOPER = user(2, "developer", Role.DEVELOPER, Principal.Kind.USER);
    public static final Principal ADMIN = user(3, "admin", Role.ADMIN, Principal.Kind.USER);
    public static final Principal SERVICE = user(4, "service", Role.VIEWER, Principal.Kind.SERVICE);

    private final Map<String, Principal> principals = new ConcurrentHashMap<>();

    public FakeAuthenticator() {
        Set.of(VIEWER, DEVELOPER, ADMIN, SERVICE).forEach(principal -> principals.put(principal.username(), principal));
        for (var scope : Scope.values()) {
            know(
                    limitedTo(scope),
                    new Principal(
                            SERVICE.userId(),
                            SERVICE.username(),
                            SERVICE.role(),
                            SERVICE.kind(),
                            null,
                            Set.of(scope.name().replaceFirst("^SCOPE_", "")),
                            null,
                            Instant.MAX));
        }
    }

    /** The token of a service that is limited to one scope; known from the start. */
    public static String limitedTo(Scope scope) {
        return "limited to " + scope;
    }

    /** From now on the token stands for the principal. */
    public void know(String token, Principal principal) {
        principals.put(token, principal);
    }

    /** From now on the token is refused. */
    public void revoke(String token) {
        principals.remove(token);
    }

    /** A user whose id ends in a number. */
    public static Principal user(long number, String username, Role role, Principal.Kind kind) {
        var id = new UUID(0x0190_0000_0000_7000L, 0x8000_0000_0000_0000L | number);
        return new Principal(id, username, role, kind, null, Set.of(), null, Instant.MAX);
    }

    @Override
    public Principal authenticate(String token) {
        var principal = principals.get(token);
        if (principal == null) {
            throw JwtAuthenticator.invalid();
        }
        return principal;
    }
}
