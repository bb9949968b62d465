package dev.sortie.mission.store;

import dev.sortie.mission.domain.PermissionLevel;
import dev.sortie.mission.domain.PlanHead;
import dev.sortie.mission.domain.PlanStatus;
import dev.sortie.mission.domain.Priority;
import dev.sortie.mission.domain.Refusals;
import dev.sortie.mission.domain.SyncStatus;
import dev.sortie.mission.domain.Task;
import dev.sortie.mission.domain.TaskOrder;
import dev.sortie.mission.domain.TaskStatus;
import dev.sortie.mission.domain.TaskType;
import dev.sortie.runtime.failure.FailureException;
import dev.sortie.runtime.paging.Keyset;
import dev.sortie.runtime.sql.ConstraintViolation;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Rows;
import dev.sortie.runtime.sql.Tx;
import io.vertx.sqlclient.Row;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** The tasks table. Whoever writes a task holds its lock and, before that, the one of its plan if it has one. */
public final class TaskStore {
    private static final String HEAD = """
            task_id, plan_id, parent_task_id, depth, title, description, task_type, permission_level, priority, status,
            status_reason, repository_url, branch_name, issue_number, pr_number, context::text AS context,
            execution_context::text AS execution_context, metadata::text AS metadata, tags, created_by,
            assigned_user_id, assigned_agent_id, assigned_agent_type, assigned_worker_id, progress_percentage,
            estimated_hours, actual_hours, mobile_task_id, device_fingerprint, sync_status, deadline, due_at, attempt,
            deadline_warned_at, dispatched, work_order_id, queue_name, error_message, awaiting_approval,
            rejection_reason, started_at, completed_at, created_at, updated_at, version
            """;
    private static final String COLUMNS = "result::text AS result, " + HEAD;
    private static final String LISTED = "NULL::text AS result, " + HEAD;

    // Asked for each task by itself, by two primary keys: a join could begin at the plans and read all tasks.
    private static final String IS_VISIBLE = """
             (SELECT p.deleted_at IS NULL AND j.deleted_at IS NULL
              FROM plans p JOIN projects j ON j.project_id = p.project_id
              WHERE p.plan_id = tasks.plan_id) IS NOT FALSE
            """;

    private static final String INSERT = """
            INSERT INTO tasks (task_id, plan_id, parent_task_id, depth, title, description, task_type, permission_level,
                               priority, repository_url, branch_name, issue_number, pr_number, context,
                               execution_context, metadata, tags, assigned_user_id, assigned_agent_id,
                               assigned_agent_type, estimated_hours, mobile_task_id, device_fingerprint, sync_status,
                               deadline, due_at, status, created_by, created_at, updated_at)
            VALUES ($1::uuid, $2::uuid, $3::uuid, $4::smallint, $5::text, $6::text, $7::text, $8::text, $9::text,
                    $10::text, $11::text, $12::int, $13::int, $14::text::jsonb, $15::text::jsonb, $16::text::jsonb,
                    $17::text[], $18::uuid, $19::uuid, $20::text, $21::numeric, $22::text, $23::text, $24::text,
                    $25::timestamptz, $26::timestamptz, $27::text, $28::uuid, $29::timestamptz, $29::timestamptz)
            RETURNING
            """ + COLUMNS;
    private static final String INSERT_AS_IT_WAS = """
            INSERT INTO tasks (task_id, plan_id, parent_task_id, depth, title, description, task_type, permission_level,
                               priority, repository_url, branch_name, issue_number, pr_number, context, metadata, due_at,
                               status, progress_percentage, started_at, completed_at, created_by, created_at, updated_at)
            VALUES ($1::uuid, $2::uuid, $3::uuid, $4::smallint, $5::text, $6::text, $7::text, $8::text, $9::text,
                    $10::text, $11::text, $12::int, $13::int, $14::text::jsonb, $15::text::jsonb, $16::timestamptz,
                    $17::text, $18::numeric, $19::timestamptz, $20::timestamptz, $21::uuid, $22::timestamptz,
                    $23::timestamptz)
            RETURNING
            """ + COLUMNS;
    private static final String FIND = "SELECT " + COLUMNS + "FROM tasks WHERE task_id = $1::uuid";
    private static final String FIND_VISIBLE = FIND + " AND" + IS_VISIBLE;
    private static final String EXISTS = "SELECT 1 FROM tasks WHERE task_id = $1::uuid AND" + IS_VISIBLE;
    private static final String PLAN_OF = "SELECT plan_id FROM tasks WHERE task_id = $1::uuid";
    // Weak enough to let others add rows that refer to the task while its own row is held.
    private static final String LOCK = FIND + " FOR NO KEY UPDATE";
    private static final String LOCK_STATUS = "SELECT status FROM tasks WHERE task_id = $1::uuid FOR SHARE";
    private static final String LOCK_ALL = "SELECT " + COLUMNS + """
            FROM tasks WHERE task_id = ANY($1::uuid[]) ORDER BY task_id FOR NO KEY UPDATE
            """;
    private static final String LOCK_ALL_FOR_DELETE = "SELECT " + COLUMNS + """
            FROM tasks WHERE task_id = ANY($1::uuid[]) ORDER BY task_id FOR UPDATE
            """;
    private static final String LOCK_OF_PLAN_FOR_DELETE =
            "SELECT " + COLUMNS + "FROM tasks WHERE plan_id = $1::uuid ORDER BY task_id FOR UPDATE";
    private static final String LOCK_DISPATCHED_OF_PLAN = "SELECT " + COLUMNS + """
            FROM tasks WHERE plan_id = $1::uuid AND dispatched ORDER BY task_id FOR NO KEY UPDATE
            """;
    private static final String LOCK_OPEN_OF_PLAN = "SELECT " + COLUMNS + """
            FROM tasks WHERE plan_id = $1::uuid
                AND status IN ('PENDING', 'QUEUED', 'ASSIGNED', 'IN_PROGRESS', 'BLOCKED')
            ORDER BY task_id FOR NO KEY UPDATE
            """;
    // What a change tells, and no more: a user may leave many tasks behind.
    private static final String TOLD = """
            NULL::text AS result, new.task_id, new.plan_id, new.parent_task_id, new.depth, '' AS title, '' AS description,
            new.task_type, new.permission_level, new.priority, new.status, new.status_reason, '' AS repository_url,
            '' AS branch_name, NULL::int AS issue_number, NULL::int AS pr_number, '{}' AS context,
            '{}' AS execution_context, '{}' AS metadata, '{}'::text[] AS tags, new.created_by, new.assigned_user_id,
            new.assigned_agent_id, new.assigned_agent_type, new.assigned_worker_id, new.progress_percentage,
            new.estimated_hours, new.actual_hours, new.mobile_task_id, new.device_fingerprint, new.sync_status,
            new.deadline, new.due_at, new.deadline_warned_at, new.attempt, new.dispatched, new.work_order_id, new.queue_name,
            '' AS error_message, new.awaiting_approval, '' AS rejection_reason, new.started_at, new.completed_at,
            new.created_at, new.updated_at, new.version
            """;
    private static final String CLEAR_ASSIGNEE = """
            UPDATE tasks
            SET assigned_user_id = NULL, status = CASE status WHEN 'ASSIGNED' THEN 'PENDING' ELSE status END,
                status_reason = CASE status WHEN 'ASSIGNED' THEN '' ELSE status_reason END,
                updated_at = $2::timestamptz, version = version + 1
            WHERE assigned_user_id = $1::uuid
            RETURNING old.status AS before,
            """ + TOLD;
    private static final String CLEAR_CREATOR = """
            UPDATE tasks SET created_by = NULL, updated_at = $2::timestamptz, version = version + 1
            WHERE created_by = $1::uuid
            RETURNING
            """ + TOLD;
    private static final String CLEAR_AGENT = """
            UPDATE tasks SET assigned_agent_id = NULL, updated_at = $3::timestamptz, version = version + 1
            WHERE task_id = ANY($1::uuid[]) AND assigned_agent_id = $2::uuid
            RETURNING
            """ + TOLD;
    private static final String SUBTREE = """
            WITH RECURSIVE subtree (task_id) AS (
                SELECT $1::uuid
                UNION ALL
                SELECT child.task_id FROM subtree JOIN tasks child ON child.parent_task_id = subtree.task_id
            )
            SELECT task_id FROM subtree
            """;
    private static final String COUNT_CHILDREN =
            "SELECT count(*)::int AS children FROM tasks WHERE parent_task_id = $1::uuid";
    private static final String LOCK_PLAN = """
            SELECT plan_id, project_id, status, created_by, assigned_to, deadline, deleted_at
            FROM plans WHERE plan_id = $1::uuid FOR NO KEY UPDATE
            """;
    // After the lock of the plan, by a statement of its own: whoever hides a project holds the locks of its plans.
    private static final String IS_PROJECT_HIDDEN =
            "SELECT deleted_at IS NOT NULL AS hidden FROM projects WHERE project_id = $1::uuid";
    private static final String UPDATE_FIELDS = """
            UPDATE tasks
            SET title = $2::text, description = $3::text, task_type = $4::text, permission_level = $5::text,
                priority = $6::text, repository_url = $7::text, branch_name = $8::text, issue_number = $9::int,
                pr_number = $10::int, context = $11::text::jsonb, execution_context = $12::text::jsonb,
                metadata = $13::text::jsonb, tags = $14::text[], assigned_user_id = $15::uuid,
                assigned_agent_id = $16::uuid, assigned_agent_type = $17::text, estimated_hours = $18::numeric,
                mobile_task_id = $19::text, device_fingerprint = $20::text, sync_status = $21::text,
                deadline_warned_at = CASE WHEN deadline IS NOT DISTINCT FROM $22::timestamptz THEN deadline_warned_at END,
                deadline = $22::timestamptz, due_at = $23::timestamptz, status = $24::text,
                status_reason = CASE WHEN status = $24::text THEN status_reason ELSE '' END,
                updated_at = $25::timestamptz, version = version + 1
            WHERE task_id = $1::uuid
            RETURNING
            """ + COLUMNS;
    private static final String UPDATE_STATE = """
            UPDATE tasks
            SET status = $2::text, status_reason = $3::text, progress_percentage = $4::numeric,
                actual_hours = $5::numeric, attempt = $6::int, dispatched = $7::boolean, work_order_id = $8::uuid,
                queue_name = $9::text, assigned_worker_id = $10::uuid, result = $11::text::jsonb,
                error_message = $12::text, awaiting_approval = $13::boolean, rejection_reason = $14::text,
                started_at = $15::timestamptz, completed_at = $16::timestamptz, updated_at = $17::timestamptz,
                version = version + 1
            WHERE task_id = $1::uuid
            RETURNING
            """ + COLUMNS;
    private static final String MOVE_DUE = """
            UPDATE tasks SET due_at = $2::timestamptz
            WHERE plan_id = $1::uuid AND deadline IS NULL AND due_at <> $2::timestamptz
            """;
    private static final String DELETE_ALL = "DELETE FROM tasks WHERE task_id = ANY($1::uuid[])";

    /**
     * Which tasks a list shows, and in which order. What is null or empty or false leaves all of them in.
     *
     * @param deadlineBefore only those that are due before
     */
    public record Filter(
            @Nullable UUID planId,
            @Nullable TaskStatus status,
            @Nullable TaskType type,
            @Nullable Priority priority,
            @Nullable UUID createdBy,
            @Nullable UUID assignedUserId,
            @Nullable UUID assignedAgentId,
            @Nullable UUID assignedWorkerId,
            @Nullable UUID parentTaskId,
            String repositoryUrl,
            String tag,
            @Nullable SyncStatus syncStatus,
            boolean awaitingApproval,
            @Nullable Instant deadlineBefore,
            TaskOrder order) {

        /** Whether an index has the tasks in the order: all, a plan's, a person's, or those in a status. */
        public boolean isServed() {
            boolean more = type != null
                    || priority != null
                    || createdBy != null
                    || assignedAgentId != null
                    || assignedWorkerId != null
                    || parentTaskId != null
                    || !repositoryUrl.isEmpty()
                    || !tag.isEmpty()
                    || syncStatus != null
                    || awaitingApproval;
            return order == TaskOrder.CREATION || planId != null || assignedUserId != null || !more;
        }
    }

    /** A task after a change, and where it stood before. */
    public record Moved(TaskStatus before, Task task) {}

    /** Which ready tasks a list shows, in the order in which they should be done. */
    public record ReadyFilter(
            @Nullable UUID planId,
            @Nullable PermissionLevel permissionLevel,
            @Nullable TaskType type) {}

    /**
     * Creates a task. Refuses for a user who does not exist.
     *
     * @param status PENDING or ASSIGNED
     */
    public Task insert(
            Tx tx,
            UUID id,
            @Nullable UUID planId,
            @Nullable UUID parentTaskId,
            int depth,
            Task.Fields fields,
            Instant dueAt,
            TaskStatus status,
            @Nullable UUID createdBy) {
        try {
            return tx.find(
                            INSERT,
                            TaskStore::toTask,
                            id,
                            planId,
                            parentTaskId,
                            depth,
                            fields.title(),
                            fields.description(),
                            fields.type(),
                            fields.permissionLevel(),
                            fields.priority(),
                            fields.repositoryUrl(),
                            fields.branchName(),
                            fields.issueNumber(),
                            fields.prNumber(),
                            fields.context(),
                            fields.executionContext(),
                            fields.metadata(),
                            fields.tags().toArray(String[]::new),
                            fields.assignedUserId(),
                            fields.assignedAgentId(),
                            fields.assignedAgentType(),
                            fields.estimatedHours(),
                            fields.mobileTaskId(),
                            fields.deviceFingerprint(),
                            fields.syncStatus(),
                            fields.deadline(),
                            dueAt,
                            status,
                            createdBy,
                            tx.now())
                    .orElseThrow();
        } catch (ConstraintViolation broken) {
            throw userIsGone(broken, fields, createdBy);
        }
    }

    /** Creates a task in the state in which it was elsewhere. It is not dispatched, nor assigned to anybody. */
    public Task insertAsItWas(Tx tx, Task task) {
        var fields = task.fields();
        var state = task.state();
        return tx.find(
                        INSERT_AS_IT_WAS,
                        TaskStore::toTask,
                        task.id(),
                        task.planId(),
                        task.parentTaskId(),
                        task.depth(),
                        fields.title(),
                        fields.description(),
                        fields.type(),
                        fields.permissionLevel(),
                        fields.priority(),
                        fields.repositoryUrl(),
                        fields.branchName(),
                        fields.issueNumber(),
                        fields.prNumber(),
                        fields.context(),
                        fields.metadata(),
                        task.dueAt(),
                        state.status(),
                        state.progress().percentage(),
                        state.startedAt(),
                        state.completedAt(),
                        task.createdBy(),
                        task.createdAt(),
                        task.updatedAt())
                .orElseThrow();
    }

    /** A task, whether or not its plan is hidden. */
    public Optional<Task> find(Queries queries, UUID id) {
        return queries.find(FIND, TaskStore::toTask, id);
    }

    /** A task, unless its plan or project is hidden. */
    public Optional<Task> findVisible(Queries queries, UUID id) {
        return queries.find(FIND_VISIBLE, TaskStore::toTask, id);
    }

    /** Whether a task exists and its plan and project are not hidden. */
    public boolean isVisible(Queries queries, UUID id) {
        return queries.find(EXISTS, row -> true, id).isPresent();
    }

    /**
     * The plan of a task, which never changes.
     *
     * @return empty when there is no such task; holds empty when it is of no plan
     */
    public Optional<Optional<UUID>> planOf(Queries queries, UUID id) {
        return queries.find(PLAN_OF, row -> Optional.ofNullable(row.getUUID("plan_id")), id);
    }

    /** A plan, held until the end of the transaction: whoever moves its tasks does one after the other. */
    public Optional<PlanHead> lockPlan(Tx tx, UUID planId) {
        return tx.find(LOCK_PLAN, row -> row, planId).map(row -> {
            var projectId = row.getUUID("project_id");
            boolean hidden = row.getOffsetDateTime("deleted_at") != null
                    || tx.find(IS_PROJECT_HIDDEN, project -> project.getBoolean("hidden"), projectId)
                            .orElse(true);
            return new PlanHead(
                    row.getUUID("plan_id"),
                    projectId,
                    Rows.value(row, "status", PlanStatus.class),
                    row.getUUID("created_by"),
                    row.getUUID("assigned_to"),
                    Rows.nullableInstant(row, "deadline"),
                    hidden);
        });
    }

    /** A task, held until the end of the transaction. */
    public Optional<Task> lock(Tx tx, UUID id) {
        return tx.find(LOCK, TaskStore::toTask, id);
    }

    /** Where a task stands, which is so until the end of the transaction. */
    public Optional<TaskStatus> lockStatus(Tx tx, UUID id) {
        return tx.find(LOCK_STATUS, row -> Rows.value(row, "status", TaskStatus.class), id);
    }

    /** Several tasks, held until the end of the transaction. */
    public List<Task> lockAll(Tx tx, Collection<UUID> ids) {
        return tx.list(LOCK_ALL, TaskStore::toTask, (Object) ids.toArray(UUID[]::new));
    }

    /** Several tasks that are to be deleted. */
    public List<Task> lockAllForDelete(Tx tx, Collection<UUID> ids) {
        return tx.list(LOCK_ALL_FOR_DELETE, TaskStore::toTask, (Object) ids.toArray(UUID[]::new));
    }

    /** All tasks of a plan that are to be deleted. The plan is locked. */
    public List<Task> lockOfPlanForDelete(Tx tx, UUID planId) {
        return tx.list(LOCK_OF_PLAN_FOR_DELETE, TaskStore::toTask, planId);
    }

    /** The dispatched tasks of a plan, which is locked. */
    public List<Task> lockDispatchedOfPlan(Tx tx, UUID planId) {
        return tx.list(LOCK_DISPATCHED_OF_PLAN, TaskStore::toTask, planId);
    }

    /** The tasks of a plan that have not ended; the plan is locked. */
    public List<Task> lockOpenOfPlan(Tx tx, UUID planId) {
        return tx.list(LOCK_OPEN_OF_PLAN, TaskStore::toTask, planId);
    }

    /**
     * Takes tasks from a user who goes; those that waited for them wait for anybody.
     *
     * @return what a change tells of each, the rest is empty
     */
    public List<Moved> clearAssignee(Tx tx, UUID userId) {
        return tx.list(
                CLEAR_ASSIGNEE,
                row -> new Moved(Rows.value(row, "before", TaskStatus.class), toTask(row)),
                userId,
                tx.now());
    }

    /**
     * Forgets who created tasks, of a user who goes.
     *
     * @return what a change tells of each, the rest is empty
     */
    public List<Task> clearCreator(Tx tx, UUID userId) {
        return tx.list(CLEAR_CREATOR, TaskStore::toTask, userId, tx.now());
    }

    /**
     * Forgets the agent that tasks are meant for.
     *
     * @return what a change tells of each that was, the rest is empty
     */
    public List<Task> clearAgent(Tx tx, Collection<UUID> ids, UUID agentId) {
        return tx.list(CLEAR_AGENT, TaskStore::toTask, ids, agentId, tx.now());
    }

    /** A task and all its subtasks, of whatever depth. */
    public List<UUID> subtree(Queries queries, UUID id) {
        return queries.list(SUBTREE, row -> row.getUUID("task_id"), id);
    }

    /** How many tasks are directly part of a task. */
    public int countChildren(Queries queries, UUID id) {
        return queries.find(COUNT_CHILDREN, row -> row.getInteger("children"), id)
                .orElseThrow();
    }

    /**
     * A page of tasks, without their results.
     *
     * @param after the sort columns of the last one of the page before, where there is one; see {@link #key}
     */
    public List<Task> list(Queries queries, Filter filter, @Nullable Keyset after, int limit) {
        var cursor = Cursor.of(filter.order(), after);
        return queries.list(
                listSql(filter, after != null),
                TaskStore::toTask,
                limit,
                cursor.urgency,
                cursor.dueAt,
                cursor.createdAt,
                cursor.id,
                filter.planId(),
                filter.status(),
                filter.type(),
                filter.priority(),
                filter.createdBy(),
                filter.assignedUserId(),
                filter.assignedAgentId(),
                filter.assignedWorkerId(),
                filter.parentTaskId(),
                orNull(filter.repositoryUrl()),
                orNull(filter.tag()),
                filter.syncStatus(),
                filter.deadlineBefore());
    }

    /** A page of tasks that are ready, without their results. */
    public List<Task> listReady(Queries queries, ReadyFilter filter, @Nullable Keyset after, int limit) {
        var cursor = Cursor.of(TaskOrder.PRIORITY, after);
        return queries.list(
                readySql(filter, after != null),
                TaskStore::toTask,
                limit,
                cursor.urgency,
                cursor.dueAt,
                cursor.createdAt,
                cursor.id,
                filter.planId(),
                filter.permissionLevel(),
                filter.type());
    }

    /** The sort columns of a task in an order. */
    public static Keyset key(TaskOrder order, Task task) {
        return switch (order) {
            case CREATION -> Keyset.of(task.createdAt(), task.id());
            case DEADLINE -> Keyset.of(task.dueAt(), task.id());
            case PRIORITY -> Keyset.of(task.fields().priority().urgency(), task.dueAt(), task.createdAt(), task.id());
        };
    }

    /**
     * Writes what callers set. Refuses for a user who does not exist.
     *
     * @param status as it is, or where a task at rest gets by it
     */
    public Task updateFields(Tx tx, UUID id, Task.Fields fields, Instant dueAt, TaskStatus status) {
        try {
            return tx.find(
                            UPDATE_FIELDS,
                            TaskStore::toTask,
                            id,
                            fields.title(),
                            fields.description(),
                            fields.type(),
                            fields.permissionLevel(),
                            fields.priority(),
                            fields.repositoryUrl(),
                            fields.branchName(),
                            fields.issueNumber(),
                            fields.prNumber(),
                            fields.context(),
                            fields.executionContext(),
                            fields.metadata(),
                            fields.tags().toArray(String[]::new),
                            fields.assignedUserId(),
                            fields.assignedAgentId(),
                            fields.assignedAgentType(),
                            fields.estimatedHours(),
                            fields.mobileTaskId(),
                            fields.deviceFingerprint(),
                            fields.syncStatus(),
                            fields.deadline(),
                            dueAt,
                            status,
                            tx.now())
                    .orElseThrow();
        } catch (ConstraintViolation broken) {
            throw userIsGone(broken, fields, null);
        }
    }

    /** Writes what moves change. */
    public Task updateState(Tx tx, UUID id, Task.State state) {
        var dispatch = state.dispatch();
        var outcome = state.outcome();
        return tx.find(
                        UPDATE_STATE,
                        TaskStore::toTask,
                        id,
                        state.status(),
                        state.reason(),
                        state.progress().percentage(),
                        state.progress().hours(),
                        dispatch.attempt(),
                        dispatch.out(),
                        dispatch.workOrderId(),
                        dispatch.queueName(),
                        dispatch.workerId(),
                        outcome.result(),
                        outcome.errorMessage(),
                        outcome.awaitingApproval(),
                        outcome.rejectionReason(),
                        state.startedAt(),
                        state.completedAt(),
                        tx.now())
                .orElseThrow();
    }

    /** Orders the tasks of a plan that have no deadline of their own by that of the plan. The plan is locked. */
    public void moveDue(Tx tx, UUID planId, Instant dueAt) {
        tx.send(MOVE_DUE, planId, dueAt);
    }

    /** Deletes tasks for good. */
    public void deleteAll(Tx tx, Collection<UUID> ids) {
        tx.send(DELETE_ALL, (Object) ids.toArray(UUID[]::new));
    }

    // One text per combination of filters and order: each has a plan of its own, with the index that serves it. What
    // stands in the condition of a partial index is said in so many words.
    private static String listSql(Filter filter, boolean after) {
        return "SELECT " + LISTED + "FROM tasks WHERE" + IS_VISIBLE
                + where(filter.planId(), "plan_id = $6::uuid", "$6::uuid")
                + where(filter.status(), "status = $7::text", "$7::text")
                + where(filter.type(), "task_type = $8::text", "$8::text")
                + where(filter.priority(), "priority = $9::text", "$9::text")
                + where(filter.createdBy(), "created_by = $10::uuid", "$10::uuid")
                + where(filter.assignedUserId(), "assigned_user_id = $11::uuid", "$11::uuid")
                + where(filter.assignedAgentId(), "assigned_agent_id = $12::uuid", "$12::uuid")
                + where(filter.assignedWorkerId(), "assigned_worker_id = $13::uuid", "$13::uuid")
                + where(filter.parentTaskId(), "parent_task_id = $14::uuid", "$14::uuid")
                + where(
                        orNull(filter.repositoryUrl()),
                        "repository_url = $15::text AND repository_url <> ''",
                        "$15::text")
                + where(orNull(filter.tag()), "tags @> ARRAY[$16::text]", "$16::text")
                + where(
                        filter.syncStatus(),
                        filter.syncStatus() == SyncStatus.LOCAL
                                ? "sync_status = $17::text"
                                : "sync_status = $17::text AND sync_status <> 'LOCAL'",
                        "$17::text")
                + where(filter.deadlineBefore(), "due_at < $18::timestamptz", "$18::timestamptz")
                + (filter.awaitingApproval() ? " AND awaiting_approval" : "")
                + (filter.planId() != null
                        ? ordered(filter.order(), after, "plan_id, ", "$6::uuid, ")
                        : filter.assignedUserId() != null
                                ? ordered(filter.order(), after, "assigned_user_id, ", "$11::uuid, ")
                                : filter.status() != null
                                        ? ordered(filter.order(), after, "status, ", "$7::text, ")
                                        : ordered(filter.order(), after, "", ""));
    }

    private static String readySql(ReadyFilter filter, boolean after) {
        return "SELECT " + LISTED + "FROM tasks WHERE status = 'PENDING' AND" + IS_VISIBLE
                + where(filter.planId(), "plan_id = $6::uuid", "$6::uuid")
                + where(filter.permissionLevel(), "permission_level = $7::text", "$7::text")
                + where(filter.type(), "task_type = $8::text", "$8::text")
                + ordered(TaskOrder.PRIORITY, after, "", "");
    }

    private static String where(@Nullable Object value, String condition, String parameter) {
        return value == null ? " AND " + parameter + " IS NULL" : " AND " + condition;
    }

    // A page goes on by the whole key of the index, with the column that a filter holds. By the rest alone PostgreSQL
    // may
    // take what is left for nearly nothing, for most tasks share one time at which they are due, and walk everybody's.
    private static String ordered(TaskOrder order, boolean after, String held, String value) {
        var unused = " AND $2::smallint IS NULL AND $3::timestamptz IS NULL AND $4::timestamptz IS NULL"
                + " AND $5::uuid IS NULL";
        return switch (order) {
            case CREATION ->
                (after
                                ? " AND $2::smallint IS NULL AND $3::timestamptz IS NULL"
                                        + " AND (created_at, task_id) < ($4::timestamptz, $5::uuid)"
                                : unused)
                        + " ORDER BY created_at DESC, task_id DESC LIMIT $1::int";
            case DEADLINE ->
                (after
                                ? " AND $2::smallint IS NULL AND $4::timestamptz IS NULL" + " AND (" + held
                                        + "due_at, task_id) > (" + value + "$3::timestamptz, $5::uuid)"
                                : unused)
                        + " ORDER BY due_at, task_id LIMIT $1::int";
            case PRIORITY ->
                (after
                                ? " AND (" + held + "urgency, due_at, created_at, task_id)" + " > (" + value
                                        + "$2::smallint, $3::timestamptz, $4::timestamptz, $5::uuid)"
                                : unused)
                        + " ORDER BY urgency, due_at, created_at, task_id LIMIT $1::int";
        };
    }

    /** Where a page goes on; what an order does not use is null. */
    private record Cursor(
            @Nullable Integer urgency,
            @Nullable Instant dueAt,
            @Nullable Instant createdAt,
            @Nullable UUID id) {

        static Cursor of(TaskOrder order, @Nullable Keyset after) {
            if (after == null) {
                return new Cursor(null, null, null, null);
            }
            return switch (order) {
                case CREATION -> new Cursor(null, null, after.instant(0), after.uuid(1));
                case DEADLINE -> new Cursor(null, after.instant(0), null, after.uuid(1));
                case PRIORITY -> new Cursor((int) after.number(0), after.instant(1), after.instant(2), after.uuid(3));
            };
        }
    }

    private static @Nullable String orNull(String text) {
        return text.isEmpty() ? null : text;
    }

    private static RuntimeException userIsGone(
            ConstraintViolation broken, Task.Fields fields, @Nullable UUID createdBy) {
        if (broken.isOf("tasks_assigned_user_fkey")) {
            return userNotFound("task.assigned_user_id", fields.assignedUserId());
        }
        if (broken.isOf("tasks_created_by_fkey")) {
            return userNotFound("task.created_by", createdBy);
        }
        return broken;
    }

    private static FailureException userNotFound(String field, @Nullable UUID id) {
        return Refusals.referenceNotFound(field, "user", String.valueOf(id));
    }

    private static Task toTask(Row row) {
        return new Task(
                row.getUUID("task_id"),
                row.getUUID("plan_id"),
                row.getUUID("parent_task_id"),
                row.getInteger("depth"),
                new Task.Fields(
                        row.getString("title"),
                        row.getString("description"),
                        Rows.value(row, "task_type", TaskType.class),
                        Rows.value(row, "permission_level", PermissionLevel.class),
                        Rows.value(row, "priority", Priority.class),
                        row.getString("repository_url"),
                        row.getString("branch_name"),
                        row.getInteger("issue_number"),
                        row.getInteger("pr_number"),
                        row.getString("context"),
                        row.getString("execution_context"),
                        row.getString("metadata"),
                        Rows.strings(row, "tags"),
                        row.getUUID("assigned_user_id"),
                        row.getUUID("assigned_agent_id"),
                        row.getString("assigned_agent_type"),
                        row.getBigDecimal("estimated_hours"),
                        row.getString("mobile_task_id"),
                        row.getString("device_fingerprint"),
                        Rows.value(row, "sync_status", SyncStatus.class),
                        Rows.nullableInstant(row, "deadline")),
                new Task.State(
                        Rows.value(row, "status", TaskStatus.class),
                        row.getString("status_reason"),
                        new Task.Progress(row.getBigDecimal("progress_percentage"), row.getBigDecimal("actual_hours")),
                        new Task.Dispatch(
                                row.getInteger("attempt"),
                                row.getBoolean("dispatched"),
                                row.getUUID("work_order_id"),
                                row.getString("queue_name"),
                                row.getUUID("assigned_worker_id")),
                        new Task.Outcome(
                                row.getString("result"),
                                row.getString("error_message"),
                                row.getBoolean("awaiting_approval"),
                                row.getString("rejection_reason")),
                        Rows.nullableInstant(row, "started_at"),
                        Rows.nullableInstant(row, "completed_at")),
                row.getUUID("created_by"),
                Rows.instant(row, "due_at"),
                Rows.nullableInstant(row, "deadline_warned_at"),
                Rows.instant(row, "created_at"),
                Rows.instant(row, "updated_at"),
                row.getLong("version"));
    }
}
