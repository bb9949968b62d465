package dev.sortie.agent;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.runtime.testing.TestDatabase;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.function.Function;

/** Two servers over one database. Either can be struck down at any moment; another one takes its place. */
final class Replicas implements AutoCloseable {
    // What a call may come to at a server whose database or process goes away.
    private static final Set<Status.Code> LOST = Set.of(
            Status.Code.UNAVAILABLE,
            Status.Code.CANCELLED,
            Status.Code.ABORTED,
            Status.Code.RESOURCE_EXHAUSTED,
            Status.Code.DEADLINE_EXCEEDED);
    // What a call may be refused with for what there is.
    private static final Set<Status.Code> REFUSED = Set.of(Status.Code.FAILED_PRECONDITION, Status.Code.ALREADY_EXISTS);
    private static final Duration PATIENCE = Duration.ofMinutes(3);

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

    /** Makes a call at one server after the other until it is answered; empty when it was refused. */
    <T> Optional<T> insist(Random random, Function<AgentFixture, T> call) throws InterruptedException {
        var answer = new ArrayList<Optional<T>>();
        eventually("a server answers", () -> {
            var server = any(random);
            try {
                answer.add(Optional.of(call.apply(server)));
            } catch (StatusRuntimeException failure) {
                if (!isLost(server, failure)) {
                    answer.add(Optional.empty());
                }
            }
            return !answer.isEmpty();
        });
        return answer.getFirst();
    }

    /** Makes a call once; empty when it was refused, or when nobody knows what came of it. */
    <T> Optional<T> once(AgentFixture server, Function<AgentFixture, T> call) {
        try {
            return Optional.of(call.apply(server));
        } catch (StatusRuntimeException failure) {
            isLost(server, failure);
            return Optional.empty();
        }
    }

    private boolean isLost(AgentFixture server, StatusRuntimeException failure) {
        if (isLost(server, failure.getStatus())) {
            return true;
        }
        assertThat(failure.getStatus().getCode()).as(failure.toString()).isIn(REFUSED);
        return false;
    }

    /** Whether nobody knows what came of a call, or a stream broke. Whatever one says that was ended is as good as that. */
    boolean isLost(AgentFixture server, Status status) {
        return LOST.contains(status.getCode()) || struck.contains(server);
    }

    /** Something to wait for. */
    interface Condition {
        boolean holds() throws InterruptedException;
    }

    /** Waits until something holds, however busy the machine is. */
    static void eventually(String what, Condition condition) throws InterruptedException {
        long until = System.nanoTime() + PATIENCE.toNanos();
        while (!condition.holds()) {
            if (System.nanoTime() > until) {
                throw new AssertionError("waited in vain until " + what);
            }
            TimeUnit.MILLISECONDS.sleep(3);
        }
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
