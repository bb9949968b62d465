package dev.sortie.runtime.testing;

import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The ways to a PostgreSQL server, tried in order: a given one, an embedded one, one in a
 * container. A test without a database proves nothing, so the ladder never skips: when its last
 * rung breaks, it fails and says what was wrong with each.
 */
final class PostgresLadder {

    /** The environment variable with the URL of a superuser on a server to use. */
    static final String URL_VARIABLE = "SORTIE_TEST_DATABASE_URL";

    /** One way to a server. */
    interface Rung {
        /** A name for messages. */
        String name();

        /** The server; empty where this way was not asked for, an exception where it failed. */
        Optional<PostgresServer> climb() throws Exception;
    }

    private PostgresLadder() {}

    /** The ladder as the environment sets it up. */
    static List<Rung> standard() {
        return List.of(given(System.getenv(URL_VARIABLE)), new EmbeddedRung(), new ContainerRung());
    }

    /** The rung of a server somebody else runs. Given but wrong is an error, never a reason to go on. */
    static Rung given(String url) {
        return new Rung() {
            @Override
            public String name() {
                return URL_VARIABLE;
            }

            @Override
            public Optional<PostgresServer> climb() throws Exception {
                if (url == null || url.isBlank()) {
                    return Optional.empty();
                }
                var server = PostgresServer.parse(URL_VARIABLE, url);
                try (var connection = server.connect();
                        var statement = connection.createStatement();
                        var rows = statement.executeQuery(
                                "SELECT rolsuper, current_setting('server_version_num')::int FROM pg_roles"
                                        + " WHERE rolname = current_user")) {
                    if (!rows.next() || !rows.getBoolean(1)) {
                        throw new StoppedException(
                                URL_VARIABLE + ": " + server.user() + " is not a superuser (expected: a superuser)");
                    }
                    if (rows.getInt(2) < 180000) {
                        throw new StoppedException(
                                URL_VARIABLE + ": PostgreSQL " + rows.getInt(2) / 10000 + " (expected: >= 18)");
                    }
                } catch (SQLException e) {
                    throw new StoppedException(URL_VARIABLE + " is set, but connecting failed: " + e.getMessage(), e);
                }
                return Optional.of(server);
            }
        };
    }

    /** Climbs to the first server there is. */
    static PostgresServer climb(List<Rung> rungs) {
        var reasons = new ArrayList<String>();
        var causes = new ArrayList<Throwable>();
        for (var rung : rungs) {
            try {
                var server = rung.climb();
                if (server.isPresent()) {
                    return server.get();
                }
                reasons.add(rung.name() + ": not set");
            } catch (StoppedException e) {
                throw e;
            } catch (Exception | LinkageError e) {
                reasons.add(rung.name() + ": " + e);
                causes.add(e);
            }
        }
        var failure = new IllegalStateException("No PostgreSQL for the tests. Tried, in order:\n  "
                + String.join("\n  ", reasons)
                + "\nSet "
                + URL_VARIABLE
                + " to the URL of a superuser on a PostgreSQL 18 server of yours,"
                + " or make one of the others work.");
        causes.forEach(failure::addSuppressed);
        throw failure;
    }

    /** A failure after which no other rung is tried, for somebody asked for exactly this one. */
    static final class StoppedException extends IllegalStateException {
        private static final long serialVersionUID = 1L;

        StoppedException(String message) {
            super(message);
        }

        StoppedException(String message, Throwable cause) {
            super(message, cause);
        }
    }
}
