package dev.sortie.local;

import java.io.PrintStream;
import java.time.Duration;
import java.util.Locale;
import java.util.function.Supplier;

/** Lines that tell a waiting person what is going on and how long it took. */
final class Progress {

    private final PrintStream out;
    private final long begin = System.nanoTime();

    Progress(PrintStream out) {
        this.out = out;
    }

    /** Does something that may take a while, between its name and its result. */
    <T> T step(String name, Supplier<T> work) {
        var start = System.nanoTime();
        out.printf("  %-28s ", name + " …");
        out.flush();
        T result;
        try {
            result = work.get();
        } catch (RuntimeException e) {
            out.println("failed");
            throw e;
        }
        out.println(seconds(start) + "  " + result);
        return result;
    }

    /** The time since the beginning, such as "3.2 s". */
    String elapsed() {
        return seconds(begin);
    }

    private static String seconds(long start) {
        var passed = Duration.ofNanos(System.nanoTime() - start);
        return String.format(Locale.ROOT, "%.1f s", passed.toMillis() / 1000.0);
    }
}
