package dev.sortie.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** A queue from npm, run by {@code peers/peers.mjs}. */
final class NodePeer implements Peer {
    private static final Pattern ANSWER = Pattern.compile("\\{\"completed\":(\\d+),\"seconds\":([0-9.]+)}");

    private final Target target;
    private final String database;
    private final Path folder;
    private final String peer;
    private final boolean many;
    private final String how;
    private final int ordersPerSecond;

    /**
     * @param folder where package.json lies
     * @param peer its name there
     * @param how it is used, for people
     * @param ordersPerSecond how many wait at the beginning, for each second: it ends early when there are none left
     */
    NodePeer(Target target, String database, Path folder, String peer, boolean many, String how, int ordersPerSecond) {
        this.target = target;
        this.database = database;
        this.folder = folder;
        this.peer = peer;
        this.many = many;
        this.how = how;
        this.ordersPerSecond = ordersPerSecond;
    }

    @Override
    public String name() {
        return peer + " " + version() + ", " + how;
    }

    @Override
    public @Nullable String missing() {
        if (!Programs.has("node")) {
            return "node";
        }
        return Files.isDirectory(folder.resolve("node_modules").resolve(peer)) ? null : "npm ci --prefix " + folder;
    }

    @Override
    public double perSecond(Duration runFor) throws Exception {
        var output = Programs.run(
                List.of(
                        "node",
                        folder.resolve("peers.mjs").toString(),
                        peer,
                        many ? "many" : "one",
                        Long.toString(runFor.toSeconds()),
                        Long.toString(runFor.toSeconds() * ordersPerSecond)),
                Map.of("SORTIE_BENCH_DATABASE", target.url(database)),
                runFor.plusMinutes(3));
        var answer = ANSWER.matcher(output);
        if (!answer.find()) {
            throw new IOException(peer + " said:\n" + output);
        }
        return Long.parseLong(answer.group(1)) / Double.parseDouble(answer.group(2));
    }

    private String version() {
        try {
            var lines = Files.readString(
                    folder.resolve("node_modules").resolve(peer).resolve("package.json"));
            var version = Pattern.compile("\"version\":\\s*\"([^\"]+)\"").matcher(lines);
            return version.find() ? version.group(1) : "";
        } catch (IOException notThere) {
            return "(not installed)";
        }
    }
}
