package dev.sortie.agent.archive;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;

/** An archive in a folder, which several servers may share. */
public final class FolderStorage implements ArchiveStorage {
    private final Path root;

    /** @param root made when something is first put there */
    public FolderStorage(Path root) {
        this.root = root.toAbsolutePath().normalize();
    }

    @Override
    public Path scratch() throws IOException {
        return Files.createDirectories(root.resolve(".writing")); // where renaming a file is one step
    }

    @Override
    public void put(String name, Path file, byte[] sha256) throws IOException {
        var target = path(name);
        try (var channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            channel.force(true);
        }
        var folder = target.getParent();
        Files.createDirectories(folder);
        Files.move(file, target, StandardCopyOption.ATOMIC_MOVE);
        // The names, too: a file without one is lost.
        for (var made = folder; made != null && made.startsWith(root); made = made.getParent()) {
            force(made);
        }
    }

    @Override
    public byte[] read(String name, long position, int length) throws IOException {
        var content = ByteBuffer.allocate(length);
        try (var channel = FileChannel.open(path(name), StandardOpenOption.READ)) {
            while (content.hasRemaining()) {
                if (channel.read(content, position + content.position()) < 0) {
                    throw new EOFException(name + " ends before " + (position + length));
                }
            }
        }
        return content.array();
    }

    @Override
    public void delete(String name) throws IOException {
        Files.deleteIfExists(path(name));
    }

    @Override
    public void close() {}

    private Path path(String name) {
        var path = root.resolve(name).normalize();
        if (!path.startsWith(root)) {
            throw new IllegalArgumentException(name + " is outside of the archive");
        }
        return path;
    }

    private static void force(Path folder) throws IOException {
        try (var channel = FileChannel.open(folder, StandardOpenOption.READ)) {
            channel.force(true);
        } catch (IOException unsupported) {
            if (Files.getFileStore(folder).supportsFileAttributeView("posix")) {
                throw unsupported;
            }
        }
    }

    @Override
    public String toString() {
        return "FolderStorage[" + root + "]";
    }
}
