package dev.sortie.local;

import java.sql.Connection;
import java.sql.SQLException;

/**
 * A service's database with its two roles: the owner, which migrates, and the runtime role, which
 * changes rows and nothing else.
 *
 * @param service "mission", "agent" or "knowledge"
 * @param owner as the owner role
 * @param runtime as the runtime role
 */
record ServiceDatabase(String service, DatabaseUrl owner, DatabaseUrl runtime) {

    private static final String DUPLICATE_DATABASE = "42P04";
    private static final String INVALID_PASSWORD = "28P01";

    /**
     * Makes the database and the roles where they are missing.
     *
     * @param administrator a role that may create databases and roles, in any database of the server
     * @param secrets where the roles' passwords are kept
     * @param own whether the server is ours alone, so that a role's password may be set anew
     */
    static ServiceDatabase ensure(String service, DatabaseUrl administrator, Secrets secrets, boolean own) {
        var name = "sortie_" + service;
        var database = new ServiceDatabase(
                service,
                administrator.with(name, name + "_owner", secrets.password(name + "_owner.password")),
                administrator.with(name, name, secrets.password(name + ".password")));
        try (var connection = administrator.connect()) {
            ensureRole(connection, database.owner, own);
            ensureRole(connection, database.runtime, own);
            database.ensureDatabase(connection);
            database.grant(connection);
            database.check(database.owner);
            database.check(database.runtime);
            return database;
        } catch (SQLException e) {
            throw new LocalException(
                    "Preparing the database %s as %s failed: %s".formatted(name, administrator, e.getMessage()), e);
        }
    }

    private static void ensureRole(Connection connection, DatabaseUrl role, boolean own) throws SQLException {
        var exists = exists(connection, "SELECT 1 FROM pg_roles WHERE rolname = ?", role.user());
        if (exists && !own) {
            return;
        }
        try (var statement = connection.createStatement()) {
            // Generated, so there is nothing to escape: names are ours, passwords base64url.
            statement.execute((exists ? "ALTER" : "CREATE")
                    + " ROLE "
                    + role.user()
                    + " LOGIN PASSWORD '"
                    + role.password()
                    + "'");
        }
    }

    private void ensureDatabase(Connection connection) throws SQLException {
        try (var statement = connection.createStatement()) {
            // A superuser needs no membership; another administrator does, to give the database away.
            statement.execute("""
          DO $$ BEGIN
            IF NOT pg_has_role('%1$s', 'USAGE') THEN GRANT %1$s TO CURRENT_USER; END IF;
          END $$
          """.formatted(owner.user()));
            if (!exists(connection, "SELECT 1 FROM pg_database WHERE datname = ?", owner.database())) {
                statement.execute("CREATE DATABASE %s OWNER %s TEMPLATE template0 ENCODING 'UTF8'"
                        .formatted(owner.database(), owner.user()));
            }
        } catch (SQLException e) {
            if (!DUPLICATE_DATABASE.equals(e.getSQLState())) {
                throw e;
            }
        }
    }

    /** The rights on the database; those on its tables are given by the migrations that make them. */
    private void grant(Connection connection) throws SQLException {
        try (var statement = connection.createStatement()) {
            statement.execute("REVOKE ALL ON DATABASE " + owner.database() + " FROM PUBLIC");
            statement.execute("GRANT CONNECT ON DATABASE " + owner.database() + " TO " + runtime.user());
        }
    }

    private void check(DatabaseUrl role) throws SQLException {
        try (var connection = role.connect()) {
            connection.isValid(10);
        } catch (SQLException e) {
            if (INVALID_PASSWORD.equals(e.getSQLState())) {
                throw new LocalException(
                        ("The role %s on %s:%d has another password than the one this data folder keeps."
                                        + " Use the data folder that made it, or drop the role there.")
                                .formatted(role.user(), role.host(), role.port()));
            }
            throw e;
        }
    }

    private static boolean exists(Connection connection, String query, String name) throws SQLException {
        try (var statement = connection.prepareStatement(query)) {
            statement.setString(1, name);
            try (var rows = statement.executeQuery()) {
                return rows.next();
            }
        }
    }
}
