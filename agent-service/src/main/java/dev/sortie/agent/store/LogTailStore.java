package dev.sortie.agent.store;

import dev.sortie.agent.domain.ExecutionStatus;
import dev.sortie.agent.domain.LogLine;
import dev.sortie.agent.domain.LogPosition;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Rows;
import io.vertx.sqlclient.Row;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/** The lines of executions as those read them who follow a log: first by their numbers, then as they have come. */
public final class LogTailStore {
    private static final int MAX_LINES = 1_000;
    private static final long MAX_BYTES = 1024 * 1024;

    private static final String STATUS = """
            SELECT x.status FROM executions x WHERE x.execution_id = $1::uuid AND x.status <> 'RUNNING'
            UNION ALL
            SELECT 'RUNNING' FROM work_order_states s WHERE s.execution_id = $1::uuid AND s.status = 'CLAIMED'
            UNION ALL
            SELECT a.status FROM archived_executions a WHERE a.execution_id = $1::uuid
            """;
    private static final String LAST_BATCH = """
            SELECT greatest(
                0,
                (SELECT max(batch) FROM execution_log_chunks WHERE execution_id = $1::uuid),
                (SELECT max(batch) FROM execution_log_batches WHERE execution_id = $1::uuid)) AS last
            """;
    // Both end with the line that fills the room there is. What a line weighs is known without reading it, and what a
    // chunk weighs, too. Lines have a row each, or one in a chunk with others.
    private static final String BY_NUMBER = """
            SELECT l.batch, l.sequence, l.level, l.message, l.metadata::text AS metadata, l.logged_at
            FROM (
                SELECT f.batch, f.sequence, f.level, f.message, f.metadata, f.logged_at,
                    sum(f.weight) OVER (ORDER BY f.sequence) - f.weight AS weight_before
                FROM (
                    SELECT e.batch, e.sequence, e.level, e.message, e.metadata, e.logged_at,
                        octet_length(e.message) + coalesce(pg_column_size(e.metadata), 0) AS weight
                    FROM (
                        (
                            SELECT batch, sequence, level, message, metadata, logged_at
                            FROM execution_logs
                            WHERE execution_id = $1::uuid AND sequence > $3::bigint AND batch <= $2::bigint
                            ORDER BY sequence LIMIT $4::integer
                        )
                        UNION ALL
                        SELECT c.batch, coalesce(n.sequence, c.first_sequence + n.position - 1), n.level, n.message,
                            n.metadata, n.logged_at
                        FROM (
                            SELECT k.batch, k.first_sequence, k.sequences, k.levels, k.messages, k.metadata, k.logged_at,
                                sum(k.line_count) OVER w - k.line_count - first_value(k.line_count) OVER w
                                    AS lines_before,
                                sum(k.byte_count) OVER w - k.byte_count - first_value(k.byte_count) OVER w
                                    AS bytes_before
                            FROM (
                                SELECT batch, first_sequence, last_sequence, line_count, byte_count, sequences, levels,
                                    messages, metadata, logged_at
                                FROM execution_log_chunks
                                WHERE execution_id = $1::uuid AND last_sequence > $3::bigint
                                ORDER BY last_sequence LIMIT $4::integer
                            ) k
                            WHERE k.batch <= $2::bigint
                            WINDOW w AS (ORDER BY k.last_sequence)
                        ) c
                        CROSS JOIN LATERAL unnest(c.sequences, c.levels, c.messages, c.metadata, c.logged_at)
                            WITH ORDINALITY AS n (sequence, level, message, metadata, logged_at, position)
                        WHERE c.lines_before < $4::integer AND c.bytes_before < $5::bigint
                          AND coalesce(n.sequence, c.first_sequence + n.position - 1) > $3::bigint
                    ) e
                    ORDER BY e.sequence LIMIT $4::integer
                ) f
            ) l
            WHERE l.weight_before < $5::bigint
            ORDER BY l.sequence
            """;
    // Of the batches that follow as many as hold about a message, hence no more lines than a message and a batch.
    private static final String BY_ARRIVAL = """
            SELECT l.batch, l.sequence, l.level, l.message, l.metadata::text AS metadata, l.logged_at
            FROM (
                SELECT f.batch, f.sequence, f.level, f.message, f.metadata, f.logged_at,
                    sum(f.weight) OVER (ORDER BY f.batch, f.sequence) - f.weight AS weight_before
                FROM (
                    SELECT b.batch, n.sequence, n.level, n.message, n.metadata, n.logged_at,
                        octet_length(n.message) + coalesce(pg_column_size(n.metadata), 0) AS weight
                    FROM (
                        SELECT a.batch, a.first_sequence, a.last_sequence,
                            sum(a.line_count) OVER w - a.line_count AS lines_before,
                            sum(a.byte_count) OVER w - a.byte_count - first_value(a.byte_count) OVER w AS bytes_before
                        FROM (
                            (
                                SELECT batch, first_sequence, last_sequence, line_count, 0 AS byte_count
                                FROM execution_log_batches
                                WHERE execution_id = $1::uuid AND batch >= $2::bigint
                                  AND (batch > $2::bigint OR last_sequence > $3::bigint)
                                ORDER BY batch LIMIT $4::integer
                            )
                            UNION ALL
                            (
                                SELECT batch, first_sequence, last_sequence, line_count, byte_count
                                FROM execution_log_chunks
                                WHERE execution_id = $1::uuid AND batch >= $2::bigint
                                  AND (batch > $2::bigint OR last_sequence > $3::bigint)
                                ORDER BY batch LIMIT $4::integer
                            )
                        ) a
                        WINDOW w AS (ORDER BY a.batch)
                    ) b
                    CROSS JOIN LATERAL (
                        SELECT e.sequence, e.level, e.message, e.metadata, e.logged_at
                        FROM execution_logs e
                        WHERE e.execution_id = $1::uuid AND e.sequence BETWEEN b.first_sequence AND b.last_sequence
                          AND e.batch = b.batch
                        UNION ALL
                        SELECT coalesce(u.sequence, c.first_sequence + u.position - 1), u.level, u.message, u.metadata,
                            u.logged_at
                        FROM execution_log_chunks c
                        CROSS JOIN LATERAL unnest(c.sequences, c.levels, c.messages, c.metadata, c.logged_at)
                            WITH ORDINALITY AS u (sequence, level, message, metadata, logged_at, position)
                        WHERE c.execution_id = $1::uuid AND c.batch = b.batch
                    ) n
                    WHERE b.lines_before < $4::integer AND b.bytes_before < $5::bigint
                      AND (b.batch > $2::bigint OR n.sequence > $3::bigint)
                    ORDER BY b.batch, n.sequence LIMIT $4::integer
                ) f
            ) l
            WHERE l.weight_before < $5::bigint
            ORDER BY l.batch, l.sequence
            """;
    private static final String REACH = """
            SELECT e.execution_id,
                EXISTS (SELECT FROM executions x WHERE x.execution_id = e.execution_id AND x.status <> 'RUNNING')
                    AS ended,
                greatest(
                    0,
                    (SELECT max(c.batch) FROM execution_log_chunks c WHERE c.execution_id = e.execution_id),
                    (SELECT max(b.batch) FROM execution_log_batches b WHERE b.execution_id = e.execution_id)) AS last
            FROM unnest($1::uuid[]) AS e (execution_id)
            """;

    /** A line, and where those are who have heard of it. */
    public record Heard(LogLine line, LogPosition position) {}

    /** How far the log of an execution reaches. */
    public record Reach(UUID executionId, long lastBatch, boolean ended) {}

    public Optional<ExecutionStatus> status(Queries queries, UUID executionId) {
        return queries.find(STATUS, row -> Rows.value(row, "status", ExecutionStatus.class), executionId);
    }

    /** The batch that came last; 0 when there is none. */
    public long lastBatch(Queries queries, UUID executionId) {
        return queries.find(LAST_BATCH, row -> row.getLong("last"), executionId).orElseThrow();
    }

    /** What follows after a position: about as much as a message holds. */
    public List<Heard> after(Queries queries, UUID executionId, LogPosition position) {
        return queries.list(
                position.byNumber() ? BY_NUMBER : BY_ARRIVAL,
                row -> map(row, position),
                executionId,
                position.batch(),
                position.sequence(),
                MAX_LINES,
                MAX_BYTES);
    }

    /** How far the logs of executions reach. */
    public List<Reach> reach(Queries queries, Collection<UUID> executionIds) {
        return queries.list(
                REACH,
                row -> new Reach(row.getUUID("execution_id"), row.getLong("last"), row.getBoolean("ended")),
                executionIds);
    }

    private static Heard map(Row row, LogPosition before) {
        var line = LogStore.map(row);
        return new Heard(
                line,
                before.byNumber()
                        ? new LogPosition(true, before.batch(), line.sequence())
                        : new LogPosition(false, row.getLong("batch"), line.sequence()));
    }
}
