package dev.sortie.bench;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** Other programs of this machine. */
final class Programs {
    private Programs() {}

    static boolean has(String program) {
        for (var folder : System.getenv().getOrDefault("PATH", "").split(File.pathSeparator)) {
            if (Files.isExecutable(Path.of(folder, program))) {
                return true;
            }
        }
        return false;
    }

    /** Runs one to its end; returns what it wrote. */
    static String run(List<String> command, Map<String, String> environment, Duration longest)
            throws IOException, InterruptedException {
        var output = Files.createTempFile("sortie-bench", ".log");
        try {
            var builder = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(output.toFile());
            builder.environment().putAll(environment);
            var process = builder.start();
            try {
                if (!process.waitFor(longest.toMillis(), TimeUnit.MILLISECONDS) || process.exitValue() != 0) {
                    throw new IOException(command.getFirst() + " failed:\n" + Files.readString(output));
                }
            } finally {
                process.destroyForcibly();
            }
            return Files.readString(output);
        } finally {
            Files.delete(output);
        }
    }
}
