package dev.sortie.agent;

import static dev.sortie.agent.AgentFixture.claim;
import static dev.sortie.agent.AgentFixture.order;
import static dev.sortie.agent.AgentFixture.reference;
import static dev.sortie.agent.AgentFixture.seconds;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.agent.v1.CancelWorkOrderRequest;
import dev.sortie.agent.v1.ClaimedWork;
import dev.sortie.agent.v1.HeartbeatWorkRequest;
import dev.sortie.agent.v1.WorkFailure;
import dev.sortie.agent.v1.WorkOrderStatus;
import dev.sortie.runtime.grpc.Messages;
import dev.sortie.runtime.testing.SettableClock;
import dev.sortie.type.v1.RetryPolicy;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The service against a model that is simple enough to be right, through random sequences of calls. */
class WorkOrderModelTest {
    private static final SettableClock CLOCK = AgentFixture.clock();
    private static final int MAX_RETRIES = 2;
    private static final Duration LEASE = Duration.ofSeconds(20);
    private static final Duration BACKOFF = Duration.ofSeconds(10);
    private static final Duration TIMEOUT = Duration.ofSeconds(45);
    private static final String FATAL = "Fatal";

    @AutoClose
    private static final AgentFixture AGENT = new AgentFixture(CLOCK);

    /** An order as the model sees it. */
    private static final class Model {
        String status = "PENDING";
        int retries;
        Instant runAt = CLOCK.instant();
        final Instant deadline;
        String token = "";
        Instant leaseEnds = Instant.MIN;
        Instant attemptEnds = Instant.MIN;
        // What became of each token that was given.
        final Map<String, String> ended = new HashMap<>();

        Model(Instant deadline) {
            this.deadline = deadline;
        }

        boolean isCurrent(String shown, Instant now) {
            return status.equals("CLAIMED") && token.equals(shown) && leaseEnds.isAfter(now);
        }

        void end(String how, String next) {
            ended.put(token, how);
            status = next;
        }

        void repeatOrGiveUp(String how, Instant next) {
            // A wait is shorter by up to a tenth.
            if (retries == MAX_RETRIES || !next.minus(BACKOFF.dividedBy(10)).isBefore(deadline)) {
                end(how, "FAILED");
            } else {
                retries++;
                runAt = next;
                end(how, "PENDING");
            }
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
    void behavesAsTheModel(long seed) {
        var random = new Random(seed);
        var queue = "model-" + seed;
        var worker = AGENT.register(1000);
        var models = new HashMap<String, Model>();
        var claims = new ArrayList<ClaimedWork>();
        for (int i = 0; i < 6; i++) {
            place(queue, models, random);
        }

        for (int step = 0; step < 150; step++) {
            var now = CLOCK.instant();
            switch (random.nextInt(9)) {
                case 0, 1, 2 -> {
                    var found = AGENT.work()
                            .claimWork(claim(worker, queue)
                                    .setMaxOrders(2)
                                    .setLeaseDuration(seconds(LEASE.toSeconds()))
                                    .build())
                            .getClaimsList();
                    assertThat(found).hasSize((int) Math.min(2, claimable(models, now)));
                    for (var claimed : found) {
                        var model = models.get(claimed.getWorkOrder().getWorkOrderId());
                        assertThat(model.status).isEqualTo("PENDING");
                        assertThat(claimed.getAttempt()).isEqualTo(model.retries + 1);
                        model.status = "CLAIMED";
                        model.token = claimed.getClaimToken();
                        model.attemptEnds = earlier(now.plus(TIMEOUT), model.deadline);
                        model.leaseEnds = earlier(now.plus(LEASE), model.attemptEnds);
                        claims.add(claimed);
                    }
                }
                case 3 -> {
                    var claimed = any(claims, random);
                    var model = model(models, claimed);
                    var accepted =
                            accepts(() -> AGENT.complete(claimed).getOutcomes(0).hasError());
                    if (model != null) {
                        expect(accepted, model, claimed, "COMPLETED", now);
                        if (model.isCurrent(claimed.getClaimToken(), now)) {
                            model.end("COMPLETED", "COMPLETED");
                        }
                    }
                }
                case 4 -> {
                    var claimed = any(claims, random);
                    var model = model(models, claimed);
                    boolean isFatal = random.nextInt(6) == 0;
                    var accepted = accepts(() -> AGENT.fail(WorkFailure.newBuilder()
                                    .setClaim(reference(claimed))
                                    .setErrorMessage("it broke")
                                    .setErrorType(isFatal ? FATAL : "Other"))
                            .getOutcomes(0)
                            .hasError());
                    if (model != null) {
                        expect(accepted, model, claimed, "FAILED", now);
                        if (model.isCurrent(claimed.getClaimToken(), now)) {
                            if (isFatal) {
                                model.end("FAILED", "FAILED");
                            } else {
                                model.repeatOrGiveUp("FAILED", now.plus(BACKOFF));
                            }
                        }
                    }
                }
                case 5 -> {
                    var claimed = any(claims, random);
                    var model = model(models, claimed);
                    var accepted = accepts(() -> {
                        AGENT.release(claimed);
                        return false;
                    });
                    if (model != null) {
                        expect(accepted, model, claimed, "RELEASED", now);
                        if (model.isCurrent(claimed.getClaimToken(), now)) {
                            model.end("RELEASED", "PENDING");
                        }
                    }
                }
                case 6 -> {
                    var claimed = any(claims, random);
                    var model = model(models, claimed);
                    if (model != null && claimed != null) {
                        var extended = accepts(() -> AGENT.work()
                                .heartbeatWork(HeartbeatWorkRequest.newBuilder()
                                        .setWorkerId(worker)
                                        .addClaims(reference(claimed))
                                        .setLeaseDuration(seconds(LEASE.toSeconds()))
                                        .build())
                                .getOutcomes(0)
                                .hasError());
                        assertThat(extended).isEqualTo(model.isCurrent(claimed.getClaimToken(), now));
                        if (extended) {
                            model.leaseEnds = earlier(now.plus(LEASE), model.attemptEnds);
                        }
                    }
                }
                case 7 -> {
                    if (random.nextInt(5) == 0) {
                        var id = List.copyOf(models.keySet()).get(random.nextInt(models.size()));
                        var model = models.get(id);
                        var accepted = accepts(() -> {
                            AGENT.orders()
                                    .cancelWorkOrder(CancelWorkOrderRequest.newBuilder()
                                            .setWorkOrderId(id)
                                            .build());
                            return false;
                        });
                        assertThat(accepted)
                                .isEqualTo(List.of("PENDING", "CLAIMED", "CANCELLED")
                                        .contains(model.status));
                        if (accepted && model.status.equals("CLAIMED")) {
                            model.end("CANCELLED", "CANCELLED");
                        } else if (accepted) {
                            model.status = "CANCELLED"; // what became of earlier claims stays as it is
                        }
                        place(queue, models, random);
                    }
                }
                default -> {
                    CLOCK.advance(Duration.ofSeconds(1 + random.nextInt(15)));
                    AGENT.endLeases();
                    AGENT.expireOrders();
                    AGENT.promoteOrders();
                    models.values().stream()
                            .filter(m -> m.status.equals("CLAIMED") && !m.leaseEnds.isAfter(CLOCK.instant()))
                            .forEach(m ->
                                    m.repeatOrGiveUp("TIMEOUT", CLOCK.instant().plus(BACKOFF)));
                    models.values().stream()
                            .filter(m -> m.status.equals("PENDING") && !m.deadline.isAfter(CLOCK.instant()))
                            .forEach(m -> m.status = "EXPIRED");
                }
            }
            compare(models, step);
        }
    }

    private static void compare(Map<String, Model> models, int step) {
        models.forEach((id, model) -> {
            var order = AGENT.get(id);
            assertThat(order.getStatus())
                    .as("order %s after step %d", id, step)
                    .isEqualTo(WorkOrderStatus.valueOf("WORK_ORDER_STATUS_" + model.status));
            assertThat(order.getRetryCount())
                    .as("retries of %s after step %d", id, step)
                    .isEqualTo(model.retries);
            if (model.status.equals("PENDING")) {
                var runAt = Messages.instant(order.getRunTime());
                // A wait is shorter by up to a tenth; from here on the model knows by how much.
                assertThat(runAt).isBetween(model.runAt.minus(BACKOFF.dividedBy(10)), model.runAt);
                model.runAt = runAt;
            }
        });
    }

    private static long claimable(Map<String, Model> models, Instant now) {
        return models.values().stream()
                .filter(model ->
                        model.status.equals("PENDING") && !model.runAt.isAfter(now) && model.deadline.isAfter(now))
                .count();
    }

    private static void expect(boolean accepted, Model model, ClaimedWork claimed, String how, Instant now) {
        var token = claimed.getClaimToken();
        assertThat(accepted).isEqualTo(model.isCurrent(token, now) || how.equals(model.ended.get(token)));
    }

    /** An order, every other one with a deadline. */
    private static void place(String queue, Map<String, Model> models, Random random) {
        var order = order(queue)
                .setTimeout(seconds(TIMEOUT.toSeconds()))
                .setRetryPolicy(RetryPolicy.newBuilder()
                        .setMaxRetries(MAX_RETRIES)
                        .setInitialBackoff(seconds(BACKOFF.toSeconds()))
                        .setBackoffMultiplier(1)
                        .addNonRetryableErrorTypes(FATAL));
        var deadline = Instant.MAX;
        if (random.nextBoolean()) {
            deadline = CLOCK.instant().plusSeconds(10 + random.nextInt(100));
            order.setDeadlineTime(Messages.timestamp(deadline));
        }
        models.put(AGENT.enqueue(order).getWorkOrderId(), new Model(deadline));
    }

    private static Instant earlier(Instant one, Instant other) {
        return one.isBefore(other) ? one : other;
    }

    private static ClaimedWork any(List<ClaimedWork> claims, Random random) {
        return claims.isEmpty() ? ClaimedWork.getDefaultInstance() : claims.get(random.nextInt(claims.size()));
    }

    private static Model model(Map<String, Model> models, ClaimedWork claimed) {
        return models.get(claimed.getWorkOrder().getWorkOrderId());
    }

    private interface Call {
        boolean isRefused();
    }

    private static boolean accepts(Call call) {
        try {
            return !call.isRefused();
        } catch (StatusRuntimeException refused) {
            assertThat(refused.getStatus().getCode())
                    .as(refused.getMessage())
                    .isIn(Status.Code.FAILED_PRECONDITION, Status.Code.INVALID_ARGUMENT);
            return false;
        }
    }
}
