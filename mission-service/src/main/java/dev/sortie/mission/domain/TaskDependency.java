package dev.sortie.mission.domain;

import java.time.Instant;
import java.util.UUID;

/**
 * A dependency as stored. It never changes.
 *
 * @param taskId the task that depends on the other one
 */
public record TaskDependency(UUID id, UUID taskId, UUID dependsOnTaskId, DependencyType type, Instant createdAt) {}
