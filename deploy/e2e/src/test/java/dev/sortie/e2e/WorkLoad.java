package dev.sortie.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Duration;
import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import dev.sortie.agent.v1.ClaimReference;
import dev.sortie.agent.v1.ClaimWorkRequest;
import dev.sortie.agent.v1.ClaimedWork;
import dev.sortie.agent.v1.CompleteWorkRequest;
import dev.sortie.agent.v1.EnqueueWorkOrdersRequest;
import dev.sortie.agent.v1.RegisterWorkerRequest;
import dev.sortie.agent.v1.WorkCompletion;
import dev.sortie.agent.v1.WorkOrder;
import dev.sortie.agent.v1.Worker;
import dev.sortie.type.v1.TaskType;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.Function;

/**
 * Orders of one queue, placed and worked off at two servers for as long as a test wants, whatever becomes of these
 * meanwhile. Remembers what it was told; at the end, that has to be so, and nothing else.
 */
final class WorkLoad implements AutoCloseable {
    private static final java.time.Duration PATIENCE = java.time.Duration.ofMinutes(2);
    private static final int WORKERS = 6;
    private static final int LEASE_SECONDS = 4;
    // What a call may come to when something that it needs goes away.
    private static final Set<Status.Code> LOST = Set.of(
            Status.Code.UNAVAILABLE,
            Status.Code.CANCELLED,
            Status.Code.ABORTED,
            Status.Code.RESOURCE_EXHAUSTED,
            Status.Code.DEADLINE_EXCEEDED);

    private final AgentReplicas replicas;
    private final String queue;
    private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
    private final List<Future<?>> running = new ArrayList<>();
    private final Set<String> placed = ConcurrentHashMap.newKeySet();
    private final Map<String, Set<String>> completedBy = new ConcurrentHashMap<>();
    private final Map<String, Set<Double>> results = new ConcurrentHashMap<>();
    private final AtomicLong numbers = new AtomicLong();
    private final AtomicInteger refused = new AtomicInteger();
    private volatile boolean isEnough;
    private volatile boolean isOver;

    private WorkLoad(AgentReplicas replicas, String queue) {
        this.replicas = replicas;
        this.queue = queue;
    }

    /** Begins to place orders and to work them off. */
    static WorkLoad start(AgentReplicas replicas, String queue) {
        var load = new WorkLoad(replicas, queue);
        load.running.add(load.threads.submit(load::produce));
        for (int i = 0; i < WORKERS; i++) {
            int seed = i;
            load.running.add(load.threads.submit(() -> work(load, new Random(seed))));
        }
        return load;
    }

    /** How many orders are known to be completed. */
    int completed() {
        return completedBy.size();
    }

    /** How many orders are known to be placed. */
    int placed() {
        return placed.size();
    }

    /** Waits until some more orders have been completed: the load runs. */
    void awaitMore(int count) {
        int until = completed() + count;
        await("more orders are completed", () -> completed() >= until);
    }

    /** Waits until something holds, or the load has failed. */
    void await(String what, BooleanSupplier condition) {
        long until = System.nanoTime() + PATIENCE.toNanos();
        while (!condition.getAsBoolean()) {
            for (var one : running) {
                if (one.state() == Future.State.FAILED) {
                    throw new AssertionError("the load has failed", one.exceptionNow());
                }
            }
            if (System.nanoTime() > until) {
                throw new AssertionError(
                        "waited in vain until %s; %d placed, %d completed".formatted(what, placed(), completed()));
            }
            LockSupport.parkNanos(10_000_000);
        }
    }

    /** Places no more orders, waits until all are completed, and looks at what has become of them. */
    void finish() throws Exception {
        awaitMore(20);
        isEnough = true;
        await(
                "all orders are completed",
                () -> running.getFirst().isDone() && completedBy.keySet().containsAll(placed));
        isOver = true;
        for (var one : running) {
            one.get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
        }
        check();
    }

    private void produce() {
        var random = new Random(99);
        while (!isEnough) {
            place(random, 4);
            LockSupport.parkNanos(20_000_000);
        }
    }

    /** Places some orders; returns when they are acknowledged. */
    List<String> place(Random random, int count) {
        var request = EnqueueWorkOrdersRequest.newBuilder()
                .setRequestId(UUID.randomUUID().toString());
        for (int i = 0; i < count; i++) {
            request.addWorkOrders(WorkOrder.newBuilder().setQueueName(queue).setPriority(1 + random.nextInt(5)));
        }
        var ids = insist(random, server -> server.orders().enqueueWorkOrders(request.build()))
                .orElseThrow()
                .getWorkOrdersList()
                .stream()
                .map(WorkOrder::getWorkOrderId)
                .toList();
        placed.addAll(ids);
        return ids;
    }

    private static Void work(WorkLoad load, Random random) {
        var id = load.insist(
                        random,
                        server -> server.workers()
                                .registerWorker(RegisterWorkerRequest.newBuilder()
                                        .setWorker(Worker.newBuilder()
                                                .setName("worker")
                                                .setWorkerType(TaskType.TASK_TYPE_TEST)
                                                .setMaxConcurrentTasks(100))
                                        .build())
                                .getWorker()
                                .getWorkerId())
                .orElseThrow();
        var request = ClaimWorkRequest.newBuilder()
                .setWorkerId(id)
                .addQueueNames(load.queue)
                .setMaxOrders(3)
                .setWait(Duration.newBuilder().setSeconds(1))
                .setLeaseDuration(Duration.newBuilder().setSeconds(LEASE_SECONDS))
                .build();
        while (!load.isOver) {
            // Once: what was claimed without an answer comes back when its lease has run out.
            var server = load.replicas.any(random);
            try {
                for (var claimed : server.work().claimWork(request).getClaimsList()) {
                    load.complete(random, claimed);
                }
            } catch (StatusRuntimeException failure) {
                load.checkLost(failure);
                server.retry();
                LockSupport.parkNanos(20_000_000);
            }
        }
        return null;
    }

    private void complete(Random random, ClaimedWork claimed) {
        var id = claimed.getWorkOrder().getWorkOrderId();
        double number = numbers.incrementAndGet();
        results.computeIfAbsent(id, _ -> ConcurrentHashMap.newKeySet()).add(number);
        var completion = CompleteWorkRequest.newBuilder()
                .addCompletions(WorkCompletion.newBuilder()
                        .setClaim(ClaimReference.newBuilder().setWorkOrderId(id).setClaimToken(claimed.getClaimToken()))
                        .setResult(Struct.newBuilder()
                                .putFields(
                                        "n",
                                        Value.newBuilder()
                                                .setNumberValue(number)
                                                .build())))
                .build();
        var outcome =
                insist(random, server -> server.work().completeWork(completion).getOutcomes(0));
        if (outcome.isPresent() && !outcome.get().hasError()) {
            accepted(id, claimed.getExecutionId());
        } else {
            refused.incrementAndGet();
        }
    }

    /** Somebody was told that a result was accepted. */
    void accepted(String orderId, String executionId) {
        completedBy.computeIfAbsent(orderId, _ -> ConcurrentHashMap.newKeySet()).add(executionId);
    }

    /** Makes a call at one server after the other until it is answered; empty when it was refused. */
    private <T> Optional<T> insist(Random random, Function<AgentReplicas.Server, T> call) {
        long until = System.nanoTime() + PATIENCE.toNanos();
        while (true) {
            var server = replicas.any(random);
            try {
                return Optional.of(call.apply(server));
            } catch (StatusRuntimeException failure) {
                if (failure.getStatus().getCode() == Status.Code.FAILED_PRECONDITION) {
                    return Optional.empty();
                }
                checkLost(failure);
                if (System.nanoTime() > until) {
                    throw failure;
                }
                server.retry();
                LockSupport.parkNanos(20_000_000);
            }
        }
    }

    private void checkLost(StatusRuntimeException failure) {
        if (Thread.currentThread().isInterrupted()) {
            throw failure; // the test is over
        }
        if (!LOST.contains(failure.getStatus().getCode())) {
            throw new AssertionError("not what a caller can do anything about:\n" + replicas.errors(), failure);
        }
    }

    private void check() throws SQLException {
        var found = new HashMap<String, String>();
        var accepted = new HashMap<String, String>();
        try (var connection = replicas.connect();
                var statement = connection.prepareStatement("""
                        SELECT o.work_order_id, s.status, (r.result->>'n')::double precision,
                            (SELECT string_agg(x.execution_id::text, ' ') FROM executions x
                             WHERE x.work_order_id = o.work_order_id AND x.status = 'COMPLETED')
                        FROM work_orders o
                        JOIN work_order_states s USING (work_order_id)
                        LEFT JOIN work_order_results r USING (work_order_id)
                        WHERE o.queue_name = ?
                        """)) {
            statement.setString(1, queue);
            try (var rows = statement.executeQuery()) {
                while (rows.next()) {
                    found.put(rows.getString(1), rows.getString(2));
                    accepted.put(rows.getString(1), rows.getString(4));
                    if (results.containsKey(rows.getString(1))) {
                        assertThat(results.get(rows.getString(1))).contains(rows.getDouble(3));
                    }
                }
            }
        }
        assertThat(found.keySet()).isEqualTo(placed);
        assertThat(found.values()).containsOnly("COMPLETED");
        // One execution is complete, and it is the one of which somebody was told that it was accepted.
        completedBy.forEach((id, executions) ->
                assertThat(executions).as("accepted for %s", id).containsExactly(accepted.get(id)));
        System.out.printf("%s: %d orders, %d results came too late%n", queue, placed.size(), refused.get());
    }

    @Override
    public void close() {
        isEnough = true;
        isOver = true;
        threads.shutdownNow();
    }
}
