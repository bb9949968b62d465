package dev.sortie.mission.domain;

import com.google.crypto.tink.Aead;
import com.google.crypto.tink.Configuration;
import com.google.crypto.tink.InsecureSecretKeyAccess;
import com.google.crypto.tink.KeyStatus;
import com.google.crypto.tink.KeysetHandle;
import com.google.crypto.tink.TinkJsonProtoKeysetFormat;
import com.google.crypto.tink.aead.AeadConfig2026;
import com.google.crypto.tink.aead.PredefinedAeadParameters;
import java.security.GeneralSecurityException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * The keys that credentials are encrypted with: a Tink keyset of AEAD keys. The primary one encrypts, each of them
 * decrypts what it has encrypted. They stand in the order in which they came: before the primary one the old ones, after
 * it those that are to follow it. Does not change; {@link CredentialKeys} has the ones that hold now.
 */
public final class CredentialKeyset {
    private static final int MAX_KEYS = 100;
    private static final int MAX_TEXT = 256 * 1024;
    private static final Configuration AEAD = AeadConfig2026.get();

    private final KeysetHandle handle;
    private final Aead aead;

    private CredentialKeyset(KeysetHandle handle) throws GeneralSecurityException {
        this.handle = handle;
        this.aead = handle.getPrimitive(AEAD, Aead.class);
    }

    /**
     * Keys from Tink's JSON form, unencrypted.
     *
     * @throws IllegalArgumentException with a message that shows nothing of the text
     */
    public static CredentialKeyset parse(String json) {
        if (json.length() > MAX_TEXT) {
            throw new IllegalArgumentException("expected: at most " + MAX_TEXT + " characters");
        }
        KeysetHandle handle;
        try {
            handle = TinkJsonProtoKeysetFormat.parseKeyset(json, AEAD, InsecureSecretKeyAccess.get());
        } catch (GeneralSecurityException | RuntimeException _) { // whose message may show what it could not read
            throw new IllegalArgumentException("expected: a Tink keyset in JSON, not encrypted itself");
        }
        if (handle.size() > MAX_KEYS) {
            throw new IllegalArgumentException("expected: at most " + MAX_KEYS + " keys");
        }
        try {
            for (int i = 0; i < handle.size(); i++) {
                if (handle.getAt(i).getKey().getIdRequirementOrNull() == null) {
                    throw new IllegalArgumentException("expected: keys with the output prefix TINK");
                }
            }
            return new CredentialKeyset(handle);
        } catch (GeneralSecurityException | IllegalStateException _) {
            throw new IllegalArgumentException(
                    "expected: a keyset of AEAD keys with a primary one, such as AES256_GCM");
        }
    }

    /** A new keyset with one key, in Tink's JSON form: a secret. */
    public static String generate() {
        try {
            return new CredentialKeyset(newKey()).toJson();
        } catch (GeneralSecurityException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    /** The keys themselves, in Tink's JSON form: a secret. */
    public String toJson() {
        try {
            return TinkJsonProtoKeysetFormat.serializeKeyset(handle, AEAD, InsecureSecretKeyAccess.get());
        } catch (GeneralSecurityException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    /** The number of the key that encrypts. */
    public long primaryId() {
        return id(handle.getPrimary());
    }

    /** The numbers of the keys that decrypt, the primary one among them. */
    public Set<Long> ids() {
        return enabled().stream().map(handle::getAt).map(CredentialKeyset::id).collect(Collectors.toUnmodifiableSet());
    }

    /** The numbers of the keys before the primary one. */
    List<Long> oldIds() {
        return enabled().stream()
                .filter(i -> i < primaryIndex())
                .map(i -> id(handle.getAt(i)))
                .toList();
    }

    /** The number of the newest key after the primary one. */
    Optional<Long> nextId() {
        return enabled().stream()
                .filter(i -> i > primaryIndex())
                .map(i -> id(handle.getAt(i)))
                .reduce((_, later) -> later);
    }

    /** These keys and a new one after them, which encrypts nothing yet. */
    CredentialKeyset withNewKey() {
        try {
            var entry = newKey().getPrimary();
            while (allIds().contains(id(entry))) {
                entry = newKey().getPrimary();
            }
            return changed(KeysetHandle.newBuilder(handle)
                    .addEntry(KeysetHandle.importKey(entry.getKey()).withFixedId(entry.getId())));
        } catch (GeneralSecurityException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    /** The same keys, of which another one encrypts. */
    CredentialKeyset promoted(long id) {
        var builder = KeysetHandle.newBuilder(handle);
        for (int i = 0; i < handle.size(); i++) {
            if (id(handle.getAt(i)) == id) {
                builder.getAt(i).makePrimary();
            }
        }
        return changed(builder);
    }

    /** The other keys. The primary one stays in any case. */
    CredentialKeyset without(Collection<Long> ids) {
        var builder = KeysetHandle.newBuilder(handle);
        for (int i = handle.size() - 1; i >= 0; i--) {
            if (i != primaryIndex() && ids.contains(id(handle.getAt(i)))) {
                builder.deleteAt(i);
            }
        }
        return changed(builder);
    }

    /** Encrypts with the primary key. */
    byte[] encrypt(byte[] plain, byte[] associatedData) {
        try {
            return aead.encrypt(plain, associatedData);
        } catch (GeneralSecurityException impossible) {
            throw new IllegalStateException("encryption failed", impossible);
        }
    }

    /** Decrypts what any of the keys has encrypted; empty when none has, or something else was encrypted. */
    Optional<byte[]> decrypt(byte[] encrypted, byte[] associatedData) {
        try {
            return Optional.of(aead.decrypt(encrypted, associatedData));
        } catch (GeneralSecurityException _) {
            return Optional.empty();
        }
    }

    /** Shows the numbers of the keys alone. */
    @Override
    public String toString() {
        return "CredentialKeyset[primary=" + primaryId() + ", ids=" + ids() + "]";
    }

    private static KeysetHandle newKey() throws GeneralSecurityException {
        return KeysetHandle.generateNew(PredefinedAeadParameters.AES256_GCM, AEAD);
    }

    private static CredentialKeyset changed(KeysetHandle.Builder builder) {
        try {
            return new CredentialKeyset(builder.build());
        } catch (GeneralSecurityException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    private Set<Long> allIds() {
        var all = new HashSet<Long>();
        for (int i = 0; i < handle.size(); i++) {
            all.add(id(handle.getAt(i)));
        }
        return all;
    }

    private List<Integer> enabled() {
        var places = new ArrayList<Integer>();
        for (int i = 0; i < handle.size(); i++) {
            if (handle.getAt(i).getStatus() == KeyStatus.ENABLED) {
                places.add(i);
            }
        }
        return places;
    }

    private int primaryIndex() {
        for (int i = 0; i < handle.size(); i++) {
            if (handle.getAt(i).isPrimary()) {
                return i;
            }
        }
        throw new IllegalStateException("no primary key"); // parse sees to it
    }

    private static long id(KeysetHandle.Entry entry) {
        return Integer.toUnsignedLong(entry.getId());
    }
}
