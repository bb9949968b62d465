package dev.sortie.agent;

import static dev.sortie.agent.AgentFixture.claim;
import static dev.sortie.agent.AgentFixture.order;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.agent.v1.AppendLogsRequest;
import dev.sortie.agent.v1.AppendLogsResponse;
import dev.sortie.agent.v1.CancelWorkOrderRequest;
import dev.sortie.agent.v1.DeactivateAgentRequest;
import dev.sortie.agent.v1.DrainWorkerRequest;
import dev.sortie.agent.v1.ErrorReason;
import dev.sortie.agent.v1.ExecutionServiceGrpc;
import dev.sortie.agent.v1.LogLevel;
import dev.sortie.agent.v1.LogLine;
import dev.sortie.agent.v1.RegisterAgentRequest;
import dev.sortie.runtime.testing.SettableClock;
import dev.sortie.runtime.testing.StatusAssert;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.EnumSource.Mode;

/** Every reason that the contract gives for a failure is one that a caller can meet. */
class ErrorReasonTest {
    private static final SettableClock CLOCK = AgentFixture.clock();

    @AutoClose
    private static final AgentFixture AGENT = new AgentFixture(CLOCK);

    private final String queue = "r-" + UUID.randomUUID().toString().substring(0, 8);

    @ParameterizedTest
    @EnumSource(
            mode = Mode.EXCLUDE,
            names = {"ERROR_REASON_UNSPECIFIED", "UNRECOGNIZED"})
    void isProduced(ErrorReason reason) throws Exception {
        // A reason that is added to the contract without a case here fails.
        switch (reason) {
            case ERROR_REASON_CLAIM_STALE -> {
                AGENT.enqueue(order(queue));
                var claimed = AGENT.claimOne(AGENT.register(1), queue);
                AGENT.release(claimed);
                StatusAssert.fails(() -> AGENT.complete(claimed)).with(Status.Code.FAILED_PRECONDITION, reason);
            }
            case ERROR_REASON_MOVE_NOT_ALLOWED -> {
                AGENT.enqueue(order(queue));
                var claimed = AGENT.claimOne(AGENT.register(1), queue);
                AGENT.complete(claimed);
                StatusAssert.fails(() -> AGENT.orders()
                                .cancelWorkOrder(CancelWorkOrderRequest.newBuilder()
                                        .setWorkOrderId(claimed.getWorkOrder().getWorkOrderId())
                                        .build()))
                        .with(Status.Code.FAILED_PRECONDITION, reason);
            }
            case ERROR_REASON_ARCHIVE_UNAVAILABLE -> {
                AGENT.enqueue(order(queue));
                var claimed = AGENT.claimOne(AGENT.register(1), queue);
                AGENT.complete(claimed);
                AGENT.number(ArchiveTest.MOVE_BY_HAND.formatted(claimed.getExecutionId()));
                StatusAssert.fails(() -> AGENT.execution(claimed.getExecutionId()))
                        .with(Status.Code.UNAVAILABLE, reason)
                        .retryable();
            }
            case ERROR_REASON_WORKER_NOT_REGISTERED ->
                StatusAssert.fails(() -> AGENT.work()
                                .claimWork(claim(UUID.randomUUID().toString(), queue)
                                        .build()))
                        .with(Status.Code.FAILED_PRECONDITION, reason);
            case ERROR_REASON_DEDUPE_KEY_TAKEN -> {
                AGENT.enqueue(order(queue).setDedupeKey("k"));
                StatusAssert.fails(() ->
                                AGENT.enqueue(order(queue).setDedupeKey("k").setPriority(1)))
                        .with(Status.Code.ALREADY_EXISTS, reason);
            }
            case ERROR_REASON_WORKER_AT_CAPACITY -> {
                AGENT.enqueue(order(queue));
                var worker = AGENT.register(1);
                AGENT.claimOne(worker, queue);
                StatusAssert.fails(() ->
                                AGENT.work().claimWork(claim(worker, queue).build()))
                        .with(Status.Code.FAILED_PRECONDITION, reason);
            }
            case ERROR_REASON_LOG_OUT_OF_ORDER -> {
                AGENT.enqueue(order(queue));
                var claimed = AGENT.claimOne(AGENT.register(1), queue);
                var line = LogLine.newBuilder().setSequence(2).setLevel(LogLevel.LOG_LEVEL_INFO);
                StatusAssert.of(appendFails(AppendLogsRequest.newBuilder()
                                .setExecutionId(claimed.getExecutionId())
                                .setClaimToken(claimed.getClaimToken())
                                .addLines(line)
                                .addLines(line)
                                .build()))
                        .with(Status.Code.INVALID_ARGUMENT, reason);
            }
            case ERROR_REASON_WORKER_DRAINING -> {
                var worker = AGENT.register(1);
                AGENT.workers()
                        .drainWorker(DrainWorkerRequest.newBuilder()
                                .setWorkerId(worker)
                                .build());
                StatusAssert.fails(() ->
                                AGENT.work().claimWork(claim(worker, queue).build()))
                        .with(Status.Code.FAILED_PRECONDITION, reason);
            }
            case ERROR_REASON_AGENT_DEACTIVATED -> {
                var agent = AGENT.registerAgent().getAgentId();
                AGENT.agents()
                        .deactivateAgent(DeactivateAgentRequest.newBuilder()
                                .setAgentId(agent)
                                .build());
                StatusAssert.fails(() -> AGENT.registerFor(agent, 1)).with(Status.Code.FAILED_PRECONDITION, reason);
            }
            case ERROR_REASON_AGENT_NAME_TAKEN -> {
                var agent = AGENT.registerAgent();
                StatusAssert.fails(() -> AGENT.agents()
                                .registerAgent(RegisterAgentRequest.newBuilder()
                                        .setAgent(agent)
                                        .build()))
                        .with(Status.Code.ALREADY_EXISTS, reason)
                        .metadata("agent_id", agent.getAgentId());
            }
            case ERROR_REASON_SESSION_MISUSED -> {
                var session = new SessionClient(AGENT.channel(), AGENT.register(1));
                session.send(SessionClient.credits(1));
                StatusAssert.of(session.failed()).with(Status.Code.INVALID_ARGUMENT, reason);
            }
            case ERROR_REASON_SESSION_SUPERSEDED -> {
                var worker = AGENT.register(1);
                var session = SessionClient.attach(AGENT, worker, 0, queue);
                try (var _ = SessionClient.attach(AGENT, worker, 0, queue)) {
                    StatusAssert.of(session.failed()).with(Status.Code.ABORTED, reason);
                }
            }
            case ERROR_REASON_SESSION_SILENT -> {
                var session = SessionClient.attach(AGENT, AGENT.register(1), 0, queue);
                CLOCK.advance(Duration.ofSeconds(61));
                StatusAssert.of(session.failed()).with(Status.Code.ABORTED, reason);
            }
            case ERROR_REASON_CREDITS_EXCEEDED -> {
                try (var session = SessionClient.attach(AGENT, AGENT.register(1), 1_000, queue)) {
                    assertThat(session.call(SessionClient.credits(1))
                                    .getError()
                                    .getDetails(0)
                                    .toString())
                            .contains(reason.name());
                }
            }
            case ERROR_REASON_UNSPECIFIED, UNRECOGNIZED -> throw new AssertionError("never sent");
        }
    }

    private static StatusRuntimeException appendFails(AppendLogsRequest request) throws Exception {
        var failure = new CompletableFuture<Throwable>();
        var sender = ExecutionServiceGrpc.newStub(AGENT.channel()).appendLogs(new StreamObserver<>() {
            @Override
            public void onNext(AppendLogsResponse response) {}

            @Override
            public void onError(Throwable failed) {
                failure.complete(failed);
            }

            @Override
            public void onCompleted() {
                failure.completeExceptionally(new AssertionError("expected a failure, but the call succeeded"));
            }
        });
        sender.onNext(request);
        return (StatusRuntimeException) failure.get(60, TimeUnit.SECONDS);
    }
}
