package dev.sortie.mission.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.Descriptors.EnumDescriptor;
import dev.sortie.mission.MissionFixture;
import dev.sortie.mission.domain.DependencyType;
import dev.sortie.mission.domain.PermissionLevel;
import dev.sortie.mission.domain.PlanStatus;
import dev.sortie.mission.domain.Priority;
import dev.sortie.mission.domain.ProjectStatus;
import dev.sortie.mission.domain.SyncStatus;
import dev.sortie.mission.domain.TaskStatus;
import dev.sortie.mission.domain.TaskType;
import dev.sortie.mission.v1.ScalingStrategy;
import dev.sortie.runtime.testing.TestDatabase;
import java.sql.SQLException;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What the database itself sees to in projects, plans, tasks and their dependencies. */
class TaskSchemaTest {
    @AutoClose
    private static final TestDatabase DATABASE = MissionFixture.newDatabase();

    private static final Pattern QUOTED = Pattern.compile("'([A-Z_]+)'");
    private static final String USER = "01978c2e-0000-7000-8000-000000000001";
    private static final String PROJECT = "01978c2e-0000-7000-8000-000000000002";
    private static final String PLAN = "01978c2e-0000-7000-8000-000000000003";
    private static final String TASK = "01978c2e-0000-7000-8000-000000000004";
    private static final String CHILD = "01978c2e-0000-7000-8000-000000000005";

    @BeforeEach
    void arrange() throws SQLException {
        DATABASE.execute(
                "DELETE FROM projects",
                "DELETE FROM tasks",
                "DELETE FROM users",
                """
                INSERT INTO users (user_id, username, email, role, kind, registered_at, created_at, updated_at)
                VALUES ('%s', 'ada', 'ada@example.com', 'DEVELOPER', 'HUMAN', now(), now(), now())
                """.formatted(USER),
                """
                INSERT INTO projects (project_id, name, created_by, created_at, updated_at)
                VALUES ('%s', 'p', '%s', now(), now())
                """.formatted(PROJECT, USER),
                """
                INSERT INTO plans (plan_id, project_id, title, created_by, assigned_to, created_at, updated_at)
                VALUES ('%s', '%s', 'p', '%s', '%s', now(), now())
                """.formatted(PLAN, PROJECT, USER, USER),
                """
                INSERT INTO tasks (task_id, plan_id, title, task_type, permission_level, created_by, created_at, updated_at)
                VALUES ('%s', '%s', 't', 'TEST', 'AUTONOMOUS', '%s', now(), now())
                """.formatted(TASK, PLAN, USER),
                """
                INSERT INTO tasks (task_id, parent_task_id, depth, title, task_type, permission_level, created_at,
                                   updated_at)
                VALUES ('%s', '%s', 1, 't', 'TEST', 'SUPERVISED', now(), now())
                """.formatted(CHILD, TASK),
                """
                INSERT INTO task_dependencies (task_dependency_id, task_id, depends_on_task_id, created_at, updated_at)
                VALUES (gen_random_uuid(), '%s', '%s', now(), now())
                """.formatted(CHILD, TASK));
    }

    @Test
    void knowsTheSameValuesAsTheCodeAndTheContract() throws SQLException {
        agree("projects_status_check", ProjectStatus.class, dev.sortie.mission.v1.ProjectStatus.getDescriptor());
        agree("plans_status_check", PlanStatus.class, dev.sortie.mission.v1.PlanStatus.getDescriptor());
        agree("plans_priority_check", Priority.class, dev.sortie.type.v1.Priority.getDescriptor());
        agree("tasks_status_check", TaskStatus.class, dev.sortie.mission.v1.TaskStatus.getDescriptor());
        agree("tasks_task_type_check", TaskType.class, dev.sortie.type.v1.TaskType.getDescriptor());
        agree("tasks_priority_check", Priority.class, dev.sortie.type.v1.Priority.getDescriptor());
        agree(
                "tasks_permission_level_check",
                PermissionLevel.class,
                dev.sortie.mission.v1.PermissionLevel.getDescriptor());
        agree("tasks_sync_status_check", SyncStatus.class, dev.sortie.mission.v1.SyncStatus.getDescriptor());
        agree(
                "task_dependencies_type_check",
                DependencyType.class,
                dev.sortie.mission.v1.DependencyType.getDescriptor());
        assertThat(values("plans_scaling_strategy_check")).isEqualTo(values(ScalingStrategy.getDescriptor()));
    }

    @Test
    void sortsPrioritiesAsTheCodeDoes() throws SQLException {
        for (var priority : Priority.values()) {
            DATABASE.execute(
                    "UPDATE tasks SET priority = '" + priority + "'", "UPDATE plans SET priority = '" + priority + "'");
            assertThat(count("SELECT DISTINCT urgency FROM tasks")).isEqualTo(priority.urgency());
            assertThat(count("SELECT DISTINCT urgency FROM plans")).isEqualTo(priority.urgency());
        }
    }

    @Test
    void refusesWhatTheCodeNeverWrites() {
        refuses("projects_name_check", "UPDATE projects SET name = ''");
        refuses("projects_purge_at_check", "UPDATE projects SET deleted_at = now()");
        refuses("plans_adaptive_limit_check", "UPDATE plans SET adaptive_limit = 2");
        refuses("plans_purge_at_check", "UPDATE plans SET deleted_at = now()");
        refuses("tasks_progress_check", "UPDATE tasks SET progress_percentage = 100.01");
        refuses("tasks_dispatched_check", "UPDATE tasks SET status = 'QUEUED'");
        refuses("tasks_dispatched_check", "UPDATE tasks SET dispatched = true, attempt = 1, queue_name = 'q'");
        refuses("tasks_work_order_check", "UPDATE tasks SET work_order_id = task_id");
        refuses("tasks_assigned_check", "UPDATE tasks SET status = 'ASSIGNED'");
        refuses("tasks_awaiting_approval_check", "UPDATE tasks SET awaiting_approval = true");
        refuses("tasks_started_check", "UPDATE tasks SET status = 'IN_PROGRESS'");
        refuses("tasks_completed_check", "UPDATE tasks SET status = 'COMPLETED'");
        refuses("tasks_depth_check", "UPDATE tasks SET depth = 0");
        refuses("tasks_parent_check", "UPDATE tasks SET parent_task_id = task_id, depth = 1");
        refuses("task_dependencies_self_check", "UPDATE task_dependencies SET depends_on_task_id = task_id");
        refuses("task_dependencies_pair_key", """
                INSERT INTO task_dependencies (task_dependency_id, task_id, depends_on_task_id, created_at, updated_at)
                SELECT gen_random_uuid(), task_id, depends_on_task_id, now(), now() FROM task_dependencies
                """);
    }

    @Test
    void takesAwayWhatTheSourcesCascadeAndNothingMore() throws SQLException {
        DATABASE.execute("DELETE FROM users");
        assertThat(count("SELECT count(*) FROM projects WHERE created_by IS NULL"))
                .isOne();
        assertThat(count("SELECT count(*) FROM plans WHERE created_by IS NULL AND assigned_to IS NULL"))
                .isOne();
        assertThat(count("SELECT count(*) FROM tasks WHERE created_by IS NULL")).isEqualTo(2);
        DATABASE.execute("DELETE FROM tasks WHERE task_id = '" + TASK + "'");
        assertThat(count("SELECT count(*) FROM tasks")).isZero();
        assertThat(count("SELECT count(*) FROM task_dependencies")).isZero();
        assertThat(count("SELECT count(*) FROM plans")).isOne();
    }

    @Test
    void takesPlansAndTasksAwayWithTheirProject() throws SQLException {
        DATABASE.execute("DELETE FROM projects");
        assertThat(count("SELECT (SELECT count(*) FROM plans) + (SELECT count(*) FROM tasks)"))
                .isZero();
        assertThat(count("SELECT count(*) FROM users")).isOne();
    }

    @Test
    void findsWhatIsDueByIndexesThatLeaveOutWhatWasWarnedOf() throws SQLException {
        for (var table : new String[] {"plans", "tasks"}) {
            try (var connection = DATABASE.connectAsOwner();
                    var query = connection.prepareStatement(
                            "SELECT pg_get_expr(indpred, indrelid) FROM pg_index WHERE indexrelid = ?::regclass")) {
                query.setString(1, table + "_deadline_warning_idx");
                try (var rows = query.executeQuery()) {
                    assertThat(rows.next()).isTrue();
                    assertThat(rows.getString(1)).contains("deadline_warned_at IS NULL");
                }
            }
        }
        for (var column : new String[] {"due_at", "work_order_version"}) {
            assertThatThrownBy(() -> DATABASE.execute("UPDATE tasks SET " + column + " = NULL"))
                    .hasMessageContaining('"' + column + '"');
        }
    }

    private static <E extends Enum<E>> void agree(String constraint, Class<E> code, EnumDescriptor contract)
            throws SQLException {
        var inCode = Stream.of(code.getEnumConstants()).map(Enum::name).collect(Collectors.toSet());
        assertThat(values(constraint)).as(constraint).isEqualTo(inCode);
        assertThat(values(contract)).as(contract.getFullName()).isEqualTo(inCode);
    }

    /** The values of an enum of the contract but the first, without what they all begin with. */
    private static Set<String> values(EnumDescriptor contract) {
        var unspecified = contract.getValues().getFirst().getName();
        var prefix = unspecified.substring(0, unspecified.length() - "UNSPECIFIED".length());
        return contract.getValues().stream()
                .map(value -> value.getName().substring(prefix.length()))
                .filter(value -> !value.equals("UNSPECIFIED"))
                .collect(Collectors.toSet());
    }

    private static Set<String> values(String constraint) throws SQLException {
        try (var connection = DATABASE.connectAsOwner();
                var query = connection.prepareStatement(
                        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = ?")) {
            query.setString(1, constraint);
            try (var rows = query.executeQuery()) {
                assertThat(rows.next()).as(constraint).isTrue();
                var values = new TreeSet<String>();
                QUOTED.matcher(rows.getString(1)).results().forEach(match -> values.add(match.group(1)));
                return values;
            }
        }
    }

    private static void refuses(String constraint, String sql) {
        assertThatThrownBy(() -> DATABASE.execute(sql)).as(sql).hasStackTraceContaining(constraint);
    }

    private static int count(String sql) throws SQLException {
        try (var connection = DATABASE.connectAsOwner();
                var rows = connection.createStatement().executeQuery(sql)) {
            assertThat(rows.next()).isTrue();
            return rows.getInt(1);
        }
    }
}
