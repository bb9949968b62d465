package dev.sortie.mission.api;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.mission.MissionFixture;
import dev.sortie.mission.v1.CompleteDodItemRequest;
import dev.sortie.mission.v1.CompleteMissionRequest;
import dev.sortie.mission.v1.DodItem;
import dev.sortie.mission.v1.ErrorReason;
import dev.sortie.mission.v1.FinishTestRunRequest;
import dev.sortie.mission.v1.ListDodItemsRequest;
import dev.sortie.mission.v1.Mission;
import dev.sortie.mission.v1.MissionStatus;
import dev.sortie.mission.v1.ReopenDodItemRequest;
import dev.sortie.mission.v1.ReportTestResultsRequest;
import dev.sortie.mission.v1.SubmitMissionForQaRequest;
import dev.sortie.mission.v1.TestResult;
import dev.sortie.mission.v1.TestResultStatus;
import dev.sortie.mission.v1.TestRun;
import dev.sortie.runtime.testing.StatusAssert;
import io.grpc.Status.Code;
import java.time.Duration;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** When a mission in QA may be completed, and what is said when it may not. */
class MissionCompletionTest {
    @AutoClose
    private static final MissionFixture MISSION = MissionFixture.start();

    private final Calls developer = Calls.of(MISSION.developer());
    private final String mission = inQa();

    @Test
    void completesAMissionThatHasNeitherItemsNorTestRuns() {
        assertThat(complete(mission).getStatus()).isEqualTo(MissionStatus.MISSION_STATUS_COMPLETED);
    }

    @Test
    void namesEveryItemThatIsOpen() {
        var done = developer.createDodItem(mission, "Done");
        var open = developer.createDodItem(mission, "Not done");
        var another = developer.createDodItem(mission, "Not done either");
        complete(done);
        StatusAssert.fails(() -> complete(mission))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_DEFINITION_OF_DONE_UNMET)
                .precondition("dod_item/" + open.getDodItemId())
                .precondition("dod_item/" + another.getDodItemId())
                .metadata("mission_id", mission)
                .metadata("open_items", "2");
        complete(open);
        complete(another);
        assertThat(complete(mission).getStatus()).isEqualTo(MissionStatus.MISSION_STATUS_COMPLETED);
    }

    @Test
    void saysHowManyItemsAreOpenWhenTheyAreTooManyToName() {
        MISSION.database().execute("""
                INSERT INTO dod_items (dod_item_id, mission_id, text, category, created_at, updated_at)
                SELECT gen_random_uuid(), '%s', repeat('ü', 4096), 'TESTS', now(), now() FROM generate_series(1, 1000)
                """.formatted(mission));
        StatusAssert.fails(() -> complete(mission))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_DEFINITION_OF_DONE_UNMET)
                .metadata("open_items", "1000");
    }

    @Test
    void looksAtTheNewestTestRun() {
        var run = developer.startTestRun(mission);
        StatusAssert.fails(() -> complete(mission))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_DEFINITION_OF_DONE_UNMET)
                .precondition("test_run/" + run.getTestRunId())
                .metadata("open_items", "0")
                .metadata("test_run_id", run.getTestRunId())
                .metadata("test_run_state", "RUNNING");
        finish(run, TestResultStatus.TEST_RESULT_STATUS_FAILED);
        StatusAssert.fails(() -> complete(mission))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_DEFINITION_OF_DONE_UNMET)
                .metadata("test_run_state", "FAILED");
        MISSION.clock().advance(Duration.ofMillis(1));
        finish(developer.startTestRun(mission), TestResultStatus.TEST_RESULT_STATUS_PASSED);
        assertThat(complete(mission).getStatus()).isEqualTo(MissionStatus.MISSION_STATUS_COMPLETED);
    }

    @Test
    void asksForQaFirst() {
        var early = developer.createApprovedMission("Early").getMissionId();
        developer.createDodItem(early, "Open");
        StatusAssert.fails(() -> complete(early))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_MOVE_NOT_ALLOWED);
    }

    @Test
    void neverCompletesAMissionWhoseItemIsOpenedAgainAtOnce() throws Exception {
        for (int round = 0; round < 20; round++) {
            var contended = inQa();
            var item = developer.createDodItem(contended, "Contended");
            complete(item);
            var outcomes = Together.<Object>call(8, number -> number % 2 == 0 ? complete(contended) : reopen(item));
            boolean completed = IntStream.of(0, 2, 4, 6)
                    .anyMatch(number -> outcomes.get(number).succeeded());
            boolean reopened = IntStream.of(1, 3, 5, 7)
                    .anyMatch(number -> outcomes.get(number).succeeded());
            assertThat(completed).isNotEqualTo(reopened);
            assertThat(developer.mission(contended).getStatus())
                    .isEqualTo(completed ? MissionStatus.MISSION_STATUS_COMPLETED : MissionStatus.MISSION_STATUS_QA);
            assertThat(item(contended).getCompleted()).isEqualTo(completed);
        }
    }

    @Test
    void neverCompletesAMissionWithATestRunThatIsStartedAtOnce() throws Exception {
        for (int round = 0; round < 20; round++) {
            var contended = inQa();
            var outcomes = Together.call(2, number -> {
                if (number == 0) {
                    return complete(contended).getMissionId();
                }
                return developer.startTestRun(contended).getTestRunId();
            });
            assertThat(outcomes.stream().filter(Together.Outcome::succeeded)).hasSize(1);
        }
    }

    private String inQa() {
        var id = developer.createApprovedMission("In QA").getMissionId();
        developer
                .missions()
                .submitMissionForQa(
                        SubmitMissionForQaRequest.newBuilder().setMissionId(id).build());
        return id;
    }

    private Mission complete(String missionId) {
        return developer
                .missions()
                .completeMission(CompleteMissionRequest.newBuilder()
                        .setMissionId(missionId)
                        .build())
                .getMission();
    }

    private DodItem complete(DodItem item) {
        return developer
                .dodItems()
                .completeDodItem(CompleteDodItemRequest.newBuilder()
                        .setDodItemId(item.getDodItemId())
                        .build())
                .getDodItem();
    }

    private DodItem reopen(DodItem item) {
        return developer
                .dodItems()
                .reopenDodItem(ReopenDodItemRequest.newBuilder()
                        .setDodItemId(item.getDodItemId())
                        .build())
                .getDodItem();
    }

    private DodItem item(String missionId) {
        return developer
                .dodItems()
                .listDodItems(
                        ListDodItemsRequest.newBuilder().setMissionId(missionId).build())
                .getDodItems(0);
    }

    private void finish(TestRun run, TestResultStatus status) {
        developer.report(List.of(ReportTestResultsRequest.newBuilder()
                .setTestRunId(run.getTestRunId())
                .addResults(TestResult.newBuilder()
                        .setCategory("unit")
                        .setName("a test")
                        .setStatus(status))
                .build()));
        developer
                .testRuns()
                .finishTestRun(FinishTestRunRequest.newBuilder()
                        .setTestRunId(run.getTestRunId())
                        .build());
    }
}
