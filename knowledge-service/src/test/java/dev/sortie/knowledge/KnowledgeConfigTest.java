package dev.sortie.knowledge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sortie.runtime.config.Settings;
import dev.sortie.runtime.config.SettingsException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

final class KnowledgeConfigTest {
    private static final String URL = "postgresql://runtime:secret@db.example/knowledge";

    @Test
    void hasADefaultForEverythingButTheDatabase() {
        var settings = Settings.of(Map.of("SORTIE_DATABASE_URL", URL), List.of());

        var config = KnowledgeConfig.read(settings);

        settings.check();
        assertThat(config.server().host()).isEqualTo("127.0.0.1");
        assertThat(config.server().port()).isEqualTo(7403);
        assertThat(config.server().adminPort()).isEqualTo(7413);
        assertThat(config.server().maxMessageBytes()).isEqualTo(5 * 1024 * 1024);
        assertThat(config.database().url()).isEqualTo(URL);
        assertThat(config.missionAddress()).isEqualTo("127.0.0.1:7401");
        assertThat(config.serviceToken()).isNull();
        assertThat(config.indexFolder()).isEqualTo(Path.of("data/knowledge-index"));
    }

    @Test
    void readsEverySetting() {
        var settings = Settings.of(
                Map.of(
                        "SORTIE_DATABASE_URL", URL,
                        "SORTIE_MISSION_ADDRESS", "mission.example:1",
                        "SORTIE_SERVICE_TOKEN", "token",
                        "SORTIE_INDEX_FOLDER", "/var/index",
                        "SORTIE_MAX_MESSAGE_BYTES", "9000000"),
                List.of("--grpc-port=0", "--admin-port=1"));

        var config = KnowledgeConfig.read(settings);

        settings.check();
        assertThat(config.server().port()).isZero();
        assertThat(config.server().adminPort()).isEqualTo(1);
        assertThat(config.server().maxMessageBytes()).isEqualTo(9_000_000);
        assertThat(config.missionAddress()).isEqualTo("mission.example:1");
        assertThat(config.serviceToken()).isEqualTo("token");
        assertThat(config.indexFolder()).isEqualTo(Path.of("/var/index"));
        assertThat(config.toString()).doesNotContain("token").doesNotContain("secret");
    }

    @Test
    void refusesToStartWithoutADatabase() {
        var settings = Settings.of(Map.of(), List.of());
        KnowledgeConfig.read(settings);

        assertThatThrownBy(settings::check)
                .isInstanceOf(SettingsException.class)
                .hasMessageContaining("SORTIE_DATABASE_URL");
    }
}
