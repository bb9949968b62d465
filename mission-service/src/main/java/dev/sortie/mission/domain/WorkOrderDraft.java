package dev.sortie.mission.domain;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.UUID;

/**
 * A work order to be placed for one attempt of a step. Its name, and the id of the request that places it, follow from
 * the step and the attempt, so that placing it any number of times places one.
 *
 * @param attempt of the step, from 1
 * @param payload a JSON object as text: what the worker needs to know
 * @param timeout how long one attempt of a worker may take
 */
public record WorkOrderDraft(
        UUID toolStepId, int attempt, String queueName, String payload, Duration timeout, RetryPolicy retryPolicy) {

    /** The order's name within its queue. */
    public String dedupeKey() {
        return dedupeKey(toolStepId, attempt);
    }

    /** The id of the request that places the order. */
    public UUID requestId() {
        return UUID.nameUUIDFromBytes(("place " + dedupeKey()).getBytes(StandardCharsets.UTF_8));
    }

    /** The name of the order for an attempt of a step. */
    public static String dedupeKey(UUID toolStepId, int attempt) {
        return "tool-step/" + toolStepId + "/" + attempt;
    }
}
