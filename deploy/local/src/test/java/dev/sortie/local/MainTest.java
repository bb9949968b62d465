package dev.sortie.local;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The commands without a running {@code up}. */
@Timeout(300)
class MainTest {

    @TempDir
    Path temp;

    @Test
    void everyCommandHasHelp() {
        for (var command : List.of("up", "status", "down", "migrate", "reset")) {
            var help = run("", command, "--help");
            assertThat(help.exitCode()).as(command).isEqualTo(ExitCode.OK);
            assertThat(help.output())
                    .contains("usage: sortie " + command)
                    .contains("Exit codes")
                    .contains("--data")
                    .contains("SORTIE_DATA");
        }
        assertThat(run("", "--help").output()).contains("up ").contains("reset ");
        assertThat(data().root()).doesNotExist();
    }

    @Test
    void wrongSettingsAreToldAllAtOnce() {
        var wrong = run("", "up", "--postgres-port=70000", "--colour=green", "--database-url=mysql://me:secret@x/y");

        assertThat(wrong.exitCode()).isEqualTo(ExitCode.USAGE);
        assertThat(wrong.output())
                .contains("SORTIE_POSTGRES_PORT")
                .contains("--colour")
                .contains("SORTIE_DATABASE_URL: not a PostgreSQL URL")
                .doesNotContain("secret");
        assertThat(data().root()).doesNotExist();
    }

    @Test
    void aCommandThatIsNoneIsAUsageError() {
        assertThat(run("", "fly").exitCode()).isEqualTo(ExitCode.USAGE);
    }

    @Test
    void resetDeletesNothingWithoutAYes() throws Exception {
        data().create();
        Files.createDirectories(data().postgresql());

        for (var answer : List.of("", "\n", "no\n", "y\n")) {
            var asked = run(answer, "reset");
            assertThat(asked.exitCode()).as(answer).isEqualTo(ExitCode.FAILED);
            assertThat(asked.output()).contains("Type yes to go on").contains("Nothing was deleted");
        }
        assertThat(data().exists()).isTrue();
        assertThat(data().postgresql()).exists();
    }

    @Test
    void resetDeletesTheFolderAfterAYes() {
        data().create();
        assertThat(run("yes\n", "reset").exitCode()).isEqualTo(ExitCode.OK);
        assertThat(data().root()).doesNotExist();

        data().create();
        var unasked = run("", "reset", "--yes");
        assertThat(unasked.exitCode()).isEqualTo(ExitCode.OK);
        assertThat(unasked.output()).doesNotContain("Type yes");
        assertThat(data().root()).doesNotExist();

        assertThat(run("", "reset", "--yes").output()).contains("There is no data");
    }

    @Test
    void resetDoesNotTouchAFolderThatIsNotOurs() throws Exception {
        Files.createDirectories(data().root());
        var file = Files.writeString(data().root().resolve("thesis.txt"), "years of work");

        var refused = run("yes\n", "reset", "--yes");

        assertThat(refused.exitCode()).isEqualTo(ExitCode.FAILED);
        assertThat(refused.output()).contains("is not a data folder of Sortie");
        assertThat(file).exists();
    }

    @Test
    void migrateMakesTheSchemasOnTheEmbeddedServerAndStopsIt() throws Exception {
        LaunchedSortie.shareBinaries(data());

        for (var round : List.of("first", "second")) {
            var migrated = run("", "migrate", "--postgres-port=0");
            assertThat(migrated.exitCode()).as(round + ": " + migrated.output()).isEqualTo(ExitCode.OK);
            assertThat(LocalPostgres.process(data())).as(round).isEmpty();
        }
        assertThat(LocalPostgres.initialized(data())).isTrue();
        assertThat(RunFile.read(data())).isEmpty();
    }

    @Test
    void migrateUsesAnotherServerWhereOneIsGiven(@TempDir Path other) throws Exception {
        var server = new DataFolder(other.resolve("server"));
        LaunchedSortie.shareBinaries(server);
        var postgres = new LocalPostgres(server);
        var url = postgres.start(0);
        try {
            var migrated = run("", "migrate", "--database-url=" + url.toUrl());

            assertThat(migrated.exitCode()).as(migrated.output()).isEqualTo(ExitCode.OK);
            assertThat(LocalPostgres.initialized(data())).isFalse();
            assertThat(tables(url.with("sortie_mission", url.user(), url.password())))
                    .isPositive();
            assertThat(migrated.output()).doesNotContain(url.password());

            var stranger = new DataFolder(temp.resolve("another"));
            var refused = LaunchedSortie.run(stranger, "", "migrate", "--database-url=" + url.toUrl());
            assertThat(refused.exitCode()).isEqualTo(ExitCode.FAILED);
            assertThat(refused.output()).contains("has another password than the one this data folder keeps");
        } finally {
            postgres.stop();
        }
    }

    private static int tables(DatabaseUrl url) throws SQLException {
        try (var connection = url.connect();
                var statement = connection.createStatement();
                var rows = statement.executeQuery(
                        "SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tablename = 'missions'")) {
            rows.next();
            return rows.getInt(1);
        }
    }

    private DataFolder data() {
        return new DataFolder(temp.resolve("data"));
    }

    private LaunchedSortie.Finished run(String input, String command, String... arguments) {
        return LaunchedSortie.run(data(), input, command, arguments);
    }
}
