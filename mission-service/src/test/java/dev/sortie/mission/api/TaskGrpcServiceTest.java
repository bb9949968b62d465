package dev.sortie.mission.api;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Duration;
import com.google.protobuf.Struct;
import com.google.protobuf.Timestamp;
import com.google.protobuf.Value;
import dev.sortie.mission.MissionFixture;
import dev.sortie.mission.MoveChains;
import dev.sortie.mission.v1.CompleteTaskRequest;
import dev.sortie.mission.v1.CreateTaskRequest;
import dev.sortie.mission.v1.ErrorReason;
import dev.sortie.mission.v1.GetTaskRequest;
import dev.sortie.mission.v1.ListReadyTasksRequest;
import dev.sortie.mission.v1.ListTaskMovesRequest;
import dev.sortie.mission.v1.ListTasksRequest;
import dev.sortie.mission.v1.Move;
import dev.sortie.mission.v1.PermissionLevel;
import dev.sortie.mission.v1.ReportTaskProgressRequest;
import dev.sortie.mission.v1.SyncStatus;
import dev.sortie.mission.v1.Task;
import dev.sortie.mission.v1.TaskOrder;
import dev.sortie.mission.v1.TaskServiceGrpc.TaskServiceBlockingStub;
import dev.sortie.mission.v1.TaskStatus;
import dev.sortie.mission.v1.UserRole;
import dev.sortie.mission.work.FakeAgentService;
import dev.sortie.runtime.testing.StatusAssert;
import dev.sortie.type.v1.Priority;
import dev.sortie.type.v1.TaskType;
import io.grpc.Status;
import io.grpc.Status.Code;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

class TaskGrpcServiceTest {
    @AutoClose
    private static final FakeAgentService AGENT = FakeAgentService.start();

    static {
        AGENT.refuse(Status.UNAVAILABLE, ""); // orders stay where they are
    }

    @AutoClose
    private static final MissionFixture MISSION =
            MissionFixture.start(settings -> settings.withAgent(AGENT.address(), ""));

    private final TaskCalls developer = TaskCalls.of(MISSION.developer());
    private final TaskServiceBlockingStub tasks = developer.tasks();
    private final String owner = MISSION.person(UserRole.USER_ROLE_DEVELOPER).id();

    @Test
    void createsAPendingTaskWithEverythingThatCallersSet() {
        var given = TaskCalls.task("Count the stars")
                .setDescription("All of them")
                .setTaskType(TaskType.TASK_TYPE_REVIEW)
                .setPermissionLevel(PermissionLevel.PERMISSION_LEVEL_SUPERVISED)
                .setPriority(Priority.PRIORITY_HIGH)
                .setRepositoryUrl("https://example.com/stars.git")
                .setBranchName("night")
                .setIssueNumber(7)
                .setPrNumber(8)
                .setContext(struct("telescope", "big"))
                .setExecutionContext(struct("model", "small"))
                .setMetadata(struct("colour", "blue"))
                .addTags("sky")
                .addTags("night")
                .setAssignedUserId(owner)
                .setAssignedAgentId(AGENT.addAgent())
                .setAssignedAgentType("CODEGEN")
                .setEstimatedEffort(Duration.newBuilder().setSeconds(5_400))
                .setMobileTaskId("m-1")
                .setDeviceFingerprint("phone")
                .setSyncStatus(SyncStatus.SYNC_STATUS_SYNCING)
                .setDeadline(Timestamp.newBuilder().setSeconds(2_000_000_000L));
        var made = developer.create(given);
        assertThat(made.getStatus()).isEqualTo(TaskStatus.TASK_STATUS_PENDING);
        assertThat(made.getCreatedBy()).isEqualTo(owner);
        assertThat(made.getProgressPercentage()).isZero();
        assertThat(made.getAttempt()).isZero();
        assertThat(made.hasActualEffort() || made.hasStartTime() || made.hasCompleteTime() || made.hasResult())
                .isFalse();
        assertThat(given.setTaskId(made.getTaskId())
                        .setStatus(made.getStatus())
                        .setCreatedBy(made.getCreatedBy())
                        .setCreateTime(made.getCreateTime())
                        .setUpdateTime(made.getUpdateTime())
                        .setEtag(made.getEtag())
                        .build())
                .isEqualTo(made);
        assertThat(developer.get(made)).isEqualTo(made);
    }

    @Test
    void createsATaskWithTheDefaultsOfTheContract() {
        var made = developer.create("Plain");
        assertThat(made.getPriority()).isEqualTo(Priority.PRIORITY_NORMAL);
        assertThat(made.getSyncStatus()).isEqualTo(SyncStatus.SYNC_STATUS_LOCAL);
        assertThat(made.getPlanId() + made.getParentTaskId() + made.getQueueName() + made.getAssignedUserId())
                .isEmpty();
    }

    @Test
    void createsOneTaskForOneRequestId() throws Exception {
        var request = CreateTaskRequest.newBuilder()
                .setTask(TaskCalls.task("Once"))
                .setRequestId(UUID.randomUUID().toString())
                .build();
        var outcomes = Together.call(20, number -> tasks.createTask(request));
        assertThat(outcomes).allMatch(Together.Outcome::succeeded);
        assertThat(outcomes.stream()
                        .map(one -> one.answer().getTask().getTaskId())
                        .distinct())
                .hasSize(1);
    }

    @Test
    void refusesTasksThatLackSomethingOrNameWhatIsNotThere() {
        StatusAssert.fails(() -> developer.create(Task.newBuilder()))
                .with(Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("task.title")
                .field("task.task_type")
                .field("task.permission_level");
        var nobody = UUID.randomUUID().toString();
        var missing = Map.<String, UnaryOperator<Task.Builder>>of(
                "task.plan_id", task -> task.setPlanId(nobody),
                "task.parent_task_id", task -> task.setParentTaskId(nobody),
                "task.assigned_user_id", task -> task.setAssignedUserId(nobody));
        missing.forEach((field, change) -> StatusAssert.fails(
                        () -> developer.create(change.apply(TaskCalls.task("Of nothing"))))
                .with(Code.FAILED_PRECONDITION, dev.sortie.type.v1.ErrorReason.ERROR_REASON_REFERENCE_NOT_FOUND)
                .metadata("field", field)
                .metadata("id", nobody));
        StatusAssert.fails(() -> tasks.getTask(
                        GetTaskRequest.newBuilder().setTaskId(nobody).build()))
                .with(Code.NOT_FOUND, dev.sortie.type.v1.ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND);
        StatusAssert.fails(() -> developer.create(
                        TaskCalls.task("Tagged twice").addTags("a").addTags("a")))
                .with(Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("task.tags");
    }

    @Test
    void keepsEffortToAHundredthOfAnHour() {
        var made = developer.create(TaskCalls.task("Short")
                .setEstimatedEffort(Duration.newBuilder().setSeconds(50).setNanos(1)));
        assertThat(made.getEstimatedEffort())
                .isEqualTo(Duration.newBuilder().setSeconds(36).build());
        StatusAssert.fails(() -> developer.create(TaskCalls.task("Too long")
                        .setEstimatedEffort(Duration.newBuilder().setSeconds(35_999_965))))
                .with(Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID);
    }

    @Test
    void takesSubtasksOfThePlanOfTheirParentDownToTenLevels() throws SQLException {
        var plan = plan("DRAFT");
        var parent = developer.create(TaskCalls.task("Parent").setPlanId(plan));
        var child = developer.create(TaskCalls.task("Child").setParentTaskId(parent.getTaskId()));
        assertThat(child.getPlanId()).isEqualTo(plan);
        StatusAssert.fails(() -> developer.create(TaskCalls.task("Of another plan")
                        .setPlanId(plan("DRAFT"))
                        .setParentTaskId(parent.getTaskId())))
                .with(Code.FAILED_PRECONDITION, dev.sortie.type.v1.ErrorReason.ERROR_REASON_REFERENCE_NOT_FOUND)
                .metadata("field", "task.parent_task_id");
        for (int level = 2; level <= 10; level++) {
            child = developer.create(TaskCalls.task("Level " + level).setParentTaskId(child.getTaskId()));
        }
        var lowest = child;
        StatusAssert.fails(() -> developer.create(TaskCalls.task("Too deep").setParentTaskId(lowest.getTaskId())))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_NESTED_TOO_DEEP)
                .metadata("limit", "10");
        MISSION.database().execute("""
                INSERT INTO tasks (task_id, plan_id, parent_task_id, depth, title, task_type, permission_level,
                                   created_at, updated_at)
                SELECT gen_random_uuid(), '%s', '%s', 1, 'n', 'TEST', 'AUTONOMOUS', now(), now()
                FROM generate_series(1, 999)
                """.formatted(plan, parent.getTaskId()));
        StatusAssert.fails(() -> developer.create(TaskCalls.task("One too many").setParentTaskId(parent.getTaskId())))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_TOO_MANY_CHILDREN)
                .metadata("resource", "task")
                .metadata("limit", "1000");
    }

    @Test
    void takesNoTasksIntoAPlanThatHasEnded() {
        StatusAssert.fails(() -> developer.create(TaskCalls.task("Late").setPlanId(plan("CANCELLED"))))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_NOT_CHANGEABLE)
                .metadata("resource", "plan");
    }

    @Test
    void changesFieldsUnderTheEtagOnly() throws Exception {
        var task = developer.create("Before");
        var changed = developer.update(
                task.toBuilder().setTitle("After").addTags("new").build(), "title", "tags");
        assertThat(changed.getTitle()).isEqualTo("After");
        assertThat(changed.getTagsList()).containsExactly("new");
        StatusAssert.fails(() -> developer.update(task, "title"))
                .with(Code.ABORTED, dev.sortie.type.v1.ErrorReason.ERROR_REASON_ETAG_MISMATCH);
        for (var path : List.of("status", "plan_id", "created_by", "attempt")) {
            StatusAssert.fails(() -> developer.update(changed, path))
                    .with(Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_UPDATE_MASK_INVALID);
        }
        var outcomes = Together.call(
                50,
                number -> developer.update(
                        changed.toBuilder().setTitle("Winner " + number).build(), "title"));
        assertThat(outcomes.stream().filter(Together.Outcome::succeeded)).hasSize(1);
    }

    @Test
    void keepsWhatWasToBeDoneOnceItIsDone() {
        var task = developer.complete(developer.create("Done").getTaskId());
        var noted = developer.update(
                task.toBuilder()
                        .setPrNumber(12)
                        .setSyncStatus(SyncStatus.SYNC_STATUS_SYNCED)
                        .addTags("shipped")
                        .build(),
                "pr_number",
                "sync_status",
                "tags");
        assertThat(noted.getPrNumber()).isEqualTo(12);
        assertThat(noted.getSyncStatus()).isEqualTo(SyncStatus.SYNC_STATUS_SYNCED);
        StatusAssert.fails(() ->
                        developer.update(noted.toBuilder().setTitle("Rewritten").build(), "title"))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_NOT_CHANGEABLE)
                .metadata("state", "COMPLETED");
        var queued = developer.queue(developer.create("Queued").getTaskId());
        StatusAssert.fails(() -> developer.update(
                        queued.toBuilder()
                                .setPermissionLevel(PermissionLevel.PERMISSION_LEVEL_HUMAN_REQUIRED)
                                .build(),
                        "permission_level"))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_NOT_CHANGEABLE)
                .metadata("state", "QUEUED");
    }

    @Test
    void movesATaskThatNeedsAPersonWithItsPerson() throws SQLException {
        var task = developer.create(person("By hand"));
        assertThat(task.getStatus()).isEqualTo(TaskStatus.TASK_STATUS_PENDING);
        StatusAssert.fails(() -> developer.queue(task.getTaskId()))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_PERSON_REQUIRED)
                .metadata("task_id", task.getTaskId());
        var assigned =
                developer.update(task.toBuilder().setAssignedUserId(owner).build(), "assigned_user_id");
        assertThat(assigned.getStatus()).isEqualTo(TaskStatus.TASK_STATUS_ASSIGNED);
        var freed = developer.update(assigned.toBuilder().clearAssignedUserId().build(), "assigned_user_id");
        assertThat(freed.getStatus()).isEqualTo(TaskStatus.TASK_STATUS_PENDING);
        assertThat(developer
                        .create(person("From the start").setAssignedUserId(owner))
                        .getStatus())
                .isEqualTo(TaskStatus.TASK_STATUS_ASSIGNED);
        // Whether it needs one may change, too.
        var machine = developer.update(
                assigned.toBuilder()
                        .clearEtag()
                        .setPermissionLevel(PermissionLevel.PERMISSION_LEVEL_AUTONOMOUS)
                        .build(),
                "permission_level",
                "assigned_user_id");
        assertThat(machine.getStatus()).isEqualTo(TaskStatus.TASK_STATUS_PENDING);
        assertThat(developer.queue(task.getTaskId()).getStatus()).isEqualTo(TaskStatus.TASK_STATUS_QUEUED);
        assertThat(MoveChains.statuses(MISSION.database(), task.getTaskId()))
                .containsExactly("PENDING", "ASSIGNED", "PENDING", "QUEUED");
    }

    @Test
    void queuesATaskOnTheQueueOfItsType() {
        var task = developer.create("For a worker");
        var queued = developer.queue(task.getTaskId());
        assertThat(queued.getStatus()).isEqualTo(TaskStatus.TASK_STATUS_QUEUED);
        assertThat(queued.getAttempt()).isEqualTo(1);
        assertThat(queued.getQueueName()).isEqualTo("tasks.feature");
        assertThat(developer.queue(task.getTaskId()).getAttempt()).isEqualTo(1);
        var completed = developer.complete(task.getTaskId());
        assertThat(completed.getStatus()).isEqualTo(TaskStatus.TASK_STATUS_COMPLETED);
        StatusAssert.fails(() -> developer.queue(task.getTaskId()))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_MOVE_NOT_ALLOWED)
                .metadata("state", "COMPLETED")
                .metadata("allowed_moves", "");
        for (var status : List.of("DRAFT", "PAUSED")) {
            var planned = developer.create(TaskCalls.task("Planned").setPlanId(plan(status)));
            StatusAssert.fails(() -> developer.queue(planned.getTaskId()))
                    .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_PLAN_NOT_ACTIVE)
                    .metadata("plan_state", status);
        }
    }

    @Test
    void queuesATaskThatFailedForAnotherAttempt() {
        var task = developer.create("Stubborn");
        developer.queue(task.getTaskId());
        var failed = developer.fail(task.getTaskId(), "the disk was full");
        assertThat(failed.getStatus()).isEqualTo(TaskStatus.TASK_STATUS_FAILED);
        assertThat(failed.getErrorMessage()).isEqualTo("the disk was full");
        assertThat(failed.hasCompleteTime()).isTrue();
        var again = developer.queue(task.getTaskId());
        assertThat(again.getAttempt()).isEqualTo(2);
        assertThat(again.getErrorMessage()).isEmpty();
        assertThat(again.hasCompleteTime()).isFalse();
        StatusAssert.fails(() -> developer.fail(task.getTaskId(), ""))
                .with(Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("reason");
    }

    @Test
    void recordsProgressAndNeverLowersItSilently() {
        var task = developer.create(person("Slow").setAssignedUserId(owner));
        var begun = tasks.reportTaskProgress(ReportTaskProgressRequest.newBuilder()
                        .setTaskId(task.getTaskId())
                        .setProgressPercentage(33.335)
                        .setActualEffort(Duration.newBuilder().setSeconds(3_600))
                        .build())
                .getTask();
        assertThat(begun.getStatus()).isEqualTo(TaskStatus.TASK_STATUS_IN_PROGRESS);
        assertThat(begun.hasStartTime()).isTrue();
        assertThat(begun.getProgressPercentage()).isEqualTo(33.34);
        assertThat(begun.getActualEffort().getSeconds()).isEqualTo(3_600);
        StatusAssert.fails(() -> developer.report(task.getTaskId(), 33))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_PROGRESS_LOWERED)
                .metadata("field", "progress_percentage")
                .metadata("recorded", "33.34");
        StatusAssert.fails(() -> tasks.reportTaskProgress(ReportTaskProgressRequest.newBuilder()
                        .setTaskId(task.getTaskId())
                        .setActualEffort(Duration.newBuilder().setSeconds(36))
                        .build()))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_PROGRESS_LOWERED)
                .metadata("field", "actual_effort");
        var corrected = tasks.reportTaskProgress(ReportTaskProgressRequest.newBuilder()
                        .setTaskId(task.getTaskId())
                        .setProgressPercentage(10)
                        .setAllowDecrease(true)
                        .build())
                .getTask();
        assertThat(corrected.getProgressPercentage()).isEqualTo(10);
        assertThat(corrected.getActualEffort().getSeconds()).isEqualTo(3_600);
        for (double wrong : new double[] {-0.1, 100.1, Double.NaN, Double.POSITIVE_INFINITY}) {
            StatusAssert.fails(() -> developer.report(task.getTaskId(), wrong))
                    .with(Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                    .field("progress_percentage");
        }
        var done = developer.complete(task.getTaskId());
        assertThat(done.getProgressPercentage()).isEqualTo(100);
        assertThat(done.getStartTime()).isEqualTo(begun.getStartTime());
    }

    @Test
    void takesAFailedTaskUpAgainFromTheBeginning() {
        var task = developer.create(person("Second wind").setAssignedUserId(owner));
        developer.report(task.getTaskId(), 80);
        developer.fail(task.getTaskId(), "gave up");
        var again = developer.report(task.getTaskId(), 5);
        assertThat(again.getStatus()).isEqualTo(TaskStatus.TASK_STATUS_IN_PROGRESS);
        assertThat(again.getProgressPercentage()).isEqualTo(5);
        assertThat(again.getErrorMessage()).isEmpty();
        assertThat(again.hasCompleteTime()).isFalse();
    }

    @Test
    void hasTheResultOfASupervisedTaskJudged() throws SQLException {
        var task = developer.create(
                TaskCalls.task("Judged").setPermissionLevel(PermissionLevel.PERMISSION_LEVEL_SUPERVISED));
        developer.report(task.getTaskId(), 50);
        StatusAssert.fails(() -> developer.approve(task.getTaskId()))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_MOVE_NOT_ALLOWED)
                .metadata("move", "APPROVE");
        var waiting = complete(task, struct("pages", "12"));
        assertThat(waiting.getStatus()).isEqualTo(TaskStatus.TASK_STATUS_IN_PROGRESS);
        assertThat(waiting.getAwaitingApproval()).isTrue();
        assertThat(waiting.getResult()).isEqualTo(struct("pages", "12"));
        for (Runnable refused : List.<Runnable>of(
                () -> developer.complete(task.getTaskId()),
                () -> developer.fail(task.getTaskId(), "no"),
                () -> developer.report(task.getTaskId(), 60))) {
            StatusAssert.fails(refused::run)
                    .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_MOVE_NOT_ALLOWED)
                    .metadata("allowed_moves", "APPROVE,CANCEL,REJECT");
        }
        assertThat(developer.list(ListTasksRequest.newBuilder().setAwaitingApproval(true)))
                .extracting(Task::getTaskId)
                .contains(task.getTaskId());
        var rejected = developer.reject(task.getTaskId(), "too short");
        assertThat(rejected.getStatus()).isEqualTo(TaskStatus.TASK_STATUS_PENDING);
        assertThat(rejected.getRejectionReason()).isEqualTo("too short");
        assertThat(rejected.getAwaitingApproval()).isFalse();
        complete(task, struct("pages", "40"));
        var approved = developer.approve(task.getTaskId());
        assertThat(approved.getStatus()).isEqualTo(TaskStatus.TASK_STATUS_COMPLETED);
        assertThat(approved.getResult()).isEqualTo(struct("pages", "40"));
        assertThat(MoveChains.statuses(MISSION.database(), task.getTaskId()))
                .containsExactly("PENDING", "IN_PROGRESS", "PENDING", "IN_PROGRESS", "COMPLETED");
    }

    @Test
    void judgesAResultOnceAmongManyWhoJudge() throws Exception {
        var task = developer.create(
                TaskCalls.task("Judged").setPermissionLevel(PermissionLevel.PERMISSION_LEVEL_SUPERVISED));
        complete(task, struct("a", "b"));
        var outcomes = Together.call(
                50,
                number -> number % 2 == 0
                        ? developer.approve(task.getTaskId())
                        : developer.reject(task.getTaskId(), "no"));
        assertThat(outcomes.stream().filter(Together.Outcome::succeeded)).hasSize(1);
    }

    @Test
    void cancelsWhateverHasNotEnded() {
        var task = developer.create("Unwanted");
        developer.queue(task.getTaskId());
        var cancelled = developer.cancel(task.getTaskId());
        assertThat(cancelled.getStatus()).isEqualTo(TaskStatus.TASK_STATUS_CANCELLED);
        assertThat(cancelled.getWorkOrderId()).isEmpty();
        StatusAssert.fails(() -> developer.cancel(task.getTaskId()))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_MOVE_NOT_ALLOWED);
    }

    @Test
    void showsWhoMovedATaskWhenAndWhy() {
        var task = developer.create("Watched");
        tasks.completeTask(CompleteTaskRequest.newBuilder()
                .setTaskId(task.getTaskId())
                .setReason("it was easy")
                .build());
        var moves = tasks.listTaskMoves(ListTaskMovesRequest.newBuilder()
                        .setTaskId(task.getTaskId())
                        .build())
                .getMovesList();
        assertThat(moves).extracting(Move::getToStatus).containsExactly("COMPLETED", "PENDING");
        assertThat(moves.getFirst().getReason()).isEqualTo("it was easy");
        assertThat(moves.getFirst().getActor()).isEqualTo(owner);
        StatusAssert.fails(() -> tasks.listTaskMoves(ListTaskMovesRequest.newBuilder()
                        .setTaskId(UUID.randomUUID().toString())
                        .build()))
                .with(Code.NOT_FOUND, dev.sortie.type.v1.ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND);
    }

    @Test
    void deletesATaskWithItsSubtasksAndDependencies() throws SQLException {
        var parent = developer.create("Parent");
        var child = developer.create(TaskCalls.task("Child").setParentTaskId(parent.getTaskId()));
        var grandchild = developer.create(TaskCalls.task("Grandchild").setParentTaskId(child.getTaskId()));
        var outside = developer.create("Outside");
        var other = developer.create("Other");
        developer.block(outside, grandchild);
        developer.block(child, other);
        assertThat(developer.delete(parent.getTaskId())).isEqualTo(parent);
        for (var gone : List.of(parent, child, grandchild)) {
            StatusAssert.fails(() -> developer.get(gone))
                    .with(Code.NOT_FOUND, dev.sortie.type.v1.ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND);
            assertThat(strings("SELECT kind FROM change_log WHERE resource_type = 'task' AND resource_id = '"
                            + gone.getTaskId() + "' ORDER BY xid, seq"))
                    .last()
                    .isEqualTo("DELETED");
        }
        assertThat(developer.get(outside).getStatus()).isEqualTo(TaskStatus.TASK_STATUS_PENDING);
        assertThat(developer.get(other)).isEqualTo(other);
        assertThat(strings("SELECT task_id FROM task_dependencies WHERE task_id = '" + child.getTaskId() + "'"))
                .isEmpty();
    }

    @Test
    void listsTasksByEveryFilter() {
        var somebody = MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER);
        var theirs = TaskCalls.of(MISSION.with(somebody.token()));
        var agent = AGENT.addAgent();
        var parent = theirs.create("Parent");
        MISSION.clock().advance(java.time.Duration.ofMillis(1));
        var task = theirs.create(person("Found")
                .setPlanId("")
                .setParentTaskId(parent.getTaskId())
                .setTaskType(TaskType.TASK_TYPE_DOCS)
                .setPriority(Priority.PRIORITY_CRITICAL)
                .setAssignedUserId(somebody.id())
                .setAssignedAgentId(agent)
                .setRepositoryUrl("https://example.com/" + agent)
                .addTags("tag-" + agent)
                .setSyncStatus(SyncStatus.SYNC_STATUS_CONFLICT)
                .setDeadline(Timestamp.newBuilder().setSeconds(1_900_000_000L)));
        var by = List.<UnaryOperator<ListTasksRequest.Builder>>of(
                request -> request.setStatus(TaskStatus.TASK_STATUS_ASSIGNED),
                request -> request.setTaskType(TaskType.TASK_TYPE_DOCS),
                request -> request.setPriority(Priority.PRIORITY_CRITICAL),
                request -> request.setAssignedUserId(somebody.id()),
                request -> request.setAssignedAgentId(agent),
                request -> request.setParentTaskId(parent.getTaskId()),
                request -> request.setRepositoryUrl("https://example.com/" + agent),
                request -> request.setTag("tag-" + agent),
                request -> request.setSyncStatus(SyncStatus.SYNC_STATUS_CONFLICT),
                request -> request.setDeadlineBefore(Timestamp.newBuilder().setSeconds(1_900_000_001L)));
        for (var filter : by) {
            assertThat(theirs.list(filter.apply(ListTasksRequest.newBuilder()).setCreatedBy(somebody.id())))
                    .as("%s", filter.apply(ListTasksRequest.newBuilder()))
                    .containsExactly(task);
            for (var order : List.of(TaskOrder.TASK_ORDER_DEADLINE, TaskOrder.TASK_ORDER_PRIORITY)) {
                assertThat(theirs.list(filter.apply(ListTasksRequest.newBuilder())
                                .setAssignedUserId(somebody.id())
                                .setOrderBy(order)))
                        .as("%s", filter.apply(ListTasksRequest.newBuilder()))
                        .containsExactly(task);
            }
        }
        for (var order : List.of(TaskOrder.TASK_ORDER_DEADLINE, TaskOrder.TASK_ORDER_PRIORITY)) {
            StatusAssert.fails(() -> tasks.listTasks(ListTasksRequest.newBuilder()
                            .setCreatedBy(somebody.id())
                            .setOrderBy(order)
                            .build()))
                    .with(Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                    .field("order_by");
            assertThat(tasks.listTasks(ListTasksRequest.newBuilder()
                                    .setStatus(TaskStatus.TASK_STATUS_ASSIGNED)
                                    .setDeadlineBefore(Timestamp.newBuilder().setSeconds(1_900_000_001L))
                                    .setOrderBy(order)
                                    .build())
                            .getTasksList())
                    .contains(task);
        }
        assertThat(theirs.list(ListTasksRequest.newBuilder().setCreatedBy(somebody.id())))
                .containsExactly(task, parent);
        assertThat(theirs.list(ListTasksRequest.newBuilder()
                        .setCreatedBy(somebody.id())
                        .setSyncStatus(SyncStatus.SYNC_STATUS_LOCAL)))
                .containsExactly(parent);
        assertThat(theirs.list(ListTasksRequest.newBuilder()
                        .setCreatedBy(somebody.id())
                        .setAssignedWorkerId(agent)))
                .isEmpty();
        assertThat(theirs.list(ListTasksRequest.newBuilder()
                        .setCreatedBy(somebody.id())
                        .setPlanId(agent)))
                .isEmpty();
    }

    @Test
    void listsTasksInEveryOrderPageByPage() {
        var plan = plan("DRAFT");
        var made = new ArrayList<Task>();
        var priorities = List.of(
                Priority.PRIORITY_LOW, Priority.PRIORITY_CRITICAL, Priority.PRIORITY_NORMAL, Priority.PRIORITY_HIGH);
        for (int i = 0; i < 12; i++) {
            MISSION.clock().advance(java.time.Duration.ofMillis(1));
            var task = TaskCalls.task("task " + i).setPlanId(plan).setPriority(priorities.get(i % 4));
            if (i % 3 == 0) {
                task.setDeadline(Timestamp.newBuilder().setSeconds(1_900_000_000L - i));
            }
            made.add(developer.create(task));
        }
        for (int size : new int[] {1, 5, 100}) {
            var request = ListTasksRequest.newBuilder().setPlanId(plan).setPageSize(size);
            assertThat(titles(developer.list(request.setOrderBy(TaskOrder.TASK_ORDER_UNSPECIFIED))))
                    .containsExactlyElementsOf(titles(made.reversed()));
            request.clearPageToken();
            assertThat(titles(developer.list(request.setOrderBy(TaskOrder.TASK_ORDER_DEADLINE))))
                    .startsWith("task 9", "task 6", "task 3", "task 0")
                    .hasSize(12);
            request.clearPageToken();
            assertThat(titles(developer.list(request.setOrderBy(TaskOrder.TASK_ORDER_PRIORITY))))
                    .containsExactly(
                            "task 9", "task 1", "task 5", "task 3", "task 7", "task 11", "task 6", "task 2", "task 10",
                            "task 0", "task 4", "task 8");
        }
        var token = tasks.listTasks(ListTasksRequest.newBuilder()
                        .setPlanId(plan)
                        .setPageSize(1)
                        .build())
                .getNextPageToken();
        StatusAssert.fails(() -> tasks.listTasks(ListTasksRequest.newBuilder()
                        .setPlanId(plan)
                        .setPageSize(1)
                        .setOrderBy(TaskOrder.TASK_ORDER_PRIORITY)
                        .setPageToken(token)
                        .build()))
                .with(Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_PAGE_TOKEN_INVALID);
    }

    @Test
    void listsWhatIsReadyByPriorityDeadlineAndAge() throws SQLException {
        var plan = plan("DRAFT");
        developer.create(TaskCalls.task("late").setPlanId(plan));
        MISSION.clock().advance(java.time.Duration.ofMillis(1));
        developer.create(TaskCalls.task("later").setPlanId(plan));
        var soon = developer.create(TaskCalls.task("soon")
                .setPlanId(plan)
                .setDeadline(Timestamp.newBuilder().setSeconds(1_900_000_000L)));
        developer.create(TaskCalls.task("urgent")
                .setPlanId(plan)
                .setPriority(Priority.PRIORITY_CRITICAL)
                .setPermissionLevel(PermissionLevel.PERMISSION_LEVEL_SUPERVISED)
                .setTaskType(TaskType.TASK_TYPE_TEST));
        MISSION.clock().advance(java.time.Duration.ofMillis(1));
        var blocked = developer.create(TaskCalls.task("blocked").setPlanId(plan));
        developer.block(blocked, soon);
        developer.report(
                developer.create(TaskCalls.task("begun").setPlanId(plan)).getTaskId(), 1);
        var request = ListReadyTasksRequest.newBuilder().setPlanId(plan);
        assertThat(ready(request)).containsExactly("urgent", "soon", "late", "later");
        assertThat(ready(request.clone().setPermissionLevel(PermissionLevel.PERMISSION_LEVEL_SUPERVISED)))
                .containsExactly("urgent");
        assertThat(ready(request.clone().setTaskType(TaskType.TASK_TYPE_FEATURE)))
                .containsExactly("soon", "late", "later");
        assertThat(ready(ListReadyTasksRequest.newBuilder())).contains("urgent", "soon", "late", "later");
        developer.complete(soon.getTaskId());
        assertThat(ready(request)).containsExactly("urgent", "late", "later", "blocked");
        // A deadline of the plan is that of its tasks that have none.
        MISSION.database().execute("UPDATE plans SET deadline = '2030-01-01Z' WHERE plan_id = '" + plan + "'");
        var due = developer.create(TaskCalls.task("due with the plan").setPlanId(plan));
        assertThat(due.hasDeadline()).isFalse();
        assertThat(ready(request)).containsExactly("urgent", "due with the plan", "late", "later", "blocked");
    }

    @Test
    void letsTheOwnerTheAssigneeAndAdministratorsChangeATaskOnly() {
        var assignee = MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER);
        var task = developer.create(TaskCalls.task("Ours").setAssignedUserId(assignee.id()));
        assertThat(TaskCalls.of(MISSION.with(assignee.token()))
                        .report(task.getTaskId(), 10)
                        .getStatus())
                .isEqualTo(TaskStatus.TASK_STATUS_IN_PROGRESS);
        assertThat(TaskCalls.of(MISSION.admin()).report(task.getTaskId(), 20).getProgressPercentage())
                .isEqualTo(20);
        var stranger = TaskCalls.of(
                MISSION.with(MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER).token()));
        StatusAssert.fails(() -> stranger.report(task.getTaskId(), 30))
                .with(Code.PERMISSION_DENIED, dev.sortie.type.v1.ErrorReason.ERROR_REASON_NOT_OWNER)
                .metadata("resource", "task")
                .metadata("id", task.getTaskId());
        StatusAssert.fails(() -> stranger.create(TaskCalls.task("Smuggled").setPlanId(plan("DRAFT"))))
                .with(Code.PERMISSION_DENIED, dev.sortie.type.v1.ErrorReason.ERROR_REASON_NOT_OWNER)
                .metadata("resource", "plan");
        StatusAssert.fails(() -> stranger.create(TaskCalls.task("Smuggled").setParentTaskId(task.getTaskId())))
                .with(Code.PERMISSION_DENIED, dev.sortie.type.v1.ErrorReason.ERROR_REASON_NOT_OWNER)
                .metadata("resource", "task");
    }

    private String plan(String status) {
        return TaskCalls.insertPlan(MISSION, developer.createProject("Of plans").getProjectId(), status, owner);
    }

    private static Task.Builder person(String title) {
        return TaskCalls.task(title).setPermissionLevel(PermissionLevel.PERMISSION_LEVEL_HUMAN_REQUIRED);
    }

    private Task complete(Task task, Struct result) {
        return tasks.completeTask(CompleteTaskRequest.newBuilder()
                        .setTaskId(task.getTaskId())
                        .setResult(result)
                        .build())
                .getTask();
    }

    private List<String> ready(ListReadyTasksRequest.Builder request) {
        var all = new ArrayList<String>();
        request.setPageSize(2).clearPageToken();
        do {
            var page = tasks.listReadyTasks(request.build());
            all.addAll(titles(page.getTasksList()));
            request.setPageToken(page.getNextPageToken());
        } while (!request.getPageToken().isEmpty());
        return all;
    }

    private static List<String> titles(List<Task> tasks) {
        return tasks.stream().map(Task::getTitle).toList();
    }

    private static Struct struct(String key, String value) {
        return Struct.newBuilder()
                .putFields(key, Value.newBuilder().setStringValue(value).build())
                .build();
    }

    private static List<String> strings(String sql) throws SQLException {
        var strings = new ArrayList<String>();
        try (var connection = MISSION.database().connectAsOwner();
                var rows = connection.createStatement().executeQuery(sql)) {
            while (rows.next()) {
                strings.add(rows.getString(1));
            }
        }
        return strings;
    }
}
