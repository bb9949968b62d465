package dev.sortie.mission.domain;

/** How far streamed content has come. */
public enum AssetContentStatus {
    /** Its bytes are on their way. */
    UPLOADING,
    /** All of it is there, and it is the content of its asset. */
    COMPLETE
}
