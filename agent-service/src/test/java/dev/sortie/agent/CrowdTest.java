package dev.sortie.agent;

import static dev.sortie.agent.AgentFixture.claim;
import static dev.sortie.agent.AgentFixture.order;
import static dev.sortie.agent.AgentFixture.reference;
import static dev.sortie.agent.AgentFixture.seconds;
import static dev.sortie.agent.AgentFixture.struct;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.sortie.agent.v1.ClaimedWork;
import dev.sortie.agent.v1.FairnessWeight;
import dev.sortie.agent.v1.PutQueueRequest;
import dev.sortie.agent.v1.Queue;
import dev.sortie.agent.v1.WorkFailure;
import dev.sortie.agent.v1.WorkOrder;
import dev.sortie.type.v1.RetryPolicy;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Many workers at two servers share the orders of one queue, which have priorities, keys and weights, and of which one in
 * twenty fails at first. The workers count by themselves what is held at a time.
 *
 * <p>{@code -Dsortie.crowd.workers=200 -Dsortie.crowd.orders=20000} is the full size.
 */
@Timeout(value = 20, unit = TimeUnit.MINUTES)
class CrowdTest {
    private static final int WORKERS = Integer.getInteger("sortie.crowd.workers", 40);
    private static final int ORDERS = Integer.getInteger("sortie.crowd.orders", 2_000);
    private static final int PRIORITIES = 5;
    private static final Map<String, Integer> WEIGHTS = Map.of("one", 1, "two", 2, "four", 4);
    private static final int KEYS = 20;
    private static final int LIMIT = 60;
    private static final int LIMIT_PER_KEY = 5;
    private static final String QUEUE = "crowd";

    private final Map<String, AtomicInteger> held = new ConcurrentHashMap<>();
    private final Set<String> exceeded = ConcurrentHashMap.newKeySet();
    private final Set<String> completed = ConcurrentHashMap.newKeySet();
    private final Set<String> twice = ConcurrentHashMap.newKeySet();
    private final AtomicInteger failures = new AtomicInteger();

    @Test
    void completesEachOrderOnceWithinEveryLimitAndFairly() throws Exception {
        try (var replicas = new Replicas(InstantSource.system());
                var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            prepare(replicas.get(0));
            long start = System.nanoTime();
            var running = work(replicas, threads);
            try {
                for (var one : running) {
                    one.get(15, TimeUnit.MINUTES);
                }
            } finally {
                threads.shutdownNow();
            }
            System.out.printf(
                    "%d orders by %d workers in %d ms, %d failures%n",
                    ORDERS, WORKERS, (System.nanoTime() - start) / 1_000_000, failures.get());

            assertThat(exceeded).isEmpty();
            assertThat(twice).isEmpty();
            assertThat(completed).hasSize(ORDERS);
            check(new OrderHistory(replicas.database()));
        }
    }

    private static void prepare(AgentFixture server) {
        var queue = Queue.newBuilder()
                .setQueueName(QUEUE)
                .setConcurrencyLimit(LIMIT)
                .setConcurrencyLimitPerKey(LIMIT_PER_KEY)
                .setPriorityAging(seconds(86_400))
                .setDefaultRetryPolicy(RetryPolicy.newBuilder()
                        .setInitialBackoff(
                                com.google.protobuf.Duration.newBuilder().setNanos(50_000_000)));
        WEIGHTS.forEach((key, weight) -> queue.addFairnessWeights(
                FairnessWeight.newBuilder().setFairnessKey(key).setWeight(weight)));
        server.queues().putQueue(PutQueueRequest.newBuilder().setQueue(queue).build());
        var orders = orders();
        for (int i = 0; i < orders.size(); i += 200) {
            server.enqueueAll(orders.subList(i, Math.min(orders.size(), i + 200)));
        }
    }

    /** As many of each fairness key as it weighs, of each priority: all have some left until the priority is used up. */
    private static List<WorkOrder> orders() {
        int sum = WEIGHTS.values().stream().mapToInt(weight -> weight).sum();
        var turns = new ArrayList<String>();
        WEIGHTS.forEach((key, weight) -> turns.addAll(Collections.nCopies(weight, key)));
        var orders = new ArrayList<WorkOrder>();
        for (int i = 0; i < ORDERS; i++) {
            orders.add(order(QUEUE)
                    .setPayload(struct("n", i))
                    .setPriority(1 + i / sum % PRIORITIES)
                    .setFairnessKey(turns.get(i % sum))
                    .setConcurrencyKey("key-" + i % KEYS)
                    .build());
        }
        Collections.shuffle(orders, new Random(1));
        return orders;
    }

    private List<Future<?>> work(Replicas replicas, ExecutorService threads) {
        var running = new ArrayList<Future<?>>();
        for (int i = 0; i < WORKERS; i++) {
            var server = replicas.get(i % 2);
            var random = new Random(i);
            running.add(threads.submit(() -> {
                var worker = server.register(4);
                while (completed.size() < ORDERS) {
                    var claims = server.work()
                            .claimWork(claim(worker, QUEUE)
                                    .setMaxOrders(1 + random.nextInt(4))
                                    .setLeaseDuration(seconds(600)) // none runs out, however busy the machine is
                                    .setWait(seconds(1))
                                    .build())
                            .getClaimsList();
                    claims.forEach(this::hold);
                    for (var claimed : claims) {
                        end(server, claimed);
                    }
                }
                return null;
            }));
        }
        return running;
    }

    private void hold(ClaimedWork claimed) {
        count("all of the queue", LIMIT);
        count(claimed.getWorkOrder().getConcurrencyKey(), LIMIT_PER_KEY);
    }

    private void count(String what, int most) {
        if (held.computeIfAbsent(what, _ -> new AtomicInteger()).incrementAndGet() > most) {
            exceeded.add(what);
        }
    }

    private void end(AgentFixture server, ClaimedWork claimed) {
        var order = claimed.getWorkOrder();
        // Before it is said: whoever gets its place may be faster than this thread.
        held.get("all of the queue").decrementAndGet();
        held.get(order.getConcurrencyKey()).decrementAndGet();
        boolean fails = claimed.getAttempt() == 1
                && order.getPayload().getFieldsOrThrow("n").getNumberValue() % 20 == 0;
        if (fails) {
            failures.incrementAndGet();
            server.fail(WorkFailure.newBuilder().setClaim(reference(claimed)).setErrorMessage("it broke"));
        } else {
            server.complete(claimed);
            if (!completed.add(order.getWorkOrderId())) {
                twice.add(order.getWorkOrderId());
            }
        }
    }

    private void check(OrderHistory history) {
        history.checkMoves();
        history.checkHeld("queue", _ -> QUEUE, _ -> LIMIT);
        history.checkHeld("key", claim -> claim.order().concurrencyKey(), _ -> LIMIT_PER_KEY);
        assertThat(history.orders().values())
                .hasSize(ORDERS)
                .allMatch(order -> order.status().equals("COMPLETED"));
        assertThat(history.attempts().values().stream()
                        .filter(attempt -> attempt.status().equals("FAILED")))
                .hasSize(failures.get())
                .hasSize((ORDERS + 19) / 20);
        checkFairness(history);
    }

    /** Of each priority, the first four fifths of the claims are shared out by weight. */
    private static void checkFairness(OrderHistory history) {
        int sum = WEIGHTS.values().stream().mapToInt(weight -> weight).sum();
        for (int priority = 1; priority <= PRIORITIES; priority++) {
            int level = priority;
            var claims = history.claims().stream()
                    .filter(claim ->
                            claim.order().priority() == level && claim.event().attempt() == 1)
                    .toList();
            int counted = claims.size() * 4 / 5;
            var shares = claims.stream()
                    .limit(counted)
                    .collect(Collectors.groupingBy(claim -> claim.order().fairnessKey(), Collectors.counting()));
            WEIGHTS.forEach((key, weight) -> {
                double due = (double) counted * weight / sum;
                assertThat((double) shares.getOrDefault(key, 0L))
                        .as("claims of %s among %d of priority %d", key, counted, level)
                        // A tenth; of few, some that are just in hand.
                        .isCloseTo(due, within(Math.max(0.1 * due, 10)));
            });
            System.out.printf("priority %d: %s of %d%n", priority, shares, counted);
        }
    }
}
