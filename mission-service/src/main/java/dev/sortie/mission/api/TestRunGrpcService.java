package dev.sortie.mission.api;

import static dev.sortie.runtime.grpc.Messages.uuid;

import dev.sortie.mission.domain.TestReports;
import dev.sortie.mission.domain.TestRuns;
import dev.sortie.mission.v1.FinishTestRunRequest;
import dev.sortie.mission.v1.FinishTestRunResponse;
import dev.sortie.mission.v1.GetTestRunRequest;
import dev.sortie.mission.v1.GetTestRunResponse;
import dev.sortie.mission.v1.ImportTestReportsRequest;
import dev.sortie.mission.v1.ImportTestReportsResponse;
import dev.sortie.mission.v1.ListTestLogsRequest;
import dev.sortie.mission.v1.ListTestLogsResponse;
import dev.sortie.mission.v1.ListTestResultsRequest;
import dev.sortie.mission.v1.ListTestResultsResponse;
import dev.sortie.mission.v1.ListTestRunsRequest;
import dev.sortie.mission.v1.ListTestRunsResponse;
import dev.sortie.mission.v1.ReportTestResultsRequest;
import dev.sortie.mission.v1.ReportTestResultsResponse;
import dev.sortie.mission.v1.StartTestRunRequest;
import dev.sortie.mission.v1.StartTestRunResponse;
import dev.sortie.mission.v1.TestRunServiceGrpc.TestRunServiceImplBase;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.grpc.CallContext;
import dev.sortie.runtime.grpc.ClientStream;
import dev.sortie.runtime.grpc.Replies;
import dev.sortie.runtime.paging.PageTokens;
import dev.sortie.runtime.sql.Database;
import dev.sortie.runtime.sql.Isolation;
import dev.sortie.type.v1.ErrorReason;
import io.grpc.stub.StreamObserver;

/** {@code sortie.mission.v1.TestRunService}. */
public final class TestRunGrpcService extends TestRunServiceImplBase {
    private final Database database;
    private final Replies replies;
    private final PageTokens pages;
    private final TestRuns runs;
    private final TestReports reports;

    public TestRunGrpcService(
            Database database, Replies replies, PageTokens pages, TestRuns runs, TestReports reports) {
        this.database = database;
        this.replies = replies;
        this.pages = pages;
        this.runs = runs;
        this.reports = reports;
    }

    @Override
    public void startTestRun(StartTestRunRequest request, StreamObserver<StartTestRunResponse> observer) {
        replies.write(request, observer, r -> uuid(r.getMissionId()), runs::start, TestRunProtos::toStartResponse);
    }

    @Override
    public StreamObserver<ReportTestResultsRequest> reportTestResults(
            StreamObserver<ReportTestResultsResponse> observer) {
        return replies.receive(observer, this::receive);
    }

    @Override
    public StreamObserver<ImportTestReportsRequest> importTestReports(
            StreamObserver<ImportTestReportsResponse> observer) {
        return replies.receive(observer, this::receiveReports);
    }

    @Override
    public void finishTestRun(FinishTestRunRequest request, StreamObserver<FinishTestRunResponse> observer) {
        replies.write(request, observer, TestRunProtos::toFinish, runs::finish, TestRunProtos::toFinishResponse);
    }

    @Override
    public void getTestRun(GetTestRunRequest request, StreamObserver<GetTestRunResponse> observer) {
        replies.read(request, observer, r -> uuid(r.getTestRunId()), runs::get, TestRunProtos::toGetResponse);
    }

    @Override
    public void listTestRuns(ListTestRunsRequest request, StreamObserver<ListTestRunsResponse> observer) {
        replies.read(
                request,
                observer,
                pages::open,
                (queries, page) -> runs.list(
                        queries, uuid(request.getMissionId()), TestRunProtos.toStatus(request.getStatus()), page),
                TestRunProtos::toListResponse);
    }

    @Override
    public void listTestResults(ListTestResultsRequest request, StreamObserver<ListTestResultsResponse> observer) {
        replies.read(
                request,
                observer,
                pages::open,
                (queries, page) -> runs.listResults(queries, TestRunProtos.toFilter(request), page),
                TestRunProtos::toResultsResponse);
    }

    @Override
    public void listTestLogs(ListTestLogsRequest request, StreamObserver<ListTestLogsResponse> observer) {
        replies.read(
                request,
                observer,
                pages::open,
                (queries, page) -> runs.listLogs(queries, uuid(request.getTestRunId()), page),
                TestRunProtos::toLogsResponse);
    }

    /** A transaction for each message; the next one is looked at when the one before is durable. */
    private ReportTestResultsResponse receive(ClientStream<ReportTestResultsRequest> stream) {
        var response = ReportTestResultsResponse.newBuilder();
        var principal = CallContext.principal();
        var run = "";
        for (var message = stream.next(); message != null; message = stream.next()) {
            if (!run.isEmpty() && !run.equals(message.getTestRunId())) {
                throw Failure.invalidArgument(
                                ErrorReason.ERROR_REASON_FIELD_INVALID,
                                "test_run_id",
                                "%s (expected: %s, the same in every message of the stream)",
                                message.getTestRunId(),
                                run)
                        .with("field_count", 1)
                        .exception();
            }
            run = message.getTestRunId();
            var report = TestRunProtos.toReport(message);
            var reported = database.transaction(principal, Isolation.READ_COMMITTED, tx -> runs.report(tx, report));
            response.setTestRun(TestRunProtos.toMessage(reported.run()))
                    .setAddedCount(response.getAddedCount() + reported.added())
                    .setReplacedCount(response.getReplacedCount() + reported.replaced());
        }
        return response.build();
    }

    /** The whole stream is received before a transaction begins: a slow caller keeps nobody waiting. */
    private ImportTestReportsResponse receiveReports(ClientStream<ImportTestReportsRequest> stream) {
        try (var upload = new ReportUpload()) {
            for (var message = stream.next(); message != null; message = stream.next()) {
                upload.add(message);
            }
            var reportImport = upload.toImport();
            return replies.transact(
                    upload.digest(), tx -> TestRunProtos.toImportResponse(reports.take(tx, reportImport)), _ -> true);
        }
    }
}
