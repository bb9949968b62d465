package dev.sortie.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import javax.tools.ToolProvider;

/** One of the workers in {@code deploy/examples/workers}, as a process of its own. */
final class ExampleWorker implements AutoCloseable {

    private static final Path EXAMPLES =
            Path.of("../examples/workers").toAbsolutePath().normalize();

    private final Process process;
    private final Path output;

    private ExampleWorker(Process process, Path output) {
        this.process = process;
        this.output = output;
    }

    /**
     * How to start the worker in a language.
     *
     * @param folder where it is started
     */
    record Program(Path folder, List<String> command) {

        ExampleWorker start(Path output, Map<String, String> settings) {
            var environment = new HashMap<>(settings);
            environment.put(
                    "SORTIE_CONTRACT", NodeProgram.DESCRIPTORS.toAbsolutePath().toString());
            var builder = new ProcessBuilder(command)
                    .directory(folder.toFile())
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.appendTo(output.toFile()))
                    .redirectInput(ProcessBuilder.Redirect.from(new File("/dev/null")));
            builder.environment().keySet().removeIf(name -> name.startsWith("SORTIE_"));
            builder.environment().putAll(environment);
            try {
                var process = builder.start();
                // Should the tests end before they close it.
                Runtime.getRuntime().addShutdownHook(new Thread(process::destroyForcibly));
                return new ExampleWorker(process, output);
            } catch (IOException failed) {
                throw new UncheckedIOException(failed);
            }
        }
    }

    /** The one in Java, compiled into a folder. */
    static Program java(Path folder) {
        var classPath = System.getProperty("java.class.path");
        int code = ToolProvider.getSystemJavaCompiler()
                .run(
                        null,
                        null,
                        null,
                        "-proc:none",
                        "-cp",
                        classPath,
                        "-d",
                        folder.toString(),
                        "-sourcepath",
                        EXAMPLES.resolve("java").toString(),
                        EXAMPLES.resolve("java/Worker.java").toString());
        assertThat(code).as("the compiler's exit code").isZero();
        var java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        return new Program(
                folder,
                List.of(
                        java,
                        "-XX:+UseSerialGC",
                        "-XX:TieredStopAtLevel=1",
                        "-cp",
                        folder + File.pathSeparator + absolute(classPath),
                        "Worker"));
    }

    /** The one in Node; empty where Node is not installed. */
    static Optional<Program> node() throws IOException, InterruptedException {
        if (!NodeProgram.isInstalled()) {
            return Optional.empty();
        }
        var home = EXAMPLES.resolve("node");
        NodeProgram.install(home);
        return Optional.of(new Program(home, List.of("node", "worker.mjs")));
    }

    /** The one in Python; empty where no Python has grpc and protobuf. */
    static Optional<Program> python() throws InterruptedException {
        for (var python : List.of("python3", "/usr/bin/python3")) {
            if (NodeProgram.succeeds(List.of(python, "-c", "import grpc, google.protobuf.json_format"))) {
                return Optional.of(new Program(EXAMPLES.resolve("python"), List.of(python, "worker.py")));
            }
        }
        return Optional.empty();
    }

    /** Ends it as {@code kill -9} does. */
    void kill() {
        try {
            process.destroyForcibly().waitFor();
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** Tells it to end, as {@code kill} does. */
    void stop() {
        process.destroy();
    }

    /** Waits until it has ended well. */
    void await() {
        try {
            if (!process.waitFor(2, TimeUnit.MINUTES)) {
                throw new AssertionError("the worker does not end:\n" + output());
            }
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
        assertThat(process.exitValue()).as(output()).isZero();
    }

    String output() {
        try {
            return Files.readString(output);
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    private static String absolute(String classPath) {
        return String.join(
                File.pathSeparator,
                List.of(classPath.split(File.pathSeparator)).stream()
                        .map(entry -> Path.of(entry).toAbsolutePath().toString())
                        .toList());
    }

    @Override
    public void close() {
        kill();
    }
}
