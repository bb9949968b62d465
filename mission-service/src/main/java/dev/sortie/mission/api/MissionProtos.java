package dev.sortie.mission.api;

import static dev.sortie.runtime.grpc.Messages.instant;
import static dev.sortie.runtime.grpc.Messages.json;
import static dev.sortie.runtime.grpc.Messages.nullableUuid;
import static dev.sortie.runtime.grpc.Messages.struct;
import static dev.sortie.runtime.grpc.Messages.timestamp;
import static dev.sortie.runtime.grpc.Messages.uuid;

import com.google.protobuf.Timestamp;
import com.google.protobuf.util.Timestamps;
import dev.sortie.mission.domain.Mission;
import dev.sortie.mission.domain.MissionOrder;
import dev.sortie.mission.domain.Missions;
import dev.sortie.mission.store.MissionStore;
import dev.sortie.mission.v1.ApproveMissionRequest;
import dev.sortie.mission.v1.ApproveMissionResponse;
import dev.sortie.mission.v1.CancelMissionRequest;
import dev.sortie.mission.v1.CancelMissionResponse;
import dev.sortie.mission.v1.CompleteMissionRequest;
import dev.sortie.mission.v1.CompleteMissionResponse;
import dev.sortie.mission.v1.CreateMissionRequest;
import dev.sortie.mission.v1.CreateMissionResponse;
import dev.sortie.mission.v1.DeleteMissionRequest;
import dev.sortie.mission.v1.DeleteMissionResponse;
import dev.sortie.mission.v1.FailMissionRequest;
import dev.sortie.mission.v1.FailMissionResponse;
import dev.sortie.mission.v1.GetMissionResponse;
import dev.sortie.mission.v1.ListMissionsRequest;
import dev.sortie.mission.v1.ListMissionsResponse;
import dev.sortie.mission.v1.MissionStatus;
import dev.sortie.mission.v1.ReturnMissionToWorkRequest;
import dev.sortie.mission.v1.ReturnMissionToWorkResponse;
import dev.sortie.mission.v1.RunMissionRequest;
import dev.sortie.mission.v1.RunMissionResponse;
import dev.sortie.mission.v1.SubmitMissionForQaRequest;
import dev.sortie.mission.v1.SubmitMissionForQaResponse;
import dev.sortie.mission.v1.UndeleteMissionRequest;
import dev.sortie.mission.v1.UndeleteMissionResponse;
import dev.sortie.mission.v1.UpdateMissionRequest;
import dev.sortie.mission.v1.UpdateMissionResponse;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.paging.FieldMasks;
import dev.sortie.runtime.paging.Page;
import dev.sortie.type.v1.ErrorReason;
import java.time.Instant;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Between missions and their messages. */
final class MissionProtos {
    private static final String STATUS_PREFIX = "MISSION_STATUS_";

    private MissionProtos() {}

    static Missions.Draft toDraft(CreateMissionRequest request) {
        var mission = request.getMission();
        return new Missions.Draft(
                nullableUuid(mission.getUserId()),
                new Mission.Fields(
                        mission.getName(),
                        mission.getDescription(),
                        mission.getGoal(),
                        mission.getSuccessCriteriaList(),
                        json(mission.getMetadata(), "mission.metadata"),
                        mission.getClient(),
                        mission.hasBudgetAmount() ? mission.getBudgetAmount() : null,
                        mission.getBudgetCurrency(),
                        deadline(mission),
                        mission.getAssignedTo(),
                        mission.getGithubUrl()));
    }

    static Missions.Edit toEdit(UpdateMissionRequest request) {
        var mission = request.getMission();
        var paths = FieldMasks.resolve(request.getUpdateMask(), mission);
        var deadline = deadline(mission);
        var metadata = json(mission.getMetadata(), "mission.metadata");
        return new Missions.Edit(
                ResourceIds.required(mission.getMissionId(), "mission.mission_id"),
                mission.getEtag(),
                present -> edited(present, paths, mission, metadata, deadline));
    }

    private static Mission.Fields edited(
            Mission.Fields present,
            Set<String> paths,
            dev.sortie.mission.v1.Mission mission,
            String metadata,
            @Nullable Instant deadline) {
        return new Mission.Fields(
                paths.contains("name") ? mission.getName() : present.name(),
                paths.contains("description") ? mission.getDescription() : present.description(),
                paths.contains("goal") ? mission.getGoal() : present.goal(),
                paths.contains("success_criteria") ? mission.getSuccessCriteriaList() : present.successCriteria(),
                paths.contains("metadata") ? metadata : present.metadata(),
                paths.contains("client") ? mission.getClient() : present.client(),
                paths.contains("budget_amount")
                        ? mission.hasBudgetAmount() ? (Long) mission.getBudgetAmount() : null
                        : present.budgetAmount(),
                paths.contains("budget_currency") ? mission.getBudgetCurrency() : present.budgetCurrency(),
                paths.contains("deadline") ? deadline : present.deadline(),
                paths.contains("assigned_to") ? mission.getAssignedTo() : present.assignedTo(),
                paths.contains("github_url") ? mission.getGithubUrl() : present.githubUrl());
    }

    static MissionStore.Filter toFilter(ListMissionsRequest request) {
        return new MissionStore.Filter(
                nullableUuid(request.getUserId()),
                toStatus(request.getStatus()),
                request.getClient(),
                request.getAssignedTo(),
                request.getGithubUrl(),
                request.hasDeadlineBefore() ? time(request.getDeadlineBefore(), "deadline_before") : null,
                request.getShowDeleted(),
                switch (request.getOrderBy()) {
                    case MISSION_ORDER_DEADLINE -> MissionOrder.DEADLINE;
                    case MISSION_ORDER_UNSPECIFIED, UNRECOGNIZED -> MissionOrder.CREATION;
                });
    }

    static Missions.Deletion toDeletion(DeleteMissionRequest request) {
        return new Missions.Deletion(uuid(request.getMissionId()), request.getEtag(), request.getForce());
    }

    static Missions.Request toRequest(UndeleteMissionRequest request) {
        return new Missions.Request(uuid(request.getMissionId()), request.getEtag(), "");
    }

    static Missions.Request toRequest(ApproveMissionRequest request) {
        return new Missions.Request(uuid(request.getMissionId()), request.getEtag(), request.getReason());
    }

    static Missions.Request toRequest(SubmitMissionForQaRequest request) {
        return new Missions.Request(uuid(request.getMissionId()), request.getEtag(), request.getReason());
    }

    static Missions.Request toRequest(ReturnMissionToWorkRequest request) {
        return new Missions.Request(uuid(request.getMissionId()), request.getEtag(), request.getReason());
    }

    static Missions.Request toRequest(CompleteMissionRequest request) {
        return new Missions.Request(uuid(request.getMissionId()), request.getEtag(), request.getReason());
    }

    static Missions.Request toRequest(FailMissionRequest request) {
        return new Missions.Request(uuid(request.getMissionId()), request.getEtag(), request.getReason());
    }

    static Missions.Request toRequest(CancelMissionRequest request) {
        return new Missions.Request(uuid(request.getMissionId()), request.getEtag(), request.getReason());
    }

    static Missions.Request toRequest(RunMissionRequest request) {
        return new Missions.Request(uuid(request.getMissionId()), request.getEtag(), request.getReason());
    }

    static CreateMissionResponse toCreateResponse(Mission mission) {
        return CreateMissionResponse.newBuilder().setMission(toMessage(mission)).build();
    }

    static GetMissionResponse toGetResponse(Mission mission) {
        return GetMissionResponse.newBuilder().setMission(toMessage(mission)).build();
    }

    static UpdateMissionResponse toUpdateResponse(Mission mission) {
        return UpdateMissionResponse.newBuilder().setMission(toMessage(mission)).build();
    }

    static DeleteMissionResponse toDeleteResponse(Mission mission) {
        return DeleteMissionResponse.newBuilder().setMission(toMessage(mission)).build();
    }

    static UndeleteMissionResponse toUndeleteResponse(Mission mission) {
        return UndeleteMissionResponse.newBuilder()
                .setMission(toMessage(mission))
                .build();
    }

    static ApproveMissionResponse toApproveResponse(Mission mission) {
        return ApproveMissionResponse.newBuilder()
                .setMission(toMessage(mission))
                .build();
    }

    static SubmitMissionForQaResponse toSubmitForQaResponse(Mission mission) {
        return SubmitMissionForQaResponse.newBuilder()
                .setMission(toMessage(mission))
                .build();
    }

    static ReturnMissionToWorkResponse toReturnToWorkResponse(Mission mission) {
        return ReturnMissionToWorkResponse.newBuilder()
                .setMission(toMessage(mission))
                .build();
    }

    static CompleteMissionResponse toCompleteResponse(Mission mission) {
        return CompleteMissionResponse.newBuilder()
                .setMission(toMessage(mission))
                .build();
    }

    static FailMissionResponse toFailResponse(Mission mission) {
        return FailMissionResponse.newBuilder().setMission(toMessage(mission)).build();
    }

    static CancelMissionResponse toCancelResponse(Mission mission) {
        return CancelMissionResponse.newBuilder().setMission(toMessage(mission)).build();
    }

    static RunMissionResponse toRunResponse(Mission mission) {
        return RunMissionResponse.newBuilder().setMission(toMessage(mission)).build();
    }

    static ListMissionsResponse toListResponse(Page<Mission> page) {
        var messages = page.messages(mission -> toMessage(mission));
        return ListMissionsResponse.newBuilder()
                .addAllMissions(messages.items())
                .setNextPageToken(messages.nextPageToken())
                .build();
    }

    static dev.sortie.mission.v1.Mission toMessage(Mission mission) {
        var fields = mission.fields();
        var message = dev.sortie.mission.v1.Mission.newBuilder()
                .setMissionId(mission.id().toString())
                .setUserId(mission.userId().toString())
                .setName(fields.name())
                .setDescription(fields.description())
                .setGoal(fields.goal())
                .setStatus(MissionStatus.valueOf(STATUS_PREFIX + mission.status()))
                .addAllSuccessCriteria(fields.successCriteria())
                .setClient(fields.client())
                .setBudgetCurrency(fields.budgetCurrency())
                .setAssignedTo(fields.assignedTo())
                .setGithubUrl(fields.githubUrl())
                .setRunning(mission.running())
                .setRunState(RunProtos.toMessage(mission.runState()))
                .setStatusReason(mission.statusReason())
                .setDeadlineState(DeadlineStates.toMessage(mission.deadlineState()))
                .setCreateTime(timestamp(mission.createdAt()))
                .setUpdateTime(timestamp(mission.updatedAt()))
                .setEtag(Long.toString(mission.version()));
        if (!fields.metadata().equals("{}")) {
            message.setMetadata(struct(fields.metadata()));
        }
        if (mission.currentHopId() != null) {
            message.setCurrentHopId(mission.currentHopId().toString());
        }
        if (mission.pause() != null) {
            message.setPause(RunProtos.toMessage(mission.pause()));
        }
        if (fields.budgetAmount() != null) {
            message.setBudgetAmount(fields.budgetAmount());
        }
        if (fields.deadline() != null) {
            message.setDeadline(timestamp(fields.deadline()));
        }
        if (mission.qaAt() != null) {
            message.setQaTime(timestamp(mission.qaAt()));
        }
        if (mission.completedAt() != null) {
            message.setCompleteTime(timestamp(mission.completedAt()));
        }
        if (mission.deletedAt() != null) {
            message.setDeleteTime(timestamp(mission.deletedAt()));
        }
        if (mission.purgeAt() != null) {
            message.setPurgeTime(timestamp(mission.purgeAt()));
        }
        return message.build();
    }

    private static dev.sortie.mission.domain.@Nullable MissionStatus toStatus(MissionStatus status) {
        return status == MissionStatus.MISSION_STATUS_UNSPECIFIED
                ? null
                : dev.sortie.mission.domain.MissionStatus.valueOf(status.name().substring(STATUS_PREFIX.length()));
    }

    private static @Nullable Instant deadline(dev.sortie.mission.v1.Mission mission) {
        return mission.hasDeadline() ? time(mission.getDeadline(), "mission.deadline") : null;
    }

    private static Instant time(Timestamp time, String field) {
        if (!Timestamps.isValid(time)) {
            throw Failure.invalidArgument(
                            ErrorReason.ERROR_REASON_FIELD_INVALID,
                            field,
                            "%d s and %d ns (expected: a time of the years 1 to 9999, 0 to 999,999,999 ns)",
                            time.getSeconds(),
                            time.getNanos())
                    .with("field_count", 1)
                    .exception();
        }
        return instant(time);
    }
}
