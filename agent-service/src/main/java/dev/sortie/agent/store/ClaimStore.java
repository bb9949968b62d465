package dev.sortie.agent.store;

import static dev.sortie.agent.store.WorkOrderStore.column;

import dev.sortie.agent.domain.AssignmentStatus;
import dev.sortie.agent.domain.ClaimReference;
import dev.sortie.agent.domain.ClaimTokens;
import dev.sortie.agent.domain.ClaimedWork;
import dev.sortie.agent.domain.EndedClaim;
import dev.sortie.agent.domain.ExecutionStatus;
import dev.sortie.agent.domain.HeldClaim;
import dev.sortie.agent.domain.Subject;
import dev.sortie.agent.domain.WorkOrder;
import dev.sortie.agent.domain.WorkOrderStatus;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Rows;
import dev.sortie.runtime.sql.Tx;
import io.vertx.sqlclient.Row;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Claims in the tables of orders, executions and assignments. Rows are locked in one order by everybody: orders by
 * their ids, then workers by theirs; a claim alone takes its worker first, and waits for no order.
 */
public final class ClaimStore {
    // Priority by priority, and within one the order that has been claimable longest: each step reads no further in the
    // index than it must, and locks what it takes. The nested loops keep that order; nothing sorts across priorities,
    // for that would lock orders of all of them. What others have locked is passed over. Columns of the state come from
    // the locked row, which may be newer than the snapshot.
    private static final String LOCK_CLAIMABLE = """
            SELECT o.work_order_id, o.queue_name, 'PENDING' AS status, o.tool_step_id, o.task_id, o.priority,
                o.payload::text AS payload, NULL::text AS result, coalesce(r.error_message, '') AS error_message,
                c.retry_count, o.max_retries, o.initial_backoff_ms, o.max_backoff_ms, o.backoff_multiplier,
                o.timeout_ms, o.dedupe_key, c.run_at, o.expires_at, o.enqueued_at, c.claimed_at,
                NULL::timestamptz AS completed_at, c.worker_id, false AS cancel_requested, c.updated_at, c.version
            FROM (
                SELECT row_number() OVER () AS position, taken.work_order_id, taken.run_at, taken.retry_count,
                    taken.claimed_at, taken.worker_id, taken.updated_at, taken.version
                FROM (
                    SELECT n.work_order_id, n.run_at, n.retry_count, n.claimed_at, n.worker_id, n.updated_at, n.version
                    FROM generate_series(1, 5) AS p (priority)
                    CROSS JOIN LATERAL (
                        SELECT l.work_order_id, l.run_at, l.retry_count, l.claimed_at, l.worker_id, l.updated_at,
                            l.version
                        FROM queues q
                        CROSS JOIN LATERAL (
                            SELECT s.work_order_id, s.run_at, s.retry_count, s.claimed_at, s.worker_id, s.updated_at,
                                s.version
                            FROM work_order_states s
                            WHERE s.queue_name = q.queue_name AND s.priority = p.priority::smallint
                              AND s.status = 'PENDING' AND s.run_at <= $2::timestamptz
                              AND (s.expires_at IS NULL OR s.expires_at > $2::timestamptz)
                            ORDER BY s.run_at, s.work_order_id
                            LIMIT $3::integer
                            FOR NO KEY UPDATE SKIP LOCKED
                        ) l
                        WHERE q.queue_name = ANY ($1::text[]) AND NOT q.paused
                        ORDER BY l.run_at, l.work_order_id
                        LIMIT $3::integer
                    ) n
                    LIMIT $3::integer
                ) taken
            ) c
            JOIN work_orders o ON o.work_order_id = c.work_order_id
            LEFT JOIN work_order_results r ON r.work_order_id = c.work_order_id
            ORDER BY c.position
            """;
    // The rows are locked and PENDING. To ask for it again could have them looked for among all that are.
    private static final String CLAIM = """
            UPDATE work_order_states s
            SET status = 'CLAIMED', worker_id = $1::uuid, claimed_at = $2::timestamptz, updated_at = $2::timestamptz,
                version = s.version + 1, execution_id = c.execution_id, claim_hash = decode(c.claim_hash, 'hex'),
                lease_expires_at = c.lease_expires_at, attempt_ends_at = c.ends_at
            FROM unnest($3::uuid[], $4::uuid[], $5::text[], $6::timestamptz[], $7::timestamptz[])
                AS c (work_order_id, execution_id, claim_hash, lease_expires_at, ends_at)
            WHERE s.work_order_id = c.work_order_id
            """;
    private static final String BEGIN_EXECUTIONS = """
            INSERT INTO executions (execution_id, work_order_id, worker_id, status, attempt, claim_hash, started_at,
                updated_at)
            SELECT c.execution_id, c.work_order_id, $1::uuid, 'RUNNING', c.attempt, decode(c.claim_hash, 'hex'),
                $2::timestamptz, $2::timestamptz
            FROM unnest($3::uuid[], $4::uuid[], $5::text[], $6::integer[])
                AS c (work_order_id, execution_id, claim_hash, attempt)
            """;
    private static final String ASSIGN = """
            INSERT INTO worker_assignments (assignment_id, worker_id, work_order_id, attempt, status, assigned_at)
            SELECT c.assignment_id, $1::uuid, c.work_order_id, c.attempt, 'ACTIVE', $2::timestamptz
            FROM unnest($3::uuid[], $4::uuid[], $5::integer[]) AS c (assignment_id, work_order_id, attempt)
            """;
    private static final String TAKE_UP = """
            UPDATE workers
            SET held_claims = held_claims + $2::integer, last_heartbeat_at = greatest(last_heartbeat_at, $3::timestamptz),
                version = version + CASE WHEN offline_at IS NULL THEN 0 ELSE 1 END,
                updated_at = CASE WHEN offline_at IS NULL THEN updated_at ELSE $3::timestamptz END, offline_at = NULL
            WHERE worker_id = $1::uuid
            """;

    private static final String HELD_CLAIM = """
            SELECT s.work_order_id, s.queue_name, o.tool_step_id, o.task_id, s.execution_id, s.worker_id, s.claim_hash,
                s.retry_count, o.max_retries, o.initial_backoff_ms, o.max_backoff_ms, o.backoff_multiplier, s.run_at,
                s.version
            FROM work_order_states s
            JOIN work_orders o ON o.work_order_id = s.work_order_id
            """;
    // A claim is current while its token is the order's and its lease runs; whoever comes second finds it ended. Only
    // claimed orders have a lease: the status is not asked for, lest its index seem the better way to a few rows.
    private static final String LOCK_CURRENT = HELD_CLAIM + """
            JOIN unnest($1::uuid[], $2::text[]) AS c (work_order_id, claim_hash)
              ON c.work_order_id = s.work_order_id AND decode(c.claim_hash, 'hex') = s.claim_hash
            WHERE s.lease_expires_at > $3::timestamptz
            ORDER BY s.work_order_id
            FOR NO KEY UPDATE OF s
            """;
    private static final String LOCK_HELD = HELD_CLAIM + """
            WHERE s.work_order_id = $1::uuid AND s.lease_expires_at IS NOT NULL
            FOR NO KEY UPDATE OF s
            """;
    private static final String LOCK_HELD_BY = HELD_CLAIM + """
            WHERE s.worker_id = $1::uuid AND s.status = 'CLAIMED'
            ORDER BY s.work_order_id
            FOR NO KEY UPDATE OF s
            """;
    // Found by the index of what is claimed, and only then put in order, which another index would seem to serve.
    private static final String LOCK_RUN_OUT = """
            WITH run_out AS MATERIALIZED (
                SELECT work_order_id FROM work_order_states
                WHERE status = 'CLAIMED' AND lease_expires_at <= $1::timestamptz
            )
            """ + HELD_CLAIM + """
            JOIN run_out r ON r.work_order_id = s.work_order_id
            WHERE s.lease_expires_at <= $1::timestamptz
            ORDER BY s.work_order_id
            LIMIT $2::integer
            FOR NO KEY UPDATE OF s SKIP LOCKED
            """;

    private static final String END_STATES = """
            UPDATE work_order_states s
            SET status = e.status, run_at = e.run_at, retry_count = e.retry_count,
                expires_at = CASE WHEN e.retry_count > s.retry_count THEN NULL ELSE s.expires_at END,
                claim_hash = CASE WHEN e.status = 'PENDING' THEN NULL ELSE s.claim_hash END,
                execution_id = CASE WHEN e.status = 'PENDING' THEN NULL ELSE s.execution_id END,
                cancel_requested = (e.status = 'CANCELLED'), lease_expires_at = NULL, attempt_ends_at = NULL,
                completed_at = CASE WHEN e.status = 'PENDING' THEN NULL ELSE $6::timestamptz END,
                updated_at = $6::timestamptz, version = s.version + 1
            FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::integer[])
                AS e (work_order_id, claim_hash, status, run_at, retry_count)
            WHERE s.work_order_id = e.work_order_id AND s.lease_expires_at IS NOT NULL
              AND s.claim_hash = decode(e.claim_hash, 'hex')
            """;
    private static final String END_EXECUTIONS = """
            UPDATE executions x
            SET status = e.status, given_back = e.given_back, exit_code = e.exit_code, stdout = e.stdout,
                stderr = e.stderr, metrics = e.metrics::jsonb, error_message = e.error_message,
                completed_at = $9::timestamptz, updated_at = $9::timestamptz
            FROM unnest($1::uuid[], $2::text[], $3::boolean[], $4::integer[], $5::text[], $6::text[], $7::text[],
                $8::text[]) AS e (execution_id, status, given_back, exit_code, stdout, stderr, metrics, error_message)
            WHERE x.execution_id = e.execution_id
            """;
    private static final String END_ASSIGNMENTS = """
            UPDATE worker_assignments a
            SET status = e.status, completed_at = $5::timestamptz
            FROM unnest($1::uuid[], $2::uuid[], $3::integer[], $4::text[])
                AS e (worker_id, work_order_id, attempt, status)
            WHERE a.worker_id = e.worker_id AND a.work_order_id = e.work_order_id AND a.attempt = e.attempt
            """;
    private static final String UNASSIGN = """
            DELETE FROM worker_assignments a
            USING unnest($1::uuid[], $2::uuid[], $3::integer[]) AS e (worker_id, work_order_id, attempt)
            WHERE a.worker_id = e.worker_id AND a.work_order_id = e.work_order_id AND a.attempt = e.attempt
            """;
    private static final String RECORD_RESULTS = """
            INSERT INTO work_order_results AS r (work_order_id, result, error_message)
            SELECT e.work_order_id, e.result::jsonb, e.error_message
            FROM unnest($1::uuid[], $2::text[], $3::text[]) AS e (work_order_id, result, error_message)
            ON CONFLICT (work_order_id) DO UPDATE
            SET result = excluded.result,
                error_message = CASE
                    WHEN excluded.error_message = '' THEN r.error_message ELSE excluded.error_message END
            """;
    private static final String LAY_DOWN = """
            WITH ended AS MATERIALIZED (
                SELECT w.worker_id, e.claims
                FROM (SELECT id, count(*)::integer AS claims FROM unnest($1::uuid[]) AS id GROUP BY id) e
                JOIN workers w ON w.worker_id = e.id
                ORDER BY w.worker_id
                FOR NO KEY UPDATE OF w
            )
            UPDATE workers w SET held_claims = w.held_claims - e.claims FROM ended e WHERE w.worker_id = e.worker_id
            """;

    private static final String EXTEND = """
            WITH current AS MATERIALIZED (
                SELECT s.work_order_id
                FROM work_order_states s
                JOIN unnest($1::uuid[], $2::text[]) AS c (work_order_id, claim_hash)
                  ON c.work_order_id = s.work_order_id AND decode(c.claim_hash, 'hex') = s.claim_hash
                WHERE s.worker_id = $3::uuid AND s.lease_expires_at > $5::timestamptz
                ORDER BY s.work_order_id
                FOR NO KEY UPDATE OF s
            )
            UPDATE work_order_states s
            SET lease_expires_at = least($4::timestamptz, s.attempt_ends_at)
            FROM current c
            WHERE s.work_order_id = c.work_order_id
            RETURNING s.work_order_id, s.claim_hash, s.lease_expires_at
            """;
    private static final String FIND_ENDED = """
            SELECT s.work_order_id, decode(c.claim_hash, 'hex') AS claim_hash, s.status, s.run_at,
                s.cancel_requested AND s.claim_hash = decode(c.claim_hash, 'hex') AS cancel_requested,
                x.status AS execution, coalesce(x.given_back, false) AS given_back
            FROM unnest($1::uuid[], $2::text[]) AS c (work_order_id, claim_hash)
            JOIN work_order_states s ON s.work_order_id = c.work_order_id
            LEFT JOIN executions x
              ON x.work_order_id = c.work_order_id AND x.claim_hash = decode(c.claim_hash, 'hex')
            """;
    private static final String EXPIRE = """
            WITH late AS MATERIALIZED (
                SELECT work_order_id FROM work_order_states
                WHERE status = 'PENDING' AND expires_at IS NOT NULL AND expires_at <= $1::timestamptz
                ORDER BY expires_at
                LIMIT $2::integer
                FOR NO KEY UPDATE SKIP LOCKED
            )
            UPDATE work_order_states s
            SET status = 'EXPIRED', completed_at = $1::timestamptz, updated_at = $1::timestamptz,
                version = s.version + 1
            FROM late l
            JOIN work_orders o ON o.work_order_id = l.work_order_id
            WHERE s.work_order_id = l.work_order_id
            RETURNING s.work_order_id, s.queue_name, o.tool_step_id, o.task_id, s.version
            """;
    // For queues that calls wait for: how many orders are claimable, and when the next one will be.
    private static final String LOOK_AHEAD = """
            SELECT q.queue_name,
                (SELECT count(*)::integer FROM (
                    SELECT 1 FROM generate_series(1, 5) AS p (priority)
                    CROSS JOIN LATERAL (
                        SELECT 1 FROM work_order_states s
                        WHERE s.queue_name = q.queue_name AND s.priority = p.priority::smallint
                          AND s.status = 'PENDING' AND s.run_at <= $2::timestamptz
                          AND (s.expires_at IS NULL OR s.expires_at > $2::timestamptz)
                        LIMIT 100) one
                    LIMIT 100) claimable) AS claimable,
                (SELECT min(n.run_at) FROM generate_series(1, 5) AS p (priority)
                    CROSS JOIN LATERAL (
                        SELECT s.run_at FROM work_order_states s
                        WHERE s.queue_name = q.queue_name AND s.priority = p.priority::smallint
                          AND s.status = 'PENDING' AND s.run_at > $2::timestamptz
                        ORDER BY s.run_at LIMIT 1) n) AS next_run_at
            FROM queues q
            WHERE q.queue_name = ANY ($1::text[]) AND NOT q.paused
            """;

    /** A lease that was moved. */
    public record Lease(UUID workOrderId, byte[] claimHash, Instant expiresAt) {}

    /** An order that nobody claimed in time. */
    public record Expired(
            UUID workOrderId, String queueName, @Nullable Subject subject, long version) {}

    /** What a queue holds for those who wait: up to 100 claimable orders, and when the next one becomes it. */
    public record Outlook(
            String queueName, int claimable, @Nullable Instant nextRunAt) {}

    /** Takes the most urgent orders of some queues that nobody else is taking. */
    public List<WorkOrder> lockClaimable(Tx tx, Collection<String> queueNames, int most) {
        return tx.list(LOCK_CLAIMABLE, WorkOrderStore::map, queueNames, tx.now(), most);
    }

    /** Writes claims of orders that are locked, by a worker that is. */
    public void claim(Tx tx, UUID workerId, List<ClaimedWork> claims, List<UUID> assignmentIds) {
        var orders = column(UUID.class, claims, work -> work.order().id());
        var executions = column(UUID.class, claims, ClaimedWork::executionId);
        var hashes = column(String.class, claims, work -> Hex.of(work.tokenHash()));
        var attempts = column(Integer.class, claims, work -> work.order().attempt());
        tx.send(
                CLAIM,
                workerId,
                tx.now(),
                orders,
                executions,
                hashes,
                column(Instant.class, claims, ClaimedWork::leaseExpiresAt),
                column(Instant.class, claims, ClaimedWork::endsAt));
        tx.send(BEGIN_EXECUTIONS, workerId, tx.now(), orders, executions, hashes, attempts);
        tx.send(ASSIGN, workerId, tx.now(), assignmentIds, orders, attempts);
        tx.send(TAKE_UP, workerId, claims.size(), tx.now());
    }

    /** Locks those of the claims that are current. */
    public List<HeldClaim> lockCurrent(Tx tx, List<ClaimReference> claims) {
        return tx.list(LOCK_CURRENT, ClaimStore::mapHeld, ids(claims), hashes(claims), tx.now());
    }

    /** Locks the claim of an order, whether its lease runs or not. */
    public List<HeldClaim> lockHeld(Tx tx, UUID workOrderId) {
        return tx.list(LOCK_HELD, ClaimStore::mapHeld, workOrderId);
    }

    /** Locks everything that a worker holds. */
    public List<HeldClaim> lockHeldBy(Tx tx, UUID workerId) {
        return tx.list(LOCK_HELD_BY, ClaimStore::mapHeld, workerId);
    }

    /** Locks claims whose leases have run out and that nobody else is ending. */
    public List<HeldClaim> lockRunOut(Tx tx, int most) {
        return tx.list(LOCK_RUN_OUT, ClaimStore::mapHeld, tx.now(), most);
    }

    /** Writes the ends of claims that are locked. */
    public void end(Tx tx, List<HeldClaim.End> ends) {
        var orders = column(UUID.class, ends, end -> end.claim().workOrderId());
        tx.send(
                END_STATES,
                orders,
                column(String.class, ends, end -> Hex.of(end.claim().claimHash())),
                column(WorkOrderStatus.class, ends, HeldClaim.End::status),
                column(Instant.class, ends, HeldClaim.End::runAt),
                column(Integer.class, ends, HeldClaim.End::retryCount),
                tx.now());
        tx.send(
                END_EXECUTIONS,
                column(UUID.class, ends, end -> end.claim().executionId()),
                column(ExecutionStatus.class, ends, HeldClaim.End::execution),
                column(Boolean.class, ends, HeldClaim.End::givenBack),
                column(Integer.class, ends, end -> end.report().exitCode()),
                column(String.class, ends, end -> end.report().stdout()),
                column(String.class, ends, end -> end.report().stderr()),
                column(String.class, ends, end -> end.report().metrics()),
                column(String.class, ends, HeldClaim.End::errorMessage),
                tx.now());
        var counted = ends.stream().filter(end -> !end.givenBack()).toList();
        if (!counted.isEmpty()) {
            tx.send(
                    END_ASSIGNMENTS,
                    column(UUID.class, counted, end -> end.claim().workerId()),
                    column(UUID.class, counted, end -> end.claim().workOrderId()),
                    column(Integer.class, counted, end -> end.claim().attempt()),
                    column(AssignmentStatus.class, counted, HeldClaim.End::assignment),
                    tx.now());
        }
        var givenBack = ends.stream().filter(HeldClaim.End::givenBack).toList();
        if (!givenBack.isEmpty()) {
            tx.send(
                    UNASSIGN,
                    column(UUID.class, givenBack, end -> end.claim().workerId()),
                    column(UUID.class, givenBack, end -> end.claim().workOrderId()),
                    column(Integer.class, givenBack, end -> end.claim().attempt()));
        }
        var results = ends.stream()
                .filter(end -> end.result() != null || !end.errorMessage().isEmpty())
                .toList();
        if (!results.isEmpty()) {
            tx.send(
                    RECORD_RESULTS,
                    column(UUID.class, results, end -> end.claim().workOrderId()),
                    column(String.class, results, HeldClaim.End::result),
                    column(String.class, results, HeldClaim.End::errorMessage));
        }
        tx.send(LAY_DOWN, (Object) column(UUID.class, ends, end -> end.claim().workerId()));
    }

    /** Moves the leases of those of the claims that are current and the worker's. */
    public List<Lease> extend(Queries queries, UUID workerId, List<ClaimReference> claims, Instant until) {
        return queries.list(
                EXTEND,
                row -> new Lease(
                        row.getUUID("work_order_id"),
                        Rows.bytes(row, "claim_hash"),
                        Rows.instant(row, "lease_expires_at")),
                ids(claims),
                hashes(claims),
                workerId,
                until,
                queries.now());
    }

    /** What became of claims; none of an order that does not exist. */
    public List<EndedClaim> findEnded(Queries queries, List<ClaimReference> claims) {
        return queries.list(FIND_ENDED, ClaimStore::mapEnded, ids(claims), hashes(claims));
    }

    /** Gives up orders that nobody claimed in time. */
    public List<Expired> expire(Tx tx, int most) {
        return tx.list(
                EXPIRE,
                row -> new Expired(
                        row.getUUID("work_order_id"),
                        row.getString("queue_name"),
                        WorkOrderStore.subject(row),
                        row.getLong("version")),
                tx.now(),
                most);
    }

    /** What queues hold for those who wait. */
    public List<Outlook> lookAhead(Queries queries, Collection<String> queueNames) {
        return queries.list(
                LOOK_AHEAD,
                row -> new Outlook(
                        row.getString("queue_name"),
                        row.getInteger("claimable"),
                        Rows.nullableInstant(row, "next_run_at")),
                queueNames,
                queries.now());
    }

    private static @Nullable UUID[] ids(List<ClaimReference> claims) {
        return column(UUID.class, claims, ClaimReference::workOrderId);
    }

    private static @Nullable String[] hashes(List<ClaimReference> claims) {
        return column(String.class, claims, claim -> Hex.of(ClaimTokens.hash(claim.token())));
    }

    private static HeldClaim mapHeld(Row row) {
        return new HeldClaim(
                row.getUUID("work_order_id"),
                row.getString("queue_name"),
                WorkOrderStore.subject(row),
                row.getUUID("execution_id"),
                row.getUUID("worker_id"),
                Rows.bytes(row, "claim_hash"),
                row.getInteger("retry_count"),
                QueueStore.retryPolicy(row),
                Rows.instant(row, "run_at"),
                row.getLong("version"));
    }

    private static EndedClaim mapEnded(Row row) {
        return new EndedClaim(
                row.getUUID("work_order_id"),
                Rows.bytes(row, "claim_hash"),
                Rows.value(row, "status", WorkOrderStatus.class),
                Rows.instant(row, "run_at"),
                Boolean.TRUE.equals(row.getBoolean("cancel_requested")),
                row.getString("execution") == null ? null : Rows.value(row, "execution", ExecutionStatus.class),
                row.getBoolean("given_back"));
    }
}
