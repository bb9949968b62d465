package dev.sortie.agent.domain;

import dev.sortie.agent.store.LaneStore;
import dev.sortie.agent.store.WorkOrderStore;
import dev.sortie.runtime.failure.FailureException;
import dev.sortie.runtime.id.Ids;
import dev.sortie.runtime.identity.Principal;
import dev.sortie.runtime.sql.Combiner.Item;
import dev.sortie.runtime.sql.Combiner.Outcome;
import dev.sortie.runtime.sql.Tx;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** How orders get into queues, and what becomes of those whose dedupe keys are there already. */
public final class Placements {
    private static final Logger LOG = LoggerFactory.getLogger(Placements.class);
    private static final String MISSION_SERVICE = "mission-service";
    private static final int MAX_TRIES = 20;

    private final WorkOrderStore orders;
    private final LaneStore lanes;
    private final Queues queues;
    private final Work work;
    private final Subjects subjects;
    private final WorkSignals signals;
    private final Tallies tallies;
    private final Ids ids;

    public Placements(
            WorkOrderStore orders,
            LaneStore lanes,
            Queues queues,
            Work work,
            Subjects subjects,
            WorkSignals signals,
            Tallies tallies,
            Ids ids) {
        this.orders = orders;
        this.lanes = lanes;
        this.queues = queues;
        this.work = work;
        this.subjects = subjects;
        this.signals = signals;
        this.tallies = tallies;
        this.ids = ids;
    }

    /** What becomes of an order whose dedupe key another order of its queue has. */
    public enum Policy {
        /** The other one stands for it when both have the same content. Otherwise it is refused. */
        SAME_CONTENT,
        /** It is refused. */
        FAIL,
        /** The other one stands for it. */
        USE_EXISTING,
        /** It takes the key, and the other one is cancelled, unless it is in a terminal status. */
        REPLACE;

        /** Whether it makes a difference for a call what others place in the same transaction. */
        private boolean isStrict() {
            return this == FAIL || this == REPLACE;
        }
    }

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

    /** The same, its row locked. */
    public record Holder(WorkOrderStore.State state, String dedupeKey) {}

    /**
     * Orders that are to be placed, and what mission-service said to them.
     *
     * @param refusal why they cannot be placed; null when they can
     */
    public record Request(
            List<WorkOrder.Draft> drafts,
            Policy policy,
            @Nullable FailureException refusal) {}

    /**
     * What became of a draft.
     *
     * @param created false when another order stands for it
     * @param replacedId the order that had its dedupe key; null when there was none
     */
    public record Placed(
            WorkOrder order, boolean created, @Nullable UUID replacedId) {}

    /**
     * Asks mission-service what has to be asked: before there is a transaction, which must not wait for another service.
     * A refusal is not told yet, for it does not concern a request that was answered before.
     */
    public Request request(Principal caller, List<WorkOrder.Draft> drafts, Policy policy) {
        try {
            checkSubjects(caller, drafts);
            return new Request(drafts, policy, null);
        } catch (FailureException refusal) {
            return new Request(drafts, policy, refusal);
        }
    }

    /** Places the orders of several calls: of each call all or none, in the order in which they are given. */
    public List<Outcome<List<Placed>>> enqueue(Tx tx, List<Item<Request>> items) {
        var calls = calls(tx, items);
        var rounds = rounds(calls);
        if (rounds.size() > 1) {
            // Orders that are there are locked in the order of their ids, before anything is written; what later rounds
            // find beside them is new in this transaction.
            lockHolders(tx, calls.stream().filter(Call::replaces).toList());
        }
        for (var round : rounds) {
            place(tx, round, calls.size() == 1);
            find(tx, round);
        }
        return calls.stream().map(Call::outcome).toList();
    }

    /** The orders that stand for others, as they are before the next round. */
    private void find(Tx tx, List<Call> round) {
        var ids = round.stream().flatMap(call -> call.there.values().stream()).toList();
        if (!ids.isEmpty()) {
            var found = new HashMap<UUID, WorkOrder>();
            orders.findAll(tx, ids).forEach(order -> found.put(order.id(), order));
            round.forEach(call -> call.found = found);
        }
    }

    private List<Call> calls(Tx tx, List<Item<Request>> items) {
        var namers = new HashMap<String, Principal>();
        for (var item : items) {
            if (item.value().refusal == null) {
                item.value().drafts.forEach(draft -> namers.putIfAbsent(draft.queueName(), item.principal()));
            }
        }
        var known = queues.ensure(tx, namers);
        var newIds = idsInOrder(items.stream()
                        .mapToInt(item -> item.value().drafts.size())
                        .sum())
                .iterator();
        var calls = new ArrayList<Call>();
        for (var item : items) {
            var call = new Call(item.principal(), item.value().policy, item.value().refusal);
            for (var draft : item.value().drafts) {
                var id = newIds.next();
                if (call.refusal != null) {
                    continue;
                }
                var queue = known.get(draft.queueName());
                if (queue == null) {
                    throw new IllegalStateException("queue " + draft.queueName() + " is gone");
                }
                // Claimable from now on, whatever is said: nobody gets ahead by a time that has passed.
                var runAt = draft.runAt() == null || draft.runAt().isBefore(tx.now())
                        ? tx.now()
                        : draft.runAt().truncatedTo(ChronoUnit.MICROS);
                call.placements.add(new Placement(id, draft, queue, runAt));
            }
            calls.add(call);
        }
        return calls;
    }

    /** Calls one after the other where it matters to one of them that another has the same key. */
    private static List<List<Call>> rounds(List<Call> calls) {
        var rounds = new ArrayList<List<Call>>();
        var round = new ArrayList<Call>();
        var keys = new HashMap<Key, Boolean>(); // and whether it matters to one that has it
        for (var call : calls) {
            if (call.refusal != null) {
                continue;
            }
            boolean strict = call.policy.isStrict();
            var own = call.keyed().map(Key::of).toList();
            if (own.stream().anyMatch(key -> keys.containsKey(key) && (strict || keys.getOrDefault(key, false)))) {
                rounds.add(round);
                round = new ArrayList<>();
                keys.clear();
            }
            round.add(call);
            own.forEach(key -> keys.merge(key, strict, Boolean::logicalOr));
        }
        rounds.add(round);
        return rounds;
    }

    /** @param alone whether there is no other call in the transaction */
    private void place(Tx tx, List<Call> round, boolean alone) {
        meet(tx, round, call -> call.keyed().toList());
        var accepted = round.stream().filter(call -> call.refusal == null).toList();
        var placements = accepted.stream()
                .flatMap(call -> call.missing(Set.of()).stream())
                .toList();
        if (placements.isEmpty()) {
            return;
        }
        takeKeys(tx, accepted, Set.of());
        putInLanes(tx, placements);
        var placed = orders.insert(tx, placements);
        for (int tries = 1;
                accepted.stream().anyMatch(call -> !call.missing(placed).isEmpty());
                tries++) {
            if (tries == MAX_TRIES) {
                throw AgentFailures.dedupeKeyContended(tries);
            }
            meetOthers(tx, accepted, placed, alone);
            takeKeys(tx, accepted, placed);
            var left = accepted.stream()
                    .flatMap(call -> call.missing(placed).stream())
                    .toList();
            if (!left.isEmpty()) {
                placed.addAll(orders.insert(tx, left));
            }
        }
        for (var call : accepted) {
            call.announce(tx, placed);
        }
        tx.afterCommit(() -> announce(placements, placed, tx.now()));
    }

    /** Looks for the orders that have the keys of calls which do not replace them. */
    private void meet(Tx tx, List<Call> calls, Function<Call, List<Placement>> concerned) {
        var meeting = calls.stream().filter(call -> !call.replaces()).toList();
        var drafts = meeting.stream()
                .flatMap(call -> concerned.apply(call).stream())
                .map(Placement::draft)
                .toList();
        if (drafts.isEmpty()) {
            return;
        }
        var twins = new HashMap<Key, Twin>();
        orders.findTwins(tx, drafts).forEach(twin -> twins.put(new Key(twin.queueName(), twin.dedupeKey()), twin));
        for (var call : meeting) {
            for (var placement : concerned.apply(call)) {
                var twin = twins.get(Key.of(placement));
                if (twin != null) {
                    call.meets(placement, twin);
                }
            }
        }
    }

    /**
     * Other transactions placed some of the dedupe keys meanwhile. Where that refuses a call, something of it is written
     * already: hence the whole transaction.
     */
    private void meetOthers(Tx tx, List<Call> calls, Set<UUID> placed, boolean alone) {
        meet(tx, calls, call -> call.missing(placed));
        for (var call : calls) {
            if (call.refusal != null) {
                throw alone ? call.refusal : new IllegalStateException("a dedupe key was taken meanwhile");
            }
        }
    }

    /** Has the orders give up their keys, and be cancelled, that are in the way of calls which replace them. */
    private void takeKeys(Tx tx, List<Call> calls, Set<UUID> placed) {
        var taking = new HashMap<Key, Taker>();
        for (var call : calls) {
            if (call.replaces()) {
                call.keyed()
                        .filter(placement -> !placed.contains(placement.id()))
                        .forEach(placement -> taking.put(Key.of(placement), new Taker(call, placement)));
            }
        }
        if (taking.isEmpty()) {
            return;
        }
        var drafts =
                taking.values().stream().map(taker -> taker.placement.draft()).toList();
        var holders = orders.lockHolders(tx, drafts);
        var pending = new ArrayList<UUID>();
        var claimed = new HashMap<Call, List<UUID>>();
        for (var holder : holders) {
            var state = holder.state();
            var taker = taking.get(new Key(state.queueName(), holder.dedupeKey()));
            if (taker == null) {
                throw new IllegalStateException("nobody asked for " + holder.dedupeKey());
            }
            taker.call.replaced.put(taker.placement.id(), state.workOrderId());
            if (state.status() == WorkOrderStatus.CLAIMED) {
                claimed.computeIfAbsent(taker.call, _ -> new ArrayList<>()).add(state.workOrderId());
            } else if (state.status() == WorkOrderStatus.PENDING) {
                pending.add(state.workOrderId());
                tx.change(
                        Work.change(
                                state.workOrderId(),
                                state.version() + 1,
                                WorkOrderStatus.CANCELLED,
                                state.queueName(),
                                state.subject()),
                        taker.call.principal);
            }
            tx.afterCommit(() -> LOG.atInfo()
                    .addKeyValue("work_order_id", state.workOrderId())
                    .addKeyValue("status", state.status())
                    .addKeyValue("replaced_by", taker.placement.id())
                    .log("work order replaced"));
        }
        if (!pending.isEmpty()) {
            orders.cancelPending(tx, pending);
            work.forgetCheckpoints(tx, pending);
        }
        claimed.forEach((call, ids) -> work.cancel(tx, ids, call.principal));
        if (!holders.isEmpty()) {
            orders.freeKeys(
                    tx,
                    holders.stream().map(holder -> holder.state().workOrderId()).toList());
        }
    }

    private void lockHolders(Tx tx, List<Call> calls) {
        var drafts = calls.stream()
                .flatMap(Call::keyed)
                .map(Placement::draft)
                .distinct()
                .toList();
        if (!drafts.isEmpty()) {
            orders.lockHolders(tx, drafts);
        }
    }

    /** An order that takes over a key. */
    private record Taker(Call call, Placement placement) {}

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

    /** A call's orders on their way into the table. */
    private static final class Call {
        private final Principal principal;
        private final Policy policy;
        private @Nullable FailureException refusal;
        private final List<Placement> placements = new ArrayList<>();
        private final Map<UUID, UUID> there = new HashMap<>();
        private final Map<UUID, UUID> replaced = new HashMap<>();
        private final Map<UUID, WorkOrder> made = new HashMap<>();
        private Map<UUID, WorkOrder> found = Map.of();

        Call(Principal principal, Policy policy, @Nullable FailureException refusal) {
            this.principal = principal;
            this.policy = policy;
            this.refusal = refusal;
        }

        boolean replaces() {
            return refusal == null && policy == Policy.REPLACE;
        }

        Stream<Placement> keyed() {
            return placements.stream()
                    .filter(placement -> !placement.draft().dedupeKey().isEmpty());
        }

        /** The queue has an order with the dedupe key. */
        void meets(Placement placement, Twin twin) {
            boolean same = Arrays.equals(twin.contentHash(), placement.draft().contentHash());
            if (policy == Policy.USE_EXISTING || (policy == Policy.SAME_CONTENT && same)) {
                there.put(placement.id(), twin.id());
            } else if (refusal == null) {
                refusal = AgentFailures.dedupeKeyTaken(twin.dedupeKey(), twin.id(), policy == Policy.FAIL);
            }
        }

        List<Placement> missing(Set<UUID> placed) {
            return placements.stream()
                    .filter(placement -> !there.containsKey(placement.id()) && !placed.contains(placement.id()))
                    .toList();
        }

        void announce(Tx tx, Set<UUID> placed) {
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

        Outcome<List<Placed>> outcome() {
            if (refusal != null) {
                return Outcome.refused(refusal);
            }
            var answer = new ArrayList<Placed>();
            for (var placement : placements) {
                var own = made.get(placement.id());
                var order = own != null ? own : found.get(there.getOrDefault(placement.id(), placement.id()));
                if (order == null) {
                    throw new IllegalStateException("order " + placement.id() + " is gone");
                }
                answer.add(new Placed(order, own != null, replaced.get(placement.id())));
            }
            return Outcome.of(answer);
        }
    }

    /** Rising ids, for equal orders of one call to be claimed in the order in which they were given. */
    private List<UUID> idsInOrder(int count) {
        return Stream.generate(ids::next)
                .limit(count)
                .sorted(Comparator.comparing(UUID::toString))
                .toList();
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

    private record Key(String queueName, String dedupeKey) {
        static Key of(Placement placement) {
            return new Key(placement.draft().queueName(), placement.draft().dedupeKey());
        }
    }
}
