package dev.sortie.mission.api;

import static dev.sortie.runtime.grpc.Messages.duration;
import static dev.sortie.runtime.grpc.Messages.instant;
import static dev.sortie.runtime.grpc.Messages.json;
import static dev.sortie.runtime.grpc.Messages.nullableUuid;
import static dev.sortie.runtime.grpc.Messages.struct;
import static dev.sortie.runtime.grpc.Messages.timestamp;
import static dev.sortie.runtime.grpc.Messages.uuid;

import dev.sortie.mission.domain.Plan;
import dev.sortie.mission.domain.Plans;
import dev.sortie.mission.store.PlanStore;
import dev.sortie.mission.v1.ActivatePlanRequest;
import dev.sortie.mission.v1.ActivatePlanResponse;
import dev.sortie.mission.v1.CancelPlanRequest;
import dev.sortie.mission.v1.CancelPlanResponse;
import dev.sortie.mission.v1.CompletePlanRequest;
import dev.sortie.mission.v1.CompletePlanResponse;
import dev.sortie.mission.v1.CreatePlanRequest;
import dev.sortie.mission.v1.CreatePlanResponse;
import dev.sortie.mission.v1.DeletePlanRequest;
import dev.sortie.mission.v1.DeletePlanResponse;
import dev.sortie.mission.v1.GetPlanResponse;
import dev.sortie.mission.v1.ListPlansRequest;
import dev.sortie.mission.v1.ListPlansResponse;
import dev.sortie.mission.v1.PausePlanRequest;
import dev.sortie.mission.v1.PausePlanResponse;
import dev.sortie.mission.v1.PlanStatus;
import dev.sortie.mission.v1.ScalingStrategy;
import dev.sortie.mission.v1.UndeletePlanRequest;
import dev.sortie.mission.v1.UndeletePlanResponse;
import dev.sortie.mission.v1.UpdatePlanRequest;
import dev.sortie.mission.v1.UpdatePlanResponse;
import dev.sortie.runtime.paging.FieldMasks;
import dev.sortie.runtime.paging.Page;
import dev.sortie.type.v1.Priority;
import java.time.Duration;
import java.time.Instant;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Between plans and their messages. */
final class PlanProtos {
    private static final String STATUS_PREFIX = "PLAN_STATUS_";
    private static final String STRATEGY_PREFIX = "SCALING_STRATEGY_";
    private static final String PRIORITY_PREFIX = "PRIORITY_";
    private static final int DEFAULT_AGENT_COUNT = 1;
    /** A hundredth of an hour. */
    private static final long SECONDS_KEPT = 36;

    private PlanProtos() {}

    static Plans.Draft toDraft(CreatePlanRequest request) {
        var plan = request.getPlan();
        return new Plans.Draft(
                uuid(plan.getProjectId()),
                new Plan.Fields(
                        plan.getTitle(),
                        plan.getDescription(),
                        toPriority(plan.getPriority()),
                        nullableUuid(plan.getAssignedTo()),
                        estimatedEffort(plan),
                        actualEffort(plan),
                        plan.getMobileSyncEnabled(),
                        agentCount(plan),
                        toStrategy(plan.getScalingStrategy()),
                        deadline(plan),
                        json(plan.getMetadata(), "plan.metadata")));
    }

    static Plans.Edit toEdit(UpdatePlanRequest request) {
        var plan = request.getPlan();
        var paths = FieldMasks.resolve(request.getUpdateMask(), plan);
        var metadata = json(plan.getMetadata(), "plan.metadata");
        var deadline = deadline(plan);
        return new Plans.Edit(
                ResourceIds.required(plan.getPlanId(), "plan.plan_id"),
                plan.getEtag(),
                present -> edited(present, paths, plan, metadata, deadline));
    }

    private static Plan.Fields edited(
            Plan.Fields present,
            Set<String> paths,
            dev.sortie.mission.v1.Plan plan,
            String metadata,
            @Nullable Instant deadline) {
        return new Plan.Fields(
                paths.contains("title") ? plan.getTitle() : present.title(),
                paths.contains("description") ? plan.getDescription() : present.description(),
                paths.contains("priority") ? toPriority(plan.getPriority()) : present.priority(),
                paths.contains("assigned_to") ? nullableUuid(plan.getAssignedTo()) : present.assignedTo(),
                paths.contains("estimated_effort") ? estimatedEffort(plan) : present.estimatedEffort(),
                paths.contains("actual_effort") ? actualEffort(plan) : present.actualEffort(),
                paths.contains("mobile_sync_enabled") ? plan.getMobileSyncEnabled() : present.mobileSyncEnabled(),
                paths.contains("agent_count") ? agentCount(plan) : present.agentCount(),
                paths.contains("scaling_strategy") ? toStrategy(plan.getScalingStrategy()) : present.scalingStrategy(),
                paths.contains("deadline") ? deadline : present.deadline(),
                paths.contains("metadata") ? metadata : present.metadata());
    }

    static PlanStore.Filter toFilter(ListPlansRequest request) {
        return new PlanStore.Filter(
                nullableUuid(request.getProjectId()),
                toStatus(request.getStatus()),
                request.getPriority() == Priority.PRIORITY_UNSPECIFIED ? null : toPriority(request.getPriority()),
                nullableUuid(request.getCreatedBy()),
                nullableUuid(request.getAssignedTo()),
                request.getMobileSyncEnabled(),
                request.hasDeadlineBefore() ? instant(request.getDeadlineBefore(), "deadline_before") : null,
                switch (request.getOrderBy()) {
                    case PLAN_ORDER_UNSPECIFIED, UNRECOGNIZED -> PlanStore.Order.NEWEST;
                    case PLAN_ORDER_DEADLINE -> PlanStore.Order.DEADLINE;
                    case PLAN_ORDER_PRIORITY -> PlanStore.Order.PRIORITY;
                },
                request.getShowDeleted());
    }

    static Plans.Deletion toDeletion(DeletePlanRequest request) {
        return new Plans.Deletion(uuid(request.getPlanId()), request.getEtag(), request.getForce());
    }

    static Plans.Request toRequest(UndeletePlanRequest request) {
        return new Plans.Request(uuid(request.getPlanId()), request.getEtag(), "");
    }

    static Plans.Request toRequest(ActivatePlanRequest request) {
        return new Plans.Request(uuid(request.getPlanId()), request.getEtag(), request.getReason());
    }

    static Plans.Request toRequest(PausePlanRequest request) {
        return new Plans.Request(uuid(request.getPlanId()), request.getEtag(), request.getReason());
    }

    static Plans.Request toRequest(CompletePlanRequest request) {
        return new Plans.Request(uuid(request.getPlanId()), request.getEtag(), request.getReason());
    }

    static Plans.Request toRequest(CancelPlanRequest request) {
        return new Plans.Request(uuid(request.getPlanId()), request.getEtag(), request.getReason());
    }

    static CreatePlanResponse toCreateResponse(Plan plan) {
        return CreatePlanResponse.newBuilder().setPlan(toMessage(plan)).build();
    }

    static GetPlanResponse toGetResponse(Plan plan) {
        return GetPlanResponse.newBuilder().setPlan(toMessage(plan)).build();
    }

    static UpdatePlanResponse toUpdateResponse(Plan plan) {
        return UpdatePlanResponse.newBuilder().setPlan(toMessage(plan)).build();
    }

    static DeletePlanResponse toDeleteResponse(Plan plan) {
        return DeletePlanResponse.newBuilder().setPlan(toMessage(plan)).build();
    }

    static UndeletePlanResponse toUndeleteResponse(Plan plan) {
        return UndeletePlanResponse.newBuilder().setPlan(toMessage(plan)).build();
    }

    static ActivatePlanResponse toActivateResponse(Plan plan) {
        return ActivatePlanResponse.newBuilder().setPlan(toMessage(plan)).build();
    }

    static PausePlanResponse toPauseResponse(Plan plan) {
        return PausePlanResponse.newBuilder().setPlan(toMessage(plan)).build();
    }

    static CompletePlanResponse toCompleteResponse(Plan plan) {
        return CompletePlanResponse.newBuilder().setPlan(toMessage(plan)).build();
    }

    static CancelPlanResponse toCancelResponse(Plan plan) {
        return CancelPlanResponse.newBuilder().setPlan(toMessage(plan)).build();
    }

    static ListPlansResponse toListResponse(Page<Plan> page) {
        var messages = page.messages(PlanProtos::toMessage);
        return ListPlansResponse.newBuilder()
                .addAllPlans(messages.items())
                .setNextPageToken(messages.nextPageToken())
                .build();
    }

    static dev.sortie.mission.v1.Plan toMessage(Plan plan) {
        var fields = plan.fields();
        var message = dev.sortie.mission.v1.Plan.newBuilder()
                .setPlanId(plan.id().toString())
                .setProjectId(plan.projectId().toString())
                .setTitle(fields.title())
                .setDescription(fields.description())
                .setStatus(PlanStatus.valueOf(STATUS_PREFIX + plan.status()))
                .setPriority(Priority.valueOf(PRIORITY_PREFIX + fields.priority()))
                .setMobileSyncEnabled(fields.mobileSyncEnabled())
                .setAgentCount(fields.agentCount())
                .setScalingStrategy(ScalingStrategy.valueOf(STRATEGY_PREFIX + fields.scalingStrategy()))
                .setStatusReason(plan.statusReason())
                .setDeadlineState(DeadlineStates.toMessage(plan.deadlineState()))
                .setCreateTime(timestamp(plan.createdAt()))
                .setUpdateTime(timestamp(plan.updatedAt()))
                .setEtag(Long.toString(plan.version()));
        if (plan.createdBy() != null) {
            message.setCreatedBy(plan.createdBy().toString());
        }
        if (fields.assignedTo() != null) {
            message.setAssignedTo(fields.assignedTo().toString());
        }
        if (fields.estimatedEffort() != null) {
            message.setEstimatedEffort(duration(fields.estimatedEffort()));
        }
        if (fields.actualEffort() != null) {
            message.setActualEffort(duration(fields.actualEffort()));
        }
        if (fields.deadline() != null) {
            message.setDeadline(timestamp(fields.deadline()));
        }
        if (!fields.metadata().equals("{}")) {
            message.setMetadata(struct(fields.metadata()));
        }
        if (plan.deletedAt() != null) {
            message.setDeleteTime(timestamp(plan.deletedAt()));
        }
        if (plan.purgeAt() != null) {
            message.setPurgeTime(timestamp(plan.purgeAt()));
        }
        return message.build();
    }

    private static dev.sortie.mission.domain.@Nullable PlanStatus toStatus(PlanStatus status) {
        return status == PlanStatus.PLAN_STATUS_UNSPECIFIED
                ? null
                : dev.sortie.mission.domain.PlanStatus.valueOf(status.name().substring(STATUS_PREFIX.length()));
    }

    private static dev.sortie.mission.domain.Priority toPriority(Priority priority) {
        return priority == Priority.PRIORITY_UNSPECIFIED
                ? dev.sortie.mission.domain.Priority.NORMAL
                : dev.sortie.mission.domain.Priority.valueOf(priority.name().substring(PRIORITY_PREFIX.length()));
    }

    private static dev.sortie.mission.domain.ScalingStrategy toStrategy(ScalingStrategy strategy) {
        return strategy == ScalingStrategy.SCALING_STRATEGY_UNSPECIFIED
                ? dev.sortie.mission.domain.ScalingStrategy.FIXED
                : dev.sortie.mission.domain.ScalingStrategy.valueOf(
                        strategy.name().substring(STRATEGY_PREFIX.length()));
    }

    private static int agentCount(dev.sortie.mission.v1.Plan plan) {
        return plan.hasAgentCount() ? plan.getAgentCount() : DEFAULT_AGENT_COUNT;
    }

    private static @Nullable Duration estimatedEffort(dev.sortie.mission.v1.Plan plan) {
        return plan.hasEstimatedEffort() ? kept(plan.getEstimatedEffort()) : null;
    }

    private static @Nullable Duration actualEffort(dev.sortie.mission.v1.Plan plan) {
        return plan.hasActualEffort() ? kept(plan.getActualEffort()) : null;
    }

    /** To the hundredth of an hour that is kept. */
    private static Duration kept(com.google.protobuf.Duration effort) {
        return Duration.ofSeconds(Math.round((double) effort.getSeconds() / SECONDS_KEPT) * SECONDS_KEPT);
    }

    private static @Nullable Instant deadline(dev.sortie.mission.v1.Plan plan) {
        return plan.hasDeadline() ? instant(plan.getDeadline(), "plan.deadline") : null;
    }
}
