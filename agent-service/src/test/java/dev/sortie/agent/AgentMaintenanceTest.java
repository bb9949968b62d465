package dev.sortie.agent;

import static dev.sortie.agent.AgentFixture.await;
import static dev.sortie.agent.AgentFixture.claim;
import static dev.sortie.agent.AgentFixture.many;
import static dev.sortie.agent.AgentFixture.order;
import static dev.sortie.agent.AgentFixture.seconds;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.agent.v1.AgentHeartbeatRequest;
import dev.sortie.agent.v1.AgentStatus;
import dev.sortie.agent.v1.ClaimWorkResponse;
import dev.sortie.agent.v1.DeactivateAgentRequest;
import dev.sortie.agent.v1.DeleteAgentRequest;
import dev.sortie.agent.v1.DrainWorkerRequest;
import dev.sortie.agent.v1.ErrorReason;
import dev.sortie.agent.v1.HeartbeatWorkRequest;
import dev.sortie.agent.v1.WorkOrderStatus;
import dev.sortie.runtime.testing.StatusAssert;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.util.Arrays;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** What the workers of an agent get that is being looked after: nothing new, and everything as soon as it is over. */
class AgentMaintenanceTest {
    // By a clock that stands still nobody falls silent, and no session looks again by itself.
    @AutoClose
    private static final AgentFixture AGENT = new AgentFixture(AgentFixture.clock());

    private static final Set<String> LOOKED = ConcurrentHashMap.newKeySet();

    private final String queue = "m-" + UUID.randomUUID().toString().substring(0, 8);
    private final String agent = AGENT.registerAgent().getAgentId();
    private final String worker = AGENT.registerFor(agent, 5);

    @BeforeAll
    static void listen() {
        AGENT.server().runtime().database().onStatement((_, sql, parameters) -> {
            if (sql.contains("FROM workers") && sql.contains("FOR NO KEY UPDATE")) {
                LOOKED.add(Arrays.deepToString(parameters));
            }
        });
    }

    @Test
    void getNothingNewAndFinishWhatTheyHold() {
        AGENT.enqueueAll(many(2, queue));
        var held = AGENT.claimOne(worker, queue);
        say(AgentStatus.AGENT_STATUS_MAINTENANCE);

        assertThat(AGENT.work().claimWork(claim(worker, queue).build()).getClaimsCount())
                .isZero();
        assertThat(AGENT.work()
                        .claimWork(claim(worker, queue)
                                .setRequestId(UUID.randomUUID().toString())
                                .build())
                        .getClaimsCount())
                .isZero();

        assertThat(AGENT.work()
                        .heartbeatWork(HeartbeatWorkRequest.newBuilder()
                                .setWorkerId(worker)
                                .addClaims(AgentFixture.reference(held))
                                .build())
                        .getOutcomes(0)
                        .hasError())
                .isFalse();
        AGENT.complete(held);
        assertThat(AGENT.get(held.getWorkOrder().getWorkOrderId()).getStatus())
                .isEqualTo(WorkOrderStatus.WORK_ORDER_STATUS_COMPLETED);
        say(AgentStatus.AGENT_STATUS_BUSY);
        assertThat(AGENT.claimOne(worker, queue).getAttempt()).isEqualTo(1);
    }

    @Test
    void areWokenInTheirCallsAsSoonAsItIsOver() throws Exception {
        AGENT.enqueue(order(queue));
        say(AgentStatus.AGENT_STATUS_MAINTENANCE);
        var waiting = poll(worker);
        awaitLook(worker);

        say(AgentStatus.AGENT_STATUS_ONLINE);

        assertThat(waiting.get(90, TimeUnit.SECONDS).getClaimsCount()).isEqualTo(1);
    }

    @Test
    void areWokenInTheirSessionsAsSoonAsItIsOver() throws Exception {
        AGENT.enqueueAll(many(2, queue));
        say(AgentStatus.AGENT_STATUS_MAINTENANCE);
        try (var session = SessionClient.attach(AGENT, worker, 1, queue)) {
            awaitLook(worker);

            say(AgentStatus.AGENT_STATUS_ONLINE);

            var first = session.next();
            say(AgentStatus.AGENT_STATUS_MAINTENANCE);
            LOOKED.clear();
            session.call(SessionClient.completion(first).setCredits(1));
            awaitLook(worker);
            assertThat(session.waitingAssignments()).isZero();
            say(AgentStatus.AGENT_STATUS_ONLINE);
            session.next();
        }
    }

    @Test
    void areInNobodysWay() throws Exception {
        say(AgentStatus.AGENT_STATUS_MAINTENANCE);
        var resting = poll(worker);
        awaitLook(worker);
        try (var session = SessionClient.attach(AGENT, AGENT.registerFor(agent, 1), 1, queue)) {
            await("nobody is in line", () -> AGENT.server().waiting(queue) == 0);
            var other = poll(AGENT.register(1));
            await("somebody else is", () -> AGENT.server().waiting(queue) == 1);

            AGENT.enqueue(order(queue));

            assertThat(other.get(90, TimeUnit.SECONDS).getClaimsCount()).isEqualTo(1);
            assertThat(resting).isNotDone();
            assertThat(session.waitingAssignments()).isZero();
        }
        AGENT.enqueue(order(queue));
        say(AgentStatus.AGENT_STATUS_ONLINE);
        assertThat(resting.get(90, TimeUnit.SECONDS).getClaimsCount()).isEqualTo(1);
    }

    @Test
    void goOnAsNobodysWhenTheirAgentIsDeletedMeanwhile() throws Exception {
        AGENT.enqueue(order(queue));
        say(AgentStatus.AGENT_STATUS_MAINTENANCE);
        var waiting = poll(worker);
        awaitLook(worker);

        AGENT.agents()
                .deleteAgent(DeleteAgentRequest.newBuilder().setAgentId(agent).build());

        assertThat(waiting.get(90, TimeUnit.SECONDS).getClaimsCount()).isEqualTo(1);
    }

    @Test
    void hearWhenTheyAreToDrainAndWhenTheirAgentIsDeactivatedMeanwhile() throws Exception {
        say(AgentStatus.AGENT_STATUS_MAINTENANCE);
        var draining = poll(worker);
        awaitLook(worker);
        AGENT.workers()
                .drainWorker(DrainWorkerRequest.newBuilder().setWorkerId(worker).build());
        failed(draining, ErrorReason.ERROR_REASON_WORKER_DRAINING);

        var other = AGENT.registerFor(agent, 1);
        var deactivated = poll(other);
        awaitLook(other);
        AGENT.agents()
                .deactivateAgent(
                        DeactivateAgentRequest.newBuilder().setAgentId(agent).build());
        failed(deactivated, ErrorReason.ERROR_REASON_AGENT_DEACTIVATED);
    }

    private static void failed(CompletableFuture<ClaimWorkResponse> call, ErrorReason reason) throws Exception {
        try {
            call.get(90, TimeUnit.SECONDS);
            throw new AssertionError("it did not fail");
        } catch (ExecutionException failed) {
            StatusAssert.of((StatusRuntimeException) failed.getCause()).with(Status.Code.FAILED_PRECONDITION, reason);
        }
    }

    private CompletableFuture<ClaimWorkResponse> poll(String asking) {
        var call = new CompletableFuture<ClaimWorkResponse>();
        Thread.startVirtualThread(() -> {
            try {
                call.complete(AGENT.work()
                        .claimWork(claim(asking, queue).setWait(seconds(60)).build()));
            } catch (RuntimeException failed) {
                call.completeExceptionally(failed);
            }
        });
        return call;
    }

    private static void awaitLook(String asking) throws InterruptedException {
        await("it has looked", () -> LOOKED.stream().anyMatch(parameters -> parameters.contains(asking)));
    }

    private void say(AgentStatus status) {
        AGENT.agents()
                .agentHeartbeat(AgentHeartbeatRequest.newBuilder()
                        .setAgentId(agent)
                        .setStatus(status)
                        .build());
    }
}
