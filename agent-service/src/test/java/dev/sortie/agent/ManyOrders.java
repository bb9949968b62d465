package dev.sortie.agent;

import dev.sortie.runtime.testing.TestDatabase;
import java.sql.SQLException;
import java.time.Instant;
import java.util.UUID;

/**
 * A database as large as a busy installation's, made in some seconds: orders of every status in queues with and without
 * lanes, their executions, and log lines. Rows come from {@code generate_series}; keys hold by construction.
 */
final class ManyOrders {
    /** A queue of orders without lanes. */
    static final String PLAIN = "plain";

    /** A queue of orders in 200 lanes. */
    static final String LANED = "laned";

    // The ids' first 48 bits are a time, as those of a UUIDv7 are.
    private static final String FUNCTIONS = """
            CREATE FUNCTION pg_temp.id(kind text, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
                SELECT (lpad(to_hex(1893412800000 + n), 12, '0') || '7000' || rpad(kind, 4, '0')
                    || lpad(to_hex(n), 12, '0'))::uuid
            $$
            """;
    private static final String[] ROWS = {
        """
            INSERT INTO queues (queue_name, queue_id, description, default_timeout_ms, max_retries, initial_backoff_ms,
                max_backoff_ms, backoff_multiplier, created_at, updated_at, in_turn, concurrency_limit)
            SELECT CASE n WHEN 1 THEN 'plain' WHEN 2 THEN 'laned' ELSE 'queue-' || n END, pg_temp.id('8a', n), '',
                3600000, 3, 1000, 300000, 2, $NOW, $NOW, n = 2, CASE n WHEN 2 THEN 50000 ELSE 0 END
            FROM generate_series(1, 100) n
            """,
        "INSERT INTO queue_turns (queue_name) VALUES ('laned')",
        """
            INSERT INTO queue_lanes (queue_name, lane_id, fairness_key, concurrency_key, required_capabilities, used_at)
            SELECT 'laned', pg_temp.id('8b', n), 'f-' || n % 10, 'c-' || n,
                CASE WHEN n % 5 = 0 THEN '{BEGINNER java}'::text[] ELSE '{}' END, $NOW
            FROM generate_series(0, 199) n
            """,
        """
            INSERT INTO workers (worker_id, name, worker_type, software_version, max_concurrent_tasks,
                lease_duration_ms, context_window_size, config, last_heartbeat_at, offline_at, created_at, updated_at)
            SELECT pg_temp.id('8c', n), 'worker-' || n, 'TEST', '', 100, 60000, 0, '{}', $NOW,
                CASE WHEN n % 10 > 0 THEN $NOW END, $NOW, $NOW
            FROM generate_series(1, $COUNT / 15) n
            """,
        """
            INSERT INTO worker_capabilities (worker_id, name, level, metadata, created_at, updated_at)
            SELECT pg_temp.id('8c', n), 'java', 'EXPERT', '{}', $NOW, $NOW
            FROM generate_series(1, $COUNT / 15) n
            """,
        // Of a hundred: 50 ended, 20 in line, 20 in lanes, 7 later, 1 claimed, 2 that expire some day.
        """
            CREATE TEMPORARY TABLE made AS
            SELECT n, pg_temp.id('8d', n) AS id, n % 100 AS part,
                CASE WHEN n % 100 BETWEEN 50 AND 69 OR n % 100 >= 98 THEN 'plain'
                    WHEN n % 100 BETWEEN 70 AND 89 THEN 'laned'
                    ELSE (ARRAY['plain', 'laned', 'queue-7', 'queue-' || 3 + n / 100 % 98])[1 + n / 100 % 4] END AS queue_name,
                CASE WHEN n % 100 < 40 THEN 'COMPLETED' WHEN n % 100 < 45 THEN 'FAILED' WHEN n % 100 < 47 THEN 'EXPIRED'
                    WHEN n % 100 < 50 THEN 'CANCELLED' WHEN n % 100 = 97 THEN 'CLAIMED' ELSE 'PENDING' END AS status,
                (1 + n % 5)::smallint AS priority,
                $NOW - (n % 100000) * interval '1 second' AS at
            FROM generate_series(1, $COUNT) n
            """,
        """
            INSERT INTO work_orders (work_order_id, queue_name, tool_step_id, task_id, priority, payload, max_retries,
                initial_backoff_ms, max_backoff_ms, backoff_multiplier, timeout_ms, dedupe_key, content_hash, enqueued_at,
                expires_at, fairness_key, concurrency_key, required_capabilities)
            SELECT id, queue_name,
                CASE n % 10 WHEN 0 THEN pg_temp.id('8e', n / 10 % 2000) END,
                CASE n % 10 WHEN 1 THEN pg_temp.id('8f', n / 10 % 2000) END,
                priority, '{"n": 1}', 3, 1000, 300000, 2, 3600000, CASE n % 3 WHEN 0 THEN 'key-' || n END, '\\x00', at,
                CASE WHEN part >= 98 THEN $NOW + interval '1 day' END,
                CASE WHEN queue_name = 'laned' THEN 'f-' || n % 10 ELSE '' END,
                CASE WHEN queue_name = 'laned' THEN 'c-' || n % 200 ELSE '' END,
                CASE WHEN queue_name = 'laned' AND n % 5 = 0 THEN '{BEGINNER java}'::text[] ELSE '{}' END
            FROM made
            """,
        """
            INSERT INTO work_order_states (work_order_id, queue_name, priority, status, run_at, expires_at, worker_id,
                execution_id, claim_hash, claimed_at, attempt_ends_at, lease_expires_at, completed_at, updated_at,
                claim_rank, lane_id, error_type)
            SELECT id, queue_name, priority, status, CASE WHEN part BETWEEN 90 AND 96 THEN $NOW + interval '1 day' ELSE at END,
                CASE WHEN part >= 98 THEN $NOW + interval '1 day' END,
                CASE WHEN part < 45 OR part = 97 THEN pg_temp.id('8c', 1 + n % ($COUNT / 15)) END,
                CASE WHEN part < 45 OR part = 97 THEN pg_temp.id('90', n) END,
                CASE WHEN part < 45 OR part = 97 THEN '\\x00'::bytea END,
                CASE WHEN part < 45 OR part = 97 THEN at END,
                CASE WHEN part = 97 THEN $NOW + interval '2 hours' END,
                CASE WHEN part = 97 THEN $NOW + interval '1 hour' END,
                CASE WHEN part < 50 THEN at END, at,
                CASE WHEN part BETWEEN 90 AND 96 THEN NULL ELSE at + (priority - 1) * interval '5 minutes' END,
                CASE WHEN queue_name = 'laned' THEN pg_temp.id('8b', n % 200) END,
                CASE WHEN part BETWEEN 40 AND 44 THEN 'Error' || n / 100 % 7 END
            FROM made
            """,
        """
            INSERT INTO work_order_results (work_order_id, result, error_message)
            SELECT id, CASE WHEN part < 40 THEN '{"n": 1}'::jsonb END, CASE WHEN part < 40 THEN '' ELSE 'it broke' END
            FROM made WHERE part < 45
            """,
        """
            INSERT INTO executions (execution_id, work_order_id, worker_id, status, attempt, claim_hash, started_at,
                completed_at, updated_at)
            SELECT pg_temp.id('90', n), id, pg_temp.id('8c', 1 + n % ($COUNT / 15)), CASE WHEN part < 40 THEN 'COMPLETED' ELSE 'FAILED' END,
                1, '\\x00', at, at, at
            FROM made WHERE part < 45
            """,
        // Many lines of one execution, some of others.
        "SELECT keep_log_partitions(date '2029-12-30', date '2030-01-03', date '2029-12-01')",
        """
            INSERT INTO execution_logs (execution_id, sequence, level, message, logged_at)
            SELECT pg_temp.id('90', CASE WHEN n <= $COUNT / 40 THEN 1 ELSE 2 + n % 2000 * 100 END), n,
                (ARRAY['DEBUG', 'INFO', 'WARNING', 'ERROR'])[1 + n % 4], 'line ' || n, $NOW
            FROM generate_series(1, $COUNT / 3) n
            """,
        // What comes in order lies in chunks: many of one execution, which has single lines, too, some of others.
        """
            INSERT INTO execution_log_chunks (execution_id, batch, first_sequence, last_sequence, line_count, byte_count,
                levels, messages, logged_at)
            SELECT pg_temp.id('90', CASE WHEN n <= $COUNT / 400 THEN 1 ELSE 2 + n % 2000 * 100 END), n,
                $COUNT + n * 3, $COUNT + n * 3 + 2, 3, 30,
                (ARRAY['DEBUG', 'INFO', 'WARNING', 'ERROR'])[1 + n % 2 : 3 + n % 2],
                ARRAY['line ' || n, 'line ' || n, 'line ' || n], ARRAY[$NOW, $NOW, $NOW]::timestamptz[]
            FROM generate_series(1, $COUNT / 10) n
            """,
        """
            INSERT INTO change_log (resource_type, resource_id, kind, version, actor, attributes, change_time)
            SELECT 'work_order', id, 'CREATED', 1, 'nobody', '{}', $NOW FROM made WHERE n % 3 = 0
            """,
        """
            INSERT INTO idempotency_keys (principal, method, request_id, request_hash, response, create_time)
            SELECT 'nobody', 'none', id, '\\x00', '\\x00', $NOW FROM made WHERE n % 10 = 0
            """
    };

    private ManyOrders() {}

    /**
     * Fills a database that has a schema and no rows.
     *
     * @param now what time it is there
     */
    static void fill(TestDatabase database, Instant now, long count) throws SQLException {
        try (var connection = database.connectAsSuperuser();
                var statement = connection.createStatement()) {
            statement.execute("SET session_replication_role = replica");
            statement.execute("SET synchronous_commit = off");
            statement.execute(FUNCTIONS);
            for (var rows : ROWS) {
                statement.execute(
                        rows.replace("$NOW", "timestamptz '" + now + "'").replace("$COUNT", Long.toString(count)));
            }
            statement.execute("VACUUM (ANALYZE)");
        }
    }

    static UUID order(long n) {
        return id(0x8d, n);
    }

    static UUID toolStep(long n) {
        return id(0x8e, n);
    }

    static UUID task(long n) {
        return id(0x8f, n);
    }

    static UUID worker(long n) {
        return id(0x8c, n);
    }

    static UUID execution(long n) {
        return id(0x90, n);
    }

    private static UUID id(int kind, long n) {
        return new UUID((1_893_412_800_000L + n) << 16 | 0x7000, (long) kind << 56 | n);
    }
}
