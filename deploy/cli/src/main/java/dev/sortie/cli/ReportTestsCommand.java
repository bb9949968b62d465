package dev.sortie.cli;

import com.google.protobuf.ByteString;
import com.google.protobuf.Duration;
import dev.sortie.mission.v1.FinishTestRunRequest;
import dev.sortie.mission.v1.GetMissionRequest;
import dev.sortie.mission.v1.ImportTestReportsRequest;
import dev.sortie.mission.v1.ImportTestReportsResponse;
import dev.sortie.mission.v1.ListMissionsRequest;
import dev.sortie.mission.v1.ListTestResultsRequest;
import dev.sortie.mission.v1.Mission;
import dev.sortie.mission.v1.MissionServiceGrpc;
import dev.sortie.mission.v1.MissionStatus;
import dev.sortie.mission.v1.ReportTestResultsRequest;
import dev.sortie.mission.v1.ReportTestResultsResponse;
import dev.sortie.mission.v1.StartTestRunRequest;
import dev.sortie.mission.v1.TestCategoryRule;
import dev.sortie.mission.v1.TestResult;
import dev.sortie.mission.v1.TestResultStatus;
import dev.sortie.mission.v1.TestRun;
import dev.sortie.mission.v1.TestRunServiceGrpc;
import dev.sortie.mission.v1.TestRunStatus;
import io.grpc.StatusException;
import io.grpc.stub.BlockingClientCall;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.regex.Pattern;

/** {@code sortie report-tests}: a run of a mission's tests from the reports that test runners write. */
final class ReportTestsCommand implements Command {
    private static final int CHUNK = 512 * 1024;
    private static final long MAX_BYTES = 64L << 20;
    private static final int MAX_FILES = 1_000;
    private static final int SHOWN_FAILURES = 20;
    private static final String DEFAULT_CATEGORY = "functional";
    private static final Pattern UUID_PATTERN = Pattern.compile("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}");
    private static final Set<MissionStatus> OVER = Set.of(
            MissionStatus.MISSION_STATUS_COMPLETED,
            MissionStatus.MISSION_STATUS_FAILED,
            MissionStatus.MISSION_STATUS_CANCELLED);

    @Override
    public String help() {
        return """
                Starts a test run of a mission, fills it from reports in JUnit's XML form, finishes it, and prints what
                came of it by category. Reads what surefire, pytest, jest-junit, gotestsum, PHPUnit and others write.

                usage: sortie report-tests [OPTION…] FILE|FOLDER|PATTERN…

                A folder stands for all reports in it, at any depth; a pattern, such as '**/TEST-*.xml', for the files
                that match. Reports are not kept in part: if one is broken, the run fails and says so.

                Exit codes: 0 the tests passed; 1 they did not; 2 it did not work.

                options
                  --mission ID|NAME       the mission (SORTIE_MISSION, else the only one that is not over)
                  --category NAME         what category the results are of (functional)
                  --category NAME=PATTERN the category of tests whose whole name matches: * is any text, ? one
                                          character; may be given several times, the first one that matches counts
                """;
    }

    @Override
    public Set<String> options() {
        return Set.of("--mission", "--category");
    }

    @Override
    public int run(Arguments arguments, Terminal terminal) {
        if (arguments.rest().isEmpty()) {
            throw new CliException("no reports given; see --help");
        }
        var files = ReportFiles.find(arguments.rest());
        try (var connection = Connection.open(arguments, terminal.environment())) {
            var report = new Report(connection, arguments.all("--category"));
            var wanted =
                    arguments.last("--mission").orElse(terminal.environment().getOrDefault("SORTIE_MISSION", ""));
            var mission = report.mission(wanted);
            var run = report.start(mission);
            try {
                report.send(run, files);
            } catch (CliException broken) {
                try {
                    // What is not known must not pass for good.
                    report.noteFailure(run, broken.text());
                    report.print(mission, report.finish(run), terminal.out());
                } catch (CliException another) {
                    broken.addSuppressed(another);
                }
                throw broken;
            }
            var finished = report.finish(run);
            report.print(mission, finished, terminal.out());
            return finished.getStatus() == TestRunStatus.TEST_RUN_STATUS_PASSED ? ExitCode.OK : ExitCode.NOT_GOOD;
        }
    }

    /** One run, by its calls. */
    private static final class Report {
        private final Connection connection;
        private final List<TestCategoryRule> rules = new ArrayList<>();
        private String category = DEFAULT_CATEGORY;

        Report(Connection connection, List<String> categories) {
            this.connection = connection;
            for (var one : categories) {
                int equals = one.indexOf('=');
                if (equals < 0) {
                    category = one;
                } else {
                    rules.add(TestCategoryRule.newBuilder()
                            .setCategory(one.substring(0, equals))
                            .setPattern(one.substring(equals + 1))
                            .build());
                }
            }
        }

        Mission mission(String wanted) {
            if (UUID_PATTERN.matcher(wanted).matches()) {
                var request = GetMissionRequest.newBuilder()
                        .setMissionId(wanted.toLowerCase(Locale.ROOT))
                        .build();
                return connection.call(() -> missions().getMission(request).getMission());
            }
            var found = connection
                    .call(() -> missions()
                            .listMissions(ListMissionsRequest.newBuilder()
                                    .setPageSize(500)
                                    .build()))
                    .getMissionsList()
                    .stream()
                    .filter(mission -> !OVER.contains(mission.getStatus()))
                    .filter(mission -> wanted.isEmpty() || mission.getName().equals(wanted))
                    .toList();
            if (found.size() == 1) {
                return found.getFirst();
            }
            var text = new StringBuilder(
                    found.isEmpty()
                            ? "there is no such mission that is not over"
                            : "which mission? say so with --mission; these are not over:");
            found.stream()
                    .limit(10)
                    .forEach(mission -> text.append("%n  %s  %s".formatted(mission.getMissionId(), mission.getName())));
            throw new CliException(text.toString());
        }

        TestRun start(Mission mission) {
            var request = StartTestRunRequest.newBuilder()
                    .setMissionId(mission.getMissionId())
                    .setRequestId(newId())
                    .build();
            return connection.call(() -> runs().startTestRun(request).getTestRun());
        }

        /** In as few streams as there is room for. */
        void send(TestRun run, List<Path> files) {
            var batch = new ArrayList<Path>();
            long bytes = 0;
            for (var file : files) {
                long size = size(file);
                if (!batch.isEmpty() && (bytes + size > MAX_BYTES || batch.size() == MAX_FILES)) {
                    sendBatch(run, batch);
                    batch.clear();
                    bytes = 0;
                }
                batch.add(file);
                bytes += size;
            }
            sendBatch(run, batch);
        }

        private void sendBatch(TestRun run, List<Path> files) {
            var first = ImportTestReportsRequest.newBuilder()
                    .setTestRunId(run.getTestRunId())
                    .setCategory(category)
                    .addAllCategoryRules(rules)
                    .setRequestId(newId());
            var _ = connection.call(() -> {
                var call = TestRunServiceGrpc.newBlockingV2Stub(connection.channel())
                        .withDeadlineAfter(10, TimeUnit.MINUTES)
                        .importTestReports();
                return write(call, first, files);
            });
        }

        private static ImportTestReportsResponse write(
                BlockingClientCall<ImportTestReportsRequest, ImportTestReportsResponse> call,
                ImportTestReportsRequest.Builder first,
                List<Path> files)
                throws StatusException, InterruptedException, TimeoutException {
            var message = first.clone();
            for (var file : files) {
                message.setFileName(file.toString());
                try (var bytes = Files.newInputStream(file)) {
                    do {
                        message.setContent(ByteString.copyFrom(bytes.readNBytes(CHUNK)));
                        if (!call.write(message.build())) {
                            return answer(call); // it has answered already, which says why
                        }
                        boolean isEnd = message.getContent().size() < CHUNK;
                        message.clear();
                        if (isEnd) {
                            break;
                        }
                    } while (true);
                } catch (IOException e) {
                    call.cancel("a file cannot be read", e);
                    throw new CliException(file + " cannot be read: " + e.getMessage(), e);
                }
            }
            call.halfClose();
            return answer(call);
        }

        private static ImportTestReportsResponse answer(
                BlockingClientCall<ImportTestReportsRequest, ImportTestReportsResponse> call)
                throws StatusException, InterruptedException, TimeoutException {
            var answer = call.read();
            if (answer == null) {
                throw new CliException("the server ended the call without an answer");
            }
            return answer;
        }

        /** Lets the run fail for a reason that is in no report. */
        void noteFailure(TestRun run, String problem) {
            var result = TestResult.newBuilder()
                    .setName("sortie report-tests")
                    .setCategory(category)
                    .setStatus(TestResultStatus.TEST_RESULT_STATUS_FAILED)
                    .setError(problem.length() > 4_000 ? problem.substring(0, 4_000) : problem);
            var request = ReportTestResultsRequest.newBuilder()
                    .setTestRunId(run.getTestRunId())
                    .addResults(result)
                    .build();
            var _ = connection.call(() -> {
                BlockingClientCall<ReportTestResultsRequest, ReportTestResultsResponse> call =
                        TestRunServiceGrpc.newBlockingV2Stub(connection.channel())
                                .withDeadlineAfter(1, TimeUnit.MINUTES)
                                .reportTestResults();
                call.write(request);
                call.halfClose();
                return String.valueOf(call.read());
            });
        }

        TestRun finish(TestRun run) {
            var request = FinishTestRunRequest.newBuilder()
                    .setTestRunId(run.getTestRunId())
                    .setRequestId(newId())
                    .build();
            return connection.call(() -> runs().finishTestRun(request).getTestRun());
        }

        void print(Mission mission, TestRun run, PrintStream out) {
            var status = run.getStatus().name().substring("TEST_RUN_STATUS_".length());
            out.printf("Test run %s of mission %s: %s%n", run.getTestRunId(), mission.getName(), status);
            var row = "  %-30s %8s %8s %8s %10s%n";
            out.printf(row, "category", "passed", "failed", "skipped", "time");
            var summary = run.getSummary();
            for (var one : summary.getCategoriesList()) {
                out.printf(
                        row,
                        one.getCategory(),
                        one.getPassed(),
                        one.getFailed(),
                        one.getSkipped(),
                        seconds(one.getDuration()));
            }
            out.printf(
                    row,
                    "all",
                    summary.getPassed(),
                    summary.getFailed(),
                    summary.getSkipped(),
                    seconds(summary.getDuration()));
            if (summary.getFailed() > 0) {
                printFailures(run, out);
            }
        }

        private void printFailures(TestRun run, PrintStream out) {
            var failures = connection
                    .call(() -> runs().listTestResults(ListTestResultsRequest.newBuilder()
                            .setTestRunId(run.getTestRunId())
                            .setStatus(TestResultStatus.TEST_RESULT_STATUS_FAILED)
                            .setPageSize(SHOWN_FAILURES)
                            .build()))
                    .getResultsList();
            out.println("Failed:");
            for (var one : failures) {
                var error = one.getError().lines().findFirst().orElse("");
                out.printf("  %s: %s%s%n", one.getCategory(), one.getName(), error.isEmpty() ? "" : " – " + error);
            }
            long more = run.getSummary().getFailed() - failures.size();
            if (more > 0) {
                out.printf("  and %d more%n", more);
            }
        }

        private MissionServiceGrpc.MissionServiceBlockingStub missions() {
            return MissionServiceGrpc.newBlockingStub(connection.channel()).withDeadlineAfter(30, TimeUnit.SECONDS);
        }

        private TestRunServiceGrpc.TestRunServiceBlockingStub runs() {
            return TestRunServiceGrpc.newBlockingStub(connection.channel()).withDeadlineAfter(1, TimeUnit.MINUTES);
        }

        private static long size(Path file) {
            try {
                long size = Files.size(file);
                if (size > MAX_BYTES) {
                    throw new CliException(file + " is larger than 64 MiB");
                }
                return size;
            } catch (IOException e) {
                throw new CliException(file + " cannot be read: " + e.getMessage(), e);
            }
        }

        private static String seconds(Duration duration) {
            return String.format(Locale.ROOT, "%.3f s", duration.getSeconds() + duration.getNanos() / 1e9);
        }

        private static String newId() {
            return UUID.randomUUID().toString();
        }
    }
}
