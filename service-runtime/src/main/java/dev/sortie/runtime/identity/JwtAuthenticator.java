package dev.sortie.runtime.identity;

import dev.sortie.runtime.failure.Failure;
import dev.sortie.type.v1.ErrorReason;
import java.security.PublicKey;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import org.jose4j.jwa.AlgorithmConstraints;
import org.jose4j.jwk.JsonWebKeySet;
import org.jose4j.jwk.PublicJsonWebKey;
import org.jose4j.jws.AlgorithmIdentifiers;
import org.jose4j.jws.JsonWebSignature;
import org.jose4j.jwt.JwtClaims;
import org.jose4j.jwt.MalformedClaimException;
import org.jose4j.jwt.consumer.InvalidJwtException;
import org.jose4j.lang.JoseException;
import org.jspecify.annotations.Nullable;

/**
 * Verifies access tokens: JWTs signed with Ed25519 by mission-service, with the claims {@code iss} = {@code sortie},
 * {@code sub} = user id, {@code username}, {@code role} ({@link Role}), {@code kind} ({@link Principal.Kind}),
 * {@code jti} = UUID, {@code exp}. No other algorithm is accepted, whatever the token's header says.
 */
public final class JwtAuthenticator implements Authenticator {
    /** Who issues the tokens. */
    public static final String ISSUER = "sortie";

    private static final AlgorithmConstraints ALLOWED =
            new AlgorithmConstraints(AlgorithmConstraints.ConstraintType.PERMIT, AlgorithmIdentifiers.EDDSA);
    private static final Duration BETWEEN_FETCHES = Duration.ofSeconds(5);

    private final Supplier<String> jwks;
    private final InstantSource clock;
    private final ReentrantLock fetching = new ReentrantLock();
    private volatile Map<String, PublicKey> keys = Map.of();
    private Instant lastFetch = Instant.EPOCH;

    /**
     * @param jwks the key set as JSON (RFC 7517); asked when a token names a key that is not known, at most every few
     *     seconds
     */
    public JwtAuthenticator(Supplier<String> jwks, InstantSource clock) {
        this.jwks = jwks;
        this.clock = clock;
    }

    /** True when the text has the shape of a JWT. */
    public static boolean isWellFormed(String text) {
        return text.length() <= 4_096
                && text.startsWith("ey")
                && text.chars().filter(c -> c == '.').count() == 2;
    }

    @Override
    public Principal authenticate(String token) {
        try {
            var signature = new JsonWebSignature();
            signature.setAlgorithmConstraints(ALLOWED);
            signature.setCompactSerialization(token);
            var key = key(signature.getKeyIdHeaderValue());
            if (key == null) {
                throw invalid();
            }
            signature.setKey(key);
            if (!signature.verifySignature()) {
                throw invalid();
            }
            return principal(JwtClaims.parse(signature.getPayload()));
        } catch (JoseException | InvalidJwtException | MalformedClaimException | IllegalArgumentException _) {
            throw invalid();
        }
    }

    /** The failure for a token that is not good. Says no more, so that it helps nobody to make a better one. */
    public static RuntimeException invalid() {
        return Failure.unauthenticated(
                        ErrorReason.ERROR_REASON_TOKEN_INVALID,
                        "the token is malformed, expired or revoked; log in again or create a new API token")
                .exception();
    }

    private Principal principal(JwtClaims claims) throws MalformedClaimException {
        var expiry = claims.getExpirationTime();
        var subject = claims.getSubject();
        var username = claims.getStringClaimValue("username");
        if (!ISSUER.equals(claims.getIssuer()) || expiry == null || subject == null || username == null) {
            throw invalid();
        }
        var expiresAt = Instant.ofEpochMilli(expiry.getValueInMillis());
        if (!clock.instant().isBefore(expiresAt)) {
            throw invalid();
        }
        return new Principal(
                UUID.fromString(subject),
                username,
                Role.valueOf(claims.getStringClaimValue("role")),
                Principal.Kind.valueOf(claims.getStringClaimValue("kind")),
                claims.getJwtId() == null ? null : UUID.fromString(claims.getJwtId()),
                Set.of(),
                null,
                expiresAt);
    }

    private @Nullable PublicKey key(@Nullable String keyId) {
        if (keyId == null) {
            return null;
        }
        var known = keys.get(keyId);
        if (known != null) {
            return known;
        }
        fetching.lock();
        try {
            known = keys.get(keyId);
            var now = clock.instant();
            boolean setBack = now.isBefore(lastFetch);
            if (known == null && (setBack || now.isAfter(lastFetch.plus(BETWEEN_FETCHES)))) {
                keys = parse(jwks.get());
                lastFetch = now;
                known = keys.get(keyId);
            }
            return known;
        } finally {
            fetching.unlock();
        }
    }

    private static Map<String, PublicKey> parse(String json) {
        try {
            var parsed = new HashMap<String, PublicKey>();
            for (var key : new JsonWebKeySet(json).getJsonWebKeys()) {
                if (key instanceof PublicJsonWebKey asymmetric && key.getKeyId() != null) {
                    parsed.put(key.getKeyId(), asymmetric.getPublicKey());
                }
            }
            return Map.copyOf(parsed);
        } catch (JoseException malformed) {
            throw new IllegalStateException("the key set of the token issuer cannot be read", malformed);
        }
    }
}
