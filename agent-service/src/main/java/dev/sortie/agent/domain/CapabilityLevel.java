package dev.sortie.agent.domain;

/** How well something can be done, from the least to the most. */
public enum CapabilityLevel {
    BEGINNER,
    INTERMEDIATE,
    ADVANCED,
    EXPERT
}
