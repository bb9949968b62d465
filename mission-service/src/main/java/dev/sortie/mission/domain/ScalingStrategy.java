package dev.sortie.mission.domain;

/** How many of its ready tasks an ACTIVE plan keeps dispatched. */
public enum ScalingStrategy {
    /** As many as it has agents. */
    FIXED,
    /** From one up to as many as it has agents: one more after each success, half as many after a failure. */
    ADAPTIVE,
    /** All of them. */
    ELASTIC
}
