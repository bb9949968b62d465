package dev.sortie.mission.work;

import static dev.sortie.mission.v1.TaskStatus.TASK_STATUS_BLOCKED;
import static dev.sortie.mission.v1.TaskStatus.TASK_STATUS_CANCELLED;
import static dev.sortie.mission.v1.TaskStatus.TASK_STATUS_COMPLETED;
import static dev.sortie.mission.v1.TaskStatus.TASK_STATUS_PENDING;
import static dev.sortie.mission.v1.TaskStatus.TASK_STATUS_QUEUED;
import static dev.sortie.mission.work.PlanFixture.newTask;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.FieldMask;
import com.google.protobuf.Timestamp;
import dev.sortie.agent.v1.WorkOrderStatus;
import dev.sortie.mission.v1.CancelPlanRequest;
import dev.sortie.mission.v1.CancelTaskRequest;
import dev.sortie.mission.v1.DeletePlanRequest;
import dev.sortie.mission.v1.DeleteProjectRequest;
import dev.sortie.mission.v1.ErrorReason;
import dev.sortie.mission.v1.PausePlanRequest;
import dev.sortie.mission.v1.PermissionLevel;
import dev.sortie.mission.v1.Plan;
import dev.sortie.mission.v1.ScalingStrategy;
import dev.sortie.mission.v1.Task;
import dev.sortie.mission.v1.TaskStatus;
import dev.sortie.mission.v1.UndeletePlanRequest;
import dev.sortie.mission.v1.UndeleteProjectRequest;
import dev.sortie.mission.v1.UpdatePlanRequest;
import dev.sortie.runtime.testing.StatusAssert;
import dev.sortie.type.v1.Priority;
import io.grpc.Status;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** An ACTIVE plan keeps as many of its ready tasks dispatched as its scaling strategy says. */
class PlanSchedulingTest {
    @AutoClose
    private static final PlanFixture FIXTURE = PlanFixture.start();

    @Test
    void keepsAsManyTasksDispatchedAsItHasAgents() {
        var plan = FIXTURE.activePlan(ScalingStrategy.SCALING_STRATEGY_FIXED, 2);
        var tasks = tasks(plan, 5);
        assertThat(statuses(tasks))
                .containsExactly(
                        TASK_STATUS_QUEUED,
                        TASK_STATUS_QUEUED,
                        TASK_STATUS_PENDING,
                        TASK_STATUS_PENDING,
                        TASK_STATUS_PENDING);

        FIXTURE.complete(tasks.get(0), "{}");
        FIXTURE.await(tasks.get(2), TASK_STATUS_QUEUED);
        FIXTURE.fail(tasks.get(1), "no");
        FIXTURE.await(tasks.get(3), TASK_STATUS_QUEUED);
        FIXTURE.tasks()
                .cancelTask(CancelTaskRequest.newBuilder()
                        .setTaskId(tasks.get(2).getTaskId())
                        .build());

        assertThat(FIXTURE.now(tasks.get(4)).getStatus()).isEqualTo(TASK_STATUS_QUEUED);
    }

    @Test
    void dispatchesWhatMattersMostThenWhatIsDueFirstThenWhatIsOldest() {
        var plan = FIXTURE.create(FIXTURE.newPlan().setAgentCount(1));
        var old = FIXTURE.create(newTask().setPlanId(plan.getPlanId()));
        var young = FIXTURE.create(newTask().setPlanId(plan.getPlanId()));
        var due = FIXTURE.create(newTask()
                .setPlanId(plan.getPlanId())
                .setDeadline(Timestamp.newBuilder().setSeconds(4_000_000_000L)));
        var critical = FIXTURE.create(newTask().setPlanId(plan.getPlanId()).setPriority(Priority.PRIORITY_CRITICAL));
        var low = FIXTURE.create(newTask().setPlanId(plan.getPlanId()).setPriority(Priority.PRIORITY_LOW));
        assertThat(FIXTURE.count(plan, TASK_STATUS_PENDING)).as("of a draft").isEqualTo(5);

        FIXTURE.activate(plan);
        for (var next : List.of(critical, due, old, young, low)) {
            FIXTURE.await(next, TASK_STATUS_QUEUED);
            assertThat(FIXTURE.count(plan, TASK_STATUS_QUEUED)).isEqualTo(1);
            FIXTURE.complete(next, "{}");
        }
        FIXTURE.await(low, TASK_STATUS_COMPLETED);
    }

    @Test
    void leavesTasksThatNeedAPersonToPeople() {
        var plan = FIXTURE.activePlan(ScalingStrategy.SCALING_STRATEGY_FIXED, 1);
        var human = FIXTURE.create(newTask()
                .setPlanId(plan.getPlanId())
                .setPriority(Priority.PRIORITY_CRITICAL)
                .setPermissionLevel(PermissionLevel.PERMISSION_LEVEL_HUMAN_REQUIRED));
        var supervised = FIXTURE.create(
                newTask().setPlanId(plan.getPlanId()).setPermissionLevel(PermissionLevel.PERMISSION_LEVEL_SUPERVISED));

        assertThat(supervised.getStatus()).isEqualTo(TASK_STATUS_QUEUED);
        assertThat(FIXTURE.now(human).getStatus()).isEqualTo(TASK_STATUS_PENDING);

        // A result that waits for a person keeps no worker busy.
        var next = FIXTURE.task(plan);
        assertThat(next.getStatus()).isEqualTo(TASK_STATUS_PENDING);
        FIXTURE.complete(supervised, "{}");
        FIXTURE.await(next, TASK_STATUS_QUEUED);
        assertThat(FIXTURE.now(supervised).getAwaitingApproval()).isTrue();
    }

    @Test
    void addsOneAfterASuccessAndHalvesAfterAFailure() {
        var plan = FIXTURE.activePlan(ScalingStrategy.SCALING_STRATEGY_ADAPTIVE, 4);
        tasks(plan, 30);
        for (int limit : new int[] {1, 2, 3, 4, 4}) {
            var newest = awaitQueued(plan, limit).getFirst();
            FIXTURE.complete(newest, "{}");
            FIXTURE.await(newest, TASK_STATUS_COMPLETED);
        }
        var out = awaitQueued(plan, 4);
        FIXTURE.fail(out.get(0), "no");
        awaitQueued(plan, 3);
        assertThat(limitOf(plan)).isEqualTo(2);
        FIXTURE.fail(out.get(1), "no");
        awaitQueued(plan, 2);
        assertThat(limitOf(plan)).isEqualTo(1);
        FIXTURE.fail(out.get(2), "no");
        awaitQueued(plan, 1);
        assertThat(limitOf(plan)).as("never less than one").isEqualTo(1);
        FIXTURE.complete(out.get(3), "{}");
        awaitQueued(plan, 2);
    }

    @Test
    void dispatchesEverythingThatIsReadyWhereThereIsNoBound() {
        var plan = FIXTURE.create(FIXTURE.newPlan().setScalingStrategy(ScalingStrategy.SCALING_STRATEGY_ELASTIC));
        tasks(plan, 230); // more than fit into one transaction
        FIXTURE.activate(plan);
        Eventually.see(() -> FIXTURE.count(plan, TASK_STATUS_QUEUED), count -> count == 230);
    }

    @Test
    void dispatchesNothingNewWhilePausedAndGoesOnAfterwards() {
        var plan = FIXTURE.activePlan(ScalingStrategy.SCALING_STRATEGY_FIXED, 1);
        var tasks = tasks(plan, 3);
        FIXTURE.plans()
                .pausePlan(PausePlanRequest.newBuilder()
                        .setPlanId(plan.getPlanId())
                        .build());
        FIXTURE.complete(tasks.get(0), "{}");
        FIXTURE.await(tasks.get(0), TASK_STATUS_COMPLETED);
        assertThat(FIXTURE.now(tasks.get(1)).getStatus()).isEqualTo(TASK_STATUS_PENDING);
        assertThat(FIXTURE.task(plan).getStatus()).isEqualTo(TASK_STATUS_PENDING);
        StatusAssert.fails(() -> FIXTURE.queue(tasks.get(1)))
                .with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_PLAN_NOT_ACTIVE);

        FIXTURE.activate(plan);

        assertThat(FIXTURE.now(tasks.get(1)).getStatus()).isEqualTo(TASK_STATUS_QUEUED);
    }

    @Test
    void dispatchesWhatIsReleasedAlsoInAnotherPlan() {
        var first = FIXTURE.activePlan(ScalingStrategy.SCALING_STRATEGY_FIXED, 1);
        var second = FIXTURE.create(FIXTURE.newPlan());
        var blocker = FIXTURE.task(first);
        var here = FIXTURE.create(newTask().setPlanId(first.getPlanId()));
        var there = FIXTURE.task(second);
        FIXTURE.block(here, blocker);
        FIXTURE.block(there, blocker);
        FIXTURE.activate(second);
        assertThat(FIXTURE.now(here).getStatus()).isEqualTo(TASK_STATUS_BLOCKED);
        assertThat(FIXTURE.now(there).getStatus()).isEqualTo(TASK_STATUS_BLOCKED);

        FIXTURE.complete(blocker, "{}");

        FIXTURE.await(here, TASK_STATUS_QUEUED);
        FIXTURE.await(there, TASK_STATUS_QUEUED);
    }

    @Test
    void makesUseOfMoreAgentsAtOnceAndTakesNothingBackForFewer() {
        var plan = FIXTURE.activePlan(ScalingStrategy.SCALING_STRATEGY_FIXED, 1);
        var tasks = tasks(plan, 4);
        update(plan, Plan.newBuilder().setAgentCount(3), "agent_count");
        assertThat(FIXTURE.count(plan, TASK_STATUS_QUEUED)).isEqualTo(3);

        update(plan, Plan.newBuilder().setAgentCount(1), "agent_count");
        FIXTURE.complete(tasks.get(0), "{}");
        FIXTURE.await(tasks.get(0), TASK_STATUS_COMPLETED);
        assertThat(FIXTURE.count(plan, TASK_STATUS_QUEUED)).isEqualTo(2);

        update(
                plan,
                Plan.newBuilder().setScalingStrategy(ScalingStrategy.SCALING_STRATEGY_ELASTIC),
                "scaling_strategy");
        assertThat(FIXTURE.count(plan, TASK_STATUS_QUEUED)).isEqualTo(3);
    }

    @Test
    void cancelsWhatIsOpenWithTheOrdersWhenThePlanIsCancelled() {
        var plan = FIXTURE.activePlan(ScalingStrategy.SCALING_STRATEGY_FIXED, 2);
        var tasks = tasks(plan, 3);
        FIXTURE.complete(tasks.get(0), "{}");
        FIXTURE.await(tasks.get(0), TASK_STATUS_COMPLETED);
        FIXTURE.awaitOrder(tasks.get(1));

        FIXTURE.plans()
                .cancelPlan(CancelPlanRequest.newBuilder()
                        .setPlanId(plan.getPlanId())
                        .setReason("no money")
                        .build());

        assertThat(statuses(tasks))
                .containsExactly(TASK_STATUS_COMPLETED, TASK_STATUS_CANCELLED, TASK_STATUS_CANCELLED);
        assertThat(FIXTURE.now(tasks.get(2)).getStatusReason()).contains("no money");
        awaitNoOpenOrder(tasks);
    }

    @Test
    void takesBackWhatIsDispatchedOfAHiddenPlanOrProjectAndBeginsAnewWhenItIsBack() {
        var project = FIXTURE.project("Another project");
        var plan = FIXTURE.activate(FIXTURE.create(FIXTURE.newPlan().setProjectId(project.getProjectId())));
        var task = FIXTURE.task(plan);
        FIXTURE.awaitOrder(task);

        FIXTURE.plans()
                .deletePlan(DeletePlanRequest.newBuilder()
                        .setPlanId(plan.getPlanId())
                        .build());
        awaitNoOpenOrder(List.of(task));
        FIXTURE.plans()
                .undeletePlan(UndeletePlanRequest.newBuilder()
                        .setPlanId(plan.getPlanId())
                        .build());
        assertThat(FIXTURE.now(task).getStatus()).isEqualTo(TASK_STATUS_QUEUED);
        assertThat(FIXTURE.now(task).getAttempt()).isEqualTo(2);
        FIXTURE.awaitOrder(task);

        FIXTURE.projects()
                .deleteProject(DeleteProjectRequest.newBuilder()
                        .setProjectId(project.getProjectId())
                        .build());
        awaitNoOpenOrder(List.of(task));
        FIXTURE.service().schedulePlans();
        assertThat(FIXTURE.number(
                        "SELECT count(*) FROM tasks WHERE plan_id = '" + plan.getPlanId() + "' AND dispatched"))
                .isZero();
        FIXTURE.projects()
                .undeleteProject(UndeleteProjectRequest.newBuilder()
                        .setProjectId(project.getProjectId())
                        .build());
        FIXTURE.await(task, TASK_STATUS_QUEUED);
        assertThat(FIXTURE.now(task).getAttempt()).isEqualTo(3);
    }

    @Test
    void findsByItselfWhatNobodyToldItOf() {
        var plan = FIXTURE.activePlan(ScalingStrategy.SCALING_STRATEGY_FIXED, 1);
        var task = FIXTURE.create(newTask().setPlanId(plan.getPlanId()));
        var blocked = FIXTURE.task(plan);
        FIXTURE.block(blocked, task);
        FIXTURE.complete(task, "{}");
        FIXTURE.await(blocked, TASK_STATUS_QUEUED);
        // As after a crash between what makes a task ready and its schedule, if that were possible.
        FIXTURE.service()
                .database()
                .execute("DELETE FROM outbox WHERE task_id = '" + blocked.getTaskId() + "'", """
                        UPDATE tasks SET status = 'PENDING', dispatched = false, work_order_id = NULL
                        WHERE task_id = '%s'
                        """.formatted(
                                blocked.getTaskId()));

        FIXTURE.service().schedulePlans();

        assertThat(FIXTURE.now(blocked).getStatus()).isEqualTo(TASK_STATUS_QUEUED);
    }

    private static List<Task> tasks(Plan plan, int count) {
        var tasks = new ArrayList<Task>();
        for (int i = 0; i < count; i++) {
            tasks.add(FIXTURE.task(plan));
        }
        return tasks;
    }

    private static List<TaskStatus> statuses(List<Task> tasks) {
        return tasks.stream().map(task -> FIXTURE.now(task).getStatus()).toList();
    }

    /** The tasks of a plan that are QUEUED, the newest first, once they are so many. */
    private static List<Task> awaitQueued(Plan plan, int count) {
        return Eventually.see(
                () -> FIXTURE.tasksOf(plan).stream()
                        .filter(task -> task.getStatus() == TASK_STATUS_QUEUED)
                        .toList(),
                queued -> queued.size() == count);
    }

    private static long limitOf(Plan plan) {
        return FIXTURE.number("SELECT adaptive_limit FROM plans WHERE plan_id = '" + plan.getPlanId() + "'");
    }

    private static void update(Plan plan, Plan.Builder change, String path) {
        FIXTURE.plans()
                .updatePlan(UpdatePlanRequest.newBuilder()
                        .setPlan(change.setPlanId(plan.getPlanId()))
                        .setUpdateMask(FieldMask.newBuilder().addPaths(path))
                        .build());
    }

    private static void awaitNoOpenOrder(List<Task> tasks) {
        for (var task : tasks) {
            Eventually.see(
                    () -> FIXTURE.agent().ordersOfTask(task.getTaskId()),
                    orders -> orders.stream()
                            .noneMatch(order -> order.getStatus() == WorkOrderStatus.WORK_ORDER_STATUS_PENDING));
        }
    }
}
