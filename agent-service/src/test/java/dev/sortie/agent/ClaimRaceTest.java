package dev.sortie.agent;

import static dev.sortie.agent.AgentFixture.claim;
import static dev.sortie.agent.AgentFixture.order;
import static dev.sortie.agent.AgentFixture.reference;
import static dev.sortie.agent.AgentFixture.struct;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.agent.v1.CancelWorkOrderRequest;
import dev.sortie.agent.v1.ClaimedWork;
import dev.sortie.agent.v1.CompleteWorkRequest;
import dev.sortie.agent.v1.EnqueueWorkOrdersRequest;
import dev.sortie.agent.v1.EnqueueWorkOrdersResponse;
import dev.sortie.agent.v1.HeartbeatWorkRequest;
import dev.sortie.agent.v1.WorkCompletion;
import dev.sortie.agent.v1.WorkOrder;
import dev.sortie.runtime.testing.SettableClock;
import dev.sortie.type.v1.RetryPolicy;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Queue;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** Many callers at once. */
class ClaimRaceTest {
    private static final SettableClock CLOCK = AgentFixture.clock();

    @AutoClose
    private static final AgentFixture AGENT = new AgentFixture(CLOCK);

    private final String queue = "race-" + UUID.randomUUID().toString().substring(0, 8);

    @Test
    void givesEachOf500OrdersToExactlyOneOf50Workers() throws Exception {
        AGENT.enqueueAll(AgentFixture.many(500, queue));
        Queue<String> claimed = new ConcurrentLinkedQueue<>();

        AtOnce.call(50, i -> {
            var worker = AGENT.register(7);
            while (true) {
                var claims = AGENT.work()
                        .claimWork(claim(worker, queue).setMaxOrders(1 + i % 5).build())
                        .getClaimsList();
                if (claims.isEmpty()) {
                    return null;
                }
                claims.forEach(c -> claimed.add(c.getWorkOrder().getWorkOrderId()));
                AGENT.complete(claims.toArray(ClaimedWork[]::new));
            }
        });

        assertThat(claimed).hasSize(500);
        assertThat(new HashSet<>(claimed)).hasSize(500);
        assertThat(AGENT.number("SELECT count(*) FROM executions x JOIN work_orders o USING (work_order_id)"
                        + " WHERE x.status = 'COMPLETED' AND o.queue_name = '" + queue + "'"))
                .isEqualTo(500);
        assertConsistent();
    }

    @Test
    void acceptsOneOfManyResultsForTheSameClaim() throws Exception {
        AGENT.enqueue(order(queue));
        var claimed = AGENT.claimOne(AGENT.register(1), queue);
        var accepted = new AtomicInteger();

        AtOnce.call(20, i -> {
            var outcome = AGENT.work()
                    .completeWork(CompleteWorkRequest.newBuilder()
                            .addCompletions(WorkCompletion.newBuilder()
                                    .setClaim(reference(claimed))
                                    .setResult(struct("by", i)))
                            .build())
                    .getOutcomes(0);
            if (!outcome.getReplayed()) {
                accepted.incrementAndGet();
            }
            return null;
        });

        assertThat(accepted).hasValue(1);
        assertThat(AGENT.get(claimed.getWorkOrder().getWorkOrderId()).getEtag()).isEqualTo("3");
    }

    @Test
    void heartbeatsInAnyOrderNeverStandInEachOthersWay() throws Exception {
        AGENT.enqueueAll(AgentFixture.many(60, queue));
        var worker = AGENT.register(60);
        var claims = AGENT.work()
                .claimWork(claim(worker, queue).setMaxOrders(60).build())
                .getClaimsList();

        AtOnce.call(20, i -> {
            var references =
                    new ArrayList<>(claims.stream().map(AgentFixture::reference).toList());
            Collections.shuffle(references, new Random(i));
            for (int round = 0; round < 10; round++) {
                var outcomes = AGENT.work()
                        .heartbeatWork(HeartbeatWorkRequest.newBuilder()
                                .setWorkerId(worker)
                                .addAllClaims(references)
                                .build())
                        .getOutcomesList();
                assertThat(outcomes).hasSize(references.size()).allMatch(o -> o.hasLeaseExpireTime());
            }
            return null;
        });
    }

    @Test
    void neverLetsParallelCallsOfAWorkerExceedItsCapacity() throws Exception {
        AGENT.enqueueAll(AgentFixture.many(30, queue));
        var worker = AGENT.register(4);
        var claims = new ConcurrentLinkedQueue<ClaimedWork>();

        AtOnce.call(15, _ -> {
            try {
                claims.addAll(AGENT.work()
                        .claimWork(claim(worker, queue).setMaxOrders(2).build())
                        .getClaimsList());
            } catch (StatusRuntimeException full) {
                assertThat(full.getStatus().getCode()).isEqualTo(Status.Code.FAILED_PRECONDITION);
            }
            return null;
        });

        assertThat(claims).hasSize(4);
        assertConsistent();
    }

    @Test
    void placesAnOrderOnceHoweverOftenTheSameRequestIsMadeAtOnce() throws Exception {
        var request = EnqueueWorkOrdersRequest.newBuilder()
                .addWorkOrders(order(queue))
                .addWorkOrders(order(queue).setPriority(1))
                .setRequestId(UUID.randomUUID().toString())
                .build();
        Queue<EnqueueWorkOrdersResponse> responses = new ConcurrentLinkedQueue<>();

        AtOnce.call(50, _ -> responses.add(AGENT.orders().enqueueWorkOrders(request)));

        assertThat(responses.stream()
                        .map(r -> r.toBuilder().clearReplayed().build())
                        .distinct())
                .hasSize(1);
        assertThat(responses.stream().filter(r -> !r.getReplayed())).hasSize(1);
        assertThat(AGENT.number("SELECT count(*) FROM work_orders WHERE queue_name = '" + queue + "'"))
                .isEqualTo(2);
    }

    @Test
    void placesAnOrderOnceForADedupeKeyHoweverManyPlaceItAtOnce() throws Exception {
        Queue<String> ids = new ConcurrentLinkedQueue<>();
        AtOnce.call(30, i -> {
            var orders = new ArrayList<WorkOrder>();
            for (var key : i % 2 == 0 ? List.of("a", "b") : List.of("b", "a")) {
                orders.add(order(queue).setDedupeKey(key).build());
            }
            AGENT.enqueueAll(orders).forEach(o -> ids.add(o.getWorkOrderId()));
            return null;
        });

        assertThat(new HashSet<>(ids)).hasSize(2);
    }

    @Test
    void keepsItsBooksThroughRandomInterleavings() throws Exception {
        var orders = new ConcurrentLinkedQueue<String>();
        AtOnce.call(16, i -> {
            var random = new Random(i);
            var worker = AGENT.register(3);
            var held = new ArrayList<ClaimedWork>();
            for (int step = 0; step < 60; step++) {
                try {
                    switch (random.nextInt(9)) {
                        case 0, 1 ->
                            orders.add(AGENT.enqueue(order(queue)
                                            .setRetryPolicy(RetryPolicy.newBuilder()
                                                    .setMaxRetries(1)
                                                    .setInitialBackoff(AgentFixture.seconds(0))))
                                    .getWorkOrderId());
                        case 2, 3 ->
                            held.addAll(AGENT.work()
                                    .claimWork(
                                            claim(worker, queue).setMaxOrders(2).build())
                                    .getClaimsList());
                        case 4 -> AGENT.complete(any(held, random));
                        case 5 -> AGENT.fail(any(held, random));
                        case 6 -> AGENT.release(any(held, random));
                        case 7 -> {
                            var id = orders.poll();
                            if (id != null) {
                                AGENT.orders()
                                        .cancelWorkOrder(CancelWorkOrderRequest.newBuilder()
                                                .setWorkOrderId(id)
                                                .build());
                            }
                        }
                        default -> {
                            CLOCK.advance(Duration.ofSeconds(random.nextInt(20)));
                            AGENT.server().jobs().endLeases();
                        }
                    }
                } catch (StatusRuntimeException refused) {
                    assertThat(refused.getStatus().getCode())
                            .as(refused.getMessage())
                            .isEqualTo(Status.Code.FAILED_PRECONDITION);
                }
            }
            return null;
        });

        assertConsistent();
    }

    private static ClaimedWork any(List<ClaimedWork> held, Random random) {
        if (held.isEmpty()) {
            throw Status.FAILED_PRECONDITION.withDescription("nothing held").asRuntimeException();
        }
        return held.get(random.nextInt(held.size()));
    }

    /** What must hold between the tables whatever happened. */
    private static void assertConsistent() {
        assertNone("a worker holds more than it may", """
                SELECT count(*) FROM workers w WHERE w.max_concurrent_tasks < (
                    SELECT count(*) FROM work_order_states s WHERE s.worker_id = w.worker_id AND s.status = 'CLAIMED')
                """);
        assertNone("a claim has an attempt that has ended, or shares one", """
                SELECT count(*) FROM work_order_states s WHERE s.status = 'CLAIMED' AND (
                    EXISTS (SELECT FROM executions x WHERE x.execution_id = s.execution_id)
                    OR EXISTS (SELECT FROM work_order_states o
                        WHERE o.execution_id = s.execution_id AND o.work_order_id <> s.work_order_id))
                """);
        assertNone("an order has two accepted results, or one and is not completed", """
                SELECT count(*) FROM work_order_states s WHERE (
                    SELECT count(*) FROM executions x
                    WHERE x.work_order_id = s.work_order_id AND x.status = 'COMPLETED')
                    <> (CASE WHEN s.status = 'COMPLETED' THEN 1 ELSE 0 END)
                """);
        assertNone("an order is in line although its time has not come", """
                SELECT count(*) FROM work_order_states s
                WHERE s.status = 'PENDING' AND s.claim_rank IS NOT NULL AND s.claim_rank < s.run_at
                """);
        assertNone("retries are not the attempts that failed and were repeated", """
                SELECT count(*) FROM work_order_states s WHERE s.retry_count <> (
                    SELECT count(*) FROM executions x WHERE x.work_order_id = s.work_order_id
                      AND x.status IN ('FAILED', 'TIMEOUT')) - (CASE WHEN s.status = 'FAILED' THEN 1 ELSE 0 END)
                """);
        assertNone("the log of an order's changes does not reach its version, or has gaps", """
                SELECT count(*) FROM work_order_states s WHERE s.version <> (
                    SELECT count(DISTINCT c.version) FROM change_log c
                    WHERE c.resource_type = 'work_order' AND c.resource_id = s.work_order_id)
                """);
    }

    private static void assertNone(String what, String sql) {
        assertThat(AGENT.number(sql)).as(what).isZero();
    }
}
