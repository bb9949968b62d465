package dev.sortie.mission.work;

import static dev.sortie.mission.v1.TaskStatus.TASK_STATUS_COMPLETED;
import static dev.sortie.mission.v1.TaskStatus.TASK_STATUS_FAILED;
import static dev.sortie.mission.v1.TaskStatus.TASK_STATUS_IN_PROGRESS;
import static dev.sortie.mission.v1.TaskStatus.TASK_STATUS_QUEUED;
import static dev.sortie.mission.work.PlanFixture.newTask;
import static dev.sortie.mission.work.StepFixture.struct;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.agent.v1.WorkOrderStatus;
import dev.sortie.mission.v1.CancelTaskRequest;
import dev.sortie.mission.v1.ScalingStrategy;
import java.time.Duration;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Whatever stops between any two things that happen to a task, nothing is lost and nothing happens twice. */
class TaskCrashTest {

    /** Where mission-service stops for good, and another one starts in its place. */
    enum Moment {
        AFTER_THE_COMMIT_AND_BEFORE_THE_ORDER,
        AFTER_THE_ORDER_AND_BEFORE_ITS_ID_IS_NOTED,
        AFTER_THE_CLAIM_AND_BEFORE_IT_IS_HEARD_OF,
        WHILE_THE_WORKER_WORKS,
        AFTER_THE_RESULT_AND_BEFORE_IT_IS_HEARD_OF,
        AFTER_THE_RESULT_IS_APPLIED_AND_BEFORE_THE_CURSOR
    }

    @ParameterizedTest
    @EnumSource(Moment.class)
    void finishesThePlanWithOneOrderATask(Moment moment) {
        try (var fixture = PlanFixture.start()) {
            var plan = fixture.create(fixture.newPlan());
            var first = fixture.task(plan);
            var second = fixture.task(plan);
            fixture.block(second, first);
            var worker = UUID.randomUUID().toString();

            switch (moment) {
                case AFTER_THE_COMMIT_AND_BEFORE_THE_ORDER -> {
                    fixture.agent().down();
                    fixture.activate(plan);
                    fixture.stopService();
                    fixture.agent().up();
                    fixture.startService();
                }
                case AFTER_THE_ORDER_AND_BEFORE_ITS_ID_IS_NOTED -> {
                    fixture.agent().keepAnswersBack(true);
                    fixture.activate(plan);
                    Eventually.see(() -> fixture.agent().ordersOfTask(first.getTaskId()), orders -> !orders.isEmpty());
                    fixture.stopService();
                    fixture.agent().keepAnswersBack(false);
                    fixture.startService();
                }
                case AFTER_THE_CLAIM_AND_BEFORE_IT_IS_HEARD_OF -> {
                    fixture.activate(plan);
                    var order = fixture.awaitOrder(first);
                    fixture.stopService();
                    fixture.agent().claim(order, worker);
                    fixture.startService();
                    fixture.await(first, TASK_STATUS_IN_PROGRESS);
                }
                case WHILE_THE_WORKER_WORKS -> {
                    fixture.activate(plan);
                    fixture.agent().claim(fixture.awaitOrder(first), worker);
                    fixture.await(first, TASK_STATUS_IN_PROGRESS);
                    fixture.stopService();
                    fixture.startService();
                }
                case AFTER_THE_RESULT_AND_BEFORE_IT_IS_HEARD_OF -> {
                    fixture.activate(plan);
                    var order = fixture.awaitOrder(first);
                    fixture.stopService();
                    fixture.agent().claim(order, worker);
                    fixture.agent().complete(order, struct("{\"report\": 1}"));
                    fixture.startService();
                }
                case AFTER_THE_RESULT_IS_APPLIED_AND_BEFORE_THE_CURSOR -> {
                    fixture.activate(plan);
                    var order = fixture.awaitOrder(first);
                    fixture.agent().complete(order, struct("{\"report\": 1}"));
                    fixture.await(first, TASK_STATUS_COMPLETED);
                    fixture.stopService();
                    fixture.service().database().execute("DELETE FROM feed_cursors", """
                            INSERT INTO feed_cursors (feed, cursor, updated_at)
                            VALUES ('agent-service/work_order', 'first:0', now())
                            """);
                    fixture.startService();
                }
            }
            // What was under way when the service stopped is taken up when its claim has run out.
            fixture.service().clock().advance(Duration.ofMinutes(1));
            if (moment.compareTo(Moment.AFTER_THE_RESULT_AND_BEFORE_IT_IS_HEARD_OF) < 0) {
                fixture.complete(first, "{\"report\": 1}");
            }
            fixture.await(first, TASK_STATUS_COMPLETED);
            fixture.complete(second, "{}");

            fixture.await(second, TASK_STATUS_COMPLETED);
            for (var task : new dev.sortie.mission.v1.Task[] {first, second}) {
                assertThat(fixture.now(task).getAttempt()).isEqualTo(1);
                assertThat(fixture.agent().ordersOfTask(task.getTaskId())).hasSize(1);
            }
            assertThat(fixture.now(first).getResult()).isEqualTo(struct("{\"report\": 1}"));
            Eventually.see(fixture::outboxSize, size -> size == 0);
        }
    }

    @Test
    void takesAClaimAndAResultThatComeBeforeTheIdOfTheirOrderIsKnown() {
        try (var fixture = PlanFixture.start()) {
            fixture.agent().keepAnswersBack(true);
            var task = fixture.queuedTask();
            var order = Eventually.see(
                            () -> fixture.agent().ordersOfTask(task.getTaskId()), orders -> !orders.isEmpty())
                    .getFirst()
                    .getWorkOrderId();

            fixture.agent().claim(order, UUID.randomUUID().toString());
            assertThat(fixture.await(task, TASK_STATUS_IN_PROGRESS).getWorkOrderId())
                    .isEqualTo(order);
            fixture.agent().complete(order, struct("{}"));
            fixture.await(task, TASK_STATUS_COMPLETED);

            fixture.agent().keepAnswersBack(false);
            fixture.service().clock().advance(Duration.ofMinutes(1));
            Eventually.see(fixture::outboxSize, size -> size == 0);
            assertThat(fixture.now(task).getStatus()).isEqualTo(TASK_STATUS_COMPLETED);
            assertThat(fixture.agent().ordersOfTask(task.getTaskId())).hasSize(1);
        }
    }

    @Test
    void cancelsAnOrderThatMayOrMayNotHaveBeenPlaced() {
        try (var fixture = PlanFixture.start()) {
            fixture.agent().keepAnswersBack(true);
            var task = fixture.queuedTask();
            Eventually.see(() -> fixture.agent().ordersOfTask(task.getTaskId()), orders -> !orders.isEmpty());
            fixture.tasks()
                    .cancelTask(CancelTaskRequest.newBuilder()
                            .setTaskId(task.getTaskId())
                            .build());
            fixture.stopService();
            fixture.agent().keepAnswersBack(false);
            fixture.startService();
            fixture.service().clock().advance(Duration.ofMinutes(1));

            Eventually.see(
                    () -> fixture.agent().ordersOfTask(task.getTaskId()),
                    orders -> orders.size() == 1
                            && orders.getFirst().getStatus() == WorkOrderStatus.WORK_ORDER_STATUS_CANCELLED);
            Eventually.see(fixture::outboxSize, size -> size == 0);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"DELETE FROM feed_cursors", "UPDATE feed_cursors SET cursor = 'not one of yours'"})
    void findsWhatItMissedWhenItsCursorIsLost(String loss) {
        try (var fixture = PlanFixture.start()) {
            var completed = fixture.queuedTask();
            var claimed = fixture.queuedTask();
            var lost = fixture.queuedTask();
            var worker = UUID.randomUUID().toString();
            var completedOrder = fixture.awaitOrder(completed);
            var claimedOrder = fixture.awaitOrder(claimed);
            fixture.agent().claim(fixture.awaitOrder(lost), worker);
            fixture.await(lost, TASK_STATUS_IN_PROGRESS);
            var lostOrder = fixture.awaitOrder(lost);
            fixture.stopService();
            fixture.agent().complete(completedOrder, struct("{}"));
            fixture.agent().claim(claimedOrder, worker);
            fixture.agent().loseClaim(lostOrder);
            fixture.service().database().execute(loss);
            fixture.service().clock().advance(Duration.ofMinutes(1));

            fixture.startService();

            fixture.await(completed, TASK_STATUS_COMPLETED);
            assertThat(fixture.await(claimed, TASK_STATUS_IN_PROGRESS).getAssignedWorkerId())
                    .isEqualTo(worker);
            fixture.await(lost, TASK_STATUS_QUEUED);
        }
    }

    @Test
    void failsATaskWhoseOrderIsGone() {
        try (var fixture = PlanFixture.start()) {
            var task = fixture.queuedTask();
            var order = fixture.awaitOrder(task);
            fixture.agent().lose(order);
            fixture.stopService();
            fixture.startService(); // looks at once

            assertThat(fixture.await(task, TASK_STATUS_FAILED).getErrorMessage())
                    .contains(order)
                    .contains("does not exist");
        }
    }

    @Test
    void leavesTheWorkToTwoReplicasAsToOne() {
        try (var fixture = PlanFixture.start();
                var replica = fixture.service().startReplica()) {
            assertThat(replica.runtime().isReady()).isTrue();
            var plan = fixture.activePlan(ScalingStrategy.SCALING_STRATEGY_FIXED, 1);
            var before = fixture.task(plan);
            for (int i = 0; i < 10; i++) {
                var task = fixture.create(newTask().setPlanId(plan.getPlanId()));
                fixture.block(task, before);
                fixture.agent()
                        .claim(fixture.awaitOrder(before), UUID.randomUUID().toString());
                fixture.complete(before, "{\"step\": %d}".formatted(i));
                fixture.await(before, TASK_STATUS_COMPLETED);
                assertThat(fixture.agent().ordersOfTask(before.getTaskId())).hasSize(1);
                before = task;
            }
        }
    }
}
