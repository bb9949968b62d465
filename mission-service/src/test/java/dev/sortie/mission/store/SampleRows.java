package dev.sortie.mission.store;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * Rows for every table of a schema, whatever version it has, made inside PostgreSQL by one INSERT for each table.
 *
 * <p>What a column gets follows from the schema: keys by the number of the row, foreign keys the row of the parent that
 * comes next, the values of a CHECK in turn, texts their own name. {@link #OVERRIDES} has the rest: what CHECKs of
 * several columns ask for, and how real data is distributed.
 */
public final class SampleRows {
    /** Later than everything that is made, and before the clock of the tests. */
    private static final String FUTURE = "'2030-01-20T00:00:00Z'::timestamptz";

    private static final String UNFINISHED = "n % 20 < 8";

    private static final String TASK_STATUS = """
            CASE WHEN n % 1000 = 5 THEN 'QUEUED'
                 WHEN n * 7919 / 10 % 1000 < 150 THEN 'PENDING'
                 WHEN n * 7919 / 10 % 1000 < 200 AND n % 10 = 9 THEN 'ASSIGNED'
                 WHEN n * 7919 / 10 % 1000 < 250 AND n % 10 >= 7 THEN 'IN_PROGRESS'
                 WHEN n * 7919 / 10 % 1000 < 350 THEN 'BLOCKED'
                 WHEN n * 7919 / 10 % 1000 < 400 THEN 'FAILED'
                 WHEN n * 7919 / 10 % 1000 < 450 THEN 'CANCELLED'
                 ELSE 'COMPLETED' END""";

    /**
     * SQL for columns, by the number {@code n} of the row, from 1 on. {@code {at}} is a time that grows with n,
     * {@code {r k}} a random number from 0 to 1 (the same for the same n and k), {@code {count t}} the rows of a table,
     * {@code {per t p}} how many rows of t there are for one of p, {@code {parent t p}} the number of the row of p that
     * is the parent of row n of t, {@code {id t x}} the id of row x of t.
     */
    private static final Map<String, String> OVERRIDES = overrides();

    private static final Pattern PLACEHOLDER = Pattern.compile("\\{([a-z]+)((?: [^{}]+)?)}");
    private static final Pattern ALLOWED = Pattern.compile("\\((\\w+) = ANY \\((?:\\()?(ARRAY\\[.*?])");

    private static final String COLUMNS = """
            SELECT table_name, column_name, data_type, is_nullable = 'YES' AS nullable, column_default
            FROM information_schema.columns c
            WHERE table_schema = 'public' AND is_generated = 'NEVER' AND is_identity = 'NO'
              AND EXISTS (SELECT FROM information_schema.tables t
                          WHERE t.table_schema = 'public' AND t.table_name = c.table_name AND t.table_type = 'BASE TABLE')
            ORDER BY table_name, ordinal_position
            """;
    private static final String FOREIGN_KEYS = """
            SELECT c.conrelid::regclass::text AS of_table, c.confrelid::regclass::text AS parent,
                   (SELECT array_agg(a.attname::text) FROM pg_attribute a
                    WHERE a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey)) AS of_columns
            FROM pg_constraint c
            WHERE c.contype = 'f' AND c.connamespace = 'public'::regnamespace
            """;
    private static final String CHECKS = """
            SELECT conrelid::regclass::text AS of_table, pg_get_constraintdef(oid) AS definition
            FROM pg_constraint WHERE contype = 'c' AND cardinality(conkey) = 1 AND connamespace = 'public'::regnamespace
            """;
    private static final String KEYS = """
            SELECT c.conrelid::regclass::text AS of_table, a.attname AS of_column
            FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
            WHERE c.contype = 'p' AND cardinality(c.conkey) = 1 AND c.connamespace = 'public'::regnamespace
            """;
    /** Every service's, and filled by itself. */
    private static final Set<String> OF_THE_RUNTIME = Set.of(
            "audit_log",
            "change_epoch",
            "change_log",
            "idempotency_keys",
            "runtime_schema_history",
            "service_schema_history",
            "service_secrets");

    private final Connection connection;
    private final long usual;
    private final Map<String, Long> counts = new HashMap<>();
    private final Map<String, Long> added = new HashMap<>();
    private final Map<String, List<Column>> tables = new LinkedHashMap<>();
    private final List<ForeignKey> foreignKeys = new ArrayList<>();
    private final Map<String, String> parents = new HashMap<>();
    private final Map<String, String> allowed = new HashMap<>();
    private final Set<String> keys = new HashSet<>();

    private record Column(String table, String name, String type, boolean nullable, String byDefault) {
        String path() {
            return table + "." + name;
        }
    }

    private record ForeignKey(String table, String parent, List<String> columns) {}

    /**
     * @param connection to a database with a schema, as a role that may write to it
     * @param usual how many rows a table gets, unless {@link #count} says otherwise
     */
    public SampleRows(Connection connection, long usual) throws SQLException {
        this.connection = connection;
        this.usual = usual;
        try (var statement = connection.createStatement()) {
            try (var rows = statement.executeQuery(COLUMNS)) {
                while (rows.next()) {
                    var table = rows.getString("table_name");
                    if (!OF_THE_RUNTIME.contains(table)) {
                        tables.computeIfAbsent(table, key -> new ArrayList<>())
                                .add(new Column(
                                        table,
                                        rows.getString("column_name"),
                                        rows.getString("data_type"),
                                        rows.getBoolean("nullable"),
                                        rows.getString("column_default")));
                    }
                }
            }
            try (var rows = statement.executeQuery(FOREIGN_KEYS)) {
                while (rows.next()) {
                    var key = new ForeignKey(rows.getString("of_table"), rows.getString("parent"), List.of((String[])
                            rows.getArray("of_columns").getArray()));
                    foreignKeys.add(key);
                    if (key.columns().size() == 1) {
                        parents.put(key.table() + "." + key.columns().getFirst(), key.parent());
                    }
                }
            }
            try (var rows = statement.executeQuery(CHECKS)) {
                while (rows.next()) {
                    var matcher = ALLOWED.matcher(rows.getString("definition"));
                    if (matcher.find()) {
                        allowed.put(rows.getString("of_table") + "." + matcher.group(1), matcher.group(2));
                    }
                }
            }
            try (var rows = statement.executeQuery(KEYS)) {
                while (rows.next()) {
                    keys.add(rows.getString("of_table") + "." + rows.getString("of_column"));
                }
            }
        }
    }

    /** A table gets so many rows. */
    public SampleRows count(String table, long rows) {
        counts.put(table, rows);
        return this;
    }

    /** The id of a row. */
    public static UUID id(String table, long number) {
        return new UUID(0x0170_0000_0000_7000L | ((table.hashCode() & 0xffffL) << 16), 0x8000_0000_0000_0000L | number);
    }

    /** The tables, each after those that it refers to. */
    public List<String> tables() {
        var sorted = new ArrayList<String>();
        var left = new ArrayList<>(tables.keySet());
        while (!left.isEmpty()) {
            var next = left.stream()
                    .filter(table -> foreignKeys.stream()
                            .filter(key ->
                                    key.table().equals(table) && !key.parent().equals(table) && isFilled(key))
                            .allMatch(key -> sorted.contains(key.parent()) || !tables.containsKey(key.parent())))
                    .findFirst()
                    .orElseThrow(() -> new IllegalStateException("foreign keys in a circle: " + left));
            sorted.add(next);
            left.remove(next);
        }
        return sorted;
    }

    /** False where a column is left null, so that the key refers to nothing. */
    private boolean isFilled(ForeignKey key) {
        return tables.get(key.table()).stream()
                .filter(column -> key.columns().contains(column.name()))
                .noneMatch(column -> column.nullable() && value(column) == null);
    }

    /** Fills all tables. */
    public void fill() throws SQLException {
        for (var table : tables()) {
            fill(table);
        }
    }

    /** Fills one table. */
    public void fill(String table) throws SQLException {
        insert(table, 1, count(table), Map.of());
    }

    /** The number of the next row to add to a table that was filled. */
    public long next(String table) {
        return count(table) + added.getOrDefault(table, 0L) + 1;
    }

    /** Adds rows to a table that was filled. They change nothing about which row of it is whose parent. */
    public void add(String table, long rows, Map<String, String> overrides) throws SQLException {
        insert(table, next(table), next(table) + rows - 1, overrides);
        added.merge(table, rows, Long::sum);
    }

    private void insert(String table, long first, long last, Map<String, String> overrides) throws SQLException {
        var sql = insertSql(table, first, last, overrides);
        try (var statement = connection.createStatement()) {
            statement.execute(sql);
        } catch (SQLException failed) {
            throw new SQLException(
                    "%s\nSampleRows.OVERRIDES may have to say what %s needs. %s"
                            .formatted(failed.getMessage(), table, sql),
                    failed.getSQLState(),
                    failed);
        }
    }

    private String insertSql(String table, long first, long last, Map<String, String> overrides) {
        var values = new LinkedHashMap<String, String>();
        for (var column : tables.get(table)) {
            var value = overrides.getOrDefault(column.name(), value(column));
            if (value != null) {
                values.put(column.name(), expand(value));
            }
        }
        return "INSERT INTO %s (%s) SELECT %s FROM generate_series(%d::bigint, %d) AS n"
                .formatted(table, String.join(", ", values.keySet()), String.join(", ", values.values()), first, last);
    }

    /** Null for what the database fills in. */
    private String value(Column column) {
        var path = column.path();
        var override = OVERRIDES.get(path);
        if (override != null) {
            return override;
        }
        if (parents.containsKey(path) && !parents.get(path).equals(column.table())) {
            var parent = parents.get(path);
            return "{id %s {parent %s %s}}".formatted(parent, column.table(), parent);
        }
        boolean optional = column.nullable() || column.byDefault() != null;
        if (allowed.containsKey(path)) {
            var values = allowed.get(path);
            return optional ? null : "(%s)[1 + n %% cardinality(%s)]".formatted(values, values);
        }
        return switch (column.type()) {
            case "uuid" -> optional ? null : "{id %s n}".formatted(keys.contains(path) ? column.table() : path);
            case "text" ->
                column.nullable() || (optional && !column.byDefault().startsWith("''"))
                        ? null
                        : "'%s-' || n".formatted(column.name().replace('_', '-'));
            case "bytea" -> optional ? null : "sha256(convert_to('%s ' || n, 'UTF8'))".formatted(path);
            case "jsonb" ->
                column.byDefault() != null && column.byDefault().startsWith("'[]'")
                        ? "jsonb_build_array('%s ' || n)".formatted(column.name())
                        : column.nullable() ? null : "jsonb_build_object('%s', n)".formatted(column.name());
            case "timestamp with time zone" -> optional ? null : "{at}";
            case "boolean" -> optional ? null : "n % 2 = 0";
            case "ARRAY" -> optional ? null : "'{}'";
            default -> optional ? null : "1";
        };
    }

    private long count(String table) {
        return counts.getOrDefault(table, usual);
    }

    private String expand(String value) {
        var expanded = value;
        for (var matcher = PLACEHOLDER.matcher(expanded); matcher.find(); matcher = PLACEHOLDER.matcher(expanded)) {
            var arguments = matcher.group(2).strip();
            var words = arguments.split(" ", 2);
            expanded = matcher.replaceFirst(java.util.regex.Matcher.quoteReplacement(
                    switch (matcher.group(1)) {
                        case "at" -> "('2029-01-01T00:00:00Z'::timestamptz + n * interval '1 second')";
                        case "r" -> "((hashint8extended(n, %s) & 1048575) / 1048576.0)".formatted(words[0]);
                        case "count" -> Long.toString(count(words[0]));
                        case "per" -> Long.toString(per(words[0], words[1]));
                        case "parent" ->
                            "least(%d, 1 + (n - 1) / %d)".formatted(count(words[1]), per(words[0], words[1]));
                        case "id" ->
                            "('%s' || lpad(to_hex((%s)::bigint), 12, '0'))::uuid"
                                    .formatted(id(words[0], 0).toString().substring(0, 24), words[1]);
                        default -> throw new IllegalArgumentException(matcher.group());
                    }));
        }
        return expanded;
    }

    private long per(String table, String parent) {
        return Math.max(1, (count(table) + count(parent) - 1) / count(parent));
    }

    private static Map<String, String> overrides() {
        var all = new HashMap<String, String>();
        // People.
        all.put("users.email", "'Email-' || n || '@example.com'");
        all.put("users.password_hash", "'{argon2} ' || n");
        all.put(
                "users.role",
                "CASE WHEN n % 100 = 1 THEN 'ADMIN' WHEN n % 100 < 20 THEN 'VIEWER' ELSE 'DEVELOPER' END");
        all.put("users.kind", "'HUMAN'");
        all.put("users.is_active", "n % 10 <> 0");
        all.put("users.is_verified", "n % 3 = 0");
        all.put("users.last_login_at", "{at} + interval '1 day'");
        all.put("tools.queue_name", "'queue-' || n % 20");
        all.put("tools.timeout_millis", "60000");
        all.put("tools.max_retries", "3");
        all.put("tools.initial_backoff_millis", "1000");
        all.put("tools.max_backoff_millis", "60000");
        all.put("tools.backoff_multiplier", "2");
        all.put("credential_keys.key_id", "n");
        all.put("resource_credentials.key_id", "{parent resource_credentials credential_keys}");
        all.put("resource_credentials.credentials", "sha256('1') || sha256('2')");
        all.put("refresh_tokens.expires_at", FUTURE);
        // Few owners have most missions, and most missions have ended.
        all.put("missions.user_id", "{id users 1 + floor({count users} * power({r 1}, 3))}");
        all.put("missions.status", """
                CASE WHEN n % 20 < 2 THEN 'PENDING' WHEN n % 20 < 4 THEN 'READY_TO_DESIGN' WHEN n % 20 < 7 THEN 'ACTIVE'
                     WHEN n % 20 = 7 THEN 'QA' WHEN n % 20 < 17 THEN 'COMPLETED' WHEN n % 20 = 17 THEN 'FAILED'
                     ELSE 'CANCELLED' END""");
        all.put("missions.running", "n % 20 = 4");
        all.put("missions.qa_at", "CASE WHEN n % 20 BETWEEN 7 AND 16 THEN {at} + interval '1 hour' END");
        all.put("missions.completed_at", "CASE WHEN NOT (" + UNFINISHED + ") THEN {at} + interval '2 hours' END");
        all.put("missions.deleted_at", "CASE WHEN n % 50 = 3 THEN '2029-12-30T00:00:00Z'::timestamptz END");
        all.put("missions.purge_at", "CASE WHEN n % 50 = 3 THEN " + FUTURE + " END");
        all.put("missions.paused_at", "CASE WHEN n % 20 = 2 THEN {at} + interval '1 hour' END");
        all.put("missions.paused_hop_id", "CASE WHEN n % 20 = 2 THEN {id hops (n - 1) * {per hops missions} + 1} END");
        all.put("missions.paused_step_id", "CASE WHEN n % 40 = 2 THEN {id tool_steps n} END");
        all.put("missions.budget_amount", "n");
        all.put("missions.budget_currency", "'EUR'");
        all.put("missions.deadline", "{at} + interval '30 days'");
        all.put("missions.client", "'client-' || n % 100");
        all.put("missions.assigned_to", "'person-' || n % 50");
        all.put("missions.github_url", "'https://example.com/repository-' || n % 500");
        all.put("hops.sequence_order", "(n - 1) % {per hops missions}");
        all.put("hops.status", """
                CASE WHEN (n - 1) % {per hops missions} < {per hops missions} - 1 THEN 'COMPLETED'
                     WHEN n % 3 = 0 THEN 'ACTIVE' ELSE 'PENDING' END""");
        all.put("hops.started_at", """
                CASE WHEN (n - 1) % {per hops missions} < {per hops missions} - 1 OR n % 3 = 0
                     THEN {at} + interval '1 hour' END""");
        all.put("hops.ended_at", """
                CASE WHEN (n - 1) % {per hops missions} < {per hops missions} - 1 THEN {at} + interval '2 hours' END""");
        all.put("hops.is_final", "(n - 1) % {per hops missions} = {per hops missions} - 1");
        all.put("hops.is_resolved", "n % 2 = 0");
        all.put("hops.running", "(n - 1) % {per hops missions} = {per hops missions} - 1 AND n % 12 = 0");
        all.put("hops.paused_at", """
                CASE WHEN (n - 1) % {per hops missions} = {per hops missions} - 1 AND n % 12 = 6
                     THEN {at} + interval '2 hours' END""");
        all.put("hops.paused_step_id", """
                CASE WHEN (n - 1) % {per hops missions} = {per hops missions} - 1 AND n % 12 = 6
                     THEN {id tool_steps (n - 1) * {per tool_steps hops} + 1} END""");
        all.put("hops.pause_before", "n % 5 = 0");
        all.put("tool_steps.pause_before", "n % 5 = 0");
        all.put("tool_steps.tool_id", "'tool-id-' || (1 + n % {count tools})");
        all.put("tool_steps.sequence_order", "(n - 1) % {per tool_steps hops}");
        // Few run: the server asks about each of them.
        all.put("tool_steps.status", """
                CASE WHEN n % 10000 = 19 THEN 'RUNNING' WHEN n % 10 < 6 THEN 'COMPLETED' WHEN n % 10 = 6 THEN 'FAILED'
                     WHEN n % 10 = 7 THEN 'CANCELLED' ELSE 'PENDING' END""");
        all.put("tool_steps.parameter_mapping", """
                jsonb_build_object('input', jsonb_build_object('type', 'literal_value', 'value', n))""");
        all.put("tool_steps.result_mapping", "jsonb_build_object('output', jsonb_build_object('type', 'ignore'))");
        all.put("tool_steps.validation_errors", """
                CASE WHEN n % 10 > 7 THEN jsonb_build_array(jsonb_build_object('field', 'tool_id', 'message', 'no ' || n))
                     ELSE '[]' END""");
        all.put("tool_steps.execution_result", "CASE WHEN n % 10 < 6 THEN jsonb_build_object('output', n) END");
        all.put("tool_steps.attempt", "CASE WHEN n % 10000 = 19 OR n % 10 < 7 THEN 1 + n % 3 ELSE 0 END");
        all.put("tool_steps.work_order_id", "CASE WHEN n % 10000 = 19 OR n % 10 < 7 THEN {id work_orders n} END");
        all.put("tool_steps.stopped_run", "CASE WHEN n % 10 = 6 THEN 'HOP' ELSE 'NONE' END");
        all.put("tool_steps.started_at", "CASE WHEN n % 10000 = 19 OR n % 10 < 7 THEN {at} + interval '1 hour' END");
        all.put("tool_steps.completed_at", "CASE WHEN n % 10 < 8 THEN {at} + interval '2 hours' END");
        // Every other one is a hop's.
        all.put("assets.user_id", "{id users 1 + floor({count users} * power({r 1}, 3))}");
        all.put("assets.scope_type", "CASE WHEN n % 2 = 0 THEN 'MISSION' ELSE 'HOP' END");
        all.put("assets.scope_id", """
                CASE WHEN n % 2 = 0 THEN {id missions {parent assets missions}}
                     ELSE {id hops ({parent assets missions} - 1) * {per hops missions} + 1} END""");
        all.put("assets.status", "CASE WHEN n % 10 < 2 THEN 'PENDING' WHEN n % 10 > 7 THEN 'ERROR' ELSE 'READY' END");
        all.put("assets.content", "CASE WHEN n % 10 BETWEEN 2 AND 7 THEN to_jsonb('content ' || n) END");
        all.put("assets.content_info", """
                CASE WHEN n % 10 = 8 THEN jsonb_build_object('size', n, 'sha256', repeat('0', 64), 'media_type', 'text/plain',
                                                              'file_name', 'file-' || n) END""");
        all.put("assets.content_changes", "n");
        all.put("assets.type", "'type-' || n % 100");
        all.put("assets.subtype", "'subtype-' || n % 200");
        all.put("asset_contents.asset_id", """
                CASE WHEN 10 * n - 2 <= {count assets} THEN {id assets 10 * n - 2} END""");
        all.put("asset_contents.status", "'COMPLETE'");
        all.put("asset_contents.size", "n");
        all.put("asset_contents.sha256", "sha256(convert_to('content ' || n, 'UTF8'))");
        all.put("asset_chunks.position", "(n - 1) % {per asset_chunks asset_contents}");
        all.put("assets.asset_metadata", """
                jsonb_build_object('creator', 'creator ' || n, 'tags', jsonb_build_array('tag-' || n % 50),
                                   'agent_associations', jsonb_build_array('agent-' || n % 20), 'version', 1,
                                   'token_count', n)""");
        all.put("dod_items.completed", "n % 2 = 0");
        all.put("dod_items.completed_at", "CASE WHEN n % 2 = 0 THEN {at} + interval '1 hour' END");
        all.put("dod_items.completed_by", "CASE WHEN n % 2 = 0 THEN {id users 1 + n % {count users}} END");
        all.put("dod_items.evidence", """
                CASE WHEN n % 2 = 0 THEN jsonb_build_object('type', 'ASSET', 'id', {id assets 1 + n % {count assets}}) END""");
        all.put("test_runs.status", "(ARRAY['RUNNING', 'PASSED', 'FAILED'])[1 + n % 3]");
        all.put("test_runs.summary", """
                CASE WHEN n % 3 > 0 THEN jsonb_build_array(jsonb_build_object(
                    'category', 'unit', 'passed', n, 'failed', 1, 'skipped', 2, 'micros', 3000)) END""");
        all.put("test_runs.categories", "ARRAY['unit']");
        all.put("test_runs.result_count", "{per test_results test_runs}");
        all.put("test_runs.log_chunk_count", "{per test_log_chunks test_runs}");
        all.put("test_runs.finished_at", "CASE WHEN n % 3 > 0 THEN {at} + interval '1 hour' END");
        all.put("test_results.category", "'unit'");
        all.put("test_results.duration_micros", "n");
        all.put("test_log_chunks.sequence", "1 + (n - 1) % {per test_log_chunks test_runs}");
        // Few plans are at work: the server dispatches the tasks of each.
        all.put("projects.created_by", "{id users 1 + floor({count users} * power({r 1}, 3))}");
        all.put("projects.status", """
                CASE WHEN n % 10 < 6 THEN 'ACTIVE' WHEN n % 10 < 9 THEN 'COMPLETED' ELSE 'ARCHIVED' END""");
        all.put("projects.metadata", "jsonb_build_object('team', 'team-' || n % 50)");
        all.put("projects.deleted_at", "CASE WHEN n % 50 = 3 THEN '2029-12-30T00:00:00Z'::timestamptz END");
        all.put("projects.purge_at", "CASE WHEN n % 50 = 3 THEN " + FUTURE + " END");
        all.put("plans.status", """
                CASE WHEN n % 50 = 7 THEN 'ACTIVE' WHEN n % 10 < 2 THEN 'DRAFT' WHEN n % 10 < 4 THEN 'PAUSED'
                     WHEN n % 10 < 9 THEN 'COMPLETED' ELSE 'CANCELLED' END""");
        all.put("plans.priority", "(ARRAY['LOW', 'NORMAL', 'NORMAL', 'NORMAL', 'HIGH', 'CRITICAL'])[1 + n % 6]");
        all.put("plans.created_by", "{id users 1 + floor({count users} * power({r 1}, 3))}");
        all.put("plans.assigned_to", "CASE WHEN n % 2 = 0 THEN {id users 1 + n % {count users}} END");
        all.put("plans.estimated_hours", "10.5 + n % 50");
        all.put("plans.actual_hours", "0.25 + n % 50");
        all.put("plans.mobile_sync_enabled", "n % 10 = 0");
        all.put("plans.agent_count", "1 + n % 5");
        all.put("plans.scaling_strategy", "(ARRAY['FIXED', 'ADAPTIVE', 'ELASTIC'])[1 + n % 3]");
        all.put("plans.deadline", "CASE WHEN n % 2 = 0 THEN {at} + interval '700 days' END");
        all.put("plans.deleted_at", "CASE WHEN n % 50 = 11 THEN '2029-12-30T00:00:00Z'::timestamptz END");
        all.put("plans.purge_at", "CASE WHEN n % 50 = 11 THEN " + FUTURE + " END");
        // Most tasks are done, few are dispatched: the server asks about each of them.
        all.put("tasks.plan_id", "CASE WHEN n % 20 <> 0 THEN {id plans {parent tasks plans}} END");
        all.put("tasks.parent_task_id", "CASE WHEN n % 10 = 3 THEN {id tasks n - 1} END");
        all.put("tasks.depth", "CASE WHEN n % 10 = 3 THEN 1 ELSE 0 END");
        all.put("tasks.permission_level", """
                CASE WHEN n % 10 < 7 THEN 'AUTONOMOUS' WHEN n % 10 < 9 THEN 'SUPERVISED' ELSE 'HUMAN_REQUIRED' END""");
        all.put("tasks.priority", "(ARRAY['LOW', 'NORMAL', 'NORMAL', 'NORMAL', 'HIGH', 'CRITICAL'])[1 + n % 6]");
        all.put("tasks.status", TASK_STATUS);
        all.put("tasks.dispatched", "n % 1000 = 5");
        all.put("tasks.attempt", "CASE WHEN n % 1000 = 5 THEN 1 ELSE 0 END");
        all.put("tasks.work_order_id", "CASE WHEN n % 1000 = 5 THEN {id task_orders n} END");
        all.put("tasks.awaiting_approval", "n % 10 BETWEEN 7 AND 8 AND " + TASK_STATUS + " = 'IN_PROGRESS'");
        all.put("tasks.started_at", """
                CASE WHEN %s IN ('IN_PROGRESS', 'COMPLETED') THEN {at} + interval '1 hour' END""".formatted(TASK_STATUS));
        all.put("tasks.completed_at", """
                CASE WHEN %s IN ('COMPLETED', 'FAILED', 'CANCELLED') THEN {at} + interval '2 hours' END""".formatted(TASK_STATUS));
        all.put("tasks.result", """
                CASE WHEN %s = 'COMPLETED' THEN jsonb_build_object('n', n) END""".formatted(TASK_STATUS));
        all.put("tasks.created_by", "{id users 1 + floor({count users} * power({r 1}, 3))}");
        all.put("tasks.assigned_user_id", "CASE WHEN n % 10 = 9 THEN {id users 1 + n % {count users}} END");
        all.put("tasks.assigned_agent_id", "CASE WHEN n % 10 < 5 THEN {id agents 1 + n / 10 % 50} END");
        all.put("tasks.assigned_worker_id", "CASE WHEN n % 10 < 3 THEN {id workers 1 + n / 10 % 200} END");
        all.put("tasks.repository_url", """
                CASE WHEN n % 2 = 0 THEN 'https://example.com/repository-' || n % 500 ELSE '' END""");
        all.put("tasks.tags", "ARRAY['tag-' || n % 50, 'team-' || n % 7]");
        all.put("tasks.issue_number", "n");
        all.put("tasks.pr_number", "n");
        all.put("tasks.progress_percentage", "n % 100 + 0.5");
        all.put("tasks.estimated_hours", "1.5 + n % 50");
        all.put("tasks.actual_hours", "0.25 + n % 50");
        all.put(
                "tasks.sync_status",
                "CASE WHEN n % 100 < 3 THEN 'SYNCED' WHEN n % 100 = 3 THEN 'CONFLICT' ELSE 'LOCAL' END");
        all.put("tasks.deadline", "CASE WHEN n % 5 = 0 THEN {at} + interval '700 days' END");
        all.put("tasks.due_at", """
                CASE WHEN n % 5 = 0 THEN {at} + interval '700 days' ELSE '9999-12-31T23:59:59Z'::timestamptz END""");
        all.put("task_dependencies.task_id", "{id tasks 1 + n % {count tasks}}");
        all.put("task_dependencies.depends_on_task_id", """
                {id tasks 1 + (n + 1 + n / {count tasks}) % {count tasks}}""");
        all.put("task_dependencies.dependency_type", """
                CASE WHEN n % 10 < 8 THEN 'BLOCKS' WHEN n % 10 = 8 THEN 'RELATED' ELSE 'DUPLICATE' END""");
        all.put("moves.resource", "(ARRAY['MISSION', 'HOP', 'PROJECT', 'PLAN', 'TASK'])[1 + n % 5]");
        all.put("moves.resource_id", """
                CASE n % 5 WHEN 0 THEN {id missions {parent moves missions}}
                           WHEN 1 THEN {id hops ({parent moves missions} - 1) * {per hops missions} + 1}
                           WHEN 2 THEN {id projects {parent moves projects}}
                           WHEN 3 THEN {id plans {parent moves plans}}
                           ELSE {id tasks {parent moves tasks}} END""");
        all.put("moves.mission_id", "CASE WHEN n % 5 < 2 THEN {id missions {parent moves missions}} END");
        all.put("moves.project_id", "CASE WHEN n % 5 = 2 THEN {id projects {parent moves projects}} END");
        all.put("moves.plan_id", "CASE WHEN n % 5 = 3 THEN {id plans {parent moves plans}} END");
        all.put("moves.task_id", "CASE WHEN n % 5 = 4 THEN {id tasks {parent moves tasks}} END");
        all.put("imported_records.source_id", "n::text");
        all.put("imported_records.content_hash", "sha256(n::text::bytea)");
        // Told later than any test takes.
        all.put("outbox.tool_step_id", "{id tool_steps n}");
        all.put("outbox.kind", "'ENQUEUE'");
        all.put("outbox.work_order", "'{}'");
        all.put("outbox.due_at", FUTURE);
        return all.entrySet().stream().collect(Collectors.toUnmodifiableMap(Map.Entry::getKey, Map.Entry::getValue));
    }
}
