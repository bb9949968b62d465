package dev.sortie.agent.domain;

import java.time.Duration;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/** Wakes those in this process who follow the log of an execution. A signal may come for nothing. */
public final class LogSignals {
    private final ConcurrentHashMap<UUID, Set<Follower>> followers = new ConcurrentHashMap<>();

    /** One who follows a log. Close it when it no longer does. */
    public final class Follower implements AutoCloseable {
        private final UUID executionId;
        private final Semaphore signal = new Semaphore(0);
        private volatile long seenBatch = -1;

        private Follower(UUID executionId) {
            this.executionId = executionId;
        }

        /** Says up to where everything is known here. */
        public void seen(LogPosition position) {
            // Whoever tells what was there at first does not wait, hence needs no signal.
            seenBatch = position.batch();
        }

        /**
         * Waits for a signal.
         *
         * @return false when there was none in time
         */
        public boolean await(Duration longest) throws InterruptedException {
            if (!signal.tryAcquire(longest.toNanos(), TimeUnit.NANOSECONDS)) {
                return false;
            }
            signal.drainPermits();
            return true;
        }

        @Override
        public void close() {
            followers.computeIfPresent(executionId, (_, all) -> {
                all.remove(this);
                return all.isEmpty() ? null : all;
            });
        }
    }

    /** Begins to follow. */
    public Follower follow(UUID executionId) {
        var follower = new Follower(executionId);
        followers.compute(executionId, (_, all) -> {
            Set<Follower> joined = all == null ? ConcurrentHashMap.newKeySet() : all;
            joined.add(follower);
            return joined;
        });
        return follower;
    }

    /** The executions that somebody follows. */
    public Set<UUID> followed() {
        return Set.copyOf(followers.keySet());
    }

    /** Says that lines were stored, or that the execution ended. */
    public void changed(UUID executionId) {
        followers.getOrDefault(executionId, Set.of()).forEach(follower -> follower.signal.release());
    }

    /** Says how far the log of an execution reaches and whether it has ended; wakes those who do not know yet. */
    public void reaches(UUID executionId, long lastBatch, boolean ended) {
        for (var follower : followers.getOrDefault(executionId, Set.of())) {
            if (ended || follower.seenBatch < lastBatch) {
                follower.signal.release();
            }
        }
    }
}
