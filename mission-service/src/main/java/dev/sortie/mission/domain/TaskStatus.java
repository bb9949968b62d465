package dev.sortie.mission.domain;

/** Where a task stands. {@link TaskMove} has the ways from one to another. */
public enum TaskStatus {
    PENDING,
    QUEUED,
    ASSIGNED,
    IN_PROGRESS,
    BLOCKED,
    COMPLETED,
    FAILED,
    CANCELLED;

    /** True where no way leads on. */
    public boolean isTerminal() {
        return this == COMPLETED || this == CANCELLED;
    }

    /** True when nobody is at it any more; one that has failed can be tried again. */
    public boolean hasEnded() {
        return isTerminal() || this == FAILED;
    }

    /** True while what the task waits for decides where it stands: nothing has begun, and no queue has it. */
    public boolean isAtRest() {
        return this == PENDING || this == ASSIGNED || this == BLOCKED;
    }
}
