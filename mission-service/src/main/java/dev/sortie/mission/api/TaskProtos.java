package dev.sortie.mission.api;

import static dev.sortie.runtime.grpc.Messages.instant;
import static dev.sortie.runtime.grpc.Messages.json;
import static dev.sortie.runtime.grpc.Messages.nullableUuid;
import static dev.sortie.runtime.grpc.Messages.struct;
import static dev.sortie.runtime.grpc.Messages.timestamp;
import static dev.sortie.runtime.grpc.Messages.uuid;

import com.google.protobuf.Duration;
import dev.sortie.mission.domain.Task;
import dev.sortie.mission.domain.TaskDependency;
import dev.sortie.mission.domain.TaskOrder;
import dev.sortie.mission.domain.Tasks;
import dev.sortie.mission.store.TaskDependencyStore;
import dev.sortie.mission.store.TaskStore;
import dev.sortie.mission.v1.AddTaskDependencyRequest;
import dev.sortie.mission.v1.AddTaskDependencyResponse;
import dev.sortie.mission.v1.ApproveTaskRequest;
import dev.sortie.mission.v1.ApproveTaskResponse;
import dev.sortie.mission.v1.CancelTaskRequest;
import dev.sortie.mission.v1.CancelTaskResponse;
import dev.sortie.mission.v1.CompleteTaskRequest;
import dev.sortie.mission.v1.CompleteTaskResponse;
import dev.sortie.mission.v1.CreateTaskRequest;
import dev.sortie.mission.v1.CreateTaskResponse;
import dev.sortie.mission.v1.DeleteTaskRequest;
import dev.sortie.mission.v1.DeleteTaskResponse;
import dev.sortie.mission.v1.DependencyType;
import dev.sortie.mission.v1.FailTaskRequest;
import dev.sortie.mission.v1.FailTaskResponse;
import dev.sortie.mission.v1.GetTaskResponse;
import dev.sortie.mission.v1.ListReadyTasksRequest;
import dev.sortie.mission.v1.ListReadyTasksResponse;
import dev.sortie.mission.v1.ListTaskDependenciesRequest;
import dev.sortie.mission.v1.ListTaskDependenciesResponse;
import dev.sortie.mission.v1.ListTasksRequest;
import dev.sortie.mission.v1.ListTasksResponse;
import dev.sortie.mission.v1.PermissionLevel;
import dev.sortie.mission.v1.QueueTaskRequest;
import dev.sortie.mission.v1.QueueTaskResponse;
import dev.sortie.mission.v1.RejectTaskRequest;
import dev.sortie.mission.v1.RejectTaskResponse;
import dev.sortie.mission.v1.RemoveTaskDependencyRequest;
import dev.sortie.mission.v1.RemoveTaskDependencyResponse;
import dev.sortie.mission.v1.ReportTaskProgressRequest;
import dev.sortie.mission.v1.ReportTaskProgressResponse;
import dev.sortie.mission.v1.SyncStatus;
import dev.sortie.mission.v1.TaskStatus;
import dev.sortie.mission.v1.UpdateTaskRequest;
import dev.sortie.mission.v1.UpdateTaskResponse;
import dev.sortie.runtime.paging.FieldMasks;
import dev.sortie.runtime.paging.Page;
import dev.sortie.type.v1.Priority;
import dev.sortie.type.v1.TaskType;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Between tasks and their messages. */
final class TaskProtos {
    private static final String STATUS_PREFIX = "TASK_STATUS_";
    private static final String TYPE_PREFIX = "TASK_TYPE_";
    private static final String LEVEL_PREFIX = "PERMISSION_LEVEL_";
    private static final String PRIORITY_PREFIX = "PRIORITY_";
    private static final String SYNC_PREFIX = "SYNC_STATUS_";
    private static final String DEPENDENCY_PREFIX = "DEPENDENCY_TYPE_";
    private static final BigDecimal SECONDS_PER_HOUR = BigDecimal.valueOf(3_600);

    private TaskProtos() {}

    static Tasks.Draft toDraft(CreateTaskRequest request) {
        var task = request.getTask();
        return new Tasks.Draft(nullableUuid(task.getPlanId()), nullableUuid(task.getParentTaskId()), toFields(task));
    }

    /** What a message says, with what is absent as for a new task. */
    private static Task.Fields toFields(dev.sortie.mission.v1.Task task) {
        return new Task.Fields(
                task.getTitle(),
                task.getDescription(),
                toType(task.getTaskType()),
                toLevel(task.getPermissionLevel()),
                toPriority(task.getPriority(), dev.sortie.mission.domain.Priority.NORMAL),
                task.getRepositoryUrl(),
                task.getBranchName(),
                task.hasIssueNumber() ? task.getIssueNumber() : null,
                task.hasPrNumber() ? task.getPrNumber() : null,
                json(task.getContext(), "task.context"),
                json(task.getExecutionContext(), "task.execution_context"),
                json(task.getMetadata(), "task.metadata"),
                task.getTagsList(),
                nullableUuid(task.getAssignedUserId()),
                nullableUuid(task.getAssignedAgentId()),
                task.getAssignedAgentType(),
                task.hasEstimatedEffort() ? hours(task.getEstimatedEffort()) : null,
                task.getMobileTaskId(),
                task.getDeviceFingerprint(),
                task.getSyncStatus() == SyncStatus.SYNC_STATUS_UNSPECIFIED
                        ? dev.sortie.mission.domain.SyncStatus.LOCAL
                        : toSync(task.getSyncStatus()),
                task.hasDeadline() ? instant(task.getDeadline(), "task.deadline") : null);
    }

    static Tasks.Edit toEdit(UpdateTaskRequest request) {
        var task = request.getTask();
        var paths = FieldMasks.resolve(request.getUpdateMask(), task);
        // A type or level that is left out is not in the mask: both are required. Any value serves in their place.
        var given = toFields(task.toBuilder()
                .setTaskType(orFirst(task.getTaskType()))
                .setPermissionLevel(orFirst(task.getPermissionLevel()))
                .build());
        return new Tasks.Edit(
                ResourceIds.required(task.getTaskId(), "task.task_id"),
                task.getEtag(),
                present -> edited(present, paths, given),
                paths.contains("assigned_agent_id") ? given.assignedAgentId() : null);
    }

    private static TaskType orFirst(TaskType type) {
        return type == TaskType.TASK_TYPE_UNSPECIFIED ? TaskType.TASK_TYPE_FEATURE : type;
    }

    private static PermissionLevel orFirst(PermissionLevel level) {
        return level == PermissionLevel.PERMISSION_LEVEL_UNSPECIFIED
                ? PermissionLevel.PERMISSION_LEVEL_AUTONOMOUS
                : level;
    }

    private static Task.Fields edited(Task.Fields present, Set<String> paths, Task.Fields given) {
        return new Task.Fields(
                (paths.contains("title") ? given : present).title(),
                (paths.contains("description") ? given : present).description(),
                (paths.contains("task_type") ? given : present).type(),
                (paths.contains("permission_level") ? given : present).permissionLevel(),
                (paths.contains("priority") ? given : present).priority(),
                (paths.contains("repository_url") ? given : present).repositoryUrl(),
                (paths.contains("branch_name") ? given : present).branchName(),
                (paths.contains("issue_number") ? given : present).issueNumber(),
                (paths.contains("pr_number") ? given : present).prNumber(),
                (paths.contains("context") ? given : present).context(),
                (paths.contains("execution_context") ? given : present).executionContext(),
                (paths.contains("metadata") ? given : present).metadata(),
                (paths.contains("tags") ? given : present).tags(),
                (paths.contains("assigned_user_id") ? given : present).assignedUserId(),
                (paths.contains("assigned_agent_id") ? given : present).assignedAgentId(),
                (paths.contains("assigned_agent_type") ? given : present).assignedAgentType(),
                (paths.contains("estimated_effort") ? given : present).estimatedHours(),
                (paths.contains("mobile_task_id") ? given : present).mobileTaskId(),
                (paths.contains("device_fingerprint") ? given : present).deviceFingerprint(),
                (paths.contains("sync_status") ? given : present).syncStatus(),
                (paths.contains("deadline") ? given : present).deadline());
    }

    static TaskStore.Filter toFilter(ListTasksRequest request) {
        return new TaskStore.Filter(
                nullableUuid(request.getPlanId()),
                request.getStatus() == TaskStatus.TASK_STATUS_UNSPECIFIED ? null : toStatus(request.getStatus()),
                toNullableType(request.getTaskType()),
                request.getPriority() == Priority.PRIORITY_UNSPECIFIED ? null : toPriority(request.getPriority()),
                nullableUuid(request.getCreatedBy()),
                nullableUuid(request.getAssignedUserId()),
                nullableUuid(request.getAssignedAgentId()),
                nullableUuid(request.getAssignedWorkerId()),
                nullableUuid(request.getParentTaskId()),
                request.getRepositoryUrl(),
                request.getTag(),
                request.getSyncStatus() == SyncStatus.SYNC_STATUS_UNSPECIFIED ? null : toSync(request.getSyncStatus()),
                request.getAwaitingApproval(),
                request.hasDeadlineBefore() ? instant(request.getDeadlineBefore(), "deadline_before") : null,
                switch (request.getOrderBy()) {
                    case TASK_ORDER_UNSPECIFIED, UNRECOGNIZED -> TaskOrder.CREATION;
                    case TASK_ORDER_DEADLINE -> TaskOrder.DEADLINE;
                    case TASK_ORDER_PRIORITY -> TaskOrder.PRIORITY;
                });
    }

    static TaskStore.ReadyFilter toFilter(ListReadyTasksRequest request) {
        return new TaskStore.ReadyFilter(
                nullableUuid(request.getPlanId()),
                request.getPermissionLevel() == PermissionLevel.PERMISSION_LEVEL_UNSPECIFIED
                        ? null
                        : toLevel(request.getPermissionLevel()),
                toNullableType(request.getTaskType()));
    }

    static TaskDependencyStore.Filter toFilter(ListTaskDependenciesRequest request) {
        return new TaskDependencyStore.Filter(
                uuid(request.getTaskId()),
                request.getDependents(),
                request.getDependencyType() == DependencyType.DEPENDENCY_TYPE_UNSPECIFIED
                        ? null
                        : toDependencyType(request.getDependencyType()));
    }

    static Tasks.Request toRequest(DeleteTaskRequest request) {
        return new Tasks.Request(uuid(request.getTaskId()), request.getEtag(), "");
    }

    static Tasks.Request toRequest(QueueTaskRequest request) {
        return new Tasks.Request(uuid(request.getTaskId()), request.getEtag(), request.getReason());
    }

    static Tasks.Request toRequest(FailTaskRequest request) {
        return new Tasks.Request(uuid(request.getTaskId()), request.getEtag(), request.getReason());
    }

    static Tasks.Request toRequest(CancelTaskRequest request) {
        return new Tasks.Request(uuid(request.getTaskId()), request.getEtag(), request.getReason());
    }

    static Tasks.Request toRequest(ApproveTaskRequest request) {
        return new Tasks.Request(uuid(request.getTaskId()), request.getEtag(), request.getReason());
    }

    static Tasks.Request toRequest(RejectTaskRequest request) {
        return new Tasks.Request(uuid(request.getTaskId()), request.getEtag(), request.getReason());
    }

    static Tasks.Completion toCompletion(CompleteTaskRequest request) {
        return new Tasks.Completion(
                uuid(request.getTaskId()),
                request.getEtag(),
                request.hasResult() ? json(request.getResult(), "result") : null,
                request.getReason());
    }

    static Tasks.Report toReport(ReportTaskProgressRequest request) {
        return new Tasks.Report(
                uuid(request.getTaskId()),
                request.getEtag(),
                request.hasProgressPercentage()
                        ? BigDecimal.valueOf(request.getProgressPercentage()).setScale(2, RoundingMode.HALF_UP)
                        : null,
                request.hasActualEffort() ? hours(request.getActualEffort()) : null,
                request.getAllowDecrease(),
                request.getReason());
    }

    static Tasks.Link toLink(AddTaskDependencyRequest request) {
        return new Tasks.Link(
                uuid(request.getTaskId()),
                uuid(request.getDependsOnTaskId()),
                request.getDependencyType() == DependencyType.DEPENDENCY_TYPE_UNSPECIFIED
                        ? dev.sortie.mission.domain.DependencyType.BLOCKS
                        : toDependencyType(request.getDependencyType()),
                request.getEtag());
    }

    static Tasks.Pair toPair(RemoveTaskDependencyRequest request) {
        return new Tasks.Pair(uuid(request.getTaskId()), uuid(request.getDependsOnTaskId()), request.getEtag());
    }

    static CreateTaskResponse toCreateResponse(Task task) {
        return CreateTaskResponse.newBuilder().setTask(toMessage(task)).build();
    }

    static GetTaskResponse toGetResponse(Task task) {
        return GetTaskResponse.newBuilder().setTask(toMessage(task)).build();
    }

    static UpdateTaskResponse toUpdateResponse(Task task) {
        return UpdateTaskResponse.newBuilder().setTask(toMessage(task)).build();
    }

    static DeleteTaskResponse toDeleteResponse(Task task) {
        return DeleteTaskResponse.newBuilder().setTask(toMessage(task)).build();
    }

    static QueueTaskResponse toQueueResponse(Task task) {
        return QueueTaskResponse.newBuilder().setTask(toMessage(task)).build();
    }

    static CompleteTaskResponse toCompleteResponse(Task task) {
        return CompleteTaskResponse.newBuilder().setTask(toMessage(task)).build();
    }

    static FailTaskResponse toFailResponse(Task task) {
        return FailTaskResponse.newBuilder().setTask(toMessage(task)).build();
    }

    static CancelTaskResponse toCancelResponse(Task task) {
        return CancelTaskResponse.newBuilder().setTask(toMessage(task)).build();
    }

    static ApproveTaskResponse toApproveResponse(Task task) {
        return ApproveTaskResponse.newBuilder().setTask(toMessage(task)).build();
    }

    static RejectTaskResponse toRejectResponse(Task task) {
        return RejectTaskResponse.newBuilder().setTask(toMessage(task)).build();
    }

    static ReportTaskProgressResponse toReportResponse(Task task) {
        return ReportTaskProgressResponse.newBuilder().setTask(toMessage(task)).build();
    }

    static AddTaskDependencyResponse toAddResponse(Tasks.Linked linked) {
        return AddTaskDependencyResponse.newBuilder()
                .setTaskDependency(toMessage(linked.dependency()))
                .setTask(toMessage(linked.task()))
                .build();
    }

    static RemoveTaskDependencyResponse toRemoveResponse(Tasks.Linked linked) {
        return RemoveTaskDependencyResponse.newBuilder()
                .setTaskDependency(toMessage(linked.dependency()))
                .setTask(toMessage(linked.task()))
                .build();
    }

    static ListTasksResponse toListResponse(Page<Task> page) {
        var messages = page.messages(task -> toMessage(task));
        return ListTasksResponse.newBuilder()
                .addAllTasks(messages.items())
                .setNextPageToken(messages.nextPageToken())
                .build();
    }

    static ListReadyTasksResponse toListReadyResponse(Page<Task> page) {
        var messages = page.messages(task -> toMessage(task));
        return ListReadyTasksResponse.newBuilder()
                .addAllTasks(messages.items())
                .setNextPageToken(messages.nextPageToken())
                .build();
    }

    static ListTaskDependenciesResponse toListDependenciesResponse(Page<TaskDependency> page) {
        var messages = page.messages(dependency -> toMessage(dependency));
        return ListTaskDependenciesResponse.newBuilder()
                .addAllTaskDependencies(messages.items())
                .setNextPageToken(messages.nextPageToken())
                .build();
    }

    private static dev.sortie.mission.v1.TaskDependency toMessage(TaskDependency dependency) {
        return dev.sortie.mission.v1.TaskDependency.newBuilder()
                .setTaskDependencyId(dependency.id().toString())
                .setTaskId(dependency.taskId().toString())
                .setDependsOnTaskId(dependency.dependsOnTaskId().toString())
                .setDependencyType(DependencyType.valueOf(DEPENDENCY_PREFIX + dependency.type()))
                .setCreateTime(timestamp(dependency.createdAt()))
                .build();
    }

    static dev.sortie.mission.v1.Task toMessage(Task task) {
        var fields = task.fields();
        var message = dev.sortie.mission.v1.Task.newBuilder()
                .setTaskId(task.id().toString())
                .setPlanId(text(task.planId()))
                .setParentTaskId(text(task.parentTaskId()))
                .setTitle(fields.title())
                .setDescription(fields.description())
                .setTaskType(TaskType.valueOf(TYPE_PREFIX + fields.type()))
                .setPermissionLevel(PermissionLevel.valueOf(LEVEL_PREFIX + fields.permissionLevel()))
                .setPriority(Priority.valueOf(PRIORITY_PREFIX + fields.priority()))
                .setRepositoryUrl(fields.repositoryUrl())
                .setBranchName(fields.branchName())
                .addAllTags(fields.tags())
                .setCreatedBy(text(task.createdBy()))
                .setAssignedUserId(text(fields.assignedUserId()))
                .setAssignedAgentId(text(fields.assignedAgentId()))
                .setAssignedAgentType(fields.assignedAgentType())
                .setMobileTaskId(fields.mobileTaskId())
                .setDeviceFingerprint(fields.deviceFingerprint())
                .setSyncStatus(SyncStatus.valueOf(SYNC_PREFIX + fields.syncStatus()))
                .setCreateTime(timestamp(task.createdAt()))
                .setDeadlineState(DeadlineStates.toMessage(task.deadlineState()))
                .setUpdateTime(timestamp(task.updatedAt()))
                .setEtag(Long.toString(task.version()));
        if (fields.issueNumber() != null) {
            message.setIssueNumber(fields.issueNumber());
        }
        if (fields.prNumber() != null) {
            message.setPrNumber(fields.prNumber());
        }
        if (!fields.context().equals("{}")) {
            message.setContext(struct(fields.context()));
        }
        if (!fields.executionContext().equals("{}")) {
            message.setExecutionContext(struct(fields.executionContext()));
        }
        if (!fields.metadata().equals("{}")) {
            message.setMetadata(struct(fields.metadata()));
        }
        if (fields.estimatedHours() != null) {
            message.setEstimatedEffort(duration(fields.estimatedHours()));
        }
        if (fields.deadline() != null) {
            message.setDeadline(timestamp(fields.deadline()));
        }
        addState(message, task.state());
        return message.build();
    }

    private static void addState(dev.sortie.mission.v1.Task.Builder message, Task.State state) {
        var dispatch = state.dispatch();
        var outcome = state.outcome();
        message.setStatus(TaskStatus.valueOf(STATUS_PREFIX + state.status()))
                .setStatusReason(state.reason())
                .setProgressPercentage(state.progress().percentage().doubleValue())
                .setAttempt(dispatch.attempt())
                .setWorkOrderId(text(dispatch.workOrderId()))
                .setQueueName(dispatch.queueName())
                .setAssignedWorkerId(text(dispatch.workerId()))
                .setErrorMessage(outcome.errorMessage())
                .setAwaitingApproval(outcome.awaitingApproval())
                .setRejectionReason(outcome.rejectionReason());
        if (state.progress().hours() != null) {
            message.setActualEffort(duration(state.progress().hours()));
        }
        if (outcome.result() != null) {
            message.setResult(struct(outcome.result()));
        }
        if (state.startedAt() != null) {
            message.setStartTime(timestamp(state.startedAt()));
        }
        if (state.completedAt() != null) {
            message.setCompleteTime(timestamp(state.completedAt()));
        }
    }

    /** To a hundredth of an hour. */
    static BigDecimal hours(Duration effort) {
        return BigDecimal.valueOf(effort.getSeconds())
                .add(BigDecimal.valueOf(effort.getNanos(), 9))
                .divide(SECONDS_PER_HOUR, 2, RoundingMode.HALF_UP);
    }

    /** A hundredth of an hour is a whole number of seconds. */
    static Duration duration(BigDecimal hours) {
        return Duration.newBuilder()
                .setSeconds(hours.multiply(SECONDS_PER_HOUR).longValueExact())
                .build();
    }

    private static String text(@Nullable UUID id) {
        return id == null ? "" : id.toString();
    }

    private static dev.sortie.mission.domain.TaskStatus toStatus(TaskStatus status) {
        return dev.sortie.mission.domain.TaskStatus.valueOf(status.name().substring(STATUS_PREFIX.length()));
    }

    private static dev.sortie.mission.domain.TaskType toType(TaskType type) {
        return dev.sortie.mission.domain.TaskType.valueOf(type.name().substring(TYPE_PREFIX.length()));
    }

    private static dev.sortie.mission.domain.@Nullable TaskType toNullableType(TaskType type) {
        return type == TaskType.TASK_TYPE_UNSPECIFIED ? null : toType(type);
    }

    private static dev.sortie.mission.domain.PermissionLevel toLevel(PermissionLevel level) {
        return dev.sortie.mission.domain.PermissionLevel.valueOf(level.name().substring(LEVEL_PREFIX.length()));
    }

    private static dev.sortie.mission.domain.Priority toPriority(Priority priority) {
        return dev.sortie.mission.domain.Priority.valueOf(priority.name().substring(PRIORITY_PREFIX.length()));
    }

    private static dev.sortie.mission.domain.Priority toPriority(
            Priority priority, dev.sortie.mission.domain.Priority absent) {
        return priority == Priority.PRIORITY_UNSPECIFIED ? absent : toPriority(priority);
    }

    private static dev.sortie.mission.domain.SyncStatus toSync(SyncStatus status) {
        return dev.sortie.mission.domain.SyncStatus.valueOf(status.name().substring(SYNC_PREFIX.length()));
    }

    private static dev.sortie.mission.domain.DependencyType toDependencyType(DependencyType type) {
        return dev.sortie.mission.domain.DependencyType.valueOf(type.name().substring(DEPENDENCY_PREFIX.length()));
    }
}
