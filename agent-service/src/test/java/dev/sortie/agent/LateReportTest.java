package dev.sortie.agent;

import static dev.sortie.agent.AgentFixture.order;
import static dev.sortie.agent.AgentFixture.reference;
import static dev.sortie.agent.AgentFixture.struct;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.agent.v1.CancelWorkOrderRequest;
import dev.sortie.agent.v1.ClaimReference;
import dev.sortie.agent.v1.ClaimedWork;
import dev.sortie.agent.v1.CompleteWorkRequest;
import dev.sortie.agent.v1.ErrorReason;
import dev.sortie.agent.v1.Execution;
import dev.sortie.agent.v1.ExecutionReport;
import dev.sortie.agent.v1.ExecutionStatus;
import dev.sortie.agent.v1.LateReport;
import dev.sortie.agent.v1.ListExecutionsRequest;
import dev.sortie.agent.v1.WorkCompletion;
import dev.sortie.agent.v1.WorkFailure;
import dev.sortie.agent.v1.WorkOrderStatus;
import dev.sortie.runtime.grpc.Messages;
import dev.sortie.runtime.testing.SettableClock;
import dev.sortie.runtime.testing.StatusAssert;
import io.grpc.Status;
import java.time.Duration;
import java.util.UUID;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** What workers hand in too late: refused, and kept with the attempt that it is of. */
class LateReportTest {
    private static final SettableClock CLOCK = AgentFixture.clock();

    @AutoClose
    private static final AgentFixture AGENT = new AgentFixture(CLOCK);

    private final String queue = "l-" + UUID.randomUUID().toString().substring(0, 8);
    private final String worker = AGENT.register(10);

    @Test
    void keepsAResultThatCameAfterTheLeaseAndNeverTakesItForTheNewerOne() {
        var late = timedOut();
        CLOCK.advance(Duration.ofHours(1));
        var second = AGENT.claimOne(worker, queue);
        AGENT.complete(second);
        var accepted = AGENT.get(id(late));

        refused(completion(late, 7)
                .setReport(ExecutionReport.newBuilder()
                        .setExitCode(3)
                        .setStdout("out")
                        .setStderr("err")
                        .setMetrics(struct("tokens", 5))));

        assertThat(AGENT.get(id(late))).isEqualTo(accepted);
        assertThat(accepted.getResult()).isEqualTo(struct("answer", 42));
        var execution = AGENT.execution(late.getExecutionId());
        assertThat(execution.getStatus()).isEqualTo(ExecutionStatus.EXECUTION_STATUS_TIMEOUT);
        assertThat(execution.getLateReport())
                .isEqualTo(LateReport.newBuilder()
                        .setStatus(ExecutionStatus.EXECUTION_STATUS_COMPLETED)
                        .setResult(struct("answer", 7))
                        .setExitCode(3)
                        .setStdout("out")
                        .setStderr("err")
                        .setMetrics(struct("tokens", 5))
                        .setReportTime(Messages.timestamp(CLOCK.instant()))
                        .build());
        assertThat(AGENT.execution(second.getExecutionId()).getReportedLate()).isFalse();
        assertThat(listed())
                .extracting(Execution::getExecutionId, Execution::getReportedLate, Execution::hasLateReport)
                .containsExactly(
                        org.assertj.core.groups.Tuple.tuple(second.getExecutionId(), false, false),
                        org.assertj.core.groups.Tuple.tuple(late.getExecutionId(), true, false));
    }

    @Test
    void keepsTheLastOneAndChangesNothingWhenItIsRepeated() {
        var late = timedOut();
        refused(completion(late, 7));
        var first = AGENT.execution(late.getExecutionId());

        CLOCK.advance(Duration.ofSeconds(1));
        refused(completion(late, 7));
        assertThat(AGENT.execution(late.getExecutionId())).isEqualTo(first);

        StatusAssert.fails(() -> AGENT.fail(late))
                .with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_CLAIM_STALE);
        assertThat(AGENT.execution(late.getExecutionId()).getLateReport())
                .isEqualTo(LateReport.newBuilder()
                        .setStatus(ExecutionStatus.EXECUTION_STATUS_FAILED)
                        .setErrorMessage("it broke")
                        .setReportTime(Messages.timestamp(CLOCK.instant()))
                        .build());
        assertThat(AGENT.number(
                        "SELECT count(*) FROM late_reports WHERE execution_id = '" + late.getExecutionId() + "'"))
                .isEqualTo(1);
    }

    @Test
    void keepsWhatKindOfErrorItWas() {
        var late = timedOut();
        var failure = WorkFailure.newBuilder().setClaim(reference(late)).setErrorMessage("it broke");

        refused(failure.setErrorType("Timeout"));
        var first = AGENT.execution(late.getExecutionId()).getLateReport();
        assertThat(first.getErrorType()).isEqualTo("Timeout");
        assertThat(AGENT.execution(late.getExecutionId()).getErrorType()).isEmpty();
        refused(failure.setErrorType("Refused"));
        assertThat(AGENT.execution(late.getExecutionId()).getLateReport().getErrorType())
                .isEqualTo("Refused");
        refused(failure.clearErrorType());
        assertThat(AGENT.execution(late.getExecutionId()).getLateReport().getErrorType())
                .isEmpty();
        refused(completion(late, 7));
        assertThat(AGENT.execution(late.getExecutionId()).getLateReport().getErrorType())
                .isEmpty();
    }

    @Test
    void endsALeaseThatHasRunOutBeforeAnybodyElseDid() {
        var placed = AGENT.enqueue(order(queue));
        var late = AGENT.claimOne(worker, queue);
        CLOCK.advance(Duration.ofMinutes(1)); // whether the server's own job has ended it by now or not

        StatusAssert.fails(() -> AGENT.complete(late))
                .with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_CLAIM_STALE)
                .metadata("status", "PENDING");

        assertThat(AGENT.get(placed.getWorkOrderId()).getStatus()).isEqualTo(WorkOrderStatus.WORK_ORDER_STATUS_PENDING);
        assertThat(AGENT.get(placed.getWorkOrderId()).getRetryCount()).isEqualTo(1);
        var execution = AGENT.execution(late.getExecutionId());
        assertThat(execution.getStatus()).isEqualTo(ExecutionStatus.EXECUTION_STATUS_TIMEOUT);
        assertThat(execution.getLateReport().getResult()).isEqualTo(struct("answer", 42));
    }

    @Test
    void keepsWhatComesAfterACancellationARelease() {
        AGENT.enqueue(order(queue));
        var cancelled = AGENT.claimOne(worker, queue);
        AGENT.orders()
                .cancelWorkOrder(CancelWorkOrderRequest.newBuilder()
                        .setWorkOrderId(id(cancelled))
                        .build());
        refused(completion(cancelled, 1));
        assertThat(AGENT.execution(cancelled.getExecutionId()).getLateReport().getResult())
                .isEqualTo(struct("answer", 1));

        AGENT.enqueue(order(queue));
        var released = AGENT.claimOne(worker, queue);
        AGENT.release(released);
        refused(completion(released, 2));
        assertThat(AGENT.execution(released.getExecutionId()).getLateReport().getResult())
                .isEqualTo(struct("answer", 2));
    }

    @Test
    void keepsAContradictionOfTheSameCallAndNothingOfARepeatedResult() {
        AGENT.enqueue(order(queue));
        var completed = AGENT.claimOne(worker, queue);
        AGENT.complete(completed);
        assertThat(AGENT.complete(completed).getOutcomes(0).getReplayed()).isTrue();
        assertThat(AGENT.execution(completed.getExecutionId()).getReportedLate())
                .isFalse();

        StatusAssert.fails(() -> AGENT.fail(
                        WorkFailure.newBuilder().setClaim(reference(completed)).setErrorMessage("no, it broke")))
                .with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_CLAIM_STALE);

        var execution = AGENT.execution(completed.getExecutionId());
        assertThat(execution.getStatus()).isEqualTo(ExecutionStatus.EXECUTION_STATUS_COMPLETED);
        assertThat(execution.getErrorMessage()).isEmpty();
        assertThat(execution.getLateReport().getErrorMessage()).isEqualTo("no, it broke");
    }

    @Test
    void keepsNothingOfATokenThatWasNeverGiven() {
        var late = timedOut();
        var invented = ClaimReference.newBuilder()
                .setWorkOrderId(id(late))
                .setClaimToken("invented")
                .build();

        refused(WorkCompletion.newBuilder().setClaim(invented).setResult(struct("answer", 7)));
        refused(WorkCompletion.newBuilder()
                .setClaim(invented.toBuilder()
                        .setWorkOrderId(UUID.randomUUID().toString())
                        .setClaimToken(late.getClaimToken()))
                .setResult(struct("answer", 7)));

        assertThat(AGENT.execution(late.getExecutionId()).getReportedLate()).isFalse();
    }

    private ClaimedWork timedOut() {
        AGENT.enqueue(order(queue));
        var late = AGENT.claimOne(worker, queue);
        CLOCK.advance(Duration.ofMinutes(1));
        AGENT.endLeases();
        return late;
    }

    private static WorkCompletion.Builder completion(ClaimedWork claim, int answer) {
        return WorkCompletion.newBuilder().setClaim(reference(claim)).setResult(struct("answer", answer));
    }

    private static void refused(WorkCompletion.Builder completion) {
        StatusAssert.fails(() -> AGENT.work()
                        .completeWork(CompleteWorkRequest.newBuilder()
                                .addCompletions(completion)
                                .build()))
                .with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_CLAIM_STALE);
    }

    private static void refused(WorkFailure.Builder failure) {
        StatusAssert.fails(() -> AGENT.fail(failure))
                .with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_CLAIM_STALE);
    }

    private java.util.List<Execution> listed() {
        return AGENT.executions()
                .listExecutions(
                        ListExecutionsRequest.newBuilder().setWorkerId(worker).build())
                .getExecutionsList();
    }

    private static String id(ClaimedWork claim) {
        return claim.getWorkOrder().getWorkOrderId();
    }
}
