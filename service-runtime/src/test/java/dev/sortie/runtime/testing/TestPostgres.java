package dev.sortie.runtime.testing;

import java.security.SecureRandom;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Databases for tests: one server per JVM, one migrated template per schema, one copy of it per
 * test class.
 *
 * <pre>{@code
 * @AutoClose
 * static final TestDatabase DATABASE =
 *     TestPostgres.database(
 *         "mission", ownerUrl -> migrations.migrate(ownerUrl, TestPostgres.runtimeRole()));
 * }</pre>
 *
 * The server is the one SORTIE_TEST_DATABASE_URL names (a superuser's URL), else an embedded one,
 * else one in a container, else a failure. It starts at the first call and ends with the JVM.
 *
 * <p>Both roles' sessions begin in an unlikely time zone ({@link #RUNTIME_TIME_ZONE}), so that SQL
 * which leans on the session's zone shows itself.
 */
public final class TestPostgres {

    /** The zone of the runtime role's sessions: 5:45 ahead of UTC. */
    public static final String RUNTIME_TIME_ZONE = "Asia/Kathmandu";

    /** The zone of the owner role's sessions: 3:30 or 2:30 behind UTC. */
    public static final String OWNER_TIME_ZONE = "America/St_Johns";

    private static final String PREFIX = "sortie_test_";
    private static final Duration LEFTOVER_AGE = Duration.ofDays(1);
    private static final HexFormat HEX = HexFormat.of();
    private static final SecureRandom RANDOM = new SecureRandom();

    /** Brings an empty database to a schema. */
    @FunctionalInterface
    public interface Migration {
        /**
         * Migrates, and leaves no connection open.
         *
         * @param ownerUrl the database's URL for its owner role
         */
        void migrate(String ownerUrl) throws Exception;
    }

    private static final class Holder {
        static final TestPostgres INSTANCE = new TestPostgres(PostgresLadder.climb(PostgresLadder.standard()));
    }

    private final PostgresServer server;
    private final String run;
    private final TestRoles roles;
    private final Map<String, String> templates = new ConcurrentHashMap<>();
    private final AtomicLong counter = new AtomicLong();

    TestPostgres(PostgresServer server) {
        this.server = server;
        // The time lets a later run find what a killed one left on a server that outlives it.
        this.run = PREFIX + Long.toString(Instant.now().getEpochSecond(), Character.MAX_RADIX) + "_" + hex(4);
        this.roles = new TestRoles(run + "_owner", run + "_runtime", hex(16));
        try {
            if (server.outlivesUs()) {
                dropLeftovers();
                Runtime.getRuntime().addShutdownHook(new Thread(this::dropOwn, "sortie-test-postgres-drop"));
            }
            server.execute(
                    server.database(),
                    "CREATE ROLE %s LOGIN PASSWORD '%s'".formatted(roles.owner(), roles.password()),
                    "CREATE ROLE %s LOGIN PASSWORD '%s'".formatted(roles.runtime(), roles.password()),
                    "ALTER ROLE %s SET timezone TO '%s'".formatted(roles.owner(), OWNER_TIME_ZONE),
                    "ALTER ROLE %s SET timezone TO '%s'".formatted(roles.runtime(), RUNTIME_TIME_ZONE));
        } catch (SQLException e) {
            throw new IllegalStateException(
                    "Preparing PostgreSQL (" + server.origin() + ") for the tests failed: " + e.getMessage(), e);
        }
    }

    /**
     * A fresh database with a schema in it.
     *
     * @param schema names the schema; the first call with a name runs the migration, later ones copy
     *     its result, so one name must always stand for one migration
     * @param migration brings an empty database to the schema
     */
    public static TestDatabase database(String schema, Migration migration) {
        return Holder.INSTANCE.copyOf(schema, migration);
    }

    /** A fresh database with nothing in it, for tests of migrations themselves. */
    public static TestDatabase emptyDatabase() {
        return Holder.INSTANCE.copyOf("empty", ownerUrl -> {});
    }

    /** The role that {@link TestDatabase#runtimeUrl()} names, for migrations that grant it rights. */
    public static String runtimeRole() {
        return Holder.INSTANCE.roles.runtime();
    }

    /** Where the server came from: "embedded", "container" or SORTIE_TEST_DATABASE_URL. */
    public static String origin() {
        return Holder.INSTANCE.server.origin();
    }

    TestDatabase copyOf(String schema, Migration migration) {
        var template = templates.computeIfAbsent(schema, key -> createTemplate(key, migration));
        var name = run + "_" + counter.incrementAndGet();
        try {
            server.execute(
                    server.database(),
                    // Copying files beats logging every page while nothing is synced to disk.
                    "CREATE DATABASE %s TEMPLATE %s OWNER %s STRATEGY %s"
                            .formatted(name, template, roles.owner(), server.outlivesUs() ? "wal_log" : "file_copy"),
                    // Neither privileges nor settings of a database are copied with it.
                    "REVOKE ALL ON DATABASE %s FROM PUBLIC".formatted(name),
                    "GRANT CONNECT ON DATABASE %s TO %s".formatted(name, roles.runtime()));
        } catch (SQLException e) {
            throw new IllegalStateException(
                    "Copying the template database of schema %s failed: %s".formatted(schema, e.getMessage()), e);
        }
        return new TestDatabase(server, name, roles);
    }

    private String createTemplate(String schema, Migration migration) {
        var name = run + "_t" + counter.incrementAndGet();
        try {
            server.execute(
                    server.database(), "CREATE DATABASE %s OWNER %s TEMPLATE template0".formatted(name, roles.owner()));
            server.execute(
                    name,
                    "ALTER DEFAULT PRIVILEGES FOR ROLE %s GRANT USAGE ON SCHEMAS TO %s"
                            .formatted(roles.owner(), roles.runtime()),
                    "ALTER DEFAULT PRIVILEGES FOR ROLE %s GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO %s"
                            .formatted(roles.owner(), roles.runtime()),
                    "ALTER DEFAULT PRIVILEGES FOR ROLE %s GRANT USAGE, SELECT ON SEQUENCES TO %s"
                            .formatted(roles.owner(), roles.runtime()));
            migration.migrate(server.url(name, roles.owner(), roles.password()));
            server.execute(server.database(), "ALTER DATABASE %s ALLOW_CONNECTIONS false".formatted(name));
            return name;
        } catch (Exception e) {
            throw new IllegalStateException(
                    "Migrating the template database of schema %s failed: %s".formatted(schema, e.getMessage()), e);
        }
    }

    /** Drops what this JVM made, tests' forgotten databases included. */
    void dropOwn() {
        try {
            drop(run);
        } catch (SQLException e) {
            System.err.println("Dropping test databases " + run + "_* failed: " + e.getMessage());
        }
    }

    private void dropLeftovers() throws SQLException {
        var names = new ArrayList<String>();
        try (var connection = server.connect();
                var statement = connection.createStatement();
                var rows = statement.executeQuery(
                        "SELECT DISTINCT substring(rolname FROM '^sortie_test_[0-9a-z]+_[0-9a-f]{8}')"
                                + " FROM pg_roles WHERE rolname ~ '^sortie_test_[0-9a-z]+_[0-9a-f]{8}_'")) {
            while (rows.next()) {
                names.add(rows.getString(1));
            }
        }
        for (var name : names) {
            var made = Long.parseLong(name.split("_")[2], Character.MAX_RADIX);
            if (Instant.ofEpochSecond(made).plus(LEFTOVER_AGE).isBefore(Instant.now())) {
                drop(name);
            }
        }
    }

    private void drop(String prefix) throws SQLException {
        try (var connection = server.connect();
                var statement = connection.createStatement()) {
            for (var database : names(statement, "SELECT datname FROM pg_database WHERE datname", prefix)) {
                statement.execute("DROP DATABASE IF EXISTS " + database + " WITH (FORCE)");
            }
            for (var role : names(statement, "SELECT rolname FROM pg_roles WHERE rolname", prefix)) {
                statement.execute("DROP ROLE IF EXISTS " + role);
            }
        }
    }

    private static List<String> names(Statement statement, String query, String prefix) throws SQLException {
        var names = new ArrayList<String>();
        try (var rows = statement.executeQuery(query + " ~ '^" + prefix + "_[0-9a-z_]+$'")) {
            while (rows.next()) {
                names.add(rows.getString(1));
            }
        }
        return names;
    }

    private static String hex(int bytes) {
        var buffer = new byte[bytes];
        RANDOM.nextBytes(buffer);
        return HEX.formatHex(buffer);
    }
}
