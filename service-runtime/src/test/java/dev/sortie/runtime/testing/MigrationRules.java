package dev.sortie.runtime.testing;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Pattern;

/**
 * Rules for migrations: each one speaks to the operator who runs it, gives up rather than queue behind a lock, and
 * leaves a schema on which the previous release still runs. Two lines in a service's tests:
 *
 * <pre>{@code
 * MigrationRules.check("db/migration/mission");
 * MigrationRules.checkSchema(DATABASE);
 * }</pre>
 *
 * What a file does to tables that it creates itself is free; the rules are about tables with rows in them.
 */
public final class MigrationRules {

    private static final Pattern FILE_NAME = Pattern.compile("V[0-9]+__[a-z0-9]+(_[a-z0-9]+)*\\.sql");
    private static final List<String> NOTES = List.of("-- Cost:", "-- Locks:", "-- If it stops:");

    private static final Pattern BLOCK_COMMENT = Pattern.compile("/\\*.*?\\*/", Pattern.DOTALL);
    private static final Pattern LINE_COMMENT = Pattern.compile("--[^\\n]*");
    private static final Pattern QUOTED = Pattern.compile("'(?:[^']|'')*'");
    private static final Pattern DOLLAR_QUOTED = Pattern.compile("\\$(\\w*)\\$.*?\\$\\1\\$", Pattern.DOTALL);
    private static final Pattern SPACE = Pattern.compile("\\s+");

    private static final String NAME = "(?:if (?:not )?exists )?(?:only )?([a-z0-9_.\"]+)";
    private static final Pattern CREATE_TABLE = Pattern.compile("^create (?:unlogged |temporary |temp )?table " + NAME);
    private static final Pattern ALTER_TABLE = Pattern.compile("^alter table " + NAME);
    private static final Pattern CREATE_INDEX =
            Pattern.compile("^create (?:unique )?index (concurrently )?.*? on (?:only )?([a-z0-9_.\"]+)");
    private static final Pattern SELECT_STAR = Pattern.compile("\\bselect (?:distinct )?(?:\\w+\\.)?\\*");

    /** What may not happen to a table with rows in it, and what to do instead. */
    private static final Map<Pattern, String> UNSAFE_ALTERATIONS = unsafeAlterations();

    private MigrationRules() {}

    /**
     * Fails when a migration under a class path folder breaks a rule, naming each one.
     *
     * @param location as Flyway knows it, such as {@code db/migration/mission}
     */
    public static void check(String location) {
        var files = read(location);
        var broken = new ArrayList<String>();
        if (files.isEmpty()) {
            broken.add(location + ": no migration there");
        }
        files.forEach((name, text) -> broken.addAll(violations(name, text)));
        report(broken);
    }

    /** Fails when the migrated schema has a foreign key without an index, or a constraint nobody ever validated. */
    public static void checkSchema(TestDatabase database) {
        try (var connection = database.connectAsOwner()) {
            var broken = new ArrayList<String>();
            broken.addAll(names(connection, "%s: the foreign key has no index that begins with its columns", """
                    SELECT format('%s.%s', c.conrelid::regclass, c.conname)
                    FROM pg_constraint c
                    WHERE c.contype = 'f' AND c.conparentid = 0
                      AND NOT EXISTS (
                        SELECT 1 FROM pg_index i
                        WHERE i.indrelid = c.conrelid AND i.indpred IS NULL AND i.indisvalid
                          AND (i.indkey::int2[])[0 : array_length(c.conkey, 1) - 1] @> c.conkey)
                    ORDER BY 1
                    """));
            broken.addAll(names(connection, "%s: added NOT VALID and never validated", """
                    SELECT format('%s.%s', conrelid::regclass, conname) FROM pg_constraint
                    WHERE NOT convalidated AND connamespace NOT IN ('pg_catalog'::regnamespace) ORDER BY 1
                    """));
            broken.addAll(names(
                    connection,
                    "%s: a failed CREATE INDEX CONCURRENTLY left it invalid",
                    "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid ORDER BY 1"));
            broken.addAll(names(connection, "%s: the table has no primary key", """
                    SELECT c.oid::regclass::text FROM pg_class c
                    WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
                      AND NOT EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary)
                    ORDER BY 1
                    """));
            report(broken);
        } catch (SQLException e) {
            throw new AssertionError(e.getMessage(), e);
        }
    }

    /** What is wrong with one migration; empty when nothing is. */
    static List<String> violations(String fileName, String text) {
        var broken = new ArrayList<String>();
        if (!FILE_NAME.matcher(fileName).matches()) {
            broken.add("its name is not like V7__add_hop_deadline.sql");
        }
        var header = text.lines().takeWhile(line -> line.startsWith("--")).toList();
        for (var note : NOTES) {
            if (header.stream().noneMatch(line -> line.startsWith(note))) {
                broken.add("its first lines have no note '" + note + " …' for the operator");
            }
        }

        var code = LINE_COMMENT
                .matcher(BLOCK_COMMENT.matcher(text).replaceAll(" "))
                .replaceAll("");
        code = SPACE.matcher(code.toLowerCase(Locale.ROOT)).replaceAll(" ").strip();
        if (SELECT_STAR.matcher(code).find()) {
            broken.add("SELECT *: name the columns; a later one would change what this means");
        }
        if (Pattern.compile("\\btimestamp\\b(?! with time zone)").matcher(code).find()) {
            broken.add("timestamp without time zone: use timestamptz");
        }
        var bare = QUOTED.matcher(DOLLAR_QUOTED.matcher(code).replaceAll("''")).replaceAll("''");
        var statements = bare.split(";");

        var created = new HashSet<String>();
        var lockTimeout = false;
        var statementTimeout = bare.contains(" concurrently "); // such an index takes as long as it takes
        for (var raw : statements) {
            var statement = raw.strip();
            if (statement.startsWith("set")) {
                lockTimeout |= statement.contains("lock_timeout");
                statementTimeout |= statement.contains("statement_timeout");
                continue;
            }
            if (statement.isEmpty()) {
                continue;
            }
            if (!lockTimeout) {
                broken.add("no SET lock_timeout before '" + excerpt(statement) + "'");
                lockTimeout = true; // once is enough
            }
            if (!statementTimeout) {
                broken.add("no SET statement_timeout before '" + excerpt(statement) + "'");
                statementTimeout = true;
            }
            broken.addAll(unsafe(statement, created));
        }
        return broken.stream().map(what -> fileName + ": " + what).toList();
    }

    private static List<String> unsafe(String statement, Set<String> created) {
        var create = CREATE_TABLE.matcher(statement);
        if (create.find()) {
            created.add(create.group(1));
            return List.of();
        }
        if (statement.startsWith("drop ") && !statement.startsWith("drop index concurrently ")) {
            return List.of("'" + excerpt(statement) + "': the previous release may still need it; an index is dropped"
                    + " CONCURRENTLY");
        }
        if (statement.startsWith("truncate ")) {
            return List.of("'" + excerpt(statement) + "': it takes the table from everybody, and the rows with it");
        }
        var index = CREATE_INDEX.matcher(statement);
        if (index.find()) {
            return index.group(1) != null || created.contains(index.group(2))
                    ? List.of()
                    : List.of("'" + excerpt(statement) + "': it stops writes while it builds; say CONCURRENTLY");
        }
        if (statement.startsWith("alter type ") || statement.startsWith("alter domain ")) {
            return statement.matches("alter type \\S+ add value .*")
                    ? List.of()
                    : List.of("'" + excerpt(statement) + "': the previous release knows the old form only");
        }
        var alter = ALTER_TABLE.matcher(statement);
        if (alter.find() && !created.contains(alter.group(1))) {
            return UNSAFE_ALTERATIONS.entrySet().stream()
                    .filter(rule -> rule.getKey().matcher(statement).find())
                    .map(rule -> "'" + excerpt(statement) + "': " + rule.getValue())
                    .toList();
        }
        return List.of();
    }

    private static Map<Pattern, String> unsafeAlterations() {
        var rules = new java.util.LinkedHashMap<Pattern, String>();
        rules.put(
                Pattern.compile("\\bdrop (?!constraint|default|not null|expression|identity)"),
                "the previous release still reads the column; drop it a release after the last use");
        rules.put(Pattern.compile("\\brename\\b"), "the previous release knows the old name; add, copy, then drop");
        rules.put(
                Pattern.compile("\\balter (?:column )?\\S+ (?:set data )?type\\b"),
                "it rewrites the table under an exclusive lock; add a column of the new type and copy");
        rules.put(
                Pattern.compile("\\bset not null\\b"),
                "it reads the whole table under an exclusive lock; add CHECK (… IS NOT NULL) NOT VALID, then validate");
        rules.put(
                Pattern.compile("\\badd (?!constraint)(?:column )?[^,]*\\bnot null\\b(?![^,]*\\bdefault\\b)"
                        + "(?<!\\bdefault\\b[^,]{0,80}\\bnot null\\b)"),
                "NOT NULL without DEFAULT fails where there are rows, and on inserts of the previous release");
        rules.put(
                Pattern.compile("\\badd constraint (?![^;]*(?:not valid|using index))"),
                "it reads the whole table under a lock; say NOT VALID, and VALIDATE CONSTRAINT in a later migration");
        rules.put(
                Pattern.compile("\\badd (?:primary key|unique|foreign key|check|exclude)\\b"),
                "a constraint needs a name, and NOT VALID or an index built CONCURRENTLY before");
        return rules;
    }

    private static Map<String, String> read(String location) {
        var resource = Thread.currentThread().getContextClassLoader().getResource(location);
        if (resource == null) {
            return Map.of();
        }
        try {
            var uri = resource.toURI();
            if ("jar".equals(uri.getScheme())) {
                try (var jar = FileSystems.newFileSystem(uri, Map.of())) {
                    return read(jar.getPath(location));
                }
            }
            return read(Path.of(uri));
        } catch (IOException | URISyntaxException e) {
            throw new IllegalStateException("Reading the migrations in " + location + " failed: " + e.getMessage(), e);
        }
    }

    private static Map<String, String> read(Path folder) throws IOException {
        var files = new TreeMap<String, String>();
        try (var paths = Files.list(folder)) {
            for (var path : paths.filter(Files::isRegularFile).toList()) {
                files.put(path.getFileName().toString(), Files.readString(path));
            }
        }
        return files;
    }

    private static List<String> names(Connection connection, String message, String query) throws SQLException {
        var found = new ArrayList<String>();
        try (var statement = connection.createStatement();
                var rows = statement.executeQuery(query)) {
            while (rows.next()) {
                found.add(message.formatted(rows.getString(1)));
            }
        }
        return found;
    }

    private static String excerpt(String statement) {
        return statement.length() <= 70 ? statement : statement.substring(0, 69) + "…";
    }

    private static void report(List<String> broken) {
        if (!broken.isEmpty()) {
            throw new AssertionError(
                    "The migrations break " + broken.size() + " rule(s):\n  " + String.join("\n  ", broken));
        }
    }
}
