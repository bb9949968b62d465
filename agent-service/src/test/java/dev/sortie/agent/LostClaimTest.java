package dev.sortie.agent;

import static dev.sortie.agent.AgentFixture.await;
import static dev.sortie.agent.AgentFixture.claim;
import static dev.sortie.agent.AgentFixture.order;
import static dev.sortie.agent.AgentFixture.seconds;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sortie.agent.v1.ClaimWorkRequest;
import dev.sortie.agent.v1.ClaimWorkResponse;
import dev.sortie.agent.v1.ListExecutionsRequest;
import dev.sortie.agent.v1.WorkOrder;
import dev.sortie.agent.v1.WorkOrderStatus;
import io.grpc.Context;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.util.Arrays;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Claims whose callers are gone when they are made, while they are not: between the write and its commit. */
class LostClaimTest {
    // No lease ends by itself here.
    @AutoClose
    private static final AgentFixture AGENT = new AgentFixture(AgentFixture.clock());

    private static final Deed NOTHING = () -> {};
    private static final AtomicReference<Deed> BEFORE_COMMIT = new AtomicReference<>(NOTHING);
    private static volatile String claiming = "nobody";

    private final String queue = "lost-" + UUID.randomUUID().toString().substring(0, 8);
    private final String worker = AGENT.register(5);
    private final AtomicInteger begun = new AtomicInteger();
    private final AtomicInteger done = new AtomicInteger();

    /** Something that happens while a claim waits for its commit. */
    private interface Deed {
        void happen() throws Exception;
    }

    @BeforeAll
    static void listen() {
        AGENT.server().runtime().database().onStatement((_, sql, parameters) -> {
            if (sql.contains("SET status = 'CLAIMED', worker_id")
                    && Arrays.deepToString(parameters).contains(claiming)) {
                try {
                    BEFORE_COMMIT.getAndSet(NOTHING).happen();
                } catch (Exception failed) {
                    throw new AssertionError(failed);
                }
            }
        });
    }

    @AfterEach
    void forget() {
        BEFORE_COMMIT.set(NOTHING);
    }

    @Test
    void comesBackAtOnceWhenTheCallWasCancelledMeanwhile() throws Exception {
        var placed = AGENT.enqueue(order(queue));
        var context = Context.current().withCancellation();
        duringTheClaim(() -> {
            context.cancel(null);
            await("the server knows", () -> AGENT.server().waiting(queue) == 0);
        });

        var call = CompletableFuture.supplyAsync(
                () -> {
                    try {
                        return context.call(() -> AGENT.work().claimWork(request()));
                    } catch (Exception cancelled) {
                        throw new IllegalStateException(cancelled);
                    }
                },
                Thread::startVirtualThread);

        assertThatThrownBy(() -> call.get(60, TimeUnit.SECONDS)).isInstanceOf(ExecutionException.class);
        assertGivenBack(placed);
    }

    @Test
    void comesBackAtOnceWhenTheTimeOfTheCallWasUpMeanwhile() throws Exception {
        var placed = AGENT.enqueue(order(queue));
        duringTheClaim(() -> await("the server knows", () -> AGENT.server().waiting(queue) == 0));

        // Where the machine is busy, a call's time may be up before it claims anything.
        await("a call claims too late", () -> {
            var hurried = AGENT.work().withDeadlineAfter(2, TimeUnit.SECONDS);
            assertThatThrownBy(() -> hurried.claimWork(request()))
                    .isInstanceOfSatisfying(
                            StatusRuntimeException.class,
                            failed ->
                                    assertThat(failed.getStatus().getCode()).isEqualTo(Status.Code.DEADLINE_EXCEEDED));
            return begun.get() == 1;
        });

        assertGivenBack(placed);
    }

    @Test
    void comesBackAtOnceWhenTheSessionBrokeMeanwhile() throws Exception {
        var placed = AGENT.enqueue(order(queue));
        var session = new SessionClient(AGENT.channel(), worker);
        duringTheClaim(() -> {
            session.cutOff();
            await("the server knows", () -> AGENT.server().waiting(queue) == 0);
        });

        session.send(session.attachment(queue).setCredits(1));

        assertThat(session.ended().getCode()).isEqualTo(Status.Code.CANCELLED);
        assertGivenBack(placed);
    }

    @Test
    void isKeptForTheRequestThatIsMadeAgain() throws Exception {
        var placed = AGENT.enqueue(order(queue));
        var request =
                request().toBuilder().setRequestId(UUID.randomUUID().toString()).build();
        var context = Context.current().withCancellation();
        var call = new CompletableFuture<ClaimWorkResponse>();
        duringTheClaim(() -> {
            context.cancel(null);
            assertThatThrownBy(() -> call.get(60, TimeUnit.SECONDS)).isInstanceOf(ExecutionException.class);
        });

        Thread.startVirtualThread(() -> {
            try {
                call.complete(context.call(() -> AGENT.work().claimWork(request)));
            } catch (Exception cancelled) {
                call.completeExceptionally(cancelled);
            }
        });

        assertThatThrownBy(() -> call.get(60, TimeUnit.SECONDS)).isInstanceOf(ExecutionException.class);
        await("it is claimed", () -> done.get() == 1);
        var again = AGENT.work().claimWork(request);
        assertThat(again.getReplayed()).isTrue();
        assertThat(again.getClaims(0).getWorkOrder().getWorkOrderId()).isEqualTo(placed.getWorkOrderId());
        assertThat(AGENT.get(placed.getWorkOrderId()).getStatus()).isEqualTo(WorkOrderStatus.WORK_ORDER_STATUS_CLAIMED);
    }

    private void duringTheClaim(Deed deed) {
        claiming = worker;
        BEFORE_COMMIT.set(() -> {
            begun.incrementAndGet();
            deed.happen();
            done.incrementAndGet();
        });
    }

    /** Nobody has to wait for the lease, and the attempt does not count. */
    private void assertGivenBack(WorkOrder placed) throws InterruptedException {
        await("it was claimed", () -> done.get() == 1);
        await(
                "that is committed",
                () -> AGENT.executions()
                                .listExecutions(ListExecutionsRequest.newBuilder()
                                        .setWorkOrderId(placed.getWorkOrderId())
                                        .build())
                                .getExecutionsCount()
                        == 1);
        await(
                "it is given back",
                () -> AGENT.get(placed.getWorkOrderId()).getStatus() == WorkOrderStatus.WORK_ORDER_STATUS_PENDING);
        var order = AGENT.get(placed.getWorkOrderId());
        assertThat(order.getRetryCount()).isZero();
        var next = AGENT.claimOne(AGENT.register(1), queue);
        assertThat(next.getWorkOrder().getWorkOrderId()).isEqualTo(placed.getWorkOrderId());
        assertThat(next.getAttempt()).isEqualTo(1);
    }

    private ClaimWorkRequest request() {
        return claim(worker, queue).setWait(seconds(40)).build();
    }
}
