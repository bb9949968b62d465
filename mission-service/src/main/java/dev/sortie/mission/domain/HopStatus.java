package dev.sortie.mission.domain;

/** Where a hop stands. {@link HopMove} has the ways from one to another. */
public enum HopStatus {
    PENDING,
    ACTIVE,
    COMPLETED,
    FAILED,
    CANCELLED;

    /** True where no way leads on. */
    public boolean isTerminal() {
        return this == COMPLETED || this == FAILED || this == CANCELLED;
    }
}
