package dev.sortie.mission.api;

import static dev.sortie.runtime.grpc.Messages.json;
import static dev.sortie.runtime.grpc.Messages.nullableUuid;
import static dev.sortie.runtime.grpc.Messages.timestamp;
import static dev.sortie.runtime.grpc.Messages.uuid;
import static dev.sortie.runtime.grpc.Messages.value;

import com.google.protobuf.Value;
import dev.sortie.mission.domain.Asset;
import dev.sortie.mission.domain.AssetContent;
import dev.sortie.mission.domain.AssetContents;
import dev.sortie.mission.domain.Assets;
import dev.sortie.mission.store.AssetStore;
import dev.sortie.mission.v1.AssetContentInfo;
import dev.sortie.mission.v1.AssetMetadata;
import dev.sortie.mission.v1.AssetRole;
import dev.sortie.mission.v1.AssetScopeType;
import dev.sortie.mission.v1.AssetStatus;
import dev.sortie.mission.v1.CreateAssetRequest;
import dev.sortie.mission.v1.CreateAssetResponse;
import dev.sortie.mission.v1.DeleteAssetRequest;
import dev.sortie.mission.v1.DeleteAssetResponse;
import dev.sortie.mission.v1.DownloadAssetContentRequest;
import dev.sortie.mission.v1.GetAssetResponse;
import dev.sortie.mission.v1.ListAssetsRequest;
import dev.sortie.mission.v1.ListAssetsResponse;
import dev.sortie.mission.v1.UpdateAssetRequest;
import dev.sortie.mission.v1.UpdateAssetResponse;
import dev.sortie.mission.v1.UploadAssetContentRequest;
import dev.sortie.mission.v1.UploadAssetContentResponse;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.failure.FailureException;
import dev.sortie.runtime.paging.FieldMasks;
import dev.sortie.runtime.paging.Page;
import dev.sortie.type.v1.ErrorReason;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Between assets and their messages. */
final class AssetProtos {
    private static final String SCOPE_TYPE_PREFIX = "ASSET_SCOPE_TYPE_";
    private static final String ROLE_PREFIX = "ASSET_ROLE_";
    private static final String STATUS_PREFIX = "ASSET_STATUS_";

    private AssetProtos() {}

    static Assets.Draft toDraft(CreateAssetRequest request) {
        var asset = request.getAsset();
        var metadata = asset.getAssetMetadata();
        return new Assets.Draft(
                toScopeType(asset.getScopeType()),
                uuid(asset.getScopeId()),
                new Asset.Fields(
                        asset.getName(),
                        asset.getDescription(),
                        asset.getType(),
                        asset.getSubtype(),
                        toRole(asset.getRole()),
                        asset.getContentSummary(),
                        metadata.getCreator(),
                        metadata.getTagsList(),
                        metadata.getAgentAssociationsList()),
                content(asset));
    }

    static Assets.Edit toEdit(UpdateAssetRequest request) {
        var asset = request.getAsset();
        var paths = FieldMasks.resolve(request.getUpdateMask(), asset);
        boolean setsContent = paths.contains("content");
        return new Assets.Edit(
                ResourceIds.required(asset.getAssetId(), "asset.asset_id"),
                asset.getEtag(),
                present -> edited(present, paths, asset),
                paths.contains("content_summary"),
                setsContent,
                setsContent ? content(asset) : null);
    }

    private static Asset.Fields edited(Asset.Fields present, Set<String> paths, dev.sortie.mission.v1.Asset asset) {
        var metadata = asset.getAssetMetadata();
        boolean setsMetadata = paths.contains("asset_metadata");
        return new Asset.Fields(
                paths.contains("name") ? asset.getName() : present.name(),
                paths.contains("description") ? asset.getDescription() : present.description(),
                paths.contains("type") ? asset.getType() : present.type(),
                paths.contains("subtype") ? asset.getSubtype() : present.subtype(),
                paths.contains("role") ? toRole(asset.getRole()) : present.role(),
                paths.contains("content_summary") ? asset.getContentSummary() : present.summary(),
                setsMetadata ? metadata.getCreator() : present.creator(),
                setsMetadata ? metadata.getTagsList() : present.tags(),
                setsMetadata ? metadata.getAgentAssociationsList() : present.agentAssociations());
    }

    static Assets.Deletion toDeletion(DeleteAssetRequest request) {
        return new Assets.Deletion(uuid(request.getAssetId()), request.getEtag());
    }

    static AssetStore.Filter toFilter(ListAssetsRequest request) {
        boolean scoped = request.getScopeType() != AssetScopeType.ASSET_SCOPE_TYPE_UNSPECIFIED;
        if (scoped == request.getScopeId().isEmpty()) {
            throw invalid(
                    scoped ? "scope_id" : "scope_type",
                    "not set (expected: both of scope_type and scope_id, or neither)");
        }
        return new AssetStore.Filter(
                scoped ? new AssetStore.Scope(toScopeType(request.getScopeType()), uuid(request.getScopeId())) : null,
                request.getIncludeInherited(),
                null,
                nullableUuid(request.getUserId()),
                request.getRole() == AssetRole.ASSET_ROLE_UNSPECIFIED ? null : toRole(request.getRole()),
                toStatus(request.getStatus()),
                request.getType(),
                request.getSubtype(),
                request.getTag(),
                request.getNamePrefix());
    }

    static AssetContents.Upload toUpload(UploadAssetContentRequest first) {
        return new AssetContents.Upload(
                ResourceIds.required(first.getAssetId(), "asset_id"),
                first.getEtag(),
                first.getMediaType().isEmpty() ? "application/octet-stream" : first.getMediaType(),
                first.getFileName(),
                first.getContentSummary());
    }

    static AssetDownloads.Download toDownload(DownloadAssetContentRequest request) {
        if (request.getOffset() > 0 && request.getSha256().isEmpty()) {
            throw invalid(
                    "sha256", "not set (expected: with an offset, the SHA-256 of the content that is gone on with)");
        }
        return new AssetDownloads.Download(uuid(request.getAssetId()), request.getOffset(), request.getSha256());
    }

    static UploadAssetContentResponse toUploadResponse(Asset asset) {
        return UploadAssetContentResponse.newBuilder()
                .setAsset(toMessage(asset))
                .build();
    }

    static AssetContentInfo toMessage(dev.sortie.mission.domain.AssetContentInfo info) {
        return AssetContentInfo.newBuilder()
                .setSize(info.size())
                .setSha256(info.sha256())
                .setMediaType(info.mediaType())
                .setFileName(info.fileName())
                .build();
    }

    /** One field at fault. */
    static FailureException invalid(String field, String description) {
        return Failure.invalidArgument(ErrorReason.ERROR_REASON_FIELD_INVALID, field, description)
                .with("field_count", 1)
                .exception();
    }

    static CreateAssetResponse toCreateResponse(Asset asset) {
        return CreateAssetResponse.newBuilder().setAsset(toMessage(asset)).build();
    }

    static GetAssetResponse toGetResponse(Asset asset) {
        return GetAssetResponse.newBuilder().setAsset(toMessage(asset)).build();
    }

    static ListAssetsResponse toListResponse(Page<Asset> page) {
        var messages = page.messages(asset -> toMessage(asset));
        return ListAssetsResponse.newBuilder()
                .addAllAssets(messages.items())
                .setNextPageToken(messages.nextPageToken())
                .build();
    }

    static UpdateAssetResponse toUpdateResponse(Asset asset) {
        return UpdateAssetResponse.newBuilder().setAsset(toMessage(asset)).build();
    }

    static DeleteAssetResponse toDeleteResponse(Asset asset) {
        return DeleteAssetResponse.newBuilder().setAsset(toMessage(asset)).build();
    }

    static dev.sortie.mission.v1.Asset toMessage(Asset asset) {
        var fields = asset.fields();
        var message = dev.sortie.mission.v1.Asset.newBuilder()
                .setAssetId(asset.id().toString())
                .setUserId(asset.userId().toString())
                .setScopeType(AssetScopeType.valueOf(SCOPE_TYPE_PREFIX + asset.scopeType()))
                .setScopeId(asset.scopeId().toString())
                .setName(fields.name())
                .setDescription(fields.description())
                .setType(fields.type())
                .setSubtype(fields.subtype())
                .setRole(AssetRole.valueOf(ROLE_PREFIX + fields.role()))
                .setStatus(AssetStatus.valueOf(STATUS_PREFIX + asset.status()))
                .setContentSummary(fields.summary())
                .setAssetMetadata(AssetMetadata.newBuilder()
                        .setCreator(fields.creator())
                        .addAllTags(fields.tags())
                        .addAllAgentAssociations(fields.agentAssociations())
                        .setVersion(asset.contentVersion())
                        .setTokenCount(asset.tokenCount()))
                .setCreateTime(timestamp(asset.createdAt()))
                .setUpdateTime(timestamp(asset.updatedAt()))
                .setEtag(Long.toString(asset.version()));
        if (asset.content() != null) {
            message.setContent(value(asset.content()));
        }
        if (asset.contentInfo() != null) {
            message.setContentInfo(toMessage(asset.contentInfo()));
        }
        return message.build();
    }

    /** Measured here, before the transaction: it takes longer than a transaction should. */
    private static @Nullable AssetContent content(dev.sortie.mission.v1.Asset asset) {
        if (!asset.hasContent()) {
            return null;
        }
        var content = asset.getContent();
        var json = json(content, "asset.content");
        return AssetContent.of(
                json, content.getKindCase() == Value.KindCase.STRING_VALUE ? content.getStringValue() : json);
    }

    private static dev.sortie.mission.domain.AssetScopeType toScopeType(AssetScopeType scopeType) {
        return dev.sortie.mission.domain.AssetScopeType.valueOf(scopeType.name().substring(SCOPE_TYPE_PREFIX.length()));
    }

    private static dev.sortie.mission.domain.AssetRole toRole(AssetRole role) {
        return dev.sortie.mission.domain.AssetRole.valueOf(role.name().substring(ROLE_PREFIX.length()));
    }

    private static dev.sortie.mission.domain.@Nullable AssetStatus toStatus(AssetStatus status) {
        return status == AssetStatus.ASSET_STATUS_UNSPECIFIED
                ? null
                : dev.sortie.mission.domain.AssetStatus.valueOf(status.name().substring(STATUS_PREFIX.length()));
    }
}
