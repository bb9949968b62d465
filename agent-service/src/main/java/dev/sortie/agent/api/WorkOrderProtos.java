package dev.sortie.agent.api;

import static dev.sortie.runtime.grpc.Messages.duration;
import static dev.sortie.runtime.grpc.Messages.instant;
import static dev.sortie.runtime.grpc.Messages.json;
import static dev.sortie.runtime.grpc.Messages.struct;
import static dev.sortie.runtime.grpc.Messages.timestamp;
import static dev.sortie.runtime.grpc.Messages.uuid;

import com.google.protobuf.CodedOutputStream;
import com.google.protobuf.Message;
import com.google.protobuf.Value;
import dev.sortie.agent.domain.CapabilityLevel;
import dev.sortie.agent.domain.Lane;
import dev.sortie.agent.domain.Placements;
import dev.sortie.agent.domain.Subject;
import dev.sortie.agent.domain.WorkOrder;
import dev.sortie.agent.domain.WorkOrderStatus;
import dev.sortie.agent.domain.WorkOrders;
import dev.sortie.agent.v1.CapabilityRequirement;
import dev.sortie.agent.v1.DedupePolicy;
import dev.sortie.agent.v1.EnqueueOutcome;
import dev.sortie.agent.v1.EnqueueWorkOrdersRequest;
import dev.sortie.agent.v1.EnqueueWorkOrdersResponse;
import dev.sortie.agent.v1.ListWorkOrdersRequest;
import dev.sortie.agent.v1.RedriveWorkOrdersRequest;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.grpc.Messages;
import dev.sortie.runtime.identity.Principal;
import dev.sortie.runtime.paging.PageRequest;
import dev.sortie.type.v1.ErrorReason;
import java.io.IOException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Work orders as messages. */
final class WorkOrderProtos {
    private static final String BOTH = "given together with tool_step_id (expected: one of the two)";

    private static final String TOO_EARLY = "not after run_time (expected: a later time)";

    private static final String TWICE = "given twice for a queue (expected: each once, with this dedupe_policy)";

    /** Where a payload has handles of credentials, and how these begin. */
    private static final String CREDENTIALS = "credentials";

    private static final String HANDLE = "sortie_handle_";

    private WorkOrderProtos() {}

    static List<WorkOrder.Draft> toDrafts(EnqueueWorkOrdersRequest request) {
        var drafts = new ArrayList<WorkOrder.Draft>(request.getWorkOrdersCount());
        var violations = new ArrayList<Failure.FieldViolation>();
        var keys = new HashSet<String>();
        var policy = request.getDedupePolicy();
        boolean onceOnly = policy == DedupePolicy.DEDUPE_POLICY_FAIL || policy == DedupePolicy.DEDUPE_POLICY_REPLACE;
        for (int i = 0; i < request.getWorkOrdersCount(); i++) {
            var field = "work_orders[" + i + "]";
            var order = request.getWorkOrders(i);
            if (order.getQueueName().isEmpty()) {
                violations.add(new Failure.FieldViolation(field + ".queue_name", "value is required"));
            }
            if (!order.getToolStepId().isEmpty() && !order.getTaskId().isEmpty()) {
                violations.add(new Failure.FieldViolation(field + ".task_id", BOTH));
            }
            if (violations.isEmpty()) {
                var draft = toDraft(order, field);
                if (draft.runAt() != null
                        && draft.deadlineAt() != null
                        && !draft.deadlineAt().isAfter(draft.runAt())) {
                    violations.add(new Failure.FieldViolation(field + ".deadline_time", TOO_EARLY));
                }
                drafts.add(draft);
            }
            if (onceOnly
                    && !order.getDedupeKey().isEmpty()
                    && !keys.add(order.getQueueName() + " " + order.getDedupeKey())) {
                violations.add(new Failure.FieldViolation(field + ".dedupe_key", TWICE));
            }
        }
        check(violations);
        return drafts;
    }

    static Placements.Policy toPolicy(DedupePolicy policy) {
        return switch (policy) {
            case DEDUPE_POLICY_FAIL -> Placements.Policy.FAIL;
            case DEDUPE_POLICY_USE_EXISTING -> Placements.Policy.USE_EXISTING;
            case DEDUPE_POLICY_REPLACE -> Placements.Policy.REPLACE;
            case DEDUPE_POLICY_UNSPECIFIED, UNRECOGNIZED -> Placements.Policy.SAME_CONTENT;
        };
    }

    static EnqueueWorkOrdersResponse toResponse(List<Placements.Placed> placed) {
        var response = EnqueueWorkOrdersResponse.newBuilder();
        for (var one : placed) {
            var outcome = EnqueueOutcome.newBuilder().setCreated(one.created());
            if (one.replacedId() != null) {
                outcome.setReplacedWorkOrderId(one.replacedId().toString());
            }
            response.addWorkOrders(toMessage(one.order())).addOutcomes(outcome);
        }
        return response.build();
    }

    static WorkOrders.ListRequest toListRequest(ListWorkOrdersRequest request, PageRequest page) {
        check(wrongTogether(request));
        var after = page.after();
        var status = toStatus(request.getStatus());
        return new WorkOrders.ListRequest(
                request.getQueueName().isEmpty() ? null : request.getQueueName(),
                status,
                toSubject(request.getToolStepId(), request.getTaskId()),
                request.getWorkOrderIdsList().stream().map(Messages::uuid).toList(),
                request.getDeadOnly()
                        ? new WorkOrders.Dead(
                                deadStatuses(status),
                                request.getErrorType().isEmpty() ? null : request.getErrorType(),
                                request.hasDiedSinceTime()
                                        ? instant(request.getDiedSinceTime(), "died_since_time")
                                        : null,
                                request.hasDiedBeforeTime()
                                        ? instant(request.getDiedBeforeTime(), "died_before_time")
                                        : null)
                        : null,
                after == null ? null : after.uuid(0),
                after == null || !request.getDeadOnly() ? null : after.instant(1),
                page.limit());
    }

    private static List<Failure.FieldViolation> wrongTogether(ListWorkOrdersRequest request) {
        var violations = new ArrayList<Failure.FieldViolation>();
        if (!request.getToolStepId().isEmpty() && !request.getTaskId().isEmpty()) {
            violations.add(new Failure.FieldViolation("task_id", BOTH));
        }
        var others = request.getDeadOnly()
                ? List.of("tool_step_id", "task_id", "work_order_ids")
                : List.of("error_type", "died_since_time", "died_before_time");
        var said = request.getDeadOnly()
                ? "given together with dead_only (expected: one of the two)"
                : "given without dead_only (expected: both)";
        request.getAllFields().keySet().stream()
                .filter(field -> others.contains(field.getName()))
                .forEach(field -> violations.add(new Failure.FieldViolation(field.getName(), said)));
        var status = toStatus(request.getStatus());
        if (request.getDeadOnly() && status != null && !deadStatuses(null).contains(status)) {
            violations.add(new Failure.FieldViolation(
                    "status", status + " given together with dead_only (expected: FAILED, EXPIRED, or none)"));
        }
        return violations;
    }

    private static List<WorkOrderStatus> deadStatuses(@Nullable WorkOrderStatus status) {
        return status == null ? List.of(WorkOrderStatus.FAILED, WorkOrderStatus.EXPIRED) : List.of(status);
    }

    private static @Nullable Subject toSubject(String toolStepId, String taskId) {
        if (!toolStepId.isEmpty()) {
            return new Subject(Subject.Kind.TOOL_STEP, uuid(toolStepId));
        }
        return taskId.isEmpty() ? null : new Subject(Subject.Kind.TASK, uuid(taskId));
    }

    private static void check(List<Failure.FieldViolation> violations) {
        if (!violations.isEmpty()) {
            throw Failure.invalidArgument(ErrorReason.ERROR_REASON_FIELD_INVALID, violations)
                    .with("field_count", violations.size())
                    .exception();
        }
    }

    private static WorkOrder.Draft toDraft(dev.sortie.agent.v1.WorkOrder order, String field) {
        return new WorkOrder.Draft(
                order.getQueueName(),
                toSubject(order.getToolStepId(), order.getTaskId()),
                order.getPriority() == 0 ? WorkOrder.DEFAULT_PRIORITY : order.getPriority(),
                json(order.getPayload(), field + ".payload"),
                QueueProtos.toPolicy(order.getRetryPolicy()),
                order.hasTimeout() ? duration(order.getTimeout()) : null,
                toLane(order),
                order.getDedupeKey(),
                order.hasRunTime() ? instant(order.getRunTime(), field + ".run_time") : null,
                order.hasExpireTime() ? instant(order.getExpireTime(), field + ".expire_time") : null,
                order.hasDeadlineTime() ? instant(order.getDeadlineTime(), field + ".deadline_time") : null,
                contentHash(order));
    }

    static dev.sortie.agent.v1.WorkOrder toMessageFor(Principal caller, WorkOrders.Found found) {
        var message = toMessageFor(caller, found.order());
        var checkpoint = found.checkpoint();
        return checkpoint == null
                ? message
                : message.toBuilder().setCheckpoint(struct(checkpoint)).build();
    }

    /**
     * As a caller may see it: without the handles of credentials, unless it is a service. The worker that holds the order
     * has them from its claim, and they are for nobody else.
     */
    static dev.sortie.agent.v1.WorkOrder toMessageFor(Principal caller, WorkOrder order) {
        var message = toMessage(order);
        var handles = message.getPayload().getFieldsMap().get(CREDENTIALS);
        if (caller.isService() || handles == null || !handles.hasStructValue()) {
            return message;
        }
        var hidden = handles.getStructValue().toBuilder();
        handles.getStructValue().getFieldsMap().forEach((resource, handle) -> {
            if (handle.getStringValue().startsWith(HANDLE)) {
                hidden.putFields(
                        resource,
                        Value.newBuilder().setStringValue(HANDLE + "…").build());
            }
        });
        var builder = message.toBuilder();
        builder.getPayloadBuilder()
                .putFields(
                        CREDENTIALS, Value.newBuilder().setStructValue(hidden).build());
        return builder.build();
    }

    private static Lane toLane(dev.sortie.agent.v1.WorkOrder order) {
        if (order.getFairnessKey().isEmpty()
                && order.getConcurrencyKey().isEmpty()
                && order.getRequiredCapabilitiesCount() == 0) {
            return Lane.NONE;
        }
        var requirements = new TreeMap<String, CapabilityLevel>();
        for (var requirement : order.getRequiredCapabilitiesList()) {
            requirements.merge(
                    requirement.getName(),
                    WorkerProtos.toLevel(requirement.getMinLevel()),
                    (one, other) -> one.compareTo(other) < 0 ? other : one);
        }
        return new Lane(order.getFairnessKey(), order.getConcurrencyKey(), requirements);
    }

    static dev.sortie.agent.v1.WorkOrder toMessage(WorkOrder order) {
        var message = dev.sortie.agent.v1.WorkOrder.newBuilder()
                .setWorkOrderId(order.id().toString())
                .setQueueName(order.queueName())
                .setStatus(toMessage(order.status()))
                .setPriority(order.priority())
                .setErrorMessage(order.errorMessage())
                .setErrorType(order.errorType())
                .setRetryCount(order.retryCount())
                .setRetryPolicy(QueueProtos.toMessage(order.retryPolicy()))
                .setTimeout(duration(order.timeout()))
                .setDedupeKey(order.dedupeKey())
                .setRunTime(timestamp(order.runAt()))
                .setEnqueueTime(timestamp(order.enqueuedAt()))
                .setCancelRequested(order.cancelRequested())
                .setUpdateTime(timestamp(order.updatedAt()))
                .setFairnessKey(order.lane().fairnessKey())
                .setConcurrencyKey(order.lane().concurrencyKey())
                .setEtag(Long.toString(order.version()));
        order.lane()
                .requirements()
                .forEach((name, level) -> message.addRequiredCapabilities(
                        CapabilityRequirement.newBuilder().setName(name).setMinLevel(WorkerProtos.toMessage(level))));
        var subject = order.subject();
        if (subject != null) {
            var id = subject.id().toString();
            switch (subject.kind()) {
                case TOOL_STEP -> message.setToolStepId(id);
                case TASK -> message.setTaskId(id);
            }
        }
        if (order.payload() != null) {
            message.setPayload(struct(order.payload()));
        }
        if (order.result() != null) {
            message.setResult(struct(order.result()));
        }
        if (order.expiresAt() != null) {
            message.setExpireTime(timestamp(order.expiresAt()));
        }
        if (order.deadlineAt() != null) {
            message.setDeadlineTime(timestamp(order.deadlineAt()));
        }
        if (order.claimedAt() != null) {
            message.setClaimTime(timestamp(order.claimedAt()));
        }
        if (order.completedAt() != null) {
            message.setCompleteTime(timestamp(order.completedAt()));
        }
        if (order.workerId() != null) {
            message.setWorkerId(order.workerId().toString());
        }
        return message.build();
    }

    static WorkOrders.Redrive toRedrive(RedriveWorkOrdersRequest request) {
        return new WorkOrders.Redrive(
                request.getQueueName(),
                new WorkOrders.Dead(
                        deadStatuses(toStatus(request.getStatus())),
                        request.getErrorType().isEmpty() ? null : request.getErrorType(),
                        request.hasDiedSinceTime() ? instant(request.getDiedSinceTime(), "died_since_time") : null,
                        request.hasDiedBeforeTime() ? instant(request.getDiedBeforeTime(), "died_before_time") : null),
                request.getWorkOrderIdsCount() == 0
                        ? null
                        : request.getWorkOrderIdsList().stream()
                                .map(Messages::uuid)
                                .toList(),
                request.getMaxOrders() == 0 ? 100 : request.getMaxOrders(),
                request.getOrdersPerSecond() == 0 ? 0 : 1 / request.getOrdersPerSecond(),
                request.getReason());
    }

    static @Nullable WorkOrderStatus toStatus(dev.sortie.agent.v1.WorkOrderStatus status) {
        return switch (status) {
            case WORK_ORDER_STATUS_PENDING -> WorkOrderStatus.PENDING;
            case WORK_ORDER_STATUS_CLAIMED -> WorkOrderStatus.CLAIMED;
            case WORK_ORDER_STATUS_COMPLETED -> WorkOrderStatus.COMPLETED;
            case WORK_ORDER_STATUS_FAILED -> WorkOrderStatus.FAILED;
            case WORK_ORDER_STATUS_EXPIRED -> WorkOrderStatus.EXPIRED;
            case WORK_ORDER_STATUS_CANCELLED -> WorkOrderStatus.CANCELLED;
            case WORK_ORDER_STATUS_UNSPECIFIED, UNRECOGNIZED -> null;
        };
    }

    static dev.sortie.agent.v1.WorkOrderStatus toMessage(WorkOrderStatus status) {
        return switch (status) {
            case PENDING -> dev.sortie.agent.v1.WorkOrderStatus.WORK_ORDER_STATUS_PENDING;
            case CLAIMED -> dev.sortie.agent.v1.WorkOrderStatus.WORK_ORDER_STATUS_CLAIMED;
            case COMPLETED -> dev.sortie.agent.v1.WorkOrderStatus.WORK_ORDER_STATUS_COMPLETED;
            case FAILED -> dev.sortie.agent.v1.WorkOrderStatus.WORK_ORDER_STATUS_FAILED;
            case EXPIRED -> dev.sortie.agent.v1.WorkOrderStatus.WORK_ORDER_STATUS_EXPIRED;
            case CANCELLED -> dev.sortie.agent.v1.WorkOrderStatus.WORK_ORDER_STATUS_CANCELLED;
        };
    }

    /** Of what the caller says: not of what only the server sets. */
    private static byte[] contentHash(dev.sortie.agent.v1.WorkOrder order) {
        var said = order.toBuilder()
                .clearWorkOrderId()
                .clearStatus()
                .clearResult()
                .clearErrorMessage()
                .clearErrorType()
                .clearRetryCount()
                .clearEnqueueTime()
                .clearClaimTime()
                .clearCompleteTime()
                .clearWorkerId()
                .clearCancelRequested()
                .clearUpdateTime()
                .clearEtag()
                .clearCheckpoint()
                .setPriority(order.getPriority() == 0 ? WorkOrder.DEFAULT_PRIORITY : order.getPriority())
                .build();
        return hash(said);
    }

    private static byte[] hash(Message message) {
        try {
            var bytes = new byte[message.getSerializedSize()];
            var output = CodedOutputStream.newInstance(bytes);
            output.useDeterministicSerialization(); // the fields of a struct have no order of their own
            message.writeTo(output);
            return MessageDigest.getInstance("SHA-256").digest(bytes);
        } catch (IOException | NoSuchAlgorithmException impossible) {
            throw new IllegalStateException(impossible);
        }
    }
}
