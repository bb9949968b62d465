package dev.sortie.agent;

import static dev.sortie.agent.AgentFixture.await;
import static dev.sortie.agent.AgentFixture.claim;
import static dev.sortie.agent.AgentFixture.order;
import static dev.sortie.agent.AgentFixture.reference;
import static dev.sortie.agent.AgentFixture.seconds;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.agent.v1.ClaimWorkRequest;
import dev.sortie.agent.v1.ClaimWorkResponse;
import dev.sortie.agent.v1.PauseQueueRequest;
import dev.sortie.agent.v1.ResumeQueueRequest;
import dev.sortie.agent.v1.WorkFailure;
import dev.sortie.agent.v1.WorkServiceGrpc;
import dev.sortie.runtime.grpc.Messages;
import io.grpc.Context;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** Calls that wait for work, by the real clock. */
class LongPollTest {
    @AutoClose
    private static final AgentFixture AGENT = new AgentFixture(InstantSource.system());

    private final String queue = "poll-" + UUID.randomUUID().toString().substring(0, 8);
    private final String worker = AGENT.register(10);

    @Test
    void wakesForEachOrderThatComes() throws Exception {
        for (int i = 0; i < 5; i++) {
            var waiting = poll(60);
            awaitWaiting(1);
            AGENT.enqueue(order(queue));
            assertThat(waiting.get(90, TimeUnit.SECONDS).getClaimsCount()).isEqualTo(1);
        }
    }

    @Test
    void wakesAsManyAsThereAreOrders() throws Exception {
        var first = poll(60);
        var second = poll(60);
        awaitWaiting(2);

        AGENT.enqueueAll(AgentFixture.many(2, queue));

        assertThat(first.get(60, TimeUnit.SECONDS).getClaimsCount()).isEqualTo(1);
        assertThat(second.get(60, TimeUnit.SECONDS).getClaimsCount()).isEqualTo(1);
    }

    @Test
    void wakesWhenAnOrderIsGivenBackOrItsRetryIsDue() throws Exception {
        AGENT.enqueue(order(queue));
        var claimed = AGENT.claimOne(AGENT.register(1), queue);
        var waiting = poll(60);
        awaitWaiting(1);

        AGENT.release(claimed);

        var again = waiting.get(90, TimeUnit.SECONDS).getClaims(0);
        var retried = poll(60);
        awaitWaiting(1);
        AGENT.fail(WorkFailure.newBuilder()
                .setClaim(reference(again))
                .setErrorMessage("once more")
                .setRetryDelay(Messages.duration(Duration.ofMillis(300))));
        assertThat(retried.get(60, TimeUnit.SECONDS).getClaims(0).getAttempt()).isEqualTo(2);
    }

    @Test
    void wakesWhenTheTimeOfADelayedOrderHasCome() throws Exception {
        var waiting = poll(60);
        awaitWaiting(1);
        var runAt = Instant.now().plusMillis(1_500);

        AGENT.enqueue(order(queue).setRunTime(Messages.timestamp(runAt)));

        assertThat(waiting.get(90, TimeUnit.SECONDS).getClaimsCount()).isEqualTo(1);
        assertThat(Instant.now()).isAfterOrEqualTo(runAt);
    }

    @Test
    void waitsWhileAQueueIsPausedAndWakesWhenItIsResumed() throws Exception {
        AGENT.enqueue(order(queue));
        AGENT.queues()
                .pauseQueue(PauseQueueRequest.newBuilder().setQueueName(queue).build());
        assertThat(AGENT.work().claimWork(claim(worker, queue).build()).getClaimsCount())
                .isZero();
        var waiting = poll(60);
        awaitWaiting(1);

        AGENT.queues()
                .resumeQueue(ResumeQueueRequest.newBuilder().setQueueName(queue).build());

        assertThat(waiting.get(90, TimeUnit.SECONDS).getClaimsCount()).isEqualTo(1);
    }

    @Test
    void answersWithoutWorkWhenTheWaitIsOverOrTheDeadlineNear() throws Exception {
        long start = System.nanoTime();
        assertThat(poll(1).get(60, TimeUnit.SECONDS).getClaimsCount()).isZero();
        assertThat(Duration.ofNanos(System.nanoTime() - start)).isGreaterThan(Duration.ofMillis(900));

        // The answer leaves a moment before the deadline, and may be late all the same where the machine is busy.
        await("an answer comes before the deadline", () -> {
            try {
                var hurried = AGENT.work().withDeadlineAfter(2, TimeUnit.SECONDS);
                return hurried.claimWork(request(60)).getClaimsCount() == 0;
            } catch (StatusRuntimeException late) {
                assertThat(late.getStatus().getCode()).isEqualTo(Status.Code.DEADLINE_EXCEEDED);
                return false;
            }
        });
    }

    @Test
    void claimsNothingForACallerThatIsGone() throws Exception {
        var context = Context.current().withCancellation();
        var waiting = CompletableFuture.supplyAsync(
                () -> {
                    try {
                        return context.call(() -> AGENT.work().claimWork(request(60)));
                    } catch (Exception failed) {
                        throw new IllegalStateException(failed);
                    }
                },
                Thread::startVirtualThread);
        awaitWaiting(1);

        context.cancel(null);
        try {
            waiting.get(90, TimeUnit.SECONDS);
        } catch (ExecutionException cancelled) {
            var cause = cancelled.getCause().getCause();
            assertThat(((StatusRuntimeException) cause).getStatus().getCode()).isEqualTo(Status.Code.CANCELLED);
        }
        awaitWaiting(0);
        var placed = AGENT.enqueue(order(queue));

        // A look at the queue may have been under way: what it found is given back.
        var claimed = AGENT.claimOne(worker, queue);
        assertThat(claimed.getWorkOrder().getWorkOrderId()).isEqualTo(placed.getWorkOrderId());
        assertThat(claimed.getAttempt()).isEqualTo(1);
    }

    @Test
    void answersTheSameRequestWhereverItIsMadeAgainWhileItWaits() throws Exception {
        var request = request(10).toBuilder()
                .setRequestId(UUID.randomUUID().toString())
                .build();
        var first = CompletableFuture.supplyAsync(() -> AGENT.work().claimWork(request), Thread::startVirtualThread);
        var second = CompletableFuture.supplyAsync(() -> AGENT.work().claimWork(request), Thread::startVirtualThread);
        awaitWaiting(2);
        AGENT.enqueue(order(queue));

        var one = first.get(60, TimeUnit.SECONDS);
        var two = second.get(60, TimeUnit.SECONDS);

        assertThat(one.getClaimsList()).isEqualTo(two.getClaimsList()).hasSize(1);
        assertThat(one.getReplayed()).isNotEqualTo(two.getReplayed());
    }

    @Test
    void wakesForAnOrderThatAnotherReplicaTook() throws Exception {
        try (var other = new AgentFixture(AGENT.database(), InstantSource.system())) {
            var waiting = CompletableFuture.supplyAsync(
                    () -> WorkServiceGrpc.newBlockingStub(other.channel()).claimWork(request(60)),
                    Thread::startVirtualThread);
            await("the call waits there", () -> other.server().waiting(queue) == 1);

            AGENT.enqueue(order(queue));

            assertThat(waiting.get(90, TimeUnit.SECONDS).getClaimsCount()).isEqualTo(1);
        }
    }

    @Test
    void asksTheDatabaseNothingForAWorkerThatWaitsAgainBehindOthers() throws Exception {
        assertThat(AGENT.work().claimWork(claim(worker, queue).build()).getClaimsCount())
                .isZero();
        var looks = new java.util.concurrent.atomic.AtomicInteger();
        AGENT.server().runtime().database().onStatement((_, sql, parameters) -> {
            if (sql.contains("work_order_states")
                    && java.util.Arrays.deepToString(parameters).contains(queue)
                    && sql.contains("FOR NO KEY UPDATE SKIP LOCKED")) {
                looks.incrementAndGet();
            }
        });

        var first = AGENT.register(1);
        var before = CompletableFuture.supplyAsync(
                () -> AGENT.work()
                        .claimWork(claim(first, queue).setWait(seconds(60)).build()),
                Thread::startVirtualThread);
        awaitWaiting(1);
        await("it has looked", () -> looks.get() == 2); // for orders whose time has come, and for those in line

        var behind = new java.util.ArrayList<CompletableFuture<ClaimWorkResponse>>();
        for (int i = 0; i < 50; i++) {
            behind.add(poll(60));
        }
        awaitWaiting(51);
        assertThat(looks).hasValue(2);

        AGENT.enqueueAll(AgentFixture.many(51, queue));
        await(
                "orders are claimed",
                () -> AGENT.number("SELECT count(*) FROM work_order_states WHERE status = 'CLAIMED'"
                                + " AND queue_name = '" + queue + "'")
                        == 11);
        // One for the first worker, ten for the other; the rest are refused, as it holds as many as it may.
        int claimed = 0;
        behind.add(before);
        for (var call : behind) {
            try {
                claimed += call.get(60, TimeUnit.SECONDS).getClaimsCount();
            } catch (ExecutionException refused) {
                assertThat(refused).hasMessageContaining("as many claims as it may");
            }
        }
        assertThat(claimed).isEqualTo(11);
    }

    @Test
    void asksNoMoreThanOnceForSeveralQueuesInWhichThereIsNothing() throws Exception {
        var looks = new java.util.concurrent.atomic.AtomicInteger();
        AGENT.server().runtime().database().onStatement((_, sql, parameters) -> {
            if (sql.contains("FROM queues q")
                    && sql.contains("CROSS JOIN LATERAL")
                    && java.util.Arrays.deepToString(parameters).contains(queue + "-a")
                    && sql.contains("s.claim_rank IS NULL")) {
                looks.incrementAndGet();
            }
        });

        var waiting = CompletableFuture.supplyAsync(
                () -> AGENT.work()
                        .claimWork(claim(worker, queue + "-a", queue + "-b")
                                .setWait(seconds(2))
                                .build()),
                Thread::startVirtualThread);

        assertThat(waiting.get(60, TimeUnit.SECONDS).getClaimsCount()).isZero();
        assertThat(looks).hasValue(1);
    }

    @Test
    void endsWithoutWorkWhenTheServerDrains() throws Exception {
        var other = new AgentFixture(AGENT.database(), InstantSource.system());
        var waiting = CompletableFuture.supplyAsync(
                () -> WorkServiceGrpc.newBlockingStub(other.channel()).claimWork(request(60)),
                Thread::startVirtualThread);
        await("the call waits there", () -> other.server().waiting(queue) == 1);

        other.server().close();

        assertThat(waiting.get(90, TimeUnit.SECONDS).getClaimsCount()).isZero();
    }

    private CompletableFuture<ClaimWorkResponse> poll(int seconds) {
        return CompletableFuture.supplyAsync(
                () -> AGENT.work().claimWork(request(seconds)), Thread::startVirtualThread);
    }

    private ClaimWorkRequest request(int seconds) {
        return claim(worker, queue).setWait(seconds(seconds)).build();
    }

    private void awaitWaiting(int calls) throws InterruptedException {
        await(calls + " calls wait", () -> AGENT.server().waiting(queue) == calls);
    }
}
