package dev.sortie.mission.domain;

import dev.sortie.mission.store.AssetStore;
import dev.sortie.mission.store.DodItemStore;
import dev.sortie.mission.store.MissionStore;
import dev.sortie.mission.store.TestRunStore;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.id.Ids;
import dev.sortie.runtime.paging.Keyset;
import dev.sortie.runtime.paging.Page;
import dev.sortie.runtime.paging.PageRequest;
import dev.sortie.runtime.sql.Change;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Tx;
import dev.sortie.type.v1.ErrorReason;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * What callers do with definitions of done. Whoever changes an item holds the lock of its mission, so that a mission
 * that completes and an item that is opened again never miss each other.
 */
public final class DodItems {
    private static final Duration RETRY_AFTER = Duration.ofSeconds(1);

    private final DodItemStore items;
    private final MissionStore missions;
    private final AssetStore assets;
    private final TestRunStore testRuns;
    private final Executions executions;
    private final Ids ids;

    public DodItems(
            DodItemStore items,
            MissionStore missions,
            AssetStore assets,
            TestRunStore testRuns,
            Executions executions,
            Ids ids) {
        this.items = items;
        this.missions = missions;
        this.assets = assets;
        this.testRuns = testRuns;
        this.executions = executions;
        this.ids = ids;
    }

    /** An item to be made. */
    public record Draft(UUID missionId, DodItem.Fields fields) {}

    /**
     * An item that shall change.
     *
     * @param etag the version that it must still have; empty means any
     * @param change makes the new values from the present ones
     */
    public record Edit(UUID id, String etag, UnaryOperator<DodItem.Fields> change) {}

    /** An item that shall go, or be opened again. */
    public record Request(UUID id, String etag) {}

    /**
     * An item that holds.
     *
     * @param evidence what shows it; null for nothing
     */
    public record Completion(UUID id, String etag, DodItem.@Nullable Evidence evidence) {}

    /** Creates an item, open. */
    public DodItem create(Tx tx, Draft draft) {
        var mission = missions.lock(tx, draft.missionId())
                .filter(found -> !found.isDeleted())
                .orElseThrow(() -> Refusals.referenceNotFound("dod_item.mission_id", "mission", draft.missionId()));
        checkMission(tx, mission);
        if (items.count(tx, mission.id()) >= Refusals.MAX_CHILDREN) {
            throw Refusals.tooManyChildren("mission", mission.id());
        }
        var item = items.insert(tx, ids.next(), mission.id(), draft.fields());
        tx.change(describe(Change.created("dod_item", item.id(), item.version()), item));
        return item;
    }

    /** A page of a mission's items by creation. */
    public Page<DodItem> list(Queries queries, DodItemStore.Filter filter, PageRequest page) {
        if (!missions.isVisible(queries, filter.missionId())) {
            throw Refusals.notFound("mission", filter.missionId());
        }
        return page.page(
                items.list(queries, filter, page.after(), page.limit()),
                item -> Keyset.of(item.createdAt(), item.id()));
    }

    /** Changes what callers set, while the item is open. */
    public DodItem update(Tx tx, Edit edit) {
        var item = lock(tx, edit.id(), edit.etag());
        if (item.completed()) {
            throw Refusals.notChangeable(
                    "dod_item", item.id(), item.state(), "a complete item is opened again before it is changed");
        }
        var fields = edit.change().apply(item.fields());
        return fields.equals(item.fields()) ? item : noteChange(tx, items.updateFields(tx, item.id(), fields));
    }

    /** Deletes an item; returns it as it was. */
    public DodItem delete(Tx tx, Request request) {
        var item = lock(tx, request.id(), request.etag());
        items.delete(tx, item.id());
        tx.change(describe(Change.deleted("dod_item", item.id(), item.version()), item));
        return item;
    }

    /**
     * Refuses evidence that another service does not have. Asks that service, hence before the transaction, in which
     * {@link #complete} looks at the rest.
     */
    public Completion checkElsewhere(Completion completion) {
        var evidence = completion.evidence();
        if (evidence != null && evidence.kind() == DodItem.Evidence.Kind.EXECUTION && !exists(evidence.id())) {
            throw Refusals.referenceNotFound("evidence.execution_id", "execution", evidence.id());
        }
        return completion;
    }

    /** Completes an open item. */
    public DodItem complete(Tx tx, Completion completion) {
        var item = lock(tx, completion.id(), completion.etag());
        checkMove(item, DodItem.Move.COMPLETE);
        if (completion.evidence() != null) {
            checkHere(tx, item, completion.evidence());
        }
        return noteChange(tx, items.complete(tx, item.id(), completion.evidence(), completer(tx)));
    }

    /** Opens a complete item again. */
    public DodItem reopen(Tx tx, Request request) {
        var item = lock(tx, request.id(), request.etag());
        checkMove(item, DodItem.Move.REOPEN);
        return noteChange(tx, items.reopen(tx, item.id()));
    }

    /** Forgets who completed items: the user goes. The items stay complete. */
    void forgetCompleter(Tx tx, UUID userId) {
        items.forgetCompleter(tx, userId).forEach(item -> noteChange(tx, item));
    }

    /** The items of a mission that are open, by creation. */
    List<DodItem> open(Tx tx, UUID missionId) {
        return items.list(tx, new DodItemStore.Filter(missionId, null, false), null, Refusals.MAX_CHILDREN);
    }

    /** Deletes the items of a mission that is purged. */
    void deleteOfMission(Tx tx, UUID missionId) {
        items.deleteOfMission(tx, missionId)
                .forEach(item -> tx.change(describe(Change.deleted("dod_item", item.id(), item.version()), item)));
    }

    private static @Nullable UUID completer(Tx tx) {
        return tx.principal().isNobody() ? null : tx.principal().subject();
    }

    private void checkHere(Tx tx, DodItem item, DodItem.Evidence evidence) {
        switch (evidence.kind()) {
            case ASSET -> {
                boolean ofMission = assets.findHeads(tx, List.of(evidence.id())).stream()
                        .anyMatch(asset -> asset.missionId().equals(item.missionId()));
                if (!ofMission) {
                    throw Refusals.referenceNotFound("evidence.asset_id", "asset", evidence.id());
                }
            }
            case TEST_RUN -> {
                boolean ofMission = testRuns.find(tx, evidence.id())
                        .filter(run -> run.missionId().equals(item.missionId()))
                        .isPresent();
                if (!ofMission) {
                    throw Refusals.referenceNotFound("evidence.test_run_id", "test_run", evidence.id());
                }
            }
            case EXECUTION -> {} // agent-service has been asked
        }
    }

    private boolean exists(UUID executionId) {
        try {
            return executions.exists(executionId);
        } catch (WorkOrdersException failed) {
            throw Failure.unavailable(
                            ErrorReason.ERROR_REASON_DEPENDENCY_UNAVAILABLE,
                            RETRY_AFTER,
                            "agent-service does not say whether execution %s exists; try again",
                            executionId)
                    .with("dependency", "agent-service")
                    .exception();
        }
    }

    private DodItem lock(Tx tx, UUID id, String etag) {
        var mission = items.missionOf(tx, id)
                .flatMap(missionId -> missions.lock(tx, missionId))
                .filter(found -> !found.isDeleted())
                .orElseThrow(() -> Refusals.notFound("dod_item", id));
        // Asked under the mission's lock: it may have been deleted meanwhile.
        var item = items.lock(tx, id).orElseThrow(() -> Refusals.notFound("dod_item", id));
        checkMission(tx, mission);
        Refusals.checkEtag("dod_item", id, etag, item.version());
        return item;
    }

    private static void checkMission(Tx tx, Mission mission) {
        tx.principal().requireOwner(mission.userId(), "mission", mission.id());
        if (mission.status().isTerminal()) {
            throw Refusals.notChangeable(
                    "mission",
                    mission.id(),
                    mission.status(),
                    "the definition of done of a mission that has ended is not changed");
        }
    }

    private static void checkMove(DodItem item, DodItem.Move move) {
        if (!move.isAllowed(item.state())) {
            throw Refusals.moveNotAllowed(
                    "dod_item", item.id(), item.state(), move, DodItem.Move.allowedTo(item.state()));
        }
    }

    private static DodItem noteChange(Tx tx, DodItem item) {
        tx.change(describe(Change.updated("dod_item", item.id(), item.version()), item));
        return item;
    }

    static Change describe(Change change, DodItem item) {
        return change.with("mission_id", item.missionId())
                .with("category", item.fields().category())
                .with("completed", item.completed());
    }
}
