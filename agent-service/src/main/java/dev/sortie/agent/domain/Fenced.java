package dev.sortie.agent.domain;

import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * What a worker asks for, and in which of its sessions.
 *
 * @param session null for a call of its own
 */
public record Fenced<T>(T value, @Nullable Session session) {
    /** A worker's session. */
    public record Session(UUID workerId, long epoch) {}

    /** What is asked for by a call of its own. */
    public static <T> Fenced<T> free(T value) {
        return new Fenced<>(value, null);
    }
}
