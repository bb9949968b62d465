package dev.sortie.mission.store;

import dev.sortie.mission.domain.OrderOutcomes.Awaiting;
import dev.sortie.mission.domain.Subject;
import dev.sortie.mission.domain.TaskStatus;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Rows;
import dev.sortie.runtime.sql.Tx;
import java.util.Collection;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** The tasks table, as far as it is about work orders. */
public final class DispatchStore {
    private static final String FIND_DISPATCHED = """
            SELECT task_id, status, work_order_id, assigned_worker_id FROM tasks
            WHERE task_id = ANY ($1::uuid[]) AND dispatched
            """;
    private static final String LIST_DISPATCHED = """
            SELECT task_id, attempt, work_order_id FROM tasks
            WHERE dispatched AND task_id > $1::uuid
            ORDER BY task_id LIMIT $2::int
            """;
    // The first to hear of a version of the order is the one who acts upon it. Nothing that anybody is shown.
    private static final String HEAR = """
            UPDATE tasks SET work_order_version = $2::bigint
            WHERE task_id = $1::uuid AND work_order_version < $2::bigint
            """;

    private static final String AWAIT_ANOTHER = "UPDATE tasks SET work_order_version = 0 WHERE task_id = $1::uuid";

    /** A task that is dispatched. */
    public record Dispatched(
            UUID taskId,
            TaskStatus status,
            @Nullable UUID workOrderId,
            @Nullable UUID workerId) {}

    /** Those of the tasks that are dispatched. */
    public List<Dispatched> findDispatched(Queries queries, Collection<UUID> taskIds) {
        return queries.list(
                FIND_DISPATCHED,
                row -> new Dispatched(
                        row.getUUID("task_id"),
                        Rows.value(row, "status", TaskStatus.class),
                        row.getUUID("work_order_id"),
                        row.getUUID("assigned_worker_id")),
                taskIds);
    }

    /**
     * Dispatched tasks by id.
     *
     * @param after the last id of the page before
     */
    public List<Awaiting> listDispatched(Queries queries, UUID after, int limit) {
        return queries.list(
                LIST_DISPATCHED,
                row -> new Awaiting(
                        Subject.task(row.getUUID("task_id")), row.getInteger("attempt"), row.getUUID("work_order_id")),
                after,
                limit);
    }

    /** Notes how far the order of a task is known; false when as much or more was known already. */
    public boolean hear(Tx tx, UUID taskId, long workOrderVersion) {
        return tx.update(HEAR, taskId, workOrderVersion) > 0;
    }

    /** Begins anew to hear of the order of a task: it will be another one. */
    public void awaitAnother(Tx tx, UUID taskId) {
        tx.send(AWAIT_ANOTHER, taskId);
    }
}
