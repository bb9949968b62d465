package dev.sortie.mission.domain;

/** The kind of work that a task asks for. */
public enum TaskType {
    FEATURE,
    BUGFIX,
    TEST,
    DOCS,
    REFACTOR,
    REVIEW
}
