package dev.sortie.agent.domain;

/** What a worker is doing. Follows from its claims and its last call; nobody sets it. */
public enum WorkerStatus {
    IDLE,
    BUSY,
    OFFLINE
}
