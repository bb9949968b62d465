package dev.sortie.agent.domain;

import dev.sortie.agent.store.LogAppendStore;
import dev.sortie.agent.store.LogStore;
import dev.sortie.agent.store.LogTailStore;
import dev.sortie.runtime.failure.FailureException;
import dev.sortie.runtime.sql.Combiner;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Tx;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** What workers write about executions: stored while the claim is current, and listed. */
public final class Logs {
    private final LogAppendStore appends;
    private final LogStore logs;
    private final LogTailStore tails;
    private final LogSignals signals;

    public Logs(LogAppendStore appends, LogStore logs, LogTailStore tails, LogSignals signals) {
        this.appends = appends;
        this.logs = logs;
        this.tails = tails;
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

    /** What is said of lines whose numbers do not rise; null when they do. */
    static @Nullable FailureException outOfOrder(List<LogLine> lines) {
        long previous = 0;
        for (var line : lines) {
            if (line.sequence() <= previous) {
                return AgentFailures.logOutOfOrder(line.sequence(), previous);
            }
            previous = line.sequence();
        }
        return null;
    }

    /**
     * Stores lines of several executions, or of one, unless their numbers are there already.
     *
     * @return how many each stored; a failure for each whose claim is not current
     */
    public List<Combiner.Outcome<List<Combiner.Outcome<Integer>>>> append(
            Tx tx, List<Combiner.Item<List<Append>>> items) {
        var asked = items.stream().flatMap(item -> item.value().stream()).toList();
        var stored = appends.append(tx, asked);
        var written = new HashSet<UUID>();
        var outcomes = new ArrayList<Combiner.Outcome<List<Combiner.Outcome<Integer>>>>();
        int next = 0;
        for (var item : items) {
            var own = new ArrayList<Combiner.Outcome<Integer>>();
            for (var append : item.value()) {
                var count = stored.get(next++);
                if (count == null) {
                    own.add(Combiner.Outcome.refused(refusal(tx, append.executionId())));
                } else {
                    own.add(Combiner.Outcome.of(count));
                    if (count > 0) {
                        written.add(append.executionId());
                    }
                }
            }
            outcomes.add(Combiner.Outcome.of(own));
        }
        tx.afterCommit(() -> written.forEach(signals::changed));
        return outcomes;
    }

    private FailureException refusal(Queries queries, UUID executionId) {
        return logs.findOrder(queries, executionId)
                .map(o -> AgentFailures.claimStale(o.workOrderId(), o.status()).exception())
                .orElseGet(() -> AgentFailures.notFound("execution", executionId));
    }

    /** Makes the partitions that lines of these days need. */
    public void makePartitions(Queries queries) {
        logs.keepPartitions(queries);
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

    private void checkExists(Queries queries, UUID executionId) {
        if (tails.status(queries, executionId).isEmpty()) {
            throw AgentFailures.notFound("execution", executionId);
        }
    }
}
