package dev.sortie.agent.domain;

import org.jspecify.annotations.Nullable;

/**
 * What an attempt left behind beside its result.
 *
 * @param metrics a JSON object
 */
public record ExecutionReport(
        @Nullable Integer exitCode,
        String stdout,
        String stderr,
        @Nullable String metrics) {
    public static final ExecutionReport NONE = new ExecutionReport(null, "", "", null);
}
