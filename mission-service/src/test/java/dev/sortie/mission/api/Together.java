package dev.sortie.mission.api;

import io.grpc.StatusRuntimeException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.IntFunction;

/** Many calls at once. */
final class Together {
    private Together() {}

    /** How one call ended: with an answer or with a failure. */
    record Outcome<T>(T answer, StatusRuntimeException failure) {
        boolean succeeded() {
            return failure == null;
        }
    }

    /** Makes calls that all begin at the same moment. */
    static <T> List<Outcome<T>> call(int calls, IntFunction<T> call) throws Exception {
        var ready = new CountDownLatch(calls);
        try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            var pending = new ArrayList<Future<Outcome<T>>>();
            for (int i = 0; i < calls; i++) {
                int number = i;
                pending.add(threads.submit(() -> {
                    ready.countDown();
                    ready.await();
                    try {
                        return new Outcome<>(call.apply(number), null);
                    } catch (StatusRuntimeException failed) {
                        return new Outcome<>(null, failed);
                    }
                }));
            }
            var outcomes = new ArrayList<Outcome<T>>();
            for (var one : pending) {
                outcomes.add(one.get());
            }
            return outcomes;
        }
    }
}
