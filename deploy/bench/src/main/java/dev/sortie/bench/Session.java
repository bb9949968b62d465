package dev.sortie.bench;

import com.google.protobuf.Struct;
import dev.sortie.agent.v1.ClaimReference;
import dev.sortie.agent.v1.SessionAttach;
import dev.sortie.agent.v1.WorkCompletion;
import dev.sortie.agent.v1.WorkRequest;
import dev.sortie.agent.v1.WorkResponse;
import dev.sortie.agent.v1.WorkServiceGrpc;
import io.grpc.Channel;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/** A worker in a session: completes whatever it is assigned at once, and asks for as much again. */
final class Session implements ClientResponseObserver<WorkRequest, WorkResponse> {
    private final Struct result;
    private final AtomicLong accepted;
    private final long end;
    private final CompletableFuture<Void> over = new CompletableFuture<>();
    private @Nullable ClientCallStreamObserver<WorkRequest> sender;
    private long sequence;

    private Session(Struct result, AtomicLong accepted, long end) {
        this.result = result;
        this.accepted = accepted;
        this.end = end;
    }

    /**
     * Opens one.
     *
     * @param credits how many orders it is given before it completes any
     * @param accepted counts what was acknowledged as accepted
     * @param end when it asks for no more
     */
    static Session open(
            Channel channel, String worker, String queue, int credits, Struct result, AtomicLong accepted, long end) {
        var session = new Session(result, accepted, end);
        var _ = WorkServiceGrpc.newStub(channel).work(session);
        session.send(WorkRequest.newBuilder()
                .setAttach(SessionAttach.newBuilder().setWorkerId(worker).addQueueNames(queue))
                .setCredits(credits));
        return session;
    }

    /** Waits until it has ended. */
    void await() {
        over.join();
    }

    /** Says that nothing more will come; what was said is still acknowledged. */
    synchronized void close() {
        Objects.requireNonNull(sender).onCompleted();
    }

    @Override
    public void beforeStart(ClientCallStreamObserver<WorkRequest> call) {
        sender = call;
    }

    @Override
    public void onNext(WorkResponse response) {
        for (var ack : response.getAcksList()) {
            for (var outcome : ack.getCompletionsList()) {
                if (!outcome.hasError() && System.nanoTime() < end) {
                    accepted.incrementAndGet();
                }
            }
        }
        if (response.getAssignmentsCount() > 0 && System.nanoTime() < end) {
            var request = WorkRequest.newBuilder().setCredits(response.getAssignmentsCount());
            for (var claim : response.getAssignmentsList()) {
                request.addCompletions(WorkCompletion.newBuilder()
                        .setClaim(ClaimReference.newBuilder()
                                .setWorkOrderId(claim.getWorkOrder().getWorkOrderId())
                                .setClaimToken(claim.getClaimToken()))
                        .setResult(result));
            }
            send(request);
        }
    }

    @Override
    public void onError(Throwable failed) {
        over.completeExceptionally(failed);
    }

    @Override
    public void onCompleted() {
        over.complete(null);
    }

    private synchronized void send(WorkRequest.Builder request) {
        Objects.requireNonNull(sender).onNext(request.setSequence(++sequence).build());
    }
}
