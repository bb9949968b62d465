package dev.sortie.mission.work;

import static dev.sortie.mission.v1.ToolStepStatus.TOOL_STEP_STATUS_COMPLETED;
import static dev.sortie.mission.v1.ToolStepStatus.TOOL_STEP_STATUS_FAILED;
import static dev.sortie.mission.v1.ToolStepStatus.TOOL_STEP_STATUS_PENDING;
import static dev.sortie.mission.v1.ToolStepStatus.TOOL_STEP_STATUS_RUNNING;
import static dev.sortie.runtime.testing.StatusAssert.fails;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.FieldMask;
import dev.sortie.mission.MoveChains;
import dev.sortie.mission.v1.CancelHopRequest;
import dev.sortie.mission.v1.CancelMissionRequest;
import dev.sortie.mission.v1.CancelToolStepRequest;
import dev.sortie.mission.v1.CreateHopRequest;
import dev.sortie.mission.v1.DeleteHopRequest;
import dev.sortie.mission.v1.DeleteMissionRequest;
import dev.sortie.mission.v1.DeleteToolStepRequest;
import dev.sortie.mission.v1.ErrorReason;
import dev.sortie.mission.v1.Hop;
import dev.sortie.mission.v1.HopStatus;
import dev.sortie.mission.v1.ListMissionMovesRequest;
import dev.sortie.mission.v1.Mission;
import dev.sortie.mission.v1.MissionServiceGrpc;
import dev.sortie.mission.v1.MissionStatus;
import dev.sortie.mission.v1.PausePoint;
import dev.sortie.mission.v1.RunHopRequest;
import dev.sortie.mission.v1.RunMissionRequest;
import dev.sortie.mission.v1.RunState;
import dev.sortie.mission.v1.StartHopRequest;
import dev.sortie.mission.v1.ToolStep;
import dev.sortie.mission.v1.UndeleteMissionRequest;
import dev.sortie.mission.v1.UpdateHopRequest;
import dev.sortie.mission.v1.UpdateToolStepRequest;
import io.grpc.Status.Code;
import io.grpc.StatusRuntimeException;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Runs that wait for a person. */
class PauseTest {
    @AutoClose
    private static final StepFixture FIXTURE = StepFixture.start();

    @AfterAll
    static void everyChainOfMovesIsWhole() throws SQLException {
        MoveChains.assertWhole(FIXTURE.service().database());
    }

    @Test
    void waitsBeforeAMarkedHopUntilTheMissionIsRunAgain() throws SQLException {
        var mission = FIXTURE.mission();
        var first = FIXTURE.hop(mission);
        var second = mark(FIXTURE.hop(mission, true));
        var one = FIXTURE.step(first, FIXTURE.tool());
        var two = FIXTURE.step(second, one.getToolId());
        assertThat(run(mission).getRunState()).isEqualTo(RunState.RUN_STATE_RUNNING);
        FIXTURE.complete(one, "{}");

        var waiting = awaitPause(mission);
        assertThat(waiting.getRunning()).isFalse();
        assertThat(waiting.getStatus()).isEqualTo(MissionStatus.MISSION_STATUS_READY_TO_DESIGN);
        assertThat(waiting.getPause())
                .isEqualTo(PausePoint.newBuilder()
                        .setHopId(second.getHopId())
                        .setPauseTime(waiting.getUpdateTime())
                        .build());
        assertThat(FIXTURE.now(second).getStatus()).isEqualTo(HopStatus.HOP_STATUS_PENDING);
        assertThat(lastChange(mission.getMissionId())).contains("PAUSED").contains(second.getHopId());

        var resumed = MissionServiceGrpc.newBlockingStub(FIXTURE.service().admin())
                .runMission(RunMissionRequest.newBuilder()
                        .setMissionId(mission.getMissionId())
                        .setReason("looks good")
                        .build())
                .getMission();
        assertThat(resumed.getRunState()).isEqualTo(RunState.RUN_STATE_RUNNING);
        assertThat(resumed.hasPause()).isFalse();
        assertThat(FIXTURE.missions()
                        .listMissionMoves(ListMissionMovesRequest.newBuilder()
                                .setMissionId(mission.getMissionId())
                                .setResourceId(second.getHopId())
                                .build())
                        .getMoves(0))
                .satisfies(move -> {
                    assertThat(move.getReason()).isEqualTo("the mission was run: looks good");
                    assertThat(move.getActor()).isNotEqualTo("mission-service");
                });
        FIXTURE.complete(two, "{}");
        Eventually.see(() -> FIXTURE.now(mission), now -> now.getStatus() == MissionStatus.MISSION_STATUS_QA);
    }

    @Test
    void waitsBeforeAMarkedStepUntilTheMissionIsRunAgain() {
        var mission = FIXTURE.mission();
        var hop = FIXTURE.hop(mission, true);
        var one = FIXTURE.step(hop, FIXTURE.tool());
        var two = mark(FIXTURE.step(hop, one.getToolId()));
        run(mission);
        FIXTURE.complete(one, "{}");

        var waiting = awaitPause(mission);
        assertThat(waiting.getStatus()).isEqualTo(MissionStatus.MISSION_STATUS_ACTIVE);
        assertThat(waiting.getPause().getHopId()).isEqualTo(hop.getHopId());
        assertThat(waiting.getPause().getToolStepId()).isEqualTo(two.getToolStepId());
        assertThat(FIXTURE.now(hop)).satisfies(seen -> {
            assertThat(seen.getStatus()).isEqualTo(HopStatus.HOP_STATUS_ACTIVE);
            assertThat(seen.getRunState()).isEqualTo(RunState.RUN_STATE_PAUSED);
            assertThat(seen.getPause()).isEqualTo(waiting.getPause());
        });
        assertThat(FIXTURE.now(two).getStatus()).isEqualTo(TOOL_STEP_STATUS_PENDING);

        assertThat(run(mission).getRunState()).isEqualTo(RunState.RUN_STATE_RUNNING);
        assertThat(FIXTURE.now(hop).getRunState()).isEqualTo(RunState.RUN_STATE_RUNNING);
        FIXTURE.complete(two, "{}");
        Eventually.see(() -> FIXTURE.now(mission), now -> now.getStatus() == MissionStatus.MISSION_STATUS_QA);
    }

    @Test
    void waitsBeforeTheVeryFirstHopAndStepToo() {
        var mission = FIXTURE.mission();
        var hop = mark(FIXTURE.hop(mission, true));
        var step = mark(FIXTURE.step(hop, FIXTURE.tool()));

        var beforeHop = run(mission);
        assertThat(beforeHop.getRunState()).isEqualTo(RunState.RUN_STATE_PAUSED);
        assertThat(beforeHop.getPause().getHopId()).isEqualTo(hop.getHopId());
        assertThat(beforeHop.getPause().getToolStepId()).isEmpty();
        var beforeStep = run(mission);
        assertThat(beforeStep.getRunState()).isEqualTo(RunState.RUN_STATE_PAUSED);
        assertThat(beforeStep.getPause().getToolStepId()).isEqualTo(step.getToolStepId());
        assertThat(FIXTURE.now(step).getStatus()).isEqualTo(TOOL_STEP_STATUS_PENDING);

        assertThat(run(mission).getRunState()).isEqualTo(RunState.RUN_STATE_RUNNING);
        assertThat(FIXTURE.now(step).getStatus()).isEqualTo(TOOL_STEP_STATUS_RUNNING);
    }

    @Test
    void letsAPausedMissionGoOnWhenTheHopIsRunThatItWaitsAt() {
        var mission = FIXTURE.mission();
        var first = mark(FIXTURE.hop(mission));
        var second = FIXTURE.hop(mission, true);
        var one = mark(FIXTURE.step(first, FIXTURE.tool()));
        var two = FIXTURE.step(second, one.getToolId());
        run(mission);

        assertThat(run(first).getRunState()).isEqualTo(RunState.RUN_STATE_PAUSED); // now before the step
        assertThat(FIXTURE.now(mission).getPause().getToolStepId()).isEqualTo(one.getToolStepId());
        assertThat(run(first).getRunState()).isEqualTo(RunState.RUN_STATE_RUNNING);
        assertThat(FIXTURE.now(mission).getRunState()).isEqualTo(RunState.RUN_STATE_RUNNING);
        FIXTURE.complete(one, "{}");
        FIXTURE.await(two, TOOL_STEP_STATUS_RUNNING);
    }

    @Test
    void pausesAHopThatRunsAlone() {
        var mission = FIXTURE.mission();
        var hop = mark(FIXTURE.hop(mission)); // which stops runs of the mission, not of the hop
        var one = FIXTURE.step(hop, FIXTURE.tool());
        var two = mark(FIXTURE.step(hop, one.getToolId()));
        assertThat(run(hop).getRunState()).isEqualTo(RunState.RUN_STATE_RUNNING);
        FIXTURE.complete(one, "{}");

        Eventually.see(() -> FIXTURE.now(hop), now -> now.getRunState() == RunState.RUN_STATE_PAUSED);
        assertThat(FIXTURE.now(mission).getRunState()).isEqualTo(RunState.RUN_STATE_IDLE);
        assertThat(run(hop).getRunState()).isEqualTo(RunState.RUN_STATE_RUNNING);
        assertThat(FIXTURE.now(two).getStatus()).isEqualTo(TOOL_STEP_STATUS_RUNNING);
    }

    @Test
    void staysPausedWhenTheNextStepCannotBegin() {
        var mission = FIXTURE.mission();
        var hop = FIXTURE.hop(mission);
        var step = mark(FIXTURE.step(hop, "no-such-tool"));
        run(mission);
        fails(() -> run(mission)).with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_STEP_INVALID);
        assertThat(FIXTURE.now(mission).getPause().getToolStepId()).isEqualTo(step.getToolStepId());
    }

    /** What a person may do by hand with what a run waits before. */
    enum ByHand {
        EXECUTE_STEP((hop, step) -> FIXTURE.execute(step)),
        CANCEL_STEP((hop, step) -> FIXTURE.steps()
                .cancelToolStep(CancelToolStepRequest.newBuilder()
                        .setToolStepId(step.getToolStepId())
                        .build())),
        DELETE_STEP((hop, step) -> FIXTURE.steps()
                .deleteToolStep(DeleteToolStepRequest.newBuilder()
                        .setToolStepId(step.getToolStepId())
                        .build())),
        CANCEL_ACTIVE_HOP((hop, step) -> FIXTURE.hops()
                .cancelHop(
                        CancelHopRequest.newBuilder().setHopId(hop.getHopId()).build()));

        private final java.util.function.BiConsumer<Hop, ToolStep> deed;

        ByHand(java.util.function.BiConsumer<Hop, ToolStep> deed) {
            this.deed = deed;
        }
    }

    @ParameterizedTest
    @EnumSource(ByHand.class)
    void waitsNoLongerForAStepThatAPersonSeesTo(ByHand way) {
        var mission = FIXTURE.mission();
        var hop = FIXTURE.hop(mission);
        var step = mark(FIXTURE.step(hop, FIXTURE.tool()));
        run(mission);
        way.deed.accept(hop, step);
        assertIdle(mission);
        assertThat(FIXTURE.now(hop).getRunState()).isEqualTo(RunState.RUN_STATE_IDLE);
        assertThat(FIXTURE.now(hop).hasPause()).isFalse();
    }

    @Test
    void waitsNoLongerForAHopThatAPersonSeesTo() {
        List<Consumer<Hop>> ways = List.of(
                hop -> FIXTURE.hops()
                        .startHop(StartHopRequest.newBuilder()
                                .setHopId(hop.getHopId())
                                .build()),
                hop -> FIXTURE.hops()
                        .cancelHop(CancelHopRequest.newBuilder()
                                .setHopId(hop.getHopId())
                                .build()),
                hop -> FIXTURE.hops()
                        .deleteHop(DeleteHopRequest.newBuilder()
                                .setHopId(hop.getHopId())
                                .build()),
                hop -> FIXTURE.missions()
                        .cancelMission(CancelMissionRequest.newBuilder()
                                .setMissionId(hop.getMissionId())
                                .build()));
        for (var way : ways) {
            var mission = FIXTURE.mission();
            var hop = mark(FIXTURE.hop(mission));
            run(mission);
            way.accept(hop);
            assertIdle(mission);
        }
    }

    @Test
    void endsThePauseOfAMissionThatIsHidden() {
        var mission = FIXTURE.mission();
        var hop = FIXTURE.hop(mission);
        mark(FIXTURE.step(hop, FIXTURE.tool()));
        run(mission);
        FIXTURE.missions()
                .deleteMission(DeleteMissionRequest.newBuilder()
                        .setMissionId(mission.getMissionId())
                        .build());
        FIXTURE.missions()
                .undeleteMission(UndeleteMissionRequest.newBuilder()
                        .setMissionId(mission.getMissionId())
                        .build());
        assertIdle(mission);
        assertThat(FIXTURE.now(hop).getRunState()).isEqualTo(RunState.RUN_STATE_IDLE);
    }

    @Test
    void refusesAMarkOnWhatHasBegun() {
        var hop = FIXTURE.activeHop();
        var step = FIXTURE.step(hop, FIXTURE.tool());
        FIXTURE.execute(step);
        FIXTURE.agent().fail(FIXTURE.awaitOrder(step), "no");
        FIXTURE.await(step, TOOL_STEP_STATUS_FAILED);
        fails(() -> mark(hop))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_NOT_CHANGEABLE)
                .metadata("state", "ACTIVE");
        fails(() -> mark(step))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_NOT_CHANGEABLE)
                .metadata("state", "FAILED");
    }

    @Test
    void keepsAMarkThatIsSetWithTheHop() {
        var mission = FIXTURE.mission();
        var hop = FIXTURE.hops()
                .createHop(CreateHopRequest.newBuilder()
                        .setHop(Hop.newBuilder()
                                .setMissionId(mission.getMissionId())
                                .setName("marked")
                                .setPauseBefore(true))
                        .build())
                .getHop();
        assertThat(FIXTURE.now(hop).getPauseBefore()).isTrue();
        var step = FIXTURE.create(FIXTURE.step(hop).setToolId(FIXTURE.tool()).setPauseBefore(true));
        assertThat(FIXTURE.now(step).getPauseBefore()).isTrue();
    }

    /**
     * Somebody marks the next step while the one before completes: either they are told that it is too late, or the run
     * stops before it.
     */
    @RepeatedTest(10)
    void neverPassesAMarkThatWasSetInTime() throws Exception {
        var mission = FIXTURE.mission();
        var hop = FIXTURE.hop(mission, true);
        var one = FIXTURE.step(hop, FIXTURE.tool());
        var two = FIXTURE.step(hop, one.getToolId());
        run(mission);
        FIXTURE.awaitOrder(one);
        boolean marked = atOnce(() -> FIXTURE.complete(one, "{}"), () -> mark(two));

        FIXTURE.await(one, TOOL_STEP_STATUS_COMPLETED);
        if (marked) {
            assertThat(awaitPause(mission).getPause().getToolStepId()).isEqualTo(two.getToolStepId());
            assertThat(FIXTURE.now(two).getStatus()).isEqualTo(TOOL_STEP_STATUS_PENDING);
            assertThat(FIXTURE.agent().ordersOf(two.getToolStepId())).isEmpty();
        } else {
            FIXTURE.await(two, TOOL_STEP_STATUS_RUNNING);
            assertThat(FIXTURE.now(mission).getRunState()).isEqualTo(RunState.RUN_STATE_RUNNING);
        }
    }

    @RepeatedTest(5)
    void neverPassesAMarkedHopThatWasMarkedInTime() throws Exception {
        var mission = FIXTURE.mission();
        var first = FIXTURE.hop(mission);
        var second = FIXTURE.hop(mission, true);
        var one = FIXTURE.step(first, FIXTURE.tool());
        var two = FIXTURE.step(second, one.getToolId());
        run(mission);
        FIXTURE.awaitOrder(one);
        boolean marked = atOnce(() -> FIXTURE.complete(one, "{}"), () -> mark(second));
        if (marked) {
            assertThat(awaitPause(mission).getPause().getHopId()).isEqualTo(second.getHopId());
            assertThat(FIXTURE.now(second).getStatus()).isEqualTo(HopStatus.HOP_STATUS_PENDING);
        } else {
            FIXTURE.await(two, TOOL_STEP_STATUS_RUNNING);
        }
    }

    @Test
    void passesAPauseOnceHoweverManyRunTheMission() throws Exception {
        var mission = FIXTURE.mission();
        var hop = FIXTURE.hop(mission, true);
        var one = mark(FIXTURE.step(hop, FIXTURE.tool()));
        var two = mark(FIXTURE.step(hop, one.getToolId()));
        run(mission);
        var start = new CountDownLatch(1);
        try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            var calls = new ArrayList<Future<Mission>>();
            for (int i = 0; i < 50; i++) {
                calls.add(threads.submit(() -> {
                    start.await();
                    return run(mission);
                }));
            }
            start.countDown();
            for (var call : calls) {
                assertThat(call.get().getRunState()).isEqualTo(RunState.RUN_STATE_RUNNING);
            }
        }
        FIXTURE.complete(one, "{}");
        assertThat(awaitPause(mission).getPause().getToolStepId()).isEqualTo(two.getToolStepId());
        assertThat(FIXTURE.agent().ordersOf(one.getToolStepId())).hasSize(1);
    }

    /** Does both at the same moment; false when the second was refused as too late. */
    private static boolean atOnce(Runnable completion, Runnable marking) throws Exception {
        var start = new CountDownLatch(1);
        try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            var completes = threads.submit(() -> {
                start.await();
                completion.run();
                return true;
            });
            var marks = threads.submit(() -> {
                start.await();
                try {
                    marking.run();
                    return true;
                } catch (StatusRuntimeException late) {
                    assertThat(late.getStatus().getCode()).isEqualTo(Code.FAILED_PRECONDITION);
                    return false;
                }
            });
            start.countDown();
            completes.get();
            return marks.get();
        }
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

    private static Hop mark(Hop hop) {
        return FIXTURE.hops()
                .updateHop(UpdateHopRequest.newBuilder()
                        .setHop(Hop.newBuilder().setHopId(hop.getHopId()).setPauseBefore(true))
                        .setUpdateMask(FieldMask.newBuilder().addPaths("pause_before"))
                        .build())
                .getHop();
    }

    private static ToolStep mark(ToolStep step) {
        return FIXTURE.steps()
                .updateToolStep(UpdateToolStepRequest.newBuilder()
                        .setToolStep(ToolStep.newBuilder()
                                .setToolStepId(step.getToolStepId())
                                .setPauseBefore(true))
                        .setUpdateMask(FieldMask.newBuilder().addPaths("pause_before"))
                        .build())
                .getToolStep();
    }

    private static Mission awaitPause(Mission mission) {
        return Eventually.see(() -> FIXTURE.now(mission), now -> now.getRunState() == RunState.RUN_STATE_PAUSED);
    }

    private static void assertIdle(Mission mission) {
        assertThat(FIXTURE.now(mission)).satisfies(seen -> {
            assertThat(seen.getRunState()).isEqualTo(RunState.RUN_STATE_IDLE);
            assertThat(seen.hasPause()).isFalse();
        });
    }

    private static String lastChange(String id) throws SQLException {
        try (var connection = FIXTURE.service().database().connectAsOwner();
                var statement = connection.createStatement();
                var rows = statement.executeQuery("SELECT attributes::text FROM change_log WHERE resource_id = '" + id
                        + "' ORDER BY xid DESC, seq DESC LIMIT 1")) {
            rows.next();
            return rows.getString(1);
        }
    }
}
