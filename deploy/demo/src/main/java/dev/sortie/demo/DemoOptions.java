package dev.sortie.demo;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What the demo is told by its command line and its environment.
 *
 * @param directory a folder in the repository to survey
 * @param mission the address of mission-service, and so on: host:port
 * @param token an API token, of a developer at least
 * @param output where to write the report, or null for nowhere
 */
record DemoOptions(
        Path directory,
        String mission,
        String agent,
        String knowledge,
        String token,
        @Nullable Path output) {

    private static final Set<String> OPTIONS =
            Set.of("--data", "--mission", "--agent", "--knowledge", "--token-file", "--output");

    static final String HELP = """
            Surveys a code base with a real mission, through running servers.

            usage: sortie demo [OPTION…] [DIRECTORY]

            DIRECTORY is a folder in any git repository; without it, the one that the sortie script is in.
            The survey reads what HEAD names: edits that are not committed do not count.

            options
              --data FOLDER           the data folder of `up`, which tells where the servers are and holds the token
                                      (SORTIE_DATA, else ~/.local/share/sortie)
              --mission HOST:PORT     mission-service, where it is another one (SORTIE_MISSION_ADDRESS)
              --agent HOST:PORT       agent-service, likewise (SORTIE_AGENT_ADDRESS)
              --knowledge HOST:PORT   knowledge-service, likewise (SORTIE_KNOWLEDGE_ADDRESS)
              --token-file FILE       file with an API token (SORTIE_TOKEN_FILE); SORTIE_TOKEN may hold the token itself
              --output FILE           write the report to a file, too
              --help                  print this
            """;

    /** @throws DemoException when something is missing or not understood */
    static DemoOptions parse(List<String> arguments, Map<String, String> environment) {
        var rest = new ArrayDeque<>(arguments);
        var given = new HashMap<String, String>();
        @Nullable Path directory = null;
        while (!rest.isEmpty()) {
            var argument = rest.removeFirst();
            if (OPTIONS.contains(argument)) {
                var value = rest.pollFirst();
                if (value == null) {
                    throw new DemoException(argument + " wants a value; see sortie demo --help");
                }
                given.put(argument, value);
            } else if (argument.startsWith("-") || directory != null) {
                throw new DemoException("sortie demo does not know " + argument + "; see sortie demo --help");
            } else {
                directory = Path.of(argument);
            }
        }
        if (directory == null) {
            directory = Path.of(System.getProperty("sortie.home", "."));
        }
        var data = given.containsKey("--data")
                ? Path.of(given.get("--data"))
                : environment.containsKey("SORTIE_DATA")
                        ? Path.of(environment.get("SORTIE_DATA"))
                        : defaultDataFolder(environment);
        var running = readRunFile(data);
        var output = given.get("--output");
        return new DemoOptions(
                directory,
                address("mission", "7401", given, environment, running),
                address("agent", "7402", given, environment, running),
                address("knowledge", "7403", given, environment, running),
                token(given, environment, data),
                output == null ? null : Path.of(output));
    }

    private static String address(
            String service,
            String port,
            Map<String, String> given,
            Map<String, String> environment,
            Properties running) {
        var byFlag = given.get("--" + service);
        if (byFlag != null) {
            return byFlag;
        }
        var byEnvironment = environment.get("SORTIE_" + service.toUpperCase(Locale.ROOT) + "_ADDRESS");
        if (byEnvironment != null) {
            return byEnvironment;
        }
        return running.getProperty("address." + service + "-service", "localhost:" + port);
    }

    private static String token(Map<String, String> given, Map<String, String> environment, Path data) {
        var byFlag = given.get("--token-file");
        if (byFlag != null) {
            return readToken(Path.of(byFlag));
        }
        var ready = environment.get("SORTIE_TOKEN");
        if (ready != null) {
            return ready;
        }
        var file = environment.get("SORTIE_TOKEN_FILE");
        return readToken(file != null ? Path.of(file) : data.resolve("admin.token"));
    }

    /** What `up` says about itself in its data folder; nothing when it never ran there. */
    private static Properties readRunFile(Path data) {
        var properties = new Properties();
        try (var reader = Files.newBufferedReader(data.resolve("run.properties"))) {
            properties.load(reader);
        } catch (IOException absent) {
            return new Properties();
        }
        return properties;
    }

    private static Path defaultDataFolder(Map<String, String> environment) {
        var shared = environment.getOrDefault("XDG_DATA_HOME", "");
        if (shared.startsWith("/")) {
            return Path.of(shared, "sortie");
        }
        var home = environment.getOrDefault("HOME", System.getProperty("user.home"));
        return Path.of(home, ".local", "share", "sortie");
    }

    private static String readToken(Path file) {
        try {
            return Files.readString(file).strip();
        } catch (IOException e) {
            throw new DemoException("No API token: " + file + " cannot be read. Start the servers with `sortie up` in"
                    + " another terminal (it makes the token), or name a file with --token-file.");
        }
    }
}
