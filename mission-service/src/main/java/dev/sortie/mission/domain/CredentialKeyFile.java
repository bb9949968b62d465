package dev.sortie.mission.domain;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;

/** A file of keys, for whoever changes it: it is replaced whole or not at all, and by one process at a time. */
public final class CredentialKeyFile implements AutoCloseable {
    private static final Set<PosixFilePermission> PRIVATE = PosixFilePermissions.fromString("rw-------");

    private final Path file;
    private final FileChannel lock;

    private CredentialKeyFile(Path file, FileChannel lock) {
        this.file = file;
        this.lock = lock;
    }

    /**
     * Takes the file for this process; another one that wants to change it has to wait until it is closed.
     *
     * @throws IllegalStateException when another process has it, or it cannot be changed from here
     */
    public static CredentialKeyFile open(Path path) {
        try {
            var file = Files.exists(path) ? path.toRealPath() : path.toAbsolutePath();
            return new CredentialKeyFile(
                    file,
                    lock(besides(file))
                            .orElseThrow(() -> new IllegalStateException("another rotate-keys is at work on " + file)));
        } catch (IOException failed) {
            throw new IllegalStateException(
                    "%s cannot be changed from here: %s (expected: a file in a folder that this process can write;"
                                    .formatted(path, failed)
                            + " rotate a copy of it, and give the servers that)",
                    failed);
        }
    }

    private static Optional<FileChannel> lock(Path lockFile) throws IOException {
        while (true) {
            var channel = FileChannel.open(lockFile, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
            try {
                var opened = key(lockFile);
                var lock = channel.tryLock();
                if (lock != null && opened.equals(key(lockFile))) {
                    return Optional.of(channel);
                }
                channel.close();
                if (lock == null) {
                    return Optional.empty();
                }
            } catch (OverlappingFileLockException _) { // this very process has it
                channel.close();
                return Optional.empty();
            } catch (NoSuchFileException _) {
                channel.close();
            }
            // Who had it deleted the file in between: what was locked is nobody's any more.
        }
    }

    private static Object key(Path file) throws IOException {
        var attributes = Files.readAttributes(file, BasicFileAttributes.class);
        return Objects.requireNonNullElse(attributes.fileKey(), file);
    }

    private static Path besides(Path file) {
        return file.resolveSibling(file.getFileName() + ".lock");
    }

    public Path path() {
        return file;
    }

    /** The keys; empty where there is no file. */
    Optional<CredentialKeyset> read() {
        try {
            return Files.exists(file)
                    ? Optional.of(CredentialKeyset.parse(Files.readString(file).strip()))
                    : Optional.empty();
        } catch (IOException failed) {
            throw new UncheckedIOException(file + " cannot be read", failed);
        } catch (IllegalArgumentException broken) {
            throw new IllegalStateException(file + " is broken (" + broken.getMessage() + ")");
        }
    }

    /** Replaces what is there. Who reads at the same time gets the one or the other, also after a power cut. */
    void write(CredentialKeyset keys) {
        try {
            boolean posix = Files.getFileStore(file.getParent()).supportsFileAttributeView("posix");
            var part = posix
                    ? Files.createTempFile(
                            file.getParent(), ".keys", ".part", PosixFilePermissions.asFileAttribute(PRIVATE))
                    : Files.createTempFile(file.getParent(), ".keys", ".part");
            try {
                try (var channel = FileChannel.open(part, StandardOpenOption.WRITE)) {
                    var bytes = ByteBuffer.wrap((keys.toJson() + "\n").getBytes(StandardCharsets.UTF_8));
                    while (bytes.hasRemaining()) {
                        channel.write(bytes);
                    }
                    channel.force(true);
                }
                if (posix && Files.exists(file)) {
                    Files.setPosixFilePermissions(part, Files.getPosixFilePermissions(file));
                }
                Files.move(part, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
            } finally {
                Files.deleteIfExists(part);
            }
        } catch (IOException failed) {
            throw new UncheckedIOException(file + " cannot be written", failed);
        }
    }

    @Override
    public void close() {
        try {
            Files.deleteIfExists(besides(file));
            lock.close();
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }
}
