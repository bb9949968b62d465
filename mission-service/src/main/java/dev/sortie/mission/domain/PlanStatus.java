package dev.sortie.mission.domain;

/** Where a plan stands. */
public enum PlanStatus {
    DRAFT,
    ACTIVE,
    PAUSED,
    COMPLETED,
    CANCELLED;

    /** True where no way leads on. */
    public boolean isTerminal() {
        return this == COMPLETED || this == CANCELLED;
    }
}
