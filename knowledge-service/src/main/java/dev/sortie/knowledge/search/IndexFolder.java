package dev.sortie.knowledge.search;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * A folder for an index, held by one process at a time. The lock is the operating system's and ends with the process,
 * however that ends: a lock file that a killed one left behind stops nobody.
 */
public final class IndexFolder implements AutoCloseable {
    // Closing any channel of a file gives up all locks that the process has on it: it must not be opened twice.
    private static final Set<Path> HELD = ConcurrentHashMap.newKeySet();

    private final Path folder;
    private final FileChannel lock;

    private IndexFolder(Path folder, FileChannel lock) {
        this.folder = folder;
        this.lock = lock;
    }

    /**
     * Takes the folder, making it where it does not exist.
     *
     * @throws IndexFolderInUseException when another process, or this one, has it
     */
    public static IndexFolder take(Path folder) {
        try {
            Files.createDirectories(folder);
            var real = folder.toRealPath();
            if (!HELD.add(real)) {
                throw new IndexFolderInUseException(
                        folder, Long.toString(ProcessHandle.current().pid()));
            }
            try {
                return new IndexFolder(real, lock(real));
            } catch (IOException | RuntimeException failed) {
                HELD.remove(real);
                throw failed;
            }
        } catch (IOException failed) {
            throw new UncheckedIOException("the index folder " + folder + " cannot be used", failed);
        }
    }

    private static FileChannel lock(Path folder) throws IOException {
        var channel = FileChannel.open(
                folder.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
        try {
            if (channel.tryLock() == null) {
                throw new IndexFolderInUseException(folder, holder(channel));
            }
            channel.truncate(0);
            channel.write(
                    ByteBuffer.wrap(Long.toString(ProcessHandle.current().pid()).getBytes(StandardCharsets.US_ASCII)));
            return channel;
        } catch (IOException | RuntimeException failed) {
            channel.close();
            throw failed;
        }
    }

    /** Where the index lies. */
    Path index() {
        return folder.resolve("index");
    }

    @Override
    public void close() {
        try {
            lock.close();
            HELD.remove(folder);
        } catch (IOException failed) {
            throw new UncheckedIOException("giving up " + folder + " failed", failed);
        }
    }

    private static String holder(FileChannel channel) throws IOException {
        var bytes = ByteBuffer.allocate(20);
        channel.read(bytes, 0);
        return new String(bytes.array(), 0, bytes.position(), StandardCharsets.US_ASCII);
    }
}
