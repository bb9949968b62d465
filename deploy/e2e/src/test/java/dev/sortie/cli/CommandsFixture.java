package dev.sortie.cli;

import dev.sortie.cli.Command.Terminal;
import dev.sortie.mission.MissionConfig;
import dev.sortie.mission.MissionServer;
import dev.sortie.mission.domain.SigningKeys;
import dev.sortie.mission.v1.CreateMissionRequest;
import dev.sortie.mission.v1.Mission;
import dev.sortie.mission.v1.MissionServiceGrpc;
import dev.sortie.runtime.identity.ApiTokens;
import dev.sortie.runtime.testing.RunningServer;
import dev.sortie.runtime.testing.TestDatabase;
import dev.sortie.runtime.testing.TestPostgres;
import io.grpc.Channel;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** mission-service in this process, and the commands as a shell would call them. */
final class CommandsFixture implements AutoCloseable {
    private static final SecureRandom RANDOM = new SecureRandom();

    private final TestDatabase database = TestPostgres.database(
            "mission", url -> MissionServer.IDENTITY.migrations().migrate(url, TestPostgres.runtimeRole()));
    private final String token = ApiTokens.generate(RANDOM);
    private final MissionServer server;
    private final RunningServer running;

    /** What a command printed, and what it ended with. */
    record Outcome(int exitCode, String out, String err) {}

    CommandsFixture() throws Exception {
        server = MissionServer.start(
                MissionConfig.local(database.runtimeUrl(), SigningKeys.parse(SigningKeys.generate()))
                        .withAccounts(List.of(), token));
        running = RunningServer.of(server.runtime());
        server.runtime().awaitReady(Duration.ofSeconds(30));
    }

    Channel channel() {
        return running.channel(token);
    }

    String token() {
        return token;
    }

    String address() {
        return server.address();
    }

    Mission newMission(String name) {
        return MissionServiceGrpc.newBlockingStub(channel())
                .createMission(CreateMissionRequest.newBuilder()
                        .setMission(Mission.newBuilder().setName(name))
                        .build())
                .getMission();
    }

    /** As the administrator, at this server. */
    Outcome run(String... arguments) {
        return run(Map.of(), InputStream.nullInputStream(), arguments);
    }

    /** The same with something to read. */
    Outcome runWith(String input, String... arguments) {
        return run(Map.of(), new ByteArrayInputStream(input.getBytes(StandardCharsets.UTF_8)), arguments);
    }

    Outcome run(Map<String, String> environment, InputStream in, String... arguments) {
        var all = new HashMap<>(
                Map.of("SORTIE_MISSION_ADDRESS", address(), "SORTIE_TOKEN", token, "SORTIE_DATA", "/nonexistent"));
        all.putAll(environment);
        var out = new ByteArrayOutputStream();
        var err = new ByteArrayOutputStream();
        int exitCode = Main.run(
                List.of(arguments),
                new Terminal(
                        all,
                        in,
                        new PrintStream(out, true, StandardCharsets.UTF_8),
                        new PrintStream(err, true, StandardCharsets.UTF_8)));
        return new Outcome(exitCode, out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
    }

    @Override
    public void close() {
        running.close();
        database.close();
    }
}
