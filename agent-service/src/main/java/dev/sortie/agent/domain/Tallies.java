package dev.sortie.agent.domain;

import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;

/**
 * Counts in memory what goes on in queues, to be written now and then: an order that is placed, claimed or finished costs
 * no write of its own for it.
 */
public final class Tallies {
    /** How much time one row of what is kept is about. */
    public static final Duration SLOT = Duration.ofSeconds(10);

    // When nothing can be written for so long, what is new is not counted.
    private static final int MOST = 10_000;

    private final Map<Slot, Activity> open = new HashMap<>();

    /** A queue, and the beginning of ten seconds. */
    public record Slot(String queueName, Instant at) {}

    /** Orders were placed. */
    public void enqueued(String queueName, int count, Instant at) {
        synchronized (open) {
            slot(queueName, at).addEnqueued(count);
        }
    }

    /** Orders were claimed. */
    void claimed(Collection<ClaimedWork> claims, Instant at) {
        synchronized (open) {
            for (var work : claims) {
                var order = work.order();
                var since = order.runAt().isAfter(order.enqueuedAt()) ? order.runAt() : order.enqueuedAt();
                slot(order.queueName(), at).addClaimed(passed(since, at));
            }
        }
    }

    /** Claims ended. */
    void ended(Collection<HeldClaim.End> ends, Instant at) {
        synchronized (open) {
            for (var end : ends) {
                if (!end.givenBack()) {
                    slot(end.claim().queueName(), at)
                            .addEnded(end.execution(), passed(end.claim().claimedAt(), at));
                }
            }
        }
    }

    /** A worker asks for work, or still waits for it. */
    public void asked(Collection<String> queueNames, Instant at) {
        synchronized (open) {
            queueNames.forEach(queueName -> slot(queueName, at).addAsked());
        }
    }

    /** Takes what was counted, to be written. */
    Map<Slot, Activity> take() {
        synchronized (open) {
            var taken = Map.copyOf(open);
            open.clear();
            return taken;
        }
    }

    /** Has what could not be written written the next time. */
    void putBack(Map<Slot, Activity> taken) {
        synchronized (open) {
            taken.forEach((slot, activity) -> slot(slot.queueName, slot.at).add(activity));
        }
    }

    /** The beginning of the slot that a time is in. */
    static Instant slotOf(Instant at) {
        return Instant.ofEpochSecond(Math.floorDiv(at.getEpochSecond(), SLOT.toSeconds()) * SLOT.toSeconds());
    }

    private Activity slot(String queueName, Instant at) {
        var slot = new Slot(queueName, slotOf(at));
        var known = open.get(slot);
        if (known == null) {
            known = new Activity();
            if (open.size() < MOST) {
                open.put(slot, known);
            }
        }
        return known;
    }

    private static Duration passed(Instant since, Instant at) {
        return at.isBefore(since) ? Duration.ZERO : Duration.between(since, at);
    }
}
