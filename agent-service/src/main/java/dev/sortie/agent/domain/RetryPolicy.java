package dev.sortie.agent.domain;

import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * How often, and how far apart, failed attempts are repeated.
 *
 * @param maxRetries how many attempts may follow the first
 * @param initialBackoff the wait before the first of them
 * @param maxBackoff the longest wait
 * @param multiplier from one wait to the next, at least 1
 * @param nonRetryableErrorTypes of failures that are not repeated
 */
public record RetryPolicy(
        int maxRetries,
        Duration initialBackoff,
        Duration maxBackoff,
        double multiplier,
        List<String> nonRetryableErrorTypes) {
    public static final RetryPolicy DEFAULT =
            new RetryPolicy(3, Duration.ofSeconds(1), Duration.ofMinutes(5), 2, List.of());

    private static final double JITTER = 0.1;

    public RetryPolicy {
        nonRetryableErrorTypes = List.copyOf(nonRetryableErrorTypes);
    }

    /**
     * A policy with holes, which a default fills.
     *
     * @param nonRetryableErrorTypes empty for those of the default
     */
    public record Wish(
            @Nullable Integer maxRetries,
            @Nullable Duration initialBackoff,
            @Nullable Duration maxBackoff,
            @Nullable Double multiplier,
            List<String> nonRetryableErrorTypes) {
        public static final Wish NONE = new Wish(null, null, null, null, List.of());

        /** This, and the default where it says nothing. */
        public RetryPolicy orElse(RetryPolicy fallback) {
            return new RetryPolicy(
                    maxRetries == null ? fallback.maxRetries : maxRetries,
                    initialBackoff == null ? fallback.initialBackoff : initialBackoff,
                    maxBackoff == null ? fallback.maxBackoff : maxBackoff,
                    multiplier == null ? fallback.multiplier : multiplier,
                    nonRetryableErrorTypes.isEmpty() ? fallback.nonRetryableErrorTypes : nonRetryableErrorTypes);
        }
    }

    /**
     * Whether a failure may be repeated, as far as its type is concerned.
     *
     * @param errorType empty when it has none
     */
    boolean retries(String errorType) {
        return !nonRetryableErrorTypes.contains(errorType);
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
