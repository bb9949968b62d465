package dev.sortie.mission.domain;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Base64;
import java.util.Optional;
import java.util.UUID;

/**
 * What a work order carries in place of a credential: which credential, for which attempt of which step, and a signature
 * that only this service can make. Worth nothing but while that attempt runs.
 */
record CredentialHandle(UUID credentialId, UUID toolStepId, int attempt, byte[] signature) {
    /** By which people and scanners know a handle. */
    static final String PREFIX = "sortie_handle_";

    private static final int SIGNATURE_BYTES = 32;
    private static final int BYTES = 16 + 16 + Integer.BYTES + SIGNATURE_BYTES;
    private static final int LENGTH = PREFIX.length() + (BYTES * 4 + 2) / 3;
    private static final byte[] PURPOSE = "credential-handle".getBytes(StandardCharsets.UTF_8);

    static CredentialHandle of(UUID credentialId, CredentialContent content, UUID toolStepId, int attempt) {
        return new CredentialHandle(
                credentialId, toolStepId, attempt, content.sign(message(credentialId, toolStepId, attempt)));
    }

    /** Empty for what is no handle. One that is a handle may still be forged. */
    static Optional<CredentialHandle> parse(String text) {
        if (text.length() != LENGTH || !text.startsWith(PREFIX)) {
            return Optional.empty();
        }
        byte[] bytes;
        try {
            bytes = Base64.getUrlDecoder().decode(text.substring(PREFIX.length()));
        } catch (IllegalArgumentException _) {
            return Optional.empty();
        }
        if (bytes.length != BYTES) {
            return Optional.empty();
        }
        var in = ByteBuffer.wrap(bytes);
        var credentialId = new UUID(in.getLong(), in.getLong());
        var toolStepId = new UUID(in.getLong(), in.getLong());
        int attempt = in.getInt();
        var signature = new byte[SIGNATURE_BYTES];
        in.get(signature);
        var handle = new CredentialHandle(credentialId, toolStepId, attempt, signature);
        return handle.text().equals(text) ? Optional.of(handle) : Optional.empty(); // of several spellings, one
    }

    /** Whether this service made it. */
    boolean isSignedBy(CredentialContent content) {
        return MessageDigest.isEqual(signature, content.sign(message(credentialId, toolStepId, attempt)));
    }

    /** The handle itself. */
    String text() {
        var bytes = ByteBuffer.allocate(BYTES);
        put(bytes, credentialId, toolStepId, attempt).put(signature);
        return PREFIX + Base64.getUrlEncoder().withoutPadding().encodeToString(bytes.array());
    }

    @Override
    public String toString() {
        return "CredentialHandle[" + credentialId + ", " + toolStepId + ", " + attempt + "]";
    }

    private static byte[] message(UUID credentialId, UUID toolStepId, int attempt) {
        var message = ByteBuffer.allocate(PURPOSE.length + BYTES - SIGNATURE_BYTES);
        return put(message.put(PURPOSE), credentialId, toolStepId, attempt).array();
    }

    private static ByteBuffer put(ByteBuffer out, UUID credentialId, UUID toolStepId, int attempt) {
        return out.putLong(credentialId.getMostSignificantBits())
                .putLong(credentialId.getLeastSignificantBits())
                .putLong(toolStepId.getMostSignificantBits())
                .putLong(toolStepId.getLeastSignificantBits())
                .putInt(attempt);
    }
}
