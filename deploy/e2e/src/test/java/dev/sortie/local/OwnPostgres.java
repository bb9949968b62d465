package dev.sortie.local;

import java.io.IOException;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.concurrent.locks.LockSupport;

/** A PostgreSQL that tests may kill: durable, as {@code up} runs it, on a port that it keeps. */
public final class OwnPostgres implements AutoCloseable {
    // Ends the server when its input ends, which the kernel sees to however this JVM dies.
    private static final String REAPER = """
            trap '' INT TERM HUP
            cat > /dev/null
            kill -QUIT "$(head -n 1 "$1")" 2> /dev/null
            """;
    private static final Duration PATIENCE = Duration.ofMinutes(1);

    private final LocalPostgres server;
    private final Process reaper;
    private DatabaseUrl url;

    private OwnPostgres(LocalPostgres server, Process reaper, DatabaseUrl url) {
        this.server = server;
        this.reaper = reaper;
        this.url = url;
    }

    /** @param path an empty folder */
    public static OwnPostgres start(Path path) throws IOException {
        var folder = new DataFolder(path);
        folder.create();
        var server = new LocalPostgres(folder);
        var url = server.start(0);
        var pidFile = folder.postgresql().resolve("postmaster.pid");
        var reaper = new ProcessBuilder("sh", "-c", REAPER, "sortie-postgres-reaper", pidFile.toString())
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        return new OwnPostgres(server, reaper, url);
    }

    /** The URL of a database for a role. */
    public String url(String database, String role, String password) {
        return url.with(database, role, password).toUrl();
    }

    /** A connection of the superuser. */
    public Connection connect(String database) throws SQLException {
        return url.with(database, url.user(), url.password()).connect();
    }

    /** Ends the server as {@code kill -9} does; its processes follow by themselves. */
    public void kill() {
        var process = server.process().orElseThrow();
        process.destroyForcibly();
        long until = System.nanoTime() + PATIENCE.toNanos();
        while (process.isAlive()) {
            if (System.nanoTime() > until) {
                throw new AssertionError("PostgreSQL does not die");
            }
            LockSupport.parkNanos(Duration.ofMillis(20).toNanos());
        }
    }

    /** Stops the server in an orderly way, whoever is connected. */
    public void stop() {
        server.stop();
    }

    /** Starts it again on its data. */
    public void restart() {
        server.restart(url.port());
    }

    @Override
    public void close() {
        server.stop();
        reaper.destroyForcibly();
    }
}
