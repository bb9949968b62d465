package dev.sortie.agent.store;

import dev.sortie.agent.domain.Limits;
import dev.sortie.agent.domain.Queue;
import dev.sortie.agent.domain.Queues;
import dev.sortie.agent.domain.RetryPolicy;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Rows;
import dev.sortie.runtime.sql.Tx;
import io.vertx.sqlclient.Row;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.UUID;
import java.util.stream.Collectors;

/** The table of queues. */
public final class QueueStore {
    private static final String COLUMNS = """
            queue_name, queue_id, description, paused, default_timeout_ms, max_retries, initial_backoff_ms,
            max_backoff_ms, backoff_multiplier, priority_aging_ms, in_turn, concurrency_limit, concurrency_limit_per_key,
            rate_orders, rate_interval_ms, rate_burst, fairness_keys, fairness_weights, non_retryable_error_types,
            created_at, updated_at, version
            """;
    // Answers the queues that were made; those that were there stay as they are.
    private static final String INSERT = """
            INSERT INTO queues (queue_name, queue_id, description, default_timeout_ms, max_retries,
                initial_backoff_ms, max_backoff_ms, backoff_multiplier, priority_aging_ms, non_retryable_error_types,
                created_at, updated_at)
            SELECT q.name, q.id, q.description, q.timeout_ms, q.retries, q.initial_ms, q.max_ms, q.multiplier,
                q.aging_ms, q.error_types::text[], $9::timestamptz, $9::timestamptz
            FROM unnest($1::text[], $2::uuid[], $3::text[], $4::bigint[], $5::integer[], $6::bigint[], $7::bigint[],
                $8::double precision[], $10::bigint[], $11::text[])
                AS q (name, id, description, timeout_ms, retries, initial_ms, max_ms, multiplier, aging_ms, error_types)
            ON CONFLICT (queue_name) DO NOTHING
            RETURNING
            """ + COLUMNS;
    private static final String FIND = "SELECT " + COLUMNS + " FROM queues WHERE queue_name = $1::text";
    private static final String LOCK = FIND + " FOR NO KEY UPDATE";
    private static final String FIND_ALL = "SELECT " + COLUMNS + " FROM queues WHERE queue_name = ANY ($1::text[])";
    private static final String LIST = "SELECT " + COLUMNS + " FROM queues"
            + " WHERE ($1::text IS NULL OR queue_name > $1::text) ORDER BY queue_name LIMIT $2::integer";
    private static final String UPDATE = """
            UPDATE queues
            SET description = $2::text, default_timeout_ms = $3::bigint, max_retries = $4::integer,
                initial_backoff_ms = $5::bigint, max_backoff_ms = $6::bigint,
                backoff_multiplier = $7::double precision, updated_at = $8::timestamptz, version = version + 1,
                priority_aging_ms = $9::bigint, concurrency_limit = $10::integer,
                concurrency_limit_per_key = $11::integer, rate_orders = $12::integer, rate_interval_ms = $13::bigint,
                rate_burst = $14::integer, fairness_keys = $15::text[], fairness_weights = $16::double precision[],
                non_retryable_error_types = $17::text[]
            WHERE queue_name = $1::text
            RETURNING
            """ + COLUMNS;
    private static final String SET_PAUSED = """
            UPDATE queues
            SET paused = $2::boolean, paused_at = CASE WHEN $2::boolean THEN $3::timestamptz END,
                paused_by = CASE WHEN $2::boolean THEN $4::text END, updated_at = $3::timestamptz, version = version + 1
            WHERE queue_name = $1::text AND paused <> $2::boolean
            RETURNING
            """ + COLUMNS;

    /** Makes the queues that are not there. */
    public List<Queue> insert(Tx tx, List<Queue.Draft> drafts, List<UUID> ids) {
        var policies = drafts.stream().map(Queue.Draft::defaultRetryPolicy).toList();
        return tx.list(
                INSERT,
                QueueStore::map,
                drafts.stream().map(Queue.Draft::name).toList(),
                ids,
                drafts.stream().map(Queue.Draft::description).toList(),
                drafts.stream().map(d -> d.defaultTimeout().toMillis()).toList(),
                policies.stream().map(RetryPolicy::maxRetries).toList(),
                policies.stream().map(p -> p.initialBackoff().toMillis()).toList(),
                policies.stream().map(p -> p.maxBackoff().toMillis()).toList(),
                policies.stream().map(RetryPolicy::multiplier).toList(),
                tx.now(),
                drafts.stream().map(d -> d.priorityAging().toMillis()).toList(),
                policies.stream().map(QueueStore::errorTypes).toList());
    }

    public Optional<Queue> find(Queries queries, String name) {
        return queries.find(FIND, QueueStore::map, name);
    }

    public Optional<Queue> lock(Tx tx, String name) {
        return tx.find(LOCK, QueueStore::map, name);
    }

    public List<Queue> findAll(Queries queries, Collection<String> names) {
        return queries.list(FIND_ALL, QueueStore::map, names);
    }

    public List<Queue> list(Queries queries, Queues.ListRequest request) {
        return queries.list(LIST, QueueStore::map, request.after(), request.limit());
    }

    public Queue update(Tx tx, Queue.Draft draft) {
        var policy = draft.defaultRetryPolicy();
        var limits = draft.limits();
        var rate = limits.rate();
        var weights = List.copyOf(new TreeMap<>(limits.weights()).entrySet());
        return tx.find(
                        UPDATE,
                        QueueStore::map,
                        draft.name(),
                        draft.description(),
                        draft.defaultTimeout().toMillis(),
                        policy.maxRetries(),
                        policy.initialBackoff().toMillis(),
                        policy.maxBackoff().toMillis(),
                        policy.multiplier(),
                        tx.now(),
                        draft.priorityAging().toMillis(),
                        limits.concurrency(),
                        limits.concurrencyPerKey(),
                        rate == null ? 0 : rate.orders(),
                        rate == null ? 0L : rate.interval().toMillis(),
                        rate == null ? 0 : rate.burst(),
                        WorkOrderStore.column(String.class, weights, Map.Entry::getKey),
                        WorkOrderStore.column(Double.class, weights, Map.Entry::getValue),
                        policy.nonRetryableErrorTypes().toArray(String[]::new))
                .orElseThrow();
    }

    /** Empty when the queue is not there, or is as it shall be. */
    public Optional<Queue> setPaused(Tx tx, String name, boolean paused) {
        return tx.find(
                SET_PAUSED,
                QueueStore::map,
                name,
                paused,
                tx.now(),
                tx.principal().username());
    }

    private static Queue map(Row row) {
        return new Queue(
                row.getString("queue_name"),
                row.getUUID("queue_id"),
                row.getString("description"),
                row.getBoolean("paused"),
                Duration.ofMillis(row.getLong("default_timeout_ms")),
                retryPolicy(row),
                Duration.ofMillis(row.getLong("priority_aging_ms")),
                limits(row),
                row.getBoolean("in_turn"),
                Rows.instant(row, "created_at"),
                Rows.instant(row, "updated_at"),
                row.getLong("version"));
    }

    static Limits limits(Row row) {
        var weights = new HashMap<String, Double>();
        var keys = row.getArrayOfStrings("fairness_keys");
        var values = row.getArrayOfDoubles("fairness_weights");
        for (int i = 0; i < keys.length; i++) {
            weights.put(keys[i], values[i]);
        }
        int orders = row.getInteger("rate_orders");
        return new Limits(
                row.getInteger("concurrency_limit"),
                row.getInteger("concurrency_limit_per_key"),
                orders == 0
                        ? null
                        : new Limits.Rate(
                                orders,
                                Duration.ofMillis(row.getLong("rate_interval_ms")),
                                row.getInteger("rate_burst")),
                weights);
    }

    /** Queues and orders have the same columns for it. */
    static RetryPolicy retryPolicy(Row row) {
        return new RetryPolicy(
                row.getInteger("max_retries"),
                Duration.ofMillis(row.getLong("initial_backoff_ms")),
                Duration.ofMillis(row.getLong("max_backoff_ms")),
                row.getDouble("backoff_multiplier"),
                Rows.strings(row, "non_retryable_error_types"));
    }

    /** The types of errors as the text of an array: there is no array of arrays of different lengths. */
    static String errorTypes(RetryPolicy policy) {
        return policy.nonRetryableErrorTypes().stream()
                .map(type -> '"' + type.replace("\\", "\\\\").replace("\"", "\\\"") + '"')
                .collect(Collectors.joining(",", "{", "}"));
    }
}
