package dev.sortie.mission.store;

import dev.sortie.mission.domain.Plan;
import dev.sortie.mission.domain.PlanStatus;
import dev.sortie.mission.domain.Priority;
import dev.sortie.mission.domain.Refusals;
import dev.sortie.mission.domain.ScalingStrategy;
import dev.sortie.runtime.paging.Keyset;
import dev.sortie.runtime.sql.ConstraintViolation;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Rows;
import dev.sortie.runtime.sql.Tx;
import io.vertx.sqlclient.Row;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** The plans table. */
public final class PlanStore {
    private static final String COLUMNS = """
            p.plan_id, p.project_id, p.title, p.description, p.status, p.status_reason, p.priority, p.created_by,
            p.assigned_to, (p.estimated_hours * 3600)::bigint AS estimated_seconds,
            (p.actual_hours * 3600)::bigint AS actual_seconds, p.mobile_sync_enabled, p.agent_count,
            p.scaling_strategy, p.adaptive_limit, p.deadline, p.deadline_warned_at, p.metadata::text AS metadata,
            p.deleted_at, p.purge_at, p.created_at, p.updated_at, p.version
            """;
    private static final String INSERT = """
            INSERT INTO plans AS p (plan_id, project_id, title, description, status, priority, created_by, assigned_to,
                estimated_hours, actual_hours, mobile_sync_enabled, agent_count, scaling_strategy, deadline, metadata,
                created_at, updated_at)
            VALUES ($1::uuid, $2::uuid, $3::text, $4::text, 'DRAFT', $5::text, $6::uuid, $7::uuid,
                $8::bigint / 3600.0, $9::bigint / 3600.0, $10::boolean, $11::int, $12::text, $13::timestamptz,
                $14::text::jsonb, $15::timestamptz, $15::timestamptz)
            RETURNING
            """ + COLUMNS;
    private static final String FIND = "SELECT " + COLUMNS + "FROM plans p WHERE p.plan_id = $1::uuid";
    private static final String LOCK = FIND + " FOR NO KEY UPDATE";
    // Whoever holds it sees to it, or has it seen to; so nobody waits for anybody here, and nobody in a circle.
    private static final String LOCK_IF_FREE = FIND + " FOR NO KEY UPDATE SKIP LOCKED";
    private static final String LOCK_FOR_DELETE = FIND + " FOR UPDATE";
    private static final String LOCK_EXPIRED = "SELECT " + COLUMNS + """
                    FROM plans p WHERE p.purge_at <= $1::timestamptz
                    ORDER BY p.purge_at LIMIT 1 FOR UPDATE SKIP LOCKED
                    """;
    // A limit that has grown too large for its plan would be refused by the database.
    private static final String UPDATE_FIELDS = """
            UPDATE plans AS p
            SET title = $2::text, description = $3::text, priority = $4::text, assigned_to = $5::uuid,
                estimated_hours = $6::bigint / 3600.0, actual_hours = $7::bigint / 3600.0,
                mobile_sync_enabled = $8::boolean, agent_count = $9::int, scaling_strategy = $10::text,
                adaptive_limit = least(adaptive_limit, $9::int), deadline = $11::timestamptz,
                deadline_warned_at =
                    CASE WHEN deadline IS NOT DISTINCT FROM $11::timestamptz THEN deadline_warned_at END,
                metadata = $12::text::jsonb, updated_at = $13::timestamptz, version = version + 1
            WHERE plan_id = $1::uuid
            RETURNING
            """ + COLUMNS;
    private static final String UPDATE_STATE = """
            UPDATE plans AS p
            SET status = $2::text, status_reason = $3::text, deleted_at = $4::timestamptz, purge_at = $5::timestamptz,
                updated_at = $6::timestamptz, version = version + 1
            WHERE plan_id = $1::uuid
            RETURNING
            """ + COLUMNS;
    // Nothing that anybody is shown: no other version.
    private static final String LEARN = """
            UPDATE plans
            SET adaptive_limit = CASE WHEN $2::boolean
                    THEN least(adaptive_limit + 1, agent_count)
                    ELSE greatest(adaptive_limit / 2, 1)
                END
            WHERE plan_id = $1::uuid AND scaling_strategy = 'ADAPTIVE'
            """;
    private static final String FORGET_USER = """
            UPDATE plans AS p
            SET created_by = nullif(p.created_by, $1::uuid), assigned_to = nullif(p.assigned_to, $1::uuid),
                updated_at = $2::timestamptz, version = p.version + 1
            WHERE p.created_by = $1::uuid OR p.assigned_to = $1::uuid
            RETURNING
            """ + COLUMNS;
    private static final String DELETE = "DELETE FROM plans WHERE plan_id = $1::uuid";
    private static final String IS_PROJECT_VISIBLE =
            "SELECT 1 FROM projects WHERE project_id = $1::uuid AND deleted_at IS NULL";
    // Keeps the project from being deleted, and nobody else from adding plans to it.
    private static final String HOLD_PROJECT =
            "SELECT created_by FROM projects WHERE project_id = $1::uuid AND deleted_at IS NULL FOR SHARE";
    // Asked for each plan by itself, by a primary key: a join could read all projects.
    private static final String IS_VISIBLE = """
            (SELECT j.deleted_at IS NULL FROM projects j WHERE j.project_id = p.project_id)
            """;
    private static final String COUNT_DISPATCHED =
            "SELECT count(*)::int AS dispatched FROM tasks WHERE plan_id = $1::uuid AND dispatched";
    private static final String READY = "status = 'PENDING' AND permission_level <> 'HUMAN_REQUIRED'";
    // A task that somebody else is at becomes something else, or is found the next time.
    private static final String LOCK_READY = """
            SELECT task_id FROM tasks
            WHERE plan_id = $1::uuid AND
            """ + READY + """
             ORDER BY urgency, due_at, created_at, task_id LIMIT $2::int
            FOR NO KEY UPDATE SKIP LOCKED
            """;
    private static final String LIST_WITH_ROOM = """
            SELECT p.plan_id
            FROM plans p JOIN projects j USING (project_id)
            WHERE p.status = 'ACTIVE' AND p.deleted_at IS NULL AND j.deleted_at IS NULL AND p.plan_id > $1::uuid
              AND EXISTS (SELECT FROM tasks t WHERE t.plan_id = p.plan_id AND t.status = 'PENDING'
                            AND t.permission_level <> 'HUMAN_REQUIRED')
              AND (p.scaling_strategy = 'ELASTIC'
                OR (SELECT count(*) FROM tasks t WHERE t.plan_id = p.plan_id AND t.dispatched)
                    < CASE p.scaling_strategy WHEN 'FIXED' THEN p.agent_count ELSE p.adaptive_limit END)
            ORDER BY p.plan_id LIMIT $2::int
            """;
    private static final String LIST_OPEN_TASKS = """
            SELECT task_id, title, status, count(*) OVER ()::int AS open_tasks FROM tasks
            WHERE plan_id = $1::uuid AND status NOT IN ('COMPLETED', 'FAILED', 'CANCELLED')
            ORDER BY created_at, task_id LIMIT $2::int
            """;

    /** In which order a list shows plans. */
    public enum Order {
        NEWEST,
        DEADLINE,
        PRIORITY
    }

    /**
     * Which plans a list shows: those to which everything applies that is given.
     *
     * @param mobileSyncEnabled true for only those that mobile devices keep; false for all
     * @param deadlineBefore only plans that have a deadline before this time
     * @param showDeleted the hidden ones too, and those of hidden projects
     */
    public record Filter(
            @Nullable UUID projectId,
            @Nullable PlanStatus status,
            @Nullable Priority priority,
            @Nullable UUID createdBy,
            @Nullable UUID assignedTo,
            boolean mobileSyncEnabled,
            @Nullable Instant deadlineBefore,
            Order order,
            boolean showDeleted) {}

    /**
     * A task that keeps its plan from being completed.
     *
     * @param ofHowMany how many such tasks the plan has
     */
    public record OpenTask(UUID id, String title, String status, int ofHowMany) {}

    /** Creates a plan, DRAFT. Refuses for somebody responsible who does not exist. */
    public Plan insert(Tx tx, UUID id, UUID projectId, @Nullable UUID createdBy, Plan.Fields fields) {
        return referring(
                fields,
                () -> tx.find(
                                INSERT,
                                PlanStore::toPlan,
                                id,
                                projectId,
                                fields.title(),
                                fields.description(),
                                fields.priority(),
                                createdBy,
                                fields.assignedTo(),
                                seconds(fields.estimatedEffort()),
                                seconds(fields.actualEffort()),
                                fields.mobileSyncEnabled(),
                                fields.agentCount(),
                                fields.scalingStrategy(),
                                fields.deadline(),
                                fields.metadata(),
                                tx.now())
                        .orElseThrow());
    }

    /** A plan, hidden or not. */
    public Optional<Plan> find(Queries queries, UUID id) {
        return queries.find(FIND, PlanStore::toPlan, id);
    }

    /** A plan, hidden or not, held until the end of the transaction. */
    public Optional<Plan> lock(Tx tx, UUID id) {
        return tx.find(LOCK, PlanStore::toPlan, id);
    }

    /** The same, unless somebody else holds it. */
    public Optional<Plan> lockIfFree(Tx tx, UUID id) {
        return tx.find(LOCK_IF_FREE, PlanStore::toPlan, id);
    }

    /** A plan that is to be deleted, hidden or not. */
    public Optional<Plan> lockForDelete(Tx tx, UUID id) {
        return tx.find(LOCK_FOR_DELETE, PlanStore::toPlan, id);
    }

    /** A hidden plan whose time is over and that nobody else is purging. */
    public Optional<Plan> lockExpired(Tx tx) {
        return tx.find(LOCK_EXPIRED, PlanStore::toPlan, tx.now());
    }

    /** Forgets who created plans or was responsible for them, of a user who goes; tells which. */
    public List<Plan> forgetUser(Tx tx, UUID userId) {
        return tx.list(FORGET_USER, PlanStore::toPlan, userId, tx.now());
    }

    /**
     * A project that gets a plan, held until the end of the transaction.
     *
     * @param createdBy its owner; null when that user has been deleted since
     */
    public record ProjectHead(@Nullable UUID createdBy) {}

    /** The project that a plan shall belong to, unless it is hidden. */
    public Optional<ProjectHead> holdProject(Tx tx, UUID projectId) {
        return tx.find(HOLD_PROJECT, row -> new ProjectHead(row.getUUID("created_by")), projectId);
    }

    /** Whether a project exists and is not hidden. */
    public boolean isProjectVisible(Queries queries, UUID projectId) {
        return queries.find(IS_PROJECT_VISIBLE, row -> true, projectId).isPresent();
    }

    /**
     * A page of plans.
     *
     * @param after the sort columns of the last one of the page before, where there is one: those of {@link #key}
     */
    public List<Plan> list(Queries queries, Filter filter, @Nullable Keyset after, int limit) {
        var sql = new StringBuilder("SELECT " + COLUMNS + "FROM plans p WHERE true");
        var parameters = new ArrayList<@Nullable Object>();
        condition(sql, parameters, " AND p.project_id = $%d::uuid", filter.projectId());
        condition(sql, parameters, " AND p.status = $%d::text", filter.status());
        condition(sql, parameters, " AND p.priority = $%d::text", filter.priority());
        condition(sql, parameters, " AND p.created_by = $%d::uuid", filter.createdBy());
        condition(sql, parameters, " AND p.assigned_to = $%d::uuid", filter.assignedTo());
        condition(sql, parameters, " AND p.deadline < $%d::timestamptz", filter.deadlineBefore());
        if (filter.mobileSyncEnabled()) {
            sql.append(" AND p.mobile_sync_enabled");
        }
        if (!filter.showDeleted()) {
            sql.append(" AND p.deleted_at IS NULL AND ").append(IS_VISIBLE);
        }
        int first = parameters.size() + 1;
        switch (filter.order()) {
            case NEWEST -> {
                if (after != null) {
                    sql.append(" AND (p.created_at, p.plan_id) < ($%d::timestamptz, $%d::uuid)"
                            .formatted(first, first + 1));
                    parameters.add(after.instant(0));
                    parameters.add(after.uuid(1));
                }
                sql.append(" ORDER BY p.created_at DESC, p.plan_id DESC");
            }
            case DEADLINE -> {
                sql.append(" AND p.deadline IS NOT NULL");
                if (after != null) {
                    sql.append(
                            " AND (p.deadline, p.plan_id) > ($%d::timestamptz, $%d::uuid)".formatted(first, first + 1));
                    parameters.add(after.instant(0));
                    parameters.add(after.uuid(1));
                }
                sql.append(" ORDER BY p.deadline, p.plan_id");
            }
            case PRIORITY -> {
                if (after != null) {
                    sql.append(
                            " AND (p.urgency, p.created_at, p.plan_id) > ($%d::smallint, $%d::timestamptz, $%d::uuid)"
                                    .formatted(first, first + 1, first + 2));
                    parameters.add((short) after.number(0));
                    parameters.add(after.instant(1));
                    parameters.add(after.uuid(2));
                }
                sql.append(" ORDER BY p.urgency, p.created_at, p.plan_id");
            }
        }
        condition(sql, parameters, " LIMIT $%d::int", limit);
        return queries.list(sql.toString(), PlanStore::toPlan, parameters.toArray());
    }

    /** Where a plan stands in an order. */
    public static Keyset key(Plan plan, Order order) {
        return switch (order) {
            case NEWEST -> Keyset.of(plan.createdAt(), plan.id());
            case DEADLINE -> {
                var deadline = plan.fields().deadline();
                yield Keyset.of(deadline == null ? Instant.MAX : deadline, plan.id());
            }
            case PRIORITY -> Keyset.of((long) plan.fields().priority().urgency(), plan.createdAt(), plan.id());
        };
    }

    /** Writes what callers set. The plan is locked. */
    public Plan updateFields(Tx tx, UUID id, Plan.Fields fields) {
        return referring(
                fields,
                () -> tx.find(
                                UPDATE_FIELDS,
                                PlanStore::toPlan,
                                id,
                                fields.title(),
                                fields.description(),
                                fields.priority(),
                                fields.assignedTo(),
                                seconds(fields.estimatedEffort()),
                                seconds(fields.actualEffort()),
                                fields.mobileSyncEnabled(),
                                fields.agentCount(),
                                fields.scalingStrategy(),
                                fields.deadline(),
                                fields.metadata(),
                                tx.now())
                        .orElseThrow());
    }

    /** Writes what moves change. The plan is locked. */
    public Plan updateState(Tx tx, Plan plan) {
        return tx.find(
                        UPDATE_STATE,
                        PlanStore::toPlan,
                        plan.id(),
                        plan.status(),
                        plan.statusReason(),
                        plan.deletedAt(),
                        plan.purgeAt(),
                        tx.now())
                .orElseThrow();
    }

    /** Moves the limit of an ADAPTIVE plan by what became of one of its tasks. */
    public void learn(Tx tx, UUID id, boolean success) {
        tx.send(LEARN, id, success);
    }

    /** Deletes a plan for good; what is still in it goes with it. */
    public void delete(Tx tx, UUID id) {
        tx.send(DELETE, id);
    }

    /** How many tasks of a plan are dispatched. */
    public int countDispatched(Tx tx, UUID id) {
        return tx.find(COUNT_DISPATCHED, row -> row.getInteger("dispatched"), id)
                .orElseThrow();
    }

    /** Tasks of a plan that can be dispatched and that nobody else holds, what should be done first at the front. */
    public List<UUID> lockReady(Tx tx, UUID id, int limit) {
        return tx.list(LOCK_READY, row -> row.getUUID("task_id"), id, limit);
    }

    /**
     * ACTIVE plans that have both tasks to dispatch and room for them, by id.
     *
     * @param after the last id of the page before
     */
    public List<UUID> listWithRoom(Queries queries, UUID after, int limit) {
        return queries.list(LIST_WITH_ROOM, row -> row.getUUID("plan_id"), after, limit);
    }

    /** Tasks of a plan that have not ended, the oldest first. */
    public List<OpenTask> listOpenTasks(Tx tx, UUID id, int limit) {
        return tx.list(
                LIST_OPEN_TASKS,
                row -> new OpenTask(
                        row.getUUID("task_id"),
                        row.getString("title"),
                        row.getString("status"),
                        row.getInteger("open_tasks")),
                id,
                limit);
    }

    private static Plan referring(Plan.Fields fields, Supplier<Plan> write) {
        try {
            return write.get();
        } catch (ConstraintViolation broken) {
            var assignedTo = fields.assignedTo();
            if (assignedTo != null && broken.isOf("plans_assigned_to_fkey")) {
                throw Refusals.referenceNotFound("plan.assigned_to", "user", assignedTo);
            }
            throw broken;
        }
    }

    private static void condition(
            StringBuilder sql, List<@Nullable Object> parameters, String condition, @Nullable Object value) {
        if (value != null) {
            parameters.add(value);
            sql.append(condition.formatted(parameters.size()));
        }
    }

    private static @Nullable Long seconds(@Nullable Duration effort) {
        return effort == null ? null : effort.toSeconds();
    }

    private static @Nullable Duration effort(Row row, String column) {
        var seconds = row.getLong(column);
        return seconds == null ? null : Duration.ofSeconds(seconds);
    }

    private static Plan toPlan(Row row) {
        return new Plan(
                row.getUUID("plan_id"),
                row.getUUID("project_id"),
                new Plan.Fields(
                        row.getString("title"),
                        row.getString("description"),
                        Rows.value(row, "priority", Priority.class),
                        row.getUUID("assigned_to"),
                        effort(row, "estimated_seconds"),
                        effort(row, "actual_seconds"),
                        row.getBoolean("mobile_sync_enabled"),
                        row.getInteger("agent_count"),
                        Rows.value(row, "scaling_strategy", ScalingStrategy.class),
                        Rows.nullableInstant(row, "deadline"),
                        row.getString("metadata")),
                Rows.value(row, "status", PlanStatus.class),
                row.getString("status_reason"),
                row.getInteger("adaptive_limit"),
                row.getUUID("created_by"),
                Rows.nullableInstant(row, "deadline_warned_at"),
                Rows.nullableInstant(row, "deleted_at"),
                Rows.nullableInstant(row, "purge_at"),
                Rows.instant(row, "created_at"),
                Rows.instant(row, "updated_at"),
                row.getLong("version"));
    }
}
