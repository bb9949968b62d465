package dev.sortie.local;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.mission.v1.CreateMissionRequest;
import dev.sortie.mission.v1.GetMissionRequest;
import dev.sortie.mission.v1.Mission;
import dev.sortie.mission.v1.MissionServiceGrpc;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.Metadata;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.MetadataUtils;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Function;

/** {@code sortie up} as a process of its own on a data folder, and the other commands on that folder. */
final class LaunchedSortie implements AutoCloseable {

    private static final long PATIENCE_SECONDS = 180;

    private final DataFolder data;
    private final Process process;
    private final Thread reader;
    private final List<String> lines = new ArrayList<>();

    private LaunchedSortie(DataFolder data, Process process) {
        this.data = data;
        this.process = process;
        this.reader = Thread.ofVirtual().start(this::read);
    }

    /** What a command did in this JVM. */
    record Finished(int exitCode, String output) {}

    /** Starts {@code up} on free ports. */
    static LaunchedSortie up(DataFolder data) throws IOException {
        shareBinaries(data);
        var command = new ArrayList<String>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(List.of("--enable-native-access=ALL-UNNAMED", "--add-modules=jdk.incubator.vector"));
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), "dev.sortie.local.Main", "up"));
        command.addAll(List.of("--postgres-port=0", "--data=" + data.root()));
        for (var service : Databases.SERVICES) {
            command.addAll(List.of("--" + service + "-port=0", "--" + service + "-admin-port=0"));
        }
        var builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().keySet().removeIf(name -> name.startsWith("SORTIE_"));
        return new LaunchedSortie(data, builder.start());
    }

    /** Runs any command but a lasting {@code up} in this JVM. */
    static Finished run(DataFolder data, String input, String command, String... arguments) {
        var output = new ByteArrayOutputStream();
        var print = new PrintStream(output, true, StandardCharsets.UTF_8);
        var exitCode = Main.run(
                command,
                new Invocation(
                        List.of(arguments),
                        Map.of("SORTIE_DATA", data.root().toString()),
                        new ByteArrayInputStream(input.getBytes(StandardCharsets.UTF_8)),
                        print,
                        print));
        return new Finished(exitCode, output.toString(StandardCharsets.UTF_8));
    }

    /** Unpacks PostgreSQL once for all the data folders of these tests. */
    static synchronized void shareBinaries(DataFolder data) throws IOException {
        var shared = Path.of("target", "postgresql-binaries").toAbsolutePath();
        PostgresBinaries.unpack(shared);
        data.create();
        if (!Files.exists(data.binaries())) {
            Files.createSymbolicLink(data.binaries(), shared);
        }
    }

    private void read() {
        try (var reader = new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
            for (var line = reader.readLine(); line != null; line = reader.readLine()) {
                synchronized (lines) {
                    lines.add(line);
                    lines.notifyAll();
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    Process process() {
        return process;
    }

    /** What the terminal shows so far. */
    String output() {
        synchronized (lines) {
            return String.join("\n", lines);
        }
    }

    void awaitReady() throws InterruptedException {
        var deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
        synchronized (lines) {
            while (lines.stream().noneMatch(line -> line.startsWith("Logs are in"))) {
                assertThat(process.isAlive())
                        .as("it ended; it printed:\n" + output())
                        .isTrue();
                assertThat(System.nanoTime())
                        .as("waited too long; it printed:\n" + output())
                        .isLessThan(deadline);
                lines.wait(200);
            }
        }
    }

    void awaitEnd() throws InterruptedException {
        assertThat(process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)).isTrue();
        // What it printed last may still be on its way.
        assertThat(reader.join(Duration.ofSeconds(PATIENCE_SECONDS))).isTrue();
    }

    /** As kill -9. */
    void kill() throws InterruptedException {
        process.destroyForcibly();
        awaitEnd();
    }

    /** Kills what is left of it, PostgreSQL included. */
    @Override
    public void close() throws InterruptedException {
        kill();
        run(data, "", "down");
    }

    static String createMission(DataFolder data, String name) {
        return call(
                data,
                stub -> stub.createMission(CreateMissionRequest.newBuilder()
                                .setMission(Mission.newBuilder().setName(name))
                                .build())
                        .getMission()
                        .getMissionId());
    }

    static String nameOfMission(DataFolder data, String missionId) {
        return call(
                data,
                stub -> stub.getMission(GetMissionRequest.newBuilder()
                                .setMissionId(missionId)
                                .build())
                        .getMission()
                        .getName());
    }

    /** Calls as the administrator, by what the data folder says. */
    private static <T> T call(DataFolder data, Function<MissionServiceGrpc.MissionServiceBlockingStub, T> call) {
        var address = RunFile.read(data).orElseThrow().addresses().get(RunFile.grpcOf("mission"));
        var channel = Grpc.newChannelBuilder(address, InsecureChannelCredentials.create())
                .build();
        try {
            var headers = new Metadata();
            headers.put(
                    Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER),
                    "Bearer " + Files.readString(data.adminToken()).strip());
            return call.apply(MissionServiceGrpc.newBlockingStub(channel)
                    .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(headers))
                    .withDeadlineAfter(30, TimeUnit.SECONDS));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } finally {
            channel.shutdownNow();
        }
    }

    /** Waits for a condition; calls that fail meanwhile are part of the waiting. */
    static void eventually(BooleanSupplier condition) throws InterruptedException {
        var deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
        while (true) {
            try {
                if (condition.getAsBoolean()) {
                    return;
                }
            } catch (StatusRuntimeException e) {
                if (System.nanoTime() > deadline) {
                    throw e;
                }
            }
            assertThat(System.nanoTime()).as("waited too long").isLessThan(deadline);
            TimeUnit.MILLISECONDS.sleep(50);
        }
    }
}
