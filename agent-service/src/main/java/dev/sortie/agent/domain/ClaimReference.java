package dev.sortie.agent.domain;

import java.util.UUID;

/** A claim as its worker shows it. */
public record ClaimReference(UUID workOrderId, String token) {
    @Override
    public String toString() {
        return "ClaimReference[" + workOrderId + "]"; // the token is a secret
    }
}
