package dev.sortie.bench;

import java.time.Duration;
import java.util.Arrays;
import java.util.Locale;

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

    /** Prints them as a row of a table: what it was, the median, the 99th percentile, and how many. */
    void print(String what) {
        System.out.printf(
                Locale.ROOT,
                "| %s | %.2f ms | %.2f ms | %d |%n",
                what,
                percentile(0.5).toNanos() / 1e6,
                percentile(0.99).toNanos() / 1e6,
                count());
    }
}
