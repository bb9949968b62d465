package dev.sortie.agent.domain;

import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Workers of this process that lately asked for work and found none: registered, with room for more. They may wait again
 * without asking the database first.
 */
public final class IdleWorkers {
    private static final Duration REMEMBERED = Duration.ofMinutes(10);
    private static final int MOST = 10_000;

    private final InstantSource clock;
    private final Map<UUID, Instant> found = new ConcurrentHashMap<>();

    public IdleWorkers(InstantSource clock) {
        this.clock = clock;
    }

    /** A worker has found nothing. */
    public void note(UUID workerId, Instant at) {
        if (found.size() >= MOST) {
            var old = at.minus(REMEMBERED);
            found.values().removeIf(then -> then.isBefore(old));
        }
        if (found.size() < MOST) {
            found.putIfAbsent(workerId, at);
        }
    }

    /** A worker is about to ask. */
    public void forget(UUID workerId) {
        found.remove(workerId);
    }

    public boolean isIdle(UUID workerId) {
        var then = found.get(workerId);
        return then != null && then.plus(REMEMBERED).isAfter(clock.instant());
    }
}
