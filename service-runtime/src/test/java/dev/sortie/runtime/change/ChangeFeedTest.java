package dev.sortie.runtime.change;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sortie.runtime.Things;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.failure.FailureException;
import dev.sortie.runtime.sql.Change;
import dev.sortie.runtime.sql.Database;
import dev.sortie.runtime.testing.SettableClock;
import dev.sortie.runtime.testing.TestDatabase;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class ChangeFeedTest {
    private static final Duration LONG = Duration.ofSeconds(20);
    private static final Duration SHORT = Duration.ofMillis(300);
    private static final String INSERT = """
            INSERT INTO change_log (resource_type, resource_id, kind, version, actor, attributes, change_time)
            VALUES ('thing', '%s', 'CREATED', 1, 'test', '{}', now())
            """;

    private final SettableClock clock = new SettableClock(Instant.now());
    private TestDatabase postgres;
    private Database database;
    private ChangeFeed feed;

    @BeforeEach
    void start() {
        postgres = Things.database();
        database = Things.open(postgres, clock);
        feed = ChangeFeed.start(database, new SimpleMeterRegistry());
    }

    @AfterEach
    void stop() {
        feed.close();
        database.close();
        postgres.close();
    }

    @Test
    void showsWhatIsCommittedFromNowOn() throws Exception {
        var watch = feed.watch(feed.now(), Set.of());
        var id = commit("thing", 1);
        var change = watch.next(LONG).changes().getFirst();
        assertThat(change.resourceId()).isEqualTo(id);
        assertThat(change.kind()).isEqualTo(Change.Kind.UPDATED);
        assertThat(change.actor()).isEqualTo("things-service");
        assertThat(change.attributes()).isEqualTo("{\"state\": \"OPEN\"}");
        assertThat(change.time()).isEqualTo(clock.instant().truncatedTo(java.time.temporal.ChronoUnit.MICROS));
    }

    @Test
    void holdsBackWhatOverTookAnOlderTransactionUntilThatEnds() throws Exception {
        var watch = feed.watch(feed.now(), Set.of());
        var older = UUID.randomUUID();
        UUID younger;
        try (var connection = begin(older)) {
            younger = commit("thing", 1);
            assertThat(watch.next(SHORT).changes()).isEmpty();
            connection.commit();
        }
        assertThat(ids(watch, 2)).containsExactly(older, younger);
    }

    @Test
    void goesOnWhenTheOlderTransactionIsRolledBack() throws Exception {
        var watch = feed.watch(feed.now(), Set.of());
        UUID younger;
        try (var connection = begin(UUID.randomUUID())) {
            younger = commit("thing", 1);
            assertThat(watch.next(SHORT).changes()).isEmpty();
            connection.rollback();
        }
        assertThat(ids(watch, 1)).containsExactly(younger);
    }

    @Test
    void losesAndRepeatsNothingUnderLongAbortedAndUnorderedTransactions() throws Exception {
        int writers = 8;
        int rounds = 60;
        var resources = new UUID[] {UUID.randomUUID(), UUID.randomUUID(), UUID.randomUUID()};
        for (var id : resources) {
            database.queries().update("INSERT INTO things (id, name) VALUES ($1::uuid, $1::uuid::text)", id);
        }
        var from = feed.now();
        var committed = new AtomicInteger();
        var done = new AtomicBoolean();
        try (var executor = Executors.newVirtualThreadPerTaskExecutor()) {
            var reading = new ArrayList<Future<List<LoggedChange>>>();
            for (int i = 0; i < 4; i++) {
                var watch = feed.watch(from, Set.of());
                reading.add(executor.submit(() -> readUntil(watch, done, committed)));
            }
            var writing = new ArrayList<Future<?>>();
            for (int writer = 0; writer < writers; writer++) {
                var random = new Random(writer);
                writing.add(executor.submit(() -> {
                    for (int round = 0; round < rounds; round++) {
                        write(resources[random.nextInt(resources.length)], random, committed);
                    }
                }));
            }
            for (var future : writing) {
                future.get(60, TimeUnit.SECONDS);
            }
            done.set(true);
            List<LoggedChange> first = reading.getFirst().get(60, TimeUnit.SECONDS);
            assertThat(first).hasSize(committed.get());
            assertVersionsRise(first);
            for (var future : reading) {
                assertThat(future.get(60, TimeUnit.SECONDS)).isEqualTo(first);
            }
        }
    }

    @Test
    void letsASlowWatcherReadFromTheTableWhatMemoryNoLongerHas() throws Exception {
        var slow = feed.watch(feed.now(), Set.of());
        var quick = feed.watch(feed.now(), Set.of("rare"));
        var id = UUID.randomUUID();
        for (int batch = 0; batch < 12; batch++) {
            int first = batch * 500;
            database.transaction(tx -> {
                for (int i = 0; i < 500; i++) {
                    tx.change(Change.updated("thing", id, first + i));
                }
                return first;
            });
        }
        commit("rare", 1);
        assertThat(quick.next(LONG).changes()).hasSize(1);
        var versions = new ArrayList<Long>();
        while (versions.size() < 6_000) {
            var batch = slow.next(LONG);
            assertThat(batch.changes()).hasSizeBetween(1, ChangeFeed.MAX_BATCH);
            batch.changes().forEach(change -> versions.add(change.version()));
        }
        for (int i = 0; i < 6_000; i++) {
            assertThat(versions.get(i)).isEqualTo(i);
        }
    }

    @Test
    void movesTheCursorPastWhatWasFilteredOut() throws Exception {
        var watch = feed.watch(feed.now(), Set.of("rare"));
        var before = feed.now();
        commit("thing", 1);
        var marker = commit("rare", 1);
        assertThat(watch.next(LONG).changes())
                .extracting(LoggedChange::resourceId)
                .containsExactly(marker);
        commit("thing", 1);
        var idle = watch.next(SHORT);
        while (!before.position().isBefore(idle.cursor().position())) {
            idle = watch.next(SHORT);
        }
        assertThat(idle.changes()).isEmpty();
        var resumed = feed.watch(idle.cursor(), Set.of("rare"));
        var next = commit("rare", 1);
        assertThat(resumed.next(LONG).changes())
                .extracting(LoggedChange::resourceId)
                .containsExactly(next);
    }

    @Test
    void refusesACursorFromBeforeWhatIsKept() throws Exception {
        var old = feed.now();
        commit("thing", 1);
        commit("thing", 1);
        var kept = feed.watch(old, Set.of());
        assertThat(ids(kept, 2)).hasSize(2);
        var current = kept.next(Duration.ZERO).cursor();

        clock.advance(Duration.ofDays(8));
        var last = commit("thing", 1);
        assertThat(feed.trim(clock.instant().minus(Duration.ofDays(7)))).isEqualTo(2);

        // A reader that has never seen them has to ask the table.
        try (var other = ChangeFeed.start(database, new SimpleMeterRegistry())) {
            assertThatThrownBy(() -> other.watch(old, Set.of()).next(LONG))
                    .isInstanceOfSatisfying(
                            FailureException.class,
                            thrown -> assertThat(thrown.failure())
                                    .isInstanceOfSatisfying(Failure.OutOfRange.class, failure -> {
                                        assertThat(failure.reason()).isEqualTo("ERROR_REASON_CURSOR_TOO_OLD");
                                        assertThat(failure.metadata()).containsKey("oldest_time");
                                    }));
            assertThat(ids(other.watch(current, Set.of()), 1)).containsExactly(last);
        }
    }

    @Test
    void refusesACursorOfAReplacedDatabase() {
        var cursor = feed.now();
        postgres.execute("UPDATE change_epoch SET epoch = gen_random_uuid()");
        assertThatThrownBy(() -> feed.watch(new Cursor(UUID.randomUUID(), cursor.position()), Set.of())
                        .next(LONG))
                .hasMessageContaining("ERROR_REASON_CURSOR_TOO_OLD");
        assertThatThrownBy(() -> {
                    var watch = feed.watch(cursor, Set.of());
                    while (true) {
                        commit("thing", 1);
                        watch.next(LONG);
                    }
                })
                .hasMessageContaining("ERROR_REASON_CURSOR_TOO_OLD");
    }

    @Test
    void hearsOfCommitsOfOtherReplicasAndSurvivesLostConnections() throws Exception {
        try (var elsewhere = Things.open(postgres, clock);
                var otherFeed = ChangeFeed.start(elsewhere, new SimpleMeterRegistry())) {
            var watch = feed.watch(feed.now(), Set.of());
            for (int round = 0; round < 3; round++) {
                var id = commit(elsewhere, "thing", 1);
                assertThat(ids(watch, 1)).containsExactly(id);
                terminateAll();
            }
            assertThat(otherFeed.now().epoch()).isEqualTo(feed.now().epoch());
        }
    }

    @Test
    void refusesACursorThatIsNotOne() {
        for (var text : List.of("x", "not base64 !", "AAAA", "A".repeat(44))) {
            assertThatThrownBy(() -> Cursor.decode(text)).hasMessageContaining("ERROR_REASON_CURSOR_INVALID");
        }
        var cursor = feed.now();
        assertThat(Cursor.decode(cursor.encode())).isEqualTo(cursor);
    }

    /** Changes a resource in a transaction that takes its time, or does not end well. */
    private void write(UUID resource, Random random, AtomicInteger committed) {
        int kind = random.nextInt(10);
        try {
            database.transaction(tx -> {
                if (kind < 3) {
                    tx.find("SELECT pg_current_xact_id()::text", row -> row.getString(0)); // an early id, a late commit
                    tx.find("SELECT pg_sleep($1::float8)::text", row -> "", random.nextDouble() * 0.02);
                }
                long version = tx.find(
                                "UPDATE things SET number = number + 1 WHERE id = $1::uuid RETURNING number",
                                row -> row.getLong(0),
                                resource)
                        .orElseThrow();
                tx.change(Change.updated("thing", resource, version));
                if (kind == 9) {
                    throw new CancellationException();
                }
                return version;
            });
            committed.incrementAndGet();
        } catch (CancellationException _) {
            // rolled back on purpose
        }
    }

    private static List<LoggedChange> readUntil(ChangeFeed.Watch watch, AtomicBoolean done, AtomicInteger committed)
            throws InterruptedException {
        var read = new ArrayList<LoggedChange>();
        long giveUp = System.nanoTime() + LONG.toNanos() * 2;
        while ((!done.get() || read.size() < committed.get()) && System.nanoTime() < giveUp) {
            read.addAll(watch.next(SHORT).changes());
        }
        read.addAll(watch.next(SHORT).changes());
        return read;
    }

    private static void assertVersionsRise(List<LoggedChange> changes) {
        var versions = new HashMap<UUID, Long>();
        var seen = new HashSet<Position>();
        Position last = new Position(0, 0);
        for (var change : changes) {
            assertThat(seen.add(change.position())).isTrue();
            assertThat(change.position()).isGreaterThan(last);
            last = change.position();
            versions.merge(change.resourceId(), change.version(), (before, now) -> {
                assertThat(now).isEqualTo(before + 1);
                return now;
            });
        }
    }

    private static List<UUID> ids(ChangeFeed.Watch watch, int count) throws InterruptedException {
        var ids = new ArrayList<UUID>();
        while (ids.size() < count) {
            var batch = watch.next(LONG);
            assertThat(batch.changes()).isNotEmpty();
            batch.changes().forEach(change -> ids.add(change.resourceId()));
        }
        return ids;
    }

    private UUID commit(String type, long version) {
        return commit(database, type, version);
    }

    private static UUID commit(Database through, String type, long version) {
        return untilItWorks(() -> through.transaction(tx -> {
            var id = UUID.randomUUID();
            tx.change(Change.updated(type, id, version).with("state", "OPEN"));
            return id;
        }));
    }

    private static <T> T untilItWorks(Callable<T> work) {
        long giveUp = System.nanoTime() + LONG.toNanos();
        while (true) {
            try {
                return work.call();
            } catch (Exception failed) {
                if (System.nanoTime() > giveUp) {
                    throw new AssertionError(failed);
                }
            }
        }
    }

    private Connection begin(UUID id) throws SQLException {
        var connection = postgres.connectAsRuntime();
        connection.setAutoCommit(false);
        try (var statement = connection.createStatement()) {
            statement.execute(INSERT.formatted(id));
        }
        return connection;
    }

    private void terminateAll() throws SQLException {
        try (var connection = postgres.connectAsSuperuser();
                var statement = connection.createStatement()) {
            statement.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                    + " WHERE datname = current_database() AND pid <> pg_backend_pid()");
        }
    }
}
