package dev.sortie.runtime.testing;

import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;

/**
 * An embedded PostgreSQL on a free port of the loopback address. Durability is off and the folder
 * is a temporary one: this is for tests, which start it anew for each JVM in about half a second.
 */
final class EmbeddedRung implements PostgresLadder.Rung {

    /** Another process may take the free port between its choice and its use. */
    private static final int ATTEMPTS = 3;

    /**
     * Stops the server and removes its folder as soon as its input ends, which the kernel sees to
     * however the JVM dies. A shutdown hook would miss kill -9, and the tests that provoke it would
     * leave a server behind each.
     */
    private static final String REAPER = """
      trap '' INT TERM HUP
      cat > /dev/null
      kill -QUIT "$1" 2> /dev/null
      tries=0
      while kill -0 "$1" 2> /dev/null && [ "$tries" -lt 100 ]; do
        sleep 0.1
        tries=$((tries + 1))
      done
      rm -rf "$2"
      """;

    /** Kept, since a collected process closes its pipes, and that end is the reaper's signal. */
    private static final List<Process> REAPERS = new CopyOnWriteArrayList<>();

    @Override
    public String name() {
        return "embedded";
    }

    @Override
    public Optional<PostgresServer> climb() throws Exception {
        var temp = Path.of(System.getProperty("java.io.tmpdir"));
        var binaries = ownFolder(temp.resolve("sortie-postgres-" + System.getProperty("user.name")));
        Exception last = null;
        for (var attempt = 0; attempt < ATTEMPTS; attempt++) {
            var folder = Files.createTempDirectory(temp, "sortie-test-");
            try {
                return Optional.of(start(folder, binaries));
            } catch (Exception e) {
                last = new IOException(e.getMessage() + logTail(folder), e);
                reap(folder);
            }
        }
        throw last;
    }

    private static PostgresServer start(Path folder, Path binaries) throws IOException {
        var log = ProcessBuilder.Redirect.appendTo(folder.resolve("server.log").toFile());
        var embedded = EmbeddedPostgres.builder()
                .setOverrideWorkingDirectory(binaries.toFile())
                .setDataDirectory(folder.resolve("data"))
                .setCleanDataDirectory(true)
                // The reaper does it.
                .setRegisterShutdownHook(false)
                .setOutputRedirector(log)
                .setErrorRedirector(log)
                .setPGStartupWait(Duration.ofSeconds(60))
                // As the launcher sets its server up: the same order and case rules on every system.
                .setLocaleConfig("locale", "C")
                .setLocaleConfig("locale-provider", "builtin")
                .setLocaleConfig("builtin-locale", "C.UTF-8")
                .setServerConfig("max_connections", "600") // some servers for each of the classes that run at a time
                .setServerConfig("listen_addresses", "127.0.0.1")
                .setServerConfig("unix_socket_directories", "")
                // As a server of production has it, so that commit order and visibility are the same;
                // without fsync it costs nothing.
                .setServerConfig("synchronous_commit", "on")
                .setServerConfig("full_page_writes", "off")
                .setServerConfig("wal_level", "minimal")
                .setServerConfig("max_wal_senders", "0")
                .start();
        reap(folder);
        return new PostgresServer("embedded", "127.0.0.1", embedded.getPort(), "postgres", "", "postgres", "", false);
    }

    /** Leaves a watcher behind that ends with this JVM and takes the server and the folder along. */
    private static void reap(Path folder) throws IOException {
        var pidFile = folder.resolve("data/postmaster.pid");
        var pid = Files.exists(pidFile) ? Files.readAllLines(pidFile).getFirst().trim() : "none";
        REAPERS.add(new ProcessBuilder("sh", "-c", REAPER, "sortie-test-reaper", pid, folder.toString())
                .redirectInput(ProcessBuilder.Redirect.PIPE)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start());
    }

    /**
     * A folder nobody else may write to. The temporary folder is everybody's, and what lies in this
     * one is executed.
     */
    private static Path ownFolder(Path folder) throws IOException {
        if (!Files.exists(folder, LinkOption.NOFOLLOW_LINKS)) {
            try {
                Files.createDirectory(
                        folder, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
            } catch (java.nio.file.FileAlreadyExistsException e) {
                // Another JVM was faster.
            }
        }
        var owner = Files.getOwner(folder, LinkOption.NOFOLLOW_LINKS).getName();
        if (!Files.isDirectory(folder, LinkOption.NOFOLLOW_LINKS) || !owner.equals(System.getProperty("user.name"))) {
            throw new IOException(folder + " belongs to " + owner + "; remove it");
        }
        return folder;
    }

    private static String logTail(Path folder) {
        try {
            var lines = Files.readAllLines(folder.resolve("server.log"));
            return "\n" + String.join("\n", lines.subList(Math.max(0, lines.size() - 20), lines.size()));
        } catch (IOException e) {
            return "";
        }
    }
}
