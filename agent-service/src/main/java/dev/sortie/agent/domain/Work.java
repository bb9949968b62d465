package dev.sortie.agent.domain;

import dev.sortie.agent.store.ClaimStore;
import dev.sortie.agent.store.WorkerStore;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.id.Ids;
import dev.sortie.runtime.sql.Change;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Tx;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import java.util.function.DoubleSupplier;
import java.util.function.Function;
import java.util.function.Predicate;
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

    private final ClaimStore claims;
    private final WorkerStore workers;
    private final Presence presence;
    private final WorkSignals signals;
    private final LogSignals logSignals;
    private final Ids ids;
    private final ClaimTokens tokens;
    private final DoubleSupplier random;

    public Work(
            ClaimStore claims,
            WorkerStore workers,
            Presence presence,
            WorkSignals signals,
            LogSignals logSignals,
            Ids ids,
            DoubleSupplier random) {
        this.claims = claims;
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
    public record Completion(ClaimReference claim, String result, ExecutionReport report) {}

    /** A failed attempt. */
    public record FailedAttempt(
            ClaimReference claim,
            String errorMessage,
            boolean retryable,
            @Nullable Duration retryDelay,
            ExecutionReport report) {}

    /** Claims what is there now, the most urgent first; nothing when there is nothing. */
    public List<ClaimedWork> claim(Tx tx, ClaimRequest request) {
        var worker = workers.lock(tx, request.workerId())
                .filter(Worker::isRegistered)
                .orElseThrow(() -> AgentFailures.workerNotRegistered(request.workerId()));
        if (worker.room() == 0) {
            throw AgentFailures.workerAtCapacity(worker.id(), worker.maxConcurrentTasks());
        }
        int most = Math.min(Math.max(1, request.maxOrders()), worker.room());
        var orders = atMostInOneAnswer(claims.lockClaimable(tx, request.queueNames(), most));
        if (orders.isEmpty()) {
            return List.of();
        }
        var lease = request.leaseDuration() == null ? worker.leaseDuration() : request.leaseDuration();
        var claimed = new ArrayList<ClaimedWork>(orders.size());
        for (var order : orders) {
            var endsAt = tx.now().plus(order.timeout());
            var work = new ClaimedWork(
                    order.claimed(worker.id(), tx.now()),
                    tokens.next(),
                    ids.next(),
                    earlier(from(tx.now(), lease), endsAt),
                    endsAt);
            claimed.add(work);
            tx.change(change(work));
        }
        if (worker.status() == WorkerStatus.OFFLINE) {
            tx.change(Workers.change(worker.id(), worker.version() + 1, WorkerStatus.BUSY));
        }
        claims.claim(
                tx,
                worker.id(),
                claimed,
                claimed.stream().map(work -> ids.next()).toList());
        tx.afterCommit(() -> {
            for (var work : claimed) {
                LOG.atDebug()
                        .addKeyValue("work_order_id", work.order().id())
                        .addKeyValue("worker_id", worker.id())
                        .addKeyValue("execution_id", work.executionId())
                        .addKeyValue("attempt", work.order().attempt())
                        .log("work order claimed");
            }
        });
        return claimed;
    }

    /** Moves the ends of leases, each as far as it may go, and tells of orders that were cancelled. */
    public List<HeartbeatOutcome> heartbeat(Queries queries, Heartbeat heartbeat) {
        var worker = workers.find(queries, heartbeat.workerId())
                .filter(Worker::isRegistered)
                .orElseThrow(() -> AgentFailures.workerNotRegistered(heartbeat.workerId()));
        presence.touch(worker.id(), queries.now());
        if (heartbeat.claims().isEmpty()) {
            return List.of();
        }
        var lease = heartbeat.leaseDuration() == null ? worker.leaseDuration() : heartbeat.leaseDuration();
        var extended = new HashMap<Key, Instant>();
        claims.extend(queries, worker.id(), heartbeat.claims(), from(queries.now(), lease))
                .forEach(l -> extended.put(new Key(l.workOrderId(), l.claimHash()), l.expiresAt()));
        var stale = ended(queries, heartbeat.claims(), claim -> !extended.containsKey(key(claim)));
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
        if (outcomes.stream().noneMatch(o -> o.failure() == null || o.cancelRequested())) {
            throw refused(outcomes.getFirst().failure());
        }
        return outcomes;
    }

    public List<WorkOutcome> complete(Tx tx, List<Completion> completions) {
        return end(
                tx,
                completions,
                Completion::claim,
                (held, completion) -> held.complete(completion.result(), completion.report()),
                known -> known.execution() == ExecutionStatus.COMPLETED);
    }

    public List<WorkOutcome> fail(Tx tx, List<FailedAttempt> failures) {
        return end(
                tx,
                failures,
                FailedAttempt::claim,
                (held, failure) -> held.fail(
                        failure.errorMessage(),
                        failure.retryable(),
                        failure.retryDelay(),
                        failure.report(),
                        tx.now(),
                        random.getAsDouble()),
                known -> known.execution() == ExecutionStatus.FAILED);
    }

    public List<WorkOutcome> release(Tx tx, List<ClaimReference> references) {
        return end(tx, references, Function.identity(), (held, _) -> held.release(), EndedClaim::givenBack);
    }

    /** Gives back everything that a worker holds. */
    void releaseAll(Tx tx, UUID workerId) {
        end(tx, claims.lockHeldBy(tx, workerId).stream().map(HeldClaim::release).toList());
    }

    /** Ends the claim of an order that is cancelled. The order's row is locked. */
    void cancel(Tx tx, UUID workOrderId) {
        end(tx, claims.lockHeld(tx, workOrderId).stream().map(HeldClaim::cancel).toList());
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
        end(tx, ends);
        return ends.size();
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

    /** As many orders as an answer has room for, at least one; the others stay where they are. */
    private static List<WorkOrder> atMostInOneAnswer(List<WorkOrder> orders) {
        long size = 0;
        for (int i = 0; i < orders.size(); i++) {
            var payload = orders.get(i).payload();
            size += payload == null ? 0 : payload.length();
            if (size > MAX_ANSWER && i > 0) {
                return orders.subList(0, i);
            }
        }
        return orders;
    }

    private interface Decision<T> {
        HeldClaim.End end(HeldClaim held, T item);
    }

    private <T> List<WorkOutcome> end(
            Tx tx,
            List<T> items,
            Function<T, ClaimReference> claim,
            Decision<T> decide,
            Predicate<EndedClaim> acceptedBefore) {
        var references = items.stream().map(claim).toList();
        var held = new HashMap<Key, HeldClaim>();
        claims.lockCurrent(tx, references).forEach(h -> held.put(new Key(h.workOrderId(), h.claimHash()), h));
        var ends = new ArrayList<HeldClaim.End>();
        var outcomes = new ArrayList<WorkOutcome>();
        var accepted = new HashMap<Key, WorkOutcome>();
        Map<Key, EndedClaim> stale = ended(tx, references, reference -> !held.containsKey(key(reference)));
        for (var item : items) {
            var id = claim.apply(item).workOrderId();
            var key = key(claim.apply(item));
            var current = held.get(key);
            var twin = accepted.get(key);
            var known = stale.get(key);
            if (twin != null) {
                outcomes.add(new WorkOutcome(id, twin.status(), twin.runAt(), true, null));
            } else if (current != null) {
                var end = decide.end(current, item);
                ends.add(end);
                var outcome = new WorkOutcome(id, end.status(), nextRun(end.status(), end.runAt()), false, null);
                accepted.put(key, outcome);
                outcomes.add(outcome);
            } else if (known == null) {
                outcomes.add(new WorkOutcome(id, null, null, false, AgentFailures.claimStale(id, null)));
            } else if (acceptedBefore.test(known)) {
                outcomes.add(new WorkOutcome(id, known.status(), nextRun(known.status(), known.runAt()), true, null));
            } else {
                outcomes.add(new WorkOutcome(
                        id,
                        known.status(),
                        nextRun(known.status(), known.runAt()),
                        false,
                        AgentFailures.claimStale(id, known.status())));
            }
        }
        if (outcomes.stream().allMatch(outcome -> outcome.failure() != null)) {
            throw refused(outcomes.getFirst().failure());
        }
        end(tx, ends);
        tx.afterCommit(() -> ends.forEach(end -> presence.touch(end.claim().workerId(), tx.now())));
        return outcomes;
    }

    private void end(Tx tx, List<HeldClaim.End> ends) {
        if (ends.isEmpty()) {
            return;
        }
        claims.end(tx, ends);
        ends.forEach(end -> tx.change(change(end)));
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

    private static RuntimeException refused(@Nullable Failure failure) {
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
