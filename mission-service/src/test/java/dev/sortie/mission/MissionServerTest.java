package dev.sortie.mission;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.mission.domain.SigningKeys;
import dev.sortie.mission.v1.AuthServiceGrpc;
import dev.sortie.mission.v1.GetJwksRequest;
import dev.sortie.runtime.process.ServiceProcess;
import dev.sortie.runtime.testing.RunningServer;
import dev.sortie.runtime.testing.TestPostgres;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;

class MissionServerTest {

    @Test
    void waitsForItsSchema() throws Exception {
        try (var database = TestPostgres.emptyDatabase();
                var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            var config = MissionConfig.local(database.runtimeUrl(), SigningKeys.parse(MissionFixture.SIGNING_KEY));
            var starting = threads.submit(() -> MissionServer.start(config));
            MissionServer.IDENTITY.migrations().migrate(database.ownerUrl(), TestPostgres.runtimeRole());
            try (var server = starting.get();
                    var running = RunningServer.of(server.runtime())) {
                server.runtime().awaitReady(Duration.ofSeconds(30));
                assertThat(AuthServiceGrpc.newBlockingStub(running.channel())
                                .getJwks(GetJwksRequest.getDefaultInstance())
                                .getKeysCount())
                        .isEqualTo(1);
            }
        }
    }

    @Test
    void migratesFromTheCommandLineAsOftenAsOneLikes() {
        try (var database = TestPostgres.emptyDatabase()) {
            var environment = Map.of(
                    "SORTIE_DATABASE_URL", database.runtimeUrl(),
                    "SORTIE_MIGRATION_DATABASE_URL", database.ownerUrl());
            for (int i = 0; i < 2; i++) {
                var out = new ByteArrayOutputStream();
                assertThat(run(out, environment, "migrate")).isEqualTo(ServiceProcess.OK);
                assertThat(out.toString(StandardCharsets.UTF_8)).contains("mission-service");
            }
            assertThat(MissionServer.IDENTITY.migrations().isApplied(database.runtimeUrl()))
                    .isTrue();
        }
    }

    @Test
    void explainsItsSettings() {
        var out = new ByteArrayOutputStream();
        assertThat(run(out, Map.of(), "--help")).isEqualTo(ServiceProcess.OK);
        assertThat(out.toString(StandardCharsets.UTF_8))
                .contains(
                        "SORTIE_DATABASE_URL",
                        "SORTIE_SIGNING_KEY_FILE",
                        "SORTIE_SERVICE_ACCOUNTS",
                        "SORTIE_ADMIN_TOKEN",
                        "SORTIE_LOGINS_AT_ONCE",
                        "SORTIE_AGENT_ADDRESS");
    }

    @Test
    void refusesToServeWithoutItsSettings() {
        var out = new ByteArrayOutputStream();
        assertThat(run(out, Map.of(), "serve")).isEqualTo(ServiceProcess.USAGE);
        assertThat(out.toString(StandardCharsets.UTF_8)).contains("SORTIE_DATABASE_URL", "SORTIE_SIGNING_KEY");
    }

    private static int run(ByteArrayOutputStream out, Map<String, String> environment, String... arguments) {
        var print = new PrintStream(out, true, StandardCharsets.UTF_8);
        return new ServiceProcess(MissionServer.IDENTITY, new MissionMain.Program(), print, print)
                .run(environment, List.of(arguments));
    }
}
