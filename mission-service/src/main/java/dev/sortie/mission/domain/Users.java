package dev.sortie.mission.domain;

import dev.sortie.mission.store.UserStore;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.id.Ids;
import dev.sortie.runtime.identity.Role;
import dev.sortie.runtime.paging.Keyset;
import dev.sortie.runtime.paging.Page;
import dev.sortie.runtime.paging.PageRequest;
import dev.sortie.runtime.sql.Change;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Tx;
import dev.sortie.type.v1.ErrorReason;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** The accounts: who may call, and as what. */
public final class Users {
    private final UserStore store;
    private final Ids ids;

    public Users(UserStore store, Ids ids) {
        this.store = store;
        this.ids = ids;
    }

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
        return store.find(queries, userId)
                .orElseThrow(() -> Failure.notFound(
                                ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND, "user %s does not exist", userId)
                        .with("resource", "user")
                        .with("id", userId)
                        .exception());
    }

    /**
     * Users by username.
     *
     * @param role only these, where given
     */
    public Page<User> list(Queries queries, @Nullable Role role, PageRequest page) {
        var after = page.after();
        return page.page(
                store.list(queries, role, after == null ? "" : after.text(0), page.limit()),
                user -> Keyset.of(user.username()));
    }

    private static void noteCreated(Tx tx, User user) {
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
