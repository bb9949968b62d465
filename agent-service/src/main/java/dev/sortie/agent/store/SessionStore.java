package dev.sortie.agent.store;

import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Tx;
import io.vertx.sqlclient.Row;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.UUID;

/** The epochs of workers' sessions. */
public final class SessionStore {
    // In the order of ids, as everybody locks these rows.
    private static final String BEGIN = """
            INSERT INTO worker_sessions AS s (worker_id, epoch, attached_at)
            SELECT b.worker_id, b.sessions, $3::timestamptz
            FROM unnest($1::uuid[], $2::bigint[]) AS b (worker_id, sessions)
            ORDER BY b.worker_id
            ON CONFLICT (worker_id) DO UPDATE
            SET epoch = s.epoch + excluded.epoch, attached_at = excluded.attached_at
            RETURNING s.worker_id, s.epoch
            """;
    private static final String FIND = """
            SELECT s.worker_id, s.epoch FROM worker_sessions s WHERE s.worker_id = ANY ($1::uuid[])
            """;
    // Nobody attaches while a session claims: whatever it claims is there when the next one looks what is held.
    private static final String LOCK = """
            SELECT s.worker_id, s.epoch FROM worker_sessions s WHERE s.worker_id = ANY ($1::uuid[])
            ORDER BY s.worker_id
            FOR SHARE
            """;

    /**
     * Begins sessions.
     *
     * @param sessions by worker, how many of them
     * @return by worker, the epoch of the last one; those before it have the ones below
     */
    public Map<UUID, Long> begin(Tx tx, SortedMap<UUID, Long> sessions) {
        return byWorker(tx.list(
                BEGIN,
                SessionStore::map,
                new ArrayList<>(sessions.keySet()),
                new ArrayList<>(sessions.values()),
                tx.now()));
    }

    /** By worker, the epoch that counts. */
    public Map<UUID, Long> find(Queries queries, Collection<UUID> workerIds) {
        return byWorker(queries.list(FIND, SessionStore::map, workerIds));
    }

    /** The same; and nobody attaches as one of these workers until the end of the transaction. */
    public Map<UUID, Long> lock(Tx tx, Collection<UUID> workerIds) {
        return byWorker(tx.list(LOCK, SessionStore::map, workerIds));
    }

    private record Epoch(UUID workerId, long epoch) {}

    private static Epoch map(Row row) {
        return new Epoch(row.getUUID("worker_id"), row.getLong("epoch"));
    }

    private static Map<UUID, Long> byWorker(List<Epoch> found) {
        var epochs = new HashMap<UUID, Long>();
        found.forEach(epoch -> epochs.put(epoch.workerId(), epoch.epoch()));
        return epochs;
    }
}
