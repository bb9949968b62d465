package dev.sortie.local;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/** {@code sortie reset}: deletes the data folder. */
final class ResetCommand {

    private static final String HELP = """
            usage: sortie reset [--yes] [FLAG…]

            Deletes the data folder: the embedded database with everything in it, tokens, search indexes, logs. Asks
            first, unless --yes is given. Deletes nothing that Sortie did not put there, and no database on another
            server. Refuses while Sortie runs.

            Exit codes: 0 deleted or nothing to delete, 1 not confirmed, 4 it runs.
            """;

    private ResetCommand() {}

    static int run(Invocation invocation) {
        var settings = invocation.settings();
        var folder = invocation.dataFolder(settings);
        var yes = settings.flag("SORTIE_YES", false, "do not ask");
        if (invocation.wantsHelp()) {
            return invocation.help(HELP, settings);
        }
        settings.check();
        folder.check();
        var out = invocation.out();
        if (!folder.exists()) {
            out.println("There is no data in " + folder.root() + ".");
            return ExitCode.OK;
        }

        List<Path> kept;
        try (var _ = folder.lock("reset")) {
            if (!yes && !confirmed(invocation, folder)) {
                throw new LocalException("Nothing was deleted.");
            }
            if (LocalPostgres.process(folder).isPresent()) {
                new LocalPostgres(folder).stop();
            }
            kept = folder.delete();
        }
        out.println("Deleted the data in " + folder.root() + ".");
        kept.forEach(path -> out.println("Left alone, since it is not Sortie's: " + path));
        return ExitCode.OK;
    }

    private static boolean confirmed(Invocation invocation, DataFolder folder) {
        invocation
                .out()
                .print("This deletes the database, tokens, indexes and logs in " + folder.root()
                        + " for good.\nType yes to go on: ");
        invocation.out().flush();
        try {
            var answer = new BufferedReader(new InputStreamReader(invocation.in(), StandardCharsets.UTF_8)).readLine();
            if (answer == null) {
                invocation.out().println();
            }
            return answer != null && answer.strip().toLowerCase(Locale.ROOT).equals("yes");
        } catch (IOException e) {
            return false;
        }
    }
}
