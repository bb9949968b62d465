package dev.sortie.agent.domain;

import dev.sortie.runtime.failure.Failure;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Where a session stands: what the worker holds in it, and how much more it takes. Several threads look at it and change
 * it; what they then do is theirs.
 */
final class SessionState {
    static final int MOST_CREDITS = 1_000;
    static final Duration LONGEST_SILENCE = Duration.ofMinutes(1);
    private static final Duration LONGEST_INTERVAL = Duration.ofSeconds(20);

    /** From the first to the last; none comes back. */
    enum Phase {
        /** Nobody has attached. */
        NEW,
        /** Orders are assigned. */
        OPEN,
        /** No more orders are assigned; everything else goes on. */
        DRAINING,
        /** Nothing goes on. */
        OVER
    }

    /** A claim that the worker holds. */
    record Held(ClaimReference claim, UUID executionId) {
        static Held of(ClaimedWork work) {
            return new Held(new ClaimReference(work.order().id(), work.token()), work.executionId());
        }

        UUID workOrderId() {
            return claim.workOrderId();
        }
    }

    private Phase phase = Phase.NEW;
    private Instant heardAt;
    private Duration lease = Duration.ZERO;
    private int maxClaims;
    private int credits;
    private long lastSequence;
    private Instant notBefore = Instant.MIN;
    private List<String> queueNames = List.of();
    private final Map<UUID, Held> held = new LinkedHashMap<>();
    private final List<SessionReply.ClaimEnd> news = new ArrayList<>();
    private SessionReply.@Nullable Closing closing;
    private boolean told;
    private boolean drainRequested;
    private boolean toldOfDrain;
    private @Nullable Instant closingAt;
    private @Nullable Failure failure;

    SessionState(Instant now) {
        this.heardAt = now;
    }

    /**
     * A message has come: the worker is there. Its number rises, the first one attaches and no other does.
     *
     * @return whether it had been silent
     */
    synchronized boolean heard(long sequence, boolean attaches, Instant now) {
        if (sequence <= lastSequence) {
            throw AgentFailures.sessionMisused(
                    sequence, "follows message " + lastSequence + " (expected: rising numbers)");
        }
        if (attaches && lastSequence > 0) {
            throw AgentFailures.sessionMisused(sequence, "attaches again (expected: only the first one does)");
        }
        if (!attaches && lastSequence == 0) {
            throw AgentFailures.sessionMisused(sequence, "is the first and does not attach (expected: attach)");
        }
        boolean wasSilent = isSilent(now);
        lastSequence = sequence;
        heardAt = now;
        return wasSilent;
    }

    /**
     * Begins.
     *
     * @param maxClaims the most that the worker may hold
     */
    synchronized void open(List<String> queues, Duration leaseDuration, int maxClaims) {
        this.queueNames = List.copyOf(queues);
        this.lease = leaseDuration;
        this.maxClaims = maxClaims;
        if (phase == Phase.NEW) {
            phase = Phase.OPEN;
        }
    }

    synchronized Duration lease() {
        return lease;
    }

    /** How often the worker is to be heard of. */
    synchronized Duration heartbeatInterval() {
        var third = lease.dividedBy(3);
        return third.compareTo(LONGEST_INTERVAL) < 0 ? third : LONGEST_INTERVAL;
    }

    synchronized List<String> queueNames() {
        return queueNames;
    }

    synchronized void queueNames(List<String> others) {
        queueNames = List.copyOf(others);
    }

    synchronized void maxClaims(int most) {
        maxClaims = most;
    }

    /**
     * Takes credits.
     *
     * @return why not; null when they were taken
     */
    synchronized @Nullable Failure grant(int more) {
        if (phase != Phase.OPEN) {
            return null;
        }
        if (credits + more > MOST_CREDITS) {
            return AgentFailures.creditsExceeded(credits, MOST_CREDITS);
        }
        credits += more;
        return null;
    }

    synchronized int credits() {
        return phase == Phase.OPEN ? credits : 0;
    }

    /** How many orders to assign now. */
    synchronized int wanted(Instant now) {
        if (phase != Phase.OPEN || isSilent(now) || now.isBefore(notBefore)) {
            return 0;
        }
        return Math.max(0, Math.min(credits, maxClaims - held.size()));
    }

    /** True when the worker holds as much as it may, as far as is known. */
    synchronized boolean isFull() {
        return held.size() >= maxClaims || !notBefore.equals(Instant.MIN);
    }

    /** Assigns nothing before a time. */
    synchronized void rest(Instant until) {
        notBefore = until;
    }

    /** True when it is at rest until now, and no longer. */
    synchronized boolean hasRested(Instant now) {
        if (notBefore.equals(Instant.MIN) || now.isBefore(notBefore)) {
            return false;
        }
        notBefore = Instant.MIN;
        return true;
    }

    /** What is assigned against credit is held from now on, before the worker knows. */
    synchronized void assign(Collection<Held> work) {
        hold(work);
        credits -= work.size();
    }

    /** It did not reach the worker after all. */
    synchronized void undo(Collection<Held> work) {
        for (var one : work) {
            held.remove(one.workOrderId());
            news.removeIf(end -> end.executionId().equals(one.executionId()));
        }
        credits += work.size();
    }

    /** Claims are held that were made before. */
    synchronized void hold(Collection<Held> claims) {
        claims.forEach(one -> held.put(one.workOrderId(), one));
    }

    /** A claim has ended, as its worker knows. */
    synchronized void end(ClaimReference claim) {
        var known = held.get(claim.workOrderId());
        if (known != null && known.claim.equals(claim)) {
            held.remove(claim.workOrderId());
            notBefore = Instant.MIN; // where there was no room, there is some now
        }
    }

    synchronized List<ClaimReference> held() {
        return held.values().stream().map(Held::claim).toList();
    }

    synchronized List<UUID> heldOrders() {
        return List.copyOf(held.keySet());
    }

    /**
     * An order has changed, as the change log has it.
     *
     * @param isOf tells whether the change is about an execution
     * @return whether there is news for the worker
     */
    synchronized boolean changed(UUID workOrderId, WorkOrderStatus status, Predicate<UUID> isOf) {
        var known = held.get(workOrderId);
        if (known == null || status == WorkOrderStatus.CLAIMED || !isOf.test(known.executionId)) {
            return false;
        }
        held.remove(workOrderId);
        notBefore = Instant.MIN;
        news.add(new SessionReply.ClaimEnd(workOrderId, known.executionId, status));
        return true;
    }

    /** What the worker is to be told, once. */
    synchronized List<SessionReply> takeNews() {
        var taken = new ArrayList<SessionReply>(news);
        news.clear();
        if (drainRequested && !toldOfDrain) {
            toldOfDrain = true;
            taken.add(new SessionReply.DrainRequested());
        }
        if (closing != null && !told) {
            told = true;
            taken.add(closing);
        }
        return taken;
    }

    /** Assigns nothing from now on. */
    synchronized void drain() {
        if (phase == Phase.OPEN || phase == Phase.NEW) {
            phase = Phase.DRAINING;
        }
    }

    /** The same, as the worker is to leave. */
    synchronized void requestDrain() {
        drain();
        drainRequested = true;
    }

    /** The same, as the session ends before long. */
    synchronized boolean close(SessionReply.Closing.Reason reason, Instant now) {
        if (closing != null || phase == Phase.OVER) {
            return false;
        }
        drain();
        closing = new SessionReply.Closing(reason);
        closingAt = now;
        return true;
    }

    /** Since when the worker is asked to end the session; null while it is not. */
    synchronized @Nullable Instant closingAt() {
        return closingAt;
    }

    /**
     * Ends it.
     *
     * @param reason null when all is well
     * @return whether it had not ended before
     */
    synchronized boolean over(@Nullable Failure reason) {
        if (phase == Phase.OVER) {
            return false;
        }
        phase = Phase.OVER;
        failure = reason;
        return true;
    }

    synchronized boolean isOver() {
        return phase == Phase.OVER;
    }

    synchronized boolean isAttached() {
        return phase != Phase.NEW;
    }

    /** Whether work from some queues, which may no longer be those of the session, may be handed over at this moment. */
    synchronized boolean takesWorkFrom(List<String> queues) {
        return phase == Phase.OPEN && queueNames.containsAll(queues);
    }

    /** Why it ended; null when all was well. */
    synchronized @Nullable Failure failure() {
        return failure;
    }

    /** True when nothing was heard for so long that the leases have run out. */
    synchronized boolean isSilent(Instant now) {
        var patience = heartbeatInterval().multipliedBy(3);
        return now.isAfter(heardAt.plus(patience));
    }

    /** True when nothing was heard for so long that the session ends. */
    synchronized boolean isGone(Instant now) {
        return now.isAfter(heardAt.plus(LONGEST_SILENCE));
    }
}
