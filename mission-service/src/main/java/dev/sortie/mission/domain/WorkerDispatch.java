package dev.sortie.mission.domain;

import dev.sortie.mission.store.DispatchStore;
import dev.sortie.mission.store.OutboxStore;
import dev.sortie.mission.store.PlanStore;
import dev.sortie.runtime.id.Ids;
import dev.sortie.runtime.sql.Tx;
import java.util.Locale;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** Has tasks done by workers: each attempt by a work order, on the queue for its type. */
public final class WorkerDispatch implements TaskDispatch {
    private static final JsonMapper JSON = JsonMapper.shared();

    private final OutboxStore outbox;
    private final DispatchStore dispatched;
    private final PlanStore plans;
    private final PlanScheduler scheduler;
    private final Ids ids;
    private final Runnable outboxFilled;

    /**
     * @param outboxFilled wakes whoever empties the outbox, after a commit that filled it
     */
    public WorkerDispatch(
            OutboxStore outbox,
            DispatchStore dispatched,
            PlanStore plans,
            PlanScheduler scheduler,
            Ids ids,
            Runnable outboxFilled) {
        this.outbox = outbox;
        this.dispatched = dispatched;
        this.plans = plans;
        this.scheduler = scheduler;
        this.ids = ids;
        this.outboxFilled = outboxFilled;
    }

    @Override
    public String queueFor(TaskType type) {
        return "tasks." + type.name().toLowerCase(Locale.ROOT);
    }

    @Override
    public void place(Tx tx, Task task) {
        var dispatch = task.state().dispatch();
        dispatched.awaitAnother(tx, task.id());
        outbox.addPlacing(
                tx,
                ids.next(),
                new WorkOrderDraft(
                        Subject.task(task.id()),
                        dispatch.attempt(),
                        dispatch.queueName(),
                        1 + task.fields().priority().urgency(),
                        payload(task).toString(),
                        null,
                        null));
        tx.afterCommit(outboxFilled);
    }

    @Override
    public void recall(Tx tx, Task task, String reason) {
        var dispatch = task.state().dispatch();
        outbox.addCancellation(
                tx, ids.next(), Subject.task(task.id()), dispatch.attempt(), dispatch.workOrderId(), reason);
        tx.afterCommit(outboxFilled);
    }

    @Override
    public void ended(Tx tx, Task task, boolean success) {
        outbox.removePlacing(
                tx, Subject.task(task.id()), task.state().dispatch().attempt());
        var planId = task.planId();
        if (planId != null) {
            plans.learn(tx, planId, success);
        }
    }

    @Override
    public void changed(Tx tx, Set<UUID> planIds) {
        scheduler.schedule(tx, planIds);
    }

    /** What a worker needs to know. */
    private static ObjectNode payload(Task task) {
        var fields = task.fields();
        var payload = JSON.createObjectNode()
                .put("task_id", task.id().toString())
                .put("attempt", task.state().dispatch().attempt())
                .put("title", fields.title())
                .put("description", fields.description())
                .put("task_type", fields.type().name())
                .put("permission_level", fields.permissionLevel().name())
                .put("priority", fields.priority().name())
                .put("repository_url", fields.repositoryUrl())
                .put("branch_name", fields.branchName());
        putUnlessNull(payload, "plan_id", task.planId());
        putUnlessNull(payload, "parent_task_id", task.parentTaskId());
        putUnlessNull(payload, "assigned_agent_id", fields.assignedAgentId());
        putUnlessNull(payload, "deadline", fields.deadline());
        if (fields.issueNumber() != null) {
            payload.put("issue_number", fields.issueNumber());
        }
        if (fields.prNumber() != null) {
            payload.put("pr_number", fields.prNumber());
        }
        if (!fields.assignedAgentType().isEmpty()) {
            payload.put("assigned_agent_type", fields.assignedAgentType());
        }
        var rejection = task.state().outcome().rejectionReason();
        if (!rejection.isEmpty()) {
            payload.put("rejection_reason", rejection);
        }
        payload.set("tags", JSON.valueToTree(fields.tags()));
        payload.set("context", JSON.readTree(fields.context()));
        payload.set("execution_context", JSON.readTree(fields.executionContext()));
        return payload;
    }

    private static void putUnlessNull(ObjectNode payload, String name, @Nullable Object value) {
        if (value != null) {
            payload.put(name, value.toString());
        }
    }
}
