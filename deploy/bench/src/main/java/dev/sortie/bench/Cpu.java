package dev.sortie.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/** How many processors the three parts of a measurement kept busy. Linux only; elsewhere all are 0. */
final class Cpu {
    private static final double TICKS_PER_SECOND = 100;

    private final long serverPid;
    private final long postgresPid;

    Cpu(Target target) {
        this.serverPid = target.serverPid();
        this.postgresPid = target.postgresPid();
    }

    /**
     * Seconds of processor time since the beginning.
     *
     * @param at by the clock that measures
     */
    record Reading(long at, double generator, double server, double postgres) {}

    /**
     * Processors kept busy between two readings.
     *
     * @param count how many were done with it
     */
    record Use(double seconds, long count, double generator, double server, double postgres) {
        /** What all of it took for one of them, in microseconds. */
        String perOne(int decimals) {
            double micros = count == 0 ? 0 : seconds * 1e6 / count;
            var number = "%." + decimals + "f";
            return String.format(
                    Locale.ROOT,
                    number + " / " + number + " / " + number,
                    generator * micros,
                    server * micros,
                    postgres * micros);
        }

        @Override
        public String toString() {
            return String.format(Locale.ROOT, "%.2f / %.2f / %.2f", generator, server, postgres);
        }
    }

    Reading read() {
        return new Reading(
                System.nanoTime(),
                seconds(ProcessHandle.current().pid()),
                serverPid == 0 ? 0 : seconds(serverPid),
                postgresPid == 0 ? 0 : seconds(postgresPid) + ofChildren());
    }

    static Use between(Reading from, Reading to, long count) {
        double seconds = (to.at - from.at) / 1e9;
        return new Use(
                seconds,
                count,
                (to.generator - from.generator) / seconds,
                (to.server - from.server) / seconds,
                (to.postgres - from.postgres) / seconds);
    }

    private double ofChildren() {
        return ProcessHandle.of(postgresPid).stream()
                .flatMap(ProcessHandle::children)
                .mapToDouble(child -> seconds(child.pid()))
                .sum();
    }

    /** Of a process and of those of its children that have ended. */
    private static double seconds(long pid) {
        try {
            var stat = Files.readString(Path.of("/proc", Long.toString(pid), "stat"));
            var fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
            long ticks = 0;
            for (int i = 11; i <= 14; i++) {
                ticks += Long.parseLong(fields[i]);
            }
            return ticks / TICKS_PER_SECOND;
        } catch (IOException | RuntimeException elsewhere) {
            return 0;
        }
    }
}
