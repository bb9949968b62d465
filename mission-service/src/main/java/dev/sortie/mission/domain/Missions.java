package dev.sortie.mission.domain;

import dev.sortie.mission.store.AssetStore;
import dev.sortie.mission.store.HopStore;
import dev.sortie.mission.store.MissionStore;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.id.Ids;
import dev.sortie.runtime.paging.Page;
import dev.sortie.runtime.paging.PageRequest;
import dev.sortie.runtime.sql.Change;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Tx;
import dev.sortie.type.v1.ErrorReason;
import java.time.Duration;
import java.util.Map;
import java.util.UUID;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What callers do with missions. */
public final class Missions {
    /** How long a hidden mission can be brought back. */
    public static final Duration KEPT_AFTER_DELETE = Duration.ofDays(30);

    private static final Logger LOG = LoggerFactory.getLogger(Missions.class);

    private final MissionStore missions;
    private final HopStore hops;
    private final AssetStore assets;
    private final DodItems dodItems;
    private final TestRuns testRuns;
    private final MissionFlow flow;
    private final Moves moves;
    private final HopSteps steps;
    private final Runs runs;
    private final Ids ids;

    public Missions(
            MissionStore missions,
            HopStore hops,
            AssetStore assets,
            DodItems dodItems,
            TestRuns testRuns,
            MissionFlow flow,
            Moves moves,
            HopSteps steps,
            Runs runs,
            Ids ids) {
        this.missions = missions;
        this.hops = hops;
        this.assets = assets;
        this.dodItems = dodItems;
        this.testRuns = testRuns;
        this.flow = flow;
        this.moves = moves;
        this.steps = steps;
        this.runs = runs;
        this.ids = ids;
    }

    /**
     * A mission to be made.
     *
     * @param owner null for the caller
     */
    public record Draft(@Nullable UUID owner, Mission.Fields fields) {}

    /**
     * A mission that shall move.
     *
     * @param etag the version that it must still have; empty means any
     * @param reason why, for the record; may be empty
     */
    public record Request(UUID id, String etag, String reason) {}

    /**
     * A mission that shall change.
     *
     * @param change makes the new values from the present ones
     */
    public record Edit(UUID id, String etag, UnaryOperator<Mission.Fields> change) {}

    /**
     * A mission that shall go.
     *
     * @param force for good and at once
     */
    public record Deletion(UUID id, String etag, boolean force) {}

    /** Creates a mission, PENDING. */
    public Mission create(Tx tx, Draft draft) {
        var caller = tx.principal();
        var owner = draft.owner() == null ? caller.subject() : draft.owner();
        if (!owner.equals(caller.subject()) && !caller.mayActOn(owner)) {
            throw Failure.permissionDenied(
                            ErrorReason.ERROR_REASON_NOT_OWNER,
                            "mission.user_id: only an administrator creates missions for somebody else")
                    .with("resource", "user")
                    .with("id", owner)
                    .exception();
        }
        var mission = missions.insert(tx, ids.next(), owner, draft.fields());
        flow.noteCreated(tx, mission);
        return mission;
    }

    /**
     * Reads a mission.
     *
     * @param showDeleted whether a hidden one too
     */
    public Mission get(Queries queries, UUID id, boolean showDeleted) {
        return missions.find(queries, id)
                .filter(mission -> showDeleted || !mission.isDeleted())
                .orElseThrow(() -> Refusals.notFound("mission", id));
    }

    /** A page of missions. */
    public Page<Mission> list(Queries queries, MissionStore.Filter filter, PageRequest page) {
        return page.page(
                missions.list(queries, filter, page.after(), page.limit()),
                mission -> MissionStore.key(mission, filter.order()));
    }

    /**
     * Which moves of a mission, its hops and steps are asked for.
     *
     * @param resource only those of such resources, where given
     * @param resourceId only those of this one, where given
     */
    public record Timeline(
            UUID missionId,
            Move.@Nullable Resource resource,
            @Nullable UUID resourceId) {}

    /** A page of the moves of a mission, its hops and steps, newest first. */
    public Page<Move.Recorded> moves(Queries queries, Timeline timeline, PageRequest page) {
        if (!missions.isVisible(queries, timeline.missionId())) {
            throw Refusals.notFound("mission", timeline.missionId());
        }
        return moves.list(
                queries, Move.Root.MISSION, timeline.missionId(), timeline.resource(), timeline.resourceId(), page);
    }

    /** Changes what callers set, unless the mission is in a terminal status. */
    public Mission update(Tx tx, Edit edit) {
        var mission = lock(tx, edit.id(), edit.etag());
        if (mission.status().isTerminal()) {
            throw Refusals.notChangeable(
                    "mission", mission.id(), mission.status(), "a mission that has ended is not changed");
        }
        var fields = edit.change().apply(mission.fields());
        if (fields.equals(mission.fields())) {
            return mission;
        }
        var updated = missions.updateFields(tx, mission.id(), fields);
        MissionFlow.noteChange(tx, updated);
        return updated;
    }

    public Mission approve(Tx tx, Request request) {
        return move(tx, request, MissionMove.APPROVE, false);
    }

    public Mission submitForQa(Tx tx, Request request) {
        return move(tx, request, MissionMove.SUBMIT_FOR_QA, false);
    }

    public Mission returnToWork(Tx tx, Request request) {
        return move(tx, request, MissionMove.RETURN_TO_WORK, true);
    }

    public Mission complete(Tx tx, Request request) {
        return move(tx, request, MissionMove.COMPLETE, false);
    }

    public Mission fail(Tx tx, Request request) {
        return move(tx, request, MissionMove.FAIL, true);
    }

    public Mission cancel(Tx tx, Request request) {
        return move(tx, request, MissionMove.CANCEL, true);
    }

    /** Lets a mission go on by itself. */
    public Mission run(Tx tx, Request request) {
        var mission = lock(tx, request.id(), request.etag());
        MissionFlow.checkMove(mission, MissionMove.RUN);
        return runs.runMission(tx, mission, request.reason());
    }

    /**
     * Hides a mission with everything in it, or purges it at once; also one that is hidden already.
     *
     * @return the mission as it is now or, purged, as it was
     */
    public Mission delete(Tx tx, Deletion deletion) {
        var mission = missions.lockForDelete(tx, deletion.id())
                .filter(found -> deletion.force() || !found.isDeleted())
                .orElseThrow(() -> Refusals.notFound("mission", deletion.id()));
        check(tx, mission, deletion.etag());
        if (deletion.force()) {
            tx.audit("DeleteMission", "mission", mission.id(), Map.of("force", true));
            purge(tx, mission);
            return mission;
        }
        hops.stopRunning(tx, mission.id()).forEach(hop -> MissionFlow.noteChange(tx, hop));
        steps.interruptOfMission(tx, mission.id(), "the mission was deleted while the step ran");
        var hidden = mission.withState(mission.status(), mission.currentHopId(), false, mission.statusReason())
                .withTimes(
                        mission.qaAt(),
                        mission.completedAt(),
                        tx.now(),
                        tx.now().plus(KEPT_AFTER_DELETE));
        tx.audit("DeleteMission", "mission", mission.id(), Map.of("force", false));
        tx.afterCommit(
                () -> LOG.atInfo().addKeyValue("mission_id", mission.id()).log("mission is hidden"));
        return flow.update(tx, mission, hidden, "");
    }

    /** Brings a hidden mission back; one that is not hidden stays as it is. */
    public Mission undelete(Tx tx, Request request) {
        var mission = missions.lock(tx, request.id())
                .filter(found -> found.purgeAt() == null || found.purgeAt().isAfter(tx.now()))
                .orElseThrow(() -> Refusals.notFound("mission", request.id()));
        check(tx, mission, request.etag());
        return mission.isDeleted()
                ? flow.update(tx, mission, mission.withTimes(mission.qaAt(), mission.completedAt(), null, null), "")
                : mission;
    }

    /** Purges all missions of a user, hidden or not. For callers who are sure of their right to do it. */
    void purgeOfUser(Tx tx, UUID userId) {
        missions.lockOfUser(tx, userId).forEach(mission -> purge(tx, mission));
    }

    /** Deletes what a user has in others' missions. For callers who are sure of their right to do it. */
    void deleteAssetsOfUser(Tx tx, UUID userId) {
        missions.lockWithAssetsOfUser(tx, userId);
        assets.deleteOfUser(tx, userId)
                .forEach(asset ->
                        tx.change(Assets.describe(Change.deleted("asset", asset.id(), asset.version()), asset)));
    }

    /** Purges one mission that was hidden long enough ago; false when there is none. */
    boolean purgeExpired(Tx tx) {
        var expired = missions.lockExpired(tx);
        expired.ifPresent(mission -> purge(tx, mission));
        return expired.isPresent();
    }

    private Mission move(Tx tx, Request request, MissionMove move, boolean takesReason) {
        var mission = lock(tx, request.id(), request.etag());
        MissionFlow.checkMove(mission, move);
        var status = move.target();
        switch (move) {
            case COMPLETE -> checkDone(tx, mission);
            case FAIL -> cancelOpen(tx, mission, Moves.because("the mission failed", request.reason()));
            case CANCEL -> cancelOpen(tx, mission, Moves.because("the mission was cancelled", request.reason()));
            default -> {}
        }
        // SUBMIT_FOR_QA and the ways to an end leave nothing that could run; the others start from where nothing does.
        var moved = mission.withState(status, null, false, takesReason ? request.reason() : mission.statusReason())
                .withTimes(
                        status == MissionStatus.QA ? tx.now() : mission.qaAt(),
                        status.isTerminal() ? tx.now() : null,
                        null,
                        null);
        tx.afterCommit(() -> LOG.atInfo()
                .addKeyValue("mission_id", mission.id())
                .addKeyValue("mission_status", status)
                .log("mission moves"));
        return flow.update(tx, mission, moved, request.reason());
    }

    /** Items and runs change under the mission's lock, which is held: what is met stays so until the mission moves. */
    private void checkDone(Tx tx, Mission mission) {
        var open = dodItems.open(tx, mission.id());
        var newest = testRuns.newest(tx, mission.id());
        if (!open.isEmpty()
                || newest.filter(run -> run.status() != TestRunStatus.PASSED).isPresent()) {
            throw Refusals.notDone(mission.id(), open, newest);
        }
    }

    private void cancelOpen(Tx tx, Mission mission, String reason) {
        flow.cancelOpen(tx, mission, reason);
        steps.cancelOfMission(tx, mission.id(), reason);
    }

    private void purge(Tx tx, Mission mission) {
        // One by one rather than by the database's cascade: each of them is somebody's to know of.
        assets.deleteOfMission(tx, mission.id())
                .forEach(asset ->
                        tx.change(Assets.describe(Change.deleted("asset", asset.id(), asset.version()), asset)));
        dodItems.deleteOfMission(tx, mission.id());
        testRuns.deleteOfMission(tx, mission.id());
        steps.deleteOfMission(tx, mission.id());
        hops.deleteOfMission(tx, mission.id())
                .forEach(hop -> tx.change(MissionFlow.describe(Change.deleted("hop", hop.id(), hop.version()), hop)));
        missions.delete(tx, mission.id());
        tx.change(MissionFlow.describe(Change.deleted("mission", mission.id(), mission.version()), mission));
        tx.afterCommit(
                () -> LOG.atInfo().addKeyValue("mission_id", mission.id()).log("mission is purged"));
    }

    private Mission lock(Tx tx, UUID id, String etag) {
        var mission = flow.lock(tx, id);
        check(tx, mission, etag);
        return mission;
    }

    private static void check(Tx tx, Mission mission, String etag) {
        tx.principal().requireOwner(mission.userId(), "mission", mission.id());
        Refusals.checkEtag("mission", mission.id(), etag, mission.version());
    }
}
