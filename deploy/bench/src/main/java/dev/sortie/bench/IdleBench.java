package dev.sortie.bench;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Locale;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** Workers that wait for work that does not come: what they cost the servers and the database. */
final class IdleBench {
    private static final Duration SETTLE = Duration.ofSeconds(15);

    private final Target target;
    private final DispatchBench bench;

    IdleBench(Target target, DispatchBench bench) {
        this.target = target;
        this.bench = bench;
    }

    void run(int workers, Duration runFor) throws Exception {
        measure("no worker", runFor);
        var queue = bench.newQueue();
        bench.fill(queue, 1);
        var ids = bench.register(workers + 1, 1);
        bench.claim(ids.removeFirst(), queue, 1, 0); // now there is nothing
        long end = System.nanoTime() + SETTLE.plus(runFor).plusSeconds(5).toNanos();
        try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            for (var id : ids) {
                var _ = threads.submit(() -> {
                    while (System.nanoTime() < end) {
                        long left = (end - System.nanoTime()) / 1_000_000_000;
                        bench.claim(id, queue, 1, (int) Math.max(1, Math.min(30, left)));
                    }
                });
            }
            TimeUnit.NANOSECONDS.sleep(SETTLE.toNanos());
            measure(workers + " workers wait, 30 s a call", runFor);
        }
    }

    private void measure(String what, Duration runFor) throws Exception {
        var cpu = new Cpu(target);
        long transactions = transactions();
        var statements = new Statements(target);
        statements.begin();
        var from = cpu.read();
        TimeUnit.NANOSECONDS.sleep(runFor.toNanos());
        var use = Cpu.between(from, cpu.read(), 0);
        var counted = statements.end();
        double seconds = runFor.toMillis() / 1_000.0;
        System.out.printf(
                Locale.ROOT,
                "| %s | %s | %.1f | %.2f %% | %.2f %% |%n",
                what,
                counted < 0 ? "–" : String.format(Locale.ROOT, "%.1f", counted / seconds),
                (transactions() - transactions) / seconds,
                use.server() * 100,
                use.postgres() * 100);
    }

    private long transactions() throws SQLException {
        try (var connection = target.connect("postgres");
                var statement = connection.prepareStatement(
                        "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = ?")) {
            statement.setString(1, target.agentDatabase());
            try (var rows = statement.executeQuery()) {
                return rows.next() ? rows.getLong(1) : 0;
            }
        }
    }

    /** Counts what reaches agent-service's database, BEGIN and COMMIT included, by having PostgreSQL log it for a while. */
    private record Statements(Target target, long[] from) {
        Statements(Target target) {
            this(target, new long[1]);
        }

        void begin() throws SQLException, IOException {
            if (log() != null) {
                set("ALTER SYSTEM SET log_line_prefix = '%d|'", "ALTER SYSTEM SET log_statement = 'all'");
                from[0] = Files.size(log());
            }
        }

        /** @return -1 when it is not known */
        long end() throws SQLException, IOException {
            if (log() == null) {
                return -1;
            }
            var written = Files.readAllBytes(log());
            set("ALTER SYSTEM RESET log_statement", "ALTER SYSTEM RESET log_line_prefix");
            var text = new String(written, (int) from[0], (int) (written.length - from[0]), StandardCharsets.UTF_8);
            var mine = target.agentDatabase() + "|LOG:  ";
            return text.lines()
                    .filter(line -> line.startsWith(mine + "execute ") || line.startsWith(mine + "statement: "))
                    .count();
        }

        private @Nullable Path log() {
            var log = target.postgresLog();
            return log != null && Files.exists(log) ? log : null;
        }

        private void set(String... settings) throws SQLException {
            try (var connection = target.connect("postgres");
                    var statement = connection.createStatement()) {
                for (var setting : settings) {
                    statement.execute(setting);
                }
                statement.execute("SELECT pg_reload_conf()");
            }
        }
    }
}
