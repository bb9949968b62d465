package dev.sortie.agent.domain;

import dev.sortie.runtime.failure.Failure;
import java.time.Instant;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * What became of one completion, failure or release.
 *
 * @param status of the order now; null for an order that does not exist
 * @param runAt when the order may be claimed next; null unless it is PENDING
 * @param replayed whether the same had been accepted before
 * @param failure why it was refused; null when it was accepted
 */
public record WorkOutcome(
        UUID workOrderId,
        @Nullable WorkOrderStatus status,
        @Nullable Instant runAt,
        boolean replayed,
        @Nullable Failure failure) {}
