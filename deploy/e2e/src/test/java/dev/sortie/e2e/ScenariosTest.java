package dev.sortie.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
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
        if (!NodeProgram.isInstalled()) {
            System.out.println("Node is not installed here: its runner of the scenarios was left out.");
            return;
        }
        var played = NodeProgram.run("run.mjs", cluster, folder, List.of());
        System.out.print(played.output());
        assertThat(played.code()).as(played.output()).isZero();
        assertThat(played.output()).contains(Scenario.readAll(SCENARIOS).size() + " scenarios passed, 0 failed");
    }
}
