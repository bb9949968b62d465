package dev.sortie.mission.domain;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** What has been said of a deadline. */
public enum DeadlineState {
    /** Nothing: there is none, it is far off, or nobody has looked since it was set. */
    QUIET,
    /** It is near. */
    APPROACHING,
    /** It has passed. */
    PASSED;

    /**
     * By the time of the last warning.
     *
     * @param warnedAt null when there was none for this deadline
     */
    public static DeadlineState of(@Nullable Instant deadline, @Nullable Instant warnedAt) {
        if (deadline == null || warnedAt == null) {
            return QUIET;
        }
        return warnedAt.isBefore(deadline) ? APPROACHING : PASSED;
    }
}
