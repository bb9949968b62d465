package dev.sortie.agent;

import static dev.sortie.agent.AgentFixture.await;

import dev.sortie.agent.v1.ClaimReference;
import dev.sortie.agent.v1.ClaimedWork;
import dev.sortie.agent.v1.SessionAck;
import dev.sortie.agent.v1.SessionAttach;
import dev.sortie.agent.v1.SessionAttached;
import dev.sortie.agent.v1.SessionClaimEnd;
import dev.sortie.agent.v1.SessionClosing;
import dev.sortie.agent.v1.SessionResume;
import dev.sortie.agent.v1.WorkCompletion;
import dev.sortie.agent.v1.WorkFailure;
import dev.sortie.agent.v1.WorkRequest;
import dev.sortie.agent.v1.WorkResponse;
import dev.sortie.agent.v1.WorkServiceGrpc;
import io.grpc.Channel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** A worker's end of a session: says things in order, keeps what it is told. */
final class SessionClient implements AutoCloseable {
    private static final int PATIENCE = 60;

    private final String worker;
    private final ClientCallStreamObserver<WorkRequest> sender;
    private final Map<Long, SessionAck> acks = new ConcurrentHashMap<>();
    private final List<Long> acked = new CopyOnWriteArrayList<>();
    private final BlockingQueue<ClaimedWork> assigned = new LinkedBlockingQueue<>();
    private final List<SessionClaimEnd> ended = new CopyOnWriteArrayList<>();
    private final CompletableFuture<SessionAttached> attached = new CompletableFuture<>();
    private final CompletableFuture<SessionClosing> closing = new CompletableFuture<>();
    private final CompletableFuture<Status> end = new CompletableFuture<>();
    private volatile @Nullable StatusRuntimeException failure;
    private volatile boolean drainRequested;
    private long sequence;

    /** Opens a stream, which attaches nobody yet. */
    SessionClient(Channel channel, String worker) {
        this(channel, worker, true);
    }

    /** @param reads false for one that reads nothing, ever */
    SessionClient(Channel channel, String worker, boolean reads) {
        this.worker = worker;
        this.sender = (ClientCallStreamObserver<WorkRequest>) WorkServiceGrpc.newStub(channel)
                .work(new ClientResponseObserver<WorkRequest, WorkResponse>() {
                    @Override
                    public void beforeStart(ClientCallStreamObserver<WorkRequest> call) {
                        if (!reads) {
                            call.disableAutoRequestWithInitial(0);
                        }
                    }

                    @Override
                    public void onNext(WorkResponse response) {
                        take(response);
                    }

                    @Override
                    public void onError(Throwable failed) {
                        if (failed instanceof StatusRuntimeException status) {
                            failure = status;
                        }
                        end(Status.fromThrowable(failed));
                    }

                    @Override
                    public void onCompleted() {
                        end(Status.OK);
                    }
                });
    }

    /** One that has attached. */
    static SessionClient attach(AgentFixture agent, String worker, int credits, String... queues) {
        var client = new SessionClient(agent.channel(), worker);
        client.send(client.attachment(queues).setCredits(credits));
        client.attached();
        return client;
    }

    /** One that continues a session. */
    static SessionClient resume(
            AgentFixture agent, String worker, int credits, long epoch, List<ClaimedWork> held, String... queues) {
        var client = new SessionClient(agent.channel(), worker);
        var attachment = client.attachment(queues).setCredits(credits);
        attachment
                .getAttachBuilder()
                .setResume(SessionResume.newBuilder()
                        .setSessionEpoch(epoch)
                        .addAllClaims(held.stream().map(AgentFixture::reference).toList()));
        client.send(attachment);
        client.attached();
        return client;
    }

    WorkRequest.Builder attachment(String... queues) {
        return WorkRequest.newBuilder()
                .setAttach(SessionAttach.newBuilder().setWorkerId(worker).addAllQueueNames(List.of(queues)));
    }

    private void take(WorkResponse response) {
        for (var ack : response.getAcksList()) {
            acked.add(ack.getSequence());
            acks.put(ack.getSequence(), ack);
        }
        if (response.hasAttached()) {
            attached.complete(response.getAttached());
        }
        assigned.addAll(response.getAssignmentsList());
        ended.addAll(response.getEndedClaimsList());
        drainRequested |= response.getDrainRequested();
        if (response.hasClosing()) {
            closing.complete(response.getClosing());
        }
    }

    private void end(Status status) {
        attached.completeExceptionally(status.asRuntimeException());
        end.complete(status);
    }

    /** Says something; returns its number. */
    synchronized long send(WorkRequest.Builder message) {
        sequence++;
        sender.onNext(message.setSequence(sequence).build());
        return sequence;
    }

    /** Says something as it is. */
    void sendAsIs(WorkRequest message) {
        sender.onNext(message);
    }

    /** Says something, and waits for its acknowledgement. */
    SessionAck call(WorkRequest.Builder message) {
        return ack(send(message));
    }

    SessionAck ack(long number) {
        until("message " + number + " is acknowledged", () -> acks.containsKey(number) || end.isDone());
        var ack = acks.get(number);
        if (ack == null) {
            throw new AssertionError("the stream ended without acknowledging " + number + ": " + end.join(), failure);
        }
        return ack;
    }

    /** The acknowledgement of a message, after waiting for it; null when the stream ended without it. */
    @Nullable
    SessionAck ackIfAny(long number) {
        until("message " + number + " is acknowledged", () -> acks.containsKey(number) || end.isDone());
        return acks.get(number);
    }

    /** The numbers that were acknowledged, in that order. */
    List<Long> acked() {
        return acked;
    }

    SessionAttached attached() {
        return get(attached);
    }

    /** How it began, after waiting for it; null when the stream ended before. */
    @Nullable
    SessionAttached attachedIfAny() {
        until("the worker is attached", attached::isDone);
        return attached.isCompletedExceptionally() ? null : attached.join();
    }

    SessionClosing closing() {
        return get(closing);
    }

    boolean isDrainRequested() {
        return drainRequested;
    }

    boolean isClosing() {
        return closing.isDone();
    }

    /** How the stream ended, after waiting for it. */
    Status ended() {
        return get(end);
    }

    boolean hasEnded() {
        return end.isDone();
    }

    /** What the stream failed with, after waiting for it. */
    StatusRuntimeException failed() {
        ended();
        var known = failure;
        if (known == null) {
            throw new AssertionError("the stream did not fail");
        }
        return known;
    }

    /** The next order that is assigned. */
    ClaimedWork next() {
        try {
            var claim = assigned.poll(PATIENCE, TimeUnit.SECONDS);
            if (claim == null) {
                throw new AssertionError("nothing was assigned");
            }
            return claim;
        } catch (InterruptedException interrupted) {
            throw new AssertionError(interrupted);
        }
    }

    @Nullable
    ClaimedWork nextIfAny(long millis) throws InterruptedException {
        return assigned.poll(millis, TimeUnit.MILLISECONDS);
    }

    int waitingAssignments() {
        return assigned.size();
    }

    List<SessionClaimEnd> endedClaims() {
        return ended;
    }

    static WorkRequest.Builder credits(int credits) {
        return WorkRequest.newBuilder().setCredits(credits);
    }

    static WorkRequest.Builder heartbeat() {
        return WorkRequest.newBuilder().setHeartbeat(true);
    }

    static WorkRequest.Builder completion(ClaimedWork... claims) {
        var message = WorkRequest.newBuilder();
        for (var claim : claims) {
            message.addCompletions(WorkCompletion.newBuilder()
                    .setClaim(AgentFixture.reference(claim))
                    .setResult(AgentFixture.struct("answer", 42)));
        }
        return message;
    }

    static WorkRequest.Builder failure(ClaimedWork claim) {
        return WorkRequest.newBuilder()
                .addFailures(WorkFailure.newBuilder()
                        .setClaim(AgentFixture.reference(claim))
                        .setErrorMessage("it broke"));
    }

    static WorkRequest.Builder release(ClaimedWork... claims) {
        var message = WorkRequest.newBuilder();
        for (var claim : claims) {
            ClaimReference reference = AgentFixture.reference(claim);
            message.addReleases(reference);
        }
        return message;
    }

    /** Says nothing more. */
    void halfClose() {
        sender.onCompleted();
    }

    /** Is gone at once, as by a broken connection. */
    void cutOff() {
        sender.cancel("cut off", null);
    }

    private static <T> T get(CompletableFuture<T> future) {
        try {
            return future.get(PATIENCE, TimeUnit.SECONDS);
        } catch (Exception failed) {
            throw new AssertionError("it did not come", failed);
        }
    }

    private static void until(String what, java.util.function.BooleanSupplier condition) {
        try {
            await(what, condition);
        } catch (InterruptedException interrupted) {
            throw new AssertionError(interrupted);
        }
    }

    @Override
    public void close() {
        cutOff();
    }
}
