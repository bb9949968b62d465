package dev.sortie.agent.domain;

import dev.sortie.runtime.identity.Principal;
import dev.sortie.runtime.sql.Combiner;
import dev.sortie.runtime.sql.ConstraintViolation;
import dev.sortie.runtime.sql.Database;
import io.micrometer.core.instrument.MeterRegistry;

/** Log lines of many callers, put together: what comes while others are being stored is stored at once after them. */
public final class LogCalls {
    private static final int AT_ONCE = 4;
    // Lines as they are in memory. A message has at most what the server takes, which may be more than this.
    private static final int MAX_BYTES = 4 * 1024 * 1024;
    private static final int LINE_BYTES = 100;

    private final Database database;
    private final Logs logs;
    private final Combiner<Logs.Append, Integer> appends;

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
        Logs.checkOrder(append.lines());
        try {
            return appends.call(principal, append);
        } catch (ConstraintViolation violation) {
            if (!violation.constraint().isEmpty()) {
                throw violation;
            }
            // There is no partition for the day: the job that makes them is late.
            logs.makePartitions(database.queries());
            return appends.call(principal, append);
        }
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
