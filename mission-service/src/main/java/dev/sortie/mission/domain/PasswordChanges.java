package dev.sortie.mission.domain;

import dev.sortie.mission.store.UserStore;
import dev.sortie.mission.v1.ErrorReason;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.failure.FailureException;
import dev.sortie.runtime.identity.Role;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Tx;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Other passwords for users: by themselves with the old one, by administrators without. */
public final class PasswordChanges {
    private final UserStore store;
    private final Passwords passwords;
    private final RefreshTokens refreshTokens;
    private final LoginLimits limits;

    public PasswordChanges(UserStore store, Passwords passwords, RefreshTokens refreshTokens, LoginLimits limits) {
        this.store = store;
        this.passwords = passwords;
        this.refreshTokens = refreshTokens;
        this.limits = limits;
    }

    /**
     * What a caller asks for.
     *
     * @param userId whose password; null for the caller's
     * @param oldPassword empty where none is given
     * @param address where the call comes from; empty when that is not known
     */
    public record Request(@Nullable UUID userId, String oldPassword, String newPassword, String address) {
        @Override
        public String toString() {
            return "Request[" + userId + "]";
        }
    }

    /**
     * A change that is worked out and remains to be made.
     *
     * @param proof what the old password was compared with
     * @param newHash null when the old password was not the right one
     */
    public record Prepared(
            UUID userId, Proof proof, @Nullable String newHash) {
        @Override
        public String toString() {
            return "Prepared[" + userId + "]";
        }
    }

    /**
     * What has to hold still when the password is written.
     *
     * @param asked whether the caller had to give the old password
     * @param oldHash of it; null where there was none
     */
    public record Proof(boolean asked, @Nullable String oldHash) {
        @Override
        public String toString() {
            return "Proof[" + asked + "]";
        }
    }

    /**
     * Checks the old password and hashes the new one, before the transaction: both take longer than one should. A wrong
     * old password is refused later, since a repeated request, whose old password is none any more, has its answer.
     */
    public Prepared prepare(Queries queries, Request request) {
        var caller = queries.principal();
        var id = request.userId() == null ? caller.subject() : request.userId();
        caller.requireOwner(id, "user", id);
        var credentials = store.findCredentials(queries, id).orElseThrow(() -> Refusals.notFound("user", id));
        var oldHash = credentials.passwordHash();
        boolean first = oldHash == null && caller.reaches(Role.ADMIN);
        var proof = new Proof(caller.userId().equals(id) && !first, oldHash);
        boolean proven = !proof.asked() || proves(credentials.user().username(), request, oldHash);
        return new Prepared(id, proof, proven ? passwords.hash(request.newPassword()) : null);
    }

    /** Who has got hold of a token finds the password by trying as little as who has not. */
    private boolean proves(String username, Request request, @Nullable String oldHash) {
        limits.take(username, request.address());
        boolean proven;
        try {
            proven = passwords.verify(request.oldPassword(), oldHash);
        } catch (FailureException busy) {
            limits.giveBack(username, request.address());
            throw busy;
        }
        if (proven) {
            limits.reset(username, request.address());
        }
        return proven;
    }

    /** Writes the new password, and ends the logins that came of the old one. */
    public User change(Tx tx, Prepared prepared) {
        var id = prepared.userId();
        var present = store.lockCredentials(tx, id).orElseThrow(() -> Refusals.notFound("user", id));
        var proof = prepared.proof();
        var newHash = prepared.newHash();
        if (newHash == null || (proof.asked() && !Objects.equals(proof.oldHash(), present.passwordHash()))) {
            throw Failure.permissionDenied(
                            ErrorReason.ERROR_REASON_OLD_PASSWORD_WRONG,
                            "old_password: not the password of user %s",
                            id)
                    .with("user_id", id)
                    .exception();
        }
        var changed = store.setPassword(tx, id, newHash);
        refreshTokens.revokeAll(tx, id);
        Users.noteChange(tx, changed);
        tx.audit("ChangePassword", "user", id, Map.of());
        return changed;
    }
}
