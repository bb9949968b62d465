package dev.sortie.agent;

import static dev.sortie.agent.AgentFixture.claim;
import static dev.sortie.agent.AgentFixture.order;
import static dev.sortie.agent.AgentFixture.seconds;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.agent.v1.CapabilityLevel;
import dev.sortie.agent.v1.CapabilityRequirement;
import dev.sortie.agent.v1.ClaimedWork;
import dev.sortie.agent.v1.FairnessWeight;
import dev.sortie.agent.v1.PutQueueRequest;
import dev.sortie.agent.v1.Queue;
import dev.sortie.agent.v1.RateLimit;
import dev.sortie.agent.v1.SetWorkerCapabilitiesRequest;
import dev.sortie.agent.v1.WorkOrder;
import dev.sortie.agent.v1.Worker;
import dev.sortie.agent.v1.WorkerCapability;
import dev.sortie.runtime.grpc.Messages;
import dev.sortie.runtime.testing.SettableClock;
import dev.sortie.runtime.testing.StatusAssert;
import dev.sortie.type.v1.ErrorReason;
import io.grpc.Status;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** What a queue hands out at most, and to whom: one database, two servers. */
class LimitsTest {
    private static final SettableClock CLOCK = AgentFixture.clock();

    @AutoClose
    private static final AgentFixture AGENT = new AgentFixture(CLOCK);

    @AutoClose
    private static final AgentFixture OTHER = new AgentFixture(AGENT.database(), CLOCK);

    private final String queue = "limits-" + UUID.randomUUID().toString().substring(0, 8);

    @Test
    void handsOutNoMoreThanTheQueueMayHaveInHand() {
        put(Queue.newBuilder().setConcurrencyLimit(3));
        AGENT.enqueueAll(AgentFixture.many(10, queue));

        var first = claims(AGENT, AGENT.register(10), 10);
        assertThat(first).hasSize(3);
        assertThat(claims(OTHER, AGENT.register(10), 10)).isEmpty();

        AGENT.complete(first.getFirst());
        AGENT.release(first.get(1));
        assertThat(claims(OTHER, AGENT.register(10), 10)).hasSize(2);
    }

    @Test
    void handsOutNoMoreOfAKeyThanItMayHaveInHandAndLetsOthersPass() {
        put(Queue.newBuilder().setConcurrencyLimitPerKey(1));
        for (var key : List.of("a", "a", "a", "b", "", "")) {
            AGENT.enqueue(order(queue).setConcurrencyKey(key));
        }

        var first = claims(AGENT, AGENT.register(10), 10);
        // Those without a key are not limited.
        assertThat(keys(first)).containsExactlyInAnyOrder("a", "b", "", "");
        assertThat(claims(OTHER, AGENT.register(10), 10)).isEmpty();
        AGENT.complete(first.stream()
                .filter(claimed -> claimed.getWorkOrder().getConcurrencyKey().equals("a"))
                .toArray(ClaimedWork[]::new));
        assertThat(keys(claims(OTHER, AGENT.register(10), 10))).containsExactly("a");
    }

    @Test
    void handsOutAsManyAsTheRateAllows() {
        put(Queue.newBuilder()
                .setRateLimit(RateLimit.newBuilder()
                        .setOrders(2)
                        .setInterval(seconds(10))
                        .setBurst(4)));
        AGENT.enqueueAll(AgentFixture.many(20, queue));
        var worker = AGENT.register(100);

        assertThat(claims(AGENT, worker, 100)).hasSize(4);
        assertThat(claims(OTHER, worker, 100)).isEmpty();
        CLOCK.advance(Duration.ofMillis(4_999));
        assertThat(claims(OTHER, worker, 100)).isEmpty();
        CLOCK.advance(Duration.ofMillis(1));
        assertThat(claims(AGENT, worker, 100)).hasSize(1);
        CLOCK.advance(Duration.ofHours(1));
        assertThat(claims(OTHER, worker, 100)).hasSize(4);
    }

    @Test
    void fillsTheBucketOnceHoweverFarClocksAreApart() {
        put(Queue.newBuilder()
                .setRateLimit(RateLimit.newBuilder()
                        .setOrders(1)
                        .setInterval(seconds(1))
                        .setBurst(4)));
        AGENT.enqueueAll(AgentFixture.many(20, queue));
        var worker = AGENT.register(100);
        assertThat(claims(AGENT, worker, 3)).hasSize(3);

        var behind = new SettableClock(CLOCK.instant().minusSeconds(3));
        try (var late = new AgentFixture(AGENT.database(), behind)) {
            late.enqueueAll(AgentFixture.many(2, queue)); // claimable by its clock
            assertThat(claims(late, worker, 100)).hasSize(1);
        }
        assertThat(claims(AGENT, worker, 100)).isEmpty();
    }

    @Test
    void claimsFromALimitedQueueOnItsFirstCallThoughAnotherHasEnough() {
        put(Queue.newBuilder().setConcurrencyLimit(3));
        AGENT.enqueueAll(AgentFixture.many(5, queue + "-plain"));
        var urgent = AGENT.enqueue(order(queue).setPriority(1));
        try (var fresh = new AgentFixture(AGENT.database(), CLOCK)) {
            var claimed = fresh.work()
                    .claimWork(claim(AGENT.register(1), queue + "-plain", queue).build())
                    .getClaimsList();
            assertThat(ids(claimed)).containsExactly(urgent.getWorkOrderId());
        }
    }

    @Test
    void sharesOutByWeightAndGivesNothingLaterForHavingBeenAway() {
        put(Queue.newBuilder()
                .addFairnessWeights(
                        FairnessWeight.newBuilder().setFairnessKey("big").setWeight(3)));
        for (int i = 0; i < 60; i++) {
            AGENT.enqueue(order(queue).setFairnessKey("big"));
        }
        for (int i = 0; i < 60; i++) {
            AGENT.enqueue(order(queue).setFairnessKey("small"));
        }
        var worker = AGENT.register(1_000);

        assertThat(shares(claims(AGENT, worker, 40))).isEqualTo(Map.of("big", 30L, "small", 10L));
        assertThat(shares(claims(OTHER, worker, 20))).isEqualTo(Map.of("big", 15L, "small", 5L));

        // One who comes late begins where the others are.
        for (int i = 0; i < 60; i++) {
            AGENT.enqueue(order(queue).setFairnessKey("late"));
        }
        var shares = shares(claims(OTHER, worker, 25));
        assertThat(shares.get("big")).isBetween(14L, 16L);
        assertThat(shares.get("small")).isBetween(4L, 6L);
        assertThat(shares.get("late")).isBetween(4L, 6L);
    }

    @Test
    void sharesOutAmongTheEquallyUrgentOnly() {
        put(Queue.newBuilder().setPriorityAging(seconds(60)));
        for (int i = 0; i < 5; i++) {
            AGENT.enqueue(order(queue).setFairnessKey("many").setPriority(1));
        }
        AGENT.enqueue(order(queue).setFairnessKey("few").setPriority(2));

        assertThat(claims(AGENT, AGENT.register(10), 10).stream()
                        .map(claimed -> claimed.getWorkOrder().getFairnessKey()))
                .containsExactly("many", "many", "many", "many", "many", "few");
    }

    @Test
    void givesAWorkerNothingThatItCannotDo() {
        var hard = AGENT.enqueue(order(queue)
                .addRequiredCapabilities(requirement("java", CapabilityLevel.CAPABILITY_LEVEL_ADVANCED))
                .addRequiredCapabilities(requirement("sql", CapabilityLevel.CAPABILITY_LEVEL_BEGINNER)));
        var easy = AGENT.enqueue(order(queue));
        assertThat(AGENT.get(hard.getWorkOrderId()).getRequiredCapabilitiesList())
                .isEqualTo(hard.getRequiredCapabilitiesList())
                .hasSize(2);
        var worker = AGENT.register(10);

        assertThat(ids(claims(OTHER, worker, 10))).containsExactly(easy.getWorkOrderId());
        assertThat(can(worker, "java", CapabilityLevel.CAPABILITY_LEVEL_INTERMEDIATE)
                        .getCapabilitiesList())
                .hasSize(2);
        assertThat(claims(OTHER, worker, 10)).isEmpty();
        can(worker, "java", CapabilityLevel.CAPABILITY_LEVEL_EXPERT);
        assertThat(ids(claims(OTHER, worker, 10))).containsExactly(hard.getWorkOrderId());
        assertThat(AGENT.worker(worker).getCapabilities(0).getLevel())
                .isEqualTo(CapabilityLevel.CAPABILITY_LEVEL_EXPERT);
    }

    @Test
    void refusesACapabilityThatIsNamedTwice() {
        var twice = WorkerCapability.newBuilder()
                .setName("java")
                .setLevel(CapabilityLevel.CAPABILITY_LEVEL_EXPERT)
                .build();
        var request = SetWorkerCapabilitiesRequest.newBuilder()
                .setWorkerId(AGENT.register(1))
                .addCapabilities(twice)
                .addCapabilities(twice)
                .build();
        StatusAssert.fails(() -> AGENT.workers().setWorkerCapabilities(request))
                .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("capabilities[1].name");
    }

    @Test
    void bringsDelayedAndRepeatedOrdersBackIntoTheirLanes() {
        put(Queue.newBuilder().setConcurrencyLimitPerKey(1));
        var delayed = AGENT.enqueue(order(queue)
                .setConcurrencyKey("k")
                .setRunTime(Messages.timestamp(CLOCK.instant().plusSeconds(7_200))));
        CLOCK.advance(Duration.ofHours(1));
        AGENT.server().jobs().forgetLanes();
        assertThat(AGENT.number("SELECT count(*) FROM queue_lanes WHERE queue_name = '" + queue + "'"))
                .isZero();
        CLOCK.advance(Duration.ofHours(1));
        AGENT.promoteOrders();

        var worker = AGENT.register(10);
        var claimed = claims(OTHER, worker, 10);
        assertThat(ids(claimed)).containsExactly(delayed.getWorkOrderId());
        CLOCK.advance(Duration.ofMinutes(20));
        AGENT.server().jobs().forgetLanes(); // not that of what is held
        AGENT.endLeases();
        CLOCK.advance(Duration.ofMinutes(20));
        AGENT.promoteOrders();
        assertThat(ids(claims(OTHER, worker, 10))).containsExactly(delayed.getWorkOrderId());
    }

    @Test
    void exceedsNoLimitWithManyWorkersOnTwoServers() throws Exception {
        put(Queue.newBuilder().setConcurrencyLimit(12).setConcurrencyLimitPerKey(3));
        var orders = new ArrayList<WorkOrder>();
        for (int i = 0; i < 300; i++) {
            orders.add(order(queue).setConcurrencyKey("key-" + i % 7).build());
        }
        AGENT.enqueueAll(orders);
        var held = new AtomicInteger();
        var heldByKey = new ConcurrentHashMap<String, AtomicInteger>();
        var completed = ConcurrentHashMap.<String>newKeySet();
        var exceeded = new AtomicInteger();

        try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            var running = new ArrayList<Future<?>>();
            for (int i = 0; i < 24; i++) {
                var server = i % 2 == 0 ? AGENT : OTHER;
                var worker = AGENT.register(5);
                var random = new Random(i);
                running.add(threads.submit(() -> {
                    while (completed.size() < 300) {
                        var claims = claims(server, worker, 1 + random.nextInt(5));
                        for (var claimed : claims) {
                            var key = heldByKey.computeIfAbsent(
                                    claimed.getWorkOrder().getConcurrencyKey(), _ -> new AtomicInteger());
                            if (held.incrementAndGet() > 12 || key.incrementAndGet() > 3) {
                                exceeded.incrementAndGet();
                            }
                        }
                        for (var claimed : claims) {
                            // Before it is said: whoever gets its place may be faster than this thread.
                            held.decrementAndGet();
                            heldByKey
                                    .get(claimed.getWorkOrder().getConcurrencyKey())
                                    .decrementAndGet();
                            if (random.nextInt(10) == 0) {
                                server.release(claimed);
                            } else {
                                server.complete(claimed);
                                assertThat(completed.add(claimed.getWorkOrder().getWorkOrderId()))
                                        .isTrue();
                            }
                        }
                    }
                    return null;
                }));
            }
            try {
                for (var one : running) {
                    one.get(5, TimeUnit.MINUTES);
                }
            } finally {
                running.forEach(one -> one.cancel(true));
            }
        }
        assertThat(exceeded).hasValue(0);
        assertThat(completed).hasSize(300);
    }

    @Test
    void handsOutAnOrderOnceWhoseQueueBeginsToTakeTurnsInTheMiddleOfTheClaim() {
        var plain = AGENT.enqueue(order(queue)).getWorkOrderId();
        var others = new ArrayList<String>();
        // After the look at what is claimed from without turns, and before the one at turns.
        AGENT.server().runtime().database().onStatement((_, sql, parameters) -> {
            if (sql.contains("FOR NO KEY UPDATE OF t")
                    && others.isEmpty()
                    && Arrays.deepToString(parameters).contains(queue)) {
                others.add(AGENT.enqueue(order(queue).setFairnessKey("f")).getWorkOrderId());
            }
        });

        var claimed = claims(AGENT, AGENT.register(10), 10);

        assertThat(ids(claimed)).containsExactlyInAnyOrder(plain, others.getFirst());
        AGENT.complete(claimed.toArray(ClaimedWork[]::new))
                .getOutcomesList()
                .forEach(outcome -> assertThat(outcome.hasError()).isFalse());
    }

    @Test
    void wakesWhoWaitsForAPlaceUnderTheLimit() throws Exception {
        put(Queue.newBuilder().setConcurrencyLimit(1));
        AGENT.enqueueAll(AgentFixture.many(2, queue));
        var first = claims(AGENT, AGENT.register(1), 1).getFirst();
        var other = AGENT.register(1);
        try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            var waiting = threads.submit(() -> AGENT.work()
                    .claimWork(claim(other, queue).setWait(seconds(30)).build())
                    .getClaimsList());
            AgentFixture.await("it waits", () -> AGENT.server().waiting(queue) == 1);
            AGENT.complete(first);
            assertThat(waiting.get(60, TimeUnit.SECONDS)).hasSize(1);
        }
    }

    @Test
    void refusesTwoWeightsOfOneKey() {
        var weights = Queue.newBuilder()
                .setQueueName(queue)
                .addFairnessWeights(
                        FairnessWeight.newBuilder().setFairnessKey("big").setWeight(3))
                .addFairnessWeights(
                        FairnessWeight.newBuilder().setFairnessKey("big").setWeight(4));
        StatusAssert.fails(() -> AGENT.queues()
                        .putQueue(PutQueueRequest.newBuilder().setQueue(weights).build()))
                .with(Status.Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("queue.fairness_weights[1].fairness_key");
    }

    private void put(Queue.Builder limits) {
        var stored = AGENT.queues()
                .putQueue(PutQueueRequest.newBuilder()
                        .setQueue(limits.setQueueName(queue))
                        .build())
                .getQueue();
        assertThat(stored.getConcurrencyLimit()).isEqualTo(limits.getConcurrencyLimit());
        assertThat(stored.getRateLimit()).isEqualTo(limits.getRateLimit());
        assertThat(stored.getFairnessWeightsList()).isEqualTo(limits.getFairnessWeightsList());
    }

    private List<ClaimedWork> claims(AgentFixture server, String worker, int most) {
        return server.work()
                .claimWork(claim(worker, queue).setMaxOrders(most).build())
                .getClaimsList();
    }

    private static Worker can(String worker, String capability, CapabilityLevel level) {
        return AGENT.workers()
                .setWorkerCapabilities(SetWorkerCapabilitiesRequest.newBuilder()
                        .setWorkerId(worker)
                        .addCapabilities(WorkerCapability.newBuilder()
                                .setName(capability)
                                .setLevel(level))
                        .addCapabilities(WorkerCapability.newBuilder()
                                .setName("sql")
                                .setLevel(CapabilityLevel.CAPABILITY_LEVEL_BEGINNER)
                                .setMetadata(AgentFixture.struct("years", 2)))
                        .build())
                .getWorker();
    }

    private static CapabilityRequirement.Builder requirement(String name, CapabilityLevel level) {
        return CapabilityRequirement.newBuilder().setName(name).setMinLevel(level);
    }

    private static Stream<String> keys(List<ClaimedWork> claims) {
        return claims.stream().map(claimed -> claimed.getWorkOrder().getConcurrencyKey());
    }

    private static Stream<String> ids(List<ClaimedWork> claims) {
        return claims.stream().map(claimed -> claimed.getWorkOrder().getWorkOrderId());
    }

    private static Map<String, Long> shares(List<ClaimedWork> claims) {
        return new HashMap<>(claims.stream()
                .collect(Collectors.groupingBy(
                        claimed -> claimed.getWorkOrder().getFairnessKey(), Collectors.counting())));
    }
}
