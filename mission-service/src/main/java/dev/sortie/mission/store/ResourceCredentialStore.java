package dev.sortie.mission.store;

import dev.sortie.mission.domain.ResourceCredential;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Rows;
import dev.sortie.runtime.sql.Tx;
import io.vertx.sqlclient.Row;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/** The resource_credentials table. */
public final class ResourceCredentialStore {
    private static final String COLUMNS = """
            resource_credential_id, user_id, resource_id, credentials, key_id, created_at, updated_at, version
            """;
    private static final String INSERT = """
            INSERT INTO resource_credentials (resource_credential_id, user_id, resource_id, credentials, key_id,
                                              created_at, updated_at)
            VALUES ($1::uuid, $2::uuid, $3::text, $4::bytea, $5::bigint, $6::timestamptz, $6::timestamptz)
            RETURNING
            """ + COLUMNS;
    private static final String REPLACE = """
            UPDATE resource_credentials
            SET credentials = $2::bytea, key_id = $3::bigint, updated_at = $4::timestamptz, version = version + 1
            WHERE resource_credential_id = $1::uuid
            RETURNING
            """ + COLUMNS;
    private static final String FIND =
            "SELECT " + COLUMNS + "FROM resource_credentials WHERE resource_credential_id = $1::uuid";
    private static final String FIND_FOR_UPDATE = FIND + " FOR UPDATE";
    private static final String FIND_OF_USER_FOR_UPDATE = "SELECT " + COLUMNS
            + "FROM resource_credentials WHERE user_id = $1::uuid AND resource_id = $2::text FOR UPDATE";
    private static final String FIND_OF_USER = "SELECT " + COLUMNS
            + "FROM resource_credentials WHERE user_id = $1::uuid AND resource_id = ANY ($2::text[])";
    private static final String LIST = "SELECT " + COLUMNS + """
            FROM resource_credentials WHERE user_id = $1::uuid AND resource_id > $2::text
            ORDER BY resource_id LIMIT $3::int
            """;
    private static final String COUNT_OF_USER =
            "SELECT count(*)::int AS size FROM resource_credentials WHERE user_id = $1::uuid";
    private static final String DELETE = "DELETE FROM resource_credentials WHERE resource_credential_id = $1::uuid";
    private static final String DELETE_OF_USER =
            "DELETE FROM resource_credentials WHERE user_id = $1::uuid RETURNING " + COLUMNS;
    // A few at a time, in an order that does not change while they are encrypted anew.
    private static final String LOCK_WITH_OTHER_KEY = "SELECT " + COLUMNS + """
            FROM resource_credentials
            WHERE key_id <> $1::bigint AND resource_credential_id > $2::uuid
            ORDER BY resource_credential_id LIMIT $3::int
            FOR UPDATE
            """;
    // The content stays the same, so neither the version nor the time of the last change moves on.
    private static final String SEAL_ANEW = """
            UPDATE resource_credentials r SET credentials = s.credentials, key_id = $3::bigint
            FROM unnest($1::uuid[], $2::bytea[]) AS s (resource_credential_id, credentials)
            WHERE r.resource_credential_id = s.resource_credential_id
            """;
    private static final String COUNT_OF_KEY =
            "SELECT count(*) AS size FROM resource_credentials WHERE key_id = $1::bigint";
    private static final String COUNT_WITH_OTHER_KEY =
            "SELECT count(*) AS size FROM resource_credentials WHERE key_id <> $1::bigint";

    public ResourceCredential insert(Tx tx, UUID id, UUID userId, String resourceId, byte[] sealed, long keyId) {
        return tx.find(INSERT, ResourceCredentialStore::toCredential, id, userId, resourceId, sealed, keyId, tx.now())
                .orElseThrow();
    }

    /** Writes another content. The row is locked. */
    public ResourceCredential replace(Tx tx, UUID id, byte[] sealed, long keyId) {
        return tx.find(REPLACE, ResourceCredentialStore::toCredential, id, sealed, keyId, tx.now())
                .orElseThrow();
    }

    public Optional<ResourceCredential> find(Queries queries, UUID id) {
        return queries.find(FIND, ResourceCredentialStore::toCredential, id);
    }

    public Optional<ResourceCredential> findForUpdate(Tx tx, UUID id) {
        return tx.find(FIND_FOR_UPDATE, ResourceCredentialStore::toCredential, id);
    }

    public Optional<ResourceCredential> findForUpdate(Tx tx, UUID userId, String resourceId) {
        return tx.find(FIND_OF_USER_FOR_UPDATE, ResourceCredentialStore::toCredential, userId, resourceId);
    }

    /** Those of a user for some resources, in no order. */
    public List<ResourceCredential> findOfUser(Queries queries, UUID userId, Collection<String> resourceIds) {
        return queries.list(FIND_OF_USER, ResourceCredentialStore::toCredential, userId, List.copyOf(resourceIds));
    }

    /** Those of a user, by resource. */
    public List<ResourceCredential> list(Queries queries, UUID userId, String after, int limit) {
        return queries.list(LIST, ResourceCredentialStore::toCredential, userId, after, limit);
    }

    public int countOfUser(Queries queries, UUID userId) {
        return queries.find(COUNT_OF_USER, row -> row.getInteger("size"), userId)
                .orElseThrow();
    }

    public void delete(Tx tx, UUID id) {
        tx.update(DELETE, id);
    }

    /** Deletes all credentials of a user; returns them as they were. */
    public List<ResourceCredential> deleteOfUser(Tx tx, UUID userId) {
        return tx.list(DELETE_OF_USER, ResourceCredentialStore::toCredential, userId);
    }

    /** Some that are encrypted with another key, by id; nobody else changes them before the end of the transaction. */
    public List<ResourceCredential> lockWithOtherKey(Tx tx, long keyId, UUID after, int limit) {
        return tx.list(LOCK_WITH_OTHER_KEY, ResourceCredentialStore::toCredential, keyId, after, limit);
    }

    /** Writes the same contents encrypted with another key. The rows are locked. */
    public void sealAnew(Tx tx, List<UUID> ids, List<byte[]> sealed, long keyId) {
        tx.update(SEAL_ANEW, ids, sealed, keyId);
    }

    /** How many are encrypted with a key. */
    public long countOfKey(Queries queries, long keyId) {
        return queries.find(COUNT_OF_KEY, row -> row.getLong("size"), keyId).orElseThrow();
    }

    /** How many are encrypted with any other key. */
    public long countWithOtherKey(Queries queries, long keyId) {
        return queries.find(COUNT_WITH_OTHER_KEY, row -> row.getLong("size"), keyId)
                .orElseThrow();
    }

    private static ResourceCredential toCredential(Row row) {
        return new ResourceCredential(
                row.getUUID("resource_credential_id"),
                row.getUUID("user_id"),
                row.getString("resource_id"),
                Rows.bytes(row, "credentials"),
                row.getLong("key_id"),
                Rows.instant(row, "created_at"),
                Rows.instant(row, "updated_at"),
                row.getLong("version"));
    }
}
