package dev.sortie.agent.store;

import dev.sortie.agent.domain.LogLevel;
import dev.sortie.agent.domain.LogLine;
import dev.sortie.agent.domain.Logs;
import dev.sortie.agent.domain.WorkOrderStatus;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Rows;
import io.vertx.sqlclient.Row;
import java.time.Duration;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * The lines of executions, in a partition for each day, as they are listed by their numbers. They lie in chunks, a row for
 * many lines ({@link LogAppendStore}), or, where they came late, in a row for each.
 */
public final class LogStore {
    // With the line that exceeds it well below the 4 MiB that clients accept unless they say otherwise.
    private static final long MAX_BYTES = 1024 * 1024;
    // What a search looks at before it answers with what it has: some tenths of a second of work.
    private static final int MAX_LOOKED_AT = 50_000;
    private static final int MAX_READ = 20_000;
    private static final long MAX_READ_BYTES = 32 * 1024 * 1024;
    private static final int DAYS_AHEAD = 7;
    private static final Duration KEPT = Duration.ofDays(30);

    private static final String FIND_ORDER = """
            SELECT s.work_order_id, s.status
            FROM executions x
            JOIN work_order_states s ON s.work_order_id = x.work_order_id
            WHERE x.execution_id = $1::uuid
            UNION
            SELECT s.work_order_id, s.status
            FROM work_order_states s
            WHERE s.execution_id = $1::uuid AND s.status = 'CLAIMED'
            UNION
            SELECT s.work_order_id, s.status
            FROM archived_executions a
            JOIN work_order_states s ON s.work_order_id = a.work_order_id
            WHERE a.execution_id = $1::uuid
            """;
    private static final String LAST_SEQUENCE = """
            SELECT greatest(
                0,
                (SELECT max(last_sequence) FROM execution_log_chunks WHERE execution_id = $1::uuid),
                (SELECT max(sequence) FROM execution_logs WHERE execution_id = $1::uuid)) AS last
            """;
    // Ends with the line that fills the room there is. What a line weighs is known without reading it, and what a chunk
    // weighs, too. Of each kind no more is read than would do alone; chunks do not overlap, and each has a line at
    // least.
    private static final String LIST = """
            SELECT l.sequence, l.level, l.message, l.metadata::text AS metadata, l.logged_at, l.found
            FROM (
                SELECT f.sequence, f.level, f.message, f.metadata, f.logged_at, count(*) OVER () AS found,
                    sum(f.weight) OVER (ORDER BY f.sequence) - f.weight AS weight_before
                FROM (
                    SELECT e.sequence, e.level, e.message, e.metadata, e.logged_at,
                        octet_length(e.message) + coalesce(pg_column_size(e.metadata), 0) AS weight
                    FROM (
                        (
                            SELECT sequence, level, message, metadata, logged_at
                            FROM execution_logs
                            WHERE execution_id = $1::uuid AND sequence BETWEEN $2::bigint AND $3::bigint
                            ORDER BY sequence LIMIT $4::integer
                        )
                        UNION ALL
                        SELECT coalesce(n.sequence, c.first_sequence + n.position - 1), n.level, n.message, n.metadata,
                            n.logged_at
                        FROM (
                            SELECT k.first_sequence, k.sequences, k.levels, k.messages, k.metadata, k.logged_at,
                                sum(k.line_count) OVER w - k.line_count - first_value(k.line_count) OVER w
                                    AS lines_before,
                                sum(k.byte_count) OVER w - k.byte_count - first_value(k.byte_count) OVER w
                                    AS bytes_before
                            FROM (
                                SELECT first_sequence, last_sequence, line_count, byte_count, sequences, levels,
                                    messages, metadata, logged_at
                                FROM execution_log_chunks
                                WHERE execution_id = $1::uuid AND last_sequence >= $2::bigint
                                ORDER BY last_sequence LIMIT $4::integer
                            ) k
                            WHERE k.first_sequence <= $3::bigint
                            WINDOW w AS (ORDER BY k.last_sequence)
                        ) c
                        CROSS JOIN LATERAL unnest(c.sequences, c.levels, c.messages, c.metadata, c.logged_at)
                            WITH ORDINALITY AS n (sequence, level, message, metadata, logged_at, position)
                        WHERE c.lines_before < $4::integer AND c.bytes_before < $5::bigint
                          AND coalesce(n.sequence, c.first_sequence + n.position - 1)
                              BETWEEN $2::bigint AND $3::bigint
                    ) e
                    ORDER BY e.sequence LIMIT $4::integer
                ) f
            ) l
            WHERE l.weight_before < $5::bigint
            ORDER BY l.sequence
            """;
    // How far a search looks: of each kind so many lines of so many bytes, the line or chunk that exceeds them
    // included,
    // and no further than where one of them ends for that reason.
    private static final String SEARCH_END = """
            SELECT CASE WHEN count(*) FILTER (WHERE p.is_cut) > 0
                THEN min(p.last) FILTER (WHERE p.is_cut) ELSE max(p.last) END AS last
            FROM (
                SELECT max(n.sequence) AS last, count(*) = $4::integer OR bool_or(n.weight >= $5::bigint) AS is_cut
                FROM (
                    SELECT sequence, octet_length(message) AS bytes,
                        sum(octet_length(message)) OVER (ORDER BY sequence) AS weight
                    FROM execution_logs
                    WHERE execution_id = $1::uuid AND sequence BETWEEN $2::bigint AND $3::bigint
                    ORDER BY sequence LIMIT $4::integer
                ) n
                WHERE n.weight - n.bytes < $5::bigint
                UNION ALL
                SELECT max(least(c.last_sequence, $3::bigint)),
                    bool_or(c.lines >= $4::integer) OR bool_or(c.weight >= $5::bigint)
                FROM (
                    SELECT k.last_sequence, k.line_count, k.byte_count, sum(k.line_count) OVER w AS lines,
                        sum(k.byte_count) OVER w AS weight
                    FROM (
                        SELECT first_sequence, last_sequence, line_count, byte_count
                        FROM execution_log_chunks
                        WHERE execution_id = $1::uuid AND last_sequence >= $2::bigint
                        ORDER BY last_sequence LIMIT $4::integer
                    ) k
                    WHERE k.first_sequence <= $3::bigint
                    WINDOW w AS (ORDER BY k.last_sequence)
                ) c
                WHERE c.lines - c.line_count < $4::integer AND c.weight - c.byte_count < $5::bigint
            ) p
            HAVING max(p.last) IS NOT NULL
            """;
    private static final String SEARCH = """
            SELECT l.sequence, l.level, l.message, l.metadata::text AS metadata, l.logged_at, l.found
            FROM (
                SELECT f.sequence, f.level, f.message, f.metadata, f.logged_at, count(*) OVER () AS found,
                    sum(f.weight) OVER (ORDER BY f.sequence) - f.weight AS weight_before
                FROM (
                    SELECT e.sequence, e.level, e.message, e.metadata, e.logged_at,
                        octet_length(e.message) + coalesce(pg_column_size(e.metadata), 0) AS weight
                    FROM (
                        SELECT sequence, level, message, metadata, logged_at
                        FROM execution_logs
                        WHERE execution_id = $1::uuid AND sequence BETWEEN $2::bigint AND $3::bigint
                        UNION ALL
                        SELECT coalesce(n.sequence, c.first_sequence + n.position - 1), n.level, n.message, n.metadata,
                            n.logged_at
                        FROM execution_log_chunks c
                        CROSS JOIN LATERAL unnest(c.sequences, c.levels, c.messages, c.metadata, c.logged_at)
                            WITH ORDINALITY AS n (sequence, level, message, metadata, logged_at, position)
                        WHERE c.execution_id = $1::uuid AND c.last_sequence >= $2::bigint
                          AND c.last_sequence <= coalesce(
                              (
                                  SELECT last_sequence FROM execution_log_chunks
                                  WHERE execution_id = $1::uuid AND last_sequence >= $3::bigint
                                  ORDER BY last_sequence LIMIT 1
                              ),
                              $3::bigint)
                          AND coalesce(n.sequence, c.first_sequence + n.position - 1)
                              BETWEEN $2::bigint AND $3::bigint
                    ) e
                    WHERE e.level = ANY ($6::text[])
                      AND ($7::timestamptz IS NULL OR e.logged_at >= $7::timestamptz)
                      AND ($8::timestamptz IS NULL OR e.logged_at < $8::timestamptz)
                      AND ($9::text = '' OR strpos(
                          casefold(e.message COLLATE pg_unicode_fast), casefold($9::text COLLATE pg_unicode_fast)) > 0)
                    ORDER BY e.sequence LIMIT $4::integer
                ) f
            ) l
            WHERE l.weight_before < $5::bigint
            ORDER BY l.sequence
            """;
    private static final String HAS_MORE = """
            (
                SELECT 1 FROM execution_logs
                WHERE execution_id = $1::uuid AND sequence > $2::bigint AND sequence <= $3::bigint
                ORDER BY sequence LIMIT 1
            )
            UNION ALL
            SELECT 1
            FROM (
                SELECT first_sequence FROM execution_log_chunks
                WHERE execution_id = $1::uuid AND last_sequence > $2::bigint
                ORDER BY last_sequence LIMIT 1
            ) c
            WHERE c.first_sequence <= $3::bigint
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
        if (request.first() > request.last()) {
            return new Lines(List.of(), false, null);
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
                || end.get() >= request.last()
                || queries.find(HAS_MORE, _ -> true, request.executionId(), end.get(), request.last())
                        .isEmpty();
        return new Lines(lines, cut, isEnd ? null : end.get());
    }

    /**
     * Makes the partitions of the coming days, and drops those of the oldest day that is older than what is kept, unless
     * they are in use.
     *
     * @return how many days were dropped
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

    static LogLine map(Row row) {
        return new LogLine(
                row.getLong("sequence"),
                Rows.value(row, "level", LogLevel.class),
                row.getString("message"),
                row.getString("metadata"),
                Rows.instant(row, "logged_at"));
    }
}
