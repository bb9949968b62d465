package dev.sortie.mission.domain;

/** What an asset is to its scope. */
public enum AssetRole {
    INPUT,
    OUTPUT,
    INTERMEDIATE
}
