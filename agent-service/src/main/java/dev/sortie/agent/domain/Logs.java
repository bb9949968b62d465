package dev.sortie.agent.domain;

import dev.sortie.agent.store.LogStore;
import dev.sortie.runtime.sql.ConstraintViolation;
import dev.sortie.runtime.sql.Queries;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.OptionalInt;
import java.util.UUID;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** What workers write about executions: stored while the claim is current, listed, and followed as it grows. */
public final class Logs {
    private static final Duration CHECKPOINT_EVERY = Duration.ofSeconds(15);
    private static final int TAIL_LINES = 500;

    private final LogStore logs;
    private final LogSignals signals;

    public Logs(LogStore logs, LogSignals signals) {
        this.logs = logs;
        this.signals = signals;
    }

    /** Lines of one execution, and the claim that allows to write them. */
    public record Append(UUID executionId, String claimToken, List<LogLine> lines) {
        @Override
        public String toString() {
            return "Append[" + executionId + ", " + lines.size() + " lines]"; // the token is a secret
        }
    }

    /**
     * What to list, by number.
     *
     * @param first the least number
     * @param last the greatest number
     * @param text what messages contain, whatever the case of its letters; empty for every message
     * @param startTime null for every time
     * @param endTime null for every time
     */
    public record ListRequest(
            UUID executionId,
            long first,
            long last,
            LogLevel minLevel,
            String text,
            @Nullable Instant startTime,
            @Nullable Instant endTime,
            int limit) {
        /** True where lines within the range may be left out. */
        public boolean isSearch() {
            return minLevel != LogLevel.DEBUG || !text.isEmpty() || startTime != null || endTime != null;
        }
    }

    /** What to follow. */
    public record TailRequest(
            UUID executionId, long after, @Nullable LogLevel minLevel) {}

    /** Takes what a tail has to say. */
    public interface TailReceiver {
        /**
         * Takes lines, or a checkpoint without any; waits while the receiver has no room.
         *
         * @param last up to which number everything has been said
         */
        void take(List<LogLine> lines, long last) throws InterruptedException;
    }

    /**
     * Stores lines, durably, unless their numbers are there already.
     *
     * @return how many were stored
     */
    public int append(Queries queries, Append append) {
        long previous = 0;
        for (var line : append.lines()) {
            if (line.sequence() <= previous) {
                throw AgentFailures.logOutOfOrder(line.sequence(), previous);
            }
            previous = line.sequence();
        }
        var stored = store(queries, append);
        if (stored.isEmpty()) {
            var order = logs.findOrder(queries, append.executionId());
            throw order.map(o -> AgentFailures.claimStale(o.workOrderId(), o.status())
                            .exception())
                    .orElseGet(() -> AgentFailures.notFound("execution", append.executionId()));
        }
        signals.changed(append.executionId());
        return stored.getAsInt();
    }

    private OptionalInt store(Queries queries, Append append) {
        try {
            return logs.append(queries, append);
        } catch (ConstraintViolation violation) {
            if (!violation.constraint().isEmpty()) {
                throw violation;
            }
            // There is no partition for the day: the job that makes them is late.
            logs.keepPartitions(queries);
            return logs.append(queries, append);
        }
    }

    /** The highest number among an execution's lines; 0 when there are none. */
    public long lastSequence(Queries queries, UUID executionId) {
        return logs.lastSequence(queries, executionId);
    }

    public LogStore.Lines list(Queries queries, ListRequest request) {
        var found = logs.list(queries, request);
        if (found.lines().isEmpty()) {
            checkExists(queries, request.executionId());
        }
        return found;
    }

    /** True while the attempt runs, so that more lines may come. */
    public boolean isRunning(Queries queries, UUID executionId) {
        return logs.status(queries, executionId).orElseThrow(() -> AgentFailures.notFound("execution", executionId))
                == ExecutionStatus.RUNNING;
    }

    /** Says everything from a number on, and what comes, until the execution has ended and all has been said. */
    public void tail(Supplier<Queries> queries, TailRequest request, TailReceiver receiver)
            throws InterruptedException {
        long last = request.after();
        try (var follower = signals.follow(request.executionId())) {
            while (true) {
                // In this order: who ended before the lines were read has written all of them.
                boolean running = isRunning(queries.get(), request.executionId());
                var next = new ListRequest(
                        request.executionId(), last + 1, Long.MAX_VALUE, LogLevel.DEBUG, "", null, null, TAIL_LINES);
                var lines = logs.list(queries.get(), next).lines();
                if (!lines.isEmpty()) {
                    last = lines.getLast().sequence();
                    follower.seen(last);
                    receiver.take(atLeast(lines, request.minLevel()), last);
                } else if (!running) {
                    return;
                } else if (!follower.await(CHECKPOINT_EVERY)) {
                    receiver.take(List.of(), last);
                }
            }
        }
    }

    /** Tells those who follow logs what other processes have written. One statement for all of them. */
    public void poll(Queries queries) {
        var followed = signals.followed();
        if (!followed.isEmpty()) {
            logs.reach(queries, followed).forEach(r -> signals.reaches(r.executionId(), r.lastSequence(), r.ended()));
        }
    }

    private void checkExists(Queries queries, UUID executionId) {
        if (logs.status(queries, executionId).isEmpty()) {
            throw AgentFailures.notFound("execution", executionId);
        }
    }

    private static List<LogLine> atLeast(List<LogLine> lines, @Nullable LogLevel minLevel) {
        return minLevel == null
                ? lines
                : lines.stream()
                        .filter(line -> line.level().compareTo(minLevel) >= 0)
                        .toList();
    }
}
