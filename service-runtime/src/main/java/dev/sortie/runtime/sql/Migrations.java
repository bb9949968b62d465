package dev.sortie.runtime.sql;

import java.net.URI;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.Map;
import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.configuration.FluentConfiguration;
import org.flywaydb.database.postgresql.PostgreSQLConfigurationExtension;

/**
 * Brings a database up to the schema of a service: first the tables of the runtime, then the service's own, each with a
 * history of its own. A step of its own, run by the owner role; servers only check that it was done. Repeatable: what
 * has been applied stays as it is. Blocking (JDBC).
 *
 * @param location where the service's migrations lie on the class path, such as {@code db/migration/mission}; a folder
 *     per service, because the launcher has all of them on one class path
 */
public record Migrations(String location) {
    private static final String RUNTIME_LOCATION = "db/runtime";
    private static final String RUNTIME_HISTORY = "runtime_schema_history";
    private static final String SERVICE_HISTORY = "service_schema_history";
    private static final int CONNECT_RETRIES = 10;

    /**
     * Migrates and then lets the runtime role read and write, not more.
     *
     * @param url of the owner role, {@code postgresql://role:password@host:port/database}
     * @param runtimeRole as which the server connects; must exist
     */
    public void migrate(String url, String runtimeRole) {
        migrate(url, runtimeRole, "latest");
    }

    /**
     * The same up to a version of the service's own schema, as an older release has it.
     *
     * @param version such as {@code 6}
     */
    public void migrate(String url, String runtimeRole, String version) {
        flyway(url, RUNTIME_LOCATION, RUNTIME_HISTORY, runtimeRole, CONNECT_RETRIES)
                .load()
                .migrate();
        flyway(url, location, SERVICE_HISTORY, runtimeRole, CONNECT_RETRIES)
                .target(version)
                .load()
                .migrate();
        grant(url, runtimeRole);
    }

    /**
     * True when the database has every migration that this program brings, whatever else it has.
     *
     * @param url of the runtime role
     */
    public boolean isApplied(String url) {
        return isApplied(url, RUNTIME_LOCATION, RUNTIME_HISTORY) && isApplied(url, location, SERVICE_HISTORY);
    }

    /** The role that a URL names. */
    public static String roleOf(String url) {
        return userInfo(url)[0];
    }

    private static boolean isApplied(String url, String location, String history) {
        var info = flyway(url, location, history, roleOf(url), 0).load().info();
        return info.pending().length == 0 && info.applied().length > 0;
    }

    private static FluentConfiguration flyway(
            String url, String location, String history, String runtimeRole, int connectRetries) {
        var user = userInfo(url);
        FluentConfiguration configuration = Flyway.configure()
                .dataSource(jdbcUrl(url), user[0], user.length > 1 ? user[1] : null)
                .locations("classpath:" + location)
                .table(history)
                .baselineOnMigrate(true) // the other history's tables are there already
                .baselineVersion("0")
                .placeholders(Map.of("runtimeRole", runtimeRole))
                .mixed(true) // a lock timeout and CREATE INDEX CONCURRENTLY stand in one file, which runs without a
                // transaction
                .validateMigrationNaming(true)
                .createSchemas(false)
                .loggers("slf4j")
                .connectRetries(connectRetries);
        var postgresql = configuration.getConfigurationExtension(PostgreSQLConfigurationExtension.class);
        postgresql.setTransactionalLock(false); // else CREATE INDEX CONCURRENTLY waits for Flyway's own transaction
        return configuration;
    }

    private static void grant(String url, String runtimeRole) {
        var user = userInfo(url);
        try (Connection connection =
                        DriverManager.getConnection(jdbcUrl(url), user[0], user.length > 1 ? user[1] : null);
                var statement = connection.createStatement()) {
            var role = statement.enquoteIdentifier(runtimeRole, true);
            connection.setAutoCommit(false);
            statement.execute("GRANT USAGE ON SCHEMA public TO " + role);
            statement.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO " + role);
            statement.execute("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO " + role);
            if (!runtimeRole.equals(user[0])) {
                for (var history : new String[] {RUNTIME_HISTORY, SERVICE_HISTORY}) {
                    statement.execute("REVOKE INSERT, UPDATE, DELETE ON " + history + " FROM " + role);
                }
                statement.execute("REVOKE UPDATE, DELETE ON audit_log FROM " + role);
            }
            connection.commit();
        } catch (SQLException failed) {
            throw new IllegalStateException("cannot grant rights to " + runtimeRole, failed);
        }
    }

    private static String jdbcUrl(String url) {
        var uri = URI.create(url);
        var host = uri.getHost() + (uri.getPort() < 0 ? "" : ":" + uri.getPort());
        var query = uri.getRawQuery() == null ? "" : "?" + uri.getRawQuery();
        return "jdbc:postgresql://" + host + uri.getRawPath() + query;
    }

    private static String[] userInfo(String url) {
        var info = URI.create(url).getRawUserInfo();
        if (info == null) {
            throw new IllegalArgumentException(
                    "the database URL names no role (expected: postgresql://role:password@…)");
        }
        var parts = info.split(":", 2);
        for (int i = 0; i < parts.length; i++) {
            parts[i] = URLDecoder.decode(parts[i].replace("+", "%2B"), StandardCharsets.UTF_8);
        }
        return parts;
    }
}
