package dev.sortie.agent.store;

import dev.sortie.agent.domain.ClaimTokens;
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
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/** The lines of executions, in a partition for each day. */
public final class LogStore {
    // With the line that exceeds it well below the 4 MiB that clients accept unless they say otherwise.
    private static final long MAX_BYTES = 1024 * 1024;
    // What a search looks at before it answers with what it has: some tenths of a second of work.
    private static final int MAX_LOOKED_AT = 50_000;
    private static final int MAX_READ = 20_000;
    private static final long MAX_READ_BYTES = 32 * 1024 * 1024;
    private static final int DAYS_AHEAD = 7;
    private static final Duration KEPT = Duration.ofDays(30);

    // The lock of the claim is held to the commit: the end of a claim waits for lines that are being stored, so that
    // once an execution has ended all its lines can be read; and batches of an execution become visible in their order.
    private static final String APPEND = """
            WITH held AS MATERIALIZED (
                SELECT a.n, s.execution_id
                FROM unnest($1::integer[], $2::uuid[], $3::bytea[]) AS a (n, execution_id, claim_hash)
                JOIN work_order_states s ON s.execution_id = a.execution_id AND s.claim_hash = a.claim_hash
                WHERE s.status = 'CLAIMED' AND s.lease_expires_at > $4::timestamptz
                ORDER BY s.work_order_id, a.n
                FOR NO KEY UPDATE OF s
            ), claims AS MATERIALIZED (
                SELECT h.n, h.execution_id, nextval('execution_log_batches_seq') AS batch FROM held h
            ), stored AS (
                INSERT INTO execution_logs (execution_id, sequence, level, message, metadata, logged_at, batch)
                SELECT c.execution_id, l.sequence, l.level, l.message, l.metadata::jsonb,
                    coalesce(l.logged_at, $4::timestamptz), c.batch
                FROM unnest($5::integer[], $6::bigint[], $7::text[], $8::text[], $9::text[], $10::timestamptz[])
                    AS l (n, sequence, level, message, metadata, logged_at)
                JOIN claims c ON c.n = l.n
                ON CONFLICT (execution_id, sequence) DO NOTHING
                RETURNING batch, sequence
            ), counted AS (
                SELECT t.batch, min(t.sequence) AS first_sequence, max(t.sequence) AS last_sequence,
                    count(*)::integer AS line_count
                FROM stored t GROUP BY t.batch
            ), noted AS (
                INSERT INTO execution_log_batches (execution_id, batch, first_sequence, last_sequence, line_count)
                SELECT c.execution_id, b.batch, b.first_sequence, b.last_sequence, b.line_count
                FROM counted b JOIN claims c ON c.batch = b.batch
            )
            SELECT c.n, coalesce(b.line_count, 0) AS stored FROM claims c LEFT JOIN counted b ON b.batch = c.batch
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
            UNION
            SELECT s.work_order_id, s.status
            FROM archived_executions a
            JOIN work_order_states s ON s.work_order_id = a.work_order_id
            WHERE a.execution_id = $1::uuid
            """;
    private static final String LAST_SEQUENCE =
            "SELECT coalesce(max(sequence), 0) AS last FROM execution_logs WHERE execution_id = $1::uuid";
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

    /**
     * Stores lines, those left out whose numbers are there.
     *
     * @return how many were stored of each; null where the claim is not current
     */
    public List<@Nullable Integer> append(Queries queries, List<Logs.Append> appends) {
        var executionIds = new UUID[appends.size()];
        var hashes = new byte[appends.size()][];
        var numbers = new Integer[appends.size()];
        int count = appends.stream().mapToInt(append -> append.lines().size()).sum();
        var ofAppend = new Integer[count];
        var sequences = new Long[count];
        var levels = new String[count];
        var messages = new String[count];
        var metadata = new @Nullable String[count];
        var times = new @Nullable Instant[count];
        int next = 0;
        for (int i = 0; i < appends.size(); i++) {
            var append = appends.get(i);
            numbers[i] = i;
            executionIds[i] = append.executionId();
            hashes[i] = ClaimTokens.hash(append.claimToken());
            for (var line : append.lines()) {
                ofAppend[next] = numbers[i];
                sequences[next] = line.sequence();
                levels[next] = line.level().name();
                messages[next] = line.message();
                metadata[next] = line.metadata();
                times[next] = line.loggedAt();
                next++;
            }
        }
        var stored = new @Nullable Integer[appends.size()];
        queries.list(
                        APPEND,
                        row -> Map.entry(row.getInteger("n"), row.getInteger("stored")),
                        numbers,
                        executionIds,
                        hashes,
                        queries.now(),
                        ofAppend,
                        sequences,
                        levels,
                        messages,
                        metadata,
                        times)
                .forEach(entry -> stored[entry.getKey()] = entry.getValue());
        return Arrays.asList(stored);
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
