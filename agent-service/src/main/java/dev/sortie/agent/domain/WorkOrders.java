package dev.sortie.agent.domain;

import dev.sortie.agent.store.CheckpointStore;
import dev.sortie.agent.store.LaneStore;
import dev.sortie.agent.store.WorkOrderStore;
import dev.sortie.runtime.failure.FailureException;
import dev.sortie.runtime.id.Ids;
import dev.sortie.runtime.identity.Principal;
import dev.sortie.runtime.sql.Combiner.Item;
import dev.sortie.runtime.sql.Combiner.Outcome;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Tx;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Work orders, as those see them who place them. */
public final class WorkOrders {
    private static final Logger LOG = LoggerFactory.getLogger(WorkOrders.class);
    private static final String MISSION_SERVICE = "mission-service";

    private final WorkOrderStore orders;
    private final LaneStore lanes;
    private final CheckpointStore checkpoints;
    private final Queues queues;
    private final Work work;
    private final Subjects subjects;
    private final WorkSignals signals;
    private final Tallies tallies;
    private final Ids ids;

    public WorkOrders(
            WorkOrderStore orders,
            LaneStore lanes,
            CheckpointStore checkpoints,
            Queues queues,
            Work work,
            Subjects subjects,
            WorkSignals signals,
            Tallies tallies,
            Ids ids) {
        this.orders = orders;
        this.lanes = lanes;
        this.checkpoints = checkpoints;
        this.queues = queues;
        this.work = work;
        this.subjects = subjects;
        this.signals = signals;
        this.tallies = tallies;
        this.ids = ids;
    }

    /**
     * What to list, newest first.
     *
     * @param ids only these; empty for all
     * @param before the last order of the page before; null for the first page
     */
    public record ListRequest(
            @Nullable String queueName,
            @Nullable WorkOrderStatus status,
            @Nullable Subject subject,
            List<UUID> ids,
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

        /** The order, as it is in the database once it is placed. */
        WorkOrder placed(Instant now) {
            var policy = retryPolicy();
            return new WorkOrder(
                    id,
                    draft.queueName(),
                    WorkOrderStatus.PENDING,
                    draft.subject(),
                    draft.priority(),
                    null,
                    null,
                    "",
                    "",
                    0,
                    new RetryPolicy(
                            policy.maxRetries(),
                            inMillis(policy.initialBackoff()),
                            inMillis(policy.maxBackoff()),
                            policy.multiplier(),
                            policy.nonRetryableErrorTypes()),
                    inMillis(timeout()),
                    draft.lane(),
                    draft.dedupeKey(),
                    runAt,
                    inMicros(draft.expiresAt()),
                    inMicros(draft.deadlineAt()),
                    now,
                    null,
                    null,
                    null,
                    false,
                    now,
                    1);
        }

        private static @Nullable Instant inMicros(@Nullable Instant instant) {
            return instant == null ? null : instant.truncatedTo(ChronoUnit.MICROS);
        }

        private static Duration inMillis(Duration duration) {
            return Duration.ofMillis(duration.toMillis());
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

    /** Places the orders of several calls: of each call all or none, in the order in which they are given. */
    public List<Outcome<List<WorkOrder>>> enqueue(Tx tx, List<Item<Request>> items) {
        var namers = new HashMap<String, Principal>();
        var keyed = new ArrayList<WorkOrder.Draft>();
        for (var item : items) {
            if (item.value().refusal == null) {
                for (var draft : item.value().drafts) {
                    namers.putIfAbsent(draft.queueName(), item.principal());
                    if (!draft.dedupeKey().isEmpty()) {
                        keyed.add(draft);
                    }
                }
            }
        }
        var known = queues.ensure(tx, namers);
        var twins = twins(tx, keyed);
        var newIds = idsInOrder(items.stream()
                        .mapToInt(item -> item.value().drafts.size())
                        .sum())
                .iterator();
        var calls = new ArrayList<Placing>();
        for (var item : items) {
            calls.add(place(tx, item, known, twins, newIds));
        }
        insert(tx, calls);
        var found = new HashMap<UUID, WorkOrder>();
        var there = calls.stream().flatMap(call -> call.there.values().stream()).toList();
        if (!there.isEmpty()) {
            orders.findAll(tx, there).forEach(order -> found.put(order.id(), order));
        }
        return calls.stream().map(call -> call.outcome(found)).toList();
    }

    /** Decides what becomes of a call's orders, before anything is written. */
    private static Placing place(
            Tx tx, Item<Request> item, Map<String, Queue> known, Map<Key, Twin> twins, Iterator<UUID> newIds) {
        var call = new Placing(item.principal(), item.value().refusal);
        for (var draft : item.value().drafts) {
            var id = newIds.next();
            var queue = known.get(draft.queueName());
            if (call.refusal != null) {
                continue;
            }
            if (queue == null) {
                throw new IllegalStateException("queue " + draft.queueName() + " is gone");
            }
            var runAt = draft.runAt() == null ? tx.now() : draft.runAt().truncatedTo(ChronoUnit.MICROS);
            call.placements.add(new Placement(id, draft, queue, runAt));
            call.meets(id, draft, twins.get(new Key(draft.queueName(), draft.dedupeKey())));
        }
        return call;
    }

    private void insert(Tx tx, List<Placing> calls) {
        var placements = calls.stream()
                .filter(call -> call.refusal == null)
                .flatMap(call -> call.placements.stream().filter(placement -> !call.there.containsKey(placement.id())))
                .toList();
        if (placements.isEmpty()) {
            return;
        }
        putInLanes(tx, placements);
        var placed = orders.insert(tx, placements);
        if (placed.size() < placements.size()) {
            meetOthers(tx, calls, placed);
        }
        for (var call : calls) {
            call.announced(tx, placed);
        }
        tx.afterCommit(() -> announce(placements, placed, tx.now()));
    }

    /** Before the orders, so that nobody who sees one of them finds its queue without lanes. */
    private void putInLanes(Tx tx, List<Placement> placements) {
        var uses = new TreeMap<String, LaneStore.Use>();
        var turned = new TreeSet<String>();
        for (var placement : placements) {
            var laneId = placement.draft().lane().id();
            if (laneId != null) {
                var queueName = placement.draft().queueName();
                uses.put(
                        queueName + " " + laneId,
                        new LaneStore.Use(queueName, laneId, placement.draft().lane()));
                if (!placement.queue().inTurn()) {
                    turned.add(queueName);
                }
            }
        }
        if (!turned.isEmpty()) {
            lanes.beginTurns(tx, turned);
        }
        if (!uses.isEmpty()) {
            lanes.use(tx, uses.values());
        }
    }

    /**
     * Other transactions placed some of the dedupe keys meanwhile. Where that is another order, the call fails, of which
     * something is written already: hence the whole transaction.
     */
    private void meetOthers(Tx tx, List<Placing> calls, Set<UUID> placed) {
        var missing = new ArrayList<WorkOrder.Draft>();
        calls.forEach(call -> call.missing(placed).forEach(placement -> missing.add(placement.draft())));
        var twins = twins(tx, missing);
        for (var call : calls) {
            for (var placement : call.missing(placed)) {
                var draft = placement.draft();
                var twin = twins.get(new Key(draft.queueName(), draft.dedupeKey()));
                if (twin == null) {
                    throw new IllegalStateException("order " + placement.id() + " was neither placed nor there");
                }
                call.meets(placement.id(), draft, twin);
            }
            if (call.refusal != null) {
                throw calls.size() == 1 ? call.refusal : new IllegalStateException("a dedupe key was taken meanwhile");
            }
        }
    }

    /** A call's orders on their way into the table. */
    private static final class Placing {
        private final Principal principal;
        private @Nullable FailureException refusal;
        private final List<Placement> placements = new ArrayList<>();
        private final Map<UUID, UUID> there = new HashMap<>();
        private final Map<UUID, WorkOrder> made = new HashMap<>();

        Placing(Principal principal, @Nullable FailureException refusal) {
            this.principal = principal;
            this.refusal = refusal;
        }

        /** The queue may have an order with the dedupe key. */
        void meets(UUID id, WorkOrder.Draft draft, @Nullable Twin twin) {
            if (twin == null || draft.dedupeKey().isEmpty()) {
                return;
            }
            if (Arrays.equals(twin.contentHash(), draft.contentHash())) {
                there.put(id, twin.id());
            } else if (refusal == null) {
                refusal = AgentFailures.dedupeKeyTaken(twin.dedupeKey(), twin.id());
            }
        }

        List<Placement> missing(Set<UUID> placed) {
            return refusal != null
                    ? List.of()
                    : placements.stream()
                            .filter(placement -> !there.containsKey(placement.id()) && !placed.contains(placement.id()))
                            .toList();
        }

        void announced(Tx tx, Set<UUID> placed) {
            if (refusal != null) {
                return;
            }
            for (var placement : placements) {
                if (placed.contains(placement.id())) {
                    made.put(placement.id(), placement.placed(tx.now()));
                    tx.change(
                            Work.change(
                                    placement.id(),
                                    1,
                                    WorkOrderStatus.PENDING,
                                    placement.draft().queueName(),
                                    placement.draft().subject()),
                            principal);
                }
            }
        }

        Outcome<List<WorkOrder>> outcome(Map<UUID, WorkOrder> found) {
            if (refusal != null) {
                return Outcome.refused(refusal);
            }
            var answer = new ArrayList<WorkOrder>();
            for (var placement : placements) {
                var order = made.getOrDefault(
                        placement.id(), found.get(there.getOrDefault(placement.id(), placement.id())));
                if (order == null) {
                    throw new IllegalStateException("order " + placement.id() + " is gone");
                }
                answer.add(order);
            }
            return Outcome.of(answer);
        }
    }

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
            work.cancel(tx, id);
        } else {
            orders.cancelPending(tx, id);
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
     * @param statuses FAILED, EXPIRED, or both
     * @param ids null for every one
     * @param interval seconds between one and the next
     */
    public record Redrive(
            String queueName,
            List<WorkOrderStatus> statuses,
            @Nullable List<UUID> ids,
            int most,
            double interval,
            String reason) {}

    /** Puts dead orders back into their queue. */
    public List<WorkOrder> redrive(Tx tx, Redrive redrive) {
        var queue = queues.get(tx, redrive.queueName());
        var ids = orders.redrive(
                tx, redrive.queueName(), redrive.statuses(), redrive.ids(), redrive.most(), redrive.interval());
        if (ids.isEmpty()) {
            return List.of();
        }
        var redriven = orders.findAll(tx, ids).stream()
                .sorted(Comparator.comparing(order -> order.id().toString()))
                .toList();
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

    private Map<Key, Twin> twins(Tx tx, List<WorkOrder.Draft> drafts) {
        var twins = new HashMap<Key, Twin>();
        if (!drafts.isEmpty()) {
            orders.findTwins(tx, drafts).forEach(twin -> twins.put(new Key(twin.queueName(), twin.dedupeKey()), twin));
        }
        return twins;
    }

    private void announce(List<Placement> placements, Set<UUID> placed, Instant at) {
        var counts = new HashMap<String, Integer>();
        var all = new HashMap<String, Integer>();
        for (var placement : placements) {
            if (!placed.contains(placement.id())) {
                continue;
            }
            LOG.atDebug()
                    .addKeyValue("work_order_id", placement.id())
                    .addKeyValue("queue", placement.draft().queueName())
                    .log("work order enqueued");
            all.merge(placement.draft().queueName(), 1, Integer::sum);
            if (placement.draft().runAt() == null) {
                counts.merge(placement.draft().queueName(), 1, Integer::sum);
            } else {
                signals.claimable(placement.draft().queueName(), 1, placement.runAt());
            }
        }
        counts.forEach((queue, count) -> signals.claimable(queue, count, Instant.MIN));
        all.forEach((queue, count) -> tallies.enqueued(queue, count, at));
    }

    private record Key(String queueName, String dedupeKey) {}
}
