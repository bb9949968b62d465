package dev.sortie.agent.domain;

import java.time.Instant;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * What a worker handed in when its claim was no longer current.
 *
 * @param status COMPLETED or FAILED
 * @param result a JSON object; null for a failure
 * @param errorMessage empty for a result
 */
public record LateReport(
        UUID executionId,
        ExecutionStatus status,
        @Nullable String result,
        String errorMessage,
        ExecutionReport report,
        Instant reportedAt) {}
