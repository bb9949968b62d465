package dev.sortie.agent;

import static dev.sortie.agent.AgentFixture.claim;
import static dev.sortie.agent.AgentFixture.order;
import static dev.sortie.agent.AgentFixture.seconds;
import static java.util.Map.entry;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.agent.v1.AppendLogsRequest;
import dev.sortie.agent.v1.AppendLogsResponse;
import dev.sortie.agent.v1.CancelWorkOrderRequest;
import dev.sortie.agent.v1.CapabilityLevel;
import dev.sortie.agent.v1.CapabilityRequirement;
import dev.sortie.agent.v1.ClaimedWork;
import dev.sortie.agent.v1.DedupePolicy;
import dev.sortie.agent.v1.EnqueueWorkOrdersRequest;
import dev.sortie.agent.v1.ExecutionServiceGrpc;
import dev.sortie.agent.v1.ExplainWorkOrderRequest;
import dev.sortie.agent.v1.GetQueueStatsRequest;
import dev.sortie.agent.v1.HeartbeatWorkRequest;
import dev.sortie.agent.v1.ListWorkOrdersRequest;
import dev.sortie.agent.v1.LogLevel;
import dev.sortie.agent.v1.LogLine;
import dev.sortie.agent.v1.RedriveWorkOrdersRequest;
import dev.sortie.agent.v1.WorkOrder;
import dev.sortie.runtime.grpc.Messages;
import dev.sortie.runtime.testing.SettableClock;
import dev.sortie.runtime.testing.TestDatabase;
import dev.sortie.runtime.testing.plans.Explainer;
import dev.sortie.runtime.testing.plans.ListCall;
import dev.sortie.runtime.testing.plans.ListPlans;
import dev.sortie.runtime.testing.plans.QueryPlan;
import dev.sortie.runtime.testing.plans.SentStatement;
import io.grpc.stub.StreamObserver;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * How PostgreSQL finds what agent-service asks for among 300,000 orders: everything that it sends while work is placed,
 * claimed, ended and listed, and what its jobs send. A statement that is new is found by itself.
 */
@Timeout(value = 5, unit = TimeUnit.MINUTES)
class QueryPlanTest {
    private static final long ORDERS = 300_000;
    /** A table with fewer rows may be read whole. */
    private static final long LARGE = 5_000;
    /** How many rows of large tables a statement of the hot path may look at. Of what is in line there are 60,000. */
    private static final long MOST = 10_000;
    /** The same of those that count how much is where, as far as they count. */
    private static final long MOST_COUNTED = 200_000;
    /** What such statements have in their text. */
    private static final List<String> COUNTING = List.of("AS oldest_at", "AS in_line");

    private static final SettableClock CLOCK = AgentFixture.clock();
    private static final List<SentStatement> SENT = new CopyOnWriteArrayList<>();

    private static TestDatabase database;
    private static AgentFixture agent;
    private static ListPlans plans;

    /** What the lists of agent-service are called with. */
    private static final class Lists implements ListPlans.Service {
        private final Map<String, List<?>> values = Map.ofEntries(
                entry("queue_name", List.of(ManyOrders.PLAIN, ManyOrders.LANED, "queue-7", "queue-99", "none")),
                entry("tool_step_id", List.of(ManyOrders.toolStep(7), ManyOrders.toolStep(99_999))),
                entry("task_id", List.of(ManyOrders.task(7))),
                entry("work_order_ids", List.of(ManyOrders.order(7), ManyOrders.order(97))),
                entry("work_order_id", List.of(ManyOrders.order(7), ManyOrders.order(50))),
                entry("worker_id", List.of(ManyOrders.worker(7))),
                entry("execution_id", List.of(ManyOrders.execution(1), ManyOrders.execution(202))),
                entry("agent_id", List.of(new UUID(7, 7))),
                entry("agent_ids", List.of(new UUID(7, 7))),
                entry("capabilities", List.of("java")),
                entry("software_version", List.of("1", "none")),
                entry("text", List.of("line 7")),
                entry("error_type", List.of("Error3", "none")),
                entry("died_since_time", List.of(Messages.timestamp(CLOCK.instant()))),
                entry("died_before_time", List.of(Messages.timestamp(CLOCK.instant()))),
                entry("first_sequence", List.of(100L)),
                entry("last_sequence", List.of(200L)),
                entry("start_time", List.of(Messages.timestamp(CLOCK.instant()))),
                entry("end_time", List.of(Messages.timestamp(CLOCK.instant()))));

        @Override
        public String name() {
            return AgentServer.IDENTITY.name();
        }

        @Override
        public String protoPackage() {
            return "sortie.agent.";
        }

        @Override
        public Map<String, List<?>> values() {
            return values;
        }

        /**
         * A status, and what is dead, is looked for queue by queue, and among the workers that are there; lines are picked from those of
         * their execution.
         */
        @Override
        public long most(ListCall call) {
            return call.fields().keySet().stream()
                                    .anyMatch(field -> field.getName().endsWith("status")
                                            || field.getName().equals("dead_only"))
                            || call.method().getName().equals("ListLogs")
                    ? MOST
                    : 0;
        }
    }

    @BeforeAll
    static void start() throws SQLException {
        database = AgentFixture.newDatabase();
        ManyOrders.fill(database, CLOCK.instant(), ORDERS);
        agent = new AgentFixture(database, CLOCK);
        var sql = agent.server().runtime().database();
        plans = new ListPlans(new Lists(), database, sql, agent.channel("admin"), LARGE);
        sql.onStatement((_, text, parameters) -> SENT.add(new SentStatement(text, Arrays.asList(parameters))));
    }

    @AfterAll
    static void stop() throws SQLException {
        if (plans != null) {
            plans.close();
        }
        if (agent != null) {
            agent.close();
        }
        if (database != null) {
            database.close();
        }
    }

    @Test
    void findsEveryPageByAnIndexAndReadsLittleMoreThanIsOnIt() throws SQLException {
        var wrong = plans.wrongOfSingleFilters();
        assertThat(plans.methods()).allMatch(method -> plans.answered().contains(method.getName()));
        assertThat(wrong).isEmpty();
    }

    @Test
    void readsNoLargeTableWholeForAnyTwoFilters() throws SQLException {
        assertThat(plans.wrongOfTwoFilters()).isEmpty();
    }

    @Test
    void claimsInTheOrderOfTheIndexOfTheLine() throws Exception {
        var worker = agent.register(100);
        var used = explained(() -> claims(worker, 20, ManyOrders.PLAIN));
        assertThat(used).contains("work_order_states_waiting_idx", "work_orders_pkey");
    }

    @Test
    void claimsTheHeadsOfLanesOnly() throws Exception {
        var worker = agent.register(100);
        var used = explained(() -> claims(worker, 20, ManyOrders.LANED));
        assertThat(used).contains("work_order_states_waiting_in_lanes_idx");
    }

    @Test
    void claimsFromSeveralQueuesAtOnce() throws Exception {
        var worker = agent.register(100);
        claims(worker, 1, ManyOrders.LANED); // known from now on to be claimed from in turn
        var used = explained(() -> claims(worker, 20, ManyOrders.PLAIN, ManyOrders.LANED, "queue-7"));
        assertThat(used).contains("work_order_states_waiting_idx", "work_order_states_waiting_in_lanes_idx");
    }

    @Test
    void placesOrders() throws Exception {
        explained(() -> {
            var orders = new ArrayList<WorkOrder>();
            for (int i = 0; i < 20; i++) {
                orders.add(order(ManyOrders.PLAIN).setDedupeKey("new-" + i).build());
                orders.add(order(ManyOrders.LANED)
                        .setFairnessKey("f-" + i)
                        .setConcurrencyKey("c-" + i)
                        .addRequiredCapabilities(CapabilityRequirement.newBuilder()
                                .setName("java")
                                .setMinLevel(CapabilityLevel.CAPABILITY_LEVEL_EXPERT))
                        .build());
            }
            agent.enqueueAll(orders);
            agent.enqueueAll(orders.stream()
                    .filter(order -> !order.getDedupeKey().isEmpty())
                    .toList());
        });
    }

    @Test
    void keepsAndEndsClaimsByTheirKeys() throws Exception {
        var worker = agent.register(100);
        var claims = claims(worker, 20, ManyOrders.PLAIN);
        var used = explained(() -> {
            agent.work()
                    .heartbeatWork(HeartbeatWorkRequest.newBuilder()
                            .setWorkerId(worker)
                            .addAllClaims(
                                    claims.stream().map(AgentFixture::reference).toList())
                            .build());
            append(claims.getFirst());
            agent.complete(claims.get(0), claims.get(1), claims.get(2));
            agent.complete(claims.get(0)); // again
            agent.fail(claims.get(3));
            agent.release(claims.get(4));
            cancel(claims.get(5).getWorkOrder().getWorkOrderId());
            cancel(ManyOrders.order(171).toString());
            agent.get(claims.getFirst().getWorkOrder().getWorkOrderId());
            agent.execution(claims.getFirst().getExecutionId());
        });
        assertThat(used).contains("work_order_states_pkey", "executions_pkey");
    }

    @Test
    void endsLeasesByTheIndexOfWhatIsClaimed() throws Exception {
        var worker = agent.register(10);
        agent.work()
                .claimWork(claim(worker, ManyOrders.PLAIN)
                        .setMaxOrders(10)
                        .setLeaseDuration(seconds(1))
                        .build());
        CLOCK.advance(Duration.ofSeconds(2));
        // There are two of them.
        assertThat(explained(agent::endLeases))
                .containsAnyOf("work_order_states_claimed_idx", "work_order_states_execution_idx");
    }

    @Test
    void putsOrdersInLineByTheIndexOfWhatIsDue() throws Exception {
        agent.enqueue(order(ManyOrders.PLAIN)
                .setRunTime(Messages.timestamp(CLOCK.instant().plusSeconds(1))));
        CLOCK.advance(Duration.ofSeconds(2));
        assertThat(explained(() -> agent.server().jobs().promoteOrders())).contains("work_order_states_due_idx");
    }

    @Test
    void givesUpOrdersByTheIndexOfWhatExpires() throws Exception {
        agent.enqueue(order(ManyOrders.PLAIN)
                .setRunTime(Messages.timestamp(CLOCK.instant().plusSeconds(3600)))
                .setExpireTime(Messages.timestamp(CLOCK.instant().plusSeconds(1))));
        CLOCK.advance(Duration.ofSeconds(2));
        assertThat(explained(agent::expireOrders)).contains("work_order_states_expiry_idx");
    }

    @Test
    void findsDeadOrdersByTheIndexesOfTheirDeaths() throws Exception {
        var at = Messages.timestamp(CLOCK.instant().minus(Duration.ofHours(5)));
        for (var queue : List.of("", ManyOrders.PLAIN)) {
            var all = ListWorkOrdersRequest.newBuilder().setDeadOnly(true).setQueueName(queue);
            var byError = all.clone().setErrorType("Error3");
            for (var request :
                    List.of(all, all.clone().setDiedSinceTime(at), all.clone().setDiedBeforeTime(at))) {
                assertThat(explained(() -> twoPages(request))).contains("work_order_states_dead_idx");
            }
            for (var request : List.of(
                    byError,
                    byError.clone().setDiedSinceTime(at),
                    byError.clone().setDiedBeforeTime(at))) {
                assertThat(explained(() -> twoPages(request))).contains("work_order_states_dead_error_idx");
            }
        }
    }

    @Test
    void putsDeadOrdersBackByTheIndexesOfTheirDeaths() throws Exception {
        var at = Messages.timestamp(CLOCK.instant().minus(Duration.ofHours(5)));
        var all = RedriveWorkOrdersRequest.newBuilder()
                .setQueueName("queue-7")
                .setMaxOrders(10)
                .setReason("it is mended");
        var byError = all.clone().setErrorType("Error3");
        for (var request : List.of(all, all.clone().setDiedBeforeTime(at))) {
            assertThat(explained(() -> putsBack(request))).contains("work_order_states_dead_idx");
        }
        for (var request : List.of(byError, byError.clone().setDiedBeforeTime(at))) {
            assertThat(explained(() -> putsBack(request))).contains("work_order_states_dead_error_idx");
        }
    }

    @Test
    void replacesOrdersByTheIndexOfTheirKeys() throws Exception {
        assertThat(explained(() -> {
                    for (int round = 0; round < 2; round++) {
                        var request = EnqueueWorkOrdersRequest.newBuilder()
                                .setDedupePolicy(DedupePolicy.DEDUPE_POLICY_REPLACE);
                        for (int i = 0; i < 20; i++) {
                            request.addWorkOrders(order(ManyOrders.PLAIN).setDedupeKey("replaced-" + i));
                        }
                        agent.orders().enqueueWorkOrders(request.build());
                    }
                }))
                .contains("work_orders_dedupe_key");
    }

    @Test
    void looksAheadForThoseWhoWait() throws Exception {
        var worker = agent.register(1);
        try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            var waiting = threads.submit(() -> agent.work()
                    .claimWork(claim(worker, "quiet", "queue-99")
                            .setWait(seconds(60))
                            .build()));
            AgentFixture.await("it waits", () -> agent.server().waiting("quiet") == 1);
            explained(() -> agent.server().jobs().lookForWork());
            agent.enqueue(order("quiet"));
            assertThat(waiting.get(60, TimeUnit.SECONDS).getClaimsCount()).isEqualTo(1);
        }
    }

    @Test
    void doesItsOtherJobsByIndexes() throws Exception {
        explained(() -> {
            agent.server().jobs().forgetLanes();
            agent.server().jobs().writePresence();
            agent.server().jobs().markSilentWorkers();
            agent.server().jobs().lookForLines();
        });
    }

    @Test
    void countsHowMuchIsWhereByIndexes() throws Exception {
        var used = explained(() -> {
            agent.server().measureQueues();
            agent.server().statistics().write();
            agent.server().statistics().forget();
            for (var queue : List.of(ManyOrders.PLAIN, ManyOrders.LANED, "queue-7")) {
                agent.queues()
                        .getQueueStats(GetQueueStatsRequest.newBuilder()
                                .setQueueName(queue)
                                .build());
            }
        });
        assertThat(used)
                .contains(
                        "work_order_states_waiting_idx",
                        "work_order_states_waiting_in_lanes_idx",
                        "work_order_states_due_idx",
                        "work_order_states_queue_status_idx");
    }

    @Test
    void findsThePlaceOfAnOrderByTheIndexOfTheLine() throws Exception {
        var last = agent.enqueue(order(ManyOrders.PLAIN));
        assertThat(explained(() -> explain(last))).contains("work_order_states_waiting_idx");
        var laned = agent.enqueue(order(ManyOrders.LANED).setFairnessKey("f-1"));
        assertThat(explained(() -> explain(laned))).contains("work_order_states_waiting_in_lanes_idx");
    }

    private static void explain(WorkOrder order) {
        agent.orders()
                .explainWorkOrder(ExplainWorkOrderRequest.newBuilder()
                        .setWorkOrderId(order.getWorkOrderId())
                        .build());
    }

    @Test
    void noticesATableThatIsReadWhole() throws SQLException {
        var bad = new SentStatement(
                "SELECT work_order_id FROM work_orders WHERE payload = $1::text::jsonb LIMIT $2::integer",
                List.of("{\"n\": 2}", 10));
        assertThat(wrongOf(bad, new TreeSet<>())).isNotEmpty();
    }

    private interface Action {
        void run() throws Exception;
    }

    /** Does something, and looks at the plans of all that is sent meanwhile; answers the indexes that they use. */
    private static Set<String> explained(Action action) throws Exception {
        SENT.clear();
        action.run();
        var latest = new HashMap<String, SentStatement>();
        SENT.forEach(sent -> latest.put(sent.sql(), sent));
        var indexes = new TreeSet<String>();
        var wrong = new ArrayList<String>();
        for (var sent : latest.values()) {
            wrong.addAll(wrongOf(sent, indexes));
        }
        assertThat(latest).isNotEmpty();
        assertThat(wrong).isEmpty();
        return indexes;
    }

    private static List<String> wrongOf(SentStatement sent, Set<String> indexes) throws SQLException {
        var explainer = plans.explainer();
        var wrong = new ArrayList<String>();
        Consumer<QueryPlan> looks = plan -> {
            plan.nodes().map(QueryPlan::index).forEach(indexes::add);
            plan.readWhole(explainer::isLarge)
                    .forEach(table -> wrong.add("reads all of %s%n%s%n%s".formatted(table, sent.sql(), plan)));
        };
        explainer.explain(sent, false, Explainer.EXECUTIONS, looks);
        explainer.explainForAny(sent, false, looks);
        Consumer<QueryPlan> counts = plan -> {
            long read = plan.read(explainer::isLarge);
            boolean isCount = COUNTING.stream().anyMatch(sent.sql()::contains);
            if (read > (isCount ? MOST_COUNTED : MOST)) {
                wrong.add("reads %d rows%n%s%n%s".formatted(read, sent.sql(), plan));
            }
        };
        try {
            explainer.explain(sent, true, Explainer.EXECUTIONS, counts);
            explainer.explainForAny(sent, true, counts);
        } catch (SQLException refused) {
            if (!UNREPEATABLE.contains(refused.getSQLState())) {
                throw refused;
            }
        }
        return wrong;
    }

    // A row that is there by now; a lock that one of the server's own jobs holds.
    private static final Set<String> UNREPEATABLE = Set.of("23505", "55P03", "40P01");

    private static List<ClaimedWork> claims(String worker, int most, String... queues) {
        var claims = agent.work()
                .claimWork(claim(worker, queues).setMaxOrders(most).build())
                .getClaimsList();
        assertThat(claims).hasSize(most);
        return claims;
    }

    private static void twoPages(ListWorkOrdersRequest.Builder request) {
        var page = agent.orders().listWorkOrders(request.build());
        assertThat(page.getNextPageToken()).isNotEmpty();
        agent.orders()
                .listWorkOrders(
                        request.clone().setPageToken(page.getNextPageToken()).build());
    }

    private static void putsBack(RedriveWorkOrdersRequest.Builder request) {
        assertThat(agent.orders().redriveWorkOrders(request.build()).getWorkOrdersCount())
                .isPositive();
    }

    private static void cancel(String id) {
        agent.orders()
                .cancelWorkOrder(
                        CancelWorkOrderRequest.newBuilder().setWorkOrderId(id).build());
    }

    private static void append(ClaimedWork claimed) throws Exception {
        var answer = new CompletableFuture<AppendLogsResponse>();
        var stream = ExecutionServiceGrpc.newStub(agent.channel()).appendLogs(new StreamObserver<>() {
            @Override
            public void onNext(AppendLogsResponse response) {
                answer.complete(response);
            }

            @Override
            public void onError(Throwable failed) {
                answer.completeExceptionally(failed);
            }

            @Override
            public void onCompleted() {}
        });
        stream.onNext(AppendLogsRequest.newBuilder()
                .setExecutionId(claimed.getExecutionId())
                .setClaimToken(claimed.getClaimToken())
                .addLines(LogLine.newBuilder()
                        .setSequence(1)
                        .setLevel(LogLevel.LOG_LEVEL_INFO)
                        .setMessage("a line"))
                .build());
        stream.onCompleted();
        assertThat(answer.get(60, TimeUnit.SECONDS).getAppendedCount()).isEqualTo(1);
    }
}
