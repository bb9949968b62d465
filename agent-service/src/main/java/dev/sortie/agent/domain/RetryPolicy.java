package dev.sortie.agent.domain;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * How often, and how far apart, failed attempts are repeated.
 *
 * @param maxRetries how many attempts may follow the first
 * @param initialBackoff the wait before the first of them
 * @param maxBackoff the longest wait
 * @param multiplier from one wait to the next, at least 1
 */
public record RetryPolicy(int maxRetries, Duration initialBackoff, Duration maxBackoff, double multiplier) {
    public static final RetryPolicy DEFAULT = new RetryPolicy(3, Duration.ofSeconds(1), Duration.ofMinutes(5), 2);

    private static final double JITTER = 0.1;

    /** A policy with holes, which a default fills. */
    public record Wish(
            @Nullable Integer maxRetries,
            @Nullable Duration initialBackoff,
            @Nullable Duration maxBackoff,
            @Nullable Double multiplier) {
        public static final Wish NONE = new Wish(null, null, null, null);

        /** This, and the default where it says nothing. */
        public RetryPolicy orElse(RetryPolicy fallback) {
            return new RetryPolicy(
                    maxRetries == null ? fallback.maxRetries : maxRetries,
                    initialBackoff == null ? fallback.initialBackoff : initialBackoff,
                    maxBackoff == null ? fallback.maxBackoff : maxBackoff,
                    multiplier == null ? fallback.multiplier : multiplier);
        }
    }

    /**
     * The wait before a retry.
     *
     * @param retry which one, from 1
     * @param random from 0 (inclusive) to 1; takes up to a tenth away, so that what failed together does not come back
     *     together
     */
    public Duration backoff(int retry, double random) {
        double longest = maxBackoff.toNanos();
        double wait = Math.min(longest, initialBackoff.toNanos() * Math.pow(multiplier, retry - 1));
        return Duration.ofNanos((long) (wait * (1 - JITTER * random)));
    }
}
