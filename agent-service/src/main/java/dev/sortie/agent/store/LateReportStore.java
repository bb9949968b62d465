package dev.sortie.agent.store;

import static dev.sortie.agent.store.WorkOrderStore.column;

import dev.sortie.agent.domain.ExecutionReport;
import dev.sortie.agent.domain.ExecutionStatus;
import dev.sortie.agent.domain.LateReport;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Rows;
import dev.sortie.runtime.sql.Tx;
import io.vertx.sqlclient.Row;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/** What workers handed in when it was too late. */
public final class LateReportStore {
    // The same again changes nothing, not even the time at which it came.
    private static final String PUT = """
            INSERT INTO late_reports AS l (execution_id, status, result, error_message, error_type, exit_code, stdout,
                stderr, metrics, reported_at)
            SELECT r.execution_id, r.status, r.result::jsonb, r.error_message, r.error_type, r.exit_code, r.stdout,
                r.stderr, r.metrics::jsonb, $10::timestamptz
            FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::integer[], $7::text[],
                $8::text[], $9::text[])
                AS r (execution_id, status, result, error_message, error_type, exit_code, stdout, stderr, metrics)
            ORDER BY r.execution_id
            ON CONFLICT (execution_id) DO UPDATE
            SET status = excluded.status, result = excluded.result, error_message = excluded.error_message,
                error_type = excluded.error_type, exit_code = excluded.exit_code, stdout = excluded.stdout,
                stderr = excluded.stderr, metrics = excluded.metrics, reported_at = excluded.reported_at
            WHERE (l.status, l.result, l.error_message, l.error_type, l.exit_code, l.stdout, l.stderr, l.metrics)
                IS DISTINCT FROM (excluded.status, excluded.result, excluded.error_message, excluded.error_type,
                    excluded.exit_code, excluded.stdout, excluded.stderr, excluded.metrics)
            """;
    private static final String FIND = """
            SELECT execution_id, status, result::text AS result, error_message, error_type, exit_code, stdout,
                stderr, metrics::text AS metrics, reported_at
            FROM late_reports
            WHERE execution_id = $1::uuid
            """;

    // Files that are older know no types.
    private static final String RESTORE = """
            SELECT l.execution_id, l.status, l.result::text AS result, l.error_message,
                coalesce(l.error_type, '') AS error_type, l.exit_code, l.stdout, l.stderr, l.metrics::text AS metrics,
                l.reported_at
            FROM jsonb_populate_record(NULL::late_reports, $1::text::jsonb -> 'late_report') AS l
            """;

    /** Keeps reports, at most one of each execution, in place of those before. */
    public void put(Tx tx, List<LateReport> reports) {
        tx.send(
                PUT,
                column(UUID.class, reports, LateReport::executionId),
                column(ExecutionStatus.class, reports, LateReport::status),
                column(String.class, reports, LateReport::result),
                column(String.class, reports, LateReport::errorMessage),
                column(String.class, reports, LateReport::errorType),
                column(Integer.class, reports, late -> late.report().exitCode()),
                column(String.class, reports, late -> late.report().stdout()),
                column(String.class, reports, late -> late.report().stderr()),
                column(String.class, reports, late -> late.report().metrics()),
                tx.now());
    }

    /**
     * A report from what a file holds of its execution.
     *
     * @param line as {@link ArchiveStore.Old#line()}
     */
    public Optional<LateReport> restore(Queries queries, String line) {
        return queries.find(RESTORE, LateReportStore::map, line);
    }

    public Optional<LateReport> find(Queries queries, UUID executionId) {
        return queries.find(FIND, LateReportStore::map, executionId);
    }

    private static LateReport map(Row row) {
        return new LateReport(
                row.getUUID("execution_id"),
                Rows.value(row, "status", ExecutionStatus.class),
                row.getString("result"),
                row.getString("error_message"),
                row.getString("error_type"),
                new ExecutionReport(
                        row.getInteger("exit_code"),
                        row.getString("stdout"),
                        row.getString("stderr"),
                        row.getString("metrics")),
                Rows.instant(row, "reported_at"));
    }
}
