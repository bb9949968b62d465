package dev.sortie.runtime.testing.plans;

import dev.sortie.runtime.sql.Database;
import dev.sortie.runtime.testing.TestDatabase;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Collection;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/** Asks PostgreSQL how it would execute what a server sent, in a session like the server's own. Changes nothing. */
public final class Explainer implements AutoCloseable {
    /** A prepared statement gets a plan for any parameters after five executions, if that looks as good. */
    public static final int EXECUTIONS = 6;

    private final Connection connection;
    private final Map<String, Long> rows = new HashMap<>();
    private final long large;

    /**
     * Connects.
     *
     * @param server whose sessions are to be like
     * @param large how many rows a table has that must not be read whole; the tables' statistics say it
     */
    public Explainer(TestDatabase database, Database server, long large) throws SQLException {
        this.connection = database.connectAsRuntime();
        this.large = large;
        try (var statement = connection.createStatement()) {
            for (var setting : server.sessionSettings().entrySet()) {
                statement.execute("SET %s = '%s'".formatted(setting.getKey(), setting.getValue()));
            }
            try (var tables =
                    statement.executeQuery("SELECT relname, reltuples::bigint FROM pg_class WHERE relkind = 'r'")) {
                while (tables.next()) {
                    rows.put(tables.getString(1), tables.getLong(2));
                }
            }
        }
    }

    /** True for a table that must not be read whole. */
    public boolean isLarge(String table) {
        return rows.getOrDefault(table, 0L) >= large;
    }

    /**
     * Explains a statement as its first and as its nth execution.
     *
     * @param analyze true to have it executed, and undone afterwards
     */
    public void explain(SentStatement sent, boolean analyze, int executions, Consumer<QueryPlan> reader)
            throws SQLException {
        explain(sent, analyze, executions, "auto", reader);
    }

    /**
     * Explains a statement as it is planned for any parameters, which is what transactions get that calls share.
     *
     * @param analyze true to have it executed, and undone afterwards
     */
    public void explainForAny(SentStatement sent, boolean analyze, Consumer<QueryPlan> reader) throws SQLException {
        explain(sent, analyze, 1, "force_generic_plan", reader);
    }

    private void explain(
            SentStatement sent, boolean analyze, int executions, String planning, Consumer<QueryPlan> reader)
            throws SQLException {
        connection.setAutoCommit(false);
        try (var statement = connection.createStatement()) {
            statement.execute("SET LOCAL plan_cache_mode = " + planning);
            statement.execute("PREPARE explained AS " + sent.sql());
            for (int i = 1; i <= executions; i++) {
                try (var answer = statement.executeQuery("EXPLAIN (%sFORMAT JSON) EXECUTE explained%s"
                        .formatted(analyze ? "ANALYZE, BUFFERS, TIMING off, " : "", literals(sent.parameters())))) {
                    answer.next();
                    if (i == 1 || i == executions) {
                        reader.accept(QueryPlan.parse(answer.getString(1)));
                    }
                }
            }
        } catch (SQLException failed) {
            throw new SQLException(failed.getMessage() + "\n" + sent, failed.getSQLState(), failed);
        } finally {
            connection.rollback();
            try (var statement = connection.createStatement()) {
                statement.execute("DEALLOCATE ALL");
            }
            connection.commit();
        }
    }

    @Override
    public void close() throws SQLException {
        connection.close();
    }

    private static String literals(List<Object> parameters) {
        return parameters.isEmpty()
                ? ""
                : parameters.stream().map(Explainer::literal).collect(Collectors.joining(", ", "(", ")"));
    }

    private static String literal(Object parameter) {
        return parameter == null ? "NULL" : "'" + text(parameter).replace("'", "''") + "'";
    }

    private static String text(Object parameter) {
        return switch (parameter) {
            case byte[] bytes -> "\\x" + HexFormat.of().formatHex(bytes);
            case Enum<?> constant -> constant.name();
            case Collection<?> many -> array(many);
            case Object[] many -> array(java.util.Arrays.asList(many));
            default -> parameter.toString();
        };
    }

    private static String array(Collection<?> many) {
        return many.stream()
                .map(one -> one == null
                        ? "NULL"
                        : "\"" + text(one).replace("\\", "\\\\").replace("\"", "\\\"") + "\"")
                .collect(Collectors.joining(",", "{", "}"));
    }
}
