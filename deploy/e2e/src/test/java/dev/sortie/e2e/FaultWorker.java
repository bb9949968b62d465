package dev.sortie.e2e;

import com.google.protobuf.Duration;
import dev.sortie.agent.v1.ClaimReference;
import dev.sortie.agent.v1.ClaimWorkRequest;
import dev.sortie.agent.v1.ClaimedWork;
import dev.sortie.agent.v1.CompleteWorkRequest;
import dev.sortie.agent.v1.HeartbeatWorkRequest;
import dev.sortie.agent.v1.RegisterWorkerRequest;
import dev.sortie.agent.v1.WorkCompletion;
import dev.sortie.agent.v1.WorkServiceGrpc;
import dev.sortie.agent.v1.Worker;
import dev.sortie.agent.v1.WorkerServiceGrpc;
import dev.sortie.type.v1.TaskType;
import io.grpc.ClientInterceptors;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.MetadataUtils;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.locks.LockSupport;

/**
 * A worker in a process of its own: claims some orders, keeps their leases while it waits for a file to appear, and
 * completes them. Says on standard output what it has claimed, and what came of it.
 */
final class FaultWorker {
    private static final int LEASE_SECONDS = 3;

    private FaultWorker() {}

    /** Arguments: address, queue, number of orders, the file to wait for. The token is in SORTIE_TOKEN. */
    public static void main(String[] args) {
        var headers = new Metadata();
        headers.put(
                Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER),
                "Bearer " + System.getenv("SORTIE_TOKEN"));
        var connection = Grpc.newChannelBuilder(args[0], InsecureChannelCredentials.create())
                .build();
        var channel = ClientInterceptors.intercept(connection, MetadataUtils.newAttachHeadersInterceptor(headers));
        var workerId = WorkerServiceGrpc.newBlockingStub(channel)
                .registerWorker(RegisterWorkerRequest.newBuilder()
                        .setWorker(Worker.newBuilder()
                                .setName("victim")
                                .setWorkerType(TaskType.TASK_TYPE_TEST)
                                .setMaxConcurrentTasks(100))
                        .build())
                .getWorker()
                .getWorkerId();
        var work = WorkServiceGrpc.newBlockingStub(channel);
        var request = ClaimWorkRequest.newBuilder()
                .setWorkerId(workerId)
                .addQueueNames(args[1])
                .setMaxOrders(Integer.parseInt(args[2]))
                .setWait(Duration.newBuilder().setSeconds(5))
                .setLeaseDuration(seconds())
                .build();
        var claims = work.claimWork(request).getClaimsList();
        while (claims.isEmpty()) {
            claims = work.claimWork(request).getClaimsList();
        }
        claims.forEach(claimed -> say("claimed", claimed));
        var heartbeat = HeartbeatWorkRequest.newBuilder()
                .setWorkerId(workerId)
                .setLeaseDuration(seconds())
                .addAllClaims(claims.stream().map(FaultWorker::reference).toList())
                .build();
        while (!Files.exists(Path.of(args[3]))) {
            LockSupport.parkNanos(300_000_000);
            try {
                work.heartbeatWork(heartbeat);
            } catch (StatusRuntimeException refused) {
                say("stale", claims.getFirst()); // and yet it goes on
            }
        }
        for (var claimed : claims) {
            say(isAccepted(work, claimed) ? "accepted" : "refused", claimed);
        }
        connection.shutdownNow();
    }

    private static boolean isAccepted(WorkServiceGrpc.WorkServiceBlockingStub work, ClaimedWork claimed) {
        try {
            return !work.completeWork(CompleteWorkRequest.newBuilder()
                            .addCompletions(WorkCompletion.newBuilder().setClaim(reference(claimed)))
                            .build())
                    .getOutcomes(0)
                    .hasError();
        } catch (StatusRuntimeException failure) {
            if (failure.getStatus().getCode() == Status.Code.FAILED_PRECONDITION) {
                return false;
            }
            throw failure;
        }
    }

    private static Duration seconds() {
        return Duration.newBuilder().setSeconds(LEASE_SECONDS).build();
    }

    private static ClaimReference reference(ClaimedWork claimed) {
        return ClaimReference.newBuilder()
                .setWorkOrderId(claimed.getWorkOrder().getWorkOrderId())
                .setClaimToken(claimed.getClaimToken())
                .build();
    }

    private static void say(String what, ClaimedWork claimed) {
        System.out.printf("%s %s %s.%n", what, claimed.getWorkOrder().getWorkOrderId(), claimed.getExecutionId());
    }
}
