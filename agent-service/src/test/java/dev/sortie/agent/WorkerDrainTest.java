package dev.sortie.agent;

import static dev.sortie.agent.AgentFixture.await;
import static dev.sortie.agent.AgentFixture.claim;
import static dev.sortie.agent.AgentFixture.order;
import static dev.sortie.agent.AgentFixture.reference;
import static dev.sortie.agent.AgentFixture.seconds;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.agent.v1.ClaimWorkRequest;
import dev.sortie.agent.v1.ClaimWorkResponse;
import dev.sortie.agent.v1.DeregisterWorkerRequest;
import dev.sortie.agent.v1.DrainWorkerRequest;
import dev.sortie.agent.v1.DrainWorkerResponse;
import dev.sortie.agent.v1.ErrorReason;
import dev.sortie.agent.v1.HeartbeatWorkRequest;
import dev.sortie.agent.v1.HeartbeatWorkResponse;
import dev.sortie.agent.v1.WorkOrderStatus;
import dev.sortie.agent.v1.WorkServiceGrpc;
import dev.sortie.agent.v1.Worker;
import dev.sortie.agent.v1.WorkerStatus;
import dev.sortie.runtime.testing.StatusAssert;
import io.grpc.Context;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.time.InstantSource;
import java.util.Arrays;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** How workers, servers and callers leave without orders being held for nobody. By the real clock. */
class WorkerDrainTest {
    @AutoClose
    private static final AgentFixture AGENT = new AgentFixture(InstantSource.system());

    private final String queue = "d-" + UUID.randomUUID().toString().substring(0, 8);
    private final String worker = AGENT.register(10);

    @Test
    void letsAWorkerFinishWhatItHoldsAndGivesItNothingMore() {
        AGENT.enqueueAll(AgentFixture.many(2, queue));
        var held = AGENT.claimOne(worker, queue);
        assertThat(heartbeat().getDrainRequested()).isFalse();

        var draining = drain(worker).getWorker();

        assertThat(draining.hasDrainTime()).isTrue();
        assertThat(draining.getHeldClaimCount()).isEqualTo(1);
        assertThat(draining.getStatus()).isEqualTo(WorkerStatus.WORKER_STATUS_BUSY);
        StatusAssert.fails(() -> AGENT.work().claimWork(claim(worker, queue).build()))
                .with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_WORKER_DRAINING)
                .metadata("worker_id", worker);
        var answer = AGENT.work()
                .heartbeatWork(HeartbeatWorkRequest.newBuilder()
                        .setWorkerId(worker)
                        .addClaims(reference(held))
                        .build());
        assertThat(answer.getDrainRequested()).isTrue();
        assertThat(answer.getOutcomes(0).hasError()).isFalse();
        assertThat(heartbeat().getDrainRequested()).isTrue();
        assertThat(AGENT.complete(held).getOutcomes(0).hasError()).isFalse();

        var empty = AGENT.worker(worker);
        assertThat(empty.getHeldClaimCount()).isZero();
        assertThat(empty.getStatus()).isEqualTo(WorkerStatus.WORKER_STATUS_IDLE);
        AGENT.workers()
                .deregisterWorker(
                        DeregisterWorkerRequest.newBuilder().setWorkerId(worker).build());
        assertThat(AGENT.claimOne(AGENT.register(1), queue).getAttempt()).isEqualTo(1);
    }

    @Test
    void changesNothingWhenItDrainsOrIsGoneAlready() {
        var first = drain(worker).getWorker();
        assertThat(withoutCalls(drain(worker).getWorker())).isEqualTo(withoutCalls(first));
        var gone = AGENT.register(1);
        var deregistered = AGENT.workers()
                .deregisterWorker(
                        DeregisterWorkerRequest.newBuilder().setWorkerId(gone).build())
                .getWorker();
        assertThat(withoutCalls(drain(gone).getWorker())).isEqualTo(withoutCalls(deregistered));
        StatusAssert.fails(() -> drain(UUID.randomUUID().toString()))
                .with(Status.Code.NOT_FOUND, dev.sortie.type.v1.ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND);
    }

    @Test
    void endsItsCallsThatWaitOnEveryReplica() throws Exception {
        try (var other = new AgentFixture(AGENT.database(), InstantSource.system())) {
            var here = poll(AGENT, request(60));
            var there = poll(other, request(60));
            await(
                    "both calls wait",
                    () -> AGENT.server().waiting(queue) == 1 && other.server().waiting(queue) == 1);

            drain(worker);

            for (var call : java.util.List.of(here, there)) {
                assertThat(refusal(call))
                        .satisfies(failed -> StatusAssert.of(failed)
                                .with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_WORKER_DRAINING));
            }
        }
    }

    @Test
    void givesBackAtOnceWhatWasClaimedForACallerThatIsGoneByThen() throws Exception {
        var placed = AGENT.enqueue(order(queue));
        var caller = Context.current().withCancellation();
        goneBeforeTheCommit(caller, worker);

        var call = CompletableFuture.supplyAsync(
                () -> call(caller, claim(worker, queue).setWait(seconds(60)).build()), Thread::startVirtualThread);

        assertThat(refusal(call).getStatus().getCode()).isEqualTo(Status.Code.CANCELLED);
        await(
                "the order is there again",
                () -> AGENT.number("SELECT count(*) FROM executions WHERE given_back AND work_order_id = '"
                                + placed.getWorkOrderId() + "'")
                        == 1);
        var free = AGENT.get(placed.getWorkOrderId());
        assertThat(free.getStatus()).isEqualTo(WorkOrderStatus.WORK_ORDER_STATUS_PENDING);
        assertThat(free.getRetryCount()).isZero();
        assertThat(AGENT.claimOne(AGENT.register(1), queue).getAttempt()).isEqualTo(1);
    }

    @Test
    void keepsWhatWasClaimedForACallThatIsMadeAgain() throws Exception {
        var placed = AGENT.enqueue(order(queue));
        var caller = Context.current().withCancellation();
        goneBeforeTheCommit(caller, worker);
        var request = request(60).toBuilder()
                .setRequestId(UUID.randomUUID().toString())
                .build();

        var call = CompletableFuture.supplyAsync(() -> call(caller, request), Thread::startVirtualThread);

        assertThat(refusal(call).getStatus().getCode()).isEqualTo(Status.Code.CANCELLED);
        var again = AGENT.work().claimWork(request);
        assertThat(again.getClaimsList())
                .singleElement()
                .satisfies(claimed ->
                        assertThat(claimed.getWorkOrder().getWorkOrderId()).isEqualTo(placed.getWorkOrderId()));
        assertThat(AGENT.complete(again.getClaims(0)).getOutcomes(0).hasError()).isFalse();
    }

    @Test
    void claimsNothingOnceTheServerDrainsAndTakesWhatIsHandedIn() throws Exception {
        try (var other = new AgentFixture(AGENT.database(), InstantSource.system())) {
            AGENT.enqueueAll(AgentFixture.many(2, queue));
            var request = request(60).toBuilder()
                    .setRequestId(UUID.randomUUID().toString())
                    .build();
            var before = other.work().claimWork(request);
            var waiting = poll(
                    other, claim(worker, "empty-" + queue).setWait(seconds(60)).build());
            await("the call waits", () -> other.server().waiting("empty-" + queue) == 1);

            other.server().runtime().drain().begin();

            assertThat(waiting.get(60, TimeUnit.SECONDS).getClaimsCount()).isZero();
            assertThat(other.work().claimWork(claim(worker, queue).build()).getClaimsCount())
                    .isZero();
            assertThat(other.work().claimWork(request).getClaimsList()).isEqualTo(before.getClaimsList());
            assertThat(other.work()
                            .heartbeatWork(HeartbeatWorkRequest.newBuilder()
                                    .setWorkerId(worker)
                                    .addClaims(reference(before.getClaims(0)))
                                    .build())
                            .getOutcomes(0)
                            .hasError())
                    .isFalse();
            assertThat(other.complete(before.getClaims(0)).getOutcomes(0).hasError())
                    .isFalse();
        }
        assertThat(AGENT.claimOne(worker, queue).getAttempt()).isEqualTo(1);
    }

    /**
     * Has the caller go away while its claim is being written. What it said before it was gone has arrived by the time
     * that another call of the same connection is answered.
     */
    private void goneBeforeTheCommit(Context.CancellableContext caller, String claimant) {
        var gone = new AtomicBoolean();
        AGENT.server().runtime().database().onStatement((_, sql, parameters) -> {
            if (sql.contains("SET status = 'CLAIMED'")
                    && Arrays.deepToString(parameters).contains(claimant)
                    && gone.compareAndSet(false, true)) {
                caller.cancel(null);
                Context.ROOT.run(() -> {
                    AGENT.worker(claimant);
                    AGENT.worker(claimant);
                });
            }
        });
    }

    private static ClaimWorkResponse call(Context caller, ClaimWorkRequest request) {
        try {
            return caller.call(() -> AGENT.work().claimWork(request));
        } catch (StatusRuntimeException failed) {
            throw failed;
        } catch (Exception impossible) {
            throw new AssertionError(impossible);
        }
    }

    private static CompletableFuture<ClaimWorkResponse> poll(AgentFixture replica, ClaimWorkRequest request) {
        return CompletableFuture.supplyAsync(
                () -> WorkServiceGrpc.newBlockingStub(replica.channel()).claimWork(request),
                Thread::startVirtualThread);
    }

    private static StatusRuntimeException refusal(CompletableFuture<ClaimWorkResponse> call) throws Exception {
        try {
            throw new AssertionError("expected a failure, not " + call.get(60, TimeUnit.SECONDS));
        } catch (ExecutionException failed) {
            return (StatusRuntimeException) failed.getCause();
        }
    }

    private ClaimWorkRequest request(int seconds) {
        return claim(worker, queue).setWait(seconds(seconds)).build();
    }

    private HeartbeatWorkResponse heartbeat() {
        return AGENT.work()
                .heartbeatWork(
                        HeartbeatWorkRequest.newBuilder().setWorkerId(worker).build());
    }

    private static DrainWorkerResponse drain(String id) {
        return AGENT.workers()
                .drainWorker(DrainWorkerRequest.newBuilder().setWorkerId(id).build());
    }

    /** Heartbeats are noted by the server when it comes to it. */
    private static Worker withoutCalls(Worker worker) {
        return worker.toBuilder().clearLastHeartbeatTime().build();
    }
}
