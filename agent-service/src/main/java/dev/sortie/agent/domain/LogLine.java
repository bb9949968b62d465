package dev.sortie.agent.domain;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * A line that a worker wrote.
 *
 * @param sequence its number within its execution
 * @param metadata a JSON object
 * @param loggedAt when it was written; null on input for when it arrives
 */
public record LogLine(
        long sequence,
        LogLevel level,
        String message,
        @Nullable String metadata,
        @Nullable Instant loggedAt) {}
