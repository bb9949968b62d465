package dev.sortie.agent.store;

import static dev.sortie.agent.store.WorkOrderStore.column;

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
 * Claims in the tables of orders and executions. Rows are locked in one order by everybody: orders by their ids, then
 * workers by theirs; a claim alone takes its worker first, and waits for no order. An attempt that runs stands with its
 * order; it becomes a row of its own when it ends.
 */
public final class ClaimStore {
    // Of queues that are not claimed from in turn. Who does not see yet that a queue is does not see the first order
    // either that made it so: both come with one commit, and this is one statement.
    // Not by their status but by what follows from it, as the index has it (see V17 and V60).
    // In the order of the index, no further than it must: it locks what it takes, and passes over what others have
    // locked. The limit that is known beforehand says that there are not many, whatever is asked for. Columns of the
    // state come from the locked row, which may be newer than the snapshot.
    private static final String LOCK_CLAIMABLE = """
            SELECT o.work_order_id, o.queue_name, 'PENDING' AS status, o.tool_step_id, o.task_id, o.priority,
                o.payload::text AS payload, NULL::text AS result,
                CASE WHEN c.retry_count = 0 THEN '' ELSE coalesce(
                    (SELECT r.error_message FROM work_order_results r WHERE r.work_order_id = c.work_order_id), '')
                END AS error_message,
                coalesce(c.error_type, '') AS error_type, c.retry_count, o.max_retries, o.initial_backoff_ms,
                o.max_backoff_ms, o.backoff_multiplier, o.non_retryable_error_types, o.timeout_ms, o.fairness_key,
                o.concurrency_key, o.required_capabilities, o.dedupe_key, c.run_at, o.expires_at, o.deadline_at,
                o.enqueued_at, c.claimed_at, NULL::timestamptz AS completed_at, c.worker_id,
                false AS cancel_requested, c.updated_at, c.version, c.claim_rank
            FROM (
                SELECT row_number() OVER () AS position, n.work_order_id, n.claim_rank, n.run_at, n.retry_count, n.error_type,
                    n.claimed_at, n.worker_id, n.updated_at, n.version
                FROM (
                    SELECT l.work_order_id, l.claim_rank, l.run_at, l.retry_count, l.error_type, l.claimed_at,
                        l.worker_id, l.updated_at, l.version
                    FROM queues q
                    CROSS JOIN LATERAL (
                        SELECT s.work_order_id, s.claim_rank, s.run_at, s.retry_count, s.error_type, s.claimed_at,
                            s.worker_id, s.updated_at, s.version
                        FROM work_order_states s
                        WHERE s.queue_name = q.queue_name AND s.lane_id IS NULL AND s.claim_rank IS NOT NULL
                          AND s.claim_hash IS NULL AND s.completed_at IS NULL AND s.run_at <= $2::timestamptz
                          AND (s.expires_at IS NULL OR s.expires_at > $2::timestamptz)
                        ORDER BY s.claim_rank, s.work_order_id
                        LIMIT $3::integer
                        FOR NO KEY UPDATE SKIP LOCKED
                    ) l
                    WHERE q.queue_name = ANY ($1::text[]) AND NOT q.paused AND NOT q.in_turn
                    ORDER BY l.claim_rank, l.work_order_id
                    LIMIT $3::integer
                ) n
                LIMIT 1000
            ) c
            JOIN work_orders o ON o.work_order_id = c.work_order_id
            ORDER BY c.position
            """;
    private static final String LOCK_CHOSEN = """
            SELECT o.work_order_id, o.queue_name, 'PENDING' AS status, o.tool_step_id, o.task_id, o.priority,
                o.payload::text AS payload, NULL::text AS result,
                CASE WHEN s.retry_count = 0 THEN '' ELSE coalesce(
                    (SELECT r.error_message FROM work_order_results r WHERE r.work_order_id = s.work_order_id), '')
                END AS error_message,
                coalesce(s.error_type, '') AS error_type, s.retry_count, o.max_retries, o.initial_backoff_ms,
                o.max_backoff_ms, o.backoff_multiplier, o.non_retryable_error_types, o.timeout_ms, o.fairness_key,
                o.concurrency_key, o.required_capabilities, o.dedupe_key, s.run_at, o.expires_at, o.deadline_at,
                o.enqueued_at, s.claimed_at, NULL::timestamptz AS completed_at, s.worker_id,
                false AS cancel_requested, s.updated_at, s.version, s.claim_rank
            FROM work_order_states s
            JOIN work_orders o ON o.work_order_id = s.work_order_id
            WHERE s.work_order_id = ANY ($1::uuid[]) AND s.status = 'PENDING' AND s.run_at <= $2::timestamptz
              AND (s.expires_at IS NULL OR s.expires_at > $2::timestamptz)
            FOR NO KEY UPDATE OF s SKIP LOCKED
            """;
    // Gives those a place in line whose time has come. With its place, an order of priority 5 waits for new ones of
    // priority 1 no longer than four times the queue's aging interval. Their rows are found by an array of their ids:
    // of
    // a join, as many are expected as all queues together may have, and the whole table would be read for some of them.
    private static final String PROMOTE = """
            WITH due AS MATERIALIZED (
                SELECT l.work_order_id
                FROM queues q
                CROSS JOIN LATERAL (
                    SELECT s.work_order_id
                    FROM work_order_states s
                    WHERE s.queue_name = q.queue_name AND s.status = 'PENDING' AND s.claim_rank IS NULL
                      AND s.run_at <= $2::timestamptz
                    ORDER BY s.run_at, s.work_order_id
                    LIMIT $3::integer
                    FOR NO KEY UPDATE SKIP LOCKED
                ) l
                WHERE $1::text[] IS NULL OR q.queue_name = ANY ($1::text[])
            )
            , promoted AS (
                UPDATE work_order_states s
                SET claim_rank = s.run_at + (s.priority - 1) * interval '1 millisecond'
                    * (SELECT q.priority_aging_ms FROM queues q WHERE q.queue_name = s.queue_name)
                WHERE s.work_order_id = ANY (ARRAY (SELECT d.work_order_id FROM due d))
                RETURNING s.work_order_id, s.queue_name, s.lane_id
            ), used AS (
                INSERT INTO queue_lanes AS l (queue_name, lane_id, fairness_key, concurrency_key,
                    required_capabilities, used_at)
                SELECT p.queue_name, p.lane_id, o.fairness_key, o.concurrency_key, o.required_capabilities,
                    $2::timestamptz
                FROM work_orders o
                JOIN promoted p ON p.work_order_id = o.work_order_id
                WHERE o.work_order_id = ANY (ARRAY (
                    SELECT DISTINCT ON (n.queue_name, n.lane_id) n.work_order_id
                    FROM promoted n WHERE n.lane_id IS NOT NULL))
                ORDER BY p.queue_name, p.lane_id
                ON CONFLICT (queue_name, lane_id) DO UPDATE SET used_at = greatest(l.used_at, excluded.used_at)
            )
            SELECT count(*)::integer AS promoted FROM promoted
            """;
    // The rows are locked and PENDING. To ask for it again could have them looked for among all that are.
    private static final String CLAIM = """
            UPDATE work_order_states s
            SET status = 'CLAIMED', worker_id = c.worker_id, claimed_at = $1::timestamptz,
                updated_at = $1::timestamptz, version = s.version + 1, execution_id = c.execution_id,
                claim_hash = c.claim_hash, lease_expires_at = c.lease_expires_at, attempt_ends_at = c.ends_at
            FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::bytea[], $6::timestamptz[], $7::timestamptz[])
                AS c (work_order_id, worker_id, execution_id, claim_hash, lease_expires_at, ends_at)
            WHERE s.work_order_id = c.work_order_id
            """;

    private static final String HELD_CLAIM = """
            SELECT s.work_order_id, s.queue_name, o.tool_step_id, o.task_id, s.execution_id, s.worker_id, s.claim_hash,
                s.retry_count, o.max_retries, o.initial_backoff_ms, o.max_backoff_ms, o.backoff_multiplier,
                o.non_retryable_error_types, s.run_at, o.deadline_at, coalesce(s.error_type, '') AS error_type,
                s.claimed_at, s.lease_expires_at, s.forgiven_retries, s.version
            FROM work_order_states s
            JOIN work_orders o ON o.work_order_id = s.work_order_id
            """;
    // Whoever comes second finds the claim ended. Only claimed orders have a lease: the status is not asked for, lest
    // its
    // index seem the better way to a few rows.
    private static final String LOCK_CLAIMS = HELD_CLAIM + """
            JOIN unnest($1::uuid[], $2::bytea[]) AS c (work_order_id, claim_hash)
              ON c.work_order_id = s.work_order_id AND c.claim_hash = s.claim_hash
            WHERE s.lease_expires_at IS NOT NULL
            ORDER BY s.work_order_id
            FOR NO KEY UPDATE OF s
            """;
    private static final String LOCK_HELD = HELD_CLAIM + """
            WHERE s.work_order_id = ANY ($1::uuid[]) AND s.lease_expires_at IS NOT NULL
            ORDER BY s.work_order_id
            FOR NO KEY UPDATE OF s
            """;
    private static final String LOCK_HELD_BY = HELD_CLAIM + """
            WHERE s.worker_id = $1::uuid AND s.status = 'CLAIMED'
            ORDER BY s.work_order_id
            FOR NO KEY UPDATE OF s
            """;
    // Whether there is anything to do, for those who look once a second: without a transaction, and by the index alone.
    private static final String FIND_RUN_OUT = """
            SELECT work_order_id FROM work_order_states
            WHERE status = 'CLAIMED' AND lease_expires_at <= $1::timestamptz
            ORDER BY worker_id
            LIMIT 1
            """;
    private static final String FIND_LATE = """
            SELECT work_order_id FROM work_order_states
            WHERE status = 'PENDING' AND expires_at IS NOT NULL AND expires_at <= $1::timestamptz
            ORDER BY expires_at
            LIMIT 1
            """;
    private static final String FIND_DUE = """
            SELECT l.work_order_id
            FROM queues q
            CROSS JOIN LATERAL (
                SELECT s.work_order_id
                FROM work_order_states s
                WHERE s.queue_name = q.queue_name AND s.status = 'PENDING' AND s.claim_rank IS NULL
                  AND s.run_at <= $1::timestamptz
                ORDER BY s.run_at, s.work_order_id
                LIMIT 1
            ) l
            LIMIT 1
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

    // A claim that did not count leaves the order its place in line; one that did takes it, and the expiry with it.
    private static final String END_STATES = """
            UPDATE work_order_states s
            SET status = e.status, run_at = e.run_at, retry_count = e.retry_count,
                claim_rank = CASE WHEN e.retry_count > s.retry_count THEN NULL ELSE s.claim_rank END,
                expires_at = CASE WHEN e.retry_count > s.retry_count THEN e.deadline_at ELSE s.expires_at END,
                error_type = nullif(e.error_type, ''),
                claim_hash = CASE WHEN e.status = 'PENDING' THEN NULL ELSE s.claim_hash END,
                execution_id = CASE WHEN e.status = 'PENDING' THEN NULL ELSE s.execution_id END,
                cancel_requested = (e.status = 'CANCELLED'), lease_expires_at = NULL, attempt_ends_at = NULL,
                completed_at = CASE WHEN e.status = 'PENDING' THEN NULL ELSE $6::timestamptz END,
                updated_at = $6::timestamptz, version = s.version + 1
            FROM unnest($1::uuid[], $2::bytea[], $3::text[], $4::timestamptz[], $5::integer[], $7::timestamptz[],
                $8::text[]) AS e (work_order_id, claim_hash, status, run_at, retry_count, deadline_at, error_type)
            WHERE s.work_order_id = e.work_order_id AND s.lease_expires_at IS NOT NULL
              AND s.claim_hash = e.claim_hash
            """;
    // Written once, when the attempt ends. The release before wrote it when the attempt began.
    private static final String RECORD_EXECUTIONS = """
            INSERT INTO executions AS x (execution_id, work_order_id, worker_id, status, attempt, claim_hash, given_back,
                exit_code, stdout, stderr, metrics, error_message, error_type, started_at, completed_at, updated_at)
            SELECT e.execution_id, e.work_order_id, e.worker_id, e.status, e.attempt, e.claim_hash, e.given_back,
                e.exit_code, e.stdout, e.stderr, e.metrics::jsonb, e.error_message, e.error_type, e.started_at,
                $14::timestamptz, $14::timestamptz
            FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::integer[], $6::bytea[], $7::boolean[],
                $8::integer[], $9::text[], $10::text[], $11::text[], $12::text[], $13::timestamptz[], $15::text[])
                AS e (execution_id, work_order_id, worker_id, status, attempt, claim_hash, given_back, exit_code,
                    stdout, stderr, metrics, error_message, started_at, error_type)
            ON CONFLICT (execution_id) DO UPDATE
            SET status = excluded.status, given_back = excluded.given_back, exit_code = excluded.exit_code,
                stdout = excluded.stdout, stderr = excluded.stderr, metrics = excluded.metrics,
                error_message = excluded.error_message, error_type = excluded.error_type,
                completed_at = excluded.completed_at, updated_at = excluded.updated_at
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
    private static final String EXTEND = """
            WITH current AS MATERIALIZED (
                SELECT s.work_order_id, c.until
                FROM work_order_states s
                JOIN unnest($1::uuid[], $2::bytea[], $3::uuid[], $4::timestamptz[])
                    AS c (work_order_id, claim_hash, worker_id, until)
                  ON c.work_order_id = s.work_order_id AND c.claim_hash = s.claim_hash AND c.worker_id = s.worker_id
                WHERE s.lease_expires_at > $5::timestamptz
                ORDER BY s.work_order_id
                FOR NO KEY UPDATE OF s
            )
            UPDATE work_order_states s
            SET lease_expires_at = least(c.until, s.attempt_ends_at)
            FROM current c
            WHERE s.work_order_id = c.work_order_id
            RETURNING s.work_order_id, s.claim_hash, s.lease_expires_at
            """;
    private static final String FIND_ENDED = """
            SELECT s.work_order_id, c.claim_hash, s.status, s.run_at,
                s.cancel_requested AND s.claim_hash = c.claim_hash AS cancel_requested,
                x.execution_id, x.status AS execution, coalesce(x.given_back, false) AS given_back
            FROM unnest($1::uuid[], $2::bytea[]) AS c (work_order_id, claim_hash)
            JOIN work_order_states s ON s.work_order_id = c.work_order_id
            LEFT JOIN executions x ON x.work_order_id = c.work_order_id AND x.claim_hash = c.claim_hash
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
    // For queues that calls wait for: how many orders are claimable, and when the next one will be. In the order of the
    // indexes, so that a hundred are read and not all that are in line.
    private static final String LOOK_AHEAD = """
            SELECT q.queue_name,
                (SELECT count(*)::integer FROM (
                    SELECT 1 FROM work_order_states s
                    WHERE s.queue_name = q.queue_name AND s.lane_id IS NULL AND s.claim_rank IS NOT NULL
                      AND s.claim_hash IS NULL AND s.completed_at IS NULL AND s.run_at <= $2::timestamptz
                      AND (s.expires_at IS NULL OR s.expires_at > $2::timestamptz)
                    ORDER BY s.claim_rank, s.work_order_id LIMIT 100) ready)
                + (SELECT count(*)::integer FROM (
                    SELECT 1 FROM work_order_states s
                    WHERE s.queue_name = q.queue_name AND s.lane_id IS NOT NULL AND s.claim_rank IS NOT NULL
                      AND s.claim_hash IS NULL AND s.completed_at IS NULL AND s.run_at <= $2::timestamptz
                      AND (s.expires_at IS NULL OR s.expires_at > $2::timestamptz)
                    ORDER BY s.lane_id, s.claim_rank, s.work_order_id LIMIT 100) laned)
                + (SELECT count(*)::integer FROM (
                    SELECT 1 FROM work_order_states s
                    WHERE s.queue_name = q.queue_name AND s.status = 'PENDING' AND s.claim_rank IS NULL
                      AND s.run_at <= $2::timestamptz AND (s.expires_at IS NULL OR s.expires_at > $2::timestamptz)
                    ORDER BY s.run_at, s.work_order_id LIMIT 100) due) AS claimable,
                (SELECT s.run_at FROM work_order_states s
                    WHERE s.queue_name = q.queue_name AND s.status = 'PENDING' AND s.claim_rank IS NULL
                      AND s.run_at > $2::timestamptz
                    ORDER BY s.run_at LIMIT 1) AS next_run_at
            FROM queues q
            WHERE q.queue_name = ANY ($1::text[]) AND NOT q.paused
            """;

    /** A lease that is to be moved. */
    public record Extension(ClaimReference claim, UUID workerId, Instant until) {}

    /** A lease that was moved. */
    public record Lease(UUID workOrderId, byte[] claimHash, Instant expiresAt) {}

    /** An order that nobody claimed in time. */
    public record Expired(
            UUID workOrderId, String queueName, @Nullable Subject subject, long version) {}

    /** What a queue holds for those who wait: some claimable orders, counted up to a hundred or two, and when the next one becomes it. */
    public record Outlook(
            String queueName, int claimable, @Nullable Instant nextRunAt) {}

    /** An order that can be claimed, and its place in line. */
    public record Ready(WorkOrder order, Instant rank) {}

    /** Takes the most urgent orders of some queues, which are not claimed from in turn, that nobody else is taking. */
    public List<Ready> lockClaimable(Tx tx, Collection<String> queueNames, int most) {
        return tx.list(LOCK_CLAIMABLE, ClaimStore::mapReady, queueNames, tx.now(), most);
    }

    /** Takes those of the orders that are still to be had, in no order. */
    public List<Ready> lockChosen(Tx tx, Collection<UUID> ids) {
        return tx.list(LOCK_CHOSEN, ClaimStore::mapReady, ids, tx.now());
    }

    /** Gives a bounded number of orders of some queues their places in line whose time has come. */
    public void promote(Tx tx, Collection<String> queueNames, int most) {
        tx.send(PROMOTE, queueNames, tx.now(), most);
    }

    /**
     * The same for all queues.
     *
     * @param most for each of them
     * @return how many there were
     */
    public int promoteAll(Tx tx, int most) {
        return tx.find(PROMOTE, row -> row.getInteger("promoted"), null, tx.now(), most)
                .orElseThrow();
    }

    /** Writes claims of orders that are locked. */
    public void claim(Tx tx, List<ClaimedWork> claims) {
        tx.send(
                CLAIM,
                tx.now(),
                column(UUID.class, claims, work -> work.order().id()),
                column(UUID.class, claims, work -> work.order().workerId()),
                column(UUID.class, claims, ClaimedWork::executionId),
                column(byte[].class, claims, ClaimedWork::tokenHash),
                column(Instant.class, claims, ClaimedWork::leaseExpiresAt),
                column(Instant.class, claims, ClaimedWork::endsAt));
    }

    /** Locks those of the claims that nobody has ended, whether their leases run or not. */
    public List<HeldClaim> lockClaims(Tx tx, List<ClaimReference> claims) {
        return tx.list(LOCK_CLAIMS, ClaimStore::mapHeld, ids(claims), hashes(claims));
    }

    /** Locks the claims of orders, whether their leases run or not. */
    public List<HeldClaim> lockHeld(Tx tx, Collection<UUID> workOrderIds) {
        return tx.list(LOCK_HELD, ClaimStore::mapHeld, workOrderIds);
    }

    /** Locks everything that a worker holds. */
    public List<HeldClaim> lockHeldBy(Tx tx, UUID workerId) {
        return tx.list(LOCK_HELD_BY, ClaimStore::mapHeld, workerId);
    }

    /** Whether the lease of a claim has run out. */
    public boolean hasRunOut(Queries queries) {
        return isThere(queries, FIND_RUN_OUT);
    }

    /** Whether there is an order that nobody claimed in time. */
    public boolean hasLate(Queries queries) {
        return isThere(queries, FIND_LATE);
    }

    /** Whether there is an order whose time has come and that is not in line. */
    public boolean hasDue(Queries queries) {
        return isThere(queries, FIND_DUE);
    }

    private static boolean isThere(Queries queries, String sql) {
        return queries.find(sql, row -> row.getUUID("work_order_id"), queries.now())
                .isPresent();
    }

    /** Locks claims whose leases have run out and that nobody else is ending. */
    public List<HeldClaim> lockRunOut(Tx tx, int most) {
        return tx.list(LOCK_RUN_OUT, ClaimStore::mapHeld, tx.now(), most);
    }

    /** Writes the ends of claims that are locked. */
    public void end(Tx tx, List<HeldClaim.End> ends) {
        var orders = column(UUID.class, ends, end -> end.claim().workOrderId());
        var hashes = column(byte[].class, ends, end -> end.claim().claimHash());
        tx.send(
                END_STATES,
                orders,
                hashes,
                column(WorkOrderStatus.class, ends, HeldClaim.End::status),
                column(Instant.class, ends, HeldClaim.End::runAt),
                column(Integer.class, ends, HeldClaim.End::retryCount),
                tx.now(),
                column(Instant.class, ends, end -> end.claim().deadlineAt()),
                column(String.class, ends, HeldClaim.End::errorType));
        tx.send(
                RECORD_EXECUTIONS,
                column(UUID.class, ends, end -> end.claim().executionId()),
                orders,
                column(UUID.class, ends, end -> end.claim().workerId()),
                column(ExecutionStatus.class, ends, HeldClaim.End::execution),
                column(Integer.class, ends, end -> end.claim().attempt()),
                hashes,
                column(Boolean.class, ends, HeldClaim.End::givenBack),
                column(Integer.class, ends, end -> end.report().exitCode()),
                column(String.class, ends, end -> end.report().stdout()),
                column(String.class, ends, end -> end.report().stderr()),
                column(String.class, ends, end -> end.report().metrics()),
                column(String.class, ends, HeldClaim.End::errorMessage),
                column(Instant.class, ends, end -> end.claim().claimedAt()),
                tx.now(),
                column(String.class, ends, end -> end.errorMessage().isEmpty() ? "" : end.errorType()));
        var results = ends.stream()
                .filter(end -> end.result() != null || !end.errorMessage().isEmpty())
                .toList();
        if (!results.isEmpty()) {
            tx.send(
                    RECORD_RESULTS,
                    column(UUID.class, results, end -> end.claim().workOrderId()),
                    column(String.class, results, HeldClaim.End::result),
                    column(String.class, results, HeldClaim.End::orderError));
        }
    }

    /** Moves the leases of those of the claims that are current and their workers'. */
    public List<Lease> extend(Tx tx, List<Extension> extensions) {
        return tx.list(
                EXTEND,
                row -> new Lease(
                        row.getUUID("work_order_id"),
                        Rows.bytes(row, "claim_hash"),
                        Rows.instant(row, "lease_expires_at")),
                column(UUID.class, extensions, extension -> extension.claim().workOrderId()),
                column(
                        byte[].class,
                        extensions,
                        extension -> ClaimTokens.hash(extension.claim().token())),
                column(UUID.class, extensions, Extension::workerId),
                column(Instant.class, extensions, Extension::until),
                tx.now());
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

    private static List<byte[]> hashes(List<ClaimReference> claims) {
        return claims.stream().map(claim -> ClaimTokens.hash(claim.token())).toList();
    }

    private static Ready mapReady(Row row) {
        return new Ready(WorkOrderStore.map(row), Rows.instant(row, "claim_rank"));
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
                Rows.nullableInstant(row, "deadline_at"),
                row.getString("error_type"),
                Rows.instant(row, "claimed_at"),
                Rows.instant(row, "lease_expires_at"),
                row.getInteger("forgiven_retries"),
                row.getLong("version"));
    }

    private static EndedClaim mapEnded(Row row) {
        return new EndedClaim(
                row.getUUID("work_order_id"),
                Rows.bytes(row, "claim_hash"),
                Rows.value(row, "status", WorkOrderStatus.class),
                Rows.instant(row, "run_at"),
                Boolean.TRUE.equals(row.getBoolean("cancel_requested")),
                row.getUUID("execution_id"),
                row.getString("execution") == null ? null : Rows.value(row, "execution", ExecutionStatus.class),
                row.getBoolean("given_back"));
    }
}
