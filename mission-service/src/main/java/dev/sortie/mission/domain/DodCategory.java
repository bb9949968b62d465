package dev.sortie.mission.domain;

/** What kind of thing an item of a definition of done asks for. */
public enum DodCategory {
    FUNCTIONAL,
    NON_FUNCTIONAL,
    TESTS
}
