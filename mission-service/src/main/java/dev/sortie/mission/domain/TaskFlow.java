package dev.sortie.mission.domain;

import dev.sortie.mission.store.TaskDependencyStore;
import dev.sortie.mission.store.TaskStore;
import dev.sortie.mission.v1.ErrorReason;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.failure.Failure.PreconditionViolation;
import dev.sortie.runtime.sql.Change;
import dev.sortie.runtime.sql.Tx;
import java.time.Instant;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How tasks move, and what follows from it. For callers who are sure of their right to do it: the operations of
 * {@link Tasks}, and whoever has workers do tasks.
 *
 * <p>Who moves a task holds its lock, and before that the one of its plan, if it has one: moves of tasks of one plan come
 * one after the other. A task that completes then takes the locks of the tasks that it blocks, also those of other
 * plans. Locks go from what blocks to what is blocked, which is never a ring.
 *
 * <p>Everything that follows from a move is part of its transaction. So there is no moment at which a task is blocked by
 * nothing, or ready in spite of something.
 */
public final class TaskFlow {
    private static final Logger LOG = LoggerFactory.getLogger(TaskFlow.class);
    private static final int MAX_ERROR = 16_384;
    private static final int SHOWN = 20;

    private final TaskStore tasks;
    private final TaskDependencyStore dependencies;
    private final TaskDispatch dispatch;
    private final Moves moves;

    public TaskFlow(TaskStore tasks, TaskDependencyStore dependencies, TaskDispatch dispatch, Moves moves) {
        this.tasks = tasks;
        this.dependencies = dependencies;
        this.dispatch = dispatch;
        this.moves = moves;
    }

    /**
     * A task whose lock is held, with its plan, whose lock is held, too.
     *
     * @param plan null where the task is of none
     */
    public record Locked(@Nullable PlanHead plan, Task task) {
        /** Whether its plan or project is deleted. */
        boolean hidden() {
            return plan != null && plan.hidden();
        }

        Locked with(Task moved) {
            return new Locked(plan, moved);
        }
    }

    /**
     * Locks a task that callers can see.
     *
     * @throws dev.sortie.runtime.failure.FailureException NOT_FOUND when there is none
     */
    public Locked lock(Tx tx, UUID id) {
        return find(tx, id).filter(found -> !found.hidden()).orElseThrow(() -> Refusals.notFound("task", id));
    }

    /** Locks a task, also one whose plan is hidden. */
    public Optional<Locked> find(Tx tx, UUID id) {
        var planId = tasks.planOf(tx, id);
        if (planId.isEmpty()) {
            return Optional.empty();
        }
        // Purged meanwhile, a plan has taken its tasks along.
        var plan = planId.get().flatMap(of -> tasks.lockPlan(tx, of)).orElse(null);
        return tasks.lock(tx, id).map(task -> new Locked(plan, task));
    }

    /** A task as it is now: what followed from its move may have moved it on. */
    Task current(Tx tx, Task task) {
        return tasks.find(tx, task.id()).orElse(task);
    }

    /** Refuses a move that the status does not allow. */
    static void checkMove(Task task, TaskMove move) {
        if (!task.allows(move)) {
            throw Refusals.moveNotAllowed(
                    "task",
                    task.id(),
                    task.status(),
                    move,
                    TaskMove.allowedTo(task.status(), task.state().outcome().awaitingApproval()));
        }
    }

    /**
     * Queues a task: another attempt begins. Does not call {@link TaskDispatch#changed}.
     *
     * @throws dev.sortie.runtime.failure.FailureException when it needs a person, is blocked, or its plan is not ACTIVE
     */
    public Task queue(Tx tx, Locked locked, String reason) {
        var task = locked.task();
        checkMove(task, TaskMove.QUEUE);
        if (task.fields().permissionLevel() == PermissionLevel.HUMAN_REQUIRED) {
            throw Failure.failedPrecondition(
                            ErrorReason.ERROR_REASON_PERSON_REQUIRED,
                            "task %s needs a person and is never queued; assign it to somebody",
                            task.id())
                    .with("task_id", task.id())
                    .exception();
        }
        var plan = locked.plan();
        if (plan != null && plan.status() != PlanStatus.ACTIVE) {
            throw Failure.failedPrecondition(
                            ErrorReason.ERROR_REASON_PLAN_NOT_ACTIVE,
                            List.of(new PreconditionViolation(
                                    "STATE", "plan/" + plan.id(), "the state is %s".formatted(plan.status()))),
                            "task %s: its plan %s is %s (expected: ACTIVE)",
                            task.id(),
                            plan.id(),
                            plan.status())
                    .with("task_id", task.id())
                    .with("plan_id", plan.id())
                    .with("plan_state", plan.status())
                    .exception();
        }
        checkUnblocked(tx, task);
        var queued = write(
                tx, task, task.state().queued(dispatch.queueFor(task.fields().type()), reason));
        dispatch.place(tx, queued);
        return queued;
    }

    /** Refuses what a task that failed could do if it were not blocked since; one that is at rest is BLOCKED then. */
    private void checkUnblocked(Tx tx, Task task) {
        if (task.status() != TaskStatus.FAILED) {
            return;
        }
        var blockers = dependencies.blockers(tx, task.id());
        if (!blockers.isEmpty()) {
            throw Failure.failedPrecondition(
                            ErrorReason.ERROR_REASON_TASK_BLOCKED,
                            blockers.stream()
                                    .limit(SHOWN)
                                    .map(blocker -> new PreconditionViolation(
                                            "BLOCKED", "task/" + blocker.taskId(), "is " + blocker.status()))
                                    .toList(),
                            "task %s depends on %d tasks that are not COMPLETED",
                            task.id(),
                            blockers.size())
                    .with("task_id", task.id())
                    .with("open_tasks", blockers.size())
                    .exception();
        }
    }

    /** The order of the current attempt is placed. */
    public Task placed(Tx tx, Locked locked, UUID workOrderId) {
        return write(tx, locked.task(), locked.task().state().placed(workOrderId));
    }

    /** A worker has the order. */
    public Task claimed(Tx tx, Locked locked, UUID workerId) {
        return write(tx, locked.task(), locked.task().state().claimed(workerId, tx.now()));
    }

    /** The worker has the order no longer; it waits in the queue again. */
    public Task unclaimed(Tx tx, Locked locked) {
        return write(tx, locked.task(), locked.task().state().unclaimed());
    }

    /**
     * The worker's result is there. Completes the task, or has it judged first.
     *
     * @param result a JSON object as text
     */
    public Task succeeded(Tx tx, Locked locked, String result) {
        dispatch.ended(tx, locked.task(), true);
        return finish(tx, locked, result, "");
    }

    /** The worker's attempts are used up. */
    public Task failed(Tx tx, Locked locked, String message) {
        dispatch.ended(tx, locked.task(), false);
        return fail(tx, locked, message, "");
    }

    /** Somebody cancelled the order itself: nobody wants the task done any more. */
    public Task cancelled(Tx tx, Locked locked, String reason) {
        var cancelled = write(tx, locked.task(), locked.task().state().cancelled(reason, tx.now()));
        changed(tx, cancelled);
        return cancelled;
    }

    /** Nobody shall do the current attempt any more: it is as if it had not been. The order is cancelled by the caller. */
    public Task takeBack(Tx tx, Locked locked, String why) {
        var task = locked.task();
        var rested = write(tx, task, task.state().resting(rest(tx, task), why));
        changed(tx, rested);
        return current(tx, rested);
    }

    /** Has the order of the current attempt cancelled: it is as if the attempt had not been. */
    Task interrupt(Tx tx, Locked locked, String why) {
        recall(tx, locked.task(), why);
        return takeBack(tx, locked, why);
    }

    /** The worker is gone, and the order waits in the queue again. */
    Task left(Tx tx, Locked locked) {
        return write(tx, locked.task(), locked.task().state().left());
    }

    /** Somebody works on a task. */
    Task report(Tx tx, Locked locked, Task.Progress progress, String reason) {
        var task = locked.task();
        checkMove(task, TaskMove.REPORT_PROGRESS);
        checkUnblocked(tx, task);
        return write(tx, task, task.state().inProgress(progress, reason, tx.now()));
    }

    /**
     * A person says that the task is done.
     *
     * @param result a JSON object as text; null for nothing to keep
     */
    Task complete(Tx tx, Locked locked, @Nullable String result, String reason) {
        checkMove(locked.task(), TaskMove.COMPLETE);
        recall(tx, locked.task(), Moves.because("a person completed the task", reason));
        return finish(tx, locked, result, reason);
    }

    private Task finish(Tx tx, Locked locked, @Nullable String result, String reason) {
        var task = locked.task();
        if (task.fields().permissionLevel() == PermissionLevel.SUPERVISED) {
            var waiting = write(tx, task, task.state().awaitingApproval(result, reason, tx.now()));
            changed(tx, waiting);
            return waiting;
        }
        return end(tx, task, result, reason);
    }

    /** The result is good enough. */
    Task approve(Tx tx, Locked locked, String reason) {
        var task = locked.task();
        checkMove(task, TaskMove.APPROVE);
        return end(tx, task, task.state().outcome().result(), reason);
    }

    private Task end(Tx tx, Task task, @Nullable String result, String reason) {
        var completed = write(tx, task, task.state().completed(result, reason, tx.now()));
        var plans = release(tx, dependencies.blockedBy(tx, List.of(task.id())));
        changed(tx, completed, plans);
        return completed;
    }

    /** The result is not good enough: another attempt shall know why. */
    Task reject(Tx tx, Locked locked, String reason) {
        var task = locked.task();
        checkMove(task, TaskMove.REJECT);
        var rejected = write(tx, task, task.state().rejected(reason));
        // Nobody else queues it again, and whoever queued it once wants it done.
        if (locked.plan() == null && task.state().dispatch().workerId() != null) {
            return queue(tx, locked.with(rejected), reason);
        }
        changed(tx, rejected);
        return current(tx, rejected);
    }

    /** A person gives the task up because it failed. */
    Task failByPerson(Tx tx, Locked locked, String reason) {
        checkMove(locked.task(), TaskMove.FAIL);
        recall(tx, locked.task(), Moves.because("a person says that the task has failed", reason));
        return fail(tx, locked, reason, reason);
    }

    private Task fail(Tx tx, Locked locked, String message, String reason) {
        var task = locked.task();
        var failed = write(tx, task, task.state().failed(shorten(message), reason, tx.now()));
        LOG.atInfo()
                .addKeyValue("task_id", task.id())
                .addKeyValue("attempt", task.state().dispatch().attempt())
                .addKeyValue("error", shorten(message))
                .log("task fails");
        changed(tx, failed);
        return failed;
    }

    /** A task is no longer wanted. */
    Task cancel(Tx tx, Locked locked, String reason) {
        checkMove(locked.task(), TaskMove.CANCEL);
        var cancelled = cancelOne(tx, locked.task(), Moves.because("the task was cancelled", reason), reason);
        changed(tx, cancelled);
        return cancelled;
    }

    private Task cancelOne(Tx tx, Task task, String why, String reason) {
        recall(tx, task, why);
        return write(tx, task, task.state().cancelled(reason, tx.now()));
    }

    /** Cancels all tasks of a plan, which is locked, that have not ended. */
    public void cancelOpenOfPlan(Tx tx, UUID planId, String reason) {
        tasks.lockOpenOfPlan(tx, planId).forEach(task -> cancelOne(tx, task, reason, reason));
    }

    /** Takes back all tasks of a plan, which is locked, that are dispatched. */
    public void interruptOfPlan(Tx tx, UUID planId, String reason) {
        tasks.lockDispatchedOfPlan(tx, planId).forEach(task -> {
            recall(tx, task, reason);
            write(tx, task, task.state().resting(rest(tx, task), reason));
        });
    }

    /** Deletes all tasks of a plan, which is locked. What they blocked in other plans is released. */
    public void deleteOfPlan(Tx tx, UUID planId) {
        changed(tx, deleteAll(tx, tasks.lockOfPlanForDelete(tx, planId), "the plan was deleted"));
    }

    /**
     * Deletes tasks, whose locks are held, with their dependencies, and releases what they blocked.
     *
     * @return the plans of what is released
     */
    Set<UUID> deleteAll(Tx tx, List<Task> doomed, String why) {
        if (doomed.isEmpty()) {
            return Set.of();
        }
        var ids = doomed.stream().map(Task::id).toList();
        var blocked = dependencies.blockedBy(tx, ids);
        doomed.forEach(task -> recall(tx, task, why));
        dependencies
                .deleteOf(tx, ids)
                .forEach(gone -> tx.change(describe(Change.deleted("task_dependency", gone.id(), 1), gone)));
        tasks.deleteAll(tx, ids);
        doomed.forEach(task -> tx.change(describe(Change.deleted("task", task.id(), task.version()), task)));
        return release(tx, blocked);
    }

    /** Orders the tasks of a plan, which is locked, by another deadline of the plan, unless they have their own. */
    public void planDeadlineChanged(Tx tx, UUID planId, @Nullable Instant deadline) {
        tasks.moveDue(tx, planId, deadline == null ? Task.NEVER : deadline);
    }

    /** A task that is at rest, or was dispatched, depends on one more that is not completed. */
    Task block(Tx tx, Task task) {
        if (task.status() == TaskStatus.BLOCKED) {
            return task;
        }
        if (!task.allows(TaskMove.BLOCK)) {
            throw Refusals.notChangeable(
                    "task",
                    task.id(),
                    task.status(),
                    "a task that has begun or ended cannot be made to wait for one that is not COMPLETED");
        }
        recall(tx, task, "the task is blocked by another one");
        var blocked =
                write(tx, task, task.state().resting(TaskStatus.BLOCKED, "a task that blocks it is not completed"));
        changed(tx, blocked);
        return blocked;
    }

    /** Moves a task, whose lock is held and that is at rest, to where it now belongs. */
    Task settle(Tx tx, Task task) {
        if (!task.status().isAtRest()) {
            return task;
        }
        var rest = rest(tx, task);
        if (rest == task.status()) {
            return task;
        }
        return write(
                tx, task, task.state().resting(rest, task.status() == TaskStatus.BLOCKED ? "nothing blocks it" : ""));
    }

    /** Where a task stands that nobody is at. */
    TaskStatus rest(Tx tx, Task task) {
        if (!dependencies.stillBlocked(tx, List.of(task.id())).isEmpty()) {
            return TaskStatus.BLOCKED;
        }
        return unblocked(task.fields());
    }

    /** Where a task stands that nobody is at and nothing blocks. */
    static TaskStatus unblocked(Task.Fields fields) {
        return fields.permissionLevel() == PermissionLevel.HUMAN_REQUIRED && fields.assignedUserId() != null
                ? TaskStatus.ASSIGNED
                : TaskStatus.PENDING;
    }

    /**
     * Releases those of some tasks that nothing blocks any more. Their locks are taken first and what still blocks them
     * is looked up after that: of two tasks that block a third and complete at once, the second sees the first.
     *
     * @return the plans of those that are released
     */
    Set<UUID> release(Tx tx, Collection<UUID> ids) {
        if (ids.isEmpty()) {
            return Set.of();
        }
        var waiting = tasks.lockAll(tx, ids).stream()
                .filter(task -> task.status() == TaskStatus.BLOCKED)
                .toList();
        if (waiting.isEmpty()) {
            return Set.of();
        }
        var stillBlocked =
                dependencies.stillBlocked(tx, waiting.stream().map(Task::id).toList());
        return waiting.stream()
                .filter(task -> !stillBlocked.contains(task.id()))
                .map(task ->
                        write(tx, task, task.state().resting(unblocked(task.fields()), "nothing blocks it any more")))
                .flatMap(task -> Stream.ofNullable(task.planId()))
                .collect(Collectors.toSet());
    }

    /** Has the order of a task cancelled, if it has one. */
    private void recall(Tx tx, Task task, String why) {
        if (task.state().dispatch().out()) {
            dispatch.recall(tx, task, why);
        }
    }

    /** The one place where a task moves. */
    private Task write(Tx tx, Task before, Task.State state) {
        var after = tasks.updateState(tx, before.id(), state);
        noteUpdate(tx, before.status(), after);
        return after;
    }

    /** Tells of a change, which may be a move. */
    void noteUpdate(Tx tx, TaskStatus before, Task after) {
        note(tx, after);
        record(tx, before, after);
        if (before != after.status()) {
            LOG.atDebug()
                    .addKeyValue("task_id", after.id())
                    .addKeyValue("from", before)
                    .addKeyValue("task_status", after.status())
                    .log("task moves");
        }
    }

    /** Tells of a task that begins. */
    void noteCreation(Tx tx, Task task) {
        tx.change(describe(Change.created("task", task.id(), task.version()), task));
        record(tx, null, task);
    }

    private void record(Tx tx, @Nullable TaskStatus from, Task task) {
        moves.record(
                tx,
                Move.of(
                        Move.Resource.TASK,
                        task.id(),
                        task.id(),
                        from,
                        task.status(),
                        task.state().reason()));
    }

    /** Tells of a change. */
    static void note(Tx tx, Task task) {
        tx.change(describe(Change.updated("task", task.id(), task.version()), task));
    }

    static Change describe(Change change, Task task) {
        var described = change.with("status", task.status())
                .with("permission_level", task.fields().permissionLevel())
                .with("priority", task.fields().priority())
                .with("attempt", task.state().dispatch().attempt())
                .with("awaiting_approval", task.state().outcome().awaitingApproval());
        var order = task.state().dispatch().workOrderId();
        if (order != null) {
            described = described.with("work_order_id", order);
        }
        if (task.fields().assignedUserId() != null) {
            described = described.with("assigned_user_id", task.fields().assignedUserId());
        }
        if (task.parentTaskId() != null) {
            described = described.with("parent_task_id", task.parentTaskId());
        }
        return task.planId() == null ? described : described.with("plan_id", task.planId());
    }

    static Change describe(Change change, TaskDependency dependency) {
        return change.with("task_id", dependency.taskId())
                .with("depends_on_task_id", dependency.dependsOnTaskId())
                .with("dependency_type", dependency.type());
    }

    /** Has somebody see what to dispatch next, in the plan of a task. */
    void changed(Tx tx, Task task) {
        changed(tx, task, Set.of());
    }

    /** The same in other plans, too. */
    void changed(Tx tx, Task task, Set<UUID> others) {
        var plans = new HashSet<>(others);
        if (task.planId() != null) {
            plans.add(task.planId());
        }
        changed(tx, plans);
    }

    void changed(Tx tx, Set<UUID> plans) {
        if (!plans.isEmpty()) {
            dispatch.changed(tx, new TreeSet<>(plans));
        }
    }

    private static String shorten(String text) {
        return text.length() <= MAX_ERROR ? text : text.substring(0, MAX_ERROR - 1) + "…";
    }
}
