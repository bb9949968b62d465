package dev.sortie.agent;

import com.google.protobuf.Duration;
import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import dev.sortie.agent.archive.ArchiveSettings;
import dev.sortie.agent.domain.Subject;
import dev.sortie.agent.v1.Agent;
import dev.sortie.agent.v1.AgentServiceGrpc;
import dev.sortie.agent.v1.AgentType;
import dev.sortie.agent.v1.ClaimReference;
import dev.sortie.agent.v1.ClaimWorkRequest;
import dev.sortie.agent.v1.ClaimedWork;
import dev.sortie.agent.v1.CompleteWorkRequest;
import dev.sortie.agent.v1.CompleteWorkResponse;
import dev.sortie.agent.v1.EnqueueWorkOrdersRequest;
import dev.sortie.agent.v1.ExecutionServiceGrpc;
import dev.sortie.agent.v1.FailWorkRequest;
import dev.sortie.agent.v1.FailWorkResponse;
import dev.sortie.agent.v1.GetAgentRequest;
import dev.sortie.agent.v1.GetExecutionRequest;
import dev.sortie.agent.v1.GetWorkOrderRequest;
import dev.sortie.agent.v1.QueueServiceGrpc;
import dev.sortie.agent.v1.RegisterAgentRequest;
import dev.sortie.agent.v1.RegisterWorkerRequest;
import dev.sortie.agent.v1.ReleaseWorkRequest;
import dev.sortie.agent.v1.WorkCompletion;
import dev.sortie.agent.v1.WorkFailure;
import dev.sortie.agent.v1.WorkOrder;
import dev.sortie.agent.v1.WorkOrderServiceGrpc;
import dev.sortie.agent.v1.WorkServiceGrpc;
import dev.sortie.agent.v1.Worker;
import dev.sortie.agent.v1.WorkerServiceGrpc;
import dev.sortie.runtime.grpc.ServerSettings;
import dev.sortie.runtime.identity.Principal;
import dev.sortie.runtime.identity.Role;
import dev.sortie.runtime.sql.DatabaseSettings;
import dev.sortie.runtime.testing.FakeAuthenticator;
import dev.sortie.runtime.testing.RunningServer;
import dev.sortie.runtime.testing.SettableClock;
import dev.sortie.runtime.testing.TestDatabase;
import dev.sortie.runtime.testing.TestPostgres;
import dev.sortie.type.v1.TaskType;
import io.grpc.Channel;
import java.sql.SQLException;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;

/** A whole agent-service over a database of its own, with what tests say to it most often. */
public final class AgentFixture implements AutoCloseable {
    /** Mission-service's own account: its orders are not checked against itself. */
    public static final Principal MISSION_SERVICE =
            FakeAuthenticator.user(5, "mission-service", Role.VIEWER, Principal.Kind.SERVICE);

    private static final java.time.Duration PATIENCE = java.time.Duration.ofSeconds(60);

    private final TestDatabase database;
    private final boolean ownsDatabase;
    private final InstantSource clock;
    private final FakeAuthenticator authenticator = new FakeAuthenticator();
    private final AgentServer server;
    private final RunningServer running;
    private final Set<Subject> subjects = ConcurrentHashMap.newKeySet();
    private volatile Predicate<Subject> missionService = subjects::contains;

    public AgentFixture(InstantSource clock) {
        this(newDatabase(), true, clock, AgentConfig.MAX_SESSIONS, ArchiveSettings.NONE);
    }

    /** One replica of several. */
    public AgentFixture(TestDatabase database, InstantSource clock) {
        this(database, false, clock, AgentConfig.MAX_SESSIONS, ArchiveSettings.NONE);
    }

    /** The same, with so many work sessions at most. */
    public AgentFixture(TestDatabase database, InstantSource clock, int maxSessions) {
        this(database, false, clock, maxSessions, ArchiveSettings.NONE);
    }

    /** The same with an archive. */
    public AgentFixture(TestDatabase database, InstantSource clock, ArchiveSettings archive) {
        this(database, false, clock, AgentConfig.MAX_SESSIONS, archive);
    }

    private AgentFixture(
            TestDatabase database,
            boolean ownsDatabase,
            InstantSource clock,
            int maxSessions,
            ArchiveSettings archive) {
        this.database = database;
        this.ownsDatabase = ownsDatabase;
        this.clock = clock;
        authenticator.know("mission-service", MISSION_SERVICE);
        this.server = AgentServer.start(
                ServerSettings.local(),
                DatabaseSettings.of(database.runtimeUrl()),
                clock,
                authenticator,
                subject -> missionService.test(subject),
                maxSessions,
                archive);
        try {
            server.runtime().awaitReady(PATIENCE);
        } catch (Exception failed) {
            server.close();
            throw new AssertionError("agent-service did not start", failed);
        }
        this.running = RunningServer.of(server.runtime());
    }

    public static TestDatabase newDatabase() {
        return TestPostgres.database(
                "agent", url -> AgentServer.IDENTITY.migrations().migrate(url, TestPostgres.runtimeRole()));
    }

    public static SettableClock clock() {
        return new SettableClock();
    }

    /** Knows who calls. */
    public FakeAuthenticator authenticator() {
        return authenticator;
    }

    public AgentServer server() {
        return server;
    }

    public TestDatabase database() {
        return database;
    }

    /** From now on mission-service has this step. */
    public void toolStepExists(UUID id) {
        subjects.add(new Subject(Subject.Kind.TOOL_STEP, id));
    }

    /** From now on mission-service has this task. */
    public void taskExists(UUID id) {
        subjects.add(new Subject(Subject.Kind.TASK, id));
    }

    /** From now on mission-service is this. */
    public void missionServiceIs(Predicate<Subject> other) {
        missionService = other;
    }

    public Channel channel() {
        return running.channel("developer");
    }

    /** Calls without a token. */
    public Channel anonymousChannel() {
        return running.channel();
    }

    public Channel channel(String token) {
        return running.channel(token);
    }

    public WorkerServiceGrpc.WorkerServiceBlockingStub workers() {
        return WorkerServiceGrpc.newBlockingStub(channel());
    }

    public AgentServiceGrpc.AgentServiceBlockingStub agents() {
        return AgentServiceGrpc.newBlockingStub(channel());
    }

    public QueueServiceGrpc.QueueServiceBlockingStub queues() {
        return QueueServiceGrpc.newBlockingStub(channel());
    }

    public WorkOrderServiceGrpc.WorkOrderServiceBlockingStub orders() {
        return WorkOrderServiceGrpc.newBlockingStub(channel());
    }

    public WorkServiceGrpc.WorkServiceBlockingStub work() {
        return WorkServiceGrpc.newBlockingStub(channel());
    }

    public ExecutionServiceGrpc.ExecutionServiceBlockingStub executions() {
        return ExecutionServiceGrpc.newBlockingStub(channel());
    }

    /** A worker that may hold so many claims. */
    public String register(int maxConcurrentTasks) {
        return workers()
                .registerWorker(RegisterWorkerRequest.newBuilder()
                        .setWorker(Worker.newBuilder()
                                .setName("worker")
                                .setWorkerType(TaskType.TASK_TYPE_TEST)
                                .setMaxConcurrentTasks(maxConcurrentTasks))
                        .build())
                .getWorker()
                .getWorkerId();
    }

    /** An agent with a name of its own. */
    public Agent registerAgent() {
        return agents().registerAgent(RegisterAgentRequest.newBuilder()
                        .setAgent(Agent.newBuilder()
                                .setName("agent " + UUID.randomUUID())
                                .setType(AgentType.AGENT_TYPE_CODEGEN))
                        .build())
                .getAgent();
    }

    public Agent agent(String id) {
        return agents().getAgent(GetAgentRequest.newBuilder().setAgentId(id).build())
                .getAgent();
    }

    /** A worker that works as an agent. */
    public String registerFor(String agentId, int maxConcurrentTasks) {
        return workers()
                .registerWorker(RegisterWorkerRequest.newBuilder()
                        .setWorker(Worker.newBuilder()
                                .setName("worker")
                                .setWorkerType(TaskType.TASK_TYPE_TEST)
                                .setMaxConcurrentTasks(maxConcurrentTasks)
                                .setAgentId(agentId))
                        .build())
                .getWorker()
                .getWorkerId();
    }

    public Worker worker(String id) {
        return workers()
                .getWorker(dev.sortie.agent.v1.GetWorkerRequest.newBuilder()
                        .setWorkerId(id)
                        .build())
                .getWorker();
    }

    public static WorkOrder.Builder order(String queue) {
        return WorkOrder.newBuilder().setQueueName(queue).setPayload(struct("n", 1));
    }

    public WorkOrder enqueue(WorkOrder.Builder order) {
        return enqueueAll(List.of(order.build())).getFirst();
    }

    public List<WorkOrder> enqueueAll(List<WorkOrder> orders) {
        return orders().enqueueWorkOrders(EnqueueWorkOrdersRequest.newBuilder()
                        .addAllWorkOrders(orders)
                        .build())
                .getWorkOrdersList();
    }

    public static List<WorkOrder> many(int count, String queue) {
        var orders = new ArrayList<WorkOrder>();
        for (int i = 0; i < count; i++) {
            orders.add(order(queue).setPayload(struct("n", i)).build());
        }
        return orders;
    }

    public WorkOrder get(String id) {
        return orders().getWorkOrder(
                        GetWorkOrderRequest.newBuilder().setWorkOrderId(id).build())
                .getWorkOrder();
    }

    public dev.sortie.agent.v1.Execution execution(String id) {
        return executions()
                .getExecution(
                        GetExecutionRequest.newBuilder().setExecutionId(id).build())
                .getExecution();
    }

    public static ClaimWorkRequest.Builder claim(String worker, String... queues) {
        return ClaimWorkRequest.newBuilder().setWorkerId(worker).addAllQueueNames(List.of(queues));
    }

    /** Claims one order that must be there; one that the server's own job is just putting in line comes at once. */
    public ClaimedWork claimOne(String worker, String queue) {
        var claims = new ArrayList<ClaimedWork>();
        try {
            await(
                    "an order is claimed",
                    () -> claims.addAll(
                            work().claimWork(claim(worker, queue).build()).getClaimsList()));
        } catch (InterruptedException interrupted) {
            throw new AssertionError(interrupted);
        }
        if (claims.size() != 1) {
            throw new AssertionError("expected one claim, not " + claims.size());
        }
        return claims.getFirst();
    }

    public static ClaimReference reference(ClaimedWork claim) {
        return ClaimReference.newBuilder()
                .setWorkOrderId(claim.getWorkOrder().getWorkOrderId())
                .setClaimToken(claim.getClaimToken())
                .build();
    }

    public CompleteWorkResponse complete(ClaimedWork... claims) {
        var request = CompleteWorkRequest.newBuilder();
        for (var claim : claims) {
            request.addCompletions(
                    WorkCompletion.newBuilder().setClaim(reference(claim)).setResult(struct("answer", 42)));
        }
        return work().completeWork(request.build());
    }

    public FailWorkResponse fail(ClaimedWork claim) {
        return fail(WorkFailure.newBuilder().setClaim(reference(claim)).setErrorMessage("it broke"));
    }

    public FailWorkResponse fail(WorkFailure.Builder failure) {
        return work().failWork(FailWorkRequest.newBuilder().addFailures(failure).build());
    }

    public void release(ClaimedWork claim) {
        work().releaseWork(ReleaseWorkRequest.newBuilder()
                .addClaims(reference(claim))
                .build());
    }

    public static Struct struct(String key, double value) {
        return Struct.newBuilder()
                .putFields(key, Value.newBuilder().setNumberValue(value).build())
                .build();
    }

    public static Duration seconds(long seconds) {
        return Duration.newBuilder().setSeconds(seconds).build();
    }

    /** One number from the database. */
    public long number(String sql) {
        try (var connection = database.connectAsOwner();
                var statement = connection.createStatement();
                var rows = statement.executeQuery(sql)) {
            rows.next();
            return rows.getLong(1);
        } catch (SQLException failed) {
            throw new AssertionError(failed);
        }
    }

    /**
     * Puts the orders in line whose time has come, and waits for those that the job in the background has in hand: a claim
     * passes over them meanwhile.
     */
    public void promoteOrders() {
        until("orders whose time has come are in line", () -> server.jobs().promoteOrders(), """
                SELECT count(*) FROM work_order_states
                WHERE status = 'PENDING' AND claim_rank IS NULL AND run_at <= '%s'
                """);
    }

    /** Ends the leases that have run out, and waits for those that the job in the background is ending. */
    public void endLeases() {
        until("leases that have run out are ended", () -> server.jobs().endLeases(), """
                SELECT count(*) FROM work_order_states WHERE lease_expires_at <= '%s'
                """);
    }

    /** The same of orders that nobody claimed in time. */
    public void expireOrders() {
        until("orders expire", () -> server.jobs().expireOrders(), """
                SELECT count(*) FROM work_order_states WHERE status = 'PENDING' AND expires_at <= '%s'
                """);
    }

    /** The same of workers that have not called. */
    public void markSilentWorkers() {
        until("silent workers are OFFLINE", () -> server.jobs().markSilentWorkers(), """
                SELECT count(*) FROM workers
                WHERE offline_at IS NULL AND last_heartbeat_at < timestamptz '%s' - interval '1 minute'
                """);
    }

    /** The same of agents. */
    public void markSilentAgents() {
        until("silent agents are OFFLINE", () -> server.jobs().markSilentAgents(), """
                SELECT count(*) FROM agents
                WHERE status <> 'OFFLINE' AND last_heartbeat_at < timestamptz '%s' - interval '1 minute'
                """);
    }

    /** Adds the figures of agents up, and waits for the job in the background that may be at it. */
    public void addUpFigures() {
        until("the figures of agents are added up", () -> server.figures().addUp(), """
                SELECT count(*) FROM agent_figures WHERE timestamptz '%s' IS NOT NULL
                """);
    }

    private void until(String what, Runnable job, String left) {
        try {
            await(what, () -> {
                job.run();
                return number(left.formatted(clock.instant())) == 0;
            });
        } catch (InterruptedException interrupted) {
            throw new AssertionError(interrupted);
        }
    }

    /** Waits until something holds. */
    public static void await(String what, BooleanSupplier condition) throws InterruptedException {
        long until = System.nanoTime() + PATIENCE.toNanos();
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() > until) {
                throw new AssertionError("waited in vain until " + what);
            }
            TimeUnit.MILLISECONDS.sleep(5);
        }
    }

    @Override
    public void close() {
        running.close();
        if (ownsDatabase) {
            database.close();
        }
    }
}
