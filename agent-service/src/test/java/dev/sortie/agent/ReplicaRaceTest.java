package dev.sortie.agent;

import static dev.sortie.agent.AgentFixture.claim;
import static dev.sortie.agent.AgentFixture.order;
import static dev.sortie.agent.AgentFixture.reference;
import static dev.sortie.agent.AgentFixture.seconds;
import static dev.sortie.agent.AgentFixture.struct;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.agent.v1.CancelWorkOrderRequest;
import dev.sortie.agent.v1.CapabilityLevel;
import dev.sortie.agent.v1.CapabilityRequirement;
import dev.sortie.agent.v1.ClaimWorkResponse;
import dev.sortie.agent.v1.ClaimedWork;
import dev.sortie.agent.v1.CompleteWorkRequest;
import dev.sortie.agent.v1.EnqueueWorkOrdersRequest;
import dev.sortie.agent.v1.FailWorkRequest;
import dev.sortie.agent.v1.HeartbeatWorkRequest;
import dev.sortie.agent.v1.PauseQueueRequest;
import dev.sortie.agent.v1.PutQueueRequest;
import dev.sortie.agent.v1.Queue;
import dev.sortie.agent.v1.RateLimit;
import dev.sortie.agent.v1.RedriveWorkOrdersRequest;
import dev.sortie.agent.v1.ReleaseWorkRequest;
import dev.sortie.agent.v1.ResumeQueueRequest;
import dev.sortie.agent.v1.SetWorkerCapabilitiesRequest;
import dev.sortie.agent.v1.WorkCompletion;
import dev.sortie.agent.v1.WorkFailure;
import dev.sortie.agent.v1.WorkOrder;
import dev.sortie.agent.v1.WorkOrderStatus;
import dev.sortie.agent.v1.WorkOutcome;
import dev.sortie.agent.v1.WorkerCapability;
import dev.sortie.runtime.grpc.Messages;
import dev.sortie.runtime.testing.SettableClock;
import dev.sortie.type.v1.RetryPolicy;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Many callers do everything at once that can be done to orders, at two servers, of which now and then one is struck
 * down; then all is brought to an end. Whatever came of it must be explained by the history of each order, agree with
 * what the callers were told, and have kept to every limit. What a seed decides is who does what; how it interleaves is
 * up to the machine.
 *
 * <p>{@code -Dsortie.model.seeds=100} runs as many seeds, {@code -Dsortie.model.first-seed=7} begins with another.
 */
@Timeout(value = 10, unit = TimeUnit.MINUTES)
class ReplicaRaceTest {
    private static final int WORKERS = 8;
    private static final int CLAIMS_OF_A_WORKER = 6;
    private static final int STEPS = 45;
    private static final int MAX_RETRIES = 2;
    private static final int LIMIT = 6;
    private static final int LIMIT_PER_KEY = 2;
    private static final int RATE = 5;
    private static final int BURST = 8;
    private static final Duration RATE_INTERVAL = Duration.ofSeconds(10);
    private static final List<String> QUEUES = List.of("plain", "limited", "rated", "skilled");

    static LongStream seeds() {
        long first = Long.getLong("sortie.model.first-seed", 1);
        return LongStream.range(first, first + Long.getLong("sortie.model.seeds", 3));
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void losesNothingAcceptsNothingTwiceAndKeepsToEveryLimit(long seed) throws Exception {
        try (var run = new Run(seed)) {
            run.everythingAtOnce();
            run.bringToAnEnd();
            run.check();
        } catch (Exception | AssertionError failed) {
            throw new AssertionError("seed " + seed, failed);
        }
    }

    /** A time during which a queue handed out nothing, by the order in which the test saw things begin and end. */
    private record Pause(String queueName, long from, long until) {}

    /** A call that claimed something, from its first attempt on. */
    private record Claimed(ClaimedWork work, long from, long until) {}

    /** One seed's run. */
    private static final class Run implements AutoCloseable {
        private final long seed;
        private final SettableClock clock = AgentFixture.clock();
        private final Replicas replicas = new Replicas(clock);
        private final AtomicLong ticks = new AtomicLong();
        private final AtomicLong numbers = new AtomicLong();
        private final AtomicInteger stepsDone = new AtomicInteger();
        private final Map<String, Set<String>> capabilities = new ConcurrentHashMap<>();
        private final Map<String, Set<String>> required = new ConcurrentHashMap<>();
        // What callers were told.
        private final Set<String> placed = ConcurrentHashMap.newKeySet();
        private final Map<String, String> dedupeKeys = new ConcurrentHashMap<>();
        private final ConcurrentLinkedQueue<ClaimedWork> known = new ConcurrentLinkedQueue<>();
        private final ConcurrentLinkedQueue<Claimed> claimed = new ConcurrentLinkedQueue<>();
        private final ConcurrentLinkedQueue<Pause> pauses = new ConcurrentLinkedQueue<>();
        private final Map<String, Set<Double>> results = new ConcurrentHashMap<>();
        private final Map<String, Double> accepted = new ConcurrentHashMap<>();
        private final Map<String, Set<String>> completedBy = new ConcurrentHashMap<>();
        private final Set<String> failed = ConcurrentHashMap.newKeySet();
        private final Set<String> released = ConcurrentHashMap.newKeySet();
        private final Set<String> cancelled = ConcurrentHashMap.newKeySet();

        Run(long seed) {
            this.seed = seed;
            put(Queue.newBuilder().setQueueName("plain"));
            put(Queue.newBuilder()
                    .setQueueName("limited")
                    .setConcurrencyLimit(LIMIT)
                    .setConcurrencyLimitPerKey(LIMIT_PER_KEY));
            put(Queue.newBuilder()
                    .setQueueName("rated")
                    .setRateLimit(RateLimit.newBuilder()
                            .setOrders(RATE)
                            .setInterval(seconds(RATE_INTERVAL.toSeconds()))
                            .setBurst(BURST)));
            put(Queue.newBuilder().setQueueName("skilled"));
        }

        private void put(Queue.Builder queue) {
            replicas.get(0)
                    .queues()
                    .putQueue(PutQueueRequest.newBuilder().setQueue(queue).build());
        }

        void everythingAtOnce() throws Exception {
            try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
                var running = new ArrayList<Future<?>>();
                for (int i = 0; i < WORKERS; i++) {
                    running.add(threads.submit(worker(new Random(seed * 100 + i))));
                }
                for (int i = 0; i < 2; i++) {
                    running.add(threads.submit(producer(new Random(seed * 100 + 50 + i))));
                }
                running.add(threads.submit(operator(new Random(seed * 100 + 60))));
                var striking = threads.submit(striker(new Random(seed * 100 + 70)));
                try {
                    for (var one : running) {
                        one.get(5, TimeUnit.MINUTES);
                    }
                    striking.get(5, TimeUnit.MINUTES);
                } finally {
                    threads.shutdownNow();
                }
            }
        }

        // Those who place orders.

        private Callable<Void> producer(Random random) {
            return () -> {
                for (int step = 0; step < STEPS / 2; step++) {
                    place(random);
                    stepsDone.incrementAndGet();
                }
                return null;
            };
        }

        private void place(Random random) throws InterruptedException {
            var request = EnqueueWorkOrdersRequest.newBuilder()
                    .setRequestId(UUID.randomUUID().toString());
            int count = 1 + random.nextInt(5);
            for (int i = 0; i < count; i++) {
                request.addWorkOrders(newOrder(random));
            }
            var orders = replicas.insist(random, server -> server.orders().enqueueWorkOrders(request.build()))
                    .orElseThrow()
                    .getWorkOrdersList();
            assertThat(orders).hasSize(count);
            for (var order : orders) {
                placed.add(order.getWorkOrderId());
                if (!order.getDedupeKey().isEmpty()) {
                    var key = order.getQueueName() + " " + order.getDedupeKey();
                    var other = dedupeKeys.putIfAbsent(key, order.getWorkOrderId());
                    assertThat(other).as("order of %s", key).isIn(null, order.getWorkOrderId());
                }
            }
        }

        private WorkOrder newOrder(Random random) {
            var queue = QUEUES.get(random.nextInt(QUEUES.size()));
            var order = order(queue)
                    .setPriority(1 + random.nextInt(5))
                    .setTimeout(seconds(60))
                    .setRetryPolicy(RetryPolicy.newBuilder()
                            .setMaxRetries(MAX_RETRIES)
                            .setInitialBackoff(seconds(4))
                            .setBackoffMultiplier(1));
            switch (queue) {
                case "limited" -> order.setConcurrencyKey("key-" + random.nextInt(4));
                case "skilled" -> {
                    if (random.nextBoolean()) {
                        order.addRequiredCapabilities(CapabilityRequirement.newBuilder()
                                .setName("skill-" + random.nextInt(2))
                                .setMinLevel(CapabilityLevel.CAPABILITY_LEVEL_INTERMEDIATE));
                    }
                }
                default -> {
                    if (random.nextInt(4) == 0) {
                        // The same content for the same key.
                        return order.setPriority(3)
                                .setDedupeKey("dedupe-" + random.nextInt(12))
                                .build();
                    }
                }
            }
            if (random.nextInt(5) == 0) {
                order.setRunTime(Messages.timestamp(clock.instant().plusSeconds(random.nextInt(15))));
            }
            if (random.nextInt(8) == 0) {
                order.setExpireTime(Messages.timestamp(clock.instant().plusSeconds(20 + random.nextInt(40))));
            }
            return order.build();
        }

        // Those who work.

        private Callable<Void> worker(Random random) {
            return () -> {
                var skills = new ArrayList<String>();
                for (var skill : List.of("skill-0", "skill-1")) {
                    if (random.nextBoolean()) {
                        skills.add(skill);
                    }
                }
                var id = register(random, CLAIMS_OF_A_WORKER, skills);
                var held = new ArrayList<ClaimedWork>();
                for (int step = 0; step < STEPS; step++) {
                    int what = random.nextInt(12);
                    if (what < 5 || held.isEmpty()) {
                        held.addAll(claimSome(random, id));
                    } else if (what < 8) {
                        complete(random, take(held, random));
                    } else if (what == 8) {
                        fail(random, take(held, random));
                    } else if (what == 9) {
                        release(random, take(held, random));
                    } else if (what == 10) {
                        heartbeat(random, id, held);
                    } else {
                        // Somebody's claim, which may have ended in whatever way.
                        var somebodys = any(known, random);
                        if (somebodys != null) {
                            switch (random.nextInt(3)) {
                                case 0 -> complete(random, somebodys);
                                case 1 -> fail(random, somebodys);
                                default -> release(random, somebodys);
                            }
                        }
                    }
                    stepsDone.incrementAndGet();
                }
                return null;
            };
        }

        private String register(Random random, int most, List<String> skills) throws InterruptedException {
            var id = replicas.insist(random, server -> server.register(most)).orElseThrow();
            var request = SetWorkerCapabilitiesRequest.newBuilder().setWorkerId(id);
            skills.forEach(skill -> request.addCapabilities(
                    WorkerCapability.newBuilder().setName(skill).setLevel(CapabilityLevel.CAPABILITY_LEVEL_EXPERT)));
            replicas.insist(random, server -> server.workers().setWorkerCapabilities(request.build()))
                    .orElseThrow();
            capabilities.put(id, Set.copyOf(skills));
            return id;
        }

        private List<ClaimedWork> claimSome(Random random, String workerId) throws InterruptedException {
            var queues = QUEUES.stream().filter(_ -> random.nextInt(2) == 0).toList();
            var request = claim(workerId, queues.isEmpty() ? "plain" : queues.getFirst())
                    .setMaxOrders(1 + random.nextInt(4))
                    .setLeaseDuration(seconds(8 + random.nextInt(25)));
            queues.stream().skip(1).forEach(request::addQueueNames);
            if (random.nextInt(3) == 0) {
                request.setWait(com.google.protobuf.Duration.newBuilder().setNanos(50_000_000));
            }
            long from = ticks.incrementAndGet();
            Optional<ClaimWorkResponse> response;
            if (random.nextInt(3) == 0) {
                request.setRequestId(UUID.randomUUID().toString());
                response = replicas.insist(random, server -> server.work().claimWork(request.build()));
                if (response.isPresent() && response.get().getClaimsCount() > 0 && random.nextInt(3) == 0) {
                    var again = replicas.insist(random, server -> server.work().claimWork(request.build()))
                            .orElseThrow();
                    assertThat(again.getClaimsList()).isEqualTo(response.get().getClaimsList());
                    assertThat(again.getReplayed()).isTrue();
                }
            } else {
                response = replicas.once(
                        replicas.any(random), server -> server.work().claimWork(request.build()));
            }
            long until = ticks.incrementAndGet();
            var claims = response.map(ClaimWorkResponse::getClaimsList).orElse(List.of());
            for (var work : claims) {
                assertThat(request.getQueueNamesList())
                        .contains(work.getWorkOrder().getQueueName());
                known.add(work);
                claimed.add(new Claimed(work, from, until));
            }
            return claims;
        }

        private void complete(Random random, ClaimedWork work) throws InterruptedException {
            var id = work.getWorkOrder().getWorkOrderId();
            double number = numbers.incrementAndGet();
            results.computeIfAbsent(id, _ -> ConcurrentHashMap.newKeySet()).add(number);
            var request = CompleteWorkRequest.newBuilder()
                    .addCompletions(WorkCompletion.newBuilder()
                            .setClaim(reference(work))
                            .setResult(struct("n", number)))
                    .build();
            var outcome = replicas.insist(
                    random, server -> server.work().completeWork(request).getOutcomes(0));
            if (isAccepted(outcome)) {
                completedBy
                        .computeIfAbsent(id, _ -> ConcurrentHashMap.newKeySet())
                        .add(work.getClaimToken());
                if (!outcome.orElseThrow().getReplayed()) {
                    assertThat(accepted.putIfAbsent(id, number))
                            .as("an earlier result of order %s", id)
                            .isNull();
                }
            }
        }

        private void fail(Random random, ClaimedWork work) throws InterruptedException {
            var failure = WorkFailure.newBuilder().setClaim(reference(work)).setErrorMessage("it broke");
            if (random.nextInt(6) == 0) {
                failure.setNonRetryable(true);
            } else if (random.nextInt(3) == 0) {
                failure.setRetryDelay(seconds(random.nextInt(10)));
            }
            var request = FailWorkRequest.newBuilder().addFailures(failure).build();
            if (isAccepted(replicas.insist(
                    random, server -> server.work().failWork(request).getOutcomes(0)))) {
                failed.add(work.getExecutionId());
            }
        }

        private void release(Random random, ClaimedWork work) throws InterruptedException {
            var request =
                    ReleaseWorkRequest.newBuilder().addClaims(reference(work)).build();
            if (isAccepted(replicas.insist(
                    random, server -> server.work().releaseWork(request).getOutcomes(0)))) {
                released.add(work.getExecutionId());
            }
        }

        private void heartbeat(Random random, String workerId, List<ClaimedWork> held) throws InterruptedException {
            var request = HeartbeatWorkRequest.newBuilder()
                    .setWorkerId(workerId)
                    .addAllClaims(held.stream().map(AgentFixture::reference).toList())
                    .setLeaseDuration(seconds(10))
                    .build();
            replicas.insist(random, server -> server.work().heartbeatWork(request));
        }

        // The one who manages, and the one who breaks things.

        private Callable<Void> operator(Random random) {
            return () -> {
                for (int step = 0; step < STEPS; step++) {
                    switch (random.nextInt(8)) {
                        case 0 -> cancel(random);
                        case 1 -> redrive(random);
                        case 2 -> pauseForAWhile(random);
                        default -> {
                            clock.advance(Duration.ofMillis(500 + random.nextInt(3_500)));
                            runJobs(replicas.any(random));
                        }
                    }
                    stepsDone.incrementAndGet();
                }
                return null;
            };
        }

        private void cancel(Random random) throws InterruptedException {
            var id = any(placed, random);
            if (id != null) {
                var request =
                        CancelWorkOrderRequest.newBuilder().setWorkOrderId(id).build();
                if (replicas.insist(random, server -> server.orders().cancelWorkOrder(request))
                        .isPresent()) {
                    cancelled.add(id);
                }
            }
        }

        private void redrive(Random random) throws InterruptedException {
            var request = RedriveWorkOrdersRequest.newBuilder()
                    .setQueueName(QUEUES.get(random.nextInt(QUEUES.size())))
                    .setMaxOrders(3)
                    .setReason("try again")
                    .setRequestId(UUID.randomUUID().toString());
            if (random.nextBoolean()) {
                request.setOrdersPerSecond(0.5);
            }
            replicas.insist(random, server -> server.orders().redriveWorkOrders(request.build()));
        }

        private void pauseForAWhile(Random random) throws InterruptedException {
            var queue = QUEUES.get(random.nextInt(QUEUES.size()));
            var pause = PauseQueueRequest.newBuilder().setQueueName(queue).build();
            replicas.insist(random, server -> server.queues().pauseQueue(pause)).orElseThrow();
            long from = ticks.incrementAndGet();
            clock.advance(Duration.ofSeconds(1));
            int steps = stepsDone.get();
            Replicas.eventually("others take some steps", () -> stepsDone.get() > steps + 20 || areWorkersDone());
            pauses.add(new Pause(queue, from, ticks.incrementAndGet()));
            var resume = ResumeQueueRequest.newBuilder().setQueueName(queue).build();
            replicas.insist(random, server -> server.queues().resumeQueue(resume))
                    .orElseThrow();
        }

        private boolean areWorkersDone() {
            return stepsDone.get() >= WORKERS * STEPS + 2 * (STEPS / 2);
        }

        private Callable<Void> striker(Random random) {
            return () -> {
                int all = (WORKERS + 2) * STEPS;
                for (double part : new double[] {0.2, 0.45, 0.7}) {
                    Replicas.eventually("there is something to lose", () -> stepsDone.get() > part * all);
                    if (random.nextInt(4) == 0) {
                        replicas.cutSessions();
                    } else {
                        replicas.strike(random.nextInt(2));
                    }
                }
                return null;
            };
        }

        private void runJobs(AgentFixture server) {
            try {
                server.server().jobs().endLeases();
                server.server().jobs().promoteOrders();
                server.server().jobs().expireOrders();
            } catch (RuntimeException gone) {
                // The next one does it.
            }
        }

        // The end.

        void bringToAnEnd() throws InterruptedException {
            var random = new Random(seed);
            var id = register(random, 1_000, List.of("skill-0", "skill-1"));
            Replicas.eventually("all orders come to their ends", () -> {
                clock.advance(Duration.ofSeconds(10));
                runJobs(replicas.any(random));
                try {
                    for (var queue : QUEUES) {
                        var request = claim(id, queue).setMaxOrders(100).build();
                        for (var work : replicas.insist(
                                        random, server -> server.work().claimWork(request))
                                .orElseThrow()
                                .getClaimsList()) {
                            known.add(work);
                            complete(random, work);
                        }
                    }
                } catch (InterruptedException stopped) {
                    throw new AssertionError(stopped);
                }
                return replicas.number("SELECT count(*) FROM work_order_states WHERE status IN ('PENDING', 'CLAIMED')")
                        == 0;
            });
        }

        void check() {
            var history = new OrderHistory(replicas.database());
            history.checkMoves();
            assertThat(history.orders().keySet()).containsAll(placed);
            assertThat(history.orders().values()).noneMatch(OrderHistory.Order::isOpen);
            checkLimits(history);
            checkWhatCallersWereTold(history);
        }

        private void checkLimits(OrderHistory history) {
            history.checkHeld(
                    "queue",
                    claim -> claim.order().queueName(),
                    queue -> queue.equals("limited") ? LIMIT : Integer.MAX_VALUE);
            history.checkHeld("key", claim -> claim.order().concurrencyKey(), _ -> LIMIT_PER_KEY);
            history.checkHeld(
                    "worker",
                    claim -> claim.event().workerId(),
                    id -> capabilities.containsKey(id) ? Math.max(CLAIMS_OF_A_WORKER, ofTheLast(id)) : 0);
            history.checkRate("rated", RATE, RATE_INTERVAL, BURST);
            for (var claim : claimed) {
                var order = claim.work.getWorkOrder();
                assertThat(capabilities.get(order.getWorkerId()))
                        .as("what the worker of %s can do", order)
                        .containsAll(order.getRequiredCapabilitiesList().stream()
                                .map(CapabilityRequirement::getName)
                                .toList());
                for (var pause : pauses) {
                    assertThat(pause.queueName.equals(order.getQueueName())
                                    && claim.from > pause.from
                                    && claim.until < pause.until)
                            .as("claimed while its queue was paused: %s", order)
                            .isFalse();
                }
            }
        }

        /** The one that brings everything to its end holds more. */
        private int ofTheLast(String workerId) {
            return capabilities.get(workerId).size() == 2 ? 1_000 : 0;
        }

        private void checkWhatCallersWereTold(OrderHistory history) {
            for (var order : history.orders().values()) {
                var shown = replicas.get(1).get(order.id());
                assertThat(shown.getStatus()).isEqualTo(WorkOrderStatus.valueOf("WORK_ORDER_STATUS_" + order.status()));
                var by = completedBy.getOrDefault(order.id(), Set.of());
                assertThat(by).as("claims by which %s was completed", order).hasSizeLessThan(2);
                if (order.status().equals("COMPLETED")) {
                    var result = shown.getResult().getFieldsOrThrow("n").getNumberValue();
                    assertThat(results.get(order.id())).contains(result);
                    assertThat(accepted.getOrDefault(order.id(), result))
                            .as("the accepted result of %s", order)
                            .isEqualTo(result);
                } else {
                    assertThat(by).as("claims by which %s was completed", order).isEmpty();
                }
            }
            for (var id : cancelled) {
                assertThat(history.orders().get(id).status()).isEqualTo("CANCELLED");
            }
            for (var id : failed) {
                assertThat(history.attempts().get(id).status()).isEqualTo("FAILED");
            }
            for (var id : released) {
                assertThat(history.attempts().get(id).givenBack()).isTrue();
            }
            // What nobody was told of was not completed by anybody: each such attempt is one of those above.
            var completed = history.attempts().values().stream()
                    .filter(attempt -> attempt.status().equals("COMPLETED"))
                    .toList();
            assertThat(completed).hasSameSizeAs(completedBy.keySet());
        }

        @Override
        public void close() {
            replicas.close();
        }
    }

    private static boolean isAccepted(Optional<WorkOutcome> outcome) {
        return outcome.isPresent() && !outcome.get().hasError();
    }

    private static ClaimedWork take(List<ClaimedWork> held, Random random) {
        return held.remove(random.nextInt(held.size()));
    }

    private static <T> T any(java.util.Collection<T> all, Random random) {
        var list = List.copyOf(all);
        return list.isEmpty() ? null : list.get(random.nextInt(list.size()));
    }
}
