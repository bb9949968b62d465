package dev.sortie.agent;

import static dev.sortie.agent.AgentFixture.order;
import static dev.sortie.agent.AgentFixture.reference;
import static dev.sortie.agent.AgentFixture.struct;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import dev.sortie.agent.v1.CancelWorkOrderRequest;
import dev.sortie.agent.v1.ClaimedWork;
import dev.sortie.agent.v1.HeartbeatWorkRequest;
import dev.sortie.agent.v1.HeartbeatWorkResponse;
import dev.sortie.agent.v1.ListWorkOrdersRequest;
import dev.sortie.agent.v1.RedriveWorkOrdersRequest;
import dev.sortie.agent.v1.ReleaseWorkRequest;
import dev.sortie.agent.v1.WorkCheckpoint;
import dev.sortie.agent.v1.WorkFailure;
import dev.sortie.runtime.testing.SettableClock;
import dev.sortie.runtime.testing.StatusAssert;
import dev.sortie.type.v1.ErrorReason;
import dev.sortie.type.v1.RetryPolicy;
import io.grpc.Status;
import java.time.Duration;
import java.util.ArrayList;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** How far work has got, from one attempt to the next. */
class CheckpointTest {
    private static final SettableClock CLOCK = AgentFixture.clock();

    @AutoClose
    private static final AgentFixture AGENT = new AgentFixture(CLOCK);

    private final String queue = "c-" + UUID.randomUUID().toString().substring(0, 8);
    private final String worker = AGENT.register(10);

    @Test
    void givesTheNextAttemptWhatTheLastHeartbeatSaidWhenTheLeaseRanOut() {
        var first = claimNew();
        assertThat(first.hasCheckpoint()).isFalse();
        heartbeat(first, struct("page", 1));
        heartbeat(first, struct("page", 2));
        heartbeat(first, null);
        assertThat(AGENT.get(id(first)).getCheckpoint()).isEqualTo(struct("page", 2));

        CLOCK.advance(Duration.ofMinutes(1));
        AGENT.endLeases();
        CLOCK.advance(Duration.ofHours(1));
        var second = AGENT.claimOne(worker, queue);

        assertThat(second.getAttempt()).isEqualTo(2);
        assertThat(second.getCheckpoint()).isEqualTo(struct("page", 2));
        assertThat(second.getWorkOrder().hasCheckpoint()).isFalse();
    }

    @Test
    void takesALastOneWithAReleaseOrAFailure() {
        var first = claimNew();
        heartbeat(first, struct("page", 1));
        AGENT.work()
                .releaseWork(ReleaseWorkRequest.newBuilder()
                        .addClaims(reference(first))
                        .addCheckpoints(checkpoint(first, struct("page", 2)))
                        .build());

        var second = AGENT.claimOne(worker, queue);
        assertThat(second.getAttempt()).isEqualTo(1);
        assertThat(second.getCheckpoint()).isEqualTo(struct("page", 2));
        AGENT.release(second);

        var third = AGENT.claimOne(worker, queue);
        assertThat(third.getCheckpoint()).isEqualTo(struct("page", 2));
        AGENT.fail(failure(third).setCheckpoint(struct("page", 3)));
        CLOCK.advance(Duration.ofHours(1));

        var fourth = AGENT.claimOne(worker, queue);
        assertThat(fourth.getAttempt()).isEqualTo(2);
        assertThat(fourth.getCheckpoint()).isEqualTo(struct("page", 3));
    }

    @Test
    void keepsItForADeadOrderThatIsPutBack() {
        var placed = AGENT.enqueue(
                order(queue).setRetryPolicy(RetryPolicy.newBuilder().setMaxRetries(0)));
        var first = AGENT.claimOne(worker, queue);
        heartbeat(first, struct("page", 7));
        AGENT.fail(first);
        assertThat(AGENT.get(placed.getWorkOrderId()).getCheckpoint()).isEqualTo(struct("page", 7));

        AGENT.orders()
                .redriveWorkOrders(RedriveWorkOrdersRequest.newBuilder()
                        .setQueueName(queue)
                        .build());

        assertThat(AGENT.claimOne(worker, queue).getCheckpoint()).isEqualTo(struct("page", 7));
    }

    @Test
    void forgetsItWhenTheOrderIsCompletedOrCancelled() {
        var completed = claimNew();
        heartbeat(completed, struct("page", 1));
        AGENT.complete(completed);
        var running = claimNew();
        heartbeat(running, struct("page", 1));
        cancel(running);
        var waiting = claimNew();
        heartbeat(waiting, struct("page", 1));
        AGENT.release(waiting);
        cancel(waiting);

        for (var claim : new ClaimedWork[] {completed, running, waiting}) {
            assertThat(AGENT.get(id(claim)).hasCheckpoint()).isFalse();
            assertThat(AGENT.number(
                            "SELECT count(*) FROM work_order_checkpoints WHERE work_order_id = '" + id(claim) + "'"))
                    .isZero();
        }
    }

    @Test
    void storesNothingForATokenThatIsNotCurrent() {
        var first = claimNew();
        heartbeat(first, struct("page", 1));
        AGENT.release(first);
        var other = claimNew("other-" + queue);
        var second = AGENT.claimOne(worker, queue);

        var outcomes = AGENT.work()
                .heartbeatWork(HeartbeatWorkRequest.newBuilder()
                        .setWorkerId(worker)
                        .addClaims(reference(first))
                        .addClaims(reference(other))
                        .addCheckpoints(checkpoint(first, struct("page", 99)))
                        .addCheckpoints(checkpoint(other, struct("page", 5)))
                        .build())
                .getOutcomesList();

        assertThat(outcomes.get(0).hasError()).isTrue();
        assertThat(outcomes.get(1).hasError()).isFalse();
        assertThat(AGENT.get(id(second)).getCheckpoint()).isEqualTo(struct("page", 1));
        assertThat(AGENT.get(id(other)).getCheckpoint()).isEqualTo(struct("page", 5));
        StatusAssert.fails(() -> AGENT.fail(failure(first).setCheckpoint(struct("page", 99))))
                .with(Status.Code.FAILED_PRECONDITION, dev.sortie.agent.v1.ErrorReason.ERROR_REASON_CLAIM_STALE);
        assertThat(AGENT.get(id(second)).getCheckpoint()).isEqualTo(struct("page", 1));
    }

    @Test
    void refusesWhatIsTooLargeOrOfNoClaimInTheRequest() {
        var claim = claimNew();
        var large = Struct.newBuilder()
                .putFields(
                        "text",
                        Value.newBuilder().setStringValue("x".repeat(65_536)).build())
                .build();
        StatusAssert.fails(() -> heartbeat(claim, large))
                .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("checkpoints[0].checkpoint");
        StatusAssert.fails(() -> AGENT.work()
                        .heartbeatWork(HeartbeatWorkRequest.newBuilder()
                                .setWorkerId(worker)
                                .addClaims(reference(claim))
                                .addCheckpoints(checkpoint(claim, struct("page", 1)))
                                .addCheckpoints(checkpoint(claim, struct("page", 2)))
                                .build()))
                .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("checkpoints[1].work_order_id");
        StatusAssert.fails(() -> AGENT.work()
                        .releaseWork(ReleaseWorkRequest.newBuilder()
                                .addClaims(reference(claim))
                                .addCheckpoints(WorkCheckpoint.newBuilder()
                                        .setWorkOrderId(UUID.randomUUID().toString())
                                        .setCheckpoint(struct("page", 1)))
                                .build()))
                .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("checkpoints[0].work_order_id");
        assertThat(AGENT.get(id(claim)).hasCheckpoint()).isFalse();
    }

    @Test
    void leavesListsWithoutIt() {
        heartbeat(claimNew(), struct("page", 1));
        assertThat(AGENT.orders()
                        .listWorkOrders(ListWorkOrdersRequest.newBuilder()
                                .setQueueName(queue)
                                .build())
                        .getWorkOrdersList())
                .singleElement()
                .satisfies(listed -> assertThat(listed.hasCheckpoint()).isFalse());
    }

    @Test
    void keepsTheOneOfEachOrderWhenManyHeartbeatsMeet() throws Exception {
        AGENT.enqueueAll(AgentFixture.many(50, queue));
        var many = AGENT.register(50);
        var claims = new ArrayList<ClaimedWork>();
        while (claims.size() < 50) {
            claims.add(AGENT.claimOne(many, queue));
        }
        var calls = new ArrayList<CompletableFuture<HeartbeatWorkResponse>>();
        for (int i = 0; i < claims.size(); i++) {
            var claim = claims.get(i);
            int page = i;
            calls.add(CompletableFuture.supplyAsync(
                    () -> heartbeat(many, claim, struct("page", page)), Thread::startVirtualThread));
        }
        for (var call : calls) {
            call.get(60, TimeUnit.SECONDS);
        }
        for (int i = 0; i < claims.size(); i++) {
            assertThat(AGENT.get(id(claims.get(i))).getCheckpoint()).isEqualTo(struct("page", i));
        }
    }

    private ClaimedWork claimNew() {
        return claimNew(queue);
    }

    private ClaimedWork claimNew(String where) {
        AGENT.enqueue(order(where));
        return AGENT.claimOne(worker, where);
    }

    private void heartbeat(ClaimedWork claim, Struct checkpoint) {
        heartbeat(worker, claim, checkpoint);
    }

    private static HeartbeatWorkResponse heartbeat(String worker, ClaimedWork claim, Struct checkpoint) {
        var request = HeartbeatWorkRequest.newBuilder().setWorkerId(worker).addClaims(reference(claim));
        if (checkpoint != null) {
            request.addCheckpoints(checkpoint(claim, checkpoint));
        }
        return AGENT.work().heartbeatWork(request.build());
    }

    private static WorkCheckpoint checkpoint(ClaimedWork claim, Struct checkpoint) {
        return WorkCheckpoint.newBuilder()
                .setWorkOrderId(id(claim))
                .setCheckpoint(checkpoint)
                .build();
    }

    private static WorkFailure.Builder failure(ClaimedWork claim) {
        return WorkFailure.newBuilder().setClaim(reference(claim)).setErrorMessage("it broke");
    }

    private static void cancel(ClaimedWork claim) {
        AGENT.orders()
                .cancelWorkOrder(CancelWorkOrderRequest.newBuilder()
                        .setWorkOrderId(id(claim))
                        .build());
    }

    private static String id(ClaimedWork claim) {
        return claim.getWorkOrder().getWorkOrderId();
    }
}
