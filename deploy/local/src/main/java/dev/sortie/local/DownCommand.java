package dev.sortie.local;

import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.locks.LockSupport;

/** {@code sortie down}: asks the running {@code up} to end, and waits until it has. */
final class DownCommand {

    private static final String HELP = """
            usage: sortie down [FLAG…]

            Stops what `sortie up` started: the servers finish the calls they have, then PostgreSQL stops.
            Also stops a PostgreSQL that a killed `up` left running. Where nothing runs there is nothing to do.

            Exit codes: 0 nothing runs any more, 1 it did not stop in time.
            """;

    private DownCommand() {}

    static int run(Invocation invocation) {
        var settings = invocation.settings();
        var folder = invocation.dataFolder(settings);
        var timeout = settings.duration(
                "SORTIE_DOWN_TIMEOUT",
                Duration.ofSeconds(60),
                Duration.ofSeconds(1),
                Duration.ofHours(1),
                "how long to wait for it to stop");
        if (invocation.wantsHelp()) {
            return invocation.help(HELP, settings);
        }
        settings.check();
        folder.check();
        var out = invocation.out();

        var running = RunFile.read(folder).flatMap(RunFile::process);
        if (running.isPresent()) {
            var process = running.get();
            out.println("Stopping Sortie (process " + process.pid() + ") …");
            if (!process.destroy()) {
                throw new LocalException(
                        "Process " + process.pid() + " belongs to another user; stop it as that user.");
            }
            await(process, timeout, folder);
            out.println("Stopped.");
            return ExitCode.OK;
        }
        if (LocalPostgres.process(folder).isPresent()) {
            try (var _ = folder.lock("down")) {
                out.println("Stopping the PostgreSQL that a killed run left …");
                new LocalPostgres(folder).stop();
            }
            out.println("Stopped.");
            return ExitCode.OK;
        }
        out.println("Sortie does not run on " + folder.root() + ".");
        return ExitCode.OK;
    }

    /**
     * Waits until the process has let go of the folder, which is the last thing it does. Its end alone would not do: the
     * dead process counts as one until its parent takes note.
     */
    private static void await(ProcessHandle process, Duration timeout, DataFolder folder) {
        var deadline = Instant.now().plus(timeout);
        while (process.isAlive()
                && RunFile.read(folder)
                        .filter(run -> run.pid() == process.pid())
                        .isPresent()) {
            if (Instant.now().isAfter(deadline) || Thread.currentThread().isInterrupted()) {
                throw new LocalException(
                        "Process %d has not stopped within %d s. It may still be finishing long calls; see %s."
                                .formatted(process.pid(), timeout.toSeconds(), folder.logs()));
            }
            LockSupport.parkNanos(Duration.ofMillis(50).toNanos());
        }
    }
}
