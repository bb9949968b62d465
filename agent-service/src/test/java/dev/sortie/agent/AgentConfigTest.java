package dev.sortie.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sortie.agent.archive.ArchiveLocation;
import dev.sortie.runtime.config.Settings;
import dev.sortie.runtime.config.SettingsException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class AgentConfigTest {
    private static final String URL = "postgresql://sortie:secret@db:5432/agent";

    @Test
    void hasDefaultsForEverythingButTheDatabase() {
        var config = read(Map.of("SORTIE_DATABASE_URL", URL));
        assertThat(config.server().port()).isEqualTo(7402);
        assertThat(config.server().adminPort()).isEqualTo(7412);
        assertThat(config.missionAddress()).isEqualTo("127.0.0.1:7401");
        assertThat(config.serviceToken()).isNull();
        assertThat(config.archive().location()).isNull();
        assertThat(config.archive().after()).isEqualTo(Duration.ofDays(90));
        assertThat(config.database().url()).isEqualTo(URL);
    }

    @Test
    void readsEverySetting() {
        var config = read(Map.of(
                "SORTIE_DATABASE_URL",
                URL,
                "SORTIE_GRPC_PORT",
                "1",
                "SORTIE_ADMIN_PORT",
                "2",
                "SORTIE_MISSION_ADDRESS",
                "mission:9",
                "SORTIE_SERVICE_TOKEN",
                "sortie_x",
                "SORTIE_ARCHIVE",
                "/var/lib/sortie/archive",
                "SORTIE_ARCHIVE_AFTER",
                "365d"));
        assertThat(config.server().port()).isEqualTo(1);
        assertThat(config.server().adminPort()).isEqualTo(2);
        assertThat(config.missionAddress()).isEqualTo("mission:9");
        assertThat(config.serviceToken()).isEqualTo("sortie_x");
        assertThat(config.archive().location())
                .isEqualTo(new ArchiveLocation.Folder(Path.of("/var/lib/sortie/archive")));
        assertThat(config.archive().after()).isEqualTo(Duration.ofDays(365));
    }

    @Test
    void tellsEveryProblemAtOnceAndNoSecret() {
        assertThatThrownBy(() -> read(Map.of("SORTIE_GRPC_PORT", "x", "SORTIE_ADMIN_PORT", "99999")))
                .isInstanceOf(SettingsException.class)
                .hasMessageContaining("SORTIE_DATABASE_URL")
                .hasMessageContaining("SORTIE_GRPC_PORT")
                .hasMessageContaining("SORTIE_ADMIN_PORT");
        assertThatThrownBy(() -> read(
                        Map.of("SORTIE_DATABASE_URL", URL, "SORTIE_ARCHIVE", "here", "SORTIE_ARCHIVE_AFTER", "1d")))
                .isInstanceOf(SettingsException.class)
                .hasMessageContaining("SORTIE_ARCHIVE: here")
                .hasMessageContaining("SORTIE_ARCHIVE_AFTER");
        assertThat(read(Map.of("SORTIE_DATABASE_URL", URL, "SORTIE_SERVICE_TOKEN", "sortie_x"))
                        .toString())
                .doesNotContain("secret", "sortie_x");
    }

    private static AgentConfig read(Map<String, String> environment) {
        var settings = Settings.of(environment, List.of());
        var config = AgentConfig.read(settings);
        settings.check();
        return config;
    }
}
