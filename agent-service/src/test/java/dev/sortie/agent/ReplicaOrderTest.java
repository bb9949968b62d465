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
import dev.sortie.agent.v1.ClaimReference;
import dev.sortie.agent.v1.ClaimedWork;
import dev.sortie.agent.v1.DedupePolicy;
import dev.sortie.agent.v1.DrainWorkerRequest;
import dev.sortie.agent.v1.EnqueueWorkOrdersRequest;
import dev.sortie.agent.v1.EnqueueWorkOrdersResponse;
import dev.sortie.agent.v1.HeartbeatWorkRequest;
import dev.sortie.agent.v1.PauseQueueRequest;
import dev.sortie.agent.v1.PutQueueRequest;
import dev.sortie.agent.v1.Queue;
import dev.sortie.agent.v1.RedriveWorkOrdersRequest;
import dev.sortie.agent.v1.ReleaseWorkRequest;
import dev.sortie.agent.v1.ResumeQueueRequest;
import dev.sortie.agent.v1.SessionResume;
import dev.sortie.agent.v1.SetWorkerCapabilitiesRequest;
import dev.sortie.agent.v1.WorkCheckpoint;
import dev.sortie.agent.v1.WorkFailure;
import dev.sortie.agent.v1.WorkOrder;
import dev.sortie.agent.v1.WorkOrderStatus;
import dev.sortie.agent.v1.WorkRequest;
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
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
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
            run.compareAsSeen();
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
        private final Map<String, Long> epochs = new HashMap<>();
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
                register(one);
            }
        }

        private void register(QueueModel.Worker one) {
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
            int what = random.nextInt(27);
            if (what < 6) {
                place();
            } else if (what < 10) {
                claimSome();
            } else if (what < 12) {
                workInASession();
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
            } else if (what == 25 && random.nextInt(2) == 0) {
                drain();
            } else if (random.nextInt(3) == 0) {
                replicas.strike(random.nextInt(2));
            }
        }

        private static WorkOrder.Builder draft(String queue) {
            return order(queue)
                    .setTimeout(seconds(QueueModel.TIMEOUT.toSeconds()))
                    .setRetryPolicy(RetryPolicy.newBuilder()
                            .setMaxRetries(QueueModel.MAX_RETRIES)
                            .setInitialBackoff(seconds(QueueModel.BACKOFF.toSeconds()))
                            .setBackoffMultiplier(1)
                            .addNonRetryableErrorTypes(QueueModel.FATAL));
        }

        private void place() {
            if (random.nextInt(5) == 0) {
                placeWithKey();
                return;
            }
            var now = clock.instant();
            var queue = random.nextBoolean() ? QueueModel.PLAIN : QueueModel.LIMITED;
            int priority = 1 + random.nextInt(5);
            boolean isLimited = queue.equals(QueueModel.LIMITED);
            var key = isLimited && random.nextInt(4) > 0 ? "key-" + random.nextInt(3) : "";
            boolean isSkilled = isLimited && random.nextInt(3) == 0;
            var runAt = random.nextInt(4) == 0 ? now.plusSeconds(1 + random.nextInt(20)) : now;
            var expiresAt = random.nextInt(6) == 0 ? now.plusSeconds(5 + random.nextInt(40)) : Instant.MAX;
            var deadline = random.nextInt(3) == 0
                    ? runAt.plusSeconds(3 + random.nextInt(60)).plusMillis(500)
                    : Instant.MAX;
            var order = draft(queue).setPriority(priority).setConcurrencyKey(key);
            if (isSkilled) {
                order.addRequiredCapabilities(CapabilityRequirement.newBuilder()
                        .setName("skill")
                        .setMinLevel(CapabilityLevel.CAPABILITY_LEVEL_ADVANCED));
            }
            if (runAt.isAfter(now)) {
                order.setRunTime(Messages.timestamp(runAt));
            }
            if (expiresAt.isBefore(Instant.MAX)) {
                order.setExpireTime(Messages.timestamp(expiresAt));
            }
            if (deadline.isBefore(Instant.MAX)) {
                order.setDeadlineTime(Messages.timestamp(deadline));
            }
            var placed = server().enqueue(order);
            model.place(
                    new QueueModel.Order(
                            placed.getWorkOrderId(), queue, priority, key, isSkilled, 0, runAt, expiresAt, deadline),
                    "",
                    now);
        }

        /** One with a key, of two contents. */
        private void placeWithKey() {
            var now = clock.instant();
            int content = 1 + random.nextInt(2);
            var key = "name-" + random.nextInt(4);
            var policy = DedupePolicy.forNumber(random.nextInt(4));
            var named = model.named(key);
            boolean isRefused = named.isPresent()
                    && (policy == DedupePolicy.DEDUPE_POLICY_FAIL
                            || (policy == DedupePolicy.DEDUPE_POLICY_UNSPECIFIED && named.get().content != content));
            EnqueueWorkOrdersResponse response;
            try {
                response = server().orders()
                        .enqueueWorkOrders(EnqueueWorkOrdersRequest.newBuilder()
                                .setDedupePolicy(policy)
                                .addWorkOrders(draft(QueueModel.PLAIN)
                                        .setDedupeKey(key)
                                        .setPayload(struct("n", content)))
                                .build());
            } catch (StatusRuntimeException refused) {
                assertThat(refused.getStatus().getCode()).isEqualTo(Status.Code.ALREADY_EXISTS);
                assertThat(isRefused).as("%s of %s", policy, key).isTrue();
                return;
            }
            assertThat(isRefused).as("%s of %s", policy, key).isFalse();
            var id = response.getWorkOrders(0).getWorkOrderId();
            boolean isCreated = named.isEmpty() || policy == DedupePolicy.DEDUPE_POLICY_REPLACE;
            assertThat(response.getOutcomes(0).getCreated()).isEqualTo(isCreated);
            assertThat(response.getOutcomes(0).getReplacedWorkOrderId())
                    .isEqualTo(isCreated ? named.map(order -> order.id).orElse("") : "");
            if (isCreated) {
                model.place(
                        new QueueModel.Order(
                                id, QueueModel.PLAIN, 3, "", false, content, now, Instant.MAX, Instant.MAX),
                        key,
                        now);
            } else {
                assertThat(id).isEqualTo(named.get().id);
            }
        }

        private void claimSome() {
            var now = clock.instant();
            var worker = anyWorker();
            var queues = someQueues();
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
            } catch (StatusRuntimeException fullOrDrained) {
                assertThat(fullOrDrained.getStatus().getCode()).isEqualTo(Status.Code.FAILED_PRECONDITION);
                got = List.of();
            }
            claimed(worker, expected, got, now);
        }

        private QueueModel.Worker anyWorker() {
            return workers.get(random.nextInt(workers.size()));
        }

        private List<String> someQueues() {
            return switch (random.nextInt(4)) {
                case 0 -> List.of(QueueModel.PLAIN);
                case 1 -> List.of(QueueModel.LIMITED);
                default -> List.of(QueueModel.LIMITED, QueueModel.PLAIN);
            };
        }

        private void claimed(
                QueueModel.Worker worker, List<QueueModel.Order> expected, List<ClaimedWork> got, Instant now) {
            assertThat(got)
                    .extracting(claimed -> claimed.getWorkOrder().getWorkOrderId())
                    .as("claimed by %s", worker)
                    .containsExactlyElementsOf(
                            expected.stream().map(order -> order.id).toList());
            for (var claimed : got) {
                var id = claimed.getWorkOrder().getWorkOrderId();
                model.claimed(id, claimed.getClaimToken(), now);
                var order = model.orders().get(id);
                assertThat(claimed.getAttempt()).isEqualTo(order.retries + 1);
                assertThat(Messages.instant(claimed.getLeaseExpireTime())).isEqualTo(order.leaseEnds);
                assertThat(claimed.getCheckpoint()
                                .getFieldsOrDefault("at", Value.getDefaultInstance())
                                .getNumberValue())
                        .as("how far the work had got on %s", id)
                        .isEqualTo(order.checkpoint);
                claims.add(claimed);
            }
        }

        /** A session of its own, or one that goes on: some orders by credit, some results, and its end. */
        private void workInASession() {
            var now = clock.instant();
            var worker = anyWorker();
            var queues = someQueues();
            int credits = random.nextInt(6);
            try (var session = new SessionClient(server().channel(), worker.id())) {
                var message = session.attachment(queues.toArray(String[]::new)).setCredits(credits);
                message.getAttachBuilder().setLeaseDuration(seconds(QueueModel.LEASE.toSeconds()));
                long epoch = epochs.merge(worker.id(), 1L, Long::sum);
                if (epoch > 1 && random.nextBoolean()) {
                    var named = resume(worker, message.getAttachBuilder().getResumeBuilder(), epoch - 1);
                    model.resume(worker.id(), named, now);
                }
                var expected = model.claim(worker, queues, credits, now);
                session.send(message);
                assertThat(session.attached().getSessionEpoch()).isEqualTo(epoch);
                assertThat(session.attached().getResumedClaimsList()).noneMatch(outcome -> outcome.hasError());
                var got = new ArrayList<ClaimedWork>();
                while (got.size() < expected.size()) {
                    got.add(session.next());
                }
                session.call(WorkRequest.newBuilder().setDrain(true));
                assertThat(session.waitingAssignments()).isZero();
                claimed(worker, expected, got, now);
                for (int i = random.nextInt(3); i > 0 && !claims.isEmpty(); i--) {
                    var claimed = anyClaim();
                    assertThat(!session.call(SessionClient.completion(claimed))
                                    .getCompletions(0)
                                    .hasError())
                            .isEqualTo(model.end(
                                    claimed.getWorkOrder().getWorkOrderId(),
                                    claimed.getClaimToken(),
                                    new QueueModel.End("COMPLETED", true, "", now, 0),
                                    now));
                }
                session.halfClose();
                assertThat(session.ended()).isEqualTo(Status.OK);
            }
            settle();
        }

        /** Names some of what the worker holds; the rest did not reach it. */
        private Set<String> resume(QueueModel.Worker worker, SessionResume.Builder resume, long epoch) {
            resume.setSessionEpoch(epoch);
            var named = new HashSet<String>();
            for (var order : model.heldBy(worker.id())) {
                if (random.nextInt(4) > 0) {
                    named.add(order.id);
                    resume.addClaims(
                            ClaimReference.newBuilder().setWorkOrderId(order.id).setClaimToken(order.token));
                }
            }
            return named;
        }

        /** A worker is to leave, and another one of its kind comes. */
        private void drain() {
            var worker = anyWorker();
            server().workers()
                    .drainWorker(DrainWorkerRequest.newBuilder()
                            .setWorkerId(worker.id())
                            .build());
            model.drain(worker.id());
            register(worker);
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
            var type = List.of("", "Other", QueueModel.FATAL).get(random.nextInt(3));
            var failure = WorkFailure.newBuilder()
                    .setClaim(reference(claimed))
                    .setErrorMessage("it broke")
                    .setErrorType(type);
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
                            new QueueModel.End(how, isRetryable, type, next, checkpoint),
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
            model.pass(clock.instant());
            settle();
        }

        /**
         * Waits until every order that is too late has expired, and every other one whose time has come stands in line:
         * from then on no job locks any of these.
         */
        private void settle() {
            var jobs = server().server().jobs();
            until("orders expire", jobs::expireOrders, "status = 'PENDING' AND expires_at <= '%s'");
            until(
                    "orders stand in line",
                    jobs::promoteOrders,
                    "status = 'PENDING' AND claim_rank IS NULL AND run_at <= '%s'");
            model.settle(clock.instant());
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
            replicas.each("""
                    SELECT s.work_order_id, s.status, s.retry_count, s.run_at, s.claim_rank, coalesce(s.error_type, '')
                    FROM work_order_states s
                    """, rows -> {
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
                found.put(order.id, told(rows.getString(2), rows.getInt(3), rank, rows.getString(6)));
                expected.put(
                        order.id,
                        told(
                                order.status,
                                order.retries,
                                order.status.equals("PENDING") ? order.rank : rank,
                                order.errorType));
            });
            assertThat(found.keySet()).isEqualTo(model.orders().keySet());
            assertThat(found).isEqualTo(expected);
        }

        /** The same by calls. */
        void compareAsSeen() {
            for (var order : model.orders().values()) {
                var seen = server().get(order.id);
                assertThat(seen.getStatus()).isEqualTo(WorkOrderStatus.valueOf("WORK_ORDER_STATUS_" + order.status));
                assertThat(seen.getRetryCount()).isEqualTo(order.retries);
                assertThat(seen.getErrorType()).isEqualTo(order.errorType);
                assertThat(seen.hasDeadlineTime() ? Messages.instant(seen.getDeadlineTime()) : Instant.MAX)
                        .isEqualTo(order.deadline);
                assertThat(seen.getDedupeKey().isEmpty()
                                || model.named(seen.getDedupeKey()).orElseThrow() == order)
                        .as("the key of %s", seen)
                        .isTrue();
            }
        }

        private static String told(String status, int retries, Instant rank, String errorType) {
            return "%s, %d retries, in line since %s, last error %s".formatted(status, retries, rank, errorType);
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
