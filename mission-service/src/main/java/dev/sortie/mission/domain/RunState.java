package dev.sortie.mission.domain;

import org.jspecify.annotations.Nullable;

/** Whether a mission or hop goes on by itself. */
public enum RunState {
    IDLE,
    RUNNING,
    /** It did, and waits for a person. */
    PAUSED;

    static RunState of(boolean running, @Nullable Pause pause) {
        return running ? RUNNING : pause == null ? IDLE : PAUSED;
    }
}
