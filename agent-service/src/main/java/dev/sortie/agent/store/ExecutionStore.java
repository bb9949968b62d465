package dev.sortie.agent.store;

import dev.sortie.agent.domain.Execution;
import dev.sortie.agent.domain.ExecutionReport;
import dev.sortie.agent.domain.ExecutionStatus;
import dev.sortie.agent.domain.Executions;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Rows;
import dev.sortie.runtime.sql.Tx;
import io.vertx.sqlclient.Row;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/** Executions, as they are read; claims write them. */
public final class ExecutionStore {
    // An attempt that runs stands with its order; it becomes a row when it ends.
    private static final String RUNNING = """
            SELECT s.execution_id, s.work_order_id, o.tool_step_id, o.task_id, s.worker_id, 'RUNNING' AS status,
                s.retry_count + 1 AS attempt, NULL::integer AS exit_code, '' AS stdout, '' AS stderr,
                NULL::text AS metrics, '' AS error_message, '' AS error_type, s.claimed_at AS started_at,
                NULL::timestamptz AS completed_at, s.claimed_at AS updated_at, false AS has_late_report,
                NULL::timestamptz AS archived_at
            FROM work_order_states s
            JOIN work_orders o ON o.work_order_id = s.work_order_id
            WHERE s.status = 'CLAIMED'
            """;
    private static final String LOCK_ORDER = """
            SELECT s.work_order_id FROM work_order_states s
            WHERE s.execution_id = $1::uuid AND s.status = 'CLAIMED'
            FOR NO KEY UPDATE
            """;
    private static final String FIND = """
            SELECT x.execution_id, x.work_order_id, o.tool_step_id, o.task_id, x.worker_id, x.status, x.attempt,
                x.exit_code, x.stdout, x.stderr, x.metrics::text AS metrics, x.error_message, x.error_type, x.started_at, x.completed_at,
                x.updated_at,
                EXISTS (SELECT FROM late_reports l WHERE l.execution_id = x.execution_id) AS has_late_report,
                NULL::timestamptz AS archived_at
            FROM executions x
            JOIN work_orders o ON o.work_order_id = x.work_order_id
            WHERE x.execution_id = $1::uuid AND x.status <> 'RUNNING'
            UNION ALL
            """ + RUNNING + " AND s.execution_id = $1::uuid";
    private static final String ENDED = """
            SELECT x.execution_id, x.work_order_id, o.tool_step_id, o.task_id, x.worker_id, x.status, x.attempt,
                x.exit_code, '' AS stdout, '' AS stderr, x.metrics::text AS metrics, x.error_message, x.error_type, x.started_at,
                x.completed_at, x.updated_at,
                EXISTS (SELECT FROM late_reports l WHERE l.execution_id = x.execution_id) AS has_late_report,
                NULL::timestamptz AS archived_at
            FROM executions x
            JOIN work_orders o ON o.work_order_id = x.work_order_id
            """;
    // What is said of those whose rows are in files, without reading these.
    private static final String ARCHIVED = """
            SELECT a.execution_id, a.work_order_id, o.tool_step_id, o.task_id, a.worker_id, a.status, a.attempt,
                a.exit_code, '' AS stdout, '' AS stderr, NULL::text AS metrics, '' AS error_message, '' AS error_type,
                a.started_at,
                a.completed_at, a.updated_at, a.has_late_report, a.archived_at
            FROM archived_executions a
            JOIN work_orders o ON o.work_order_id = a.work_order_id
            """;
    // From what a file holds of it. What a later release has added is null there.
    private static final String RESTORE = """
            SELECT x.execution_id, x.work_order_id, o.tool_step_id, o.task_id, x.worker_id, x.status, x.attempt,
                x.exit_code, x.stdout, x.stderr, x.metrics::text AS metrics, x.error_message,
                coalesce(x.error_type, '') AS error_type, x.started_at, x.completed_at,
                x.updated_at, $1::text::jsonb -> 'late_report' <> 'null'::jsonb AS has_late_report,
                $2::timestamptz AS archived_at
            FROM jsonb_populate_record(NULL::executions, $1::text::jsonb -> 'execution') AS x
            JOIN work_orders o ON o.work_order_id = x.work_order_id
            """;
    private static final String ENDED_PAGE = """
              AND x.status <> 'RUNNING'
              AND x.execution_id < coalesce($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)
            ORDER BY x.execution_id DESC LIMIT $2::integer
            """;
    private static final String ARCHIVED_PAGE = """
              AND a.execution_id < coalesce($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)
            ORDER BY a.execution_id DESC LIMIT $2::integer
            """;
    private static final String RUNNING_PAGE = """
              AND s.execution_id < coalesce($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)
            ORDER BY s.execution_id DESC LIMIT $2::integer
            """;
    private static final String OR = ") UNION ALL (";
    private static final String NEWEST_OF_ALL = ") ORDER BY execution_id DESC LIMIT $2::integer";
    private static final String LIST = "(" + ENDED + " WHERE true " + ENDED_PAGE
            + OR + ARCHIVED + " WHERE true " + ARCHIVED_PAGE
            + OR + RUNNING + RUNNING_PAGE + NEWEST_OF_ALL;
    private static final String LIST_BY_ORDER = "(" + ENDED + """
            WHERE x.work_order_id = $3::uuid
              AND ($4::uuid IS NULL OR x.worker_id = $4::uuid) AND ($5::text IS NULL OR x.status = $5::text)
            """ + ENDED_PAGE + OR + ARCHIVED + """
            WHERE a.work_order_id = $3::uuid
              AND ($4::uuid IS NULL OR a.worker_id = $4::uuid) AND ($5::text IS NULL OR a.status = $5::text)
            """ + ARCHIVED_PAGE
            + OR + RUNNING + """
              AND s.work_order_id = $3::uuid
              AND ($4::uuid IS NULL OR s.worker_id = $4::uuid) AND ($5::text IS NULL OR $5::text = 'RUNNING')
            """ + RUNNING_PAGE + NEWEST_OF_ALL;
    private static final String LIST_BY_WORKER = "(" + ENDED + """
            WHERE x.worker_id = $3::uuid AND ($4::text IS NULL OR x.status = $4::text)
            """ + ENDED_PAGE + OR + ARCHIVED + """
            WHERE a.worker_id = $3::uuid AND ($4::text IS NULL OR a.status = $4::text)
            """ + ARCHIVED_PAGE
            + OR + RUNNING + """
              AND s.worker_id = $3::uuid AND ($4::text IS NULL OR $4::text = 'RUNNING')
            """ + RUNNING_PAGE + NEWEST_OF_ALL;
    private static final String LIST_BY_STATUS = "(" + ENDED + " WHERE x.status = $3::text " + ENDED_PAGE + OR
            + ARCHIVED + " WHERE a.status = $3::text " + ARCHIVED_PAGE + NEWEST_OF_ALL;
    private static final String LIST_RUNNING = RUNNING + RUNNING_PAGE;

    /** Locks the order that is at this attempt; empty when the attempt has ended. */
    public Optional<UUID> lockOrder(Tx tx, UUID id) {
        return tx.find(LOCK_ORDER, row -> row.getUUID("work_order_id"), id);
    }

    /** An execution with its output. */
    public Optional<Execution> find(Queries queries, UUID id) {
        return queries.find(FIND, ExecutionStore::map, id);
    }

    /**
     * An execution from what a file holds of it.
     *
     * @param line as {@link ArchiveStore.Old#line()}
     */
    public Optional<Execution> restore(Queries queries, String line, Instant archivedAt) {
        return queries.find(RESTORE, ExecutionStore::map, line, archivedAt);
    }

    public List<Execution> list(Queries queries, Executions.ListRequest request) {
        if (request.workOrderId() != null) {
            return queries.list(
                    LIST_BY_ORDER,
                    ExecutionStore::map,
                    request.before(),
                    request.limit(),
                    request.workOrderId(),
                    request.workerId(),
                    request.status());
        }
        if (request.workerId() != null) {
            return queries.list(
                    LIST_BY_WORKER,
                    ExecutionStore::map,
                    request.before(),
                    request.limit(),
                    request.workerId(),
                    request.status());
        }
        if (request.status() == ExecutionStatus.RUNNING) {
            return queries.list(LIST_RUNNING, ExecutionStore::map, request.before(), request.limit());
        }
        if (request.status() != null) {
            return queries.list(
                    LIST_BY_STATUS, ExecutionStore::map, request.before(), request.limit(), request.status());
        }
        return queries.list(LIST, ExecutionStore::map, request.before(), request.limit());
    }

    private static Execution map(Row row) {
        return new Execution(
                row.getUUID("execution_id"),
                row.getUUID("work_order_id"),
                WorkOrderStore.subject(row),
                row.getUUID("worker_id"),
                Rows.value(row, "status", ExecutionStatus.class),
                row.getInteger("attempt"),
                new ExecutionReport(
                        row.getInteger("exit_code"),
                        row.getString("stdout"),
                        row.getString("stderr"),
                        row.getString("metrics")),
                row.getString("error_message"),
                row.getString("error_type"),
                Rows.instant(row, "started_at"),
                Rows.nullableInstant(row, "completed_at"),
                Rows.instant(row, "updated_at"),
                row.getBoolean("has_late_report"),
                Rows.nullableInstant(row, "archived_at"));
    }
}
