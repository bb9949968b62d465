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
 * @param errorType what kind of error it was; empty for a result, and when the worker named none
 */
public record LateReport(
        UUID executionId,
        ExecutionStatus status,
        @Nullable String result,
        String errorMessage,
        String errorType,
        ExecutionReport report,
        Instant reportedAt) {}
