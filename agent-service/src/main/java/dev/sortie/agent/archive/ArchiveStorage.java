package dev.sortie.agent.archive;

import java.io.IOException;
import java.nio.file.Path;

/** Where the files of the archive are. What was put there once is never changed. Safe for concurrent use. */
public interface ArchiveStorage extends AutoCloseable {
    /** Where files are written before they are put here; on this machine. */
    Path scratch() throws IOException;

    /**
     * Keeps a file. When this returns, it is there and stays there whatever happens to this process or machine.
     *
     * @param name parts with slashes between them
     * @param file in {@link #scratch}; may be gone afterwards
     * @param sha256 of its content
     */
    void put(String name, Path file, byte[] sha256) throws IOException;

    /**
     * A part of a file.
     *
     * @throws java.nio.file.NoSuchFileException when there is no such file
     * @throws java.io.EOFException when it is shorter
     * @throws IOException when the storage does not answer
     */
    byte[] read(String name, long position, int length) throws IOException;

    /** Removes a file; nothing happens when there is none. */
    void delete(String name) throws IOException;

    @Override
    void close();
}
