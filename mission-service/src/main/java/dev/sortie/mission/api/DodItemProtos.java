package dev.sortie.mission.api;

import static dev.sortie.runtime.grpc.Messages.timestamp;
import static dev.sortie.runtime.grpc.Messages.uuid;

import dev.sortie.mission.domain.DodItem;
import dev.sortie.mission.domain.DodItems;
import dev.sortie.mission.store.DodItemStore;
import dev.sortie.mission.v1.CompleteDodItemRequest;
import dev.sortie.mission.v1.CompleteDodItemResponse;
import dev.sortie.mission.v1.CreateDodItemRequest;
import dev.sortie.mission.v1.CreateDodItemResponse;
import dev.sortie.mission.v1.DeleteDodItemRequest;
import dev.sortie.mission.v1.DeleteDodItemResponse;
import dev.sortie.mission.v1.DodCategory;
import dev.sortie.mission.v1.DodEvidence;
import dev.sortie.mission.v1.ListDodItemsRequest;
import dev.sortie.mission.v1.ListDodItemsResponse;
import dev.sortie.mission.v1.ReopenDodItemRequest;
import dev.sortie.mission.v1.ReopenDodItemResponse;
import dev.sortie.mission.v1.UpdateDodItemRequest;
import dev.sortie.mission.v1.UpdateDodItemResponse;
import dev.sortie.runtime.paging.FieldMasks;
import dev.sortie.runtime.paging.Page;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Between items of definitions of done and their messages. */
final class DodItemProtos {
    private static final String CATEGORY_PREFIX = "DOD_CATEGORY_";

    private DodItemProtos() {}

    static DodItems.Draft toDraft(CreateDodItemRequest request) {
        var item = request.getDodItem();
        return new DodItems.Draft(
                uuid(item.getMissionId()), new DodItem.Fields(item.getText(), toCategory(item.getCategory())));
    }

    static DodItemStore.Filter toFilter(ListDodItemsRequest request) {
        return new DodItemStore.Filter(
                uuid(request.getMissionId()),
                request.getCategory() == DodCategory.DOD_CATEGORY_UNSPECIFIED
                        ? null
                        : toCategory(request.getCategory()),
                request.hasCompleted() ? request.getCompleted() : null);
    }

    static DodItems.Edit toEdit(UpdateDodItemRequest request) {
        var item = request.getDodItem();
        var paths = FieldMasks.resolve(request.getUpdateMask(), item);
        return new DodItems.Edit(
                ResourceIds.required(item.getDodItemId(), "dod_item.dod_item_id"),
                item.getEtag(),
                present -> edited(present, paths, item));
    }

    private static DodItem.Fields edited(
            DodItem.Fields present, Set<String> paths, dev.sortie.mission.v1.DodItem item) {
        return new DodItem.Fields(
                paths.contains("text") ? item.getText() : present.text(),
                paths.contains("category") ? toCategory(item.getCategory()) : present.category());
    }

    static DodItems.Request toRequest(DeleteDodItemRequest request) {
        return new DodItems.Request(uuid(request.getDodItemId()), request.getEtag());
    }

    static DodItems.Request toRequest(ReopenDodItemRequest request) {
        return new DodItems.Request(uuid(request.getDodItemId()), request.getEtag());
    }

    static DodItems.Completion toCompletion(CompleteDodItemRequest request) {
        return new DodItems.Completion(
                uuid(request.getDodItemId()),
                request.getEtag(),
                request.hasEvidence() ? toEvidence(request.getEvidence()) : null);
    }

    static CreateDodItemResponse toCreateResponse(DodItem item) {
        return CreateDodItemResponse.newBuilder().setDodItem(toMessage(item)).build();
    }

    static ListDodItemsResponse toListResponse(Page<DodItem> page) {
        var messages = page.messages(item -> toMessage(item));
        return ListDodItemsResponse.newBuilder()
                .addAllDodItems(messages.items())
                .setNextPageToken(messages.nextPageToken())
                .build();
    }

    static UpdateDodItemResponse toUpdateResponse(DodItem item) {
        return UpdateDodItemResponse.newBuilder().setDodItem(toMessage(item)).build();
    }

    static DeleteDodItemResponse toDeleteResponse(DodItem item) {
        return DeleteDodItemResponse.newBuilder().setDodItem(toMessage(item)).build();
    }

    static CompleteDodItemResponse toCompleteResponse(DodItem item) {
        return CompleteDodItemResponse.newBuilder().setDodItem(toMessage(item)).build();
    }

    static ReopenDodItemResponse toReopenResponse(DodItem item) {
        return ReopenDodItemResponse.newBuilder().setDodItem(toMessage(item)).build();
    }

    private static dev.sortie.mission.v1.DodItem toMessage(DodItem item) {
        var message = dev.sortie.mission.v1.DodItem.newBuilder()
                .setDodItemId(item.id().toString())
                .setMissionId(item.missionId().toString())
                .setText(item.fields().text())
                .setCategory(DodCategory.valueOf(CATEGORY_PREFIX + item.fields().category()))
                .setCompleted(item.completed())
                .setCreateTime(timestamp(item.createdAt()))
                .setUpdateTime(timestamp(item.updatedAt()))
                .setEtag(Long.toString(item.version()));
        if (item.evidence() != null) {
            message.setEvidence(toMessage(item.evidence()));
        }
        if (item.completedBy() != null) {
            message.setCompletedBy(item.completedBy().toString());
        }
        if (item.completedAt() != null) {
            message.setCompleteTime(timestamp(item.completedAt()));
        }
        return message.build();
    }

    private static DodEvidence toMessage(DodItem.Evidence evidence) {
        var message = DodEvidence.newBuilder();
        var id = evidence.id().toString();
        return switch (evidence.kind()) {
            case TEST_RUN -> message.setTestRunId(id).build();
            case ASSET -> message.setAssetId(id).build();
            case EXECUTION -> message.setExecutionId(id).build();
        };
    }

    private static DodItem.@Nullable Evidence toEvidence(DodEvidence evidence) {
        return switch (evidence.getEvidenceCase()) {
            case ASSET_ID -> new DodItem.Evidence(DodItem.Evidence.Kind.ASSET, uuid(evidence.getAssetId()));
            case EXECUTION_ID -> new DodItem.Evidence(DodItem.Evidence.Kind.EXECUTION, uuid(evidence.getExecutionId()));
            case TEST_RUN_ID -> new DodItem.Evidence(DodItem.Evidence.Kind.TEST_RUN, uuid(evidence.getTestRunId()));
            case EVIDENCE_NOT_SET -> null; // refused by the rules of the contract
        };
    }

    private static dev.sortie.mission.domain.DodCategory toCategory(DodCategory category) {
        return dev.sortie.mission.domain.DodCategory.valueOf(category.name().substring(CATEGORY_PREFIX.length()));
    }
}
