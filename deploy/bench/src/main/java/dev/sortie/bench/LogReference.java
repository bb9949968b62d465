package dev.sortie.bench;

import java.sql.Array;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Timestamp;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;

/** The same lines straight into a table with a row and a key for each, by plain inserts of a thousand rows. */
final class LogReference {
    private static final int ROWS = 1_000;
    private static final String DATABASE = "sortie_bench_logs";
    private static final String TABLE = """
            CREATE TABLE bench_log_lines (
                execution_id uuid NOT NULL, sequence bigint NOT NULL, level text NOT NULL, message text NOT NULL,
                metadata jsonb, logged_at timestamptz NOT NULL, PRIMARY KEY (execution_id, sequence))
            """;
    private static final String INSERT = """
            INSERT INTO bench_log_lines (execution_id, sequence, level, message, metadata, logged_at)
            SELECT ?::uuid, n.sequence, n.level, n.message, n.metadata::jsonb, n.logged_at
            FROM unnest(?::bigint[], ?::text[], ?::text[], ?::text[], ?::timestamptz[])
                AS n (sequence, level, message, metadata, logged_at)
            """;

    private final Target target;
    private final Cpu cpu;

    LogReference(Target target, Cpu cpu) {
        this.target = target;
        this.cpu = cpu;
    }

    /** Makes a database for it. */
    void begin() throws SQLException {
        end();
        execute("postgres", "CREATE DATABASE " + DATABASE);
        execute(DATABASE, TABLE);
    }

    /** Drops the database. */
    void end() throws SQLException {
        execute("postgres", "DROP DATABASE IF EXISTS " + DATABASE + " WITH (FORCE)");
    }

    private void execute(String database, String sql) throws SQLException {
        try (var connection = target.connect(database);
                var statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    /** Over so many connections. */
    Peer over(int connections) {
        return new Peer() {
            private Cpu.@Nullable Use use;

            @Override
            public String name() {
                return "plain inserts of 1,000 (JDBC), " + connections
                        + (connections == 1 ? " connection" : " connections");
            }

            @Override
            public @Nullable String missing() {
                return target.database() == null ? "--data or --database" : null;
            }

            @Override
            public double perSecond(Duration longest) throws Exception {
                execute(DATABASE, "TRUNCATE bench_log_lines");
                target.settle();
                var open = new ArrayList<Connection>();
                try {
                    for (int i = 0; i < connections; i++) {
                        open.add(target.connect(DATABASE));
                    }
                    var before = cpu.read();
                    long start = System.nanoTime();
                    long stored = insert(open, start + longest.toNanos());
                    double seconds = (System.nanoTime() - start) / 1e9;
                    use = Cpu.between(before, cpu.read(), stored); // before the server processes end
                    return stored / seconds;
                } finally {
                    for (var connection : open) {
                        connection.close();
                    }
                }
            }

            @Override
            public Cpu.@Nullable Use use() {
                return use;
            }
        };
    }

    private static long insert(List<Connection> connections, long end) throws Exception {
        long stored = 0;
        try (var threads = Executors.newFixedThreadPool(connections.size())) {
            var running = new ArrayList<Future<Long>>();
            for (var connection : connections) {
                running.add(threads.submit(() -> insert(connection, end)));
            }
            for (var one : running) {
                stored += one.get();
            }
        }
        return stored;
    }

    private static long insert(Connection connection, long end) throws SQLException {
        var execution = UUID.randomUUID();
        long next = 1;
        try (var insert = connection.prepareStatement(INSERT)) {
            while (System.nanoTime() < end) {
                var sequences = new Long[ROWS];
                var levels = new String[ROWS];
                var messages = new String[ROWS];
                var times = new Timestamp[ROWS];
                for (int i = 0; i < ROWS; i++) {
                    sequences[i] = next;
                    levels[i] = "INFO";
                    messages[i] = LogTexts.of(next);
                    times[i] = new Timestamp(LogTexts.millis(next));
                    next++;
                }
                insert.setObject(1, execution);
                insert.setArray(2, array(connection, "bigint", sequences));
                insert.setArray(3, array(connection, "text", levels));
                insert.setArray(4, array(connection, "text", messages));
                insert.setArray(5, array(connection, "text", new String[ROWS]));
                insert.setArray(6, array(connection, "timestamptz", times));
                insert.executeUpdate();
            }
        }
        return next - 1;
    }

    private static Array array(Connection connection, String type, Object[] values) throws SQLException {
        return connection.createArrayOf(type, values);
    }
}
