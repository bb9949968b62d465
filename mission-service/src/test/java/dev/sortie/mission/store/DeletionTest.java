package dev.sortie.mission.store;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.mission.MissionFixture;
import dev.sortie.mission.v1.DeleteHopRequest;
import dev.sortie.mission.v1.DeleteMissionRequest;
import dev.sortie.mission.v1.DeletePlanRequest;
import dev.sortie.mission.v1.DeleteProjectRequest;
import dev.sortie.mission.v1.DeleteTaskRequest;
import dev.sortie.mission.v1.DeleteUserRequest;
import dev.sortie.mission.v1.HopServiceGrpc;
import dev.sortie.mission.v1.MissionServiceGrpc;
import dev.sortie.mission.v1.PlanServiceGrpc;
import dev.sortie.mission.v1.ProjectServiceGrpc;
import dev.sortie.mission.v1.TaskServiceGrpc;
import dev.sortie.mission.v1.UserServiceGrpc;
import io.grpc.Channel;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.BiConsumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * What a deletion takes along, what it changes, and that it leaves everything else alone: the whole database is compared
 * row by row, before and after, with what {@link Target} says of each table.
 */
class DeletionTest {
    private static final int ROWS = 60;
    private static final JsonMapper JSON = JsonMapper.shared();

    private static final String MISSIONS_OF_USER =
            "mission_id IN (SELECT mission_id FROM missions WHERE user_id = :id)";
    private static final String IN_MISSIONS_OF_USER = """
            hop_id IN (SELECT h.hop_id FROM hops h JOIN missions m USING (mission_id) WHERE m.user_id = :id)""";
    private static final String RUNS_OF_USER = """
            test_run_id IN (SELECT r.test_run_id FROM test_runs r JOIN missions m USING (mission_id) WHERE m.user_id = :id)""";
    private static final String RUNS_OF_MISSION =
            "test_run_id IN (SELECT test_run_id FROM test_runs WHERE mission_id = :id)";

    /** What goes and what changes, by table. A table that is not named stays as it is. */
    enum Target {
        USER(
                "users",
                7,
                new Rules()
                        .go("users", "user_id = :id")
                        .go("api_tokens", "user_id = :id")
                        .go("refresh_tokens", "user_id = :id")
                        .go("resource_credentials", "user_id = :id")
                        .go("missions", "user_id = :id")
                        .go("hops", MISSIONS_OF_USER)
                        .go("tool_steps", IN_MISSIONS_OF_USER)
                        .goAssets("a.user_id = :id OR a." + MISSIONS_OF_USER)
                        .go("dod_items", MISSIONS_OF_USER)
                        .go("test_runs", MISSIONS_OF_USER)
                        .go("test_results", RUNS_OF_USER)
                        .go("test_log_chunks", RUNS_OF_USER)
                        .go("moves", MISSIONS_OF_USER)
                        .change("dod_items", "completed_by = :id", "completed_by")
                        .change("projects", "created_by = :id", "created_by")
                        .change("plans", "created_by = :id OR assigned_to = :id", "created_by", "assigned_to")
                        // Somebody else has to be found for what was theirs to do.
                        .change(
                                "tasks",
                                "created_by = :id OR assigned_user_id = :id",
                                "created_by",
                                "assigned_user_id",
                                "status"),
                (admin, id) -> UserServiceGrpc.newBlockingStub(admin)
                        .deleteUser(DeleteUserRequest.newBuilder().setUserId(id).build())),
        MISSION(
                "missions",
                2,
                new Rules()
                        .go("missions", "mission_id = :id")
                        .go("hops", "mission_id = :id")
                        .go("tool_steps", "hop_id IN (SELECT hop_id FROM hops WHERE mission_id = :id)")
                        .goAssets("a.mission_id = :id")
                        .go("dod_items", "mission_id = :id")
                        .go("test_runs", "mission_id = :id")
                        .go("test_results", RUNS_OF_MISSION)
                        .go("test_log_chunks", RUNS_OF_MISSION)
                        .go("moves", "mission_id = :id"),
                (admin, id) -> MissionServiceGrpc.newBlockingStub(admin)
                        .deleteMission(DeleteMissionRequest.newBuilder()
                                .setMissionId(id)
                                .setForce(true)
                                .build())),
        HOP(
                "hops",
                3,
                new Rules()
                        .go("hops", "hop_id = :id")
                        .go("tool_steps", "hop_id = :id")
                        .goAssets("a.hop_id = :id")
                        // The later ones move up, and a run does not wait before what is gone.
                        .change(
                                "hops",
                                "(mission_id, 0) IN (SELECT mission_id, 0 FROM hops WHERE hop_id = :id)"
                                        + " AND sequence_order > (SELECT sequence_order FROM hops WHERE hop_id = :id)",
                                "sequence_order")
                        .change("missions", "paused_hop_id = :id", "paused_at", "paused_hop_id", "paused_step_id"),
                (admin, id) -> HopServiceGrpc.newBlockingStub(admin)
                        .deleteHop(DeleteHopRequest.newBuilder().setHopId(id).build())),
        PROJECT(
                "projects",
                2,
                new Rules()
                        .go("projects", "project_id = :id")
                        .go("plans", "project_id = :id")
                        .goWithTasks("plan_id IN (SELECT plan_id FROM plans WHERE project_id = :id)")
                        .go(
                                "moves",
                                "project_id = :id OR plan_id IN (SELECT plan_id FROM plans WHERE project_id = :id)"),
                (admin, id) -> ProjectServiceGrpc.newBlockingStub(admin)
                        .deleteProject(DeleteProjectRequest.newBuilder()
                                .setProjectId(id)
                                .setForce(true)
                                .build())),
        PLAN(
                "plans",
                2,
                new Rules()
                        .go("plans", "plan_id = :id")
                        .goWithTasks("plan_id = :id")
                        .go("moves", "plan_id = :id"),
                (admin, id) -> PlanServiceGrpc.newBlockingStub(admin)
                        .deletePlan(DeletePlanRequest.newBuilder()
                                .setPlanId(id)
                                .setForce(true)
                                .build())),
        TASK(
                "tasks",
                12,
                new Rules().goWithTasks("task_id = :id"),
                (admin, id) -> TaskServiceGrpc.newBlockingStub(admin)
                        .deleteTask(DeleteTaskRequest.newBuilder().setTaskId(id).build()));

        private final String table;
        private final int row;
        private final Rules rules;
        private final BiConsumer<Channel, String> delete;

        Target(String table, int row, Rules rules, BiConsumer<Channel, String> delete) {
            this.table = table;
            this.row = row;
            this.rules = rules;
            this.delete = delete;
        }

        String id() {
            return SampleRows.id(table, row).toString();
        }
    }

    /** As SQL conditions, with {@code :id} for what is deleted. */
    private static final class Rules {
        private final Map<String, List<String>> going = new LinkedHashMap<>();
        private final Map<String, Changing> changing = new LinkedHashMap<>();

        private record Changing(String condition, Set<String> columns) {}

        Rules go(String table, String condition) {
            going.computeIfAbsent(table, key -> new ArrayList<>()).add("(" + condition + ")");
            return this;
        }

        /** Assets; what was streamed into them is let go, and goes piece by piece later. */
        Rules goAssets(String condition) {
            var contents =
                    "content_id IN (SELECT c.content_id FROM asset_contents c JOIN assets a USING (asset_id) WHERE %s)"
                            .formatted(condition);
            return go("assets", "asset_id IN (SELECT a.asset_id FROM assets a WHERE %s)".formatted(condition))
                    .change("asset_contents", contents, "asset_id")
                    .change("asset_chunks", contents);
        }

        /** Tasks, with their subtasks, the dependencies of both, and their moves. What they alone blocked is released. */
        Rules goWithTasks(String condition) {
            var gone = """
                    IN (WITH RECURSIVE gone AS (
                            SELECT task_id FROM tasks WHERE %s
                            UNION SELECT t.task_id FROM tasks t JOIN gone g ON t.parent_task_id = g.task_id)
                        SELECT task_id FROM gone)""".formatted(condition);
            go("tasks", "task_id " + gone);
            go("task_dependencies", "task_id " + gone + " OR depends_on_task_id " + gone);
            go("moves", "task_id " + gone);
            return change(
                    "tasks",
                    "status = 'BLOCKED' AND task_id IN (SELECT task_id FROM task_dependencies"
                            + " WHERE dependency_type = 'BLOCKS' AND depends_on_task_id " + gone + ")",
                    "status");
        }

        /** Columns that may be different afterwards, beside the version and the time of the last change. */
        Rules change(String table, String condition, String... columns) {
            changing.put(table, new Changing(condition, Set.of(columns)));
            return this;
        }
    }

    /** Which rows of which tables others hear of, by the type of resource in the change log. */
    private static final Map<String, String> RESOURCES = Map.ofEntries(
            Map.entry("users", "user"),
            Map.entry("api_tokens", "api_token"),
            Map.entry("resource_credentials", "resource_credential"),
            Map.entry("missions", "mission"),
            Map.entry("hops", "hop"),
            Map.entry("tool_steps", "tool_step"),
            Map.entry("assets", "asset"),
            Map.entry("dod_items", "dod_item"),
            Map.entry("test_runs", "test_run"),
            Map.entry("projects", "project"),
            Map.entry("plans", "plan"),
            Map.entry("tasks", "task"),
            Map.entry("task_dependencies", "task_dependency"));

    /** Goes some time after it was let go. */
    private static final Set<String> LET_GO = Set.of("asset_contents", "asset_chunks");

    /** Written by the server for itself, whatever is deleted. */
    private static final Set<String> OF_THE_SERVER =
            Set.of("outbox", "feed_cursors", "credential_keys", "credential_key_replicas", "login_limits");

    /** All rows of all tables, by primary key. */
    private record Snapshot(Map<String, Map<String, JsonNode>> tables) {
        JsonNode row(String table, String key) {
            return tables.get(table).get(key);
        }
    }

    /** What the rules say of a database. */
    private record Expected(Map<String, Set<String>> going, Map<String, Set<String>> changing) {}

    @ParameterizedTest
    @EnumSource(Target.class)
    void takesAlongWhatTheSourcesSayAndLeavesTheRestAlone(Target target) throws SQLException {
        var database = MissionFixture.newDatabase();
        fill(database);
        try (var mission = MissionFixture.start(database);
                var connection = mission.database().connectAsOwner()) {
            var admin = mission.admin();
            var before = settled(mission, connection);
            before.tables()
                    .forEach((table, rows) -> assertThat(OF_THE_SERVER.contains(table) || !rows.isEmpty())
                            .as("rows of %s", table)
                            .isTrue());
            var expected = expected(connection, target, before);
            var lastChange = count(connection, "SELECT coalesce(max(seq), 0) FROM change_log");
            target.delete.accept(admin, target.id());
            var after = settled(mission, connection);
            assertThat(differences(target.rules, expected, before, after)).isEmpty();
            assertThat(changes(connection, lastChange)).isEqualTo(expectedChanges(expected, before, after));
        }
    }

    @Test
    void noticesRowsThatGoAndStayAgainstTheRules() throws SQLException {
        var database = MissionFixture.newDatabase();
        fill(database);
        try (database;
                var connection = database.connectAsOwner()) {
            var before = snapshot(connection);
            var expected = expected(connection, Target.TASK, before);
            assertThat(expected.going().get("task_dependencies")).hasSizeGreaterThan(2);
            try (var statement = connection.createStatement()) {
                statement.execute("DELETE FROM test_log_chunks WHERE test_run_id = '%s'"
                        .formatted(SampleRows.id("test_runs", 1)));
                statement.execute("UPDATE missions SET goal = 'another', version = 2 WHERE mission_id = '%s'"
                        .formatted(SampleRows.id("missions", 1)));
            }
            assertThat(differences(Target.TASK.rules, expected, before, snapshot(connection)))
                    .anyMatch(what -> what.startsWith("tasks ") && what.endsWith("stayed"))
                    .anyMatch(what -> what.startsWith("test_log_chunks ") && what.endsWith("went"))
                    .anyMatch(what -> what.startsWith("missions ") && what.endsWith("changed in [goal, version]"));
        }
    }

    private static void fill(dev.sortie.runtime.testing.TestDatabase database) throws SQLException {
        try (var connection = database.connectAsOwner();
                var statement = connection.createStatement()) {
            new SampleRows(connection, ROWS)
                    .count("users", 10)
                    .count("projects", 20)
                    .count("plans", 40)
                    .count("missions", 40)
                    .count("hops", 80)
                    .count("tool_steps", 160)
                    .count("tasks", 200)
                    .count("task_dependencies", 200)
                    .count("moves", 400)
                    .fill();
            // Nothing goes on by itself.
            statement.execute("UPDATE plans SET status = 'PAUSED' WHERE status = 'ACTIVE'");
            statement.execute("UPDATE tasks SET permission_level = 'HUMAN_REQUIRED' WHERE status = 'PENDING'");
        }
    }

    private static Expected expected(Connection connection, Target target, Snapshot before) throws SQLException {
        var going = new TreeMap<String, Set<String>>();
        var changing = new TreeMap<String, Set<String>>();
        for (var rule : target.rules.going.entrySet()) {
            going.put(
                    rule.getKey(), keys(connection, rule.getKey(), String.join(" OR ", rule.getValue()), target.id()));
        }
        for (var rule : target.rules.changing.entrySet()) {
            var keys = keys(connection, rule.getKey(), rule.getValue().condition(), target.id());
            keys.removeAll(going.getOrDefault(rule.getKey(), Set.of()));
            changing.put(rule.getKey(), keys);
        }
        // Each rule has something to show, and something that it leaves alone.
        going.forEach((table, keys) -> assertThat(keys)
                .as("%s that go with %s", table, target)
                .isNotEmpty()
                .hasSizeLessThan(before.tables().get(table).size()));
        return new Expected(going, changing);
    }

    private static Set<String> differences(Rules rules, Expected expected, Snapshot before, Snapshot after) {
        var wrong = new TreeSet<String>();
        for (var table : before.tables().keySet()) {
            if (OF_THE_SERVER.contains(table)) {
                continue;
            }
            var going = expected.going().getOrDefault(table, Set.of());
            for (var row : before.tables().get(table).entrySet()) {
                var now = after.row(table, row.getKey());
                if (going.contains(row.getKey())) {
                    if (now != null) {
                        wrong.add(table + " " + row.getKey() + " stayed");
                    }
                } else if (now == null) {
                    if (LET_GO.contains(table)
                            && expected.changing().getOrDefault(table, Set.of()).contains(row.getKey())) {
                        continue;
                    }
                    wrong.add(table + " " + row.getKey() + " went");
                } else {
                    var changed = changed(row.getValue(), now);
                    var allowed = new HashSet<String>();
                    if (expected.changing().getOrDefault(table, Set.of()).contains(row.getKey())) {
                        allowed.addAll(rules.changing.get(table).columns());
                        allowed.addAll(Set.of("updated_at", "version"));
                    }
                    if (!allowed.containsAll(changed)) {
                        wrong.add(table + " " + row.getKey() + " changed in " + changed);
                    }
                }
            }
            // A move says what became of what was released.
            after.tables().get(table).keySet().stream()
                    .filter(key -> !before.tables().get(table).containsKey(key) && !table.equals("moves"))
                    .forEach(key -> wrong.add(table + " " + key + " came"));
        }
        return wrong;
    }

    private static TreeSet<String> changed(JsonNode before, JsonNode after) {
        var changed = new TreeSet<String>();
        before.properties().forEach(column -> {
            if (!column.getValue().equals(after.path(column.getKey()))) {
                changed.add(column.getKey());
            }
        });
        return changed;
    }

    /** A row that goes, and a row that changes, is told of; nothing else is. */
    private static Set<String> expectedChanges(Expected expected, Snapshot before, Snapshot after) {
        var changes = new TreeSet<String>();
        expected.going().forEach((table, keys) -> {
            if (RESOURCES.containsKey(table)) {
                keys.forEach(key -> changes.add("DELETED " + RESOURCES.get(table) + " " + key));
            }
        });
        before.tables()
                .forEach((table, rows) -> rows.forEach((key, row) -> {
                    var now = after.row(table, key);
                    if (RESOURCES.containsKey(table)
                            && now != null
                            && !changed(row, now).isEmpty()) {
                        changes.add("UPDATED " + RESOURCES.get(table) + " " + key);
                    }
                }));
        return changes;
    }

    private static Set<String> changes(Connection connection, long after) throws SQLException {
        var changes = new TreeSet<String>();
        try (var statement = connection.createStatement();
                var rows = statement.executeQuery(
                        "SELECT kind || ' ' || resource_type || ' ' || resource_id FROM change_log WHERE seq > "
                                + after)) {
            while (rows.next()) {
                changes.add(rows.getString(1));
            }
        }
        return changes;
    }

    private static Set<String> keys(Connection connection, String table, String condition, String id)
            throws SQLException {
        var keys = new TreeSet<String>();
        try (var statement = connection.createStatement();
                var rows = statement.executeQuery("SELECT %s FROM %s t WHERE %s"
                        .formatted(key(connection, table), table, condition.replace(":id", "'" + id + "'")))) {
            while (rows.next()) {
                keys.add(rows.getString(1));
            }
        }
        return keys;
    }

    /** Taken when the server has done all that it does by itself. */
    private static Snapshot settled(MissionFixture mission, Connection connection) throws SQLException {
        var last = snapshot(connection);
        while (true) {
            mission.lookAtDeadlines();
            mission.schedulePlans();
            mission.sweepContents();
            var next = snapshot(connection);
            if (next.equals(last)) {
                return next;
            }
            last = next;
        }
    }

    private static Snapshot snapshot(Connection connection) throws SQLException {
        var tables = new TreeMap<String, Map<String, JsonNode>>();
        for (var table : new SampleRows(connection, 1).tables()) {
            var rowsByKey = new HashMap<String, JsonNode>();
            try (var statement = connection.createStatement();
                    // A use of a token is no change of it.
                    var rows = statement.executeQuery("SELECT %s, (to_jsonb(t) - 'last_used_at')::text FROM %s t"
                            .formatted(key(connection, table), table))) {
                while (rows.next()) {
                    rowsByKey.put(rows.getString(1), JSON.readTree(rows.getString(2)));
                }
            }
            tables.put(table, rowsByKey);
        }
        return new Snapshot(tables);
    }

    /** SQL for the primary key of a row. */
    private static String key(Connection connection, String table) throws SQLException {
        try (var query = connection.prepareStatement("""
                SELECT 'concat_ws(''/'', ' || string_agg('t.' || a.attname, ', ' ORDER BY a.attnum) || ')'
                FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
                WHERE i.indisprimary AND i.indrelid = ?::regclass""")) {
            query.setString(1, table);
            try (var rows = query.executeQuery()) {
                rows.next();
                return rows.getString(1);
            }
        }
    }

    private static long count(Connection connection, String sql) throws SQLException {
        try (var statement = connection.createStatement();
                var rows = statement.executeQuery(sql)) {
            rows.next();
            return rows.getLong(1);
        }
    }
}
