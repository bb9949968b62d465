package dev.sortie.mission.store;

import dev.sortie.mission.domain.Asset;
import dev.sortie.mission.domain.AssetContent;
import dev.sortie.mission.domain.AssetContentInfo;
import dev.sortie.mission.domain.AssetRole;
import dev.sortie.mission.domain.AssetScopeType;
import dev.sortie.mission.domain.AssetStatus;
import dev.sortie.mission.domain.MissionTree;
import dev.sortie.mission.domain.Refusals;
import dev.sortie.runtime.paging.Keyset;
import dev.sortie.runtime.sql.ConstraintViolation;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Rows;
import dev.sortie.runtime.sql.Tx;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import io.vertx.sqlclient.Row;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** The assets table. Content is read only where it is asked for: it may be a mebibyte. */
public final class AssetStore {
    private static final String HEAD = """
            asset_id, user_id, scope_type, scope_id, mission_id, name, description, type, subtype, role, status,
            content_info::text AS content_info, content_changes, content_summary, asset_metadata::text AS asset_metadata,
            created_at, updated_at, version
            """;
    private static final String WHOLE = "content::text AS content, " + HEAD;
    private static final String INSERT = """
            INSERT INTO assets (asset_id, user_id, scope_type, scope_id, mission_id, name, description, type, subtype, role,
                                status, content, content_summary, asset_metadata, created_at, updated_at)
            VALUES ($1::uuid, $2::uuid, $3::text, $4::uuid, $5::uuid, $6::text, $7::text, $8::text, $9::text, $10::text,
                    $11::text, $12::text::jsonb, $13::text, $14::text::jsonb, $15::timestamptz, $15::timestamptz)
            RETURNING
            """ + WHOLE;
    private static final String INSERT_AS_IT_WAS = """
            INSERT INTO assets (asset_id, user_id, scope_type, scope_id, mission_id, name, description, type, subtype, role,
                                status, content, content_summary, asset_metadata, created_at, updated_at)
            VALUES ($1::uuid, $2::uuid, $3::text, $4::uuid, $5::uuid, $6::text, $7::text, $8::text, $9::text, $10::text,
                    $11::text, $12::text::jsonb, $13::text, $14::text::jsonb, $15::timestamptz, $16::timestamptz)
            """;
    // An asset goes into hiding with its mission.
    private static final String FIND = "SELECT " + WHOLE + """
                    FROM assets WHERE asset_id = $1::uuid
                      AND EXISTS (SELECT FROM missions m WHERE m.mission_id = assets.mission_id AND m.deleted_at IS NULL)
                    """;
    private static final String FIND_HEAD = "SELECT " + HEAD + """
                    FROM assets WHERE asset_id = $1::uuid
                      AND EXISTS (SELECT FROM missions m WHERE m.mission_id = assets.mission_id AND m.deleted_at IS NULL)
                    """;
    private static final String LOCK = "SELECT " + HEAD + """
                    FROM assets WHERE asset_id = $1::uuid
                      AND EXISTS (SELECT FROM missions m WHERE m.mission_id = assets.mission_id AND m.deleted_at IS NULL)
                    FOR NO KEY UPDATE OF assets
                    """;
    private static final String FIND_HEADS = "SELECT " + HEAD + "FROM assets WHERE asset_id = ANY($1::uuid[])";
    // In the order of the ids, so that two transactions never wait for each other.
    private static final String LOCK_ALL =
            "SELECT asset_id FROM assets WHERE asset_id = ANY($1::uuid[]) ORDER BY asset_id FOR NO KEY UPDATE";
    private static final String FIND_CONTENTS = """
            SELECT asset_id, content::text AS content FROM assets
            WHERE asset_id = ANY($1::uuid[]) AND status = 'READY' AND content IS NOT NULL
            """;
    // Asked for each asset by itself, by a primary key: a join could read all missions.
    private static final String VISIBLE =
            " AND (SELECT m.deleted_at IS NULL FROM missions m WHERE m.mission_id = assets.mission_id)";
    // Those of the mission first, then those of its hops in their order. Long descriptions are cut.
    private static final String LIST_OF_TREE =
            "SELECT " + HEAD.replace(" description,", " left(description, $6::int) AS description,") + """
            FROM assets LEFT JOIN (
                SELECT hop_id AS place_hop_id, sequence_order AS place FROM hops WHERE mission_id = $1::uuid) AS places
                ON place_hop_id = hop_id
            WHERE mission_id = $1::uuid
              AND (coalesce(place, -1), created_at, asset_id) > ($2::int, $3::timestamptz, $4::uuid)
            ORDER BY coalesce(place, -1), created_at, asset_id LIMIT $5::int
            """;
    private static final String UPDATE_FIELDS = """
            UPDATE assets
            SET name = $2::text, description = $3::text, type = $4::text, subtype = $5::text, role = $6::text,
                content_summary = $7::text, asset_metadata = asset_metadata || $8::text::jsonb,
                updated_at = $9::timestamptz, version = version + 1
            WHERE asset_id = $1::uuid
            RETURNING
            """ + WHOLE;
    private static final String UPDATE_ALL = """
            UPDATE assets
            SET name = $2::text, description = $3::text, type = $4::text, subtype = $5::text, role = $6::text,
                content_summary = $7::text, asset_metadata = $8::text::jsonb,
                updated_at = $9::timestamptz, status = $10::text, content = $11::text::jsonb, content_info = NULL,
                content_changes = content_changes + 1, version = version + 1
            WHERE asset_id = $1::uuid
            RETURNING
            """ + WHOLE;
    private static final String FILL = """
            UPDATE assets
            SET status = 'READY', content = $2::text::jsonb, content_info = NULL, content_changes = content_changes + 1,
                content_summary = $3::text,
                asset_metadata = asset_metadata || jsonb_build_object(
                    'version', (asset_metadata ->> 'version')::int + 1, 'token_count', $4::bigint, 'creator', $5::text),
                updated_at = $6::timestamptz, version = version + 1
            WHERE asset_id = $1::uuid
            RETURNING
            """ + HEAD;
    private static final String PUT_STREAMED = """
            UPDATE assets
            SET status = 'READY', content = NULL, content_info = $2::text::jsonb, content_changes = content_changes + 1,
                content_summary = $3::text,
                asset_metadata = asset_metadata || jsonb_build_object(
                    'version', coalesce((asset_metadata ->> 'version')::int, 0) + 1, 'token_count', $4::bigint),
                updated_at = $5::timestamptz, version = version + 1
            WHERE asset_id = $1::uuid
            RETURNING
            """ + HEAD;
    private static final String KEEP_STREAMED = """
            UPDATE assets
            SET status = 'READY', asset_metadata = asset_metadata || jsonb_build_object('creator', $2::text),
                updated_at = $3::timestamptz, version = version + 1
            WHERE asset_id = $1::uuid
            RETURNING
            """ + HEAD;
    // Its pieces go later, some at a time.
    private static final String DETACH_STREAMED = """
            UPDATE asset_contents SET asset_id = NULL, updated_at = $2::timestamptz
            WHERE asset_id = $1::uuid AND status = 'COMPLETE'
            """;
    // Locks in the order of the ids, so that two transactions never wait for each other.
    private static final String MARK_FAILED = """
            UPDATE assets
            SET status = 'ERROR', updated_at = $2::timestamptz, version = version + 1
            WHERE asset_id IN (
                SELECT asset_id FROM assets WHERE asset_id = ANY($1::uuid[]) ORDER BY asset_id FOR NO KEY UPDATE)
            RETURNING
            """ + HEAD;
    private static final String DELETE = "DELETE FROM assets WHERE asset_id = $1::uuid";
    private static final String DELETE_OF_HOP =
            "DELETE FROM assets WHERE hop_id = $2::uuid AND mission_id = $1::uuid RETURNING " + HEAD;
    private static final String DELETE_OF_USER = "DELETE FROM assets WHERE user_id = $1::uuid RETURNING " + HEAD;
    private static final String DELETE_OF_MISSION = "DELETE FROM assets WHERE mission_id = $1::uuid RETURNING " + HEAD;

    /** What assets belong to. */
    public record Scope(AssetScopeType type, UUID id) {}

    /**
     * Which assets a list shows, by creation and id. What is null, or empty, does not matter.
     *
     * @param inherited with a hop as the scope: whether those of its mission too
     * @param missionId the mission of that hop, once it is known
     */
    public record Filter(
            @Nullable Scope scope,
            boolean inherited,
            @Nullable UUID missionId,
            @Nullable UUID userId,
            @Nullable AssetRole role,
            @Nullable AssetStatus status,
            String type,
            String subtype,
            String tag,
            String namePrefix) {

        /** The same, with what the mission has as well. */
        public Filter withMission(UUID mission) {
            return new Filter(scope, inherited, mission, userId, role, status, type, subtype, tag, namePrefix);
        }
    }

    /**
     * Creates an asset. Refuses when the scope has gone meanwhile.
     *
     * @param content null for none
     */
    public Asset insert(
            Tx tx,
            UUID id,
            UUID userId,
            AssetScopeType scopeType,
            UUID scopeId,
            UUID missionId,
            Asset.Fields fields,
            @Nullable AssetContent content) {
        try {
            return tx.find(
                            INSERT,
                            AssetStore::toAsset,
                            id,
                            userId,
                            scopeType,
                            scopeId,
                            missionId,
                            fields.name(),
                            fields.description(),
                            fields.type(),
                            fields.subtype(),
                            fields.role(),
                            content == null ? AssetStatus.PENDING : AssetStatus.READY,
                            content == null ? null : content.json(),
                            fields.summary(),
                            metadata(fields, content == null ? 0 : 1, content == null ? 0 : content.tokenCount()),
                            tx.now())
                    .orElseThrow();
        } catch (ConstraintViolation broken) {
            if (broken.isOf("assets_mission_fkey") || broken.isOf("assets_hop_fkey")) {
                throw Refusals.scopeNotFound(scopeType, scopeId);
            }
            throw broken;
        }
    }

    /** Creates an asset in the state in which it was elsewhere. */
    public void insertAsItWas(Tx tx, Asset asset) {
        tx.update(
                INSERT_AS_IT_WAS,
                asset.id(),
                asset.userId(),
                asset.scopeType(),
                asset.scopeId(),
                asset.missionId(),
                asset.fields().name(),
                asset.fields().description(),
                asset.fields().type(),
                asset.fields().subtype(),
                asset.fields().role(),
                asset.status(),
                asset.content(),
                asset.fields().summary(),
                metadata(asset.fields(), asset.contentVersion(), asset.tokenCount()),
                asset.createdAt(),
                asset.updatedAt());
    }

    /** An asset with its content, unless its mission is hidden. */
    public Optional<Asset> find(Queries queries, UUID id) {
        return queries.find(FIND, AssetStore::toAsset, id);
    }

    /** The same without its content. */
    public Optional<Asset> findHead(Queries queries, UUID id) {
        return queries.find(FIND_HEAD, AssetStore::toHead, id);
    }

    /** An asset without its content, unless its mission is hidden; held until the end of the transaction. */
    public Optional<Asset> lock(Tx tx, UUID id) {
        return tx.find(LOCK, AssetStore::toHead, id);
    }

    /** Holds those of the assets that exist until the end of the transaction; tells which. */
    public List<UUID> lockAll(Tx tx, Collection<UUID> ids) {
        return tx.list(LOCK_ALL, row -> row.getUUID("asset_id"), (Object) ids.toArray(new UUID[0]));
    }

    /** Those of the assets that exist, without their content. */
    public List<Asset> findHeads(Queries queries, Collection<UUID> ids) {
        return queries.list(FIND_HEADS, AssetStore::toHead, (Object) ids.toArray(new UUID[0]));
    }

    /** The inline contents, as JSON text, of those of the assets that are READY. */
    public Map<UUID, String> findContents(Queries queries, Collection<UUID> ids) {
        var contents = new TreeMap<UUID, String>();
        queries.list(FIND_CONTENTS, row -> Map.entry(row.getUUID("asset_id"), row.getString("content")), (Object)
                        ids.toArray(new UUID[0]))
                .forEach(entry -> contents.put(entry.getKey(), entry.getValue()));
        return contents;
    }

    /**
     * A page of assets, without their content.
     *
     * @param after time of creation and id of the last one of the page before, where there is one
     */
    public List<Asset> list(Queries queries, Filter filter, @Nullable Keyset after, int limit) {
        var scope = filter.scope();
        return queries.list(
                listSql(filter, after != null),
                AssetStore::toHead,
                limit,
                scope == null ? null : scope.id(),
                filter.missionId(),
                after == null ? null : after.instant(0),
                after == null ? null : after.uuid(1),
                filter.userId(),
                filter.role(),
                filter.status(),
                filter.type(),
                filter.subtype(),
                filter.tag(),
                filter.namePrefix(),
                afterPrefix(filter.namePrefix()));
    }

    /**
     * Assets of a mission without their content: its own by creation, then those of each hop by creation.
     *
     * @param place the place of the hop of the last one of the page before; -1 for the mission
     * @param createdAt when that one was created
     * @param id its id
     */
    public List<Asset> listOfTree(Queries queries, UUID missionId, int place, Instant createdAt, UUID id, int limit) {
        return queries.list(
                LIST_OF_TREE, AssetStore::toHead, missionId, place, createdAt, id, limit, MissionTree.TEXT + 1);
    }

    /** Writes what callers set, and leaves the content as it is. */
    public Asset updateFields(Tx tx, UUID id, Asset.Fields fields) {
        return tx.find(
                        UPDATE_FIELDS,
                        AssetStore::toAsset,
                        id,
                        fields.name(),
                        fields.description(),
                        fields.type(),
                        fields.subtype(),
                        fields.role(),
                        fields.summary(),
                        callersMetadata(fields).encode(),
                        tx.now())
                .orElseThrow();
    }

    /**
     * Writes what callers set, the content included.
     *
     * @param content null to have none from now on
     * @param contentVersion the version of the content
     */
    public Asset updateAll(Tx tx, UUID id, Asset.Fields fields, @Nullable AssetContent content, int contentVersion) {
        detachStreamed(tx, id);
        return tx.find(
                        UPDATE_ALL,
                        AssetStore::toAsset,
                        id,
                        fields.name(),
                        fields.description(),
                        fields.type(),
                        fields.subtype(),
                        fields.role(),
                        fields.summary(),
                        metadata(fields, contentVersion, content == null ? 0 : content.tokenCount()),
                        tx.now(),
                        content == null ? AssetStatus.PENDING : AssetStatus.READY,
                        content == null ? null : content.json())
                .orElseThrow();
    }

    /** Writes new content; empty when the asset is gone. */
    public Optional<Asset> fill(Tx tx, UUID id, AssetContent content, String creator) {
        detachStreamed(tx, id);
        return tx.find(
                FILL,
                AssetStore::toHead,
                id,
                content.json(),
                content.summary(),
                content.tokenCount(),
                creator,
                tx.now());
    }

    /** Takes its streamed content from an asset, where it has one. For callers who hold it and write what it is next. */
    public void detachStreamed(Tx tx, UUID id) {
        tx.send(DETACH_STREAMED, id, tx.now());
    }

    /** Writes what its streamed content is from now on; its pieces are there. For callers who hold the asset. */
    public Asset putStreamed(Tx tx, UUID id, AssetContentInfo info, String summary, long tokenCount) {
        return tx.find(PUT_STREAMED, AssetStore::toHead, id, encode(info), summary, tokenCount, tx.now())
                .orElseThrow();
    }

    /** Lets streamed content be what a tool made: the asset is READY, and its content stays. For callers who hold it. */
    public Asset keepStreamed(Tx tx, UUID id, String creator) {
        return tx.find(KEEP_STREAMED, AssetStore::toHead, id, creator, tx.now()).orElseThrow();
    }

    /** Marks assets as ERROR; tells which. */
    public List<Asset> markFailed(Tx tx, Collection<UUID> ids) {
        return tx.list(MARK_FAILED, AssetStore::toHead, ids.toArray(new UUID[0]), tx.now());
    }

    public void delete(Tx tx, UUID id) {
        tx.send(DELETE, id);
    }

    /** Deletes the assets in a hop's scope; tells which. */
    public List<Asset> deleteOfHop(Tx tx, UUID missionId, UUID hopId) {
        return tx.list(DELETE_OF_HOP, AssetStore::toHead, missionId, hopId);
    }

    /** Deletes the assets of a user, in whose mission they may be; tells which. */
    public List<Asset> deleteOfUser(Tx tx, UUID userId) {
        return tx.list(DELETE_OF_USER, AssetStore::toHead, userId);
    }

    /** Deletes the assets of a mission and its hops; tells which. */
    public List<Asset> deleteOfMission(Tx tx, UUID missionId) {
        return tx.list(DELETE_OF_MISSION, AssetStore::toHead, missionId);
    }

    // One text per combination of filters: each has a plan of its own.
    private static String listSql(Filter filter, boolean after) {
        var scope = filter.scope();
        var rest = (filter.userId() == null ? " AND $6::uuid IS NULL" : " AND user_id = $6::uuid")
                + (filter.role() == null ? " AND $7::text IS NULL" : " AND role = $7::text")
                + (filter.status() == null ? " AND $8::text IS NULL" : " AND status = $8::text")
                + (filter.type().isEmpty() ? " AND $9::text = ''" : " AND type = $9::text")
                + (filter.subtype().isEmpty() ? " AND $10::text = ''" : " AND subtype = $10::text")
                + (filter.tag().isEmpty()
                        ? " AND $11::text = ''"
                        : " AND (asset_metadata -> 'tags') @> jsonb_build_array($11::text)")
                + (filter.namePrefix().isEmpty()
                        ? " AND $12::text = '' AND $13::text = ''"
                        : " AND name ~>=~ $12::text AND name ~<~ $13::text")
                + (after
                        ? " AND (created_at, asset_id) > ($4::timestamptz, $5::uuid)"
                        : " AND $4::timestamptz IS NULL AND $5::uuid IS NULL")
                + " ORDER BY created_at, asset_id LIMIT $1::int";
        var from = "SELECT " + HEAD + "FROM assets WHERE ";
        if (scope == null) {
            return from + "$2::uuid IS NULL AND $3::uuid IS NULL" + VISIBLE + rest;
        }
        var own = from + (scope.type() == AssetScopeType.HOP ? "scope_type = 'HOP'" : "scope_type = 'MISSION'")
                + " AND scope_id = $2::uuid";
        if (filter.missionId() == null) {
            return own + " AND $3::uuid IS NULL" + rest;
        }
        // Each in its order, so that they need only be merged.
        return "(" + own + rest + ") UNION ALL (" + from + "scope_type = 'MISSION' AND scope_id = $3::uuid" + rest
                + ") ORDER BY created_at, asset_id LIMIT $1::int";
    }

    /** What follows everything with a prefix, in the order of the code points; empty for an empty prefix. */
    private static String afterPrefix(String prefix) {
        int end = prefix.length();
        while (end > 0) {
            int last = prefix.codePointBefore(end);
            end -= Character.charCount(last);
            if (last < Character.MAX_CODE_POINT) {
                int next = last + 1 == Character.MIN_SURROGATE ? Character.MAX_SURROGATE + 1 : last + 1;
                return prefix.substring(0, end) + Character.toString(next);
            }
        }
        return prefix.isEmpty() ? "" : prefix + Character.toString(Character.MAX_CODE_POINT);
    }

    private static String encode(AssetContentInfo info) {
        return new JsonObject()
                .put("size", info.size())
                .put("sha256", info.sha256())
                .put("media_type", info.mediaType())
                .put("file_name", info.fileName())
                .encode();
    }

    private static @Nullable AssetContentInfo contentInfo(@Nullable String json) {
        if (json == null) {
            return null;
        }
        var info = new JsonObject(json);
        return new AssetContentInfo(
                info.getLong("size"),
                info.getString("sha256"),
                info.getString("media_type"),
                info.getString("file_name", ""));
    }

    private static JsonObject callersMetadata(Asset.Fields fields) {
        return new JsonObject()
                .put("creator", fields.creator())
                .put("tags", new JsonArray(fields.tags()))
                .put("agent_associations", new JsonArray(fields.agentAssociations()));
    }

    private static String metadata(Asset.Fields fields, int contentVersion, long tokenCount) {
        return callersMetadata(fields)
                .put("version", contentVersion)
                .put("token_count", tokenCount)
                .encode();
    }

    private static Asset toAsset(Row row) {
        return toAsset(row, row.getString("content"));
    }

    private static Asset toHead(Row row) {
        return toAsset(row, null);
    }

    private static Asset toAsset(Row row, @Nullable String content) {
        var metadata = new JsonObject(row.getString("asset_metadata"));
        return new Asset(
                row.getUUID("asset_id"),
                row.getUUID("user_id"),
                Rows.value(row, "scope_type", AssetScopeType.class),
                row.getUUID("scope_id"),
                row.getUUID("mission_id"),
                new Asset.Fields(
                        row.getString("name"),
                        row.getString("description"),
                        row.getString("type"),
                        row.getString("subtype"),
                        Rows.value(row, "role", AssetRole.class),
                        row.getString("content_summary"),
                        metadata.getString("creator", ""),
                        strings(metadata, "tags"),
                        strings(metadata, "agent_associations")),
                Rows.value(row, "status", AssetStatus.class),
                content,
                contentInfo(row.getString("content_info")),
                row.getLong("content_changes"),
                metadata.getInteger("version", 0),
                metadata.getLong("token_count", 0L),
                Rows.instant(row, "created_at"),
                Rows.instant(row, "updated_at"),
                row.getLong("version"));
    }

    private static List<String> strings(JsonObject metadata, String name) {
        return metadata.getJsonArray(name, new JsonArray()).stream()
                .map(String.class::cast)
                .toList();
    }
}
