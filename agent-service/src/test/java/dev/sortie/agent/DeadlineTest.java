package dev.sortie.agent;

import static dev.sortie.agent.AgentFixture.claim;
import static dev.sortie.agent.AgentFixture.order;
import static dev.sortie.agent.AgentFixture.reference;
import static dev.sortie.agent.AgentFixture.seconds;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Timestamp;
import dev.sortie.agent.v1.ErrorReason;
import dev.sortie.agent.v1.ExecutionStatus;
import dev.sortie.agent.v1.HeartbeatWorkRequest;
import dev.sortie.agent.v1.RedriveWorkOrdersRequest;
import dev.sortie.agent.v1.WorkFailure;
import dev.sortie.agent.v1.WorkOrder;
import dev.sortie.agent.v1.WorkOrderStatus;
import dev.sortie.runtime.grpc.Messages;
import dev.sortie.runtime.testing.SettableClock;
import dev.sortie.runtime.testing.StatusAssert;
import dev.sortie.type.v1.RetryPolicy;
import io.grpc.Status;
import java.time.Duration;
import java.util.UUID;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What must be done by a time. */
class DeadlineTest {
    private static final SettableClock CLOCK = AgentFixture.clock();

    @AutoClose
    private static final AgentFixture AGENT = new AgentFixture(CLOCK);

    private final String queue = "d-" + UUID.randomUUID().toString().substring(0, 8);

    @ParameterizedTest
    @ValueSource(strings = {"", "a-lane"})
    void beginsNoAttemptAfterTheDeadlineWhetherTheJobHasRunOrNot(String fairnessKey) {
        var worker = AGENT.register(10);
        var fresh = AGENT.enqueue(order(queue).setFairnessKey(fairnessKey).setDeadlineTime(in(60)));
        var failed = AGENT.enqueue(order(queue)
                .setFairnessKey(fairnessKey)
                .setDeadlineTime(in(60))
                .setPriority(1)
                .setRetryPolicy(RetryPolicy.newBuilder().setInitialBackoff(seconds(0))));
        AGENT.fail(AGENT.claimOne(worker, queue));
        assertThat(AGENT.get(failed.getWorkOrderId()).getStatus()).isEqualTo(WorkOrderStatus.WORK_ORDER_STATUS_PENDING);
        var expiring = AGENT.enqueue(
                order(queue).setFairnessKey(fairnessKey).setExpireTime(in(30)).setDeadlineTime(in(90)));
        assertThat(Messages.instant(fresh.getDeadlineTime()))
                .isEqualTo(CLOCK.instant().plusSeconds(60));

        CLOCK.advance(Duration.ofSeconds(60));

        assertThat(AGENT.work()
                        .claimWork(claim(worker, queue).setMaxOrders(5).build())
                        .getClaimsList())
                .isEmpty();
        AGENT.expireOrders();
        for (var order : new WorkOrder[] {fresh, failed, expiring}) {
            var given = AGENT.get(order.getWorkOrderId());
            assertThat(given.getStatus()).isEqualTo(WorkOrderStatus.WORK_ORDER_STATUS_EXPIRED);
            assertThat(given.getDeadlineTime()).isEqualTo(order.getDeadlineTime());
        }
        assertThat(AGENT.get(failed.getWorkOrderId()).getErrorMessage()).isEqualTo("it broke");
    }

    @Test
    void expiresAtOnceWhatComesTooLate() {
        var late = AGENT.enqueue(order(queue).setDeadlineTime(in(-1)));
        assertThat(AGENT.work()
                        .claimWork(claim(AGENT.register(1), queue).build())
                        .getClaimsList())
                .isEmpty();
        AGENT.expireOrders();
        assertThat(AGENT.get(late.getWorkOrderId()).getStatus()).isEqualTo(WorkOrderStatus.WORK_ORDER_STATUS_EXPIRED);
    }

    @Test
    void endsTheAttemptThatRunsWhenTheDeadlineComes() {
        var worker = AGENT.register(1);
        var placed = AGENT.enqueue(order(queue).setDeadlineTime(in(30)));
        var claimed = AGENT.work()
                .claimWork(claim(worker, queue).setLeaseDuration(seconds(60)).build())
                .getClaims(0);
        assertThat(claimed.getWorkOrder().getDeadlineTime()).isEqualTo(placed.getDeadlineTime());
        assertThat(claimed.getLeaseExpireTime()).isEqualTo(placed.getDeadlineTime());

        CLOCK.advance(Duration.ofSeconds(29));
        assertThat(AGENT.work()
                        .heartbeatWork(HeartbeatWorkRequest.newBuilder()
                                .setWorkerId(worker)
                                .addClaims(reference(claimed))
                                .setLeaseDuration(seconds(3600))
                                .build())
                        .getOutcomes(0)
                        .getLeaseExpireTime())
                .isEqualTo(placed.getDeadlineTime());
        CLOCK.advance(Duration.ofSeconds(1));

        StatusAssert.fails(() -> AGENT.complete(claimed))
                .with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_CLAIM_STALE);
        AGENT.endLeases();
        var order = AGENT.get(placed.getWorkOrderId());
        assertThat(order.getStatus()).isEqualTo(WorkOrderStatus.WORK_ORDER_STATUS_FAILED);
        assertThat(order.getErrorMessage()).isEqualTo("the order's deadline passed before a result was handed in");
        assertThat(order.getRetryCount()).isZero();
        assertThat(AGENT.execution(claimed.getExecutionId()).getStatus())
                .isEqualTo(ExecutionStatus.EXECUTION_STATUS_TIMEOUT);
    }

    @Test
    void completesWhatIsDoneInTime() {
        var placed = AGENT.enqueue(order(queue).setDeadlineTime(in(30)));
        var claimed = AGENT.claimOne(AGENT.register(1), queue);
        CLOCK.advance(Duration.ofSeconds(29));
        AGENT.complete(claimed);
        assertThat(AGENT.get(placed.getWorkOrderId()).getStatus())
                .isEqualTo(WorkOrderStatus.WORK_ORDER_STATUS_COMPLETED);
    }

    @Test
    void repeatsAFailedAttemptOnlyBeforeTheDeadline() {
        var worker = AGENT.register(2);
        var placed = AGENT.enqueue(order(queue).setDeadlineTime(in(60)));
        var first = AGENT.claimOne(worker, queue);
        var outcome = AGENT.fail(failure(first, 59)).getOutcomes(0);
        assertThat(outcome.getStatus()).isEqualTo(WorkOrderStatus.WORK_ORDER_STATUS_PENDING);
        assertThat(outcome.getRunTime()).isEqualTo(in(59));
        CLOCK.advance(Duration.ofSeconds(59));
        var second = AGENT.claimOne(worker, queue);

        assertThat(AGENT.fail(failure(second, 1)).getOutcomes(0).getStatus())
                .isEqualTo(WorkOrderStatus.WORK_ORDER_STATUS_FAILED);

        var order = AGENT.get(placed.getWorkOrderId());
        assertThat(order.getErrorMessage())
                .isEqualTo(
                        "it broke; not tried again, since the next attempt would begin at %1$s, and the order's"
                                + " deadline is %1$s",
                        Messages.instant(placed.getDeadlineTime()));
        assertThat(order.getRetryCount()).isEqualTo(1);
        assertThat(AGENT.execution(second.getExecutionId()).getErrorMessage()).isEqualTo("it broke");
    }

    @Test
    void repeatsWhatRanOutOfTimeOnlyBeforeTheDeadline() {
        var policy = RetryPolicy.newBuilder()
                .setInitialBackoff(seconds(100))
                .setMaxBackoff(seconds(100))
                .build();
        var placed = AGENT.enqueue(
                order(queue).setDeadlineTime(in(60)).setTimeout(seconds(5)).setRetryPolicy(policy));
        AGENT.claimOne(AGENT.register(1), queue);
        CLOCK.advance(Duration.ofSeconds(5));
        AGENT.endLeases();
        var order = AGENT.get(placed.getWorkOrderId());
        assertThat(order.getStatus()).isEqualTo(WorkOrderStatus.WORK_ORDER_STATUS_FAILED);
        assertThat(order.getErrorMessage())
                .startsWith("the lease ran out before a result was handed in; not tried again");
    }

    @Test
    void waitsAsLongAsTheWorkerSaysThoughTheOrderWouldHaveExpiredUnclaimed() {
        var worker = AGENT.register(1);
        var placed = AGENT.enqueue(order(queue).setExpireTime(in(10)).setDeadlineTime(in(200)));
        assertThat(AGENT.fail(failure(AGENT.claimOne(worker, queue), 100))
                        .getOutcomes(0)
                        .getRunTime())
                .isEqualTo(in(100));
        CLOCK.advance(Duration.ofSeconds(99));
        AGENT.expireOrders();
        assertThat(AGENT.work().claimWork(claim(worker, queue).build()).getClaimsCount())
                .isZero();
        CLOCK.advance(Duration.ofSeconds(1));
        AGENT.complete(AGENT.claimOne(worker, queue));
        assertThat(AGENT.get(placed.getWorkOrderId()).getStatus())
                .isEqualTo(WorkOrderStatus.WORK_ORDER_STATUS_COMPLETED);
    }

    @Test
    void expiresWhatIsGivenBackAsIfItHadNotBeenClaimed() {
        var placed = AGENT.enqueue(order(queue).setDeadlineTime(in(10)));
        AGENT.release(AGENT.claimOne(AGENT.register(1), queue));
        CLOCK.advance(Duration.ofSeconds(10));
        AGENT.expireOrders();
        assertThat(AGENT.get(placed.getWorkOrderId()).getStatus()).isEqualTo(WorkOrderStatus.WORK_ORDER_STATUS_EXPIRED);
    }

    @Test
    void putsDeadOrdersBackWithTheDeadlinesThatTheyCanStillMeet() {
        var worker = AGENT.register(2);
        var passed = AGENT.enqueue(order(queue).setDeadlineTime(in(10)));
        var ahead = AGENT.enqueue(order(queue).setDeadlineTime(in(60)).setPriority(1));
        AGENT.fail(WorkFailure.newBuilder()
                .setClaim(reference(AGENT.claimOne(worker, queue)))
                .setErrorMessage("it broke")
                .setNonRetryable(true));
        CLOCK.advance(Duration.ofSeconds(10));
        AGENT.expireOrders();

        var redriven = AGENT.orders()
                .redriveWorkOrders(RedriveWorkOrdersRequest.newBuilder()
                        .setQueueName(queue)
                        .build())
                .getWorkOrdersList();

        assertThat(redriven)
                .extracting(WorkOrder::getWorkOrderId)
                .containsExactlyInAnyOrder(passed.getWorkOrderId(), ahead.getWorkOrderId());
        assertThat(AGENT.get(passed.getWorkOrderId()).hasDeadlineTime()).isFalse();
        assertThat(AGENT.get(ahead.getWorkOrderId()).getDeadlineTime()).isEqualTo(ahead.getDeadlineTime());
        CLOCK.advance(Duration.ofSeconds(50));
        AGENT.expireOrders();
        assertThat(AGENT.get(ahead.getWorkOrderId()).getStatus()).isEqualTo(WorkOrderStatus.WORK_ORDER_STATUS_EXPIRED);
        assertThat(AGENT.claimOne(worker, queue).getWorkOrder().getWorkOrderId())
                .isEqualTo(passed.getWorkOrderId());
    }

    @Test
    void refusesADeadlineThatNoAttemptCanMeet() {
        StatusAssert.fails(() -> AGENT.enqueue(order(queue).setRunTime(in(60)).setDeadlineTime(in(60))))
                .with(Status.Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("work_orders[0].deadline_time");
        StatusAssert.fails(() -> AGENT.enqueue(
                        order(queue).setDeadlineTime(Timestamp.newBuilder().setSeconds(Long.MAX_VALUE / 100))))
                .with(Status.Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("work_orders[0].deadline_time");
        assertThat(AGENT.enqueue(order(queue).setRunTime(in(60)).setDeadlineTime(in(61)))
                        .getWorkOrderId())
                .isNotEmpty();
    }

    private static Timestamp in(long seconds) {
        return Messages.timestamp(CLOCK.instant().plusSeconds(seconds));
    }

    private static WorkFailure.Builder failure(dev.sortie.agent.v1.ClaimedWork claimed, long delay) {
        return WorkFailure.newBuilder()
                .setClaim(reference(claimed))
                .setErrorMessage("it broke")
                .setRetryDelay(seconds(delay));
    }
}
