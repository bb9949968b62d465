package dev.sortie.agent.store;

import dev.sortie.agent.domain.Capability;
import dev.sortie.agent.domain.CapabilityLevel;
import dev.sortie.agent.domain.Worker;
import dev.sortie.agent.domain.WorkerStatus;
import dev.sortie.agent.domain.WorkerType;
import dev.sortie.agent.domain.Workers;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Rows;
import dev.sortie.runtime.sql.Tx;
import io.vertx.sqlclient.Row;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.UUID;

/** The table of workers. */
public final class WorkerStore {
    // What a worker holds is counted by a small index; nothing of the worker's changes with its claims.
    private static final String COLUMNS = """
            w.worker_id, w.name, w.worker_type, w.software_version, w.max_concurrent_tasks, w.lease_duration_ms,
            w.context_window_size, w.config::text AS config, w.last_heartbeat_at, w.offline_at, w.drain_at, w.deregistered_at,
            w.created_at, w.updated_at, w.version, w.agent_id,
            (SELECT a.deactivated_at FROM agents a WHERE a.agent_id = w.agent_id) AS agent_deactivated_at,
            EXISTS (SELECT FROM agents a WHERE a.agent_id = w.agent_id AND a.status = 'MAINTENANCE')
                AS agent_in_maintenance,
            (SELECT count(*)::integer FROM work_order_states s
                WHERE s.worker_id = w.worker_id AND s.status = 'CLAIMED') AS held_claims
            """;
    private static final String INSERT = """
            INSERT INTO workers AS w (worker_id, name, worker_type, software_version, max_concurrent_tasks,
                lease_duration_ms, context_window_size, config, last_heartbeat_at, created_at, updated_at, agent_id)
            VALUES ($1::uuid, $2::text, $3::text, $4::text, $5::integer, $6::bigint, $7::bigint, $8::text::jsonb,
                $9::timestamptz, $9::timestamptz, $9::timestamptz, $10::uuid)
            RETURNING
            """ + COLUMNS;
    private static final String FIND = "SELECT " + COLUMNS + " FROM workers w WHERE w.worker_id = $1::uuid";
    private static final String FIND_ALL = "SELECT " + COLUMNS + " FROM workers w WHERE w.worker_id = ANY ($1::uuid[])";
    // In the order of ids, as everybody locks workers. Not FOR UPDATE: rows that refer to a worker need not wait.
    private static final String LOCK_ALL = """
            SELECT w.worker_id FROM workers w WHERE w.worker_id = ANY ($1::uuid[])
            ORDER BY w.worker_id
            FOR NO KEY UPDATE
            """;
    private static final String REVIVE = """
            UPDATE workers w
            SET offline_at = NULL, last_heartbeat_at = greatest(w.last_heartbeat_at, $2::timestamptz),
                updated_at = $2::timestamptz, version = w.version + 1
            WHERE w.worker_id = ANY ($1::uuid[])
            """;
    // Not "$1 IS NULL OR …": a plan that is made once for all pages has to find the place of each by an index.
    private static final String PAGE_END = "coalesce($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)";
    private static final String LIST = "SELECT " + COLUMNS + " FROM workers w" + " WHERE w.worker_id < " + PAGE_END
            + " ORDER BY w.worker_id DESC LIMIT $2::integer";
    private static final String LIST_ONLINE =
            "SELECT " + COLUMNS + """
            FROM workers w
            WHERE w.offline_at IS NULL
              AND EXISTS (SELECT FROM work_order_states h WHERE h.worker_id = w.worker_id AND h.status = 'CLAIMED')
                  = $3::boolean
              AND w.worker_id <
            """ + PAGE_END + " ORDER BY w.worker_id DESC LIMIT $2::integer";
    private static final String LIST_OFFLINE = "SELECT " + COLUMNS + " FROM workers w"
            + " WHERE w.offline_at IS NOT NULL AND w.worker_id < " + PAGE_END
            + " ORDER BY w.worker_id DESC LIMIT $2::integer";
    // The rest of the filter, whichever index finds the workers.
    private static final String REST = """
            AND ($3::text IS NULL OR w.worker_type = $3::text)
            AND ($4::boolean IS NULL OR (w.drain_at IS NOT NULL AND w.deregistered_at IS NULL) = $4::boolean)
            AND ($5::text IS NULL OR $5::text = CASE
                WHEN w.offline_at IS NOT NULL THEN 'OFFLINE'
                WHEN EXISTS (SELECT FROM work_order_states h WHERE h.worker_id = w.worker_id AND h.status = 'CLAIMED')
                    THEN 'BUSY'
                ELSE 'IDLE' END)
            AND w.worker_id <
            """ + PAGE_END + " ORDER BY w.worker_id DESC LIMIT $2::integer";
    private static final String LIST_BY_VERSION =
            "SELECT " + COLUMNS + " FROM workers w WHERE w.software_version = $6::text " + REST;
    private static final String LIST_BY_AGENT = "SELECT " + COLUMNS + """
            FROM workers w
            WHERE w.agent_id = $6::uuid AND ($7::text IS NULL OR w.software_version = $7::text)
            """ + REST;
    private static final String LIST_DRAINING =
            "SELECT " + COLUMNS + " FROM workers w WHERE w.drain_at IS NOT NULL AND w.deregistered_at IS NULL " + REST;
    private static final String LIST_BY_TYPE =
            "SELECT " + COLUMNS + " FROM workers w WHERE w.worker_type = $3::text " + REST;
    private static final String LIST_OTHERS = "SELECT " + COLUMNS + " FROM workers w WHERE true " + REST;
    private static final String UPDATE = """
            UPDATE workers
            SET name = $2::text, worker_type = $3::text, software_version = $4::text,
                max_concurrent_tasks = $5::integer, lease_duration_ms = $6::bigint, context_window_size = $7::bigint,
                config = $8::text::jsonb, updated_at = $9::timestamptz, version = version + 1
            WHERE worker_id = $1::uuid
            """;
    private static final String DRAIN = """
            UPDATE workers SET drain_at = $2::timestamptz, updated_at = $2::timestamptz, version = version + 1
            WHERE worker_id = $1::uuid
            """;
    private static final String LIVE = "SELECT " + COLUMNS + """
            FROM workers w
            WHERE w.offline_at IS NULL
            ORDER BY w.worker_id LIMIT $1::integer
            """;
    private static final String DEREGISTER = """
            UPDATE workers w
            SET deregistered_at = $2::timestamptz, offline_at = coalesce(w.offline_at, $2::timestamptz),
                updated_at = $2::timestamptz, version = w.version + 1
            WHERE w.worker_id = $1::uuid
            RETURNING
            """ + COLUMNS;
    // Answers those who are back, and those who drain. In the order of ids, as everybody locks workers.
    private static final String TOUCH = """
            WITH calls AS MATERIALIZED (
                SELECT w.worker_id, c.called_at, w.offline_at IS NOT NULL AND c.called_at >= $4::timestamptz AS back
                FROM unnest($1::uuid[], $2::timestamptz[]) AS c (worker_id, called_at)
                JOIN workers w ON w.worker_id = c.worker_id
                WHERE w.deregistered_at IS NULL
                  AND (w.last_heartbeat_at < c.called_at OR w.offline_at IS NOT NULL)
                ORDER BY w.worker_id
                FOR NO KEY UPDATE OF w
            ), touched AS (
                UPDATE workers w
                SET last_heartbeat_at = greatest(w.last_heartbeat_at, c.called_at),
                    offline_at = CASE WHEN c.back THEN NULL ELSE w.offline_at END,
                    updated_at = CASE WHEN c.back THEN $3::timestamptz ELSE w.updated_at END,
                    version = w.version + CASE WHEN c.back THEN 1 ELSE 0 END
                FROM calls c
                WHERE w.worker_id = c.worker_id
                RETURNING w.worker_id, w.version, c.back, w.drain_at
            )
            SELECT t.worker_id, t.version, t.back, t.drain_at IS NOT NULL AS draining,
                EXISTS (SELECT FROM work_order_states s WHERE s.worker_id = t.worker_id AND s.status = 'CLAIMED') AS busy
            FROM touched t
            WHERE t.back OR t.drain_at IS NOT NULL
            """;
    private static final String MARK_SILENT = """
            WITH silent AS MATERIALIZED (
                SELECT worker_id FROM workers
                WHERE offline_at IS NULL AND last_heartbeat_at < $1::timestamptz
                ORDER BY worker_id
                LIMIT 500
                FOR NO KEY UPDATE SKIP LOCKED
            )
            UPDATE workers w
            SET offline_at = $2::timestamptz, updated_at = $2::timestamptz, version = w.version + 1
            WHERE w.worker_id = ANY (ARRAY (SELECT s.worker_id FROM silent s))
            RETURNING w.worker_id, w.version
            """;

    private static final String CAPABILITIES = """
            SELECT worker_id, name, level, metadata::text AS metadata FROM worker_capabilities
            WHERE worker_id = ANY ($1::uuid[])
            ORDER BY worker_id, name
            """;
    private static final String REMOVE_CAPABILITIES =
            "DELETE FROM worker_capabilities WHERE worker_id = $1::uuid AND name <> ALL ($2::text[])";
    private static final String PUT_CAPABILITIES = """
            INSERT INTO worker_capabilities (worker_id, name, level, metadata, created_at, updated_at)
            SELECT $1::uuid, c.name, c.level, c.metadata::jsonb, $5::timestamptz, $5::timestamptz
            FROM unnest($2::text[], $3::text[], $4::text[]) AS c (name, level, metadata)
            ON CONFLICT (worker_id, name) DO UPDATE
            SET level = excluded.level, metadata = excluded.metadata, updated_at = excluded.updated_at
            """;
    private static final String CHANGED = """
            UPDATE workers SET updated_at = $2::timestamptz, version = version + 1 WHERE worker_id = $1::uuid
            """;

    /** What workers can do, by worker. */
    public Map<UUID, List<Capability>> capabilities(Queries queries, Collection<UUID> ids) {
        var found = new HashMap<UUID, List<Capability>>();
        queries.list(
                CAPABILITIES,
                row -> found.computeIfAbsent(row.getUUID("worker_id"), _ -> new ArrayList<>())
                        .add(new Capability(
                                row.getString("name"),
                                Rows.value(row, "level", CapabilityLevel.class),
                                row.getString("metadata"))),
                ids);
        return found;
    }

    /** Writes what a worker can do. Its row is locked. */
    public void setCapabilities(Tx tx, UUID id, List<Capability> capabilities) {
        var names = WorkOrderStore.column(String.class, capabilities, Capability::name);
        tx.send(REMOVE_CAPABILITIES, id, names);
        tx.send(
                PUT_CAPABILITIES,
                id,
                names,
                WorkOrderStore.column(CapabilityLevel.class, capabilities, Capability::level),
                WorkOrderStore.column(String.class, capabilities, Capability::metadata),
                tx.now());
        tx.send(CHANGED, id, tx.now());
    }

    /**
     * A worker that called, and something is to be done about it.
     *
     * @param back it was offline until now
     * @param draining it is to finish what it holds
     */
    public record Caller(Turn turn, boolean back, boolean draining) {}

    /** A worker that came or went. */
    public record Turn(UUID workerId, long version, WorkerStatus status) {}

    public Worker insert(Tx tx, UUID id, Worker.Draft draft) {
        return tx.find(
                        INSERT,
                        WorkerStore::map,
                        id,
                        draft.name(),
                        draft.type(),
                        draft.softwareVersion(),
                        draft.maxConcurrentTasks(),
                        draft.leaseDuration().toMillis(),
                        draft.contextWindowSize(),
                        draft.config(),
                        tx.now(),
                        draft.agentId())
                .orElseThrow();
    }

    public Optional<Worker> find(Queries queries, UUID id) {
        return queries.find(FIND, WorkerStore::map, id);
    }

    /** Those of the workers that there are. */
    public List<Worker> findAll(Queries queries, Collection<UUID> ids) {
        return queries.list(FIND_ALL, WorkerStore::map, ids);
    }

    /**
     * Reads workers and keeps others from claiming as them, until the end of the transaction. What they hold is counted
     * by a statement of its own, after the locks: one that waits for a lock sees what was before.
     */
    public List<Worker> lockAll(Tx tx, Collection<UUID> ids) {
        tx.send(LOCK_ALL, ids);
        return findAll(tx, ids);
    }

    /** Notes that workers are there again. Their rows are locked. */
    public void revive(Tx tx, Collection<UUID> ids) {
        tx.send(REVIVE, ids, tx.now());
    }

    public List<Worker> list(Queries queries, Workers.ListRequest request) {
        var status = request.status();
        if (request.agentId() != null) {
            return queries.list(
                    LIST_BY_AGENT,
                    WorkerStore::map,
                    request.before(),
                    request.limit(),
                    request.type(),
                    request.draining(),
                    status,
                    request.agentId(),
                    request.softwareVersion());
        }
        if (request.softwareVersion() != null) {
            return queries.list(
                    LIST_BY_VERSION,
                    WorkerStore::map,
                    request.before(),
                    request.limit(),
                    request.type(),
                    request.draining(),
                    status,
                    request.softwareVersion());
        }
        if (request.draining() != null || request.type() != null) {
            var sql = Boolean.TRUE.equals(request.draining())
                    ? LIST_DRAINING
                    : request.type() != null ? LIST_BY_TYPE : LIST_OTHERS;
            return queries.list(
                    sql,
                    WorkerStore::map,
                    request.before(),
                    request.limit(),
                    request.type(),
                    request.draining(),
                    status);
        }
        if (status == null) {
            return queries.list(LIST, WorkerStore::map, request.before(), request.limit());
        }
        if (status == WorkerStatus.OFFLINE) {
            return queries.list(LIST_OFFLINE, WorkerStore::map, request.before(), request.limit());
        }
        return queries.list(
                LIST_ONLINE, WorkerStore::map, request.before(), request.limit(), status == WorkerStatus.BUSY);
    }

    /** Writes what a worker says of itself. Its row is locked. */
    public void update(Tx tx, UUID id, Worker.Draft draft) {
        tx.send(
                UPDATE,
                id,
                draft.name(),
                draft.type(),
                draft.softwareVersion(),
                draft.maxConcurrentTasks(),
                draft.leaseDuration().toMillis(),
                draft.contextWindowSize(),
                draft.config(),
                tx.now());
    }

    /** From now on a worker gets nothing more. Its row is locked. */
    public void drain(Tx tx, UUID id) {
        tx.send(DRAIN, id, tx.now());
    }

    /** Workers that are there, without what they can do. */
    public List<Worker> live(Queries queries, int most) {
        return queries.list(LIVE, WorkerStore::map, most);
    }

    public Worker deregister(Tx tx, UUID id) {
        return tx.find(DEREGISTER, WorkerStore::map, id, tx.now()).orElseThrow();
    }

    /**
     * Writes when workers called. Who was taken to be gone is back, unless the call is too old for that: what was noted
     * may be written late.
     *
     * @param since the time since when a call says that a worker is there
     * @return those that were offline until now, and those that drain
     */
    public List<Caller> touch(Tx tx, Map<UUID, Instant> calls, Instant since) {
        var sorted = new TreeMap<>(calls);
        return tx.list(
                TOUCH,
                WorkerStore::mapCaller,
                new ArrayList<>(sorted.keySet()),
                new ArrayList<>(sorted.values()),
                tx.now(),
                since);
    }

    /**
     * Takes workers to be gone that have not called.
     *
     * @param since the time since when
     */
    public List<Turn> markSilent(Tx tx, Instant since) {
        return tx.list(MARK_SILENT, WorkerStore::mapGone, since, tx.now());
    }

    private static Worker map(Row row) {
        return new Worker(
                row.getUUID("worker_id"),
                row.getString("name"),
                Rows.value(row, "worker_type", WorkerType.class),
                status(row),
                row.getString("software_version"),
                row.getInteger("max_concurrent_tasks"),
                Duration.ofMillis(row.getLong("lease_duration_ms")),
                row.getLong("context_window_size"),
                row.getString("config"),
                row.getInteger("held_claims"),
                Rows.instant(row, "last_heartbeat_at"),
                Rows.nullableInstant(row, "drain_at"),
                Rows.nullableInstant(row, "deregistered_at"),
                List.of(),
                Rows.instant(row, "created_at"),
                Rows.instant(row, "updated_at"),
                row.getLong("version"),
                row.getUUID("agent_id"),
                Rows.nullableInstant(row, "agent_deactivated_at"),
                row.getBoolean("agent_in_maintenance"));
    }

    private static WorkerStatus status(Row row) {
        if (Rows.nullableInstant(row, "offline_at") != null) {
            return WorkerStatus.OFFLINE;
        }
        return row.getInteger("held_claims") > 0 ? WorkerStatus.BUSY : WorkerStatus.IDLE;
    }

    private static Caller mapCaller(Row row) {
        var turn = new Turn(
                row.getUUID("worker_id"),
                row.getLong("version"),
                row.getBoolean("busy") ? WorkerStatus.BUSY : WorkerStatus.IDLE);
        return new Caller(turn, row.getBoolean("back"), row.getBoolean("draining"));
    }

    private static Turn mapGone(Row row) {
        return new Turn(row.getUUID("worker_id"), row.getLong("version"), WorkerStatus.OFFLINE);
    }
}
