package dev.sortie.mission;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.runtime.testing.TestDatabase;
import java.nio.charset.StandardCharsets;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.TreeSet;

/** Searches a whole database, as somebody with a dump of it would. */
public final class Secrecy {
    private static final String COLUMNS = """
            SELECT format('%I.%I', c.table_schema, c.table_name), format('%I', c.column_name), c.data_type
            FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
            WHERE t.table_type = 'BASE TABLE' AND c.table_schema NOT IN ('pg_catalog', 'information_schema')
            """;

    private Secrecy() {}

    /** Fails where any column of any table has the text, whatever the column's type. */
    public static void assertAbsent(TestDatabase database, String secret) {
        var found = new TreeSet<String>();
        var searched = new ArrayList<String>();
        try (var connection = database.connectAsOwner();
                var statement = connection.createStatement()) {
            var columns = new ArrayList<String[]>();
            try (var rows = statement.executeQuery(COLUMNS)) {
                while (rows.next()) {
                    columns.add(new String[] {rows.getString(1), rows.getString(2), rows.getString(3)});
                }
            }
            for (var column : columns) {
                var condition = column[2].equals("bytea")
                        ? "position(? in " + column[1] + ") > 0"
                        : "position(convert_from(?, 'UTF8') in " + column[1] + "::text) > 0";
                try (var search =
                        connection.prepareStatement("SELECT count(*) FROM " + column[0] + " WHERE " + condition)) {
                    search.setBytes(1, secret.getBytes(StandardCharsets.UTF_8));
                    try (var rows = search.executeQuery()) {
                        rows.next();
                        if (rows.getLong(1) > 0) {
                            found.add(column[0] + "." + column[1]);
                        }
                    }
                }
                searched.add(column[0] + "." + column[1]);
            }
        } catch (SQLException failed) {
            throw new AssertionError(failed);
        }
        assertThat(searched)
                .contains(
                        "public.resource_credentials.credentials",
                        "public.idempotency_keys.response",
                        "public.audit_log.detail",
                        "public.outbox.work_order");
        assertThat(found).as("columns that have the secret").isEmpty();
    }
}
