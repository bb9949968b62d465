package dev.sortie.agent;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/**
 * What two queues and their workers do, as the contract says it, in plain Java and without any thought of speed: one
 * list of orders, searched from end to end whenever something is asked. One queue has no limits; the other has two, and
 * orders in it may ask for a capability.
 */
final class QueueModel {
    static final String PLAIN = "plain";
    static final String LIMITED = "limited";
    static final int LIMIT = 5;
    static final int LIMIT_PER_KEY = 2;
    static final int MAX_RETRIES = 2;
    static final Duration AGING = Duration.ofSeconds(30);
    static final Duration LEASE = Duration.ofSeconds(20);
    static final Duration TIMEOUT = Duration.ofSeconds(45);
    static final Duration BACKOFF = Duration.ofSeconds(10);

    private final Map<String, Order> orders = new TreeMap<>();
    private final Map<String, String> dedupeKeys = new HashMap<>();
    private final Set<String> paused = new HashSet<>();

    /** An order. */
    static final class Order {
        final String id;
        final String queueName;
        final int priority;
        final String concurrencyKey;
        final boolean isSkilled;
        String status = "PENDING";
        int retries;
        int forgiven;
        Instant runAt;
        Instant expiresAt;
        Instant rank;
        Instant diedAt = Instant.MAX;
        String workerId = "";
        String token = "";
        /** How far the work has got; 0 when nobody has said anything. */
        double checkpoint;

        Instant leaseEnds = Instant.MIN;
        Instant attemptEnds = Instant.MIN;
        // What became of each token that was given.
        final Map<String, String> ended = new HashMap<>();

        Order(
                String id,
                String queueName,
                int priority,
                String concurrencyKey,
                boolean isSkilled,
                Instant runAt,
                Instant expiresAt) {
            this.id = id;
            this.queueName = queueName;
            this.priority = priority;
            this.concurrencyKey = concurrencyKey;
            this.isSkilled = isSkilled;
            this.runAt = runAt;
            this.expiresAt = expiresAt;
        }

        boolean isCurrent(String shown, Instant now) {
            return status.equals("CLAIMED") && token.equals(shown) && leaseEnds.isAfter(now);
        }

        private void end(String how, String next) {
            ended.put(token, how);
            status = next;
        }

        private void again(String how, boolean isRetryable, Instant next, Instant now) {
            if (!isRetryable || retries - forgiven == MAX_RETRIES) {
                diedAt = now;
                end(how, "FAILED");
                return;
            }
            retries++;
            runAt = next;
            rank = null;
            expiresAt = null;
            end(how, "PENDING");
        }
    }

    /** One who works. */
    record Worker(String id, int room, boolean isSkilled) {}

    Map<String, Order> orders() {
        return orders;
    }

    /** The order that a queue has under a key. */
    Optional<String> named(String dedupeKey) {
        return Optional.ofNullable(dedupeKeys.get(dedupeKey));
    }

    void place(Order order, String dedupeKey, Instant now) {
        orders.put(order.id, order);
        if (!dedupeKey.isEmpty()) {
            dedupeKeys.put(dedupeKey, order.id);
        }
        promote(now);
    }

    /** Time goes by: leases run out, orders expire, others become claimable. */
    void pass(Instant now) {
        for (var order : orders.values()) {
            if (order.status.equals("CLAIMED") && !order.leaseEnds.isAfter(now)) {
                order.again("TIMEOUT", true, now.plus(BACKOFF), now);
            }
            if (order.status.equals("PENDING") && order.expiresAt != null && !order.expiresAt.isAfter(now)) {
                order.status = "EXPIRED";
                order.diedAt = now;
            }
        }
        promote(now);
    }

    /** Who becomes claimable gets its place in line, which it keeps. */
    void promote(Instant now) {
        for (var order : orders.values()) {
            if (order.status.equals("PENDING") && order.rank == null && !order.runAt.isAfter(now)) {
                order.rank = order.runAt.plus(AGING.multipliedBy(order.priority - 1));
            }
        }
    }

    /** What a worker gets, one after the other: each the most urgent that it may have. */
    List<Order> claim(Worker worker, List<String> queueNames, int most, Instant now) {
        var got = new ArrayList<Order>();
        while (got.size() < most && count(order -> order.workerId.equals(worker.id)) < worker.room) {
            var next = orders.values().stream()
                    .filter(order -> queueNames.contains(order.queueName) && isClaimable(order, worker, now))
                    .min(Comparator.<Order, Instant>comparing(order -> order.rank)
                            .thenComparing(order -> order.queueName.equals(PLAIN) ? 0 : 1)
                            .thenComparing(order -> order.id));
            if (next.isEmpty()) {
                break;
            }
            var order = next.get();
            order.status = "CLAIMED";
            order.workerId = worker.id;
            got.add(order);
        }
        return got;
    }

    private boolean isClaimable(Order order, Worker worker, Instant now) {
        return order.status.equals("PENDING")
                && !order.runAt.isAfter(now)
                && !paused.contains(order.queueName)
                && (!order.isSkilled || worker.isSkilled)
                && (order.queueName.equals(PLAIN)
                        || (count(other -> other.queueName.equals(LIMITED)) < LIMIT
                                && count(other -> other.queueName.equals(LIMITED)
                                                && other.concurrencyKey.equals(order.concurrencyKey))
                                        < (order.concurrencyKey.isEmpty() ? Integer.MAX_VALUE : LIMIT_PER_KEY)));
    }

    private interface Kind {
        boolean includes(Order order);
    }

    private long count(Kind kind) {
        return orders.values().stream()
                .filter(order -> order.status.equals("CLAIMED") && kind.includes(order))
                .count();
    }

    void claimed(String id, String token, Instant now) {
        var order = orders.get(id);
        order.token = token;
        order.leaseEnds = now.plus(LEASE);
        order.attemptEnds = now.plus(TIMEOUT);
    }

    /**
     * How a claim is to end.
     *
     * @param how COMPLETED, FAILED or RELEASED
     * @param next when a failed attempt may be followed by another
     * @param checkpoint how far the work had got; 0 for nothing new
     */
    record End(String how, boolean isRetryable, Instant next, double checkpoint) {}

    /** True when an end of a claim is accepted: it is current, or was ended in the same way before. */
    boolean end(String id, String token, End end, Instant now) {
        var order = orders.get(id);
        if (!order.isCurrent(token, now)) {
            return end.how.equals(order.ended.get(token));
        }
        keep(order, end.checkpoint);
        var how = end.how;
        switch (how) {
            case "FAILED" -> order.again(how, end.isRetryable, end.next, now);
            case "RELEASED" -> order.end(how, "PENDING");
            default -> order.end(how, how);
        }
        return true;
    }

    private static void keep(Order order, double checkpoint) {
        order.checkpoint = checkpoint == 0 ? order.checkpoint : checkpoint;
    }

    /** @param checkpoint 0 for nothing new */
    boolean heartbeat(String id, String token, double checkpoint, Instant now) {
        var order = orders.get(id);
        if (!order.isCurrent(token, now)) {
            return false;
        }
        keep(order, checkpoint);
        var wished = now.plus(LEASE);
        order.leaseEnds = wished.isBefore(order.attemptEnds) ? wished : order.attemptEnds;
        return true;
    }

    boolean cancel(String id) {
        var order = orders.get(id);
        switch (order.status) {
            case "CLAIMED" -> order.end("CANCELLED", "CANCELLED");
            case "PENDING" -> order.status = "CANCELLED"; // what became of earlier claims stays as it is
            case "CANCELLED" -> {}
            default -> {
                return false;
            }
        }
        return true;
    }

    /** Puts dead orders back, first those that died first. */
    List<String> redrive(String queueName, int most, Duration interval, Instant now) {
        var back = orders.values().stream()
                .filter(order -> order.queueName.equals(queueName)
                        && (order.status.equals("FAILED") || order.status.equals("EXPIRED")))
                .sorted(Comparator.comparing(order -> order.diedAt)) // and by their ids, as they come
                .limit(most)
                .toList();
        for (int i = 0; i < back.size(); i++) {
            var order = back.get(i);
            order.retries += order.status.equals("FAILED") ? 1 : 0;
            order.forgiven = order.retries;
            order.status = "PENDING";
            order.rank = null;
            order.expiresAt = null;
            order.runAt = now.plus(interval.multipliedBy(i));
        }
        promote(now);
        return back.stream().map(order -> order.id).toList();
    }

    void pause(String queueName, boolean isPaused) {
        if (isPaused) {
            paused.add(queueName);
        } else {
            paused.remove(queueName);
        }
    }
}
