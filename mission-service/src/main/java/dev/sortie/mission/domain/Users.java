package dev.sortie.mission.domain;

import dev.sortie.mission.store.UserStore;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.failure.Failure.PreconditionViolation;
import dev.sortie.runtime.id.Ids;
import dev.sortie.runtime.identity.Principal;
import dev.sortie.runtime.identity.Role;
import dev.sortie.runtime.paging.Keyset;
import dev.sortie.runtime.paging.Page;
import dev.sortie.runtime.paging.PageRequest;
import dev.sortie.runtime.sql.Change;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Tx;
import dev.sortie.type.v1.ErrorReason;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.UnaryOperator;

/** The accounts: who may call, and as what. */
public final class Users {
    private final UserStore store;
    private final RefreshTokens refreshTokens;
    private final Ids ids;

    public Users(UserStore store, RefreshTokens refreshTokens, Ids ids) {
        this.store = store;
        this.refreshTokens = refreshTokens;
        this.ids = ids;
    }

    /**
     * A user who shall change.
     *
     * @param etag the version that they must still have; empty means any
     * @param setsStanding whether the change is about what the user may do: the role, or whether they are active
     * @param change makes the new values from the present ones
     */
    public record Edit(UUID id, String etag, boolean setsStanding, UnaryOperator<User.Fields> change) {}

    /** Creates a user. Fails when the username or the e-mail address is taken. */
    public User create(Tx tx, UserDraft draft) {
        var user = store.insert(tx, ids.next(), draft);
        noteCreated(tx, user);
        return user;
    }

    /**
     * Creates the user unless one with that username is there; that one stays as it is. Until the end of the
     * transaction nobody else changes it.
     */
    User ensure(Tx tx, UserDraft draft) {
        var made = store.insertUnlessThere(tx, ids.next(), draft);
        if (made.isPresent()) {
            noteCreated(tx, made.get());
            return made.get();
        }
        return store.findByUsernameForUpdate(tx, draft.username())
                .orElseThrow(
                        () -> new IllegalStateException("user " + draft.username() + " is neither there nor made"));
    }

    public User get(Queries queries, UUID userId) {
        return store.find(queries, userId).orElseThrow(() -> Refusals.notFound("user", userId));
    }

    /** A page of users by username. */
    public Page<User> list(Queries queries, UserStore.Filter filter, PageRequest page) {
        var after = page.after();
        return page.page(
                store.list(queries, filter, after == null ? "" : after.text(0), page.limit()),
                user -> Keyset.of(user.username()));
    }

    /** Changes a user: their own account, or anybody's by an administrator. */
    public User update(Tx tx, Edit edit) {
        var caller = tx.principal();
        caller.requireOwner(edit.id(), "user", edit.id());
        var administrators = edit.setsStanding() ? store.lockAdministrators(tx) : List.<UUID>of();
        var user = store.lock(tx, edit.id()).orElseThrow(() -> Refusals.notFound("user", edit.id()));
        Refusals.checkEtag("user", user.userId(), edit.etag(), user.version());
        var fields = edit.change().apply(user.fields());
        if (fields.equals(user.fields())) {
            return user;
        }
        var edited = user.with(fields);
        if (edited.role() != user.role() || edited.active() != user.active()) {
            requireAdministrator(caller);
        }
        if (!edited.administers()) {
            checkRemaining(administrators, user);
        }
        var updated = store.update(tx, edited);
        if (!updated.active()) {
            refreshTokens.revokeAll(tx, updated.userId());
        }
        noteChange(tx, updated);
        tx.audit(
                "UpdateUser",
                "user",
                updated.userId(),
                Map.of("role", updated.role().name(), "active", updated.active()));
        return updated;
    }

    /**
     * Refuses when nobody could administer any more without the user.
     *
     * @param administrators as {@link UserStore#lockAdministrators} found them
     */
    static void checkRemaining(List<UUID> administrators, User user) {
        if (administrators.equals(List.of(user.userId()))) {
            throw Failure.failedPrecondition(
                            dev.sortie.mission.v1.ErrorReason.ERROR_REASON_LAST_ADMINISTRATOR,
                            List.of(new PreconditionViolation(
                                    "LAST_ADMINISTRATOR", "user/" + user.userId(), "nobody else administers")),
                            "user %s is the last active administrator; make another one first",
                            user.userId())
                    .with("user_id", user.userId())
                    .exception();
        }
    }

    static void noteChange(Tx tx, User user) {
        tx.change(Change.updated("user", user.userId(), user.version())
                .with("role", user.role())
                .with("active", user.active()));
    }

    private static void requireAdministrator(Principal caller) {
        if (!caller.reaches(Role.ADMIN)) {
            throw Failure.permissionDenied(
                            ErrorReason.ERROR_REASON_ROLE_INSUFFICIENT,
                            "user.role, user.active: only an administrator changes them")
                    .with("required", Role.ADMIN)
                    .with("role", caller.role())
                    .exception();
        }
    }

    static void noteCreated(Tx tx, User user) {
        tx.change(Change.created("user", user.userId(), user.version()).with("role", user.role()));
        tx.audit(
                "CreateUser",
                "user",
                user.userId(),
                Map.of(
                        "username", user.username(),
                        "role", user.role().name(),
                        "kind", user.kind().name()));
    }
}
