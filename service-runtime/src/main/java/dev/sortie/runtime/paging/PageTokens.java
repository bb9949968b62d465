package dev.sortie.runtime.paging;

import com.google.protobuf.Message;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Rows;
import dev.sortie.type.v1.ErrorReason;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.Base64;
import java.util.Set;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * Opaque page tokens: the {@link Keyset} of the last row, signed together with the request it belongs to. A token works
 * only with the same RPC, filter and order, at any replica, for as long as the database lives.
 */
public final class PageTokens {
    /** The page size where the request names none. */
    public static final int DEFAULT_PAGE_SIZE = 50;
    /** What a larger page size is lowered to. */
    public static final int MAX_PAGE_SIZE = 500;

    private static final int SIGNATURE_BYTES = 16;
    private static final int MAX_TOKEN_CHARACTERS = 2_048;
    private static final Set<String> NOT_BOUND = Set.of("page_size", "page_token");

    private final SecretKeySpec key;

    /**
     * @param secret at least 32 random bytes that all replicas share
     */
    public PageTokens(byte[] secret) {
        if (secret.length < 32) {
            throw new IllegalArgumentException("secret: " + secret.length + " bytes (expected: >= 32)");
        }
        this.key = new SecretKeySpec(secret, "HmacSHA256");
    }

    /** Page tokens with the secret of the service's database. */
    public static PageTokens load(Queries queries) {
        return queries.find(
                        "SELECT secret FROM service_secrets WHERE name = 'page_token'",
                        row -> new PageTokens(Rows.bytes(row, "secret")))
                .orElseThrow(() -> new IllegalStateException("the database has no secret for page tokens"));
    }

    /** The page that a list request asks for, by its {@code page_size} and {@code page_token}. */
    public PageRequest open(Message request) {
        return open(request, DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE);
    }

    /**
     * The same with sizes of its own.
     *
     * @throws dev.sortie.runtime.failure.FailureException INVALID_ARGUMENT for a token that is not of this request, or a
     *     negative size
     */
    public PageRequest open(Message request, int defaultSize, int maximumSize) {
        var type = request.getDescriptorForType();
        int size = (Integer) request.getField(type.findFieldByName("page_size"));
        if (size < 0) {
            throw Failure.invalidArgument(
                            ErrorReason.ERROR_REASON_FIELD_INVALID, "page_size", "%d (expected: >= 0)", size)
                    .exception();
        }
        var token = (String) request.getField(type.findFieldByName("page_token"));
        var binding = binding(request);
        return new PageRequest(
                this,
                binding,
                size == 0 ? defaultSize : Math.min(size, maximumSize),
                token.isEmpty() ? null : read(binding, token));
    }

    String token(byte[] binding, Keyset keyset) {
        var bytes = new ByteArrayOutputStream();
        keyset.writeTo(bytes);
        var payload = bytes.toByteArray();
        bytes.writeBytes(sign(binding, payload));
        return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes.toByteArray());
    }

    private Keyset read(byte[] binding, String token) {
        try {
            var bytes = token.length() > MAX_TOKEN_CHARACTERS
                    ? new byte[0]
                    : Base64.getUrlDecoder().decode(token);
            if (bytes.length > SIGNATURE_BYTES) {
                var payload = Arrays.copyOf(bytes, bytes.length - SIGNATURE_BYTES);
                var signature = Arrays.copyOfRange(bytes, payload.length, bytes.length);
                boolean canonical = Base64.getUrlEncoder()
                        .withoutPadding()
                        .encodeToString(bytes)
                        .equals(token);
                if (canonical && MessageDigest.isEqual(signature, sign(binding, payload))) {
                    return Keyset.readFrom(new DataInputStream(new ByteArrayInputStream(payload)));
                }
            }
        } catch (IllegalArgumentException | IOException _) {
            // not one of ours
        }
        throw Failure.invalidArgument(
                        ErrorReason.ERROR_REASON_PAGE_TOKEN_INVALID,
                        "page_token",
                        "not made by this RPC with this filter and order; start again without a page token")
                .with("field", "page_token")
                .exception();
    }

    /** What a token is bound to: the request with everything but the page. */
    private static byte[] binding(Message request) {
        var bound = request.toBuilder();
        for (var name : NOT_BOUND) {
            bound.clearField(request.getDescriptorForType().findFieldByName(name));
        }
        var bytes = new ByteArrayOutputStream();
        bytes.writeBytes(request.getDescriptorForType().getFullName().getBytes(StandardCharsets.UTF_8));
        bytes.write(0);
        bytes.writeBytes(bound.build().toByteArray());
        try {
            return MessageDigest.getInstance("SHA-256").digest(bytes.toByteArray());
        } catch (GeneralSecurityException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    private byte[] sign(byte[] binding, byte[] payload) {
        try {
            var mac = Mac.getInstance("HmacSHA256");
            mac.init(key);
            mac.update(binding); // of fixed length, so that nothing can move between the two
            mac.update(payload);
            return Arrays.copyOf(mac.doFinal(), SIGNATURE_BYTES);
        } catch (GeneralSecurityException impossible) {
            throw new IllegalStateException(impossible);
        }
    }
}
