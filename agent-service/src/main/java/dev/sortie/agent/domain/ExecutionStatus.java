package dev.sortie.agent.domain;

/** Where an attempt stands. All but RUNNING are terminal. */
public enum ExecutionStatus {
    RUNNING,
    COMPLETED,
    FAILED,
    TIMEOUT,
    CANCELLED
}
