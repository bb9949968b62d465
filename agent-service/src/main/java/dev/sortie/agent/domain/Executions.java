package dev.sortie.agent.domain;

import dev.sortie.agent.store.ExecutionStore;
import dev.sortie.agent.store.LateReportStore;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Tx;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Executions: the attempts at orders. */
public final class Executions {
    private final ExecutionStore executions;
    private final LateReportStore lateReports;
    private final ArchivedExecutions archived;
    private final WorkOrders workOrders;

    public Executions(
            ExecutionStore executions,
            LateReportStore lateReports,
            ArchivedExecutions archived,
            WorkOrders workOrders) {
        this.executions = executions;
        this.lateReports = lateReports;
        this.archived = archived;
        this.workOrders = workOrders;
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

    /** What to cancel, and why. */
    public record Cancellation(UUID executionId, String reason) {}

    /** Cancels an attempt that runs, and its order with it. */
    public Found cancel(Tx tx, Cancellation cancellation) {
        var id = cancellation.executionId();
        // Its order is locked from here on, or the attempt has ended.
        executions
                .lockOrder(tx, id)
                .ifPresent(order -> workOrders.cancel(tx, new WorkOrders.Cancellation(order, cancellation.reason())));
        var found = get(tx, id);
        if (found.execution().status() != ExecutionStatus.CANCELLED) {
            throw AgentFailures.executionHasEnded(id, found.execution().status());
        }
        return found;
    }

    public Found get(Queries queries, UUID id) {
        var found = find(queries, id).or(() -> archived.find(queries, id));
        // It may have been moved between the two looks.
        return found.or(() -> find(queries, id)).orElseThrow(() -> AgentFailures.notFound("execution", id));
    }

    private Optional<Found> find(Queries queries, UUID id) {
        return executions
                .find(queries, id)
                .map(execution -> new Found(
                        execution,
                        execution.hasLateReport()
                                ? lateReports.find(queries, id).orElse(null)
                                : null));
    }

    public List<Execution> list(Queries queries, ListRequest request) {
        return executions.list(queries, request);
    }
}
