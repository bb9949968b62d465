package dev.sortie.mission;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.runtime.testing.TestDatabase;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;

/** Looks at all moves that a database has on record. */
public final class MoveChains {
    private static final String GAPS = """
            SELECT format('%s %s: %s follows %s', resource, resource_id, from_status, before)
            FROM (SELECT resource, resource_id, from_status,
                         lag(to_status) OVER (PARTITION BY resource, resource_id ORDER BY move_id) AS before
                  FROM moves) AS chained
            WHERE from_status IS DISTINCT FROM before
            """;
    private static final String STRAY_ENDS = """
            SELECT format('%s %s is %s, but last moved to %s', r.resource, r.id, r.status, last.to_status)
            FROM (SELECT 'MISSION' AS resource, mission_id AS id, status FROM missions
                  UNION ALL SELECT 'HOP', hop_id, status FROM hops
                  UNION ALL SELECT 'TOOL_STEP', tool_step_id, status FROM tool_steps
                  UNION ALL SELECT 'PROJECT', project_id, status FROM projects
                  UNION ALL SELECT 'TASK', task_id, status FROM tasks) AS r
            LEFT JOIN (SELECT DISTINCT ON (resource, resource_id) resource, resource_id, to_status
                       FROM moves ORDER BY resource, resource_id, move_id DESC) AS last
                ON last.resource = r.resource AND last.resource_id = r.id
            WHERE last.to_status IS DISTINCT FROM r.status
            """;

    private MoveChains() {}

    /** Every move begins where the one before ended, and the last one ends where the resource stands. */
    public static void assertWhole(TestDatabase database) throws SQLException {
        assertThat(strings(database, GAPS)).isEmpty();
        assertThat(strings(database, STRAY_ENDS)).isEmpty();
    }

    /** The statuses that one resource has had, in their order. */
    public static List<String> statuses(TestDatabase database, String resourceId) throws SQLException {
        return strings(
                database, "SELECT to_status FROM moves WHERE resource_id = '" + resourceId + "' ORDER BY move_id");
    }

    private static List<String> strings(TestDatabase database, String sql) throws SQLException {
        var strings = new ArrayList<String>();
        try (var connection = database.connectAsOwner();
                var statement = connection.createStatement();
                var rows = statement.executeQuery(sql)) {
            while (rows.next()) {
                strings.add(rows.getString(1));
            }
        }
        return strings;
    }
}
