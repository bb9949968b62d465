package dev.sortie.agent.domain;

import dev.sortie.agent.store.ClaimStore;
import dev.sortie.agent.store.LaneStore;
import dev.sortie.agent.store.WorkerStore;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.failure.FailureException;
import dev.sortie.runtime.id.Ids;
import dev.sortie.runtime.sql.Change;
import dev.sortie.runtime.sql.Combiner.Item;
import dev.sortie.runtime.sql.Combiner.Outcome;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Tx;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.DoubleSupplier;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

/**
 * Claims: how orders get into the hands of workers and out of them again. Whatever ends a claim locks the order's row
 * first, and does so only while the claim is the current one and its lease runs: of several ends, one happens.
 */
public final class Work {
    private static final Logger LOG = LoggerFactory.getLogger(Work.class);

    // In characters of JSON, which may take five times as much in a message; clients accept 4 MiB unless they say
    // otherwise, and an order has at most one of them.
    private static final int MAX_ANSWER = 512 * 1024;
    private static final int MAX_CLAIMED = 1_000;
    private static final int PROMOTED = 200;

    private final ClaimStore claims;
    private final LaneStore lanes;
    private final WorkerStore workers;
    private final Presence presence;
    private final WorkSignals signals;
    private final LogSignals logSignals;
    private final Ids ids;
    private final ClaimTokens tokens;
    private final DoubleSupplier random;
    // Queues that are known to be claimed from in turn; they stay so.
    private final Set<String> inTurn = ConcurrentHashMap.newKeySet();

    public Work(
            ClaimStore claims,
            LaneStore lanes,
            WorkerStore workers,
            Presence presence,
            WorkSignals signals,
            LogSignals logSignals,
            Ids ids,
            DoubleSupplier random) {
        this.claims = claims;
        this.lanes = lanes;
        this.workers = workers;
        this.presence = presence;
        this.signals = signals;
        this.logSignals = logSignals;
        this.ids = ids;
        this.tokens = new ClaimTokens();
        this.random = random;
    }

    /**
     * What a worker asks for.
     *
     * @param maxOrders 0 means 1
     * @param leaseDuration null for the worker's own
     */
    public record ClaimRequest(
            UUID workerId,
            List<String> queueNames,
            int maxOrders,
            @Nullable Duration leaseDuration) {}

    /** A heartbeat. */
    public record Heartbeat(
            UUID workerId,
            List<ClaimReference> claims,
            @Nullable Duration leaseDuration) {}

    /** A result. */
    public record Completion(ClaimReference claim, String result, ExecutionReport report) implements EndItem {}

    /** A failed attempt. */
    public record FailedAttempt(
            ClaimReference claim,
            String errorMessage,
            boolean retryable,
            @Nullable Duration retryDelay,
            ExecutionReport report)
            implements EndItem {}

    /**
     * What ends claims: the results, failures or releases of one call.
     *
     * @param items one or more of them, all of the same kind
     */
    public record Ends(List<? extends EndItem> items) {}

    /** What ends a claim. */
    public sealed interface EndItem permits Completion, FailedAttempt, Release {
        ClaimReference claim();
    }

    /** A claim that is given back untouched. */
    public record Release(ClaimReference claim) implements EndItem {}

    /**
     * Claims what is there now for several workers, the most urgent first; nothing for those for whom there is nothing.
     * What there is goes round among them, one order at a time, those first who came first.
     */
    public List<Outcome<List<ClaimedWork>>> claim(Tx tx, List<Item<ClaimRequest>> items) {
        var known = new HashMap<UUID, Worker>();
        workers.lockAll(tx, items.stream().map(item -> item.value().workerId()).collect(Collectors.toSet()))
                .forEach(worker -> known.put(worker.id(), worker));
        var room = new HashMap<UUID, Integer>();
        known.values().forEach(worker -> room.put(worker.id(), worker.room()));
        var claimants = new ArrayList<Claimant>();
        for (var item : items) {
            claimants.add(claimant(item, known, room));
        }
        var byQueues = new LinkedHashMap<Set<String>, List<Claimant>>();
        for (var claimant : claimants) {
            if (claimant.most > 0) {
                byQueues.computeIfAbsent(Set.copyOf(claimant.item.value().queueNames()), _ -> new ArrayList<>())
                        .add(claimant);
            }
        }
        var claimed = new ArrayList<ClaimedWork>();
        byQueues.forEach((queueNames, group) -> {
            // Before others of this transaction look at the same queues.
            var taken = claim(tx, queueNames, group);
            if (!taken.isEmpty()) {
                claims.claim(tx, taken);
                claimed.addAll(taken);
            }
        });
        revive(tx, claimants, claimed);
        tx.afterCommit(() -> claimed.forEach(work -> LOG.atDebug()
                .addKeyValue("work_order_id", work.order().id())
                .addKeyValue("worker_id", work.order().workerId())
                .addKeyValue("execution_id", work.executionId())
                .addKeyValue("attempt", work.order().attempt())
                .log("work order claimed")));
        return claimants.stream().map(Claimant::outcome).toList();
    }

    private static Claimant claimant(Item<ClaimRequest> item, Map<UUID, Worker> known, Map<UUID, Integer> room) {
        var request = item.value();
        var worker = known.get(request.workerId());
        if (worker == null || !worker.isRegistered()) {
            return new Claimant(item, null, 0, AgentFailures.workerNotRegistered(request.workerId()));
        }
        int left = room.getOrDefault(worker.id(), 0);
        if (left == 0) {
            return new Claimant(
                    item, worker, 0, AgentFailures.workerAtCapacity(worker.id(), worker.maxConcurrentTasks()));
        }
        int most = Math.min(Math.max(1, request.maxOrders()), left);
        room.put(worker.id(), left - most);
        return new Claimant(item, worker, most, null);
    }

    /** Deals out the most urgent orders of some queues. Those that nobody has room for stay where they are. */
    private List<ClaimedWork> claim(Tx tx, Set<String> queueNames, List<Claimant> group) {
        int wanted = Math.min(group.stream().mapToInt(claimant -> claimant.most).sum(), MAX_CLAIMED);
        claims.promote(tx, queueNames, PROMOTED);
        var plain = queueNames.stream().filter(name -> !inTurn.contains(name)).collect(Collectors.toSet());
        var ready = new ArrayDeque<ClaimStore.Ready>();
        if (!plain.isEmpty()) {
            ready.addAll(claims.lockClaimable(tx, plain, wanted));
        }
        // A queue that nobody here knows to be claimed from in turn has given nothing; so there is room left.
        var turns = ready.size() < wanted || plain.size() < queueNames.size()
                ? lanes.take(tx, queueNames, wanted)
                : List.<Turn>of();
        turns.forEach(turn -> inTurn.add(turn.queueName()));
        var dealt = deal(tx, group, ready, turns);
        var chosen = chosen(tx, dealt);
        var taken = new ArrayList<ClaimedWork>();
        for (var share : dealt) {
            var order = share.ready() != null ? share.ready().order() : chosen.get(share.workOrderId());
            if (order == null || !share.claimant().hasRoomFor(order)) {
                continue; // cancelled this moment, or too much for one answer
            }
            var work = claimed(tx, share.claimant(), order);
            share.claimant().take(work);
            taken.add(work);
            tx.change(change(work), share.claimant().item.principal());
        }
        for (var turn : turns) {
            if (turn.hasTaken()) {
                lanes.write(tx, turn);
            }
            var nextToken = turn.nextToken();
            if (nextToken != null) {
                tx.afterCommit(() -> signals.wakeAt(turn.queueName(), nextToken));
            }
        }
        if (!ready.isEmpty() || taken.size() < dealt.size()) {
            tx.afterCommit(() -> queueNames.forEach(name -> signals.wake(name, 1)));
        }
        return taken;
    }

    /** One order goes to each in turn, the most urgent that it may have, for as long as there are such. */
    private List<Share> deal(Tx tx, List<Claimant> group, ArrayDeque<ClaimStore.Ready> ready, List<Turn> turns) {
        var skills = turns.isEmpty() ? Map.<UUID, Map<String, CapabilityLevel>>of() : skills(tx, group);
        var hungry = new ArrayDeque<>(group);
        var dealt = new ArrayList<Share>();
        var portions = new HashMap<Claimant, Integer>();
        while (!hungry.isEmpty()) {
            var claimant = hungry.remove();
            var worker = Objects.requireNonNull(claimant.worker);
            var best = turns.stream()
                    .flatMap(turn -> turn.peek(skills.getOrDefault(worker.id(), Map.of())).stream())
                    .min(Comparator.comparing(pick -> pick.candidate().rank()));
            var head = ready.peek();
            if (head != null
                    && (best.isEmpty() || !best.get().candidate().rank().isBefore(head.rank()))) {
                dealt.add(new Share(claimant, head.order().id(), ready.remove()));
            } else if (best.isPresent()) {
                var pick = best.get();
                pick.turn().take(pick);
                dealt.add(new Share(claimant, pick.candidate().workOrderId(), null));
            } else {
                continue;
            }
            if (portions.merge(claimant, 1, Integer::sum) < claimant.most) {
                hungry.add(claimant);
            }
        }
        return dealt;
    }

    private Map<UUID, Map<String, CapabilityLevel>> skills(Tx tx, List<Claimant> group) {
        var ids =
                group.stream().map(claimant -> claimant.item.value().workerId()).collect(Collectors.toSet());
        var skills = new HashMap<UUID, Map<String, CapabilityLevel>>();
        workers.capabilities(tx, ids)
                .forEach((id, capabilities) -> skills.put(
                        id, capabilities.stream().collect(Collectors.toMap(Capability::name, Capability::level))));
        return skills;
    }

    private Map<UUID, WorkOrder> chosen(Tx tx, List<Share> dealt) {
        var ids = dealt.stream()
                .filter(share -> share.ready() == null)
                .map(Share::workOrderId)
                .toList();
        var chosen = new HashMap<UUID, WorkOrder>();
        if (!ids.isEmpty()) {
            claims.lockChosen(tx, ids).forEach(found -> chosen.put(found.order().id(), found.order()));
        }
        return chosen;
    }

    private ClaimedWork claimed(Tx tx, Claimant claimant, WorkOrder order) {
        var worker = Objects.requireNonNull(claimant.worker);
        var wish = claimant.item.value().leaseDuration();
        var endsAt = tx.now().plus(order.timeout());
        return new ClaimedWork(
                order.claimed(worker.id(), tx.now()),
                tokens.next(),
                ids.next(),
                earlier(from(tx.now(), wish == null ? worker.leaseDuration() : wish), endsAt),
                endsAt);
    }

    /**
     * An order that one who claims is to get.
     *
     * @param ready null when it is not locked yet
     */
    private record Share(Claimant claimant, UUID workOrderId, ClaimStore.@Nullable Ready ready) {}

    /** Workers that were thought to be gone are there again. */
    private void revive(Tx tx, List<Claimant> claimants, List<ClaimedWork> claimed) {
        var busy = claimed.stream().map(work -> work.order().workerId()).collect(Collectors.toSet());
        var back = new LinkedHashMap<UUID, Claimant>();
        for (var claimant : claimants) {
            var worker = claimant.worker;
            if (worker != null && worker.status() == WorkerStatus.OFFLINE && busy.contains(worker.id())) {
                back.putIfAbsent(worker.id(), claimant);
            }
        }
        if (!back.isEmpty()) {
            workers.revive(tx, back.keySet());
            back.forEach((id, claimant) -> tx.change(
                    Workers.change(id, Objects.requireNonNull(claimant.worker).version() + 1, WorkerStatus.BUSY),
                    claimant.item.principal()));
        }
    }

    /** One who claims, and what it gets. */
    private static final class Claimant {
        private final Item<ClaimRequest> item;
        private final @Nullable Worker worker;
        private final int most;
        private final @Nullable FailureException refusal;
        private final List<ClaimedWork> claimed = new ArrayList<>();
        private long size;

        Claimant(Item<ClaimRequest> item, @Nullable Worker worker, int most, @Nullable FailureException refusal) {
            this.item = item;
            this.worker = worker;
            this.most = most;
            this.refusal = refusal;
        }

        /** As much as an answer has room for, at least one. */
        boolean hasRoomFor(WorkOrder order) {
            return claimed.isEmpty() || size + size(order) <= MAX_ANSWER;
        }

        void take(ClaimedWork work) {
            claimed.add(work);
            size += size(work.order());
        }

        Outcome<List<ClaimedWork>> outcome() {
            return refusal == null ? Outcome.of(claimed) : Outcome.refused(refusal);
        }

        private static long size(WorkOrder order) {
            return order.payload() == null ? 0 : order.payload().length();
        }
    }

    /** Moves the ends of leases, each as far as it may go, and tells of orders that were cancelled. */
    public List<Outcome<List<HeartbeatOutcome>>> heartbeat(Tx tx, List<Item<Heartbeat>> items) {
        var known = new HashMap<UUID, Worker>();
        workers.findAll(tx, items.stream().map(item -> item.value().workerId()).collect(Collectors.toSet()))
                .forEach(worker -> known.put(worker.id(), worker));
        var extensions = new ArrayList<ClaimStore.Extension>();
        for (var item : items) {
            var worker = known.get(item.value().workerId());
            if (worker != null && worker.isRegistered()) {
                presence.touch(worker.id(), tx.now());
                var wish = item.value().leaseDuration();
                var until = from(tx.now(), wish == null ? worker.leaseDuration() : wish);
                for (var claim : item.value().claims()) {
                    extensions.add(new ClaimStore.Extension(claim, worker.id(), until));
                }
            }
        }
        var extended = new HashMap<Key, Instant>();
        if (!extensions.isEmpty()) {
            claims.extend(tx, extensions)
                    .forEach(l -> extended.put(new Key(l.workOrderId(), l.claimHash()), l.expiresAt()));
        }
        var stale = ended(
                tx,
                extensions.stream().map(ClaimStore.Extension::claim).toList(),
                claim -> !extended.containsKey(key(claim)));
        return items.stream()
                .map(item -> {
                    var worker = known.get(item.value().workerId());
                    return worker == null || !worker.isRegistered()
                            ? Outcome.<List<HeartbeatOutcome>>refused(AgentFailures.workerNotRegistered(
                                    item.value().workerId()))
                            : heartbeat(item.value(), extended, stale);
                })
                .toList();
    }

    private static Outcome<List<HeartbeatOutcome>> heartbeat(
            Heartbeat heartbeat, Map<Key, Instant> extended, Map<Key, EndedClaim> stale) {
        var outcomes = new ArrayList<HeartbeatOutcome>();
        for (var claim : heartbeat.claims()) {
            var expiresAt = extended.get(key(claim));
            if (expiresAt != null) {
                outcomes.add(new HeartbeatOutcome(claim.workOrderId(), expiresAt, false, null));
                continue;
            }
            var known = stale.get(key(claim));
            boolean cancelled = known != null && known.cancelRequested() && known.execution() != null;
            outcomes.add(new HeartbeatOutcome(
                    claim.workOrderId(),
                    null,
                    cancelled,
                    AgentFailures.claimStale(claim.workOrderId(), known == null ? null : known.status())));
        }
        if (!outcomes.isEmpty() && outcomes.stream().noneMatch(o -> o.failure() == null || o.cancelRequested())) {
            return Outcome.refused(refused(outcomes.getFirst().failure()));
        }
        return Outcome.of(outcomes);
    }

    /** Ends claims, by results, failures and releases: those that are current, each by the first who ends it. */
    public List<Outcome<List<WorkOutcome>>> end(Tx tx, List<Item<Ends>> items) {
        var references = items.stream()
                .flatMap(item -> item.value().items().stream().map(EndItem::claim))
                .distinct()
                .toList();
        var held = new HashMap<Key, HeldClaim>();
        claims.lockCurrent(tx, references).forEach(h -> held.put(new Key(h.workOrderId(), h.claimHash()), h));
        var stale = ended(tx, references, reference -> !held.containsKey(key(reference)));
        var ends = new LinkedHashMap<Key, HeldClaim.End>();
        var outcomes = new ArrayList<Outcome<List<WorkOutcome>>>();
        for (var item : items) {
            var own = new ArrayList<WorkOutcome>();
            for (var ending : item.value().items()) {
                var key = key(ending.claim());
                var current = held.get(key);
                var earlier = ends.get(key);
                if (earlier != null) {
                    own.add(outcome(ending, earlier));
                } else if (current != null) {
                    var end = decide(ending, current, tx.now());
                    ends.put(key, end);
                    tx.change(change(end), item.principal());
                    own.add(new WorkOutcome(
                            ending.claim().workOrderId(),
                            end.status(),
                            nextRun(end.status(), end.runAt()),
                            false,
                            null));
                } else {
                    own.add(outcome(ending, stale.get(key)));
                }
            }
            outcomes.add(
                    own.stream().allMatch(outcome -> outcome.failure() != null)
                            ? Outcome.refused(refused(own.getFirst().failure()))
                            : Outcome.of(own));
        }
        var all = List.copyOf(ends.values());
        write(tx, all);
        tx.afterCommit(() -> all.forEach(end -> presence.touch(end.claim().workerId(), tx.now())));
        return outcomes;
    }

    private HeldClaim.End decide(EndItem item, HeldClaim held, Instant now) {
        return switch (item) {
            case Completion completion -> held.complete(completion.result(), completion.report());
            case FailedAttempt failure ->
                held.fail(
                        failure.errorMessage(),
                        failure.retryable(),
                        failure.retryDelay(),
                        failure.report(),
                        now,
                        random.getAsDouble());
            case Release _ -> held.release();
        };
    }

    /** What to say to one who ends a claim again that was ended in the same transaction. */
    private static WorkOutcome outcome(EndItem item, HeldClaim.End earlier) {
        boolean same = switch (item) {
            case Completion _ -> earlier.execution() == ExecutionStatus.COMPLETED;
            case FailedAttempt _ -> earlier.execution() == ExecutionStatus.FAILED;
            case Release _ -> earlier.givenBack();
        };
        return outcome(item, same, earlier.status(), earlier.runAt());
    }

    /** What to say to one who ends a claim that is not current. */
    private static WorkOutcome outcome(EndItem item, @Nullable EndedClaim known) {
        if (known == null) {
            var id = item.claim().workOrderId();
            return new WorkOutcome(id, null, null, false, AgentFailures.claimStale(id, null));
        }
        boolean same = switch (item) {
            case Completion _ -> known.execution() == ExecutionStatus.COMPLETED;
            case FailedAttempt _ -> known.execution() == ExecutionStatus.FAILED;
            case Release _ -> known.givenBack();
        };
        return outcome(item, same, known.status(), known.runAt());
    }

    private static WorkOutcome outcome(EndItem item, boolean same, WorkOrderStatus status, Instant runAt) {
        var id = item.claim().workOrderId();
        return new WorkOutcome(
                id, status, nextRun(status, runAt), same, same ? null : AgentFailures.claimStale(id, status));
    }

    /** Gives back everything that a worker holds. */
    void releaseAll(Tx tx, UUID workerId) {
        endAll(
                tx,
                claims.lockHeldBy(tx, workerId).stream().map(HeldClaim::release).toList());
    }

    /** Ends the claim of an order that is cancelled. The order's row is locked. */
    void cancel(Tx tx, UUID workOrderId) {
        endAll(
                tx,
                claims.lockHeld(tx, workOrderId).stream().map(HeldClaim::cancel).toList());
    }

    /**
     * Ends claims whose leases have run out.
     *
     * @param most how many at most
     * @return how many there were
     */
    public int timeOut(Tx tx, int most) {
        var ends = claims.lockRunOut(tx, most).stream()
                .map(held -> held.timeOut(tx.now(), random.getAsDouble()))
                .toList();
        endAll(tx, ends);
        return ends.size();
    }

    /** Gives orders of all queues their places in line whose time has come. */
    public int promote(Tx tx, int most) {
        return claims.promoteAll(tx, most);
    }

    /** Forgets lanes in which nothing stands. */
    public void forgetLanes(Tx tx) {
        lanes.forget(tx);
    }

    /** Gives up orders that nobody claimed in time. */
    public int expire(Tx tx, int most) {
        var expired = claims.expire(tx, most);
        for (var order : expired) {
            tx.change(change(
                    order.workOrderId(), order.version(), WorkOrderStatus.EXPIRED, order.queueName(), order.subject()));
        }
        if (!expired.isEmpty()) {
            tx.afterCommit(() -> expired.forEach(o ->
                    LOG.atInfo().addKeyValue("work_order_id", o.workOrderId()).log("work order expired unclaimed")));
        }
        return expired.size();
    }

    private void endAll(Tx tx, List<HeldClaim.End> ends) {
        ends.forEach(end -> tx.change(change(end)));
        write(tx, ends);
    }

    private void write(Tx tx, List<HeldClaim.End> ends) {
        if (ends.isEmpty()) {
            return;
        }
        claims.end(tx, ends);
        tx.afterCommit(() -> {
            for (var end : ends) {
                // What goes well is in the change log; an operator looks for what does not.
                LOG.atLevel(end.execution() == ExecutionStatus.COMPLETED ? Level.DEBUG : Level.INFO)
                        .addKeyValue("work_order_id", end.claim().workOrderId())
                        .addKeyValue("worker_id", end.claim().workerId())
                        .addKeyValue("execution_id", end.claim().executionId())
                        .addKeyValue("execution", end.execution())
                        .addKeyValue("status", end.status())
                        .log("claim ended");
                logSignals.changed(end.claim().executionId());
                if (inTurn.contains(end.claim().queueName())) {
                    signals.wake(end.claim().queueName(), 1); // a limit may have kept somebody waiting
                }
                if (end.status() == WorkOrderStatus.PENDING) {
                    signals.claimable(end.claim().queueName(), 1, end.runAt());
                }
            }
        });
    }

    /** What became of claims that are not current, by claim. */
    private Map<Key, EndedClaim> ended(
            Queries queries, List<ClaimReference> references, Predicate<ClaimReference> isStale) {
        var stale = references.stream().filter(isStale).toList();
        var known = new HashMap<Key, EndedClaim>();
        if (!stale.isEmpty()) {
            claims.findEnded(queries, stale).forEach(e -> known.put(new Key(e.workOrderId(), e.claimHash()), e));
        }
        return known;
    }

    private static @Nullable Instant nextRun(WorkOrderStatus status, Instant runAt) {
        return status == WorkOrderStatus.PENDING ? runAt : null;
    }

    private static FailureException refused(@Nullable Failure failure) {
        if (failure == null) {
            throw new IllegalStateException("refused without a reason");
        }
        return failure.exception();
    }

    /** A time as the database keeps it. */
    private static Instant from(Instant now, Duration duration) {
        return now.plus(duration).truncatedTo(ChronoUnit.MICROS);
    }

    private static Instant earlier(Instant one, Instant other) {
        return one.isBefore(other) ? one : other;
    }

    private static Change change(ClaimedWork work) {
        var order = work.order();
        return change(order.id(), order.version(), WorkOrderStatus.CLAIMED, order.queueName(), order.subject())
                .with("worker_id", Objects.requireNonNull(order.workerId()))
                .with("execution_id", work.executionId())
                .with("attempt", order.attempt());
    }

    private static Change change(HeldClaim.End end) {
        var claim = end.claim();
        return change(claim.workOrderId(), claim.version() + 1, end.status(), claim.queueName(), claim.subject())
                .with("worker_id", claim.workerId())
                .with("execution_id", claim.executionId())
                .with("attempt", claim.attempt());
    }

    /** An order's change of status, as watchers see it. */
    static Change change(UUID id, long version, WorkOrderStatus status, String queueName, @Nullable Subject subject) {
        var change = (version == 1
                        ? Change.created("work_order", id, version)
                        : Change.updated("work_order", id, version))
                .with("work_order_id", id)
                .with("status", status)
                .with("queue_name", queueName);
        return subject == null ? change : change.with(subject.kind().field(), subject.id());
    }

    private static Key key(ClaimReference reference) {
        return new Key(reference.workOrderId(), ClaimTokens.hash(reference.token()));
    }

    /** A claim, to look it up by. */
    private record Key(UUID workOrderId, ByteBuffer claimHash) {
        Key(UUID workOrderId, byte[] claimHash) {
            this(workOrderId, ByteBuffer.wrap(claimHash));
        }
    }
}
