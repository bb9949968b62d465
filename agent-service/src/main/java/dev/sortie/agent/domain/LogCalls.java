package dev.sortie.agent.domain;

import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.failure.FailureException;
import dev.sortie.runtime.identity.Principal;
import dev.sortie.runtime.sql.Combiner;
import dev.sortie.runtime.sql.ConstraintViolation;
import dev.sortie.runtime.sql.Database;
import io.micrometer.core.instrument.MeterRegistry;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Log lines of many callers, put together: what comes while others are being stored is stored at once after them. */
public final class LogCalls {
    private static final int AT_ONCE = 4;
    // Lines as they are in memory. A message has at most what the server takes, which may be more than this.
    private static final int MAX_BYTES = 4 * 1024 * 1024;
    private static final int LINE_BYTES = 100;

    private final Database database;
    private final Logs logs;
    private final Combiner<List<Logs.Append>, List<Combiner.Outcome<Integer>>> appends;

    public LogCalls(Database database, MeterRegistry meters, Logs logs) {
        this.database = database;
        this.logs = logs;
        this.appends =
                new Combiner<>(database, meters, "append-logs", AT_ONCE, MAX_BYTES, LogCalls::weight, logs::append);
    }

    /**
     * Stores lines, durably, unless their numbers are there already.
     *
     * @return how many were stored; the others were there
     */
    public int append(Principal principal, Logs.Append append) {
        var outcome = append(principal, List.of(append)).getFirst();
        if (outcome.failure() != null) {
            throw outcome.failure();
        }
        return Objects.requireNonNull(outcome.value());
    }

    /**
     * The same of several executions, or of one, at once.
     *
     * @return what became of each, in their order
     */
    public List<Combiner.Outcome<Integer>> append(Principal principal, List<Logs.Append> some) {
        var outcomes = new ArrayList<Combiner.Outcome<Integer>>();
        int from = 0;
        long weighed = 0;
        for (int i = 0; i < some.size(); i++) {
            int adds = weight(some.get(i));
            if (i > from && weighed + adds > MAX_BYTES) {
                outcomes.addAll(together(principal, some.subList(from, i)));
                from = i;
                weighed = 0;
            }
            weighed += adds;
        }
        outcomes.addAll(together(principal, some.subList(from, some.size())));
        return outcomes;
    }

    private List<Combiner.Outcome<Integer>> together(Principal principal, List<Logs.Append> some) {
        var outcomes = new ArrayList<Combiner.@Nullable Outcome<Integer>>();
        var inOrder = new ArrayList<Logs.Append>();
        for (var append : some) {
            var refusal = Logs.outOfOrder(append.lines());
            outcomes.add(refusal == null ? null : Combiner.Outcome.refused(refusal));
            if (refusal == null) {
                inOrder.add(append);
            }
        }
        var stored = inOrder.isEmpty() ? List.<Combiner.Outcome<Integer>>of() : stored(principal, inOrder);
        int next = 0;
        var all = new ArrayList<Combiner.Outcome<Integer>>();
        for (var outcome : outcomes) {
            all.add(outcome == null ? stored.get(next++) : outcome);
        }
        return all;
    }

    private List<Combiner.Outcome<Integer>> stored(Principal principal, List<Logs.Append> some) {
        try {
            return store(principal, some);
        } catch (FailureException refused) {
            if (refused.failure() instanceof Failure.Unavailable) {
                throw refused;
            }
            return Collections.nCopies(some.size(), Combiner.Outcome.refused(refused));
        }
    }

    private List<Combiner.Outcome<Integer>> store(Principal principal, List<Logs.Append> some) {
        try {
            return appends.call(principal, some);
        } catch (ConstraintViolation violation) {
            if (!violation.constraint().isEmpty()) {
                throw violation;
            }
            // There is no partition for the day: the job that makes them is late.
            logs.makePartitions(database.queries());
            return appends.call(principal, some);
        }
    }

    private static int weight(List<Logs.Append> some) {
        long bytes = 0;
        for (var append : some) {
            bytes += weight(append);
        }
        return (int) Math.min(bytes, Integer.MAX_VALUE);
    }

    private static int weight(Logs.Append append) {
        long bytes = LINE_BYTES;
        for (LogLine line : append.lines()) {
            var metadata = line.metadata();
            bytes += LINE_BYTES + line.message().length() + (metadata == null ? 0 : metadata.length());
        }
        return (int) Math.min(bytes, Integer.MAX_VALUE);
    }
}
