package dev.sortie.mission.domain;

import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Something that is still to be told to agent-service.
 *
 * @param attempt the attempt at the subject that it concerns
 * @param workOrderId which order to cancel; null when that has to be found out by placing it (again)
 * @param draft the order to place; null for the cancellation of one whose id is known
 * @param reason why the order is cancelled; may be empty
 * @param sends how often it has been sent, this time included
 */
public record OutboxEntry(
        UUID id,
        Kind kind,
        Subject subject,
        int attempt,
        @Nullable UUID workOrderId,
        @Nullable WorkOrderDraft draft,
        String reason,
        int sends) {

    /** What to tell. */
    public enum Kind {
        ENQUEUE,
        CANCEL
    }
}
