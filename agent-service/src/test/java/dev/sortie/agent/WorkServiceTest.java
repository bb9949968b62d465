package dev.sortie.agent;

import static dev.sortie.agent.AgentFixture.claim;
import static dev.sortie.agent.AgentFixture.order;
import static dev.sortie.agent.AgentFixture.reference;
import static dev.sortie.agent.AgentFixture.seconds;
import static dev.sortie.agent.AgentFixture.struct;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.agent.v1.CancelWorkOrderRequest;
import dev.sortie.agent.v1.ClaimedWork;
import dev.sortie.agent.v1.CompleteWorkRequest;
import dev.sortie.agent.v1.DeregisterWorkerRequest;
import dev.sortie.agent.v1.ErrorReason;
import dev.sortie.agent.v1.ExecutionReport;
import dev.sortie.agent.v1.ExecutionStatus;
import dev.sortie.agent.v1.HeartbeatWorkRequest;
import dev.sortie.agent.v1.PutQueueRequest;
import dev.sortie.agent.v1.Queue;
import dev.sortie.agent.v1.ReleaseWorkRequest;
import dev.sortie.agent.v1.WorkCompletion;
import dev.sortie.agent.v1.WorkFailure;
import dev.sortie.agent.v1.WorkOrderStatus;
import dev.sortie.agent.v1.WorkerStatus;
import dev.sortie.runtime.grpc.Messages;
import dev.sortie.runtime.testing.SettableClock;
import dev.sortie.runtime.testing.StatusAssert;
import dev.sortie.type.v1.RetryPolicy;
import io.grpc.Status;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** What a worker does with its claims, and what becomes of the orders. */
class WorkServiceTest {
    private static final SettableClock CLOCK = AgentFixture.clock();

    @AutoClose
    private static final AgentFixture AGENT = new AgentFixture(CLOCK);

    private final String queue = "q-" + UUID.randomUUID().toString().substring(0, 8);
    private final String worker = AGENT.register(10);

    @Test
    void letsNobodyAheadByATimeThatHasPassed() throws Exception {
        var first = AGENT.enqueue(order(queue).setPriority(1));
        CLOCK.advance(Duration.ofMillis(1));
        var pusher = AGENT.enqueue(order(queue)
                .setPriority(1)
                .setRunTime(Messages.timestamp(CLOCK.instant().minus(Duration.ofDays(365)))));

        assertThat(Messages.instant(pusher.getRunTime(), "run_time")).isEqualTo(CLOCK.instant());
        AgentFixture.await(
                "both are in line",
                () -> AGENT.number("SELECT count(*) FROM work_order_states WHERE claim_rank IS NOT NULL"
                                + " AND queue_name = '" + queue + "'")
                        == 2);
        assertThat(AGENT.claimOne(AGENT.register(1), queue).getWorkOrder().getWorkOrderId())
                .isEqualTo(first.getWorkOrderId());
        assertThat(AGENT.claimOne(AGENT.register(1), queue).getWorkOrder().getWorkOrderId())
                .isEqualTo(pusher.getWorkOrderId());
    }

    @Test
    void handsOutAnOrderWithEverythingTheWorkerNeeds() {
        var placed = AGENT.enqueue(order(queue).setTimeout(seconds(20)));

        var claimed = AGENT.claimOne(worker, queue);

        var order = claimed.getWorkOrder();
        assertThat(order.getWorkOrderId()).isEqualTo(placed.getWorkOrderId());
        assertThat(order.getStatus()).isEqualTo(WorkOrderStatus.WORK_ORDER_STATUS_CLAIMED);
        assertThat(order.getPayload()).isEqualTo(struct("n", 1));
        assertThat(order.getWorkerId()).isEqualTo(worker);
        assertThat(claimed.getClaimToken()).hasSize(43);
        assertThat(claimed.getAttempt()).isEqualTo(1);
        // The worker's lease is 30 s, the attempt may take 20.
        assertThat(Messages.instant(claimed.getLeaseExpireTime()))
                .isEqualTo(CLOCK.instant().plusSeconds(20));
        assertThat(AGENT.get(placed.getWorkOrderId()))
                .isEqualTo(order.toBuilder().build());
        assertThat(AGENT.execution(claimed.getExecutionId()).getStatus())
                .isEqualTo(ExecutionStatus.EXECUTION_STATUS_RUNNING);
        assertThat(AGENT.worker(worker).getStatus()).isEqualTo(WorkerStatus.WORKER_STATUS_BUSY);
    }

    @Test
    void acceptsAResultOnceAndAnswersItsRepetitionTheSame() {
        AGENT.enqueue(order(queue));
        var claimed = AGENT.claimOne(worker, queue);
        var report = ExecutionReport.newBuilder()
                .setExitCode(3)
                .setStdout("output")
                .setStderr("err")
                .setMetrics(struct("tokens", 7));
        var request = CompleteWorkRequest.newBuilder()
                .addCompletions(WorkCompletion.newBuilder()
                        .setClaim(reference(claimed))
                        .setResult(struct("answer", 42))
                        .setReport(report))
                .build();

        var first = AGENT.work().completeWork(request).getOutcomes(0);
        var second = AGENT.work().completeWork(request).getOutcomes(0);

        assertThat(first.getStatus()).isEqualTo(WorkOrderStatus.WORK_ORDER_STATUS_COMPLETED);
        assertThat(first.getReplayed()).isFalse();
        assertThat(second).isEqualTo(first.toBuilder().setReplayed(true).build());
        var order = AGENT.get(claimed.getWorkOrder().getWorkOrderId());
        assertThat(order.getStatus()).isEqualTo(WorkOrderStatus.WORK_ORDER_STATUS_COMPLETED);
        assertThat(order.getResult()).isEqualTo(struct("answer", 42));
        assertThat(order.getEtag()).isEqualTo("3");
        var execution = AGENT.execution(claimed.getExecutionId());
        assertThat(execution.getStatus()).isEqualTo(ExecutionStatus.EXECUTION_STATUS_COMPLETED);
        assertThat(execution.getExitCode()).isEqualTo(3);
        assertThat(execution.getStdout()).isEqualTo("output");
        assertThat(execution.getStderr()).isEqualTo("err");
        assertThat(execution.getMetrics()).isEqualTo(struct("tokens", 7));
        assertThat(AGENT.worker(worker).getStatus()).isEqualTo(WorkerStatus.WORKER_STATUS_IDLE);
    }

    @Test
    void refusesATokenThatIsNotTheCurrentOneAndChangesNothing() {
        AGENT.enqueue(order(queue));
        var stale = AGENT.claimOne(worker, queue);
        AGENT.release(stale);
        var current = AGENT.claimOne(AGENT.register(1), queue);
        var before = AGENT.get(current.getWorkOrder().getWorkOrderId());

        StatusAssert.fails(() -> AGENT.complete(stale))
                .with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_CLAIM_STALE)
                .metadata("work_order_id", before.getWorkOrderId())
                .metadata("status", "CLAIMED");
        StatusAssert.fails(() -> AGENT.fail(stale))
                .with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_CLAIM_STALE);
        var forged = current.toBuilder().setClaimToken("guessed").build();
        StatusAssert.fails(() -> AGENT.complete(forged))
                .with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_CLAIM_STALE);
        StatusAssert.fails(() -> AGENT.release(forged))
                .with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_CLAIM_STALE);

        assertThat(AGENT.get(before.getWorkOrderId())).isEqualTo(before);
        assertThat(AGENT.complete(current).getOutcomes(0).hasError()).isFalse();
        StatusAssert.fails(() -> AGENT.fail(current))
                .with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_CLAIM_STALE);
    }

    @Test
    void answersEachItemOfABatchOnItsOwn() {
        AGENT.enqueueAll(AgentFixture.many(2, queue));
        var one = AGENT.claimOne(worker, queue);
        var two = AGENT.claimOne(worker, queue);
        AGENT.release(two);
        var unknown = one.toBuilder()
                .setWorkOrder(one.getWorkOrder().toBuilder()
                        .setWorkOrderId(UUID.randomUUID().toString()))
                .build();

        var outcomes = AGENT.complete(unknown, two, one, one).getOutcomesList();

        assertThat(outcomes.get(0).hasError()).isTrue();
        assertThat(outcomes.get(1).getError().getCode()).isEqualTo(Status.Code.FAILED_PRECONDITION.value());
        assertThat(outcomes.get(1).getStatus()).isEqualTo(WorkOrderStatus.WORK_ORDER_STATUS_PENDING);
        assertThat(outcomes.get(2).hasError()).isFalse();
        assertThat(outcomes.get(3).getReplayed()).isTrue();
    }

    @Test
    void repeatsAFailedAttemptWithGrowingWaitsAndThenGivesUp() {
        AGENT.enqueue(order(queue)
                .setRetryPolicy(RetryPolicy.newBuilder()
                        .setMaxRetries(2)
                        .setInitialBackoff(seconds(10))
                        .setBackoffMultiplier(3)));
        Instant previous = Instant.MIN;
        for (var longest : List.of(10, 30)) {
            var claimed = AGENT.claimOne(worker, queue);

            var outcome = AGENT.fail(claimed).getOutcomes(0);

            assertThat(outcome.getStatus()).isEqualTo(WorkOrderStatus.WORK_ORDER_STATUS_PENDING);
            var runAt = Messages.instant(outcome.getRunTime());
            assertThat(runAt)
                    .isBetween(
                            CLOCK.instant().plusMillis(longest * 900L),
                            CLOCK.instant().plusSeconds(longest));
            assertThat(runAt).isAfter(previous);
            previous = runAt;
            assertThat(AGENT.fail(claimed).getOutcomes(0).getReplayed()).isTrue();
            assertThat(AGENT.work().claimWork(claim(worker, queue).build()).getClaimsCount())
                    .isZero();
            CLOCK.set(runAt);
        }
        var last = AGENT.claimOne(worker, queue);
        assertThat(last.getAttempt()).isEqualTo(3);

        assertThat(AGENT.fail(last).getOutcomes(0).getStatus()).isEqualTo(WorkOrderStatus.WORK_ORDER_STATUS_FAILED);

        var order = AGENT.get(last.getWorkOrder().getWorkOrderId());
        assertThat(order.getRetryCount()).isEqualTo(2);
        assertThat(order.getErrorMessage()).isEqualTo("it broke");
        assertThat(order.hasCompleteTime()).isTrue();
        assertThat(AGENT.execution(last.getExecutionId()).getErrorMessage()).isEqualTo("it broke");
    }

    @Test
    void failsAtOnceWhatIsNotWorthRepeatingAndWaitsAsLongAsTheWorkerSays() {
        AGENT.enqueueAll(AgentFixture.many(2, queue));
        var hopeless = AGENT.claimOne(worker, queue);
        var later = AGENT.claimOne(worker, queue);

        var failed = AGENT.fail(WorkFailure.newBuilder()
                .setClaim(reference(hopeless))
                .setErrorMessage("no such tool")
                .setNonRetryable(true));
        var delayed = AGENT.fail(WorkFailure.newBuilder()
                .setClaim(reference(later))
                .setErrorMessage("not yet")
                .setRetryDelay(seconds(77)));

        assertThat(failed.getOutcomes(0).getStatus()).isEqualTo(WorkOrderStatus.WORK_ORDER_STATUS_FAILED);
        assertThat(Messages.instant(delayed.getOutcomes(0).getRunTime()))
                .isEqualTo(CLOCK.instant().plusSeconds(77));
    }

    @Test
    void givesAnOrderBackWithoutCountingTheAttempt() {
        AGENT.enqueue(order(queue).setRetryPolicy(RetryPolicy.newBuilder().setMaxRetries(0)));
        ClaimedWork claimed = null;
        for (int i = 0; i < 5; i++) {
            claimed = AGENT.claimOne(worker, queue);
            assertThat(claimed.getAttempt()).isEqualTo(1);
            AGENT.release(claimed);
            AGENT.release(claimed); // again is the same
        }
        var again = AGENT.claimOne(worker, queue);

        assertThat(again.getClaimToken()).isNotEqualTo(claimed.getClaimToken());
        assertThat(AGENT.complete(again).getOutcomes(0).getStatus())
                .isEqualTo(WorkOrderStatus.WORK_ORDER_STATUS_COMPLETED);
        assertThat(AGENT.execution(claimed.getExecutionId()).getStatus())
                .isEqualTo(ExecutionStatus.EXECUTION_STATUS_CANCELLED);
    }

    @Test
    void claimsTheUrgentFirstButLetsNobodyStarve() {
        AGENT.queues()
                .putQueue(PutQueueRequest.newBuilder()
                        .setQueue(Queue.newBuilder().setQueueName(queue).setPriorityAging(seconds(60)))
                        .build());
        var patient = AGENT.enqueue(order(queue).setPriority(5)).getWorkOrderId();
        var early = AGENT.enqueue(order(queue).setPriority(1)).getWorkOrderId();
        CLOCK.advance(Duration.ofSeconds(239));
        var between = AGENT.enqueue(order(queue).setPriority(1)).getWorkOrderId();
        CLOCK.advance(Duration.ofSeconds(2));
        var late = AGENT.enqueue(order(queue).setPriority(1)).getWorkOrderId();

        // Four steps of a minute: an urgent order comes first for four minutes, and not for longer.
        assertThat(AGENT.work()
                        .claimWork(
                                claim(AGENT.register(4), queue).setMaxOrders(4).build())
                        .getClaimsList())
                .extracting(claimed -> claimed.getWorkOrder().getWorkOrderId())
                .containsExactly(early, between, patient, late);
    }

    @Test
    void keepsOrdersOutOfTheLineUntilTheirTimeHasCome() throws InterruptedException {
        var due = CLOCK.instant().plusSeconds(100);
        var delayed = new java.util.ArrayList<dev.sortie.agent.v1.WorkOrder>();
        for (int i = 0; i < 700; i++) {
            delayed.add(order(queue).setRunTime(Messages.timestamp(due)).build());
        }
        AGENT.enqueueAll(delayed);
        var inLine =
                "SELECT count(*) FROM work_order_states WHERE claim_rank IS NOT NULL AND queue_name = '" + queue + "'";
        assertThat(AGENT.number(inLine)).isZero();
        assertThat(AGENT.work().claimWork(claim(worker, queue).build()).getClaimsCount())
                .isZero();

        CLOCK.advance(Duration.ofSeconds(100));

        assertThat(AGENT.work()
                        .claimWork(claim(AGENT.register(1_000), queue)
                                .setMaxOrders(50)
                                .build())
                        .getClaimsCount())
                .isEqualTo(50);
        // The server's own job may be at it, and passes over nothing but what this one has.
        AgentFixture.await("all are in line", () -> {
            AGENT.server().jobs().promoteOrders();
            return AGENT.number(inLine) == 700;
        });
    }

    @Test
    void returnsAnOrderWhoseLeaseRunsOutAndThenFailsIt() {
        AGENT.enqueue(order(queue)
                .setRetryPolicy(RetryPolicy.newBuilder().setMaxRetries(1).setInitialBackoff(seconds(5))));
        var first = AGENT.claimOne(worker, queue);
        CLOCK.advance(Duration.ofSeconds(30));

        StatusAssert.fails(() -> AGENT.complete(first))
                .with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_CLAIM_STALE);
        AGENT.endLeases();

        var order = AGENT.get(first.getWorkOrder().getWorkOrderId());
        assertThat(order.getStatus()).isEqualTo(WorkOrderStatus.WORK_ORDER_STATUS_PENDING);
        assertThat(order.getRetryCount()).isEqualTo(1);
        assertThat(AGENT.execution(first.getExecutionId()).getStatus())
                .isEqualTo(ExecutionStatus.EXECUTION_STATUS_TIMEOUT);

        CLOCK.advance(Duration.ofSeconds(5));
        var second = AGENT.claimOne(AGENT.register(1), queue);
        assertThat(second.getAttempt()).isEqualTo(2);
        CLOCK.advance(Duration.ofSeconds(31));
        AGENT.endLeases();

        var dead = AGENT.get(order.getWorkOrderId());
        assertThat(dead.getStatus()).isEqualTo(WorkOrderStatus.WORK_ORDER_STATUS_FAILED);
        assertThat(dead.getErrorMessage()).contains("lease ran out");
    }

    @Test
    void extendsALeaseButNeverPastTheTimeoutOfTheAttempt() {
        AGENT.enqueue(order(queue).setTimeout(seconds(50)));
        var claimed = AGENT.claimOne(worker, queue);
        var claimTime = CLOCK.instant();

        CLOCK.advance(Duration.ofSeconds(15));
        var extended = AGENT.work().heartbeatWork(heartbeat(claimed)).getOutcomes(0);
        assertThat(Messages.instant(extended.getLeaseExpireTime())).isEqualTo(claimTime.plusSeconds(45));

        CLOCK.advance(Duration.ofSeconds(29));
        var capped = AGENT.work().heartbeatWork(heartbeat(claimed)).getOutcomes(0);
        assertThat(Messages.instant(capped.getLeaseExpireTime())).isEqualTo(claimTime.plusSeconds(50));

        CLOCK.advance(Duration.ofSeconds(6));
        StatusAssert.fails(() -> AGENT.work().heartbeatWork(heartbeat(claimed)))
                .with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_CLAIM_STALE);
    }

    @Test
    void tellsTheWorkerWithItsNextHeartbeatThatAnOrderWasCancelled() {
        AGENT.enqueue(order(queue));
        var claimed = AGENT.claimOne(worker, queue);

        var cancelled = AGENT.orders()
                .cancelWorkOrder(CancelWorkOrderRequest.newBuilder()
                        .setWorkOrderId(claimed.getWorkOrder().getWorkOrderId())
                        .setReason("not wanted")
                        .build())
                .getWorkOrder();

        assertThat(cancelled.getStatus()).isEqualTo(WorkOrderStatus.WORK_ORDER_STATUS_CANCELLED);
        assertThat(cancelled.getCancelRequested()).isTrue();
        var outcome = AGENT.work().heartbeatWork(heartbeat(claimed)).getOutcomes(0);
        assertThat(outcome.getCancelRequested()).isTrue();
        assertThat(outcome.hasLeaseExpireTime()).isFalse();
        assertThat(outcome.hasError()).isTrue();
        StatusAssert.fails(() -> AGENT.complete(claimed))
                .with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_CLAIM_STALE)
                .metadata("status", "CANCELLED");
        assertThat(AGENT.execution(claimed.getExecutionId()).getStatus())
                .isEqualTo(ExecutionStatus.EXECUTION_STATUS_CANCELLED);
        assertThat(AGENT.worker(worker).getStatus()).isEqualTo(WorkerStatus.WORKER_STATUS_IDLE);
    }

    @Test
    void knowsOnlyRegisteredWorkers() {
        var stranger = UUID.randomUUID().toString();
        StatusAssert.fails(() -> AGENT.work().claimWork(claim(stranger, queue).build()))
                .with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_WORKER_NOT_REGISTERED)
                .metadata("worker_id", stranger);
        StatusAssert.fails(() -> AGENT.work()
                        .heartbeatWork(HeartbeatWorkRequest.newBuilder()
                                .setWorkerId(stranger)
                                .build()))
                .with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_WORKER_NOT_REGISTERED);
    }

    @Test
    void takesBackWhatADeregisteredWorkerHolds() {
        AGENT.enqueue(order(queue));
        var claimed = AGENT.claimOne(worker, queue);

        var gone = deregister();

        assertThat(gone.getStatus()).isEqualTo(WorkerStatus.WORKER_STATUS_OFFLINE);
        assertThat(deregister()).isEqualTo(gone);
        var order = AGENT.get(claimed.getWorkOrder().getWorkOrderId());
        assertThat(order.getStatus()).isEqualTo(WorkOrderStatus.WORK_ORDER_STATUS_PENDING);
        assertThat(order.getRetryCount()).isZero();
        StatusAssert.fails(() -> AGENT.work().claimWork(claim(worker, queue).build()))
                .with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_WORKER_NOT_REGISTERED);
        assertThat(AGENT.claimOne(AGENT.register(1), queue).getAttempt()).isEqualTo(1);
    }

    @Test
    void neverLetsAWorkerHoldMoreThanItMay() {
        AGENT.enqueueAll(AgentFixture.many(5, queue));
        var small = AGENT.register(3);

        var claims = AGENT.work()
                .claimWork(claim(small, queue).setMaxOrders(100).build())
                .getClaimsList();

        assertThat(claims).hasSize(3);
        StatusAssert.fails(() -> AGENT.work().claimWork(claim(small, queue).build()))
                .with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_WORKER_AT_CAPACITY)
                .metadata("worker_id", small)
                .metadata("limit", 3);
        AGENT.complete(claims.get(0));
        assertThat(AGENT.work()
                        .claimWork(claim(small, queue).setMaxOrders(2).build())
                        .getClaimsCount())
                .isEqualTo(1);
    }

    @Test
    void claimsTheMostUrgentFirstThenTheOneThatHasBeenClaimableLongest() {
        var other = queue + "-b";
        place(queue, 3, "third");
        place(other, 1, "first");
        CLOCK.advance(Duration.ofSeconds(1));
        place(queue, 1, "second");
        place(other, 3, "fourth");
        place(queue, 5, "sixth");
        CLOCK.advance(Duration.ofSeconds(1));
        place(queue, 4, "fifth");

        var claims = AGENT.work()
                .claimWork(claim(worker, queue, other).setMaxOrders(10).build())
                .getClaimsList();

        assertThat(claims)
                .extracting(claim -> claim.getWorkOrder().getDedupeKey())
                .containsExactly("first", "second", "third", "fourth", "fifth", "sixth");
    }

    @Test
    void returnsTheSameClaimsForTheSameRequestId() {
        var request =
                claim(worker, queue).setRequestId(UUID.randomUUID().toString()).build();
        assertThat(AGENT.work().claimWork(request).getClaimsCount()).isZero(); // nothing: is not remembered
        AGENT.enqueueAll(AgentFixture.many(2, queue));

        var first = AGENT.work().claimWork(request);
        var second = AGENT.work().claimWork(request);

        assertThat(first.getClaimsCount()).isEqualTo(1);
        assertThat(first.getReplayed()).isFalse();
        assertThat(second).isEqualTo(first.toBuilder().setReplayed(true).build());
        StatusAssert.fails(() -> AGENT.work()
                        .claimWork(request.toBuilder().setMaxOrders(2).build()))
                .with(Status.Code.ALREADY_EXISTS, dev.sortie.type.v1.ErrorReason.ERROR_REASON_REQUEST_ID_REUSED);
    }

    @Test
    void refusesAReleaseOfWhatWasNeverClaimed() {
        var placed = AGENT.enqueue(order(queue));
        StatusAssert.fails(() -> AGENT.work()
                        .releaseWork(ReleaseWorkRequest.newBuilder()
                                .addClaims(dev.sortie.agent.v1.ClaimReference.newBuilder()
                                        .setWorkOrderId(placed.getWorkOrderId())
                                        .setClaimToken("x"))
                                .build()))
                .with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_CLAIM_STALE)
                .metadata("status", "PENDING");
    }

    private void place(String queueName, int priority, String name) {
        AGENT.enqueue(order(queueName).setPriority(priority).setDedupeKey(name));
    }

    private HeartbeatWorkRequest heartbeat(ClaimedWork claimed) {
        return HeartbeatWorkRequest.newBuilder()
                .setWorkerId(worker)
                .addClaims(reference(claimed))
                .build();
    }

    private dev.sortie.agent.v1.Worker deregister() {
        return AGENT.workers()
                .deregisterWorker(
                        DeregisterWorkerRequest.newBuilder().setWorkerId(worker).build())
                .getWorker();
    }
}
