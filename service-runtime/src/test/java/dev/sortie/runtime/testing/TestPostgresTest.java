package dev.sortie.runtime.testing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

class TestPostgresTest {

    private static final AtomicInteger MIGRATIONS = new AtomicInteger();

    @AutoClose
    static final TestDatabase DATABASE = fixtureDatabase();

    private static TestDatabase fixtureDatabase() {
        return TestPostgres.database("fixture", ownerUrl -> {
            MIGRATIONS.incrementAndGet();
            var server = PostgresServer.parse("owner", ownerUrl);
            try (var connection = server.connect(server.database(), server.user(), server.password());
                    var statement = connection.createStatement()) {
                statement.execute("CREATE TABLE notes (id bigint GENERATED ALWAYS AS IDENTITY, text text NOT NULL)");
                statement.execute("CREATE SCHEMA extra");
                statement.execute("CREATE TABLE extra.more (id bigserial)");
            }
        });
    }

    @Test
    void aDatabaseIsACopyOfATemplateThatWasMigratedOnce() throws Exception {
        try (var other = fixtureDatabase()) {
            other.execute("INSERT INTO notes (text) VALUES ('only here')");

            assertThat(query(other.connectAsOwner(), "SELECT count(*) FROM notes"))
                    .isEqualTo("1");
            assertThat(query(DATABASE.connectAsOwner(), "SELECT count(*) FROM notes WHERE text = 'only here'"))
                    .isEqualTo("0");
            assertThat(MIGRATIONS).hasValue(1);
        }
    }

    @Test
    void theRuntimeRoleChangesRowsInEverySchema() throws Exception {
        try (var connection = DATABASE.connectAsRuntime();
                var statement = connection.createStatement()) {
            assertThat(statement.executeUpdate("INSERT INTO notes (text) VALUES ('a')"))
                    .isEqualTo(1);
            assertThat(statement.executeUpdate("UPDATE notes SET text = 'b'")).isEqualTo(1);
            assertThat(statement.executeUpdate("DELETE FROM notes")).isEqualTo(1);
            assertThat(statement.executeUpdate("INSERT INTO extra.more DEFAULT VALUES"))
                    .isEqualTo(1);
        }
    }

    @Test
    void theRuntimeRoleChangesNoSchema() throws Exception {
        try (var connection = DATABASE.connectAsRuntime();
                var statement = connection.createStatement()) {
            for (var sql : List.of(
                    "CREATE TABLE mine (id int)",
                    "CREATE TEMPORARY TABLE mine (id int)",
                    "CREATE SCHEMA mine",
                    "ALTER TABLE notes ADD COLUMN more text",
                    "TRUNCATE notes",
                    "DROP TABLE notes")) {
                assertThatThrownBy(() -> statement.execute(sql))
                        .as(sql)
                        .isInstanceOf(SQLException.class)
                        .extracting(e -> ((SQLException) e).getSQLState())
                        .isEqualTo("42501");
            }
        }
    }

    @Test
    void sessionsBeginInAnUnlikelyTimeZone() throws Exception {
        // The JDBC driver sets the JVM's zone, which would hide the role's.
        var setting = "SELECT split_part(c, '=', 2) FROM pg_roles, unnest(rolconfig) c"
                + " WHERE rolname = current_user AND c ~* '^timezone='";
        assertThat(query(DATABASE.connectAsRuntime(), setting)).isEqualTo(TestPostgres.RUNTIME_TIME_ZONE);
        assertThat(query(DATABASE.connectAsOwner(), setting)).isEqualTo(TestPostgres.OWNER_TIME_ZONE);
    }

    @Test
    void theUrlsLeadToTheDatabaseAsTheirRoles() throws Exception {
        for (var url : List.of(DATABASE.ownerUrl(), DATABASE.runtimeUrl())) {
            var server = PostgresServer.parse("url", url);
            try (var connection = server.connect()) {
                assertThat(query(connection, "SELECT current_user || '@' || current_database()"))
                        .isEqualTo(server.user() + "@" + DATABASE.name());
            }
        }
        assertThat(PostgresServer.parse("url", DATABASE.runtimeUrl()).user()).isEqualTo(TestPostgres.runtimeRole());
        assertThat(PostgresServer.parse("url", DATABASE.ownerUrl()).user())
                .isNotEqualTo(PostgresServer.parse("url", DATABASE.runtimeUrl()).user());
    }

    @Test
    void databasesAreMadeInParallel() throws Exception {
        try (var executor = Executors.newVirtualThreadPerTaskExecutor()) {
            var made = executor.invokeAll(IntStream.range(0, 8)
                    .<Callable<TestDatabase>>mapToObj(i -> TestPostgresTest::fixtureDatabase)
                    .toList());
            var names = new HashSet<String>();
            for (var future : made) {
                try (var database = future.get()) {
                    assertThat(query(database.connectAsRuntime(), "SELECT count(*) FROM notes"))
                            .isEqualTo("0");
                    names.add(database.name());
                }
            }
            assertThat(names).hasSize(8);
            assertThat(MIGRATIONS).hasValue(1);
        }
    }

    @Test
    void closingDropsTheDatabaseUnderAnOpenConnection() throws Exception {
        var database = TestPostgres.emptyDatabase();
        try (var open = database.connectAsRuntime()) {
            database.close();
            database.close();

            assertThat(open.isValid(1)).isFalse();
            assertThatThrownBy(database::connectAsOwner).isInstanceOf(SQLException.class);
        }
    }

    @Test
    void aMigrationThatFailsSaysWhichSchemaAndWhy() {
        assertThatThrownBy(() -> TestPostgres.database("broken", ownerUrl -> {
                    throw new IllegalStateException("V7__wrong.sql");
                }))
                .hasMessageContaining("broken")
                .hasMessageContaining("V7__wrong.sql");
    }

    @Test
    void whatARunMadeOnAServerThatOutlivesItIsDropped() throws Exception {
        var run = new TestPostgres(DATABASE.server().outliving());
        var database = run.copyOf("leftover", ownerUrl -> {});
        var count = "SELECT count(*) FROM pg_database WHERE datname = '" + database.name() + "'";
        assertThat(query(DATABASE.connectAsSuperuser(), count)).isEqualTo("1");

        run.dropOwn();

        assertThat(query(DATABASE.connectAsSuperuser(), count)).isEqualTo("0");
    }

    @Test
    void whatAKilledRunLeftADayAgoIsDroppedByTheNext() throws Exception {
        var server = DATABASE.server().outliving();
        server.execute(
                server.database(),
                "CREATE ROLE sortie_test_s3k1c0_0123abcd_owner",
                "CREATE DATABASE sortie_test_s3k1c0_0123abcd_1 OWNER sortie_test_s3k1c0_0123abcd_owner");

        new TestPostgres(server).dropOwn();

        assertThat(query(
                        DATABASE.connectAsSuperuser(),
                        "SELECT (SELECT count(*) FROM pg_database WHERE datname ~ '_0123abcd_')"
                                + " + (SELECT count(*) FROM pg_roles WHERE rolname ~ '_0123abcd_')"))
                .isEqualTo("0");
    }

    @Test
    void theFirstRungThatHoldsIsTaken() {
        var server = PostgresServer.parse("second", "postgresql://a:b@localhost/c");

        assertThat(PostgresLadder.climb(List.of(
                        rung("first", Optional::empty), rung("second", () -> Optional.of(server)), rung("third", () -> {
                            throw new AssertionError("climbed too far");
                        }))))
                .isSameAs(server);
    }

    @Test
    void theLadderFailsWithEveryReasonWhenNoRungHolds() {
        assertThatThrownBy(() -> PostgresLadder.climb(List.of(
                        PostgresLadder.given(" "),
                        rung("embedded", () -> {
                            throw new IllegalStateException("no binaries");
                        }),
                        rung("container", () -> {
                            throw new NoClassDefFoundError("docker");
                        }))))
                .hasMessageContaining("SORTIE_TEST_DATABASE_URL: not set")
                .hasMessageContaining("no binaries")
                .hasMessageContaining("docker");
    }

    @Test
    void aGivenServerThatDoesNotAnswerIsAnErrorAndNoReasonToClimbOn() {
        assertThatThrownBy(() -> PostgresLadder.climb(List.of(
                        PostgresLadder.given("postgresql://nobody@127.0.0.1:1/postgres"), rung("embedded", () -> {
                            throw new AssertionError("climbed too far");
                        }))))
                .hasMessageContaining("SORTIE_TEST_DATABASE_URL is set, but connecting failed");
    }

    @Test
    void aGivenServerNeedsASuperuser() {
        assertThatThrownBy(() -> PostgresLadder.given(DATABASE.ownerUrl()).climb())
                .hasMessageContaining("is not a superuser");
    }

    @Test
    void aUrlKeepsItsSecretsAndItsQuery() {
        var server = PostgresServer.parse("given", "jdbc:postgresql://u%40x:p%2Fw+d@h:5433/db?sslmode=require");

        assertThat(server.user()).isEqualTo("u@x");
        assertThat(server.password()).isEqualTo("p/w+d");
        assertThat(server.url("other", server.user(), server.password()))
                .isEqualTo("postgresql://u%40x:p%2Fw%2Bd@h:5433/other?sslmode=require");
        assertThatThrownBy(() -> PostgresServer.parse("given", "mysql://h/db"))
                .hasMessageContaining("given is not a PostgreSQL URL");
    }

    private static PostgresLadder.Rung rung(String name, Callable<Optional<PostgresServer>> climb) {
        return new PostgresLadder.Rung() {
            @Override
            public String name() {
                return name;
            }

            @Override
            public Optional<PostgresServer> climb() throws Exception {
                return climb.call();
            }
        };
    }

    private static String query(Connection connection, String sql) throws SQLException {
        try (connection;
                var statement = connection.createStatement();
                var rows = statement.executeQuery(sql)) {
            rows.next();
            return rows.getString(1);
        }
    }
}
