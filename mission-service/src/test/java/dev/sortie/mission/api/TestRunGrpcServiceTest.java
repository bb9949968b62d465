package dev.sortie.mission.api;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Duration;
import dev.sortie.mission.MissionFixture;
import dev.sortie.mission.v1.CancelMissionRequest;
import dev.sortie.mission.v1.CompleteDodItemRequest;
import dev.sortie.mission.v1.DodEvidence;
import dev.sortie.mission.v1.ErrorReason;
import dev.sortie.mission.v1.FinishTestRunRequest;
import dev.sortie.mission.v1.GetTestRunRequest;
import dev.sortie.mission.v1.ListTestLogsRequest;
import dev.sortie.mission.v1.ListTestResultsRequest;
import dev.sortie.mission.v1.ListTestRunsRequest;
import dev.sortie.mission.v1.ReportTestResultsRequest;
import dev.sortie.mission.v1.ReportTestResultsResponse;
import dev.sortie.mission.v1.StartTestRunRequest;
import dev.sortie.mission.v1.TestCategorySummary;
import dev.sortie.mission.v1.TestLogChunk;
import dev.sortie.mission.v1.TestResult;
import dev.sortie.mission.v1.TestResultStatus;
import dev.sortie.mission.v1.TestRun;
import dev.sortie.mission.v1.TestRunServiceGrpc.TestRunServiceBlockingStub;
import dev.sortie.mission.v1.TestRunStatus;
import dev.sortie.mission.v1.TestSummary;
import dev.sortie.mission.v1.UserRole;
import dev.sortie.runtime.testing.StatusAssert;
import io.grpc.Status.Code;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

class TestRunGrpcServiceTest {
    @AutoClose
    private static final MissionFixture MISSION = MissionFixture.start();

    private final Calls developer = Calls.of(MISSION.developer());
    private final TestRunServiceBlockingStub runs = developer.testRuns();
    private final String mission = developer.createApprovedMission("Tested").getMissionId();

    @Test
    void startsARunOnceForOneRequestId() throws Exception {
        var request = StartTestRunRequest.newBuilder()
                .setMissionId(mission)
                .setRequestId(UUID.randomUUID().toString())
                .build();
        var outcomes = Together.call(20, number -> runs.startTestRun(request));
        assertThat(outcomes).allMatch(Together.Outcome::succeeded);
        assertThat(outcomes.stream().filter(one -> !one.answer().getReplayed())).hasSize(1);
        var run = outcomes.getFirst().answer().getTestRun();
        assertThat(run.getStatus()).isEqualTo(TestRunStatus.TEST_RUN_STATUS_RUNNING);
        assertThat(run.hasSummary() || run.hasFinishTime()).isFalse();
        assertThat(listed()).containsExactly(run);
        assertThat(get(run)).isEqualTo(run);
    }

    @Test
    void refusesRunsOfMissionsThatAreNotThereOrHaveEnded() {
        StatusAssert.fails(() -> developer.startTestRun(UUID.randomUUID().toString()))
                .with(Code.FAILED_PRECONDITION, dev.sortie.type.v1.ErrorReason.ERROR_REASON_REFERENCE_NOT_FOUND)
                .metadata("field", "mission_id");
        developer
                .missions()
                .cancelMission(
                        CancelMissionRequest.newBuilder().setMissionId(mission).build());
        StatusAssert.fails(() -> developer.startTestRun(mission))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_NOT_CHANGEABLE)
                .metadata("state", "CANCELLED");
    }

    @Test
    void summarizesResultsByCategoryWhenTheRunIsFinished() throws Exception {
        var run = developer.startTestRun(mission);
        var reported = report(
                message(run)
                        .addResults(result("functional", "sends", passed(), 500))
                        .addResults(result("functional", "calls back", failed(), 250))
                        .build(),
                message(run)
                        .addResults(result("performance", "is fast", passed(), 1500))
                        .addResults(result("performance", "is small", skipped(), 0))
                        .build());
        assertThat(reported.getAddedCount()).isEqualTo(4);
        assertThat(reported.getReplacedCount()).isZero();
        assertThat(reported.getTestRun().getResultCount()).isEqualTo(4);
        var finished = finish(reported.getTestRun());
        assertThat(finished.getStatus()).isEqualTo(TestRunStatus.TEST_RUN_STATUS_FAILED);
        assertThat(finished.hasFinishTime()).isTrue();
        assertThat(finished.getSummary())
                .isEqualTo(TestSummary.newBuilder()
                        .setPassed(2)
                        .setFailed(1)
                        .setSkipped(1)
                        .setTotal(4)
                        .setDuration(millis(2250))
                        .addCategories(TestCategorySummary.newBuilder()
                                .setCategory("functional")
                                .setPassed(1)
                                .setFailed(1)
                                .setTotal(2)
                                .setDuration(millis(750)))
                        .addCategories(TestCategorySummary.newBuilder()
                                .setCategory("performance")
                                .setPassed(1)
                                .setSkipped(1)
                                .setTotal(2)
                                .setDuration(millis(1500)))
                        .build());
        assertThat(get(run)).isEqualTo(finished);
    }

    @Test
    void letsTheLastWordOnATestCount() throws Exception {
        var run = developer.startTestRun(mission);
        report(message(run).addResults(result("unit", "flaky", failed(), 1)).build());
        var again = report(message(run)
                .addResults(result("unit", "flaky", failed(), 2))
                .addResults(result("unit", "flaky", passed(), 3))
                .addResults(result("other", "flaky", passed(), 4))
                .build());
        assertThat(again.getAddedCount()).isEqualTo(1);
        assertThat(again.getReplacedCount()).isEqualTo(1);
        assertThat(results(run, TestResultStatus.TEST_RESULT_STATUS_UNSPECIFIED, 1))
                .containsExactly(result("other", "flaky", passed(), 4), result("unit", "flaky", passed(), 3));
        assertThat(results(run, failed(), 1)).isEmpty();
        assertThat(finish(run.toBuilder().clearEtag().build()).getStatus())
                .isEqualTo(TestRunStatus.TEST_RUN_STATUS_PASSED);
    }

    @Test
    void failsARunInWhichNothingPassed() {
        assertThat(finish(developer.startTestRun(mission)).getStatus()).isEqualTo(TestRunStatus.TEST_RUN_STATUS_FAILED);
    }

    @Test
    void takesNothingForARunThatIsFinished() throws Exception {
        var run = finish(developer.startTestRun(mission));
        StatusAssert.fails(() -> report(message(run)
                        .addResults(result("unit", "late", passed(), 1))
                        .build()))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_MOVE_NOT_ALLOWED)
                .metadata("state", "FAILED")
                .metadata("move", "REPORT");
        StatusAssert.fails(() -> finish(run))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_MOVE_NOT_ALLOWED)
                .metadata("move", "FINISH");
        assertThat(get(run)).isEqualTo(run);
    }

    @Test
    void finishesOnceWhenManyDoAtOnceWhileResultsArrive() throws Exception {
        var run = developer.startTestRun(mission).toBuilder().clearEtag().build();
        var outcomes = Together.call(40, number -> {
            if (number % 2 == 0) {
                return finish(run);
            }
            return report(message(run)
                            .addResults(result("unit", "test " + number, passed(), 1))
                            .build())
                    .getTestRun();
        });
        assertThat(IntStream.range(0, 40)
                        .filter(number -> number % 2 == 0)
                        .filter(number -> outcomes.get(number).succeeded()))
                .hasSize(1);
        outcomes.stream()
                .filter(one -> !one.succeeded())
                .forEach(one -> StatusAssert.of(one.failure())
                        .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_MOVE_NOT_ALLOWED));
        // The summary has every result that was taken, and no other was.
        var finished = get(run);
        assertThat(finished.getSummary().getTotal()).isEqualTo(finished.getResultCount());
        assertThat(results(run, TestResultStatus.TEST_RESULT_STATUS_UNSPECIFIED, 500))
                .hasSize((int) finished.getResultCount());
    }

    @Test
    void keepsWhatWasReportedBeforeAStreamBroke() {
        var run = developer.startTestRun(mission);
        var other = developer.startTestRun(mission);
        StatusAssert.fails(() -> report(
                        message(run)
                                .addResults(result("unit", "one", passed(), 1))
                                .build(),
                        message(other)
                                .addResults(result("unit", "two", passed(), 1))
                                .build()))
                .with(Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("test_run_id");
        assertThat(get(run).getResultCount()).isEqualTo(1);
        assertThat(get(other).getResultCount()).isZero();
    }

    @Test
    void refusesResultsThatBreakTheRules() {
        var run = developer.startTestRun(mission);
        StatusAssert.fails(() -> report(message(run)
                        .addResults(TestResult.newBuilder()
                                .setDuration(Duration.newBuilder().setSeconds(-1)))
                        .build()))
                .with(Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("results[0].name")
                .field("results[0].category")
                .field("results[0].status")
                .field("results[0].duration");
        StatusAssert.fails(() -> report(message(TestRun.newBuilder()
                                .setTestRunId(UUID.randomUUID().toString())
                                .build())
                        .build()))
                .with(Code.NOT_FOUND, dev.sortie.type.v1.ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND)
                .metadata("resource", "test_run");
    }

    @Test
    void takesAHundredCategoriesAndNoMore() throws Exception {
        var run = developer.startTestRun(mission);
        var full = message(run);
        IntStream.range(0, 100).forEach(number -> full.addResults(result("category " + number, "a", passed(), 1)));
        report(full.build());
        StatusAssert.fails(() -> report(message(run)
                        .addResults(result("one too many", "a", passed(), 1))
                        .build()))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_TOO_MANY_CHILDREN)
                .metadata("resource", "test_run")
                .metadata("limit", "100");
        assertThat(get(run).getResultCount()).isEqualTo(100);
    }

    @Test
    void refusesStrangersInStreamsToo() {
        var run = developer.startTestRun(mission);
        var stranger = Calls.of(
                MISSION.with(MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER).token()));
        StatusAssert.fails(() -> stranger.report(List.of(message(run).build())))
                .with(Code.PERMISSION_DENIED, dev.sortie.type.v1.ErrorReason.ERROR_REASON_NOT_OWNER)
                .metadata("id", mission);
    }

    @Test
    void keepsLogsInPiecesAndListsThemInPages() throws Exception {
        var run = developer.startTestRun(mission);
        var large = "x".repeat(60_000);
        var message = message(run).addLogChunks(chunk(1, "first\n"));
        IntStream.rangeClosed(2, 30).forEach(place -> message.addLogChunks(chunk(place, large)));
        report(
                message.build(),
                message(run).addLogChunks(chunk(1, "replaced\n")).build());
        var pages = 0;
        var read = new ArrayList<TestLogChunk>();
        var request = ListTestLogsRequest.newBuilder()
                .setTestRunId(run.getTestRunId())
                .setPageSize(500);
        do {
            var page = runs.listTestLogs(request.build());
            assertThat(page.getSerializedSize()).isLessThan(2 << 20);
            read.addAll(page.getLogChunksList());
            request.setPageToken(page.getNextPageToken());
            pages++;
        } while (!request.getPageToken().isEmpty());
        assertThat(pages).isEqualTo(2);
        assertThat(read).hasSize(30);
        assertThat(read.getFirst()).isEqualTo(chunk(1, "replaced\n"));
    }

    @Test
    void listsRunsNewestFirst() {
        var made = new ArrayList<TestRun>();
        for (int i = 0; i < 5; i++) {
            MISSION.clock().advance(java.time.Duration.ofMillis(1));
            made.addFirst(developer.startTestRun(mission));
        }
        var paged = new ArrayList<TestRun>();
        var request = ListTestRunsRequest.newBuilder().setMissionId(mission).setPageSize(2);
        do {
            var page = runs.listTestRuns(request.build());
            paged.addAll(page.getTestRunsList());
            request.setPageToken(page.getNextPageToken());
        } while (!request.getPageToken().isEmpty());
        assertThat(paged).isEqualTo(made);
        StatusAssert.fails(() -> runs.listTestRuns(ListTestRunsRequest.newBuilder()
                        .setMissionId(UUID.randomUUID().toString())
                        .build()))
                .with(Code.NOT_FOUND, dev.sortie.type.v1.ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND);
    }

    @Test
    void showsThatAnItemHolds() {
        var item = developer.createDodItem(mission, "Tests pass").getDodItemId();
        var elsewhere = developer.startTestRun(
                developer.createApprovedMission("Another").getMissionId());
        StatusAssert.fails(() -> completeWith(item, elsewhere))
                .with(Code.FAILED_PRECONDITION, dev.sortie.type.v1.ErrorReason.ERROR_REASON_REFERENCE_NOT_FOUND)
                .metadata("field", "evidence.test_run_id");
        var run = developer.startTestRun(mission);
        assertThat(completeWith(item, run).getTestRunId()).isEqualTo(run.getTestRunId());
    }

    private DodEvidence completeWith(String item, TestRun run) {
        return developer
                .dodItems()
                .completeDodItem(CompleteDodItemRequest.newBuilder()
                        .setDodItemId(item)
                        .setEvidence(DodEvidence.newBuilder().setTestRunId(run.getTestRunId()))
                        .build())
                .getDodItem()
                .getEvidence();
    }

    private ReportTestResultsResponse report(ReportTestResultsRequest... messages) {
        return developer.report(List.of(messages));
    }

    private TestRun finish(TestRun run) {
        return runs.finishTestRun(FinishTestRunRequest.newBuilder()
                        .setTestRunId(run.getTestRunId())
                        .setEtag(run.getEtag())
                        .build())
                .getTestRun();
    }

    private TestRun get(TestRun run) {
        return runs.getTestRun(GetTestRunRequest.newBuilder()
                        .setTestRunId(run.getTestRunId())
                        .build())
                .getTestRun();
    }

    private List<TestRun> listed() {
        return runs.listTestRuns(
                        ListTestRunsRequest.newBuilder().setMissionId(mission).build())
                .getTestRunsList();
    }

    private List<TestResult> results(TestRun run, TestResultStatus status, int pageSize) {
        var results = new ArrayList<TestResult>();
        var request = ListTestResultsRequest.newBuilder()
                .setTestRunId(run.getTestRunId())
                .setStatus(status)
                .setPageSize(pageSize);
        do {
            var page = runs.listTestResults(request.build());
            results.addAll(page.getResultsList());
            request.setPageToken(page.getNextPageToken());
        } while (!request.getPageToken().isEmpty());
        return results;
    }

    private static ReportTestResultsRequest.Builder message(TestRun run) {
        return ReportTestResultsRequest.newBuilder().setTestRunId(run.getTestRunId());
    }

    private static TestResult result(String category, String name, TestResultStatus status, int millis) {
        return TestResult.newBuilder()
                .setCategory(category)
                .setName(name)
                .setStatus(status)
                .setDuration(millis(millis))
                .setError(status == failed() ? "KeyError: 'callback_data'" : "")
                .build();
    }

    private static TestLogChunk chunk(long place, String text) {
        return TestLogChunk.newBuilder().setSequence(place).setText(text).build();
    }

    private static Duration millis(int millis) {
        return Duration.newBuilder()
                .setSeconds(millis / 1000)
                .setNanos(millis % 1000 * 1_000_000)
                .build();
    }

    private static TestResultStatus passed() {
        return TestResultStatus.TEST_RESULT_STATUS_PASSED;
    }

    private static TestResultStatus failed() {
        return TestResultStatus.TEST_RESULT_STATUS_FAILED;
    }

    private static TestResultStatus skipped() {
        return TestResultStatus.TEST_RESULT_STATUS_SKIPPED;
    }
}
