package dev.sortie.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.mission.v1.CancelMissionRequest;
import dev.sortie.mission.v1.ListTestRunsRequest;
import dev.sortie.mission.v1.MissionServiceGrpc;
import dev.sortie.mission.v1.TestRun;
import dev.sortie.mission.v1.TestRunServiceGrpc;
import dev.sortie.mission.v1.TestRunStatus;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReportTestsCommandTest {

    @AutoClose
    private static CommandsFixture sortie;

    @TempDir
    Path folder;

    @BeforeAll
    static void start() throws Exception {
        sortie = new CommandsFixture();
    }

    @Test
    void makesARunOfTheReportsInAFolder() throws Exception {
        var mission = sortie.newMission("Telegram Notifier").getMissionId();
        Files.createDirectories(folder.resolve("target"));
        Files.writeString(folder.resolve("target/TEST-a.xml"), suite("<testcase name='sends' time='0.5'/>"));
        Files.writeString(folder.resolve("b.xml"), suite("<testcase classname='Load' name='holds' time='1'/>"));
        var outcome = sortie.run(
                "report-tests", "--mission", mission, "--category", "unit", "--category=load=Load*", folder.toString());
        assertThat(outcome.exitCode()).isEqualTo(ExitCode.OK);
        var run = runs(mission).getFirst();
        assertThat(run.getStatus()).isEqualTo(TestRunStatus.TEST_RUN_STATUS_PASSED);
        assertThat(outcome.out())
                .contains("Test run " + run.getTestRunId() + " of mission Telegram Notifier: PASSED")
                .containsPattern("load +1 +0 +0 +1\\.000 s")
                .containsPattern("unit +1 +0 +0 +0\\.500 s")
                .containsPattern("all +2 +0 +0 +1\\.500 s");
        assertThat(outcome.err()).isEmpty();
    }

    @Test
    void endsWithOneWhenTestsFail() throws Exception {
        var mission = sortie.newMission("Landing Page").getMissionId();
        var file = Files.writeString(
                folder.resolve("a.xml"),
                suite("<testcase name='renders'/><testcase name='links'><failure message='404'/></testcase>"));
        var outcome = sortie.run("report-tests", "--mission", "Landing Page", file.toString());
        assertThat(outcome.exitCode()).isEqualTo(ExitCode.NOT_GOOD);
        assertThat(outcome.out()).contains("FAILED").contains("functional: suite.links – 404");
        assertThat(runs(mission)).extracting(TestRun::getStatus).containsExactly(TestRunStatus.TEST_RUN_STATUS_FAILED);
    }

    @Test
    void letsTheRunFailWhenAReportIsBroken() throws Exception {
        var mission = sortie.newMission("Broken report").getMissionId();
        Files.writeString(folder.resolve("a.xml"), suite("<testcase name='good'/>"));
        Files.writeString(folder.resolve("b.xml"), "<testsuite>\n<testcase>\n</testsuite>");
        var outcome = sortie.run("report-tests", "--mission=" + mission, folder.toString());
        assertThat(outcome.exitCode()).isEqualTo(ExitCode.ERROR);
        assertThat(outcome.err()).contains("b.xml, line 3");
        assertThat(outcome.out()).contains("sortie report-tests – ");
        var run = runs(mission).getFirst();
        assertThat(run.getStatus()).isEqualTo(TestRunStatus.TEST_RUN_STATUS_FAILED);
        assertThat(run.getResultCount()).isEqualTo(1);
    }

    @Test
    void asksForTheMissionUnlessThereIsOnlyOne() throws Exception {
        try (var alone = new CommandsFixture()) {
            var file = Files.writeString(folder.resolve("a.xml"), suite("<testcase name='a'/>"))
                    .toString();
            assertThat(alone.run("report-tests", file).err()).contains("no such mission");
            var first = alone.newMission("First").getMissionId();
            assertThat(alone.run("report-tests", file).exitCode()).isEqualTo(ExitCode.OK);
            var second = alone.newMission("Second").getMissionId();
            var asked = alone.run("report-tests", file);
            assertThat(asked.exitCode()).isEqualTo(ExitCode.ERROR);
            assertThat(asked.err()).contains(first + "  First").contains(second + "  Second");
            assertThat(alone.run(Map.of("SORTIE_MISSION", second), InputStream.nullInputStream(), "report-tests", file)
                            .exitCode())
                    .isEqualTo(ExitCode.OK);
            MissionServiceGrpc.newBlockingStub(alone.channel())
                    .cancelMission(CancelMissionRequest.newBuilder()
                            .setMissionId(second)
                            .build());
            assertThat(alone.run("report-tests", file).exitCode()).isEqualTo(ExitCode.OK);
        }
    }

    @Test
    void readsTheTokenFromWhereItIsGiven() throws Exception {
        var mission = sortie.newMission("Tokens").getMissionId();
        var report = Files.writeString(folder.resolve("a.xml"), suite("<testcase name='a'/>"))
                .toString();
        var none = Map.of("SORTIE_TOKEN", "");
        Files.writeString(folder.resolve("admin.token"), sortie.token() + "\n");
        var in = InputStream.nullInputStream();
        assertThat(sortie.run(none, in, "report-tests", "--mission", mission, "--data", folder.toString(), report)
                        .exitCode())
                .isEqualTo(ExitCode.OK);
        assertThat(sortie.run(none, in, "report-tests", "--mission", mission, "--token", sortie.token(), report)
                        .exitCode())
                .isEqualTo(ExitCode.OK);
        var missing = sortie.run(none, in, "report-tests", "--mission", mission, report);
        assertThat(missing.exitCode()).isEqualTo(ExitCode.ERROR);
        assertThat(missing.err()).contains("--token");
        var wrong = sortie.run("report-tests", "--mission", mission, "--token", "wrong", report);
        assertThat(wrong.exitCode()).isEqualTo(ExitCode.ERROR);
        assertThat(wrong.err()).contains("--token");
    }

    @Test
    void saysWhatItCanDoAndWhatItDoesNotUnderstand() {
        var help = sortie.run("report-tests", "--help");
        assertThat(help.exitCode()).isEqualTo(ExitCode.OK);
        assertThat(help.out()).contains("--mission", "--category", "--token", "--address", "Exit codes");
        assertThat(sortie.run("report-tests").exitCode()).isEqualTo(ExitCode.ERROR);
        assertThat(sortie.run("report-tests", "--colour", "red").err()).contains("--colour");
        assertThat(sortie.run("report-tests", "nowhere.xml").err()).contains("nowhere.xml");
        assertThat(sortie.run("dance").exitCode()).isEqualTo(ExitCode.ERROR);
    }

    private static List<TestRun> runs(String mission) {
        return TestRunServiceGrpc.newBlockingStub(sortie.channel())
                .listTestRuns(
                        ListTestRunsRequest.newBuilder().setMissionId(mission).build())
                .getTestRunsList();
    }

    private static String suite(String cases) {
        return "<testsuite name='suite'>" + cases + "</testsuite>";
    }
}
