package dev.sortie.agent.domain;

import java.time.Instant;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * One attempt at an order.
 *
 * @param archivedAt when it went to the archive; null while it is in the database
 */
public record Execution(
        UUID id,
        UUID workOrderId,
        @Nullable Subject subject,
        UUID workerId,
        ExecutionStatus status,
        int attempt,
        ExecutionReport report,
        String errorMessage,
        String errorType,
        Instant startedAt,
        @Nullable Instant completedAt,
        Instant updatedAt,
        boolean hasLateReport,
        @Nullable Instant archivedAt) {}
