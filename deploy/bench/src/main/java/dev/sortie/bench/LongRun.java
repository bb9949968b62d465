package dev.sortie.bench;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Locale;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/** Orders that flow without a break: whether it stays as fast as it began, and what the tables look like meanwhile. */
final class LongRun {
    private static final int WORKERS = 64;
    private static final int AHEAD = 5_000;
    private static final int BATCH = 100;
    private static final int PARTS = 10;

    private final Target target;
    private final Servers servers;
    private final DispatchBench bench;

    LongRun(Target target, Servers servers, DispatchBench bench) {
        this.target = target;
        this.servers = servers;
        this.bench = bench;
    }

    void run(Duration runFor) throws Exception {
        var queue = bench.newQueue();
        bench.fill(queue, AHEAD);
        var ids = bench.register(WORKERS, 1);
        var placed = new AtomicLong(AHEAD);
        var completed = new AtomicLong();
        var request = bench.enqueue(queue, BATCH);
        long start = System.nanoTime();
        long end = start + runFor.toNanos();
        System.out.printf(
                "%n| orders placed and completed, 1 per call, %d workers, %d ahead | per second |%n", WORKERS, AHEAD);
        System.out.println("| --- | ---: |");
        try (var tables = Tables.watch(target);
                var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            var running = new ArrayList<Future<?>>();
            for (var id : ids) {
                running.add(threads.submit(() -> {
                    while (System.nanoTime() < end) {
                        var claims = bench.claim(id, queue, 1, 2);
                        completed.addAndGet(claims.isEmpty() ? 0 : bench.complete(claims));
                    }
                    return null;
                }));
            }
            running.add(threads.submit(() -> {
                while (System.nanoTime() < end) {
                    if (placed.get() - completed.get() < AHEAD) {
                        servers.orders().enqueueWorkOrders(request);
                        placed.addAndGet(BATCH);
                    } else {
                        TimeUnit.MILLISECONDS.sleep(5);
                    }
                }
                return null;
            }));
            long before = 0;
            for (int part = 1; part <= PARTS; part++) {
                long until = start + runFor.toNanos() * part / PARTS;
                TimeUnit.NANOSECONDS.sleep(until - System.nanoTime());
                long now = completed.get();
                System.out.printf(
                        Locale.ROOT,
                        "| until %d s | %,.0f |%n",
                        runFor.toSeconds() * part / PARTS,
                        (now - before) / (runFor.toMillis() / 1_000.0 / PARTS));
                before = now;
            }
            for (var one : running) {
                one.get();
            }
            System.out.println("\n| table | rows at the end | most dead | dead at the end | vacuums |");
            System.out.println("| --- | ---: | ---: | ---: | ---: |");
            tables.seen()
                    .forEach((name, seen) -> System.out.printf(
                            Locale.ROOT,
                            "| %s | %,d | %,d | %,d | %d |%n",
                            name,
                            seen.rows,
                            seen.mostDead,
                            seen.lastDead,
                            seen.vacuums()));
        }
        bench.deregister(ids);
    }
}
