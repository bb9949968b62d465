package dev.sortie.agent;

import dev.sortie.runtime.testing.TestDatabase;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.InstantSource;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicReferenceArray;

/** Two servers over one database. Either can be struck down at any moment; another one takes its place. */
final class Replicas implements AutoCloseable {
    private final TestDatabase database = AgentFixture.newDatabase();
    private final InstantSource clock;
    private final AtomicReferenceArray<AgentFixture> running = new AtomicReferenceArray<>(2);
    private Connection connection;
    private final Set<AgentFixture> struck = ConcurrentHashMap.newKeySet();

    Replicas(InstantSource clock) {
        this.clock = clock;
        try {
            connection = database.connectAsOwner();
            for (int i = 0; i < running.length(); i++) {
                running.set(i, new AgentFixture(database, clock));
            }
        } catch (SQLException | RuntimeException | AssertionError failed) {
            close();
            throw new AssertionError(failed);
        }
    }

    AgentFixture get(int index) {
        return running.get(index);
    }

    AgentFixture any(Random random) {
        return running.get(random.nextInt(running.length()));
    }

    TestDatabase database() {
        return database;
    }

    /** Reads rows. */
    interface Reader {
        void read(ResultSet rows) throws SQLException;
    }

    /** Looks into the database; for one thread at a time. */
    void each(String sql, Reader reader) {
        try (var statement = connection.createStatement();
                var rows = statement.executeQuery(sql)) {
            while (rows.next()) {
                reader.read(rows);
            }
        } catch (SQLException failed) {
            throw new AssertionError(failed);
        }
    }

    /** One number from the database; for one thread at a time. */
    long number(String sql) {
        var number = new long[1];
        each(sql, rows -> number[0] = rows.getLong(1));
        return number[0];
    }

    /**
     * Ends a server as a crash does: its connections are gone, with whatever was under way there, and nobody hears of
     * it. Returns when another one is there.
     */
    void strike(int index) {
        var victim = running.get(index);
        struck.add(victim);
        victim.server().runtime().database().close();
        victim.close();
        running.set(index, new AgentFixture(database, clock));
    }

    /** True for a server that was ended: whatever it says then is as good as no answer. */
    boolean isStruck(AgentFixture server) {
        return struck.contains(server);
    }

    /** Ends every session of both servers, as a database does that fails over. */
    void cutSessions() {
        try (var connection = database.connectAsSuperuser();
                var statement = connection.createStatement()) {
            statement.execute("""
                    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                    WHERE datname = current_database() AND application_name = '%s'
                    """.formatted(AgentServer.IDENTITY.name()));
        } catch (SQLException failed) {
            throw new AssertionError(failed);
        }
    }

    @Override
    public void close() {
        for (int i = 0; i < running.length(); i++) {
            var server = running.get(i);
            if (server != null) {
                server.close();
            }
        }
        database.close(); // with whoever is still connected
    }
}
