package dev.sortie.mission.domain;

import java.time.Instant;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A hop as stored.
 *
 * @param id its own
 * @param missionId the mission it is a stage of
 * @param fields what callers set
 * @param status where it stands
 * @param sequenceOrder its place in the mission: 0, 1, 2 …
 * @param errorMessage what went wrong; may be empty
 * @param running whether steps follow one another by themselves
 * @param pause where its run waits for a person; null when it does not
 * @param startedAt when it became active
 * @param endedAt when it reached a terminal status
 * @param createdAt when it was created
 * @param updatedAt when it last changed
 * @param version one more with each change
 */
public record Hop(
        UUID id,
        UUID missionId,
        Fields fields,
        HopStatus status,
        int sequenceOrder,
        String errorMessage,
        boolean running,
        @Nullable Pause pause,
        @Nullable Instant startedAt,
        @Nullable Instant endedAt,
        Instant createdAt,
        Instant updatedAt,
        long version) {

    /**
     * What callers set.
     *
     * @param name 1 to 255 characters
     * @param isFinal whether the mission's work is done when this hop completes
     * @param isResolved whether it found or made what it set out to
     * @param pauseBefore whether a run of the mission stops before it
     */
    public record Fields(
            String name,
            String description,
            String rationale,
            boolean isFinal,
            boolean isResolved,
            boolean pauseBefore) {}

    public RunState runState() {
        return RunState.of(running, pause);
    }

    /** Whether anything of it has happened; it keeps its place from then on. */
    public boolean hasBegun() {
        return startedAt != null;
    }

    /** A move, or the beginning or end of a run, which also ends a pause. */
    Hop withState(HopStatus newStatus, boolean newRunning, String newErrorMessage) {
        return new Hop(
                id,
                missionId,
                fields,
                newStatus,
                sequenceOrder,
                newErrorMessage,
                newRunning,
                null,
                startedAt,
                endedAt,
                createdAt,
                updatedAt,
                version);
    }

    Hop withTimes(@Nullable Instant newStartedAt, @Nullable Instant newEndedAt) {
        return new Hop(
                id,
                missionId,
                fields,
                status,
                sequenceOrder,
                errorMessage,
                running,
                pause,
                newStartedAt,
                newEndedAt,
                createdAt,
                updatedAt,
                version);
    }

    Hop resolved() {
        var more =
                new Fields(fields.name, fields.description, fields.rationale, fields.isFinal, true, fields.pauseBefore);
        return new Hop(
                id,
                missionId,
                more,
                status,
                sequenceOrder,
                errorMessage,
                running,
                pause,
                startedAt,
                endedAt,
                createdAt,
                updatedAt,
                version);
    }

    Hop paused(Pause newPause) {
        return new Hop(
                id,
                missionId,
                fields,
                status,
                sequenceOrder,
                errorMessage,
                false,
                newPause,
                startedAt,
                endedAt,
                createdAt,
                updatedAt,
                version);
    }
}
