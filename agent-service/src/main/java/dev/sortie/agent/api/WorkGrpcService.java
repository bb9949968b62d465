package dev.sortie.agent.api;

import dev.sortie.agent.domain.ClaimReference;
import dev.sortie.agent.domain.ClaimedWork;
import dev.sortie.agent.domain.HeartbeatOutcome;
import dev.sortie.agent.domain.IdleWorkers;
import dev.sortie.agent.domain.Presence;
import dev.sortie.agent.domain.Work;
import dev.sortie.agent.domain.WorkOutcome;
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
import dev.sortie.agent.v1.WorkServiceGrpc;
import dev.sortie.runtime.failure.FailureStatuses;
import dev.sortie.runtime.grpc.CallContext;
import dev.sortie.runtime.grpc.Drain;
import dev.sortie.runtime.grpc.Messages;
import dev.sortie.runtime.grpc.Replies;
import dev.sortie.runtime.sql.Combiner;
import dev.sortie.runtime.sql.Combiner.Item;
import dev.sortie.runtime.sql.Database;
import io.grpc.Context;
import io.grpc.stub.StreamObserver;
import io.micrometer.core.instrument.MeterRegistry;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CancellationException;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The worker's side of the queue. */
public final class WorkGrpcService extends WorkServiceGrpc.WorkServiceImplBase {
    private static final Logger LOG = LoggerFactory.getLogger(WorkGrpcService.class);
    // An answer without work must still reach the caller before its deadline.
    private static final Duration BEFORE_DEADLINE = Duration.ofMillis(250);
    // A worker that waits is there: it is said well within the minute after which it would be thought to be gone.
    private static final Duration PRESENT_EVERY = Duration.ofSeconds(20);

    // Of one kind: one at work, the others at their commits.
    private static final int AT_ONCE = 4;
    private static final int MAX_ITEMS = 1_000;

    private final Replies replies;
    private final Work work;
    private final WorkSignals signals;
    private final Presence presence;
    private final Database database;
    private final Drain drain;
    private final InstantSource clock;
    private final WorkProtos protos;
    private final IdleWorkers idle;
    private final Combiner<Work.ClaimRequest, List<ClaimedWork>> claims;
    private final Combiner<Work.Heartbeat, List<HeartbeatOutcome>> heartbeats;
    private final Combiner<Work.Ends, List<WorkOutcome>> ends;

    public WorkGrpcService(
            Replies replies,
            Work work,
            WorkSignals signals,
            Presence presence,
            Database database,
            Drain drain,
            MeterRegistry meters,
            FailureStatuses statuses) {
        this.replies = replies;
        this.work = work;
        this.signals = signals;
        this.presence = presence;
        this.database = database;
        this.drain = drain;
        this.clock = database.clock();
        this.protos = new WorkProtos(statuses);
        this.idle = new IdleWorkers(clock);
        this.claims = new Combiner<>(
                database, meters, "claim", AT_ONCE, MAX_ITEMS, claim -> Math.max(1, claim.maxOrders()), work::claim);
        this.heartbeats = new Combiner<>(
                database,
                meters,
                "heartbeat",
                AT_ONCE,
                MAX_ITEMS,
                heartbeat -> heartbeat.claims().size() + 1,
                work::heartbeat);
        this.ends = new Combiner<>(
                database, meters, "end", AT_ONCE, MAX_ITEMS, end -> end.items().size(), work::end);
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
                WorkProtos::toHeartbeat,
                heartbeats,
                outcomes -> HeartbeatWorkResponse.newBuilder()
                        .addAllOutcomes(protos.toHeartbeatOutcomes(outcomes))
                        .build());
    }

    @Override
    public void completeWork(CompleteWorkRequest request, StreamObserver<CompleteWorkResponse> observer) {
        replies.combine(
                request,
                observer,
                r -> new Work.Ends(WorkProtos.toCompletions(r)),
                ends,
                outcomes -> CompleteWorkResponse.newBuilder()
                        .addAllOutcomes(protos.toWorkOutcomes(outcomes))
                        .build());
    }

    @Override
    public void failWork(FailWorkRequest request, StreamObserver<FailWorkResponse> observer) {
        replies.combine(
                request,
                observer,
                r -> new Work.Ends(WorkProtos.toFailures(r)),
                ends,
                outcomes -> FailWorkResponse.newBuilder()
                        .addAllOutcomes(protos.toWorkOutcomes(outcomes))
                        .build());
    }

    @Override
    public void releaseWork(ReleaseWorkRequest request, StreamObserver<ReleaseWorkResponse> observer) {
        replies.combine(
                request,
                observer,
                r -> new Work.Ends(WorkProtos.toReleases(r)),
                ends,
                outcomes -> ReleaseWorkResponse.newBuilder()
                        .addAllOutcomes(protos.toWorkOutcomes(outcomes))
                        .build());
    }

    /**
     * Claims what there is, or waits for it in line. Looks once before it waits, then only when it is told that there
     * is something: those who wait cost the database nothing.
     */
    private ClaimWorkResponse claimOrWait(ClaimWorkRequest request, Work.ClaimRequest claim) {
        long until = System.nanoTime() + longestWait(request).toNanos();
        try (var waiter = signals.waitFor(claim.queueNames())) {
            var caller = Context.current();
            Context.CancellationListener gone = _ -> waiter.wake();
            caller.addListener(gone, Runnable::run);
            try {
                // Behind others who wait for the same, there is nothing to be had.
                boolean look = !request.hasWait() || !waiter.isBehindOthers() || !idle.isIdle(claim.workerId());
                while (true) {
                    var response = look ? claimNow(request, claim) : ClaimWorkResponse.getDefaultInstance();
                    look = true;
                    if (response.getClaimsCount() > 0) {
                        return response;
                    }
                    if (!await(waiter, claim.workerId(), until)) {
                        // The same request, made elsewhere meanwhile, may have claimed something.
                        return request.getRequestId().isEmpty() ? response : claimNow(request, claim);
                    }
                }
            } catch (InterruptedException stopped) {
                Thread.currentThread().interrupt();
                throw new CancellationException("the server stops");
            } finally {
                caller.removeListener(gone);
            }
        }
    }

    /** One attempt. Claims nothing for a caller that is gone; what it claims is either answered or given back. */
    private ClaimWorkResponse claimNow(ClaimWorkRequest request, Work.ClaimRequest claim) {
        boolean done = false;
        try {
            checkCaller();
            presence.touch(claim.workerId(), clock.instant());
            idle.forget(claim.workerId());
            var response = replies.combine(
                    request, claim, claims, WorkProtos::toResponse, answer -> answer.getClaimsCount() > 0);
            if (response.getClaimsCount() == 0) {
                idle.note(claim.workerId(), clock.instant());
            }
            if (response.getClaimsCount() > 0 && request.getRequestId().isEmpty() && isCallerGone()) {
                giveBack(response);
            }
            done = true;
            return response;
        } finally {
            // Whoever takes from several queues holds more rows for a moment than it takes; and who fails may have been
            // the only one that was told.
            if (!done || claim.queueNames().size() > 1) {
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

    private void giveBack(ClaimWorkResponse response) {
        var releases = response.getClaimsList().stream()
                .map(claim -> new Work.Release(new ClaimReference(
                        UUID.fromString(claim.getWorkOrder().getWorkOrderId()), claim.getClaimToken())))
                .toList();
        var caller = CallContext.principal();
        // Outside of the call, which is over.
        Context.ROOT.run(() ->
                database.transaction(tx -> work.end(tx, List.of(new Item<>(caller, new Work.Ends(releases))))));
        LOG.atInfo().addKeyValue("claims", releases.size()).log("claims given back: their caller is gone");
        throw new CancellationException("the caller is gone");
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
