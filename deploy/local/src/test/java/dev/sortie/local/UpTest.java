package dev.sortie.local;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** One {@code up} while it runs. */
@Timeout(300)
class UpTest {

    @TempDir
    static Path temp;

    private static DataFolder data;
    private static LaunchedSortie running;
    private static LaunchedSortie refused;

    @BeforeAll
    static void startTwoAtOnce() throws Exception {
        data = new DataFolder(temp.resolve("data"));
        var one = LaunchedSortie.up(data);
        var other = LaunchedSortie.up(data);
        LaunchedSortie.eventually(
                () -> !one.process().isAlive() || !other.process().isAlive());
        running = one.process().isAlive() ? one : other;
        refused = running == one ? other : one;
        running.awaitReady();
    }

    @AfterAll
    static void stop() throws Exception {
        refused.close();
        running.close();
    }

    @Test
    void ofTwoStartedAtOnceTheSecondSaysThatTheFirstRuns() {
        assertThat(refused.process().exitValue()).isEqualTo(ExitCode.ALREADY_RUNNING);
        assertThat(refused.output())
                .contains("Sortie runs already on " + data.root())
                .contains("process " + running.process().pid());
    }

    @Test
    void whileItRunsNoOtherCommandWorksInItsFolder() {
        for (var command : List.of("up", "migrate", "reset")) {
            var finished = LaunchedSortie.run(data, "yes\n", command);
            assertThat(finished.exitCode()).as(command).isEqualTo(ExitCode.ALREADY_RUNNING);
            assertThat(finished.output())
                    .contains("Sortie runs already")
                    .containsPattern("mission-service +127\\.0\\.0\\.1:\\d+");
        }
        assertThat(running.process().isAlive()).isTrue();
        assertThat(data.exists()).isTrue();
    }

    @Test
    void statusTellsWhereEverythingListensAndHowItIs() {
        var status = LaunchedSortie.run(data, "", "status");

        assertThat(status.output()).contains("process " + running.process().pid());
        for (var service : Databases.SERVICES) {
            assertThat(status.output())
                    .containsPattern(
                            service + "-service +127\\.0\\.0\\.1:\\d+ +127\\.0\\.0\\.1:\\d+ +ready, schema \\d");
        }
        assertThat(status.exitCode()).isEqualTo(ExitCode.OK);
    }

    @Test
    void theFirstStartShowsTheTokenOnceAndACallToPaste() throws Exception {
        assertThat(running.output())
                .containsOnlyOnce(Files.readString(data.adminToken()).strip())
                .contains("buf curl --protocol grpc")
                .contains("authorization: Bearer $(cat " + data.adminToken() + ")");
        var missionId = LaunchedSortie.createMission(data, "First call");
        assertThat(LaunchedSortie.nameOfMission(data, missionId)).isEqualTo("First call");
    }

    @Test
    void secretsAreReadableByTheirOwnerAloneAndInNoLog() throws Exception {
        var secrets = new ArrayList<>(List.of(data.adminToken()));
        try (var entries = Files.list(data.secrets())) {
            entries.forEach(secrets::add);
        }
        assertThat(secrets).hasSizeGreaterThan(10);
        for (var secret : secrets) {
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(secret)))
                    .as(secret.toString())
                    .isEqualTo("rw-------");
            var content = Files.readString(secret).strip();
            for (var log : List.of("sortie.log", "postgresql.log", "pg_ctl.log", "initdb.log")) {
                assertThat(Files.readString(data.logs().resolve(log))).doesNotContain(content);
            }
        }
    }

    @Test
    void rotatesTheKeysOfCredentialsWhileItRuns() throws Exception {
        var before = Files.readString(data.secrets().resolve("credential.keys"));
        var rotated = LaunchedSortie.run(data, "", "rotate-keys");
        assertThat(rotated.output()).contains("Added key ", "encrypts from now on", "Removed key ");
        assertThat(rotated.exitCode()).isEqualTo(ExitCode.OK);
        assertThat(Files.readString(data.secrets().resolve("credential.keys"))).isNotEqualTo(before);
        var status = LaunchedSortie.run(data, "", "rotate-keys", "--phase=status");
        assertThat(status.output())
                .containsPattern("key \\d+ \\(primary\\): 0 credentials")
                .contains("server ");
    }

    @Test
    void aPostgresThatIsKilledUnderTheServersComesBack() throws Exception {
        var missionId = LaunchedSortie.createMission(data, "Outlive the database");
        var before = LocalPostgres.process(data).orElseThrow();

        assertThat(before.destroyForcibly()).isTrue();

        LaunchedSortie.eventually(() -> LocalPostgres.process(data)
                .filter(now -> now.pid() != before.pid())
                .isPresent());
        LaunchedSortie.eventually(
                () -> LaunchedSortie.nameOfMission(data, missionId).equals("Outlive the database"));
        LaunchedSortie.eventually(() -> LaunchedSortie.run(data, "", "status").exitCode() == ExitCode.OK);
        assertThat(running.process().isAlive()).isTrue();
    }
}
