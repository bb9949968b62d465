package dev.sortie.bench;

import java.time.Duration;
import java.util.Arrays;

/** How long things took. For many threads. */
final class Latencies {
    private long[] nanos = new long[1024];
    private int count;

    synchronized void add(long took) {
        if (count == nanos.length) {
            nanos = Arrays.copyOf(nanos, 2 * count);
        }
        nanos[count++] = took;
    }

    synchronized int count() {
        return count;
    }

    /** @param part from 0 to 1, such as 0.99 */
    synchronized Duration percentile(double part) {
        if (count == 0) {
            return Duration.ZERO;
        }
        var sorted = Arrays.copyOf(nanos, count);
        Arrays.sort(sorted);
        return Duration.ofNanos(sorted[(int) Math.min(count - 1L, (long) (part * count))]);
    }
}
