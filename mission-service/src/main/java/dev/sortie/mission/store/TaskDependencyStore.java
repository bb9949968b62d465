package dev.sortie.mission.store;

import dev.sortie.mission.domain.DependencyType;
import dev.sortie.mission.domain.TaskDependency;
import dev.sortie.mission.domain.TaskStatus;
import dev.sortie.runtime.paging.Keyset;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Rows;
import dev.sortie.runtime.sql.Tx;
import io.vertx.sqlclient.Row;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** The task_dependencies table. Whoever writes holds the lock of the task that depends. */
public final class TaskDependencyStore {
    private static final String COLUMNS =
            "task_dependency_id, task_id, depends_on_task_id, dependency_type, created_at ";
    // Whoever adds a dependency that blocks takes this lock first and keeps it until the commit. So of two of them the
    // second sees, when it looks for a way round, all that the first has added: no cycle comes about unseen, however
    // many add to it at once. Locks of the two tasks would not do: a ring is closed by many pairs, no two of which need
    // have a task in common. Taking dependencies away closes no ring and takes no lock.
    private static final String LOCK_GRAPH =
            "SELECT pg_advisory_xact_lock(hashtextextended('task_dependencies', 0))::text";
    private static final String FIND = "SELECT " + COLUMNS + """
            FROM task_dependencies WHERE task_id = $1::uuid AND depends_on_task_id = $2::uuid
            """;
    private static final String COUNTS = """
            SELECT (SELECT count(*)::int FROM task_dependencies WHERE task_id = $1::uuid) AS dependencies,
                   (SELECT count(*)::int FROM task_dependencies WHERE depends_on_task_id = $2::uuid) AS dependents
            """;
    // UNION leaves out what was seen before, so this ends; LIMIT ends it where there is too much to see.
    private static final String REACH = """
            WITH RECURSIVE reach (task_id) AS (
                SELECT $1::uuid
                UNION
                SELECT d.depends_on_task_id
                FROM reach JOIN task_dependencies d ON d.task_id = reach.task_id AND d.dependency_type = 'BLOCKS'
            )
            SELECT count(*)::int AS seen, coalesce(bool_or(task_id = $2::uuid), false) AS found
            FROM (SELECT task_id FROM reach LIMIT $3::int) AS bounded
            """;
    private static final String INSERT = """
            INSERT INTO task_dependencies (task_dependency_id, task_id, depends_on_task_id, dependency_type,
                                           created_at, updated_at)
            VALUES ($1::uuid, $2::uuid, $3::uuid, $4::text, $5::timestamptz, $5::timestamptz)
            RETURNING
            """ + COLUMNS;
    private static final String DELETE = "DELETE FROM task_dependencies WHERE task_dependency_id = $1::uuid";
    private static final String DELETE_OF = """
            DELETE FROM task_dependencies WHERE task_id = ANY($1::uuid[]) OR depends_on_task_id = ANY($1::uuid[])
            RETURNING
            """ + COLUMNS;
    private static final String BLOCKED_BY = """
            SELECT DISTINCT d.task_id
            FROM task_dependencies d JOIN tasks t ON t.task_id = d.task_id
            WHERE d.depends_on_task_id = ANY($1::uuid[]) AND d.dependency_type = 'BLOCKS' AND t.status = 'BLOCKED'
                AND d.task_id <> ALL($1::uuid[])
            """;
    private static final String STILL_BLOCKED = """
            SELECT DISTINCT d.task_id
            FROM task_dependencies d JOIN tasks b ON b.task_id = d.depends_on_task_id
            WHERE d.task_id = ANY($1::uuid[]) AND d.dependency_type = 'BLOCKS' AND b.status <> 'COMPLETED'
            """;
    private static final String BLOCKERS = """
            SELECT b.task_id, b.status
            FROM task_dependencies d JOIN tasks b ON b.task_id = d.depends_on_task_id
            WHERE d.task_id = $1::uuid AND d.dependency_type = 'BLOCKS' AND b.status <> 'COMPLETED'
            ORDER BY d.created_at, d.task_dependency_id
            """;

    /** A task that blocks another one. */
    public record Blocker(UUID taskId, TaskStatus status) {}

    /** How many tasks one depends on, and how many depend on the other. */
    public record Counts(int dependencies, int dependents) {}

    /**
     * What is found on the way along all that a task waits for.
     *
     * @param seen how many tasks there are, itself included, up to a limit
     * @param found whether the one that is looked for is among them
     */
    public record Reach(int seen, boolean found) {}

    /**
     * Which dependencies a list shows, by creation.
     *
     * @param dependents whether those of others on the task, instead of its own
     * @param type only those of it, where given
     */
    public record Filter(
            UUID taskId, boolean dependents, @Nullable DependencyType type) {}

    /** Keeps everybody else from adding dependencies that block, until the end of the transaction. */
    public void lockGraph(Tx tx) {
        tx.find(LOCK_GRAPH, row -> true);
    }

    public Optional<TaskDependency> find(Queries queries, UUID taskId, UUID dependsOnTaskId) {
        return queries.find(FIND, TaskDependencyStore::toDependency, taskId, dependsOnTaskId);
    }

    public Counts count(Queries queries, UUID taskId, UUID dependsOnTaskId) {
        return queries.find(
                        COUNTS,
                        row -> new Counts(row.getInteger("dependencies"), row.getInteger("dependents")),
                        taskId,
                        dependsOnTaskId)
                .orElseThrow();
    }

    /**
     * Looks for a task among all that another one waits for, directly or by way of others.
     *
     * @param most how many tasks to look at
     */
    public Reach reach(Queries queries, UUID from, UUID wanted, int most) {
        return queries.find(
                        REACH, row -> new Reach(row.getInteger("seen"), row.getBoolean("found")), from, wanted, most)
                .orElseThrow();
    }

    public TaskDependency insert(Tx tx, UUID id, UUID taskId, UUID dependsOnTaskId, DependencyType type) {
        return tx.find(INSERT, TaskDependencyStore::toDependency, id, taskId, dependsOnTaskId, type, tx.now())
                .orElseThrow();
    }

    public void delete(Tx tx, UUID id) {
        tx.send(DELETE, id);
    }

    /** Deletes all dependencies of tasks and on them; tells which. */
    public List<TaskDependency> deleteOf(Tx tx, Collection<UUID> taskIds) {
        return tx.list(DELETE_OF, TaskDependencyStore::toDependency, (Object) taskIds.toArray(UUID[]::new));
    }

    /** The other tasks that are BLOCKED and that one of these blocks. */
    public List<UUID> blockedBy(Queries queries, Collection<UUID> taskIds) {
        return queries.list(BLOCKED_BY, row -> row.getUUID("task_id"), (Object) taskIds.toArray(UUID[]::new));
    }

    /** Which of these tasks depend on one that is not completed. */
    public Set<UUID> stillBlocked(Queries queries, Collection<UUID> taskIds) {
        return queries
                .list(STILL_BLOCKED, row -> row.getUUID("task_id"), (Object) taskIds.toArray(UUID[]::new))
                .stream()
                .collect(Collectors.toSet());
    }

    /** The tasks that block a task. */
    public List<Blocker> blockers(Queries queries, UUID taskId) {
        return queries.list(
                BLOCKERS,
                row -> new Blocker(row.getUUID("task_id"), Rows.value(row, "status", TaskStatus.class)),
                taskId);
    }

    /**
     * A page of dependencies.
     *
     * @param after time of creation and id of the last one of the page before, where there is one
     */
    public List<TaskDependency> list(Queries queries, Filter filter, @Nullable Keyset after, int limit) {
        return queries.list(
                listSql(filter, after != null),
                TaskDependencyStore::toDependency,
                filter.taskId(),
                limit,
                after == null ? null : after.instant(0),
                after == null ? null : after.uuid(1),
                filter.type());
    }

    // One text per combination of filters: each has a plan of its own.
    private static String listSql(Filter filter, boolean after) {
        return "SELECT " + COLUMNS + "FROM task_dependencies WHERE "
                + (filter.dependents() ? "depends_on_task_id = $1::uuid" : "task_id = $1::uuid")
                + (filter.type() == null ? " AND $5::text IS NULL" : " AND dependency_type = $5::text")
                + (after
                        ? " AND (created_at, task_dependency_id) > ($3::timestamptz, $4::uuid)"
                        : " AND $3::timestamptz IS NULL AND $4::uuid IS NULL")
                + " ORDER BY created_at, task_dependency_id LIMIT $2::int";
    }

    private static TaskDependency toDependency(Row row) {
        return new TaskDependency(
                row.getUUID("task_dependency_id"),
                row.getUUID("task_id"),
                row.getUUID("depends_on_task_id"),
                Rows.value(row, "dependency_type", DependencyType.class),
                Rows.instant(row, "created_at"));
    }
}
