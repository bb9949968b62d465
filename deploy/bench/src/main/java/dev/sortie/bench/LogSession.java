package dev.sortie.bench;

import dev.sortie.agent.v1.ClaimReference;
import dev.sortie.agent.v1.ClaimedWork;
import dev.sortie.agent.v1.SessionAttach;
import dev.sortie.agent.v1.SessionLogs;
import dev.sortie.agent.v1.WorkCompletion;
import dev.sortie.agent.v1.WorkRequest;
import dev.sortie.agent.v1.WorkResponse;
import dev.sortie.agent.v1.WorkServiceGrpc;
import io.grpc.Channel;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/** A worker in a session who has one order and writes log lines about it. */
final class LogSession implements ClientResponseObserver<WorkRequest, WorkResponse> {
    private static final int MESSAGES_AHEAD = 8;

    private final CompletableFuture<ClaimedWork> assigned = new CompletableFuture<>();
    private final CompletableFuture<Void> over = new CompletableFuture<>();
    private final Semaphore room = new Semaphore(MESSAGES_AHEAD);
    private final AtomicLong stored = new AtomicLong();
    private @Nullable ClientCallStreamObserver<WorkRequest> sender;
    private long sequence;

    private LogSession() {}

    /** Opens one that asks for one order. */
    static LogSession open(Channel channel, String worker, String queue) {
        var session = new LogSession();
        var _ = WorkServiceGrpc.newStub(channel).work(session);
        session.send(WorkRequest.newBuilder()
                .setAttach(SessionAttach.newBuilder().setWorkerId(worker).addQueueNames(queue))
                .setCredits(1));
        return session;
    }

    void awaitAssignment() throws Exception {
        assigned.get(30, TimeUnit.SECONDS);
    }

    /**
     * Writes lines until a time, then completes the order and ends the session.
     *
     * @return how many lines were acknowledged as stored
     */
    long write(int linesPerMessage, long end) throws Exception {
        var claim = assigned.get();
        long next = 1;
        while (System.nanoTime() < end && room.tryAcquire(30, TimeUnit.SECONDS)) {
            send(WorkRequest.newBuilder()
                    .addLogs(SessionLogs.newBuilder()
                            .setExecutionId(claim.getExecutionId())
                            .setClaimToken(claim.getClaimToken())
                            .addAllLines(LogTexts.lines(next, linesPerMessage))));
            next += linesPerMessage;
        }
        send(WorkRequest.newBuilder()
                .addCompletions(WorkCompletion.newBuilder()
                        .setClaim(ClaimReference.newBuilder()
                                .setWorkOrderId(claim.getWorkOrder().getWorkOrderId())
                                .setClaimToken(claim.getClaimToken()))));
        Objects.requireNonNull(sender).onCompleted();
        over.get(60, TimeUnit.SECONDS);
        return stored.get();
    }

    @Override
    public void beforeStart(ClientCallStreamObserver<WorkRequest> call) {
        sender = call;
    }

    @Override
    public void onNext(WorkResponse response) {
        if (response.getAssignmentsCount() > 0) {
            assigned.complete(response.getAssignments(0));
        }
        for (var ack : response.getAcksList()) {
            for (var outcome : ack.getLogsList()) {
                stored.addAndGet(outcome.getAppendedCount());
                room.release();
            }
        }
    }

    @Override
    public void onError(Throwable failed) {
        assigned.completeExceptionally(failed);
        over.completeExceptionally(failed);
        room.release(MESSAGES_AHEAD);
    }

    @Override
    public void onCompleted() {
        over.complete(null);
    }

    private void send(WorkRequest.Builder request) {
        Objects.requireNonNull(sender).onNext(request.setSequence(++sequence).build());
    }
}
