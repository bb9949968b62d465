package dev.sortie.agent;

import static dev.sortie.agent.AgentFixture.await;
import static dev.sortie.agent.AgentFixture.claim;
import static dev.sortie.agent.AgentFixture.many;
import static dev.sortie.agent.AgentFixture.order;
import static dev.sortie.agent.SessionClient.completion;
import static dev.sortie.agent.SessionClient.credits;
import static dev.sortie.agent.SessionClient.failure;
import static dev.sortie.agent.SessionClient.heartbeat;
import static dev.sortie.agent.SessionClient.release;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.agent.domain.SessionMessage;
import dev.sortie.agent.domain.SessionPeer;
import dev.sortie.agent.domain.SessionReply;
import dev.sortie.agent.domain.WorkSession;
import dev.sortie.agent.v1.CancelWorkOrderRequest;
import dev.sortie.agent.v1.ClaimedWork;
import dev.sortie.agent.v1.DeregisterWorkerRequest;
import dev.sortie.agent.v1.DrainWorkerRequest;
import dev.sortie.agent.v1.ErrorReason;
import dev.sortie.agent.v1.ExecutionStatus;
import dev.sortie.agent.v1.ListLogsRequest;
import dev.sortie.agent.v1.LogLevel;
import dev.sortie.agent.v1.LogLine;
import dev.sortie.agent.v1.SessionLogs;
import dev.sortie.agent.v1.WorkCheckpoint;
import dev.sortie.agent.v1.WorkOrderStatus;
import dev.sortie.agent.v1.WorkRequest;
import dev.sortie.runtime.grpc.Messages;
import dev.sortie.runtime.identity.Principal;
import dev.sortie.runtime.testing.SettableClock;
import dev.sortie.runtime.testing.StatusAssert;
import io.grpc.Status;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** What is said in a session, and what it comes to. */
class WorkSessionTest {
    private static final SettableClock CLOCK = AgentFixture.clock();

    @AutoClose
    private static final AgentFixture AGENT = new AgentFixture(CLOCK);

    private final String queue = "s-" + UUID.randomUUID().toString().substring(0, 8);

    @Test
    void assignsOrdersAgainstCreditAndAcknowledgesTheirResults() {
        AGENT.enqueueAll(many(3, queue));
        var worker = AGENT.register(10);
        try (var session = SessionClient.attach(AGENT, worker, 2, queue)) {
            assertThat(session.attached().getSessionEpoch()).isEqualTo(1);
            var first = session.next();
            var second = session.next();
            assertThat(first.getAttempt()).isEqualTo(1);
            assertThat(session.ack(1).getCredits()).isBetween(0, 2);

            var ack = session.call(completion(first).setCredits(1));

            assertThat(ack.getCompletionsList()).singleElement().satisfies(outcome -> {
                assertThat(outcome.hasError()).isFalse();
                assertThat(outcome.getStatus()).isEqualTo(WorkOrderStatus.WORK_ORDER_STATUS_COMPLETED);
            });
            assertThat(status(first)).isEqualTo(WorkOrderStatus.WORK_ORDER_STATUS_COMPLETED);
            var third = session.next();
            assertThat(List.of(first, second, third))
                    .extracting(claim -> claim.getWorkOrder().getWorkOrderId())
                    .doesNotHaveDuplicates();
            assertThat(session.call(failure(second)).getFailures(0).getStatus())
                    .isEqualTo(WorkOrderStatus.WORK_ORDER_STATUS_PENDING);
            assertThat(session.call(release(third)).getReleases(0).hasError()).isFalse();
            assertThat(AGENT.get(third.getWorkOrder().getWorkOrderId()).getRetryCount())
                    .isZero();
            session.halfClose();
            assertThat(session.ended()).isEqualTo(Status.OK);
        }
    }

    @Test
    void acknowledgesEverythingInOrderAndEndsWhenTheWorkerSaysNothingMore() {
        AGENT.enqueueAll(many(20, queue));
        try (var session = SessionClient.attach(AGENT, AGENT.register(20), 20, queue)) {
            var numbers = new ArrayList<Long>();
            numbers.add(1L);
            for (int i = 0; i < 20; i++) {
                numbers.add(session.send(completion(session.next())));
            }
            session.halfClose();

            assertThat(session.ended()).isEqualTo(Status.OK);
            assertThat(session.acked()).isEqualTo(numbers);
            assertThat(AGENT.number(
                            "SELECT count(*) FROM work_order_states WHERE status = 'COMPLETED' AND queue_name = '"
                                    + queue + "'"))
                    .isEqualTo(20);
        }
    }

    @Test
    void neverAssignsMoreThanTheWorkerMayHold() throws Exception {
        AGENT.enqueueAll(many(5, queue));
        try (var session = SessionClient.attach(AGENT, AGENT.register(2), 5, queue)) {
            var first = session.next();
            session.next();
            await(
                    "it claims no more",
                    () -> session.ack(session.send(heartbeat())).getCredits() == 3);
            assertThat(claimed()).isEqualTo(2);

            session.call(completion(first));

            session.next();
            assertThat(session.call(heartbeat()).getCredits()).isEqualTo(2);
        }
    }

    @Test
    void refusesCreditsBeyondTheMostAndGoesOn() {
        try (var session = SessionClient.attach(AGENT, AGENT.register(1), 900, queue)) {
            var refused = session.call(credits(200));

            assertThat(refused.getCredits()).isEqualTo(900);
            assertThat(refused.getError().getCode()).isEqualTo(Status.Code.OUT_OF_RANGE.value());
            assertThat(refused.getError().getDetails(0).toString())
                    .contains(ErrorReason.ERROR_REASON_CREDITS_EXCEEDED.name());
            assertThat(session.call(credits(100)).getCredits()).isEqualTo(1_000);
        }
    }

    @Test
    void answersAStaleCompletionInItsAcknowledgement() {
        AGENT.enqueueAll(many(2, queue));
        try (var session = SessionClient.attach(AGENT, AGENT.register(2), 2, queue)) {
            var stale = session.next();
            var good = session.next();
            session.call(release(stale));

            var ack = session.call(completion(stale, good));

            assertThat(ack.getCompletions(0).getError().getDetails(0).toString())
                    .contains(ErrorReason.ERROR_REASON_CLAIM_STALE.name());
            assertThat(ack.getCompletions(1).hasError()).isFalse();
            assertThat(session.call(completion(stale)).getCompletions(0).hasError())
                    .isTrue();
            // The same again is accepted again, and changes nothing.
            assertThat(session.call(completion(good)).getCompletions(0).getReplayed())
                    .isTrue();
        }
    }

    @Test
    void extendsTheLeasesOfAllThatIsHeldByAHeartbeatAlone() {
        AGENT.enqueueAll(many(2, queue));
        try (var session = SessionClient.attach(AGENT, AGENT.register(2), 2, queue)) {
            var claims = List.of(session.next(), session.next());
            CLOCK.advance(Duration.ofSeconds(20));
            session.call(credits(0));
            assertThat(lease(claims.get(0))).isEqualTo(claims.get(0).getLeaseExpireTime());

            var ack = session.call(heartbeat());

            assertThat(Messages.instant(ack.getLeaseExpireTime(), "t"))
                    .isAfter(Messages.instant(claims.get(0).getLeaseExpireTime(), "t"));
            assertThat(lease(claims.get(0))).isEqualTo(ack.getLeaseExpireTime());
            assertThat(lease(claims.get(1))).isEqualTo(ack.getLeaseExpireTime());
            CLOCK.advance(Duration.ofSeconds(20));
            AGENT.endLeases();
            assertThat(status(claims.get(0))).isEqualTo(WorkOrderStatus.WORK_ORDER_STATUS_CLAIMED);
        }
    }

    @Test
    void anOpenStreamAloneKeepsNoLeaseAndWhatIsLostIsSaid() throws Exception {
        AGENT.enqueue(order(queue));
        try (var session = SessionClient.attach(AGENT, AGENT.register(5), 5, queue)) {
            var lost = session.next();
            CLOCK.advance(Duration.ofSeconds(31));
            AGENT.endLeases();

            await("it is told", () -> !session.endedClaims().isEmpty());
            assertThat(session.endedClaims().getFirst().getWorkOrderId())
                    .isEqualTo(lost.getWorkOrder().getWorkOrderId());
            assertThat(session.call(completion(lost)).getCompletions(0).hasError())
                    .isTrue();
        }
    }

    @Test
    void assignsNothingToAWorkerThatIsNotHeardOf() throws Exception {
        try (var session = SessionClient.attach(AGENT, AGENT.register(5), 5, queue)) {
            await("it waits in line", () -> AGENT.server().waiting(queue) == 1);
            CLOCK.advance(Duration.ofSeconds(31));
            await("it waits no longer", () -> AGENT.server().waiting(queue) == 0);
            var placed = AGENT.enqueue(order(queue));
            assertThat(AGENT.get(placed.getWorkOrderId()).getStatus())
                    .isEqualTo(WorkOrderStatus.WORK_ORDER_STATUS_PENDING);

            session.call(heartbeat());

            assertThat(session.next().getWorkOrder().getWorkOrderId()).isEqualTo(placed.getWorkOrderId());
            CLOCK.advance(Duration.ofSeconds(61));
            StatusAssert.of(session.failed()).with(Status.Code.ABORTED, ErrorReason.ERROR_REASON_SESSION_SILENT);
        }
    }

    @Test
    void pushesThatAnOrderWasCancelled() throws Exception {
        AGENT.enqueue(order(queue));
        try (var session = SessionClient.attach(AGENT, AGENT.register(1), 2, queue)) {
            var cancelled = session.next();
            cancel(cancelled);

            await("it is told", () -> !session.endedClaims().isEmpty());
            assertThat(session.endedClaims()).singleElement().satisfies(end -> {
                assertThat(end.getWorkOrderId())
                        .isEqualTo(cancelled.getWorkOrder().getWorkOrderId());
                assertThat(end.getExecutionId()).isEqualTo(cancelled.getExecutionId());
                assertThat(end.getStatus()).isEqualTo(WorkOrderStatus.WORK_ORDER_STATUS_CANCELLED);
            });
            // There is room for another one.
            AGENT.enqueue(order(queue));
            session.next();
        }
    }

    @Test
    void acceptsEitherTheResultOrTheCancellation() throws Exception {
        for (int i = 0; i < 10; i++) {
            var name = queue + "-" + i;
            AGENT.enqueue(order(name));
            try (var session = SessionClient.attach(AGENT, AGENT.register(1), 1, name)) {
                var claim = session.next();
                var cancelling = Thread.startVirtualThread(() -> {
                    try {
                        cancel(claim);
                    } catch (RuntimeException completed) {
                        assertThat(completed).hasMessageContaining("COMPLETED");
                    }
                });
                var outcome = session.call(completion(claim)).getCompletions(0);
                cancelling.join();
                assertThat(status(claim))
                        .isEqualTo(
                                outcome.hasError()
                                        ? WorkOrderStatus.WORK_ORDER_STATUS_CANCELLED
                                        : WorkOrderStatus.WORK_ORDER_STATUS_COMPLETED);
            }
        }
    }

    @Test
    void storesLogLinesBeforeTheEndThatComesWithThem() {
        AGENT.enqueue(order(queue));
        try (var session = SessionClient.attach(AGENT, AGENT.register(1), 1, queue)) {
            var claim = session.next();
            var ack = session.call(completion(claim).addLogs(lines(claim, 1, 2)));

            assertThat(ack.getLogs(0).getAppendedCount()).isEqualTo(2);
            assertThat(ack.getCompletions(0).hasError()).isFalse();
            assertThat(AGENT.executions()
                            .listLogs(ListLogsRequest.newBuilder()
                                    .setExecutionId(claim.getExecutionId())
                                    .build())
                            .getLinesCount())
                    .isEqualTo(2);
            var late = session.call(WorkRequest.newBuilder().addLogs(lines(claim, 3)));
            assertThat(late.getLogs(0).getError().getDetails(0).toString())
                    .contains(ErrorReason.ERROR_REASON_CLAIM_STALE.name());
            var disorder = session.call(WorkRequest.newBuilder().addLogs(lines(claim, 3, 3)));
            assertThat(disorder.getLogs(0).getError().getDetails(0).toString())
                    .contains(ErrorReason.ERROR_REASON_LOG_OUT_OF_ORDER.name());
        }
    }

    @Test
    void handsCheckpointsOnToTheNextAttempt() {
        AGENT.enqueue(order(queue));
        try (var session = SessionClient.attach(AGENT, AGENT.register(1), 2, queue)) {
            var first = session.next();
            var ack = session.call(WorkRequest.newBuilder()
                    .addCheckpoints(WorkCheckpoint.newBuilder()
                            .setWorkOrderId(first.getWorkOrder().getWorkOrderId())
                            .setCheckpoint(AgentFixture.struct("page", 7)))
                    .addCheckpoints(WorkCheckpoint.newBuilder()
                            .setWorkOrderId(UUID.randomUUID().toString())
                            .setCheckpoint(AgentFixture.struct("page", 8))));
            assertThat(ack.hasLeaseExpireTime()).isTrue();
            session.call(release(first));

            assertThat(session.next().getCheckpoint()).isEqualTo(AgentFixture.struct("page", 7));
        }
    }

    @Test
    void assignsNothingAfterADrainIsAcknowledged() throws Exception {
        AGENT.enqueue(order(queue));
        try (var session = SessionClient.attach(AGENT, AGENT.register(5), 3, queue)) {
            var claim = session.next();

            assertThat(session.call(WorkRequest.newBuilder().setDrain(true)).getCredits())
                    .isZero();

            AGENT.enqueueAll(many(3, queue));
            assertThat(session.call(credits(5)).getCredits()).isZero();
            assertThat(session.call(completion(claim)).getCompletions(0).hasError())
                    .isFalse();
            assertThat(session.waitingAssignments()).isZero();
            assertThat(claimed()).isZero();
        }
    }

    @Test
    void tellsAWorkerThatItIsToLeave() throws Exception {
        AGENT.enqueue(order(queue));
        var worker = AGENT.register(5);
        try (var session = SessionClient.attach(AGENT, worker, 3, queue)) {
            var claim = session.next();
            AGENT.workers()
                    .drainWorker(
                            DrainWorkerRequest.newBuilder().setWorkerId(worker).build());
            await("it is told", session::isDrainRequested);
            AGENT.enqueue(order(queue));
            assertThat(session.call(completion(claim)).getCompletions(0).hasError())
                    .isFalse();
            assertThat(claimed()).isZero();
        }
        try (var again = SessionClient.attach(AGENT, worker, 3, queue)) {
            await("it is told again", again::isDrainRequested);
        }
    }

    @Test
    void changesItsQueues() throws Exception {
        var other = queue + "-b";
        try (var session = SessionClient.attach(AGENT, AGENT.register(5), 5, queue)) {
            session.call(WorkRequest.newBuilder().addQueueNames(other));
            AGENT.enqueue(order(queue));
            AGENT.enqueue(order(other));

            assertThat(session.next().getWorkOrder().getQueueName()).isEqualTo(other);
            // A look at the queues before may have been under way: what it found is given back, and not told.
            AgentFixture.await("nothing is held of the queue before", () -> claimed() == 0);
        }
    }

    @Test
    void endsAStreamThatIsMisused() {
        var worker = AGENT.register(1);
        var without = new SessionClient(AGENT.channel(), worker);
        without.send(credits(1));
        StatusAssert.of(without.failed())
                .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_SESSION_MISUSED)
                .metadata("sequence", "1");

        var twice = SessionClient.attach(AGENT, worker, 1, queue);
        twice.send(twice.attachment(queue));
        StatusAssert.of(twice.failed()).with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_SESSION_MISUSED);

        var again = SessionClient.attach(AGENT, worker, 1, queue);
        again.sendAsIs(credits(1).setSequence(1).build());
        StatusAssert.of(again.failed()).with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_SESSION_MISUSED);

        var broken = SessionClient.attach(AGENT, worker, 1, queue);
        broken.send(credits(1_001));
        StatusAssert.of(broken.failed())
                .with(Status.Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID);
    }

    @Test
    void refusesWorkersThatAreNotRegisteredNowOrLater() {
        var unknown = new SessionClient(AGENT.channel(), UUID.randomUUID().toString());
        unknown.send(unknown.attachment(queue));
        StatusAssert.of(unknown.failed())
                .with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_WORKER_NOT_REGISTERED);

        var worker = AGENT.register(1);
        var session = SessionClient.attach(AGENT, worker, 1, queue);
        AGENT.workers()
                .deregisterWorker(
                        DeregisterWorkerRequest.newBuilder().setWorkerId(worker).build());
        StatusAssert.of(session.failed())
                .with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_WORKER_NOT_REGISTERED);
    }

    @Test
    void keepsLeasesAcrossABrokenStreamAndGivesBackWhatDidNotArrive() throws Exception {
        AGENT.enqueueAll(many(3, queue));
        var worker = AGENT.register(10);
        var broken = SessionClient.attach(AGENT, worker, 2, queue);
        var kept = broken.next();
        var lost = broken.next();
        var other = AGENT.work().claimWork(claim(worker, queue).build());
        broken.cutOff();

        try (var session = SessionClient.resume(AGENT, worker, 0, 1, List.of(kept, other.getClaims(0)), queue)) {
            assertThat(session.attached().getSessionEpoch()).isEqualTo(2);
            assertThat(session.attached().getResumedClaimsList()).hasSize(2).noneMatch(outcome -> outcome.hasError());
            var back = AGENT.get(lost.getWorkOrder().getWorkOrderId());
            assertThat(back.getStatus()).isEqualTo(WorkOrderStatus.WORK_ORDER_STATUS_PENDING);
            assertThat(back.getRetryCount()).isZero();
            assertThat(session.call(completion(kept, other.getClaims(0))).getCompletionsList())
                    .noneMatch(outcome -> outcome.hasError());
        }
    }

    @Test
    void leavesWhatIsHeldToItsLeaseWhenTheProcessIsANewOne() {
        AGENT.enqueueAll(many(2, queue));
        var worker = AGENT.register(10);
        var first = SessionClient.attach(AGENT, worker, 1, queue);
        var held = first.next();
        var second = SessionClient.attach(AGENT, worker, 0, queue);
        assertThat(status(held)).isEqualTo(WorkOrderStatus.WORK_ORDER_STATUS_CLAIMED);

        // And so does one that continues a session which was not the last one.
        var third = SessionClient.resume(AGENT, worker, 0, 1, List.of(), queue);

        assertThat(status(held)).isEqualTo(WorkOrderStatus.WORK_ORDER_STATUS_CLAIMED);
        assertThat(third.attached().getSessionEpoch()).isEqualTo(3);
        second.close();
        third.close();
    }

    @Test
    void countsTheAttemptWhoseLeaseRanOutThoughItsWorkerComesBackWithoutIt() {
        AGENT.enqueue(order(queue));
        var worker = AGENT.register(5);
        ClaimedWork claim;
        try (var session = SessionClient.attach(AGENT, worker, 1, queue)) {
            claim = session.next();
        }
        CLOCK.advance(Duration.ofSeconds(31));

        try (var next = SessionClient.resume(AGENT, worker, 0, 1, List.of(), queue)) {
            assertThat(next.attached().getSessionEpoch()).isEqualTo(2);
        }

        AGENT.endLeases();
        assertThat(AGENT.get(claim.getWorkOrder().getWorkOrderId()).getRetryCount())
                .isEqualTo(1);
        assertThat(AGENT.execution(claim.getExecutionId()).getStatus())
                .isEqualTo(ExecutionStatus.EXECUTION_STATUS_TIMEOUT);
    }

    @Test
    void saysOfResumedClaimsWhichAreStale() {
        AGENT.enqueue(order(queue));
        var worker = AGENT.register(10);
        var first = SessionClient.attach(AGENT, worker, 1, queue);
        var claim = first.next();
        first.call(release(claim));
        first.cutOff();
        try (var session = SessionClient.resume(AGENT, worker, 0, 1, List.of(claim), queue)) {
            assertThat(session.attached()
                            .getResumedClaims(0)
                            .getError()
                            .getDetails(0)
                            .toString())
                    .contains(ErrorReason.ERROR_REASON_CLAIM_STALE.name());
        }
    }

    @Test
    void fencesOffTheOlderSessionOfAWorker() {
        AGENT.enqueueAll(many(2, queue));
        var worker = AGENT.register(10);
        var older = SessionClient.attach(AGENT, worker, 1, queue);
        var claim = older.next();

        try (var newer = SessionClient.resume(AGENT, worker, 1, 1, List.of(claim), queue)) {
            StatusAssert.of(older.failed())
                    .with(Status.Code.ABORTED, ErrorReason.ERROR_REASON_SESSION_SUPERSEDED)
                    .metadata("worker_id", worker)
                    .metadata("epoch", "1");
            assertThat(newer.call(completion(claim, newer.next())).getCompletionsList())
                    .noneMatch(outcome -> outcome.hasError());
        }
    }

    @Test
    void letsOneOfSeveralSessionsThatAttachAtOnceBeTheOne() throws Exception {
        var worker = AGENT.register(10);
        var sessions = new ArrayList<SessionClient>();
        for (int i = 0; i < 20; i++) {
            var session = new SessionClient(AGENT.channel(), worker);
            session.send(session.attachment(queue).setCredits(1));
            sessions.add(session);
        }
        await(
                "one is left",
                () -> sessions.stream().filter(SessionClient::hasEnded).count() == 19);
        for (var session : sessions) {
            if (session.hasEnded()) {
                StatusAssert.of(session.failed())
                        .with(Status.Code.ABORTED, ErrorReason.ERROR_REASON_SESSION_SUPERSEDED);
            } else {
                assertThat(session.attached().getSessionEpoch()).isEqualTo(20);
                AGENT.enqueue(order(queue));
                session.next();
                session.close();
            }
        }
    }

    @Test
    void assignsNothingToAWorkerThatIsGone() throws Exception {
        var session = SessionClient.attach(AGENT, AGENT.register(5), 5, queue);
        await("it waits in line", () -> AGENT.server().waiting(queue) == 1);
        session.cutOff();
        await("it is gone", () -> AGENT.server().waiting(queue) == 0);
        AGENT.enqueueAll(many(3, queue));
        // A look at the queue may have been under way: what it found is given back.
        var other = AGENT.register(3);
        var claims = new ArrayList<ClaimedWork>();
        await("somebody else gets them", () -> {
            claims.addAll(AGENT.work()
                    .claimWork(claim(other, queue).setMaxOrders(3).build())
                    .getClaimsList());
            return claims.size() == 3;
        });
        assertThat(claims).allMatch(claim -> claim.getAttempt() == 1);
    }

    @Test
    void givesBackAtOnceWhatCouldNotBeHandedOver() throws Exception {
        var placed = AGENT.enqueue(order(queue));
        var worker = UUID.fromString(AGENT.register(1));
        var refused = new AtomicInteger();
        var session = AGENT.server().sessions().open(Principal.internal("test"), new SessionPeer() {
            @Override
            public boolean awaitRoom() {
                return true;
            }

            @Override
            public void tell(List<? extends SessionReply> replies) {}

            @Override
            public boolean assign(List<dev.sortie.agent.domain.ClaimedWork> work, BooleanSupplier isWanted) {
                refused.addAndGet(work.size());
                return false;
            }

            @Override
            public void over() {}
        });
        session.take(List.of(message(1, new SessionMessage.Attach(worker, List.of(queue), null, null), List.of(), 1)));

        session.assign(); // until it is over

        assertThat(session.isOver()).isTrue();
        assertThat(refused).hasValue(1);
        var back = AGENT.get(placed.getWorkOrderId());
        assertThat(back.getStatus()).isEqualTo(WorkOrderStatus.WORK_ORDER_STATUS_PENDING);
        assertThat(back.getRetryCount()).isZero();
        assertThat(AGENT.claimOne(AGENT.register(1), queue).getAttempt()).isEqualTo(1);
    }

    @Test
    void goesOnThoughItTookNothingFromAQueueForAMoment() throws Exception {
        AGENT.enqueue(order(queue));
        var worker = UUID.fromString(AGENT.register(1));
        var session = new AtomicReference<WorkSession>();
        var handedOver = new CompletableFuture<Integer>();
        session.set(AGENT.server().sessions().open(Principal.internal("test"), new SessionPeer() {
            private boolean hasChanged;

            @Override
            public boolean awaitRoom() {
                return true;
            }

            @Override
            public void tell(List<? extends SessionReply> replies) {}

            @Override
            public boolean assign(List<dev.sortie.agent.domain.ClaimedWork> work, BooleanSupplier isWanted) {
                if (hasChanged) {
                    handedOver.complete(work.size());
                    return true;
                }
                hasChanged = true;
                session.get().take(List.of(message(2, null, List.of(queue + "-b"), 0)));
                boolean wanted = isWanted.getAsBoolean();
                session.get().take(List.of(message(3, null, List.of(queue), 0)));
                return wanted;
            }

            @Override
            public void over() {}
        }));
        session.get()
                .take(List.of(message(1, new SessionMessage.Attach(worker, List.of(queue), null, null), List.of(), 1)));
        var assigning = Thread.startVirtualThread(session.get()::assign);
        try {
            await(
                    "it is handed over or the session is over",
                    () -> handedOver.isDone() || session.get().isOver());
            assertThat(session.get().isOver()).isFalse();
            assertThat(handedOver).isCompletedWithValue(1);
        } finally {
            session.get().over(null);
            assigning.join();
        }
    }

    private static SessionMessage message(
            long number, SessionMessage.Attach attach, List<String> queueNames, int credits) {
        return new SessionMessage(
                number,
                attach,
                List.of(),
                false,
                Map.of(),
                List.of(),
                List.of(),
                List.of(),
                queueNames,
                credits,
                false);
    }

    private static SessionLogs.Builder lines(ClaimedWork claim, long... numbers) {
        var logs =
                SessionLogs.newBuilder().setExecutionId(claim.getExecutionId()).setClaimToken(claim.getClaimToken());
        for (long number : numbers) {
            logs.addLines(LogLine.newBuilder()
                    .setSequence(number)
                    .setLevel(LogLevel.LOG_LEVEL_INFO)
                    .setMessage("line " + number));
        }
        return logs;
    }

    private static void cancel(ClaimedWork claim) {
        AGENT.orders()
                .cancelWorkOrder(CancelWorkOrderRequest.newBuilder()
                        .setWorkOrderId(claim.getWorkOrder().getWorkOrderId())
                        .build());
    }

    private static WorkOrderStatus status(ClaimedWork claim) {
        return AGENT.get(claim.getWorkOrder().getWorkOrderId()).getStatus();
    }

    private static com.google.protobuf.Timestamp lease(ClaimedWork claim) {
        return Messages.timestamp(java.time.Instant.ofEpochMilli(0)).toBuilder()
                .setSeconds(AGENT.number("SELECT extract(epoch FROM date_trunc('second', lease_expires_at))::bigint"
                        + " FROM work_order_states WHERE work_order_id = '"
                        + claim.getWorkOrder().getWorkOrderId() + "'"))
                .setNanos((int) AGENT.number("SELECT (extract(microseconds FROM lease_expires_at)::bigint % 1000000)"
                        + " * 1000 FROM work_order_states WHERE work_order_id = '"
                        + claim.getWorkOrder().getWorkOrderId() + "'"))
                .build();
    }

    private long claimed() {
        return AGENT.number(
                "SELECT count(*) FROM work_order_states WHERE status = 'CLAIMED' AND queue_name = '" + queue + "'");
    }
}
