package dev.sortie.cli;

import java.io.PrintStream;

/** Tells now and then how far a transfer has come; says nothing of short ones. */
final class Progress {
    private static final long PAUSE_NANOS = 2_000_000_000L;
    private static final int MIB = 1 << 20;

    private final String what;
    private final long size;
    private final PrintStream out;
    private long done;
    private long told = System.nanoTime();

    Progress(String what, long size, PrintStream out) {
        this.what = what;
        this.size = size;
        this.out = out;
    }

    /** So many bytes more. */
    void add(long bytes) {
        done += bytes;
        if (System.nanoTime() - told > PAUSE_NANOS) {
            told = System.nanoTime();
            out.printf("%s: %d of %d MiB%n", what, done / MIB, (size + MIB - 1) / MIB);
        }
    }
}
