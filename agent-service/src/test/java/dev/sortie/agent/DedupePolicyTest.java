package dev.sortie.agent;

import static dev.sortie.agent.AgentFixture.order;
import static dev.sortie.agent.AgentFixture.reference;
import static dev.sortie.agent.AgentFixture.struct;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.agent.v1.CancelWorkOrderRequest;
import dev.sortie.agent.v1.ClaimedWork;
import dev.sortie.agent.v1.DedupePolicy;
import dev.sortie.agent.v1.EnqueueWorkOrdersRequest;
import dev.sortie.agent.v1.EnqueueWorkOrdersResponse;
import dev.sortie.agent.v1.ErrorReason;
import dev.sortie.agent.v1.ExecutionStatus;
import dev.sortie.agent.v1.HeartbeatWorkRequest;
import dev.sortie.agent.v1.WorkFailure;
import dev.sortie.agent.v1.WorkOrder;
import dev.sortie.agent.v1.WorkOrderStatus;
import dev.sortie.runtime.grpc.Messages;
import dev.sortie.runtime.testing.SettableClock;
import dev.sortie.runtime.testing.StatusAssert;
import io.grpc.Status;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Arrays;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.EnumSource.Mode;

/** What becomes of orders whose dedupe keys are there already. */
class DedupePolicyTest {
    private static final SettableClock CLOCK = AgentFixture.clock();

    @AutoClose
    private static final AgentFixture AGENT = new AgentFixture(CLOCK);

    private final String queue = "k-" + UUID.randomUUID().toString().substring(0, 8);

    @ParameterizedTest
    @EnumSource(
            mode = Mode.EXCLUDE,
            names = {"WORK_ORDER_STATUS_UNSPECIFIED", "UNRECOGNIZED"})
    void treatsAnOrderInEachStatusAsTheContractSays(WorkOrderStatus status) {
        var existing = orderIn(status);
        var same = order(queue).setDedupeKey("k");
        if (existing.hasExpireTime()) {
            same.setExpireTime(existing.getExpireTime());
        }
        var other = order(queue).setDedupeKey("k").setPayload(struct("n", 2));

        for (var order : new WorkOrder.Builder[] {same, other}) {
            refuses(DedupePolicy.DEDUPE_POLICY_FAIL, order, existing);
            var used = enqueue(DedupePolicy.DEDUPE_POLICY_USE_EXISTING, order);
            assertThat(used.getWorkOrders(0).getWorkOrderId()).isEqualTo(existing.getWorkOrderId());
            assertThat(used.getWorkOrders(0).getStatus()).isEqualTo(status);
            assertThat(used.getOutcomes(0).getCreated()).isFalse();
        }
        refuses(DedupePolicy.DEDUPE_POLICY_UNSPECIFIED, other, existing);
        var first = enqueue(DedupePolicy.DEDUPE_POLICY_UNSPECIFIED, same);
        assertThat(first.getWorkOrders(0).getWorkOrderId()).isEqualTo(existing.getWorkOrderId());
        assertThat(first.getOutcomes(0).getCreated()).isFalse();

        var replacing = enqueue(DedupePolicy.DEDUPE_POLICY_REPLACE, same);

        var placed = replacing.getWorkOrders(0);
        assertThat(placed.getWorkOrderId()).isNotEqualTo(existing.getWorkOrderId());
        assertThat(placed.getStatus()).isEqualTo(WorkOrderStatus.WORK_ORDER_STATUS_PENDING);
        assertThat(placed.getDedupeKey()).isEqualTo("k");
        assertThat(replacing.getOutcomes(0).getCreated()).isTrue();
        assertThat(replacing.getOutcomes(0).getReplacedWorkOrderId()).isEqualTo(existing.getWorkOrderId());
        var replaced = AGENT.get(existing.getWorkOrderId());
        boolean wasOpen = status == WorkOrderStatus.WORK_ORDER_STATUS_PENDING
                || status == WorkOrderStatus.WORK_ORDER_STATUS_CLAIMED;
        assertThat(replaced.getStatus()).isEqualTo(wasOpen ? WorkOrderStatus.WORK_ORDER_STATUS_CANCELLED : status);
        assertThat(replaced.getDedupeKey()).isEmpty();
        assertThat(replaced.hasCompleteTime()).isTrue();
        assertThat(AGENT.number("SELECT count(*) FROM change_log WHERE resource_id = '" + existing.getWorkOrderId()
                        + "' AND version = " + replaced.getEtag() + " AND attributes->>'status' = '"
                        + replaced.getStatus().name().substring("WORK_ORDER_STATUS_".length()) + "'"))
                .isEqualTo(1);
        // The new one has the key.
        assertThat(enqueue(DedupePolicy.DEDUPE_POLICY_USE_EXISTING, other)
                        .getWorkOrders(0)
                        .getWorkOrderId())
                .isEqualTo(placed.getWorkOrderId());
    }

    @ParameterizedTest
    @EnumSource(mode = Mode.EXCLUDE, names = "UNRECOGNIZED")
    void placesWhatHasAKeyOfItsOwnWhateverThePolicy(DedupePolicy policy) {
        var response = AGENT.orders()
                .enqueueWorkOrders(EnqueueWorkOrdersRequest.newBuilder()
                        .addWorkOrders(order(queue).setDedupeKey("a"))
                        .addWorkOrders(order(queue).setDedupeKey("b"))
                        .addWorkOrders(order(queue + ".b").setDedupeKey("a"))
                        .addWorkOrders(order(queue))
                        .addWorkOrders(order(queue))
                        .setDedupePolicy(policy)
                        .build());
        assertThat(response.getWorkOrdersList())
                .extracting(WorkOrder::getWorkOrderId)
                .doesNotHaveDuplicates()
                .hasSize(5);
        assertThat(response.getOutcomesList())
                .hasSize(5)
                .allMatch(outcome ->
                        outcome.getCreated() && outcome.getReplacedWorkOrderId().isEmpty());
    }

    @Test
    void tellsTheWorkerThatItsOrderWasReplaced() {
        enqueue(DedupePolicy.DEDUPE_POLICY_UNSPECIFIED, order(queue).setDedupeKey("k"));
        var worker = AGENT.register(1);
        var claimed = AGENT.claimOne(worker, queue);

        var placed = enqueue(DedupePolicy.DEDUPE_POLICY_REPLACE, order(queue).setDedupeKey("k"))
                .getWorkOrders(0);

        StatusAssert.fails(() -> AGENT.complete(claimed))
                .with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_CLAIM_STALE)
                .metadata("status", "CANCELLED");
        assertThat(AGENT.work()
                        .heartbeatWork(HeartbeatWorkRequest.newBuilder()
                                .setWorkerId(worker)
                                .addClaims(reference(claimed))
                                .build())
                        .getOutcomes(0)
                        .getCancelRequested())
                .isTrue();
        assertThat(AGENT.execution(claimed.getExecutionId()).getStatus())
                .isEqualTo(ExecutionStatus.EXECUTION_STATUS_CANCELLED);
        // The worker has room for the new one.
        assertThat(AGENT.claimOne(worker, queue).getWorkOrder().getWorkOrderId())
                .isEqualTo(placed.getWorkOrderId());
        assertThat(AGENT.number("SELECT count(*) FROM change_log WHERE actor LIKE '%agent-service%' AND resource_id = '"
                        + claimed.getWorkOrder().getWorkOrderId() + "'"))
                .isZero();
    }

    @Test
    void replacesSeveralAtOnceAndInOneAfterTheOther() {
        var first = enqueue(
                DedupePolicy.DEDUPE_POLICY_REPLACE,
                order(queue).setDedupeKey("b"),
                order(queue).setDedupeKey("a"));
        var second = enqueue(
                DedupePolicy.DEDUPE_POLICY_REPLACE,
                order(queue).setDedupeKey("a"),
                order(queue).setDedupeKey("c"),
                order(queue).setDedupeKey("b"));
        assertThat(second.getOutcomesList())
                .extracting(outcome -> outcome.getReplacedWorkOrderId())
                .containsExactly(
                        first.getWorkOrders(1).getWorkOrderId(),
                        "",
                        first.getWorkOrders(0).getWorkOrderId());
    }

    @Test
    void placesAllOrNoneWhereTheKeyMustBeNew() {
        var existing = enqueue(DedupePolicy.DEDUPE_POLICY_FAIL, order(queue).setDedupeKey("k"))
                .getWorkOrders(0);
        StatusAssert.fails(() -> enqueue(
                        DedupePolicy.DEDUPE_POLICY_FAIL,
                        order(queue).setDedupeKey("new"),
                        order(queue).setDedupeKey("k")))
                .with(Status.Code.ALREADY_EXISTS, ErrorReason.ERROR_REASON_DEDUPE_KEY_TAKEN)
                .metadata("dedupe_key", "k")
                .metadata("work_order_id", existing.getWorkOrderId());
        assertThat(AGENT.number("SELECT count(*) FROM work_orders WHERE queue_name = '" + queue + "'"))
                .isEqualTo(1);
    }

    @Test
    void replacesNothingForACallThatIsRefused() {
        var existing = enqueue(
                        DedupePolicy.DEDUPE_POLICY_UNSPECIFIED, order(queue).setDedupeKey("k"))
                .getWorkOrders(0);
        StatusAssert.fails(() -> enqueue(
                        DedupePolicy.DEDUPE_POLICY_REPLACE,
                        order(queue).setDedupeKey("k"),
                        order(queue).setTaskId(UUID.randomUUID().toString())))
                .with(Status.Code.FAILED_PRECONDITION, dev.sortie.type.v1.ErrorReason.ERROR_REASON_REFERENCE_NOT_FOUND);
        assertThat(AGENT.get(existing.getWorkOrderId()).getEtag()).isEqualTo(existing.getEtag());
    }

    @Test
    void replacesOnceForOneRequest() {
        var first = enqueue(DedupePolicy.DEDUPE_POLICY_UNSPECIFIED, order(queue).setDedupeKey("k"))
                .getWorkOrders(0);
        var request = EnqueueWorkOrdersRequest.newBuilder()
                .addWorkOrders(order(queue).setDedupeKey("k"))
                .setDedupePolicy(DedupePolicy.DEDUPE_POLICY_REPLACE)
                .setRequestId(UUID.randomUUID().toString())
                .build();

        var response = AGENT.orders().enqueueWorkOrders(request);

        assertThat(response.getOutcomes(0).getReplacedWorkOrderId()).isEqualTo(first.getWorkOrderId());
        assertThat(AGENT.orders().enqueueWorkOrders(request))
                .isEqualTo(response.toBuilder().setReplayed(true).build());
        assertThat(AGENT.get(response.getWorkOrders(0).getWorkOrderId()).getStatus())
                .isEqualTo(WorkOrderStatus.WORK_ORDER_STATUS_PENDING);
    }

    @Test
    void refusesAKeyThatIsGivenTwiceAndAPolicyThatIsNotThere() {
        for (var policy : new DedupePolicy[] {DedupePolicy.DEDUPE_POLICY_FAIL, DedupePolicy.DEDUPE_POLICY_REPLACE}) {
            StatusAssert.fails(() -> enqueue(
                            policy,
                            order(queue).setDedupeKey("k"),
                            order(queue + ".b").setDedupeKey("k"),
                            order(queue).setDedupeKey("k")))
                    .with(Status.Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                    .field("work_orders[2].dedupe_key");
        }
        StatusAssert.fails(() -> AGENT.orders()
                        .enqueueWorkOrders(EnqueueWorkOrdersRequest.newBuilder()
                                .addWorkOrders(order(queue))
                                .setDedupePolicyValue(9)
                                .build()))
                .with(Status.Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("dedupe_policy");
        var twice = enqueue(
                DedupePolicy.DEDUPE_POLICY_USE_EXISTING,
                order(queue).setDedupeKey("k"),
                order(queue).setDedupeKey("k").setPriority(1));
        assertThat(twice.getWorkOrders(1).getWorkOrderId())
                .isEqualTo(twice.getWorkOrders(0).getWorkOrderId());
        assertThat(twice.getOutcomesList())
                .extracting(outcome -> outcome.getCreated())
                .containsExactly(true, false);
    }

    @ParameterizedTest
    @EnumSource(mode = Mode.EXCLUDE, names = "UNRECOGNIZED")
    void givesUpWhereAnotherTakesTheKeyEachTimeAndLeavesItEachTime(DedupePolicy policy) {
        var rival = AGENT.enqueue(order(queue)).getWorkOrderId();
        var isAtIt = new AtomicBoolean(true);
        // A key that is there whenever the order is to have it, and is not when its holder is looked for.
        AGENT.server().runtime().database().onStatement((_, sql, parameters) -> {
            if (isAtIt.get() && Arrays.deepToString(parameters).contains(queue)) {
                if (sql.contains("INSERT INTO work_orders")) {
                    nameOrder(rival, "'k'");
                } else if (sql.contains("o.dedupe_key = d.dedupe_key")) {
                    nameOrder(rival, "NULL");
                }
            }
        });
        var request = EnqueueWorkOrdersRequest.newBuilder()
                .setRequestId(UUID.randomUUID().toString())
                .setDedupePolicy(policy)
                .addWorkOrders(order(queue).setDedupeKey("k"))
                .addWorkOrders(order(queue))
                .build();

        StatusAssert.fails(() -> AGENT.orders().enqueueWorkOrders(request))
                .with(Status.Code.ABORTED, dev.sortie.type.v1.ErrorReason.ERROR_REASON_CONTENTION)
                .metadata("attempts", 20)
                .retryable();

        isAtIt.set(false);
        var count = "SELECT count(*) FROM work_orders WHERE queue_name = '" + queue + "'";
        assertThat(AGENT.number(count)).isEqualTo(1);
        nameOrder(rival, "NULL");
        assertThat(AGENT.orders().enqueueWorkOrders(request).getReplayed()).isFalse();
        assertThat(AGENT.number(count)).isEqualTo(3);
    }

    private static void nameOrder(String id, String dedupeKey) {
        try (var connection = AGENT.database().connectAsOwner();
                var statement = connection.createStatement()) {
            statement.execute(
                    "UPDATE work_orders SET dedupe_key = " + dedupeKey + " WHERE work_order_id = '" + id + "'");
        } catch (SQLException failed) {
            throw new AssertionError(failed);
        }
    }

    private void refuses(DedupePolicy policy, WorkOrder.Builder order, WorkOrder existing) {
        StatusAssert.fails(() -> enqueue(policy, order))
                .with(Status.Code.ALREADY_EXISTS, ErrorReason.ERROR_REASON_DEDUPE_KEY_TAKEN)
                .metadata("dedupe_key", "k")
                .metadata("work_order_id", existing.getWorkOrderId());
    }

    /** An order with the key k that has come so far. */
    private WorkOrder orderIn(WorkOrderStatus status) {
        var draft = order(queue).setDedupeKey("k");
        if (status == WorkOrderStatus.WORK_ORDER_STATUS_EXPIRED) {
            draft.setExpireTime(Messages.timestamp(CLOCK.instant().plusSeconds(5)));
        }
        var placed = AGENT.enqueue(draft);
        switch (status) {
            case WORK_ORDER_STATUS_PENDING -> {}
            case WORK_ORDER_STATUS_CLAIMED -> claim();
            case WORK_ORDER_STATUS_COMPLETED -> AGENT.complete(claim());
            case WORK_ORDER_STATUS_FAILED ->
                AGENT.fail(WorkFailure.newBuilder()
                        .setClaim(reference(claim()))
                        .setErrorMessage("it broke")
                        .setNonRetryable(true));
            case WORK_ORDER_STATUS_EXPIRED -> {
                CLOCK.advance(Duration.ofSeconds(5));
                AGENT.expireOrders();
            }
            case WORK_ORDER_STATUS_CANCELLED ->
                AGENT.orders()
                        .cancelWorkOrder(CancelWorkOrderRequest.newBuilder()
                                .setWorkOrderId(placed.getWorkOrderId())
                                .build());
            case WORK_ORDER_STATUS_UNSPECIFIED, UNRECOGNIZED -> throw new AssertionError(status);
        }
        var order = AGENT.get(placed.getWorkOrderId());
        assertThat(order.getStatus()).isEqualTo(status);
        return order;
    }

    private ClaimedWork claim() {
        return AGENT.claimOne(AGENT.register(1), queue);
    }

    private static EnqueueWorkOrdersResponse enqueue(DedupePolicy policy, WorkOrder.Builder... orders) {
        var request = EnqueueWorkOrdersRequest.newBuilder().setDedupePolicy(policy);
        for (var order : orders) {
            request.addWorkOrders(order);
        }
        return AGENT.orders().enqueueWorkOrders(request.build());
    }
}
