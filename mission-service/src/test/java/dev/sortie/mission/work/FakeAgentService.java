package dev.sortie.mission.work;

import com.google.protobuf.Any;
import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import com.google.rpc.ErrorInfo;
import dev.sortie.agent.v1.Agent;
import dev.sortie.agent.v1.AgentServiceGrpc.AgentServiceImplBase;
import dev.sortie.agent.v1.CancelWorkOrderRequest;
import dev.sortie.agent.v1.CancelWorkOrderResponse;
import dev.sortie.agent.v1.EnqueueWorkOrdersRequest;
import dev.sortie.agent.v1.EnqueueWorkOrdersResponse;
import dev.sortie.agent.v1.Execution;
import dev.sortie.agent.v1.ExecutionServiceGrpc.ExecutionServiceImplBase;
import dev.sortie.agent.v1.GetExecutionRequest;
import dev.sortie.agent.v1.GetExecutionResponse;
import dev.sortie.agent.v1.GetWorkOrderRequest;
import dev.sortie.agent.v1.GetWorkOrderResponse;
import dev.sortie.agent.v1.ListAgentsRequest;
import dev.sortie.agent.v1.ListAgentsResponse;
import dev.sortie.agent.v1.ListWorkOrdersRequest;
import dev.sortie.agent.v1.ListWorkOrdersResponse;
import dev.sortie.agent.v1.WorkOrder;
import dev.sortie.agent.v1.WorkOrderServiceGrpc.WorkOrderServiceImplBase;
import dev.sortie.agent.v1.WorkOrderStatus;
import dev.sortie.change.v1.Change;
import dev.sortie.change.v1.ChangeKind;
import dev.sortie.change.v1.ChangeServiceGrpc.ChangeServiceImplBase;
import dev.sortie.change.v1.WatchChangesRequest;
import dev.sortie.change.v1.WatchChangesResponse;
import io.grpc.Grpc;
import io.grpc.InsecureServerCredentials;
import io.grpc.Server;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;

/**
 * agent-service by its contract, in memory, with a worker that a test plays: orders are placed once by their dedupe key,
 * finished as the test says, and every change can be watched from any cursor.
 */
public final class FakeAgentService implements AutoCloseable {
    private final Map<String, WorkOrder> orders = new LinkedHashMap<>();
    private final Map<String, String> byDedupeKey = new HashMap<>();
    private final List<Change> log = new ArrayList<>();
    private String epoch = "first";
    private Status refusal = Status.OK;
    private String refusalReason = "";
    private int placements;
    private int lookups;
    private boolean silent;
    private final Set<String> executions = new HashSet<>();
    private final Set<String> agents = new HashSet<>();
    private final List<StreamObserver<?>> unanswered = new ArrayList<>();
    private Server server;
    private int port;

    private FakeAgentService() {}

    /** Starts on a free port. */
    public static FakeAgentService start() {
        var agent = new FakeAgentService();
        agent.up();
        return agent;
    }

    /** Begins, or begins again, to answer. */
    public void up() {
        try {
            server = Grpc.newServerBuilderForPort(port, InsecureServerCredentials.create())
                    .executor(Executors.newVirtualThreadPerTaskExecutor())
                    .addService(new Orders())
                    .addService(new Attempts())
                    .addService(new Agents())
                    .addService(new Changes())
                    .build()
                    .start();
            port = server.getPort();
        } catch (IOException failed) {
            throw new AssertionError(failed);
        }
    }

    /** Is not there any more; what it has it keeps. */
    public void down() {
        try {
            server.shutdownNow();
            server.awaitTermination(10, TimeUnit.SECONDS);
        } catch (InterruptedException interrupted) {
            throw new AssertionError(interrupted);
        }
    }

    public String address() {
        return "127.0.0.1:" + port;
    }

    /** From now on every order is refused so; OK takes them again. */
    public synchronized void refuse(Status status, String reason) {
        refusal = status;
        refusalReason = reason;
    }

    /** Takes orders and tells nobody, for as long as that is wanted. Then whoever waits is told to ask again. */
    public synchronized void keepAnswersBack(boolean wanted) {
        silent = wanted;
        if (!wanted) {
            unanswered.forEach(observer -> observer.onError(Status.UNAVAILABLE.asRuntimeException()));
            unanswered.clear();
        }
    }

    /** How often somebody asked for one order with its result. */
    public synchronized int lookups() {
        return lookups;
    }

    /** How often somebody asked to place an order. */
    public synchronized int placements() {
        return placements;
    }

    public synchronized List<WorkOrder> orders() {
        return List.copyOf(orders.values());
    }

    /** The orders of a step, in the order of their placement. */
    public synchronized List<WorkOrder> ordersOf(String toolStepId) {
        return orders.values().stream()
                .filter(order -> order.getToolStepId().equals(toolStepId))
                .toList();
    }

    /** The orders of a task, in the order of their placement. */
    public synchronized List<WorkOrder> ordersOfTask(String taskId) {
        return orders.values().stream()
                .filter(order -> order.getTaskId().equals(taskId))
                .toList();
    }

    /** A worker takes an order. */
    public void claim(String workOrderId, String workerId) {
        change(
                workOrderId,
                order -> order.setStatus(WorkOrderStatus.WORK_ORDER_STATUS_CLAIMED)
                        .setWorkerId(workerId));
    }

    /** The claim of an order is lost; it waits for another one. */
    public void loseClaim(String workOrderId) {
        change(
                workOrderId,
                order -> order.setStatus(WorkOrderStatus.WORK_ORDER_STATUS_PENDING)
                        .setRetryCount(order.getRetryCount() + 1));
    }

    /** Does something to an order, unless it is finished. */
    public synchronized void ifOpen(String workOrderId, Runnable what) {
        var status = orders.get(workOrderId).getStatus();
        if (status == WorkOrderStatus.WORK_ORDER_STATUS_PENDING
                || status == WorkOrderStatus.WORK_ORDER_STATUS_CLAIMED) {
            what.run();
        }
    }

    /** The worker hands in a result. */
    public void complete(String workOrderId, Struct result) {
        change(
                workOrderId,
                order -> order.setStatus(WorkOrderStatus.WORK_ORDER_STATUS_COMPLETED)
                        .setResult(result));
    }

    /** The worker gives up for good. */
    public void fail(String workOrderId, String message) {
        change(
                workOrderId,
                order -> order.setStatus(WorkOrderStatus.WORK_ORDER_STATUS_FAILED)
                        .setErrorMessage(message));
    }

    /** Something else happens to an order. */
    public void end(String workOrderId, WorkOrderStatus status) {
        change(workOrderId, order -> order.setStatus(status));
    }

    /** The feed says again what the newest change of an order was. */
    public synchronized void repeat(String workOrderId) {
        log(orders.get(workOrderId));
    }

    /** Nothing knows of the order any more. */
    public synchronized void lose(String workOrderId) {
        byDedupeKey.remove(orders.remove(workOrderId).getDedupeKey());
    }

    /** Old cursors are of no use any more. */
    public synchronized void replaceLog() {
        epoch = epoch + "+";
        notifyAll();
    }

    @Override
    public void close() {
        server.shutdownNow();
    }

    private synchronized void change(String id, UnaryOperator<WorkOrder.Builder> change) {
        var before = orders.get(id);
        var order = change.apply(before.toBuilder())
                .setEtag(Long.toString(version(before) + 1))
                .build();
        orders.put(id, order);
        log(order);
    }

    private synchronized void log(WorkOrder order) {
        var attributes = Struct.newBuilder()
                .putFields("status", text(order.getStatus().name().substring("WORK_ORDER_STATUS_".length())))
                .putFields("queue_name", text(order.getQueueName()));
        if (!order.getToolStepId().isEmpty()) {
            attributes.putFields("tool_step_id", text(order.getToolStepId()));
        }
        if (!order.getTaskId().isEmpty()) {
            attributes.putFields("task_id", text(order.getTaskId()));
        }
        if (!order.getWorkerId().isEmpty()) {
            attributes.putFields("worker_id", text(order.getWorkerId()));
        }
        log.add(Change.newBuilder()
                .setResourceType("work_order")
                .setResourceId(order.getWorkOrderId())
                .setKind(ChangeKind.CHANGE_KIND_UPDATED)
                .setVersion(version(order))
                .setAttributes(attributes)
                .setCursor(cursor(log.size() + 1))
                .build());
        notifyAll();
    }

    private static long version(WorkOrder order) {
        return Long.parseLong(order.getEtag());
    }

    private String cursor(int position) {
        return epoch + ":" + position;
    }

    private static Value text(String text) {
        return Value.newBuilder().setStringValue(text).build();
    }

    private static StatusRuntimeException refusal(Status status, String reason) {
        return StatusProto.toStatusRuntimeException(com.google.rpc.Status.newBuilder()
                .setCode(status.getCode().value())
                .setMessage(String.valueOf(status.getDescription()))
                .addDetails(Any.pack(ErrorInfo.newBuilder()
                        .setReason(reason)
                        .setDomain("agent.sortie.dev")
                        .build()))
                .build());
    }

    /** Has an execution from now on. */
    public synchronized String addExecution() {
        var id = UUID.randomUUID().toString();
        executions.add(id);
        return id;
    }

    /** Has an agent from now on. */
    public synchronized String addAgent() {
        var id = UUID.randomUUID().toString();
        agents.add(id);
        return id;
    }

    /** Somebody deletes an agent. */
    public synchronized void deleteAgent(String agentId) {
        agents.remove(agentId);
        log("agent", agentId, ChangeKind.CHANGE_KIND_DELETED, Struct.getDefaultInstance());
    }

    /** An agent is gone, and nothing says so. */
    public synchronized void loseAgent(String agentId) {
        agents.remove(agentId);
    }

    /** A worker goes; what it holds waits again. */
    public synchronized void deregister(String workerId) {
        orders.values().stream()
                .filter(order -> order.getStatus() == WorkOrderStatus.WORK_ORDER_STATUS_CLAIMED
                        && order.getWorkerId().equals(workerId))
                .map(WorkOrder::getWorkOrderId)
                .toList()
                .forEach(id -> end(id, WorkOrderStatus.WORK_ORDER_STATUS_PENDING));
        log(
                "worker",
                workerId,
                ChangeKind.CHANGE_KIND_UPDATED,
                Struct.newBuilder()
                        .putFields("status", text("OFFLINE"))
                        .putFields(
                                "deregistered",
                                Value.newBuilder().setBoolValue(true).build())
                        .build());
    }

    private synchronized void log(String resource, String id, ChangeKind kind, Struct attributes) {
        log.add(Change.newBuilder()
                .setResourceType(resource)
                .setResourceId(id)
                .setKind(kind)
                .setVersion(2)
                .setAttributes(attributes)
                .setCursor(cursor(log.size() + 1))
                .build());
        notifyAll();
    }

    private final class Agents extends AgentServiceImplBase {
        @Override
        public void listAgents(ListAgentsRequest request, StreamObserver<ListAgentsResponse> observer) {
            synchronized (FakeAgentService.this) {
                var page = ListAgentsResponse.newBuilder();
                request.getAgentIdsList().stream()
                        .filter(agents::contains)
                        .forEach(id -> page.addAgents(Agent.newBuilder().setAgentId(id)));
                observer.onNext(page.build());
                observer.onCompleted();
            }
        }
    }

    private final class Attempts extends ExecutionServiceImplBase {
        @Override
        public void getExecution(GetExecutionRequest request, StreamObserver<GetExecutionResponse> observer) {
            synchronized (FakeAgentService.this) {
                if (!executions.contains(request.getExecutionId())) {
                    observer.onError(Status.NOT_FOUND.asRuntimeException());
                    return;
                }
            }
            observer.onNext(GetExecutionResponse.newBuilder()
                    .setExecution(Execution.newBuilder().setExecutionId(request.getExecutionId()))
                    .build());
            observer.onCompleted();
        }
    }

    private final class Orders extends WorkOrderServiceImplBase {
        @Override
        public void enqueueWorkOrders(
                EnqueueWorkOrdersRequest request, StreamObserver<EnqueueWorkOrdersResponse> observer) {
            synchronized (FakeAgentService.this) {
                placements++;
                if (!refusal.isOk()) {
                    observer.onError(refusal(refusal, refusalReason));
                    return;
                }
                var response = EnqueueWorkOrdersResponse.newBuilder();
                for (var draft : request.getWorkOrdersList()) {
                    var known = byDedupeKey.get(draft.getDedupeKey());
                    if (known == null) {
                        known = UUID.randomUUID().toString();
                        byDedupeKey.put(draft.getDedupeKey(), known);
                        orders.put(
                                known,
                                draft.toBuilder()
                                        .setWorkOrderId(known)
                                        .setStatus(WorkOrderStatus.WORK_ORDER_STATUS_PENDING)
                                        .setEtag("1")
                                        .build());
                        log(orders.get(known));
                    }
                    response.addWorkOrders(orders.get(known));
                }
                if (silent) {
                    unanswered.add(observer);
                    return;
                }
                observer.onNext(response.build());
                observer.onCompleted();
            }
        }

        @Override
        public void listWorkOrders(ListWorkOrdersRequest request, StreamObserver<ListWorkOrdersResponse> observer) {
            synchronized (FakeAgentService.this) {
                var page = ListWorkOrdersResponse.newBuilder();
                request.getWorkOrderIdsList().stream()
                        .filter(orders::containsKey)
                        .map(orders::get)
                        .forEach(order -> page.addWorkOrders(
                                order.toBuilder().clearPayload().clearResult()));
                observer.onNext(page.build());
                observer.onCompleted();
            }
        }

        @Override
        public void getWorkOrder(GetWorkOrderRequest request, StreamObserver<GetWorkOrderResponse> observer) {
            synchronized (FakeAgentService.this) {
                lookups++;
                var order = orders.get(request.getWorkOrderId());
                if (order == null) {
                    observer.onError(refusal(
                            Status.NOT_FOUND.withDescription("no such order"), "ERROR_REASON_RESOURCE_NOT_FOUND"));
                    return;
                }
                observer.onNext(
                        GetWorkOrderResponse.newBuilder().setWorkOrder(order).build());
                observer.onCompleted();
            }
        }

        @Override
        public void cancelWorkOrder(CancelWorkOrderRequest request, StreamObserver<CancelWorkOrderResponse> observer) {
            synchronized (FakeAgentService.this) {
                var order = orders.get(request.getWorkOrderId());
                if (order == null) {
                    observer.onError(refusal(
                            Status.NOT_FOUND.withDescription("no such order"), "ERROR_REASON_RESOURCE_NOT_FOUND"));
                    return;
                }
                switch (order.getStatus()) {
                    case WORK_ORDER_STATUS_PENDING, WORK_ORDER_STATUS_CLAIMED ->
                        end(order.getWorkOrderId(), WorkOrderStatus.WORK_ORDER_STATUS_CANCELLED);
                    case WORK_ORDER_STATUS_CANCELLED -> {}
                    default -> {
                        observer.onError(refusal(
                                Status.FAILED_PRECONDITION.withDescription("the order is finished"),
                                "ERROR_REASON_MOVE_NOT_ALLOWED"));
                        return;
                    }
                }
                observer.onNext(CancelWorkOrderResponse.newBuilder()
                        .setWorkOrder(orders.get(request.getWorkOrderId()))
                        .build());
                observer.onCompleted();
            }
        }
    }

    private final class Changes extends ChangeServiceImplBase {
        @Override
        public void watchChanges(WatchChangesRequest request, StreamObserver<WatchChangesResponse> observer) {
            var call = (ServerCallStreamObserver<WatchChangesResponse>) observer;
            call.setOnCancelHandler(() -> {
                synchronized (FakeAgentService.this) {
                    FakeAgentService.this.notifyAll();
                }
            });
            Thread.ofVirtual().start(() -> watch(request.getCursor(), call));
        }

        private void watch(String cursor, ServerCallStreamObserver<WatchChangesResponse> call) {
            try {
                synchronized (FakeAgentService.this) {
                    int position;
                    if (cursor.isEmpty()) {
                        position = log.size();
                        call.onNext(WatchChangesResponse.newBuilder()
                                .setCursor(cursor(position))
                                .build());
                    } else if (!cursor.startsWith(epoch + ":")) {
                        call.onError(
                                refusal(Status.OUT_OF_RANGE.withDescription("too old"), "ERROR_REASON_CURSOR_TOO_OLD"));
                        return;
                    } else {
                        position = Integer.parseInt(cursor.substring(epoch.length() + 1));
                    }
                    var watched = epoch;
                    while (!call.isCancelled()) {
                        if (!watched.equals(epoch)) {
                            call.onError(refusal(
                                    Status.OUT_OF_RANGE.withDescription("too old"), "ERROR_REASON_CURSOR_TOO_OLD"));
                            return;
                        }
                        if (position < log.size()) {
                            call.onNext(WatchChangesResponse.newBuilder()
                                    .addAllChanges(log.subList(position, log.size()))
                                    .setCursor(cursor(log.size()))
                                    .build());
                            position = log.size();
                        }
                        FakeAgentService.this.wait();
                    }
                }
            } catch (InterruptedException | StatusRuntimeException ended) {
                // the watcher is gone
            }
        }
    }
}
