package dev.sortie.agent.domain;

import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Wakes calls of this process that wait for work: as many as there are orders, those that have waited longest first. A
 * signal may be lost or come for nothing; who waits looks again by itself.
 */
public final class WorkSignals {
    private static final Duration HORIZON = Duration.ofSeconds(5);

    private final InstantSource clock;
    private final ScheduledExecutorService timers;
    private final Map<String, Set<Waiter>> waiting = new HashMap<>();
    private final Map<UUID, Set<Waiter>> resting = new HashMap<>(); // by agent; under the lock of the others
    private long agentChanges;

    /** @param timers runs what is due, and is never kept waiting by it */
    public WorkSignals(InstantSource clock, ScheduledExecutorService timers) {
        this.clock = clock;
        this.timers = timers;
    }

    /** A call that waits for work of some queues. Close it when it no longer does. */
    public final class Waiter implements AutoCloseable {
        private final @Nullable UUID workerId;
        private Collection<String> queueNames; // under the lock of all
        private @Nullable UUID restsFor; // under the lock of all
        private final Semaphore signal = new Semaphore(0);

        private Waiter(@Nullable UUID workerId, Collection<String> queueNames) {
            this.workerId = workerId;
            this.queueNames = List.copyOf(queueNames);
        }

        /**
         * Waits for a signal.
         *
         * @return false when there was none in time
         */
        public boolean await(Duration longest) throws InterruptedException {
            if (!signal.tryAcquire(Math.max(0, longest.toNanos()), TimeUnit.NANOSECONDS)) {
                return false;
            }
            signal.drainPermits();
            return true;
        }

        /** True when others wait for each of its queues, whom nobody has told of work: they looked, and saw none. */
        public boolean isBehindOthers() {
            synchronized (waiting) {
                return queueNames.stream()
                        .allMatch(queueName -> waiting.getOrDefault(queueName, Set.of()).stream()
                                .anyMatch(other -> other != this && other.signal.availablePermits() == 0));
            }
        }

        /** Ends the wait of this call, whether there is work or not. */
        public void wake() {
            signal.release();
        }

        /** Waits for work of other queues from now on, behind all who wait for it already. */
        public void standIn(Collection<String> others) {
            synchronized (waiting) {
                leave();
                queueNames = List.copyOf(others);
                join();
            }
        }

        /** Waits for no work; a signal that came meanwhile goes to the next in line as well. */
        public void stepOut() {
            Collection<String> left;
            synchronized (waiting) {
                left = queueNames;
                leave();
                queueNames = List.of();
            }
            if (signal.availablePermits() > 0) {
                left.forEach(queueName -> WorkSignals.this.wake(queueName, 1));
            }
        }

        /**
         * Waits for no work until something about an agent changes; a signal that came meanwhile goes to the next in
         * line as well.
         *
         * @param since {@link #agentChanges} before it was looked at
         */
        public void rest(UUID agentId, long since) {
            stepOut();
            synchronized (waiting) {
                if (agentChanges == since) {
                    restsFor = agentId;
                    resting.computeIfAbsent(agentId, _ -> new LinkedHashSet<>()).add(this);
                    return;
                }
            }
            wake();
        }

        /** Stops waiting; a signal that came meanwhile goes to the next in line. */
        @Override
        public void close() {
            synchronized (waiting) {
                leave();
            }
            if (signal.tryAcquire()) {
                queueNames.forEach(queueName -> WorkSignals.this.wake(queueName, 1));
            }
        }

        private void join() {
            for (var queueName : queueNames) {
                waiting.computeIfAbsent(queueName, _ -> new LinkedHashSet<>()).add(this);
            }
        }

        private void leave() {
            for (var queueName : queueNames) {
                var line = waiting.get(queueName);
                if (line != null && line.remove(this) && line.isEmpty()) {
                    waiting.remove(queueName);
                }
            }
            if (restsFor != null) {
                var others = resting.get(restsFor);
                if (others != null && others.remove(this) && others.isEmpty()) {
                    resting.remove(restsFor);
                }
                restsFor = null;
            }
        }
    }

    /** One who does not stand in line yet. Whatever else it waits for, it hears of by {@link Waiter#wake}. */
    public Waiter bell() {
        return new Waiter(null, List.of());
    }

    /** Stands in line, as a worker. */
    public Waiter waitFor(UUID workerId, Collection<String> queueNames) {
        var waiter = new Waiter(workerId, queueNames);
        synchronized (waiting) {
            waiter.join();
        }
        return waiter;
    }

    /** The queues that somebody waits for. */
    public Set<String> waitedFor() {
        synchronized (waiting) {
            return Set.copyOf(waiting.keySet());
        }
    }

    /** How many wait for a queue. */
    public int waiting(String queueName) {
        synchronized (waiting) {
            return waiting.getOrDefault(queueName, Set.of()).size();
        }
    }

    /** Says that a committed transaction of this process put orders into a queue, claimable from a time on. */
    public void claimable(String queueName, int count, Instant from) {
        if (from.isAfter(clock.instant())) {
            wakeAt(queueName, from);
            return;
        }
        wake(queueName, count);
    }

    /** Wakes one who waits for a queue, at a time; those far ahead are left to polling. */
    public void wakeAt(String queueName, Instant at) {
        var ahead = Duration.between(clock.instant(), at);
        if (ahead.compareTo(HORIZON) > 0) {
            return;
        }
        // A moment later, so that the order is claimable by then.
        var _ = timers.schedule(() -> wake(queueName, 1), Math.max(0, ahead.toMillis() + 1), TimeUnit.MILLISECONDS);
    }

    /** Wakes those who have waited longest for a queue. */
    public void wake(String queueName, int count) {
        var chosen = new ArrayList<Waiter>();
        synchronized (waiting) {
            for (var waiter : waiting.getOrDefault(queueName, Set.of())) {
                if (chosen.size() == count) {
                    break;
                }
                if (waiter.signal.availablePermits() == 0) {
                    chosen.add(waiter);
                }
            }
        }
        chosen.forEach(waiter -> waiter.signal.release());
    }

    /** Wakes those who wait as a worker, for something about it has changed. */
    public void wakeWorker(UUID workerId) {
        var chosen = new LinkedHashSet<Waiter>();
        synchronized (waiting) {
            Stream.concat(waiting.values().stream(), resting.values().stream())
                    .flatMap(Set::stream)
                    .filter(waiter -> workerId.equals(waiter.workerId))
                    .forEach(chosen::add);
        }
        chosen.forEach(Waiter::wake);
    }

    /** How many changes of agents there have been, whichever. */
    public long agentChanges() {
        synchronized (waiting) {
            return agentChanges;
        }
    }

    /** Wakes those who rest for an agent's sake, for something about it has changed. */
    public void wakeAgent(UUID agentId) {
        List<Waiter> chosen;
        synchronized (waiting) {
            agentChanges++;
            chosen = List.copyOf(resting.getOrDefault(agentId, Set.of()));
        }
        chosen.forEach(Waiter::wake);
    }

    /** Wakes everybody, for the server is about to stop. */
    public void wakeAll() {
        waitedFor().forEach(queueName -> wake(queueName, Integer.MAX_VALUE));
        List<Waiter> chosen;
        synchronized (waiting) {
            chosen = resting.values().stream().flatMap(Set::stream).toList();
        }
        chosen.forEach(Waiter::wake);
    }
}
