package dev.sortie.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/** SHA-256 of files. */
final class Sums {
    private static final int CHUNK = 256 * 1024;

    private Sums() {}

    static MessageDigest begin() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    /** The sum of a file so far, to be gone on with. */
    static MessageDigest of(Path file, long size) {
        var sum = begin();
        try (var bytes = Files.newInputStream(file)) {
            for (long left = size; left > 0; ) {
                var chunk = bytes.readNBytes((int) Math.min(CHUNK, left));
                if (chunk.length == 0) {
                    throw new CliException(file + " has become shorter while it was read");
                }
                sum.update(chunk);
                left -= chunk.length;
            }
            return sum;
        } catch (IOException e) {
            throw new CliException(file + " cannot be read: " + e.getMessage(), e);
        }
    }

    /** The end of a sum, as 64 hexadecimal digits. */
    static String hex(MessageDigest sum) {
        return HexFormat.of().formatHex(sum.digest());
    }
}
