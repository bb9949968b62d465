package dev.sortie.mission.store;

import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Rows;
import dev.sortie.runtime.sql.Tx;
import java.util.Arrays;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** The imported_records table: what has become of the records of older systems. */
public final class ImportStore {
    // Empty when the record was imported before; waits for whoever is importing it now.
    private static final String CLAIM = """
            INSERT INTO imported_records (source, source_table, source_id, resource_type, resource_id, content_hash,
                                          created_at, updated_at)
            VALUES ($1::text, $2::text, $3::text, $4::text, $5::uuid, $6::bytea, $7::timestamptz, $7::timestamptz)
            ON CONFLICT ON CONSTRAINT imported_records_pkey DO UPDATE
            SET content_hash = excluded.content_hash, updated_at = excluded.updated_at
            WHERE imported_records.content_hash IS NULL
            RETURNING resource_id
            """;
    // Updates nothing, so that the row is told whether it was there or not.
    private static final String EXPECT = """
            INSERT INTO imported_records (source, source_table, source_id, resource_type, resource_id, created_at, updated_at)
            VALUES ($1::text, $2::text, $3::text, $4::text, $5::uuid, $6::timestamptz, $6::timestamptz)
            ON CONFLICT ON CONSTRAINT imported_records_pkey DO UPDATE SET source_id = excluded.source_id
            RETURNING resource_id
            """;
    private static final String BECOME = """
            UPDATE imported_records SET resource_id = $4::uuid, updated_at = $5::timestamptz
            WHERE source = $1::text AND source_table = $2::text AND source_id = $3::text
            """;
    private static final String FIND = """
            SELECT resource_id, content_hash FROM imported_records
            WHERE source = $1::text AND source_table = $2::text AND source_id = $3::text
            """;

    /** A record by where it comes from. */
    public record Key(String source, String table, String id) {}

    /**
     * What a record has become.
     *
     * @param hash of its content; null while it is awaited
     */
    public record Found(UUID resourceId, byte @Nullable [] hash) {
        /** Whether it was imported with this very content. */
        public boolean is(byte[] other) {
            return Arrays.equals(hash, other);
        }
    }

    /**
     * Takes a record that was not imported before, for good with the transaction.
     *
     * @param id what it will become, unless that was settled when it was referred to
     * @return what it becomes; empty when it was imported before
     */
    public Optional<UUID> claim(Tx tx, Key key, String resourceType, UUID id, byte[] hash) {
        return tx.find(
                CLAIM,
                row -> row.getUUID("resource_id"),
                key.source(),
                key.table(),
                key.id(),
                resourceType,
                id,
                hash,
                tx.now());
    }

    /** Notes that a record has become something else than was thought when it was taken. */
    public void become(Tx tx, Key key, UUID resourceId) {
        tx.update(BECOME, key.source(), key.table(), key.id(), resourceId, tx.now());
    }

    /** What a record is or will be, which may come later. */
    public UUID expect(Tx tx, Key key, String resourceType, UUID id) {
        return tx.find(
                        EXPECT,
                        row -> row.getUUID("resource_id"),
                        key.source(),
                        key.table(),
                        key.id(),
                        resourceType,
                        id,
                        tx.now())
                .orElseThrow();
    }

    /** What a record has become, or will. */
    public Optional<Found> find(Queries queries, Key key) {
        return queries.find(
                FIND,
                row -> new Found(
                        row.getUUID("resource_id"),
                        row.getBuffer("content_hash") == null ? null : Rows.bytes(row, "content_hash")),
                key.source(),
                key.table(),
                key.id());
    }
}
