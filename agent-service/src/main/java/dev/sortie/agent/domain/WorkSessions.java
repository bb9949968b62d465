package dev.sortie.agent.domain;

import dev.sortie.agent.store.ClaimStore;
import dev.sortie.agent.store.SessionStore;
import dev.sortie.agent.store.WorkerStore;
import dev.sortie.runtime.change.ChangeFeed;
import dev.sortie.runtime.change.LoggedChange;
import dev.sortie.runtime.identity.Principal;
import dev.sortie.runtime.sql.Change;
import dev.sortie.runtime.sql.Combiner;
import dev.sortie.runtime.sql.Combiner.Item;
import dev.sortie.runtime.sql.Combiner.Outcome;
import dev.sortie.runtime.sql.Database;
import dev.sortie.runtime.sql.Isolation;
import dev.sortie.runtime.sql.Tx;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** The work sessions of this process, and what they need of the rest. */
public final class WorkSessions {
    private static final Duration LONGEST_LIFE = Duration.ofMinutes(25);
    private static final Duration CLOSING_TIME = Duration.ofSeconds(5);
    private static final Duration FEED_PATIENCE = Duration.ofSeconds(30);
    private static final int ATTACHED_AT_ONCE = 2;
    private static final int MAX_ATTACHED = 500;

    private final Database database;
    private final WorkCalls calls;
    private final Work work;
    private final LogCalls logs;
    private final Presence presence;
    private final WorkSignals signals;
    private final SessionStore store;
    private final WorkerStore workers;
    private final ClaimStore claims;
    private final int most;
    private final Combiner<UUID, Begun> attaching;
    private final Set<WorkSession> open = ConcurrentHashMap.newKeySet();
    private final Map<UUID, Set<WorkSession>> byWorker = new ConcurrentHashMap<>();
    private final Map<UUID, WorkSession> holders = new ConcurrentHashMap<>();
    private final AtomicLong agentChanges = new AtomicLong();
    private volatile boolean closing;

    /** @param most how many sessions to have at a time */
    public WorkSessions(
            Database database,
            WorkCalls calls,
            Work work,
            LogCalls logs,
            Presence presence,
            WorkSignals signals,
            SessionStore store,
            WorkerStore workers,
            ClaimStore claims,
            MeterRegistry meters,
            int most) {
        this.database = database;
        this.calls = calls;
        this.work = work;
        this.logs = logs;
        this.presence = presence;
        this.signals = signals;
        this.store = store;
        this.workers = workers;
        this.claims = claims;
        this.most = most;
        this.attaching =
                new Combiner<>(database, meters, "attach", ATTACHED_AT_ONCE, MAX_ATTACHED, _ -> 1, this::begin);
        Gauge.builder("sortie.work.sessions", open, Collection::size).register(meters);
    }

    /** A session that has begun. */
    record Begun(long epoch, Worker worker) {}

    /** Opens a session, which nobody has attached to yet. */
    public WorkSession open(Principal principal, SessionPeer peer) {
        var session = new WorkSession(this, principal, peer, signals.bell(), now());
        open.add(session);
        if (open.size() > most) {
            open.remove(session);
            throw AgentFailures.tooManySessions(most);
        }
        if (closing) {
            session.close(SessionReply.Closing.Reason.SERVER_STOPS);
        }
        return session;
    }

    /** How many sessions there are. */
    public int count() {
        return open.size();
    }

    /** Asks all workers to end their sessions, for the server is about to stop. */
    public void closeAll() {
        closing = true;
        open.forEach(session -> session.close(SessionReply.Closing.Reason.SERVER_STOPS));
    }

    /** Does what is due by the time: ends sessions that are too old, or whose workers are not heard of. */
    public void look() {
        var now = now();
        open.forEach(session -> session.look(now, LONGEST_LIFE, CLOSING_TIME));
    }

    /**
     * Tells sessions what happens elsewhere: orders that are cancelled, workers that attach to another replica. Returns
     * only by failing.
     */
    public void follow(ChangeFeed changes) throws InterruptedException {
        var watch = changes.watch(changes.now(), Set.of("work_order", "worker", "worker_session", "agent"));
        var attached = List.copyOf(byWorker.keySet());
        if (!attached.isEmpty()) {
            supersede(store.find(database.queries(), attached)); // what was missed until now
        }
        while (true) {
            watch.next(FEED_PATIENCE).changes().forEach(this::changed);
        }
    }

    private void changed(LoggedChange change) {
        switch (change.resourceType()) {
            case "work_order" -> orderChanged(change);
            case "agent" -> agentChanged(change.resourceId());
            case "worker" -> of(change.resourceId()).forEach(WorkSession::workerChanged);
            default -> supersede(Map.of(change.resourceId(), change.version()));
        }
    }

    private void agentChanged(UUID agentId) {
        agentChanges.incrementAndGet();
        open.forEach(session -> session.agentChanged(agentId));
    }

    /** How many changes of agents there have been, whichever. */
    long agentChanges() {
        return agentChanges.get();
    }

    private void orderChanged(LoggedChange change) {
        var holder = holders.get(change.resourceId());
        if (holder == null) {
            return;
        }
        for (var status : WorkOrderStatus.values()) {
            if (change.attributes().contains('"' + status.name() + '"')) {
                holder.changed(
                        change.resourceId(),
                        status,
                        executionId -> change.attributes().contains(executionId.toString()));
            }
        }
    }

    private void supersede(Map<UUID, Long> epochs) {
        epochs.forEach((workerId, epoch) -> of(workerId).forEach(session -> session.superseded(epoch)));
    }

    private Collection<WorkSession> of(UUID workerId) {
        return byWorker.getOrDefault(workerId, Set.of());
    }

    Begun attach(Principal principal, WorkSession session, UUID workerId) {
        // Before it has its epoch, so that it hears of the next one in any case.
        byWorker.compute(workerId, (_, all) -> {
            Set<WorkSession> joined = all == null ? ConcurrentHashMap.newKeySet() : all;
            joined.add(session);
            return joined;
        });
        var begun = attaching.call(principal, workerId);
        supersede(Map.of(workerId, begun.epoch()));
        return begun;
    }

    private List<Outcome<Begun>> begin(Tx tx, List<Item<UUID>> items) {
        var known = workers.findAll(tx, items.stream().map(Item::value).collect(Collectors.toSet())).stream()
                .filter(Worker::isRegistered)
                .collect(Collectors.toMap(Worker::id, worker -> worker));
        var sessions = new TreeMap<UUID, Long>();
        for (var item : items) {
            if (known.containsKey(item.value())) {
                sessions.merge(item.value(), 1L, Long::sum);
            }
        }
        var last = sessions.isEmpty() ? Map.<UUID, Long>of() : store.begin(tx, sessions);
        last.forEach((id, epoch) -> tx.change((epoch.equals(sessions.get(id))
                        ? Change.created("worker_session", id, epoch)
                        : Change.updated("worker_session", id, epoch))
                .with("worker_id", id)));
        var outcomes = new ArrayList<Outcome<Begun>>();
        var given = new HashMap<UUID, Long>();
        for (var item : items) {
            var id = item.value();
            var worker = known.get(id);
            if (worker == null) {
                outcomes.add(Outcome.refused(AgentFailures.workerNotRegistered(id)));
            } else {
                // Of several at once, each has its own, and the last one counts.
                long before = last.getOrDefault(id, 0L) - sessions.getOrDefault(id, 0L);
                outcomes.add(Outcome.of(new Begun(before + given.merge(id, 1L, Long::sum), worker)));
            }
        }
        return outcomes;
    }

    /**
     * Gives back what a worker holds without knowing, where no other session was in between.
     *
     * @return the claims that it names and holds
     */
    List<SessionState.Held> resume(Principal principal, Fenced.Session session, SessionMessage.Resume resume) {
        var named = new HashMap<ByteBuffer, ClaimReference>();
        resume.claims().forEach(claim -> named.put(ByteBuffer.wrap(ClaimTokens.hash(claim.token())), claim));
        boolean continues = resume.epoch() == session.epoch() - 1;
        return database.transaction(principal, Isolation.READ_COMMITTED, tx -> {
            var kept = new ArrayList<SessionState.Held>();
            var unknown = new ArrayList<HeldClaim>();
            for (var held : claims.lockHeldBy(tx, session.workerId())) {
                var claim = named.get(ByteBuffer.wrap(held.claimHash()));
                if (claim != null && claim.workOrderId().equals(held.workOrderId())) {
                    kept.add(new SessionState.Held(claim, held.executionId()));
                } else if (continues && held.isCurrent(tx.now())) { // otherwise it ran out, which counts
                    unknown.add(held);
                }
            }
            if (!unknown.isEmpty()) {
                work.giveBack(tx, unknown);
            }
            return kept;
        });
    }

    /** Refuses what comes from a session that is not the worker's last. */
    void checkCurrent(Fenced.Session session) {
        var epochs = store.find(database.queries(), List.of(session.workerId()));
        if (epochs.getOrDefault(session.workerId(), 0L) != session.epoch()) {
            throw AgentFailures.sessionSuperseded(session.workerId(), session.epoch())
                    .exception();
        }
    }

    List<Outcome<Integer>> append(Principal principal, List<Logs.Append> appends) {
        return logs.append(principal, appends);
    }

    /** A worker; null when there is none. */
    @Nullable
    Worker find(UUID workerId) {
        return workers.find(database.queries(), workerId).orElse(null);
    }

    /** Gives back work that did not reach its worker. */
    void giveBack(Principal principal, List<ClaimedWork> work) {
        try {
            calls.giveBack(principal, work).join();
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
        }
    }

    void holds(WorkSession session, Collection<UUID> workOrderIds) {
        workOrderIds.forEach(id -> holders.put(id, session));
        if (session.isOver()) {
            releases(session, workOrderIds); // it may have ended before it was noted here
        }
    }

    void releases(WorkSession session, Collection<UUID> workOrderIds) {
        workOrderIds.forEach(id -> holders.remove(id, session));
    }

    void ended(WorkSession session, @Nullable UUID workerId, Collection<UUID> workOrderIds) {
        open.remove(session);
        releases(session, workOrderIds);
        if (workerId != null) {
            byWorker.computeIfPresent(workerId, (_, all) -> {
                all.remove(session);
                return all.isEmpty() ? null : all;
            });
        }
    }

    Instant now() {
        return database.clock().instant();
    }

    WorkCalls calls() {
        return calls;
    }

    WorkSignals signals() {
        return signals;
    }

    Presence presence() {
        return presence;
    }
}
