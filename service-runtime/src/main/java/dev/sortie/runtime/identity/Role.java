package dev.sortie.runtime.identity;

/** What a user may do, each role including the ones before it. */
public enum Role {
    VIEWER,
    DEVELOPER,
    ADMIN
}
