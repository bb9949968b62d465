package dev.sortie.mission.work;

import static dev.sortie.mission.v1.ToolStepStatus.TOOL_STEP_STATUS_COMPLETED;
import static dev.sortie.mission.v1.ToolStepStatus.TOOL_STEP_STATUS_FAILED;
import static dev.sortie.mission.v1.ToolStepStatus.TOOL_STEP_STATUS_RUNNING;
import static dev.sortie.mission.work.StepFixture.into;
import static dev.sortie.mission.work.StepFixture.struct;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.agent.v1.WorkOrderStatus;
import dev.sortie.mission.v1.CancelToolStepRequest;
import dev.sortie.mission.v1.Mission;
import dev.sortie.mission.v1.MissionStatus;
import dev.sortie.mission.v1.RunMissionRequest;
import dev.sortie.mission.v1.ToolStep;
import io.grpc.Status;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Whatever stops between any two things that happen, nothing is lost and nothing happens twice. */
class CrashTest {

    /** Where mission-service stops for good, and another one starts in its place. */
    enum Moment {
        AFTER_THE_COMMIT_AND_BEFORE_THE_ORDER,
        AFTER_THE_ORDER_AND_BEFORE_ITS_ID_IS_NOTED,
        WHILE_THE_WORKER_WORKS,
        AFTER_THE_RESULT_AND_BEFORE_IT_IS_HEARD_OF,
        AFTER_THE_RESULT_IS_APPLIED_AND_BEFORE_THE_CURSOR
    }

    @ParameterizedTest
    @EnumSource(Moment.class)
    void finishesTheMissionWithOneOrderAStep(Moment moment) {
        try (var fixture = StepFixture.start()) {
            var mission = fixture.mission();
            var hop = fixture.hop(mission, true);
            var report = fixture.asset(hop);
            var first = fixture.create(
                    fixture.step(hop).setToolId(fixture.tool()).putResultMapping("report", into(report)));
            var second = fixture.step(hop, first.getToolId());

            switch (moment) {
                case AFTER_THE_COMMIT_AND_BEFORE_THE_ORDER -> {
                    fixture.agent().down();
                    run(fixture, mission);
                    fixture.stopService();
                    fixture.agent().up();
                    fixture.startService();
                }
                case AFTER_THE_ORDER_AND_BEFORE_ITS_ID_IS_NOTED -> {
                    fixture.agent().keepAnswersBack(true);
                    run(fixture, mission);
                    Eventually.see(() -> fixture.agent().ordersOf(first.getToolStepId()), orders -> !orders.isEmpty());
                    fixture.stopService();
                    fixture.agent().keepAnswersBack(false);
                    fixture.startService();
                    assertThat(fixture.now(first).getStatus()).isEqualTo(TOOL_STEP_STATUS_RUNNING);
                    assertThat(fixture.now(first).getWorkOrderId()).isEmpty();
                }
                case WHILE_THE_WORKER_WORKS -> {
                    run(fixture, mission);
                    fixture.awaitOrder(first);
                    fixture.stopService();
                    fixture.startService();
                }
                case AFTER_THE_RESULT_AND_BEFORE_IT_IS_HEARD_OF -> {
                    run(fixture, mission);
                    var order = fixture.awaitOrder(first);
                    fixture.stopService();
                    fixture.agent().complete(order, struct("{\"report\": 1}"));
                    fixture.startService();
                }
                case AFTER_THE_RESULT_IS_APPLIED_AND_BEFORE_THE_CURSOR -> {
                    run(fixture, mission);
                    var order = fixture.awaitOrder(first);
                    var cursor = fixture.cursor();
                    fixture.agent().complete(order, struct("{\"report\": 1}"));
                    fixture.await(first, TOOL_STEP_STATUS_COMPLETED);
                    fixture.stopService();
                    fixture.service().database().execute("UPDATE feed_cursors SET cursor = '" + cursor + "'");
                    fixture.startService();
                }
            }
            // What was under way when the service stopped is taken up when its claim has run out.
            fixture.service().clock().advance(Duration.ofMinutes(1));
            if (moment.compareTo(Moment.AFTER_THE_RESULT_AND_BEFORE_IT_IS_HEARD_OF) < 0) {
                fixture.complete(first, "{\"report\": 1}");
            }
            fixture.await(first, TOOL_STEP_STATUS_COMPLETED);
            fixture.complete(second, "{}");

            Eventually.see(() -> fixture.now(mission), now -> now.getStatus() == MissionStatus.MISSION_STATUS_QA);
            assertThat(fixture.now(first).getAttempt()).isEqualTo(1);
            assertThat(fixture.now(second).getAttempt()).isEqualTo(1);
            assertThat(fixture.now(report).getAssetMetadata().getVersion()).isEqualTo(1);
            assertThat(fixture.agent().ordersOf(first.getToolStepId())).hasSize(1);
            assertThat(fixture.agent().ordersOf(second.getToolStepId())).hasSize(1);
            Eventually.see(fixture::outboxSize, size -> size == 0);
        }
    }

    @Test
    void takesAResultThatComesBeforeTheIdOfItsOrderIsKnown() {
        try (var fixture = StepFixture.start()) {
            var step = fixture.step(fixture.activeHop(), fixture.tool());
            fixture.agent().keepAnswersBack(true);
            fixture.execute(step);
            var order = Eventually.see(() -> fixture.agent().ordersOf(step.getToolStepId()), all -> !all.isEmpty())
                    .getFirst()
                    .getWorkOrderId();

            fixture.agent().complete(order, struct("{}"));

            assertThat(fixture.await(step, TOOL_STEP_STATUS_COMPLETED).getWorkOrderId())
                    .isEqualTo(order);
            fixture.agent().keepAnswersBack(false);
            fixture.service().clock().advance(Duration.ofMinutes(1));
            Eventually.see(fixture::outboxSize, size -> size == 0);
            assertThat(fixture.now(step).getStatus()).isEqualTo(TOOL_STEP_STATUS_COMPLETED);
        }
    }

    @Test
    void cancelsAnOrderThatMayOrMayNotHaveBeenPlaced() {
        try (var fixture = StepFixture.start()) {
            var step = fixture.step(fixture.activeHop(), fixture.tool());
            fixture.agent().keepAnswersBack(true);
            fixture.execute(step);
            Eventually.see(() -> fixture.agent().ordersOf(step.getToolStepId()), orders -> !orders.isEmpty());

            fixture.steps()
                    .cancelToolStep(CancelToolStepRequest.newBuilder()
                            .setToolStepId(step.getToolStepId())
                            .build());
            fixture.stopService();
            fixture.agent().keepAnswersBack(false);
            fixture.startService();
            fixture.service().clock().advance(Duration.ofMinutes(1));

            Eventually.see(() -> fixture.agent().ordersOf(step.getToolStepId()), CrashTest::isOneAndCancelled);
            Eventually.see(fixture::outboxSize, size -> size == 0);
        }
    }

    @Test
    void tellsNothingOfAnOrderThatWasCancelledBeforeItWasSent() {
        try (var fixture = StepFixture.start()) {
            var step = fixture.step(fixture.activeHop(), fixture.tool());
            fixture.stopDispatching();
            fixture.execute(step);
            fixture.steps()
                    .cancelToolStep(CancelToolStepRequest.newBuilder()
                            .setToolStepId(step.getToolStepId())
                            .build());

            assertThat(fixture.outboxSize()).isZero();
            assertThat(fixture.agent().ordersOf(step.getToolStepId())).isEmpty();
        }
    }

    @Test
    void placesWhatWasAskedForWhileTheOtherServiceWasAway() {
        try (var fixture = StepFixture.start()) {
            fixture.agent().down();
            var steps = new ArrayList<ToolStep>();
            for (int i = 0; i < 5; i++) {
                var step = fixture.step(fixture.activeHop(), fixture.tool());
                assertThat(fixture.execute(step).getStatus()).isEqualTo(TOOL_STEP_STATUS_RUNNING);
                steps.add(step);
            }
            fixture.agent().up();

            for (var step : steps) {
                Eventually.see(
                        () -> {
                            fixture.service().clock().advance(Duration.ofMillis(50));
                            return fixture.now(step);
                        },
                        seen -> !seen.getWorkOrderId().isEmpty());
                fixture.complete(step, "{}");
                fixture.await(step, TOOL_STEP_STATUS_COMPLETED);
                assertThat(fixture.agent().ordersOf(step.getToolStepId())).hasSize(1);
            }
        }
    }

    @Test
    void givesUpOnAServiceThatFailsAtTheSameOrderAgainAndAgain() {
        try (var fixture = StepFixture.start()) {
            var step = fixture.step(fixture.activeHop(), fixture.tool());
            fixture.agent().refuse(Status.INTERNAL.withDescription("oops"), "ERROR_REASON_INTERNAL");
            fixture.execute(step);

            Eventually.see(
                    () -> {
                        fixture.service().clock().advance(Duration.ofSeconds(10));
                        return fixture.now(step);
                    },
                    seen -> seen.getStatus() == TOOL_STEP_STATUS_FAILED);

            assertThat(fixture.now(step).getErrorMessage()).contains("oops");
            assertThat(fixture.agent().placements()).isEqualTo(20);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"DELETE FROM feed_cursors", "UPDATE feed_cursors SET cursor = 'not one of yours'"})
    void findsWhatItMissedWhenItsCursorIsLost(String loss) {
        try (var fixture = StepFixture.start()) {
            var hop = fixture.activeHop();
            var step = fixture.step(hop, fixture.tool());
            fixture.execute(step);
            var order = fixture.awaitOrder(step);
            fixture.stopService();
            fixture.agent().complete(order, struct("{}"));
            fixture.service().database().execute(loss);
            fixture.service().clock().advance(Duration.ofMinutes(1));

            fixture.startService();

            fixture.await(step, TOOL_STEP_STATUS_COMPLETED);
        }
    }

    @Test
    void goesOnWhenTheFeedBeginsAnew() {
        try (var fixture = StepFixture.start()) {
            var first = fixture.step(fixture.activeHop(), fixture.tool());
            fixture.execute(first);
            fixture.complete(first, "{}");
            fixture.await(first, TOOL_STEP_STATUS_COMPLETED);
            fixture.agent().replaceLog();

            var second = fixture.step(fixture.activeHop(), first.getToolId());
            fixture.execute(second);
            var before = fixture.cursor();
            Eventually.see(fixture::cursor, cursor -> !cursor.equals(before) || cursor.startsWith("first+"));
            fixture.complete(second, "{}");

            fixture.await(second, TOOL_STEP_STATUS_COMPLETED);
        }
    }

    @Test
    void failsAStepWhoseOrderIsGone() {
        try (var fixture = StepFixture.start()) {
            var step = fixture.step(fixture.activeHop(), fixture.tool());
            fixture.execute(step);
            var order = fixture.awaitOrder(step);
            fixture.agent().lose(order);
            fixture.service().clock().advance(Duration.ofMinutes(1));
            fixture.stopService();
            fixture.startService(); // looks at once

            assertThat(fixture.await(step, TOOL_STEP_STATUS_FAILED).getErrorMessage())
                    .contains(order)
                    .contains("does not exist");
        }
    }

    @Test
    void asksForTheResultsOfFinishedOrdersOnlyWhenItLooksAtAll() {
        try (var fixture = StepFixture.start()) {
            var steps = new ArrayList<ToolStep>();
            var orders = new ArrayList<String>();
            for (int i = 0; i < 6; i++) {
                steps.add(fixture.execute(fixture.step(fixture.activeHop(), fixture.tool())));
                orders.add(fixture.awaitOrder(steps.getLast()));
            }
            fixture.stopService();
            fixture.agent().complete(orders.get(2), struct("{}"));
            fixture.agent().lose(orders.get(4));
            fixture.service().database().execute("DELETE FROM feed_cursors");
            fixture.service().clock().advance(Duration.ofMinutes(1));
            int before = fixture.agent().lookups();

            fixture.startService();

            fixture.await(steps.get(2), TOOL_STEP_STATUS_COMPLETED);
            fixture.await(steps.get(4), TOOL_STEP_STATUS_FAILED);
            // The job and the follower may both look: at the one that is finished, and at the one that is gone.
            assertThat(fixture.agent().lookups() - before).isBetween(2, 4);
            assertThat(fixture.now(steps.get(3)).getStatus()).isEqualTo(TOOL_STEP_STATUS_RUNNING);
        }
    }

    @Test
    void leavesTheWorkToTwoReplicasAsToOne() {
        try (var fixture = StepFixture.start();
                var replica = fixture.service().startReplica()) {
            assertThat(replica.runtime().isReady()).isTrue();
            var mission = fixture.mission();
            var hop = fixture.hop(mission, true);
            var report = fixture.asset(hop);
            var steps = new ArrayList<ToolStep>();
            for (int i = 0; i < 10; i++) {
                steps.add(fixture.create(
                        fixture.step(hop).setToolId(fixture.tool()).putResultMapping("report", into(report))));
            }
            run(fixture, mission);

            for (var step : steps) {
                fixture.complete(step, "{\"report\": 1}");
            }

            Eventually.see(() -> fixture.now(mission), now -> now.getStatus() == MissionStatus.MISSION_STATUS_QA);
            assertThat(fixture.now(report).getAssetMetadata().getVersion()).isEqualTo(10);
            for (var step : steps) {
                assertThat(fixture.agent().ordersOf(step.getToolStepId())).hasSize(1);
                assertThat(fixture.now(step).getAttempt()).isEqualTo(1);
            }
        }
    }

    private static boolean isOneAndCancelled(List<dev.sortie.agent.v1.WorkOrder> orders) {
        return orders.size() == 1 && orders.getFirst().getStatus() == WorkOrderStatus.WORK_ORDER_STATUS_CANCELLED;
    }

    private static void run(StepFixture fixture, Mission mission) {
        fixture.missions()
                .runMission(RunMissionRequest.newBuilder()
                        .setMissionId(mission.getMissionId())
                        .build());
    }
}
