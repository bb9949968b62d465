package dev.sortie.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.agent.v1.ExecutionServiceGrpc;
import dev.sortie.agent.v1.ExecutionStatus;
import dev.sortie.agent.v1.ListExecutionsRequest;
import dev.sortie.agent.v1.ListWorkOrdersRequest;
import dev.sortie.agent.v1.WorkOrderServiceGrpc;
import dev.sortie.agent.v1.WorkOrderStatus;
import dev.sortie.demo.Main;
import dev.sortie.knowledge.v1.ContextDocumentServiceGrpc;
import dev.sortie.knowledge.v1.ListContextDocumentsRequest;
import dev.sortie.mission.v1.GetMissionTreeRequest;
import dev.sortie.mission.v1.ListMissionsRequest;
import dev.sortie.mission.v1.MissionServiceGrpc;
import dev.sortie.mission.v1.MissionStatus;
import dev.sortie.mission.v1.ToolStep;
import dev.sortie.mission.v1.ToolStepStatus;
import io.grpc.Channel;
import io.grpc.ClientInterceptors;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.stub.MetadataUtils;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.ResourceLock;

/** Kills services with signal 9 while the demo's mission runs: it finishes, and every result is accepted once. */
@ResourceLock(Cluster.MACHINE)
class KillTest {

    private static final int KILLS = 10;
    private static final int LONGEST_PEACE_MILLIS = 600;

    @AutoClose
    private static Cluster cluster;

    @BeforeAll
    static void start(@TempDir Path folder) {
        cluster = Cluster.start(folder);
    }

    @Test
    void theMissionFinishesHoweverOftenServicesAreKilled(@TempDir Path folder) throws Exception {
        var repository = makeRepository(folder.resolve("sample"));
        long seed = System.nanoTime();
        var random = new Random(seed);
        int kills = 0;
        int missions = 0;
        while (kills < KILLS) {
            missions++;
            var output = folder.resolve("demo-" + missions + ".log");
            try (var demo = JavaProcess.start(output, demoEnvironment(), Main.class.getName(), repository.toString())) {
                while (demo.isAlive() && kills < KILLS) {
                    LockSupport.parkNanos(Duration.ofMillis(random.nextInt(LONGEST_PEACE_MILLIS))
                            .toNanos());
                    if (demo.output().contains("mission ") && demo.isAlive()) {
                        cluster.killAndRestart(Cluster.SERVICES.get(random.nextInt(Cluster.SERVICES.size())));
                        kills++;
                    }
                }
                assertThat(demo.await(3, TimeUnit.MINUTES))
                        .as("seed %d, after %d kills:%n%s", seed, kills, demo.output())
                        .isZero();
                assertThat(demo.output()).contains("| Commits | 2 |", "The report is context document");
            }
        }
        System.out.printf("%d kills over %d missions (seed %d)%n", kills, missions, seed);
        verify(missions);
    }

    /** As many missions are complete as were run, with one accepted result for each of their steps. */
    private static void verify(int missions) {
        var channels = cluster.channels();
        var mission = MissionServiceGrpc.newBlockingStub(authorized(channels, "mission"));
        var listed =
                mission.listMissions(ListMissionsRequest.getDefaultInstance()).getMissionsList();
        assertThat(listed).hasSize(missions).allMatch(m -> m.getStatus() == MissionStatus.MISSION_STATUS_COMPLETED);
        for (var one : listed) {
            var tree = mission.getMissionTree(GetMissionTreeRequest.newBuilder()
                            .setMissionId(one.getMissionId())
                            .build())
                    .getTree();
            assertThat(tree.getHopsList()).hasSize(3);
            tree.getHopsList().forEach(hop -> hop.getToolStepsList().forEach(step -> verify(step, channels)));
            assertThat(tree.getAssetsList())
                    .allMatch(asset -> asset.getAssetMetadata().getVersion() == 1);
        }
        var documents = ContextDocumentServiceGrpc.newBlockingStub(authorized(channels, "knowledge"))
                .listContextDocuments(ListContextDocumentsRequest.getDefaultInstance());
        assertThat(documents.getContextDocumentsList())
                .hasSize(missions)
                .allMatch(document -> document.getVersion() == 1);
    }

    private static void verify(ToolStep step, Map<String, ManagedChannel> channels) {
        assertThat(step.getStatus()).isEqualTo(ToolStepStatus.TOOL_STEP_STATUS_COMPLETED);
        assertThat(step.getAttempt()).isEqualTo(1);
        var orders = WorkOrderServiceGrpc.newBlockingStub(authorized(channels, "agent"))
                .listWorkOrders(ListWorkOrdersRequest.newBuilder()
                        .setToolStepId(step.getToolStepId())
                        .build())
                .getWorkOrdersList();
        assertThat(orders).hasSize(1);
        assertThat(orders.getFirst().getStatus()).isEqualTo(WorkOrderStatus.WORK_ORDER_STATUS_COMPLETED);
        var accepted = ExecutionServiceGrpc.newBlockingStub(authorized(channels, "agent"))
                .listExecutions(ListExecutionsRequest.newBuilder()
                        .setWorkOrderId(orders.getFirst().getWorkOrderId())
                        .setStatus(ExecutionStatus.EXECUTION_STATUS_COMPLETED)
                        .build())
                .getExecutionsList();
        assertThat(accepted).hasSize(1);
    }

    private static Channel authorized(Map<String, ManagedChannel> channels, String service) {
        var headers = new Metadata();
        headers.put(
                Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER), "Bearer " + cluster.adminToken());
        return ClientInterceptors.intercept(channels.get(service), MetadataUtils.newAttachHeadersInterceptor(headers));
    }

    private static Map<String, String> demoEnvironment() {
        return Map.of(
                "SORTIE_MISSION_ADDRESS", cluster.address("mission"),
                "SORTIE_AGENT_ADDRESS", cluster.address("agent"),
                "SORTIE_KNOWLEDGE_ADDRESS", cluster.address("knowledge"),
                "SORTIE_TOKEN", cluster.adminToken());
    }

    private static Path makeRepository(Path folder) throws Exception {
        Files.createDirectories(folder);
        git(folder, "init", "-q");
        for (var word : List.of("first", "second")) {
            Files.writeString(folder.resolve(word + ".txt"), word + "\n");
            git(folder, "add", "-A");
            git(folder, "-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "-q", "-m", word);
        }
        return folder;
    }

    private static void git(Path folder, String... arguments) throws Exception {
        var command = new ArrayList<>(List.of("git"));
        command.addAll(List.of(arguments));
        var process = new ProcessBuilder(command)
                .directory(folder.toFile())
                .redirectErrorStream(true)
                .start();
        var output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(output).isZero();
    }
}
