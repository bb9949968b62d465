package dev.sortie.demo;

import com.google.protobuf.Duration;
import dev.sortie.agent.v1.ClaimReference;
import dev.sortie.agent.v1.ClaimWorkRequest;
import dev.sortie.agent.v1.ClaimedWork;
import dev.sortie.agent.v1.CompleteWorkRequest;
import dev.sortie.agent.v1.DeregisterWorkerRequest;
import dev.sortie.agent.v1.ExecutionServiceGrpc;
import dev.sortie.agent.v1.FailWorkRequest;
import dev.sortie.agent.v1.HeartbeatWorkRequest;
import dev.sortie.agent.v1.RegisterWorkerRequest;
import dev.sortie.agent.v1.WorkCompletion;
import dev.sortie.agent.v1.WorkFailure;
import dev.sortie.agent.v1.WorkServiceGrpc;
import dev.sortie.agent.v1.WorkServiceGrpc.WorkServiceBlockingStub;
import dev.sortie.agent.v1.Worker;
import dev.sortie.agent.v1.WorkerServiceGrpc;
import dev.sortie.knowledge.v1.ContextDocumentServiceGrpc;
import dev.sortie.type.v1.TaskType;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * The survey's worker: a process of its own that claims work, does it, and hands in the results. It knows Sortie by the
 * public contract alone, and ends when its standard input does, so that it never outlives who started it.
 *
 * <p>Environment: {@code SORTIE_AGENT_ADDRESS}, {@code SORTIE_KNOWLEDGE_ADDRESS} (host:port), {@code SORTIE_TOKEN}.
 */
public final class WorkerMain {

    private static final Duration LEASE = Duration.newBuilder().setSeconds(10).build();
    private static final Duration WAIT = Duration.newBuilder().setSeconds(20).build();
    private static final int CALL_SECONDS = 10;

    private final Map<String, SurveyTool> tools =
            SurveyTools.all().stream().collect(Collectors.toMap(SurveyTool::id, Function.identity()));
    private final Connection agent;
    private final Connection knowledge;
    private final String workerId;

    private WorkerMain(Connection agent, Connection knowledge) {
        this.agent = agent;
        this.knowledge = knowledge;
        this.workerId = register();
    }

    public static void main(String[] arguments) throws IOException {
        var environment = System.getenv();
        var token = environment.get("SORTIE_TOKEN");
        var agentAddress = environment.get("SORTIE_AGENT_ADDRESS");
        var knowledgeAddress = environment.get("SORTIE_KNOWLEDGE_ADDRESS");
        if (token == null || agentAddress == null || knowledgeAddress == null) {
            System.err.println("SORTIE_AGENT_ADDRESS, SORTIE_KNOWLEDGE_ADDRESS and SORTIE_TOKEN have to be set.");
            System.exit(2);
            return;
        }
        try (var agent = new Connection(agentAddress, token);
                var knowledge = new Connection(knowledgeAddress, token)) {
            var worker = new WorkerMain(agent, knowledge);
            var loop = Thread.ofVirtual().name("claims").start(worker::loop);
            System.out.println("worker " + worker.workerId + " is ready");
            while (System.in.read() >= 0) {
                // Nothing is said to a worker this way; only the end counts.
            }
            worker.deregister();
            loop.interrupt();
        }
        System.exit(0);
    }

    private String register() {
        var request = RegisterWorkerRequest.newBuilder()
                .setWorker(Worker.newBuilder()
                        .setName("survey")
                        .setWorkerType(TaskType.TASK_TYPE_REVIEW)
                        .setMaxConcurrentTasks(1)
                        .setLeaseDuration(LEASE))
                .setRequestId(UUID.randomUUID().toString())
                .build();
        return Connection.patiently(() -> WorkerServiceGrpc.newBlockingStub(agent.channel())
                        .withDeadlineAfter(CALL_SECONDS, TimeUnit.SECONDS)
                        .registerWorker(request))
                .getWorker()
                .getWorkerId();
    }

    /** Gives back what the worker holds. Best effort: a worker that just vanishes is found out by its lease. */
    private void deregister() {
        try {
            WorkerServiceGrpc.newBlockingStub(agent.channel())
                    .withDeadlineAfter(2, TimeUnit.SECONDS)
                    .deregisterWorker(DeregisterWorkerRequest.newBuilder()
                            .setWorkerId(workerId)
                            .build());
        } catch (StatusRuntimeException failure) {
            System.err.println("The worker could not say good-bye: " + failure.getStatus());
        }
    }

    private void loop() {
        while (!Thread.currentThread().isInterrupted()) {
            var request = ClaimWorkRequest.newBuilder()
                    .setWorkerId(workerId)
                    .addQueueNames(SurveyTool.QUEUE)
                    .setWait(WAIT)
                    .setRequestId(UUID.randomUUID().toString())
                    .build();
            try {
                // With the same request id, so that a claim whose answer was lost is answered again.
                var claimed = Connection.patiently(() -> WorkServiceGrpc.newBlockingStub(agent.channel())
                        .withDeadlineAfter(WAIT.getSeconds() + CALL_SECONDS, TimeUnit.SECONDS)
                        .claimWork(request));
                claimed.getClaimsList().forEach(this::work);
            } catch (StatusRuntimeException failure) {
                if (Thread.currentThread().isInterrupted()) {
                    return;
                }
                System.err.println("Claiming failed: " + failure.getStatus());
                if (failure.getStatus().getCode() != Status.Code.DEADLINE_EXCEEDED) {
                    System.exit(1);
                }
            }
        }
    }

    private void work(ClaimedWork claimed) {
        var claim = ClaimReference.newBuilder()
                .setWorkOrderId(claimed.getWorkOrder().getWorkOrderId())
                .setClaimToken(claimed.getClaimToken())
                .build();
        var payload = claimed.getWorkOrder().getPayload();
        try (var heart = Executors.newSingleThreadScheduledExecutor(
                        Thread.ofVirtual().factory());
                var log = new ExecutionLog(
                        ExecutionServiceGrpc.newStub(agent.channel()),
                        claimed.getExecutionId(),
                        claimed.getClaimToken())) {
            var _ = heart.scheduleAtFixedRate(() -> heartbeat(claim), 3, 3, TimeUnit.SECONDS);
            try {
                var toolId = Values.text(payload, "tool_id");
                var tool = tools.get(toolId);
                if (tool == null) {
                    report(claim, "this worker has no tool " + toolId, true);
                    return;
                }
                var context = new ClaimContext(
                        claim.getWorkOrderId(), log, ContextDocumentServiceGrpc.newBlockingStub(knowledge.channel()));
                var result = tool.work().run(Values.object(payload, "parameters"), context);
                log.flush();
                var request = CompleteWorkRequest.newBuilder()
                        .addCompletions(
                                WorkCompletion.newBuilder().setClaim(claim).setResult(Values.object(result)))
                        .build();
                patiently(stub -> stub.completeWork(request));
            } catch (DemoException failure) {
                report(claim, String.valueOf(failure.getMessage()), true);
            } catch (StatusRuntimeException failure) {
                // A stale claim, most of all: the order is somebody else's by now, or will be.
                System.err.println("Order " + claim.getWorkOrderId() + " was not finished: " + failure.getStatus());
            } catch (RuntimeException failure) {
                report(claim, failure.toString(), false);
            } finally {
                heart.shutdownNow();
            }
        }
    }

    private void report(ClaimReference claim, String message, boolean nonRetryable) {
        var request = FailWorkRequest.newBuilder()
                .addFailures(WorkFailure.newBuilder()
                        .setClaim(claim)
                        .setErrorMessage(message)
                        .setNonRetryable(nonRetryable))
                .build();
        try {
            patiently(stub -> stub.failWork(request));
        } catch (StatusRuntimeException failure) {
            System.err.println("Order " + claim.getWorkOrderId() + " could not be failed: " + failure.getStatus());
        }
    }

    private void heartbeat(ClaimReference claim) {
        try {
            WorkServiceGrpc.newBlockingStub(agent.channel())
                    .withDeadlineAfter(2, TimeUnit.SECONDS)
                    .heartbeatWork(HeartbeatWorkRequest.newBuilder()
                            .setWorkerId(workerId)
                            .addClaims(claim)
                            .build());
        } catch (StatusRuntimeException missed) {
            // The next one may get through; if none does, the lease ends and the completion is refused.
            System.err.println("A heartbeat was missed: " + missed.getStatus());
        }
    }

    private <T> T patiently(Function<WorkServiceBlockingStub, T> call) {
        return Connection.patiently(() -> call.apply(
                WorkServiceGrpc.newBlockingStub(agent.channel()).withDeadlineAfter(CALL_SECONDS, TimeUnit.SECONDS)));
    }
}
