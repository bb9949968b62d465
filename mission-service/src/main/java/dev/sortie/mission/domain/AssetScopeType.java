package dev.sortie.mission.domain;

/** What an asset can belong to. */
public enum AssetScopeType {
    MISSION,
    HOP
}
