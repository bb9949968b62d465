package dev.sortie.mission.api;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.mission.MissionFixture;
import dev.sortie.mission.MoveChains;
import dev.sortie.mission.domain.TaskMove;
import dev.sortie.mission.domain.TaskStatus;
import dev.sortie.mission.v1.DependencyType;
import dev.sortie.mission.v1.PermissionLevel;
import dev.sortie.mission.v1.Task;
import dev.sortie.mission.v1.UserRole;
import io.grpc.Status.Code;
import io.grpc.StatusRuntimeException;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.function.IntUnaryOperator;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Several callers who move the same tasks about at random: nothing forbidden is ever reached. */
class RandomTaskMovesTest {
    @AutoClose
    private static final MissionFixture MISSION = MissionFixture.start();

    private static final int CALLERS = 6;
    private static final int MOVES = 60;
    private static final int TASKS = 9;
    private static final Set<Code> EXPECTED =
            Set.of(Code.FAILED_PRECONDITION, Code.NOT_FOUND, Code.ALREADY_EXISTS, Code.INVALID_ARGUMENT);

    private static final String RINGS = """
            WITH RECURSIVE reach (start, task_id) AS (
                SELECT task_id, depends_on_task_id FROM task_dependencies WHERE dependency_type = 'BLOCKS'
                UNION
                SELECT r.start, d.depends_on_task_id
                FROM reach r JOIN task_dependencies d ON d.task_id = r.task_id AND d.dependency_type = 'BLOCKS'
            )
            SELECT start::text FROM reach WHERE start = task_id
            """;
    private static final String WRONGLY_BLOCKED_OR_NOT = """
            SELECT format('%s is %s, %s open blockers', t.task_id, t.status, count(b.task_id))
            FROM tasks t
            LEFT JOIN task_dependencies d ON d.task_id = t.task_id AND d.dependency_type = 'BLOCKS'
            LEFT JOIN tasks b ON b.task_id = d.depends_on_task_id AND b.status <> 'COMPLETED'
            WHERE t.status NOT IN ('FAILED', 'CANCELLED')
            GROUP BY t.task_id, t.status
            HAVING (count(b.task_id) > 0) <> (t.status = 'BLOCKED')
            """;
    private static final String VERSION_GAPS = """
            SELECT format('%s: version %s follows %s', resource_id, version, before)
            FROM (SELECT resource_id, version, kind,
                         lag(version, 1, 0::bigint) OVER (PARTITION BY resource_id ORDER BY xid, seq) AS before
                  FROM change_log WHERE resource_type = 'task') AS changes
            WHERE kind <> 'DELETED' AND version <> before + 1
            """;
    private static final String STEPS = """
            SELECT from_status || ' ' || to_status FROM moves WHERE resource = 'TASK' AND from_status IS NOT NULL
            """;

    private final TaskCalls developer = TaskCalls.of(MISSION.developer());
    private final String me = MISSION.person(UserRole.USER_ROLE_DEVELOPER).id();

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    void reachesNothingForbidden(long seed) throws Exception {
        var project = developer.createProject("Random " + seed).getProjectId();
        var plans = List.of(
                "",
                TaskCalls.insertPlan(MISSION, project, "DRAFT", me),
                TaskCalls.insertPlan(MISSION, project, "DRAFT", me));
        var levels = List.of(
                PermissionLevel.PERMISSION_LEVEL_AUTONOMOUS,
                PermissionLevel.PERMISSION_LEVEL_SUPERVISED,
                PermissionLevel.PERMISSION_LEVEL_HUMAN_REQUIRED);
        // Ended or under way, a task has little left to do: others come in its place.
        var pool = new AtomicReferenceArray<Task>(TASKS);
        IntUnaryOperator renew = number -> {
            pool.set(
                    number,
                    developer.create(TaskCalls.task("task " + number)
                            .setPlanId(plans.get(number % 3))
                            .setPermissionLevel(levels.get(number / 3))));
            return number;
        };
        IntStream.range(0, TASKS).forEach(renew::applyAsInt);
        var outcomes = Together.call(CALLERS, caller -> {
            var random = new Random(seed * 1_000 + caller);
            for (int i = 0; i < MOVES; i++) {
                int number = random.nextInt(TASKS);
                if (random.nextInt(6) == 0) {
                    renew.applyAsInt(number);
                }
                attempt(random, pool.get(number), pool.get(random.nextInt(TASKS)));
            }
            return caller;
        });
        assertThat(outcomes).allSatisfy(outcome -> assertThat(outcome.failure()).isNull());
        assertThat(strings(RINGS)).isEmpty();
        assertThat(strings(WRONGLY_BLOCKED_OR_NOT)).isEmpty();
        assertThat(strings(VERSION_GAPS)).isEmpty();
        MoveChains.assertWhole(MISSION.database());
        assertThat(strings(STEPS)).allSatisfy(step -> {
            var statuses = step.split(" ");
            assertThat(TaskMove.leads(TaskStatus.valueOf(statuses[0]), TaskStatus.valueOf(statuses[1])))
                    .as(step)
                    .isTrue();
        });
    }

    // One sequence alone may miss a kind of move.
    @AfterAll
    static void hasMovedTasksInManyWays() throws SQLException {
        assertThat(strings(STEPS))
                .contains("PENDING BLOCKED", "BLOCKED PENDING", "PENDING QUEUED", "PENDING COMPLETED");
    }

    private void attempt(Random random, Task task, Task other) {
        try {
            move(random, task, other);
        } catch (StatusRuntimeException refused) {
            if (!EXPECTED.contains(refused.getStatus().getCode())) {
                throw refused;
            }
        }
    }

    private void move(Random random, Task task, Task other) {
        var id = task.getTaskId();
        switch (random.nextInt(20)) {
            case 0, 1 -> developer.queue(id);
            case 2 -> developer.report(id, random.nextInt(101));
            case 3 -> developer.fail(id, "it broke");
            case 4 -> developer.approve(id);
            case 5 -> developer.reject(id, "not good enough");
            case 6, 7, 8, 9, 10 -> developer.block(task, other);
            case 11 -> developer.unblock(task, other);
            case 12 -> developer.link(task, other, DependencyType.DEPENDENCY_TYPE_RELATED);
            case 13 -> assign(task, me);
            case 14 -> assign(task, "");
            case 15 ->
                developer.update(
                        task.toBuilder()
                                .clearEtag()
                                .setPermissionLevel(other.getPermissionLevel())
                                .build(),
                        "permission_level");
            case 16, 17, 18 -> developer.complete(id);
            default -> {
                if (random.nextBoolean()) {
                    developer.cancel(id);
                } else {
                    developer.delete(id);
                }
            }
        }
    }

    private void assign(Task task, String user) {
        developer.update(task.toBuilder().clearEtag().setAssignedUserId(user).build(), "assigned_user_id");
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
