package dev.sortie.mission.store;

import dev.sortie.mission.domain.AssetContentInfo;
import dev.sortie.mission.domain.AssetContents;
import dev.sortie.mission.domain.Refusals;
import dev.sortie.runtime.sql.ConstraintViolation;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Rows;
import dev.sortie.runtime.sql.Tx;
import io.vertx.sqlclient.Row;
import java.time.Instant;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/** The asset_contents and asset_chunks tables. An asset's row is locked before those of its contents. */
public final class AssetContentStore {
    private static final String INSERT = """
            INSERT INTO asset_contents (content_id, asset_id, media_type, file_name, created_at, updated_at)
            VALUES ($1::uuid, $2::uuid, $3::text, $4::text, $5::timestamptz, $5::timestamptz)
            """;
    // What is lost with the server is swept away; the commit that makes it content takes everything before along.
    private static final String COMMIT_LAZILY = "SELECT set_config('synchronous_commit', 'off', true)";
    private static final String TOUCH = """
            UPDATE asset_contents SET updated_at = $2::timestamptz
            WHERE content_id = $1::uuid AND status = 'UPLOADING' AND asset_id IS NOT NULL
            """;
    private static final String INSERT_CHUNK = """
            INSERT INTO asset_chunks (content_id, position, data, created_at, updated_at)
            VALUES ($1::uuid, $2::int, $3::bytea, $4::timestamptz, $4::timestamptz)
            """;
    private static final String COMPLETE = """
            UPDATE asset_contents
            SET status = 'COMPLETE', size = $2::bigint, sha256 = $3::bytea, updated_at = $4::timestamptz
            WHERE content_id = $1::uuid AND status = 'UPLOADING' AND asset_id IS NOT NULL
            """;
    private static final String FIND = """
            SELECT a.asset_id, c.content_id, c.size, c.sha256, c.media_type, c.file_name,
                   coalesce((a.asset_metadata ->> 'version')::int, 0) AS content_version
            FROM assets a
                JOIN missions m ON m.mission_id = a.mission_id AND m.deleted_at IS NULL
                JOIN asset_contents c ON c.asset_id = a.asset_id AND c.status = 'COMPLETE'
            WHERE a.asset_id = $1::uuid
            """;
    // Nothing of a content that was replaced meanwhile, or whose asset is deleted or hidden.
    private static final String READ = """
            SELECT k.data
            FROM asset_contents c
                JOIN assets a ON a.asset_id = c.asset_id
                JOIN missions m ON m.mission_id = a.mission_id AND m.deleted_at IS NULL
                JOIN asset_chunks k ON k.content_id = c.content_id
            WHERE c.content_id = $1::uuid AND k.position >= $2::int AND k.position < $3::int
            ORDER BY k.position
            """;
    private static final String READ_UPLOADING = """
            SELECT data FROM asset_chunks WHERE content_id = $1::uuid AND position < $2::int ORDER BY position
            """;
    // Waits for the transaction that may just be writing it, as an update of what is there would not. Where that comes
    // to
    // nothing, what this writes goes with the rest that nobody needs.
    private static final String ABANDON = """
            INSERT INTO asset_contents AS c (content_id, media_type, created_at, updated_at)
            VALUES ($1::uuid, 'application/octet-stream', $2::timestamptz, $2::timestamptz)
            ON CONFLICT (content_id) DO UPDATE SET asset_id = NULL WHERE c.status = 'UPLOADING'
            """;
    private static final String ABANDON_SILENT = """
            UPDATE asset_contents SET asset_id = NULL
            WHERE status = 'UPLOADING' AND updated_at < $1::timestamptz AND asset_id IS NOT NULL
            """;
    private static final String TAKE_UNNEEDED = """
            SELECT content_id FROM asset_contents WHERE asset_id IS NULL
            ORDER BY content_id LIMIT 1
            FOR UPDATE SKIP LOCKED
            """;
    private static final String DELETE_CHUNKS = """
            DELETE FROM asset_chunks
            WHERE content_id = $1::uuid AND position IN (
                SELECT position FROM asset_chunks WHERE content_id = $1::uuid ORDER BY position LIMIT $2::int)
            """;
    private static final String DELETE = "DELETE FROM asset_contents WHERE content_id = $1::uuid";

    /** Makes room for a content that comes. Refuses when the asset has gone meanwhile. */
    public void insert(Tx tx, UUID contentId, UUID assetId, String mediaType, String fileName) {
        try {
            tx.update(INSERT, contentId, assetId, mediaType, fileName, tx.now());
        } catch (ConstraintViolation broken) {
            if (broken.isOf("asset_contents_asset_fkey")) {
                throw Refusals.notFound("asset", assetId);
            }
            throw broken;
        }
    }

    /** Keeps some pieces; false when the content is none any more that somebody waits for. */
    public boolean append(Tx tx, UUID contentId, int position, List<byte[]> chunks) {
        tx.send(COMMIT_LAZILY);
        if (tx.update(TOUCH, contentId, tx.now()) == 0) {
            return false;
        }
        int place = position;
        for (var chunk : chunks) {
            tx.send(INSERT_CHUNK, contentId, place++, chunk, tx.now());
        }
        return true;
    }

    /** Makes what has come the content of its asset; false when it is none any more that somebody waits for. */
    public boolean complete(Tx tx, UUID contentId, AssetContentInfo info) {
        return tx.update(COMPLETE, contentId, info.size(), HexFormat.of().parseHex(info.sha256()), tx.now()) > 0;
    }

    /** The present content of an asset, unless its mission is hidden. */
    public Optional<AssetContents.Stored> find(Queries queries, UUID assetId) {
        return queries.find(FIND, AssetContentStore::toStored, assetId);
    }

    /** Some pieces of a content; none once it is no longer an asset's. */
    public List<byte[]> read(Queries queries, UUID contentId, int position, int count) {
        return queries.list(READ, row -> Rows.bytes(row, "data"), contentId, position, position + count);
    }

    /** The first pieces of a content that is on its way. */
    public List<byte[]> readUploading(Queries queries, UUID contentId, int count) {
        return queries.list(READ_UPLOADING, row -> Rows.bytes(row, "data"), contentId, count);
    }

    /** Gives up a content that is on its way, or that may be. */
    public void abandon(Queries queries, UUID contentId) {
        queries.update(ABANDON, contentId, queries.now());
    }

    /** Gives up the contents on their way that were not heard of since then. */
    public void abandonSilent(Queries queries, Instant since) {
        queries.update(ABANDON_SILENT, since);
    }

    /** A content that nobody needs, held until the end of the transaction. */
    public Optional<UUID> takeUnneeded(Tx tx) {
        return tx.find(TAKE_UNNEEDED, row -> row.getUUID("content_id"));
    }

    /** Deletes some pieces of a content; tells how many. */
    public int deleteChunks(Tx tx, UUID contentId, int limit) {
        return tx.update(DELETE_CHUNKS, contentId, limit);
    }

    public void delete(Tx tx, UUID contentId) {
        tx.send(DELETE, contentId);
    }

    private static AssetContents.Stored toStored(Row row) {
        return new AssetContents.Stored(
                row.getUUID("asset_id"),
                row.getUUID("content_id"),
                new AssetContentInfo(
                        row.getLong("size"),
                        HexFormat.of().formatHex(Rows.bytes(row, "sha256")),
                        row.getString("media_type"),
                        row.getString("file_name")),
                row.getInteger("content_version"));
    }
}
