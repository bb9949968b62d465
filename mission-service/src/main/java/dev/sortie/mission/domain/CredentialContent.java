package dev.sortie.mission.domain;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.Optional;
import java.util.UUID;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * What a credential holds once it is decrypted: its value, and a key of its own that its handles are signed with. So a
 * handle cannot be made by who only has the database, and outlives the key that the credential is encrypted with.
 */
final class CredentialContent {
    private static final byte FORMAT = 1;
    private static final int KEY_BYTES = 32;
    private static final String MAC = "HmacSHA256";

    private final byte[] handleKey;
    private final byte[] value;

    private CredentialContent(byte[] handleKey, byte[] value) {
        this.handleKey = handleKey;
        this.value = value;
    }

    /** The content of a new credential. */
    static CredentialContent of(byte[] value, SecureRandom random) {
        var key = new byte[KEY_BYTES];
        random.nextBytes(key);
        return new CredentialContent(key, value.clone());
    }

    /** Another value; handles go on to work. */
    CredentialContent with(byte[] another) {
        return new CredentialContent(handleKey, another.clone());
    }

    /** Encrypts it, for one row of the table. */
    byte[] seal(CredentialKeyset keys, UUID id) {
        var plain = ByteBuffer.allocate(1 + KEY_BYTES + value.length)
                .put(FORMAT)
                .put(handleKey)
                .put(value);
        return keys.encrypt(plain.array(), associatedData(id));
    }

    /** Decrypts it; empty when none of the keys did encrypt it, or it belongs to another row. */
    static Optional<CredentialContent> open(CredentialKeyset keys, ResourceCredential credential) {
        return keys.decrypt(credential.sealed(), associatedData(credential.id()))
                .filter(plain -> plain.length > KEY_BYTES && plain[0] == FORMAT)
                .map(plain -> {
                    var key = new byte[KEY_BYTES];
                    var value = new byte[plain.length - 1 - KEY_BYTES];
                    ByteBuffer.wrap(plain, 1, plain.length - 1).get(key).get(value);
                    return new CredentialContent(key, value);
                });
    }

    byte[] value() {
        return value.clone();
    }

    boolean hasValue(byte[] other) {
        return MessageDigest.isEqual(value, other);
    }

    /** Signs what a handle says. */
    byte[] sign(byte[] message) {
        try {
            var mac = Mac.getInstance(MAC);
            mac.init(new SecretKeySpec(handleKey, MAC));
            return mac.doFinal(message);
        } catch (GeneralSecurityException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    /** What the database says about it is no secret, and nobody is to log the rest. */
    @Override
    public String toString() {
        return "CredentialContent[…]";
    }

    private static byte[] associatedData(UUID id) {
        return ("resource_credentials|" + id + "|credentials").getBytes(StandardCharsets.UTF_8);
    }
}
