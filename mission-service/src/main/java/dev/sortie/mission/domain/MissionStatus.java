package dev.sortie.mission.domain;

/** Where a mission stands. {@link MissionMove} has the ways from one to another. */
public enum MissionStatus {
    PENDING,
    READY_TO_DESIGN,
    ACTIVE,
    QA,
    COMPLETED,
    FAILED,
    CANCELLED;

    /** True where no way leads on. */
    public boolean isTerminal() {
        return this == COMPLETED || this == FAILED || this == CANCELLED;
    }

    /** True while hops can be added: before the work is judged. */
    public boolean takesHops() {
        return this == PENDING || this == READY_TO_DESIGN || this == ACTIVE;
    }
}
