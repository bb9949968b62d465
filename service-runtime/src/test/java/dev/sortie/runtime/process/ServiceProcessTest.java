package dev.sortie.runtime.process;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.runtime.Things;
import dev.sortie.runtime.config.Settings;
import dev.sortie.runtime.sql.DatabaseSettings;
import dev.sortie.runtime.sql.Migrations;
import dev.sortie.runtime.testing.FakeAuthenticator;
import dev.sortie.runtime.testing.RunningServer;
import dev.sortie.runtime.testing.SettableClock;
import dev.sortie.runtime.testing.TestDatabase;
import dev.sortie.runtime.testing.TestPostgres;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class ServiceProcessTest {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final ByteArrayOutputStream err = new ByteArrayOutputStream();

    private record Config(DatabaseSettings database, int size) {}

    private static final ServiceProcess.Program<Config> PROGRAM = new ServiceProcess.Program<>() {
        @Override
        public Config read(Settings settings) {
            return new Config(
                    DatabaseSettings.read(settings), settings.integer("SORTIE_SIZE", 1, 0, 9, "how large things are"));
        }

        @Override
        public AutoCloseable start(Config settings) {
            throw new IllegalStateException("not in this test");
        }

        @Override
        public List<ServiceProcess.Command<?>> commands() {
            return List.of(new Count());
        }
    };

    /** Counts to a number, if it is no larger than it can count. */
    private static final class Count implements ServiceProcess.Command<Integer> {
        @Override
        public String name() {
            return "count";
        }

        @Override
        public String summary() {
            return "counts";
        }

        @Override
        public String about() {
            return "Counts to a number.";
        }

        @Override
        public Integer read(Settings settings) {
            return settings.integer("SORTIE_TO", 3, 1, 9, "the number");
        }

        @Override
        public boolean run(Integer to, PrintStream printer) {
            printer.println("counted to " + to);
            return to < 5;
        }
    }

    @Test
    void listsEverySettingForHelp() {
        assertThat(run(Map.of(), "--help")).isEqualTo(ServiceProcess.OK);
        assertThat(out.toString(StandardCharsets.UTF_8))
                .contains("things-service [serve | migrate", "--size=1", "how large things are", "SORTIE_DATABASE_URL");
    }

    @Test
    void runsTheCommandsOfAServiceWithTheirSettings() {
        assertThat(run(Map.of(), "count", "--to=4")).isEqualTo(ServiceProcess.OK);
        assertThat(out.toString(StandardCharsets.UTF_8)).contains("counted to 4");
        assertThat(run(Map.of("SORTIE_TO", "5"), "count")).isEqualTo(ServiceProcess.FAILED);
        assertThat(run(Map.of(), "count", "--to=10", "--from=1")).isEqualTo(ServiceProcess.USAGE);
        assertThat(err.toString(StandardCharsets.UTF_8)).contains("SORTIE_TO", "--from: no such flag");
        assertThat(run(Map.of(), "count", "--help")).isEqualTo(ServiceProcess.OK);
        assertThat(out.toString(StandardCharsets.UTF_8)).contains("Counts to a number.", "--to=3");
        assertThat(run(Map.of(), "--help")).isEqualTo(ServiceProcess.OK);
        assertThat(out.toString(StandardCharsets.UTF_8)).contains("[serve | migrate | count | --help", "count  counts");
    }

    @Test
    void saysItsVersionAndRefusesUnknownCommands() {
        assertThat(run(Map.of(), "--version")).isEqualTo(ServiceProcess.OK);
        assertThat(out.toString(StandardCharsets.UTF_8)).startsWith("things-service ");
        assertThat(run(Map.of(), "dance")).isEqualTo(ServiceProcess.USAGE);
        assertThat(err.toString(StandardCharsets.UTF_8)).contains("dance: no such command");
    }

    @Test
    void reportsWrongSettingsTogetherAndStartsNothing() {
        assertThat(run(Map.of(), "serve", "--size=10", "--nonsense")).isEqualTo(ServiceProcess.USAGE);
        assertThat(err.toString(StandardCharsets.UTF_8))
                .contains("SORTIE_DATABASE_URL: is required", "SORTIE_SIZE: 10 (expected: 0 to 9)", "--nonsense");
    }

    @Test
    void endsWithACodeWhenItCannotStart() {
        assertThat(run(Map.of("SORTIE_DATABASE_URL", "postgresql://a:b@c/d"), "serve"))
                .isEqualTo(ServiceProcess.FAILED);
    }

    @Test
    void migratesADatabaseOnceAndGrantsNoMoreThanRowsToTheRuntimeRole() throws SQLException {
        try (var empty = TestPostgres.emptyDatabase()) {
            assertThat(Things.IDENTITY.migrations().isApplied(empty.runtimeUrl()))
                    .isFalse();
            var environment = Map.of(
                    "SORTIE_MIGRATION_DATABASE_URL", empty.ownerUrl(), "SORTIE_DATABASE_URL", empty.runtimeUrl());
            assertThat(run(environment, "migrate")).isEqualTo(ServiceProcess.OK);
            assertThat(run(environment, "migrate")).isEqualTo(ServiceProcess.OK);
            assertThat(Things.IDENTITY.migrations().isApplied(empty.runtimeUrl()))
                    .isTrue();
            assertThat(new Migrations("db/migration/more").isApplied(empty.runtimeUrl()))
                    .isFalse();
            assertThat(sqlState(empty, "CREATE TABLE public.mine (id int)")).isEqualTo("42501");
            assertThat(sqlState(empty, "DROP TABLE things")).isEqualTo("42501");
            assertThat(sqlState(empty, "DELETE FROM audit_log")).isEqualTo("42501");
            assertThat(sqlState(empty, "DELETE FROM service_schema_history")).isEqualTo("42501");
            assertThat(sqlState(empty, "DELETE FROM things")).isEmpty();
        }
        assertThat(run(Map.of(), "migrate")).isEqualTo(ServiceProcess.USAGE);
    }

    @Test
    void isReadyOnlyOnceTheSchemaIsThereAndTellsMachinesSo() throws Exception {
        try (var database = TestPostgres.emptyDatabase();
                var runtime = ServiceRuntime.open(
                        Things.IDENTITY,
                        dev.sortie.runtime.grpc.ServerSettings.local(),
                        DatabaseSettings.of(database.runtimeUrl()),
                        new SettableClock())) {
            runtime.serve(new FakeAuthenticator(), List.of());
            assertThat(get(runtime, "/livez").statusCode()).isEqualTo(200);
            assertThat(get(runtime, "/readyz").statusCode()).isEqualTo(503);
            Things.IDENTITY.migrations().migrate(database.ownerUrl(), TestPostgres.runtimeRole());
            runtime.awaitReady(Duration.ofSeconds(30));
            assertThat(get(runtime, "/readyz").statusCode()).isEqualTo(200);
            assertThat(get(runtime, "/metrics").body())
                    .contains("sortie_rpc_calls{service=\"things-service\"}", "jvm_memory_used_bytes");
            assertThat(get(runtime, "/secrets").statusCode()).isEqualTo(404);
        }
    }

    @Test
    void purgesAnswersOnlyAfterTwoDays() throws Exception {
        var clock = new SettableClock();
        try (var postgres = Things.database();
                var server = RunningServer.start(
                        Things.IDENTITY, postgres, clock, new FakeAuthenticator(), runtime -> List.of())) {
            var database = server.runtime().database();
            postgres.execute("""
                    INSERT INTO idempotency_keys VALUES
                      ('a', 'm', gen_random_uuid(), 'h', 'r', '%1$s'::timestamptz - interval '25 hours'),
                      ('b', 'm', gen_random_uuid(), 'h', 'r', '%1$s'::timestamptz - interval '49 hours')
                    """.formatted(clock.instant()));
            server.runtime().purge();
            assertThat(database.queries().list("SELECT principal FROM idempotency_keys", row -> row.getString(0)))
                    .containsExactly("a");
        }
    }

    @Test
    void runsJobsAtOnceWhenTheyAreWokenAndGoesOnAfterFailures() throws Exception {
        var runs = new LinkedBlockingQueue<Integer>();
        var count = new java.util.concurrent.atomic.AtomicInteger();
        try (var job = PeriodicJob.start("test", Duration.ofHours(1), new SimpleMeterRegistry(), () -> {
            runs.add(count.incrementAndGet());
            if (count.get() == 1) {
                throw new IllegalStateException("on purpose");
            }
        })) {
            assertThat(runs.poll(60, TimeUnit.SECONDS)).isEqualTo(1);
            job.wake();
            assertThat(runs.poll(60, TimeUnit.SECONDS)).isEqualTo(2);
            job.close();
            job.wake();
            assertThat(runs.poll(50, TimeUnit.MILLISECONDS)).isNull();
        }
    }

    private int run(Map<String, String> environment, String... arguments) {
        var process =
                new ServiceProcess(Things.IDENTITY, PROGRAM, new PrintStream(out, true), new PrintStream(err, true));
        return process.run(environment, List.of(arguments));
    }

    private static HttpResponse<String> get(ServiceRuntime runtime, String path) throws Exception {
        try (var client = HttpClient.newHttpClient()) {
            var uri = URI.create("http://127.0.0.1:" + runtime.adminPort() + path);
            return client.send(HttpRequest.newBuilder(uri).build(), HttpResponse.BodyHandlers.ofString());
        }
    }

    private static String sqlState(TestDatabase database, String sql) throws SQLException {
        try (var connection = database.connectAsRuntime();
                var statement = connection.createStatement()) {
            statement.execute(sql);
            return "";
        } catch (SQLException refused) {
            return refused.getSQLState();
        }
    }
}
