package dev.sortie.agent;

import static dev.sortie.agent.AgentFixture.claim;
import static dev.sortie.agent.AgentFixture.order;
import static dev.sortie.agent.AgentFixture.reference;
import static dev.sortie.agent.AgentFixture.seconds;
import static dev.sortie.agent.AgentFixture.struct;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Value;
import dev.sortie.agent.v1.CancelWorkOrderRequest;
import dev.sortie.agent.v1.CapabilityLevel;
import dev.sortie.agent.v1.CapabilityRequirement;
import dev.sortie.agent.v1.ClaimedWork;
import dev.sortie.agent.v1.HeartbeatWorkRequest;
import dev.sortie.agent.v1.PauseQueueRequest;
import dev.sortie.agent.v1.PutQueueRequest;
import dev.sortie.agent.v1.Queue;
import dev.sortie.agent.v1.RedriveWorkOrdersRequest;
import dev.sortie.agent.v1.ReleaseWorkRequest;
import dev.sortie.agent.v1.ResumeQueueRequest;
import dev.sortie.agent.v1.SetWorkerCapabilitiesRequest;
import dev.sortie.agent.v1.WorkCheckpoint;
import dev.sortie.agent.v1.WorkFailure;
import dev.sortie.agent.v1.WorkOrder;
import dev.sortie.agent.v1.WorkerCapability;
import dev.sortie.runtime.grpc.Messages;
import dev.sortie.runtime.testing.SettableClock;
import dev.sortie.type.v1.RetryPolicy;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Two servers against {@link QueueModel}, through random sequences of calls, each at either of them, of which now and
 * then one is struck down: what is claimed, and in which order, what is accepted and what is refused, and where every
 * order stands after each call.
 *
 * <p>{@code -Dsortie.model.seeds=100} runs as many seeds, {@code -Dsortie.model.first-seed=7} begins with another.
 */
@Timeout(value = 10, unit = TimeUnit.MINUTES)
class ReplicaOrderTest {
    private static final int STEPS = 160;

    static LongStream seeds() {
        long first = Long.getLong("sortie.model.first-seed", 1);
        return LongStream.range(first, first + Long.getLong("sortie.model.seeds", 3));
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void behavesAsTheModel(long seed) {
        int step = 0;
        try (var run = new Run(seed)) {
            for (; step < STEPS; step++) {
                run.step();
                run.compare();
            }
        } catch (RuntimeException | AssertionError failed) {
            throw new AssertionError("seed " + seed + ", step " + step, failed);
        }
    }

    /** One seed's run. */
    private static final class Run implements AutoCloseable {
        private final Random random;
        private final SettableClock clock = AgentFixture.clock();
        private final Replicas replicas = new Replicas(clock);
        private final QueueModel model = new QueueModel();
        private final List<QueueModel.Worker> workers = new ArrayList<>();
        private final List<ClaimedWork> claims = new ArrayList<>();
        private double checkpoints;

        Run(long seed) {
            this.random = new Random(seed);
            put(Queue.newBuilder().setQueueName(QueueModel.PLAIN));
            put(Queue.newBuilder()
                    .setQueueName(QueueModel.LIMITED)
                    .setConcurrencyLimit(QueueModel.LIMIT)
                    .setConcurrencyLimitPerKey(QueueModel.LIMIT_PER_KEY));
            for (var one : List.of(
                    new QueueModel.Worker("", 1_000, false),
                    new QueueModel.Worker("", 1_000, true),
                    new QueueModel.Worker("", 3, true))) {
                var id = server().register(one.room());
                if (one.isSkilled()) {
                    server().workers()
                            .setWorkerCapabilities(SetWorkerCapabilitiesRequest.newBuilder()
                                    .setWorkerId(id)
                                    .addCapabilities(WorkerCapability.newBuilder()
                                            .setName("skill")
                                            .setLevel(CapabilityLevel.CAPABILITY_LEVEL_EXPERT))
                                    .build());
                }
                workers.add(new QueueModel.Worker(id, one.room(), one.isSkilled()));
            }
        }

        private void put(Queue.Builder queue) {
            server().queues()
                    .putQueue(PutQueueRequest.newBuilder()
                            .setQueue(queue.setPriorityAging(seconds(QueueModel.AGING.toSeconds())))
                            .build());
        }

        private AgentFixture server() {
            return replicas.any(random);
        }

        void step() {
            int what = random.nextInt(26);
            if (what < 6) {
                place();
            } else if (what < 12) {
                claimSome();
            } else if (what < 15) {
                end("COMPLETED");
            } else if (what < 17) {
                end("FAILED");
            } else if (what < 19) {
                end("RELEASED");
            } else if (what == 19) {
                heartbeat();
            } else if (what == 20) {
                cancel();
            } else if (what == 21) {
                redrive();
            } else if (what == 22) {
                pauseOrResume();
            } else if (what < 25) {
                pass(Duration.ofSeconds(1 + random.nextInt(15)));
            } else if (random.nextInt(3) == 0) {
                replicas.strike(random.nextInt(2));
            }
        }

        private void place() {
            var now = clock.instant();
            var queue = random.nextBoolean() ? QueueModel.PLAIN : QueueModel.LIMITED;
            int priority = 1 + random.nextInt(5);
            boolean isLimited = queue.equals(QueueModel.LIMITED);
            var key = isLimited && random.nextInt(4) > 0 ? "key-" + random.nextInt(3) : "";
            boolean isSkilled = isLimited && random.nextInt(3) == 0;
            var runAt = random.nextInt(4) == 0 ? now.plusSeconds(1 + random.nextInt(20)) : now;
            var expiresAt = random.nextInt(6) == 0 ? now.plusSeconds(5 + random.nextInt(40)) : null;
            var dedupeKey = random.nextInt(5) == 0 ? "name-" + random.nextInt(5) : "";
            var order = order(queue)
                    .setPriority(priority)
                    .setConcurrencyKey(key)
                    .setDedupeKey(dedupeKey.isEmpty() ? "" : queue + dedupeKey)
                    .setTimeout(seconds(QueueModel.TIMEOUT.toSeconds()))
                    .setRetryPolicy(RetryPolicy.newBuilder()
                            .setMaxRetries(QueueModel.MAX_RETRIES)
                            .setInitialBackoff(seconds(QueueModel.BACKOFF.toSeconds()))
                            .setBackoffMultiplier(1));
            if (isSkilled) {
                order.addRequiredCapabilities(CapabilityRequirement.newBuilder()
                        .setName("skill")
                        .setMinLevel(CapabilityLevel.CAPABILITY_LEVEL_ADVANCED));
            }
            if (runAt.isAfter(now)) {
                order.setRunTime(Messages.timestamp(runAt));
            }
            if (expiresAt != null) {
                order.setExpireTime(Messages.timestamp(expiresAt));
            }
            var named = dedupeKey.isEmpty() ? java.util.Optional.<String>empty() : model.named(queue + dedupeKey);
            WorkOrder placed;
            try {
                placed = server().enqueue(order);
            } catch (StatusRuntimeException refused) {
                assertThat(refused.getStatus().getCode()).isEqualTo(Status.Code.ALREADY_EXISTS);
                assertThat(named).isPresent();
                return;
            }
            if (named.isPresent()) {
                assertThat(placed.getWorkOrderId()).isEqualTo(named.get());
                return;
            }
            model.place(
                    new QueueModel.Order(placed.getWorkOrderId(), queue, priority, key, isSkilled, runAt, expiresAt),
                    dedupeKey.isEmpty() ? "" : queue + dedupeKey,
                    now);
        }

        private void claimSome() {
            var now = clock.instant();
            var worker = workers.get(random.nextInt(workers.size()));
            var queues = switch (random.nextInt(4)) {
                case 0 -> List.of(QueueModel.PLAIN);
                case 1 -> List.of(QueueModel.LIMITED);
                default -> List.of(QueueModel.LIMITED, QueueModel.PLAIN);
            };
            int most = 1 + random.nextInt(6);
            var expected = model.claim(worker, queues, most, now);
            List<ClaimedWork> got;
            try {
                got = server().work()
                        .claimWork(claim(worker.id(), queues.toArray(String[]::new))
                                .setMaxOrders(most)
                                .setLeaseDuration(seconds(QueueModel.LEASE.toSeconds()))
                                .build())
                        .getClaimsList();
            } catch (StatusRuntimeException full) {
                assertThat(full.getStatus().getCode()).isEqualTo(Status.Code.FAILED_PRECONDITION);
                got = List.of();
            }
            assertThat(got)
                    .extracting(claimed -> claimed.getWorkOrder().getWorkOrderId())
                    .as("claimed from %s by %s", queues, worker)
                    .containsExactlyElementsOf(
                            expected.stream().map(order -> order.id).toList());
            for (var claimed : got) {
                var id = claimed.getWorkOrder().getWorkOrderId();
                model.claimed(id, claimed.getClaimToken(), now);
                assertThat(claimed.getAttempt()).isEqualTo(model.orders().get(id).retries + 1);
                assertThat(claimed.getCheckpoint()
                                .getFieldsOrDefault("at", Value.getDefaultInstance())
                                .getNumberValue())
                        .as("how far the work had got on %s", id)
                        .isEqualTo(model.orders().get(id).checkpoint);
                claims.add(claimed);
            }
        }

        private void end(String how) {
            if (claims.isEmpty()) {
                return;
            }
            var claimed = anyClaim();
            var now = clock.instant();
            boolean isRetryable = random.nextInt(4) > 0;
            var delay = random.nextInt(3) == 0 ? Duration.ofSeconds(random.nextInt(8)) : null;
            var next = now.plus(delay == null ? QueueModel.BACKOFF : delay);
            var failure = WorkFailure.newBuilder().setClaim(reference(claimed)).setErrorMessage("it broke");
            if (delay != null) {
                failure.setRetryDelay(seconds(delay.toSeconds()));
            }
            double checkpoint = how.equals("COMPLETED") ? 0 : checkpoint();
            if (checkpoint > 0) {
                failure.setCheckpoint(struct("at", checkpoint));
            }
            var release = ReleaseWorkRequest.newBuilder()
                    .addClaims(reference(claimed))
                    .addAllCheckpoints(checkpoints(claimed, checkpoint))
                    .build();
            boolean isAccepted = accepts(() -> {
                var outcome = switch (how) {
                    case "COMPLETED" -> server().complete(claimed).getOutcomes(0);
                    case "FAILED" ->
                        server().fail(failure.setNonRetryable(!isRetryable)).getOutcomes(0);
                    default -> server().work().releaseWork(release).getOutcomes(0);
                };
                return !outcome.hasError();
            });
            assertThat(isAccepted)
                    .as("%s of %s", how, claimed)
                    .isEqualTo(model.end(
                            claimed.getWorkOrder().getWorkOrderId(),
                            claimed.getClaimToken(),
                            new QueueModel.End(how, isRetryable, next, checkpoint),
                            now));
            settle();
        }

        /** How far some work has got, now and then: a number that was not there before. */
        private double checkpoint() {
            return random.nextBoolean() ? ++checkpoints : 0;
        }

        private static List<WorkCheckpoint> checkpoints(ClaimedWork claimed, double checkpoint) {
            return checkpoint == 0
                    ? List.of()
                    : List.of(WorkCheckpoint.newBuilder()
                            .setWorkOrderId(claimed.getWorkOrder().getWorkOrderId())
                            .setCheckpoint(struct("at", checkpoint))
                            .build());
        }

        private void heartbeat() {
            if (claims.isEmpty()) {
                return;
            }
            var claimed = anyClaim();
            double checkpoint = checkpoint();
            boolean isExtended = accepts(() -> !server().work()
                    .heartbeatWork(HeartbeatWorkRequest.newBuilder()
                            .setWorkerId(claimed.getWorkOrder().getWorkerId())
                            .addClaims(reference(claimed))
                            .addAllCheckpoints(checkpoints(claimed, checkpoint))
                            .setLeaseDuration(seconds(QueueModel.LEASE.toSeconds()))
                            .build())
                    .getOutcomes(0)
                    .hasError());
            assertThat(isExtended)
                    .isEqualTo(model.heartbeat(
                            claimed.getWorkOrder().getWorkOrderId(),
                            claimed.getClaimToken(),
                            checkpoint,
                            clock.instant()));
        }

        private void cancel() {
            if (model.orders().isEmpty()) {
                return;
            }
            var id = List.copyOf(model.orders().keySet())
                    .get(random.nextInt(model.orders().size()));
            boolean isAccepted = accepts(() -> server().orders()
                    .cancelWorkOrder(CancelWorkOrderRequest.newBuilder()
                            .setWorkOrderId(id)
                            .build())
                    .hasWorkOrder());
            assertThat(isAccepted).isEqualTo(model.cancel(id));
        }

        private void redrive() {
            var queue = random.nextBoolean() ? QueueModel.PLAIN : QueueModel.LIMITED;
            boolean isSlow = random.nextBoolean();
            var redriven = server().orders()
                    .redriveWorkOrders(RedriveWorkOrdersRequest.newBuilder()
                            .setQueueName(queue)
                            .setMaxOrders(4)
                            .setOrdersPerSecond(isSlow ? 0.25 : 0)
                            .setReason("try again")
                            .build())
                    .getWorkOrdersList();
            assertThat(redriven)
                    .extracting(WorkOrder::getWorkOrderId)
                    .containsExactlyElementsOf(
                            model.redrive(queue, 4, isSlow ? Duration.ofSeconds(4) : Duration.ZERO, clock.instant()));
            settle();
        }

        private void pauseOrResume() {
            var queue = random.nextBoolean() ? QueueModel.PLAIN : QueueModel.LIMITED;
            boolean isPaused = random.nextInt(3) == 0;
            if (isPaused) {
                server().queues()
                        .pauseQueue(PauseQueueRequest.newBuilder()
                                .setQueueName(queue)
                                .build());
            } else {
                server().queues()
                        .resumeQueue(ResumeQueueRequest.newBuilder()
                                .setQueueName(queue)
                                .build());
            }
            model.pause(queue, isPaused);
        }

        private void pass(Duration time) {
            clock.advance(time);
            var jobs = server().server().jobs();
            until("leases that have run out are ended", jobs::endLeases, "lease_expires_at <= '%s'");
            until("orders expire", jobs::expireOrders, "status = 'PENDING' AND expires_at <= '%s'");
            model.pass(clock.instant());
            settle();
        }

        /** Waits until everybody whose time has come stands in line: from then on no job locks any of these. */
        private void settle() {
            until(
                    "orders stand in line",
                    server().server().jobs()::promoteOrders,
                    "status = 'PENDING' AND claim_rank IS NULL AND run_at <= '%s'");
            model.promote(clock.instant());
        }

        private void until(String what, Runnable job, String left) {
            var sql = "SELECT count(*) FROM work_order_states WHERE " + left.formatted(clock.instant());
            try {
                AgentFixture.await(what, () -> {
                    job.run();
                    return replicas.number(sql) == 0;
                });
            } catch (InterruptedException stopped) {
                throw new AssertionError(stopped);
            }
        }

        /** Where every order stands. A wait is shorter by up to a tenth; from here on the model knows by how much. */
        void compare() {
            var expected = new TreeMap<String, String>();
            var found = new TreeMap<String, String>();
            replicas.each(
                    "SELECT work_order_id, status, retry_count, run_at, claim_rank FROM work_order_states", rows -> {
                        var order = model.orders().get(rows.getString(1));
                        assertThat(order).as("order %s", rows.getString(1)).isNotNull();
                        var runAt = rows.getObject(4, OffsetDateTime.class).toInstant();
                        var stored = rows.getObject(5, OffsetDateTime.class);
                        var rank = stored == null ? null : stored.toInstant();
                        if (order.status.equals("PENDING") && order.rank == null) {
                            assertThat(runAt)
                                    .as("when %s is tried again", order.id)
                                    .isBetween(order.runAt.minus(QueueModel.BACKOFF.dividedBy(10)), order.runAt);
                            order.runAt = runAt;
                        }
                        found.put(order.id, told(rows.getString(2), rows.getInt(3), rank));
                        expected.put(
                                order.id,
                                told(order.status, order.retries, order.status.equals("PENDING") ? order.rank : rank));
                    });
            assertThat(found.keySet()).isEqualTo(model.orders().keySet());
            assertThat(found).isEqualTo(expected);
        }

        private static String told(String status, int retries, Instant rank) {
            return "%s, %d retries, in line since %s".formatted(status, retries, rank);
        }

        private ClaimedWork anyClaim() {
            // Mostly one of the latest, whose lease may still run.
            int last = Math.min(claims.size(), 12);
            return random.nextInt(4) == 0
                    ? claims.get(random.nextInt(claims.size()))
                    : claims.get(claims.size() - 1 - random.nextInt(last));
        }

        @Override
        public void close() {
            replicas.close();
        }
    }

    private interface Call {
        boolean isAccepted();
    }

    private static boolean accepts(Call call) {
        try {
            return call.isAccepted();
        } catch (StatusRuntimeException refused) {
            assertThat(refused.getStatus().getCode())
                    .as(refused.getMessage())
                    .isEqualTo(Status.Code.FAILED_PRECONDITION);
            return false;
        }
    }
}
