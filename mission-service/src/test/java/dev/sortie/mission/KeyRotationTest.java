package dev.sortie.mission;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import dev.sortie.mission.domain.CredentialKeyFile;
import dev.sortie.mission.domain.CredentialKeyRotation;
import dev.sortie.mission.domain.CredentialKeyRotation.Phase;
import dev.sortie.mission.domain.CredentialKeys;
import dev.sortie.mission.domain.CredentialKeyset;
import dev.sortie.mission.store.CredentialKeyStore;
import dev.sortie.mission.store.ResourceCredentialStore;
import dev.sortie.mission.v1.PutResourceCredentialRequest;
import dev.sortie.mission.v1.ResourceCredential;
import dev.sortie.mission.v1.ResourceCredentialServiceGrpc;
import dev.sortie.mission.v1.ResourceCredentialServiceGrpc.ResourceCredentialServiceBlockingStub;
import dev.sortie.mission.v1.RevealResourceCredentialRequest;
import dev.sortie.runtime.process.ServiceProcess;
import io.grpc.Channel;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The key of credentials is replaced while servers serve, and whatever happens on the way nothing is lost. */
class KeyRotationTest {
    private static final int MANY = 250;

    @TempDir
    private static Path folder;

    private Path file;

    @AutoClose
    private MissionFixture mission;

    private Channel developer;

    @BeforeEach
    void start() throws IOException {
        file = Files.createTempDirectory(folder, "keys").resolve("credential.keys");
        var keys = CredentialKeyset.generate();
        Files.writeString(file, keys);
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-r-----"));
        mission = MissionFixture.start(settings -> settings.withCredentialKeys(new CredentialKeys.Source(keys, file)));
        developer = mission.developer();
    }

    @Test
    void loseNothingWhileTwoServersServe() throws Exception {
        var contents = new ConcurrentHashMap<String, String>();
        for (int i = 0; i < MANY; i++) {
            contents.put("r-" + i, "first-" + i);
            put("r-" + i, "first-" + i);
        }
        var oldKey = keys().primaryId();
        var over = new AtomicBoolean();
        try (var replica = mission.startReplica();
                var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            var writers = new ArrayList<Future<Integer>>();
            for (int writer = 0; writer < 4; writer++) {
                int number = writer;
                writers.add(threads.submit(() -> {
                    int round = 0;
                    while (!over.get()) {
                        var resource = "r-" + (number + 4 * (round++ % 20));
                        put(resource, "round-" + round);
                        contents.put(resource, "round-" + round);
                        assertThat(reveal(resource)).isEqualTo("round-" + round);
                    }
                    return round;
                }));
            }
            var said = new ArrayList<String>();
            try {
                assertThat(rotate(Phase.ALL, line -> {
                            said.add(line);
                            mission.readKeys();
                            replica.keyReports().run();
                        }))
                        .isTrue();
            } finally {
                over.set(true);
            }
            for (var writer : writers) {
                assertThat(writer.get()).isPositive();
            }
            assertThat(said).contains("Removed key " + oldKey + ".");
            assertThat(keys().ids()).hasSize(1).doesNotContain(oldKey);
            assertThat(mission.query("SELECT count(*) FROM resource_credentials WHERE key_id <> " + keys().primaryId()))
                    .isEqualTo("0");
            contents.forEach((resource, content) -> assertThat(reveal(resource)).isEqualTo(content));
        }
        assertThat(mission.query("SELECT string_agg(action, ',' ORDER BY audit_id) FROM audit_log"
                        + " WHERE resource_type = 'credential_key'"))
                .isEqualTo("PromoteCredentialKey,RetireCredentialKey");
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                .isEqualTo("rw-r-----");
        assertThat(Files.list(file.getParent())).containsExactly(file);
    }

    @Test
    void goesOnWhereItWasStopped() {
        var contents = new TreeMap<String, String>();
        for (int i = 0; i < MANY; i++) {
            contents.put("r-" + i, "content-" + i);
            put("r-" + i, "content-" + i);
        }
        boolean done = false;
        int stops = 0;
        for (int lines = 1; !done; lines++) {
            var keysBefore = keys().ids();
            int most = lines;
            var said = new ArrayList<String>();
            try {
                done = rotate(Phase.ALL, line -> {
                    said.add(line);
                    mission.readKeys();
                    if (said.size() == most) {
                        throw new KilledException();
                    }
                });
            } catch (KilledException _) {
                stops++;
            }
            mission.readKeys();
            assertThat(reveal("r-" + lines)).isEqualTo(contents.get("r-" + lines));
            assertThat(lines).as("%s, after %s", said, keysBefore).isLessThan(50);
        }
        assertThat(stops).isGreaterThan(3);
        assertThat(keys().ids()).hasSize(1);
        mission.readKeys();
        contents.forEach((resource, content) -> assertThat(reveal(resource)).isEqualTo(content));
    }

    @Test
    void runsPhaseByPhaseAndEachAgain() {
        put("github", "content");
        for (var phase : List.of(Phase.ADD, Phase.PROMOTE, Phase.REENCRYPT, Phase.REMOVE)) {
            for (int i = 0; i < 2; i++) {
                assertThat(rotate(phase, _ -> mission.readKeys()))
                        .as(phase.name())
                        .isTrue();
                mission.readKeys();
                assertThat(reveal("github")).isEqualTo("content");
            }
        }
        assertThat(keys().ids()).hasSize(1);
        var etag = mission.query("SELECT version FROM resource_credentials");
        assertThat(etag).isEqualTo("1"); // for its owner nothing has changed
    }

    @Test
    void waitsForServersThatDoNotHaveTheKeyAndNamesThem() {
        put("github", "content");
        var before = keys();
        try (var other = MissionServer.start(
                MissionConfig.local(
                                mission.database().runtimeUrl(),
                                dev.sortie.mission.domain.SigningKeys.parse(MissionFixture.SIGNING_KEY))
                        .withCredentialKeys(new CredentialKeys.Source(before.toJson(), null)),
                mission.clock())) {
            other.keyReports().run();
            var said = new ArrayList<String>();
            assertThat(rotate(Phase.ALL, line -> {
                        said.add(line);
                        mission.readKeys();
                    }))
                    .isFalse();
            assertThat(said.getLast()).contains("1 servers do not have key").contains(file.toString());
            assertThat(keys().primaryId()).isEqualTo(before.primaryId());
        }
        assertThat(rotate(Phase.ALL, _ -> mission.readKeys())).isTrue();
        assertThat(keys().primaryId()).isNotEqualTo(before.primaryId());
    }

    @Test
    void keepsAKeyThatSomethingStillNeeds() {
        put("github", "content");
        put("broken", "content");
        mission.database()
                .execute("UPDATE resource_credentials SET credentials = set_byte(credentials, 30,"
                        + " get_byte(credentials, 30) # 1) WHERE resource_id = 'broken'");
        var old = keys().primaryId();
        var said = new ArrayList<String>();
        Consumer<String> tell = line -> {
            said.add(line);
            mission.readKeys();
        };
        assertThat(rotate(Phase.ALL, tell)).isFalse();
        assertThat(said.getLast()).contains("1 credentials cannot be decrypted");
        assertThat(rotate(Phase.REMOVE, tell)).isFalse();
        assertThat(said.getLast()).contains("Key " + old + " stays");
        assertThat(keys().ids()).hasSize(2);

        put("broken", "put again");
        assertThat(rotate(Phase.ALL, tell)).isTrue();
        assertThat(keys().ids()).hasSize(1);
        mission.readKeys();
        assertThat(reveal("broken")).isEqualTo("put again");
    }

    @Test
    void isDoneByOneProcessAtATime() {
        try (var held = CredentialKeyFile.open(file)) {
            assertThat(held.path()).hasFileName("credential.keys");
            assertThatThrownBy(() -> CredentialKeyFile.open(file))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("another rotate-keys");
        }
        CredentialKeyFile.open(file).close();
    }

    @Test
    void isACommandOfTheService() throws IOException {
        var url = mission.database().runtimeUrl();
        var made = file.resolveSibling("made.keys");
        assertThat(command("--database-url=" + url, "--credential-keys-file=" + made))
                .startsWith("0: Made " + made);
        assertThat(CredentialKeyset.parse(Files.readString(made)).ids()).hasSize(1);
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(made)))
                .isEqualTo("rw-------");
        put("github", "content");
        mission.readKeys();
        assertThat(command("--database-url=" + url, "--credential-keys-file=" + file, "--phase=status"))
                .contains("key " + keys().primaryId() + " (primary): 1 credentials")
                .contains("server ");
        assertThat(command("--database-url=" + url, "--credential-keys-file=" + file, "--phase=never"))
                .startsWith("2: ")
                .contains("SORTIE_PHASE: never (expected: status, add, promote, reencrypt, remove, all)");
        Files.writeString(made, "broken");
        assertThat(command("--database-url=" + url, "--credential-keys-file=" + made, "--phase=add"))
                .startsWith("1: ")
                .contains("is broken");
        assertThat(command("--help")).startsWith("0: ").contains("--phase=all", "promote", "--wait=");
    }

    private static String command(String... arguments) {
        var out = new ByteArrayOutputStream();
        var stream = new PrintStream(out, true, StandardCharsets.UTF_8);
        var all = new ArrayList<>(List.of("rotate-keys"));
        all.addAll(List.of(arguments));
        int code = new ServiceProcess(MissionServer.IDENTITY, new MissionMain.Program(), stream, stream)
                .run(Map.of(), all);
        return code + ": " + out.toString(StandardCharsets.UTF_8);
    }

    private boolean rotate(Phase phase, Consumer<String> tell) {
        try (var held = CredentialKeyFile.open(file)) {
            return new CredentialKeyRotation(
                            mission.server().runtime().database(),
                            new CredentialKeyStore(),
                            new ResourceCredentialStore(),
                            held,
                            Duration.ofSeconds(1),
                            tell)
                    .run(phase);
        }
    }

    private CredentialKeyset keys() {
        try {
            return CredentialKeyset.parse(Files.readString(file).strip());
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    private void put(String resource, String content) {
        stub(developer)
                .putResourceCredential(PutResourceCredentialRequest.newBuilder()
                        .setResourceCredential(ResourceCredential.newBuilder().setResourceId(resource))
                        .setCredentials(Struct.newBuilder()
                                .putFields(
                                        "token",
                                        Value.newBuilder()
                                                .setStringValue(content)
                                                .build()))
                        .build());
    }

    private String reveal(String resource) {
        var id = mission.query(
                "SELECT resource_credential_id FROM resource_credentials WHERE resource_id = '" + resource + "'");
        return stub(mission.admin())
                .revealResourceCredential(RevealResourceCredentialRequest.newBuilder()
                        .setResourceCredentialId(id)
                        .build())
                .getCredentials()
                .getFieldsOrThrow("token")
                .getStringValue();
    }

    private static ResourceCredentialServiceBlockingStub stub(Channel channel) {
        return ResourceCredentialServiceGrpc.newBlockingStub(channel);
    }

    /** Ends a rotation in the middle. */
    private static final class KilledException extends RuntimeException {}
}
