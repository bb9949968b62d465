package dev.sortie.mission.api;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.mission.MissionFixture;
import dev.sortie.mission.v1.DependencyType;
import dev.sortie.mission.v1.ErrorReason;
import dev.sortie.mission.v1.ListTaskDependenciesRequest;
import dev.sortie.mission.v1.PermissionLevel;
import dev.sortie.mission.v1.Task;
import dev.sortie.mission.v1.TaskDependency;
import dev.sortie.mission.v1.TaskStatus;
import dev.sortie.mission.v1.UserRole;
import dev.sortie.runtime.testing.StatusAssert;
import io.grpc.Status.Code;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** What tasks wait for, and what becomes of it. */
class TaskDependencyTest {
    @AutoClose
    private static final MissionFixture MISSION = MissionFixture.start();

    private static final String CYCLES = """
            WITH RECURSIVE reach (start, task_id) AS (
                SELECT task_id, depends_on_task_id FROM task_dependencies WHERE dependency_type = 'BLOCKS'
                UNION
                SELECT r.start, d.depends_on_task_id
                FROM reach r JOIN task_dependencies d ON d.task_id = r.task_id AND d.dependency_type = 'BLOCKS'
            )
            SELECT count(*) FROM reach WHERE start = task_id
            """;

    private final TaskCalls developer = TaskCalls.of(MISSION.developer());

    @Test
    void blocksATaskUntilTheLastOneThatItWaitsForIsComplete() {
        var first = developer.create("first");
        var second = developer.create("second");
        var waiting = developer.create("waiting");
        var answer = developer.block(waiting, first);
        assertThat(answer.getTask().getStatus()).isEqualTo(TaskStatus.TASK_STATUS_BLOCKED);
        assertThat(answer.getTaskDependency().getDependencyType()).isEqualTo(DependencyType.DEPENDENCY_TYPE_BLOCKS);
        developer.block(waiting, second);
        for (Runnable refused : List.<Runnable>of(
                () -> developer.queue(waiting.getTaskId()),
                () -> developer.complete(waiting.getTaskId()),
                () -> developer.report(waiting.getTaskId(), 1))) {
            StatusAssert.fails(refused::run)
                    .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_MOVE_NOT_ALLOWED)
                    .metadata("state", "BLOCKED")
                    .metadata("allowed_moves", "CANCEL,FAIL");
        }
        developer.complete(first.getTaskId());
        assertThat(status(waiting)).isEqualTo(TaskStatus.TASK_STATUS_BLOCKED);
        developer.complete(second.getTaskId());
        assertThat(status(waiting)).isEqualTo(TaskStatus.TASK_STATUS_PENDING);
        // One more, which is complete already, blocks nothing.
        var third = developer.create("third");
        developer.complete(third.getTaskId());
        assertThat(developer.block(waiting, third).getTask().getStatus()).isEqualTo(TaskStatus.TASK_STATUS_PENDING);
    }

    @Test
    void releasesATaskThatNeedsAPersonToItsPerson() {
        var blocker = developer.create("blocker");
        var waiting = developer.create(TaskCalls.task("by hand")
                .setPermissionLevel(PermissionLevel.PERMISSION_LEVEL_HUMAN_REQUIRED)
                .setAssignedUserId(MISSION.person(UserRole.USER_ROLE_DEVELOPER).id()));
        assertThat(waiting.getStatus()).isEqualTo(TaskStatus.TASK_STATUS_ASSIGNED);
        developer.block(waiting, blocker);
        assertThat(status(waiting)).isEqualTo(TaskStatus.TASK_STATUS_BLOCKED);
        developer.complete(blocker.getTaskId());
        assertThat(status(waiting)).isEqualTo(TaskStatus.TASK_STATUS_ASSIGNED);
    }

    @Test
    void keepsATaskBlockedByOneThatFailedOrWasCancelledUntilItNoLongerDepends() {
        for (boolean cancel : List.of(true, false)) {
            var blocker = developer.create("blocker");
            var waiting = developer.create("waiting");
            developer.block(waiting, blocker);
            if (cancel) {
                developer.cancel(blocker.getTaskId());
            } else {
                developer.fail(blocker.getTaskId(), "it broke");
            }
            assertThat(status(waiting)).isEqualTo(TaskStatus.TASK_STATUS_BLOCKED);
            assertThat(developer.unblock(waiting, blocker).getStatus()).isEqualTo(TaskStatus.TASK_STATUS_PENDING);
            StatusAssert.fails(() -> developer.unblock(waiting, blocker))
                    .with(Code.NOT_FOUND, dev.sortie.type.v1.ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND)
                    .metadata("resource", "task_dependency");
        }
    }

    @Test
    void releasesWhatADeletedTaskBlocked() {
        var blocker = developer.create("blocker");
        var waiting = developer.create("waiting");
        developer.block(waiting, blocker);
        developer.delete(blocker.getTaskId());
        assertThat(status(waiting)).isEqualTo(TaskStatus.TASK_STATUS_PENDING);
    }

    @Test
    void takesAQueuedTaskBackAndRefusesForOneThatHasBegunOrEnded() {
        var blocker = developer.create("blocker");
        var queued = developer.create("queued");
        developer.queue(queued.getTaskId());
        var blocked = developer.block(queued, blocker).getTask();
        assertThat(blocked.getStatus()).isEqualTo(TaskStatus.TASK_STATUS_BLOCKED);
        assertThat(blocked.getAttempt()).isEqualTo(1);
        var begun = developer.create("begun");
        developer.report(begun.getTaskId(), 5);
        var ended = developer.create("ended");
        developer.fail(ended.getTaskId(), "it broke");
        for (var task : List.of(begun, ended)) {
            StatusAssert.fails(() -> developer.block(task, blocker))
                    .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_NOT_CHANGEABLE)
                    .metadata("id", task.getTaskId());
            assertThat(dependencies(task, false)).isEmpty();
        }
        developer.link(begun, blocker, DependencyType.DEPENDENCY_TYPE_RELATED);
        assertThat(status(begun)).isEqualTo(TaskStatus.TASK_STATUS_IN_PROGRESS);
    }

    @Test
    void triesAFailedTaskAgainOnlyWhenNothingBlocksIt() {
        var blocker = developer.create("blocker");
        var task = developer.create("failed while it was blocked");
        developer.block(task, blocker);
        developer.fail(task.getTaskId(), "nobody believes in it");
        for (Runnable refused : List.<Runnable>of(
                () -> developer.queue(task.getTaskId()), () -> developer.report(task.getTaskId(), 1))) {
            StatusAssert.fails(refused::run)
                    .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_TASK_BLOCKED)
                    .metadata("open_tasks", "1")
                    .precondition("task/" + blocker.getTaskId());
        }
        developer.complete(blocker.getTaskId());
        assertThat(status(task)).isEqualTo(TaskStatus.TASK_STATUS_FAILED);
        assertThat(developer.queue(task.getTaskId()).getStatus()).isEqualTo(TaskStatus.TASK_STATUS_QUEUED);
    }

    @Test
    void refusesThePairTwiceTheTaskItselfAndWhatIsNotThere() {
        var task = developer.create("task");
        var other = developer.create("other");
        developer.link(task, other, DependencyType.DEPENDENCY_TYPE_DUPLICATE);
        assertThat(status(task)).isEqualTo(TaskStatus.TASK_STATUS_PENDING);
        StatusAssert.fails(() -> developer.block(task, other))
                .with(Code.ALREADY_EXISTS, ErrorReason.ERROR_REASON_DEPENDENCY_EXISTS)
                .metadata("dependency_type", "DUPLICATE");
        StatusAssert.fails(() -> developer.block(task, task))
                .with(Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("depends_on_task_id");
        developer.delete(other.getTaskId());
        StatusAssert.fails(() -> developer.block(task, other))
                .with(Code.FAILED_PRECONDITION, dev.sortie.type.v1.ErrorReason.ERROR_REASON_REFERENCE_NOT_FOUND)
                .metadata("field", "depends_on_task_id");
        StatusAssert.fails(() -> developer.block(other, task))
                .with(Code.NOT_FOUND, dev.sortie.type.v1.ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND);
    }

    @Test
    void refusesARingAlsoByWayOfOthers() {
        var ring = tasks(4);
        for (int i = 0; i < 3; i++) {
            developer.block(ring.get(i), ring.get(i + 1));
        }
        StatusAssert.fails(() -> developer.block(ring.get(3), ring.get(0)))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_DEPENDENCY_CYCLE)
                .metadata("task_id", ring.get(3).getTaskId())
                .metadata("depends_on_task_id", ring.get(0).getTaskId());
        // What does not block may close it.
        developer.link(ring.get(3), ring.get(0), DependencyType.DEPENDENCY_TYPE_RELATED);
    }

    @Test
    void letsOneOfTwoWinThatWouldBlockEachOther() throws Exception {
        for (int round = 0; round < 10; round++) {
            var pair = tasks(2);
            var outcomes = Together.call(2, number -> developer.block(pair.get(number), pair.get(1 - number)));
            assertThat(outcomes.stream().filter(Together.Outcome::succeeded)).hasSize(1);
            assertThat(outcomes.stream().filter(one -> !one.succeeded()))
                    .allSatisfy(one -> StatusAssert.fails(() -> {
                                throw one.failure();
                            })
                            .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_DEPENDENCY_CYCLE));
        }
    }

    @Test
    void neverClosesARingThatFiftyCallersBuild() throws Exception {
        var ring = tasks(50);
        var outcomes =
                Together.call(50, number -> developer.block(ring.get(number), ring.get((number + 1) % ring.size())));
        assertThat(outcomes.stream().filter(Together.Outcome::succeeded)).hasSize(49);
        assertThat(cycles()).isZero();
    }

    @Test
    void neverClosesARingWhateverManyCallersAdd() throws Exception {
        var many = tasks(8);
        var outcomes = Together.call(60, number -> {
            int task = number % 8;
            int other = (number / 8 + task + 1) % 8;
            return developer.block(many.get(task), many.get(other == task ? (task + 1) % 8 : other));
        });
        assertThat(outcomes.stream().filter(Together.Outcome::succeeded)).isNotEmpty();
        assertThat(cycles()).isZero();
    }

    @Test
    void releasesATaskWhoseBlockersCompleteAllAtOnce() throws Exception {
        var waiting = developer.create("waiting");
        var blockers = tasks(30);
        blockers.forEach(blocker -> developer.block(waiting, blocker));
        var outcomes = Together.call(
                30, number -> developer.complete(blockers.get(number).getTaskId()));
        assertThat(outcomes).allMatch(Together.Outcome::succeeded);
        assertThat(status(waiting)).isEqualTo(TaskStatus.TASK_STATUS_PENDING);
    }

    @Test
    void neverLeavesATaskBlockedByNothingWhenOneIsAddedAndCompletesAtOnce() throws Exception {
        for (int round = 0; round < 15; round++) {
            var waiting = developer.create("waiting");
            var blocker = developer.create("blocker");
            var outcomes = Together.call(
                    2,
                    number -> number == 0
                            ? developer.block(waiting, blocker).getTask()
                            : developer.complete(blocker.getTaskId()));
            assertThat(outcomes).allMatch(Together.Outcome::succeeded);
            assertThat(status(waiting)).isEqualTo(TaskStatus.TASK_STATUS_PENDING);
        }
    }

    @Test
    void takesAThousandDependenciesAndNoMore() throws SQLException {
        var task = developer.create("busy");
        MISSION.database().execute("""
                WITH others AS (
                    INSERT INTO tasks (task_id, title, task_type, permission_level, created_at, updated_at)
                    SELECT gen_random_uuid(), 'n', 'TEST', 'AUTONOMOUS', now(), now() FROM generate_series(1, 1000)
                    RETURNING task_id
                )
                INSERT INTO task_dependencies (task_dependency_id, task_id, depends_on_task_id, dependency_type,
                                               created_at, updated_at)
                SELECT gen_random_uuid(), '%s', task_id, 'RELATED', now(), now() FROM others
                """.formatted(task.getTaskId()));
        StatusAssert.fails(() -> developer.block(task, developer.create("one too many")))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_TOO_MANY_CHILDREN)
                .metadata("id", task.getTaskId())
                .metadata("limit", "1000");
    }

    @Test
    void listsBothSidesOfDependenciesByCreation() {
        var task = developer.create("task");
        var others = tasks(3);
        for (var other : others) {
            MISSION.clock().advance(java.time.Duration.ofMillis(1));
            developer.link(
                    task,
                    other,
                    other == others.get(1)
                            ? DependencyType.DEPENDENCY_TYPE_RELATED
                            : DependencyType.DEPENDENCY_TYPE_BLOCKS);
        }
        assertThat(dependencies(task, false))
                .extracting(TaskDependency::getDependsOnTaskId)
                .containsExactlyElementsOf(others.stream().map(Task::getTaskId).toList());
        assertThat(dependencies(task, true)).isEmpty();
        assertThat(dependencies(others.get(1), true))
                .singleElement()
                .satisfies(dependency -> assertThat(dependency.getTaskId()).isEqualTo(task.getTaskId()));
        assertThat(developer
                        .tasks()
                        .listTaskDependencies(ListTaskDependenciesRequest.newBuilder()
                                .setTaskId(task.getTaskId())
                                .setDependencyType(DependencyType.DEPENDENCY_TYPE_BLOCKS)
                                .build())
                        .getTaskDependenciesList())
                .hasSize(2);
    }

    private List<TaskDependency> dependencies(Task task, boolean dependents) {
        var all = new ArrayList<TaskDependency>();
        var request = ListTaskDependenciesRequest.newBuilder()
                .setTaskId(task.getTaskId())
                .setDependents(dependents)
                .setPageSize(2);
        do {
            var page = developer.tasks().listTaskDependencies(request.build());
            all.addAll(page.getTaskDependenciesList());
            request.setPageToken(page.getNextPageToken());
        } while (!request.getPageToken().isEmpty());
        return all;
    }

    private List<Task> tasks(int count) {
        return IntStream.range(0, count)
                .mapToObj(number -> developer.create("task " + number))
                .toList();
    }

    private TaskStatus status(Task task) {
        return developer.get(task).getStatus();
    }

    private static long cycles() throws SQLException {
        try (var connection = MISSION.database().connectAsOwner();
                var rows = connection.createStatement().executeQuery(CYCLES)) {
            rows.next();
            return rows.getLong(1);
        }
    }
}
