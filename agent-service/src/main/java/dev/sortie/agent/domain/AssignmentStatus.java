package dev.sortie.agent.domain;

/** Where a worker's hold on an order stands. What is given back untouched leaves none. */
public enum AssignmentStatus {
    ACTIVE,
    COMPLETED,
    FAILED,
    TIMEOUT,
    CANCELLED
}
