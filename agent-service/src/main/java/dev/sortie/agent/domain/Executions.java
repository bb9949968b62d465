package dev.sortie.agent.domain;

import dev.sortie.agent.store.ExecutionStore;
import dev.sortie.runtime.sql.Queries;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Executions: the attempts at orders. */
public final class Executions {
    private final ExecutionStore executions;

    public Executions(ExecutionStore executions) {
        this.executions = executions;
    }

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

    public Execution get(Queries queries, UUID id) {
        return executions.find(queries, id).orElseThrow(() -> AgentFailures.notFound("execution", id));
    }

    public List<Execution> list(Queries queries, ListRequest request) {
        return executions.list(queries, request);
    }
}
