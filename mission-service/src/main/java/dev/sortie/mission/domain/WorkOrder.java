package dev.sortie.mission.domain;

import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A work order, as agent-service has it.
 *
 * @param dedupeKey its name within its queue; empty for none
 * @param subject what it is for; null for work of another kind
 * @param result the JSON object that was accepted, as text; null before, and when it cannot be stored
 * @param errorMessage why its last attempt failed, or why its result cannot be stored; empty otherwise
 * @param workerId who holds, or last held, it; null before the first claim
 * @param version rises with every change of the order
 */
public record WorkOrder(
        UUID id,
        String dedupeKey,
        @Nullable Subject subject,
        Status status,
        @Nullable String result,
        String errorMessage,
        @Nullable UUID workerId,
        long version) {

    /** Where an order stands. */
    public enum Status {
        PENDING,
        CLAIMED,
        COMPLETED,
        FAILED,
        EXPIRED,
        CANCELLED;

        /** True where nothing more will come of it. */
        public boolean isTerminal() {
            return this != PENDING && this != CLAIMED;
        }
    }
}
