package dev.sortie.mission.domain;

import dev.sortie.mission.store.AssetStore;
import dev.sortie.mission.store.OutboxStore;
import dev.sortie.mission.store.ToolStepStore;
import dev.sortie.mission.v1.ErrorReason;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.failure.Failure.PreconditionViolation;
import dev.sortie.runtime.failure.FailureException;
import dev.sortie.runtime.id.Ids;
import dev.sortie.runtime.sql.Change;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Tx;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.databind.json.JsonMapper;

/**
 * How steps move, and how one leads to the next. For callers who are sure of their right to do it and hold the lock of
 * the mission: the operations of {@link ToolSteps}, the runs of {@link StepRuns}, the results of {@link StepOutcomes}.
 *
 * <p>Everything that follows from a move is part of its transaction: the entry in the outbox, the assets, the next step,
 * the next hop. So there is no moment at which a run could be forgotten half way.
 */
public final class StepFlow {
    private static final Logger LOG = LoggerFactory.getLogger(StepFlow.class);
    private static final JsonMapper JSON = JsonMapper.shared();
    private static final int MAX_ERROR = 16_384;

    private final ToolStepStore steps;
    private final AssetStore assets;
    private final OutboxStore outbox;
    private final Tools tools;
    private final ResourceCredentials credentials;
    private final MissionFlow missions;
    private final Moves moves;
    private final Ids ids;
    private final Runnable outboxFilled;

    /**
     * @param outboxFilled wakes whoever empties the outbox, after a commit that filled it
     */
    public StepFlow(
            ToolStepStore steps,
            AssetStore assets,
            OutboxStore outbox,
            Tools tools,
            ResourceCredentials credentials,
            MissionFlow missions,
            Moves moves,
            Ids ids,
            Runnable outboxFilled) {
        this.steps = steps;
        this.assets = assets;
        this.outbox = outbox;
        this.tools = tools;
        this.credentials = credentials;
        this.missions = missions;
        this.moves = moves;
        this.ids = ids;
        this.outboxFilled = outboxFilled;
    }

    /**
     * What keeps a step from being executed.
     *
     * @param place the place that the step has or is to have in the hop
     */
    List<ValidationError> check(Queries queries, LockedHop locked, ToolStep.Fields fields, int place) {
        var promised =
                steps.filledBefore(queries, locked.mission().id(), locked.hop().sequenceOrder(), place);
        return check(queries, locked, fields, promised).errors();
    }

    private Checked check(Queries queries, LockedHop locked, ToolStep.Fields fields, Set<UUID> promised) {
        var inputs = fields.inputs();
        var named = new TreeSet<>(inputs);
        named.addAll(fields.outputs());
        var heads = new java.util.HashMap<UUID, Asset>();
        if (!named.isEmpty()) {
            assets.findHeads(queries, named).forEach(asset -> heads.put(asset.id(), asset));
        }
        Map<UUID, String> contents = inputs.isEmpty() ? Map.of() : assets.findContents(queries, inputs);
        var tool = tools.find(queries, fields.toolId());
        var usable = credentials.usable(
                queries, locked.mission().userId(), tool.map(Tool::resourceIds).orElse(List.of()));
        var around = new StepCheck.Surroundings(
                heads, contents, promised, locked.mission().fields().metadata(), usable);
        return new Checked(StepCheck.of(fields, locked.hop(), tool, around), tool, usable);
    }

    /** What came of a check, and what it was made with. */
    private record Checked(
            StepCheck.Outcome outcome, Optional<Tool> tool, Map<String, ResourceCredentials.Usable> credentials) {
        List<ValidationError> errors() {
            return outcome.errors();
        }
    }

    /**
     * Sets a step to work: resolves its parameters, and has an order placed for it.
     *
     * @param reason why; may be empty
     * @throws FailureException when the hop is not active, a step before it is not finished, or the step has errors
     */
    ToolStep begin(Tx tx, LockedHop locked, ToolStep step, String reason) {
        var hop = locked.hop();
        if (hop.status() != HopStatus.ACTIVE) {
            throw Refusals.moveNotAllowed(
                    "hop", hop.id(), hop.status(), ToolStepMove.EXECUTE, HopMove.allowedTo(hop.status()));
        }
        steps.firstOpen(tx, hop.id())
                .filter(first -> first.sequenceOrder() < step.sequenceOrder())
                .ifPresent(first -> {
                    throw Refusals.outOfOrder(
                            "tool_step", step.id(), first.id(), first.status().name());
                });
        var checked = check(tx, locked, step.fields(), Set.of());
        if (!checked.errors().isEmpty()) {
            throw invalid(step, checked.errors());
        }
        var tool = checked.tool().orElseThrow(); // else there are errors
        var begun = steps.updateState(tx, step.id(), step.state().begun(tx.now()));
        note(tx, begun);
        moves.record(tx, moveOf(begun, step.status(), reason));
        var payload = JSON.createObjectNode()
                .put("tool_id", tool.toolId())
                .put("tool_step_id", step.id().toString())
                .put("hop_id", hop.id().toString())
                .put("mission_id", locked.mission().id().toString())
                .put("attempt", begun.state().attempt());
        payload.set("parameters", checked.outcome().parameters());
        if (!tool.resourceIds().isEmpty()) {
            var handles = payload.putObject("credentials");
            checked.credentials()
                    .forEach((resource, credential) -> handles.put(
                            resource, credential.handle(step.id(), begun.state().attempt())));
        }
        var outputs = StepCheck.outputs(step.fields());
        if (!outputs.isEmpty()) {
            payload.set("outputs", outputs);
        }
        outbox.addPlacing(
                tx,
                ids.next(),
                new WorkOrderDraft(
                        Subject.step(step.id()),
                        begun.state().attempt(),
                        tool.queueName(),
                        WorkOrderDraft.DEFAULT_PRIORITY,
                        payload.toString(),
                        tool.timeout(),
                        tool.retryPolicy()));
        tx.afterCommit(outboxFilled);
        log(begun, "tool step begins");
        return begun;
    }

    /**
     * Takes a result over, and goes on where the hop runs. The caller holds the assets.
     *
     * @param contents what goes into which asset
     * @param uploaded the assets whose streamed content is the result
     */
    ToolStep complete(
            Tx tx,
            LockedHop locked,
            ToolStep step,
            WorkOrder order,
            String result,
            Map<UUID, AssetContent> contents,
            Set<UUID> uploaded) {
        for (var assetId : uploaded) {
            var kept = assets.keepStreamed(tx, assetId, step.fields().toolId());
            tx.change(Assets.describe(Change.updated("asset", kept.id(), kept.version()), kept));
        }
        for (var content : contents.entrySet()) {
            var filled = assets.fill(
                            tx,
                            content.getKey(),
                            content.getValue(),
                            step.fields().toolId())
                    .orElseThrow(); // held by the caller
            tx.change(Assets.describe(Change.updated("asset", filled.id(), filled.version()), filled));
        }
        var completed = steps.updateState(tx, step.id(), step.state().completed(result, order.id(), tx.now()));
        note(tx, completed);
        moves.record(tx, moveOf(completed, step.status(), "work order %s completed".formatted(order.id())));
        outbox.removePlacing(tx, Subject.step(step.id()), step.state().attempt());
        log(completed, "tool step completes");
        if (locked.hop().running()) {
            goOn(tx, locked);
        }
        return completed;
    }

    /**
     * Gives an attempt up, and ends the run that it was part of.
     *
     * @param order the attempt's order; null when there is none, or none known
     */
    ToolStep fail(Tx tx, LockedHop locked, ToolStep step, @Nullable UUID order, String message) {
        var hop = locked.hop();
        var mission = locked.mission();
        var stopped = !hop.running() ? StoppedRun.NONE : mission.running() ? StoppedRun.MISSION : StoppedRun.HOP;
        var text = shorten(message);
        var failed = steps.updateState(tx, step.id(), step.state().failed(text, order, stopped, tx.now()));
        note(tx, failed);
        moves.record(
                tx, moveOf(failed, step.status(), order == null ? text : "work order %s: %s".formatted(order, text)));
        outbox.removePlacing(tx, Subject.step(step.id()), step.state().attempt());
        // What the step reads as well as fills still has its content; marked, the step could never be tried again.
        var lost = new TreeSet<>(step.fields().outputs());
        lost.removeAll(step.fields().inputs());
        if (!lost.isEmpty()) {
            assets.markFailed(tx, lost)
                    .forEach(asset ->
                            tx.change(Assets.describe(Change.updated("asset", asset.id(), asset.version()), asset)));
        }
        if (hop.running()) {
            stop(tx, locked, "step \"%s\" failed: %s".formatted(step.fields().name(), text));
        }
        LOG.atWarn()
                .addKeyValue("tool_step_id", step.id())
                .addKeyValue("attempt", step.state().attempt())
                .addKeyValue("error", text)
                .log("tool step fails");
        return failed;
    }

    /** Cancels a step that is not finished, and goes on where its hop runs. */
    ToolStep cancel(Tx tx, LockedHop locked, ToolStep step, String reason) {
        boolean wasRunning = step.status() == ToolStepStatus.RUNNING;
        var cancelled = steps.updateState(tx, step.id(), step.state().cancelled(tx.now()));
        tx.change(describe(Change.updated("tool_step", cancelled.id(), cancelled.version()), cancelled)
                .with("reason", reason));
        moves.record(tx, moveOf(cancelled, step.status(), reason));
        if (wasRunning) {
            recall(tx, cancelled, reason);
        }
        log(cancelled, "tool step is cancelled");
        if (wasRunning && locked.hop().running()) {
            goOn(tx, locked);
        }
        return cancelled;
    }

    /** Has the order of a step's attempt cancelled, wherever it is on its way. */
    void recall(Tx tx, ToolStep step, String reason) {
        outbox.addCancellation(
                tx,
                ids.next(),
                Subject.step(step.id()),
                step.state().attempt(),
                step.state().workOrderId(),
                reason);
        tx.afterCommit(outboxFilled);
    }

    /**
     * Begins the first step of a hop that is neither completed nor cancelled, if it is not at work already: one that
     * failed is tried again. Pauses instead before a step that is marked.
     *
     * @param reason why; may be empty
     * @param pause where the run waited until now, which it does not do again; null when it did not wait
     * @return the hop and its mission then; empty when there is no such step
     * @throws FailureException when it cannot begin
     */
    Optional<LockedHop> beginFirst(Tx tx, LockedHop locked, String reason, @Nullable Pause pause) {
        return steps.firstOpen(tx, locked.hop().id()).map(step -> {
            if (step.status() == ToolStepStatus.RUNNING) {
                return locked;
            }
            if (step.pausesRun() && (pause == null || !pause.isBefore(step))) {
                return missions.pause(tx, locked, step);
            }
            begin(tx, locked, step, reason);
            return locked;
        });
    }

    /** True when a hop has steps and all of them are completed or cancelled. */
    boolean isDone(Tx tx, Hop hop) {
        return steps.countOfHop(tx, hop.id()) > 0
                && steps.firstOpen(tx, hop.id()).isEmpty();
    }

    /** What comes next in a running hop: its next step or, after the last one, its end and the next hop. */
    void goOn(Tx tx, LockedHop locked) {
        var next = steps.firstOpen(tx, locked.hop().id());
        if (next.isEmpty()) {
            goOn(tx, missions.complete(tx, locked, "its last step is done").mission());
        } else if (next.get().status() == ToolStepStatus.PENDING) {
            beginOrStop(tx, locked, next.get());
        }
    }

    /** What comes next in a mission without an active hop: the next one where the mission runs and there is one. */
    void goOn(Tx tx, Mission mission) {
        if (!mission.running()) {
            return;
        }
        var next = missions.firstPending(tx, mission.id());
        if (next.isPresent() && next.get().fields().pauseBefore()) {
            missions.pause(tx, mission, next.get());
            return;
        }
        var first = next.flatMap(hop -> steps.firstOpen(tx, hop.id()));
        if (next.isEmpty() || first.isEmpty()) {
            missions.setRunning(tx, mission, false); // nothing is left, or nothing is designed yet
            return;
        }
        beginOrStop(
                tx,
                missions.start(
                        tx, new LockedHop(mission, next.get()), true, "the mission runs, and it is the next hop"),
                first.get());
    }

    /** Nobody waits for an answer here: what keeps the step from beginning is kept with it, and ends the run. */
    private void beginOrStop(Tx tx, LockedHop locked, ToolStep step) {
        if (step.pausesRun()) {
            missions.pause(tx, locked, step);
            return;
        }
        var errors = check(tx, locked, step.fields(), Set.of()).errors();
        if (errors.isEmpty()) {
            begin(tx, locked, step, "the hop runs, and it is the next step");
            return;
        }
        keep(tx, step, errors);
        var more = errors.size() == 1 ? "" : " (and " + (errors.size() - 1) + " more)";
        stop(
                tx,
                locked,
                "step \"%s\" cannot be executed: %s%s"
                        .formatted(step.fields().name(), errors.getFirst().message(), more));
    }

    private void stop(Tx tx, LockedHop locked, String why) {
        missions.setRunning(tx, locked.mission(), false);
        missions.setRunning(tx, locked.hop(), false, shorten(why));
        LOG.atInfo()
                .addKeyValue("mission_id", locked.mission().id())
                .addKeyValue("hop_id", locked.hop().id())
                .addKeyValue("why", why)
                .log("run stops");
    }

    /** Keeps what a validation found. Changes nothing where it is known already. */
    ToolStep keep(Tx tx, ToolStep step, List<ValidationError> errors) {
        if (step.state().validationErrors().equals(errors)) {
            return step;
        }
        var kept = steps.updateState(tx, step.id(), step.state().withErrors(errors));
        note(tx, kept);
        return kept;
    }

    /** Tells of a new step. */
    void noteCreated(Tx tx, ToolStep step) {
        tx.change(describe(Change.created("tool_step", step.id(), step.version()), step));
        moves.record(tx, moveOf(step, null, ""));
    }

    /** Records the moves of steps that were moved together. */
    void noteMoves(Tx tx, List<ToolStep> moved, Function<ToolStep, ToolStepStatus> from, String reason) {
        moves.record(
                tx,
                moved.stream()
                        .map(step -> moveOf(step, from.apply(step), reason))
                        .toList());
    }

    private static Move moveOf(ToolStep step, @Nullable ToolStepStatus from, String reason) {
        return Move.of(Move.Resource.TOOL_STEP, step.id(), step.missionId(), from, step.status(), reason);
    }

    static void note(Tx tx, ToolStep step) {
        tx.change(describe(Change.updated("tool_step", step.id(), step.version()), step));
    }

    static Change describe(Change change, ToolStep step) {
        var described = change.with("status", step.status())
                .with("mission_id", step.missionId())
                .with("hop_id", step.hopId())
                .with("tool_id", step.fields().toolId())
                .with("attempt", step.state().attempt());
        var order = step.state().workOrderId();
        return order == null ? described : described.with("work_order_id", order);
    }

    private static FailureException invalid(ToolStep step, List<ValidationError> errors) {
        var violations = errors.stream()
                .map(error -> new PreconditionViolation("VALIDATION", error.field(), error.message()))
                .toList();
        return Failure.failedPrecondition(
                        ErrorReason.ERROR_REASON_STEP_INVALID,
                        violations,
                        "tool_step %s cannot be executed: %s",
                        step.id(),
                        errors.getFirst().message())
                .with("tool_step_id", step.id())
                .with("error_count", errors.size())
                .exception();
    }

    private static String shorten(String text) {
        return text.length() <= MAX_ERROR ? text : text.substring(0, MAX_ERROR - 1) + "…";
    }

    private static void log(ToolStep step, String what) {
        LOG.atInfo()
                .addKeyValue("tool_step_id", step.id())
                .addKeyValue("hop_id", step.hopId())
                .addKeyValue("attempt", step.state().attempt())
                .log(what);
    }
}
