package dev.sortie.mission.domain;

/** How a list of missions is ordered. */
public enum MissionOrder {
    /** By creation, newest first. */
    CREATION,
    /** By deadline, the earliest first; those without one last. */
    DEADLINE
}
