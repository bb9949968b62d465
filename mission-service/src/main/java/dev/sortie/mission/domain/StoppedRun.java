package dev.sortie.mission.domain;

/** What ran by itself until a step's failure stopped it, and goes on when the step is retried. */
public enum StoppedRun {
    NONE,
    HOP,
    /** The hop, and with it the mission. */
    MISSION
}
