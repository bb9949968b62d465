package dev.sortie.agent;

import static dev.sortie.agent.AgentFixture.order;
import static dev.sortie.agent.AgentFixture.reference;
import static dev.sortie.agent.AgentFixture.seconds;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.agent.v1.ClaimedWork;
import dev.sortie.agent.v1.FailWorkRequest;
import dev.sortie.agent.v1.GetQueueRequest;
import dev.sortie.agent.v1.ListExecutionsRequest;
import dev.sortie.agent.v1.ListWorkOrdersRequest;
import dev.sortie.agent.v1.PutQueueRequest;
import dev.sortie.agent.v1.Queue;
import dev.sortie.agent.v1.WorkFailure;
import dev.sortie.agent.v1.WorkOrderStatus;
import dev.sortie.runtime.testing.SettableClock;
import dev.sortie.runtime.testing.StatusAssert;
import dev.sortie.type.v1.ErrorReason;
import dev.sortie.type.v1.RetryPolicy;
import io.grpc.Status;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** What kinds of errors attempts end with, and which of them are not tried again. */
class ErrorTypeTest {
    private static final SettableClock CLOCK = AgentFixture.clock();

    @AutoClose
    private static final AgentFixture AGENT = new AgentFixture(CLOCK);

    private final String queue = "e-" + UUID.randomUUID().toString().substring(0, 8);

    @Test
    void triesAgainWhatIsNotNamedAndOnlyThat() {
        var worker = AGENT.register(1);
        var id = AGENT.enqueue(order(queue).setRetryPolicy(policy("ValidationError", "NotFound")))
                .getWorkOrderId();
        for (var type : List.of("", "validationerror", "ValidationError ", "Timeout")) {
            var claimed = AGENT.claimOne(worker, queue);
            assertThat(fail(claimed, type)).isEqualTo(WorkOrderStatus.WORK_ORDER_STATUS_PENDING);
            assertThat(AGENT.get(id).getErrorType()).isEqualTo(type);
            assertThat(AGENT.execution(claimed.getExecutionId()).getErrorType()).isEqualTo(type);
        }
        var last = AGENT.claimOne(worker, queue);
        assertThat(last.getWorkOrder().getErrorType()).isEqualTo("Timeout");
        assertThat(AGENT.execution(last.getExecutionId()).getErrorType()).isEmpty();

        assertThat(fail(last, "NotFound")).isEqualTo(WorkOrderStatus.WORK_ORDER_STATUS_FAILED);

        var dead = AGENT.get(id);
        assertThat(dead.getErrorType()).isEqualTo("NotFound");
        assertThat(dead.getErrorMessage()).isEqualTo("it broke");
        assertThat(dead.getRetryCount()).isEqualTo(4);
        assertThat(AGENT.orders()
                        .listWorkOrders(ListWorkOrdersRequest.newBuilder()
                                .setQueueName(queue)
                                .build())
                        .getWorkOrders(0)
                        .getErrorType())
                .isEqualTo("NotFound");
        assertThat(AGENT.executions()
                        .listExecutions(ListExecutionsRequest.newBuilder()
                                .setWorkOrderId(id)
                                .build())
                        .getExecutionsList())
                .filteredOn(execution -> execution.getExecutionId().equals(last.getExecutionId()))
                .singleElement()
                .satisfies(execution -> assertThat(execution.getErrorType()).isEqualTo("NotFound"));
    }

    @Test
    void takesTheTypesOfTheQueueForAnOrderThatNamesNone() {
        AGENT.queues()
                .putQueue(PutQueueRequest.newBuilder()
                        .setQueue(Queue.newBuilder().setQueueName(queue).setDefaultRetryPolicy(policy("Fatal")))
                        .build());
        var worker = AGENT.register(2);
        AGENT.enqueue(order(queue).setRetryPolicy(RetryPolicy.newBuilder().setMaxRetries(50)));
        var first = AGENT.claimOne(worker, queue);
        AGENT.enqueue(order(queue).setRetryPolicy(policy("Other")));
        var second = AGENT.claimOne(worker, queue);
        assertThat(first.getWorkOrder().getRetryPolicy().getNonRetryableErrorTypesList())
                .containsExactly("Fatal");

        var outcomes = AGENT.work()
                .failWork(FailWorkRequest.newBuilder()
                        .addFailures(failure(first, "Fatal"))
                        .addFailures(failure(second, "Fatal"))
                        .build())
                .getOutcomesList();

        assertThat(outcomes)
                .extracting(outcome -> outcome.getStatus())
                .containsExactly(WorkOrderStatus.WORK_ORDER_STATUS_FAILED, WorkOrderStatus.WORK_ORDER_STATUS_PENDING);
    }

    @Test
    void keepsNamesAsTheyAre() {
        var names = List.of("NULL", "a,b", "{c}", "d\"e", "f\\g", " h ", "i\nj", "ü", "*net.OpError", "{\"k\"}");
        var placed = AGENT.enqueue(order(queue).setRetryPolicy(policy(names.toArray(String[]::new))));
        assertThat(placed.getRetryPolicy().getNonRetryableErrorTypesList()).isEqualTo(names);
        assertThat(AGENT.get(placed.getWorkOrderId()).getRetryPolicy()).isEqualTo(placed.getRetryPolicy());
        assertThat(fail(AGENT.claimOne(AGENT.register(1), queue), "d\"e"))
                .isEqualTo(WorkOrderStatus.WORK_ORDER_STATUS_FAILED);

        var put = PutQueueRequest.newBuilder()
                .setQueue(Queue.newBuilder()
                        .setQueueName(queue)
                        .setDefaultRetryPolicy(policy(names.toArray(String[]::new))))
                .build();
        var first = AGENT.queues().putQueue(put).getQueue();
        assertThat(first.getDefaultRetryPolicy().getNonRetryableErrorTypesList())
                .isEqualTo(names);
        assertThat(AGENT.queues().putQueue(put).getQueue()).isEqualTo(first);
        assertThat(AGENT.queues()
                        .getQueue(
                                GetQueueRequest.newBuilder().setQueueName(queue).build())
                        .getQueue())
                .isEqualTo(first);
    }

    @Test
    void forgetsTheTypeWhenALeaseRunsOutAndKeepsItWhenAClaimIsGivenBack() {
        var worker = AGENT.register(1);
        var id = AGENT.enqueue(order(queue).setRetryPolicy(policy("Fatal"))).getWorkOrderId();
        fail(AGENT.claimOne(worker, queue), "Flaky");
        AGENT.release(AGENT.claimOne(worker, queue));
        assertThat(AGENT.get(id).getErrorType()).isEqualTo("Flaky");
        AGENT.claimOne(worker, queue);
        CLOCK.advance(Duration.ofMinutes(2));
        AGENT.endLeases();
        assertThat(AGENT.get(id).getErrorType()).isEmpty();
        assertThat(AGENT.get(id).getErrorMessage()).isEqualTo("the lease ran out before a result was handed in");
    }

    @Test
    void namesTheFieldsThatAreTooLong() {
        AGENT.enqueue(order(queue));
        var claimed = AGENT.claimOne(AGENT.register(1), queue);
        StatusAssert.fails(() -> fail(claimed, "x".repeat(101)))
                .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("failures[0].error_type");
        var types = "work_orders[0].retry_policy.non_retryable_error_types";
        StatusAssert.fails(() -> AGENT.enqueue(order(queue)
                        .setRetryPolicy(
                                RetryPolicy.newBuilder().addAllNonRetryableErrorTypes(Collections.nCopies(51, "T")))))
                .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field(types);
        StatusAssert.fails(() -> AGENT.enqueue(order(queue).setRetryPolicy(policy("", "x".repeat(101)))))
                .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field(types + "[0]")
                .field(types + "[1]");
        assertThat(fail(claimed, "x".repeat(100))).isEqualTo(WorkOrderStatus.WORK_ORDER_STATUS_PENDING);
    }

    /** Repeats at once, but for errors of these types. */
    private static RetryPolicy.Builder policy(String... types) {
        return RetryPolicy.newBuilder()
                .setMaxRetries(50)
                .setInitialBackoff(seconds(0))
                .addAllNonRetryableErrorTypes(List.of(types));
    }

    private static WorkFailure.Builder failure(ClaimedWork claimed, String type) {
        return WorkFailure.newBuilder()
                .setClaim(reference(claimed))
                .setErrorMessage("it broke")
                .setErrorType(type);
    }

    private static WorkOrderStatus fail(ClaimedWork claimed, String type) {
        return AGENT.fail(failure(claimed, type)).getOutcomes(0).getStatus();
    }
}
