package dev.sortie.mission.domain;

/** How a test ended. */
public enum TestResultStatus {
    PASSED,
    FAILED,
    SKIPPED
}
