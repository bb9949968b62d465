package dev.sortie.mission.api;

import static dev.sortie.runtime.grpc.Messages.timestamp;
import static dev.sortie.runtime.grpc.Messages.uuid;

import dev.sortie.mission.domain.Hop;
import dev.sortie.mission.domain.Hops;
import dev.sortie.mission.v1.CancelHopRequest;
import dev.sortie.mission.v1.CancelHopResponse;
import dev.sortie.mission.v1.CompleteHopRequest;
import dev.sortie.mission.v1.CompleteHopResponse;
import dev.sortie.mission.v1.CreateHopRequest;
import dev.sortie.mission.v1.CreateHopResponse;
import dev.sortie.mission.v1.DeleteHopRequest;
import dev.sortie.mission.v1.DeleteHopResponse;
import dev.sortie.mission.v1.FailHopRequest;
import dev.sortie.mission.v1.FailHopResponse;
import dev.sortie.mission.v1.GetHopResponse;
import dev.sortie.mission.v1.HopStatus;
import dev.sortie.mission.v1.ListHopsResponse;
import dev.sortie.mission.v1.MoveHopRequest;
import dev.sortie.mission.v1.MoveHopResponse;
import dev.sortie.mission.v1.RunHopRequest;
import dev.sortie.mission.v1.RunHopResponse;
import dev.sortie.mission.v1.StartHopRequest;
import dev.sortie.mission.v1.StartHopResponse;
import dev.sortie.mission.v1.UpdateHopRequest;
import dev.sortie.mission.v1.UpdateHopResponse;
import dev.sortie.runtime.paging.FieldMasks;
import dev.sortie.runtime.paging.Page;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Between hops and their messages. */
final class HopProtos {
    private static final String STATUS_PREFIX = "HOP_STATUS_";

    private HopProtos() {}

    static Hops.Draft toDraft(CreateHopRequest request) {
        var hop = request.getHop();
        return new Hops.Draft(
                uuid(hop.getMissionId()),
                new Hop.Fields(
                        hop.getName(),
                        hop.getDescription(),
                        hop.getRationale(),
                        hop.getIsFinal(),
                        hop.getIsResolved(),
                        hop.getPauseBefore()),
                hop.hasSequenceOrder() ? hop.getSequenceOrder() : null);
    }

    static Hops.Edit toEdit(UpdateHopRequest request) {
        var hop = request.getHop();
        var paths = FieldMasks.resolve(request.getUpdateMask(), hop);
        return new Hops.Edit(
                ResourceIds.required(hop.getHopId(), "hop.hop_id"),
                hop.getEtag(),
                present -> edited(present, paths, hop));
    }

    private static Hop.Fields edited(Hop.Fields present, Set<String> paths, dev.sortie.mission.v1.Hop hop) {
        return new Hop.Fields(
                paths.contains("name") ? hop.getName() : present.name(),
                paths.contains("description") ? hop.getDescription() : present.description(),
                paths.contains("rationale") ? hop.getRationale() : present.rationale(),
                paths.contains("is_final") ? hop.getIsFinal() : present.isFinal(),
                paths.contains("is_resolved") ? hop.getIsResolved() : present.isResolved(),
                paths.contains("pause_before") ? hop.getPauseBefore() : present.pauseBefore());
    }

    static Hops.Request toRequest(DeleteHopRequest request) {
        return new Hops.Request(uuid(request.getHopId()), request.getEtag(), "");
    }

    static Hops.Relocation toRelocation(MoveHopRequest request) {
        return new Hops.Relocation(uuid(request.getHopId()), request.getEtag(), request.getSequenceOrder());
    }

    static Hops.Request toRequest(StartHopRequest request) {
        return new Hops.Request(uuid(request.getHopId()), request.getEtag(), request.getReason());
    }

    static Hops.Request toRequest(RunHopRequest request) {
        return new Hops.Request(uuid(request.getHopId()), request.getEtag(), request.getReason());
    }

    static Hops.Request toRequest(CompleteHopRequest request) {
        return new Hops.Request(uuid(request.getHopId()), request.getEtag(), request.getReason());
    }

    static Hops.Request toRequest(FailHopRequest request) {
        return new Hops.Request(uuid(request.getHopId()), request.getEtag(), request.getReason());
    }

    static Hops.Request toRequest(CancelHopRequest request) {
        return new Hops.Request(uuid(request.getHopId()), request.getEtag(), request.getReason());
    }

    static CreateHopResponse toCreateResponse(Hop hop) {
        return CreateHopResponse.newBuilder().setHop(toMessage(hop)).build();
    }

    static GetHopResponse toGetResponse(Hop hop) {
        return GetHopResponse.newBuilder().setHop(toMessage(hop)).build();
    }

    static UpdateHopResponse toUpdateResponse(Hop hop) {
        return UpdateHopResponse.newBuilder().setHop(toMessage(hop)).build();
    }

    static DeleteHopResponse toDeleteResponse(Hop hop) {
        return DeleteHopResponse.newBuilder().setHop(toMessage(hop)).build();
    }

    static MoveHopResponse toMoveResponse(Hop hop) {
        return MoveHopResponse.newBuilder().setHop(toMessage(hop)).build();
    }

    static StartHopResponse toStartResponse(Hop hop) {
        return StartHopResponse.newBuilder().setHop(toMessage(hop)).build();
    }

    static RunHopResponse toRunResponse(Hop hop) {
        return RunHopResponse.newBuilder().setHop(toMessage(hop)).build();
    }

    static CompleteHopResponse toCompleteResponse(Hop hop) {
        return CompleteHopResponse.newBuilder().setHop(toMessage(hop)).build();
    }

    static FailHopResponse toFailResponse(Hop hop) {
        return FailHopResponse.newBuilder().setHop(toMessage(hop)).build();
    }

    static CancelHopResponse toCancelResponse(Hop hop) {
        return CancelHopResponse.newBuilder().setHop(toMessage(hop)).build();
    }

    static ListHopsResponse toListResponse(Page<Hop> page) {
        var messages = page.messages(hop -> toMessage(hop));
        return ListHopsResponse.newBuilder()
                .addAllHops(messages.items())
                .setNextPageToken(messages.nextPageToken())
                .build();
    }

    static dev.sortie.mission.v1.Hop toMessage(Hop hop) {
        var fields = hop.fields();
        var message = dev.sortie.mission.v1.Hop.newBuilder()
                .setHopId(hop.id().toString())
                .setMissionId(hop.missionId().toString())
                .setName(fields.name())
                .setDescription(fields.description())
                .setRationale(fields.rationale())
                .setStatus(HopStatus.valueOf(STATUS_PREFIX + hop.status()))
                .setSequenceOrder(hop.sequenceOrder())
                .setIsFinal(fields.isFinal())
                .setIsResolved(fields.isResolved())
                .setErrorMessage(hop.errorMessage())
                .setRunning(hop.running())
                .setPauseBefore(fields.pauseBefore())
                .setRunState(RunProtos.toMessage(hop.runState()))
                .setCreateTime(timestamp(hop.createdAt()))
                .setUpdateTime(timestamp(hop.updatedAt()))
                .setEtag(Long.toString(hop.version()));
        if (hop.pause() != null) {
            message.setPause(RunProtos.toMessage(hop.pause()));
        }
        if (hop.startedAt() != null) {
            message.setStartTime(timestamp(hop.startedAt()));
        }
        if (hop.endedAt() != null) {
            message.setEndTime(timestamp(hop.endedAt()));
        }
        return message.build();
    }

    static dev.sortie.mission.domain.@Nullable HopStatus toStatus(HopStatus status) {
        return status == HopStatus.HOP_STATUS_UNSPECIFIED
                ? null
                : dev.sortie.mission.domain.HopStatus.valueOf(status.name().substring(STATUS_PREFIX.length()));
    }
}
