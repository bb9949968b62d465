package dev.sortie.bench;

import java.time.Duration;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

/** Workers that wait for work that does not come. What that costs is read from the database and the process. */
final class IdleBench {
    private final DispatchBench bench;

    IdleBench(DispatchBench bench) {
        this.bench = bench;
    }

    void run(int workers, Duration runFor) throws Exception {
        var queue = bench.newQueue();
        bench.fill(queue, 1);
        var ids = bench.register(workers, 1);
        bench.claim(ids.getFirst(), queue, 1, 0);
        long end = System.nanoTime() + runFor.multipliedBy(4).toNanos();
        try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            for (var id : ids.subList(1, ids.size())) {
                var _ = threads.submit(() -> {
                    while (System.nanoTime() < end) {
                        bench.claim(id, queue, 1, 30);
                    }
                });
            }
            TimeUnit.NANOSECONDS.sleep(end - System.nanoTime());
        }
    }
}
