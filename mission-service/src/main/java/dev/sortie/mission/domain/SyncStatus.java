package dev.sortie.mission.domain;

/** How a task stands with the copy of it on a mobile device. */
public enum SyncStatus {
    LOCAL,
    SYNCING,
    SYNCED,
    CONFLICT
}
