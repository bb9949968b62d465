package dev.sortie.mission.domain;

import dev.sortie.mission.store.ApiTokenStore;
import dev.sortie.mission.store.UserStore;
import dev.sortie.runtime.sql.Change;
import dev.sortie.runtime.sql.Tx;
import java.util.Map;
import java.util.UUID;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Deletes users, with what is theirs. */
public final class UserRemoval {
    private static final Logger LOG = LoggerFactory.getLogger(UserRemoval.class);

    private final UserStore store;
    private final ApiTokenStore tokens;
    private final ResourceCredentials credentials;
    private final Missions missions;
    private final DodItems dodItems;
    private final Projects projects;
    private final Plans plans;
    private final Tasks tasks;

    public UserRemoval(
            UserStore store,
            ApiTokenStore tokens,
            ResourceCredentials credentials,
            Missions missions,
            DodItems dodItems,
            Projects projects,
            Plans plans,
            Tasks tasks) {
        this.store = store;
        this.tokens = tokens;
        this.credentials = credentials;
        this.missions = missions;
        this.dodItems = dodItems;
        this.projects = projects;
        this.plans = plans;
        this.tasks = tasks;
    }

    /**
     * A user who shall go.
     *
     * @param etag the version that they must still have; empty means any
     */
    public record Deletion(UUID id, String etag) {}

    /**
     * Deletes a user, their missions with everything in these, their assets in others' missions, their tokens and
     * credentials; projects, plans and tasks stay, as nobody's. Returns the user as they were.
     */
    public User delete(Tx tx, Deletion deletion) {
        var id = deletion.id();
        // Missions are locked before users, as by everybody else.
        missions.purgeOfUser(tx, id);
        missions.deleteAssetsOfUser(tx, id);
        forget(tx, id);
        var administrators = store.lockAdministrators(tx);
        var user = store.lockForDelete(tx, id).orElseThrow(() -> Refusals.notFound("user", id));
        Refusals.checkEtag("user", id, deletion.etag(), user.version());
        Users.checkRemaining(administrators, user);
        // Those that came between the two locks. None comes after the second one.
        missions.purgeOfUser(tx, id);
        missions.deleteAssetsOfUser(tx, id);
        forget(tx, id);
        // Rather than by the database's cascade: each of them is somebody's to know of.
        tokens.deleteOfUser(tx, id)
                .forEach(token -> tx.change(Change.deleted("api_token", token.apiTokenId(), token.version())
                        .with("user_id", id)));
        credentials.deleteOfUser(tx, id);
        store.delete(tx, id);
        tx.change(Change.deleted("user", id, user.version()).with("role", user.role()));
        tx.audit("DeleteUser", "user", id, Map.of("username", user.username()));
        tx.afterCommit(() -> LOG.atInfo().addKeyValue("user_id", id).log("user is deleted"));
        return user;
    }

    /** Items outlive who completed them; projects, plans and tasks who made them, and whom they were assigned to. */
    private void forget(Tx tx, UUID id) {
        dodItems.forgetCompleter(tx, id);
        projects.forget(tx, id);
        plans.forget(tx, id);
        tasks.forget(tx, id);
    }
}
