package dev.sortie.bench;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Several ways to do the same, in turn: each once, then each again, so that what changes on the machine meanwhile
 * changes for all. Prints a table of them.
 */
final class Comparison {
    private final String what;
    private final String unit;
    private final int decimals;
    private final Supplier<Cpu.@Nullable Use> use;
    private final List<Row> rows = new ArrayList<>();
    private @Nullable Row reference;

    /** Finds how many per second. */
    interface Measurement {
        double run() throws Exception;
    }

    private static final class Row {
        private final String name;
        private final Measurement measurement;
        private final boolean isOurs;
        private final Supplier<Cpu.@Nullable Use> howMuch;
        private final Measured found = new Measured();
        private Cpu.@Nullable Use use;
        private @Nullable String failure;

        Row(String name, Measurement measurement, boolean isOurs, Supplier<Cpu.@Nullable Use> howMuch) {
            this.name = name;
            this.measurement = measurement;
            this.isOurs = isOurs;
            this.howMuch = howMuch;
        }
    }

    Comparison(String what, Supplier<Cpu.@Nullable Use> use) {
        this(what, "an order", 0, use);
    }

    /**
     * @param unit one of what is counted
     * @param decimals of the microseconds that one of them took
     */
    Comparison(String what, String unit, int decimals, Supplier<Cpu.@Nullable Use> use) {
        this.what = what;
        this.unit = unit;
        this.decimals = decimals;
        this.use = use;
    }

    void add(String name, Measurement measurement) {
        rows.add(new Row(name, measurement, true, use));
    }

    /** The same; what others are compared with. */
    void addReference(String name, Measurement measurement) {
        reference = new Row(name, measurement, true, use);
        rows.add(reference);
    }

    /** Adds another queue; or says what it lacks. */
    void add(Peer peer, Duration runFor) throws Exception {
        var missing = peer.missing();
        if (missing == null) {
            rows.add(new Row(peer.name(), () -> peer.perSecond(runFor), false, peer::use));
        } else {
            System.out.println("left out: " + peer.name() + ". Missing: " + missing);
        }
    }

    void run(int repeat) {
        for (int i = 0; i < repeat; i++) {
            for (var row : rows) {
                run(row);
            }
        }
        print();
    }

    private void run(Row row) {
        if (row.failure != null) {
            return;
        }
        try {
            double perSecond = row.measurement.run();
            row.use = row.howMuch.get();
            row.found.add(perSecond);
            System.err.printf(Locale.ROOT, "%s, %s: %.0f/s%n", what, row.name, perSecond);
        } catch (Exception failed) {
            row.failure =
                    String.valueOf(failed.getMessage()).lines().findFirst().orElse("");
            System.err.println(row.name + " failed: " + failed);
        }
    }

    private void print() {
        System.out.printf("%n| %s | per second | from – to | %s |%n", what, "Sortie to it");
        System.out.println("| --- | ---: | ---: | ---: |");
        for (var row : rows) {
            if (row.failure != null || row.found.isEmpty()) {
                System.out.printf("| %s | failed: %s | | |%n", row.name, row.failure);
                continue;
            }
            var ratio = row.isOurs || reference == null || reference.found.isEmpty()
                    ? ""
                    : String.format(Locale.ROOT, "%.2f", reference.found.median() / row.found.median());
            System.out.printf(
                    Locale.ROOT,
                    "| %s | %,.0f | %,.0f – %,.0f | %s |%n",
                    row.name,
                    row.found.median(),
                    row.found.least(),
                    row.found.most(),
                    ratio);
        }
        System.out.printf(
                "%n| load generator / servers / PostgreSQL | cores kept busy | µs of a core for %s |%n", unit);
        System.out.println("| --- | ---: | ---: |");
        for (var row : rows) {
            if (row.use != null) {
                System.out.printf("| %s | %s | %s |%n", row.name, row.use, row.use.perOne(decimals));
            }
        }
    }
}
