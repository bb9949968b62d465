package dev.sortie.mission.store;

import dev.sortie.runtime.testing.TestDatabase;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.UUID;

/**
 * A database as large as a busy installation's, made in about a minute: rows come from {@code generate_series}, into
 * tables that are new in their transaction, so that nothing of it goes through the log, and indexes are built once the
 * rows are there. Foreign keys hold by construction.
 */
final class ManyRows {
    private static final String INDEXES = """
            SELECT c.oid::regclass::text, pg_get_indexdef(c.oid)
            FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
            WHERE c.relnamespace = 'public'::regnamespace AND i.indrelid = ?::regclass
              AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = c.oid AND k.contype IN ('p', 'u', 'x'))
            """;

    /** How many hops the large tree has, and steps in each. */
    static final int TREE_HOPS = 50;

    static final int TREE_STEPS = 20;

    private ManyRows() {}

    /**
     * Fills a database that has a schema and no rows.
     *
     * @param share how much of the full size: 1 for a million steps and as many tasks
     * @return the id of the mission with the large tree
     */
    static UUID fill(TestDatabase database, double share) throws SQLException {
        try (var connection = database.connectAsSuperuser();
                var statement = connection.createStatement()) {
            statement.execute("SET session_replication_role = replica");
            statement.execute("SET statement_timeout = 0");
            statement.execute("SET synchronous_commit = off");
            statement.execute("SET maintenance_work_mem = '512MB'");
            connection.setAutoCommit(false);
            var rows = new SampleRows(connection, size(20_000, share));
            for (var count : counts().entrySet()) {
                rows.count(count.getKey(), size(count.getValue(), share));
            }
            var tables = rows.tables();
            statement.execute("TRUNCATE " + String.join(", ", tables));
            for (var table : tables) {
                var indexes = indexes(connection, table);
                for (var index : indexes.keySet()) {
                    statement.execute("DROP INDEX " + index);
                }
                rows.fill(table);
                addLargeFamilies(rows, table, share);
                for (var definition : indexes.values()) {
                    statement.execute(definition);
                }
            }
            connection.commit();
            connection.setAutoCommit(true);
            statement.execute("VACUUM (ANALYZE) " + String.join(", ", tables));
            return SampleRows.id("missions", rows.next("missions") - 1);
        }
    }

    private static Map<String, Long> counts() {
        var counts = new LinkedHashMap<String, Long>();
        counts.put("users", 10_000L);
        counts.put("tools", 2_000L);
        counts.put("missions", 100_000L);
        counts.put("hops", 200_000L);
        counts.put("tool_steps", 1_000_000L);
        counts.put("assets", 200_000L);
        counts.put("asset_contents", 20_000L);
        counts.put("asset_chunks", 40_000L);
        counts.put("credential_keys", 100L);
        counts.put("resource_credentials", 20_000L);
        counts.put("dod_items", 200_000L);
        counts.put("test_runs", 50_000L);
        counts.put("test_results", 200_000L);
        counts.put("test_log_chunks", 100_000L);
        counts.put("projects", 20_000L);
        counts.put("plans", 40_000L);
        counts.put("tasks", 1_000_000L);
        counts.put("task_dependencies", 500_000L);
        counts.put("moves", 500_000L);
        return counts;
    }

    /** One of each kind of parent has many children, which is where a list that reads them all shows itself. */
    private static void addLargeFamilies(SampleRows rows, String table, double share) throws SQLException {
        long first = rows.next(table);
        var number = "(n - %d)".formatted(first); // from 0 on
        switch (table) {
            case "missions" -> rows.add(table, 1, Map.of());
            case "hops" -> {
                var waiting = new HashMap<>(Map.of("status", "'PENDING'", "is_final", "false", "running", "false"));
                List.of("started_at", "ended_at", "paused_at", "paused_step_id")
                        .forEach(column -> waiting.put(column, "NULL"));
                waiting.put("mission_id", "{id missions 1}");
                waiting.put("sequence_order", "2 + " + number);
                rows.add(table, 998, waiting);
                waiting.put("mission_id", "{id missions %d}".formatted(rows.next("missions") - 1));
                waiting.put("sequence_order", "n - " + rows.next(table));
                rows.add(table, TREE_HOPS, waiting);
            }
            case "tool_steps" -> {
                rows.add(table, 990, Map.of("hop_id", "{id hops 1}", "sequence_order", "10 + " + number));
                var firstHop = rows.next("hops") - TREE_HOPS;
                var inTree = "(n - %d)".formatted(rows.next(table));
                rows.add(
                        table,
                        (long) TREE_HOPS * TREE_STEPS,
                        Map.of(
                                "hop_id",
                                "{id hops %d + %s / %d}".formatted(firstHop, inTree, TREE_STEPS),
                                "sequence_order",
                                inTree + " % " + TREE_STEPS));
            }
            case "assets" ->
                rows.add(
                        table,
                        size(5_000, share),
                        Map.of(
                                "mission_id",
                                "{id missions 1}",
                                "scope_id",
                                "CASE WHEN n % 2 = 0 THEN {id missions 1} ELSE {id hops 1} END"));
            case "dod_items" -> rows.add(table, 190, Map.of("mission_id", "{id missions 1}"));
            case "test_runs" -> rows.add(table, size(3_000, share), Map.of("mission_id", "{id missions 1}"));
            case "test_results" -> rows.add(table, size(20_000, share), Map.of("test_run_id", "{id test_runs 1}"));
            case "test_log_chunks" ->
                rows.add(
                        table,
                        size(5_000, share),
                        Map.of("test_run_id", "{id test_runs 1}", "sequence", "10 + " + number));
            case "api_tokens" -> rows.add(table, size(2_000, share), Map.of("user_id", "{id users 1}"));
            case "plans" -> rows.add(table, size(5_000, share), Map.of("project_id", "{id projects 1}"));
            case "tasks" -> {
                rows.add(table, size(20_000, share), Map.of("plan_id", "{id plans 1}"));
                rows.add(table, 1_000, Map.of("parent_task_id", "{id tasks 1}", "depth", "1"));
            }
            case "task_dependencies" -> {
                rows.add(
                        table,
                        500,
                        Map.of(
                                "task_id",
                                "{id tasks 1}",
                                "depends_on_task_id",
                                "{id tasks 10 + %s}".formatted(number)));
                rows.add(
                        table,
                        500,
                        Map.of(
                                "task_id",
                                "{id tasks 10 + n - %d}".formatted(rows.next(table)),
                                "depends_on_task_id",
                                "{id tasks 1}"));
            }
            case "moves" -> {
                for (var root : List.of("mission", "project", "plan", "task")) {
                    var of = new HashMap<String, String>();
                    for (var column : List.of("mission", "project", "plan", "task")) {
                        of.put(column + "_id", column.equals(root) ? "{id %ss 1}".formatted(root) : "NULL");
                    }
                    of.put("resource", "'%s'".formatted(root.toUpperCase(Locale.ROOT)));
                    of.put("resource_id", "{id %ss 1}".formatted(root));
                    rows.add(table, size(5_000, share), of);
                }
                rows.add(
                        table,
                        size(5_000, share),
                        Map.of(
                                "resource",
                                "'HOP'",
                                "resource_id",
                                "{id hops 1 + n % 2}",
                                "mission_id",
                                "{id missions 1}",
                                "project_id",
                                "NULL",
                                "plan_id",
                                "NULL",
                                "task_id",
                                "NULL"));
            }
            default -> {}
        }
    }

    private static Map<String, String> indexes(Connection connection, String table) throws SQLException {
        var indexes = new LinkedHashMap<String, String>();
        try (var query = connection.prepareStatement(INDEXES)) {
            query.setString(1, table);
            try (var found = query.executeQuery()) {
                while (found.next()) {
                    indexes.put(found.getString(1), found.getString(2));
                }
            }
        }
        return indexes;
    }

    private static long size(long full, double share) {
        return Math.max(100, Math.round(full * share));
    }
}
