package dev.sortie.agent.domain;

import dev.sortie.agent.store.AgentFigureStore;
import dev.sortie.agent.store.CheckpointStore;
import dev.sortie.agent.store.ClaimStore;
import dev.sortie.agent.store.LateReportStore;
import dev.sortie.agent.store.WorkerStore;
import dev.sortie.runtime.identity.Principal;
import dev.sortie.runtime.sql.Change;
import dev.sortie.runtime.sql.Combiner.Item;
import dev.sortie.runtime.sql.Combiner.Outcome;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Tx;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.DoubleSupplier;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

/**
 * Claims, once workers have them: how they are kept by heartbeats, and what ends them. Whatever ends a claim locks the
 * order's row first, and does so only while the claim is the current one and its lease runs: of several ends, one
 * happens. See {@link Claiming} for how they are made.
 */
public final class Work {
    private static final Logger LOG = LoggerFactory.getLogger(Work.class);

    private final ClaimStore claims;
    private final Claiming claiming;
    private final CheckpointStore checkpoints;
    private final LateReportStore lateReports;
    private final AgentFigureStore figures;
    private final WorkerStore workers;
    private final Presence presence;
    private final WorkSignals signals;
    private final LogSignals logSignals;
    private final Tallies tallies;
    private final DoubleSupplier random;

    public Work(
            ClaimStore claims,
            Claiming claiming,
            CheckpointStore checkpoints,
            LateReportStore lateReports,
            AgentFigureStore figures,
            WorkerStore workers,
            Presence presence,
            WorkSignals signals,
            LogSignals logSignals,
            Tallies tallies,
            DoubleSupplier random) {
        this.claims = claims;
        this.claiming = claiming;
        this.checkpoints = checkpoints;
        this.lateReports = lateReports;
        this.figures = figures;
        this.workers = workers;
        this.presence = presence;
        this.signals = signals;
        this.logSignals = logSignals;
        this.tallies = tallies;
        this.random = random;
    }

    /**
     * A heartbeat.
     *
     * @param leaseDuration null for the worker's own
     * @param checkpoints how far the work on some of the orders has got, JSON objects by order
     */
    public record Heartbeat(
            UUID workerId,
            List<ClaimReference> claims,
            @Nullable Duration leaseDuration,
            Map<UUID, String> checkpoints) {}

    /**
     * What a heartbeat is told.
     *
     * @param outcomes of its claims, in their order
     * @param drainRequested the worker is to finish what it holds, and gets nothing more
     */
    public record HeartbeatAnswer(List<HeartbeatOutcome> outcomes, boolean drainRequested) {}

    /** A result. */
    public record Completion(ClaimReference claim, String result, ExecutionReport report) implements EndItem {}

    /**
     * A failed attempt.
     *
     * @param checkpoint how far it had got, a JSON object; null for what a heartbeat said
     */
    public record FailedAttempt(
            ClaimReference claim,
            String errorMessage,
            String errorType,
            boolean retryable,
            @Nullable Duration retryDelay,
            ExecutionReport report,
            @Nullable String checkpoint)
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

    /**
     * A claim that is given back.
     *
     * @param checkpoint how far it had got, a JSON object; null for what a heartbeat said
     */
    public record Release(ClaimReference claim, @Nullable String checkpoint) implements EndItem {}

    /** Moves the ends of leases, each as far as it may go, and tells of orders that were cancelled. */
    public List<Outcome<HeartbeatAnswer>> heartbeat(Tx tx, List<Item<Heartbeat>> items) {
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
        var said = new HashMap<UUID, String>();
        for (var item : items) {
            for (var claim : item.value().claims()) {
                var checkpoint = item.value().checkpoints().get(claim.workOrderId());
                if (checkpoint != null && extended.containsKey(key(claim))) {
                    said.put(claim.workOrderId(), checkpoint);
                }
            }
        }
        if (!said.isEmpty()) {
            checkpoints.put(tx, said);
        }
        var stale = ended(
                tx,
                extensions.stream().map(ClaimStore.Extension::claim).toList(),
                claim -> !extended.containsKey(key(claim)));
        return items.stream()
                .map(item -> {
                    var worker = known.get(item.value().workerId());
                    return worker == null || !worker.isRegistered()
                            ? Outcome.<HeartbeatAnswer>refused(AgentFailures.workerNotRegistered(
                                    item.value().workerId()))
                            : heartbeat(item.value(), worker, extended, stale);
                })
                .toList();
    }

    private static Outcome<HeartbeatAnswer> heartbeat(
            Heartbeat heartbeat, Worker worker, Map<Key, Instant> extended, Map<Key, EndedClaim> stale) {
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
        return Outcome.of(new HeartbeatAnswer(outcomes, worker.isDraining()));
    }

    /**
     * Ends claims, by results, failures and releases: those that are current, each by the first who ends it. Results and
     * failures that come too late are kept with the attempts that they are of.
     */
    public List<Outcome<List<WorkOutcome>>> end(Tx tx, List<Item<Ends>> items) {
        var references = items.stream()
                .flatMap(item -> item.value().items().stream().map(EndItem::claim))
                .distinct()
                .toList();
        var held = new HashMap<Key, HeldClaim>();
        claims.lockClaims(tx, references).forEach(h -> held.put(new Key(h.workOrderId(), h.claimHash()), h));
        var stale = ended(tx, references, reference -> !held.containsKey(key(reference)));
        var endings = new Endings(tx, held, stale);
        var outcomes = new ArrayList<Outcome<List<WorkOutcome>>>();
        for (var item : items) {
            outcomes.add(Outcome.of(item.value().items().stream()
                    .map(ending -> endings.end(ending, item.principal()))
                    .toList()));
        }
        endings.write();
        return outcomes;
    }

    /** What is ended by one transaction. */
    private final class Endings {
        private final Tx tx;
        private final Map<Key, HeldClaim> held;
        private final Map<Key, EndedClaim> stale;
        private final Map<Key, HeldClaim.End> ends = new LinkedHashMap<>();
        private final Map<UUID, String> said = new HashMap<>();
        private final Map<UUID, LateReport> late = new LinkedHashMap<>();

        Endings(Tx tx, Map<Key, HeldClaim> held, Map<Key, EndedClaim> stale) {
            this.tx = tx;
            this.held = held;
            this.stale = stale;
        }

        WorkOutcome end(EndItem item, Principal caller) {
            var key = key(item.claim());
            var claim = held.get(key);
            if (claim != null && !ends.containsKey(key)) {
                if (claim.isCurrent(tx.now())) {
                    return accept(item, key, claim, caller);
                }
                var ranOut = claim.timeOut(tx.now(), random.getAsDouble()); // and nobody has ended it yet
                ends.put(key, ranOut);
                tx.change(change(ranOut));
            }
            var earlier = ends.get(key);
            var known = stale.get(key);
            var outcome = earlier == null ? outcome(item, known) : outcome(item, earlier);
            if (outcome.failure() != null && earlier != null) {
                keep(item, earlier.claim().executionId());
            } else if (outcome.failure() != null && known != null && known.executionId() != null) {
                keep(item, known.executionId());
            }
            return outcome;
        }

        private WorkOutcome accept(EndItem item, Key key, HeldClaim claim, Principal caller) {
            var end = decide(item, claim, tx.now());
            ends.put(key, end);
            tx.change(change(end), caller);
            var checkpoint = checkpoint(item);
            if (checkpoint != null) {
                said.put(claim.workOrderId(), checkpoint);
            }
            return new WorkOutcome(claim.workOrderId(), end.status(), nextRun(end.status(), end.runAt()), false, null);
        }

        /** What came too late, whatever came before it. */
        private void keep(EndItem item, UUID executionId) {
            switch (item) {
                case Completion completion ->
                    late.put(
                            executionId,
                            new LateReport(
                                    executionId,
                                    ExecutionStatus.COMPLETED,
                                    completion.result(),
                                    "",
                                    "",
                                    completion.report(),
                                    tx.now()));
                case FailedAttempt failure ->
                    late.put(
                            executionId,
                            new LateReport(
                                    executionId,
                                    ExecutionStatus.FAILED,
                                    null,
                                    failure.errorMessage(),
                                    failure.errorType(),
                                    failure.report(),
                                    tx.now()));
                case Release _ -> {}
            }
        }

        void write() {
            if (!said.isEmpty()) {
                checkpoints.put(tx, said);
            }
            var all = List.copyOf(ends.values());
            Work.this.write(tx, all);
            if (!late.isEmpty()) {
                lateReports.put(tx, List.copyOf(late.values())); // their executions are there by now
                tx.afterCommit(() -> late.values()
                        .forEach(report -> LOG.atInfo()
                                .addKeyValue("execution_id", report.executionId())
                                .addKeyValue("status", report.status())
                                .log("a report came too late and was kept")));
            }
            tx.afterCommit(() -> all.forEach(end -> presence.touch(end.claim().workerId(), tx.now())));
        }
    }

    private HeldClaim.End decide(EndItem item, HeldClaim held, Instant now) {
        return switch (item) {
            case Completion completion -> held.complete(completion.result(), completion.report());
            case FailedAttempt failure ->
                held.fail(
                        new HeldClaim.Failed(
                                ExecutionStatus.FAILED,
                                failure.errorMessage(),
                                failure.errorType(),
                                failure.retryable(),
                                failure.retryDelay(),
                                failure.report()),
                        now,
                        random.getAsDouble());
            case Release _ -> held.release();
        };
    }

    private static @Nullable String checkpoint(EndItem item) {
        return switch (item) {
            case Completion _ -> null;
            case FailedAttempt failure -> failure.checkpoint();
            case Release release -> release.checkpoint();
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

    /** Gives back claims that are locked. */
    void giveBack(Tx tx, List<HeldClaim> held) {
        endAll(tx, held.stream().map(HeldClaim::release).toList());
    }

    /** Gives back everything that a worker holds. */
    void releaseAll(Tx tx, UUID workerId) {
        giveBack(tx, claims.lockHeldBy(tx, workerId));
    }

    /** Ends the claims of orders that somebody cancels. Their rows are locked. */
    void cancel(Tx tx, Collection<UUID> workOrderIds, Principal by) {
        var ends = claims.lockHeld(tx, workOrderIds).stream()
                .map(HeldClaim::cancel)
                .toList();
        ends.forEach(end -> tx.change(change(end), by));
        write(tx, ends);
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

    /** Takes away how far the work on orders had got that nobody will go on with. Their states are locked. */
    void forgetCheckpoints(Tx tx, List<UUID> workOrderIds) {
        checkpoints.forget(tx, workOrderIds);
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
        var made = AttemptFigures.of(ends, tx.now());
        if (!made.isEmpty()) {
            figures.leave(tx, made);
        }
        var over = ends.stream()
                .filter(end -> end.status() == WorkOrderStatus.COMPLETED || end.status() == WorkOrderStatus.CANCELLED)
                .map(end -> end.claim().workOrderId())
                .toList();
        if (!over.isEmpty()) {
            forgetCheckpoints(tx, over);
        }
        tx.afterCommit(() -> {
            tallies.ended(ends, tx.now());
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
                if (claiming.isInTurn(end.claim().queueName())) {
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

    /** A time as the database keeps it. */
    static Instant from(Instant now, Duration duration) {
        return now.plus(duration).truncatedTo(ChronoUnit.MICROS);
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
