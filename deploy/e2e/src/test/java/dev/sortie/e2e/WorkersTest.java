package dev.sortie.e2e;

import com.google.gson.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.ResourceLock;

/** The example workers, in whatever language, pass the same scenarios. */
@ResourceLock(Cluster.MACHINE)
class WorkersTest {

    private static final Path SCENARIOS = Path.of("workers");

    @TempDir
    private static Path folder;

    @AutoClose
    private static Cluster cluster;

    private static ContractClient client;

    @BeforeAll
    static void start() throws IOException {
        cluster = Cluster.start(Files.createDirectory(folder.resolve("cluster")));
        client = new ContractClient(cluster.channels(), NodeProgram.DESCRIPTORS);
    }

    @TestFactory
    Stream<DynamicTest> javaWorks() throws IOException {
        return scenarios("java", ExampleWorker.java(Files.createDirectory(folder.resolve("classes"))));
    }

    @TestFactory
    Stream<DynamicTest> nodeWorks() throws Exception {
        var program = ExampleWorker.node();
        if (program.isEmpty()) {
            System.out.println("Node is not installed here: its example of a worker was left out.");
            return Stream.empty();
        }
        return scenarios("node", program.get());
    }

    @TestFactory
    Stream<DynamicTest> pythonWorks() throws Exception {
        var program = ExampleWorker.python();
        if (program.isEmpty()) {
            System.out.println("No Python here has grpc and protobuf: its example of a worker was left out.");
            return Stream.empty();
        }
        return scenarios("python", program.get());
    }

    private static Stream<DynamicTest> scenarios(String language, ExampleWorker.Program program) {
        return Scenario.readAll(SCENARIOS).stream()
                .map(scenario -> DynamicTest.dynamicTest(
                        language + ": " + scenario.title(), () -> play(language, program, scenario)));
    }

    private static void play(String language, ExampleWorker.Program program, Scenario scenario) throws IOException {
        var queue = language + "-" + Integer.toHexString(scenario.title().hashCode());
        var output = Files.createFile(folder.resolve(queue + ".log"));
        try (var deeds = new Deeds(program, output, queue)) {
            new ScenarioPlayer(client, cluster.adminToken(), Map.of("queue", queue), deeds::run).play(scenario);
        } catch (AssertionError failed) {
            throw new AssertionError(failed.getMessage() + "\nthe worker said:\n" + Files.readString(output), failed);
        }
    }

    /** What steps do beside calls. */
    private static final class Deeds implements AutoCloseable {
        private final ExampleWorker.Program program;
        private final Path output;
        private final String queue;
        private final List<ExampleWorker> workers = new ArrayList<>();

        Deeds(ExampleWorker.Program program, Path output, String queue) {
            this.program = program;
            this.output = output;
            this.queue = queue;
        }

        void run(JsonObject step) {
            var what = step.get("do").getAsString();
            switch (what) {
                case "start-worker" -> workers.add(program.start(output, settings(step)));
                case "kill-worker" -> workers.getLast().kill();
                case "stop-worker" -> {
                    workers.getLast().stop();
                    workers.getLast().await();
                }
                case "await-worker" -> workers.getLast().await();
                case "restart-agent" -> cluster.killAndRestart("agent");
                default -> throw new IllegalArgumentException(what);
            }
        }

        private Map<String, String> settings(JsonObject step) {
            var settings = new HashMap<String, String>();
            settings.put("SORTIE_ADDRESS", cluster.address("agent"));
            settings.put("SORTIE_TOKEN", cluster.adminToken());
            settings.put("SORTIE_QUEUES", queue);
            if (step.has("concurrency")) {
                settings.put("SORTIE_CONCURRENCY", step.get("concurrency").getAsString());
            }
            if (step.has("lease")) {
                settings.put("SORTIE_LEASE_SECONDS", step.get("lease").getAsString());
            }
            return settings;
        }

        @Override
        public void close() {
            workers.forEach(ExampleWorker::close);
        }
    }
}
