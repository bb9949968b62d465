package dev.sortie.bench;

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
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/** Orders through the queue: placed, claimed, completed, every hand-over durable; counted as completions accepted. */
final class DispatchBench {
    private static final Struct PAYLOAD = Struct.newBuilder()
            .putFields("n", Value.newBuilder().setNumberValue(1).build())
            .build();

    private final Target target;
    private final Servers servers;
    private final java.time.Duration runFor;
    private final Cpu cpu;
    private Cpu.@Nullable Use use;
    // By workers and batch, how fast they were: so many orders have to be there for the next time.
    private final Map<List<Integer>, Double> seen = new ConcurrentHashMap<>();

    DispatchBench(Target target, Servers servers, Cpu cpu, java.time.Duration runFor) {
        this.target = target;
        this.servers = servers;
        this.cpu = cpu;
        this.runFor = runFor;
    }

    /** Orders per second that so many workers claim and complete, a batch at a time. The orders are there already. */
    double throughput(int workers, int batch) throws Exception {
        var queue = newQueue();
        var key = List.of(workers, batch);
        double rate = seen.getOrDefault(key, batch == 1 ? Math.min(10_000.0, 1_000.0 * workers) : 25_000.0);
        fill(queue, (long) (rate * 1.4 * runFor.toMillis() / 1_000));
        var ids = register(workers, batch);
        target.settle();
        var completed = new AtomicLong();
        var begin = new CountDownLatch(1);
        long[] end = new long[1];
        try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            var running = new ArrayList<java.util.concurrent.Future<?>>();
            for (var id : ids) {
                running.add(threads.submit(() -> {
                    begin.await();
                    while (System.nanoTime() < end[0]) {
                        var claims = claim(id, queue, batch, 0);
                        if (claims.isEmpty()) {
                            return null;
                        }
                        completed.addAndGet(complete(claims));
                    }
                    return null;
                }));
            }
            var before = cpu.read();
            long start = System.nanoTime();
            end[0] = start + runFor.toNanos();
            begin.countDown();
            for (var one : running) {
                one.get();
            }
            double seconds = (System.nanoTime() - start) / 1e9;
            use = Cpu.between(before, cpu.read(), completed.get());
            deregister(ids);
            seen.merge(key, completed.get() / seconds, Math::max);
            return completed.get() / seconds;
        }
    }

    /** The same by sessions, each with so many credits: an acknowledgement says that a completion is accepted. */
    double sessions(int workers, int credits) throws Exception {
        var queue = newQueue();
        var key = List.of(workers, -credits);
        double rate = seen.getOrDefault(key, credits == 1 ? Math.min(10_000.0, 1_000.0 * workers) : 25_000.0);
        long orders = (long) (rate * 1.4 * runFor.toMillis() / 1_000);
        fill(queue, orders);
        var ids = register(workers, credits);
        target.settle();
        var completed = new AtomicLong();
        var before = cpu.read();
        long start = System.nanoTime();
        long end = start + runFor.toNanos();
        var sessions = ids.stream()
                .map(id -> Session.open(servers.next(), id, queue, credits, PAYLOAD, completed, end))
                .toList();
        while (System.nanoTime() < end && completed.get() < orders) {
            TimeUnit.MILLISECONDS.sleep(5);
        }
        double seconds = (System.nanoTime() - start) / 1e9;
        use = Cpu.between(before, cpu.read(), completed.get());
        double perSecond = completed.get() / seconds;
        sessions.forEach(Session::close);
        sessions.forEach(Session::await);
        deregister(ids);
        seen.merge(key, perSecond, Math::max);
        return perSecond;
    }

    /** Orders per second that so many callers place, a batch at a time. */
    double enqueueing(int callers, int batch) throws Exception {
        var queue = newQueue();
        var placed = new AtomicLong();
        var request = enqueue(queue, batch);
        target.settle();
        var before = cpu.read();
        long start = System.nanoTime();
        long end = start + runFor.toNanos();
        try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            var running = new ArrayList<java.util.concurrent.Future<?>>();
            for (int i = 0; i < callers; i++) {
                running.add(threads.submit(() -> {
                    while (System.nanoTime() < end) {
                        placed.addAndGet(
                                servers.orders().enqueueWorkOrders(request).getWorkOrdersCount());
                    }
                }));
            }
            for (var one : running) {
                one.get();
            }
        }
        double seconds = (System.nanoTime() - start) / 1e9;
        use = Cpu.between(before, cpu.read(), placed.get());
        return placed.get() / seconds;
    }

    /** What the last measurement of a rate kept busy. */
    Cpu.@Nullable Use use() {
        return use;
    }

    /** From the call that places an order to the worker that has it, at so many orders per second. */
    Latencies latency(int perSecond, int workers) throws Exception {
        var queue = newQueue();
        fill(queue, 1); // makes the queue
        var ids = register(workers, 1);
        var sent = new ConcurrentHashMap<Integer, Long>();
        var latencies = new Latencies();
        var received = new AtomicInteger();
        int total = (int) (perSecond * runFor.toMillis() / 1000);
        try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            for (var id : ids) {
                var _ = threads.submit(() -> {
                    while (received.get() < total + 1) {
                        for (var claim : claim(id, queue, 1, 2)) {
                            long now = System.nanoTime();
                            int n = (int) claim.getWorkOrder()
                                    .getPayload()
                                    .getFieldsOrThrow("n")
                                    .getNumberValue();
                            var then = sent.remove(n);
                            if (then != null) {
                                latencies.add(now - then);
                            }
                            received.incrementAndGet();
                            complete(List.of(claim));
                        }
                    }
                    return null;
                });
            }
            long start = System.nanoTime();
            for (int i = 0; i < total; i++) {
                long at = start + i * 1_000_000_000L / perSecond;
                LockSupport.parkNanos(at - System.nanoTime());
                int n = 1_000 + i;
                var _ = threads.submit(() -> {
                    sent.put(n, System.nanoTime());
                    servers.orders()
                            .enqueueWorkOrders(EnqueueWorkOrdersRequest.newBuilder()
                                    .addWorkOrders(WorkOrder.newBuilder()
                                            .setQueueName(queue)
                                            .setPayload(Struct.newBuilder()
                                                    .putFields(
                                                            "n",
                                                            Value.newBuilder()
                                                                    .setNumberValue(n)
                                                                    .build())))
                                    .build());
                });
            }
        }
        deregister(ids);
        return latencies;
    }

    /** How long a claim of one order takes while so many are pending. */
    Latencies claimTime(long pending, int claims) throws Exception {
        var queue = newQueue();
        fill(queue, pending);
        var id = register(1, 1).getFirst();
        target.settle();
        var latencies = new Latencies();
        for (int i = 0; i < claims; i++) {
            long start = System.nanoTime();
            var claimed = claim(id, queue, 1, 0);
            long took = System.nanoTime() - start;
            if (i >= claims / 5) {
                latencies.add(took); // the first fifth is for warming up
            }
            complete(claimed);
        }
        deregister(List.of(id));
        return latencies;
    }

    void fill(String queue, long orders) throws Exception {
        var request = enqueue(queue, 1_000);
        var left = new AtomicLong(orders);
        try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            var running = new ArrayList<java.util.concurrent.Future<?>>();
            for (int i = 0; i < 4; i++) {
                running.add(threads.submit(() -> {
                    while (true) {
                        long before = left.getAndAdd(-1_000);
                        if (before <= 0) {
                            return;
                        }
                        servers.orders().enqueueWorkOrders(before >= 1_000 ? request : enqueue(queue, (int) before));
                    }
                }));
            }
            for (var one : running) {
                one.get();
            }
        }
    }

    String newQueue() {
        return "bench-" + UUID.randomUUID().toString().substring(0, 13);
    }

    EnqueueWorkOrdersRequest enqueue(String queue, int count) {
        var request = EnqueueWorkOrdersRequest.newBuilder();
        for (int i = 0; i < count; i++) {
            request.addWorkOrders(WorkOrder.newBuilder().setQueueName(queue).setPayload(PAYLOAD));
        }
        return request.build();
    }

    List<String> register(int count, int room) {
        var ids = new ArrayList<String>();
        for (int i = 0; i < count; i++) {
            ids.add(servers.workers()
                    .registerWorker(RegisterWorkerRequest.newBuilder()
                            .setWorker(Worker.newBuilder()
                                    .setName("bench")
                                    .setWorkerType(TaskType.TASK_TYPE_TEST)
                                    .setMaxConcurrentTasks(room))
                            .build())
                    .getWorker()
                    .getWorkerId());
        }
        return ids;
    }

    void deregister(List<String> ids) {
        for (var id : ids) {
            var _ = servers.workers()
                    .deregisterWorker(dev.sortie.agent.v1.DeregisterWorkerRequest.newBuilder()
                            .setWorkerId(id)
                            .build());
        }
    }

    List<ClaimedWork> claim(String worker, String queue, int batch, int waitSeconds) {
        return servers.work()
                .withDeadlineAfter(waitSeconds + 30L, TimeUnit.SECONDS)
                .claimWork(ClaimWorkRequest.newBuilder()
                        .setWorkerId(worker)
                        .addQueueNames(queue)
                        .setMaxOrders(batch)
                        .setWait(Duration.newBuilder().setSeconds(waitSeconds))
                        .build())
                .getClaimsList();
    }

    int complete(List<ClaimedWork> claims) {
        var request = CompleteWorkRequest.newBuilder();
        for (var claim : claims) {
            request.addCompletions(WorkCompletion.newBuilder()
                    .setClaim(ClaimReference.newBuilder()
                            .setWorkOrderId(claim.getWorkOrder().getWorkOrderId())
                            .setClaimToken(claim.getClaimToken()))
                    .setResult(PAYLOAD));
        }
        int accepted = 0;
        for (var outcome : servers.work().completeWork(request.build()).getOutcomesList()) {
            accepted += outcome.hasError() ? 0 : 1;
        }
        return accepted;
    }
}
