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
    // A wait is shorter by up to a tenth. So none ends at half a second, as deadlines do.
    static final Duration BACKOFF = Duration.ofSeconds(4);
    static final String FATAL = "Fatal";

    private final Map<String, Order> orders = new TreeMap<>();
    private final Map<String, String> dedupeKeys = new HashMap<>();
    private final Set<String> paused = new HashSet<>();
    private final Set<String> drained = new HashSet<>();

    /** An order. */
    static final class Order {
        final String id;
        final String queueName;
        final int priority;
        final String concurrencyKey;
        final boolean isSkilled;
        final int content;
        String status = "PENDING";
        int retries;
        int forgiven;
        Instant runAt;
        Instant expiresAt;
        Instant deadline;
        Instant rank;
        Instant diedAt = Instant.MAX;
        String errorType = "";
        String workerId = "";
        String token = "";
        /** How far the work has got; 0 when nobody has said anything. */
        double checkpoint;

        Instant leaseEnds = Instant.MIN;
        Instant attemptEnds = Instant.MIN;
        // What became of each token that was given.
        final Map<String, String> ended = new HashMap<>();

        /**
         * @param content the same for orders that are equal
         * @param expiresAt MAX for never
         * @param deadline MAX for never
         */
        Order(
                String id,
                String queueName,
                int priority,
                String concurrencyKey,
                boolean isSkilled,
                int content,
                Instant runAt,
                Instant expiresAt,
                Instant deadline) {
            this.id = id;
            this.queueName = queueName;
            this.priority = priority;
            this.concurrencyKey = concurrencyKey;
            this.isSkilled = isSkilled;
            this.content = content;
            this.runAt = runAt;
            this.expiresAt = earlier(expiresAt, deadline);
            this.deadline = deadline;
        }

        boolean isCurrent(String shown, Instant now) {
            return status.equals("CLAIMED") && token.equals(shown) && leaseEnds.isAfter(now);
        }

        private void end(String how, String next) {
            ended.put(token, how);
            status = next;
        }

        private void again(String how, boolean isRetryable, String type, Instant next, Instant now) {
            errorType = type;
            if (!isRetryable || retries - forgiven == MAX_RETRIES || !next.isBefore(deadline)) {
                diedAt = now;
                end(how, "FAILED");
                return;
            }
            retries++;
            runAt = next;
            rank = null;
            expiresAt = deadline;
            end(how, "PENDING");
        }
    }

    /** One who works. */
    record Worker(String id, int room, boolean isSkilled) {}

    Map<String, Order> orders() {
        return orders;
    }

    /** The order that a queue has under a key. */
    Optional<Order> named(String dedupeKey) {
        return Optional.ofNullable(dedupeKeys.get(dedupeKey)).map(orders::get);
    }

    /** An order gets a key, or none; the one that has it gives it up and is cancelled, if it has not ended. */
    void place(Order order, String dedupeKey, Instant now) {
        orders.put(order.id, order);
        if (!dedupeKey.isEmpty()) {
            named(dedupeKey).ifPresent(replaced -> cancel(replaced.id));
            dedupeKeys.put(dedupeKey, order.id);
        }
        promote(now);
    }

    /** Time goes by: leases run out, orders expire, others become claimable. */
    void pass(Instant now) {
        for (var order : orders.values()) {
            if (order.status.equals("CLAIMED") && !order.leaseEnds.isAfter(now)) {
                order.again("TIMEOUT", now.isBefore(order.deadline), "", now.plus(BACKOFF), now);
            }
        }
        settle(now);
    }

    /** Orders expire, also such as were given back too late, and others become claimable. */
    void settle(Instant now) {
        for (var order : orders.values()) {
            if (order.status.equals("PENDING") && !order.expiresAt.isAfter(now)) {
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
        while (!drained.contains(worker.id)
                && got.size() < most
                && count(order -> order.workerId.equals(worker.id)) < worker.room) {
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
                && order.expiresAt.isAfter(now)
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
        order.attemptEnds = earlier(now.plus(TIMEOUT), order.deadline);
        order.leaseEnds = earlier(now.plus(LEASE), order.attemptEnds);
    }

    /** What a worker holds, by the orders' ids. */
    List<Order> heldBy(String workerId) {
        return orders.values().stream()
                .filter(order -> order.status.equals("CLAIMED") && order.workerId.equals(workerId))
                .toList();
    }

    /** A session goes on that had been broken off: what its worker does not name goes back. */
    void resume(String workerId, Set<String> named, Instant now) {
        for (var order : heldBy(workerId)) {
            if (named.contains(order.id)) {
                heartbeat(order.id, order.token, 0, now);
            } else {
                order.end("RELEASED", "PENDING");
            }
        }
    }

    /** The worker gets nothing more. */
    void drain(String workerId) {
        drained.add(workerId);
    }

    private static Instant earlier(Instant one, Instant other) {
        return one.isBefore(other) ? one : other;
    }

    /**
     * How a claim is to end.
     *
     * @param how COMPLETED, FAILED or RELEASED
     * @param type of the error; empty when it has no name
     * @param next when a failed attempt may be followed by another
     * @param checkpoint how far the work had got; 0 for nothing new
     */
    record End(String how, boolean isRetryable, String type, Instant next, double checkpoint) {}

    /** True when an end of a claim is accepted: it is current, or was ended in the same way before. */
    boolean end(String id, String token, End end, Instant now) {
        var order = orders.get(id);
        if (!order.isCurrent(token, now)) {
            return end.how.equals(order.ended.get(token));
        }
        keep(order, end.checkpoint);
        var how = end.how;
        switch (how) {
            case "FAILED" -> order.again(how, end.isRetryable && !end.type.equals(FATAL), end.type, end.next, now);
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
        order.leaseEnds = earlier(now.plus(LEASE), order.attemptEnds);
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
            order.runAt = now.plus(interval.multipliedBy(i));
            order.deadline = order.deadline.isAfter(order.runAt) ? order.deadline : Instant.MAX;
            order.expiresAt = order.deadline;
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
