package dev.sortie.agent.domain;

import dev.sortie.runtime.failure.Failure;
import java.time.Instant;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * What became of a lease.
 *
 * @param leaseExpiresAt null when it was not extended
 * @param cancelRequested the order has been cancelled
 * @param failure why it was not extended; null when it was
 */
public record HeartbeatOutcome(
        UUID workOrderId,
        @Nullable Instant leaseExpiresAt,
        boolean cancelRequested,
        @Nullable Failure failure) {}
