package dev.sortie.mission.domain;

/** Whether an asset's content is there. */
public enum AssetStatus {
    /** There is none yet. */
    PENDING,
    /** There is. */
    READY,
    /** The step that should have made it failed; what was there before still is. */
    ERROR
}
