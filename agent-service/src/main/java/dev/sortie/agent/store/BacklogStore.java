package dev.sortie.agent.store;

import dev.sortie.agent.domain.QueueStats.Backlog;
import dev.sortie.agent.domain.QueueStats.Count;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Rows;
import io.vertx.sqlclient.Row;
import java.util.Collection;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** How many orders of queues are where. */
public final class BacklogStore {
    private static final int MOST = 100_000;

    // Each count goes along one index, in its order and no further than it must: without an order, the whole table
    // would
    // seem the shorter way, and without limits that are known beforehand, to sort all there is. What has a place in
    // line
    // has had its time come.
    // The oldest: orders come in the order of their ids, so it is among the first that are pending, unless very many of
    // those wait for their time; then among the first in line, or among those whose time has just come.
    private static final String FIND = """
            SELECT q.queue_name, q.paused,
                (SELECT count(*) FROM (
                    SELECT FROM work_order_states s
                    WHERE s.queue_name = q.queue_name AND s.lane_id IS NULL AND s.claim_rank IS NOT NULL
                      AND s.claim_hash IS NULL AND s.completed_at IS NULL
                    ORDER BY s.claim_rank, s.work_order_id LIMIT 100000) c)
                + (SELECT count(*) FROM (
                    SELECT FROM work_order_states s
                    WHERE s.queue_name = q.queue_name AND s.lane_id IS NOT NULL AND s.claim_rank IS NOT NULL
                      AND s.claim_hash IS NULL AND s.completed_at IS NULL
                    ORDER BY s.lane_id, s.claim_rank, s.work_order_id LIMIT 100000) c)
                + (SELECT count(*) FROM (
                    SELECT FROM work_order_states s
                    WHERE s.queue_name = q.queue_name AND s.status = 'PENDING' AND s.claim_rank IS NULL
                      AND s.run_at <= $2::timestamptz
                    ORDER BY s.run_at, s.work_order_id LIMIT 100000) c) AS claimable,
                (SELECT count(*) FROM (
                    SELECT FROM work_order_states s
                    WHERE s.queue_name = q.queue_name AND s.status = 'PENDING' AND s.claim_rank IS NULL
                      AND s.run_at > $2::timestamptz
                    ORDER BY s.run_at, s.work_order_id LIMIT 100000) c) AS delayed,
                (SELECT count(*) FROM (
                    SELECT FROM work_order_states s
                    WHERE s.queue_name = q.queue_name AND s.status = 'CLAIMED'
                    ORDER BY s.work_order_id LIMIT 100000) c) AS claimed,
                (SELECT count(*) FROM (
                    SELECT FROM work_order_states s
                    WHERE s.queue_name = q.queue_name AND s.status = 'FAILED'
                    ORDER BY s.work_order_id LIMIT 100000) c) AS failed,
                (SELECT count(*) FROM (
                    SELECT FROM work_order_states s
                    WHERE s.queue_name = q.queue_name AND s.status = 'EXPIRED'
                    ORDER BY s.work_order_id LIMIT 100000) c) AS expired,
                least(
                    (SELECT min(c.since) FROM (
                        SELECT CASE WHEN s.claim_rank IS NOT NULL OR s.run_at <= $2::timestamptz
                            THEN greatest(s.run_at, uuid_extract_timestamp(s.work_order_id)) END AS since
                        FROM work_order_states s
                        WHERE s.queue_name = q.queue_name AND s.status = 'PENDING'
                        ORDER BY s.work_order_id LIMIT 500) c),
                    (SELECT min(c.since) FROM (
                        SELECT greatest(s.run_at, uuid_extract_timestamp(s.work_order_id)) AS since
                        FROM work_order_states s
                        WHERE s.queue_name = q.queue_name AND s.lane_id IS NULL AND s.claim_rank IS NOT NULL
                          AND s.claim_hash IS NULL AND s.completed_at IS NULL
                        ORDER BY s.claim_rank, s.work_order_id LIMIT 500) c),
                    (SELECT min(c.since) FROM (
                        SELECT greatest(s.run_at, uuid_extract_timestamp(s.work_order_id)) AS since
                        FROM work_order_states s
                        WHERE s.queue_name = q.queue_name AND s.status = 'PENDING' AND s.claim_rank IS NULL
                          AND s.run_at <= $2::timestamptz
                        ORDER BY s.run_at, s.work_order_id LIMIT 500) c)) AS oldest_at
            FROM queues q
            WHERE $1::text[] IS NULL OR q.queue_name = ANY ($1::text[])
            ORDER BY q.queue_name
            LIMIT 500
            """;

    /**
     * How many orders of queues are where, by the names of the queues; nothing of one that is not there. Of a kind, no
     * more than 100,000 are counted.
     *
     * @param queueNames null for all of them, up to 500
     */
    public List<Backlog> find(Queries queries, @Nullable Collection<String> queueNames) {
        return queries.list(FIND, BacklogStore::map, queueNames, queries.now());
    }

    private static Backlog map(Row row) {
        return new Backlog(
                row.getString("queue_name"),
                row.getBoolean("paused"),
                count(row, "claimable"),
                count(row, "delayed"),
                count(row, "claimed"),
                count(row, "failed"),
                count(row, "expired"),
                Rows.nullableInstant(row, "oldest_at"));
    }

    private static Count count(Row row, String column) {
        long count = row.getLong(column);
        return new Count(count, count >= MOST);
    }
}
