package dev.sortie.mission.domain;

/** Whether a run of tests goes on, or how it ended. */
public enum TestRunStatus {
    RUNNING,
    PASSED,
    FAILED
}
