package dev.sortie.local;

import dev.sortie.runtime.config.Settings;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * How a command was called: its flags and environment, and the terminal.
 *
 * @param arguments what follows the command's name
 * @param environment the environment variables
 * @param in answers to questions
 * @param out what the command has to say
 * @param err failures
 */
record Invocation(
        List<String> arguments, Map<String, String> environment, InputStream in, PrintStream out, PrintStream err) {

    boolean wantsHelp() {
        return arguments.contains("--help") || arguments.contains("-h") || arguments.equals(List.of("help"));
    }

    /** The settings; for help without values, so that all defaults show. */
    Settings settings() {
        return wantsHelp() ? Settings.of(Map.of(), List.of()) : Settings.of(environment, arguments);
    }

    /** Prints a command's help: what it does, then the settings that were read. */
    int help(String text, Settings settings) {
        out.print(text);
        out.println("\nSettings, each a flag or an environment variable:\n");
        out.print(settings.help());
        return ExitCode.OK;
    }

    DataFolder dataFolder(Settings settings) {
        var path = settings.text(
                "SORTIE_DATA", defaultDataFolder().toString(), "the folder that keeps the database, secrets and logs");
        return new DataFolder(Path.of(path));
    }

    static @Nullable DatabaseUrl externalDatabase(Settings settings) {
        var url = settings.secret(
                "SORTIE_DATABASE_URL",
                "a PostgreSQL 18 server to use in place of the embedded one, as a role that may create databases and"
                        + " roles: postgresql://role:password@host:port/postgres");
        if (url == null) {
            return null;
        }
        try {
            return DatabaseUrl.parse(url);
        } catch (IllegalArgumentException e) {
            settings.problem("SORTIE_DATABASE_URL: " + e.getMessage());
            return null;
        }
    }

    static int postgresPort(Settings settings) {
        return settings.port("SORTIE_POSTGRES_PORT", 7432, "the port of the embedded PostgreSQL; 0 for any free one");
    }

    private Path defaultDataFolder() {
        if (wantsHelp()) {
            return Path.of("~/.local/share/sortie");
        }
        var base = environment.getOrDefault("XDG_DATA_HOME", "");
        // A relative path in this variable is to be ignored, by the specification that defines it.
        if (base.startsWith("/")) {
            return Path.of(base, "sortie");
        }
        // As a shell understands ~; the JVM asks the password file.
        var home = environment.getOrDefault("HOME", System.getProperty("user.home"));
        return Path.of(home, ".local", "share", "sortie");
    }
}
