package dev.sortie.agent.domain;

import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.failure.FailureException;
import dev.sortie.runtime.identity.Principal;
import dev.sortie.runtime.sql.Combiner;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A worker's session. One thread takes what the worker says ({@link #take}), another hands work to it ({@link #assign});
 * both end when the session is over. What happens elsewhere (cancelled orders, other sessions of the worker) comes by
 * {@link WorkSessions}.
 */
public final class WorkSession {
    private static final Logger LOG = LoggerFactory.getLogger(WorkSession.class);
    // To be woken is what ends a wait; the time is only there because there must be one.
    private static final Duration LONG = Duration.ofHours(1);
    // After a claim that failed, or found the worker with no room that the session knows nothing of.
    private static final Duration AFTER_FAILURE = Duration.ofSeconds(1);
    private static final Duration WITHOUT_ROOM = Duration.ofSeconds(5);
    // While its agent is being looked after; should the change that ends it be missed.
    private static final Duration IN_MAINTENANCE = Duration.ofSeconds(20);
    private static final int MAX_ENDS = 1_000;

    private final WorkSessions sessions;
    private final Principal principal;
    private final SessionPeer peer;
    private final Instant opensAt;
    private final SessionState state;
    private final WorkSignals.Waiter bell;
    private volatile @Nullable UUID workerId;
    private volatile Fenced.@Nullable Session id;
    private volatile long newestEpoch;
    private volatile boolean lookAgain;
    private volatile @Nullable UUID restsFor;

    WorkSession(WorkSessions sessions, Principal principal, SessionPeer peer, WorkSignals.Waiter bell, Instant now) {
        this.sessions = sessions;
        this.principal = principal;
        this.peer = peer;
        this.opensAt = now;
        this.state = new SessionState(now);
        this.bell = bell;
    }

    /** Takes some messages, in their order, and acknowledges them. Begins the session with the first. */
    public void take(List<SessionMessage> messages) {
        if (messages.isEmpty()) {
            return;
        }
        boolean mayTakeMore = false;
        for (var message : messages) {
            mayTakeMore |= state.heard(message.sequence(), message.attach() != null, sessions.now());
            mayTakeMore |= message.credits() > 0
                    || message.drain()
                    || !message.queueNames().isEmpty();
        }
        var attach = messages.getFirst().attach();
        if (attach != null) {
            attach(attach);
        }
        var session = Objects.requireNonNull(id);
        sessions.presence().touch(session.workerId(), sessions.now());
        var acks = new ArrayList<SessionReply.Ack>();
        var logs = append(messages);
        var beat = messages.stream().anyMatch(SessionMessage::heartbeat)
                ? heartbeat(messages)
                : List.<HeartbeatOutcome>of();
        mayTakeMore |= state.isFull();
        var ends = end(messages);
        int nextEnd = 0;
        int nextLogs = 0;
        boolean isFirstBeat = true;
        for (var message : messages) {
            if (!message.queueNames().isEmpty()) {
                state.queueNames(message.queueNames());
            }
            var refused = state.grant(message.credits());
            if (message.drain()) {
                state.drain();
            }
            int completions = nextEnd + message.completions().size();
            int failures = completions + message.failures().size();
            int releases = failures + message.releases().size();
            var told = message.heartbeat() && isFirstBeat ? beat : List.<HeartbeatOutcome>of();
            acks.add(new SessionReply.Ack(
                    message.sequence(),
                    refused,
                    message.heartbeat() ? first(beat) : null,
                    told.stream().filter(outcome -> outcome.failure() != null).toList(),
                    ends.subList(nextEnd, completions),
                    ends.subList(completions, failures),
                    ends.subList(failures, releases),
                    logs.subList(nextLogs, nextLogs + message.logs().size()),
                    state.credits()));
            isFirstBeat &= !message.heartbeat();
            nextEnd = releases;
            nextLogs += message.logs().size();
        }
        if (mayTakeMore) {
            bell.wake();
        }
        peer.tell(acks);
    }

    private void attach(SessionMessage.Attach attach) {
        workerId = attach.workerId();
        var begun = sessions.attach(principal, this, attach.workerId());
        var session = new Fenced.Session(attach.workerId(), begun.epoch());
        id = session;
        superseded(newestEpoch);
        var worker = begun.worker();
        var lease = attach.leaseDuration();
        state.open(attach.queueNames(), lease == null ? worker.leaseDuration() : lease, worker.maxConcurrentTasks());
        if (worker.isDraining()) {
            drainRequested();
        }
        var resume = attach.resume();
        var resumed = resume == null ? List.<HeartbeatOutcome>of() : resume(session, resume);
        LOG.atInfo()
                .addKeyValue("worker_id", session.workerId())
                .addKeyValue("epoch", session.epoch())
                .addKeyValue("claims", state.held().size())
                .log("a worker has attached");
        peer.tell(
                List.of(new SessionReply.Attached(session.epoch(), resumed, state.lease(), state.heartbeatInterval())));
    }

    /** What the worker still has it keeps; what has not reached it goes back. */
    private List<HeartbeatOutcome> resume(Fenced.Session session, SessionMessage.Resume resume) {
        var held = sessions.resume(principal, session, resume);
        state.hold(held);
        sessions.holds(this, held.stream().map(SessionState.Held::workOrderId).toList());
        var outcomes = resume.claims().isEmpty() ? List.<HeartbeatOutcome>of() : extend(resume.claims(), Map.of());
        drop(outcomes, resume.claims());
        return outcomes;
    }

    /** Lines of all messages, in their order. */
    private List<SessionReply.LogsOutcome> append(List<SessionMessage> messages) {
        var appends =
                messages.stream().flatMap(message -> message.logs().stream()).toList();
        if (appends.isEmpty()) {
            return List.of();
        }
        sessions.checkCurrent(session());
        var stored = sessions.append(principal, appends);
        var outcomes = new ArrayList<SessionReply.LogsOutcome>();
        for (int i = 0; i < appends.size(); i++) {
            outcomes.add(outcome(appends.get(i), stored.get(i)));
        }
        return outcomes;
    }

    private static SessionReply.LogsOutcome outcome(Logs.Append logs, Combiner.Outcome<Integer> stored) {
        var refusal = stored.failure();
        if (refusal instanceof FailureException known) {
            return new SessionReply.LogsOutcome(logs.executionId(), 0, 0, known.failure());
        }
        if (refusal != null) {
            throw refusal;
        }
        int count = Objects.requireNonNull(stored.value());
        return new SessionReply.LogsOutcome(
                logs.executionId(), count, logs.lines().size() - count, null);
    }

    /** Extends the leases of what is held. Of nothing, it costs nothing. */
    private List<HeartbeatOutcome> heartbeat(List<SessionMessage> messages) {
        var held = state.held();
        var checkpoints = new HashMap<UUID, String>();
        messages.forEach(message -> checkpoints.putAll(message.checkpoints()));
        checkpoints
                .keySet()
                .retainAll(held.stream().map(ClaimReference::workOrderId).collect(Collectors.toSet()));
        var outcomes = held.isEmpty() ? List.<HeartbeatOutcome>of() : extend(held, checkpoints);
        drop(outcomes, held);
        return outcomes;
    }

    private List<HeartbeatOutcome> extend(List<ClaimReference> claims, Map<UUID, String> checkpoints) {
        var answer = sessions.calls()
                .heartbeats()
                .call(
                        principal,
                        new Fenced<>(
                                new Work.Heartbeat(session().workerId(), claims, state.lease(), checkpoints),
                                session()));
        if (answer.drainRequested()) {
            drainRequested();
        }
        return answer.outcomes();
    }

    private void drop(List<HeartbeatOutcome> outcomes, List<ClaimReference> claims) {
        for (int i = 0; i < outcomes.size(); i++) {
            if (outcomes.get(i).failure() != null) {
                ended(claims.get(i));
            }
        }
    }

    /** Results, failures and releases of all messages, in their order. */
    private List<WorkOutcome> end(List<SessionMessage> messages) {
        var items = new ArrayList<Work.EndItem>();
        for (var message : messages) {
            items.addAll(message.completions());
            items.addAll(message.failures());
            items.addAll(message.releases());
        }
        var outcomes = new ArrayList<WorkOutcome>();
        for (int from = 0; from < items.size(); from += MAX_ENDS) {
            var some = items.subList(from, Math.min(items.size(), from + MAX_ENDS));
            outcomes.addAll(sessions.calls().ends().call(principal, new Fenced<>(new Work.Ends(some), session())));
        }
        items.forEach(item -> ended(item.claim()));
        return outcomes;
    }

    private void ended(ClaimReference claim) {
        state.end(claim);
        sessions.releases(this, List.of(claim.workOrderId()));
    }

    /** Hands out work and news until the session is over. */
    public void assign() {
        try {
            while (!state.isOver()) {
                var news = state.takeNews();
                if (!news.isEmpty()) {
                    peer.tell(news);
                }
                if (lookAgain) {
                    lookAtWorker();
                }
                if (!assignNow()) {
                    bell.await(LONG);
                }
            }
        } catch (InterruptedException | CancellationException stopped) {
            over(null);
        } catch (RuntimeException failed) {
            LOG.atError()
                    .addKeyValue("worker_id", session().workerId())
                    .setCause(failed)
                    .log("a session fails");
            over(AgentFailures.sessionNotClosed());
        } finally {
            bell.close();
        }
    }

    /**
     * One look at the queues, for a worker that takes something and reads what it is told.
     *
     * @return whether to look again at once
     */
    private boolean assignNow() {
        if (state.wanted(sessions.now()) == 0) {
            bell.stepOut();
            return false;
        }
        if (!peer.awaitRoom()) {
            over(null);
            return false;
        }
        var queueNames = state.queueNames();
        bell.standIn(queueNames); // before it looks, so that it misses nothing that comes later
        int wanted = state.wanted(sessions.now());
        if (wanted == 0) {
            return true;
        }
        boolean done = false;
        int found = 0;
        try {
            found = claim(queueNames, wanted);
            done = true;
        } finally {
            // As in a call that waits: whoever takes from several queues holds more rows for a moment than it takes;
            // and who fails may have been the only one that was told.
            if (!done || (found > 0 && queueNames.size() > 1)) {
                queueNames.forEach(queueName -> sessions.signals().wake(queueName, 1));
            }
        }
        return found == wanted;
    }

    private int claim(List<String> queueNames, int wanted) {
        List<ClaimedWork> work;
        long since = sessions.agentChanges();
        try {
            work = sessions.calls()
                    .claim(
                            principal,
                            new Fenced<>(
                                    new Claiming.ClaimRequest(session().workerId(), queueNames, wanted, state.lease()),
                                    session()));
        } catch (CancellationException gone) {
            throw gone;
        } catch (AgentInMaintenance maintained) {
            rest(maintained.agentId(), since, queueNames);
            return 0;
        } catch (RuntimeException failed) {
            refused(failed);
            return 0;
        }
        if (!work.isEmpty()) {
            var held = work.stream().map(SessionState.Held::of).toList();
            var orders = held.stream().map(SessionState.Held::workOrderId).toList();
            state.assign(held);
            sessions.holds(this, orders);
            var queues = work.stream()
                    .map(claim -> claim.order().queueName())
                    .distinct()
                    .toList();
            var isWanted = new AtomicBoolean(true); // what was said at that moment, whatever holds by now
            boolean isAssigned = peer.assign(work, () -> {
                isWanted.set(state.takesWorkFrom(queues));
                return isWanted.get();
            });
            if (!isAssigned) {
                state.undo(held);
                sessions.releases(this, orders);
                sessions.giveBack(principal, work);
                if (isWanted.get()) {
                    over(null); // the worker is gone, and the session hears of it this way first
                }
            }
        }
        return work.size();
    }

    /** Assigns nothing for as long as the agent is being looked after. */
    private void rest(UUID agentId, long since, List<String> queueNames) {
        state.rest(sessions.now().plus(IN_MAINTENANCE));
        restsFor = agentId;
        bell.stepOut();
        queueNames.forEach(queueName -> sessions.signals().wake(queueName, 1)); // it may have been told in vain
        if (sessions.agentChanges() != since) {
            goOn();
        }
    }

    /** Something about an agent has changed: it may be in service again. */
    void agentChanged(UUID agentId) {
        if (agentId.equals(restsFor)) {
            goOn();
        }
    }

    private void goOn() {
        restsFor = null;
        state.rest(sessions.now());
        bell.wake();
    }

    private void refused(RuntimeException failed) {
        if (failed instanceof FailureException refusal) {
            if (AgentFailures.endsSession(refusal.failure())) {
                over(refusal.failure());
                return;
            }
            if (AgentFailures.isOfDrainingWorker(refusal.failure())) {
                drainRequested();
                return;
            }
            if (AgentFailures.isAtCapacity(refusal.failure())) {
                state.rest(sessions.now().plus(WITHOUT_ROOM));
                return;
            }
        }
        LOG.atWarn()
                .addKeyValue("worker_id", session().workerId())
                .setCause(failed)
                .log("a session cannot claim now; it tries again");
        state.rest(sessions.now().plus(AFTER_FAILURE));
    }

    /** The worker has changed: it may hold more now, or less, or nothing ever again. */
    private void lookAtWorker() {
        lookAgain = false;
        Worker worker;
        try {
            worker = sessions.find(session().workerId());
        } catch (RuntimeException failed) {
            refused(failed); // its next claim is told in any case
            return;
        }
        if (worker == null || !worker.isRegistered()) {
            over(AgentFailures.workerNotRegistered(session().workerId()).failure());
        } else if (worker.isDraining()) {
            drainRequested();
        } else {
            state.maxClaims(worker.maxConcurrentTasks());
        }
    }

    private void drainRequested() {
        state.requestDrain();
        bell.wake();
    }

    /** The worker says nothing more; what it said is still acknowledged, and nothing is assigned. */
    public void halfClosed() {
        state.drain();
        bell.wake();
    }

    /** Ends the session. */
    public void over(@Nullable Failure reason) {
        if (state.over(reason)) {
            sessions.ended(this, workerId, state.heldOrders());
            bell.wake();
            peer.over();
        }
    }

    public boolean isOver() {
        return state.isOver();
    }

    /** Whether work can be assigned: the worker has attached. */
    public boolean isAttached() {
        return id != null;
    }

    /** Why it is over; null when all is well. */
    public @Nullable Failure failure() {
        return state.failure();
    }

    /** Asks the worker to end the session. */
    void close(SessionReply.Closing.Reason reason) {
        if (state.close(reason, sessions.now())) {
            bell.wake();
        }
    }

    /** An order that is held has changed. */
    void changed(UUID workOrderId, WorkOrderStatus status, Predicate<UUID> isOf) {
        if (state.changed(workOrderId, status, isOf)) {
            sessions.releases(this, List.of(workOrderId));
            bell.wake();
        }
    }

    /** The worker has changed. */
    void workerChanged() {
        lookAgain = true;
        bell.wake();
    }

    /** Ends it where another one has been attached since. */
    void superseded(long epoch) {
        if (epoch > newestEpoch) {
            newestEpoch = epoch;
        }
        var own = id;
        if (own != null && own.epoch() < epoch) {
            over(AgentFailures.sessionSuperseded(own.workerId(), own.epoch()));
        }
    }

    /** What is due by the time. */
    void look(Instant now, Duration longestLife, Duration closingTime) {
        var closingAt = state.closingAt();
        if (closingAt != null) {
            if (now.isAfter(closingAt.plus(closingTime))) {
                over(AgentFailures.sessionNotClosed());
            }
        } else if (!principal.expiresAt().isAfter(now)) {
            close(SessionReply.Closing.Reason.TOKEN_ENDS);
        } else if (now.isAfter(opensAt.plus(longestLife))) {
            close(SessionReply.Closing.Reason.AGE);
        }
        if (state.isGone(now)) {
            over(AgentFailures.sessionSilent(id));
        } else if (state.hasRested(now) || state.isSilent(now)) {
            bell.wake();
        }
    }

    private Fenced.Session session() {
        return Objects.requireNonNull(id);
    }

    private static @Nullable Instant first(List<HeartbeatOutcome> outcomes) {
        return outcomes.stream()
                .map(HeartbeatOutcome::leaseExpiresAt)
                .filter(Objects::nonNull)
                .min(Instant::compareTo)
                .orElse(null);
    }
}
