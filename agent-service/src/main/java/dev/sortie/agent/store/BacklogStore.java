package dev.sortie.agent.store;

import dev.sortie.agent.domain.QueueStats.Backlog;
import dev.sortie.agent.domain.QueueStats.Count;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Rows;
import io.vertx.sqlclient.Row;
import java.util.Collection;
import java.util.List;

/** How many orders of queues are where. */
public final class BacklogStore {
    private static final int MOST = 100_000;
    private static final int MOST_OF_EACH = 10_000;

    private static final String FIND = findSql("q.queue_name = ANY ($1::text[])", MOST);
    private static final String FIND_ALL = findSql("$1::text[] IS NULL", MOST_OF_EACH);

    // Each count goes along one index, in its order and no further than it must: without an order, the whole table
    // would seem the shorter way, and without limits that are known beforehand, to sort all there is. What has a place
    // in line has had its time come.
    // The oldest: orders come in the order of their ids, so it is among the first that are pending, unless very many of
    // those wait for their time; then among the first in line, or among those whose time has just come. The bounds of
    // the first of these looks leave only one index that has their order: by the ids of all orders, as many might have
    // to be passed over as there are.
    private static String findSql(String which, int most) {
        return """
            SELECT q.queue_name, q.paused,
                (SELECT count(*) FROM (
                    SELECT FROM work_order_states s
                    WHERE s.queue_name = q.queue_name AND s.lane_id IS NULL AND s.claim_rank IS NOT NULL
                      AND s.claim_hash IS NULL AND s.completed_at IS NULL
                    ORDER BY s.claim_rank, s.work_order_id LIMIT %1$d) c)
                + (SELECT count(*) FROM (
                    SELECT FROM work_order_states s
                    WHERE s.queue_name = q.queue_name AND s.lane_id IS NOT NULL AND s.claim_rank IS NOT NULL
                      AND s.claim_hash IS NULL AND s.completed_at IS NULL
                    ORDER BY s.lane_id, s.claim_rank, s.work_order_id LIMIT %1$d) c)
                + (SELECT count(*) FROM (
                    SELECT FROM work_order_states s
                    WHERE s.queue_name = q.queue_name AND s.status = 'PENDING' AND s.claim_rank IS NULL
                      AND s.run_at <= $2::timestamptz
                    ORDER BY s.run_at, s.work_order_id LIMIT %1$d) c) AS claimable,
                (SELECT count(*) FROM (
                    SELECT FROM work_order_states s
                    WHERE s.queue_name = q.queue_name AND s.status = 'PENDING' AND s.claim_rank IS NULL
                      AND s.run_at > $2::timestamptz
                    ORDER BY s.run_at, s.work_order_id LIMIT %1$d) c) AS delayed,
                (SELECT count(*) FROM (
                    SELECT FROM work_order_states s
                    WHERE s.queue_name = q.queue_name AND s.status = 'CLAIMED'
                    ORDER BY s.work_order_id LIMIT %1$d) c) AS claimed,
                (SELECT count(*) FROM (
                    SELECT FROM work_order_states s
                    WHERE s.queue_name = q.queue_name AND s.status = 'FAILED'
                    ORDER BY s.work_order_id LIMIT %1$d) c) AS failed,
                (SELECT count(*) FROM (
                    SELECT FROM work_order_states s
                    WHERE s.queue_name = q.queue_name AND s.status = 'EXPIRED'
                    ORDER BY s.work_order_id LIMIT %1$d) c) AS expired,
                least(
                    (SELECT min(c.since) FROM (
                        SELECT CASE WHEN s.claim_rank IS NOT NULL OR s.run_at <= $2::timestamptz
                            THEN greatest(s.run_at, uuid_extract_timestamp(s.work_order_id)) END AS since
                        FROM work_order_states s
                        WHERE (s.queue_name, s.status) >= (q.queue_name, 'PENDING')
                          AND (s.queue_name, s.status) <= (q.queue_name, 'PENDING')
                        ORDER BY s.queue_name, s.status, s.work_order_id LIMIT 500) c),
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
            WHERE %2$s
            ORDER BY q.queue_name
            LIMIT 500
            """.formatted(most, which);
    }

    /**
     * How many orders of queues are where; nothing of a queue that is not there. Of a kind, no more than 100,000 are
     * counted.
     */
    public List<Backlog> find(Queries queries, Collection<String> queueNames) {
        return queries.list(FIND, row -> map(row, MOST), queueNames, queries.now());
    }

    /** The same of all queues, up to 500. Of a kind, no more than 10,000 are counted. */
    public List<Backlog> findAll(Queries queries) {
        return queries.list(FIND_ALL, row -> map(row, MOST_OF_EACH), null, queries.now());
    }

    private static Backlog map(Row row, int most) {
        return new Backlog(
                row.getString("queue_name"),
                row.getBoolean("paused"),
                count(row, "claimable", most),
                count(row, "delayed", most),
                count(row, "claimed", most),
                count(row, "failed", most),
                count(row, "expired", most),
                Rows.nullableInstant(row, "oldest_at"));
    }

    private static Count count(Row row, String column, int most) {
        long count = row.getLong(column);
        return new Count(count, count >= most);
    }
}
