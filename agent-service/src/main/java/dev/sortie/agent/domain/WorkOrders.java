package dev.sortie.agent.domain;

import dev.sortie.agent.store.WorkOrderStore;
import dev.sortie.runtime.failure.FailureException;
import dev.sortie.runtime.id.Ids;
import dev.sortie.runtime.identity.Principal;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Tx;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Work orders, as those see them who place them. */
public final class WorkOrders {
    private static final Logger LOG = LoggerFactory.getLogger(WorkOrders.class);
    private static final String MISSION_SERVICE = "mission-service";

    private final WorkOrderStore orders;
    private final Queues queues;
    private final Work work;
    private final Subjects subjects;
    private final WorkSignals signals;
    private final Ids ids;

    public WorkOrders(
            WorkOrderStore orders, Queues queues, Work work, Subjects subjects, WorkSignals signals, Ids ids) {
        this.orders = orders;
        this.queues = queues;
        this.work = work;
        this.subjects = subjects;
        this.signals = signals;
        this.ids = ids;
    }

    /**
     * What to list, newest first.
     *
     * @param before the last order of the page before; null for the first page
     */
    public record ListRequest(
            @Nullable String queueName,
            @Nullable WorkOrderStatus status,
            @Nullable Subject subject,
            @Nullable UUID before,
            int limit) {}

    /** What to cancel, and why. */
    public record Cancellation(UUID workOrderId, String reason) {}

    /** An order with what its queue fills in, ready to be written. */
    public record Placement(UUID id, WorkOrder.Draft draft, Queue queue, Instant runAt) {
        public RetryPolicy retryPolicy() {
            return draft.retryPolicy().orElse(queue.defaultRetryPolicy());
        }

        public Duration timeout() {
            return draft.timeout() == null ? queue.defaultTimeout() : draft.timeout();
        }
    }

    /** The order that has a dedupe key. */
    public record Twin(UUID id, String queueName, String dedupeKey, byte[] contentHash) {}

    /**
     * Orders that are to be placed, and what mission-service said to them.
     *
     * @param refusal why they cannot be placed; null when they can
     */
    public record Request(
            List<WorkOrder.Draft> drafts, @Nullable FailureException refusal) {}

    /**
     * Asks mission-service what has to be asked: before there is a transaction, which must not wait for another service.
     * A refusal is not told yet, for it does not concern a request that was answered before.
     */
    public Request request(Principal caller, List<WorkOrder.Draft> drafts) {
        try {
            checkSubjects(caller, drafts);
            return new Request(drafts, null);
        } catch (FailureException refusal) {
            return new Request(drafts, refusal);
        }
    }

    /** Places orders, all or none, in the order in which they are given. */
    public List<WorkOrder> enqueue(Tx tx, Request request) {
        if (request.refusal != null) {
            throw request.refusal;
        }
        var drafts = request.drafts;
        var known = queues.ensure(
                tx, drafts.stream().map(WorkOrder.Draft::queueName).collect(Collectors.toSet()));
        var newIds = idsInOrder(drafts.size());
        var placements = new ArrayList<Placement>();
        for (var draft : drafts) {
            var queue = known.get(draft.queueName());
            if (queue == null) {
                throw new IllegalStateException("queue " + draft.queueName() + " is gone");
            }
            var runAt = draft.runAt() == null ? tx.now() : draft.runAt();
            placements.add(new Placement(newIds.get(placements.size()), draft, queue, runAt));
        }
        var placed = orders.insert(tx, placements);
        var twins = twins(tx, placements, placed);
        var answered = new ArrayList<UUID>();
        for (var placement : placements) {
            if (placed.contains(placement.id())) {
                answered.add(placement.id());
                tx.change(Work.change(
                        placement.id(),
                        1,
                        WorkOrderStatus.PENDING,
                        placement.draft().queueName(),
                        placement.draft().subject()));
                continue;
            }
            var twin = twins.get(
                    new Key(placement.draft().queueName(), placement.draft().dedupeKey()));
            if (twin == null) {
                throw new IllegalStateException("order " + placement.id() + " was neither placed nor there");
            }
            if (!Arrays.equals(twin.contentHash(), placement.draft().contentHash())) {
                throw AgentFailures.dedupeKeyTaken(twin.dedupeKey(), twin.id());
            }
            answered.add(twin.id());
        }
        tx.afterCommit(() -> announce(placements, placed));
        var byId = new HashMap<UUID, WorkOrder>();
        orders.findAll(tx, answered).forEach(order -> byId.put(order.id(), order));
        var answer = new ArrayList<WorkOrder>();
        for (var id : answered) {
            var order = byId.get(id);
            if (order == null) {
                throw new IllegalStateException("order " + id + " is gone");
            }
            answer.add(order);
        }
        return answer;
    }

    public WorkOrder get(Queries queries, UUID id) {
        return orders.find(queries, id).orElseThrow(() -> AgentFailures.notFound("work_order", id));
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
            work.cancel(tx, id);
        } else {
            orders.cancelPending(tx, id);
            tx.change(Work.change(
                    id, state.version() + 1, WorkOrderStatus.CANCELLED, state.queueName(), state.subject()));
        }
        tx.audit("CancelWorkOrder", "work_order", id, Map.of("reason", cancellation.reason()));
        tx.afterCommit(() -> LOG.atInfo().addKeyValue("work_order_id", id).log("work order cancelled"));
        return summary(tx, id);
    }

    /** Rising ids, for equal orders of one call to be claimed in the order in which they were given. */
    private List<UUID> idsInOrder(int count) {
        return Stream.generate(ids::next)
                .limit(count)
                .sorted(Comparator.comparing(UUID::toString))
                .toList();
    }

    private WorkOrder summary(Tx tx, UUID id) {
        return orders.findAll(tx, List.of(id)).stream()
                .findFirst()
                .orElseThrow(() -> AgentFailures.notFound("work_order", id));
    }

    private void checkSubjects(Principal caller, List<WorkOrder.Draft> drafts) {
        if (caller.isService() && caller.username().equals(MISSION_SERVICE)) {
            return;
        }
        var known = new HashSet<Subject>();
        for (int i = 0; i < drafts.size(); i++) {
            var subject = drafts.get(i).subject();
            if (subject != null && known.add(subject) && !subjects.exists(subject)) {
                throw AgentFailures.subjectNotFound(i, subject);
            }
        }
    }

    private Map<Key, Twin> twins(Tx tx, List<Placement> placements, Set<UUID> placed) {
        var taken = placements.stream()
                .filter(placement -> !placed.contains(placement.id()))
                .map(Placement::draft)
                .toList();
        var twins = new HashMap<Key, Twin>();
        if (!taken.isEmpty()) {
            orders.findTwins(tx, taken).forEach(twin -> twins.put(new Key(twin.queueName(), twin.dedupeKey()), twin));
        }
        return twins;
    }

    private void announce(List<Placement> placements, Set<UUID> placed) {
        var counts = new HashMap<String, Integer>();
        for (var placement : placements) {
            if (!placed.contains(placement.id())) {
                continue;
            }
            LOG.atDebug()
                    .addKeyValue("work_order_id", placement.id())
                    .addKeyValue("queue", placement.draft().queueName())
                    .log("work order enqueued");
            if (placement.draft().runAt() == null) {
                counts.merge(placement.draft().queueName(), 1, Integer::sum);
            } else {
                signals.claimable(placement.draft().queueName(), 1, placement.runAt());
            }
        }
        counts.forEach((queue, count) -> signals.claimable(queue, count, Instant.MIN));
    }

    private record Key(String queueName, String dedupeKey) {}
}
