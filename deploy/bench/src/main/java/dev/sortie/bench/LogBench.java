package dev.sortie.bench;

import dev.sortie.agent.v1.AppendLogsRequest;
import dev.sortie.agent.v1.AppendLogsResponse;
import dev.sortie.agent.v1.ClaimWorkRequest;
import dev.sortie.agent.v1.ClaimedWork;
import dev.sortie.agent.v1.ExecutionServiceGrpc;
import dev.sortie.agent.v1.TailLogsRequest;
import dev.sortie.agent.v1.TailLogsResponse;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/** Log lines: stored as fast as they are taken, and told to those who follow a log as soon as they are there. */
final class LogBench {
    private final Target target;
    private final Servers servers;
    private final Servers tails;
    private final DispatchBench dispatch;
    private final Cpu cpu;
    private final Duration runFor;
    private Cpu.@Nullable Use use;

    /** @param tails where logs are followed; the same, or another replica */
    LogBench(Target target, Servers servers, Servers tails, DispatchBench dispatch, Cpu cpu, Duration runFor) {
        this.target = target;
        this.servers = servers;
        this.tails = tails;
        this.dispatch = dispatch;
        this.cpu = cpu;
        this.runFor = runFor;
    }

    /** Runs all, and prints what was found. */
    void run(int repeat) throws Exception {
        var reference = new LogReference(target, cpu);
        if (target.database() != null) {
            reference.begin();
        }
        var comparison = new Comparison("log lines stored", "a line", 2, () -> use);
        comparison.addReference("Sortie, 8 streams, 1,000 per message", () -> streams(8, 1_000));
        comparison.add("Sortie, 1 stream, 1,000 per message", () -> streams(1, 1_000));
        comparison.add("Sortie, 200 streams, 10 per message", () -> streams(200, 10));
        comparison.add("Sortie, 64 callers, a call of 100 each", () -> calls(64, 100));
        comparison.add("Sortie, 4 sessions, 1,000 per message", () -> sessions(4, 1_000));
        comparison.add(reference.over(1), runFor);
        comparison.add(reference.over(2), runFor);
        comparison.run(repeat);
        if (target.database() != null) {
            reference.end();
        }
        System.out.println("\n| acknowledged → a tail has it | p50 | p99 | lines |");
        System.out.println("| --- | ---: | ---: | ---: |");
        var where = tails == servers ? "at the same server" : "at another server";
        for (int i = 0; i < repeat; i++) {
            latency(100).print("100/s, a tail " + where);
            try (var _ = new Others(8, 20)) {
                latency(100).print("100/s beside some 16,000/s of 8 others, a tail " + where);
            }
        }
    }

    /** Lines per second that so many streams store, so many in each message, each of an execution of its own. */
    double streams(int streams, int linesPerMessage) throws Exception {
        var claims = claim(streams);
        long end = begin();
        var writing = new ArrayList<Callable<Long>>();
        for (var claim : claims) {
            writing.add(() -> stream(claim, linesPerMessage, end));
        }
        return measure(writing, claims);
    }

    private long stream(ClaimedWork claim, int linesPerMessage, long end) throws Exception {
        var sender = new Sender();
        ExecutionServiceGrpc.newStub(servers.next()).appendLogs(sender);
        long next = 1;
        while (System.nanoTime() < end && sender.awaitRoom()) {
            sender.send(message(claim, next, linesPerMessage));
            next += linesPerMessage;
        }
        return sender.finish().getAppendedCount();
    }

    /** The same by calls with one message each, one after the other. */
    double calls(int callers, int linesPerCall) throws Exception {
        var claims = claim(callers);
        long end = begin();
        var writing = new ArrayList<Callable<Long>>();
        for (var claim : claims) {
            writing.add(() -> {
                long next = 1;
                while (System.nanoTime() < end) {
                    append(claim, next, linesPerCall);
                    next += linesPerCall;
                }
                return next - 1;
            });
        }
        return measure(writing, claims);
    }

    private void append(ClaimedWork claim, long first, int lines) throws Exception {
        var sender = new Sender();
        ExecutionServiceGrpc.newStub(servers.next()).appendLogs(sender);
        sender.send(message(claim, first, lines));
        if (sender.finish().getAppendedCount() != lines) {
            throw new IllegalStateException("lines were not stored");
        }
    }

    /** The same by sessions, each of which waits for acknowledgements after some messages. */
    double sessions(int count, int linesPerMessage) throws Exception {
        var queue = dispatch.newQueue();
        dispatch.fill(queue, count);
        var workers = dispatch.register(count, 1);
        var sessions = new ArrayList<LogSession>();
        for (var worker : workers) {
            sessions.add(LogSession.open(servers.next(), worker, queue));
        }
        for (var session : sessions) {
            session.awaitAssignment();
        }
        long end = begin();
        var writing = new ArrayList<Callable<Long>>();
        for (var session : sessions) {
            writing.add(() -> session.write(linesPerMessage, end));
        }
        double found = measure(writing, List.of());
        dispatch.deregister(workers);
        return found;
    }

    private long begin() throws Exception {
        target.settle();
        return System.nanoTime() + runFor.toNanos();
    }

    private double measure(List<Callable<Long>> writing, List<ClaimedWork> claims) throws Exception {
        var before = cpu.read();
        long start = System.nanoTime();
        long stored = 0;
        try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            var running = new ArrayList<Future<Long>>();
            for (var one : writing) {
                running.add(threads.submit(one));
            }
            for (var one : running) {
                stored += one.get();
            }
        }
        double seconds = (System.nanoTime() - start) / 1e9;
        use = Cpu.between(before, cpu.read(), stored);
        if (!claims.isEmpty()) {
            dispatch.complete(claims);
        }
        return stored / seconds;
    }

    /**
     * From the answer that says that a line is stored to the tail that has it, at so many lines per second. Of a line that
     * is there before the answer, nothing.
     */
    Latencies latency(int perSecond) throws Exception {
        var claims = claim(1);
        var claim = claims.getFirst();
        var stored = new ConcurrentHashMap<Long, Long>();
        var follower = new Follower();
        ExecutionServiceGrpc.newStub(tails.next())
                .tailLogs(
                        TailLogsRequest.newBuilder()
                                .setExecutionId(claim.getExecutionId())
                                .build(),
                        follower);
        long total = perSecond * runFor.toMillis() / 1_000;
        long start = System.nanoTime();
        try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            for (long i = 1; i <= total; i++) {
                LockSupport.parkNanos(start + i * 1_000_000_000L / perSecond - System.nanoTime());
                long sequence = i;
                var _ = threads.submit(() -> {
                    append(claim, sequence, 1);
                    stored.put(sequence, System.nanoTime());
                    return null;
                });
            }
        }
        dispatch.complete(claims);
        follower.ended.get(60, TimeUnit.SECONDS);
        if (stored.size() != total) {
            throw new IllegalStateException(stored.size() + " of " + total + " lines were stored");
        }
        var latencies = new Latencies();
        // Each line is there, or nothing that is measured here means anything.
        stored.forEach(
                (sequence, at) -> latencies.add(Math.max(0, Objects.requireNonNull(follower.seen.get(sequence)) - at)));
        return latencies;
    }

    /** Orders of a worker that says nothing more until it has written what it has to. */
    private List<ClaimedWork> claim(int count) throws Exception {
        var queue = dispatch.newQueue();
        dispatch.fill(queue, count);
        var worker = dispatch.register(1, count).getFirst();
        var claims = new ArrayList<ClaimedWork>();
        while (claims.size() < count) {
            claims.addAll(servers.work()
                    .claimWork(ClaimWorkRequest.newBuilder()
                            .setWorkerId(worker)
                            .addQueueNames(queue)
                            .setMaxOrders(Math.min(100, count - claims.size()))
                            .setWait(com.google.protobuf.Duration.newBuilder().setSeconds(5))
                            .setLeaseDuration(
                                    com.google.protobuf.Duration.newBuilder().setSeconds(3_600))
                            .build())
                    .getClaimsList());
        }
        return claims;
    }

    private static AppendLogsRequest message(ClaimedWork claim, long first, int lines) {
        var message = AppendLogsRequest.newBuilder()
                .setExecutionId(claim.getExecutionId())
                .setClaimToken(claim.getClaimToken());
        LogTexts.lines(first, lines).forEach(message::addLines);
        return message.build();
    }

    /** Others who write logs of their own meanwhile, a hundred messages per second each. */
    private final class Others implements AutoCloseable {
        private final List<ClaimedWork> claims;
        private final List<CompletableFuture<Void>> writing = new ArrayList<>();
        private volatile boolean over;

        Others(int count, int linesPerMessage) throws Exception {
            claims = claim(count);
            for (var claim : claims) {
                writing.add(
                        CompletableFuture.runAsync(() -> write(claim, linesPerMessage), Thread::startVirtualThread));
            }
        }

        private void write(ClaimedWork claim, int linesPerMessage) {
            var sender = new Sender();
            ExecutionServiceGrpc.newStub(servers.next()).appendLogs(sender);
            long start = System.nanoTime();
            try {
                for (long i = 0; !over && sender.awaitRoom(); i++) {
                    sender.send(message(claim, 1 + i * linesPerMessage, linesPerMessage));
                    LockSupport.parkNanos(start + i * 10_000_000L - System.nanoTime());
                }
                sender.finish();
            } catch (Exception failed) {
                throw new IllegalStateException(failed);
            }
        }

        @Override
        public void close() {
            over = true;
            writing.forEach(CompletableFuture::join);
            dispatch.complete(claims);
        }
    }

    /** The receiving end of a tail: notes when each line came. */
    private static final class Follower implements StreamObserver<TailLogsResponse> {
        private final ConcurrentHashMap<Long, Long> seen = new ConcurrentHashMap<>();
        private final CompletableFuture<Void> ended = new CompletableFuture<>();

        @Override
        public void onNext(TailLogsResponse response) {
            long now = System.nanoTime();
            response.getLinesList().forEach(line -> seen.put(line.getSequence(), now));
        }

        @Override
        public void onError(Throwable failed) {
            ended.completeExceptionally(failed);
        }

        @Override
        public void onCompleted() {
            ended.complete(null);
        }
    }

    /** The sending end of a stream, which waits for room. */
    private static final class Sender implements ClientResponseObserver<AppendLogsRequest, AppendLogsResponse> {
        private final CompletableFuture<AppendLogsResponse> response = new CompletableFuture<>();
        private final Semaphore ready = new Semaphore(0);
        private @Nullable ClientCallStreamObserver<AppendLogsRequest> call;

        @Override
        public void beforeStart(ClientCallStreamObserver<AppendLogsRequest> started) {
            call = started;
            started.setOnReadyHandler(ready::release);
        }

        private ClientCallStreamObserver<AppendLogsRequest> call() {
            return Objects.requireNonNull(call);
        }

        /** False when the call has ended. */
        boolean awaitRoom() throws InterruptedException {
            while (!call().isReady() && !response.isDone()) {
                var _ = ready.tryAcquire(100, TimeUnit.MILLISECONDS);
                ready.drainPermits();
            }
            return !response.isDone();
        }

        void send(AppendLogsRequest message) {
            call().onNext(message);
        }

        AppendLogsResponse finish() throws Exception {
            if (!response.isDone()) {
                call().onCompleted();
            }
            return response.get(2, TimeUnit.MINUTES);
        }

        @Override
        public void onNext(AppendLogsResponse answer) {
            response.complete(answer);
        }

        @Override
        public void onError(Throwable failed) {
            response.completeExceptionally(failed);
        }

        @Override
        public void onCompleted() {}
    }
}
