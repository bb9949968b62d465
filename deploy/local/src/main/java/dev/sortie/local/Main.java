package dev.sortie.local;

import dev.sortie.runtime.config.SettingsException;
import java.util.Arrays;
import java.util.List;

/** {@code sortie up}, {@code status}, X. */
public final class Main {

    private static final String HELP = """
            usage: sortie COMMAND [FLAG…]

              up           start PostgreSQL and the three servers on this machine, until Ctrl-C
              status       say whether they run, and where
              down         stop them
              migrate      bring the database schemas up to date, and nothing else
              rotate-keys  replace the key that credentials are encrypted with, also while it runs
              reset        delete the data folder (asks first)

            sortie COMMAND --help says more about a command.
            """;

    private Main() {}

    /** Runs a command and ends the JVM with its exit code. */
    public static void main(String[] arguments) {
        Logs.off();
        var invocation = new Invocation(
                Arrays.stream(arguments).skip(1).toList(), System.getenv(), System.in, System.out, System.err);
        System.exit(run(arguments.length == 0 ? "help" : arguments[0], invocation));
    }

    static int run(String command, Invocation invocation) {
        try {
            return switch (command) {
                case "up" -> UpCommand.run(invocation);
                case "status" -> StatusCommand.run(invocation);
                case "down" -> DownCommand.run(invocation);
                case "migrate" -> MigrateCommand.run(invocation);
                case "rotate-keys" -> RotateKeysCommand.run(invocation);
                case "reset" -> ResetCommand.run(invocation);
                case "help", "--help", "-h" -> {
                    invocation.out().print(HELP);
                    yield ExitCode.OK;
                }
                default ->
                    throw new LocalException(
                            ExitCode.USAGE, "there is no command '" + command + "' (see sortie --help)");
            };
        } catch (SettingsException e) {
            report(invocation, e.problems());
            return ExitCode.USAGE;
        } catch (LocalException e) {
            report(invocation, List.of(String.valueOf(e.getMessage())));
            return e.exitCode();
        }
    }

    private static void report(Invocation invocation, List<String> problems) {
        problems.forEach(problem -> invocation.err().println("sortie: " + problem));
    }
}
