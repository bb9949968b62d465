package dev.sortie.agent.domain;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A claim's turn at a queue whose orders have limits, keys or requirements. The row of the turn is locked: nobody else
 * claims from the queue until the end of the transaction. So what was counted at its beginning can only have become
 * less, by claims that ended meanwhile, and no limit is ever exceeded, however many servers there are. Whole batches are
 * claimed in one turn, which is what makes up for it.
 */
public final class Turn {
    private final State state;
    private final Instant now;
    private final Map<String, Double> shares;
    private final List<Line> lines = new ArrayList<>();
    private final Map<String, Integer> heldByKey = new HashMap<>();
    private int held;
    private double tokens;
    private double virtualTime;
    private final Map<String, Double> changedShares = new HashMap<>();
    private int taken;

    /**
     * Where a queue's turn stands, as the database has it.
     *
     * @param tokens null for a bucket that was never used
     * @param virtualTime of the order that was claimed last
     */
    public record State(
            String queueName,
            Limits limits,
            Duration priorityAging,
            @Nullable Double tokens,
            @Nullable Instant refilledAt,
            double virtualTime) {}

    /** An order at the head of its lane. */
    public record Candidate(UUID workOrderId, Instant rank) {}

    /** A lane, and the first orders in it. */
    private record Line(Lane lane, ArrayDeque<Candidate> candidates) {}

    /** An order that was chosen. */
    public record Pick(Turn turn, Lane lane, Candidate candidate) {}

    /** @param shares by fairness key, the virtual time of the keys that have had more than others lately */
    public Turn(State state, Map<String, Double> shares, Instant now) {
        this.state = state;
        this.shares = new HashMap<>(shares);
        this.now = now;
        this.virtualTime = state.virtualTime();
        this.tokens = refilled();
    }

    /** Says how many orders of a lane are held. */
    public void holds(Lane lane, int count) {
        held += count;
        heldByKey.merge(lane.concurrencyKey(), count, Integer::sum);
    }

    /** Adds a lane with the first orders in it. */
    public void add(Lane lane, List<Candidate> candidates) {
        if (!candidates.isEmpty()) {
            lines.add(new Line(lane, new ArrayDeque<>(candidates)));
        }
    }

    /** How many more may be claimed now, as far as the queue as a whole is concerned. */
    public int room() {
        int concurrency = state.limits().concurrency() == 0
                ? Integer.MAX_VALUE
                : state.limits().concurrency() - held;
        int rate = state.limits().rate() == null ? Integer.MAX_VALUE : (int) Math.floor(tokens);
        return Math.max(0, Math.min(concurrency, rate));
    }

    /** The order that a worker should get next, if there is any that it may have. */
    Optional<Pick> peek(Map<String, CapabilityLevel> capabilities) {
        if (room() == 0) {
            return Optional.empty();
        }
        return lines.stream()
                .filter(line -> !line.candidates.isEmpty() && hasRoom(line.lane) && line.lane.admits(capabilities))
                .min(Comparator.<Line>comparingLong(line -> level(line.candidates.element()))
                        .thenComparingDouble(line -> start(line.lane.fairnessKey()))
                        .thenComparing(line -> line.candidates.element().rank())
                        .thenComparing(
                                line -> line.candidates.element().workOrderId().toString()))
                .map(line -> new Pick(this, line.lane, line.candidates.element()));
    }

    /** Takes the order that was seen. */
    void take(Pick pick) {
        var lane = pick.lane();
        lines.stream().filter(line -> line.lane.equals(lane)).forEach(line -> line.candidates.remove());
        held++;
        heldByKey.merge(lane.concurrencyKey(), 1, Integer::sum);
        tokens -= 1;
        taken++;
        virtualTime = start(lane.fairnessKey());
        double next = virtualTime + 1 / state.limits().weight(lane.fairnessKey());
        shares.put(lane.fairnessKey(), next);
        changedShares.put(lane.fairnessKey(), next);
    }

    public String queueName() {
        return state.queueName();
    }

    public boolean hasTaken() {
        return taken > 0;
    }

    /** What is left in the bucket; null when there is none. */
    public @Nullable Double tokens() {
        return state.limits().rate() == null ? null : tokens;
    }

    public double virtualTime() {
        return virtualTime;
    }

    public Map<String, Double> changedShares() {
        return changedShares;
    }

    /** When the next order may be claimed that only the rate keeps back; null when it is not the rate. */
    @Nullable
    Instant nextToken() {
        var rate = state.limits().rate();
        if (rate == null || tokens >= 1) {
            return null;
        }
        return now.plusNanos((long) ((1 - tokens) * rate.interval().toNanos() / rate.orders()));
    }

    private boolean hasRoom(Lane lane) {
        int most = state.limits().concurrencyPerKey();
        return most == 0 || lane.concurrencyKey().isEmpty() || heldByKey.getOrDefault(lane.concurrencyKey(), 0) < most;
    }

    /** Steps of priority that the order has still to wait for; 0 for the most urgent ones. */
    private long level(Candidate candidate) {
        long aging = state.priorityAging().toMillis();
        long ahead = Duration.between(now, candidate.rank()).toMillis();
        return aging == 0 || ahead <= 0 ? 0 : Math.ceilDiv(ahead, aging);
    }

    /** Who had nothing for a while has no claim to what was given meanwhile. */
    private double start(String fairnessKey) {
        return Math.max(virtualTime, shares.getOrDefault(fairnessKey, 0.0));
    }

    private double refilled() {
        var rate = state.limits().rate();
        if (rate == null) {
            return 0;
        }
        var then = state.refilledAt();
        var left = state.tokens();
        if (then == null || left == null) {
            return rate.burst();
        }
        // A clock that is behind the one that wrote last adds nothing.
        double elapsed = Math.max(0, Duration.between(then, now).toNanos());
        return Math.min(
                rate.burst(), left + elapsed * rate.orders() / rate.interval().toNanos());
    }
}
