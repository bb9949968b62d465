package dev.sortie.mission.store;

import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Tx;
import io.vertx.sqlclient.Row;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** The credential_keys and credential_key_replicas tables: the numbers of keys, and who has which. */
public final class CredentialKeyStore {
    private static final String REGISTER = """
            INSERT INTO credential_keys (key_id, created_at, updated_at)
            VALUES ($1::bigint, $2::timestamptz, $2::timestamptz)
            ON CONFLICT (key_id) DO NOTHING
            """;
    // Whoever retires the key waits until the transaction ends, and then sees what it has written.
    private static final String HOLD = """
            SELECT retired_at IS NULL AS in_service FROM credential_keys WHERE key_id = $1::bigint FOR SHARE
            """;
    private static final String LOCK = "SELECT key_id FROM credential_keys WHERE key_id = $1::bigint FOR UPDATE";
    private static final String RETIRE = """
            UPDATE credential_keys SET retired_at = $2::timestamptz, updated_at = $2::timestamptz
            WHERE key_id = $1::bigint AND retired_at IS NULL
            """;
    // The times of several machines are compared here, so all of them are the database's.
    private static final String REPORT = """
            WITH gone AS (
                DELETE FROM credential_key_replicas WHERE updated_at < now() - interval '1 hour'
            )
            INSERT INTO credential_key_replicas (replica_id, key_ids, primary_key_id, created_at, updated_at)
            VALUES ($1::uuid, $2::bigint[], $3::bigint, now(), now())
            ON CONFLICT (replica_id) DO UPDATE
            SET key_ids = excluded.key_ids, primary_key_id = excluded.primary_key_id, updated_at = now()
            """;
    private static final String FORGET = "DELETE FROM credential_key_replicas WHERE replica_id = $1::uuid";
    private static final String REPLICAS = """
            SELECT replica_id, key_ids, primary_key_id FROM credential_key_replicas
            WHERE updated_at > now() - interval '30 seconds'
            ORDER BY replica_id
            """;

    /**
     * A server that runs.
     *
     * @param keyIds the keys that it decrypts with
     * @param primaryKeyId the one that it encrypts with; null when it has none
     */
    public record Replica(
            UUID id, Set<Long> keyIds, @Nullable Long primaryKeyId) {}

    /**
     * Holds a key in service until the end of the transaction, for whoever is to encrypt with it.
     *
     * @return false when it has been retired
     */
    public boolean hold(Tx tx, long keyId) {
        tx.send(REGISTER, keyId, tx.now());
        return tx.find(HOLD, row -> row.getBoolean("in_service"), keyId).orElseThrow();
    }

    /** Waits until nobody holds a key any more, and lets nobody hold it before the transaction ends. */
    public void lock(Tx tx, long keyId) {
        tx.send(REGISTER, keyId, tx.now());
        tx.find(LOCK, row -> row.getLong("key_id"), keyId);
    }

    /** Takes a key out of service, for good. */
    public void retire(Tx tx, long keyId) {
        tx.update(RETIRE, keyId, tx.now());
    }

    /**
     * Says that a server runs, and which keys it has. To be said again and again.
     *
     * @param primaryKeyId null when it has none
     */
    public void report(Queries queries, UUID replicaId, Collection<Long> keyIds, @Nullable Long primaryKeyId) {
        queries.update(REPORT, replicaId, keyIds.toArray(Long[]::new), primaryKeyId);
    }

    /** Says that a server does not run any more. */
    public void forget(Queries queries, UUID replicaId) {
        queries.update(FORGET, replicaId);
    }

    /** The servers that run: that have said so lately. */
    public List<Replica> replicas(Queries queries) {
        return queries.list(REPLICAS, CredentialKeyStore::toReplica);
    }

    private static Replica toReplica(Row row) {
        return new Replica(
                row.getUUID("replica_id"), Set.of(row.getArrayOfLongs("key_ids")), row.getLong("primary_key_id"));
    }
}
