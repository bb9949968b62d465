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
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The launcher as people meet it: processes, signals, exit codes and what the terminal shows. */
@Timeout(300)
class LauncherTest {

    @TempDir
    Path temp;

    private final List<Launched> launched = new ArrayList<>();

    @AfterEach
    void stopEverything() throws Exception {
        launched.forEach(each -> each.process.destroyForcibly());
        run("down");
    }

    @Test
    void whatWasStoredOutlivesKill9AndRestarts() throws Exception {
        var first = up();
        first.awaitReady();
        var token = Files.readString(data().adminToken()).strip();
        assertThat(first.output()).containsOnlyOnce(token);
        assertThat(run("status").exitCode).isEqualTo(ExitCode.OK);
        var missionId = createMission("Outlive the launcher");
        var leftover = LocalPostgres.process(data()).orElseThrow();

        assertThat(first.process.destroyForcibly().waitFor(30, TimeUnit.SECONDS))
                .isTrue();

        assertThat(leftover.isAlive())
                .as("PostgreSQL runs on without its launcher")
                .isTrue();
        var status = run("status");
        assertThat(status.exitCode).isEqualTo(ExitCode.NOT_RUNNING);
        assertThat(status.output()).contains("PostgreSQL of a killed run");

        var second = up();
        second.awaitReady();
        assertThat(leftover.isAlive()).as("the new launcher stopped it").isFalse();
        assertThat(nameOfMission(missionId)).isEqualTo("Outlive the launcher");
        assertThat(Files.readString(data().adminToken()).strip()).isEqualTo(token);
        assertThat(second.output())
                .doesNotContain(token)
                .contains(data().adminToken().toString());

        var down = run("down");
        assertThat(down.exitCode).isEqualTo(ExitCode.OK);
        assertThat(second.process.isAlive()).isFalse();
        assertThat(second.output()).contains("Stopped.");
        assertThat(LocalPostgres.process(data())).isEmpty();
        assertThat(run("status").exitCode).isEqualTo(ExitCode.NOT_RUNNING);
        assertThat(run("down").exitCode).isEqualTo(ExitCode.OK);
    }

    @Test
    void aPostgresThatIsKilledUnderTheServersComesBack() throws Exception {
        var up = up();
        up.awaitReady();
        var missionId = createMission("Outlive the database");
        var before = LocalPostgres.process(data()).orElseThrow();

        assertThat(before.destroyForcibly()).isTrue();

        eventually(() -> LocalPostgres.process(data())
                .filter(now -> now.pid() != before.pid())
                .isPresent());
        eventually(() -> nameOfMission(missionId).equals("Outlive the database"));
        assertThat(up.process.isAlive()).isTrue();
    }

    @Test
    void everySecretIsReadableByItsOwnerAlone() throws Exception {
        var up = up();
        up.awaitReady();

        var secrets = new ArrayList<>(List.of(data().adminToken()));
        try (var entries = Files.list(data().secrets())) {
            entries.forEach(secrets::add);
        }
        assertThat(secrets).hasSizeGreaterThan(10);
        for (var secret : secrets) {
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(secret)))
                    .as(secret.toString())
                    .isEqualTo("rw-------");
            var content = Files.readString(secret).strip();
            assertThat(Files.readString(data().logs().resolve("sortie.log"))).doesNotContain(content);
            assertThat(Files.readString(data().logs().resolve("postgresql.log")))
                    .doesNotContain(content);
        }
    }

    @Test
    void ofTwoStartedAtOnceOneRunsAndTheOtherSaysSo() throws Exception {
        var both = List.of(up(), up());
        var refused = CompletableFuture.anyOf(
                        both.stream().map(each -> each.process.onExit()).toArray(CompletableFuture[]::new))
                .thenApply(process -> both.stream()
                        .filter(each -> each.process.equals(process))
                        .findFirst()
                        .orElseThrow())
                .get(60, TimeUnit.SECONDS);
        var running = both.get(1 - both.indexOf(refused));
        running.awaitReady();

        assertThat(refused.process.exitValue()).isEqualTo(ExitCode.ALREADY_RUNNING);
        assertThat(refused.output()).contains("process " + running.process.pid());

        var third = run("up", "--postgres-port=0");
        assertThat(third.exitCode).isEqualTo(ExitCode.ALREADY_RUNNING);
        assertThat(third.output())
                .contains("Sortie runs already")
                .contains("mission-service")
                .contains("127.0.0.1:");
        for (var command : List.of("reset", "migrate")) {
            assertThat(run(command).exitCode).as(command).isEqualTo(ExitCode.ALREADY_RUNNING);
        }
        assertThat(running.process.isAlive()).isTrue();

        running.process.destroy();
        assertThat(running.process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        assertThat(LocalPostgres.process(data())).isEmpty();

        assertThat(answer("no\n", "reset").exitCode).isEqualTo(ExitCode.FAILED);
        assertThat(answer("", "reset").exitCode).isEqualTo(ExitCode.FAILED);
        assertThat(data().exists()).isTrue();
        var asked = answer("yes\n", "reset");
        assertThat(asked.exitCode).isEqualTo(ExitCode.OK);
        assertThat(asked.output())
                .contains("Type yes to go on")
                .contains(data().root().toString());
        assertThat(data().root()).doesNotExist();
        assertThat(run("reset", "--yes").exitCode).isEqualTo(ExitCode.OK);
    }

    @Test
    void wrongSettingsAreToldAllAtOnce() throws Exception {
        var wrong = run("up", "--postgres-port=70000", "--colour=green", "--database-url=mysql://x/y");

        assertThat(wrong.exitCode).isEqualTo(ExitCode.USAGE);
        assertThat(wrong.output())
                .contains("SORTIE_POSTGRES_PORT")
                .contains("--colour")
                .contains("SORTIE_DATABASE_URL");
        assertThat(data().root()).doesNotExist();
        assertThat(run("fly").exitCode).isEqualTo(ExitCode.USAGE);
    }

    @Test
    void everyCommandHasHelp() throws Exception {
        for (var command : List.of("up", "status", "down", "migrate", "reset")) {
            var help = run(command, "--help");
            assertThat(help.exitCode).as(command).isEqualTo(ExitCode.OK);
            assertThat(help.output()).contains("usage: sortie " + command).contains("--data");
        }
        assertThat(run("--help").output()).contains("up ").contains("reset ");
    }

    private DataFolder data() {
        return new DataFolder(temp.resolve("data"));
    }

    private Launched up() throws IOException {
        return launch(
                "",
                List.of(
                        "up",
                        "--postgres-port=0",
                        "--mission-port=0",
                        "--mission-admin-port=0",
                        "--agent-port=0",
                        "--agent-admin-port=0",
                        "--knowledge-port=0",
                        "--knowledge-admin-port=0"));
    }

    private Finished run(String... arguments) throws Exception {
        return answer("", arguments);
    }

    private Finished answer(String input, String... arguments) throws Exception {
        var process = launch(input, Arrays.asList(arguments));
        assertThat(process.process.waitFor(90, TimeUnit.SECONDS)).isTrue();
        return new Finished(process.process.exitValue(), process.output());
    }

    private Launched launch(String input, List<String> arguments) throws IOException {
        var command = new ArrayList<String>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(List.of("--enable-native-access=ALL-UNNAMED", "--add-modules=jdk.incubator.vector"));
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), "dev.sortie.local.Main"));
        command.addAll(arguments);
        var builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().keySet().removeIf(name -> name.startsWith("SORTIE_"));
        builder.environment().put("SORTIE_DATA", data().root().toString());
        var process = builder.start();
        try (var stdin = process.outputWriter()) {
            stdin.write(input);
        } catch (IOException e) {
            // It ended without asking.
        }
        var result = new Launched(process);
        launched.add(result);
        return result;
    }

    private String createMission(String name) {
        return call(stub -> stub.createMission(CreateMissionRequest.newBuilder()
                        .setMission(Mission.newBuilder().setName(name))
                        .build())
                .getMission()
                .getMissionId());
    }

    private String nameOfMission(String missionId) {
        return call(stub -> stub.getMission(
                        GetMissionRequest.newBuilder().setMissionId(missionId).build())
                .getMission()
                .getName());
    }

    /** Calls as the administrator, by what the data folder says. */
    private <T> T call(Function<MissionServiceGrpc.MissionServiceBlockingStub, T> call) {
        var address = RunFile.read(data()).orElseThrow().addresses().get(RunFile.grpcOf("mission"));
        var channel = Grpc.newChannelBuilder(address, InsecureChannelCredentials.create())
                .build();
        try {
            var headers = new Metadata();
            headers.put(
                    Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER),
                    "Bearer " + Files.readString(data().adminToken()).strip());
            return call.apply(MissionServiceGrpc.newBlockingStub(channel)
                    .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(headers))
                    .withDeadlineAfter(20, TimeUnit.SECONDS));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } finally {
            channel.shutdownNow();
        }
    }

    private static void eventually(BooleanSupplier condition) throws InterruptedException {
        var deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
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

    private record Finished(int exitCode, String output) {}

    /** A process and what it has printed so far. */
    private static final class Launched {
        private final Process process;
        private final List<String> lines = new ArrayList<>();

        Launched(Process process) {
            this.process = process;
            Thread.ofVirtual().start(this::read);
        }

        private void read() {
            try (var reader =
                    new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
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

        String output() {
            synchronized (lines) {
                return String.join("\n", lines);
            }
        }

        void awaitReady() throws InterruptedException {
            await(line -> line.startsWith("Sortie is ready"));
        }

        private void await(Predicate<String> wanted) throws InterruptedException {
            var deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(90);
            synchronized (lines) {
                while (lines.stream().noneMatch(wanted)) {
                    var left = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
                    assertThat(left)
                            .as("waited too long; it printed:\n" + output())
                            .isPositive();
                    assertThat(process.isAlive() || lines.stream().anyMatch(wanted))
                            .as("it ended; it printed:\n" + output())
                            .isTrue();
                    lines.wait(Math.min(left, 200));
                }
            }
        }
    }
}
