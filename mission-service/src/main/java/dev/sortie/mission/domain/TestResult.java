package dev.sortie.mission.domain;

import java.time.Duration;

/**
 * What came of one test. A run has one result for each category and name.
 *
 * @param error why it failed or was left out; may be empty
 * @param traceback where it failed; may be empty
 */
public record TestResult(
        String category, String name, TestResultStatus status, Duration duration, String error, String traceback) {}
