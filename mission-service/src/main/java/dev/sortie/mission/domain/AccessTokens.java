package dev.sortie.mission.domain;

import dev.sortie.runtime.id.Ids;
import dev.sortie.runtime.identity.JwtAuthenticator;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import org.jose4j.jws.AlgorithmIdentifiers;
import org.jose4j.jws.JsonWebSignature;
import org.jose4j.jwt.JwtClaims;
import org.jose4j.jwt.NumericDate;
import org.jose4j.lang.JoseException;

/** Signs access tokens: short-lived JWTs that every service verifies by itself. */
public final class AccessTokens {
    /** How long a token works. */
    public static final Duration LIFETIME = Duration.ofMinutes(15);

    private final SigningKeys keys;
    private final Ids ids;

    public AccessTokens(SigningKeys keys, Ids ids) {
        this.keys = keys;
        this.ids = ids;
    }

    /** A signed token, and when it stops working. */
    public record AccessToken(String token, Instant expireTime) {
        @Override
        public String toString() {
            return "AccessToken[until " + expireTime + "]";
        }
    }

    /** A token with which its holder is the user, from now on. */
    public AccessToken issue(User user, Instant now) {
        var issued = now.truncatedTo(ChronoUnit.SECONDS); // as precise as a JWT is
        var expires = issued.plus(LIFETIME);
        var claims = new JwtClaims();
        claims.setIssuer(JwtAuthenticator.ISSUER);
        claims.setSubject(user.userId().toString());
        claims.setJwtId(ids.next().toString());
        claims.setIssuedAt(NumericDate.fromSeconds(issued.getEpochSecond()));
        claims.setExpirationTime(NumericDate.fromSeconds(expires.getEpochSecond()));
        claims.setStringClaim("username", user.username());
        claims.setStringClaim("role", user.role().name());
        claims.setStringClaim("kind", Identities.kindOf(user.kind()).name());
        var signature = new JsonWebSignature();
        signature.setAlgorithmHeaderValue(AlgorithmIdentifiers.EDDSA);
        signature.setKeyIdHeaderValue(keys.current().keyId());
        signature.setKey(keys.current().privateKey());
        signature.setPayload(claims.toJson());
        try {
            return new AccessToken(signature.getCompactSerialization(), expires);
        } catch (JoseException failed) {
            throw new IllegalStateException("signing an access token", failed);
        }
    }
}
