package dev.sortie.agent;

import static dev.sortie.agent.AgentFixture.await;
import static dev.sortie.agent.AgentFixture.order;
import static dev.sortie.agent.SessionClient.completion;
import static dev.sortie.agent.SessionClient.heartbeat;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import dev.sortie.agent.v1.CancelWorkOrderRequest;
import dev.sortie.agent.v1.ErrorReason;
import dev.sortie.agent.v1.SessionClosingReason;
import dev.sortie.agent.v1.WorkOrderStatus;
import dev.sortie.runtime.testing.SettableClock;
import dev.sortie.runtime.testing.StatusAssert;
import io.grpc.Status;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** Sessions on two servers, by the real clock: who is woken, told, fenced off and bounded. */
class SessionReplicaTest {
    @AutoClose
    private static final AgentFixture ONE = new AgentFixture(InstantSource.system());

    @AutoClose
    private static final AgentFixture OTHER = new AgentFixture(ONE.database(), InstantSource.system());

    private final String queue = "r-" + UUID.randomUUID().toString().substring(0, 8);

    @Test
    void wakesForAnOrderThatAnotherReplicaTook() throws Exception {
        try (var session = SessionClient.attach(OTHER, ONE.register(5), 5, queue)) {
            await("it waits in line", () -> OTHER.server().waiting(queue) == 1);
            var placed = ONE.enqueue(order(queue));
            assertThat(session.next().getWorkOrder().getWorkOrderId()).isEqualTo(placed.getWorkOrderId());
        }
    }

    @Test
    void pushesWhatAnotherReplicaCancelled() throws Exception {
        ONE.enqueue(order(queue));
        try (var session = SessionClient.attach(OTHER, ONE.register(1), 1, queue)) {
            var claim = session.next();
            ONE.orders()
                    .cancelWorkOrder(CancelWorkOrderRequest.newBuilder()
                            .setWorkOrderId(claim.getWorkOrder().getWorkOrderId())
                            .build());
            await("it is told", () -> !session.endedClaims().isEmpty());
            assertThat(session.endedClaims().getFirst().getStatus())
                    .isEqualTo(WorkOrderStatus.WORK_ORDER_STATUS_CANCELLED);
        }
    }

    @Test
    void fencesOffASessionOnAnotherReplicaThatThenFinishesNothing() throws Exception {
        ONE.enqueueAll(AgentFixture.many(2, queue));
        var worker = ONE.register(5);
        var older = SessionClient.attach(ONE, worker, 1, queue);
        var claim = older.next();
        try (var newer = SessionClient.resume(OTHER, worker, 1, 1, List.of(claim), queue)) {
            var second = newer.next();
            StatusAssert.of(older.failed()).with(Status.Code.ABORTED, ErrorReason.ERROR_REASON_SESSION_SUPERSEDED);
            assertThat(newer.call(completion(claim, second)).getCompletionsList())
                    .noneMatch(outcome -> outcome.hasError());
        }
    }

    @Test
    void refusesWhatAnOlderSessionSaysBeforeItHearsOfTheNewerOne() {
        for (int i = 0; i < 10; i++) {
            var name = queue + "-" + i;
            ONE.enqueue(order(name));
            var worker = ONE.register(5);
            var older = SessionClient.attach(ONE, worker, 1, name);
            var claim = older.next();
            try (var newer = SessionClient.resume(OTHER, worker, 0, 1, List.of(claim), name)) {
                older.send(completion(claim));
                StatusAssert.of(older.failed()).with(Status.Code.ABORTED, ErrorReason.ERROR_REASON_SESSION_SUPERSEDED);
                assertThat(older.acked()).containsExactly(1L);
                assertThat(newer.call(completion(claim)).getCompletions(0).getReplayed())
                        .isFalse();
            }
        }
    }

    @Test
    void movesToAnotherReplicaWhenItsServerStopsAndLosesNothing() throws Exception {
        ONE.enqueueAll(AgentFixture.many(2, queue));
        var worker = ONE.register(5);
        // Its time stands still: however busy the machine is, what is said comes in time.
        var clock = new SettableClock(Instant.now());
        var stopping = new AgentFixture(ONE.database(), clock);
        var session = SessionClient.attach(stopping, worker, 2, queue);
        var first = session.next();
        var second = session.next();
        var deaf = SessionClient.attach(stopping, ONE.register(1), 1, queue);
        var closing = Thread.startVirtualThread(stopping.server()::close);

        assertThat(session.closing().getReason()).isEqualTo(SessionClosingReason.SESSION_CLOSING_REASON_SERVER_STOPS);
        assertThat(session.call(completion(first)).getCompletions(0).hasError()).isFalse();
        session.halfClose();
        assertThat(session.ended()).isEqualTo(Status.OK);

        try (var next = SessionClient.resume(ONE, worker, 0, 1, List.of(second), queue)) {
            assertThat(next.attached().getResumedClaims(0).hasError()).isFalse();
            assertThat(next.call(completion(second)).getCompletions(0).hasError())
                    .isFalse();
        }
        // One that does not close its stream is not waited for.
        clock.advance(Duration.ofSeconds(6));
        assertThat(deaf.ended().getCode()).isEqualTo(Status.Code.UNAVAILABLE);
        closing.join();
    }

    @Test
    void takesNoMoreSessionsThanItMay() {
        try (var small = new AgentFixture(ONE.database(), InstantSource.system(), 2);
                var first = SessionClient.attach(small, ONE.register(1), 0, queue);
                var second = SessionClient.attach(small, ONE.register(1), 0, queue)) {
            var third = new SessionClient(small.channel(), ONE.register(1));
            StatusAssert.of(third.failed())
                    .with(Status.Code.RESOURCE_EXHAUSTED, dev.sortie.type.v1.ErrorReason.ERROR_REASON_OVERLOADED)
                    .metadata("limit", "work_sessions")
                    .retryable();
            first.halfClose();
            assertThat(first.ended()).isEqualTo(Status.OK);
            assertThat(second.hasEnded()).isFalse();
            try (var fourth = SessionClient.attach(small, ONE.register(1), 0, queue)) {
                assertThat(fourth.hasEnded()).isFalse();
            }
        }
    }

    @Test
    void hasLittleInHandForAWorkerThatReadsNothing() throws Exception {
        // More than any window takes of what is sent.
        var large = Struct.newBuilder()
                .putFields(
                        "text",
                        Value.newBuilder().setStringValue("x".repeat(20_000)).build())
                .build();
        var orders = Collections.nCopies(100, order(queue).setPayload(large).build());
        for (int i = 0; i < 6; i++) {
            ONE.enqueueAll(orders);
        }
        for (int i = 0; i < 10; i++) {
            ONE.enqueueAll(AgentFixture.many(1_000, queue));
        }
        var inHand = ONE.server()
                .runtime()
                .meters()
                .get("sortie.work.session.messages")
                .gauge();
        try (var deaf = new SessionClient(ONE.channel(), ONE.register(1_000), false)) {
            var attachment = deaf.attachment(queue).setCredits(1_000);
            attachment.getAttachBuilder().setLeaseDuration(AgentFixture.seconds(3_600));
            deaf.send(attachment);
            await("it has as many as it is sent", () -> {
                deaf.send(heartbeat());
                assertThat(inHand.value()).isLessThanOrEqualTo(36);
                return inHand.value() == 36 && claimed() > 0;
            });
            for (int i = 0; i < 2_000; i++) {
                deaf.send(heartbeat());
                assertThat(inHand.value()).isLessThanOrEqualTo(36);
            }
            assertThat(claimed()).isBetween(1L, 600L);
            // Others are served meanwhile.
            try (var other = SessionClient.attach(ONE, ONE.register(1), 1, queue)) {
                assertThat(other.call(completion(other.next()))
                                .getCompletions(0)
                                .hasError())
                        .isFalse();
            }
        }
        await("nothing is left in hand", () -> inHand.value() == 0);
    }

    @Test
    void asksTheDatabaseNothingForSessionsThatWait() throws Exception {
        var asked = new AtomicInteger();
        var sessions = new ArrayList<SessionClient>();
        try {
            for (int i = 0; i < 50; i++) {
                sessions.add(SessionClient.attach(ONE, ONE.register(1), 1, queue));
            }
            await("all wait in line", () -> ONE.server().waiting(queue) == 50);
            ONE.server().runtime().database().onStatement((_, sql, parameters) -> {
                if (sql.contains("worker_sessions")
                        || (sql.contains("FOR NO KEY UPDATE SKIP LOCKED")
                                && Arrays.deepToString(parameters).contains(queue))) {
                    asked.incrementAndGet();
                }
            });
            // Each looks once before it waits, which may take a while.
            await("nothing is asked while all of them are heard of", () -> {
                asked.set(0);
                sessions.forEach(session -> session.call(heartbeat()));
                return asked.get() == 0;
            });
            ONE.enqueueAll(AgentFixture.many(50, queue));
            for (var session : sessions) {
                session.next();
            }
        } finally {
            sessions.forEach(SessionClient::close);
        }
    }

    private long claimed() {
        return ONE.number(
                "SELECT count(*) FROM work_order_states WHERE status = 'CLAIMED' AND queue_name = '" + queue + "'");
    }
}
