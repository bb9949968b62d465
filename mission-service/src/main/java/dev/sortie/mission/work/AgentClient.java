package dev.sortie.mission.work;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.ErrorInfo;
import dev.sortie.agent.v1.AgentServiceGrpc;
import dev.sortie.agent.v1.AgentServiceGrpc.AgentServiceBlockingStub;
import dev.sortie.agent.v1.CancelWorkOrderRequest;
import dev.sortie.agent.v1.EnqueueWorkOrdersRequest;
import dev.sortie.agent.v1.ExecutionServiceGrpc;
import dev.sortie.agent.v1.ExecutionServiceGrpc.ExecutionServiceBlockingStub;
import dev.sortie.agent.v1.GetExecutionRequest;
import dev.sortie.agent.v1.GetWorkOrderRequest;
import dev.sortie.agent.v1.ListAgentsRequest;
import dev.sortie.agent.v1.ListWorkOrdersRequest;
import dev.sortie.agent.v1.WorkOrderServiceGrpc;
import dev.sortie.agent.v1.WorkOrderServiceGrpc.WorkOrderServiceBlockingStub;
import dev.sortie.agent.v1.WorkOrderStatus;
import dev.sortie.mission.domain.Assignees;
import dev.sortie.mission.domain.Executions;
import dev.sortie.mission.domain.Subject;
import dev.sortie.mission.domain.WorkOrder;
import dev.sortie.mission.domain.WorkOrderDraft;
import dev.sortie.mission.domain.WorkOrders;
import dev.sortie.mission.domain.WorkOrdersException;
import dev.sortie.mission.domain.WorkOrdersException.Kind;
import dev.sortie.runtime.failure.FailureException;
import dev.sortie.runtime.grpc.Messages;
import dev.sortie.type.v1.RetryPolicy;
import io.grpc.Channel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** The work orders, executions and agents of agent-service, by its contract. */
public final class AgentClient implements WorkOrders, Executions, Assignees {
    private static final long DEADLINE_SECONDS = 5;
    private static final int MAX_REASON = 4_096;
    private static final String STATUS_PREFIX = "WORK_ORDER_STATUS_";

    private final WorkOrderServiceBlockingStub stub;
    private final ExecutionServiceBlockingStub executions;
    private final AgentServiceBlockingStub agents;

    /**
     * @param channel to agent-service, with this service's own token
     */
    public AgentClient(Channel channel) {
        this.stub = WorkOrderServiceGrpc.newBlockingStub(channel);
        this.executions = ExecutionServiceGrpc.newBlockingStub(channel);
        this.agents = AgentServiceGrpc.newBlockingStub(channel);
    }

    @Override
    public UUID place(WorkOrderDraft draft) {
        var order = dev.sortie.agent.v1.WorkOrder.newBuilder()
                .setQueueName(draft.queueName())
                .setPriority(draft.priority())
                .setPayload(Messages.struct(draft.payload()))
                .setDedupeKey(draft.dedupeKey());
        var subjectId = draft.subject().id().toString();
        switch (draft.subject().kind()) {
            case TOOL_STEP -> order.setToolStepId(subjectId);
            case TASK -> order.setTaskId(subjectId);
        }
        var timeout = draft.timeout();
        if (timeout != null) {
            order.setTimeout(Messages.duration(timeout));
        }
        var retry = draft.retryPolicy();
        if (retry != null) {
            order.setRetryPolicy(RetryPolicy.newBuilder()
                    .setMaxRetries(retry.maxRetries())
                    .setInitialBackoff(Messages.duration(retry.initialBackoff()))
                    .setMaxBackoff(Messages.duration(retry.maxBackoff()))
                    .setBackoffMultiplier(retry.backoffMultiplier())
                    .addAllNonRetryableErrorTypes(retry.nonRetryableErrorTypes()));
        }
        var request = EnqueueWorkOrdersRequest.newBuilder()
                .addWorkOrders(order)
                .setRequestId(draft.requestId().toString())
                .build();
        var placed = call(agent -> agent.enqueueWorkOrders(request)).getWorkOrdersList();
        if (placed.size() != 1) {
            throw new WorkOrdersException(
                    Kind.FAULTY, "agent-service answered with %d orders (expected: 1)".formatted(placed.size()), null);
        }
        return UUID.fromString(placed.getFirst().getWorkOrderId());
    }

    @Override
    public void cancel(UUID workOrderId, String reason) {
        var request = CancelWorkOrderRequest.newBuilder()
                .setWorkOrderId(workOrderId.toString())
                .setReason(reason.length() <= MAX_REASON ? reason : reason.substring(0, MAX_REASON))
                .build();
        try {
            stub().cancelWorkOrder(request);
        } catch (StatusRuntimeException failed) {
            var code = failed.getStatus().getCode();
            if (code != Status.Code.NOT_FOUND && code != Status.Code.FAILED_PRECONDITION) {
                throw translate(failed);
            }
        }
    }

    @Override
    public Optional<WorkOrder> find(UUID workOrderId) {
        var request = GetWorkOrderRequest.newBuilder()
                .setWorkOrderId(workOrderId.toString())
                .build();
        try {
            return Optional.of(toOrder(stub().getWorkOrder(request).getWorkOrder()));
        } catch (StatusRuntimeException failed) {
            if (failed.getStatus().getCode() == Status.Code.NOT_FOUND) {
                return Optional.empty();
            }
            throw translate(failed);
        }
    }

    @Override
    public Map<UUID, WorkOrder> look(Collection<UUID> workOrderIds) {
        var found = new HashMap<UUID, WorkOrder>();
        if (workOrderIds.isEmpty()) {
            return found;
        }
        var request = ListWorkOrdersRequest.newBuilder().setPageSize(500);
        workOrderIds.forEach(id -> request.addWorkOrderIds(id.toString()));
        String token;
        do {
            var page = call(agent -> agent.listWorkOrders(request.build()));
            for (var message : page.getWorkOrdersList()) {
                var order = toOrder(message);
                if (!workOrderIds.contains(order.id())) {
                    return found; // an older release, which does not know the filter
                }
                found.put(order.id(), order);
            }
            token = page.getNextPageToken();
            request.setPageToken(token);
        } while (!token.isEmpty());
        return found;
    }

    @Override
    public boolean exists(UUID executionId) {
        var request = GetExecutionRequest.newBuilder()
                .setExecutionId(executionId.toString())
                .build();
        try {
            return executions
                    .withDeadlineAfter(DEADLINE_SECONDS, TimeUnit.SECONDS)
                    .getExecution(request)
                    .hasExecution();
        } catch (StatusRuntimeException failed) {
            if (failed.getStatus().getCode() == Status.Code.NOT_FOUND) {
                return false;
            }
            throw translate(failed);
        }
    }

    @Override
    public Set<UUID> agents(Collection<UUID> agentIds) {
        var request = ListAgentsRequest.newBuilder().setPageSize(500);
        agentIds.forEach(id -> request.addAgentIds(id.toString()));
        var found = new HashSet<UUID>();
        try {
            String token;
            do {
                var page = agents.withDeadlineAfter(DEADLINE_SECONDS, TimeUnit.SECONDS)
                        .listAgents(request.build());
                page.getAgentsList().forEach(agent -> found.add(UUID.fromString(agent.getAgentId())));
                token = page.getNextPageToken();
                request.setPageToken(token);
            } while (!token.isEmpty());
            return found;
        } catch (StatusRuntimeException failed) {
            throw translate(failed);
        }
    }

    private static WorkOrder toOrder(dev.sortie.agent.v1.WorkOrder message) {
        var status = toStatus(message.getStatus());
        String result = null;
        var error = message.getErrorMessage();
        if (status == WorkOrder.Status.COMPLETED) {
            try {
                result = Messages.json(message.getResult(), "result");
            } catch (FailureException unstorable) {
                error = unstorable.failure().message();
            }
        }
        return new WorkOrder(
                UUID.fromString(message.getWorkOrderId()),
                message.getDedupeKey(),
                toSubject(message),
                status,
                result,
                error,
                Messages.nullableUuid(message.getWorkerId()),
                toVersion(message.getEtag()));
    }

    private static @Nullable Subject toSubject(dev.sortie.agent.v1.WorkOrder message) {
        var stepId = Messages.nullableUuid(message.getToolStepId());
        if (stepId != null) {
            return Subject.step(stepId);
        }
        var taskId = Messages.nullableUuid(message.getTaskId());
        return taskId == null ? null : Subject.task(taskId);
    }

    /** The number in an etag, which is the version; see sortie.change.v1.Change. */
    private static long toVersion(String etag) {
        try {
            return Long.parseLong(etag);
        } catch (NumberFormatException malformed) {
            throw new WorkOrdersException(Kind.FAULTY, "agent-service gave an etag without a number", malformed);
        }
    }

    private static WorkOrder.Status toStatus(WorkOrderStatus status) {
        return switch (status) {
            case WORK_ORDER_STATUS_UNSPECIFIED, UNRECOGNIZED ->
                throw new WorkOrdersException(
                        Kind.FAULTY, "agent-service knows a status that this service does not", null);
            default -> WorkOrder.Status.valueOf(status.name().substring(STATUS_PREFIX.length()));
        };
    }

    private WorkOrderServiceBlockingStub stub() {
        return stub.withDeadlineAfter(DEADLINE_SECONDS, TimeUnit.SECONDS);
    }

    private <T> T call(Function<WorkOrderServiceBlockingStub, T> call) {
        try {
            return call.apply(stub());
        } catch (StatusRuntimeException failed) {
            throw translate(failed);
        }
    }

    private static WorkOrdersException translate(StatusRuntimeException failed) {
        var kind = switch (failed.getStatus().getCode()) {
            // The last two are for its operator to mend: the token of this service, or its rights.
            case UNAVAILABLE,
                    DEADLINE_EXCEEDED,
                    CANCELLED,
                    RESOURCE_EXHAUSTED,
                    ABORTED,
                    UNAUTHENTICATED,
                    PERMISSION_DENIED -> Kind.AWAY;
            case INVALID_ARGUMENT, NOT_FOUND, ALREADY_EXISTS, FAILED_PRECONDITION, OUT_OF_RANGE -> Kind.REFUSED;
            case INTERNAL, UNKNOWN, DATA_LOSS, UNIMPLEMENTED, OK -> Kind.FAULTY;
        };
        return new WorkOrdersException(kind, describe(failed), failed);
    }

    /** For people: the message, and the reason by which programs know it. */
    private static String describe(StatusRuntimeException failed) {
        var code = failed.getStatus().getCode();
        var text = failed.getStatus().getDescription() == null
                ? code.toString()
                : failed.getStatus().getDescription();
        var status = StatusProto.fromThrowable(failed);
        if (status != null) {
            for (var detail : status.getDetailsList()) {
                if (detail.is(ErrorInfo.class)) {
                    try {
                        return text + " (" + detail.unpack(ErrorInfo.class).getReason() + ")";
                    } catch (InvalidProtocolBufferException _) {
                        return text;
                    }
                }
            }
        }
        return text;
    }
}
