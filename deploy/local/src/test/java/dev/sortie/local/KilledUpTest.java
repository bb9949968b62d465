package dev.sortie.local;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** From an {@code up} that is killed to the next one, and its end in good order. */
@Timeout(300)
class KilledUpTest {

    @TempDir
    Path temp;

    @Test
    void whatWasStoredOutlivesKill9AndTheNextUpTakesOver() throws Exception {
        var data = new DataFolder(temp.resolve("data"));
        String missionId;
        ProcessHandle leftover;
        try (var first = LaunchedSortie.up(data)) {
            first.awaitReady();
            missionId = LaunchedSortie.createMission(data, "Outlive the launcher");
            leftover = LocalPostgres.process(data).orElseThrow();

            first.kill();

            assertThat(leftover.isAlive())
                    .as("PostgreSQL runs on without its launcher")
                    .isTrue();
            var status = LaunchedSortie.run(data, "", "status");
            assertThat(status.exitCode()).isEqualTo(ExitCode.NOT_RUNNING);
            assertThat(status.output()).contains("PostgreSQL of a killed run").contains("process " + leftover.pid());

            try (var second = LaunchedSortie.up(data)) {
                second.awaitReady();
                assertThat(leftover.isAlive()).as("the next up stopped it").isFalse();
                assertThat(LaunchedSortie.nameOfMission(data, missionId)).isEqualTo("Outlive the launcher");
                assertThat(second.output())
                        .as("the token is shown by the first start alone")
                        .doesNotContain(Files.readString(data.adminToken()).strip())
                        .contains(data.adminToken().toString());

                assertThat(LaunchedSortie.run(data, "", "down").exitCode()).isEqualTo(ExitCode.OK);

                second.awaitEnd();
                assertThat(second.output()).endsWith("Stopped.");
                assertThat(LocalPostgres.process(data)).isEmpty();
            }
        }
        assertThat(LaunchedSortie.run(data, "", "status").exitCode()).isEqualTo(ExitCode.NOT_RUNNING);
        assertThat(LaunchedSortie.run(data, "", "down").exitCode()).isEqualTo(ExitCode.OK);
    }
}
