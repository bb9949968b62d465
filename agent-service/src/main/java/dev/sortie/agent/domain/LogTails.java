package dev.sortie.agent.domain;

import dev.sortie.agent.store.LogTailStore;
import dev.sortie.agent.store.LogTailStore.Heard;
import dev.sortie.runtime.sql.Queries;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Logs as they are followed while they grow. */
public final class LogTails {
    private static final Duration CHECKPOINT_EVERY = Duration.ofSeconds(15);

    private final LogTailStore logs;
    private final LogSignals signals;

    public LogTails(LogTailStore logs, LogSignals signals) {
        this.logs = logs;
        this.signals = signals;
    }

    /**
     * What to follow.
     *
     * @param after the number after which to begin, of the lines that are there; not looked at where there is a position
     * @param position where the caller was; null to begin
     */
    public record Request(
            UUID executionId,
            long after,
            @Nullable LogPosition position,
            @Nullable LogLevel minLevel) {}

    /** Takes what is to be told. */
    public interface Receiver {
        /**
         * Takes lines, or a checkpoint without any; waits while the receiver has no room.
         *
         * @param highest the highest number of which the caller has heard
         * @param position where to go on
         */
        void take(List<LogLine> lines, long highest, LogPosition position) throws InterruptedException;
    }

    /** Tells what is there and what comes, until the execution has ended and all has been told. */
    public void follow(Supplier<Queries> queries, Request request, Receiver receiver) throws InterruptedException {
        var executionId = request.executionId();
        try (var follower = signals.follow(executionId)) {
            boolean running = isRunning(queries.get(), executionId);
            var position = request.position();
            if (position == null) {
                position = new LogPosition(true, logs.lastBatch(queries.get(), executionId), request.after());
            }
            long highest = request.after();
            while (true) {
                var heard = logs.after(queries.get(), executionId, position);
                if (!heard.isEmpty()) {
                    position = heard.getLast().position();
                    follower.seen(position);
                    highest = Math.max(highest, highest(heard));
                    receiver.take(atLeast(heard, request.minLevel()), highest, position);
                } else if (position.byNumber()) {
                    position = position.afterThoseThatWereThere();
                    follower.seen(position);
                } else if (!running) {
                    return;
                } else if (!follower.await(CHECKPOINT_EVERY)) {
                    receiver.take(List.of(), highest, position);
                }
                // Before the lines are read: who had ended by then has written all of them.
                running = running && isRunning(queries.get(), executionId);
            }
        }
    }

    /** Wakes those who follow logs that other processes have written to. One statement for all of them. */
    public void poll(Queries queries) {
        var followed = signals.followed();
        if (!followed.isEmpty()) {
            logs.reach(queries, followed).forEach(r -> signals.reaches(r.executionId(), r.lastBatch(), r.ended()));
        }
    }

    /** True while the attempt runs, so that more lines may come. */
    private boolean isRunning(Queries queries, UUID executionId) {
        return logs.status(queries, executionId).orElseThrow(() -> AgentFailures.notFound("execution", executionId))
                == ExecutionStatus.RUNNING;
    }

    private static long highest(List<Heard> heard) {
        return heard.stream().mapToLong(h -> h.line().sequence()).max().orElse(0);
    }

    private static List<LogLine> atLeast(List<Heard> heard, @Nullable LogLevel minLevel) {
        return heard.stream()
                .map(Heard::line)
                .filter(line -> minLevel == null || line.level().compareTo(minLevel) >= 0)
                .toList();
    }
}
