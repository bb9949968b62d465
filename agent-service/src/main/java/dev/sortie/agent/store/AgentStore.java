package dev.sortie.agent.store;

import dev.sortie.agent.domain.Agent;
import dev.sortie.agent.domain.AgentOrder;
import dev.sortie.agent.domain.AgentStatus;
import dev.sortie.agent.domain.AgentType;
import dev.sortie.agent.domain.WorkerStatus;
import dev.sortie.runtime.paging.Keyset;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Rows;
import dev.sortie.runtime.sql.Tx;
import io.vertx.core.json.JsonArray;
import io.vertx.sqlclient.Row;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * The table of agents. Who locks several takes them in the order of their ids. Rows of workers come before those of
 * agents; who deletes an agent takes them the other way round, and whoever then finds the agent locked passes over it.
 */
public final class AgentStore {
    // Of workers that are there; what those hold that are gone goes back to its queue before long.
    private static final String IS_WORKING = """
            EXISTS (SELECT FROM workers w
                JOIN work_order_states s ON s.worker_id = w.worker_id AND s.status = 'CLAIMED'
                WHERE w.agent_id = a.agent_id AND w.offline_at IS NULL)
            """;
    private static final String COLUMNS = """
            a.agent_id, a.name, a.type, a.status AS said,
            CASE WHEN a.deactivated_at IS NULL AND a.status IN ('ONLINE', 'OFFLINE') AND %s
                THEN 'BUSY' ELSE a.status END AS status,
            a.capabilities::text AS capabilities, a.configuration::text AS configuration, a.mobile_capable,
            a.device_affinity, a.location_enabled, a.battery_aware, a.success_rate::double precision AS success_rate,
            (a.average_response_time * 1000)::bigint AS average_response_us, a.total_tasks_completed,
            a.last_heartbeat_at, coalesce(host(a.ip_address), '') AS ip_address, a.host_name, a.deactivated_at,
            a.created_at, a.updated_at, a.version,
            (SELECT o.task_id FROM workers w
                JOIN work_order_states s ON s.worker_id = w.worker_id AND s.status = 'CLAIMED'
                JOIN work_orders o ON o.work_order_id = s.work_order_id
                WHERE w.agent_id = a.agent_id AND w.offline_at IS NULL AND o.task_id IS NOT NULL
                ORDER BY s.claimed_at DESC, s.work_order_id DESC LIMIT 1) AS current_task_id
            """.formatted(IS_WORKING);
    // Nothing when the name is taken: a violated constraint would cost the transaction.
    private static final String INSERT = """
            INSERT INTO agents AS a (agent_id, name, type, capabilities, configuration, mobile_capable,
                device_affinity, location_enabled, battery_aware, created_at, updated_at)
            VALUES ($1::uuid, $2::text, $3::text, $4::text::jsonb, $5::text::jsonb, $6::boolean, $7::text,
                $8::boolean, $9::boolean, $10::timestamptz, $10::timestamptz)
            ON CONFLICT (name) DO NOTHING
            RETURNING
            """ + COLUMNS;
    private static final String FIND = "SELECT " + COLUMNS + " FROM agents a WHERE a.agent_id = $1::uuid";
    private static final String FIND_ALL = "SELECT " + COLUMNS + " FROM agents a WHERE a.agent_id = ANY ($1::uuid[])";
    private static final String FIND_NAME = "SELECT agent_id FROM agents WHERE name = $1::text";
    private static final String LOCK_ALL = """
            SELECT agent_id FROM agents WHERE agent_id = ANY ($1::uuid[]) ORDER BY agent_id FOR NO KEY UPDATE
            """;
    private static final String LOCK_FOR_DELETE = "SELECT agent_id FROM agents WHERE agent_id = $1::uuid FOR UPDATE";
    // Keeps it from being deactivated or deleted meanwhile.
    private static final String LOCK_FOR_WORKERS =
            "SELECT deactivated_at FROM agents WHERE agent_id = $1::uuid FOR SHARE";
    private static final String UPDATE_FIELDS = """
            UPDATE agents a
            SET name = $2::text, type = $3::text, capabilities = $4::text::jsonb, configuration = $5::text::jsonb,
                mobile_capable = $6::boolean, device_affinity = $7::text, location_enabled = $8::boolean,
                battery_aware = $9::boolean, updated_at = $10::timestamptz, version = a.version + 1
            WHERE a.agent_id = $1::uuid
            RETURNING
            """ + COLUMNS;
    private static final String DEACTIVATE = """
            UPDATE agents a
            SET status = 'OFFLINE', deactivated_at = $2::timestamptz, updated_at = $2::timestamptz,
                version = a.version + 1
            WHERE a.agent_id = $1::uuid
            RETURNING
            """ + COLUMNS;
    private static final String LEAVE_WORKERS = """
            UPDATE workers w SET agent_id = NULL, updated_at = $2::timestamptz, version = w.version + 1
            WHERE w.agent_id = $1::uuid
            RETURNING w.worker_id, w.version,
                CASE WHEN w.offline_at IS NOT NULL THEN 'OFFLINE'
                     WHEN EXISTS (SELECT FROM work_order_states s
                        WHERE s.worker_id = w.worker_id AND s.status = 'CLAIMED') THEN 'BUSY'
                     ELSE 'IDLE' END AS status
            """;
    private static final String DELETE = "DELETE FROM agents WHERE agent_id = $1::uuid";
    private static final String SAY = """
            UPDATE agents a
            SET status = c.status, ip_address = coalesce(nullif(c.ip_address, '')::inet, a.ip_address),
                host_name = coalesce(nullif(c.host_name, ''), a.host_name),
                last_heartbeat_at = greatest(a.last_heartbeat_at, $5::timestamptz), updated_at = $5::timestamptz,
                version = a.version + 1
            FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) AS c (agent_id, status, ip_address, host_name)
            WHERE a.agent_id = c.agent_id
            """;
    // Answers those who are back. What is locked is passed over: the next call says the same.
    private static final String TOUCH = """
            WITH calls AS MATERIALIZED (
                SELECT a.agent_id, c.called_at, a.status = 'OFFLINE' AND c.called_at >= $6::timestamptz AS back
                FROM (
                    SELECT k.agent_id, max(k.called_at) AS called_at
                    FROM (
                        SELECT w.agent_id, t.called_at
                        FROM unnest($1::uuid[], $2::timestamptz[]) AS t (worker_id, called_at)
                        JOIN workers w ON w.worker_id = t.worker_id
                        WHERE w.agent_id IS NOT NULL
                        UNION ALL
                        SELECT t.agent_id, t.called_at
                        FROM unnest($3::uuid[], $4::timestamptz[]) AS t (agent_id, called_at)
                    ) k
                    GROUP BY k.agent_id
                ) c
                JOIN agents a ON a.agent_id = c.agent_id
                WHERE a.deactivated_at IS NULL
                  AND (a.last_heartbeat_at IS NULL OR a.last_heartbeat_at < c.called_at)
                ORDER BY a.agent_id
                FOR NO KEY UPDATE OF a SKIP LOCKED
            ), touched AS (
                UPDATE agents a
                SET last_heartbeat_at = c.called_at,
                    status = CASE WHEN c.back THEN 'ONLINE' ELSE a.status END,
                    updated_at = CASE WHEN c.back THEN $5::timestamptz ELSE a.updated_at END,
                    version = a.version + CASE WHEN c.back THEN 1 ELSE 0 END
                FROM calls c
                WHERE a.agent_id = c.agent_id
                RETURNING a.agent_id, a.version, a.status AS said, c.back
            )
            SELECT agent_id, version, said FROM touched WHERE back
            """;
    private static final String MARK_SILENT = """
            WITH silent AS MATERIALIZED (
                SELECT agent_id FROM agents
                WHERE status IN ('ONLINE', 'BUSY', 'MAINTENANCE') AND last_heartbeat_at < $1::timestamptz
                ORDER BY agent_id
                LIMIT 500
                FOR NO KEY UPDATE SKIP LOCKED
            )
            UPDATE agents a
            SET status = 'OFFLINE', updated_at = $2::timestamptz, version = a.version + 1
            FROM silent s
            WHERE a.agent_id = s.agent_id
            RETURNING a.agent_id, a.version, a.status AS said
            """;

    /**
     * Which agents a list shows.
     *
     * @param type only those of it, where given
     * @param status only those in it, where given
     * @param capabilities only those that have all of them
     * @param mobileCapableOnly only those that can work on mobile devices
     * @param activeOnly only those that are not deactivated
     * @param ids only these; empty for all
     */
    public record Filter(
            @Nullable AgentType type,
            @Nullable AgentStatus status,
            List<String> capabilities,
            boolean mobileCapableOnly,
            boolean activeOnly,
            List<UUID> ids,
            AgentOrder order) {}

    /** An agent that came or went, and what it says. */
    public record Turn(UUID agentId, long version, AgentStatus said) {}

    /**
     * Whether workers may register as an agent.
     *
     * @param deactivatedAt null while they may
     */
    public record Standing(@Nullable Instant deactivatedAt) {}

    /** Creates an agent; empty when its name is taken. */
    public Optional<Agent> insert(Tx tx, UUID id, Agent.Fields fields) {
        return tx.find(
                INSERT,
                AgentStore::map,
                id,
                fields.name(),
                fields.type(),
                new JsonArray(fields.capabilities()).encode(),
                fields.configuration(),
                fields.mobileCapable(),
                fields.deviceAffinity(),
                fields.locationEnabled(),
                fields.batteryAware(),
                tx.now());
    }

    public Optional<Agent> find(Queries queries, UUID id) {
        return queries.find(FIND, AgentStore::map, id);
    }

    /** Those of the agents that there are. */
    public List<Agent> findAll(Queries queries, Collection<UUID> ids) {
        return queries.list(FIND_ALL, AgentStore::map, ids);
    }

    /** The agent of a name. */
    public Optional<UUID> findName(Queries queries, String name) {
        return queries.find(FIND_NAME, row -> row.getUUID("agent_id"), name);
    }

    /**
     * Holds agents until the end of the transaction, and reads them by a statement of its own after that: one that waits
     * for a lock sees what was before.
     */
    public List<Agent> lockAll(Tx tx, Collection<UUID> ids) {
        tx.send(LOCK_ALL, ids);
        return findAll(tx, ids);
    }

    /** Holds an agent that is to be deleted: nobody registers as it any more. */
    public Optional<Agent> lockForDelete(Tx tx, UUID id) {
        tx.send(LOCK_FOR_DELETE, id);
        return find(tx, id);
    }

    /** Keeps an agent from being deactivated or deleted until the end of the transaction. */
    public Optional<Standing> lockForWorkers(Tx tx, UUID id) {
        return tx.find(LOCK_FOR_WORKERS, row -> new Standing(Rows.nullableInstant(row, "deactivated_at")), id);
    }

    /**
     * A page of agents.
     *
     * @param after what the order is by, of the last one of the page before, where there is one
     */
    public List<Agent> list(Queries queries, Filter filter, @Nullable Keyset after, int limit) {
        boolean byName = filter.order() == AgentOrder.NAME;
        return queries.list(
                listSql(filter, after != null),
                AgentStore::map,
                limit,
                after == null || byName ? null : after.uuid(0),
                after == null || !byName ? null : after.text(0),
                filter.type(),
                filter.capabilities().isEmpty() ? null : new JsonArray(filter.capabilities()).encode(),
                filter.ids().isEmpty() ? null : filter.ids());
    }

    /** What a page of agents goes on from. */
    public static Keyset key(AgentOrder order, Agent agent) {
        return switch (order) {
            case CREATION -> Keyset.of(agent.id());
            case NAME -> Keyset.of(agent.fields().name());
        };
    }

    /** Writes what callers set; the name is free. The agent is locked. */
    public Agent updateFields(Tx tx, UUID id, Agent.Fields fields) {
        return tx.find(
                        UPDATE_FIELDS,
                        AgentStore::map,
                        id,
                        fields.name(),
                        fields.type(),
                        new JsonArray(fields.capabilities()).encode(),
                        fields.configuration(),
                        fields.mobileCapable(),
                        fields.deviceAffinity(),
                        fields.locationEnabled(),
                        fields.batteryAware(),
                        tx.now())
                .orElseThrow();
    }

    /** Takes an agent out of service. It is locked. */
    public Agent deactivate(Tx tx, UUID id) {
        return tx.find(DEACTIVATE, AgentStore::map, id, tx.now()).orElseThrow();
    }

    /**
     * Makes the workers of an agent nobody's.
     *
     * @return which
     */
    public List<WorkerStore.Turn> leaveWorkers(Tx tx, UUID id) {
        return tx.list(
                LEAVE_WORKERS,
                row -> new WorkerStore.Turn(
                        row.getUUID("worker_id"),
                        row.getLong("version"),
                        Rows.value(row, "status", WorkerStatus.class)),
                id,
                tx.now());
    }

    /** Deletes an agent that has no workers, with its figures. */
    public void delete(Tx tx, UUID id) {
        tx.send(DELETE, id);
    }

    /** Writes what heartbeats say, one of each agent. The agents are locked. */
    public void say(Tx tx, List<Agent.Heartbeat> heartbeats) {
        tx.send(
                SAY,
                WorkOrderStore.column(UUID.class, heartbeats, Agent.Heartbeat::agentId),
                WorkOrderStore.column(AgentStatus.class, heartbeats, Agent.Heartbeat::status),
                WorkOrderStore.column(String.class, heartbeats, Agent.Heartbeat::ipAddress),
                WorkOrderStore.column(String.class, heartbeats, Agent.Heartbeat::hostName),
                tx.now());
    }

    /**
     * Writes when agents and workers called, as the presence of the agents. Who was taken to be gone is back, unless the
     * call is too old for that.
     *
     * @param since the time since when a call says that an agent is there
     * @return those that were OFFLINE until now
     */
    public List<Turn> touch(Tx tx, Map<UUID, Instant> workerCalls, Map<UUID, Instant> agentCalls, Instant since) {
        var byWorker = new TreeMap<>(workerCalls);
        var byAgent = new TreeMap<>(agentCalls);
        return tx.list(
                TOUCH,
                AgentStore::mapTurn,
                byWorker.keySet().toArray(UUID[]::new),
                byWorker.values().toArray(Instant[]::new),
                byAgent.keySet().toArray(UUID[]::new),
                byAgent.values().toArray(Instant[]::new),
                tx.now(),
                since);
    }

    /**
     * Takes agents to be gone that have not called.
     *
     * @param since the time since when
     */
    public List<Turn> markSilent(Tx tx, Instant since) {
        return tx.list(MARK_SILENT, AgentStore::mapTurn, since, tx.now());
    }

    // One text per combination of filters: each has a plan of its own, with the index that serves it.
    private static String listSql(Filter filter, boolean after) {
        boolean byName = filter.order() == AgentOrder.NAME;
        return "SELECT " + COLUMNS + "FROM agents a WHERE true"
                + (filter.type() == null ? " AND $4::text IS NULL" : " AND a.type = $4::text")
                + (filter.capabilities().isEmpty() ? " AND $5::text IS NULL" : " AND a.capabilities @> $5::text::jsonb")
                + (filter.ids().isEmpty() ? " AND $6::uuid[] IS NULL" : " AND a.agent_id = ANY ($6::uuid[])")
                + (filter.mobileCapableOnly() ? " AND a.mobile_capable" : "")
                + (filter.activeOnly() ? " AND a.deactivated_at IS NULL" : "")
                + switch (filter.status()) {
                    case null -> "";
                    case OFFLINE ->
                        " AND a.status = 'OFFLINE' AND (a.deactivated_at IS NOT NULL OR NOT " + IS_WORKING + ")";
                    case ONLINE -> " AND a.status = 'ONLINE' AND NOT " + IS_WORKING;
                    case BUSY ->
                        " AND a.status IN ('ONLINE', 'OFFLINE', 'BUSY') AND a.deactivated_at IS NULL"
                                + " AND (a.status = 'BUSY' OR " + IS_WORKING + ")";
                    case MAINTENANCE -> " AND a.status = 'MAINTENANCE'";
                }
                + (after && !byName ? " AND a.agent_id < $2::uuid" : " AND $2::uuid IS NULL")
                + (after && byName ? " AND a.name > $3::text" : " AND $3::text IS NULL")
                + (byName ? " ORDER BY a.name" : " ORDER BY a.agent_id DESC")
                + " LIMIT $1::int";
    }

    private static Agent map(Row row) {
        var average = row.getLong("average_response_us");
        return new Agent(
                row.getUUID("agent_id"),
                new Agent.Fields(
                        row.getString("name"),
                        Rows.value(row, "type", AgentType.class),
                        new JsonArray(row.getString("capabilities"))
                                .stream().map(String::valueOf).toList(),
                        row.getString("configuration"),
                        row.getBoolean("mobile_capable"),
                        row.getString("device_affinity"),
                        row.getBoolean("location_enabled"),
                        row.getBoolean("battery_aware")),
                Rows.value(row, "said", AgentStatus.class),
                Rows.value(row, "status", AgentStatus.class),
                row.getUUID("current_task_id"),
                new Agent.Figures(
                        row.getDouble("success_rate"),
                        average == null ? null : Duration.ofNanos(average * 1_000),
                        row.getLong("total_tasks_completed")),
                Rows.nullableInstant(row, "last_heartbeat_at"),
                row.getString("ip_address"),
                row.getString("host_name"),
                Rows.nullableInstant(row, "deactivated_at"),
                Rows.instant(row, "created_at"),
                Rows.instant(row, "updated_at"),
                row.getLong("version"));
    }

    private static Turn mapTurn(Row row) {
        return new Turn(row.getUUID("agent_id"), row.getLong("version"), Rows.value(row, "said", AgentStatus.class));
    }
}
