package dev.sortie.agent.domain;

import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What goes on in a queue.
 *
 * @param windows of the last minute, the last five, and the last hour
 */
public record QueueStats(Backlog backlog, List<Window> windows, Instant readAt) {

    /**
     * How many orders of a queue are where.
     *
     * @param oldestAt since when the order that has been claimable longest has been so; null when there is none
     */
    public record Backlog(
            String queueName,
            boolean paused,
            Count claimable,
            Count delayed,
            Count claimed,
            Count failed,
            Count expired,
            @Nullable Instant oldestAt) {}

    /**
     * A number of orders.
     *
     * @param atLeast whether there may be more: nobody counts for ever
     */
    public record Count(long count, boolean atLeast) {}

    /**
     * What went on in a time that ends now.
     *
     * @param length of that time, which is never zero
     */
    public record Window(Duration length, Activity activity) {
        public double perSecond(long count) {
            return count * 1e9 / length.toNanos();
        }
    }
}
