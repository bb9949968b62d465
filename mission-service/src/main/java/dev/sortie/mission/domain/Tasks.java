package dev.sortie.mission.domain;

import dev.sortie.mission.store.TaskDependencyStore;
import dev.sortie.mission.store.TaskStore;
import dev.sortie.mission.v1.ErrorReason;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.id.Ids;
import dev.sortie.runtime.paging.Keyset;
import dev.sortie.runtime.paging.Page;
import dev.sortie.runtime.paging.PageRequest;
import dev.sortie.runtime.sql.Change;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Tx;
import java.math.BigDecimal;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** What callers do with tasks and their dependencies. */
public final class Tasks {
    /** How many tasks one may wait for, directly or by way of others. */
    private static final int MAX_REACH = 10_000;

    private final TaskStore tasks;
    private final TaskDependencyStore dependencies;
    private final TaskFlow flow;
    private final TaskAssignees assignees;
    private final Moves moves;
    private final Ids ids;

    public Tasks(
            TaskStore tasks,
            TaskDependencyStore dependencies,
            TaskFlow flow,
            TaskAssignees assignees,
            Moves moves,
            Ids ids) {
        this.tasks = tasks;
        this.dependencies = dependencies;
        this.flow = flow;
        this.assignees = assignees;
        this.moves = moves;
        this.ids = ids;
    }

    /**
     * A task to be made.
     *
     * @param planId null for none, and for the parent's
     * @param parentTaskId null for none
     */
    public record Draft(@Nullable UUID planId, @Nullable UUID parentTaskId, Task.Fields fields) {}

    /**
     * A task that shall change.
     *
     * @param etag the version that it must still have; empty means any
     * @param change makes the new values from the present ones
     * @param agentId the agent for whom it shall be meant; null when that stays as it is, and for any
     */
    public record Edit(
            UUID id,
            String etag,
            UnaryOperator<Task.Fields> change,
            @Nullable UUID agentId) {}

    /**
     * A task that shall move, or go.
     *
     * @param reason why, for the record; may be empty
     */
    public record Request(UUID id, String etag, String reason) {}

    /**
     * A task that is done.
     *
     * @param result a JSON object as text; null for nothing to keep
     */
    public record Completion(UUID id, String etag, @Nullable String result, String reason) {}

    /**
     * How far a task is.
     *
     * @param percentage null leaves it as it is; so does null for the hours
     * @param allowDecrease whether a value may be lower than the recorded one
     */
    public record Report(
            UUID id,
            String etag,
            @Nullable BigDecimal percentage,
            @Nullable BigDecimal hours,
            boolean allowDecrease,
            String reason) {}

    /**
     * A dependency that shall be there.
     *
     * @param etag the version that the task that depends must still have; empty means any
     */
    public record Link(UUID taskId, UUID dependsOnTaskId, DependencyType type, String etag) {}

    /** A dependency that shall be there no longer. */
    public record Pair(UUID taskId, UUID dependsOnTaskId, String etag) {}

    /** A dependency, and the task that depends as it is now. */
    public record Linked(TaskDependency dependency, Task task) {}

    /** Refuses a task for an agent that does not exist. Asks another service, hence before the transaction. */
    public Draft checkElsewhere(Draft draft) {
        if (draft.fields().assignedAgentId() != null) {
            assignees.checkAgent(draft.fields().assignedAgentId());
        }
        return draft;
    }

    /** The same of a change. */
    public Edit checkElsewhere(Edit edit) {
        if (edit.agentId() != null) {
            assignees.checkAgent(edit.agentId());
        }
        return edit;
    }

    /** Creates a task, PENDING or, where it needs a person and has one, ASSIGNED. */
    public Task create(Tx tx, Draft draft) {
        var planId = draft.planId();
        if (planId == null && draft.parentTaskId() != null) {
            planId = tasks.planOf(tx, draft.parentTaskId())
                    .orElseThrow(() -> parentNotFound(draft.parentTaskId()))
                    .orElse(null);
        }
        var plan = planId == null ? null : lockPlan(tx, planId);
        var parent = draft.parentTaskId() == null ? null : lockParent(tx, planId, draft.parentTaskId());
        checkMayAdd(tx, plan, parent);
        if (plan != null && plan.status().isTerminal()) {
            throw Refusals.notChangeable("plan", plan.id(), plan.status(), "a plan that has ended takes no more tasks");
        }
        var fields = draft.fields();
        var task = tasks.insert(
                tx,
                ids.next(),
                planId,
                draft.parentTaskId(),
                parent == null ? 0 : parent.depth() + 1,
                fields,
                dueAt(fields, plan),
                TaskFlow.unblocked(fields),
                Owners.creator(tx));
        flow.noteCreation(tx, task);
        flow.changed(tx, task);
        return plan == null ? task : flow.current(tx, task);
    }

    /** Whose the plan or the parent is may add to it. */
    private static void checkMayAdd(Tx tx, @Nullable PlanHead plan, @Nullable Task parent) {
        var ofParent = parent == null ? null : parent.createdBy();
        var atParent = parent == null ? null : parent.fields().assignedUserId();
        if (plan != null) {
            Owners.require(tx.principal(), "plan", plan.id(), plan.createdBy(), plan.assignedTo(), ofParent, atParent);
        } else if (parent != null) {
            Owners.require(tx.principal(), "task", parent.id(), ofParent, atParent);
        }
    }

    private PlanHead lockPlan(Tx tx, UUID planId) {
        return tasks.lockPlan(tx, planId)
                .filter(plan -> !plan.hidden())
                .orElseThrow(() -> Refusals.referenceNotFound("task.plan_id", "plan", planId));
    }

    private Task lockParent(Tx tx, @Nullable UUID planId, UUID parentId) {
        var parent = tasks.lock(tx, parentId)
                .filter(found -> planId == null ? found.planId() == null : planId.equals(found.planId()))
                .orElseThrow(() -> parentNotFound(parentId));
        if (parent.depth() >= Task.MAX_DEPTH) {
            throw Failure.failedPrecondition(
                            ErrorReason.ERROR_REASON_NESTED_TOO_DEEP,
                            "task %s is on the lowest level of subtasks: there are %d",
                            parentId,
                            Task.MAX_DEPTH)
                    .with("resource", "task")
                    .with("id", parentId)
                    .with("limit", Task.MAX_DEPTH)
                    .exception();
        }
        if (tasks.countChildren(tx, parentId) >= Refusals.MAX_CHILDREN) {
            throw Refusals.tooManyChildren("task", parentId);
        }
        return parent;
    }

    private static RuntimeException parentNotFound(@Nullable UUID parentId) {
        return Refusals.referenceNotFound("task.parent_task_id", "task", String.valueOf(parentId));
    }

    private static Instant dueAt(Task.Fields fields, @Nullable PlanHead plan) {
        if (fields.deadline() != null) {
            return fields.deadline();
        }
        return plan == null || plan.deadline() == null ? Task.NEVER : plan.deadline();
    }

    public Task get(Queries queries, UUID id) {
        return tasks.findVisible(queries, id).orElseThrow(() -> Refusals.notFound("task", id));
    }

    /** A page of tasks, without their results. */
    public Page<Task> list(Queries queries, TaskStore.Filter filter, PageRequest page) {
        if (!filter.isServed()) {
            throw Failure.invalidArgument(
                            dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID,
                            "order_by",
                            "%s goes with a filter like this only for the tasks of a plan or of an assigned user"
                                    + " (expected: plan_id or assigned_user_id, or no order)",
                            filter.order())
                    .with("field_count", 1)
                    .exception();
        }
        return page.page(
                tasks.list(queries, filter, page.after(), page.limit()), task -> TaskStore.key(filter.order(), task));
    }

    /** A page of tasks that are ready, without their results. */
    public Page<Task> listReady(Queries queries, TaskStore.ReadyFilter filter, PageRequest page) {
        return page.page(
                tasks.listReady(queries, filter, page.after(), page.limit()),
                task -> TaskStore.key(TaskOrder.PRIORITY, task));
    }

    /** Changes what callers set. */
    public Task update(Tx tx, Edit edit) {
        var locked = lock(tx, edit.id(), edit.etag());
        var task = locked.task();
        var present = task.fields();
        var fields = edit.change().apply(present);
        if (fields.equals(present)) {
            return task;
        }
        checkChangeable(task, fields);
        // A task that needs a person stands where it does because of that person: both change by one statement.
        var status = task.status();
        if (status.isAtRest() && status != TaskStatus.BLOCKED) {
            status = TaskFlow.unblocked(fields);
        }
        var updated = tasks.updateFields(tx, task.id(), fields, dueAt(fields, locked.plan()), status);
        flow.noteUpdate(tx, task.status(), updated);
        if (updated.status() != TaskStatus.PENDING) {
            return updated;
        }
        flow.changed(tx, updated);
        return flow.current(tx, updated);
    }

    private static void checkChangeable(Task task, Task.Fields fields) {
        var present = task.fields();
        if (task.status().isTerminal() && !fields.withNotesOf(present).equals(present)) {
            throw Refusals.notChangeable(
                    "task",
                    task.id(),
                    task.status(),
                    "of a task that has ended only metadata, tags, pr_number, mobile_task_id, device_fingerprint and"
                            + " sync_status are changed");
        }
        if (fields.permissionLevel() != present.permissionLevel()
                && !task.status().isAtRest()
                && task.status() != TaskStatus.FAILED) {
            throw Refusals.notChangeable(
                    "task",
                    task.id(),
                    task.status(),
                    "the permission level is changed while the task is PENDING, BLOCKED, ASSIGNED or FAILED");
        }
    }

    /** Deletes a task with its subtasks and all their dependencies; returns it as it was. */
    public Task delete(Tx tx, Request request) {
        var locked = lock(tx, request.id(), request.etag());
        var doomed = List.<Task>of();
        // Subtasks may come while those that are there are locked, at the latest then no more.
        for (var subtree = tasks.subtree(tx, request.id());
                subtree.size() > doomed.size();
                subtree = tasks.subtree(tx, request.id())) {
            doomed = tasks.lockAllForDelete(tx, subtree);
        }
        var plans = flow.deleteAll(tx, doomed, "the task was deleted");
        flow.changed(tx, locked.task(), plans);
        return locked.task();
    }

    /** Queues a task; one that is queued stays as it is. */
    public Task queue(Tx tx, Request request) {
        var locked = lock(tx, request.id(), request.etag());
        return locked.task().status() == TaskStatus.QUEUED ? locked.task() : flow.queue(tx, locked, request.reason());
    }

    /** Records that a task is done, by a person. */
    public Task complete(Tx tx, Completion completion) {
        return flow.complete(
                tx, lock(tx, completion.id(), completion.etag()), completion.result(), completion.reason());
    }

    public Task fail(Tx tx, Request request) {
        return flow.failByPerson(tx, lock(tx, request.id(), request.etag()), request.reason());
    }

    public Task cancel(Tx tx, Request request) {
        return flow.cancel(tx, lock(tx, request.id(), request.etag()), request.reason());
    }

    public Task approve(Tx tx, Request request) {
        return flow.approve(tx, lock(tx, request.id(), request.etag()), request.reason());
    }

    public Task reject(Tx tx, Request request) {
        return flow.reject(tx, lock(tx, request.id(), request.etag()), request.reason());
    }

    /** Records how far a task is: somebody has begun. */
    public Task report(Tx tx, Report report) {
        var locked = lock(tx, report.id(), report.etag());
        var task = locked.task();
        TaskFlow.checkMove(task, TaskMove.REPORT_PROGRESS);
        var present = task.state().progress();
        // What a failed attempt had done is not what the next one has done.
        var done = task.status() == TaskStatus.FAILED ? BigDecimal.ZERO : present.percentage();
        if (!report.allowDecrease()) {
            checkNotLower(task, "progress_percentage", report.percentage(), done);
            checkNotLower(task, "actual_effort", report.hours(), present.hours());
        }
        return flow.report(
                tx,
                locked,
                new Task.Progress(
                        report.percentage() == null ? done : report.percentage(),
                        report.hours() == null ? present.hours() : report.hours()),
                report.reason());
    }

    private static void checkNotLower(
            Task task, String field, @Nullable BigDecimal reported, @Nullable BigDecimal recorded) {
        if (reported == null || recorded == null || reported.compareTo(recorded) >= 0) {
            return;
        }
        throw Failure.failedPrecondition(
                        ErrorReason.ERROR_REASON_PROGRESS_LOWERED,
                        "%s: %s, which is lower than what is recorded, %s; set allow_decrease to correct it",
                        field,
                        reported.toPlainString(),
                        recorded.toPlainString())
                .with("task_id", task.id())
                .with("field", field)
                .with("recorded", recorded.stripTrailingZeros().toPlainString())
                .exception();
    }

    /** Makes one task depend on another. */
    public Linked link(Tx tx, Link link) {
        if (link.taskId().equals(link.dependsOnTaskId())) {
            throw Failure.invalidArgument(
                            dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID,
                            "depends_on_task_id",
                            "the task itself (expected: another task)")
                    .with("field_count", 1)
                    .exception();
        }
        boolean blocks = link.type() == DependencyType.BLOCKS;
        if (blocks) {
            dependencies.lockGraph(tx);
        }
        var planId = tasks.planOf(tx, link.taskId()).orElseThrow(() -> Refusals.notFound("task", link.taskId()));
        planId.ifPresent(id -> tasks.lockPlan(tx, id));
        // What blocks is locked before what is blocked, as when it completes.
        var blocker = tasks.lockStatus(tx, link.dependsOnTaskId())
                .filter(status -> tasks.isVisible(tx, link.dependsOnTaskId()));
        var task = lock(tx, link.taskId(), link.etag()).task();
        var status = blocker.orElseThrow(
                () -> Refusals.referenceNotFound("depends_on_task_id", "task", link.dependsOnTaskId()));
        checkNew(tx, link);
        if (blocks) {
            checkNoCycle(tx, link);
        }
        var dependency = dependencies.insert(tx, ids.next(), link.taskId(), link.dependsOnTaskId(), link.type());
        tx.change(TaskFlow.describe(Change.created("task_dependency", dependency.id(), 1), dependency));
        boolean open = blocks && status != TaskStatus.COMPLETED;
        return new Linked(dependency, open ? flow.block(tx, task) : task);
    }

    private void checkNew(Tx tx, Link link) {
        dependencies.find(tx, link.taskId(), link.dependsOnTaskId()).ifPresent(there -> {
            throw Failure.alreadyExists(
                            ErrorReason.ERROR_REASON_DEPENDENCY_EXISTS,
                            "task %s depends on task %s already (%s)",
                            link.taskId(),
                            link.dependsOnTaskId(),
                            there.type())
                    .with("task_id", link.taskId())
                    .with("depends_on_task_id", link.dependsOnTaskId())
                    .with("dependency_type", there.type())
                    .exception();
        });
        var counts = dependencies.count(tx, link.taskId(), link.dependsOnTaskId());
        if (counts.dependencies() >= Refusals.MAX_CHILDREN) {
            throw Refusals.tooManyChildren("task", link.taskId());
        }
        if (counts.dependents() >= Refusals.MAX_CHILDREN) {
            throw Refusals.tooManyChildren("task", link.dependsOnTaskId());
        }
    }

    /** The graph is locked: nobody closes the ring from the other side meanwhile. */
    private void checkNoCycle(Tx tx, Link link) {
        var reach = dependencies.reach(tx, link.dependsOnTaskId(), link.taskId(), MAX_REACH + 2);
        if (reach.found()) {
            throw Failure.failedPrecondition(
                            ErrorReason.ERROR_REASON_DEPENDENCY_CYCLE,
                            List.of(new Failure.PreconditionViolation(
                                    "CYCLE", "task/" + link.dependsOnTaskId(), "waits for task " + link.taskId())),
                            "task %s waits for task %s already: they would block each other",
                            link.dependsOnTaskId(),
                            link.taskId())
                    .with("task_id", link.taskId())
                    .with("depends_on_task_id", link.dependsOnTaskId())
                    .exception();
        }
        if (reach.seen() > MAX_REACH + 1) {
            throw Refusals.tooManyChildren("task", link.dependsOnTaskId(), MAX_REACH);
        }
    }

    /** Removes a dependency. */
    public Linked unlink(Tx tx, Pair link) {
        var task = lock(tx, link.taskId(), link.etag()).task();
        var dependency = dependencies
                .find(tx, link.taskId(), link.dependsOnTaskId())
                .orElseThrow(
                        () -> Refusals.notFound("task_dependency", link.taskId() + " on " + link.dependsOnTaskId()));
        dependencies.delete(tx, dependency.id());
        tx.change(TaskFlow.describe(Change.deleted("task_dependency", dependency.id(), 1), dependency));
        var settled = flow.settle(tx, task);
        if (settled.status() == task.status()) {
            return new Linked(dependency, task);
        }
        flow.changed(tx, settled);
        return new Linked(dependency, flow.current(tx, settled));
    }

    /** A page of dependencies by creation. */
    public Page<TaskDependency> listDependencies(Queries queries, TaskDependencyStore.Filter filter, PageRequest page) {
        if (!tasks.isVisible(queries, filter.taskId())) {
            throw Refusals.notFound("task", filter.taskId());
        }
        return page.page(
                dependencies.list(queries, filter, page.after(), page.limit()),
                dependency -> Keyset.of(dependency.createdAt(), dependency.id()));
    }

    /** A page of the moves of a task, newest first. */
    public Page<Move.Recorded> moves(Queries queries, UUID id, PageRequest page) {
        if (!tasks.isVisible(queries, id)) {
            throw Refusals.notFound("task", id);
        }
        return moves.list(queries, Move.Root.TASK, id, null, null, page);
    }

    /**
     * Forgets a user who goes: whoever created a task is nobody then, and what was assigned to them is to nobody. For
     * callers who are sure of their right to do it.
     */
    void forget(Tx tx, UUID userId) {
        tasks.clearAssignee(tx, userId).forEach(moved -> flow.noteUpdate(tx, moved.before(), moved.task()));
        tasks.clearCreator(tx, userId).forEach(task -> TaskFlow.note(tx, task));
    }

    private TaskFlow.Locked lock(Tx tx, UUID id, String etag) {
        var locked = flow.lock(tx, id);
        var task = locked.task();
        Owners.require(
                tx.principal(), "task", id, task.createdBy(), task.fields().assignedUserId());
        Refusals.checkEtag("task", id, etag, task.version());
        return locked;
    }
}
