package dev.sortie.agent;

import java.util.ArrayList;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;

/** Many callers at one moment. */
final class AtOnce {
    private AtOnce() {}

    interface Turn {
        Object take(int i) throws Exception;
    }

    /** Begins all calls at one moment and waits for them; fails as one of them does. */
    static void call(int callers, Turn turn) throws Exception {
        var start = new CountDownLatch(1);
        try (var executor = Executors.newVirtualThreadPerTaskExecutor()) {
            var calls = new ArrayList<Callable<Object>>();
            for (int i = 0; i < callers; i++) {
                int number = i;
                calls.add(() -> {
                    start.await();
                    return turn.take(number);
                });
            }
            var futures = calls.stream().map(executor::submit).toList();
            start.countDown();
            for (var future : futures) {
                future.get();
            }
        }
    }
}
