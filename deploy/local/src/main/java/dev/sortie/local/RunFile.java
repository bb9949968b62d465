package dev.sortie.local;

import java.io.IOException;
import java.io.StringReader;
import java.io.StringWriter;
import java.nio.file.Files;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.TreeMap;

/**
 * What the process that works in a data folder tells the others about itself.
 *
 * @param command what it does: "up", "migrate" or "reset"
 * @param pid its process
 * @param since when that process began; a number alone may be another process's by now
 * @param state "starting", "ready" or "stopping"
 * @param addresses where it listens, by name ("mission-service", "postgresql")
 */
record RunFile(String command, long pid, Instant since, String state, Map<String, String> addresses) {

    static final String STARTING = "starting";
    static final String READY = "ready";
    static final String STOPPING = "stopping";

    /** The name of the database server's address. */
    static final String POSTGRESQL = "postgresql";

    private static final String ADDRESS = "address.";
    private static final Duration START_TOLERANCE = Duration.ofSeconds(2);

    /** The name of a service's gRPC address. */
    static String grpcOf(String service) {
        return service + "-service";
    }

    /** The name of a service's address for health and metrics. */
    static String httpOf(String service) {
        return service + "-service http";
    }

    /** Of this process. */
    static RunFile mine(String command, String state, Map<String, String> addresses) {
        var self = ProcessHandle.current();
        return new RunFile(
                command, self.pid(), self.info().startInstant().orElse(Instant.EPOCH), state, new TreeMap<>(addresses));
    }

    /** What the folder's file says; empty where there is none that can be read, as after a crash in mid-write. */
    static Optional<RunFile> read(DataFolder folder) {
        try {
            var properties = new Properties();
            properties.load(new StringReader(Files.readString(folder.runFile())));
            var addresses = new TreeMap<String, String>();
            for (var name : properties.stringPropertyNames()) {
                if (name.startsWith(ADDRESS)) {
                    addresses.put(name.substring(ADDRESS.length()), properties.getProperty(name));
                }
            }
            return Optional.of(new RunFile(
                    properties.getProperty("command", ""),
                    Long.parseLong(properties.getProperty("pid", "")),
                    Instant.parse(properties.getProperty("since", "")),
                    properties.getProperty("state", ""),
                    addresses));
        } catch (IOException | RuntimeException e) {
            return Optional.empty();
        }
    }

    void write(DataFolder folder) {
        var properties = new Properties();
        properties.setProperty("command", command);
        properties.setProperty("pid", Long.toString(pid));
        properties.setProperty("since", since.toString());
        properties.setProperty("state", state);
        addresses.forEach((name, address) -> properties.setProperty(ADDRESS + name, address));
        var text = new StringWriter();
        try {
            properties.store(text, "The Sortie process that works in this folder");
            DataFolder.writePrivately(folder.runFile(), text.toString());
        } catch (IOException e) {
            throw new LocalException(folder.runFile() + " cannot be written: " + DataFolder.describe(e), e);
        }
    }

    /** The process, while it lives. */
    Optional<ProcessHandle> process() {
        return ProcessHandle.of(pid)
                .filter(ProcessHandle::isAlive)
                .filter(process -> process.info()
                        .startInstant()
                        .map(start -> Duration.between(start, since).abs().compareTo(START_TOLERANCE) < 0)
                        .orElse(true));
    }

    /** Who works in the folder and where it listens; begins with a sentence such as "Sortie runs". */
    String describe(DataFolder folder, String runs) {
        var text = new StringBuilder();
        text.append(command.equals("up") ? runs : "sortie " + command + " is at work")
                .append(" on ")
                .append(folder.root())
                .append(" (process ")
                .append(pid)
                .append(", ")
                .append(state)
                .append(").");
        addresses.forEach((name, address) -> text.append("%n  %-24s %s".formatted(name, address)));
        return text.toString();
    }
}
