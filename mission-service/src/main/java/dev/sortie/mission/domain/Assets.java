package dev.sortie.mission.domain;

import dev.sortie.mission.store.AssetStore;
import dev.sortie.mission.store.HopStore;
import dev.sortie.mission.store.MissionStore;
import dev.sortie.runtime.id.Ids;
import dev.sortie.runtime.paging.Keyset;
import dev.sortie.runtime.paging.Page;
import dev.sortie.runtime.paging.PageRequest;
import dev.sortie.runtime.sql.Change;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Tx;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** What callers do with assets, and what steps do with them. */
public final class Assets {
    private final AssetStore assets;
    private final MissionStore missions;
    private final HopStore hops;
    private final Ids ids;

    public Assets(AssetStore assets, MissionStore missions, HopStore hops, Ids ids) {
        this.assets = assets;
        this.missions = missions;
        this.hops = hops;
        this.ids = ids;
    }

    /**
     * An asset to be made.
     *
     * @param content null for none
     */
    public record Draft(
            AssetScopeType scopeType,
            UUID scopeId,
            Asset.Fields fields,
            @Nullable AssetContent content) {}

    /**
     * An asset that shall change.
     *
     * @param etag the version that it must still have; empty means any
     * @param change makes the new values from the present ones
     * @param setsSummary whether the change sets the summary
     * @param setsContent whether the content changes
     * @param content the new content; null to have none from now on, or when it does not change
     */
    public record Edit(
            UUID id,
            String etag,
            UnaryOperator<Asset.Fields> change,
            boolean setsSummary,
            boolean setsContent,
            @Nullable AssetContent content) {}

    /** An asset that shall go. */
    public record Deletion(UUID id, String etag) {}

    /** Creates an asset: READY if it has content, PENDING otherwise. */
    public Asset create(Tx tx, Draft draft) {
        var missionId = missionOf(tx, draft.scopeType(), draft.scopeId());
        var mission = missions.find(tx, missionId)
                .filter(found -> !found.isDeleted())
                .orElseThrow(() -> Refusals.scopeNotFound(draft.scopeType(), draft.scopeId()));
        tx.principal().requireOwner(mission.userId(), "mission", mission.id());
        var asset = assets.insert(
                tx,
                ids.next(),
                mission.userId(),
                draft.scopeType(),
                draft.scopeId(),
                mission.id(),
                summarized(draft.fields(), draft.content()),
                draft.content());
        tx.change(describe(Change.created("asset", asset.id(), asset.version()), asset));
        return asset;
    }

    /** Reads an asset with its content. */
    public Asset get(Queries queries, UUID id) {
        return assets.find(queries, id).orElseThrow(() -> Refusals.notFound("asset", id));
    }

    /** Reads an asset without its content. */
    public Asset getHead(Queries queries, UUID id) {
        return assets.findHead(queries, id).orElseThrow(() -> Refusals.notFound("asset", id));
    }

    /** A page of assets by creation, without their content. */
    public Page<Asset> list(Queries queries, AssetStore.Filter filter, PageRequest page) {
        return page.page(
                assets.list(queries, placed(queries, filter), page.after(), page.limit()),
                asset -> Keyset.of(asset.createdAt(), asset.id()));
    }

    /** With the mission of the hop whose view is asked for. Refuses a scope that is not to be seen. */
    private AssetStore.Filter placed(Queries queries, AssetStore.Filter filter) {
        var scope = filter.scope();
        if (scope == null) {
            return filter;
        }
        return switch (scope.type()) {
            case MISSION -> {
                if (!missions.isVisible(queries, scope.id())) {
                    throw Refusals.notFound("mission", scope.id());
                }
                yield filter;
            }
            case HOP -> {
                var hop = hops.findVisible(queries, scope.id()).orElseThrow(() -> Refusals.notFound("hop", scope.id()));
                yield filter.inherited() ? filter.withMission(hop.missionId()) : filter;
            }
        };
    }

    /** Changes an asset. New content makes it READY and adds one to the content's version; none makes it PENDING. */
    public Asset update(Tx tx, Edit edit) {
        var asset = lock(tx, edit.id(), edit.etag());
        var fields = edit.change().apply(asset.fields());
        Asset updated;
        if (edit.setsContent()) {
            // A summary of what was there before is none of what is there now.
            var own = edit.setsSummary() ? fields : fields.withSummary("");
            updated = assets.updateAll(
                    tx,
                    asset.id(),
                    summarized(own, edit.content()),
                    edit.content(),
                    edit.content() == null ? 0 : asset.contentVersion() + 1);
        } else {
            updated = assets.updateFields(tx, asset.id(), fields);
        }
        noteChange(tx, updated);
        return updated;
    }

    /** Deletes an asset; returns it as it was, without its content. */
    public Asset delete(Tx tx, Deletion deletion) {
        var asset = lock(tx, deletion.id(), deletion.etag());
        assets.delete(tx, asset.id());
        tx.change(describe(Change.deleted("asset", asset.id(), asset.version()), asset));
        return asset;
    }

    /** Those of the assets that exist, without their content. For steps, which look only at those of their mission. */
    public List<Asset> findAll(Queries queries, Collection<UUID> assetIds) {
        return assetIds.isEmpty() ? List.of() : assets.findHeads(queries, assetIds);
    }

    /** The contents, as JSON text, of those of the assets that are READY. */
    public Map<UUID, String> contents(Queries queries, Collection<UUID> assetIds) {
        return assetIds.isEmpty() ? Map.of() : assets.findContents(queries, assetIds);
    }

    /**
     * Writes what a step made: the asset becomes READY. Empty when the asset is gone.
     *
     * @param creator the tool
     */
    public Optional<Asset> fill(Tx tx, UUID id, AssetContent content, String creator) {
        var filled = assets.fill(tx, id, content, creator);
        filled.ifPresent(asset -> noteChange(tx, asset));
        return filled;
    }

    /** Marks what a failed step should have made as ERROR, until a later attempt fills it. Those that are gone stay so. */
    public void markFailed(Tx tx, Collection<UUID> assetIds) {
        if (!assetIds.isEmpty()) {
            assets.markFailed(tx, assetIds).forEach(asset -> noteChange(tx, asset));
        }
    }

    static Change describe(Change change, Asset asset) {
        return change.with("status", asset.status())
                .with("mission_id", asset.missionId())
                .with("scope_type", asset.scopeType())
                .with("scope_id", asset.scopeId());
    }

    private static void noteChange(Tx tx, Asset asset) {
        tx.change(describe(Change.updated("asset", asset.id(), asset.version()), asset));
    }

    private UUID missionOf(Tx tx, AssetScopeType scopeType, UUID scopeId) {
        return switch (scopeType) {
            case MISSION -> scopeId;
            case HOP -> hops.missionOf(tx, scopeId).orElseThrow(() -> Refusals.scopeNotFound(scopeType, scopeId));
        };
    }

    /** An asset that the caller may write, held until the end of the transaction. */
    Asset lock(Tx tx, UUID id, String etag) {
        var asset = assets.lock(tx, id).orElseThrow(() -> Refusals.notFound("asset", id));
        tx.principal().requireOwner(asset.userId(), "mission", asset.missionId());
        Refusals.checkEtag("asset", id, etag, asset.version());
        return asset;
    }

    private static Asset.Fields summarized(Asset.Fields fields, @Nullable AssetContent content) {
        return content == null || !fields.summary().isEmpty() ? fields : fields.withSummary(content.summary());
    }
}
