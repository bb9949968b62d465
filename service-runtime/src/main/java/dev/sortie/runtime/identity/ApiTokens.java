package dev.sortie.runtime.identity;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.util.Base64;
import java.util.regex.Pattern;
import java.util.zip.CRC32;

/**
 * The shape of API tokens: {@code sortie_}, 43 base64url characters (256 random bits), 6 more that check them. The
 * prefix lets scanners find leaked tokens, the check refuses a mistyped one without a look at the database. Only the
 * SHA-256 of a token is ever stored.
 */
public final class ApiTokens {
    /** What every API token begins with. */
    public static final String PREFIX = "sortie_";

    private static final Pattern SHAPE = Pattern.compile("sortie_[A-Za-z0-9_-]{49}");
    private static final int CHECKED = PREFIX.length() + 43;
    private static final Base64.Encoder BASE64 = Base64.getUrlEncoder().withoutPadding();

    private ApiTokens() {}

    /** A new token. */
    public static String generate(SecureRandom random) {
        var secret = new byte[32];
        random.nextBytes(secret);
        var token = PREFIX + BASE64.encodeToString(secret);
        return token + checksum(token);
    }

    /** True when the text may be an API token; says nothing about whether it is a good one. */
    public static boolean isWellFormed(String text) {
        return SHAPE.matcher(text).matches() && text.substring(CHECKED).equals(checksum(text.substring(0, CHECKED)));
    }

    /** What is stored of a token, and what it is found by: 32 bytes. */
    public static byte[] hash(String token) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(token.getBytes(StandardCharsets.UTF_8));
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    private static String checksum(String text) {
        var crc = new CRC32();
        crc.update(text.getBytes(StandardCharsets.US_ASCII));
        return BASE64.encodeToString(
                ByteBuffer.allocate(4).putInt((int) crc.getValue()).array());
    }
}
