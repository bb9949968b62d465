package dev.sortie.mission.domain;

/** How much something matters, in rising order. */
public enum Priority {
    LOW(3),
    NORMAL(2),
    HIGH(1),
    CRITICAL(0);

    private final int urgency;

    Priority(int urgency) {
        this.urgency = urgency;
    }

    /** Sorts what matters most to the front; as the database has it. */
    public int urgency() {
        return urgency;
    }
}
