package dev.sortie.runtime.testing;

import java.sql.Connection;
import java.sql.SQLException;

/**
 * A database of one test class, with the two roles a database has in production. Close it when the
 * class is done ({@code @AutoClose static final TestDatabase DATABASE = …}).
 */
public final class TestDatabase implements AutoCloseable {

    private final PostgresServer server;
    private final String name;
    private final TestRoles roles;
    private boolean closed;

    TestDatabase(PostgresServer server, String name, TestRoles roles) {
        this.server = server;
        this.name = name;
        this.roles = roles;
    }

    PostgresServer server() {
        return server;
    }

    /** The database's name on its server. */
    public String name() {
        return name;
    }

    /** The URL for the owner role, which may change the schema: SORTIE_MIGRATION_DATABASE_URL. */
    public String ownerUrl() {
        return server.url(name, roles.owner(), roles.password());
    }

    /** The URL for the runtime role, which may only change rows: SORTIE_DATABASE_URL. */
    public String runtimeUrl() {
        return server.url(name, roles.runtime(), roles.password());
    }

    /** A JDBC connection as the owner role, for what a test arranges or looks at by itself. */
    public Connection connectAsOwner() throws SQLException {
        return server.connect(name, roles.owner(), roles.password());
    }

    /** A JDBC connection as the runtime role. */
    public Connection connectAsRuntime() throws SQLException {
        return server.connect(name, roles.runtime(), roles.password());
    }

    /** A JDBC connection as a superuser, for tests that end connections or hold locks. */
    public Connection connectAsSuperuser() throws SQLException {
        return server.connect(name, server.user(), server.password());
    }

    /** Runs statements as the owner role, each in a transaction of its own. */
    public void execute(String... statements) {
        try (var connection = connectAsOwner();
                var statement = connection.createStatement()) {
            for (var sql : statements) {
                statement.execute(sql);
            }
        } catch (SQLException e) {
            throw new AssertionError(e.getMessage(), e);
        }
    }

    /** Drops the database, with whatever is still connected to it. Twice is once. */
    @Override
    public synchronized void close() {
        if (closed) {
            return;
        }
        closed = true;
        try {
            server.execute(server.database(), "DROP DATABASE IF EXISTS " + name + " WITH (FORCE)");
        } catch (SQLException e) {
            throw new IllegalStateException("dropping " + name + " failed: " + e.getMessage(), e);
        }
    }
}
