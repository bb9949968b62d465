package dev.sortie.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** The programs in {@code node}, which call a cluster with Node's own gRPC client. */
final class NodeProgram {

    static final Path DESCRIPTORS = Path.of("../../proto/target/sortie.binpb");

    private NodeProgram() {}

    /** What became of a program. */
    record Finished(int code, String output) {}

    static boolean isInstalled() throws InterruptedException {
        return isThere("node") && isThere("npm");
    }

    /**
     * Runs a program to its end, as the administrator of a cluster.
     *
     * @param folder where the token may lie
     */
    static Finished run(String program, Cluster cluster, Path folder, List<String> more)
            throws IOException, InterruptedException {
        var home = Path.of("node").toAbsolutePath();
        install(home);
        var token = Files.writeString(folder.resolve("token"), cluster.adminToken());
        var command = new ArrayList<>(List.of("node", program));
        for (var service : Cluster.SERVICES) {
            command.addAll(List.of("--" + service, cluster.address(service)));
        }
        command.addAll(List.of("--token-file", token.toString()));
        command.addAll(List.of("--descriptors", DESCRIPTORS.toAbsolutePath().toString()));
        command.addAll(more);
        return run(home, command);
    }

    /** Fetches what the lock file of a folder names, unless it is there. */
    static void install(Path home) throws IOException, InterruptedException {
        if (!Files.isDirectory(home.resolve("node_modules"))) {
            var install = run(home, List.of("npm", "ci", "--no-progress"));
            assertThat(install.code()).as(install.output()).isZero();
        }
    }

    private static boolean isThere(String command) throws InterruptedException {
        return succeeds(List.of(command, "--version"));
    }

    /** True when a command is there and says that all is well. */
    static boolean succeeds(List<String> command) throws InterruptedException {
        try {
            return run(Path.of("."), command).code() == 0;
        } catch (IOException absent) {
            return false;
        }
    }

    private static Finished run(Path folder, List<String> command) throws IOException, InterruptedException {
        var process = new ProcessBuilder(command)
                .directory(folder.toFile())
                .redirectErrorStream(true)
                .start();
        process.getOutputStream().close();
        var output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor(5, TimeUnit.MINUTES)).isTrue();
        return new Finished(process.exitValue(), output);
    }
}
