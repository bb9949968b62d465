package dev.sortie.agent.store;

import static dev.sortie.agent.store.WorkOrderStore.column;

import dev.sortie.agent.domain.ClaimTokens;
import dev.sortie.agent.domain.ExecutionStatus;
import dev.sortie.agent.domain.LogLevel;
import dev.sortie.agent.domain.LogLine;
import dev.sortie.agent.domain.Logs;
import dev.sortie.agent.domain.WorkOrderStatus;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Rows;
import io.vertx.sqlclient.Row;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/** The lines of executions, in a partition for each day. */
public final class LogStore {
    // With the line that exceeds it well below the 4 MiB that clients accept unless they say otherwise.
    private static final long MAX_BYTES = 1024 * 1024;
    // What a search looks at before it answers with what it has: some tenths of a second of work.
    private static final int MAX_LOOKED_AT = 100_000;
    private static final int MAX_READ = 20_000;
    private static final long MAX_READ_BYTES = 32 * 1024 * 1024;
    private static final int DAYS_AHEAD = 7;
    private static final Duration KEPT = Duration.ofDays(30);

    // The share lock makes the end of a claim wait for lines that are being stored: once an execution has ended, all
    // its lines can be read.
    private static final String APPEND = """
            WITH claim AS MATERIALIZED (
                SELECT s.execution_id
                FROM work_order_states s
                WHERE s.execution_id = $1::uuid AND s.status = 'CLAIMED'
                  AND s.claim_hash = $2::bytea AND s.lease_expires_at > $3::timestamptz
                FOR SHARE OF s
            ), stored AS (
                INSERT INTO execution_logs (execution_id, sequence, level, message, metadata, logged_at)
                SELECT c.execution_id, l.sequence, l.level, l.message, l.metadata::jsonb,
                    coalesce(l.logged_at, $3::timestamptz)
                FROM claim c
                CROSS JOIN unnest($4::bigint[], $5::text[], $6::text[], $7::text[], $8::timestamptz[])
                    AS l (sequence, level, message, metadata, logged_at)
                ON CONFLICT (execution_id, sequence) DO NOTHING
                RETURNING 1
            )
            SELECT (SELECT count(*)::integer FROM claim) AS claims, (SELECT count(*)::integer FROM stored) AS stored
            """;
    private static final String FIND_ORDER = """
            SELECT s.work_order_id, s.status
            FROM executions x
            JOIN work_order_states s ON s.work_order_id = x.work_order_id
            WHERE x.execution_id = $1::uuid
            UNION
            SELECT s.work_order_id, s.status
            FROM work_order_states s
            WHERE s.execution_id = $1::uuid AND s.status = 'CLAIMED'
            """;
    private static final String LAST_SEQUENCE =
            "SELECT coalesce(max(sequence), 0) AS last FROM execution_logs WHERE execution_id = $1::uuid";
    private static final String STATUS = """
            SELECT x.status FROM executions x WHERE x.execution_id = $1::uuid AND x.status <> 'RUNNING'
            UNION ALL
            SELECT 'RUNNING' FROM work_order_states s WHERE s.execution_id = $1::uuid AND s.status = 'CLAIMED'
            """;
    // Ends with the line that fills the room there is. What a line weighs is known without reading it.
    private static final String LIST = """
            SELECT l.sequence, l.level, l.message, l.metadata::text AS metadata, l.logged_at, l.found
            FROM (
                SELECT f.sequence, f.level, f.message, f.metadata, f.logged_at, count(*) OVER () AS found,
                    sum(f.weight) OVER (ORDER BY f.sequence) - f.weight AS weight_before
                FROM (
                    SELECT sequence, level, message, metadata, logged_at,
                        octet_length(message) + coalesce(pg_column_size(metadata), 0) AS weight
                    FROM execution_logs
                    WHERE execution_id = $1::uuid AND sequence BETWEEN $2::bigint AND $3::bigint
                    ORDER BY sequence LIMIT $4::integer
                ) f
            ) l
            WHERE l.weight_before < $5::bigint
            ORDER BY l.sequence
            """;
    // How far a search looks: so many lines of so many bytes, the one that exceeds them included.
    private static final String SEARCH_END = """
            SELECT max(n.sequence) AS last
            FROM (
                SELECT sequence, sum(octet_length(message)) OVER (ORDER BY sequence) - octet_length(message) AS before
                FROM execution_logs
                WHERE execution_id = $1::uuid AND sequence BETWEEN $2::bigint AND $3::bigint
                ORDER BY sequence LIMIT $4::integer
            ) n
            WHERE n.before < $5::bigint
            HAVING count(*) > 0
            """;
    private static final String SEARCH = """
            SELECT l.sequence, l.level, l.message, l.metadata::text AS metadata, l.logged_at, l.found
            FROM (
                SELECT f.sequence, f.level, f.message, f.metadata, f.logged_at, count(*) OVER () AS found,
                    sum(f.weight) OVER (ORDER BY f.sequence) - f.weight AS weight_before
                FROM (
                    SELECT sequence, level, message, metadata, logged_at,
                        octet_length(message) + coalesce(pg_column_size(metadata), 0) AS weight
                    FROM execution_logs
                    WHERE execution_id = $1::uuid AND sequence BETWEEN $2::bigint AND $3::bigint
                      AND level = ANY ($6::text[])
                      AND ($7::timestamptz IS NULL OR logged_at >= $7::timestamptz)
                      AND ($8::timestamptz IS NULL OR logged_at < $8::timestamptz)
                      AND ($9::text = '' OR strpos(
                          casefold(message COLLATE pg_unicode_fast), casefold($9::text COLLATE pg_unicode_fast)) > 0)
                    ORDER BY sequence LIMIT $4::integer
                ) f
            ) l
            WHERE l.weight_before < $5::bigint
            ORDER BY l.sequence
            """;
    private static final String HAS_MORE = """
            SELECT 1 FROM execution_logs
            WHERE execution_id = $1::uuid AND sequence > $2::bigint AND sequence <= $3::bigint
            ORDER BY sequence LIMIT 1
            """;
    private static final String REACH = """
            SELECT e.execution_id,
                EXISTS (SELECT FROM executions x WHERE x.execution_id = e.execution_id AND x.status <> 'RUNNING')
                    AS ended,
                coalesce((SELECT max(l.sequence) FROM execution_logs l WHERE l.execution_id = e.execution_id), 0) AS last
            FROM unnest($1::uuid[]) AS e (execution_id)
            """;
    private static final String KEEP_PARTITIONS =
            "SELECT keep_log_partitions($1::text::date, $2::text::date, $3::text::date) AS dropped";

    /** The order of an execution. */
    public record Order(UUID workOrderId, WorkOrderStatus status) {}

    /**
     * Some lines.
     *
     * @param cut whether there are more, within the limit, than one message has room for
     * @param searchedTo the number up to which a search has looked, where it stopped before the end; null otherwise
     */
    public record Lines(
            List<LogLine> lines, boolean cut, @Nullable Long searchedTo) {}

    /** How far the log of an execution reaches. */
    public record Reach(UUID executionId, long lastSequence, boolean ended) {}

    /**
     * Stores lines, those left out whose numbers are there.
     *
     * @return how many were stored; empty when the claim is not current
     */
    public OptionalInt append(Queries queries, Logs.Append append) {
        var lines = append.lines();
        return queries.find(
                        APPEND,
                        row -> row.getInteger("claims") == 0
                                ? OptionalInt.empty()
                                : OptionalInt.of(row.getInteger("stored")),
                        append.executionId(),
                        ClaimTokens.hash(append.claimToken()),
                        queries.now(),
                        column(Long.class, lines, LogLine::sequence),
                        column(LogLevel.class, lines, LogLine::level),
                        column(String.class, lines, LogLine::message),
                        column(String.class, lines, LogLine::metadata),
                        column(Instant.class, lines, LogLine::loggedAt))
                .orElseThrow();
    }

    public Optional<Order> findOrder(Queries queries, UUID executionId) {
        return queries.find(
                FIND_ORDER,
                row -> new Order(row.getUUID("work_order_id"), Rows.value(row, "status", WorkOrderStatus.class)),
                executionId);
    }

    public long lastSequence(Queries queries, UUID executionId) {
        return queries.find(LAST_SEQUENCE, row -> row.getLong("last"), executionId)
                .orElseThrow();
    }

    public Optional<ExecutionStatus> status(Queries queries, UUID executionId) {
        return queries.find(STATUS, row -> Rows.value(row, "status", ExecutionStatus.class), executionId);
    }

    /** Lines by their numbers; fewer than the limit where they are long, or where a search ends early. */
    public Lines list(Queries queries, Logs.ListRequest request) {
        if (!request.isSearch()) {
            var found = new AtomicLong();
            var lines = queries.list(
                    LIST,
                    row -> map(row, found),
                    request.executionId(),
                    request.first(),
                    request.last(),
                    request.limit(),
                    MAX_BYTES);
            return new Lines(lines, found.get() > lines.size(), null);
        }
        var end = queries.find(
                SEARCH_END,
                row -> row.getLong("last"),
                request.executionId(),
                request.first(),
                request.last(),
                request.text().isEmpty() ? MAX_LOOKED_AT : MAX_READ,
                MAX_READ_BYTES);
        if (end.isEmpty()) {
            return new Lines(List.of(), false, null);
        }
        var found = new AtomicLong();
        var lines = queries.list(
                SEARCH,
                row -> map(row, found),
                request.executionId(),
                request.first(),
                end.get(),
                request.limit(),
                MAX_BYTES,
                request.minLevel().andAbove(),
                request.startTime(),
                request.endTime(),
                request.text());
        boolean cut = found.get() > lines.size();
        boolean isFull = cut || lines.size() == request.limit();
        boolean isEnd = isFull
                || queries.find(HAS_MORE, _ -> true, request.executionId(), end.get(), request.last())
                        .isEmpty();
        return new Lines(lines, cut, isEnd ? null : end.get());
    }

    /** How far the logs of executions reach. */
    public List<Reach> reach(Queries queries, Collection<UUID> executionIds) {
        return queries.list(
                REACH,
                row -> new Reach(row.getUUID("execution_id"), row.getLong("last"), row.getBoolean("ended")),
                executionIds);
    }

    /**
     * Makes the partitions of the coming days, and drops those that are older than what is kept.
     *
     * @return how many were dropped
     */
    public int keepPartitions(Queries queries) {
        var today = LocalDate.ofInstant(queries.now(), ZoneOffset.UTC);
        return queries.find(
                        KEEP_PARTITIONS,
                        row -> row.getInteger("dropped"),
                        today.minusDays(1).toString(),
                        today.plusDays(DAYS_AHEAD).toString(),
                        // An attempt may last a day: a line may be a day younger than its partition.
                        today.minusDays(KEPT.toDays() + 1).toString())
                .orElseThrow();
    }

    private static LogLine map(Row row, AtomicLong found) {
        found.set(row.getLong("found"));
        return map(row);
    }

    private static LogLine map(Row row) {
        return new LogLine(
                row.getLong("sequence"),
                Rows.value(row, "level", LogLevel.class),
                row.getString("message"),
                row.getString("metadata"),
                Rows.instant(row, "logged_at"));
    }
}
