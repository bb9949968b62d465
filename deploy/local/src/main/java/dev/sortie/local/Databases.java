package dev.sortie.local;

import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The three services' databases on the server they live on, and that server where it is the embedded one. */
final class Databases implements AutoCloseable {

    private static final Logger LOG = LoggerFactory.getLogger(Databases.class);

    static final List<String> SERVICES = List.of("mission", "agent", "knowledge");

    private static final int LEAST_MAJOR_VERSION = 18;

    private final DatabaseUrl administrator;
    private final Map<String, ServiceDatabase> databases = new TreeMap<>();
    private final @Nullable LocalPostgres embedded;

    private Databases(DatabaseUrl administrator, @Nullable LocalPostgres embedded) {
        this.administrator = administrator;
        this.embedded = embedded;
    }

    /**
     * Starts the embedded server, or takes the external one, and makes what is missing in it.
     *
     * @param external an administrator on another server; null for the embedded one
     * @param port the embedded server's port
     */
    static Databases open(DataFolder folder, @Nullable DatabaseUrl external, int port) {
        Databases databases;
        if (external == null) {
            var embedded = new LocalPostgres(folder);
            databases = new Databases(embedded.start(port), embedded);
        } else {
            databases = new Databases(external, null);
        }
        try {
            databases.checkVersion();
            var secrets = new Secrets(folder.secrets());
            for (var service : SERVICES) {
                databases.databases.put(
                        service, ServiceDatabase.ensure(service, databases.administrator, secrets, external == null));
            }
            return databases;
        } catch (RuntimeException e) {
            databases.close();
            throw e;
        }
    }

    ServiceDatabase of(String service) {
        return Optional.ofNullable(databases.get(service)).orElseThrow();
    }

    /**
     * Brings a service's schema up to date.
     *
     * @return what to tell about it
     */
    String migrate(String service) {
        var database = of(service);
        try {
            Services.migrations(service)
                    .migrate(database.owner().toUrl(), database.runtime().user());
            return "up to date";
        } catch (RuntimeException e) {
            LOG.error("Migrating the database of {}-service failed", service, e);
            throw new LocalException(
                    "Migrating the database of " + service + "-service failed: " + e.getMessage()
                            + "\nMore in the log.",
                    e);
        }
    }

    /** Where the server listens. */
    String address() {
        return administrator.host() + ":" + administrator.port();
    }

    private void checkVersion() {
        var version = version();
        if (Integer.parseInt(version.replaceFirst("\\D.*", "")) < LEAST_MAJOR_VERSION) {
            throw new LocalException("The server at %s is PostgreSQL %s (expected: >= %d)."
                    .formatted(address(), version, LEAST_MAJOR_VERSION));
        }
    }

    /**
     * What is worth knowing about an external server: its operator decides, but people should know.
     *
     * @return a sentence for each setting by which a commit may be lost
     */
    List<String> warnings() {
        return warnings(administrator);
    }

    static List<String> warnings(DatabaseUrl server) {
        var warnings = new ArrayList<String>();
        try (var connection = server.connect();
                var statement = connection.createStatement();
                var rows = statement.executeQuery("""
                        SELECT name, setting FROM pg_settings
                        WHERE name IN ('fsync', 'synchronous_commit', 'full_page_writes') AND setting = 'off'
                        """)) {
            while (rows.next()) {
                warnings.add("The server at %s has %s off: what Sortie acknowledges may be lost in a crash."
                        .formatted(server.host() + ":" + server.port(), rows.getString(1)));
            }
        } catch (SQLException e) {
            throw new LocalException("PostgreSQL does not answer: " + e.getMessage(), e);
        }
        return warnings;
    }

    /** The server's version, as it calls itself ("18.6"). */
    String version() {
        try (var connection = administrator.connect()) {
            return connection.getMetaData().getDatabaseProductVersion();
        } catch (SQLException e) {
            throw new LocalException("PostgreSQL does not answer: " + e.getMessage(), e);
        }
    }

    @Override
    public String toString() {
        return version() + " on " + address();
    }

    /** Starts the embedded server again after it ended by itself. */
    AutoCloseable restart() {
        if (embedded != null) {
            embedded.restart(administrator.port());
        }
        return () -> {}; // it is closed with these databases
    }

    /** Where the embedded server writes its log. */
    String log() {
        return embedded == null ? "the server's log" : embedded.log().toString();
    }

    /** The embedded server's process; empty for an external server. */
    Optional<ProcessHandle> process() {
        return embedded == null ? Optional.empty() : embedded.process();
    }

    /** Stops the embedded server. An external one goes on. */
    @Override
    public void close() {
        if (embedded != null) {
            embedded.stop();
        }
    }
}
