package dev.sortie.runtime.identity;

import dev.sortie.runtime.failure.Failure;
import dev.sortie.type.v1.ErrorReason;
import java.time.Instant;
import java.util.Collection;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Who calls.
 *
 * @param userId the user that the token belongs to
 * @param username its name; for what a service does by itself, the name of the service
 * @param role what the user may do
 * @param kind a person's or program's account, or one of Sortie's own services
 * @param credentialId the API token or login the call came with; null for what a service does by itself
 * @param scopes what the credential is limited to, by the names of the contract without their prefix; empty means no limit
 * @param actingFor the user on whose behalf a service calls; only services may say so
 * @param expiresAt when the credential ends; {@link Instant#MAX} when it does not
 */
public record Principal(
        UUID userId,
        String username,
        Role role,
        Kind kind,
        @Nullable UUID credentialId,
        Set<String> scopes,
        @Nullable UUID actingFor,
        Instant expiresAt) {

    /** Whose account it is. */
    public enum Kind {
        USER,
        SERVICE
    }

    /** The scope of what any credential is good for. */
    public static final String ANY_SCOPE = "ANY";

    private static final UUID NOBODY = new UUID(0, 0);

    /** What a service does by itself, without a caller. */
    public static Principal internal(String serviceName) {
        return new Principal(NOBODY, serviceName, Role.ADMIN, Kind.SERVICE, null, Set.of(), null, Instant.MAX);
    }

    /** Nobody known: the caller of an RPC that needs no token. */
    public static Principal anonymous() {
        return new Principal(NOBODY, "anonymous", Role.VIEWER, Kind.USER, null, Set.of(), null, Instant.MAX);
    }

    public boolean isService() {
        return kind == Kind.SERVICE;
    }

    /** True for {@link #anonymous()} and {@link #internal}: there is no user behind it. */
    public boolean isNobody() {
        return userId.equals(NOBODY);
    }

    /** True when the role is at least the given one, and for every service. */
    public boolean reaches(Role least) {
        return isService() || role.compareTo(least) >= 0;
    }

    /** The user this is done for: the one a service acts for, else the caller. */
    public UUID subject() {
        return actingFor == null ? userId : actingFor;
    }

    /** True when the caller owns what belongs to {@code owner}, is an administrator, or is a service. */
    public boolean mayActOn(UUID owner) {
        return reaches(Role.ADMIN) || userId.equals(owner);
    }

    /**
     * Lets the owner, administrators and services through.
     *
     * @throws dev.sortie.runtime.failure.FailureException PERMISSION_DENIED for everybody else
     */
    public void requireOwner(UUID owner, String resourceType, UUID resourceId) {
        if (!mayActOn(owner)) {
            throw Failure.permissionDenied(
                            ErrorReason.ERROR_REASON_NOT_OWNER,
                            "%s %s belongs to another user; only its owner or an administrator may do this",
                            resourceType,
                            resourceId)
                    .with("resource", resourceType)
                    .with("id", resourceId)
                    .exception();
        }
    }

    /**
     * Lets through whoever comes with a credential that is not limited, or limited to one of some scopes.
     *
     * @param anyOf names of scopes, without their prefix; {@value #ANY_SCOPE} lets everybody through
     * @throws dev.sortie.runtime.failure.FailureException PERMISSION_DENIED for everybody else
     */
    public void requireScope(Collection<String> anyOf) {
        if (scopes.isEmpty() || anyOf.contains(ANY_SCOPE) || anyOf.stream().anyMatch(scopes::contains)) {
            return;
        }
        var required = String.join(",", new TreeSet<>(anyOf));
        var present = String.join(",", new TreeSet<>(scopes));
        throw Failure.permissionDenied(
                        ErrorReason.ERROR_REASON_SCOPE_INSUFFICIENT,
                        "the API token is limited to %s; this asks for %s",
                        present,
                        required.isEmpty() ? "one that is not limited" : required)
                .with("required", required)
                .with("scopes", present)
                .exception();
    }

    /** As written to change logs: a user id, or the name of a service for what happens by itself. */
    public String actor() {
        return isNobody() ? username : subject().toString();
    }

    /** The same caller on behalf of a user. */
    public Principal actingFor(UUID user) {
        return new Principal(userId, username, role, kind, credentialId, scopes, user, expiresAt);
    }
}
