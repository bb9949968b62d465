package dev.sortie.mission.work;

import static dev.sortie.mission.v1.ToolStepStatus.TOOL_STEP_STATUS_CANCELLED;
import static dev.sortie.mission.v1.ToolStepStatus.TOOL_STEP_STATUS_COMPLETED;
import static dev.sortie.mission.v1.ToolStepStatus.TOOL_STEP_STATUS_FAILED;
import static dev.sortie.mission.v1.ToolStepStatus.TOOL_STEP_STATUS_PENDING;
import static dev.sortie.mission.v1.ToolStepStatus.TOOL_STEP_STATUS_RUNNING;
import static dev.sortie.mission.work.StepFixture.fromAsset;
import static dev.sortie.mission.work.StepFixture.into;
import static dev.sortie.mission.work.StepFixture.literal;
import static dev.sortie.runtime.testing.StatusAssert.fails;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.mission.v1.CancelToolStepRequest;
import dev.sortie.mission.v1.CompleteHopRequest;
import dev.sortie.mission.v1.ErrorReason;
import dev.sortie.mission.v1.FailHopRequest;
import dev.sortie.mission.v1.Hop;
import dev.sortie.mission.v1.HopStatus;
import dev.sortie.mission.v1.Mission;
import dev.sortie.mission.v1.MissionStatus;
import dev.sortie.mission.v1.RunHopRequest;
import dev.sortie.mission.v1.RunMissionRequest;
import dev.sortie.mission.v1.StartHopRequest;
import dev.sortie.mission.v1.UpdateToolStepRequest;
import io.grpc.Status;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** Steps, hops and missions that follow one another by themselves. */
class RunTest {
    @AutoClose
    static final StepFixture FIXTURE = StepFixture.start();

    @Test
    void goesFromTheFirstStepToQaByItself() {
        var mission = FIXTURE.mission();
        var collect = FIXTURE.hop(mission);
        var report = FIXTURE.hop(mission, true);
        var history = FIXTURE.asset(mission);
        var text = FIXTURE.asset(report);
        var tool = FIXTURE.tool();
        var first = FIXTURE.create(FIXTURE.step(collect).setToolId(tool).putResultMapping("history", into(history)));
        var second = FIXTURE.step(collect, tool);
        var third = FIXTURE.create(FIXTURE.step(report)
                .setToolId(tool)
                .putParameterMapping("history", fromAsset(history))
                .putResultMapping("text", into(text)));
        assertThat(third.getValidationErrorsList()).isEmpty(); // the first step will fill what it reads

        var running = run(mission);
        assertThat(running.getRunning()).isTrue();
        assertThat(running.getStatus()).isEqualTo(MissionStatus.MISSION_STATUS_ACTIVE);
        assertThat(running.getCurrentHopId()).isEqualTo(collect.getHopId());
        assertThat(FIXTURE.now(collect).getRunning()).isTrue();

        FIXTURE.complete(first, "{\"history\": [1]}");
        FIXTURE.await(second, TOOL_STEP_STATUS_RUNNING);
        assertThat(FIXTURE.now(third).getStatus()).isEqualTo(TOOL_STEP_STATUS_PENDING);
        FIXTURE.complete(second, "{}");
        FIXTURE.await(third, TOOL_STEP_STATUS_RUNNING);
        assertThat(FIXTURE.now(collect)).satisfies(hop -> {
            assertThat(hop.getStatus()).isEqualTo(HopStatus.HOP_STATUS_COMPLETED);
            assertThat(hop.getRunning()).isFalse();
        });
        assertThat(FIXTURE.now(mission).getCurrentHopId()).isEqualTo(report.getHopId());
        FIXTURE.complete(third, "{\"text\": \"done\"}");

        var done =
                Eventually.see(() -> FIXTURE.now(mission), now -> now.getStatus() == MissionStatus.MISSION_STATUS_QA);
        assertThat(done.getRunning()).isFalse();
        assertThat(done.getCurrentHopId()).isEmpty();
        assertThat(FIXTURE.now(report).getStatus()).isEqualTo(HopStatus.HOP_STATUS_COMPLETED);
        for (var step : new dev.sortie.mission.v1.ToolStep[] {first, second, third}) {
            assertThat(FIXTURE.agent().ordersOf(step.getToolStepId())).hasSize(1);
        }
    }

    @Test
    void stopsWhereAStepFailsAndGoesOnWithItsRetry() {
        var mission = FIXTURE.mission();
        var hop = FIXTURE.hop(mission, true);
        var first = FIXTURE.step(hop, FIXTURE.tool());
        var second = FIXTURE.step(hop, first.getToolId());
        run(mission);

        FIXTURE.agent().fail(FIXTURE.awaitOrder(first), "out of luck");
        FIXTURE.await(first, TOOL_STEP_STATUS_FAILED);
        assertThat(FIXTURE.now(hop)).satisfies(stopped -> {
            assertThat(stopped.getStatus()).isEqualTo(HopStatus.HOP_STATUS_ACTIVE);
            assertThat(stopped.getRunning()).isFalse();
            assertThat(stopped.getErrorMessage()).contains("A step").contains("out of luck");
        });
        assertThat(FIXTURE.now(mission).getRunning()).isFalse();
        assertThat(FIXTURE.now(second).getStatus()).isEqualTo(TOOL_STEP_STATUS_PENDING);

        FIXTURE.retry(first);
        assertThat(FIXTURE.now(hop)).satisfies(resumed -> {
            assertThat(resumed.getRunning()).isTrue();
            assertThat(resumed.getErrorMessage()).isEmpty();
        });
        assertThat(FIXTURE.now(mission).getRunning()).isTrue();
        FIXTURE.complete(first, "{}");
        FIXTURE.await(second, TOOL_STEP_STATUS_RUNNING);
        FIXTURE.complete(second, "{}");
        awaitQa(mission);
    }

    @Test
    void takesAFailedStepUpAgainWhenTheMissionIsRunAnew() {
        var mission = FIXTURE.mission();
        var hop = FIXTURE.hop(mission, true);
        var step = FIXTURE.step(hop, FIXTURE.tool());
        run(mission);
        FIXTURE.agent().fail(FIXTURE.awaitOrder(step), "no");
        FIXTURE.await(step, TOOL_STEP_STATUS_FAILED);

        run(mission);

        assertThat(FIXTURE.now(step).getAttempt()).isEqualTo(2);
        FIXTURE.complete(step, "{}");
        awaitQa(mission);
    }

    @Test
    void retryOfAStepThatRanAloneStartsNoRun() {
        var hop = FIXTURE.activeHop();
        var step = FIXTURE.step(hop, FIXTURE.tool());
        FIXTURE.execute(step);
        FIXTURE.agent().fail(FIXTURE.awaitOrder(step), "no");
        FIXTURE.await(step, TOOL_STEP_STATUS_FAILED);
        assertThat(FIXTURE.now(hop).getErrorMessage()).isEmpty();

        FIXTURE.retry(step);

        assertThat(FIXTURE.now(hop).getRunning()).isFalse();
    }

    @Test
    void stopsBeforeAStepThatCannotBeExecuted() {
        var mission = FIXTURE.mission();
        var hop = FIXTURE.hop(mission);
        var first = FIXTURE.step(hop, FIXTURE.tool());
        var second = FIXTURE.create(FIXTURE.step(hop)
                .setToolId(FIXTURE.tool("{\"required\": [\"path\"]}", "{}"))
                .setName("Look around"));
        run(mission);

        FIXTURE.complete(first, "{}");
        FIXTURE.await(first, TOOL_STEP_STATUS_COMPLETED);

        assertThat(FIXTURE.now(hop)).satisfies(stopped -> {
            assertThat(stopped.getStatus()).isEqualTo(HopStatus.HOP_STATUS_ACTIVE);
            assertThat(stopped.getRunning()).isFalse();
            assertThat(stopped.getErrorMessage()).contains("Look around").contains("\"path\"");
        });
        assertThat(FIXTURE.now(mission).getRunning()).isFalse();
        assertThat(FIXTURE.now(second).getStatus()).isEqualTo(TOOL_STEP_STATUS_PENDING);
        assertThat(FIXTURE.now(second).getValidationErrorsList()).hasSize(1);

        FIXTURE.steps()
                .updateToolStep(UpdateToolStepRequest.newBuilder()
                        .setToolStep(second.toBuilder().clearEtag().putParameterMapping("path", literal("\"/\"")))
                        .build());
        run(mission);
        FIXTURE.complete(second, "{}");
        FIXTURE.await(second, TOOL_STEP_STATUS_COMPLETED);
    }

    @Test
    void stopsAtTheNextHopWhenItsFirstStepCannotBeExecuted() {
        var mission = FIXTURE.mission();
        var first = FIXTURE.step(FIXTURE.hop(mission), FIXTURE.tool());
        var hop = FIXTURE.hop(mission);
        FIXTURE.step(hop, "no-such-tool");
        run(mission);

        FIXTURE.complete(first, "{}");

        var stopped = Eventually.see(
                () -> FIXTURE.now(hop), now -> !now.getErrorMessage().isEmpty());
        assertThat(stopped.getStatus()).isEqualTo(HopStatus.HOP_STATUS_ACTIVE);
        assertThat(stopped.getErrorMessage()).contains("no-such-tool");
        assertThat(FIXTURE.now(mission).getRunning()).isFalse();
    }

    @Test
    void endsBeforeAHopWithoutSteps() {
        var mission = FIXTURE.mission();
        var step = FIXTURE.step(FIXTURE.hop(mission), FIXTURE.tool());
        var empty = FIXTURE.hop(mission);
        run(mission);

        FIXTURE.complete(step, "{}");

        var ended = Eventually.see(() -> FIXTURE.now(mission), now -> !now.getRunning());
        assertThat(ended.getStatus()).isEqualTo(MissionStatus.MISSION_STATUS_READY_TO_DESIGN);
        assertThat(FIXTURE.now(empty).getStatus()).isEqualTo(HopStatus.HOP_STATUS_PENDING);
    }

    @Test
    void runsOneHopAndNotTheNext() {
        var mission = FIXTURE.mission();
        var hop = FIXTURE.hop(mission);
        var step = FIXTURE.step(hop, FIXTURE.tool());
        var next = FIXTURE.hop(mission);
        FIXTURE.step(next, step.getToolId());

        assertThat(run(hop).getRunning()).isTrue();
        assertThat(run(hop)).isEqualTo(FIXTURE.now(hop)); // again: nothing changes
        FIXTURE.complete(step, "{}");

        Eventually.see(() -> FIXTURE.now(hop), now -> now.getStatus() == HopStatus.HOP_STATUS_COMPLETED);
        assertThat(FIXTURE.now(next).getStatus()).isEqualTo(HopStatus.HOP_STATUS_PENDING);
        assertThat(FIXTURE.now(mission)).satisfies(now -> {
            assertThat(now.getStatus()).isEqualTo(MissionStatus.MISSION_STATUS_READY_TO_DESIGN);
            assertThat(now.getRunning()).isFalse();
        });
    }

    @Test
    void takesOverAHopWhoseStepIsAtWork() {
        var hop = FIXTURE.activeHop();
        var first = FIXTURE.step(hop, FIXTURE.tool());
        var second = FIXTURE.step(hop, first.getToolId());
        FIXTURE.execute(first);

        run(hop);

        assertThat(FIXTURE.now(first).getAttempt()).isEqualTo(1);
        FIXTURE.complete(first, "{}");
        FIXTURE.await(second, TOOL_STEP_STATUS_RUNNING);
    }

    @Test
    void goesOnFromAHopWhoseStepsWereExecutedOneByOne() {
        var mission = FIXTURE.mission();
        var hop = FIXTURE.hop(mission);
        var step = FIXTURE.step(hop, FIXTURE.tool());
        var next = FIXTURE.step(FIXTURE.hop(mission), step.getToolId());
        FIXTURE.hops()
                .startHop(StartHopRequest.newBuilder().setHopId(hop.getHopId()).build());
        FIXTURE.execute(step);
        FIXTURE.complete(step, "{}");
        FIXTURE.await(step, TOOL_STEP_STATUS_COMPLETED);

        var running = run(mission);

        assertThat(running.getCurrentHopId()).isEqualTo(next.getHopId());
        assertThat(running).isEqualTo(FIXTURE.now(mission));
        assertThat(FIXTURE.now(hop).getStatus()).isEqualTo(HopStatus.HOP_STATUS_COMPLETED);
        FIXTURE.await(next, TOOL_STEP_STATUS_RUNNING);
    }

    @Test
    void followsACancelledStepWithTheNextAndEndsTheHopAfterTheLast() {
        var mission = FIXTURE.mission();
        var hop = FIXTURE.hop(mission);
        var first = FIXTURE.step(hop, FIXTURE.tool());
        var second = FIXTURE.step(hop, first.getToolId());
        run(mission);

        cancel(first.getToolStepId());
        FIXTURE.await(second, TOOL_STEP_STATUS_RUNNING);
        cancel(second.getToolStepId());

        assertThat(FIXTURE.now(hop).getStatus()).isEqualTo(HopStatus.HOP_STATUS_COMPLETED);
        assertThat(FIXTURE.now(mission).getRunning()).isFalse();
    }

    @Test
    void endsWithItsHopAndHasTheOrderCancelled() {
        var mission = FIXTURE.mission();
        var hop = FIXTURE.hop(mission);
        var first = FIXTURE.step(hop, FIXTURE.tool());
        var second = FIXTURE.step(hop, first.getToolId());
        run(mission);
        FIXTURE.awaitOrder(first);

        FIXTURE.hops()
                .failHop(FailHopRequest.newBuilder()
                        .setHopId(hop.getHopId())
                        .setReason("wrong way")
                        .build());

        assertThat(FIXTURE.now(first).getStatus()).isEqualTo(TOOL_STEP_STATUS_CANCELLED);
        assertThat(FIXTURE.now(second).getStatus()).isEqualTo(TOOL_STEP_STATUS_CANCELLED);
        assertThat(FIXTURE.now(mission).getRunning()).isFalse();
        Eventually.see(
                () -> FIXTURE.agent().ordersOf(first.getToolStepId()),
                orders -> orders.getFirst().getStatus().name().endsWith("CANCELLED"));
    }

    @Test
    void refusesToRunWhatHasNothingToRun() {
        var mission = FIXTURE.mission();
        fails(() -> run(mission))
                .with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_NOTHING_TO_RUN)
                .metadata("resource", "mission")
                .metadata("id", mission.getMissionId());
        var hop = FIXTURE.hop(mission);
        fails(() -> run(mission)).with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_NOTHING_TO_RUN);
        fails(() -> run(hop))
                .with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_NOTHING_TO_RUN)
                .metadata("resource", "hop")
                .metadata("id", hop.getHopId());
        assertThat(FIXTURE.now(hop).getStatus()).isEqualTo(HopStatus.HOP_STATUS_PENDING);
        assertThat(FIXTURE.now(mission)).isEqualTo(mission);
    }

    @Test
    void refusesToRunWhatCannotBeginAndKeepsWhy() {
        var mission = FIXTURE.mission();
        var hop = FIXTURE.hop(mission);
        var tool = FIXTURE.tool();
        var step = FIXTURE.step(hop, tool);
        assertThat(step.getValidationErrorsList()).isEmpty();
        FIXTURE.putTool(tool, "{\"required\": [\"path\"]}", "{}"); // from now on

        fails(() -> run(hop))
                .with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_STEP_INVALID)
                .metadata("tool_step_id", step.getToolStepId())
                .metadata("error_count", 1)
                .precondition("parameter_mapping.path");
        fails(() -> run(mission)).with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_STEP_INVALID);

        assertThat(FIXTURE.now(hop).getStatus()).isEqualTo(HopStatus.HOP_STATUS_PENDING);
        assertThat(FIXTURE.now(step).getValidationErrorsList())
                .singleElement()
                .satisfies(error -> assertThat(error.getField()).isEqualTo("parameter_mapping.path"));
    }

    @Test
    void beginsWithTheFirstPendingHop() {
        var mission = FIXTURE.mission();
        var hop = FIXTURE.hop(mission);
        var step = FIXTURE.step(hop, FIXTURE.tool());
        FIXTURE.hops()
                .startHop(StartHopRequest.newBuilder().setHopId(hop.getHopId()).build());
        cancel(step.getToolStepId());
        FIXTURE.hops()
                .completeHop(
                        CompleteHopRequest.newBuilder().setHopId(hop.getHopId()).build());
        var next = FIXTURE.step(FIXTURE.hop(mission, true), step.getToolId());

        run(mission);
        FIXTURE.complete(next, "{}");

        awaitQa(mission);
    }

    private static Mission run(Mission mission) {
        return FIXTURE.missions()
                .runMission(RunMissionRequest.newBuilder()
                        .setMissionId(mission.getMissionId())
                        .build())
                .getMission();
    }

    private static Hop run(Hop hop) {
        return FIXTURE.hops()
                .runHop(RunHopRequest.newBuilder().setHopId(hop.getHopId()).build())
                .getHop();
    }

    private static void cancel(String stepId) {
        FIXTURE.steps()
                .cancelToolStep(
                        CancelToolStepRequest.newBuilder().setToolStepId(stepId).build());
    }

    private static void awaitQa(Mission mission) {
        Eventually.see(() -> FIXTURE.now(mission), now -> now.getStatus() == MissionStatus.MISSION_STATUS_QA);
    }
}
