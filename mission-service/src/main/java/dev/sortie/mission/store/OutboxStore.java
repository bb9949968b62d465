package dev.sortie.mission.store;

import dev.sortie.mission.domain.OutboxEntry;
import dev.sortie.mission.domain.RetryPolicy;
import dev.sortie.mission.domain.Subject;
import dev.sortie.mission.domain.WorkOrderDraft;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Rows;
import dev.sortie.runtime.sql.Tx;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import io.vertx.sqlclient.Row;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * The outbox table. An order that may have reached agent-service is never just forgotten: its entry ends with the answer
 * to it, or becomes a cancellation.
 */
public final class OutboxStore {
    private static final String ADD_PLACING = """
            INSERT INTO outbox (outbox_id, kind, tool_step_id, task_id, attempt, work_order, due_at, created_at)
            VALUES ($1::uuid, 'ENQUEUE', $2::uuid, $3::uuid, $4::int, $5::text::jsonb, $6::timestamptz,
                $6::timestamptz)
            """;
    // The entries of one attempt: $1 is the step or null, $2 the task or null, each found by its index.
    private static final String OF_ATTEMPT =
            " (tool_step_id = $1::uuid OR task_id = $2::uuid) AND attempt = $3::int AND kind = 'ENQUEUE' ";
    // Nobody has begun to send it: agent-service knows nothing of it.
    private static final String FORGET_UNSENT = "DELETE FROM outbox WHERE" + OF_ATTEMPT + "AND sends = 0";
    // It may be on its way at this moment. Placing it once more tells its id, whether it has arrived or not.
    private static final String TURN_INTO_CANCELLATION =
            "UPDATE outbox SET kind = 'CANCEL', reason = $4::text, due_at = $5::timestamptz, last_error = '' WHERE"
                    + OF_ATTEMPT;
    private static final String ADD_CANCELLATION = """
            INSERT INTO outbox (outbox_id, kind, tool_step_id, task_id, attempt, work_order_id, reason, due_at,
                created_at)
            VALUES ($1::uuid, 'CANCEL', $2::uuid, $3::uuid, $4::int, $5::uuid, $6::text, $7::timestamptz,
                $7::timestamptz)
            ON CONFLICT DO NOTHING
            """;
    // Moving due_at on keeps the others off until this sender must have finished or died.
    private static final String CLAIM_DUE = """
            UPDATE outbox SET sends = sends + 1, due_at = $2::timestamptz
            WHERE outbox_id IN (
                SELECT outbox_id FROM outbox WHERE due_at <= $1::timestamptz
                ORDER BY due_at, outbox_id LIMIT $3::int
                FOR UPDATE SKIP LOCKED)
            RETURNING outbox_id, kind, tool_step_id, task_id, attempt, work_order_id, work_order::text AS work_order,
                reason, sends
            """;
    private static final String REMOVE = "DELETE FROM outbox WHERE outbox_id = $1::uuid AND kind = $2::text";
    private static final String REMOVE_PLACING = "DELETE FROM outbox WHERE" + OF_ATTEMPT;
    // Not one that has become something else meanwhile.
    private static final String POSTPONE = """
            UPDATE outbox SET due_at = $3::timestamptz, last_error = left($4::text, 1000)
            WHERE outbox_id = $1::uuid AND kind = $2::text
            """;
    private static final String HAS_PLACING = "SELECT EXISTS (SELECT FROM outbox WHERE" + OF_ATTEMPT + ") AS found";
    private static final String BACKLOG = """
            SELECT count(*) AS entries, min(created_at) AS oldest FROM outbox
            """;

    /**
     * How much is still to be told.
     *
     * @param oldest since when the oldest entry waits; null when there is none
     */
    public record Backlog(long entries, @Nullable Instant oldest) {}

    /** Notes that an order is to be placed. */
    public void addPlacing(Tx tx, UUID id, WorkOrderDraft draft) {
        var subject = draft.subject();
        tx.send(ADD_PLACING, id, stepId(subject), taskId(subject), draft.attempt(), toJson(draft), tx.now());
    }

    /**
     * Notes that what was to be placed for an attempt is not wanted any more.
     *
     * @param id for the entry, where there has to be one
     * @param workOrderId the order, where it is known
     */
    public void addCancellation(
            Tx tx, UUID id, Subject subject, int attempt, @Nullable UUID workOrderId, String reason) {
        var step = stepId(subject);
        var task = taskId(subject);
        if (tx.update(FORGET_UNSENT, step, task, attempt) > 0
                || tx.update(TURN_INTO_CANCELLATION, step, task, attempt, reason, tx.now()) > 0) {
            return;
        }
        if (workOrderId != null) {
            tx.send(ADD_CANCELLATION, id, step, task, attempt, workOrderId, reason, tx.now());
        }
    }

    /**
     * Takes what is due, so that nobody else does.
     *
     * @param until when others may, if it is still there then
     */
    public List<OutboxEntry> claimDue(Tx tx, Instant until, int limit) {
        return tx.list(CLAIM_DUE, OutboxStore::toEntry, tx.now(), until, limit);
    }

    /** Removes an entry that has been dealt with; false when it has become another kind meanwhile. */
    public boolean remove(Queries queries, OutboxEntry entry) {
        return queries.update(REMOVE, entry.id(), entry.kind()) > 0;
    }

    /** Removes the entry that would place the order of an attempt, where there is one: it has been placed. */
    public void removePlacing(Tx tx, Subject subject, int attempt) {
        tx.send(REMOVE_PLACING, stepId(subject), taskId(subject), attempt);
    }

    /** Puts an entry off that could not be dealt with. */
    public void postpone(Queries queries, OutboxEntry entry, Instant due, String error) {
        queries.update(POSTPONE, entry.id(), entry.kind(), due, error);
    }

    /** Whether the order of an attempt is still to be placed, or being placed. */
    public boolean hasPlacing(Queries queries, Subject subject, int attempt) {
        return queries.find(HAS_PLACING, row -> row.getBoolean("found"), stepId(subject), taskId(subject), attempt)
                .orElseThrow();
    }

    public Backlog backlog(Queries queries) {
        return queries.find(BACKLOG, row -> new Backlog(row.getLong("entries"), Rows.nullableInstant(row, "oldest")))
                .orElseThrow();
    }

    private static @Nullable UUID stepId(Subject subject) {
        return subject.kind() == Subject.Kind.TOOL_STEP ? subject.id() : null;
    }

    private static @Nullable UUID taskId(Subject subject) {
        return subject.kind() == Subject.Kind.TASK ? subject.id() : null;
    }

    private static String toJson(WorkOrderDraft draft) {
        var json = new JsonObject()
                .put("queue_name", draft.queueName())
                .put("priority", draft.priority())
                .put("payload", draft.payload()); // as text, so that it is sent as it was made
        var timeout = draft.timeout();
        if (timeout != null) {
            json.put("timeout_millis", timeout.toMillis());
        }
        var retry = draft.retryPolicy();
        if (retry != null) {
            json.put("max_retries", retry.maxRetries())
                    .put("initial_backoff_millis", retry.initialBackoff().toMillis())
                    .put("max_backoff_millis", retry.maxBackoff().toMillis())
                    .put("backoff_multiplier", retry.backoffMultiplier())
                    .put("non_retryable_error_types", new JsonArray(retry.nonRetryableErrorTypes()));
        }
        return json.encode();
    }

    private static OutboxEntry toEntry(Row row) {
        var stepId = row.getUUID("tool_step_id");
        var subject = stepId == null ? Subject.task(row.getUUID("task_id")) : Subject.step(stepId);
        int attempt = row.getInteger("attempt");
        var order = row.getString("work_order");
        return new OutboxEntry(
                row.getUUID("outbox_id"),
                Rows.value(row, "kind", OutboxEntry.Kind.class),
                subject,
                attempt,
                row.getUUID("work_order_id"),
                order == null ? null : toDraft(subject, attempt, new JsonObject(order)),
                row.getString("reason"),
                row.getInteger("sends"));
    }

    private static WorkOrderDraft toDraft(Subject subject, int attempt, JsonObject json) {
        var timeout = json.getLong("timeout_millis");
        return new WorkOrderDraft(
                subject,
                attempt,
                json.getString("queue_name"),
                json.getInteger("priority", WorkOrderDraft.DEFAULT_PRIORITY), // the release before has none
                json.getString("payload"),
                timeout == null ? null : Duration.ofMillis(timeout),
                json.containsKey("max_retries") ? toRetryPolicy(json) : null);
    }

    private static RetryPolicy toRetryPolicy(JsonObject json) {
        return new RetryPolicy(
                json.getInteger("max_retries"),
                Duration.ofMillis(json.getLong("initial_backoff_millis")),
                Duration.ofMillis(json.getLong("max_backoff_millis")),
                json.getDouble("backoff_multiplier"),
                json.getJsonArray("non_retryable_error_types", new JsonArray()).stream() // the release before has none
                        .map(String.class::cast)
                        .toList());
    }
}
