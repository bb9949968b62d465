package dev.sortie.mission.domain;

/** What can be done to a step by a caller. */
public enum ToolStepMove {
    EXECUTE,
    CANCEL,
    RETRY
}
