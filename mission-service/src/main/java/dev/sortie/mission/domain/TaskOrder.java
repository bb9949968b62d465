package dev.sortie.mission.domain;

/** The order of a list of tasks. */
public enum TaskOrder {
    /** Newest first. */
    CREATION,
    /** What is due first at the front. */
    DEADLINE,
    /** What matters most at the front; then as by deadline; then oldest first. */
    PRIORITY
}
