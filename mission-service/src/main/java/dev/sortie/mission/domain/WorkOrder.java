package dev.sortie.mission.domain;

import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A work order, as agent-service has it.
 *
 * @param dedupeKey its name within its queue; empty for none
 * @param toolStepId the step it executes; null for work of another kind
 * @param result the JSON object that was accepted, as text; null before, and when it cannot be stored
 * @param errorMessage why its last attempt failed, or why its result cannot be stored; empty otherwise
 */
public record WorkOrder(
        UUID id,
        String dedupeKey,
        @Nullable UUID toolStepId,
        Status status,
        @Nullable String result,
        String errorMessage) {

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
