package dev.sortie.runtime.sql;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sortie.runtime.Things;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.failure.FailureStatuses;
import dev.sortie.runtime.identity.Principal;
import dev.sortie.runtime.testing.SettableClock;
import dev.sortie.runtime.testing.TestDatabase;
import io.grpc.Context;
import io.grpc.Status;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

class DatabaseTest {
    private static final Principal SELF = Principal.internal("test");
    private static final String INSERT = "INSERT INTO things (id, name) VALUES ($1::uuid, $2::text)";
    private static final String ADD = "UPDATE things SET number = number + 1 WHERE id = $1::uuid";
    private static final String NUMBER = "SELECT number FROM things WHERE id = $1::uuid";

    @AutoClose
    static final TestDatabase POSTGRES = Things.database();

    static final SettableClock CLOCK = new SettableClock();

    @AutoClose
    static final Database DATABASE = Things.open(POSTGRES, CLOCK);

    @AutoClose
    final ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor();

    private enum State {
        OPEN,
        CLOSED
    }

    @Test
    void roundTripsEveryTypeOfParameter() {
        var id = UUID.randomUUID();
        var at = Instant.parse("2026-02-03T04:05:06.789012Z");
        int written = DATABASE.queries()
                .update(
                        """
                        INSERT INTO things (id, name, number, state, tags, body, bytes, at)
                        VALUES ($1::uuid, $2::text, $3::bigint, $4::text, $5::text[], $6::text::jsonb, $7::bytea, $8::timestamptz)
                        """,
                        id,
                        "round trip",
                        7,
                        State.CLOSED,
                        List.of("a", "b"),
                        "{\"k\": [1, null]}",
                        new byte[] {1, 2},
                        at);
        assertThat(written).isEqualTo(1);
        var found = DATABASE.queries()
                .find(
                        "SELECT id, state, tags, body::text AS body, bytes, at FROM things WHERE id = ANY ($1::uuid[])",
                        row -> List.of(
                                row.getUUID("id"),
                                Rows.value(row, "state", State.class),
                                Rows.strings(row, "tags"),
                                row.getString("body"),
                                List.of(Rows.bytes(row, "bytes")[1]),
                                Rows.instant(row, "at")),
                        List.of(id));
        assertThat(found)
                .contains(List.of(id, State.CLOSED, List.of("a", "b"), "{\"k\": [1, null]}", List.of((byte) 2), at));
    }

    @Test
    void tellsOfEveryStatementOnWhoseBehalfItIsSent() {
        var told = new CopyOnWriteArrayList<String>();
        var id = UUID.randomUUID();
        DATABASE.onStatement((principal, sql, parameters) -> {
            if (parameters.length > 0 && id.equals(parameters[0])) {
                told.add(principal.actor() + ": " + sql);
            }
        });
        DATABASE.queries().update(INSERT, id, "told of");
        DATABASE.transaction(SELF, Isolation.READ_COMMITTED, tx -> {
            tx.send(ADD, id);
            return tx.find(NUMBER, row -> row.getLong(0), id);
        });
        assertThatThrownBy(() -> DATABASE.queries().update(INSERT, id, "told of, and refused"))
                .isInstanceOf(ConstraintViolation.class);
        assertThat(told).hasSize(4).contains("test: " + ADD, "test: " + NUMBER).endsWith(told.getFirst());
    }

    @Test
    void takesNullsAndEmptyLists() {
        var id = UUID.randomUUID();
        DATABASE.queries()
                .update(
                        "INSERT INTO things (id, name, tags, at) VALUES ($1::uuid, $2::text, $3::text[], $4::timestamptz)",
                        id,
                        "nothing",
                        List.of(),
                        null);
        assertThat(DATABASE.queries()
                        .find(
                                "SELECT tags, at FROM things WHERE id = $1::uuid",
                                row -> Rows.strings(row, "tags").isEmpty() && Rows.nullableInstant(row, "at") == null,
                                id))
                .contains(true);
    }

    @Test
    void namesTheConstraintThatWasBroken() {
        DATABASE.queries().update(INSERT, UUID.randomUUID(), "taken");
        assertThatThrownBy(() -> DATABASE.queries().update(INSERT, UUID.randomUUID(), "taken"))
                .isInstanceOfSatisfying(ConstraintViolation.class, violation -> {
                    assertThat(violation.isOf("things_name_key")).isTrue();
                    assertThat(violation.isUnique()).isTrue();
                });
    }

    @Test
    void rollsEverythingBackWhenTheWorkThrows() {
        var id = UUID.randomUUID();
        var ran = new AtomicInteger();
        assertThatThrownBy(() -> DATABASE.transaction(tx -> {
                    tx.update(INSERT, id, "rolled back");
                    tx.change(Change.created("thing", id, 1));
                    tx.afterCommit(ran::incrementAndGet);
                    throw new IllegalArgumentException("no");
                }))
                .hasMessage("no");
        assertThat(DATABASE.queries().find(NUMBER, row -> row.getLong(0), id)).isEmpty();
        assertThat(changes(id)).isZero();
        assertThat(ran).hasValue(0);
    }

    @Test
    void commitsWhatWasNotedInTheOrderOfTheNotes() {
        var id = UUID.randomUUID();
        var ran = new AtomicInteger();
        DATABASE.transaction(SELF, Isolation.READ_COMMITTED, tx -> {
            tx.update(INSERT, id, "noted");
            for (int version = 1; version <= 20; version++) {
                tx.change(Change.updated("thing", id, version).with("state", State.OPEN));
            }
            tx.audit("NoteThing", "thing", id, Map.of("why", "test"));
            tx.afterCommit(ran::incrementAndGet);
            return id;
        });
        assertThat(ran).hasValue(1);
        assertThat(DATABASE.queries()
                        .list(
                                "SELECT version, actor, attributes ->> 'state' AS state FROM change_log WHERE resource_id = $1::uuid ORDER BY seq",
                                row -> row.getLong("version") + row.getString("actor") + row.getString("state"),
                                id))
                .hasSize(20)
                .startsWith("1testOPEN", "2testOPEN")
                .endsWith("20testOPEN");
        assertThat(DATABASE.queries()
                        .find(
                                "SELECT audit_time FROM audit_log WHERE resource_id = $1::uuid",
                                row -> Rows.instant(row, "audit_time"),
                                id))
                .contains(CLOCK.instant());
    }

    @Test
    void cannotCommitWhatAnErrorHasBroken() {
        var id = UUID.randomUUID();
        DATABASE.queries().update(INSERT, UUID.randomUUID(), "swallowed");
        assertThatThrownBy(() -> DATABASE.transaction(tx -> {
                    tx.update(INSERT, id, "swallowing");
                    try {
                        tx.update(INSERT, UUID.randomUUID(), "swallowed");
                    } catch (ConstraintViolation _) {
                        // and goes on as if nothing had happened
                    }
                    return "done";
                }))
                .isInstanceOf(ConstraintViolation.class);
        assertThat(DATABASE.queries().find(NUMBER, row -> row.getLong(0), id)).isEmpty();
    }

    @Test
    void failsTheCommitWhenAStatementNobodyWaitedForFailed() {
        assertThatThrownBy(() -> DATABASE.transaction(tx -> {
                    tx.send(INSERT, UUID.randomUUID(), "sent");
                    tx.send(INSERT, UUID.randomUUID(), "sent");
                    return "done";
                }))
                .isInstanceOfSatisfying(
                        ConstraintViolation.class,
                        violation ->
                                assertThat(violation.isOf("things_name_key")).isTrue());
    }

    @Test
    void runsSerializableTransactionsAgainUntilTheyFit() throws Exception {
        var id = UUID.randomUUID();
        DATABASE.queries().update(INSERT, id, "contended");
        int tasks = 12;
        var barrier = new CyclicBarrier(tasks);
        var attempts = new AtomicInteger();
        inParallel(tasks, () -> {
            barrier.await();
            return retryingForEver(() -> DATABASE.transaction(SELF, Isolation.SERIALIZABLE, tx -> {
                attempts.incrementAndGet();
                long number = tx.find(NUMBER, row -> row.getLong(0), id).orElseThrow();
                return tx.update("UPDATE things SET number = $2::bigint WHERE id = $1::uuid", id, number + 1);
            }));
        });
        assertThat(DATABASE.queries().find(NUMBER, row -> row.getLong(0), id)).contains((long) tasks);
        assertThat(attempts.get()).isGreaterThan(tasks);
    }

    @Test
    void answersARepeatedRequestWithTheFirstAnswerAtEveryIsolation() throws Exception {
        for (var isolation : List.of(Isolation.READ_COMMITTED, Isolation.SERIALIZABLE)) {
            var key = new IdempotencyKey("me", "test/" + isolation, UUID.randomUUID(), new byte[] {1});
            var executed = new AtomicInteger();
            var barrier = new CyclicBarrier(8);
            inParallel(8, () -> {
                barrier.await();
                return retryingForEver(() -> DATABASE.transaction(SELF, isolation, tx -> {
                    if (tx.claim(key).isEmpty()) {
                        tx.answer(key, new byte[] {2});
                        tx.afterCommit(executed::incrementAndGet);
                    }
                    return 0;
                }));
            });
            assertThat(executed).as(isolation.name()).hasValue(1);
        }
    }

    @Test
    void resolvesDeadlocksByRunningOneOfThemAgain() throws Exception {
        var first = UUID.randomUUID();
        var second = UUID.randomUUID();
        DATABASE.queries().update(INSERT, first, "deadlock 1");
        DATABASE.queries().update(INSERT, second, "deadlock 2");
        var bothHaveOne = new CountDownLatch(2);
        var orders = List.of(List.of(first, second), List.of(second, first));
        var next = new AtomicInteger();
        inParallel(2, () -> {
            var order = orders.get(next.getAndIncrement());
            return DATABASE.transaction(tx -> {
                tx.update(ADD, order.get(0));
                bothHaveOne.countDown();
                await(bothHaveOne);
                return tx.update(ADD, order.get(1));
            });
        });
        assertThat(DATABASE.queries().find(NUMBER, row -> row.getLong(0), first))
                .contains(2L);
        assertThat(DATABASE.queries().find(NUMBER, row -> row.getLong(0), second))
                .contains(2L);
    }

    @Test
    void runsATransactionAgainWhoseConnectionBrokeBeforeTheCommit() {
        var id = UUID.randomUUID();
        var attempts = new AtomicInteger();
        DATABASE.transaction(tx -> {
            tx.update(INSERT, id, "cut off");
            if (attempts.incrementAndGet() == 1) {
                terminate(tx.find("SELECT pg_backend_pid()", row -> row.getInteger(0))
                        .orElseThrow());
            }
            return tx.update(ADD, id);
        });
        assertThat(attempts).hasValue(2);
        assertThat(DATABASE.queries().find(NUMBER, row -> row.getLong(0), id)).contains(1L);
    }

    @Test
    void givesUpWhenTheTimeOfTheCallIsUpAndFreesTheConnection() throws Exception {
        var settings = new DatabaseSettings(
                POSTGRES.runtimeUrl(),
                1,
                1,
                10,
                Duration.ofSeconds(30),
                Duration.ofSeconds(10),
                Duration.ofSeconds(30));
        try (var single = Things.open(settings, CLOCK);
                var context = Context.current().withDeadlineAfter(200, TimeUnit.MILLISECONDS, timer)) {
            var thrown = context.call(() ->
                    caught(() -> single.transaction(tx -> tx.find("SELECT pg_sleep(20)::text", row -> row.getString(0))
                            .orElseThrow())));
            assertThat(code(thrown)).isEqualTo(Status.Code.DEADLINE_EXCEEDED);
            // The only connection comes back long before the statement would have ended.
            int one = single.transaction(
                    tx -> tx.find("SELECT 1", row -> row.getInteger(0)).orElseThrow());
            assertThat(one).isEqualTo(1);
        }
    }

    @Test
    void cancelsNobodyElsesStatementWhenItGivesUp() throws Exception {
        var settings = new DatabaseSettings(
                POSTGRES.runtimeUrl(),
                1,
                1,
                10,
                Duration.ofSeconds(30),
                Duration.ofSeconds(10),
                Duration.ofSeconds(30));
        var nap = "SELECT pg_sleep(0.02)::text";
        try (var single = Things.open(settings, CLOCK)) {
            for (int i = 0; i < 40; i++) {
                // Gives up at about the moment at which the statement ends by itself.
                try (var context = Context.current().withDeadlineAfter(19 + i % 5, TimeUnit.MILLISECONDS, timer)) {
                    context.run(() -> caught(() -> single.transaction(
                            tx -> tx.find(nap, row -> row.getString(0)).orElseThrow())));
                }
                var next = single.transaction(
                        tx -> tx.find(nap, row -> row.getString(0)).orElseThrow());
                assertThat(next).isEmpty();
            }
        }
    }

    @Test
    void refusesAtOnceWhenTooManyWait() throws Exception {
        var settings = new DatabaseSettings(
                POSTGRES.runtimeUrl(), 1, 1, 1, Duration.ofSeconds(30), Duration.ofSeconds(10), Duration.ofSeconds(30));
        try (var single = Things.open(settings, CLOCK);
                var executor = Executors.newVirtualThreadPerTaskExecutor()) {
            var holding = new CountDownLatch(1);
            var release = new CountDownLatch(1);
            var holder = executor.submit(() -> single.transaction(tx -> {
                holding.countDown();
                await(release);
                return 1;
            }));
            await(holding);
            var failures = new ArrayList<Callable<Throwable>>();
            for (int i = 0; i < 4; i++) {
                failures.add(() -> caught(() -> single.transaction(tx -> 1)));
            }
            var waiting = failures.stream().map(executor::submit).toList();
            // One may wait; the others are refused while the connection is still held.
            long until = System.nanoTime() + Duration.ofSeconds(60).toNanos();
            while (waiting.stream().filter(Future::isDone).count() < 3 && System.nanoTime() < until) {
                TimeUnit.MILLISECONDS.sleep(5);
            }
            var refused = waiting.stream().filter(Future::isDone).toList();
            release.countDown();
            holder.get();
            assertThat(refused).hasSize(3).allSatisfy(future -> {
                assertThat(code(future.get())).isEqualTo(Status.Code.RESOURCE_EXHAUSTED);
            });
        }
    }

    @Test
    void saysUnavailableWhenNobodyListens() {
        try (var nowhere = Things.open(DatabaseSettings.of("postgresql://a:b@127.0.0.1:1/none"), CLOCK)) {
            assertThat(code(caught(() -> nowhere.queries().list("SELECT 1", row -> 1))))
                    .isEqualTo(Status.Code.UNAVAILABLE);
            assertThat(code(caught(() -> nowhere.transaction(tx -> 1)))).isEqualTo(Status.Code.UNAVAILABLE);
        }
    }

    @Test
    void stopsStatementsThatRunTooLongAndWaitsForLocksThatAreHeldTooLong() {
        var id = UUID.randomUUID();
        DATABASE.queries().update(INSERT, id, "locked");
        var settings = new DatabaseSettings(
                POSTGRES.runtimeUrl(),
                2,
                1,
                10,
                Duration.ofMillis(300),
                Duration.ofMillis(100),
                Duration.ofSeconds(30));
        try (var hasty = Things.open(settings, CLOCK)) {
            assertThat(code(caught(() -> hasty.queries().list("SELECT pg_sleep(20)::text", row -> 1))))
                    .isEqualTo(Status.Code.DEADLINE_EXCEEDED);
            var waiting = DATABASE.transaction(tx -> {
                tx.update(ADD, id);
                return caught(() -> hasty.queries().update(ADD, id));
            });
            assertThat(code(waiting)).isEqualTo(Status.Code.ABORTED);
        }
    }

    @Test
    void asksAgainAfterAMigrationChangedWhatAStatementReturns() {
        var id = UUID.randomUUID();
        DATABASE.queries().update(INSERT, id, "migrated");
        POSTGRES.execute(
                "CREATE TABLE shapes (id int NOT NULL, size int NOT NULL)", "INSERT INTO shapes VALUES (1, 2)");
        var select = "SELECT size FROM shapes WHERE id = $1::int";
        for (int i = 0; i < 8; i++) {
            assertThat(DATABASE.queries().find(select, row -> row.getValue(0), 1))
                    .contains(2);
        }
        POSTGRES.execute("ALTER TABLE shapes ALTER size TYPE bigint");
        assertThat(DATABASE.queries().find(select, row -> row.getValue(0), 1)).contains(2L);
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void usesTheNativeTransport() {
        assertThat(Things.VERTX.isNativeTransportEnabled()).isTrue();
    }

    @Test
    void sessionsAreInUtcWhateverTheRoleSays() {
        assertThat(DATABASE.queries().find("SELECT current_setting('TimeZone')", row -> row.getString(0)))
                .contains("UTC");
        String name = DATABASE.transaction(tx -> tx.find(
                        "SELECT application_name FROM pg_stat_activity WHERE pid = pg_backend_pid()",
                        row -> row.getString(0))
                .orElseThrow());
        assertThat(name).isEqualTo("things-service");
    }

    private static long changes(UUID id) {
        return DATABASE.queries()
                .find("SELECT count(*) FROM change_log WHERE resource_id = $1::uuid", row -> row.getLong(0), id)
                .orElseThrow();
    }

    private static void terminate(int pid) {
        try (var connection = POSTGRES.connectAsSuperuser();
                var statement = connection.prepareStatement("SELECT pg_terminate_backend(?, 5000)")) {
            statement.setInt(1, pid);
            statement.execute();
        } catch (java.sql.SQLException failed) {
            throw new AssertionError(failed);
        }
    }

    private static int retryingForEver(Callable<Integer> work) throws Exception {
        while (true) {
            try {
                return work.call();
            } catch (RuntimeException failed) {
                if (!(SqlFailures.classify(failed) instanceof Failure.Aborted)) {
                    throw failed;
                }
            }
        }
    }

    private static Throwable caught(Callable<?> work) {
        try {
            return new AssertionError("succeeded with " + work.call());
        } catch (Throwable thrown) {
            return thrown;
        }
    }

    private static Status.Code code(Throwable thrown) {
        return new FailureStatuses("test").closing(thrown, "").status().getCode();
    }

    private static void inParallel(int count, Callable<?> work) throws Exception {
        try (var executor = Executors.newVirtualThreadPerTaskExecutor()) {
            var futures = new ArrayList<java.util.concurrent.Future<?>>();
            for (int i = 0; i < count; i++) {
                futures.add(executor.submit(work));
            }
            for (var future : futures) {
                future.get(60, TimeUnit.SECONDS);
            }
        }
    }

    private static void await(CountDownLatch latch) {
        try {
            if (!latch.await(30, TimeUnit.SECONDS)) {
                throw new AssertionError("waited in vain");
            }
        } catch (InterruptedException interrupted) {
            throw new AssertionError(interrupted);
        }
    }
}
