package dev.sortie.agent.domain;

import java.time.Duration;
import java.time.Instant;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A line of work orders.
 *
 * @param id names the queue in the change log
 * @param defaultTimeout of one attempt at an order that says nothing itself
 * @param defaultRetryPolicy of an order that says nothing itself
 * @param priorityAging by how much longer than an urgent order one of the next lower priority waits at most
 * @param inTurn whether one transaction at a time claims from it, since it has limits, or orders with keys or requirements
 */
public record Queue(
        String name,
        UUID id,
        String description,
        boolean paused,
        Duration defaultTimeout,
        RetryPolicy defaultRetryPolicy,
        Duration priorityAging,
        Limits limits,
        boolean inTurn,
        Instant createdAt,
        Instant updatedAt,
        long version) {
    public static final Duration DEFAULT_TIMEOUT = Duration.ofHours(1);
    public static final Duration DEFAULT_PRIORITY_AGING = Duration.ofMinutes(5);

    /**
     * A queue as a caller wants it.
     *
     * @param etag the version that the queue must still have; null when it does not matter
     */
    public record Draft(
            String name,
            String description,
            Duration defaultTimeout,
            RetryPolicy defaultRetryPolicy,
            Duration priorityAging,
            Limits limits,
            @Nullable String etag) {

        /** A queue that is made because an order names it. */
        public static Draft named(String name) {
            return new Draft(name, "", DEFAULT_TIMEOUT, RetryPolicy.DEFAULT, DEFAULT_PRIORITY_AGING, Limits.NONE, null);
        }

        boolean describes(Queue queue) {
            return queue.description.equals(description)
                    && queue.defaultTimeout.equals(defaultTimeout)
                    && queue.defaultRetryPolicy.equals(defaultRetryPolicy)
                    && queue.priorityAging.equals(priorityAging)
                    && queue.limits.equals(limits);
        }
    }
}
