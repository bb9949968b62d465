package dev.sortie.agent;

import static dev.sortie.agent.AgentFixture.claim;
import static dev.sortie.agent.AgentFixture.order;
import static dev.sortie.agent.AgentFixture.seconds;
import static dev.sortie.agent.AgentFixture.struct;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import dev.sortie.agent.v1.CancelWorkOrderRequest;
import dev.sortie.agent.v1.EnqueueWorkOrdersRequest;
import dev.sortie.agent.v1.ErrorReason;
import dev.sortie.agent.v1.GetWorkOrderRequest;
import dev.sortie.agent.v1.ListWorkOrdersRequest;
import dev.sortie.agent.v1.PutQueueRequest;
import dev.sortie.agent.v1.Queue;
import dev.sortie.agent.v1.RedriveWorkOrdersRequest;
import dev.sortie.agent.v1.WorkOrder;
import dev.sortie.agent.v1.WorkOrderServiceGrpc;
import dev.sortie.agent.v1.WorkOrderStatus;
import dev.sortie.runtime.grpc.Messages;
import dev.sortie.runtime.testing.SettableClock;
import dev.sortie.runtime.testing.StatusAssert;
import dev.sortie.type.v1.RetryPolicy;
import io.grpc.Status;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** Orders, as those see them who place them. */
class WorkOrderServiceTest {
    private static final SettableClock CLOCK = AgentFixture.clock();

    @AutoClose
    private static final AgentFixture AGENT = new AgentFixture(CLOCK);

    private final String queue = "o-" + UUID.randomUUID().toString().substring(0, 8);

    @Test
    void fillsInWhatTheQueueSays() {
        AGENT.queues()
                .putQueue(PutQueueRequest.newBuilder()
                        .setQueue(Queue.newBuilder()
                                .setQueueName(queue)
                                .setDefaultTimeout(seconds(90))
                                .setDefaultRetryPolicy(RetryPolicy.newBuilder()
                                        .setMaxRetries(7)
                                        .setInitialBackoff(seconds(2))))
                        .build());

        var placed = AGENT.enqueue(
                order(queue).setRetryPolicy(RetryPolicy.newBuilder().setMaxRetries(1)));

        assertThat(placed.getStatus()).isEqualTo(WorkOrderStatus.WORK_ORDER_STATUS_PENDING);
        assertThat(placed.getPriority()).isEqualTo(3);
        assertThat(placed.getTimeout()).isEqualTo(seconds(90));
        assertThat(placed.getRetryPolicy())
                .isEqualTo(RetryPolicy.newBuilder()
                        .setMaxRetries(1)
                        .setInitialBackoff(seconds(2))
                        .setMaxBackoff(seconds(300))
                        .setBackoffMultiplier(2)
                        .build());
        assertThat(placed.hasPayload()).isFalse();
        assertThat(Messages.instant(placed.getRunTime())).isEqualTo(CLOCK.instant());
        assertThat(AGENT.get(placed.getWorkOrderId()))
                .isEqualTo(placed.toBuilder().setPayload(struct("n", 1)).build());
    }

    @Test
    void showsHandlesOfCredentialsToServicesAndToWhoeverHoldsTheOrder() {
        var handle = "sortie_handle_" + UUID.randomUUID();
        var payload = Struct.newBuilder()
                .putFields(
                        "credentials",
                        Value.newBuilder()
                                .setStructValue(Struct.newBuilder()
                                        .putFields(
                                                "github",
                                                Value.newBuilder()
                                                        .setStringValue(handle)
                                                        .build()))
                                .build())
                .putFields("other", Value.newBuilder().setStringValue(handle).build())
                .build();
        var id = AGENT.enqueue(order(queue).setPayload(payload)).getWorkOrderId();
        var request = GetWorkOrderRequest.newBuilder().setWorkOrderId(id).build();
        for (var token : List.of("viewer", "developer", "admin")) {
            var seen = WorkOrderServiceGrpc.newBlockingStub(AGENT.channel(token))
                    .getWorkOrder(request)
                    .getWorkOrder()
                    .getPayload();
            assertThat(seen.getFieldsOrThrow("credentials")
                            .getStructValue()
                            .getFieldsOrThrow("github")
                            .getStringValue())
                    .isEqualTo("sortie_handle_…");
            assertThat(seen.getFieldsOrThrow("other").getStringValue()).isEqualTo(handle);
        }
        assertThat(WorkOrderServiceGrpc.newBlockingStub(AGENT.channel("service"))
                        .getWorkOrder(request)
                        .getWorkOrder()
                        .getPayload())
                .isEqualTo(payload);
        assertThat(AGENT.claimOne(AGENT.register(1), queue).getWorkOrder().getPayload())
                .isEqualTo(payload);
        assertThat(AGENT.orders()
                        .cancelWorkOrder(CancelWorkOrderRequest.newBuilder()
                                .setWorkOrderId(id)
                                .build())
                        .getWorkOrder()
                        .getPayload()
                        .getFieldsOrDefault("credentials", Value.getDefaultInstance())
                        .toString())
                .doesNotContain(handle);
    }

    @Test
    void makesTheQueueThatAnOrderNamesFirst() {
        var placed = AGENT.enqueue(order(queue));
        assertThat(placed.getTimeout()).isEqualTo(seconds(3600));
        assertThat(AGENT.number(changes("queue") + " AND attributes->>'queue_name' = '" + queue + "'"))
                .isEqualTo(1);
    }

    @Test
    void placesOrdersInTheirOrder() {
        var placed = AGENT.enqueueAll(AgentFixture.many(20, queue));

        var claims = AGENT.work()
                .claimWork(claim(AGENT.register(100), queue).setMaxOrders(100).build())
                .getClaimsList();

        assertThat(claims)
                .extracting(claim -> claim.getWorkOrder().getWorkOrderId())
                .containsExactlyElementsOf(
                        placed.stream().map(WorkOrder::getWorkOrderId).toList());
    }

    @Test
    void returnsTheFirstOrderForItsDedupeKeyAndRefusesAnotherOne() {
        var step = UUID.randomUUID();
        AGENT.toolStepExists(step);
        var order = order(queue).setDedupeKey("step-1").setToolStepId(step.toString());
        var first = AGENT.enqueue(order);
        AGENT.complete(AGENT.claimOne(AGENT.register(1), queue));

        var again = AGENT.enqueueAll(List.of(order.build(), order.build()));

        assertThat(again).extracting(WorkOrder::getWorkOrderId).containsOnly(first.getWorkOrderId());
        assertThat(again.getFirst().getStatus()).isEqualTo(WorkOrderStatus.WORK_ORDER_STATUS_COMPLETED);
        assertThat(AGENT.enqueue(order.clone().setPriority(3)).getWorkOrderId()).isEqualTo(first.getWorkOrderId());
        assertThat(AGENT.enqueue(order.clone().setQueueName(queue + ".b")).getWorkOrderId())
                .isNotEqualTo(first.getWorkOrderId());
        StatusAssert.fails(() -> AGENT.enqueue(order.clone().setPayload(struct("n", 2))))
                .with(Status.Code.ALREADY_EXISTS, ErrorReason.ERROR_REASON_DEDUPE_KEY_TAKEN)
                .metadata("dedupe_key", "step-1")
                .metadata("work_order_id", first.getWorkOrderId());
        StatusAssert.fails(() -> AGENT.enqueueAll(List.of(
                        order(queue).setDedupeKey("twice").build(),
                        order(queue).setDedupeKey("twice").setPriority(1).build())))
                .with(Status.Code.ALREADY_EXISTS, ErrorReason.ERROR_REASON_DEDUPE_KEY_TAKEN);
    }

    @Test
    void placesAllOrdersOrNone() {
        var taken = order(queue).setDedupeKey("taken");
        AGENT.enqueue(taken);
        StatusAssert.fails(() -> AGENT.enqueueAll(List.of(
                        order(queue).build(), taken.clone().setPriority(1).build())))
                .with(Status.Code.ALREADY_EXISTS, ErrorReason.ERROR_REASON_DEDUPE_KEY_TAKEN);
        assertThat(list(ListWorkOrdersRequest.newBuilder().setQueueName(queue))).hasSize(1);
    }

    @Test
    void answersTheSameRequestTheSame() {
        var request = EnqueueWorkOrdersRequest.newBuilder()
                .addWorkOrders(order(queue))
                .setRequestId(UUID.randomUUID().toString())
                .build();

        var first = AGENT.orders().enqueueWorkOrders(request);
        AGENT.complete(AGENT.claimOne(AGENT.register(1), queue));

        assertThat(AGENT.orders().enqueueWorkOrders(request))
                .isEqualTo(first.toBuilder().setReplayed(true).build());
        StatusAssert.fails(() -> AGENT.orders()
                        .enqueueWorkOrders(
                                request.toBuilder().addWorkOrders(order(queue)).build()))
                .with(Status.Code.ALREADY_EXISTS, dev.sortie.type.v1.ErrorReason.ERROR_REASON_REQUEST_ID_REUSED);
    }

    @Test
    void asksWhetherTheToolStepExistsUnlessMissionServiceItselfPlacesTheOrder() {
        var missing = UUID.randomUUID().toString();
        var request = EnqueueWorkOrdersRequest.newBuilder()
                .addWorkOrders(order(queue))
                .addWorkOrders(order(queue).setToolStepId(missing))
                .build();

        for (var caller : List.of("developer", "admin", "service")) {
            StatusAssert.fails(() -> WorkOrderServiceGrpc.newBlockingStub(AGENT.channel(caller))
                            .enqueueWorkOrders(request))
                    .with(
                            Status.Code.FAILED_PRECONDITION,
                            dev.sortie.type.v1.ErrorReason.ERROR_REASON_REFERENCE_NOT_FOUND)
                    .metadata("resource", "tool_step")
                    .metadata("field", "work_orders[1].tool_step_id")
                    .metadata("id", missing);
        }
        var placed = WorkOrderServiceGrpc.newBlockingStub(AGENT.channel("mission-service"))
                .enqueueWorkOrders(request);
        assertThat(placed.getWorkOrders(1).getToolStepId()).isEqualTo(missing);
    }

    @Test
    void holdsNoConnectionToTheDatabaseWhileMissionServiceIsAsked() throws Exception {
        int callers = 20; // more than there are connections
        var asked = new CountDownLatch(callers);
        var answer = new CountDownLatch(1);
        try (var agent = new AgentFixture(CLOCK);
                var executor = Executors.newVirtualThreadPerTaskExecutor()) {
            agent.missionServiceIs(id -> {
                asked.countDown();
                try {
                    answer.await();
                } catch (InterruptedException interrupted) {
                    throw new AssertionError(interrupted);
                }
                return true;
            });
            var calls = new ArrayList<Future<WorkOrder>>();
            for (int i = 0; i < callers; i++) {
                calls.add(executor.submit(() -> agent.enqueue(
                        order(queue).setToolStepId(UUID.randomUUID().toString()))));
            }
            boolean all = asked.await(60, TimeUnit.SECONDS);
            answer.countDown();
            for (var call : calls) {
                assertThat(call.get().getWorkOrderId()).isNotEmpty();
            }
            assertThat(all).isTrue();
        }
    }

    @Test
    void answersARepeatedRequestWhoseToolStepIsGoneSince() {
        var step = UUID.randomUUID();
        var request = EnqueueWorkOrdersRequest.newBuilder()
                .addWorkOrders(order(queue).setToolStepId(step.toString()))
                .setRequestId(UUID.randomUUID().toString())
                .build();
        try (var agent = new AgentFixture(CLOCK)) {
            agent.toolStepExists(step);
            var first = agent.orders().enqueueWorkOrders(request);
            agent.missionServiceIs(id -> false);
            assertThat(agent.orders().enqueueWorkOrders(request))
                    .isEqualTo(first.toBuilder().setReplayed(true).build());
        }
    }

    @Test
    void namesEachFieldThatIsWrong() {
        StatusAssert.fails(() -> AGENT.enqueueAll(List.of(
                        order(queue).build(), order("").build(), order("").build())))
                .with(Status.Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("work_orders[1].queue_name")
                .field("work_orders[2].queue_name");
        StatusAssert.fails(() -> AGENT.enqueue(order("Not A Queue").setPriority(6)))
                .with(Status.Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("work_orders[0].queue_name")
                .field("work_orders[0].priority");
        StatusAssert.fails(() -> AGENT.enqueue(order(queue).setPayload(struct("n", Double.NaN))))
                .with(Status.Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("work_orders[0].payload.n");
        StatusAssert.fails(() -> AGENT.enqueue(order(queue)
                        .setRunTime(com.google.protobuf.Timestamp.newBuilder().setSeconds(Long.MAX_VALUE / 100))))
                .with(Status.Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("work_orders[0].run_time");
        StatusAssert.fails(() -> AGENT.enqueueAll(List.of()))
                .with(Status.Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("work_orders");
    }

    @Test
    void handsOutADelayedOrderOnlyWhenItsTimeHasCome() {
        var worker = AGENT.register(1);
        AGENT.enqueue(order(queue).setRunTime(Messages.timestamp(CLOCK.instant().plusSeconds(60))));
        assertThat(AGENT.work().claimWork(claim(worker, queue).build()).getClaimsCount())
                .isZero();
        CLOCK.advance(Duration.ofSeconds(60));
        assertThat(AGENT.claimOne(worker, queue).getAttempt()).isEqualTo(1);
    }

    @Test
    void givesUpWhatNobodyClaimedInTimeAndKeepsWhatSomebodyDid() {
        var expireTime = Messages.timestamp(CLOCK.instant().plusSeconds(60));
        var claimed = AGENT.enqueue(order(queue).setExpireTime(expireTime).setPriority(1));
        var left = AGENT.enqueue(order(queue).setExpireTime(expireTime));
        var worker = AGENT.register(1);
        AGENT.fail(AGENT.claimOne(worker, queue));
        CLOCK.advance(Duration.ofSeconds(60));
        AGENT.promoteOrders();

        // Not handed out any more, whether the job has run or not.
        var claims = AGENT.work()
                .claimWork(claim(worker, queue).setMaxOrders(2).build())
                .getClaimsList();
        AGENT.expireOrders();

        assertThat(claims)
                .singleElement()
                .extracting(c -> c.getWorkOrder().getWorkOrderId())
                .isEqualTo(claimed.getWorkOrderId());
        var expired = AGENT.get(left.getWorkOrderId());
        assertThat(expired.getStatus()).isEqualTo(WorkOrderStatus.WORK_ORDER_STATUS_EXPIRED);
        assertThat(expired.hasCompleteTime()).isTrue();
        StatusAssert.fails(() -> cancel(left.getWorkOrderId()))
                .with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_MOVE_NOT_ALLOWED)
                .metadata("state", "EXPIRED")
                .metadata("move", "CANCEL")
                .metadata("allowed_moves", "REDRIVE");
    }

    @Test
    void cancelsAtOnceWhatNoWorkerHolds() {
        var placed = AGENT.enqueue(order(queue));

        var cancelled = cancel(placed.getWorkOrderId());

        assertThat(cancelled.getStatus()).isEqualTo(WorkOrderStatus.WORK_ORDER_STATUS_CANCELLED);
        assertThat(cancelled.getCancelRequested()).isFalse();
        assertThat(cancel(placed.getWorkOrderId())).isEqualTo(cancelled);
        assertThat(AGENT.work()
                        .claimWork(claim(AGENT.register(1), queue).build())
                        .getClaimsCount())
                .isZero();
        assertThat(AGENT.number("SELECT count(*) FROM audit_log WHERE resource_id = '" + placed.getWorkOrderId() + "'"))
                .isEqualTo(1);
    }

    @Test
    void refusesToCancelWhatIsFinishedAndWhatDoesNotExist() {
        var placed = AGENT.enqueue(order(queue));
        AGENT.complete(AGENT.claimOne(AGENT.register(1), queue));
        StatusAssert.fails(() -> cancel(placed.getWorkOrderId()))
                .with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_MOVE_NOT_ALLOWED)
                .metadata("state", "COMPLETED");

        var unknown = UUID.randomUUID().toString();
        StatusAssert.fails(() -> cancel(unknown))
                .with(Status.Code.NOT_FOUND, dev.sortie.type.v1.ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND)
                .metadata("resource", "work_order")
                .metadata("id", unknown);
        StatusAssert.fails(() -> AGENT.orders()
                        .getWorkOrder(GetWorkOrderRequest.newBuilder()
                                .setWorkOrderId(unknown)
                                .build()))
                .with(Status.Code.NOT_FOUND, dev.sortie.type.v1.ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND);
    }

    @Test
    void listsNewestFirstByQueueStatusAndToolStepInPages() {
        var step = UUID.randomUUID();
        AGENT.toolStepExists(step);
        var ids = new ArrayList<String>();
        for (int i = 0; i < 7; i++) {
            CLOCK.advance(Duration.ofMillis(1));
            var order = order(queue);
            ids.addFirst(AGENT.enqueue(i % 2 == 0 ? order.setToolStepId(step.toString()) : order)
                    .getWorkOrderId());
        }
        cancel(ids.getFirst());
        var byQueue = ListWorkOrdersRequest.newBuilder().setQueueName(queue);

        assertThat(list(byQueue)).extracting(WorkOrder::getWorkOrderId).containsExactlyElementsOf(ids);
        assertThat(list(ListWorkOrdersRequest.newBuilder())).hasSizeGreaterThanOrEqualTo(7);
        assertThat(list(ListWorkOrdersRequest.newBuilder().setToolStepId(step.toString())))
                .extracting(WorkOrder::getWorkOrderId)
                .containsExactly(ids.get(0), ids.get(2), ids.get(4), ids.get(6));
        assertThat(list(ListWorkOrdersRequest.newBuilder()
                        .setToolStepId(step.toString())
                        .setStatus(WorkOrderStatus.WORK_ORDER_STATUS_PENDING)))
                .hasSize(3);
        assertThat(list(byQueue.clone().setStatus(WorkOrderStatus.WORK_ORDER_STATUS_CANCELLED)))
                .extracting(WorkOrder::getWorkOrderId)
                .containsExactly(ids.getFirst());
        assertThat(list(byQueue.clone().setPageSize(1))).allMatch(order -> !order.hasPayload());
        var some = ListWorkOrdersRequest.newBuilder()
                .addWorkOrderIds(ids.get(2))
                .addWorkOrderIds(UUID.randomUUID().toString())
                .addWorkOrderIds(ids.getFirst());
        assertThat(list(some)).extracting(WorkOrder::getWorkOrderId).containsExactly(ids.getFirst(), ids.get(2));
        assertThat(list(some.setStatus(WorkOrderStatus.WORK_ORDER_STATUS_CANCELLED)))
                .extracting(WorkOrder::getWorkOrderId)
                .containsExactly(ids.getFirst());

        var paged = new ArrayList<String>();
        var token = "";
        do {
            var page = AGENT.orders()
                    .listWorkOrders(
                            byQueue.clone().setPageSize(3).setPageToken(token).build());
            page.getWorkOrdersList().forEach(order -> paged.add(order.getWorkOrderId()));
            token = page.getNextPageToken();
        } while (!token.isEmpty());
        assertThat(paged).containsExactlyElementsOf(ids);

        var first = AGENT.orders().listWorkOrders(byQueue.clone().setPageSize(3).build());
        StatusAssert.fails(() -> AGENT.orders()
                        .listWorkOrders(ListWorkOrdersRequest.newBuilder()
                                .setPageToken(first.getNextPageToken())
                                .build()))
                .with(Status.Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_PAGE_TOKEN_INVALID);
    }

    @Test
    void writesEachChangeOfStatusToTheChangeLog() {
        var step = UUID.randomUUID();
        AGENT.toolStepExists(step);
        var placed = AGENT.enqueue(order(queue).setToolStepId(step.toString()));
        var worker = AGENT.register(1);
        AGENT.fail(AGENT.claimOne(worker, queue));
        CLOCK.advance(Duration.ofMinutes(1));
        AGENT.complete(AGENT.claimOne(worker, queue));

        var expected = List.of("PENDING", "CLAIMED", "PENDING", "CLAIMED", "COMPLETED");
        for (int i = 0; i < expected.size(); i++) {
            assertThat(AGENT.number(changes("work_order") + " AND resource_id = '" + placed.getWorkOrderId()
                            + "' AND version = " + (i + 1) + " AND attributes->>'status' = '" + expected.get(i)
                            + "' AND attributes->>'queue_name' = '" + queue + "' AND attributes->>'tool_step_id' = '"
                            + step + "' AND attributes->>'work_order_id' = resource_id::text"))
                    .as("version %d is %s", i + 1, expected.get(i))
                    .isEqualTo(1);
        }
    }

    @Test
    void carriesTheTaskThatAnOrderIsForWhereverTheOrderIsSeen() {
        var task = UUID.randomUUID();
        AGENT.taskExists(task);
        AGENT.enqueue(order(queue));
        var placed = AGENT.enqueue(order(queue).setTaskId(task.toString()).setPriority(1));

        var claim = AGENT.claimOne(AGENT.register(1), queue);

        assertThat(placed.getTaskId()).isEqualTo(task.toString());
        assertThat(placed.getToolStepId()).isEmpty();
        assertThat(claim.getWorkOrder().getTaskId()).isEqualTo(task.toString());
        assertThat(AGENT.execution(claim.getExecutionId()).getTaskId()).isEqualTo(task.toString());
        assertThat(list(ListWorkOrdersRequest.newBuilder().setTaskId(task.toString())))
                .singleElement()
                .extracting(WorkOrder::getWorkOrderId)
                .isEqualTo(placed.getWorkOrderId());
        assertThat(list(ListWorkOrdersRequest.newBuilder()
                        .setTaskId(task.toString())
                        .setStatus(WorkOrderStatus.WORK_ORDER_STATUS_PENDING)))
                .isEmpty();
        assertThat(AGENT.number(changes("work_order") + " AND resource_id = '" + placed.getWorkOrderId()
                        + "' AND attributes->>'task_id' = '" + task + "'"))
                .isEqualTo(2);
    }

    @Test
    void refusesAnOrderForATaskThatDoesNotExistAndOneForTwoThings() {
        var task = UUID.randomUUID().toString();
        StatusAssert.fails(() -> AGENT.enqueueAll(List.of(
                        order(queue).build(), order(queue).setTaskId(task).build())))
                .with(Status.Code.FAILED_PRECONDITION, dev.sortie.type.v1.ErrorReason.ERROR_REASON_REFERENCE_NOT_FOUND)
                .metadata("field", "work_orders[1].task_id")
                .metadata("resource", "task")
                .metadata("id", task);
        StatusAssert.fails(() -> AGENT.enqueue(order(queue).setTaskId(task).setToolStepId(task)))
                .with(Status.Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("work_orders[0].task_id");
        StatusAssert.fails(() ->
                        list(ListWorkOrdersRequest.newBuilder().setTaskId(task).setToolStepId(task)))
                .with(Status.Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("task_id");
    }

    @Test
    void handsOutNoMoreThanOneAnswerHasRoomFor() {
        var large = struct("n", 1).toBuilder()
                .putFields(
                        "text",
                        com.google.protobuf.Value.newBuilder()
                                .setStringValue("x".repeat(300_000))
                                .build())
                .build();
        for (int i = 0; i < 6; i++) {
            AGENT.enqueue(order(queue).setPayload(large));
        }
        var worker = AGENT.register(10);
        var claimed = new HashSet<String>();
        for (int i = 0; i < 6 && claimed.size() < 6; i++) {
            var claims = AGENT.work()
                    .claimWork(claim(worker, queue).setMaxOrders(10).build())
                    .getClaimsList();
            assertThat(claims).isNotEmpty().hasSizeLessThan(3);
            claims.forEach(c -> claimed.add(c.getWorkOrder().getWorkOrderId()));
        }
        assertThat(claimed).hasSize(6);
    }

    private static String changes(String resourceType) {
        return "SELECT count(*) FROM change_log WHERE resource_type = '" + resourceType + "'";
    }

    private static WorkOrder cancel(String id) {
        return AGENT.orders()
                .cancelWorkOrder(
                        CancelWorkOrderRequest.newBuilder().setWorkOrderId(id).build())
                .getWorkOrder();
    }

    private static List<WorkOrder> list(ListWorkOrdersRequest.Builder request) {
        return AGENT.orders().listWorkOrders(request.build()).getWorkOrdersList();
    }

    @Test
    void putsDeadOrdersBackOneAfterTheOtherWithAllTheirRetriesBeforeThem() {
        var worker = AGENT.register(10);
        var expired = AGENT.enqueue(
                order(queue).setExpireTime(Messages.timestamp(CLOCK.instant().plusSeconds(5))));
        CLOCK.advance(java.time.Duration.ofSeconds(5));
        AGENT.expireOrders();
        var failing = order(queue).setRetryPolicy(RetryPolicy.newBuilder().setMaxRetries(0));
        var one = AGENT.enqueue(failing);
        CLOCK.advance(java.time.Duration.ofSeconds(1)); // by their ids, they were placed one after the other
        var failed = List.of(one, AGENT.enqueue(failing));
        failed.forEach(_ -> AGENT.fail(AGENT.claimOne(worker, queue)));
        var alive = AGENT.enqueue(
                order(queue).setRunTime(Messages.timestamp(CLOCK.instant().plusSeconds(1_000))));
        var request = RedriveWorkOrdersRequest.newBuilder()
                .setQueueName(queue)
                .setOrdersPerSecond(0.5)
                .setReason("mended")
                .setRequestId(UUID.randomUUID().toString())
                .build();

        var redriven = AGENT.orders().redriveWorkOrders(request);

        assertThat(redriven.getWorkOrdersList())
                .extracting(WorkOrder::getWorkOrderId)
                .containsExactly(
                        expired.getWorkOrderId(),
                        failed.getFirst().getWorkOrderId(),
                        failed.getLast().getWorkOrderId());
        assertThat(redriven.getWorkOrdersList())
                .extracting(order -> Messages.instant(order.getRunTime()))
                .containsExactly(
                        CLOCK.instant(),
                        CLOCK.instant().plusSeconds(2),
                        CLOCK.instant().plusSeconds(4));
        assertThat(redriven.getWorkOrders(0).hasExpireTime()).isFalse();
        assertThat(AGENT.orders().redriveWorkOrders(request).getReplayed()).isTrue();
        assertThat(AGENT.get(alive.getWorkOrderId()).getEtag()).isEqualTo(alive.getEtag());

        // An order that may not be retried may be tried once more; then it is dead again.
        CLOCK.advance(java.time.Duration.ofSeconds(4));
        AGENT.promoteOrders();
        var claims = AGENT.work()
                .claimWork(claim(worker, queue).setMaxOrders(5).build())
                .getClaimsList();
        assertThat(claims).extracting(claimed -> claimed.getAttempt()).containsExactly(1, 2, 2);
        AGENT.complete(claims.get(0), claims.get(1));
        AGENT.fail(claims.get(2));
        assertThat(AGENT.get(failed.getLast().getWorkOrderId()).getStatus())
                .isEqualTo(WorkOrderStatus.WORK_ORDER_STATUS_FAILED);

        // By its id, and only what is dead.
        assertThat(AGENT.orders()
                        .redriveWorkOrders(RedriveWorkOrdersRequest.newBuilder()
                                .setQueueName(queue)
                                .addWorkOrderIds(failed.getFirst().getWorkOrderId())
                                .addWorkOrderIds(failed.getLast().getWorkOrderId())
                                .build())
                        .getWorkOrdersList())
                .extracting(WorkOrder::getWorkOrderId)
                .containsExactly(failed.getLast().getWorkOrderId());
        assertThat(AGENT.claimOne(worker, queue).getAttempt()).isEqualTo(3);
    }

    @Test
    void putsNothingBackIntoAQueueThatIsNotThere() {
        StatusAssert.fails(() -> AGENT.orders()
                        .redriveWorkOrders(RedriveWorkOrdersRequest.newBuilder()
                                .setQueueName("no-such-queue")
                                .build()))
                .with(Status.Code.NOT_FOUND, dev.sortie.type.v1.ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND);
    }
}
