package dev.sortie.agent.domain;

import java.time.Duration;
import java.time.Instant;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A piece of work in a queue.
 *
 * @param subject what it is for; null for work of another kind
 * @param priority 1 is claimed first, 5 last
 * @param payload a JSON object; null in lists
 * @param result a JSON object; null before it is accepted, and in lists
 * @param errorMessage why the last attempt that failed did; empty when none has
 * @param errorType of that attempt; empty when it had none
 * @param retryCount how many attempts have been repeated, or will be
 * @param dedupeKey empty when there is none
 * @param runAt the earliest time at which it may be claimed
 * @param deadlineAt by when it must be done
 * @param workerId who holds, or last held, it
 */
public record WorkOrder(
        UUID id,
        String queueName,
        WorkOrderStatus status,
        @Nullable Subject subject,
        int priority,
        @Nullable String payload,
        @Nullable String result,
        String errorMessage,
        String errorType,
        int retryCount,
        RetryPolicy retryPolicy,
        Duration timeout,
        Lane lane,
        String dedupeKey,
        Instant runAt,
        @Nullable Instant expiresAt,
        @Nullable Instant deadlineAt,
        Instant enqueuedAt,
        @Nullable Instant claimedAt,
        @Nullable Instant completedAt,
        @Nullable UUID workerId,
        boolean cancelRequested,
        Instant updatedAt,
        long version) {
    public static final int DEFAULT_PRIORITY = 3;

    /**
     * An order as a caller places it.
     *
     * @param timeout null for the queue's
     * @param dedupeKey empty when there is none
     * @param runAt null for at once
     * @param expiresAt null for never
     * @param deadlineAt null for never
     * @param contentHash of everything that the caller said, to tell a repeated order from another one
     */
    public record Draft(
            String queueName,
            @Nullable Subject subject,
            int priority,
            String payload,
            RetryPolicy.Wish retryPolicy,
            @Nullable Duration timeout,
            Lane lane,
            String dedupeKey,
            @Nullable Instant runAt,
            @Nullable Instant expiresAt,
            @Nullable Instant deadlineAt,
            byte[] contentHash) {}

    /** Which attempt a claim of this order is, or would be. */
    public int attempt() {
        return retryCount + 1;
    }

    WorkOrder claimed(UUID worker, Instant now) {
        return new WorkOrder(
                id,
                queueName,
                WorkOrderStatus.CLAIMED,
                subject,
                priority,
                payload,
                null,
                errorMessage,
                errorType,
                retryCount,
                retryPolicy,
                timeout,
                lane,
                dedupeKey,
                runAt,
                expiresAt,
                deadlineAt,
                enqueuedAt,
                now,
                null,
                worker,
                false,
                now,
                version + 1);
    }
}
