package dev.sortie.agent.domain;

/** The kind of work a worker does. */
public enum WorkerType {
    FEATURE,
    BUGFIX,
    TEST,
    DOCS,
    REFACTOR,
    REVIEW
}
