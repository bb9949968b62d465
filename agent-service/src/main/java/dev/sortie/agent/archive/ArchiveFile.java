package dev.sortie.agent.archive;

import java.io.BufferedOutputStream;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.zip.GZIPInputStream;
import java.util.zip.GZIPOutputStream;

/**
 * A file that is being written: lines of text, each compressed by itself, one after the other. The whole is an ordinary
 * gzip file of JSON lines, and each line can be read without those before it; gzip's own checksum says whether it is
 * what was written.
 */
final class ArchiveFile implements AutoCloseable {
    private final OutputStream output;
    private final MessageDigest digest;
    private long size;

    /** @param path must not be there yet */
    ArchiveFile(Path path) throws IOException {
        this.output = new BufferedOutputStream(Files.newOutputStream(path, StandardOpenOption.CREATE_NEW));
        try {
            this.digest = MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    /**
     * Adds a line.
     *
     * @return the length of what was written
     */
    int add(String line) throws IOException {
        var packed = pack(line);
        output.write(packed);
        digest.update(packed);
        size += packed.length;
        return packed.length;
    }

    /** How much was written. */
    long size() {
        return size;
    }

    /** Ends the file. Answers the SHA-256 of all that was written. */
    byte[] finish() throws IOException {
        output.close();
        return digest.digest();
    }

    @Override
    public void close() throws IOException {
        output.close();
    }

    private static byte[] pack(String line) throws IOException {
        var packed = new ByteArrayOutputStream();
        try (var gzip = new GZIPOutputStream(packed)) {
            gzip.write(line.getBytes(StandardCharsets.UTF_8));
            gzip.write('\n');
        }
        return packed.toByteArray();
    }

    /**
     * The line that something was packed from.
     *
     * @throws IOException when it is not as it was written
     */
    static String unpack(byte[] packed) throws IOException {
        try (var gzip = new GZIPInputStream(new ByteArrayInputStream(packed))) {
            return new String(gzip.readAllBytes(), StandardCharsets.UTF_8).stripTrailing();
        }
    }
}
