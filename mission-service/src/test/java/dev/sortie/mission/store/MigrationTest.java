package dev.sortie.mission.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sortie.mission.MissionServer;
import dev.sortie.runtime.testing.MigrationRules;
import dev.sortie.runtime.testing.TestDatabase;
import dev.sortie.runtime.testing.TestPostgres;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Each migration on a database with rows in every table that there is by then. */
class MigrationTest {
    private static final int ROWS = 60;
    private static final JsonMapper JSON = JsonMapper.shared();

    @Test
    void keepsEveryRowFromEachVersionToTheNext() throws Exception {
        var versions = versions();
        assertThat(versions).hasSizeGreaterThan(5);
        try (var database = TestPostgres.emptyDatabase()) {
            var filled = new HashSet<String>();
            for (var version : versions) {
                var before = rows(database, List.copyOf(filled));
                migrate(database, version);
                assertKept(version, before, rows(database, List.copyOf(filled)));
                fillNewTables(database, filled);
            }
            // Holds for all of these rows, whichever version they are from.
            MigrationRules.checkSchema(database);
            assertThat(MissionServer.IDENTITY.migrations().isApplied(database.ownerUrl()))
                    .isTrue();
            assertThat(rows(database, List.copyOf(filled)))
                    .allSatisfy((table, rows) -> assertThat(rows).as(table).isNotEmpty());
        }
    }

    @Test
    void makesTheFirstVersionFromNothing() throws Exception {
        try (var database = TestPostgres.emptyDatabase()) {
            migrate(database, versions().getFirst());
            try (var connection = database.connectAsOwner()) {
                assertThat(new SampleRows(connection, 1).tables()).contains("users", "tools");
            }
            assertThat(MissionServer.IDENTITY.migrations().isApplied(database.ownerUrl()))
                    .isFalse();
        }
    }

    @Test
    void changesNothingTheSecondTime() throws Exception {
        try (var database = TestPostgres.emptyDatabase()) {
            MissionServer.IDENTITY.migrations().migrate(database.ownerUrl(), TestPostgres.runtimeRole());
            fillNewTables(database, new HashSet<>());
            var before = rows(database, tables(database));
            MissionServer.IDENTITY.migrations().migrate(database.ownerUrl(), TestPostgres.runtimeRole());
            assertThat(rows(database, tables(database))).isEqualTo(before);
        }
    }

    @Test
    void noticesARowThatIsLostOrChanged() {
        var before = Map.of("things", List.of(JSON.readTree("{\"id\": 1, \"name\": \"a\"}")));
        assertKept(2, before, Map.of("things", List.of(JSON.readTree("{\"id\": 1, \"name\": \"a\", \"new\": 0}"))));
        assertThatThrownBy(() -> assertKept(2, before, Map.of("things", List.of())))
                .isInstanceOf(AssertionError.class);
        assertThatThrownBy(() ->
                        assertKept(2, before, Map.of("things", List.of(JSON.readTree("{\"id\": 1, \"name\": \"b\"}")))))
                .isInstanceOf(AssertionError.class);
    }

    private static void assertKept(int version, Map<String, List<JsonNode>> before, Map<String, List<JsonNode>> after) {
        before.forEach((table, rows) -> {
            var now = after.get(table);
            assertThat(now).as("rows of %s in version %d", table, version).hasSameSizeAs(rows);
            for (int i = 0; i < rows.size(); i++) {
                var kept = now.get(i);
                rows.get(i)
                        .properties()
                        .forEach(column -> assertThat(kept.get(column.getKey()))
                                .as("%s.%s in version %d", table, column.getKey(), version)
                                .isEqualTo(column.getValue()));
            }
        });
    }

    private static void migrate(TestDatabase database, int version) {
        MissionServer.IDENTITY
                .migrations()
                .migrate(database.ownerUrl(), TestPostgres.runtimeRole(), Integer.toString(version));
    }

    private static void fillNewTables(TestDatabase database, HashSet<String> filled) throws SQLException {
        try (var connection = database.connectAsOwner()) {
            var rows = new SampleRows(connection, ROWS);
            for (var table : rows.tables()) {
                if (filled.add(table)) {
                    rows.fill(table);
                }
            }
        }
    }

    private static List<String> tables(TestDatabase database) throws SQLException {
        try (var connection = database.connectAsOwner()) {
            return new SampleRows(connection, 1).tables();
        }
    }

    /** All rows by table, in the order of their first columns, which are their keys. */
    private static Map<String, List<JsonNode>> rows(TestDatabase database, List<String> tables) throws SQLException {
        var all = new TreeMap<String, List<JsonNode>>();
        try (var connection = database.connectAsOwner();
                var statement = connection.createStatement()) {
            for (var table : tables) {
                var found = new ArrayList<JsonNode>();
                try (var rows =
                        statement.executeQuery("SELECT to_jsonb(t)::text FROM %s t ORDER BY t".formatted(table))) {
                    while (rows.next()) {
                        found.add(JSON.readTree(rows.getString(1)));
                    }
                }
                all.put(table, found);
            }
        }
        return all;
    }

    private static List<Integer> versions() throws IOException {
        try (var files = Files.list(Path.of("src/main/resources/db/migration/mission"))) {
            return files.map(file -> file.getFileName().toString())
                    .map(name -> Integer.parseInt(name.substring(1, name.indexOf("__"))))
                    .sorted()
                    .toList();
        }
    }
}
