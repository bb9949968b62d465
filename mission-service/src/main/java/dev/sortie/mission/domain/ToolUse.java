package dev.sortie.mission.domain;

import dev.sortie.runtime.sql.Queries;

/** Knows what depends on a tool. */
@FunctionalInterface
public interface ToolUse {

    /** How many tool steps that are not finished use the tool. */
    long openSteps(Queries queries, String toolId);
}
