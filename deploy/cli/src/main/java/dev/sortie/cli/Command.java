package dev.sortie.cli;

import java.io.InputStream;
import java.io.PrintStream;
import java.util.Map;
import java.util.Set;

/** One command: what it is told, and what it does. */
interface Command {
    /** What {@code --help} prints before the options that all commands have. */
    String help();

    /** The options of its own that take a value, such as {@code --mission}. */
    Set<String> options();

    /** The options of its own that take none, such as {@code --quiet}. */
    default Set<String> flags() {
        return Set.of();
    }

    /**
     * Does it.
     *
     * @return what the process ends with, of {@link ExitCode}
     */
    int run(Arguments arguments, Terminal terminal);

    /**
     * Where a command was called.
     *
     * @param environment the environment variables
     * @param out what the command has to say
     * @param err progress, and what went wrong
     */
    record Terminal(Map<String, String> environment, InputStream in, PrintStream out, PrintStream err) {}
}
