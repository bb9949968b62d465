package dev.sortie.mission.domain;

import java.time.Instant;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Where a run waits for a person.
 *
 * @param hopId the hop that it waits before or, with a step, the active hop of it
 * @param stepId the step that it waits before; null where it waits before the hop
 * @param since since when
 */
public record Pause(UUID hopId, @Nullable UUID stepId, Instant since) {

    /** Whether it waits before this hop. */
    boolean isBefore(Hop hop) {
        return stepId == null && hopId.equals(hop.id());
    }

    /** Whether it waits before this step. */
    boolean isBefore(ToolStep step) {
        return step.id().equals(stepId);
    }
}
