package dev.sortie.mission.domain;

import java.time.Duration;
import java.util.List;

/**
 * How often, and how far apart, failed work is tried again.
 *
 * @param maxRetries attempts after the first
 * @param initialBackoff the wait before the first retry
 * @param maxBackoff the longest wait
 * @param backoffMultiplier the factor between one wait and the next, at least 1
 * @param nonRetryableErrorTypes of failures that are not tried again
 */
public record RetryPolicy(
        int maxRetries,
        Duration initialBackoff,
        Duration maxBackoff,
        double backoffMultiplier,
        List<String> nonRetryableErrorTypes) {

    /** What holds where nobody says otherwise. */
    public static final RetryPolicy DEFAULT =
            new RetryPolicy(3, Duration.ofSeconds(1), Duration.ofMinutes(5), 2, List.of());

    public RetryPolicy {
        nonRetryableErrorTypes = List.copyOf(nonRetryableErrorTypes);
    }
}
