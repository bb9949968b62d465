package dev.sortie.agent.domain;

import java.time.Instant;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * What is known of a claim that is not current.
 *
 * @param executionId the claim's attempt; null when the order never had such a claim
 * @param execution what the claim's attempt came to; null when the order never had such a claim
 * @param givenBack whether it was given back
 */
public record EndedClaim(
        UUID workOrderId,
        byte[] claimHash,
        WorkOrderStatus status,
        Instant runAt,
        boolean cancelRequested,
        @Nullable UUID executionId,
        @Nullable ExecutionStatus execution,
        boolean givenBack) {}
