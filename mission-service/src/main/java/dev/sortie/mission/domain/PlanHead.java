package dev.sortie.mission.domain;

import java.time.Instant;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * What the tasks of a plan need to know of it.
 *
 * @param createdBy null when that user is gone
 * @param assignedTo null for nobody
 * @param hidden whether the plan or its project is deleted
 */
public record PlanHead(
        UUID id,
        UUID projectId,
        PlanStatus status,
        @Nullable UUID createdBy,
        @Nullable UUID assignedTo,
        @Nullable Instant deadline,
        boolean hidden) {}
