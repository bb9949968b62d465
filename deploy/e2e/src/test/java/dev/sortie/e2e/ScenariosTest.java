package dev.sortie.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.ResourceLock;

/** Plays every scenario against three server processes: with Java's client, and with Node's. */
@ResourceLock(Cluster.MACHINE)
class ScenariosTest {

    private static final Path SCENARIOS = Path.of("scenarios");
    private static final Path DESCRIPTORS = Path.of("../../proto/target/sortie.binpb");

    @AutoClose
    private static Cluster cluster;

    @BeforeAll
    static void start(@TempDir Path folder) {
        cluster = Cluster.start(folder);
    }

    @TestFactory
    Stream<DynamicTest> javaPlays() {
        var client = new ContractClient(cluster.channels(), DESCRIPTORS);
        return Scenario.readAll(SCENARIOS).stream()
                .map(scenario -> DynamicTest.dynamicTest(
                        scenario.title(), () -> new ScenarioPlayer(client, cluster.adminToken()).play(scenario)));
    }

    @Test
    void nodePlays(@TempDir Path folder) throws Exception {
        if (!isThere("node") || !isThere("npm")) {
            System.out.println("Node is not installed here: its runner of the scenarios was left out.");
            return;
        }
        var runner = Path.of("node").toAbsolutePath();
        if (!Files.isDirectory(runner.resolve("node_modules"))) {
            var install = run(runner, List.of("npm", "ci", "--no-progress"));
            assertThat(install.code()).as(install.output()).isZero();
        }
        var token = Files.writeString(folder.resolve("token"), cluster.adminToken());
        var played = run(
                runner,
                List.of(
                        "node", "run.mjs",
                        "--mission", cluster.address("mission"),
                        "--agent", cluster.address("agent"),
                        "--knowledge", cluster.address("knowledge"),
                        "--token-file", token.toString(),
                        "--descriptors", DESCRIPTORS.toAbsolutePath().toString()));
        System.out.print(played.output());
        assertThat(played.code()).as(played.output()).isZero();
        assertThat(played.output()).contains(Scenario.readAll(SCENARIOS).size() + " scenarios passed, 0 failed");
    }

    private record Finished(int code, String output) {}

    private static boolean isThere(String command) {
        try {
            return run(Path.of("."), List.of(command, "--version")).code() == 0;
        } catch (IOException absent) {
            return false;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

    private static Finished run(Path folder, List<String> command) throws IOException, InterruptedException {
        var process = new ProcessBuilder(command)
                .directory(folder.toFile())
                .redirectErrorStream(true)
                .start();
        process.getOutputStream().close();
        var output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor(5, TimeUnit.MINUTES)).isTrue();
        return new Finished(process.exitValue(), output);
    }
}
