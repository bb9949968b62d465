package dev.sortie.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.mission.v1.AuthServiceGrpc;
import dev.sortie.mission.v1.DodItemServiceGrpc;
import dev.sortie.mission.v1.GetMissionTreeRequest;
import dev.sortie.mission.v1.HopStatus;
import dev.sortie.mission.v1.ListDodItemsRequest;
import dev.sortie.mission.v1.ListMissionsRequest;
import dev.sortie.mission.v1.ListTasksRequest;
import dev.sortie.mission.v1.ListTestRunsRequest;
import dev.sortie.mission.v1.LoginRequest;
import dev.sortie.mission.v1.Mission;
import dev.sortie.mission.v1.MissionServiceGrpc;
import dev.sortie.mission.v1.MissionStatus;
import dev.sortie.mission.v1.MissionTree;
import dev.sortie.mission.v1.Task;
import dev.sortie.mission.v1.TaskServiceGrpc;
import dev.sortie.mission.v1.TaskStatus;
import dev.sortie.mission.v1.TestRun;
import dev.sortie.mission.v1.TestRunServiceGrpc;
import dev.sortie.mission.v1.TestRunStatus;
import dev.sortie.mission.v1.ToolStep;
import dev.sortie.mission.v1.ToolStepStatus;
import java.nio.file.Path;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class ImportCommandTest {

    private static final Path SAMPLES = Path.of("../examples/import");

    @AutoClose
    private static CommandsFixture sortie;

    @BeforeAll
    static void start() throws Exception {
        sortie = new CommandsFixture();
    }

    @Test
    void takesTheSamplesOfTheMissionSystem() {
        var outcome = importSample("mission-system");
        assertThat(outcome.exitCode()).as(outcome.out()).isEqualTo(ExitCode.OK);
        assertThat(outcome.out()).contains("11 created, 0 linked, 0 unchanged, 0 in conflict, 0 rejected");
        var missions = missions();
        assertThat(statuses(missions))
                .containsEntry("Newsletter digest", MissionStatus.MISSION_STATUS_ACTIVE)
                .containsEntry("Supplier list", MissionStatus.MISSION_STATUS_COMPLETED)
                .containsEntry("Price watch", MissionStatus.MISSION_STATUS_FAILED)
                .containsEntry("Office move", MissionStatus.MISSION_STATUS_CANCELLED)
                .containsEntry("Podcast research", MissionStatus.MISSION_STATUS_PENDING)
                .containsEntry("Release notes", MissionStatus.MISSION_STATUS_READY_TO_DESIGN);
        var tree = tree(missions.get("Newsletter digest"));
        assertThat(tree.getHopsList())
                .extracting(
                        node -> node.getHop().getName(), node -> node.getHop().getStatus())
                .containsExactly(
                        org.assertj.core.groups.Tuple.tuple("Collect articles", HopStatus.HOP_STATUS_COMPLETED),
                        org.assertj.core.groups.Tuple.tuple("Summarise", HopStatus.HOP_STATUS_ACTIVE));
        assertThat(tree.getHops(0).getToolStepsList())
                .extracting(ToolStep::getStatus)
                .containsExactly(ToolStepStatus.TOOL_STEP_STATUS_COMPLETED, ToolStepStatus.TOOL_STEP_STATUS_CANCELLED);
        assertThat(tree.getHops(1).getToolStepsList())
                .extracting(ToolStep::getStatus)
                .containsExactly(ToolStepStatus.TOOL_STEP_STATUS_FAILED, ToolStepStatus.TOOL_STEP_STATUS_PENDING);
        assertThat(tree.getAssetsList()).hasSize(2);
        assertThat(tree.getHops(1).getAssetsList()).hasSize(1);
        var again = importSample("mission-system");
        assertThat(again.exitCode()).isEqualTo(ExitCode.OK);
        assertThat(again.out()).contains("0 created, 0 linked, 11 unchanged");
    }

    @Test
    void takesTheSamplesOfMissionDeck() {
        var outcome = importSample("mission-deck");
        assertThat(outcome.exitCode()).as(outcome.out()).isEqualTo(ExitCode.OK);
        assertThat(outcome.out()).contains("13 created, 0 linked, 0 unchanged, 0 in conflict, 0 rejected");
        var missions = missions();
        var notifier = missions.get("Telegram Notifier");
        assertThat(notifier.getClient()).isEqualTo("Acme Corp");
        assertThat(notifier.getBudgetAmount()).isEqualTo(300);
        assertThat(notifier.getGithubUrl()).isEqualTo("https://github.com/mind-protocol/mission-47");
        assertThat(missions.get("Landing Page").getBudgetAmount()).isEqualTo(450);
        assertThat(missions.get("Invoice Scanner").getStatus()).isEqualTo(MissionStatus.MISSION_STATUS_COMPLETED);
        assertThat(missions.get("Support Bot").getStatus()).isEqualTo(MissionStatus.MISSION_STATUS_QA);
        assertThat(DodItemServiceGrpc.newBlockingStub(sortie.channel())
                        .listDodItems(ListDodItemsRequest.newBuilder()
                                .setMissionId(notifier.getMissionId())
                                .build())
                        .getDodItemsList())
                .hasSize(4);
        // Newest first.
        assertThat(TestRunServiceGrpc.newBlockingStub(sortie.channel())
                        .listTestRuns(ListTestRunsRequest.newBuilder()
                                .setMissionId(notifier.getMissionId())
                                .build())
                        .getTestRunsList())
                .extracting(TestRun::getStatus)
                .containsExactly(TestRunStatus.TEST_RUN_STATUS_FAILED, TestRunStatus.TEST_RUN_STATUS_PASSED);
        assertThat(importSample("mission-deck").out()).contains("0 created, 0 linked, 13 unchanged");
    }

    @Test
    void takesTheSamplesOfAgentVine() {
        var outcome = importSample("agentvine");
        assertThat(outcome.exitCode()).as(outcome.out()).isEqualTo(ExitCode.OK);
        assertThat(outcome.out()).contains("13 created, 0 linked, 0 unchanged, 0 in conflict, 0 rejected");
        assertThat(TaskServiceGrpc.newBlockingStub(sortie.channel())
                        .listTasks(ListTasksRequest.getDefaultInstance())
                        .getTasksList()
                        .stream()
                        .collect(Collectors.toMap(Task::getTitle, Task::getStatus)))
                .containsEntry("Add a basket", TaskStatus.TASK_STATUS_PENDING)
                .containsEntry("Write down the prices as cents", TaskStatus.TASK_STATUS_COMPLETED)
                .containsEntry("Test the basket", TaskStatus.TASK_STATUS_BLOCKED)
                .containsEntry("Explain the basket", TaskStatus.TASK_STATUS_PENDING)
                .containsEntry("Split the checkout", TaskStatus.TASK_STATUS_FAILED)
                .containsEntry("Review the checkout", TaskStatus.TASK_STATUS_CANCELLED)
                .containsEntry("Refund orders", TaskStatus.TASK_STATUS_PENDING);
        assertThat(AuthServiceGrpc.newBlockingStub(sortie.channel())
                        .login(LoginRequest.newBuilder()
                                .setUsername("linus")
                                .setPassword("correct horse battery staple")
                                .build())
                        .getAccessToken())
                .isNotEmpty();
        assertThat(importSample("agentvine").out()).contains("0 created, 0 linked, 13 unchanged");
    }

    @Test
    void saysWhoHasWhatItDoesNotTake() {
        var outcome = importSample("elsewhere");
        assertThat(outcome.exitCode()).isEqualTo(ExitCode.NOT_GOOD);
        assertThat(outcome.out())
                .contains("line 1: mission-deck chat_messages rejected: chat_messages belong to agent-service")
                .contains("line 3: agentvine context_documents rejected: context_documents belong to knowledge-service")
                .contains("3 rejected");
    }

    @Test
    void printsProgressAfterEachBatch() {
        var lines = IntStream.rangeClosed(1, 1_100)
                .mapToObj(number -> "{\"form\": \"mission-system\", \"table\": \"users\", \"source\": \"batches\","
                        + " \"record\": {\"user_id\": " + number + ", \"email\": \"p" + number + "@example.org\"}}")
                .collect(Collectors.joining("\n"));
        var outcome = sortie.runWith(lines + "\nnonsense", "import", "--quiet", "-");
        assertThat(outcome.exitCode()).isEqualTo(ExitCode.NOT_GOOD);
        assertThat(outcome.out().lines())
                .containsExactly(
                        "up to line 500: 500 created, 0 linked, 0 unchanged, 0 in conflict, 0 rejected",
                        "up to line 1000: 1000 created, 0 linked, 0 unchanged, 0 in conflict, 0 rejected",
                        outcome.out().lines().skip(2).findFirst().orElseThrow(),
                        "up to line 1101: 1100 created, 0 linked, 0 unchanged, 0 in conflict, 1 rejected",
                        "Imported: 1100 created, 0 linked, 0 unchanged, 0 in conflict, 1 rejected")
                .anyMatch(line -> line.startsWith("line 1101: record rejected: no JSON"));
    }

    @Test
    void saysWhatItCanDoAndWhatItDoesNotUnderstand() {
        assertThat(sortie.run("import", "--help").out()).contains("mission-deck", "--token", "Exit codes");
        assertThat(sortie.run("import").exitCode()).isEqualTo(ExitCode.ERROR);
        assertThat(sortie.run("import", "nowhere.ndjson").err()).contains("nowhere.ndjson");
        assertThat(sortie.runWith("{}", "import", "--token", "wrong", "-").err())
                .contains("--token");
        assertThat(sortie.runWith("", "import", "-").exitCode()).isEqualTo(ExitCode.OK);
    }

    private static CommandsFixture.Outcome importSample(String name) {
        return sortie.run("import", SAMPLES.resolve(name + ".ndjson").toString());
    }

    private static Map<String, Mission> missions() {
        return MissionServiceGrpc.newBlockingStub(sortie.channel())
                .listMissions(ListMissionsRequest.newBuilder().setPageSize(500).build())
                .getMissionsList()
                .stream()
                .collect(Collectors.toMap(Mission::getName, Function.identity()));
    }

    private static Map<String, MissionStatus> statuses(Map<String, Mission> missions) {
        return missions.values().stream().collect(Collectors.toMap(Mission::getName, Mission::getStatus));
    }

    private static MissionTree tree(Mission mission) {
        return MissionServiceGrpc.newBlockingStub(sortie.channel())
                .getMissionTree(GetMissionTreeRequest.newBuilder()
                        .setMissionId(mission.getMissionId())
                        .build())
                .getTree();
    }
}
