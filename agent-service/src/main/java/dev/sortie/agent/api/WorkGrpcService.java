package dev.sortie.agent.api;

import dev.sortie.agent.domain.AgentInMaintenance;
import dev.sortie.agent.domain.Claiming;
import dev.sortie.agent.domain.Fenced;
import dev.sortie.agent.domain.IdleWorkers;
import dev.sortie.agent.domain.Presence;
import dev.sortie.agent.domain.Work;
import dev.sortie.agent.domain.WorkCalls;
import dev.sortie.agent.domain.WorkSessions;
import dev.sortie.agent.domain.WorkSignals;
import dev.sortie.agent.v1.ClaimWorkRequest;
import dev.sortie.agent.v1.ClaimWorkResponse;
import dev.sortie.agent.v1.CompleteWorkRequest;
import dev.sortie.agent.v1.CompleteWorkResponse;
import dev.sortie.agent.v1.FailWorkRequest;
import dev.sortie.agent.v1.FailWorkResponse;
import dev.sortie.agent.v1.HeartbeatWorkRequest;
import dev.sortie.agent.v1.HeartbeatWorkResponse;
import dev.sortie.agent.v1.ReleaseWorkRequest;
import dev.sortie.agent.v1.ReleaseWorkResponse;
import dev.sortie.agent.v1.WorkRequest;
import dev.sortie.agent.v1.WorkResponse;
import dev.sortie.agent.v1.WorkServiceGrpc;
import dev.sortie.runtime.failure.FailureStatuses;
import dev.sortie.runtime.grpc.CallContext;
import dev.sortie.runtime.grpc.Drain;
import dev.sortie.runtime.grpc.Messages;
import dev.sortie.runtime.grpc.Replies;
import io.grpc.Context;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import io.micrometer.core.instrument.MeterRegistry;
import java.time.Duration;
import java.time.InstantSource;
import java.util.UUID;
import java.util.concurrent.CancellationException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** The worker's side of the queue. */
public final class WorkGrpcService extends WorkServiceGrpc.WorkServiceImplBase {
    // An answer without work must still reach the caller before its deadline.
    private static final Duration BEFORE_DEADLINE = Duration.ofMillis(250);
    // A worker that waits is there: it is said well within the minute after which it would be thought to be gone.
    private static final Duration PRESENT_EVERY = Duration.ofSeconds(20);

    private final Replies replies;
    private final WorkCalls calls;
    private final WorkSignals signals;
    private final Presence presence;
    private final Drain drain;
    private final InstantSource clock;
    private final WorkProtos protos;
    private final IdleWorkers idle;
    private final WorkSessions sessions;
    private final SessionProtos sessionProtos;
    private final AtomicInteger sessionMessages;

    public WorkGrpcService(
            Replies replies,
            WorkCalls calls,
            WorkSignals signals,
            Presence presence,
            InstantSource clock,
            Drain drain,
            FailureStatuses statuses,
            IdleWorkers idle,
            WorkSessions sessions,
            MeterRegistry meters) {
        this.replies = replies;
        this.calls = calls;
        this.signals = signals;
        this.presence = presence;
        this.drain = drain;
        this.clock = clock;
        this.protos = new WorkProtos(statuses);
        this.idle = idle;
        this.sessions = sessions;
        this.sessionProtos = new SessionProtos(statuses);
        this.sessionMessages = meters.gauge("sortie.work.session.messages", new AtomicInteger());
    }

    @Override
    public void claimWork(ClaimWorkRequest request, StreamObserver<ClaimWorkResponse> observer) {
        replies.call(
                request, observer, WorkProtos::toClaim, (_, claim) -> claimOrWait(request, claim), Function.identity());
    }

    @Override
    public void heartbeatWork(HeartbeatWorkRequest request, StreamObserver<HeartbeatWorkResponse> observer) {
        replies.combine(
                request,
                observer,
                r -> Fenced.free(WorkProtos.toHeartbeat(r)),
                calls.heartbeats(),
                answer -> HeartbeatWorkResponse.newBuilder()
                        .addAllOutcomes(protos.toHeartbeatOutcomes(answer.outcomes()))
                        .setDrainRequested(answer.drainRequested())
                        .build());
    }

    @Override
    public void completeWork(CompleteWorkRequest request, StreamObserver<CompleteWorkResponse> observer) {
        replies.combine(
                request,
                observer,
                r -> Fenced.free(new Work.Ends(WorkProtos.toCompletions(r.getCompletionsList()))),
                calls.ends(),
                outcomes -> CompleteWorkResponse.newBuilder()
                        .addAllOutcomes(protos.toWorkOutcomes(outcomes))
                        .build());
    }

    @Override
    public void failWork(FailWorkRequest request, StreamObserver<FailWorkResponse> observer) {
        replies.combine(
                request,
                observer,
                r -> Fenced.free(new Work.Ends(WorkProtos.toFailures(r.getFailuresList()))),
                calls.ends(),
                outcomes -> FailWorkResponse.newBuilder()
                        .addAllOutcomes(protos.toWorkOutcomes(outcomes))
                        .build());
    }

    @Override
    public void releaseWork(ReleaseWorkRequest request, StreamObserver<ReleaseWorkResponse> observer) {
        replies.combine(
                request,
                observer,
                r -> Fenced.free(new Work.Ends(WorkProtos.toReleases(r))),
                calls.ends(),
                outcomes -> ReleaseWorkResponse.newBuilder()
                        .addAllOutcomes(protos.toWorkOutcomes(outcomes))
                        .build());
    }

    @Override
    public StreamObserver<WorkRequest> work(StreamObserver<WorkResponse> observer) {
        return WorkSessionStream.start(
                sessions, sessionProtos, sessionMessages, (ServerCallStreamObserver<WorkResponse>) observer);
    }

    /**
     * Claims what there is, or waits for it in line. Looks once before it waits, then only when it is told that there
     * is something: those who wait cost the database nothing. Once the server drains, nothing new is claimed.
     */
    private ClaimWorkResponse claimOrWait(ClaimWorkRequest request, Claiming.ClaimRequest claim) {
        long until = System.nanoTime() + longestWait(request).toNanos();
        try (var waiter = signals.waitFor(claim.workerId(), claim.queueNames())) {
            var caller = Context.current();
            Context.CancellationListener gone = _ -> waiter.wake();
            caller.addListener(gone, Runnable::run);
            try {
                // Behind others who wait for the same, there is nothing to be had.
                boolean look = !request.hasWait() || !waiter.isBehindOthers() || !idle.isIdle(claim.workerId());
                boolean rests = false;
                while (!drain.hasBegun()) {
                    long since = signals.agentChanges();
                    var found = look ? look(request, claim) : Look.NOTHING;
                    look = true;
                    if (found.response.getClaimsCount() > 0) {
                        return found.response;
                    }
                    boolean rested = rests;
                    rests = found.agentId != null;
                    if (found.agentId != null) {
                        waiter.rest(found.agentId, since);
                    } else if (rested) {
                        waiter.standIn(claim.queueNames()); // before it looks again, so that it misses nothing
                        continue;
                    }
                    if (!await(waiter, claim.workerId(), until) && !drain.hasBegun()) {
                        // The same request, made elsewhere meanwhile, may have claimed something.
                        return request.getRequestId().isEmpty() ? found.response : look(request, claim).response;
                    }
                }
                return claimedBefore(request);
            } catch (InterruptedException stopped) {
                Thread.currentThread().interrupt();
                throw new CancellationException("the server stops");
            } finally {
                caller.removeListener(gone);
            }
        }
    }

    /** What the same request has claimed, here or elsewhere; nothing when it is new. */
    private ClaimWorkResponse claimedBefore(ClaimWorkRequest request) {
        return request.getRequestId().isEmpty()
                ? ClaimWorkResponse.getDefaultInstance()
                : replies.transact(request, _ -> ClaimWorkResponse.getDefaultInstance(), _ -> false);
    }

    /**
     * What a look came to.
     *
     * @param agentId the agent that is in maintenance, for which there is nothing; null when that is not why
     */
    private record Look(
            ClaimWorkResponse response, @Nullable UUID agentId) {
        static final Look NOTHING = new Look(ClaimWorkResponse.getDefaultInstance(), null);
    }

    private Look look(ClaimWorkRequest request, Claiming.ClaimRequest claim) {
        try {
            return new Look(claimNow(request, claim), null);
        } catch (AgentInMaintenance resting) {
            return new Look(ClaimWorkResponse.getDefaultInstance(), resting.agentId());
        }
    }

    /** One attempt. Claims nothing for a caller that is gone. */
    private ClaimWorkResponse claimNow(ClaimWorkRequest request, Claiming.ClaimRequest claim) {
        boolean done = false;
        boolean took = false;
        try {
            checkCaller();
            presence.touch(claim.workerId(), clock.instant());
            idle.forget(claim.workerId());
            var response = claim(request, claim);
            if (response.getClaimsCount() == 0) {
                idle.note(claim.workerId(), clock.instant());
            }
            took = response.getClaimsCount() > 0;
            done = true;
            return response;
        } finally {
            // Whoever takes from several queues holds more rows for a moment than it takes; and who fails may have been
            // the only one that was told.
            if (!done || (took && claim.queueNames().size() > 1)) {
                claim.queueNames().forEach(queueName -> signals.wake(queueName, 1));
            }
        }
    }

    /**
     * Waits for a signal.
     *
     * @return false when the time is up
     */
    private boolean await(WorkSignals.Waiter waiter, UUID workerId, long until) throws InterruptedException {
        return CallContext.whileWaiting(() -> awaitSignal(waiter, workerId, until));
    }

    private boolean awaitSignal(WorkSignals.Waiter waiter, UUID workerId, long until) throws InterruptedException {
        while (!drain.hasBegun()) {
            var left = Duration.ofNanos(until - System.nanoTime());
            if (!left.isPositive()) {
                return false;
            }
            if (waiter.await(left.compareTo(PRESENT_EVERY) < 0 ? left : PRESENT_EVERY)) {
                return !drain.hasBegun();
            }
            presence.touch(workerId, clock.instant());
        }
        return false;
    }

    /** What is claimed is kept for the request to be made again, or given back when nobody can have been told of it. */
    private ClaimWorkResponse claim(ClaimWorkRequest request, Claiming.ClaimRequest claim) {
        if (!request.getRequestId().isEmpty()) {
            return replies.combine(
                    request,
                    Fenced.free(claim),
                    calls.claims(),
                    WorkProtos::toResponse,
                    answer -> answer.getClaimsCount() > 0);
        }
        var caller = CallContext.principal();
        var work = calls.claim(caller, Fenced.free(claim));
        // Later than here, it may be that the caller has got the answer: what it has is not taken from it.
        if (isCallerGone()) {
            calls.giveBack(caller, work);
            checkCaller();
        }
        return WorkProtos.toResponse(work);
    }

    private static Duration longestWait(ClaimWorkRequest request) {
        var asked = request.hasWait() ? Messages.duration(request.getWait()) : Duration.ZERO;
        var deadline = Context.current().getDeadline();
        if (deadline == null) {
            return asked;
        }
        var left =
                Duration.ofNanos(deadline.timeRemaining(TimeUnit.NANOSECONDS)).minus(BEFORE_DEADLINE);
        return asked.compareTo(left) < 0 ? asked : left;
    }

    private static boolean isCallerGone() {
        return Context.current().isCancelled();
    }

    private static void checkCaller() {
        if (isCallerGone()) {
            throw new CancellationException("the caller is gone");
        }
    }
}
