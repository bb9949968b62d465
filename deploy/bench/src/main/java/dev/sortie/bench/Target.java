package dev.sortie.bench;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.jspecify.annotations.Nullable;

/**
 * What is measured, and where.
 *
 * @param agents where the replicas of agent-service listen, as host:port
 * @param token an API token
 * @param database the PostgreSQL that they use, as a role that may do anything; null when it is not to be looked at
 * @param agentDatabase the name of agent-service's database there
 * @param serverPid the process of the servers; 0 when it is not known
 * @param postgresPid PostgreSQL's first process; 0 when it is not known
 * @param postgresLog what PostgreSQL writes to; null when it is not known
 */
record Target(
        List<String> agents,
        String token,
        @Nullable URI database,
        String agentDatabase,
        long serverPid,
        long postgresPid,
        @Nullable Path postgresLog) {

    /** Reads the options; a data folder of {@code sortie up} answers whatever is not given. */
    static Target of(Map<String, String> options) throws IOException {
        var run = new Properties();
        var folder = options.get("--data") == null ? null : Path.of(options.get("--data"));
        if (folder != null) {
            try (var reader = Files.newBufferedReader(folder.resolve("run.properties"))) {
                run.load(reader);
            }
        }
        var agents = options.getOrDefault("--agent", run.getProperty("address.agent-service", "127.0.0.1:7402"));
        var tokenFile = options.get("--token-file") != null
                ? Path.of(options.get("--token-file"))
                : folder == null ? Path.of("admin.token") : folder.resolve("admin.token");
        var database = options.get("--database");
        long postgresPid = 0;
        if (folder != null && Files.exists(folder.resolve("postgresql/postmaster.pid"))) {
            postgresPid = Long.parseLong(Files.readAllLines(folder.resolve("postgresql/postmaster.pid"))
                    .getFirst()
                    .strip());
            if (database == null) {
                var password = Files.readString(folder.resolve("secrets/postgres.password"))
                        .strip();
                database =
                        "postgresql://postgres:" + password + "@" + run.getProperty("address.postgresql") + "/postgres";
            }
        }
        return new Target(
                List.of(agents.split(",")),
                Files.readString(tokenFile).strip(),
                database == null ? null : URI.create(database),
                options.getOrDefault("--agent-database", "sortie_agent"),
                Long.parseLong(options.getOrDefault("--server-pid", run.getProperty("pid", "0"))),
                postgresPid,
                folder == null ? null : folder.resolve("logs/postgresql.log"));
    }

    /** A connection to one of the databases. */
    Connection connect(String name) throws SQLException {
        if (database == null) {
            throw new SQLException("no database given (--data or --database)");
        }
        return DriverManager.getConnection(
                "jdbc:postgresql://" + database.getHost() + ":" + database.getPort() + "/" + name, user(), password());
    }

    /**
     * Has PostgreSQL do what it would else do in the middle of a measurement, as it does before those of the other queues;
     * nothing when the database is not known.
     */
    void settle() throws SQLException {
        if (database == null) {
            return;
        }
        try (var connection = connect(agentDatabase);
                var statement = connection.createStatement()) {
            statement.execute("VACUUM ANALYZE work_orders, work_order_states");
            statement.execute("CHECKPOINT");
        }
    }

    /** The same for other programs. */
    String url(String name) {
        if (database == null) {
            throw new IllegalStateException("no database given");
        }
        return "postgresql://" + database.getRawUserInfo() + "@" + database.getHost() + ":" + database.getPort() + "/"
                + name;
    }

    String host() {
        return database == null ? "" : database.getHost();
    }

    int port() {
        return database == null ? 0 : database.getPort();
    }

    String user() {
        return userInfo(0);
    }

    String password() {
        return userInfo(1);
    }

    private String userInfo(int part) {
        var parts = database == null || database.getUserInfo() == null
                ? new String[0]
                : database.getUserInfo().split(":", 2);
        return part < parts.length ? parts[part] : "";
    }
}
