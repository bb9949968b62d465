package dev.sortie.mission.domain;

import dev.sortie.mission.v1.ErrorReason;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.failure.FailureException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The keys that hold now. Keys in a file are read anew when the file says something else; while what it says is none, the
 * ones before go on to hold. Safe for concurrent use.
 */
public final class CredentialKeys {
    /** The setting that gives the keys; with {@code _FILE} after it, the file that does. */
    public static final String SETTING = "SORTIE_CREDENTIAL_KEYS";

    private static final Logger LOG = LoggerFactory.getLogger(CredentialKeys.class);

    private final @Nullable Path file;
    private volatile @Nullable CredentialKeyset keyset;
    /** What was last read, whether or not it is a keyset. */
    private String read;
    /** What was last wrong with the file; empty when nothing is. */
    private String problem = "";

    /**
     * Where keys come from.
     *
     * @param text the keys, in Tink's JSON form; empty when there are none
     * @param file where they were read; null when they were given otherwise, and never change
     */
    public record Source(String text, @Nullable Path file) {
        /** No keys. */
        public static final Source NONE = new Source("", null);

        @Override
        public String toString() {
            return "Source[" + (text.isEmpty() ? "none" : file == null ? "given" : file.toString()) + "]";
        }
    }

    public CredentialKeys(Source source) {
        this.file = source.file();
        this.read = source.text();
        this.keyset = source.text().isEmpty() ? null : CredentialKeyset.parse(source.text());
    }

    /** The keys; empty when none are configured. */
    public Optional<CredentialKeyset> current() {
        return Optional.ofNullable(keyset);
    }

    /**
     * The keys.
     *
     * @throws FailureException FAILED_PRECONDITION when none are configured
     */
    CredentialKeyset required() {
        var present = keyset;
        if (present == null) {
            throw missing("MISSING", "no keys are configured");
        }
        return present;
    }

    /** Why nothing can be encrypted or decrypted. */
    static FailureException missing(String state, String why) {
        return Failure.failedPrecondition(
                        ErrorReason.ERROR_REASON_NO_CREDENTIAL_KEY,
                        "the server cannot keep credentials: %s; give it a keyset by %s_FILE or %s",
                        why,
                        SETTING,
                        SETTING)
                .with("setting", SETTING)
                .with("state", state)
                .exception();
    }

    /** Looks whether the file says something else. Called now and then, and when a key is missed. */
    public synchronized void refresh() {
        if (file == null) {
            return;
        }
        try {
            var text = Files.readString(file).strip();
            if (!text.equals(read)) {
                read = text;
                keyset = CredentialKeyset.parse(text);
                LOG.atInfo().addKeyValue("keys", keyset).log("the keys of credentials have changed");
            } else if (!problem.isEmpty()) {
                keyset = CredentialKeyset.parse(text); // it had been away, or was broken already
            }
            problem = "";
        } catch (IOException _) {
            tell("the file of keys cannot be read");
        } catch (IllegalArgumentException broken) {
            tell("the file of keys is broken (" + broken.getMessage() + ")");
        }
    }

    /** Once for each problem, not every few seconds. */
    private void tell(String what) {
        if (!what.equals(problem)) {
            problem = what;
            LOG.atError().addKeyValue("file", file).log(what + "; the keys from before go on to hold");
        }
    }
}
