package dev.sortie.agent.store;

import dev.sortie.agent.domain.Lane;
import dev.sortie.agent.domain.Lineup;
import dev.sortie.agent.domain.Turn;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Rows;
import dev.sortie.runtime.sql.Tx;
import io.vertx.sqlclient.Row;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.UUID;
import java.util.function.ObjIntConsumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Queues that are claimed from by one transaction at a time: their turns, lanes and shares. */
public final class LaneStore {
    private static final Duration UNUSED = Duration.ofMinutes(10);
    private static final int MAX_CANDIDATES = 5_000;

    private static final String LOCK_TURNS = """
            SELECT t.queue_name
            FROM queue_turns t
            JOIN queues q ON q.queue_name = t.queue_name
            WHERE t.queue_name = ANY ($1::text[]) AND q.in_turn AND NOT q.paused
            ORDER BY t.queue_name
            FOR NO KEY UPDATE OF t
            """;
    // By a statement after the lock, which sees what those had committed that held it before.
    private static final String READ_TURNS = """
            SELECT t.queue_name, t.tokens, t.refilled_at, t.virtual_time, q.priority_aging_ms, q.concurrency_limit,
                q.concurrency_limit_per_key, q.rate_orders, q.rate_interval_ms, q.rate_burst, q.fairness_keys,
                q.fairness_weights
            FROM queue_turns t
            JOIN queues q ON q.queue_name = t.queue_name
            WHERE t.queue_name = ANY ($1::text[]) AND (NOT q.paused OR $2::boolean)
            ORDER BY t.queue_name
            """;
    private static final String SHARES =
            "SELECT queue_name, fairness_key, virtual_time FROM queue_shares WHERE queue_name = ANY ($1::text[])";
    private static final String LANES = """
            SELECT l.queue_name, l.lane_id, l.fairness_key, l.concurrency_key, l.required_capabilities
            FROM queue_lanes l WHERE l.queue_name = ANY ($1::text[])
            """;
    private static final String HELD = """
            SELECT s.queue_name, s.lane_id, count(*)::integer AS held
            FROM work_order_states s
            WHERE s.queue_name = ANY ($1::text[]) AND s.status = 'CLAIMED'
            GROUP BY s.queue_name, s.lane_id
            """;
    // The first orders of each lane, and of those that are in none: what is behind them costs nothing. Nothing is
    // locked yet.
    private static final String HEADS = """
            SELECT l.queue_name, l.lane_id, h.work_order_id, h.claim_rank
            FROM unnest($1::text[], $2::uuid[]) AS l (queue_name, lane_id)
            CROSS JOIN LATERAL (
                SELECT s.work_order_id, s.claim_rank
                FROM work_order_states s
                WHERE s.queue_name = l.queue_name AND s.lane_id = l.lane_id AND s.claim_rank IS NOT NULL
                  AND s.claim_hash IS NULL AND s.completed_at IS NULL AND s.run_at <= $4::timestamptz
                  AND (s.expires_at IS NULL OR s.expires_at > $4::timestamptz)
                ORDER BY s.claim_rank, s.work_order_id
                LIMIT $5::integer
            ) h
            UNION ALL
            SELECT q.queue_name, NULL::uuid, h.work_order_id, h.claim_rank
            FROM unnest($3::text[]) AS q (queue_name)
            CROSS JOIN LATERAL (
                SELECT s.work_order_id, s.claim_rank
                FROM work_order_states s
                WHERE s.queue_name = q.queue_name AND s.lane_id IS NULL AND s.claim_rank IS NOT NULL
                  AND s.claim_hash IS NULL AND s.completed_at IS NULL AND s.run_at <= $4::timestamptz
                  AND (s.expires_at IS NULL OR s.expires_at > $4::timestamptz)
                ORDER BY s.claim_rank, s.work_order_id
                LIMIT $5::integer
            ) h
            ORDER BY claim_rank, work_order_id
            """;
    // A transaction that began before the one that wrote last must not have the same time fill the bucket twice.
    private static final String WRITE_TURN = """
            UPDATE queue_turns
            SET tokens = $2::double precision, refilled_at = greatest(refilled_at, $3::timestamptz),
                virtual_time = $4::double precision
            WHERE queue_name = $1::text
            """;
    private static final String WRITE_SHARES = """
            INSERT INTO queue_shares (queue_name, fairness_key, virtual_time)
            SELECT $1::text, s.fairness_key, s.virtual_time
            FROM unnest($2::text[], $3::double precision[]) AS s (fairness_key, virtual_time)
            ORDER BY s.fairness_key
            ON CONFLICT (queue_name, fairness_key) DO UPDATE SET virtual_time = excluded.virtual_time
            """;
    // In one order for everybody. The update keeps a lane from being forgotten by a transaction that sees no order in
    // it yet: that one waits, and finds it used.
    private static final String USE_LANES = """
            INSERT INTO queue_lanes AS l (queue_name, lane_id, fairness_key, concurrency_key, required_capabilities,
                used_at)
            SELECT u.queue_name, u.lane_id, u.fairness_key, u.concurrency_key,
                string_to_array(u.required_capabilities, E'\\n'), $6::timestamptz
            FROM unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::text[])
                AS u (queue_name, lane_id, fairness_key, concurrency_key, required_capabilities)
            ORDER BY u.queue_name, u.lane_id
            ON CONFLICT (queue_name, lane_id) DO UPDATE SET used_at = greatest(l.used_at, excluded.used_at)
            """;
    private static final String BEGIN_TURNS = """
            WITH turned AS (
                UPDATE queues SET in_turn = true WHERE queue_name = ANY ($1::text[]) AND NOT in_turn
            )
            INSERT INTO queue_turns (queue_name)
            SELECT n FROM unnest($1::text[]) AS n ORDER BY n
            ON CONFLICT (queue_name) DO NOTHING
            """;
    // An order whose time has not come brings its lane back when it does.
    private static final String FORGET_LANES = """
            DELETE FROM queue_lanes l
            WHERE l.used_at < $1::timestamptz
              AND NOT EXISTS (
                SELECT FROM work_order_states s
                WHERE s.queue_name = l.queue_name AND s.lane_id = l.lane_id AND s.claim_rank IS NOT NULL
                  AND s.claim_hash IS NULL AND s.completed_at IS NULL)
              AND NOT EXISTS (
                SELECT FROM work_order_states s
                WHERE s.queue_name = l.queue_name AND s.status = 'CLAIMED' AND s.lane_id = l.lane_id)
            """;
    private static final String FORGET_SHARES = """
            DELETE FROM queue_shares s USING queue_turns t
            WHERE t.queue_name = s.queue_name AND s.virtual_time <= t.virtual_time
            """;

    /** A lane of a queue that is put to use. */
    public record Use(String queueName, UUID laneId, Lane lane) {}

    /**
     * Takes the turns of those of the queues that are claimed from in turn and not paused, and finds what may be claimed
     * from them.
     *
     * @param most how many orders are wanted
     */
    public List<Turn> take(Tx tx, Collection<String> queueNames, int most) {
        var names = tx.list(LOCK_TURNS, row -> row.getString("queue_name"), queueNames);
        if (names.isEmpty()) {
            return List.of();
        }
        var shares = shares(tx, names);
        var turns = new TreeMap<String, Turn>();
        for (var state : tx.list(READ_TURNS, LaneStore::mapState, names, false)) {
            turns.put(state.queueName(), new Turn(state, shares.getOrDefault(state.queueName(), Map.of()), tx.now()));
        }
        var lanes = lanes(tx, names);
        // Counted last: what is claimed by now is committed, and nobody else claims.
        held(tx, names, (key, held) -> {
            var turn = turns.get(key.queueName);
            if (turn != null) {
                turn.holds(lanes.getOrDefault(key, Lane.NONE), held);
            }
        });
        addHeads(tx, turns, lanes, most);
        return List.copyOf(turns.values());
    }

    private static void addHeads(Tx tx, Map<String, Turn> turns, Map<Key, Lane> lanes, int most) {
        var open = turns.values().stream()
                .filter(turn -> turn.room() > 0)
                .map(Turn::queueName)
                .toList();
        if (open.isEmpty()) {
            return;
        }
        var laneQueues = new ArrayList<String>();
        var laneIds = new ArrayList<UUID>();
        lanes.keySet().forEach(key -> {
            if (key.laneId != null && open.contains(key.queueName)) {
                laneQueues.add(key.queueName);
                laneIds.add(key.laneId);
            }
        });
        int each = Math.clamp(MAX_CANDIDATES / (laneIds.size() + 1), 1, most);
        heads(tx, laneQueues, laneIds, open, each).forEach((key, candidates) -> {
            var turn = turns.get(key.queueName);
            var lane = lanes.get(key);
            if (turn != null && lane != null) {
                turn.add(lane, candidates);
            }
        });
    }

    /**
     * A queue that is claimed from in turn, paused or not, to look at: nothing is locked.
     *
     * @param most how many orders to read
     */
    public Optional<Lineup> look(Queries queries, String queueName, int most) {
        var names = List.of(queueName);
        var state = queries.find(READ_TURNS, LaneStore::mapState, names, true);
        if (state.isEmpty()) {
            return Optional.empty();
        }
        var lanes = lanes(queries, names);
        var held = new HashMap<Lane, Integer>();
        held(queries, names, (key, count) -> held.merge(lanes.getOrDefault(key, Lane.NONE), count, Integer::sum));
        var laneIds = lanes.keySet().stream()
                .flatMap(key -> Stream.ofNullable(key.laneId))
                .toList();
        int each = Math.max(1, most / (laneIds.size() + 1));
        var lines = new ArrayList<Lineup.Line>();
        heads(queries, Collections.nCopies(laneIds.size(), queueName), laneIds, names, each)
                .forEach((key, candidates) -> {
                    var lane = lanes.get(key);
                    if (lane != null) {
                        lines.add(new Lineup.Line(lane, candidates));
                    }
                });
        return Optional.of(
                new Lineup(state.get(), shares(queries, names).getOrDefault(queueName, Map.of()), held, lines, each));
    }

    private static Map<String, Map<String, Double>> shares(Queries queries, List<String> queueNames) {
        var shares = new HashMap<String, Map<String, Double>>();
        queries.list(
                SHARES,
                row -> shares.computeIfAbsent(row.getString("queue_name"), _ -> new HashMap<>())
                        .put(row.getString("fairness_key"), row.getDouble("virtual_time")),
                queueNames);
        return shares;
    }

    /** With the one of those that are in none. */
    private static Map<Key, Lane> lanes(Queries queries, List<String> queueNames) {
        var lanes = new HashMap<Key, Lane>();
        queueNames.forEach(name -> lanes.put(new Key(name, null), Lane.NONE));
        queries.list(
                LANES,
                row -> lanes.put(new Key(row.getString("queue_name"), row.getUUID("lane_id")), mapLane(row)),
                queueNames);
        return lanes;
    }

    private static void held(Queries queries, List<String> queueNames, ObjIntConsumer<Key> receiver) {
        queries.list(
                HELD,
                row -> {
                    receiver.accept(
                            new Key(row.getString("queue_name"), row.getUUID("lane_id")), row.getInteger("held"));
                    return true;
                },
                queueNames);
    }

    private static Map<Key, List<Turn.Candidate>> heads(
            Queries queries, List<String> laneQueues, List<UUID> laneIds, List<String> queueNames, int each) {
        var heads = new HashMap<Key, List<Turn.Candidate>>();
        queries.list(
                HEADS,
                row -> heads.computeIfAbsent(
                                new Key(row.getString("queue_name"), row.getUUID("lane_id")), _ -> new ArrayList<>())
                        .add(new Turn.Candidate(row.getUUID("work_order_id"), Rows.instant(row, "claim_rank"))),
                laneQueues.toArray(String[]::new),
                laneIds.toArray(UUID[]::new),
                queueNames,
                queries.now(),
                each);
        return heads;
    }

    /** Writes what a turn has changed. */
    public void write(Tx tx, Turn turn) {
        tx.send(WRITE_TURN, turn.queueName(), turn.tokens(), tx.now(), turn.virtualTime());
        var shares = List.copyOf(turn.changedShares().entrySet());
        tx.send(
                WRITE_SHARES,
                turn.queueName(),
                WorkOrderStore.column(String.class, shares, Map.Entry::getKey),
                WorkOrderStore.column(Double.class, shares, Map.Entry::getValue));
    }

    /** Notes that orders are put into lanes. */
    public void use(Tx tx, Collection<Use> uses) {
        var rows = List.copyOf(uses);
        tx.send(
                USE_LANES,
                WorkOrderStore.column(String.class, rows, Use::queueName),
                WorkOrderStore.column(UUID.class, rows, Use::laneId),
                WorkOrderStore.column(String.class, rows, use -> use.lane().fairnessKey()),
                WorkOrderStore.column(String.class, rows, use -> use.lane().concurrencyKey()),
                WorkOrderStore.column(
                        String.class, rows, use -> String.join("\n", use.lane().encoded())),
                tx.now());
    }

    /** From the commit on, the queues are claimed from by one transaction at a time. */
    public void beginTurns(Tx tx, Collection<String> queueNames) {
        tx.send(BEGIN_TURNS, queueNames);
    }

    /** Forgets lanes without orders, and shares that say nothing any more. */
    public void forget(Tx tx) {
        tx.update(FORGET_LANES, tx.now().minus(UNUSED));
        tx.update(FORGET_SHARES);
    }

    private static Turn.State mapState(Row row) {
        Instant refilledAt = Rows.nullableInstant(row, "refilled_at");
        return new Turn.State(
                row.getString("queue_name"),
                QueueStore.limits(row),
                Duration.ofMillis(row.getLong("priority_aging_ms")),
                row.getDouble("tokens"),
                refilledAt,
                row.getDouble("virtual_time"));
    }

    private static Lane mapLane(Row row) {
        return new Lane(
                row.getString("fairness_key"),
                row.getString("concurrency_key"),
                Lane.decoded(Rows.strings(row, "required_capabilities")));
    }

    private record Key(String queueName, @Nullable UUID laneId) {}
}
