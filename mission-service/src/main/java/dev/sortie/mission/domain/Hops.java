package dev.sortie.mission.domain;

import dev.sortie.mission.store.AssetStore;
import dev.sortie.mission.store.HopStore;
import dev.sortie.mission.store.MissionStore;
import dev.sortie.mission.v1.ErrorReason;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.id.Ids;
import dev.sortie.runtime.paging.Keyset;
import dev.sortie.runtime.paging.Page;
import dev.sortie.runtime.paging.PageRequest;
import dev.sortie.runtime.sql.Change;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Tx;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** What callers do with hops. */
public final class Hops {
    private final MissionStore missions;
    private final HopStore hops;
    private final AssetStore assets;
    private final MissionFlow flow;
    private final HopSteps steps;
    private final Runs runs;
    private final Ids ids;

    public Hops(
            MissionStore missions,
            HopStore hops,
            AssetStore assets,
            MissionFlow flow,
            HopSteps steps,
            Runs runs,
            Ids ids) {
        this.missions = missions;
        this.hops = hops;
        this.assets = assets;
        this.flow = flow;
        this.steps = steps;
        this.runs = runs;
        this.ids = ids;
    }

    /**
     * A hop to be made.
     *
     * @param place where to insert it; null, and a place past the end, mean at the end
     */
    public record Draft(
            UUID missionId, Hop.Fields fields, @Nullable Integer place) {}

    /**
     * A hop that shall move from one status to another, or go.
     *
     * @param etag the version that it must still have; empty means any
     * @param reason why, for the record; may be empty
     */
    public record Request(UUID id, String etag, String reason) {}

    /**
     * A hop that shall change.
     *
     * @param change makes the new values from the present ones
     */
    public record Edit(UUID id, String etag, UnaryOperator<Hop.Fields> change) {}

    /** A hop that shall have another place; a place past the last one is the last. */
    public record Relocation(UUID id, String etag, int place) {}

    /** Creates a hop. The hops at and after its place move on by one. */
    public Hop create(Tx tx, Draft draft) {
        var mission = missions.lock(tx, draft.missionId())
                .filter(found -> !found.isDeleted())
                .orElseThrow(() -> Refusals.referenceNotFound("hop.mission_id", "mission", draft.missionId()));
        tx.principal().requireOwner(mission.userId(), "mission", mission.id());
        if (!mission.status().takesHops()) {
            throw Refusals.notChangeable(
                    "mission", mission.id(), mission.status(), "hops are added before QA, to a mission that goes on");
        }
        var places = hops.places(tx, mission.id());
        if (places.size() >= Refusals.MAX_CHILDREN) {
            throw Refusals.tooManyChildren("mission", mission.id());
        }
        int place = draft.place() == null ? places.size() : Math.min(draft.place(), places.size());
        if (place < places.freeFrom()) {
            throw Refusals.notChangeable(
                    "mission",
                    mission.id(),
                    mission.status(),
                    "place %d is not behind every hop that has begun (expected: >= %d)"
                            .formatted(place, places.freeFrom()));
        }
        if (place < places.size()) {
            noteAll(tx, hops.shift(tx, mission.id(), place, places.size() - 1, 1));
        }
        var hop = hops.insert(tx, ids.next(), mission.id(), draft.fields(), place);
        flow.noteCreated(tx, hop);
        return hop;
    }

    public Hop get(Queries queries, UUID id) {
        return hops.findVisible(queries, id).orElseThrow(() -> Refusals.notFound("hop", id));
    }

    /**
     * A page of a mission's hops, in their order.
     *
     * @param status only those in it, where given
     */
    public Page<Hop> list(Queries queries, UUID missionId, @Nullable HopStatus status, PageRequest page) {
        if (!missions.isVisible(queries, missionId)) {
            throw Refusals.notFound("mission", missionId);
        }
        return page.page(
                hops.list(queries, missionId, status, page.after(), page.limit()),
                hop -> Keyset.of(hop.sequenceOrder(), hop.id()));
    }

    /** Changes what callers set, unless the hop is in a terminal status. */
    public Hop update(Tx tx, Edit edit) {
        var hop = lock(tx, edit.id(), edit.etag()).hop();
        if (hop.status().isTerminal()) {
            throw Refusals.notChangeable("hop", hop.id(), hop.status(), "a hop that has ended is not changed");
        }
        var fields = edit.change().apply(hop.fields());
        if (fields.equals(hop.fields())) {
            return hop;
        }
        if (fields.pauseBefore() != hop.fields().pauseBefore() && hop.status() != HopStatus.PENDING) {
            throw Refusals.notChangeable(
                    "hop", hop.id(), hop.status(), "it has begun, so no run can stop before it: pause_before stays");
        }
        var updated = hops.updateFields(tx, hop.id(), fields);
        MissionFlow.noteChange(tx, updated);
        return updated;
    }

    /** Deletes a hop with its steps and assets, unless it is active. The hops after it move up. Returns it as it was. */
    public Hop delete(Tx tx, Request request) {
        var locked = lock(tx, request.id(), request.etag());
        var hop = locked.hop();
        if (hop.status() == HopStatus.ACTIVE) {
            throw Refusals.notChangeable(
                    "hop", hop.id(), hop.status(), "an active hop is completed, failed or cancelled before it goes");
        }
        flow.endPauseBefore(tx, locked.mission(), hop);
        // Not left to the database's cascade: each of them is somebody's to know of.
        steps.deleteOfHop(tx, hop.id());
        assets.deleteOfHop(tx, hop.missionId(), hop.id())
                .forEach(asset ->
                        tx.change(Assets.describe(Change.deleted("asset", asset.id(), asset.version()), asset)));
        hops.delete(tx, hop.id());
        tx.change(MissionFlow.describe(Change.deleted("hop", hop.id(), hop.version()), hop));
        noteAll(tx, hops.shift(tx, hop.missionId(), hop.sequenceOrder() + 1, Refusals.MAX_CHILDREN, -1));
        tx.audit(
                "DeleteHop",
                "hop",
                hop.id(),
                Map.of("mission_id", hop.missionId().toString()));
        return hop;
    }

    /** Puts a hop that has not begun to another place among those that have not. */
    public Hop move(Tx tx, Relocation relocation) {
        var hop = lock(tx, relocation.id(), relocation.etag()).hop();
        if (hop.status() != HopStatus.PENDING) {
            throw Refusals.notChangeable("hop", hop.id(), hop.status(), "only a pending hop is moved");
        }
        var places = hops.places(tx, hop.missionId());
        int place = Math.min(relocation.place(), places.size() - 1);
        if (place < places.freeFrom()) {
            throw Refusals.notChangeable(
                    "hop",
                    hop.id(),
                    hop.status(),
                    "place %d is not behind every hop that has begun (expected: >= %d)"
                            .formatted(place, places.freeFrom()));
        }
        if (place == hop.sequenceOrder()) {
            return hop;
        }
        var moved = hops.move(tx, hop, place);
        noteAll(tx, moved);
        return moved.stream()
                .filter(one -> one.id().equals(hop.id()))
                .findFirst()
                .orElseThrow();
    }

    public Hop start(Tx tx, Request request) {
        return flow.start(tx, lock(tx, request.id(), request.etag()), false, request.reason())
                .hop();
    }

    /** Lets a hop's steps follow one another by themselves. */
    public Hop run(Tx tx, Request request) {
        var locked = lock(tx, request.id(), request.etag());
        MissionFlow.checkMove(locked.hop(), HopMove.RUN);
        return runs.runHop(tx, locked.mission(), locked.hop(), request.reason());
    }

    /** Completes a hop whose steps are done; a mission that runs goes on with the next one. */
    public Hop complete(Tx tx, Request request) {
        var locked = lock(tx, request.id(), request.etag());
        MissionFlow.checkMove(locked.hop(), HopMove.COMPLETE);
        var open = steps.open(tx, request.id());
        if (!open.isEmpty()) {
            throw stepsOpen(locked.hop(), open);
        }
        var completed = flow.complete(tx, locked, request.reason());
        if (completed.mission().running()) {
            runs.goOn(tx, completed.mission());
        }
        return completed.hop();
    }

    public Hop fail(Tx tx, Request request) {
        return end(tx, request, HopMove.FAIL, "the hop failed");
    }

    public Hop cancel(Tx tx, Request request) {
        return end(tx, request, HopMove.CANCEL, "the hop was cancelled");
    }

    private Hop end(Tx tx, Request request, HopMove move, String what) {
        var locked = lock(tx, request.id(), request.etag());
        var ended = flow.end(tx, locked, move, request.reason());
        steps.cancelOfHop(tx, request.id(), Moves.because(what, request.reason()));
        return ended.hop();
    }

    private LockedHop lock(Tx tx, UUID id, String etag) {
        var locked = flow.lockHop(tx, id);
        var mission = locked.mission();
        tx.principal().requireOwner(mission.userId(), "mission", mission.id());
        Refusals.checkEtag("hop", id, etag, locked.hop().version());
        return locked;
    }

    private static RuntimeException stepsOpen(Hop hop, List<HopSteps.OpenStep> open) {
        var violations = open.stream()
                .map(step -> new Failure.PreconditionViolation(
                        "STATE", "tool_step/" + step.id(), "step %s is %s".formatted(step.name(), step.status())))
                .toList();
        return Failure.failedPrecondition(
                        ErrorReason.ERROR_REASON_STEPS_OPEN,
                        violations,
                        "hop %s has %d steps that are neither completed nor cancelled",
                        hop.id(),
                        open.size())
                .with("hop_id", hop.id())
                .with("open_steps", open.size())
                .exception();
    }

    private static void noteAll(Tx tx, List<Hop> changed) {
        changed.forEach(hop -> MissionFlow.noteChange(tx, hop));
    }
}
