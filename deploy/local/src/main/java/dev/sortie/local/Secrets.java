package dev.sortie.local;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.Base64;
import java.util.function.Supplier;

/** The generated passwords and tokens, one file each, readable by their owner alone. */
final class Secrets {

    private static final SecureRandom RANDOM = new SecureRandom();

    private final Path folder;

    Secrets(Path folder) {
        this.folder = folder;
    }

    /** The file of a secret, which may not be there yet. */
    Path file(String name) {
        return folder.resolve(name);
    }

    /** A password of 256 random bits, made at the first call. */
    String password(String name) {
        return getOrCreate(name, () -> {
            var bytes = new byte[32];
            RANDOM.nextBytes(bytes);
            return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
        });
    }

    /** A secret, made at the first call. */
    String getOrCreate(String name, Supplier<String> create) {
        var file = file(name);
        try {
            if (!Files.exists(file)) {
                DataFolder.writePrivately(file, create.get() + "\n");
            }
            return Files.readString(file).strip();
        } catch (IOException e) {
            throw new LocalException("The secret " + file + " cannot be read or made: " + DataFolder.describe(e), e);
        }
    }
}
