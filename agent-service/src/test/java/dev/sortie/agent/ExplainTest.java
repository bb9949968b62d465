package dev.sortie.agent;

import static dev.sortie.agent.AgentFixture.claim;
import static dev.sortie.agent.AgentFixture.order;
import static dev.sortie.agent.AgentFixture.seconds;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.agent.v1.AgentHeartbeatRequest;
import dev.sortie.agent.v1.AgentStatus;
import dev.sortie.agent.v1.CancelWorkOrderRequest;
import dev.sortie.agent.v1.CapabilityLevel;
import dev.sortie.agent.v1.CapabilityRequirement;
import dev.sortie.agent.v1.ClaimedWork;
import dev.sortie.agent.v1.DeactivateAgentRequest;
import dev.sortie.agent.v1.DeregisterWorkerRequest;
import dev.sortie.agent.v1.DrainWorkerRequest;
import dev.sortie.agent.v1.ExplainWorkOrderRequest;
import dev.sortie.agent.v1.FairnessWeight;
import dev.sortie.agent.v1.PauseQueueRequest;
import dev.sortie.agent.v1.PutQueueRequest;
import dev.sortie.agent.v1.Queue;
import dev.sortie.agent.v1.RateLimit;
import dev.sortie.agent.v1.RedriveWorkOrdersRequest;
import dev.sortie.agent.v1.ResumeQueueRequest;
import dev.sortie.agent.v1.SetWorkerCapabilitiesRequest;
import dev.sortie.agent.v1.WorkOrder;
import dev.sortie.agent.v1.WorkOrderExplanation;
import dev.sortie.agent.v1.WorkOrderReason;
import dev.sortie.agent.v1.WorkOrderReasonKind;
import dev.sortie.agent.v1.WorkOrderStatus;
import dev.sortie.agent.v1.WorkerCapability;
import dev.sortie.runtime.grpc.Messages;
import dev.sortie.runtime.testing.SettableClock;
import dev.sortie.runtime.testing.StatusAssert;
import dev.sortie.type.v1.ErrorReason;
import dev.sortie.type.v1.RetryPolicy;
import io.grpc.Status;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Why orders are not running. Workers of one test would be there in the next, hence the last step of each. */
class ExplainTest {
    private static final SettableClock CLOCK = AgentFixture.clock();

    @AutoClose
    private static final AgentFixture AGENT = new AgentFixture(CLOCK);

    private final String queue = "why-" + UUID.randomUUID().toString().substring(0, 8);

    private final List<String> registered = new ArrayList<>();

    @AfterEach
    void deregisterWorkers() {
        for (var worker : registered) {
            AGENT.workers()
                    .deregisterWorker(DeregisterWorkerRequest.newBuilder()
                            .setWorkerId(worker)
                            .build());
        }
    }

    @Test
    void namesEveryReasonAtOnce() {
        put(Queue.newBuilder()
                .setConcurrencyLimit(1)
                .setConcurrencyLimitPerKey(1)
                .setRateLimit(RateLimit.newBuilder().setOrders(1).setInterval(seconds(100))));
        var worker = register(1);
        AGENT.enqueue(order(queue).setConcurrencyKey("repo"));
        AGENT.claimOne(worker, queue);
        AGENT.queues()
                .pauseQueue(PauseQueueRequest.newBuilder().setQueueName(queue).build());
        var order = AGENT.enqueue(order(queue)
                .setConcurrencyKey("repo")
                .setRunTime(Messages.timestamp(CLOCK.instant().plusSeconds(30)))
                .addRequiredCapabilities(requires("java", CapabilityLevel.CAPABILITY_LEVEL_EXPERT)));

        var why = explain(order);
        assertThat(kinds(why))
                .containsExactly(
                        "QUEUE_PAUSED", "DELAYED", "RATE_LIMITED", "QUEUE_FULL", "KEY_FULL", "NO_CAPABLE_WORKER");
        assertThat(why.getBlocked()).isTrue();
        assertThat(why.getWorkOrder().getWorkOrderId()).isEqualTo(order.getWorkOrderId());
        assertThat(why.getReasonsList())
                .allSatisfy(reason -> assertThat(reason.getSummary()).isNotEmpty());
        assertThat(why.getReasons(0).getPaused().getPauseTime()).isEqualTo(Messages.timestamp(CLOCK.instant()));
        assertThat(why.getReasons(0).getPaused().getPausedBy()).isNotEmpty();
        assertThat(why.getReasons(1).getDelayed().getRemaining()).isEqualTo(seconds(30));
        assertThat(why.getReasons(2).getRateLimited().getTokens()).isZero();
        assertThat(why.getReasons(2).getRateLimited().getNextTokenTime())
                .isEqualTo(Messages.timestamp(CLOCK.instant().plusSeconds(100)));
        assertThat(why.getReasons(3).getConcurrency().getHeld()).isOne();
        assertThat(why.getReasons(3).getConcurrency().getLimit()).isOne();
        assertThat(why.getReasons(4).getConcurrency().getConcurrencyKey()).isEqualTo("repo");
        var crew = why.getReasons(5).getWorkers();
        assertThat(crew.getLive()).isOne();
        assertThat(crew.getCapable()).isZero();
        assertThat(crew.getCapabilities(0).getWorkers()).isZero();
        assertThat(crew.getCapabilities(0).getRequirement().getName()).isEqualTo("java");
    }

    @Test
    void countsWhoCouldDoIt() {
        var order = AGENT.enqueue(order(queue)
                .addRequiredCapabilities(requires("java", CapabilityLevel.CAPABILITY_LEVEL_ADVANCED))
                .addRequiredCapabilities(requires("sql", CapabilityLevel.CAPABILITY_LEVEL_BEGINNER)));
        assertThat(reason(explain(order), "NO_CAPABLE_WORKER").getWorkers().getLive())
                .isZero();
        can(register(1), "java", CapabilityLevel.CAPABILITY_LEVEL_EXPERT);
        can(register(1), "java", CapabilityLevel.CAPABILITY_LEVEL_BEGINNER);
        can(register(1), "sql", CapabilityLevel.CAPABILITY_LEVEL_EXPERT);
        var crew = reason(explain(order), "NO_CAPABLE_WORKER").getWorkers();
        assertThat(crew.getLive()).isEqualTo(3);
        assertThat(crew.getCapabilitiesList()).extracting(c -> c.getWorkers()).containsExactly(1, 1);

        var other = "other-" + queue;
        AGENT.enqueue(order(other));
        var able = register(1);
        AGENT.workers()
                .setWorkerCapabilities(SetWorkerCapabilitiesRequest.newBuilder()
                        .setWorkerId(able)
                        .addCapabilities(capability("java", CapabilityLevel.CAPABILITY_LEVEL_ADVANCED))
                        .addCapabilities(capability("sql", CapabilityLevel.CAPABILITY_LEVEL_BEGINNER))
                        .build());
        var elsewhere = AGENT.claimOne(able, other);
        crew = reason(explain(order), "WORKERS_BUSY").getWorkers();
        assertThat(crew.getCapable()).isOne();
        assertThat(crew.getCapableWithRoom()).isZero();
        AGENT.complete(elsewhere);
        assertThat(kinds(explain(order))).containsExactly("NOBODY_ASKS", "NEXT");
        var claimed = AGENT.claimOne(able, queue);
        assertThat(kinds(explain(order))).containsExactly("RUNNING");
        AGENT.workers()
                .drainWorker(DrainWorkerRequest.newBuilder().setWorkerId(able).build());
        AGENT.release(claimed);
        crew = reason(explain(order), "WORKERS_BUSY").getWorkers();
        assertThat(crew.getCapableDraining()).isOne();
    }

    @Test
    void doesNotCountOnWorkersWhoseAgentIsDeactivated() {
        var order = AGENT.enqueue(
                order(queue).addRequiredCapabilities(requires("java", CapabilityLevel.CAPABILITY_LEVEL_ADVANCED)));
        var agent = AGENT.registerAgent().getAgentId();
        var worker = AGENT.registerFor(agent, 1);
        registered.add(worker);
        can(worker, "java", CapabilityLevel.CAPABILITY_LEVEL_EXPERT);
        assertThat(kinds(explain(order))).containsExactly("NOBODY_ASKS", "NEXT");
        AGENT.agents()
                .deactivateAgent(
                        DeactivateAgentRequest.newBuilder().setAgentId(agent).build());
        assertThat(reason(explain(order), "NO_CAPABLE_WORKER").getWorkers().getLive())
                .isZero();
    }

    @Test
    void countsWorkersWhoseAgentIsInMaintenanceAsSuch() {
        var order = AGENT.enqueue(
                order(queue).addRequiredCapabilities(requires("java", CapabilityLevel.CAPABILITY_LEVEL_ADVANCED)));
        var agent = AGENT.registerAgent().getAgentId();
        var worker = AGENT.registerFor(agent, 1);
        registered.add(worker);
        can(worker, "java", CapabilityLevel.CAPABILITY_LEVEL_EXPERT);
        say(agent, AgentStatus.AGENT_STATUS_MAINTENANCE);

        var crew = reason(explain(order), "WORKERS_BUSY").getWorkers();

        assertThat(crew.getCapable()).isOne();
        assertThat(crew.getCapableWithRoom()).isZero();
        assertThat(crew.getCapableDraining()).isZero();
        assertThat(crew.getCapableInMaintenance()).isOne();
        assertThat(reason(explain(order), "WORKERS_BUSY").getSummary()).contains("in maintenance (1)");
        say(agent, AgentStatus.AGENT_STATUS_ONLINE);
        assertThat(kinds(explain(order))).containsExactly("NOBODY_ASKS", "NEXT");
    }

    private static void say(String agent, AgentStatus status) {
        AGENT.agents()
                .agentHeartbeat(AgentHeartbeatRequest.newBuilder()
                        .setAgentId(agent)
                        .setStatus(status)
                        .build());
    }

    @Test
    void knowsWhetherAnybodyAsks() {
        var worker = register(1);
        var order = AGENT.enqueue(order(queue));
        assertThat(reason(explain(order), "NOBODY_ASKS").getDemand().hasLastAskTime())
                .isFalse();
        AGENT.release(AGENT.claimOne(worker, queue));
        assertThat(kinds(explain(order))).containsExactly("NEXT");
        CLOCK.advance(Duration.ofMinutes(2)); // by which the worker may be thought to be gone
        assertThat(reason(explain(order), "NOBODY_ASKS").getDemand().hasLastAskTime())
                .isTrue();
    }

    @Test
    void saysHowAnOrderRunsFailsAndEnds() {
        var worker = register(5);
        var order = AGENT.enqueue(order(queue)
                .setRetryPolicy(RetryPolicy.newBuilder().setMaxRetries(1).setInitialBackoff(seconds(50))));
        var claimed = AGENT.claimOne(worker, queue);
        var running = reason(explain(order), "RUNNING").getRunning();
        assertThat(running.getWorkerId()).isEqualTo(worker);
        assertThat(running.getExecutionId()).isEqualTo(claimed.getExecutionId());
        assertThat(running.getLeaseExpireTime()).isEqualTo(claimed.getLeaseExpireTime());
        assertThat(running.getAttempt()).isEqualTo(1);
        assertThat(running.getMaxAttempts()).isEqualTo(2);
        assertThat(explain(order).getBlocked()).isFalse();

        AGENT.fail(claimed);
        var delayed = reason(explain(order), "DELAYED").getDelayed();
        assertThat(delayed.getFailedAttempts()).isEqualTo(1);
        assertThat(delayed.getErrorMessage()).isEqualTo("it broke");
        CLOCK.advance(Duration.ofSeconds(50));
        var again = AGENT.claimOne(worker, queue);
        assertThat(reason(explain(order), "RUNNING").getRunning().getAttempt()).isEqualTo(2);
        AGENT.fail(again);
        var dead = reason(explain(order), "DEAD").getDead();
        assertThat(dead.getStatus()).isEqualTo(WorkOrderStatus.WORK_ORDER_STATUS_FAILED);
        assertThat(dead.getAttempts()).isEqualTo(2);
        assertThat(dead.getMaxAttempts()).isEqualTo(2);
        assertThat(dead.getErrorMessage()).isEqualTo("it broke");

        AGENT.orders()
                .redriveWorkOrders(RedriveWorkOrdersRequest.newBuilder()
                        .setQueueName(queue)
                        .build());
        AGENT.claimOne(worker, queue);
        assertThat(reason(explain(order), "RUNNING").getRunning().getAttempt()).isEqualTo(1);
        AGENT.orders()
                .cancelWorkOrder(CancelWorkOrderRequest.newBuilder()
                        .setWorkOrderId(order.getWorkOrderId())
                        .build());
        assertThat(reason(explain(order), "ENDED").getEnded().getStatus())
                .isEqualTo(WorkOrderStatus.WORK_ORDER_STATUS_CANCELLED);
    }

    @Test
    void countsThoseBeforeItInLine() {
        AGENT.enqueueAll(AgentFixture.many(20, queue));
        CLOCK.advance(Duration.ofMillis(1)); // equal ones stand in the order of their ids
        var last = AGENT.enqueue(order(queue));
        var urgent = AGENT.enqueue(order(queue).setPriority(1));
        assertThat(reason(explain(last), "BEHIND_OTHERS").getLine().getOrdersBefore())
                .isEqualTo(21);
        assertThat(reason(explain(urgent), "NEXT").getLine().getOrdersBefore()).isZero();
    }

    @Test
    void countsNoFurtherThanItMust() throws SQLException {
        var first = AGENT.enqueue(order(queue));
        AGENT.enqueueAll(AgentFixture.many(1, queue));
        try (var connection = AGENT.database().connectAsOwner();
                var statement = connection.createStatement()) {
            // Copies of it, 10,050 of them.
            statement.execute("""
                    WITH copies AS (
                        INSERT INTO work_orders (work_order_id, queue_name, priority, payload, max_retries,
                            initial_backoff_ms, max_backoff_ms, backoff_multiplier, timeout_ms, content_hash, enqueued_at)
                        SELECT gen_random_uuid(), queue_name, priority, payload, max_retries, initial_backoff_ms,
                            max_backoff_ms, backoff_multiplier, timeout_ms, content_hash, enqueued_at
                        FROM work_orders, generate_series(1, 10050)
                        WHERE work_order_id = '%1$s'
                        RETURNING work_order_id
                    )
                    INSERT INTO work_order_states (work_order_id, queue_name, priority, status, run_at, updated_at,
                        claim_rank)
                    SELECT c.work_order_id, s.queue_name, s.priority, s.status, s.run_at, s.updated_at, s.claim_rank
                    FROM copies c, work_order_states s
                    WHERE s.work_order_id = '%1$s'
                    """.formatted(first.getWorkOrderId()));
        }
        CLOCK.advance(Duration.ofSeconds(1));
        var last = AGENT.enqueue(order(queue));
        var line = reason(explain(last), "BEHIND_OTHERS").getLine();
        assertThat(line.getOrdersBefore()).isEqualTo(10_000);
        assertThat(line.getAtLeast()).isTrue();

        // In turn, no order before those that were read is missed either.
        AGENT.enqueue(order(queue).setFairnessKey("a"));
        line = reason(explain(last), "BEHIND_OTHERS").getLine();
        assertThat(line.getOrdersBefore()).isBetween(2_000, 10_000);
        assertThat(line.getAtLeast()).isTrue();
    }

    @Test
    void saysWhoseTurnItIs() {
        put(Queue.newBuilder()
                .addFairnessWeights(
                        FairnessWeight.newBuilder().setFairnessKey("b").setWeight(2)));
        WorkOrder last = null;
        for (int i = 0; i < 10; i++) {
            CLOCK.advance(Duration.ofMillis(1));
            last = AGENT.enqueue(order(queue).setFairnessKey("a"));
        }
        for (int i = 0; i < 10; i++) {
            CLOCK.advance(Duration.ofMillis(1));
            AGENT.enqueue(order(queue).setFairnessKey("b"));
        }
        var why = explain(last);
        var line = reason(why, "TURN_OF_OTHERS").getLine();
        assertThat(line.getOvertakingKeys()).isEqualTo(1);
        assertThat(line.getFairnessKey()).isEqualTo("a");
        assertThat(line.getOvertakingOrders()).isEqualTo(10);
        assertThat(reason(why, "BEHIND_OTHERS").getLine().getOrdersBefore()).isEqualTo(19);
    }

    @Test
    void knowsNoOrderThatIsNotThere() {
        var id = UUID.randomUUID().toString();
        StatusAssert.fails(() -> AGENT.orders()
                        .explainWorkOrder(ExplainWorkOrderRequest.newBuilder()
                                .setWorkOrderId(id)
                                .build()))
                .with(Status.Code.NOT_FOUND, ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND)
                .metadata("id", id);
    }

    /** Queues at random: the order that is said to be the next and free is the one that the next claim returns. */
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7})
    void agreesWithTheNextClaim(long seed) {
        var random = new Random(seed);
        var worker = register(1_000);
        if (random.nextBoolean()) {
            can(worker, "java", CapabilityLevel.CAPABILITY_LEVEL_INTERMEDIATE);
        }
        put(seed > 2 ? limits(random) : Queue.newBuilder()); // the first two are queues without any of it
        var orders = new ArrayList<WorkOrder>();
        var held = new ArrayList<ClaimedWork>();
        int agreed = 0;
        claims(worker); // somebody asks
        for (int step = 0; step < 30; step++) {
            if (random.nextInt(3) > 0) {
                // Not so far that a worker would be thought to be gone, or a lease ran out.
                CLOCK.advance(Duration.ofMillis(random.nextInt(1_500)));
                orders.add(AGENT.enqueue(random(random, seed > 2)));
            }
            pauseOrResume(random);
            AGENT.promoteOrders();
            var next = orders.stream()
                    .map(ExplainTest::explain)
                    .filter(why -> !why.getBlocked() && kinds(why).contains("NEXT"))
                    .map(why -> why.getWorkOrder().getWorkOrderId())
                    .toList();
            assertThat(next).as("what is next, step %d", step).hasSizeLessThanOrEqualTo(1);
            var claimed = claims(worker);
            // The server's own job may have locked the one in line for a moment.
            for (int tries = 0; claimed.isEmpty() && !next.isEmpty() && tries < 100; tries++) {
                claimed = claims(worker);
            }
            assertThat(claimed.stream().map(work -> work.getWorkOrder().getWorkOrderId()))
                    .as("step %d", step)
                    .isEqualTo(next);
            agreed += next.size();
            held.addAll(claimed);
            orders.removeIf(order -> next.contains(order.getWorkOrderId()));
            if (!held.isEmpty() && random.nextBoolean()) {
                AGENT.complete(held.remove(random.nextInt(held.size())));
            }
        }
        assertThat(agreed).isPositive();
    }

    private void pauseOrResume(Random random) {
        switch (random.nextInt(8)) {
            case 0 ->
                AGENT.queues()
                        .pauseQueue(PauseQueueRequest.newBuilder()
                                .setQueueName(queue)
                                .build());
            case 1, 2, 3 ->
                AGENT.queues()
                        .resumeQueue(ResumeQueueRequest.newBuilder()
                                .setQueueName(queue)
                                .build());
            default -> {}
        }
    }

    private static Queue.Builder limits(Random random) {
        var limits = Queue.newBuilder().setPriorityAging(seconds(random.nextInt(20)));
        if (random.nextBoolean()) {
            limits.setConcurrencyLimit(3 + random.nextInt(5));
        }
        if (random.nextBoolean()) {
            limits.setConcurrencyLimitPerKey(1 + random.nextInt(2));
        }
        if (random.nextInt(3) == 0) {
            limits.setRateLimit(
                    RateLimit.newBuilder().setOrders(1).setInterval(seconds(2)).setBurst(3));
        }
        return limits.addFairnessWeights(
                FairnessWeight.newBuilder().setFairnessKey("f0").setWeight(2.5));
    }

    private WorkOrder.Builder random(Random random, boolean laned) {
        var order = order(queue).setPriority(1 + random.nextInt(5));
        if (laned && random.nextBoolean()) {
            order.setFairnessKey("f" + random.nextInt(3));
        }
        if (laned && random.nextBoolean()) {
            order.setConcurrencyKey("c" + random.nextInt(3));
        }
        if (laned && random.nextInt(3) == 0) {
            order.addRequiredCapabilities(requires("java", CapabilityLevel.forNumber(1 + random.nextInt(4))));
        }
        if (random.nextInt(4) == 0) {
            order.setRunTime(Messages.timestamp(CLOCK.instant().plusSeconds(1 + random.nextInt(5))));
        }
        return order;
    }

    private String register(int maxConcurrentTasks) {
        var worker = AGENT.register(maxConcurrentTasks);
        registered.add(worker);
        return worker;
    }

    private List<ClaimedWork> claims(String worker) {
        return AGENT.work().claimWork(claim(worker, queue).build()).getClaimsList();
    }

    private void put(Queue.Builder settings) {
        AGENT.queues()
                .putQueue(PutQueueRequest.newBuilder()
                        .setQueue(settings.setQueueName(queue))
                        .build());
    }

    private static WorkOrderExplanation explain(WorkOrder order) {
        return AGENT.orders()
                .explainWorkOrder(ExplainWorkOrderRequest.newBuilder()
                        .setWorkOrderId(order.getWorkOrderId())
                        .build())
                .getExplanation();
    }

    private static List<String> kinds(WorkOrderExplanation why) {
        return why.getReasonsList().stream().map(ExplainTest::kind).toList();
    }

    private static WorkOrderReason reason(WorkOrderExplanation why, String kind) {
        return why.getReasonsList().stream()
                .filter(reason -> kind(reason).equals(kind))
                .findFirst()
                .orElseThrow(() -> new AssertionError(kind + " is not among " + kinds(why)));
    }

    private static String kind(WorkOrderReason reason) {
        assertThat(reason.getKind()).isNotEqualTo(WorkOrderReasonKind.UNRECOGNIZED);
        return reason.getKind().name().substring("WORK_ORDER_REASON_KIND_".length());
    }

    private static void can(String worker, String capability, CapabilityLevel level) {
        AGENT.workers()
                .setWorkerCapabilities(SetWorkerCapabilitiesRequest.newBuilder()
                        .setWorkerId(worker)
                        .addCapabilities(capability(capability, level))
                        .build());
    }

    private static WorkerCapability.Builder capability(String name, CapabilityLevel level) {
        return WorkerCapability.newBuilder().setName(name).setLevel(level);
    }

    private static CapabilityRequirement.Builder requires(String name, CapabilityLevel level) {
        return CapabilityRequirement.newBuilder().setName(name).setMinLevel(level);
    }
}
