package dev.sortie.agent.domain;

import dev.sortie.agent.store.ExecutionStore;
import dev.sortie.agent.store.LateReportStore;
import dev.sortie.runtime.sql.Queries;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Executions: the attempts at orders. */
public final class Executions {
    private final ExecutionStore executions;
    private final LateReportStore lateReports;

    public Executions(ExecutionStore executions, LateReportStore lateReports) {
        this.executions = executions;
        this.lateReports = lateReports;
    }

    /** An execution, with what came too late; null when nothing did. */
    public record Found(Execution execution, @Nullable LateReport lateReport) {}

    /**
     * What to list, newest first.
     *
     * @param before the last execution of the page before; null for the first page
     */
    public record ListRequest(
            @Nullable UUID workOrderId,
            @Nullable UUID workerId,
            @Nullable ExecutionStatus status,
            @Nullable UUID before,
            int limit) {}

    public Found get(Queries queries, UUID id) {
        var execution = executions.find(queries, id).orElseThrow(() -> AgentFailures.notFound("execution", id));
        return new Found(
                execution,
                execution.hasLateReport() ? lateReports.find(queries, id).orElse(null) : null);
    }

    public List<Execution> list(Queries queries, ListRequest request) {
        return executions.list(queries, request);
    }
}
