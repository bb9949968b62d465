package dev.sortie.agent.domain;

import dev.sortie.agent.store.CheckpointStore;
import dev.sortie.agent.store.WorkOrderStore;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Tx;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Work orders, as those see them who place them. */
public final class WorkOrders {
    private static final Logger LOG = LoggerFactory.getLogger(WorkOrders.class);

    private final WorkOrderStore orders;
    private final CheckpointStore checkpoints;
    private final Queues queues;
    private final Work work;
    private final WorkSignals signals;

    public WorkOrders(
            WorkOrderStore orders, CheckpointStore checkpoints, Queues queues, Work work, WorkSignals signals) {
        this.orders = orders;
        this.checkpoints = checkpoints;
        this.queues = queues;
        this.work = work;
        this.signals = signals;
    }

    /**
     * What to list, newest first.
     *
     * @param ids only these; empty for all
     * @param dead only those, last dead first; null for all, in every status
     * @param before the last order of the page before; null for the first page
     * @param diedBefore when that one died; null when others than dead ones are listed
     */
    public record ListRequest(
            @Nullable String queueName,
            @Nullable WorkOrderStatus status,
            @Nullable Subject subject,
            List<UUID> ids,
            @Nullable Dead dead,
            @Nullable UUID before,
            @Nullable Instant diedBefore,
            int limit) {}

    /**
     * Which dead orders.
     *
     * @param statuses FAILED, EXPIRED, or both
     * @param errorType what their last attempts failed with; null for whatever
     * @param since the earliest time of death; null for any
     * @param before later than the latest; null for any
     */
    public record Dead(
            List<WorkOrderStatus> statuses,
            @Nullable String errorType,
            @Nullable Instant since,
            @Nullable Instant before) {}

    /** What to cancel, and why. */
    public record Cancellation(UUID workOrderId, String reason) {}

    /**
     * An order with everything that is known of it.
     *
     * @param checkpoint how far its last attempt had got, a JSON object; null when none has said anything
     */
    public record Found(WorkOrder order, @Nullable String checkpoint) {}

    public Found get(Queries queries, UUID id) {
        var order = orders.find(queries, id).orElseThrow(() -> AgentFailures.notFound("work_order", id));
        var checkpoint = order.claimedAt() == null || order.status() == WorkOrderStatus.COMPLETED
                ? null
                : checkpoints.find(queries, List.of(id)).get(id);
        return new Found(order, checkpoint);
    }

    public List<WorkOrder> list(Queries queries, ListRequest request) {
        return orders.list(queries, request);
    }

    /** Cancels an order; a worker that holds it is told with its next heartbeat. */
    public WorkOrder cancel(Tx tx, Cancellation cancellation) {
        var id = cancellation.workOrderId();
        var state = orders.lockState(tx, id).orElseThrow(() -> AgentFailures.notFound("work_order", id));
        if (state.status() == WorkOrderStatus.CANCELLED) {
            return summary(tx, id);
        }
        if (!state.status().allows(WorkOrderStatus.Move.CANCEL)) {
            throw AgentFailures.moveNotAllowed(id, state.status(), WorkOrderStatus.Move.CANCEL);
        }
        if (state.status() == WorkOrderStatus.CLAIMED) {
            work.cancel(tx, List.of(id), tx.principal());
        } else {
            orders.cancelPending(tx, List.of(id));
            work.forgetCheckpoints(tx, List.of(id));
            tx.change(Work.change(
                    id, state.version() + 1, WorkOrderStatus.CANCELLED, state.queueName(), state.subject()));
        }
        tx.audit("CancelWorkOrder", "work_order", id, Map.of("reason", cancellation.reason()));
        tx.afterCommit(() -> LOG.atInfo().addKeyValue("work_order_id", id).log("work order cancelled"));
        return summary(tx, id);
    }

    /**
     * Which dead orders to put back.
     *
     * @param ids null for every one
     * @param interval seconds between one and the next
     */
    public record Redrive(
            String queueName, Dead dead, @Nullable List<UUID> ids, int most, double interval, String reason) {}

    /** Puts dead orders back into their queue. */
    public List<WorkOrder> redrive(Tx tx, Redrive redrive) {
        var queue = queues.get(tx, redrive.queueName());
        var ids = orders.redrive(tx, redrive);
        if (ids.isEmpty()) {
            return List.of();
        }
        var found = new HashMap<UUID, WorkOrder>();
        orders.findAll(tx, ids).forEach(order -> found.put(order.id(), order));
        var redriven =
                ids.stream().map(id -> Objects.requireNonNull(found.get(id))).toList();
        for (var order : redriven) {
            tx.change(Work.change(
                    order.id(), order.version(), WorkOrderStatus.PENDING, order.queueName(), order.subject()));
        }
        tx.audit(
                "RedriveWorkOrders",
                "queue",
                queue.id(),
                Map.of("reason", redrive.reason(), "work_orders", redriven.size()));
        tx.afterCommit(() -> {
            LOG.atInfo()
                    .addKeyValue("queue", redrive.queueName())
                    .addKeyValue("work_orders", redriven.size())
                    .log("dead work orders put back");
            redriven.forEach(order -> signals.claimable(order.queueName(), 1, order.runAt()));
        });
        return redriven;
    }

    private WorkOrder summary(Tx tx, UUID id) {
        return orders.findAll(tx, List.of(id)).stream()
                .findFirst()
                .orElseThrow(() -> AgentFailures.notFound("work_order", id));
    }
}
