package dev.sortie.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.agent.v1.PutQueueRequest;
import dev.sortie.agent.v1.Queue;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.ResourceLock;

/**
 * Two processes of agent-service and their PostgreSQL, under load, while one part after the other is killed, stopped,
 * cut off or used up. Each time every order that was acknowledged is completed, once, by the one who was told so.
 *
 * <p>{@code -Dsortie.fault.idle-seconds=60} holds the idle transaction for a minute.
 */
@ResourceLock(Cluster.MACHINE)
@Timeout(value = 5, unit = TimeUnit.MINUTES)
class FaultTest {
    private static final Duration IDLE = Duration.ofSeconds(Long.getLong("sortie.fault.idle-seconds", 5));
    private static final int CALLERS = 200;
    private static final int WAITING = 20;

    @AutoClose
    private static AgentReplicas replicas;

    @BeforeAll
    static void start(@TempDir Path folder) throws IOException, SQLException, TimeoutException {
        replicas = AgentReplicas.start(folder, 2);
    }

    @Test
    void aReplicaIsKilled() throws Exception {
        try (var load = WorkLoad.start(replicas, "replica-killed")) {
            for (int i = 0; i < 2; i++) {
                load.awaitMore(20);
                replicas.killAndRestart(i);
                load.awaitMore(20); // by the other one
                replicas.awaitReady(i);
            }
            load.finish();
        }
    }

    @Test
    void aWorkerIsKilled(@TempDir Path folder) throws Exception {
        try (var load = WorkLoad.start(replicas, "worker-killed");
                var victim = worker(folder, "worker-killed", 5)) {
            load.await("it holds orders", () -> victim.output().contains("claimed "));
            victim.kill();
            load.finish();
            assertThat(victim.output()).doesNotContain("accepted ");
        }
    }

    @Test
    void aWorkerSleepsPastItsLease(@TempDir Path folder) throws Exception {
        try (var load = WorkLoad.start(replicas, "worker-asleep");
                var victim = worker(folder, "worker-asleep", 1)) {
            load.await("it holds an order", () -> victim.output().contains("claimed "));
            victim.pause();
            load.finish(); // that order, too
            Files.createFile(folder.resolve("go"));
            victim.resume();
            assertThat(victim.await(2, TimeUnit.MINUTES)).as(victim.output()).isZero();
            var claimed = found("claimed (.*)\\.", victim.output());
            assertThat(found("refused (.*)\\.", victim.output()))
                    .isEqualTo(claimed)
                    .hasSize(1);
            assertThat(victim.output()).doesNotContain("accepted ");
        }
    }

    @Test
    void postgresIsKilled() throws Exception {
        try (var load = WorkLoad.start(replicas, "postgres-killed")) {
            for (int i = 0; i < 2; i++) {
                load.awaitMore(20);
                replicas.postgres().kill();
                replicas.postgres().restart();
            }
            load.finish();
        }
    }

    @Test
    void postgresIsRestarted() throws Exception {
        try (var load = WorkLoad.start(replicas, "postgres-restarted")) {
            load.awaitMore(20);
            replicas.postgres().stop();
            replicas.postgres().restart();
            load.finish();
        }
    }

    @Test
    void allSessionsAreEnded() throws Exception {
        try (var load = WorkLoad.start(replicas, "sessions-ended")) {
            for (int i = 0; i < 5; i++) {
                load.awaitMore(10);
                try (var connection = replicas.connect();
                        var statement = connection.createStatement()) {
                    statement.execute("""
                            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                            WHERE datname = current_database() AND pid <> pg_backend_pid()
                            """);
                }
            }
            load.finish();
        }
    }

    @Test
    void aTransactionStandsIdle() throws Exception {
        try (var load = WorkLoad.start(replicas, "idle-transaction")) {
            load.awaitMore(20);
            try (var connection = replicas.connect();
                    var statement = connection.createStatement()) {
                connection.setAutoCommit(false);
                // With a transaction id and a snapshot: nothing that is dead since can be cleared away meanwhile.
                statement.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ");
                statement.execute("SELECT pg_current_xact_id(), count(*) FROM work_order_states");
                long until = System.nanoTime() + IDLE.toNanos();
                load.await("time has passed", () -> System.nanoTime() > until);
                load.awaitMore(20); // nobody waits for it
                connection.rollback();
            }
            load.finish();
        }
    }

    @Test
    void allConnectionsOfAReplicaAreInUse() throws Exception {
        int small = replicas.add(Map.of(
                "SORTIE_DATABASE_POOL_SIZE", "2",
                "SORTIE_DATABASE_PIPELINED_CONNECTIONS", "1",
                "SORTIE_DATABASE_MAX_WAITING", String.valueOf(WAITING)));
        replicas.awaitReady(small);
        put(small, 0);
        var refused = new AtomicInteger();
        try (var load = WorkLoad.start(replicas, "pool-exhausted");
                var threads = Executors.newVirtualThreadPerTaskExecutor();
                var connection = replicas.connect();
                var statement = connection.createStatement()) {
            connection.setAutoCommit(false);
            statement.execute("SELECT 1 FROM queues WHERE queue_name = 'pool' FOR UPDATE");
            var callers = new ArrayList<Future<?>>();
            for (int i = 0; i < CALLERS; i++) {
                int number = i;
                callers.add(threads.submit(() -> putUntilItIs(small, number, refused)));
            }
            // Two hold the connections and wait for the row, some wait for the two, the others are told.
            load.await("most are refused", () -> refused.get() >= CALLERS - WAITING - 2);
            load.awaitMore(20); // at the other servers
            connection.rollback();
            for (var caller : callers) {
                caller.get(2, TimeUnit.MINUTES);
            }
            load.finish();
        } finally {
            replicas.end(small);
        }
    }

    private static Void putUntilItIs(int server, int number, AtomicInteger refused) {
        while (true) {
            try {
                put(server, number);
                return null;
            } catch (StatusRuntimeException failure) {
                if (Thread.currentThread().isInterrupted()) {
                    throw failure; // the test is over
                }
                assertThat(failure.getStatus().getCode())
                        .as(failure.toString())
                        .isIn(Status.Code.RESOURCE_EXHAUSTED, Status.Code.ABORTED, Status.Code.DEADLINE_EXCEEDED);
                refused.incrementAndGet();
                LockSupport.parkNanos(new Random().nextLong(200_000_000));
            }
        }
    }

    private static void put(int server, int number) {
        replicas.server(server)
                .queues()
                .putQueue(PutQueueRequest.newBuilder()
                        .setQueue(Queue.newBuilder().setQueueName("pool").setDescription("number " + number))
                        .build());
    }

    private static JavaProcess worker(Path folder, String queue, int orders) {
        return JavaProcess.start(
                folder.resolve("worker.log"),
                Map.of("SORTIE_TOKEN", replicas.token()),
                FaultWorker.class.getName(),
                replicas.address(0),
                queue,
                String.valueOf(orders),
                folder.resolve("go").toString());
    }

    private static List<String> found(String pattern, String text) {
        return Pattern.compile(pattern)
                .matcher(text)
                .results()
                .map(result -> result.group(1))
                .toList();
    }
}
