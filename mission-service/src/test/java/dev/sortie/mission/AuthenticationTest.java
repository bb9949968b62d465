package dev.sortie.mission;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Timestamp;
import dev.sortie.mission.MissionFixture.Person;
import dev.sortie.mission.domain.SigningKeys;
import dev.sortie.mission.v1.AuthServiceGrpc;
import dev.sortie.mission.v1.CreateApiTokenRequest;
import dev.sortie.mission.v1.LoginRequest;
import dev.sortie.mission.v1.Principal;
import dev.sortie.mission.v1.RevokeApiTokenRequest;
import dev.sortie.mission.v1.UserRole;
import dev.sortie.mission.v1.WhoAmIRequest;
import dev.sortie.runtime.grpc.CallContext;
import dev.sortie.runtime.identity.ApiTokens;
import dev.sortie.runtime.testing.StatusAssert;
import dev.sortie.type.v1.ErrorReason;
import io.grpc.ClientInterceptors;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.stub.MetadataUtils;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.UUID;
import java.util.function.Consumer;
import org.jose4j.jws.AlgorithmIdentifiers;
import org.jose4j.jws.JsonWebSignature;
import org.jose4j.jwt.JwtClaims;
import org.jose4j.jwt.NumericDate;
import org.jose4j.keys.HmacKey;
import org.jose4j.lang.JoseException;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Which tokens the server believes. */
class AuthenticationTest {
    private static final String PASSWORD = "correct horse battery";
    private static final SigningKeys KEYS = SigningKeys.parse(MissionFixture.SIGNING_KEY);

    @AutoClose
    private static final MissionFixture MISSION = MissionFixture.start();

    private static Person person;

    @BeforeAll
    static void somebody() {
        person = MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER, PASSWORD);
    }

    @Test
    void refusesCallsWithoutAToken() {
        StatusAssert.fails(() ->
                        AuthServiceGrpc.newBlockingStub(MISSION.anonymous()).whoAmI(WhoAmIRequest.getDefaultInstance()))
                .with(Status.Code.UNAUTHENTICATED, ErrorReason.ERROR_REASON_TOKEN_MISSING);
    }

    @Test
    void refusesAnotherSchemeThanBearer() {
        var headers = new Metadata();
        headers.put(CallContext.AUTHORIZATION, "Basic " + person.token());
        var channel =
                ClientInterceptors.intercept(MISSION.anonymous(), MetadataUtils.newAttachHeadersInterceptor(headers));
        StatusAssert.fails(() -> AuthServiceGrpc.newBlockingStub(channel).whoAmI(WhoAmIRequest.getDefaultInstance()))
                .with(Status.Code.UNAUTHENTICATED, ErrorReason.ERROR_REASON_TOKEN_INVALID);
    }

    @Test
    void refusesWhatIsNoTokenAtAll() {
        for (var token : new String[] {
            "",
            " ",
            "x",
            "sortie_",
            "ey..",
            "eyJhbGciOiJub25lIn0..",
            "a.b.c",
            "sortie_" + "A".repeat(49),
            "x".repeat(5_000)
        }) {
            assertRefused(token);
        }
    }

    @Test
    void refusesAnApiTokenThatNobodyMade() {
        assertRefused(ApiTokens.generate(new SecureRandom()));
    }

    @Test
    void refusesAnApiTokenWithOneCharacterChanged() {
        var token = person.token();
        assertThat(whoIs(token).getUserId()).isEqualTo(person.id());
        for (int i = 0; i < token.length(); i++) {
            var changed = token.charAt(i) == 'A' ? 'B' : 'A';
            assertRefused(token.substring(0, i) + changed + token.substring(i + 1));
        }
    }

    @Test
    void refusesARevokedApiTokenAtOnce() {
        var auth = AuthServiceGrpc.newBlockingStub(MISSION.with(person.token()));
        var created = auth.createApiToken(
                CreateApiTokenRequest.newBuilder().setDisplayName("short-lived").build());
        assertThat(whoIs(created.getSecret()).getUserId()).isEqualTo(person.id());
        auth.revokeApiToken(RevokeApiTokenRequest.newBuilder()
                .setApiTokenId(created.getApiToken().getApiTokenId())
                .build());
        assertRefused(created.getSecret());
    }

    @Test
    void refusesAnExpiredApiToken() {
        var expires = MISSION.clock().instant().plusSeconds(60);
        var created = AuthServiceGrpc.newBlockingStub(MISSION.with(person.token()))
                .createApiToken(CreateApiTokenRequest.newBuilder()
                        .setDisplayName("a minute")
                        .setExpireTime(Timestamp.newBuilder()
                                .setSeconds(expires.getEpochSecond())
                                .setNanos(expires.getNano()))
                        .build());
        assertThat(whoIs(created.getSecret()).getExpireTime().getSeconds()).isEqualTo(expires.getEpochSecond());
        MISSION.clock().advance(Duration.ofSeconds(60));
        assertRefused(created.getSecret());
    }

    @Test
    void refusesEveryTokenOfADeactivatedUser() {
        var leaver = MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER, PASSWORD);
        var access = login(leaver);
        assertThat(whoIs(access).getUserId()).isEqualTo(leaver.id());
        MISSION.database().execute("UPDATE users SET is_active = false WHERE user_id = '" + leaver.id() + "'");
        assertRefused(access);
        assertRefused(leaver.token());
    }

    @Test
    void refusesEveryTokenOfADeletedUser() {
        var leaver = MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER, PASSWORD);
        var access = login(leaver);
        MISSION.database().execute("DELETE FROM users WHERE user_id = '" + leaver.id() + "'");
        assertRefused(access);
        assertRefused(leaver.token());
    }

    @Test
    void believesTheRoleInTheDatabaseAndNotTheOneInAnOlderToken() {
        var climber = MISSION.newPerson(UserRole.USER_ROLE_VIEWER, PASSWORD);
        var access = login(climber);
        MISSION.database().execute("UPDATE users SET role = 'ADMIN' WHERE user_id = '" + climber.id() + "'");
        assertThat(whoIs(access).getRole()).isEqualTo(UserRole.USER_ROLE_ADMIN);
        assertThat(whoIs(climber.token()).getRole()).isEqualTo(UserRole.USER_ROLE_ADMIN);
    }

    @Test
    void refusesAnExpiredAccessToken() {
        var access = login(person);
        MISSION.clock().advance(Duration.ofMinutes(15).minusSeconds(1));
        assertThat(whoIs(access).getUserId()).isEqualTo(person.id());
        MISSION.clock().advance(Duration.ofSeconds(1));
        assertRefused(access);
    }

    @Test
    void refusesAnAccessTokenWithAnyBitFlipped() {
        var access = login(person);
        var parts = access.split("\\.");
        for (int part = 0; part < parts.length; part++) {
            var bytes = Base64.getUrlDecoder().decode(parts[part]);
            for (int i = 0; i < bytes.length; i += 7) {
                bytes[i] ^= 1;
                var forged = parts.clone();
                forged[part] = Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
                bytes[i] ^= 1;
                assertRefused(String.join(".", forged));
            }
        }
        assertThat(whoIs(access).getUserId()).isEqualTo(person.id());
    }

    @Test
    void refusesAnAccessTokenSignedWithAnotherKeyUnderTheSameName() {
        var strange = SigningKeys.parse(SigningKeys.generate());
        assertRefused(signed(jws -> {
            jws.setKey(strange.current().privateKey());
            jws.setKeyIdHeaderValue(KEYS.current().keyId());
        }));
        assertRefused(signed(jws -> {
            jws.setKey(strange.current().privateKey());
            jws.setKeyIdHeaderValue(strange.current().keyId());
        }));
    }

    @Test
    void refusesAnAccessTokenThatBringsItsOwnKey() {
        var strange = SigningKeys.parse(SigningKeys.generate());
        assertRefused(signed(jws -> {
            jws.setKey(strange.current().privateKey());
            jws.setKeyIdHeaderValue(KEYS.current().keyId());
            try {
                jws.setJwkHeader(org.jose4j.jwk.PublicJsonWebKey.Factory.newPublicJwk(
                        "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\""
                                + strange.current().x() + "\"}"));
            } catch (JoseException wrong) {
                throw new AssertionError(wrong);
            }
        }));
    }

    @Test
    void refusesAnAccessTokenWithoutASignature() {
        var encoder = Base64.getUrlEncoder().withoutPadding();
        for (var algorithm : new String[] {"none", "None", "NONE"}) {
            var header =
                    "{\"alg\":\"" + algorithm + "\",\"kid\":\"" + KEYS.current().keyId() + "\"}";
            var unsigned = encoder.encodeToString(header.getBytes(StandardCharsets.UTF_8)) + "."
                    + encoder.encodeToString(claims(60).toJson().getBytes(StandardCharsets.UTF_8)) + ".";
            assertRefused(unsigned);
            assertRefused(unsigned + login(person).split("\\.")[2]);
        }
    }

    @Test
    void refusesAnAccessTokenSignedWithThePublicKeyAsASecret() throws Exception {
        var publicKey = Base64.getUrlDecoder().decode(KEYS.current().x());
        for (var secret : new byte[][] {
            publicKey,
            KEYS.current().x().getBytes(StandardCharsets.UTF_8),
            KEYS.toJwks().getBytes(StandardCharsets.UTF_8)
        }) {
            var jws = new JsonWebSignature();
            jws.setAlgorithmHeaderValue(AlgorithmIdentifiers.HMAC_SHA256);
            jws.setDoKeyValidation(false);
            jws.setKeyIdHeaderValue(KEYS.current().keyId());
            jws.setKey(new HmacKey(secret));
            jws.setPayload(claims(60).toJson());
            assertRefused(jws.getCompactSerialization());
        }
    }

    @Test
    void refusesAWellSignedTokenOfAnotherIssuerOrWithoutAnEnd() {
        assertThat(whoIs(signed(jws -> {})).getUserId()).isEqualTo(person.id());
        assertRefused(signedClaims(claims -> claims.setIssuer("somebody")));
        assertRefused(signedClaims(claims -> claims.unsetClaim("exp")));
        assertRefused(signedClaims(claims -> claims.unsetClaim("sub")));
        assertRefused(signedClaims(claims -> claims.setSubject("no uuid")));
        assertRefused(signedClaims(claims -> claims.setSubject(UUID.randomUUID().toString())));
        assertRefused(signedClaims(claims -> claims.setClaim("exp", "soon")));
    }

    @Test
    void keepsOldKeysForTokensThatWereSignedWithThem() {
        var newer = SigningKeys.generate();
        var database = MISSION.database().runtimeUrl();
        var config = MissionConfig.local(database, SigningKeys.parse(newer + MissionFixture.SIGNING_KEY));
        try (var other = MissionServer.start(config, MISSION.clock())) {
            var running = dev.sortie.runtime.testing.RunningServer.of(other.runtime());
            var me = AuthServiceGrpc.newBlockingStub(running.channel(login(person)))
                    .whoAmI(WhoAmIRequest.getDefaultInstance());
            assertThat(me.getPrincipal().getUserId()).isEqualTo(person.id());
            running.close();
        }
    }

    @Test
    void letsOnlyServicesActForSomebody() {
        var headers = new Metadata();
        headers.put(CallContext.ACTING_FOR, person.id());
        var interceptor = MetadataUtils.newAttachHeadersInterceptor(headers);
        StatusAssert.fails(() -> AuthServiceGrpc.newBlockingStub(
                                ClientInterceptors.intercept(MISSION.admin(), interceptor))
                        .whoAmI(WhoAmIRequest.getDefaultInstance()))
                .with(Status.Code.PERMISSION_DENIED, ErrorReason.ERROR_REASON_ROLE_INSUFFICIENT)
                .metadata("required", "SERVICE");
        assertThat(AuthServiceGrpc.newBlockingStub(ClientInterceptors.intercept(MISSION.service(), interceptor))
                        .whoAmI(WhoAmIRequest.getDefaultInstance())
                        .getPrincipal()
                        .getUsername())
                .isEqualTo("agent-service");
    }

    private static void assertRefused(String token) {
        StatusAssert.fails(() -> whoIs(token))
                .with(Status.Code.UNAUTHENTICATED, ErrorReason.ERROR_REASON_TOKEN_INVALID);
    }

    private static Principal whoIs(String token) {
        return AuthServiceGrpc.newBlockingStub(MISSION.with(token))
                .whoAmI(WhoAmIRequest.getDefaultInstance())
                .getPrincipal();
    }

    private static String login(Person who) {
        return AuthServiceGrpc.newBlockingStub(MISSION.anonymous())
                .login(LoginRequest.newBuilder()
                        .setUsername(who.user().getUsername())
                        .setPassword(PASSWORD)
                        .build())
                .getAccessToken();
    }

    /** A good token, but for what a test changes. */
    private static String signed(Consumer<JsonWebSignature> change) {
        return signed(claims(60), change);
    }

    private static String signedClaims(Consumer<JwtClaims> change) {
        var claims = claims(60);
        change.accept(claims);
        return signed(claims, jws -> {});
    }

    private static String signed(JwtClaims claims, Consumer<JsonWebSignature> change) {
        var jws = new JsonWebSignature();
        jws.setAlgorithmHeaderValue(AlgorithmIdentifiers.EDDSA);
        jws.setKeyIdHeaderValue(KEYS.current().keyId());
        jws.setKey(KEYS.current().privateKey());
        jws.setPayload(claims.toJson());
        change.accept(jws);
        try {
            return jws.getCompactSerialization();
        } catch (JoseException wrong) {
            throw new AssertionError(wrong);
        }
    }

    private static JwtClaims claims(long seconds) {
        Instant now = MISSION.clock().instant();
        var claims = new JwtClaims();
        claims.setIssuer("sortie");
        claims.setSubject(person.id());
        claims.setJwtId(UUID.randomUUID().toString());
        claims.setExpirationTime(
                NumericDate.fromSeconds(now.plusSeconds(seconds).getEpochSecond()));
        claims.setStringClaim("username", person.user().getUsername());
        claims.setStringClaim("role", "DEVELOPER");
        claims.setStringClaim("kind", "USER");
        return claims;
    }
}
