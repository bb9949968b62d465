package dev.sortie.mission.domain;

import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A mission as stored.
 *
 * @param id its own
 * @param userId its owner, who is also the owner of everything in it
 * @param fields what callers set
 * @param status where it stands
 * @param currentHopId the active hop
 * @param running whether hops follow one another by themselves
 * @param pause where its run waits for a person; null when it does not
 * @param statusReason the reason given with the last move that takes one; may be empty
 * @param qaAt when it last entered QA
 * @param completedAt when it reached a terminal status
 * @param deletedAt when it was hidden
 * @param purgeAt when it will be gone for good; with {@code deletedAt}
 * @param deadlineWarnedAt when it was last warned of this deadline
 * @param createdAt when it was created
 * @param updatedAt when it last changed
 * @param version one more with each change
 */
public record Mission(
        UUID id,
        UUID userId,
        Fields fields,
        MissionStatus status,
        @Nullable UUID currentHopId,
        boolean running,
        @Nullable Pause pause,
        String statusReason,
        @Nullable Instant qaAt,
        @Nullable Instant completedAt,
        @Nullable Instant deletedAt,
        @Nullable Instant purgeAt,
        @Nullable Instant deadlineWarnedAt,
        Instant createdAt,
        Instant updatedAt,
        long version) {

    /**
     * What callers set.
     *
     * @param name 1 to 255 characters
     * @param successCriteria in the callers' order
     * @param metadata a JSON object as text
     * @param budgetAmount in whole units of its currency
     * @param budgetCurrency three letters, or empty
     */
    public record Fields(
            String name,
            String description,
            String goal,
            List<String> successCriteria,
            String metadata,
            String client,
            @Nullable Long budgetAmount,
            String budgetCurrency,
            @Nullable Instant deadline,
            String assignedTo,
            String githubUrl) {}

    public boolean isDeleted() {
        return deletedAt != null;
    }

    public DeadlineState deadlineState() {
        return DeadlineState.of(fields.deadline(), deadlineWarnedAt);
    }

    public RunState runState() {
        return RunState.of(running, pause);
    }

    /** Whether the mission can make the move now. */
    public boolean allows(MissionMove move) {
        return move.isAllowed(status, currentHopId != null);
    }

    /** A move, or the beginning or end of a run, which also ends a pause. */
    Mission withState(
            MissionStatus newStatus, @Nullable UUID newCurrentHopId, boolean newRunning, String newStatusReason) {
        return new Mission(
                id,
                userId,
                fields,
                newStatus,
                newCurrentHopId,
                newRunning,
                null,
                newStatusReason,
                qaAt,
                completedAt,
                deletedAt,
                purgeAt,
                deadlineWarnedAt,
                createdAt,
                updatedAt,
                version);
    }

    Mission paused(Pause newPause) {
        return new Mission(
                id,
                userId,
                fields,
                status,
                currentHopId,
                false,
                newPause,
                statusReason,
                qaAt,
                completedAt,
                deletedAt,
                purgeAt,
                deadlineWarnedAt,
                createdAt,
                updatedAt,
                version);
    }

    Mission withTimes(
            @Nullable Instant newQaAt,
            @Nullable Instant newCompletedAt,
            @Nullable Instant newDeletedAt,
            @Nullable Instant newPurgeAt) {
        return new Mission(
                id,
                userId,
                fields,
                status,
                currentHopId,
                running,
                pause,
                statusReason,
                newQaAt,
                newCompletedAt,
                newDeletedAt,
                newPurgeAt,
                deadlineWarnedAt,
                createdAt,
                updatedAt,
                version);
    }
}
