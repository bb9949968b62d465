package dev.sortie.mission.domain;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyPairGenerator;
import java.security.MessageDigest;
import java.security.PrivateKey;
import java.security.interfaces.EdECPrivateKey;
import java.security.spec.EdECPrivateKeySpec;
import java.security.spec.NamedParameterSpec;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.bouncycastle.crypto.params.Ed25519PrivateKeyParameters;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * The Ed25519 keys of access tokens: the first one signs, all verify. To change the key, put the new one first and drop
 * the old one when its last tokens have expired.
 */
public final class SigningKeys {
    private static final Pattern PEM =
            Pattern.compile("-----BEGIN PRIVATE KEY-----([A-Za-z0-9+/=\\s]+)-----END PRIVATE KEY-----");
    private static final Base64.Encoder BASE64_URL = Base64.getUrlEncoder().withoutPadding();

    private final List<SigningKey> keys;

    private SigningKeys(List<SigningKey> keys) {
        this.keys = List.copyOf(keys);
    }

    /**
     * A key pair.
     *
     * @param keyId the thumbprint of the public key (RFC 7638), so that equal keys have equal ids
     * @param x the public key as in RFC 8037: base64url without padding
     */
    public record SigningKey(String keyId, String x, PrivateKey privateKey) {
        @Override
        public String toString() {
            return "SigningKey[" + keyId + "]";
        }
    }

    /**
     * Reads keys: one or more PKCS #8 private keys as PEM, a JWK, or a JWK set.
     *
     * @throws IllegalArgumentException for anything else; says what was expected and nothing of the text
     */
    public static SigningKeys parse(String text) {
        var keys = new ArrayList<SigningKey>();
        try {
            if (text.strip().startsWith("{")) {
                var json = new JsonMapper().readTree(text);
                for (var key : json.has("keys") ? json.path("keys").values() : List.of(json)) {
                    keys.add(ofJwk(key));
                }
            } else {
                for (var block : PEM.matcher(text).results().toList()) {
                    keys.add(ofPkcs8(Base64.getMimeDecoder().decode(block.group(1))));
                }
            }
        } catch (GeneralSecurityException | JacksonException | IllegalArgumentException malformed) {
            throw new IllegalArgumentException("expected: Ed25519 private keys, as PEM (PKCS #8), JWK or JWK set");
        }
        if (keys.isEmpty()) {
            throw new IllegalArgumentException("expected: Ed25519 private keys, as PEM (PKCS #8), JWK or JWK set");
        }
        return new SigningKeys(keys);
    }

    /** A new private key, as {@link #parse} reads it. */
    public static String generate() {
        try {
            var pair = KeyPairGenerator.getInstance("Ed25519").generateKeyPair();
            var body = Base64.getMimeEncoder(64, new byte[] {'\n'})
                    .encodeToString(pair.getPrivate().getEncoded());
            return "-----BEGIN PRIVATE KEY-----\n" + body + "\n-----END PRIVATE KEY-----\n";
        } catch (GeneralSecurityException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    /** The key that signs now. */
    public SigningKey current() {
        return keys.getFirst();
    }

    /** All keys, the one that signs now first. */
    public List<SigningKey> all() {
        return keys;
    }

    /** The public keys as a JWK set (RFC 7517). */
    public String toJwks() {
        return keys.stream()
                .map(key ->
                        "{\"kid\":\"%s\",\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"%s\",\"alg\":\"EdDSA\",\"use\":\"sig\"}"
                                .formatted(key.keyId(), key.x()))
                .collect(Collectors.joining(",", "{\"keys\":[", "]}"));
    }

    private static SigningKey ofPkcs8(byte[] encoded) throws GeneralSecurityException {
        var key = KeyFactory.getInstance("Ed25519").generatePrivate(new PKCS8EncodedKeySpec(encoded));
        var seed = ((EdECPrivateKey) key).getBytes();
        return of(seed.orElseThrow(() -> new IllegalArgumentException("no key")));
    }

    private static SigningKey ofJwk(JsonNode jwk) throws GeneralSecurityException {
        if (!jwk.path("kty").stringValue("").equals("OKP")
                || !jwk.path("crv").stringValue("").equals("Ed25519")) {
            throw new IllegalArgumentException("not Ed25519");
        }
        var key = of(Base64.getUrlDecoder().decode(jwk.path("d").stringValue("")));
        if (jwk.has("x") && !jwk.path("x").stringValue("").equals(key.x())) {
            throw new IllegalArgumentException("d and x are of different keys");
        }
        return key;
    }

    private static SigningKey of(byte[] seed) throws GeneralSecurityException {
        if (seed.length != Ed25519PrivateKeyParameters.KEY_SIZE) {
            throw new IllegalArgumentException("not Ed25519");
        }
        var privateKey = KeyFactory.getInstance("Ed25519")
                .generatePrivate(new EdECPrivateKeySpec(NamedParameterSpec.ED25519, seed));
        var x = BASE64_URL.encodeToString(
                new Ed25519PrivateKeyParameters(seed).generatePublicKey().getEncoded());
        var members = "{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"" + x + "\"}";
        var thumbprint = MessageDigest.getInstance("SHA-256").digest(members.getBytes(StandardCharsets.UTF_8));
        return new SigningKey(BASE64_URL.encodeToString(thumbprint), x, privateKey);
    }
}
