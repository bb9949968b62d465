package dev.sortie.mission.domain;

import dev.sortie.mission.store.AssetStore;
import dev.sortie.mission.store.HopStore;
import dev.sortie.mission.store.MissionStore;
import dev.sortie.runtime.sql.Change;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Assets of the mission system, as rows of their own or nested in their mission or hop. */
final class ImportAssets {
    private static final int MAX_CONTENT = 1024 * ImportColumns.KIB;

    private final AssetStore assets;
    private final MissionStore missions;
    private final HopStore hops;

    ImportAssets(AssetStore assets, MissionStore missions, HopStore hops) {
        this.assets = assets;
        this.missions = missions;
        this.hops = hops;
    }

    /**
     * An asset that has been read.
     *
     * @param path where in the record it stands
     * @param sourceId null where it has none, as nested ones may
     * @param content as it is counted and shown; null for none
     */
    record Draft(
            String path,
            @Nullable String sourceId,
            Asset.Fields fields,
            AssetStatus status,
            @Nullable AssetContent content,
            int contentVersion,
            Instant createdAt,
            Instant updatedAt) {}

    /** A row of the assets table. */
    Importable row(ImportColumns row, Instant now) {
        var userId = row.id("user_id");
        var scopeType = row.requiredChoice("scope_type", ImportWords.SCOPE);
        var scopeId = row.requiredId("scope_id");
        var draft = draft(row, now);
        row.done();
        return new Importable() {
            @Override
            public String resource() {
                return "asset";
            }

            @Override
            public UUID write(ImportTarget target, UUID id) {
                var scope = target.required(
                        "scope_id",
                        switch (scopeType) {
                            case MISSION -> "missions";
                            case HOP -> "hops";
                        },
                        scopeId);
                var missionId = switch (scopeType) {
                    case MISSION -> scope;
                    case HOP -> hops.missionOf(target.tx(), scope).orElseThrow(() -> gone(scopeId));
                };
                var mission = missions.lock(target.tx(), missionId)
                        .filter(found -> !found.isDeleted())
                        .orElseThrow(() -> gone(scopeId));
                if (userId != null
                        && !target.required("user_id", "users", userId).equals(mission.userId())) {
                    target.note("user_id", "the owner of its mission, who is another one");
                }
                store(target, mission, scopeType, scope, draft, id);
                return id;
            }
        };
    }

    /** What is the same of a row and of something nested. */
    Draft draft(ImportColumns row, Instant now) {
        var sourceId = row.id("id");
        row.drop("assets are referred to by their id", "asset_key");
        var metadata = row.columns("asset_metadata");
        var tags = metadata == null ? List.<String>of() : metadata.texts("tags", 50, 50);
        var agents = metadata == null ? List.<String>of() : metadata.texts("agent_associations", 50, 255);
        var creator = metadata == null ? "" : metadata.text("creator", 255);
        var version = metadata == null ? null : metadata.integer("version", 0, Integer.MAX_VALUE);
        if (metadata != null) {
            metadata.integer("token_count", 0, Long.MAX_VALUE); // counted anew
            metadata.done();
        }
        var value = row.json("content");
        var content = value == null
                ? null
                : AssetContent.of(
                        row.fittingJson("content", value, MAX_CONTENT),
                        value.isString() ? value.stringValue() : value.toString());
        var status = ImportColumns.or(
                row.choice("status", ImportWords.ASSET_STATUS),
                content == null ? AssetStatus.PENDING : AssetStatus.READY);
        if (status == AssetStatus.READY && content == null) {
            status = AssetStatus.PENDING;
            row.note("status", "PENDING, since there is no content");
        } else if (status == AssetStatus.PENDING && content != null) {
            status = AssetStatus.READY;
            row.note("status", "READY, since there is content");
        }
        var summary = row.text("content_summary", 4_096);
        var created = ImportColumns.or(row.time("created_at"), now);
        return new Draft(
                row.pathOf("id"),
                sourceId,
                new Asset.Fields(
                        row.required("name", 255),
                        row.text("description", ImportColumns.MAX_TEXT),
                        row.required("type", 255),
                        row.text("subtype", 255),
                        row.requiredChoice("role", ImportWords.ASSET_ROLE),
                        summary.isEmpty() && content != null ? content.summary() : summary,
                        creator,
                        tags.stream().distinct().toList(),
                        agents.stream().distinct().toList()),
                status,
                content,
                content == null ? 0 : Math.max(1, version == null ? 1 : version.intValue()),
                created,
                ImportColumns.or(row.time("updated_at"), created));
    }

    /** Stores something nested. */
    void writeNested(ImportTarget target, Mission mission, AssetScopeType scopeType, UUID scope, Draft draft) {
        var id = draft.sourceId == null
                ? target.newId()
                : target.claimNested(draft.path, "assets", draft.sourceId, "asset");
        store(target, mission, scopeType, scope, draft, id);
    }

    private void store(
            ImportTarget target, Mission mission, AssetScopeType scopeType, UUID scope, Draft draft, UUID id) {
        var asset = new Asset(
                id,
                mission.userId(),
                scopeType,
                scope,
                mission.id(),
                draft.fields,
                draft.status,
                draft.content == null ? null : draft.content.json(),
                null,
                0,
                draft.contentVersion,
                draft.content == null ? 0 : draft.content.tokenCount(),
                draft.createdAt,
                draft.updatedAt,
                1);
        assets.insertAsItWas(target.tx(), asset);
        target.tx().change(Assets.describe(Change.created("asset", id, 1), asset));
    }

    private static ImportRejection gone(String scopeId) {
        return new ImportRejection("scope_id", scopeId + " has been deleted here");
    }
}
