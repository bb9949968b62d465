package dev.sortie.mission.domain;

/** What one task has to do with another. */
public enum DependencyType {
    /** It cannot begin before the other one is COMPLETED. */
    BLOCKS,
    RELATED,
    DUPLICATE
}
