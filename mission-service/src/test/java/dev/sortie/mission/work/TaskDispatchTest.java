package dev.sortie.mission.work;

import static dev.sortie.mission.v1.TaskStatus.TASK_STATUS_BLOCKED;
import static dev.sortie.mission.v1.TaskStatus.TASK_STATUS_CANCELLED;
import static dev.sortie.mission.v1.TaskStatus.TASK_STATUS_COMPLETED;
import static dev.sortie.mission.v1.TaskStatus.TASK_STATUS_FAILED;
import static dev.sortie.mission.v1.TaskStatus.TASK_STATUS_IN_PROGRESS;
import static dev.sortie.mission.v1.TaskStatus.TASK_STATUS_PENDING;
import static dev.sortie.mission.v1.TaskStatus.TASK_STATUS_QUEUED;
import static dev.sortie.mission.work.PlanFixture.newTask;
import static dev.sortie.mission.work.StepFixture.struct;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.agent.v1.WorkOrder;
import dev.sortie.agent.v1.WorkOrderStatus;
import dev.sortie.mission.v1.ApproveTaskRequest;
import dev.sortie.mission.v1.CancelTaskRequest;
import dev.sortie.mission.v1.CompleteTaskRequest;
import dev.sortie.mission.v1.DeleteTaskRequest;
import dev.sortie.mission.v1.ErrorReason;
import dev.sortie.mission.v1.FailTaskRequest;
import dev.sortie.mission.v1.PermissionLevel;
import dev.sortie.mission.v1.RejectTaskRequest;
import dev.sortie.mission.v1.ReportTaskProgressRequest;
import dev.sortie.mission.v1.Task;
import dev.sortie.runtime.testing.StatusAssert;
import dev.sortie.type.v1.Priority;
import dev.sortie.type.v1.TaskType;
import io.grpc.Status;
import java.util.UUID;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** A task goes to a worker as a work order, and what becomes of the order becomes of the task. */
class TaskDispatchTest {
    @AutoClose
    private static final PlanFixture FIXTURE = PlanFixture.start();

    @Test
    void tellsTheWorkerWhatItNeedsToKnow() {
        var task = FIXTURE.queue(FIXTURE.create(newTask()
                .setTitle("Speed it up")
                .setDescription("Twice as fast.")
                .setTaskType(TaskType.TASK_TYPE_REFACTOR)
                .setPriority(Priority.PRIORITY_CRITICAL)
                .setRepositoryUrl("https://example.com/repository.git")
                .setBranchName("faster")
                .setIssueNumber(7)
                .addTags("speed")
                .setContext(struct("{\"file\": \"Main.java\"}"))));

        var order = theOrder(task);

        assertThat(task.getStatus()).isEqualTo(TASK_STATUS_QUEUED);
        assertThat(task.getQueueName()).isEqualTo("tasks.refactor");
        assertThat(task.getAttempt()).isEqualTo(1);
        assertThat(order.getQueueName()).isEqualTo("tasks.refactor");
        assertThat(order.getPriority()).isEqualTo(1);
        assertThat(order.getToolStepId()).isEmpty();
        assertThat(order.hasTimeout()).as("the queue says how long").isFalse();
        assertThat(order.getPayload()).isEqualTo(struct("""
                {"task_id": "%s", "attempt": 1, "title": "Speed it up", "description": "Twice as fast.",
                 "task_type": "REFACTOR", "permission_level": "AUTONOMOUS", "priority": "CRITICAL",
                 "repository_url": "https://example.com/repository.git", "branch_name": "faster", "issue_number": 7,
                 "tags": ["speed"], "context": {"file": "Main.java"}, "execution_context": {}}
                """.formatted(task.getTaskId())));
        assertThat(FIXTURE.awaitOrder(task)).isEqualTo(order.getWorkOrderId());
    }

    @Test
    void followsTheOrderFromTheQueueToTheWorkerAndToItsEnd() {
        var task = FIXTURE.queuedTask();
        var order = FIXTURE.awaitOrder(task);
        var worker = UUID.randomUUID().toString();

        FIXTURE.agent().claim(order, worker);
        var claimed = FIXTURE.await(task, TASK_STATUS_IN_PROGRESS);
        assertThat(claimed.getAssignedWorkerId()).isEqualTo(worker);
        assertThat(claimed.hasStartTime()).isTrue();

        FIXTURE.agent().loseClaim(order);
        FIXTURE.await(task, TASK_STATUS_QUEUED);

        var other = UUID.randomUUID().toString();
        FIXTURE.agent().claim(order, other);
        assertThat(FIXTURE.await(task, TASK_STATUS_IN_PROGRESS).getAssignedWorkerId())
                .isEqualTo(other);

        FIXTURE.agent().complete(order, struct("{\"answer\": 42}"));
        var completed = FIXTURE.await(task, TASK_STATUS_COMPLETED);
        assertThat(completed.getResult()).isEqualTo(struct("{\"answer\": 42}"));
        assertThat(completed.getProgressPercentage()).isEqualTo(100);
        assertThat(completed.getAttempt()).isEqualTo(1);
        assertThat(completed.getAssignedWorkerId()).isEqualTo(other);
        assertThat(completed.getWorkOrderId()).isEmpty();
        assertThat(completed.hasCompleteTime()).isTrue();
    }

    @Test
    void failsWithItsOrderAndIsTriedAgainByAnotherOne() {
        var task = FIXTURE.queuedTask();
        FIXTURE.fail(task, "it broke");
        var failed = FIXTURE.await(task, TASK_STATUS_FAILED);
        assertThat(failed.getErrorMessage()).isEqualTo("it broke");

        assertThat(FIXTURE.queue(task).getAttempt()).isEqualTo(2);
        FIXTURE.agent().claim(FIXTURE.awaitOrder(task), UUID.randomUUID().toString());
        FIXTURE.await(task, TASK_STATUS_IN_PROGRESS);
        FIXTURE.complete(task, "{}");

        assertThat(FIXTURE.await(task, TASK_STATUS_COMPLETED).getErrorMessage()).isEmpty();
        assertThat(FIXTURE.agent().ordersOfTask(task.getTaskId())).hasSize(2);
    }

    @Test
    void failsWhenNobodyClaimsItsOrderInTimeAndIsCancelledWithIt() {
        var late = FIXTURE.queuedTask();
        FIXTURE.agent().end(FIXTURE.awaitOrder(late), WorkOrderStatus.WORK_ORDER_STATUS_EXPIRED);
        assertThat(FIXTURE.await(late, TASK_STATUS_FAILED).getErrorMessage()).contains("expired");

        var unwanted = FIXTURE.queuedTask();
        FIXTURE.agent().end(FIXTURE.awaitOrder(unwanted), WorkOrderStatus.WORK_ORDER_STATUS_CANCELLED);
        assertThat(FIXTURE.await(unwanted, TASK_STATUS_CANCELLED).getStatusReason())
                .contains("cancelled in agent-service");
    }

    @Test
    void failsWhenAgentServiceDoesNotTakeItsOrder() {
        try (var fixture = PlanFixture.start()) {
            fixture.agent().refuse(Status.INVALID_ARGUMENT.withDescription("too odd"), "ERROR_REASON_FIELD_INVALID");
            var task = fixture.queuedTask();
            assertThat(fixture.await(task, TASK_STATUS_FAILED).getErrorMessage())
                    .contains("too odd", "ERROR_REASON_FIELD_INVALID");
        }
    }

    @Test
    void letsAPersonJudgeTheResultOfASupervisedTaskAndTellsTheNextAttemptWhy() {
        var task = FIXTURE.queue(
                FIXTURE.create(newTask().setPermissionLevel(PermissionLevel.PERMISSION_LEVEL_SUPERVISED)));
        var first = FIXTURE.awaitOrder(task);
        FIXTURE.agent().claim(first, UUID.randomUUID().toString());
        FIXTURE.agent().complete(first, struct("{\"try\": 1}"));
        var waiting = Eventually.see(() -> FIXTURE.now(task), Task::getAwaitingApproval);
        assertThat(waiting.getStatus()).isEqualTo(TASK_STATUS_IN_PROGRESS);
        assertThat(waiting.getResult()).isEqualTo(struct("{\"try\": 1}"));

        FIXTURE.tasks()
                .rejectTask(RejectTaskRequest.newBuilder()
                        .setTaskId(task.getTaskId())
                        .setReason("the tests are missing")
                        .build());
        var second = Eventually.see(() -> FIXTURE.agent().ordersOfTask(task.getTaskId()), orders -> orders.size() == 2);
        assertThat(second.getLast()
                        .getPayload()
                        .getFieldsOrThrow("rejection_reason")
                        .getStringValue())
                .isEqualTo("the tests are missing");
        FIXTURE.complete(task, "{\"try\": 2}");
        Eventually.see(() -> FIXTURE.now(task), Task::getAwaitingApproval);

        var approved = FIXTURE.tasks()
                .approveTask(ApproveTaskRequest.newBuilder()
                        .setTaskId(task.getTaskId())
                        .build())
                .getTask();
        assertThat(approved.getStatus()).isEqualTo(TASK_STATUS_COMPLETED);
        assertThat(approved.getResult()).isEqualTo(struct("{\"try\": 2}"));
    }

    @Test
    void neverQueuesATaskThatNeedsAPerson() {
        var task = FIXTURE.create(newTask().setPermissionLevel(PermissionLevel.PERMISSION_LEVEL_HUMAN_REQUIRED));
        StatusAssert.fails(() -> FIXTURE.queue(task))
                .with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_PERSON_REQUIRED);
        assertThat(FIXTURE.agent().ordersOfTask(task.getTaskId())).isEmpty();
    }

    @Test
    void cancelsTheOrderOfATaskThatAPersonEnds() {
        var cancelled = placed();
        FIXTURE.tasks()
                .cancelTask(CancelTaskRequest.newBuilder()
                        .setTaskId(cancelled.getTaskId())
                        .build());
        var completed = placed();
        FIXTURE.tasks()
                .completeTask(CompleteTaskRequest.newBuilder()
                        .setTaskId(completed.getTaskId())
                        .build());
        var failed = placed();
        FIXTURE.tasks()
                .failTask(FailTaskRequest.newBuilder()
                        .setTaskId(failed.getTaskId())
                        .setReason("hopeless")
                        .build());
        var deleted = placed();
        FIXTURE.tasks()
                .deleteTask(DeleteTaskRequest.newBuilder()
                        .setTaskId(deleted.getTaskId())
                        .build());

        for (var task : new Task[] {cancelled, completed, failed, deleted}) {
            awaitCancelled(task);
        }
        assertThat(FIXTURE.now(cancelled).getStatus()).isEqualTo(TASK_STATUS_CANCELLED);
        assertThat(FIXTURE.now(completed).getStatus()).isEqualTo(TASK_STATUS_COMPLETED);
        assertThat(FIXTURE.now(failed).getStatus()).isEqualTo(TASK_STATUS_FAILED);
    }

    @Test
    void takesAQueuedTaskBackThatIsBlockedMeanwhile() {
        var task = placed();
        var blocker = FIXTURE.create(newTask());
        FIXTURE.block(task, blocker);
        assertThat(FIXTURE.now(task).getStatus()).isEqualTo(TASK_STATUS_BLOCKED);
        awaitCancelled(task);

        FIXTURE.complete(FIXTURE.queue(blocker), "{}");

        FIXTURE.await(task, TASK_STATUS_PENDING);
        assertThat(FIXTURE.queue(task).getAttempt()).isEqualTo(2);
        FIXTURE.complete(task, "{}");
        FIXTURE.await(task, TASK_STATUS_COMPLETED);
    }

    @Test
    void takesNothingOverFromAnOrderThatWasGivenUp() {
        var task = placed();
        var old = FIXTURE.now(task).getWorkOrderId();
        FIXTURE.fail(task, "once");
        FIXTURE.await(task, TASK_STATUS_FAILED);
        FIXTURE.queue(task);
        var current = FIXTURE.awaitOrder(task);

        FIXTURE.agent().claim(old, UUID.randomUUID().toString());
        FIXTURE.agent().complete(old, struct("{\"late\": true}"));
        FIXTURE.complete(task, "{\"right\": true}");

        var completed = FIXTURE.await(task, TASK_STATUS_COMPLETED);
        assertThat(completed.getResult()).isEqualTo(struct("{\"right\": true}"));
        assertThat(current).isNotEqualTo(old);
    }

    @Test
    void hearsTheSameAnyNumberOfTimes() {
        var task = FIXTURE.queuedTask();
        var order = FIXTURE.awaitOrder(task);
        FIXTURE.agent().claim(order, UUID.randomUUID().toString());
        FIXTURE.agent().repeat(order);
        FIXTURE.agent().complete(order, struct("{}"));
        var completed = FIXTURE.await(task, TASK_STATUS_COMPLETED);
        FIXTURE.agent().repeat(order);

        hearWhatIsNew();
        assertThat(FIXTURE.now(task)).isEqualTo(completed);
    }

    @Test
    void keepsWhatAPersonReportedWhileTheOrderWaits() {
        var task = placed();
        FIXTURE.tasks()
                .reportTaskProgress(ReportTaskProgressRequest.newBuilder()
                        .setTaskId(task.getTaskId())
                        .setProgressPercentage(30)
                        .build());
        FIXTURE.agent().repeat(FIXTURE.now(task).getWorkOrderId());
        hearWhatIsNew();

        var reported = FIXTURE.now(task);
        assertThat(reported.getStatus()).isEqualTo(TASK_STATUS_IN_PROGRESS);
        assertThat(reported.getProgressPercentage()).isEqualTo(30);
        FIXTURE.complete(task, "{}");
        FIXTURE.await(task, TASK_STATUS_COMPLETED);
    }

    @Test
    void answersToQueueATaskThatIsQueuedWithTheTaskAsItIs() {
        var task = FIXTURE.queuedTask();
        assertThat(FIXTURE.queue(task).getAttempt()).isEqualTo(1);
        theOrder(task);
        assertThat(FIXTURE.agent().ordersOfTask(task.getTaskId())).hasSize(1);
    }

    /** What is in the feed by now has been heard of after this. */
    private static void hearWhatIsNew() {
        var another = FIXTURE.queuedTask();
        FIXTURE.complete(another, "{}");
        FIXTURE.await(another, TASK_STATUS_COMPLETED);
    }

    private static Task placed() {
        var task = FIXTURE.queuedTask();
        FIXTURE.awaitOrder(task);
        return task;
    }

    private static WorkOrder theOrder(Task task) {
        return Eventually.see(() -> FIXTURE.agent().ordersOfTask(task.getTaskId()), orders -> !orders.isEmpty())
                .getFirst();
    }

    private static void awaitCancelled(Task task) {
        Eventually.see(
                () -> FIXTURE.agent().ordersOfTask(task.getTaskId()),
                orders -> orders.size() == 1
                        && orders.getFirst().getStatus() == WorkOrderStatus.WORK_ORDER_STATUS_CANCELLED);
    }
}
