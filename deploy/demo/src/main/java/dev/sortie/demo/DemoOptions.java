package dev.sortie.demo;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Map;
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
        Path directory, String mission, String agent, String knowledge, String token, @Nullable Path output) {

    static final String HELP = """
            Surveys a code base with a real mission, through running servers.

            usage: sortie demo [OPTION…] [DIRECTORY]

            DIRECTORY is a folder in any git repository; without it, the one that the sortie script is in.
            The survey reads what HEAD names: edits that are not committed do not count.

            options
              --mission HOST:PORT     mission-service    (SORTIE_MISSION_ADDRESS, else localhost:7401)
              --agent HOST:PORT       agent-service      (SORTIE_AGENT_ADDRESS, else localhost:7402)
              --knowledge HOST:PORT   knowledge-service  (SORTIE_KNOWLEDGE_ADDRESS, else localhost:7403)
              --token-file FILE       file with an API token (SORTIE_TOKEN_FILE, else the one that `up` made:
                                      admin.token in the data folder); SORTIE_TOKEN may hold the token itself
              --data FOLDER           the data folder of `up`, to find that file in (SORTIE_DATA)
              --output FILE           write the report to a file, too
              --help                  print this
            """;

    /** @throws DemoException when something is missing or not understood */
    static DemoOptions parse(List<String> arguments, Map<String, String> environment) {
        var rest = new ArrayDeque<>(arguments);
        @Nullable Path directory = null;
        @Nullable Path output = null;
        @Nullable String token = environment.get("SORTIE_TOKEN");
        @Nullable String tokenFile = environment.get("SORTIE_TOKEN_FILE");
        var data = environment.containsKey("SORTIE_DATA")
                ? Path.of(environment.get("SORTIE_DATA"))
                : defaultDataFolder(environment);
        var mission = environment.getOrDefault("SORTIE_MISSION_ADDRESS", "localhost:7401");
        var agent = environment.getOrDefault("SORTIE_AGENT_ADDRESS", "localhost:7402");
        var knowledge = environment.getOrDefault("SORTIE_KNOWLEDGE_ADDRESS", "localhost:7403");
        while (!rest.isEmpty()) {
            var argument = rest.removeFirst();
            switch (argument) {
                case "--mission" -> mission = value(argument, rest);
                case "--agent" -> agent = value(argument, rest);
                case "--knowledge" -> knowledge = value(argument, rest);
                case "--token-file" -> {
                    tokenFile = value(argument, rest);
                    token = null;
                }
                case "--data" -> data = Path.of(value(argument, rest));
                case "--output" -> output = Path.of(value(argument, rest));
                default -> {
                    if (argument.startsWith("-") || directory != null) {
                        throw new DemoException("sortie demo does not know " + argument + "; see sortie demo --help");
                    }
                    directory = Path.of(argument);
                }
            }
        }
        if (directory == null) {
            directory = Path.of(environment.getOrDefault("SORTIE_ROOT", "."));
        }
        if (token == null) {
            token = readToken(tokenFile != null ? Path.of(tokenFile) : data.resolve("admin.token"));
        }
        return new DemoOptions(directory, mission, agent, knowledge, token, output);
    }

    private static Path defaultDataFolder(Map<String, String> environment) {
        var shared = environment.get("XDG_DATA_HOME");
        var base = shared != null && !shared.isEmpty()
                ? Path.of(shared)
                : Path.of(System.getProperty("user.home"), ".local", "share");
        return base.resolve("sortie");
    }

    private static String readToken(Path file) {
        try {
            return Files.readString(file).strip();
        } catch (IOException e) {
            throw new DemoException("No API token: " + file + " cannot be read. Start the servers with `sortie up` in"
                    + " another terminal (it makes the token), or name a file with --token-file.");
        }
    }

    private static String value(String option, ArrayDeque<String> rest) {
        var value = rest.pollFirst();
        if (value == null) {
            throw new DemoException(option + " wants a value; see sortie demo --help");
        }
        return value;
    }
}
