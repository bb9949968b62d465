package dev.sortie.bench;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** Looks at the tables of agent-service now and then while it works. */
final class Tables implements AutoCloseable {
    private static final List<String> HOT =
            List.of("work_order_states", "work_orders", "work_order_results", "executions", "workers", "change_log");
    private static final String LOOK = """
            SELECT relname, n_dead_tup, n_live_tup, autovacuum_count FROM pg_stat_user_tables
            WHERE schemaname = 'public' AND relname = ANY (?)
            """;

    private final Target target;
    private final Map<String, Seen> seen = new LinkedHashMap<>();
    private final Thread thread;
    private volatile boolean closed;

    /** What was seen of a table: how many of its row versions were dead, and its vacuums. */
    static final class Seen {
        long rows;
        long mostDead;
        long lastDead;
        long firstVacuums = -1;
        long lastVacuums;

        long vacuums() {
            return lastVacuums - firstVacuums;
        }
    }

    private Tables(Target target) {
        this.target = target;
        this.thread = Thread.ofPlatform().daemon().name("tables").unstarted(this::look);
    }

    static Tables watch(Target target) {
        var tables = new Tables(target);
        tables.thread.start();
        return tables;
    }

    /** What was seen until now, by the name of the table. */
    Map<String, Seen> seen() {
        synchronized (seen) {
            return new LinkedHashMap<>(seen);
        }
    }

    @Override
    public void close() {
        closed = true;
        thread.interrupt();
    }

    private void look() {
        try (var connection = target.connect(target.agentDatabase())) {
            while (!closed) {
                look(connection);
                TimeUnit.SECONDS.sleep(1);
            }
        } catch (InterruptedException end) {
            Thread.currentThread().interrupt();
        } catch (SQLException failed) {
            System.out.println("the tables cannot be looked at: " + failed.getMessage());
        }
    }

    private void look(Connection connection) throws SQLException {
        try (var statement = connection.prepareStatement(LOOK)) {
            statement.setArray(1, connection.createArrayOf("text", HOT.toArray()));
            try (var rows = statement.executeQuery()) {
                synchronized (seen) {
                    while (rows.next()) {
                        var one = seen.computeIfAbsent(rows.getString(1), _ -> new Seen());
                        one.lastDead = rows.getLong(2);
                        one.mostDead = Math.max(one.mostDead, one.lastDead);
                        one.rows = rows.getLong(3);
                        one.lastVacuums = rows.getLong(4);
                        if (one.firstVacuums < 0) {
                            one.firstVacuums = one.lastVacuums;
                        }
                    }
                }
            }
        }
    }
}
