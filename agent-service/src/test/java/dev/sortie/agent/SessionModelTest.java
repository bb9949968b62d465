package dev.sortie.agent;

import static dev.sortie.agent.AgentFixture.order;
import static dev.sortie.agent.AgentFixture.reference;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.agent.v1.ClaimedWork;
import dev.sortie.agent.v1.WorkFailure;
import dev.sortie.agent.v1.WorkOrder;
import dev.sortie.agent.v1.WorkOutcome;
import dev.sortie.agent.v1.WorkRequest;
import dev.sortie.runtime.grpc.Messages;
import dev.sortie.type.v1.RetryPolicy;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/**
 * Many workers in sessions on two servers, whose streams break at any moment: nothing is lost, and nothing is accepted
 * twice.
 */
class SessionModelTest {
    private static final int ORDERS = 200;
    private static final int WORKERS = 6;

    @AutoClose
    private static final AgentFixture ONE = new AgentFixture(InstantSource.system());

    @AutoClose
    private static final AgentFixture OTHER = new AgentFixture(ONE.database(), InstantSource.system());

    private final String queue = "m-" + UUID.randomUUID().toString().substring(0, 8);
    private final Map<String, AtomicInteger> accepted = new ConcurrentHashMap<>();
    private final Set<String> unanswered = ConcurrentHashMap.newKeySet();

    @Test
    void losesNothingAndAcceptsNothingTwice() throws Exception {
        long seed = new Random().nextLong();
        var placed = place();
        try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            var workers = new ArrayList<Future<?>>();
            for (int i = 0; i < WORKERS; i++) {
                var random = new Random(seed + i);
                workers.add(threads.submit(() -> new Life(random).live()));
            }
            for (var worker : workers) {
                worker.get(5, TimeUnit.MINUTES);
            }
        } catch (Exception failed) {
            throw new AssertionError("with seed " + seed, failed);
        }

        assertThat(left()).as("seed %d", seed).isZero();
        for (var id : placed) {
            int times = accepted.getOrDefault(id, new AtomicInteger()).get();
            assertThat(times).as("seed %d, order %s", seed, id).isLessThanOrEqualTo(1);
            if (times == 0) {
                assertThat(unanswered)
                        .as("seed %d, order %s was completed by somebody", seed, id)
                        .contains(id);
            }
        }
        assertThat(ONE.number("SELECT count(*) FROM executions x JOIN work_orders o USING (work_order_id)"
                        + " WHERE x.status = 'COMPLETED' AND o.queue_name = '" + queue + "'"))
                .as("seed %d", seed)
                .isEqualTo(ORDERS);
    }

    private Set<String> place() {
        var orders = new ArrayList<WorkOrder>();
        for (int i = 0; i < ORDERS; i++) {
            orders.add(order(queue)
                    .setPriority(1 + i % 5)
                    .setConcurrencyKey(i % 3 == 0 ? "key-" + i % 7 : "")
                    .setRetryPolicy(RetryPolicy.newBuilder()
                            .setMaxRetries(100)
                            .setInitialBackoff(Messages.duration(Duration.ofMillis(100)))
                            .setMaxBackoff(Messages.duration(Duration.ofMillis(200))))
                    .build());
        }
        return ONE.enqueueAll(orders).stream().map(WorkOrder::getWorkOrderId).collect(Collectors.toSet());
    }

    private long left() {
        return ONE.number(
                "SELECT count(*) FROM work_order_states WHERE queue_name = '" + queue + "' AND status <> 'COMPLETED'");
    }

    /** A worker's life: session after session until all work is done. */
    private final class Life {
        private final Random random;
        private final String worker = ONE.register(8);
        private final Map<String, ClaimedWork> held = new LinkedHashMap<>();
        private long epoch;

        Life(Random random) {
            this.random = random;
        }

        void live() {
            while (left() > 0) {
                var server = random.nextBoolean() ? ONE : OTHER;
                try (var session = open(server)) {
                    epoch = session.attached().getSessionEpoch();
                    session.attached().getResumedClaimsList().stream()
                            .filter(outcome -> outcome.hasError())
                            .forEach(outcome -> held.remove(outcome.getWorkOrderId()));
                    work(session);
                } catch (InterruptedException stopped) {
                    throw new AssertionError(stopped);
                }
            }
        }

        private SessionClient open(AgentFixture server) {
            var session = new SessionClient(server.channel(), worker);
            var attachment = session.attachment(queue).setCredits(4);
            attachment.getAttachBuilder().setLeaseDuration(Messages.duration(Duration.ofSeconds(3)));
            if (epoch > 0 && random.nextInt(10) > 0) { // now and then it is a new process
                attachment
                        .getAttachBuilder()
                        .getResumeBuilder()
                        .setSessionEpoch(epoch)
                        .addAllClaims(held.values().stream()
                                .map(AgentFixture::reference)
                                .toList());
            } else {
                held.clear();
            }
            session.send(attachment);
            return session;
        }

        private void work(SessionClient session) throws InterruptedException {
            int moves = 5 + random.nextInt(40);
            for (int i = 0; i < moves && !session.hasEnded(); i++) {
                var claim = session.nextIfAny(200);
                if (claim != null) {
                    held.put(claim.getWorkOrder().getWorkOrderId(), claim);
                }
                if (claim == null && left() == 0) {
                    return;
                }
                move(session);
            }
            if (random.nextBoolean()) {
                session.halfClose();
                session.ended();
            } // otherwise it is cut off, with whatever is under way
        }

        private void move(SessionClient session) {
            var some = some();
            var message = WorkRequest.newBuilder();
            switch (some == null ? 9 : random.nextInt(10)) {
                case 0 ->
                    message.addFailures(WorkFailure.newBuilder()
                            .setClaim(reference(some))
                            .setErrorMessage("it broke")
                            .setRetryDelay(Messages.duration(Duration.ZERO)));
                case 1 -> message.addReleases(reference(some));
                case 2, 3, 4, 5, 6, 7 -> message = SessionClient.completion(some);
                default -> message.setHeartbeat(true);
            }
            boolean ends = message.getFailuresCount() + message.getReleasesCount() + message.getCompletionsCount() > 0;
            if (ends) {
                message.setCredits(1);
                held.remove(some.getWorkOrder().getWorkOrderId());
            }
            if (message.getCompletionsCount() > 0) {
                unanswered.add(some.getWorkOrder().getWorkOrderId());
            }
            long number = session.send(message);
            if (random.nextInt(8) > 0) { // otherwise it does not wait for the answer, and the stream may break
                answered(session, number, message);
            }
        }

        private void answered(SessionClient session, long number, WorkRequest.Builder message) {
            var ack = session.ackIfAny(number);
            if (ack == null) {
                return;
            }
            ack.getLostClaimsList().forEach(lost -> held.remove(lost.getWorkOrderId()));
            ack.getCompletionsList().stream()
                    .filter(outcome -> !outcome.hasError())
                    .forEach(this::count);
        }

        private void count(WorkOutcome outcome) {
            if (!outcome.getReplayed()) {
                accepted.computeIfAbsent(outcome.getWorkOrderId(), _ -> new AtomicInteger())
                        .incrementAndGet();
            }
        }

        private ClaimedWork some() {
            if (held.isEmpty()) {
                return null;
            }
            return new ArrayList<>(held.values()).get(random.nextInt(held.size()));
        }
    }
}
