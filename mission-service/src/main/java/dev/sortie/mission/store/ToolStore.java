package dev.sortie.mission.store;

import dev.sortie.mission.domain.RetryPolicy;
import dev.sortie.mission.domain.Tool;
import dev.sortie.mission.domain.ToolDraft;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Rows;
import dev.sortie.runtime.sql.Tx;
import io.vertx.sqlclient.Row;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The tools table. */
public final class ToolStore {
    private static final String COLUMNS = """
            tool_id, name, description, input_schema::text AS input_schema, output_schema::text AS output_schema,
            queue_name, timeout_millis, max_retries, initial_backoff_millis, max_backoff_millis, backoff_multiplier,
            non_retryable_error_types, resource_ids, created_at, updated_at, version
            """;
    private static final String INSERT_UNLESS_THERE = """
            INSERT INTO tools (tool_id, name, description, input_schema, output_schema, queue_name, timeout_millis,
                               max_retries, initial_backoff_millis, max_backoff_millis, backoff_multiplier,
                               resource_ids, created_at, updated_at, non_retryable_error_types)
            VALUES ($1::text, $2::text, $3::text, $4::text::jsonb, $5::text::jsonb, $6::text, $7::bigint,
                    $8::int, $9::bigint, $10::bigint, $11::float8, $13::text[], $12::timestamptz, $12::timestamptz,
                    $14::text[])
            ON CONFLICT (tool_id) DO NOTHING
            RETURNING
            """ + COLUMNS;
    private static final String UPDATE_IF_DIFFERENT = """
            UPDATE tools
            SET name = $2::text, description = $3::text, input_schema = $4::text::jsonb,
                output_schema = $5::text::jsonb, queue_name = $6::text, timeout_millis = $7::bigint,
                max_retries = $8::int, initial_backoff_millis = $9::bigint, max_backoff_millis = $10::bigint,
                backoff_multiplier = $11::float8, resource_ids = $13::text[], non_retryable_error_types = $14::text[],
                updated_at = $12::timestamptz, version = version + 1
            WHERE tool_id = $1::text
              AND (name, description, input_schema, output_schema, queue_name, timeout_millis, max_retries,
                   initial_backoff_millis, max_backoff_millis, backoff_multiplier, resource_ids,
                   non_retryable_error_types)
                  IS DISTINCT FROM
                  ($2::text, $3::text, $4::text::jsonb, $5::text::jsonb, $6::text, $7::bigint, $8::int,
                   $9::bigint, $10::bigint, $11::float8, $13::text[], $14::text[])
            RETURNING
            """ + COLUMNS;
    private static final String FIND = "SELECT " + COLUMNS + "FROM tools WHERE tool_id = $1::text";
    private static final String LIST =
            "SELECT " + COLUMNS + "FROM tools WHERE tool_id > $1::text ORDER BY tool_id LIMIT $2::int";
    private static final String LIST_BY_QUEUE = "SELECT " + COLUMNS
            + "FROM tools WHERE queue_name = $3::text AND tool_id > $1::text ORDER BY tool_id LIMIT $2::int";
    private static final String DELETE = "DELETE FROM tools WHERE tool_id = $1::text";

    public Optional<Tool> find(Queries queries, String toolId) {
        return queries.find(FIND, ToolStore::toTool, toolId);
    }

    /** Nobody else changes or deletes the tool before the transaction ends; others may use it. */
    public Optional<Tool> lockForChange(Tx tx, String toolId) {
        return tx.find(FIND + " FOR NO KEY UPDATE", ToolStore::toTool, toolId);
    }

    /** Nobody else changes, deletes or uses the tool before the transaction ends. */
    public Optional<Tool> lockForDelete(Tx tx, String toolId) {
        return tx.find(FIND + " FOR UPDATE", ToolStore::toTool, toolId);
    }

    /** Nobody deletes the tool before the transaction ends. */
    public Optional<Tool> lockForUse(Tx tx, String toolId) {
        return tx.find(FIND + " FOR KEY SHARE", ToolStore::toTool, toolId);
    }

    /** Empty when there is a tool with that id. */
    public Optional<Tool> insertUnlessThere(Tx tx, ToolDraft draft) {
        return tx.find(INSERT_UNLESS_THERE, ToolStore::toTool, parameters(tx, draft));
    }

    /** Empty when the tool is as the draft says. */
    public Optional<Tool> updateIfDifferent(Tx tx, ToolDraft draft) {
        return tx.find(UPDATE_IF_DIFFERENT, ToolStore::toTool, parameters(tx, draft));
    }

    /**
     * A page of tools by id.
     *
     * @param queueName only those of it; empty for all
     * @param after the id of the last one of the page before; empty for the first page
     */
    public List<Tool> list(Queries queries, String queueName, String after, int limit) {
        return queueName.isEmpty()
                ? queries.list(LIST, ToolStore::toTool, after, limit)
                : queries.list(LIST_BY_QUEUE, ToolStore::toTool, after, limit, queueName);
    }

    public void delete(Tx tx, String toolId) {
        tx.update(DELETE, toolId);
    }

    private static @Nullable Object[] parameters(Tx tx, ToolDraft draft) {
        var retry = draft.retryPolicy();
        return new @Nullable Object[] {
            draft.toolId(),
            draft.name(),
            draft.description(),
            draft.inputSchema(),
            draft.outputSchema(),
            draft.queueName(),
            draft.timeout().toMillis(),
            retry.maxRetries(),
            retry.initialBackoff().toMillis(),
            retry.maxBackoff().toMillis(),
            retry.backoffMultiplier(),
            tx.now(),
            draft.resourceIds().toArray(String[]::new),
            retry.nonRetryableErrorTypes().toArray(String[]::new)
        };
    }

    private static Tool toTool(Row row) {
        return new Tool(
                row.getString("tool_id"),
                row.getString("name"),
                row.getString("description"),
                row.getString("input_schema"),
                row.getString("output_schema"),
                row.getString("queue_name"),
                Duration.ofMillis(row.getLong("timeout_millis")),
                new RetryPolicy(
                        row.getInteger("max_retries"),
                        Duration.ofMillis(row.getLong("initial_backoff_millis")),
                        Duration.ofMillis(row.getLong("max_backoff_millis")),
                        row.getDouble("backoff_multiplier"),
                        Rows.strings(row, "non_retryable_error_types")),
                Rows.strings(row, "resource_ids"),
                Rows.instant(row, "created_at"),
                Rows.instant(row, "updated_at"),
                row.getLong("version"));
    }
}
