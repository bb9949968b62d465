package dev.sortie.mission.domain;

/** What stands behind an account. */
public enum UserKind {
    /** A person, or a program that acts for one. */
    HUMAN,
    /** One of Sortie's own services. */
    SERVICE
}
