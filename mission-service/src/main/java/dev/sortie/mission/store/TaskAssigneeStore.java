package dev.sortie.mission.store;

import dev.sortie.runtime.sql.Queries;
import java.util.List;
import java.util.UUID;

/** The tasks table, as far as it is about agents and workers of agent-service. */
public final class TaskAssigneeStore {
    private static final String IN_PROGRESS_FOR = """
            SELECT task_id FROM tasks
            WHERE assigned_agent_id = $1::uuid AND dispatched AND status = 'IN_PROGRESS'
            ORDER BY task_id LIMIT $2::int
            """;
    private static final String MEANT_FOR = """
            SELECT task_id FROM tasks
            WHERE assigned_agent_id = $1::uuid AND NOT (dispatched AND status = 'IN_PROGRESS')
            ORDER BY task_id LIMIT $2::int
            """;
    private static final String DISPATCHED_TO = """
            SELECT task_id FROM tasks WHERE assigned_worker_id = $1::uuid AND dispatched ORDER BY task_id
            """;
    // Goes from agent to agent, not from task to task.
    private static final String AGENTS = """
            WITH RECURSIVE agents (agent_id) AS (
                (SELECT assigned_agent_id FROM tasks WHERE assigned_agent_id > $1::uuid
                 ORDER BY assigned_agent_id LIMIT 1)
                UNION ALL
                SELECT (SELECT t.assigned_agent_id FROM tasks t WHERE t.assigned_agent_id > a.agent_id
                        ORDER BY t.assigned_agent_id LIMIT 1)
                FROM agents a WHERE a.agent_id IS NOT NULL
            )
            SELECT agent_id FROM agents WHERE agent_id IS NOT NULL LIMIT $2::int
            """;

    /** Tasks that are meant for an agent and that a worker is at. */
    public List<UUID> inProgressFor(Queries queries, UUID agentId, int limit) {
        return queries.list(IN_PROGRESS_FOR, row -> row.getUUID("task_id"), agentId, limit);
    }

    /** Tasks that are meant for an agent and that no worker is at. */
    public List<UUID> meantFor(Queries queries, UUID agentId, int limit) {
        return queries.list(MEANT_FOR, row -> row.getUUID("task_id"), agentId, limit);
    }

    /** Tasks whose current attempt a worker has, or lately had. */
    public List<UUID> dispatchedTo(Queries queries, UUID workerId) {
        return queries.list(DISPATCHED_TO, row -> row.getUUID("task_id"), workerId);
    }

    /**
     * The agents for whom tasks are meant, by id.
     *
     * @param after the last id of the page before
     */
    public List<UUID> agents(Queries queries, UUID after, int limit) {
        return queries.list(AGENTS, row -> row.getUUID("agent_id"), after, limit);
    }
}
