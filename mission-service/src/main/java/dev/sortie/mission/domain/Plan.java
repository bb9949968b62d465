package dev.sortie.mission.domain;

import java.time.Duration;
import java.time.Instant;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A plan as stored.
 *
 * @param id its own
 * @param projectId what it belongs to
 * @param fields what callers set
 * @param status where it stands
 * @param statusReason the reason given with the last move; may be empty
 * @param adaptiveLimit how many tasks it keeps dispatched at present if it is ADAPTIVE
 * @param createdBy its owner; null when that user has been deleted since
 * @param deadlineWarnedAt when it was last warned of this deadline
 * @param deletedAt when it was hidden
 * @param purgeAt when it will be gone for good; with {@code deletedAt}
 * @param createdAt when it was created
 * @param updatedAt when it last changed
 * @param version one more with each change
 */
public record Plan(
        UUID id,
        UUID projectId,
        Fields fields,
        PlanStatus status,
        String statusReason,
        int adaptiveLimit,
        @Nullable UUID createdBy,
        @Nullable Instant deadlineWarnedAt,
        @Nullable Instant deletedAt,
        @Nullable Instant purgeAt,
        Instant createdAt,
        Instant updatedAt,
        long version) {

    /**
     * What callers set.
     *
     * @param title 1 to 255 characters
     * @param assignedTo who is responsible
     * @param estimatedEffort in whole hundredths of an hour, and so is {@code actualEffort}
     * @param agentCount how many workers it may keep busy
     * @param metadata a JSON object as text
     */
    public record Fields(
            String title,
            String description,
            Priority priority,
            @Nullable UUID assignedTo,
            @Nullable Duration estimatedEffort,
            @Nullable Duration actualEffort,
            boolean mobileSyncEnabled,
            int agentCount,
            ScalingStrategy scalingStrategy,
            @Nullable Instant deadline,
            String metadata) {}

    public boolean isDeleted() {
        return deletedAt != null;
    }

    public DeadlineState deadlineState() {
        return DeadlineState.of(fields.deadline(), deadlineWarnedAt);
    }

    /**
     * How many more tasks the plan may have dispatched; all of them where it is more than anybody has.
     *
     * @param dispatched how many it has
     */
    int room(int dispatched) {
        if (status != PlanStatus.ACTIVE || isDeleted()) {
            return 0;
        }
        return switch (fields.scalingStrategy()) {
            case FIXED -> Math.max(0, fields.agentCount() - dispatched);
            case ADAPTIVE -> Math.max(0, adaptiveLimit - dispatched);
            case ELASTIC -> Integer.MAX_VALUE;
        };
    }

    Plan withStatus(PlanStatus newStatus, String newStatusReason) {
        return new Plan(
                id,
                projectId,
                fields,
                newStatus,
                newStatusReason,
                adaptiveLimit,
                createdBy,
                deadlineWarnedAt,
                deletedAt,
                purgeAt,
                createdAt,
                updatedAt,
                version);
    }

    Plan withDeletion(@Nullable Instant newDeletedAt, @Nullable Instant newPurgeAt) {
        return new Plan(
                id,
                projectId,
                fields,
                status,
                statusReason,
                adaptiveLimit,
                createdBy,
                deadlineWarnedAt,
                newDeletedAt,
                newPurgeAt,
                createdAt,
                updatedAt,
                version);
    }
}
