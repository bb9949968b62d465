package dev.sortie.mission.domain;

import dev.sortie.runtime.identity.Principal;
import dev.sortie.runtime.sql.Tx;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Whose something is that may be several people's, or nobody's any more. */
final class Owners {
    private static final UUID NOBODY = new UUID(0, 0);

    private Owners() {}

    /**
     * Lets each of the owners, administrators and services through.
     *
     * @param owners null for one who is gone
     * @throws dev.sortie.runtime.failure.FailureException PERMISSION_DENIED for everybody else
     */
    static void require(Principal caller, String resource, UUID id, @Nullable UUID... owners) {
        for (var owner : owners) {
            if (owner != null && caller.mayActOn(owner)) {
                return;
            }
        }
        caller.requireOwner(NOBODY, resource, id);
    }

    /** The user who makes something; null for what a service does by itself. */
    static @Nullable UUID creator(Tx tx) {
        return tx.principal().isNobody() ? null : tx.principal().subject();
    }
}
