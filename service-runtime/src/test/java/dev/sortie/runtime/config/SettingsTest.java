package dev.sortie.runtime.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sortie.runtime.grpc.ServerSettings;
import dev.sortie.runtime.sql.DatabaseSettings;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SettingsTest {
    @TempDir
    Path folder;

    @Test
    void prefersFlagsToTheEnvironmentAndThatToDefaults() {
        var settings = Settings.of(
                Map.of("SORTIE_GRPC_PORT", "1", "SORTIE_HOST", "::1"),
                List.of("--grpc-port=2", "--reflection", "--log-format", "json"));
        assertThat(settings.port("SORTIE_GRPC_PORT", 7401, "")).isEqualTo(2);
        assertThat(settings.text("SORTIE_HOST", "127.0.0.1", "")).isEqualTo("::1");
        assertThat(settings.flag("SORTIE_REFLECTION", false, "")).isTrue();
        assertThat(settings.text("SORTIE_LOG_FORMAT", "text", "")).isEqualTo("json");
        assertThat(settings.integer("SORTIE_OTHER", 5, 1, 9, "")).isEqualTo(5);
        settings.check();
    }

    @Test
    void refusesAFlagThatLacksItsValue() {
        var settings = Settings.of(Map.of("SORTIE_DATA", "/data"), List.of("--data", "--reflection"));
        settings.text("SORTIE_DATA", "", "");
        assertThat(settings.flag("SORTIE_REFLECTION", false, "")).isTrue();
        assertThatThrownBy(settings::check)
                .isInstanceOfSatisfying(
                        SettingsException.class,
                        wrong -> assertThat(wrong.problems())
                                .containsExactly("--data: has no value (expected: --data=value)"));
    }

    @Test
    void readsTimesInEveryUnit() {
        for (var time : Map.of(
                        "250ms", Duration.ofMillis(250),
                        "9s", Duration.ofSeconds(9),
                        "5m", Duration.ofMinutes(5),
                        "2h", Duration.ofHours(2),
                        "7d", Duration.ofDays(7))
                .entrySet()) {
            var settings = Settings.of(Map.of("T", time.getKey()), List.of());
            assertThat(settings.duration("T", Duration.ZERO, Duration.ZERO, Duration.ofDays(30), ""))
                    .isEqualTo(time.getValue());
            settings.check();
        }
    }

    @Test
    void reportsEveryProblemAtOnce() {
        var settings = Settings.of(
                Map.of("A", "many", "B", "11", "C", "perhaps", "D", "5 parsecs", "E", "1ms", "F", "x", "F_FILE", "y"),
                List.of("--unheard-of=1", "stray"));
        settings.integer("A", 1, 0, 10, "");
        settings.integer("B", 1, 0, 10, "");
        settings.flag("C", true, "");
        settings.duration("D", Duration.ofSeconds(1), Duration.ofSeconds(1), Duration.ofSeconds(2), "");
        settings.duration("E", Duration.ofSeconds(1), Duration.ofSeconds(1), Duration.ofSeconds(2), "");
        settings.secret("F", "");
        settings.required("G", "what it is");
        assertThatThrownBy(settings::check)
                .isInstanceOfSatisfying(
                        SettingsException.class,
                        wrong -> assertThat(wrong.problems())
                                .containsExactly(
                                        "stray: not understood (expected: --name=value)",
                                        "A: many (expected: a number)",
                                        "B: 11 (expected: 0 to 10)",
                                        "C: perhaps (expected: true or false)",
                                        "D: 5 parsecs (expected: a time such as 500ms, 30s, 5m, 2h or 7d)",
                                        "E: 1ms (expected: 1s to 2s)",
                                        "F and F_FILE: only one of the two may be given",
                                        "G: is required (what it is)",
                                        "--unheard-of: no such flag (see --help)"));
    }

    @Test
    void readsSecretsFromFilesAndShowsThemToNobody() throws IOException {
        var file = Files.writeString(folder.resolve("secret"), "s3cret\n");
        var settings = Settings.of(Map.of("SORTIE_TOKEN_FILE", file.toString()), List.of());
        assertThat(settings.secret("SORTIE_TOKEN", "a token")).isEqualTo("s3cret");
        assertThat(settings.secret("SORTIE_NONE", "nothing")).isNull();
        assertThat(settings.help()).doesNotContain("s3cret").contains("--token", "--token-file", "a token");
        var missing = Settings.of(Map.of("S_FILE", folder.resolve("none").toString()), List.of());
        missing.secret("S", "");
        assertThatThrownBy(missing::check).hasMessageContaining("expected: a file this process can read");
    }

    @Test
    void pinsTheDefaultsOfTheServer() {
        var settings = Settings.of(Map.of(), List.of());
        assertThat(ServerSettings.read(settings, 7401, 7411))
                .isEqualTo(new ServerSettings(
                        "127.0.0.1",
                        7401,
                        7411,
                        2_048,
                        4_096,
                        1_024,
                        4 * 1024 * 1024,
                        Duration.ofSeconds(30),
                        Duration.ofSeconds(20),
                        Duration.ZERO,
                        true,
                        false));
        settings.check();
    }

    @Test
    void mapsEverySettingOfTheServerAndTheDatabase() {
        var settings = Settings.of(
                Map.ofEntries(
                        Map.entry("SORTIE_HOST", "0.0.0.0"),
                        Map.entry("SORTIE_GRPC_PORT", "1"),
                        Map.entry("SORTIE_ADMIN_PORT", "2"),
                        Map.entry("SORTIE_MAX_CALLS", "3"),
                        Map.entry("SORTIE_MAX_STREAMS", "4"),
                        Map.entry("SORTIE_MAX_CALLS_PER_CONNECTION", "5"),
                        Map.entry("SORTIE_MAX_MESSAGE_BYTES", "65536"),
                        Map.entry("SORTIE_DEFAULT_DEADLINE", "7s"),
                        Map.entry("SORTIE_DRAIN_TIME", "8s"),
                        Map.entry("SORTIE_DRAIN_NOTICE", "9s"),
                        Map.entry("SORTIE_REFLECTION", "false"),
                        Map.entry("SORTIE_CHANNELZ", "true"),
                        Map.entry("SORTIE_DATABASE_URL", "postgresql://a:b@c/d"),
                        Map.entry("SORTIE_DATABASE_POOL_SIZE", "10"),
                        Map.entry("SORTIE_DATABASE_PIPELINED_CONNECTIONS", "11"),
                        Map.entry("SORTIE_DATABASE_MAX_WAITING", "12"),
                        Map.entry("SORTIE_DATABASE_STATEMENT_TIMEOUT", "13s"),
                        Map.entry("SORTIE_DATABASE_LOCK_TIMEOUT", "14s"),
                        Map.entry("SORTIE_DATABASE_IDLE_IN_TRANSACTION_TIMEOUT", "15s")),
                List.of());
        assertThat(ServerSettings.read(settings, 0, 0))
                .isEqualTo(new ServerSettings(
                        "0.0.0.0",
                        1,
                        2,
                        3,
                        4,
                        5,
                        65_536,
                        Duration.ofSeconds(7),
                        Duration.ofSeconds(8),
                        Duration.ofSeconds(9),
                        false,
                        true));
        var database = DatabaseSettings.read(settings);
        assertThat(database)
                .isEqualTo(new DatabaseSettings(
                        "postgresql://a:b@c/d",
                        10,
                        11,
                        12,
                        Duration.ofSeconds(13),
                        Duration.ofSeconds(14),
                        Duration.ofSeconds(15)));
        assertThat(database.toString()).doesNotContain("a:b");
        settings.check();
    }
}
