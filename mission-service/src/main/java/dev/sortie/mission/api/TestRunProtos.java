package dev.sortie.mission.api;

import static dev.sortie.runtime.grpc.Messages.duration;
import static dev.sortie.runtime.grpc.Messages.timestamp;
import static dev.sortie.runtime.grpc.Messages.uuid;

import dev.sortie.mission.domain.TestLogChunk;
import dev.sortie.mission.domain.TestReports;
import dev.sortie.mission.domain.TestResult;
import dev.sortie.mission.domain.TestRun;
import dev.sortie.mission.domain.TestRuns;
import dev.sortie.mission.v1.FinishTestRunRequest;
import dev.sortie.mission.v1.FinishTestRunResponse;
import dev.sortie.mission.v1.GetTestRunResponse;
import dev.sortie.mission.v1.ImportTestReportsRequest;
import dev.sortie.mission.v1.ImportTestReportsResponse;
import dev.sortie.mission.v1.ListTestLogsResponse;
import dev.sortie.mission.v1.ListTestResultsRequest;
import dev.sortie.mission.v1.ListTestResultsResponse;
import dev.sortie.mission.v1.ListTestRunsResponse;
import dev.sortie.mission.v1.ReportTestResultsRequest;
import dev.sortie.mission.v1.StartTestRunResponse;
import dev.sortie.mission.v1.TestCategorySummary;
import dev.sortie.mission.v1.TestResultStatus;
import dev.sortie.mission.v1.TestRunStatus;
import dev.sortie.mission.v1.TestSummary;
import dev.sortie.runtime.paging.Page;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Between runs of tests and their messages. */
final class TestRunProtos {
    private static final String STATUS_PREFIX = "TEST_RUN_STATUS_";
    private static final String RESULT_STATUS_PREFIX = "TEST_RESULT_STATUS_";

    private TestRunProtos() {}

    static TestRuns.Report toReport(ReportTestResultsRequest request) {
        return new TestRuns.Report(
                uuid(request.getTestRunId()),
                request.getResultsList().stream().map(TestRunProtos::toResult).toList(),
                request.getLogChunksList().stream()
                        .map(chunk -> new TestLogChunk(chunk.getSequence(), chunk.getText()))
                        .toList());
    }

    /** @param first the first message of a stream */
    static TestReports.Import toImport(ImportTestReportsRequest first, List<? extends TestReports.ReportFile> files) {
        return new TestReports.Import(
                uuid(first.getTestRunId()),
                first.getCategory().isEmpty() ? TestReports.DEFAULT_CATEGORY : first.getCategory(),
                first.getCategoryRulesList().stream()
                        .map(rule -> new TestReports.CategoryRule(rule.getPattern(), rule.getCategory()))
                        .toList(),
                List.copyOf(files));
    }

    static ImportTestReportsResponse toImportResponse(TestReports.Imported imported) {
        var response = ImportTestReportsResponse.newBuilder()
                .setTestRun(toMessage(imported.reported().run()))
                .setAddedCount(imported.reported().added())
                .setReplacedCount(imported.reported().replaced());
        imported.files()
                .forEach(file -> response.addFilesBuilder()
                        .setFileName(file.name())
                        .setPassed(file.passed())
                        .setFailed(file.failed())
                        .setSkipped(file.skipped()));
        return response.build();
    }

    static TestRuns.Finish toFinish(FinishTestRunRequest request) {
        return new TestRuns.Finish(uuid(request.getTestRunId()), request.getEtag());
    }

    static TestRuns.ResultFilter toFilter(ListTestResultsRequest request) {
        return new TestRuns.ResultFilter(
                uuid(request.getTestRunId()),
                request.getStatus() == TestResultStatus.TEST_RESULT_STATUS_UNSPECIFIED
                        ? null
                        : toStatus(request.getStatus()));
    }

    static StartTestRunResponse toStartResponse(TestRun run) {
        return StartTestRunResponse.newBuilder().setTestRun(toMessage(run)).build();
    }

    static FinishTestRunResponse toFinishResponse(TestRun run) {
        return FinishTestRunResponse.newBuilder().setTestRun(toMessage(run)).build();
    }

    static GetTestRunResponse toGetResponse(TestRun run) {
        return GetTestRunResponse.newBuilder().setTestRun(toMessage(run)).build();
    }

    static ListTestRunsResponse toListResponse(Page<TestRun> page) {
        var messages = page.messages(run -> toMessage(run));
        return ListTestRunsResponse.newBuilder()
                .addAllTestRuns(messages.items())
                .setNextPageToken(messages.nextPageToken())
                .build();
    }

    static ListTestResultsResponse toResultsResponse(Page<TestResult> page) {
        var messages = page.messages(result -> toMessage(result));
        return ListTestResultsResponse.newBuilder()
                .addAllResults(messages.items())
                .setNextPageToken(messages.nextPageToken())
                .build();
    }

    static ListTestLogsResponse toLogsResponse(Page<TestLogChunk> page) {
        var response = ListTestLogsResponse.newBuilder().setNextPageToken(page.nextPageToken());
        page.items()
                .forEach(chunk -> response.addLogChunksBuilder()
                        .setSequence(chunk.sequence())
                        .setText(chunk.text()));
        return response.build();
    }

    static dev.sortie.mission.v1.TestRun toMessage(TestRun run) {
        var message = dev.sortie.mission.v1.TestRun.newBuilder()
                .setTestRunId(run.id().toString())
                .setMissionId(run.missionId().toString())
                .setStatus(TestRunStatus.valueOf(STATUS_PREFIX + run.status()))
                .setResultCount(run.resultCount())
                .setCreateTime(timestamp(run.createdAt()))
                .setUpdateTime(timestamp(run.updatedAt()))
                .setEtag(Long.toString(run.version()));
        if (run.summary() != null) {
            message.setSummary(toMessage(run.summary()));
        }
        if (run.finishedAt() != null) {
            message.setFinishTime(timestamp(run.finishedAt()));
        }
        return message.build();
    }

    private static TestSummary toMessage(TestRun.Summary summary) {
        var total = summary.total();
        var message = TestSummary.newBuilder()
                .setPassed(total.passed())
                .setFailed(total.failed())
                .setSkipped(total.skipped())
                .setTotal(total.total())
                .setDuration(duration(total.duration()));
        summary.categories()
                .forEach(tally -> message.addCategories(TestCategorySummary.newBuilder()
                        .setCategory(tally.category())
                        .setPassed(tally.passed())
                        .setFailed(tally.failed())
                        .setSkipped(tally.skipped())
                        .setTotal(tally.total())
                        .setDuration(duration(tally.duration()))));
        return message.build();
    }

    private static TestResult toResult(dev.sortie.mission.v1.TestResult result) {
        return new TestResult(
                result.getCategory(),
                result.getName(),
                toStatus(result.getStatus()),
                duration(result.getDuration()),
                result.getError(),
                result.getTraceback());
    }

    private static dev.sortie.mission.v1.TestResult toMessage(TestResult result) {
        return dev.sortie.mission.v1.TestResult.newBuilder()
                .setCategory(result.category())
                .setName(result.name())
                .setStatus(TestResultStatus.valueOf(RESULT_STATUS_PREFIX + result.status()))
                .setDuration(duration(result.duration()))
                .setError(result.error())
                .setTraceback(result.traceback())
                .build();
    }

    static dev.sortie.mission.domain.@Nullable TestRunStatus toStatus(TestRunStatus status) {
        return status == TestRunStatus.TEST_RUN_STATUS_UNSPECIFIED
                ? null
                : dev.sortie.mission.domain.TestRunStatus.valueOf(status.name().substring(STATUS_PREFIX.length()));
    }

    private static dev.sortie.mission.domain.TestResultStatus toStatus(TestResultStatus status) {
        return dev.sortie.mission.domain.TestResultStatus.valueOf(
                status.name().substring(RESULT_STATUS_PREFIX.length()));
    }
}
