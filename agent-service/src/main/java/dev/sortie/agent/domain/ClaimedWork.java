package dev.sortie.agent.domain;

import java.time.Instant;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * An order that a worker has just claimed.
 *
 * @param checkpoint how far earlier attempts had got, a JSON object; null when none has said anything
 */
public record ClaimedWork(
        WorkOrder order,
        String token,
        UUID executionId,
        Instant leaseExpiresAt,
        Instant endsAt,
        @Nullable String checkpoint) {
    public byte[] tokenHash() {
        return ClaimTokens.hash(token);
    }

    @Override
    public String toString() {
        return "ClaimedWork[" + order.id() + "]"; // the token is a secret
    }
}
