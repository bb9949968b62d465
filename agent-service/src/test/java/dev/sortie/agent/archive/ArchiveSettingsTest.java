package dev.sortie.agent.archive;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sortie.agent.archive.S3Location.Addressing;
import dev.sortie.agent.archive.S3Location.Connection;
import dev.sortie.runtime.config.Settings;
import dev.sortie.runtime.config.SettingsException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ArchiveSettingsTest {
    private static final String SECRET = "hush0123456789";

    @TempDir
    Path folder;

    @Test
    void takesAFolderOrABucketByTheSameSetting() {
        assertThat(read(Map.of("SORTIE_ARCHIVE", "/archive")).location())
                .isEqualTo(new ArchiveLocation.Folder(Path.of("/archive")));
        assertThat(read(Map.of("SORTIE_ARCHIVE", "s3://bucket")).location())
                .isEqualTo(new S3Location("bucket", "", new Connection(null, null, Addressing.VIRTUAL_HOST, null)));
        assertThat(read(Map.of("SORTIE_ARCHIVE", "s3://my.bucket-1/some/prefix/"))
                        .location())
                .hasToString("s3://my.bucket-1/some/prefix/");
        assertThat(read(Map.of()).location()).isNull();
    }

    @Test
    void readsEverythingOfABucket() throws Exception {
        var file = Files.writeString(folder.resolve("credentials"), """
                [default]
                aws_access_key_id = A
                aws_secret_access_key = %s
                """.formatted(SECRET));
        var settings = read(Map.of(
                "SORTIE_ARCHIVE", "s3://bucket/prefix",
                "SORTIE_ARCHIVE_S3_ENDPOINT", "http://minio:9000/",
                "SORTIE_ARCHIVE_S3_REGION", "eu-central-1",
                "SORTIE_ARCHIVE_S3_ADDRESSING", "virtual-host",
                "SORTIE_ARCHIVE_S3_CREDENTIALS_FILE", file.toString()));
        assertThat(settings.location())
                .isEqualTo(new S3Location(
                        "bucket",
                        "prefix/",
                        new Connection(URI.create("http://minio:9000"), "eu-central-1", Addressing.VIRTUAL_HOST, file)))
                .hasToString("s3://bucket/prefix/ at http://minio:9000");
        assertThat(settings.toString()).doesNotContain(SECRET);
    }

    @Test
    void expectsOfOtherStoragesPathsAndNoRegion() {
        var connection = ((S3Location)
                        read(Map.of("SORTIE_ARCHIVE", "s3://bucket", "SORTIE_ARCHIVE_S3_ENDPOINT", "https://minio"))
                                .location())
                .connection();
        assertThat(connection.addressing()).isEqualTo(Addressing.PATH);
        assertThat(connection.region()).isEqualTo("us-east-1");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "here",
                "S3://bucket",
                "s3://",
                "s3:///prefix",
                "s3://B",
                "s3://UPPER",
                "s3://a..b",
                "s3://-ab-",
                "s3://bucket/../other",
                "s3://bucket/a//b",
                "s3://bucket/ä",
                "s3://bucket/a b",
                "s3://bucket/.",
                "s3://bucket:9000/a"
            })
    void refusesWhatIsNoPlace(String location) {
        assertThatThrownBy(() -> read(Map.of("SORTIE_ARCHIVE", location)))
                .isInstanceOf(SettingsException.class)
                .hasMessageContaining("SORTIE_ARCHIVE: " + location)
                .hasMessageContaining("expected:");
    }

    @Test
    void refusesPrefixesThatLeaveNoRoomForNames() {
        assertThatThrownBy(() -> read(Map.of("SORTIE_ARCHIVE", "s3://bucket/" + "x".repeat(513))))
                .isInstanceOf(SettingsException.class);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"minio:9000", "ftp://minio", "http://", "http://minio/path", "http://minio?x=1", "http://mi nio"
            })
    void refusesWhatIsNoEndpoint(String endpoint) {
        assertThatThrownBy(() -> read(Map.of("SORTIE_ARCHIVE_S3_ENDPOINT", endpoint)))
                .isInstanceOf(SettingsException.class)
                .hasMessageContaining("SORTIE_ARCHIVE_S3_ENDPOINT: " + endpoint);
    }

    @Test
    void tellsEveryProblemAtOnceAndNoSecret() throws Exception {
        var broken = Files.writeString(folder.resolve("broken"), SECRET + "\n");
        assertThatThrownBy(() -> read(Map.of(
                        "SORTIE_ARCHIVE",
                        "s3://key:" + SECRET + "@bucket",
                        "SORTIE_ARCHIVE_S3_ENDPOINT",
                        "https://key:" + SECRET + "@minio",
                        "SORTIE_ARCHIVE_S3_REGION",
                        "Frankfurt!",
                        "SORTIE_ARCHIVE_S3_ADDRESSING",
                        "both",
                        "SORTIE_ARCHIVE_S3_CREDENTIALS_FILE",
                        broken.toString())))
                .isInstanceOf(SettingsException.class)
                .hasMessageContaining("SORTIE_ARCHIVE: ")
                .hasMessageContaining("SORTIE_ARCHIVE_S3_ENDPOINT: ")
                .hasMessageContaining("SORTIE_ARCHIVE_S3_REGION: Frankfurt!")
                .hasMessageContaining("SORTIE_ARCHIVE_S3_ADDRESSING: both")
                .hasMessageContaining("SORTIE_ARCHIVE_S3_CREDENTIALS_FILE: " + broken)
                .hasMessageNotContaining(SECRET);
    }

    @Test
    void refusesCredentialsThatAreNotThere() throws Exception {
        var other = Files.writeString(folder.resolve("other"), "[other]\naws_access_key_id = A\n");
        for (var file : List.of(other, folder.resolve("missing"), folder)) {
            assertThatThrownBy(() -> read(Map.of("SORTIE_ARCHIVE_S3_CREDENTIALS_FILE", file.toString())))
                    .isInstanceOf(SettingsException.class)
                    .hasMessageContaining("SORTIE_ARCHIVE_S3_CREDENTIALS_FILE: " + file);
        }
    }

    private static ArchiveSettings read(Map<String, String> environment) {
        var settings = Settings.of(new HashMap<>(environment), List.of());
        var read = ArchiveSettings.read(settings);
        settings.check();
        return read;
    }
}
