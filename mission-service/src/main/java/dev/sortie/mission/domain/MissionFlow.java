package dev.sortie.mission.domain;

import dev.sortie.mission.store.HopStore;
import dev.sortie.mission.store.MissionStore;
import dev.sortie.mission.v1.ErrorReason;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.sql.Change;
import dev.sortie.runtime.sql.Tx;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How a mission and its hops move together. For callers who are sure of their right to do it: the operations of
 * {@link Missions} and {@link Hops}, and what runs by itself.
 *
 * <p>Whoever changes a mission or anything in it holds the lock of the mission's row first, then those of hops, steps
 * and assets, in that order. So the moves of one mission happen one after the other, and nobody waits in a circle.
 */
public final class MissionFlow {
    private static final Logger LOG = LoggerFactory.getLogger(MissionFlow.class);

    private final MissionStore missions;
    private final HopStore hops;
    private final Moves moves;

    public MissionFlow(MissionStore missions, HopStore hops, Moves moves) {
        this.missions = missions;
        this.hops = hops;
        this.moves = moves;
    }

    /** Holds a mission until the end of the transaction. Refuses when it does not exist or is hidden. */
    public Mission lock(Tx tx, UUID missionId) {
        return missions.lock(tx, missionId)
                .filter(mission -> !mission.isDeleted())
                .orElseThrow(() -> Refusals.notFound("mission", missionId));
    }

    /** Holds a hop and its mission. Refuses when the hop does not exist or its mission is hidden. */
    public LockedHop lockHop(Tx tx, UUID hopId) {
        var mission = hops.missionOf(tx, hopId)
                .flatMap(missionId -> missions.lock(tx, missionId))
                .filter(found -> !found.isDeleted())
                .orElseThrow(() -> Refusals.notFound("hop", hopId));
        // Asked anew under the mission's lock: it may have been deleted meanwhile.
        var hop = hops.lock(tx, hopId).orElseThrow(() -> Refusals.notFound("hop", hopId));
        return new LockedHop(mission, hop);
    }

    /** The first hop of a mission that is pending. */
    public Optional<Hop> firstPending(Tx tx, UUID missionId) {
        return hops.list(tx, missionId, HopStatus.PENDING, null, 1).stream().findFirst();
    }

    /**
     * Starts a hop, and with it the mission.
     *
     * @param running whether its steps follow one another by themselves
     * @param reason why; may be empty
     */
    public LockedHop start(Tx tx, LockedHop locked, boolean running, String reason) {
        var hop = locked.hop();
        var mission = locked.mission();
        checkMove(hop, HopMove.START);
        if (!MissionMove.START_HOP.isAllowed(mission.status(), false)) {
            throw moveNotAllowed(mission, MissionMove.START_HOP);
        }
        var active = mission.currentHopId();
        if (active != null) {
            throw Failure.failedPrecondition(
                            ErrorReason.ERROR_REASON_HOP_ALREADY_ACTIVE,
                            "mission %s has an active hop, %s; complete, fail or cancel it first",
                            mission.id(),
                            active)
                    .with("mission_id", mission.id())
                    .with("active_hop_id", active)
                    .exception();
        }
        firstPending(tx, mission.id())
                .filter(first -> first.sequenceOrder() < hop.sequenceOrder())
                .ifPresent(first -> {
                    throw Refusals.outOfOrder(
                            "hop", hop.id(), first.id(), first.status().name());
                });
        var started =
                update(tx, hop, hop.withState(HopStatus.ACTIVE, running, "").withTimes(tx.now(), null), reason);
        return logged(
                tx,
                new LockedHop(
                        update(
                                tx,
                                mission,
                                mission.withState(
                                        MissionStatus.ACTIVE, hop.id(), mission.running(), mission.statusReason()),
                                name(hop) + " began"),
                        started));
    }

    /**
     * Completes a hop whose steps are done. The mission goes to QA if the hop is final, which ends its run; otherwise
     * to READY_TO_DESIGN, and a run of it goes on.
     *
     * @param reason why; may be empty
     */
    public LockedHop complete(Tx tx, LockedHop locked, String reason) {
        var hop = locked.hop();
        var mission = locked.mission();
        checkMove(hop, HopMove.COMPLETE);
        var completed = update(
                tx,
                hop,
                hop.resolved().withState(HopStatus.COMPLETED, false, "").withTimes(hop.startedAt(), tx.now()),
                reason);
        boolean isFinal = hop.fields().isFinal();
        var move = isFinal ? MissionMove.END_FINAL_HOP : MissionMove.END_HOP;
        var next = mission.withState(move.target(), null, mission.running() && !isFinal, mission.statusReason());
        return logged(
                tx,
                new LockedHop(
                        update(
                                tx,
                                mission,
                                isFinal ? next.withTimes(tx.now(), null, null, null) : next,
                                name(hop) + (isFinal ? ", the final one, completed" : " completed")),
                        completed));
    }

    /** Ends a hop without success. If it was active, the mission goes to READY_TO_DESIGN and its run ends. */
    LockedHop end(Tx tx, LockedHop locked, HopMove move, String reason) {
        var hop = locked.hop();
        var mission = locked.mission();
        checkMove(hop, move);
        endPauseBefore(tx, mission, hop);
        boolean wasActive = hop.status() == HopStatus.ACTIVE;
        var ended = update(
                tx,
                hop,
                hop.withState(move.target(), false, reason.isEmpty() ? hop.errorMessage() : reason)
                        .withTimes(hop.startedAt(), tx.now()),
                reason);
        return logged(
                tx,
                new LockedHop(
                        wasActive
                                ? update(
                                        tx,
                                        mission,
                                        mission.withState(
                                                MissionMove.END_HOP.target(), null, false, mission.statusReason()),
                                        name(hop) + (move == HopMove.FAIL ? " failed" : " was cancelled"))
                                : mission,
                        ended));
    }

    /** Begins or ends the run of a mission. Changes nothing where it is so already. */
    public Mission setRunning(Tx tx, Mission mission, boolean running) {
        return mission.running() == running
                ? mission
                : update(
                        tx,
                        mission,
                        mission.withState(mission.status(), mission.currentHopId(), running, mission.statusReason()),
                        "");
    }

    /**
     * Begins or ends the run of an active hop. Changes nothing where it is so already.
     *
     * @param errorMessage what ended the run; empty when it begins
     */
    public Hop setRunning(Tx tx, Hop hop, boolean running, String errorMessage) {
        return hop.running() == running && hop.errorMessage().equals(errorMessage)
                ? hop
                : update(tx, hop, hop.withState(hop.status(), running, errorMessage), "");
    }

    /** Stops a mission's run before a hop that a person has marked. */
    public Mission pause(Tx tx, Mission mission, Hop next) {
        logPause(tx, mission, name(next));
        return update(tx, mission, mission.paused(new Pause(next.id(), null, tx.now())), "");
    }

    /** Stops the run of an active hop, and the mission's with it where that runs, before a step that a person has marked. */
    public LockedHop pause(Tx tx, LockedHop locked, ToolStep next) {
        var mission = locked.mission();
        var hop = locked.hop();
        var pause = new Pause(hop.id(), next.id(), tx.now());
        logPause(tx, mission, "step \"%s\"".formatted(next.fields().name()));
        return new LockedHop(
                mission.running() ? update(tx, mission, mission.paused(pause), "") : mission,
                update(tx, hop, hop.paused(pause), ""));
    }

    /** Ends the pause of a run that waits before a hop: somebody sees to that hop in another way. */
    void endPauseBefore(Tx tx, Mission mission, Hop hop) {
        var pause = mission.pause();
        if (pause != null && pause.isBefore(hop)) {
            update(tx, mission, idle(mission), "");
        }
    }

    /** The same of runs that wait before a step. */
    void endPauseBefore(Tx tx, LockedHop locked, ToolStep step) {
        var mission = locked.mission();
        if (mission.pause() != null && mission.pause().isBefore(step)) {
            update(tx, mission, idle(mission), "");
        }
        var hop = locked.hop();
        if (hop.pause() != null && hop.pause().isBefore(step)) {
            update(tx, hop, hop.withState(hop.status(), false, hop.errorMessage()), "");
        }
    }

    private static Mission idle(Mission mission) {
        return mission.withState(mission.status(), mission.currentHopId(), false, mission.statusReason());
    }

    /**
     * Writes what a move, a run or its end changed, and tells of it.
     *
     * @param reason why the status changes, where it does; may be empty
     */
    Mission update(Tx tx, Mission before, Mission after, String reason) {
        var updated = missions.updateState(tx, after);
        noteChange(tx, updated);
        moves.record(tx, moveOf(updated, before.status(), reason));
        return updated;
    }

    /** The same of a hop. */
    Hop update(Tx tx, Hop before, Hop after, String reason) {
        var updated = hops.updateState(tx, after);
        noteChange(tx, updated);
        moves.record(tx, moveOf(updated, before.status(), reason));
        return updated;
    }

    /** Tells of a new mission. */
    void noteCreated(Tx tx, Mission mission) {
        tx.change(describe(Change.created("mission", mission.id(), mission.version()), mission));
        moves.record(tx, moveOf(mission, null, ""));
    }

    /** Tells of a new hop. */
    void noteCreated(Tx tx, Hop hop) {
        tx.change(describe(Change.created("hop", hop.id(), hop.version()), hop));
        moves.record(tx, moveOf(hop, null, ""));
    }

    /** Tells of a mission that comes from elsewhere with what is in it, in the state in which it was there. */
    void noteImported(Tx tx, Mission mission, List<Hop> itsHops, List<ToolStep> itsSteps) {
        var reason = "imported";
        var recorded = new ArrayList<Move>();
        tx.change(describe(Change.created("mission", mission.id(), mission.version()), mission));
        recorded.add(moveOf(mission, null, reason));
        for (var hop : itsHops) {
            tx.change(describe(Change.created("hop", hop.id(), hop.version()), hop));
            recorded.add(moveOf(hop, null, reason));
        }
        for (var step : itsSteps) {
            tx.change(StepFlow.describe(Change.created("tool_step", step.id(), step.version()), step));
            recorded.add(Move.of(Move.Resource.TOOL_STEP, step.id(), mission.id(), null, step.status(), reason));
        }
        moves.record(tx, recorded);
    }

    /** Cancels the hops of a mission that have not ended, with the mission. */
    void cancelOpen(Tx tx, Mission mission, String reason) {
        var cancelled = hops.cancelOpen(tx, mission.id());
        cancelled.forEach(hop -> noteChange(tx, hop));
        moves.record(
                tx,
                cancelled.stream()
                        .map(hop -> moveOf(hop, hop.hasBegun() ? HopStatus.ACTIVE : HopStatus.PENDING, reason))
                        .toList());
    }

    private static Move moveOf(Mission mission, @Nullable MissionStatus from, String reason) {
        return Move.of(Move.Resource.MISSION, mission.id(), mission.id(), from, mission.status(), reason);
    }

    private static Move moveOf(Hop hop, @Nullable HopStatus from, String reason) {
        return Move.of(Move.Resource.HOP, hop.id(), hop.missionId(), from, hop.status(), reason);
    }

    private static String name(Hop hop) {
        return "hop \"%s\"".formatted(hop.fields().name());
    }

    private static LockedHop logged(Tx tx, LockedHop moved) {
        tx.afterCommit(() -> LOG.atInfo()
                .addKeyValue("mission_id", moved.mission().id())
                .addKeyValue("mission_status", moved.mission().status())
                .addKeyValue("hop_id", moved.hop().id())
                .addKeyValue("hop_status", moved.hop().status())
                .log("hop moves"));
        return moved;
    }

    static void checkMove(Mission mission, MissionMove move) {
        if (!mission.allows(move)) {
            throw moveNotAllowed(mission, move);
        }
    }

    static void checkMove(Hop hop, HopMove move) {
        if (!move.isAllowed(hop.status())) {
            throw Refusals.moveNotAllowed("hop", hop.id(), hop.status(), move, HopMove.allowedTo(hop.status()));
        }
    }

    static void noteChange(Tx tx, Mission mission) {
        tx.change(describe(Change.updated("mission", mission.id(), mission.version()), mission));
    }

    static void noteChange(Tx tx, Hop hop) {
        tx.change(describe(Change.updated("hop", hop.id(), hop.version()), hop));
    }

    static Change describe(Change change, Mission mission) {
        var described = change.with("status", mission.status())
                .with("user_id", mission.userId())
                .with("running", mission.running())
                .with("deleted", mission.isDeleted());
        var current = mission.currentHopId();
        var whole = current == null ? described : described.with("current_hop_id", current);
        return describe(whole.with("run_state", mission.runState()), mission.pause());
    }

    static Change describe(Change change, Hop hop) {
        var described = change.with("status", hop.status())
                .with("mission_id", hop.missionId())
                .with("running", hop.running())
                .with("run_state", hop.runState());
        return describe(described, hop.pause());
    }

    private static Change describe(Change change, @Nullable Pause pause) {
        if (pause == null) {
            return change;
        }
        var described = change.with("paused_hop_id", pause.hopId());
        return pause.stepId() == null ? described : described.with("paused_step_id", pause.stepId());
    }

    private static void logPause(Tx tx, Mission mission, String before) {
        tx.afterCommit(() -> LOG.atInfo()
                .addKeyValue("mission_id", mission.id())
                .addKeyValue("before", before)
                .log("run pauses"));
    }

    private static RuntimeException moveNotAllowed(Mission mission, MissionMove move) {
        return Refusals.moveNotAllowed(
                "mission",
                mission.id(),
                mission.status(),
                move,
                MissionMove.allowedTo(mission.status(), mission.currentHopId() != null));
    }
}
