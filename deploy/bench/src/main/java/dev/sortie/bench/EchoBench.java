package dev.sortie.bench;

import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthGrpc;
import java.time.Duration;
import java.util.ArrayList;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicLong;

/** Calls that ask the server for nothing: how many this process can make at all. */
final class EchoBench {
    private EchoBench() {}

    static double perSecond(Servers servers, int callers, Duration runFor) throws Exception {
        var made = new AtomicLong();
        long start = System.nanoTime();
        long end = start + runFor.toNanos();
        try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            var running = new ArrayList<Future<?>>();
            for (int i = 0; i < callers; i++) {
                running.add(threads.submit(() -> {
                    while (System.nanoTime() < end) {
                        var _ = HealthGrpc.newBlockingStub(servers.next())
                                .check(HealthCheckRequest.getDefaultInstance());
                        made.incrementAndGet();
                    }
                }));
            }
            for (var one : running) {
                one.get();
            }
        }
        return made.get() / ((System.nanoTime() - start) / 1e9);
    }
}
