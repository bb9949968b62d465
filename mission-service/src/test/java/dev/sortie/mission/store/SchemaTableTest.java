package dev.sortie.mission.store;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Descriptors.Descriptor;
import dev.sortie.mission.MissionFixture;
import dev.sortie.runtime.testing.TestDatabase;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * What README.md says of the schema, against the schema itself: each column of the source documents with its message
 * field and the test that shows it, and every CHECK, key and index.
 */
class SchemaTableTest {
    @AutoClose
    private static final TestDatabase DATABASE = MissionFixture.newDatabase();

    private static final String COLUMNS = """
            SELECT table_name, column_name FROM information_schema.columns
            WHERE table_schema = 'public' ORDER BY table_name, ordinal_position
            """;
    // Each with what it is about, in words that a change of its meaning changes too.
    private static final String CONSTRAINTS_AND_INDEXES = """
            SELECT c.conrelid::regclass::text AS of_table, c.conname AS name, 'CHECK' AS kind,
                   (SELECT string_agg(a.attname, ', ' ORDER BY a.attnum) FROM pg_attribute a
                    WHERE a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey)) AS about
            FROM pg_constraint c
            WHERE c.contype = 'c' AND c.connamespace = 'public'::regnamespace AND c.convalidated
            UNION ALL
            SELECT c.conrelid::regclass::text, c.conname, 'FOREIGN KEY',
                   replace(regexp_replace(replace(pg_get_constraintdef(c.oid), 'FOREIGN KEY ', ''),
                           ' REFERENCES (\\w+)\\([^)]*\\)', ' → \\1'), ' ON DELETE', ',')
            FROM pg_constraint c
            WHERE c.contype = 'f' AND c.connamespace = 'public'::regnamespace AND c.convalidated
            UNION ALL
            SELECT i.indrelid::regclass::text, i.indexrelid::regclass::text,
                   CASE WHEN i.indisprimary THEN 'PRIMARY KEY' WHEN i.indisunique THEN 'UNIQUE' ELSE 'INDEX' END,
                   regexp_replace(regexp_replace(pg_get_indexdef(i.indexrelid), '.* USING ', ''), '^btree ', '')
            FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
            WHERE c.relnamespace = 'public'::regnamespace AND i.indisvalid
            ORDER BY 1, 3, 2
            """;
    /** Every service's, described where they are made. */
    private static final Set<String> OF_THE_RUNTIME = Set.of(
            "audit_log",
            "change_epoch",
            "change_log",
            "idempotency_keys",
            "runtime_schema_history",
            "service_schema_history",
            "service_secrets");

    /** Speaks of all columns with a field, without naming them. */
    private static final String OF_ALL = ColumnFieldTest.class.getSimpleName();

    private static SchemaTable readme;
    private static Map<String, List<String>> liveColumns;
    private static Map<String, SchemaTable.Named> live;
    private static Map<String, Path> testClasses;

    @BeforeAll
    static void read() throws Exception {
        readme = SchemaTable.read();
        liveColumns = new TreeMap<>();
        live = new LinkedHashMap<>();
        try (var connection = DATABASE.connectAsOwner();
                var statement = connection.createStatement()) {
            try (var rows = statement.executeQuery(COLUMNS)) {
                while (rows.next()) {
                    liveColumns
                            .computeIfAbsent(rows.getString(1), key -> new ArrayList<>())
                            .add(rows.getString(2));
                }
            }
            try (var rows = statement.executeQuery(CONSTRAINTS_AND_INDEXES)) {
                while (rows.next()) {
                    var one = new SchemaTable.Named(
                            rows.getString(1), rows.getString(2), rows.getString(3), rows.getString(4));
                    live.put(one.name(), one);
                }
            }
        }
        liveColumns.keySet().removeAll(OF_THE_RUNTIME);
        live.values().removeIf(one -> OF_THE_RUNTIME.contains(one.table()));
        testClasses = new HashMap<>();
        try (var files = Files.walk(Path.of("src/test/java"))) {
            files.filter(file -> file.toString().endsWith("Test.java"))
                    .forEach(file ->
                            testClasses.put(file.getFileName().toString().replace(".java", ""), file));
        }
    }

    @Test
    void hasEveryColumnThatTheTableNames() {
        var missing = readme.columns().stream()
                .filter(row -> !liveColumns.getOrDefault(row.table(), List.of()).contains(row.column()))
                .map(row -> row.path())
                .toList();
        assertThat(readme.columns()).as("rows of the table of columns").hasSizeGreaterThan(100);
        assertThat(missing)
                .as("columns that README.md names and the schema lacks")
                .isEmpty();
    }

    @Test
    void namesEveryColumnOfItsTables() {
        var named = readme.columns().stream().map(row -> row.path()).collect(Collectors.toSet());
        var tables = readme.columns().stream()
                .map(SchemaTable.Column::table)
                .collect(Collectors.toCollection(LinkedHashSet::new));
        var missing = tables.stream()
                .flatMap(table -> liveColumns.getOrDefault(table, List.of()).stream()
                        .filter(column -> !named.contains(table + "." + column))
                        .map(column -> "| – | `%s.%s` | `Message.field` | `SomeTest` |".formatted(table, column)))
                .toList();
        assertThat(missing).as("rows to add to README.md").isEmpty();
        // A table that is of no source is named all the same, with what it is for.
        var unnamed = liveColumns.keySet().stream()
                .filter(table -> !tables.contains(table) && !readme.text().contains("| `" + table + "` |"))
                .toList();
        assertThat(unnamed).as("tables to name in README.md").isEmpty();
    }

    @Test
    void hasEveryConstraintAndIndexThatTheTableNames() {
        var wrong = new ArrayList<String>();
        for (var row : readme.named()) {
            var found = live.get(row.name());
            if (found == null) {
                wrong.add(row.name() + " is not there");
            } else if (!found.equals(row)) {
                wrong.add(row.name() + " is " + found.row());
            }
        }
        assertThat(readme.named()).as("rows of the table of constraints").hasSizeGreaterThan(100);
        assertThat(wrong).isEmpty();
    }

    @Test
    void namesEveryConstraintAndIndexOfItsTables() {
        var tables = readme.columns().stream().map(SchemaTable.Column::table).collect(Collectors.toSet());
        var named = readme.named().stream().map(SchemaTable.Named::name).collect(Collectors.toSet());
        var missing = live.values().stream()
                .filter(one -> tables.contains(one.table()) && !named.contains(one.name()))
                .map(SchemaTable.Named::row)
                .collect(Collectors.joining("\n"));
        assertThat(missing).as("rows to add to README.md").isEmpty();
    }

    @Test
    void noticesWhatIsNotThere() {
        assertThat(exists("Mission.name")).isTrue();
        assertThat(exists("Mission.title")).isFalse();
        assertThat(exists("Expedition.name")).isFalse();
        var table = SchemaTable.parse("""
                | 1 a | `missions.name` | `Mission.name` | `MissionGrpcServiceTest` |
                | – | `x_check` | `missions` | CHECK | `a \\| b` |
                """);
        assertThat(table.columns()).hasSize(1);
        assertThat(table.named()).containsExactly(new SchemaTable.Named("missions", "x_check", "CHECK", "a | b"));
        assertThat(speaksOf("mission.getName()", table.columns().getFirst())).isTrue();
        assertThat(speaksOf("mission.getTitle()", table.columns().getFirst())).isFalse();
    }

    @Test
    void hasEveryMessageFieldThatTheTableNames() {
        var wrong = new TreeSet<String>();
        for (var row : readme.columns()) {
            var fields = row.fields();
            if (fields.isEmpty() && !row.message().matches("– \\(.{3,}\\)")) {
                wrong.add(row.path() + ": a message field, or – (why not)");
            }
            fields.stream().filter(field -> !exists(field)).forEach(wrong::add);
        }
        assertThat(wrong).isEmpty();
    }

    @Test
    void hasEveryTestThatTheTableNamesAndItIsAboutTheColumn() throws IOException {
        var wrong = new TreeSet<String>();
        for (var row : readme.columns()) {
            var tests = row.tests();
            if (tests.isEmpty()) {
                wrong.add(row.path() + " has no test");
            }
            for (var test : tests) {
                var file = testClasses.get(test);
                if (file == null) {
                    wrong.add(test + " does not exist");
                } else if (!(test.equals(OF_ALL) && !row.fields().isEmpty())
                        && !speaksOf(Files.readString(file), row)) {
                    wrong.add(test + " does not speak of " + row.path());
                }
            }
        }
        assertThat(wrong).isEmpty();
    }

    private static boolean speaksOf(String source, SchemaTable.Column row) {
        return row.fields().stream()
                        .map(field -> field.substring(field.lastIndexOf('.') + 1))
                        .anyMatch(field -> source.contains(camel(field)) || source.contains(field))
                || source.contains(row.column());
    }

    private static boolean exists(String path) {
        var parts = path.split("\\.");
        try {
            var type = Class.forName("dev.sortie.mission.v1." + parts[0]);
            var descriptor = (Descriptor) type.getMethod("getDescriptor").invoke(null);
            return parts.length == 2 && descriptor.findFieldByName(parts[1]) != null;
        } catch (ReflectiveOperationException absent) {
            return false;
        }
    }

    /** As accessors of generated code end: {@code CreateTime} for {@code create_time}. */
    private static String camel(String field) {
        return Arrays.stream(field.split("_"))
                .map(part -> part.substring(0, 1).toUpperCase(Locale.ROOT) + part.substring(1))
                .collect(Collectors.joining());
    }
}
