package dev.sortie.agent;

import static dev.sortie.agent.AgentFixture.claim;
import static dev.sortie.agent.AgentFixture.order;
import static dev.sortie.agent.AgentFixture.seconds;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.agent.v1.ClaimedWork;
import dev.sortie.agent.v1.HeartbeatWorkRequest;
import dev.sortie.agent.v1.PutQueueRequest;
import dev.sortie.agent.v1.Queue;
import dev.sortie.agent.v1.WorkOrder;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;

/**
 * What a queue in use leaves behind in its tables, and that it can be cleared away.
 *
 * <p>{@code -Dsortie.sustained-seconds=600} works for that long, and prints what is dead meanwhile.
 */
@Timeout(value = 70, unit = TimeUnit.MINUTES)
class VacuumTest {
    private static final Duration LONG = Duration.ofSeconds(Long.getLong("sortie.sustained-seconds", 0));
    private static final Duration BETWEEN_LOOKS = Duration.ofSeconds(10);
    private static final int ROUNDS = 30;
    /** As many rows written anew as make a table one that is. */
    private static final int MANY = 25;

    @AutoClose
    private static final AgentFixture AGENT = new AgentFixture(InstantSource.system());

    private static Connection connection;
    private static String worker;

    @BeforeAll
    static void start() throws SQLException {
        connection = AGENT.database().connectAsSuperuser();
        AGENT.queues()
                .putQueue(PutQueueRequest.newBuilder()
                        .setQueue(Queue.newBuilder().setQueueName("laned").setConcurrencyLimit(1_000))
                        .build());
        worker = AGENT.register(1_000);
    }

    @AfterAll
    static void stop() throws SQLException {
        if (connection != null) {
            connection.close();
        }
    }

    @Test
    void hasEveryTableThatIsWrittenAnewVacuumedAtItsOwnPace() throws Exception {
        for (int i = 0; i < ROUNDS; i++) {
            workARound();
        }
        // Each connection of the server tells of its own in its own time.
        AgentFixture.await(
                "statistics are there",
                () -> writtenAnew().keySet().containsAll(List.of("work_order_states", "queue_turns", "queue_shares")));

        assertThat(writtenAnew())
                .allSatisfy((table, options) -> assertThat(options)
                        .as("the settings of %s", table)
                        .contains("autovacuum_vacuum_scale_factor", "autovacuum_vacuum_cost_delay=0"));
    }

    @Test
    void hasNoIndexThatDependsOnWhatAHeartbeatWrites() {
        // Whatever an index has in its columns or its predicate, a write of it goes to all indexes.
        assertThat(number("""
                SELECT count(*) FROM pg_index
                WHERE indrelid = 'work_order_states'::regclass
                  AND pg_get_indexdef(indexrelid) LIKE '%lease_expires_at%'
                """)).isZero();
    }

    @Test
    void holdsBackNothingThatIsDead() throws Exception {
        workARound();
        // While the server and all its jobs run.
        AgentFixture.await("all that is dead is cleared away", () -> {
            execute("VACUUM work_order_states, queue_turns, queue_shares, queue_lanes, workers");
            return number("""
                    SELECT coalesce(sum(n_dead_tup), 0) FROM pg_stat_user_tables
                    WHERE relname IN ('work_order_states', 'queue_turns', 'queue_shares', 'queue_lanes', 'workers')
                    """) == 0;
        });
    }

    @Test
    @EnabledIfSystemProperty(named = "sortie.sustained-seconds", matches = "[0-9]+")
    void staysCleanUnderSustainedWork() throws Exception {
        long start = System.nanoTime();
        long nextLook = start;
        long rounds = 0;
        long most = 0;
        while (System.nanoTime() - start < LONG.toNanos()) {
            workARound();
            rounds++;
            if (System.nanoTime() >= nextLook) {
                nextLook += BETWEEN_LOOKS.toNanos();
                var dead = dead();
                System.out.printf("%4d s, %d rounds: %s%n", (System.nanoTime() - start) / 1_000_000_000, rounds, dead);
                most = Math.max(most, number("""
                        SELECT n_dead_tup FROM pg_stat_user_tables WHERE relname = 'work_order_states'
                        """));
            }
        }
        // Two thousand, a hundredth of the table, and what a minute between two looks adds to it.
        assertThat(most).isLessThan(200_000);
    }

    private static void workARound() {
        var orders = new ArrayList<WorkOrder>();
        for (int i = 0; i < 50; i++) {
            orders.add(order("plain").build());
            orders.add(order("laned")
                    .setFairnessKey("f-" + i % 3)
                    .setConcurrencyKey("c-" + i % 10)
                    .build());
        }
        AGENT.enqueueAll(orders);
        for (var claims = claims(); !claims.isEmpty(); claims = claims()) {
            AGENT.work()
                    .heartbeatWork(HeartbeatWorkRequest.newBuilder()
                            .setWorkerId(worker)
                            .addAllClaims(
                                    claims.stream().map(AgentFixture::reference).toList())
                            .build());
            AGENT.complete(claims.toArray(ClaimedWork[]::new));
        }
    }

    private static List<ClaimedWork> claims() {
        return AGENT.work()
                .claimWork(claim(worker, "plain", "laned")
                        .setMaxOrders(50)
                        .setLeaseDuration(seconds(60))
                        .build())
                .getClaimsList();
    }

    /** The tables of which rows are written anew, with their settings. */
    private static Map<String, String> writtenAnew() {
        var tables = new TreeMap<String, String>();
        try (var statement = connection.createStatement();
                var rows = statement.executeQuery("""
                        SELECT t.relname, coalesce(array_to_string(c.reloptions, ' '), '')
                        FROM pg_stat_user_tables t JOIN pg_class c ON c.oid = t.relid
                        WHERE t.n_tup_upd + t.n_tup_del >= %d
                        """.formatted(MANY))) {
            while (rows.next()) {
                tables.put(rows.getString(1), rows.getString(2));
            }
        } catch (SQLException failed) {
            throw new AssertionError(failed);
        }
        return tables;
    }

    /** Of each table that is written anew: rows that live, rows that are dead, and its size. */
    private static String dead() throws SQLException {
        try (var statement = connection.createStatement();
                var rows = statement.executeQuery("""
                        SELECT string_agg(format('%s %s live %s dead %s', relname, n_live_tup, n_dead_tup,
                            pg_size_pretty(pg_total_relation_size(relid))), ', ' ORDER BY relname)
                        FROM pg_stat_user_tables WHERE n_tup_upd > 0
                        """)) {
            rows.next();
            return rows.getString(1);
        }
    }

    private static void execute(String sql) {
        try (var statement = connection.createStatement()) {
            statement.execute(sql);
        } catch (SQLException failed) {
            throw new AssertionError(failed);
        }
    }

    private static long number(String sql) {
        try (var statement = connection.createStatement();
                var rows = statement.executeQuery(sql)) {
            rows.next();
            return rows.getLong(1);
        } catch (SQLException failed) {
            throw new AssertionError(failed);
        }
    }
}
