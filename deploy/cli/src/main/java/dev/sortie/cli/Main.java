package dev.sortie.cli;

import dev.sortie.cli.Command.Terminal;
import java.util.HashSet;
import java.util.List;
import java.util.Map;

/** {@code sortie report-tests} and whatever else speaks to running servers. */
public final class Main {

    private static final Map<String, Command> COMMANDS = Map.of(
            "report-tests", new ReportTestsCommand(),
            "import", new ImportCommand(),
            "upload", new UploadCommand(),
            "download", new DownloadCommand());

    private Main() {}

    /** Runs a command and ends the JVM with its exit code. */
    public static void main(String[] arguments) {
        var terminal = new Terminal(System.getenv(), System.in, System.out, System.err);
        System.exit(run(List.of(arguments), terminal));
    }

    /** Runs a command: its name, then its arguments. */
    static int run(List<String> arguments, Terminal terminal) {
        var name = arguments.isEmpty() ? "" : arguments.getFirst();
        var command = COMMANDS.get(name);
        if (command == null) {
            terminal.err().println("sortie: there is no command '" + name + "' (see sortie --help)");
            return ExitCode.ERROR;
        }
        var rest = arguments.subList(1, arguments.size());
        if (rest.contains("--help") || rest.contains("-h") || rest.equals(List.of("help"))) {
            terminal.out().print(command.help());
            terminal.out().print(Connection.HELP);
            return ExitCode.OK;
        }
        try {
            var options = new HashSet<>(command.options());
            options.addAll(Connection.OPTIONS);
            return command.run(Arguments.parse(rest, options, command.flags()), terminal);
        } catch (CliException failure) {
            terminal.err().println("sortie " + name + ": " + failure.text());
            return ExitCode.ERROR;
        }
    }
}
