package dev.sortie.mission.domain;

import dev.sortie.mission.store.ToolStepStore;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.failure.FailureException;
import dev.sortie.runtime.id.Ids;
import dev.sortie.runtime.paging.Keyset;
import dev.sortie.runtime.paging.Page;
import dev.sortie.runtime.paging.PageRequest;
import dev.sortie.runtime.sql.Change;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Tx;
import java.util.List;
import java.util.UUID;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** What callers do with steps, and what the moves of missions and hops do with them. */
public final class ToolSteps implements HopSteps {
    private final ToolStepStore steps;
    private final MissionFlow missions;
    private final StepFlow flow;
    private final Ids ids;

    public ToolSteps(ToolStepStore steps, MissionFlow missions, StepFlow flow, Ids ids) {
        this.steps = steps;
        this.missions = missions;
        this.flow = flow;
        this.ids = ids;
    }

    /**
     * A step to be made.
     *
     * @param sequenceOrder where to insert it; null for the end, and so is a place past the end
     */
    public record Draft(
            UUID hopId, ToolStep.Fields fields, @Nullable Integer sequenceOrder) {}

    /**
     * A step that shall change.
     *
     * @param etag the version that it must still have; empty means any
     * @param change makes the new values from the present ones
     */
    public record Edit(UUID id, String etag, UnaryOperator<ToolStep.Fields> change) {}

    /**
     * A step that shall move on, or go.
     *
     * @param etag the version that it must still have; empty means any
     * @param reason why, for the record; may be empty
     */
    public record Request(UUID id, String etag, String reason) {}

    /**
     * A step that shall have another place.
     *
     * @param sequenceOrder the place; past the last one means the last one
     */
    public record Relocation(UUID id, String etag, int sequenceOrder) {}

    /** Creates a step, PENDING, with what its validation found. */
    public ToolStep create(Tx tx, Draft draft) {
        var locked = lockHopOf(tx, draft);
        var hop = locked.hop();
        if (hop.status().isTerminal()) {
            throw Refusals.notChangeable("hop", hop.id(), hop.status(), "a hop that has ended takes no more steps");
        }
        var places = steps.places(tx, hop.id());
        if (places.size() >= Refusals.MAX_CHILDREN) {
            throw Refusals.tooManyChildren("hop", hop.id());
        }
        var wanted = draft.sequenceOrder();
        int place = wanted == null ? places.size() : Math.min(wanted, places.size());
        if (place < places.freeFrom()) {
            throw Refusals.notChangeable(
                    "hop",
                    hop.id(),
                    hop.status(),
                    "a step before place %d has begun; the first free place is %d"
                            .formatted(place + 1, places.freeFrom()));
        }
        if (place < places.size()) {
            steps.shift(tx, hop.id(), place, places.size() - 1, 1).forEach(step -> StepFlow.note(tx, step));
        }
        var errors = flow.check(tx, locked, draft.fields(), place);
        var step = steps.insert(tx, ids.next(), hop.id(), draft.fields(), ToolStep.State.initial(errors), place);
        flow.noteCreated(tx, step);
        return step;
    }

    /** Reads a step. */
    public ToolStep get(Queries queries, UUID id) {
        return steps.find(queries, id).orElseThrow(() -> notFound(id));
    }

    /** A page of a hop's steps, in their order, without their results. */
    public Page<ToolStep> list(Queries queries, ToolStepStore.Filter filter, PageRequest page) {
        if (!steps.isHopVisible(queries, filter.hopId())) {
            throw Refusals.notFound("hop", filter.hopId());
        }
        return page.page(
                steps.list(queries, filter, page.after(), page.limit()),
                step -> Keyset.of(step.sequenceOrder(), step.id()));
    }

    /** Changes what callers set of a step that has not begun or has failed, and validates it anew. */
    public ToolStep update(Tx tx, Edit edit) {
        var locked = lock(tx, edit.id(), edit.etag());
        var step = locked.step();
        if (!step.status().isChangeable()) {
            throw Refusals.notChangeable(
                    "tool_step", step.id(), step.status(), "a step is changed while it is PENDING or FAILED");
        }
        var fields = edit.change().apply(step.fields());
        if (fields.pauseBefore() != step.fields().pauseBefore() && step.status() != ToolStepStatus.PENDING) {
            throw Refusals.notChangeable(
                    "tool_step", step.id(), step.status(), "a run can stop only before a step that is PENDING");
        }
        var errors = flow.check(tx, locked.hop(), fields, step.sequenceOrder());
        var changed = steps.updateFields(
                tx,
                new ToolStep(
                        step.id(),
                        step.hopId(),
                        step.missionId(),
                        fields,
                        step.sequenceOrder(),
                        step.state().withErrors(errors),
                        step.createdAt(),
                        step.updatedAt(),
                        step.version()));
        StepFlow.note(tx, changed);
        return changed;
    }

    /** Deletes a step that is not at work, and returns it as it was. */
    public ToolStep delete(Tx tx, Request request) {
        var locked = lock(tx, request.id(), request.etag());
        var step = locked.step();
        if (step.status() == ToolStepStatus.RUNNING) {
            throw Refusals.notChangeable("tool_step", step.id(), step.status(), "cancel it before it is deleted");
        }
        missions.endPauseBefore(tx, locked.hop(), step);
        steps.delete(tx, step.id());
        tx.change(StepFlow.describe(Change.deleted("tool_step", step.id(), step.version()), step));
        steps.shift(tx, step.hopId(), step.sequenceOrder() + 1, Refusals.MAX_CHILDREN, -1)
                .forEach(moved -> StepFlow.note(tx, moved));
        return step;
    }

    /** Puts a pending step to another place among those that have not begun. */
    public ToolStep move(Tx tx, Relocation relocation) {
        var step = lock(tx, relocation.id(), relocation.etag()).step();
        var places = steps.places(tx, step.hopId());
        int place = Math.min(relocation.sequenceOrder(), places.size() - 1);
        if (step.status() != ToolStepStatus.PENDING) {
            throw Refusals.notChangeable(
                    "tool_step", step.id(), step.status(), "a step keeps its place once it is not PENDING any more");
        }
        if (place < places.freeFrom()) {
            throw Refusals.notChangeable(
                    "tool_step",
                    step.id(),
                    step.status(),
                    "a step at or after place %d has begun; the first free place is %d"
                            .formatted(place, places.freeFrom()));
        }
        if (place == step.sequenceOrder()) {
            return step;
        }
        steps.move(tx, step, place).forEach(moved -> StepFlow.note(tx, moved));
        return steps.lock(tx, step.id()).orElseThrow();
    }

    /** Checks whether a step could be executed now, and keeps what is found. */
    public ToolStep validate(Tx tx, UUID id) {
        var locked = lock(tx, id, "");
        var step = locked.step();
        return flow.keep(tx, step, flow.check(tx, locked.hop(), step.fields(), step.sequenceOrder()));
    }

    /** Keeps what stood in the way when the step was to begin, unless it has begun since. */
    public ToolStep keepErrors(Tx tx, UUID id, List<ValidationError> errors) {
        var step = lock(tx, id, "").step();
        return step.status().isChangeable() ? flow.keep(tx, step, errors) : step;
    }

    /** Sets a pending step to work. */
    public ToolStep execute(Tx tx, Request request) {
        var locked = lock(tx, request.id(), request.etag());
        checkMove(locked.step(), ToolStepMove.EXECUTE);
        missions.endPauseBefore(tx, locked.hop(), locked.step());
        return flow.begin(tx, locked.hop(), locked.step(), request.reason());
    }

    /** Cancels a step that is not finished. */
    public ToolStep cancel(Tx tx, Request request) {
        var locked = lock(tx, request.id(), request.etag());
        checkMove(locked.step(), ToolStepMove.CANCEL);
        missions.endPauseBefore(tx, locked.hop(), locked.step());
        return flow.cancel(tx, locked.hop(), locked.step(), request.reason());
    }

    /** Sets a failed step to work again, and with it the run that its failure stopped. */
    public ToolStep retry(Tx tx, Request request) {
        var locked = lock(tx, request.id(), request.etag());
        var step = locked.step();
        checkMove(step, ToolStepMove.RETRY);
        var begun = flow.begin(tx, locked.hop(), step, request.reason());
        if (step.state().stoppedRun() != StoppedRun.NONE) {
            if (step.state().stoppedRun() == StoppedRun.MISSION) {
                missions.setRunning(tx, locked.hop().mission(), true);
            }
            missions.setRunning(tx, locked.hop().hop(), true, "");
        }
        return begun;
    }

    @Override
    public List<OpenStep> open(Queries queries, UUID hopId) {
        return steps.open(queries, hopId);
    }

    @Override
    public void cancelOfHop(Tx tx, UUID hopId, String reason) {
        noteCancelled(tx, steps.cancelOfHop(tx, hopId), reason);
    }

    @Override
    public void cancelOfMission(Tx tx, UUID missionId, String reason) {
        noteCancelled(tx, steps.cancelOfMission(tx, missionId), reason);
    }

    @Override
    public void interruptOfMission(Tx tx, UUID missionId, String reason) {
        var interrupted = steps.interruptOfMission(tx, missionId, reason);
        for (var step : interrupted) {
            StepFlow.note(tx, step);
            flow.recall(tx, step, reason);
        }
        flow.noteMoves(tx, interrupted, _ -> ToolStepStatus.RUNNING, reason);
    }

    @Override
    public void deleteOfHop(Tx tx, UUID hopId) {
        noteDeleted(tx, steps.deleteOfHop(tx, hopId));
    }

    @Override
    public void deleteOfMission(Tx tx, UUID missionId) {
        noteDeleted(tx, steps.deleteOfMission(tx, missionId));
    }

    private void noteCancelled(Tx tx, List<ToolStep> cancelled, String reason) {
        for (var step : cancelled) {
            tx.change(StepFlow.describe(Change.updated("tool_step", step.id(), step.version()), step)
                    .with("reason", reason));
            if (wasRunning(step)) {
                flow.recall(tx, step, reason);
            }
        }
        flow.noteMoves(
                tx, cancelled, step -> wasRunning(step) ? ToolStepStatus.RUNNING : ToolStepStatus.PENDING, reason);
    }

    /** Of a step that was cancelled with others: no step is pending again once it has begun. */
    private static boolean wasRunning(ToolStep cancelled) {
        return cancelled.state().startedAt() != null;
    }

    private void noteDeleted(Tx tx, List<ToolStep> deleted) {
        for (var step : deleted) {
            tx.change(StepFlow.describe(Change.deleted("tool_step", step.id(), step.version()), step));
            if (step.status() == ToolStepStatus.RUNNING) {
                flow.recall(tx, step, "the step was deleted");
            }
        }
    }

    private LockedHop lockHopOf(Tx tx, Draft draft) {
        LockedHop locked;
        try {
            locked = missions.lockHop(tx, draft.hopId());
        } catch (FailureException refused) {
            // The call names the hop, but what it is about is the step.
            if (refused.failure() instanceof Failure.NotFound) {
                throw Refusals.referenceNotFound("tool_step.hop_id", "hop", draft.hopId());
            }
            throw refused;
        }
        checkOwner(tx, locked.mission());
        return locked;
    }

    private LockedStep lock(Tx tx, UUID id, String etag) {
        var found = steps.find(tx, id).orElseThrow(() -> notFound(id));
        var hop = missions.lockHop(tx, found.hopId());
        var step = steps.lock(tx, id).orElseThrow(() -> notFound(id));
        checkOwner(tx, hop.mission());
        Refusals.checkEtag("tool_step", id, etag, step.version());
        return new LockedStep(hop, step);
    }

    private static void checkOwner(Tx tx, Mission mission) {
        tx.principal().requireOwner(mission.userId(), "mission", mission.id());
    }

    private static void checkMove(ToolStep step, ToolStepMove move) {
        if (!step.status().allows(move)) {
            throw Refusals.moveNotAllowed(
                    "tool_step",
                    step.id(),
                    step.status(),
                    move,
                    step.status().moves().stream().map(Enum::name).toList());
        }
    }

    private static RuntimeException notFound(UUID id) {
        return Refusals.notFound("tool_step", id);
    }

    /** A step, its hop and its mission, all held until the end of the transaction. */
    private record LockedStep(LockedHop hop, ToolStep step) {}
}
