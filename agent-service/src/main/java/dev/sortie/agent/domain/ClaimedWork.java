package dev.sortie.agent.domain;

import java.time.Instant;
import java.util.UUID;

/** An order that a worker has just claimed. */
public record ClaimedWork(WorkOrder order, String token, UUID executionId, Instant leaseExpiresAt, Instant endsAt) {
    public byte[] tokenHash() {
        return ClaimTokens.hash(token);
    }

    @Override
    public String toString() {
        return "ClaimedWork[" + order.id() + "]"; // the token is a secret
    }
}
