package dev.sortie.agent;

import static dev.sortie.agent.AgentFixture.claim;
import static dev.sortie.agent.AgentFixture.order;
import static dev.sortie.agent.AgentFixture.seconds;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.agent.v1.CancelWorkOrderRequest;
import dev.sortie.agent.v1.CapabilityLevel;
import dev.sortie.agent.v1.CapabilityRequirement;
import dev.sortie.agent.v1.ClaimedWork;
import dev.sortie.agent.v1.DedupePolicy;
import dev.sortie.agent.v1.DrainWorkerRequest;
import dev.sortie.agent.v1.EnqueueWorkOrdersRequest;
import dev.sortie.agent.v1.PauseQueueRequest;
import dev.sortie.agent.v1.PutQueueRequest;
import dev.sortie.agent.v1.Queue;
import dev.sortie.agent.v1.RateLimit;
import dev.sortie.agent.v1.RedriveWorkOrdersRequest;
import dev.sortie.agent.v1.ResumeQueueRequest;
import dev.sortie.agent.v1.WorkOrder;
import dev.sortie.runtime.grpc.Messages;
import dev.sortie.runtime.testing.SettableClock;
import dev.sortie.type.v1.RetryPolicy;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Many callers and sessions do everything at once that can be done to orders, at two servers, of which now and then one
 * is struck down; then all is brought to an end. Whatever came of it must be explained by the history of each order,
 * agree with what the callers were told, and have kept to every limit. What a seed decides is who does what; how it
 * interleaves is up to the machine.
 *
 * <p>{@code -Dsortie.model.seeds=100} runs as many seeds, {@code -Dsortie.model.first-seed=7} begins with another.
 */
@Timeout(value = 10, unit = TimeUnit.MINUTES)
class ReplicaRaceTest {
    static final List<String> QUEUES = List.of("plain", "limited", "rated", "skilled");

    private static final int CALLERS = 5;
    private static final int SESSIONS = 4;
    private static final int STEPS = 40;
    private static final int MAX_RETRIES = 2;
    private static final int LIMIT = 6;
    private static final int LIMIT_PER_KEY = 2;
    private static final int RATE = 5;
    private static final int BURST = 8;
    private static final Duration RATE_INTERVAL = Duration.ofSeconds(10);

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

    /** One seed's run. */
    private static final class Run implements AutoCloseable {
        private final long seed;
        private final SettableClock clock = AgentFixture.clock();
        private final Replicas replicas = new Replicas(clock);
        private final Told told = new Told();
        private final AtomicInteger stepsDone = new AtomicInteger();

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
                for (int i = 0; i < CALLERS; i++) {
                    running.add(threads.submit(worker(new Random(seed * 100 + i))));
                }
                for (int i = 0; i < SESSIONS; i++) {
                    var random = new Random(seed * 100 + 20 + i);
                    running.add(
                            threads.submit(new RaceSession(replicas, told, random, STEPS, stepsDone::incrementAndGet)));
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
            var policy = DedupePolicy.forNumber(random.nextInt(4));
            boolean isStrict =
                    policy == DedupePolicy.DEDUPE_POLICY_FAIL || policy == DedupePolicy.DEDUPE_POLICY_REPLACE;
            var request = EnqueueWorkOrdersRequest.newBuilder()
                    .setDedupePolicy(policy)
                    .setRequestId(UUID.randomUUID().toString());
            var keys = new HashSet<String>();
            for (int i = random.nextInt(5); i < 5; i++) {
                var order = newOrder(random);
                // Such a call names a key once.
                if (!isStrict
                        || order.getDedupeKey().isEmpty()
                        || keys.add(order.getQueueName() + order.getDedupeKey())) {
                    request.addWorkOrders(order);
                }
            }
            var response = replicas.insist(random, server -> server.orders().enqueueWorkOrders(request.build()));
            if (response.isPresent()) {
                told.placed(request.build(), response.get());
            } else {
                assertThat(policy)
                        .as("policy of a call that was refused")
                        .isIn(DedupePolicy.DEDUPE_POLICY_UNSPECIFIED, DedupePolicy.DEDUPE_POLICY_FAIL);
                assertThat(request.getWorkOrdersList())
                        .anyMatch(order -> !order.getDedupeKey().isEmpty());
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
                            .setBackoffMultiplier(1)
                            .addNonRetryableErrorTypes(Told.FATAL));
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
                    if (random.nextInt(3) == 0) {
                        // Mostly the same content for the same key.
                        return order.setPriority(random.nextInt(4) == 0 ? 2 : 3)
                                .setDedupeKey("dedupe-" + random.nextInt(6))
                                .build();
                    }
                }
            }
            var now = clock.instant();
            int later = random.nextInt(5) == 0 ? random.nextInt(15) : 0;
            if (later > 0) {
                order.setRunTime(Messages.timestamp(now.plusSeconds(later)));
            }
            if (random.nextInt(6) == 0) {
                order.setExpireTime(Messages.timestamp(now.plusSeconds(later + 10 + random.nextInt(30))));
            }
            if (random.nextInt(4) == 0) {
                order.setDeadlineTime(Messages.timestamp(now.plusSeconds(later + 10 + random.nextInt(40))));
            }
            return order.build();
        }

        // Those who work.

        private Callable<Void> worker(Random random) {
            return () -> {
                var calls = new RaceCalls(replicas, told, random);
                var id = calls.register();
                var held = new ArrayList<ClaimedWork>();
                for (int step = 0; step < STEPS; step++) {
                    int what = random.nextInt(12);
                    if (what < 5 || held.isEmpty()) {
                        held.addAll(calls.claimSome(id));
                    } else if (what < 8) {
                        calls.complete(take(held, random));
                    } else if (what == 8) {
                        calls.fail(take(held, random));
                    } else if (what == 9) {
                        calls.release(take(held, random));
                    } else if (what == 10) {
                        calls.heartbeat(id, held);
                    } else {
                        calls.endSomebodys();
                    }
                    if (told.isDrained(id) && random.nextInt(5) == 0) {
                        id = calls.register(); // what it holds is finished as another one
                    }
                    stepsDone.incrementAndGet();
                }
                return null;
            };
        }

        // The one who manages, and the one who breaks things.

        private Callable<Void> operator(Random random) {
            return () -> {
                for (int step = 0; step < STEPS; step++) {
                    switch (random.nextInt(9)) {
                        case 0 -> cancel(random);
                        case 1 -> redrive(random);
                        case 2 -> pauseForAWhile(random);
                        case 3 -> drain(random);
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
            var id = any(told.orders(), random);
            if (id != null) {
                var request =
                        CancelWorkOrderRequest.newBuilder().setWorkOrderId(id).build();
                if (replicas.insist(random, server -> server.orders().cancelWorkOrder(request))
                        .isPresent()) {
                    told.cancelled(id);
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
            told.putBack(replicas.insist(random, server -> server.orders().redriveWorkOrders(request.build()))
                    .orElseThrow()
                    .getWorkOrdersList());
        }

        /** Has a worker leave: from the answer on, it claims nothing. */
        private void drain(Random random) throws InterruptedException {
            var id = any(told.workers(), random);
            if (id != null && !told.isDrained(id)) {
                var request = DrainWorkerRequest.newBuilder().setWorkerId(id).build();
                replicas.insist(random, server -> server.workers().drainWorker(request))
                        .orElseThrow();
                told.drained(id);
            }
        }

        private void pauseForAWhile(Random random) throws InterruptedException {
            var queue = QUEUES.get(random.nextInt(QUEUES.size()));
            var pause = PauseQueueRequest.newBuilder().setQueueName(queue).build();
            replicas.insist(random, server -> server.queues().pauseQueue(pause)).orElseThrow();
            long from = told.tick();
            clock.advance(Duration.ofSeconds(1));
            int steps = stepsDone.get();
            Replicas.eventually("others take some steps", () -> stepsDone.get() > steps + 20 || areOthersDone());
            told.paused(queue, from);
            var resume = ResumeQueueRequest.newBuilder().setQueueName(queue).build();
            replicas.insist(random, server -> server.queues().resumeQueue(resume))
                    .orElseThrow();
        }

        /** Then the steps that are left are the operator's own. */
        private boolean areOthersDone() {
            return stepsDone.get() >= (CALLERS + SESSIONS) * STEPS + 2 * (STEPS / 2);
        }

        private Callable<Void> striker(Random random) {
            return () -> {
                int all = (CALLERS + SESSIONS + 2) * STEPS;
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
            var calls = new RaceCalls(replicas, told, random);
            var id = calls.register(1_000, List.of("skill-0", "skill-1"));
            Replicas.eventually("all orders come to their ends", () -> {
                clock.advance(Duration.ofSeconds(10));
                runJobs(replicas.any(random));
                for (var queue : QUEUES) {
                    var request = claim(id, queue).setMaxOrders(100).build();
                    long from = told.tick();
                    for (var work : replicas.insist(
                                    random, server -> server.work().claimWork(request))
                            .orElseThrow()
                            .getClaimsList()) {
                        told.claimed(work, from);
                        calls.complete(work);
                    }
                }
                return replicas.number("SELECT count(*) FROM work_order_states WHERE status IN ('PENDING', 'CLAIMED')")
                        == 0;
            });
        }

        void check() {
            var history = new OrderHistory(replicas.database());
            told.check(history, replicas);
            history.checkHeld(
                    "queue",
                    claim -> claim.order().queueName(),
                    queue -> queue.equals("limited") ? LIMIT : Integer.MAX_VALUE);
            history.checkHeld("key", claim -> claim.order().concurrencyKey(), _ -> LIMIT_PER_KEY);
            history.checkRate("rated", RATE, RATE_INTERVAL, BURST);
        }

        @Override
        public void close() {
            replicas.close();
        }
    }

    private static ClaimedWork take(List<ClaimedWork> held, Random random) {
        return held.remove(random.nextInt(held.size()));
    }

    private static <T> T any(Collection<T> all, Random random) {
        var list = List.copyOf(all);
        return list.isEmpty() ? null : list.get(random.nextInt(list.size()));
    }
}
