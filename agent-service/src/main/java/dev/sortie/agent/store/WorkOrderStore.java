package dev.sortie.agent.store;

import dev.sortie.agent.domain.Lane;
import dev.sortie.agent.domain.Placements.Holder;
import dev.sortie.agent.domain.Placements.Placement;
import dev.sortie.agent.domain.Placements.Twin;
import dev.sortie.agent.domain.Subject;
import dev.sortie.agent.domain.WorkOrder;
import dev.sortie.agent.domain.WorkOrderStatus;
import dev.sortie.agent.domain.WorkOrders;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Rows;
import dev.sortie.runtime.sql.Tx;
import io.vertx.sqlclient.Row;
import java.lang.reflect.Array;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Work orders: what they ask for, where they stand, and what they have come to. */
public final class WorkOrderStore {
    // Without what may be large.
    private static final String SUMMARY = """
            SELECT o.work_order_id, o.queue_name, s.status, o.tool_step_id, o.task_id, o.priority,
                NULL::text AS payload, NULL::text AS result, coalesce(r.error_message, '') AS error_message,
                coalesce(s.error_type, '') AS error_type, s.retry_count, o.max_retries, o.initial_backoff_ms,
                o.max_backoff_ms, o.backoff_multiplier, o.non_retryable_error_types, o.timeout_ms, o.fairness_key,
                o.concurrency_key, o.required_capabilities, o.dedupe_key, s.run_at,
                o.expires_at, o.deadline_at, o.enqueued_at, s.claimed_at, s.completed_at, s.worker_id, s.cancel_requested,
                s.updated_at, s.version
            FROM work_orders o
            JOIN work_order_states s ON s.work_order_id = o.work_order_id
            LEFT JOIN work_order_results r ON r.work_order_id = o.work_order_id
            """;
    private static final String FIND = """
            SELECT o.work_order_id, o.queue_name, s.status, o.tool_step_id, o.task_id, o.priority,
                o.payload::text AS payload, r.result::text AS result, coalesce(r.error_message, '') AS error_message,
                coalesce(s.error_type, '') AS error_type, s.retry_count, o.max_retries, o.initial_backoff_ms,
                o.max_backoff_ms, o.backoff_multiplier, o.non_retryable_error_types, o.timeout_ms, o.fairness_key,
                o.concurrency_key, o.required_capabilities, o.dedupe_key, s.run_at, o.expires_at, o.deadline_at,
                o.enqueued_at, s.claimed_at, s.completed_at, s.worker_id, s.cancel_requested, s.updated_at, s.version
            FROM work_orders o
            JOIN work_order_states s ON s.work_order_id = o.work_order_id
            LEFT JOIN work_order_results r ON r.work_order_id = o.work_order_id
            WHERE o.work_order_id = $1::uuid
            """;
    private static final String FIND_ALL = SUMMARY + " WHERE o.work_order_id = ANY ($1::uuid[])";
    // One bound for each table, whichever of them is read in this order, and none that depends on whether a parameter
    // is
    // there: a plan that is made once for all pages has to find the place of each by an index.
    private static final String PAGE = SUMMARY + """
            WHERE o.work_order_id < coalesce($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)
              AND s.work_order_id < coalesce($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)
            """;
    private static final String LIST = PAGE + """
            ORDER BY o.work_order_id DESC LIMIT $2::integer
            """;
    // Queue by queue, each in the order of its index, no further than a page: there are few queues, and this way one
    // index serves a queue's orders of a status and everybody's. Its bounds are those of the index, which alone has
    // this order: by the ids of all orders, most of which may have come after those that are asked for, all of them
    // might be read.
    private static final String LIST_BY_STATUS = """
            SELECT o.work_order_id, o.queue_name, s.status, o.tool_step_id, o.task_id, o.priority,
                NULL::text AS payload, NULL::text AS result, coalesce(r.error_message, '') AS error_message,
                coalesce(s.error_type, '') AS error_type, s.retry_count, o.max_retries, o.initial_backoff_ms,
                o.max_backoff_ms, o.backoff_multiplier, o.non_retryable_error_types, o.timeout_ms, o.fairness_key,
                o.concurrency_key, o.required_capabilities, o.dedupe_key, s.run_at,
                o.expires_at, o.deadline_at, o.enqueued_at, s.claimed_at, s.completed_at, s.worker_id, s.cancel_requested,
                s.updated_at, s.version
            FROM (
                SELECT n.work_order_id
                FROM queues q
                CROSS JOIN LATERAL (
                    SELECT f.work_order_id
                    FROM work_order_states f
                    WHERE (f.queue_name, f.status) >= (q.queue_name, $3::text)
                      AND (f.queue_name, f.status, f.work_order_id) < (q.queue_name, $3::text,
                          coalesce($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid))
                    ORDER BY f.queue_name DESC, f.status DESC, f.work_order_id DESC LIMIT $2::integer
                ) n
                WHERE $4::text IS NULL OR q.queue_name = $4::text
                ORDER BY n.work_order_id DESC LIMIT $2::integer
            ) p
            JOIN work_orders o ON o.work_order_id = p.work_order_id
            JOIN work_order_states s ON s.work_order_id = p.work_order_id
            LEFT JOIN work_order_results r ON r.work_order_id = p.work_order_id
            ORDER BY o.work_order_id DESC
            """;
    private static final String LIST_BY_QUEUE = PAGE + """
              AND o.queue_name >= $3::text
              AND (o.queue_name, o.work_order_id)
                  < ($3::text, coalesce($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid))
            ORDER BY o.queue_name DESC, o.work_order_id DESC LIMIT $2::integer
            """;
    private static final String LIST_BY_TOOL_STEP = PAGE + """
              AND o.tool_step_id = $3::uuid
              AND ($4::text IS NULL OR s.status = $4::text) AND ($5::text IS NULL OR o.queue_name = $5::text)
            ORDER BY o.work_order_id DESC LIMIT $2::integer
            """;
    private static final String LIST_BY_TASK = PAGE + """
              AND o.task_id = $3::uuid
              AND ($4::text IS NULL OR s.status = $4::text) AND ($5::text IS NULL OR o.queue_name = $5::text)
            ORDER BY o.work_order_id DESC LIMIT $2::integer
            """;
    private static final String LIST_BY_IDS = PAGE + """
              AND o.work_order_id = ANY ($3::uuid[])
              AND ($4::text IS NULL OR s.status = $4::text) AND ($5::text IS NULL OR o.queue_name = $5::text)
              AND ($6::uuid IS NULL OR o.tool_step_id = $6::uuid OR o.task_id = $6::uuid)
            ORDER BY o.work_order_id DESC LIMIT $2::integer
            """;
    // Waits for transactions that place the same dedupe keys, in one order for everybody; answers the orders that were
    // placed.
    private static final String INSERT = """
            WITH placed AS (
                INSERT INTO work_orders (work_order_id, queue_name, tool_step_id, task_id, priority, payload,
                    max_retries, initial_backoff_ms, max_backoff_ms, backoff_multiplier, timeout_ms, dedupe_key,
                    content_hash, expires_at, deadline_at, enqueued_at, fairness_key, concurrency_key,
                    required_capabilities, non_retryable_error_types)
                SELECT o.id, o.queue_name, o.tool_step_id, o.task_id, o.priority, o.payload::jsonb, o.retries,
                    o.initial_ms, o.max_ms, o.multiplier, o.timeout_ms, o.dedupe_key, o.content_hash,
                    o.expires_at, o.deadline_at, $14::timestamptz, o.fairness_key, o.concurrency_key,
                    string_to_array(o.required_capabilities, E'\\n'), o.error_types::text[]
                FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::integer[], $5::text[], $6::integer[],
                    $7::bigint[], $8::bigint[], $9::double precision[], $10::bigint[], $11::text[], $12::bytea[],
                    $13::timestamptz[], $16::uuid[], $18::text[], $19::text[], $20::text[], $22::timestamptz[],
                    $23::text[])
                    WITH ORDINALITY AS o (id, queue_name, tool_step_id, priority, payload, retries, initial_ms,
                        max_ms, multiplier, timeout_ms, dedupe_key, content_hash, expires_at, task_id, fairness_key,
                        concurrency_key, required_capabilities, deadline_at, error_types, position)
                ORDER BY o.queue_name, o.dedupe_key, o.position
                ON CONFLICT (queue_name, dedupe_key) WHERE dedupe_key IS NOT NULL DO NOTHING
                RETURNING work_order_id, queue_name, priority, least(expires_at, deadline_at) AS expires_at
            )
            INSERT INTO work_order_states (work_order_id, queue_name, priority, status, run_at, expires_at, updated_at,
                lane_id, claim_rank)
            SELECT p.work_order_id, p.queue_name, p.priority, 'PENDING', o.run_at, p.expires_at, $14::timestamptz,
                o.lane_id, CASE WHEN o.run_at <= $14::timestamptz
                    THEN $14::timestamptz + (p.priority - 1) * o.aging_ms * interval '1 millisecond' END
            FROM placed p
            JOIN unnest($1::uuid[], $15::timestamptz[], $17::bigint[], $21::uuid[]) AS o (id, run_at, aging_ms, lane_id)
              ON o.id = p.work_order_id
            RETURNING work_order_id
            """;
    private static final String FIND_TWINS = """
            SELECT o.work_order_id, o.queue_name, o.dedupe_key, o.content_hash
            FROM unnest($1::text[], $2::text[]) AS d (queue_name, dedupe_key)
            JOIN work_orders o ON o.queue_name = d.queue_name AND o.dedupe_key = d.dedupe_key
            """;
    private static final String LOCK_STATE = """
            SELECT s.work_order_id, s.status, s.version, s.queue_name, o.tool_step_id, o.task_id
            FROM work_order_states s
            JOIN work_orders o ON o.work_order_id = s.work_order_id
            WHERE s.work_order_id = $1::uuid
            FOR NO KEY UPDATE OF s
            """;
    private static final String CANCEL_PENDING = """
            UPDATE work_order_states
            SET status = 'CANCELLED', completed_at = $2::timestamptz, updated_at = $2::timestamptz,
                version = version + 1
            WHERE work_order_id = ANY ($1::uuid[]) AND status = 'PENDING'
            """;
    // Of two that want the same key, the second finds, once it has the lock, that the order has it no more.
    private static final String LOCK_HOLDERS = """
            SELECT s.work_order_id, s.status, s.version, s.queue_name, o.tool_step_id, o.task_id, o.dedupe_key
            FROM unnest($1::text[], $2::text[]) AS d (queue_name, dedupe_key)
            JOIN work_orders o ON o.queue_name = d.queue_name AND o.dedupe_key = d.dedupe_key
            JOIN work_order_states s ON s.work_order_id = o.work_order_id
            ORDER BY s.work_order_id
            FOR NO KEY UPDATE OF s, o
            """;
    private static final String FREE_KEYS =
            "UPDATE work_orders SET dedupe_key = NULL WHERE work_order_id = ANY ($1::uuid[])";

    // Status by status, each in the order of its index, no further than it must. No bound depends on whether there is a
    // parameter: a plan that is made once for all has to find the first rows by the index.
    private static final String DEAD = """
            f.status = wanted.status AND f.status IN ('FAILED', 'EXPIRED')
                      AND f.completed_at >= coalesce($4::timestamptz, '-infinity'::timestamptz)
                      AND f.completed_at < coalesce($5::timestamptz, 'infinity'::timestamptz)
            """;
    private static final String DEAD_IDS = """
            SELECT n.work_order_id
            FROM queues q
            CROSS JOIN unnest($3::text[]) AS wanted (status)
            CROSS JOIN LATERAL (
                SELECT f.work_order_id, f.completed_at
                FROM work_order_states f
                WHERE f.queue_name = q.queue_name AND
            """ + DEAD + """
                  AND (f.completed_at, f.work_order_id) < (coalesce($7::timestamptz, 'infinity'::timestamptz),
                      coalesce($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid))
            """;
    private static final String DEAD_PAGE = """
                ORDER BY f.completed_at DESC, f.work_order_id DESC LIMIT $2::integer
            ) n
            WHERE $6::text IS NULL OR q.queue_name = $6::text
            ORDER BY n.completed_at DESC, n.work_order_id DESC LIMIT $2::integer
            """;
    private static final String DEAD_ORDER = " ORDER BY s.completed_at DESC, o.work_order_id DESC";
    private static final String LIST_DEAD =
            SUMMARY + " JOIN (" + DEAD_IDS + DEAD_PAGE + ") p ON p.work_order_id = o.work_order_id" + DEAD_ORDER;
    private static final String LIST_DEAD_BY_ERROR = SUMMARY + " JOIN (" + DEAD_IDS + " AND f.error_type = $8::text "
            + DEAD_PAGE + ") p ON p.work_order_id = o.work_order_id" + DEAD_ORDER;

    private static final String DEAD_OF_QUEUE = """
            WITH dead AS MATERIALIZED (
                SELECT d.work_order_id, d.completed_at,
                    row_number() OVER (ORDER BY d.completed_at, d.work_order_id) AS position
                FROM unnest($3::text[]) AS wanted (status)
                CROSS JOIN LATERAL (
                    SELECT f.work_order_id, f.completed_at
                    FROM work_order_states f
                    WHERE f.queue_name = $1::text AND
            """ + DEAD;
    private static final String FIRST_DEAD = """
                    ORDER BY f.completed_at, f.work_order_id
                    LIMIT $2::integer
                ) d
                ORDER BY d.completed_at, d.work_order_id
                LIMIT $2::integer
            """;
    // An attempt that failed for good is followed by another one after all: it counts as a retry.
    private static final String PUT_BACK = """
            ), locked AS MATERIALIZED (
                SELECT s.work_order_id, d.position
                FROM dead d
                JOIN work_order_states s ON s.work_order_id = d.work_order_id AND s.completed_at = d.completed_at
                WHERE s.status = ANY ($3::text[])
                ORDER BY s.work_order_id
                FOR NO KEY UPDATE OF s
            ), due AS (
                SELECT l.work_order_id, l.position,
                    $6::timestamptz + (l.position - 1) * $7::double precision * interval '1 second' AS run_at
                FROM locked l
            )
            UPDATE work_order_states s
            SET status = 'PENDING', claim_rank = NULL, completed_at = NULL, execution_id = NULL, claim_hash = NULL,
                cancel_requested = false, run_at = d.run_at,
                expires_at = CASE WHEN o.deadline_at > d.run_at THEN o.deadline_at END,
                retry_count = s.retry_count + CASE WHEN s.status = 'FAILED' THEN 1 ELSE 0 END,
                forgiven_retries = s.retry_count + CASE WHEN s.status = 'FAILED' THEN 1 ELSE 0 END,
                updated_at = $6::timestamptz, version = s.version + 1
            FROM due d
            JOIN work_orders o ON o.work_order_id = d.work_order_id
            WHERE s.work_order_id = d.work_order_id
            RETURNING s.work_order_id, d.position
            """;
    private static final String REDRIVE = DEAD_OF_QUEUE + FIRST_DEAD + PUT_BACK;
    private static final String REDRIVE_BY_ERROR =
            DEAD_OF_QUEUE + " AND f.error_type = $8::text " + FIRST_DEAD + PUT_BACK;
    private static final String REDRIVE_BY_IDS = DEAD_OF_QUEUE
            + " AND f.work_order_id = ANY ($9::uuid[]) AND ($8::text IS NULL OR f.error_type = $8::text) "
            + FIRST_DEAD
            + PUT_BACK;
    private static final String FORGET_EXPIRY = """
            UPDATE work_orders o
            SET expires_at = NULL, deadline_at = s.expires_at
            FROM work_order_states s
            WHERE o.work_order_id = ANY ($1::uuid[]) AND s.work_order_id = o.work_order_id
              AND (o.expires_at IS NOT NULL OR o.deadline_at IS DISTINCT FROM s.expires_at)
            """;

    /** Where a locked order stands. */
    public record State(
            UUID workOrderId,
            WorkOrderStatus status,
            long version,
            String queueName,
            @Nullable Subject subject) {}

    /** Places orders, but for those whose dedupe keys are taken. */
    public Set<UUID> insert(Tx tx, List<Placement> placements) {
        return new HashSet<>(tx.list(
                INSERT,
                row -> row.getUUID("work_order_id"),
                column(UUID.class, placements, Placement::id),
                column(String.class, placements, p -> p.draft().queueName()),
                column(UUID.class, placements, p -> idOf(Subject.Kind.TOOL_STEP, p.draft())),
                column(Integer.class, placements, p -> p.draft().priority()),
                column(String.class, placements, p -> p.draft().payload()),
                column(Integer.class, placements, p -> p.retryPolicy().maxRetries()),
                column(
                        Long.class,
                        placements,
                        p -> p.retryPolicy().initialBackoff().toMillis()),
                column(Long.class, placements, p -> p.retryPolicy().maxBackoff().toMillis()),
                column(Double.class, placements, p -> p.retryPolicy().multiplier()),
                column(Long.class, placements, p -> p.timeout().toMillis()),
                column(
                        String.class,
                        placements,
                        p -> p.draft().dedupeKey().isEmpty() ? null : p.draft().dedupeKey()),
                column(byte[].class, placements, p -> p.draft().contentHash()),
                column(Instant.class, placements, p -> p.draft().expiresAt()),
                tx.now(),
                column(Instant.class, placements, Placement::runAt),
                column(UUID.class, placements, p -> idOf(Subject.Kind.TASK, p.draft())),
                column(Long.class, placements, p -> p.queue().priorityAging().toMillis()),
                column(String.class, placements, p -> p.draft().lane().fairnessKey()),
                column(String.class, placements, p -> p.draft().lane().concurrencyKey()),
                column(
                        String.class,
                        placements,
                        p -> String.join("\n", p.draft().lane().encoded())),
                column(UUID.class, placements, p -> p.draft().lane().id()),
                column(Instant.class, placements, p -> p.draft().deadlineAt()),
                column(String.class, placements, p -> QueueStore.errorTypes(p.retryPolicy()))));
    }

    /** The orders that have the dedupe keys of these. */
    public List<Twin> findTwins(Queries queries, List<WorkOrder.Draft> drafts) {
        return queries.list(
                FIND_TWINS,
                row -> new Twin(
                        row.getUUID("work_order_id"),
                        row.getString("queue_name"),
                        row.getString("dedupe_key"),
                        Rows.bytes(row, "content_hash")),
                column(String.class, drafts, WorkOrder.Draft::queueName),
                column(String.class, drafts, WorkOrder.Draft::dedupeKey));
    }

    /** An order with payload and result. */
    public Optional<WorkOrder> find(Queries queries, UUID id) {
        return queries.find(FIND, WorkOrderStore::map, id);
    }

    /** Orders without payload and result, in no order. */
    public List<WorkOrder> findAll(Queries queries, Collection<UUID> ids) {
        return queries.list(FIND_ALL, WorkOrderStore::map, ids);
    }

    public List<WorkOrder> list(Queries queries, WorkOrders.ListRequest request) {
        var subject = request.subject();
        if (request.dead() != null) {
            return listDead(queries, request, request.dead());
        }
        if (!request.ids().isEmpty()) {
            return queries.list(
                    LIST_BY_IDS,
                    WorkOrderStore::map,
                    request.before(),
                    request.limit(),
                    request.ids(),
                    request.status(),
                    request.queueName(),
                    subject == null ? null : subject.id());
        }
        if (subject != null) {
            return queries.list(
                    switch (subject.kind()) {
                        case TOOL_STEP -> LIST_BY_TOOL_STEP;
                        case TASK -> LIST_BY_TASK;
                    },
                    WorkOrderStore::map,
                    request.before(),
                    request.limit(),
                    subject.id(),
                    request.status(),
                    request.queueName());
        }
        if (request.status() != null) {
            return queries.list(
                    LIST_BY_STATUS,
                    WorkOrderStore::map,
                    request.before(),
                    request.limit(),
                    request.status(),
                    request.queueName());
        }
        if (request.queueName() != null) {
            return queries.list(
                    LIST_BY_QUEUE, WorkOrderStore::map, request.before(), request.limit(), request.queueName());
        }
        return queries.list(LIST, WorkOrderStore::map, request.before(), request.limit());
    }

    public Optional<State> lockState(Tx tx, UUID id) {
        return tx.find(LOCK_STATE, WorkOrderStore::mapState, id);
    }

    /** Locks the orders that have the dedupe keys of these. */
    public List<Holder> lockHolders(Tx tx, List<WorkOrder.Draft> drafts) {
        return tx.list(
                LOCK_HOLDERS,
                row -> new Holder(mapState(row), row.getString("dedupe_key")),
                column(String.class, drafts, WorkOrder.Draft::queueName),
                column(String.class, drafts, WorkOrder.Draft::dedupeKey));
    }

    /** Has orders whose rows are locked give up their dedupe keys. */
    public void freeKeys(Tx tx, Collection<UUID> ids) {
        tx.send(FREE_KEYS, ids);
    }

    /** Puts dead orders of a queue back, first those that died first. */
    public List<UUID> redrive(Tx tx, WorkOrders.Redrive redrive) {
        var dead = redrive.dead();
        var parameters = new ArrayList<@Nullable Object>(Arrays.asList(
                redrive.queueName(),
                redrive.most(),
                dead.statuses(),
                dead.since(),
                dead.before(),
                tx.now(),
                redrive.interval()));
        var sql = REDRIVE;
        if (redrive.ids() != null) {
            sql = REDRIVE_BY_IDS;
            parameters.add(dead.errorType());
            parameters.add(redrive.ids());
        } else if (dead.errorType() != null) {
            sql = REDRIVE_BY_ERROR;
            parameters.add(dead.errorType());
        }
        var redriven = tx.list(sql, Redriven::map, parameters.toArray()).stream()
                .sorted(Comparator.comparingLong(Redriven::position))
                .map(Redriven::workOrderId)
                .toList();
        if (!redriven.isEmpty()) {
            tx.send(FORGET_EXPIRY, redriven);
        }
        return redriven;
    }

    /** An order that was put back, and which of them it is. */
    private record Redriven(UUID workOrderId, long position) {
        static Redriven map(Row row) {
            return new Redriven(row.getUUID("work_order_id"), row.getLong("position"));
        }
    }

    private static List<WorkOrder> listDead(Queries queries, WorkOrders.ListRequest request, WorkOrders.Dead dead) {
        var parameters = new ArrayList<@Nullable Object>(Arrays.asList(
                request.before(),
                request.limit(),
                dead.statuses(),
                dead.since(),
                dead.before(),
                request.queueName(),
                request.diedBefore()));
        if (dead.errorType() == null) {
            return queries.list(LIST_DEAD, WorkOrderStore::map, parameters.toArray());
        }
        parameters.add(dead.errorType());
        return queries.list(LIST_DEAD_BY_ERROR, WorkOrderStore::map, parameters.toArray());
    }

    /** Cancels orders whose rows are locked and PENDING. */
    public void cancelPending(Tx tx, Collection<UUID> ids) {
        tx.send(CANCEL_PENDING, ids, tx.now());
    }

    private static State mapState(Row row) {
        return new State(
                row.getUUID("work_order_id"),
                Rows.value(row, "status", WorkOrderStatus.class),
                row.getLong("version"),
                row.getString("queue_name"),
                subject(row));
    }

    static WorkOrder map(Row row) {
        var dedupeKey = row.getString("dedupe_key");
        return new WorkOrder(
                row.getUUID("work_order_id"),
                row.getString("queue_name"),
                Rows.value(row, "status", WorkOrderStatus.class),
                subject(row),
                row.getInteger("priority"),
                row.getString("payload"),
                row.getString("result"),
                row.getString("error_message"),
                row.getString("error_type"),
                row.getInteger("retry_count"),
                QueueStore.retryPolicy(row),
                Duration.ofMillis(row.getLong("timeout_ms")),
                lane(row),
                dedupeKey == null ? "" : dedupeKey,
                Rows.instant(row, "run_at"),
                Rows.nullableInstant(row, "expires_at"),
                Rows.nullableInstant(row, "deadline_at"),
                Rows.instant(row, "enqueued_at"),
                Rows.nullableInstant(row, "claimed_at"),
                Rows.nullableInstant(row, "completed_at"),
                row.getUUID("worker_id"),
                row.getBoolean("cancel_requested"),
                Rows.instant(row, "updated_at"),
                row.getLong("version"));
    }

    private static Lane lane(Row row) {
        var fairnessKey = row.getString("fairness_key");
        var concurrencyKey = row.getString("concurrency_key");
        var required = Rows.strings(row, "required_capabilities");
        return fairnessKey.isEmpty() && concurrencyKey.isEmpty() && required.isEmpty()
                ? Lane.NONE
                : new Lane(fairnessKey, concurrencyKey, Lane.decoded(required));
    }

    /** What an order is for, by its columns tool_step_id and task_id. */
    static @Nullable Subject subject(Row row) {
        var toolStepId = row.getUUID("tool_step_id");
        if (toolStepId != null) {
            return new Subject(Subject.Kind.TOOL_STEP, toolStepId);
        }
        var taskId = row.getUUID("task_id");
        return taskId == null ? null : new Subject(Subject.Kind.TASK, taskId);
    }

    private static @Nullable UUID idOf(Subject.Kind kind, WorkOrder.Draft draft) {
        var subject = draft.subject();
        return subject == null || subject.kind() != kind ? null : subject.id();
    }

    /** One column of many rows, for unnest; of a type that is known even when all are null. */
    @SuppressWarnings("unchecked") // made of that very type
    static <T, V> @Nullable V[] column(Class<V> type, List<T> rows, Function<T, @Nullable V> value) {
        var column = (@Nullable V[]) Array.newInstance(type, rows.size());
        for (int i = 0; i < column.length; i++) {
            column[i] = value.apply(rows.get(i));
        }
        return column;
    }
}
