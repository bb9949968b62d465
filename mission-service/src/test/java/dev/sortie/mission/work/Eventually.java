package dev.sortie.mission.work;

import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Predicate;
import java.util.function.Supplier;

/** Waits for what happens by itself. */
public final class Eventually {
    private static final Duration LONGEST = Duration.ofSeconds(30);

    private Eventually() {}

    /** Looks again and again until it sees what it should, and returns it. */
    public static <T> T see(Supplier<T> look, Predicate<T> right) {
        long until = System.nanoTime() + LONGEST.toNanos();
        while (true) {
            var seen = look.get();
            if (right.test(seen)) {
                return seen;
            }
            if (System.nanoTime() > until) {
                throw new AssertionError("not seen within " + LONGEST + "; the last was:\n" + seen);
            }
            LockSupport.parkNanos(Duration.ofMillis(5).toNanos());
        }
    }
}
