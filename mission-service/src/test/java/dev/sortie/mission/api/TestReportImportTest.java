package dev.sortie.mission.api;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import dev.sortie.mission.MissionFixture;
import dev.sortie.mission.v1.ErrorReason;
import dev.sortie.mission.v1.FinishTestRunRequest;
import dev.sortie.mission.v1.GetTestRunRequest;
import dev.sortie.mission.v1.ImportTestReportsRequest;
import dev.sortie.mission.v1.ImportTestReportsResponse;
import dev.sortie.mission.v1.ListTestLogsRequest;
import dev.sortie.mission.v1.ListTestResultsRequest;
import dev.sortie.mission.v1.TestCategoryRule;
import dev.sortie.mission.v1.TestLogChunk;
import dev.sortie.mission.v1.TestReportFile;
import dev.sortie.mission.v1.TestResult;
import dev.sortie.mission.v1.TestRun;
import dev.sortie.mission.v1.TestRunServiceGrpc;
import dev.sortie.mission.v1.TestRunStatus;
import dev.sortie.mission.v1.UserRole;
import dev.sortie.runtime.testing.StatusAssert;
import io.grpc.Channel;
import io.grpc.Status.Code;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

class TestReportImportTest {
    @AutoClose
    private static final MissionFixture MISSION = MissionFixture.start();

    private static final String REPORT = """
            <testsuite name="bot">
              <testcase classname="BotTest" name="sends" time="0.5"><system-out>sent</system-out></testcase>
              <testcase classname="BotTest" name="calls back" time="0.25"><failure message="KeyError">bot.py:7</failure></testcase>
              <testcase classname="SpeedTest" name="is fast" time="1,000.5"/>
              <testcase classname="SpeedTest" name="is small"><skipped/></testcase>
            </testsuite>
            """;

    private final Calls developer = Calls.of(MISSION.developer());
    private final TestRun run =
            developer.startTestRun(developer.createApprovedMission("Reported").getMissionId());

    @Test
    void takesReportsAsTheyAre() {
        var answer = send(List.of(
                message("bot.xml", REPORT)
                        .setCategory("unit")
                        .addCategoryRules(TestCategoryRule.newBuilder()
                                .setPattern("Speed*")
                                .setCategory("performance"))
                        .build(),
                message("empty.xml", "<testsuites/>").build()));
        assertThat(answer.getAddedCount()).isEqualTo(4);
        assertThat(answer.getReplacedCount()).isZero();
        assertThat(answer.getFilesList())
                .containsExactly(
                        TestReportFile.newBuilder()
                                .setFileName("bot.xml")
                                .setPassed(2)
                                .setFailed(1)
                                .setSkipped(1)
                                .build(),
                        TestReportFile.newBuilder().setFileName("empty.xml").build());
        assertThat(answer.getTestRun()).isEqualTo(get());
        assertThat(results())
                .extracting(
                        TestResult::getCategory, TestResult::getName, TestResult::getError, TestResult::getTraceback)
                .containsExactly(
                        org.assertj.core.groups.Tuple.tuple("performance", "SpeedTest.is fast", "", ""),
                        org.assertj.core.groups.Tuple.tuple("performance", "SpeedTest.is small", "", ""),
                        org.assertj.core.groups.Tuple.tuple("unit", "BotTest.calls back", "KeyError", "bot.py:7"),
                        org.assertj.core.groups.Tuple.tuple("unit", "BotTest.sends", "", ""));
        assertThat(log()).isEqualTo("--- BotTest.sends: system-out ---\nsent");
        var finished = developer
                .testRuns()
                .finishTestRun(FinishTestRunRequest.newBuilder()
                        .setTestRunId(run.getTestRunId())
                        .build())
                .getTestRun();
        assertThat(finished.getStatus()).isEqualTo(TestRunStatus.TEST_RUN_STATUS_FAILED);
        assertThat(finished.getSummary().getCategoriesList())
                .extracting(category -> category.getCategory() + " " + category.getTotal())
                .containsExactly("performance 2", "unit 2");
    }

    @Test
    void putsFilesTogetherWhateverTheirPieces() {
        var bytes = REPORT.getBytes(UTF_8);
        var messages = new ArrayList<ImportTestReportsRequest>();
        messages.add(message("bot.xml", "").build());
        for (byte one : bytes) {
            messages.add(ImportTestReportsRequest.newBuilder()
                    .setContent(ByteString.copyFrom(new byte[] {one}))
                    .build());
        }
        assertThat(send(messages).getAddedCount()).isEqualTo(4);
        assertThat(results()).extracting(TestResult::getCategory).containsOnly("functional");
    }

    @Test
    void keepsTestsOfOneNameApartInAStreamAndReplacesThemInTheNext() {
        var twice = "<testsuite><testcase name='a'/><testcase name='a'><error message='no'/></testcase>"
                + "<testcase name='a (2)'/></testsuite>";
        assertThat(send(List.of(
                                message("a.xml", twice).build(),
                                message("b.xml", twice).build()))
                        .getAddedCount())
                .isEqualTo(6);
        assertThat(results())
                .extracting(TestResult::getName)
                .containsExactlyInAnyOrder("a", "a (2)", "a (2) (2)", "a (3)", "a (4)", "a (2) (3)");
        var again = send(
                List.of(message("a.xml", twice).build(), message("b.xml", twice).build()));
        assertThat(again.getAddedCount()).isZero();
        assertThat(again.getReplacedCount()).isEqualTo(6);
    }

    @Test
    void keepsNothingOfAStreamWithABrokenFile() {
        StatusAssert.fails(() -> send(List.of(
                        message("good.xml", REPORT).build(),
                        message("bad.xml", "<testsuite>\n<testcase name='a'>\n</testsuite>")
                                .build())))
                .with(Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_TEST_REPORT_INVALID)
                .metadata("file_name", "bad.xml")
                .metadata("line", "3")
                .field("content");
        assertThat(results()).isEmpty();
        assertThat(log()).isEmpty();
        assertThat(get()).isEqualTo(run);
    }

    @Test
    void takesAStreamOnceForOneRequestId() throws Exception {
        var id = UUID.randomUUID().toString();
        var messages = List.of(message("bot.xml", REPORT).setRequestId(id).build());
        var outcomes = Together.call(10, number -> send(messages));
        assertThat(outcomes).allMatch(Together.Outcome::succeeded);
        assertThat(outcomes.stream().filter(one -> !one.answer().getReplayed())).hasSize(1);
        assertThat(outcomes).extracting(one -> one.answer().getAddedCount()).containsOnly(4L);
        assertThat(log()).isEqualTo("--- BotTest.sends: system-out ---\nsent");
        StatusAssert.fails(() -> send(List.of(
                        message("bot.xml", REPORT + " ").setRequestId(id).build())))
                .with(Code.ALREADY_EXISTS, dev.sortie.type.v1.ErrorReason.ERROR_REASON_REQUEST_ID_REUSED);
        StatusAssert.fails(() -> send(
                        List.of(message("other.xml", REPORT).setRequestId(id).build())))
                .with(Code.ALREADY_EXISTS, dev.sortie.type.v1.ErrorReason.ERROR_REASON_REQUEST_ID_REUSED);
    }

    @Test
    void takesALargeStreamInConstantMemory() {
        var trace = "x".repeat(900) + "&lt;&#10;";
        var report = IntStream.range(0, 20_000)
                .mapToObj(number -> "<testcase classname='BigTest' name='test " + number + "' time='0.001'><system-out>"
                        + trace + "</system-out></testcase>\n")
                .collect(Collectors.joining("", "<testsuite>", "</testsuite>"))
                .getBytes(UTF_8);
        var messages = new ArrayList<ImportTestReportsRequest>();
        for (int from = 0; from < report.length; from += 1 << 20) {
            messages.add(message(from == 0 ? "big.xml" : "", "")
                    .setContent(ByteString.copyFrom(report, from, Math.min(1 << 20, report.length - from)))
                    .build());
        }
        var answer = send(messages);
        assertThat(answer.getTestRun().getResultCount()).isEqualTo(20_000);
        assertThat(log()).hasSizeGreaterThan(20_000 * 900);
    }

    @Test
    void refusesMoreThanARunHolds() {
        var many = IntStream.range(0, 50_001)
                .mapToObj(number -> "<testcase name='a'/>")
                .collect(Collectors.joining("", "<testsuite>", "</testsuite>"));
        StatusAssert.fails(() -> send(List.of(message("many.xml", many).build())))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_TOO_MANY_CHILDREN);
        assertThat(get()).isEqualTo(run);
    }

    @Test
    void refusesStreamsThatBreakTheRules() {
        StatusAssert.fails(() -> send(List.of()))
                .with(Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("test_run_id");
        StatusAssert.fails(() -> send(List.of(message("", REPORT).build())))
                .with(Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("file_name");
        StatusAssert.fails(() -> send(List.of(
                        message("a.xml", REPORT).build(),
                        message("b.xml", REPORT).setCategory("unit").build())))
                .with(Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("category");
        StatusAssert.fails(() -> send(List.of(
                        message("a.xml", REPORT).build(),
                        message("b.xml", REPORT)
                                .setTestRunId(UUID.randomUUID().toString())
                                .build())))
                .with(Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("test_run_id");
        var block = ByteString.copyFrom(new byte[1 << 20]);
        var large = new ArrayList<>(List.of(message("a.xml", "").build()));
        IntStream.rangeClosed(0, 64)
                .forEach(_ -> large.add(
                        ImportTestReportsRequest.newBuilder().setContent(block).build()));
        StatusAssert.fails(() -> send(large))
                .with(Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("content");
        StatusAssert.fails(() -> send(IntStream.rangeClosed(0, 1_000)
                        .mapToObj(number ->
                                message(number + ".xml", "<testsuites/>").build())
                        .toList()))
                .with(Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("file_name");
    }

    @Test
    void refusesRunsThatAreOverOrNotThereOrSomebodyElses() {
        StatusAssert.fails(() -> send(List.of(message("a.xml", REPORT)
                        .setTestRunId(UUID.randomUUID().toString())
                        .build())))
                .with(Code.NOT_FOUND, dev.sortie.type.v1.ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND);
        var stranger =
                MISSION.with(MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER).token());
        StatusAssert.fails(() -> send(stranger, List.of(message("a.xml", REPORT).build())))
                .with(Code.PERMISSION_DENIED, dev.sortie.type.v1.ErrorReason.ERROR_REASON_NOT_OWNER);
        developer
                .testRuns()
                .finishTestRun(FinishTestRunRequest.newBuilder()
                        .setTestRunId(run.getTestRunId())
                        .build());
        StatusAssert.fails(() -> send(List.of(message("a.xml", REPORT).build())))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_MOVE_NOT_ALLOWED);
    }

    @Test
    void takesOrRefusesWhateverComesAsAWhole() {
        var random = new Random(48);
        var original = REPORT.getBytes(UTF_8);
        for (int round = 0; round < 60; round++) {
            var bytes = original.clone();
            for (int change = random.nextInt(4); change > 0; change--) {
                int at = random.nextInt(bytes.length);
                if (random.nextInt(4) == 0) {
                    bytes = Arrays.copyOf(bytes, at + 1);
                } else {
                    bytes[at] = (byte) random.nextInt(256);
                }
            }
            var before = get();
            try {
                var answer = send(List.of(message("fuzz.xml", "")
                        .setContent(ByteString.copyFrom(bytes))
                        .build()));
                assertThat(answer.getTestRun().getResultCount())
                        .isEqualTo(before.getResultCount() + answer.getAddedCount());
            } catch (io.grpc.StatusRuntimeException refused) {
                StatusAssert.of(refused).with(Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_TEST_REPORT_INVALID);
                assertThat(get()).isEqualTo(before);
            }
        }
    }

    private ImportTestReportsRequest.Builder message(String fileName, String content) {
        return ImportTestReportsRequest.newBuilder()
                .setTestRunId(run.getTestRunId())
                .setFileName(fileName)
                .setContent(ByteString.copyFromUtf8(content));
    }

    private static ImportTestReportsResponse send(List<ImportTestReportsRequest> messages) {
        return send(MISSION.developer(), messages);
    }

    private static ImportTestReportsResponse send(Channel caller, List<ImportTestReportsRequest> messages) {
        return Calls.stream(TestRunServiceGrpc.newStub(caller)::importTestReports, messages);
    }

    private TestRun get() {
        return developer
                .testRuns()
                .getTestRun(GetTestRunRequest.newBuilder()
                        .setTestRunId(run.getTestRunId())
                        .build())
                .getTestRun();
    }

    private List<TestResult> results() {
        return developer
                .testRuns()
                .listTestResults(ListTestResultsRequest.newBuilder()
                        .setTestRunId(run.getTestRunId())
                        .setPageSize(500)
                        .build())
                .getResultsList();
    }

    private String log() {
        var log = new StringBuilder();
        var request = ListTestLogsRequest.newBuilder()
                .setTestRunId(run.getTestRunId())
                .setPageSize(500);
        do {
            var page = developer.testRuns().listTestLogs(request.build());
            page.getLogChunksList().stream().map(TestLogChunk::getText).forEach(log::append);
            request.setPageToken(page.getNextPageToken());
        } while (!request.getPageToken().isEmpty());
        return log.toString();
    }
}
