package dev.sortie.mission.domain;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A work order to be placed for one attempt at something. Its name, and the id of the request that places it, follow
 * from what it is for and the attempt, so that placing it any number of times places one.
 *
 * @param attempt from 1
 * @param priority 1 is claimed first, 5 last
 * @param payload a JSON object as text: what the worker needs to know
 * @param timeout how long one attempt of a worker may take; null for what its queue says
 * @param retryPolicy how a worker's attempts are repeated; null for what its queue says
 */
public record WorkOrderDraft(
        Subject subject,
        int attempt,
        String queueName,
        int priority,
        String payload,
        @Nullable Duration timeout,
        @Nullable RetryPolicy retryPolicy) {
    public static final int DEFAULT_PRIORITY = 3;

    /** The order's name within its queue. */
    public String dedupeKey() {
        return subject.dedupeKey(attempt);
    }

    /** The id of the request that places the order. */
    public UUID requestId() {
        return UUID.nameUUIDFromBytes(("place " + dedupeKey()).getBytes(StandardCharsets.UTF_8));
    }
}
