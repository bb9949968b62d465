package dev.sortie.agent.archive;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sortie.agent.archive.S3Location.Addressing;
import dev.sortie.agent.archive.S3Location.Connection;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class S3StorageTest extends ArchiveStorageContract {
    /** However much else this machine does. */
    private static final S3Storage.Patience LONG = new S3Storage.Patience(
            Duration.ofSeconds(60),
            Duration.ofSeconds(60),
            Duration.ofSeconds(60),
            Duration.ofSeconds(90),
            Duration.ofSeconds(90));

    @TempDir
    static Path folder;

    private static S3Server server;

    private ArchiveStorage storage;

    @BeforeAll
    static void start() throws IOException {
        server = new S3Server(folder);
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    @AfterEach
    void open() {
        server.gate().open();
        storage().close();
    }

    @Override
    ArchiveStorage storage() {
        if (storage == null) {
            storage = new S3Storage(server.location("deep/down/"), LONG);
        }
        return storage;
    }

    @Test
    void putsFilesUnderThePrefix() throws Exception {
        var content = content(100);
        put(name, content);
        assertThat(server.names("deep/down/")).contains("deep/down/" + name);
        assertThat(server.content("deep/down/" + name)).isEqualTo(content);
    }

    @Test
    void leavesNothingWhenTheConnectionBreaksOff() throws Exception {
        var content = content(LARGE);
        var file = file(content);
        server.gate().cutAfter(LARGE / 2);
        assertThatThrownBy(() -> storage().put(name, file, sha256(content)))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("s3://" + S3Server.BUCKET + "/deep/down/");
        assertThat(server.names("deep/down/" + name)).isEmpty();

        server.gate().open();
        storage().put(name, file, sha256(content));
        assertThat(storage().read(name, 0, content.length)).isEqualTo(content);
    }

    @Test
    void saysThatTheStorageCannotBeReachedAndReachesItLater() throws Exception {
        var content = content(100);
        put(name, content);
        server.gate().shut();
        assertThatThrownBy(() -> storage().read(name, 0, 1))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("http://127.0.0.1:" + server.gate().port())
                .satisfies(S3StorageTest::hasNoSecret);
        server.gate().open();
        assertThat(storage().read(name, 0, 100)).isEqualTo(content);
    }

    @Test
    void givesUpOnAStorageThatSaysNothing() throws Exception {
        var content = content(100);
        put(name, content);
        server.gate().fallSilent();
        var hasty = new S3Storage.Patience(
                LONG.connect(), Duration.ofMillis(300), LONG.attempt(), LONG.read(), LONG.write());
        try (var storage = new S3Storage(server.location("deep/down/"), hasty)) {
            var file = file(content);
            assertThatThrownBy(() -> storage.read(name, 0, 1))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("does not answer in time");
            assertThatThrownBy(() -> storage.put(name + ".2", file, sha256(content)))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("does not answer in time");
        }
    }

    @Test
    void boundsHowLongAReaderWaitsForAllAttempts() throws Exception {
        put(name, content(100));
        server.gate().fallSilent();
        var hasty = new S3Storage.Patience(
                LONG.connect(), LONG.silence(), Duration.ofMillis(300), Duration.ofSeconds(1), LONG.write());
        try (var storage = new S3Storage(server.location("deep/down/"), hasty)) {
            var failure = new CompletableFuture<Throwable>();
            Thread.startVirtualThread(
                    () -> { // as calls are served
                        try {
                            storage.read(name, 0, 1);
                            failure.complete(null);
                        } catch (Throwable failed) {
                            failure.complete(failed);
                        }
                    });
            assertThat(failure.get(60, TimeUnit.SECONDS))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("does not answer in time");
        }
    }

    @Test
    void saysThatThereIsNoSuchBucket() throws Exception {
        var content = content(1);
        var file = file(content);
        try (var elsewhere = new S3Storage(server.location("no-such-bucket", ""), LONG)) {
            assertThatThrownBy(() -> elsewhere.put(name, file, sha256(content)))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("there is no bucket no-such-bucket; make it, or set SORTIE_ARCHIVE")
                    .satisfies(S3StorageTest::hasNoSecret);
        }
    }

    @Test
    void takesCredentialsThatHaveBeenReplaced() throws Exception {
        var replaced = Files.writeString(folder.resolve("replaced"), "[default]\n");
        var connection = server.location("").connection();
        var location = new S3Location(
                S3Server.BUCKET,
                "",
                new Connection(connection.endpoint(), connection.region(), connection.addressing(), replaced));
        var content = content(100);
        try (var storage = new S3Storage(location, LONG)) {
            var file = Files.write(storage.scratch().resolve("file"), content);
            for (var broken : List.of("[default]\n", S3Server.SECRET)) {
                Files.writeString(replaced, broken);
                assertThatThrownBy(() -> storage.put(name, file, sha256(content)))
                        .isInstanceOf(IOException.class)
                        .hasMessageContaining("set SORTIE_ARCHIVE_S3_CREDENTIALS_FILE")
                        .satisfies(S3StorageTest::hasNoSecret);
            }
            Files.delete(replaced);
            assertThatThrownBy(() -> storage.put(name, file, sha256(content))).isInstanceOf(IOException.class);

            Files.copy(connection.credentialsFile(), replaced);
            storage.put(name, file, sha256(content));
            assertThat(storage.read(name, 0, 100)).isEqualTo(content);
        }
    }

    @Test
    void namesBucketsAsTheStorageWants() throws Exception {
        var endpoint = URI.create("https://storage.example.com:9000");
        assertThat(url(endpoint, null, Addressing.PATH))
                .isEqualTo("https://storage.example.com:9000/a-bucket/a/prefix/x");
        assertThat(url(endpoint, null, Addressing.VIRTUAL_HOST))
                .isEqualTo("https://a-bucket.storage.example.com:9000/a/prefix/x");
        assertThat(url(null, "eu-central-1", Addressing.VIRTUAL_HOST))
                .isEqualTo("https://a-bucket.s3.eu-central-1.amazonaws.com/a/prefix/x");
    }

    private static String url(URI endpoint, String region, Addressing addressing) throws IOException {
        var connection = new Connection(
                endpoint,
                region == null ? "us-east-1" : region,
                addressing,
                server.location("").connection().credentialsFile());
        try (var storage = new S3Storage(new S3Location("a-bucket", "a/prefix/", connection))) {
            return storage.url("x");
        }
    }

    @Test
    void leavesNothingOnThisMachineWhenItIsClosed() throws Exception {
        var other = server.location("").open();
        var scratch = other.scratch();
        Files.writeString(scratch.resolve("left"), "what was being written");
        other.close();
        assertThat(scratch).doesNotExist();
        assertThatThrownBy(() -> other.read(name, 0, 1)).isInstanceOf(IOException.class);
    }

    private static void hasNoSecret(Throwable failed) {
        for (var cause = failed; cause != null; cause = cause.getCause()) {
            assertThat(cause.toString()).doesNotContain(S3Server.SECRET);
        }
    }
}
