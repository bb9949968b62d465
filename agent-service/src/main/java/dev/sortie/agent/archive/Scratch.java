package dev.sortie.agent.archive;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A folder among this machine's temporary files which only this process reads. Safe for concurrent use. */
final class Scratch implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Scratch.class);
    private static final String PREFIX = "sortie-archive-";
    /** What nobody has put a file into for that long was left by a process that was killed. */
    private static final Duration LEFT = Duration.ofDays(1);

    private final Path parent;
    private @Nullable Path folder;

    Scratch() {
        this(Path.of(System.getProperty("java.io.tmpdir")));
    }

    Scratch(Path parent) {
        this.parent = parent;
    }

    /** The folder; made when it is first asked for. */
    synchronized Path folder() throws IOException {
        if (folder == null || !Files.isDirectory(folder)) {
            folder = Files.createTempDirectory(parent, PREFIX);
            // By the clock of the file system, the only one that made the others.
            removeLeft(Files.getLastModifiedTime(folder).toInstant().minus(LEFT));
        }
        return folder;
    }

    private void removeLeft(Instant before) throws IOException {
        try (var others = Files.newDirectoryStream(parent, PREFIX + "*")) {
            for (var other : others) {
                try {
                    if (Files.isDirectory(other)
                            && Files.getLastModifiedTime(other).toInstant().isBefore(before)) {
                        remove(other);
                    }
                } catch (IOException notOurs) {
                    LOG.debug("{} cannot be removed", other, notOurs);
                }
            }
        }
    }

    private static void remove(Path folder) throws IOException {
        try (DirectoryStream<Path> files = Files.newDirectoryStream(folder)) {
            for (var file : files) {
                Files.deleteIfExists(file);
            }
        }
        Files.deleteIfExists(folder);
    }

    @Override
    public synchronized void close() {
        if (folder != null) {
            try {
                remove(folder);
            } catch (IOException failed) {
                LOG.debug("{} cannot be removed", folder, failed);
            }
        }
    }
}
