package dev.sortie.agent.store;

import dev.sortie.agent.domain.Execution;
import dev.sortie.agent.domain.ExecutionReport;
import dev.sortie.agent.domain.ExecutionStatus;
import dev.sortie.agent.domain.Executions;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Rows;
import io.vertx.sqlclient.Row;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/** The table of executions, as it is read; claims write it. */
public final class ExecutionStore {
    private static final String FIND = """
            SELECT x.execution_id, x.work_order_id, o.tool_step_id, o.task_id, x.worker_id, x.status, x.attempt,
                x.exit_code, x.stdout, x.stderr, x.metrics::text AS metrics, x.error_message, x.started_at, x.completed_at,
                x.updated_at
            FROM executions x
            JOIN work_orders o ON o.work_order_id = x.work_order_id
            WHERE x.execution_id = $1::uuid
            """;
    private static final String SUMMARY = """
            SELECT x.execution_id, x.work_order_id, o.tool_step_id, o.task_id, x.worker_id, x.status, x.attempt,
                x.exit_code, '' AS stdout, '' AS stderr, x.metrics::text AS metrics, x.error_message, x.started_at,
                x.completed_at, x.updated_at
            FROM executions x
            JOIN work_orders o ON o.work_order_id = x.work_order_id
            """;
    private static final String LIST = SUMMARY + """
            WHERE x.execution_id < coalesce($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)
            ORDER BY x.execution_id DESC LIMIT $2::integer
            """;
    private static final String LIST_BY_ORDER = SUMMARY + """
            WHERE x.work_order_id = $3::uuid
              AND x.execution_id < coalesce($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)
              AND ($4::uuid IS NULL OR x.worker_id = $4::uuid) AND ($5::text IS NULL OR x.status = $5::text)
            ORDER BY x.execution_id DESC LIMIT $2::integer
            """;
    private static final String LIST_BY_WORKER = SUMMARY + """
            WHERE x.worker_id = $3::uuid
              AND x.execution_id < coalesce($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)
              AND ($4::text IS NULL OR x.status = $4::text)
            ORDER BY x.execution_id DESC LIMIT $2::integer
            """;
    private static final String LIST_BY_STATUS = SUMMARY + """
            WHERE x.status = $3::text
              AND x.execution_id < coalesce($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)
            ORDER BY x.execution_id DESC LIMIT $2::integer
            """;

    /** An execution with its output. */
    public Optional<Execution> find(Queries queries, UUID id) {
        return queries.find(FIND, ExecutionStore::map, id);
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
                Rows.instant(row, "started_at"),
                Rows.nullableInstant(row, "completed_at"),
                Rows.instant(row, "updated_at"));
    }
}
