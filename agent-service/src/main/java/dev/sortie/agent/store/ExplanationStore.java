package dev.sortie.agent.store;

import dev.sortie.agent.domain.Explanation.Place;
import dev.sortie.agent.domain.Explanations.Standing;
import dev.sortie.agent.domain.Turn;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Rows;
import io.vertx.sqlclient.Row;
import java.time.Duration;
import java.util.Optional;
import java.util.UUID;

/** What keeps an order waiting, as far as it stands in the tables. */
public final class ExplanationStore {
    private static final int MOST = 10_000;

    private static final String FIND = """
            SELECT s.execution_id, s.lease_expires_at, s.attempt_ends_at, s.claim_rank, s.forgiven_retries, q.paused,
                q.paused_at, q.paused_by, q.in_turn, q.priority_aging_ms
            FROM work_order_states s
            JOIN queues q ON q.queue_name = s.queue_name
            WHERE s.work_order_id = $1::uuid
            """;
    // As claims find them, along the same indexes: in line, and those whose time has come just now, by the places that
    // they will get, of which there are few.
    private static final String PLACE = """
            SELECT
                (SELECT count(*)::integer FROM (
                    SELECT FROM work_order_states s
                    WHERE s.queue_name = $1::text AND s.lane_id IS NULL AND s.claim_rank IS NOT NULL
                      AND s.claim_hash IS NULL AND s.completed_at IS NULL AND s.run_at <= $4::timestamptz
                      AND (s.expires_at IS NULL OR s.expires_at > $4::timestamptz)
                      AND (s.claim_rank, s.work_order_id) < ($2::timestamptz, $3::uuid)
                    ORDER BY s.claim_rank, s.work_order_id
                    LIMIT 10000) c) AS in_line,
                (SELECT count(*)::integer FROM (
                    SELECT s.run_at + (s.priority - 1) * q.priority_aging_ms * interval '1 millisecond' AS claim_rank,
                        s.work_order_id
                    FROM work_order_states s
                    JOIN queues q ON q.queue_name = s.queue_name
                    WHERE s.queue_name = $1::text AND s.status = 'PENDING' AND s.claim_rank IS NULL
                      AND s.run_at <= $4::timestamptz AND (s.expires_at IS NULL OR s.expires_at > $4::timestamptz)
                    ORDER BY s.run_at, s.work_order_id
                    LIMIT 10000) c
                    WHERE (c.claim_rank, c.work_order_id) < ($2::timestamptz, $3::uuid)) AS due
            """;

    /** What is known of an order beside itself. */
    public Optional<Standing> find(Queries queries, UUID id) {
        return queries.find(FIND, ExplanationStore::map, id);
    }

    /** The place of an order in the line of a queue that is not claimed from in turn. */
    public Place place(Queries queries, String queueName, Turn.Candidate order) {
        int before = queries.find(
                        PLACE,
                        row -> row.getInteger("in_line") + row.getInteger("due"),
                        queueName,
                        order.rank(),
                        order.workOrderId(),
                        queries.now())
                .orElseThrow();
        return new Place(Math.min(before, MOST), before >= MOST, 0, 0);
    }

    private static Standing map(Row row) {
        return new Standing(
                row.getUUID("execution_id"),
                Rows.nullableInstant(row, "lease_expires_at"),
                Rows.nullableInstant(row, "attempt_ends_at"),
                Rows.nullableInstant(row, "claim_rank"),
                row.getInteger("forgiven_retries"),
                row.getBoolean("paused"),
                Rows.nullableInstant(row, "paused_at"),
                row.getString("paused_by"),
                row.getBoolean("in_turn"),
                Duration.ofMillis(row.getLong("priority_aging_ms")));
    }
}
