package dev.sortie.runtime.identity;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.util.Timestamps;
import dev.sortie.mission.v1.AuthServiceGrpc;
import dev.sortie.mission.v1.GetJwksRequest;
import dev.sortie.mission.v1.GetJwksResponse;
import dev.sortie.mission.v1.Jwk;
import dev.sortie.mission.v1.UserKind;
import dev.sortie.mission.v1.UserRole;
import dev.sortie.mission.v1.WhoAmIRequest;
import dev.sortie.mission.v1.WhoAmIResponse;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.grpc.CallContext;
import dev.sortie.runtime.grpc.PeerChannel;
import dev.sortie.runtime.testing.SettableClock;
import dev.sortie.type.v1.Scope;
import io.grpc.Metadata;
import io.grpc.Server;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.Status;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.StreamObserver;
import java.net.InetSocketAddress;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.jose4j.jwk.EcJwkGenerator;
import org.jose4j.jwk.JsonWebKey;
import org.jose4j.jwk.OctetKeyPairJsonWebKey;
import org.jose4j.jwk.OkpJwkGenerator;
import org.jose4j.jwk.PublicJsonWebKey;
import org.jose4j.jws.AlgorithmIdentifiers;
import org.jose4j.jws.JsonWebSignature;
import org.jose4j.jwt.JwtClaims;
import org.jose4j.jwt.NumericDate;
import org.jose4j.keys.EllipticCurves;
import org.junit.jupiter.api.Test;

class IdentityTest {
    private static final String INVALID = "ERROR_REASON_TOKEN_INVALID";
    private static final UUID USER = UUID.fromString("01978c2e-5b1f-7c3a-9d43-0a2b6f1c8e55");

    private final SettableClock clock = new SettableClock();

    @Test
    void makesApiTokensThatAreKnownByTheirShapeAndRefusesMistypedOnes() {
        var token = ApiTokens.generate(new SecureRandom());
        assertThat(token).startsWith("sortie_").hasSize(56);
        assertThat(ApiTokens.isWellFormed(token)).isTrue();
        assertThat(ApiTokens.hash(token)).hasSize(32).isEqualTo(ApiTokens.hash(token));
        char swapped = token.charAt(20) == 'A' ? 'B' : 'A';
        for (var wrong : List.of(
                "",
                "sortie_",
                token.substring(1),
                token + "A",
                token.substring(0, 20) + swapped + token.substring(21))) {
            assertThat(ApiTokens.isWellFormed(wrong)).isFalse();
        }
    }

    @Test
    void asksOnceForManyCallsAndAgainOnceTheAnswerIsOld() throws Exception {
        var asked = new AtomicInteger();
        var caching = caching(token -> {
            asked.incrementAndGet();
            return principal(Instant.MAX);
        });
        try (var executor = Executors.newVirtualThreadPerTaskExecutor()) {
            var futures = new ArrayList<Future<Principal>>();
            for (int i = 0; i < 50; i++) {
                futures.add(executor.submit((Callable<Principal>) () -> caching.authenticate("t")));
            }
            for (var future : futures) {
                assertThat(future.get().userId()).isEqualTo(USER);
            }
        }
        assertThat(asked).hasValue(1);
        clock.advance(Duration.ofSeconds(5));
        caching.authenticate("t");
        assertThat(asked).hasValue(2);
    }

    @Test
    void usesOldAnswersOnlyWhileNobodyCanBeAskedAndNotForEver() {
        var answer = new AtomicReference<Failure>();
        var caching = caching(token -> {
            if (answer.get() != null) {
                throw answer.get().exception();
            }
            return principal(Instant.MAX);
        });
        caching.authenticate("t");
        answer.set(Failure.unavailable(
                dev.sortie.type.v1.ErrorReason.ERROR_REASON_DEPENDENCY_UNAVAILABLE, Duration.ofSeconds(1), "down"));
        clock.advance(Duration.ofMinutes(4));
        assertThat(caching.authenticate("t").userId()).isEqualTo(USER);
        assertThatThrownBy(() -> caching.authenticate("another")).hasMessageContaining("UNAVAILABLE");
        clock.advance(Duration.ofMinutes(2));
        assertThatThrownBy(() -> caching.authenticate("t")).hasMessageContaining("UNAVAILABLE");

        answer.set(null);
        caching.authenticate("t");
        clock.advance(Duration.ofSeconds(6));
        answer.set(Failure.unauthenticated(dev.sortie.type.v1.ErrorReason.ERROR_REASON_TOKEN_INVALID, "revoked"));
        assertThatThrownBy(() -> caching.authenticate("t")).hasMessageContaining(INVALID);
        answer.set(Failure.unavailable(
                dev.sortie.type.v1.ErrorReason.ERROR_REASON_DEPENDENCY_UNAVAILABLE, Duration.ofSeconds(1), "down"));
        assertThatThrownBy(() -> caching.authenticate("t")).hasMessageContaining("UNAVAILABLE"); // not from before
    }

    @Test
    void goesOnWithOldAnswersWhileOneAsksInVain() throws Exception {
        var asked = new AtomicInteger();
        var release = new CountDownLatch(1);
        var caching = caching(token -> {
            switch (asked.incrementAndGet()) {
                case 1 -> {
                    return principal(Instant.MAX);
                }
                case 3 -> awaitUninterrupted(release);
                default -> {}
            }
            throw unreachable();
        });
        caching.authenticate("t");
        clock.advance(Duration.ofSeconds(10));
        for (int i = 0; i < 20; i++) {
            assertThat(caching.authenticate("t").userId()).isEqualTo(USER);
        }
        assertThat(asked).hasValue(2);

        clock.advance(Duration.ofSeconds(2));
        var asking = Thread.startVirtualThread(() -> caching.authenticate("t"));
        awaitWaiting(List.of(asking));
        assertThat(caching.authenticate("t").userId()).isEqualTo(USER);
        assertThat(asking.isAlive()).isTrue();
        release.countDown();
        asking.join();
        assertThat(asked).hasValue(3);
    }

    @Test
    void failsThoseWhoWaitedForAnAskThatFailedRatherThanAskForEach() throws Exception {
        var asked = new AtomicInteger();
        var refused = new AtomicInteger();
        var release = new CountDownLatch(1);
        var caching = caching(token -> {
            asked.incrementAndGet();
            awaitUninterrupted(release);
            throw unreachable();
        });
        var threads = new ArrayList<Thread>();
        for (int i = 0; i < 20; i++) {
            threads.add(Thread.startVirtualThread(() -> {
                try {
                    caching.authenticate("t");
                } catch (RuntimeException expected) {
                    refused.incrementAndGet();
                }
            }));
        }
        awaitWaiting(threads);
        release.countDown();
        for (var thread : threads) {
            thread.join();
        }
        assertThat(refused).hasValue(20);
        assertThat(asked).hasValue(1);
    }

    @Test
    void asksAgainWhenTheClockWasSetBack() {
        var asked = new AtomicInteger();
        var caching = caching(token -> {
            asked.incrementAndGet();
            return principal(Instant.MAX);
        });
        caching.authenticate("t");
        clock.advance(Duration.ofHours(-1));
        caching.authenticate("t");
        assertThat(asked).hasValue(2);
    }

    @Test
    void forgetsAPrincipalWhoseCredentialHasExpired() {
        var asked = new AtomicInteger();
        var caching = caching(token -> {
            asked.incrementAndGet();
            return principal(clock.instant().plusSeconds(2));
        });
        caching.authenticate("t");
        clock.advance(Duration.ofSeconds(3));
        caching.authenticate("t");
        assertThat(asked).hasValue(2);
    }

    @Test
    void verifiesTokensOfItsIssuerAndRefusesEveryOtherKind() throws Exception {
        var key = key("k1");
        var other = key("k1");
        var jwt = new JwtAuthenticator(() -> jwks(key), clock);
        var good = jwt.authenticate(sign(key, claims()));
        assertThat(good.userId()).isEqualTo(USER);
        assertThat(good.role()).isEqualTo(Role.DEVELOPER);
        assertThat(good.kind()).isEqualTo(Principal.Kind.USER);
        assertThat(good.expiresAt()).isEqualTo(clock.instant().plusSeconds(900));

        var foreign = claims();
        foreign.setIssuer("somebody");
        var expired = claims();
        expired.setExpirationTime(NumericDate.fromMilliseconds(clock.millis()));
        var immortal = claims();
        immortal.unsetClaim("exp");
        var noRole = claims();
        noRole.setClaim("role", "EMPEROR");
        var token = sign(key, claims());
        for (var wrong : List.of(
                sign(other, claims()),
                sign(key, foreign),
                sign(key, expired),
                sign(key, immortal),
                sign(key, noRole),
                unsigned(),
                signedWith(AlgorithmIdentifiers.HMAC_SHA256),
                signedWith(AlgorithmIdentifiers.ECDSA_USING_P256_CURVE_AND_SHA256),
                token.substring(0, token.length() - 4) + "AAAA",
                "eyJ.x.y",
                "")) {
            assertThatThrownBy(() -> jwt.authenticate(wrong)).hasMessageContaining(INVALID);
        }
    }

    @Test
    void fetchesKeysAgainForAnUnknownOneButNotForEveryForgedToken() throws Exception {
        var first = key("k1");
        var second = key("k2");
        var fetched = new AtomicInteger();
        var published = new AtomicReference<>(jwks(first));
        var jwt = new JwtAuthenticator(
                () -> {
                    fetched.incrementAndGet();
                    return published.get();
                },
                clock);
        jwt.authenticate(sign(first, claims()));
        jwt.authenticate(sign(first, claims()));
        assertThat(fetched).hasValue(1);
        published.set(jwks(first, second));
        for (int i = 0; i < 10; i++) {
            assertThatThrownBy(() -> jwt.authenticate(sign(second, claims()))).hasMessageContaining(INVALID);
        }
        assertThat(fetched).hasValue(1);
        clock.advance(Duration.ofSeconds(6));
        assertThat(jwt.authenticate(sign(second, claims())).userId()).isEqualTo(USER);
        assertThat(fetched).hasValue(2);
    }

    @Test
    void asksMissionServiceWithTheVeryTokenAndSurvivesItsAbsence() throws Exception {
        var seen = new ArrayList<String>();
        var key = key("k1");
        var service = new AuthServiceGrpc.AuthServiceImplBase() {
            @Override
            public void whoAmI(WhoAmIRequest request, StreamObserver<WhoAmIResponse> observer) {
                if (seen.getLast().endsWith(revoked)) {
                    observer.onError(Status.UNAUTHENTICATED.asRuntimeException());
                    return;
                }
                observer.onNext(WhoAmIResponse.newBuilder()
                        .setPrincipal(dev.sortie.mission.v1.Principal.newBuilder()
                                .setUserId(USER.toString())
                                .setUsername("ada")
                                .setRole(UserRole.USER_ROLE_ADMIN)
                                .setKind(UserKind.USER_KIND_SERVICE)
                                .addScopes(Scope.SCOPE_WORK)
                                .addScopesValue(999)
                                .setExpireTime(Timestamps.fromSeconds(4_000_000_000L)))
                        .build());
                observer.onCompleted();
            }

            @Override
            public void getJwks(GetJwksRequest request, StreamObserver<GetJwksResponse> observer) {
                observer.onNext(GetJwksResponse.newBuilder()
                        .addKeys(Jwk.newBuilder()
                                .setKid("k1")
                                .setKty("OKP")
                                .setCrv("Ed25519")
                                .setX((String) key.toParams(JsonWebKey.OutputControlLevel.PUBLIC_ONLY)
                                        .get("x"))
                                .setAlg("EdDSA")
                                .setUse("sig"))
                        .build());
                observer.onCompleted();
            }
        };
        var server = NettyServerBuilder.forAddress(new InetSocketAddress("127.0.0.1", 0))
                .addService(service)
                .intercept(recording(seen))
                .build()
                .start();
        try (var peer = PeerChannel.open("127.0.0.1:" + server.getPort(), () -> "own token")) {
            var identity = RemoteIdentity.authenticator(peer.channel(), clock);
            var token = ApiTokens.generate(new SecureRandom());
            var principal = identity.authenticate(token);
            assertThat(principal.isService()).isTrue();
            assertThat(principal.scopes()).containsExactlyInAnyOrder("WORK", "UNRECOGNIZED");
            assertThat(principal.role()).isEqualTo(Role.ADMIN);
            assertThat(principal.expiresAt()).isEqualTo(Instant.ofEpochSecond(4_000_000_000L));
            assertThat(seen).containsExactly("Bearer " + token);
            assertThat(identity.authenticate(sign(key, claims())).username()).isEqualTo("ada");
            assertThatThrownBy(() -> identity.authenticate("neither")).hasMessageContaining(INVALID);
            assertThatThrownBy(() -> identity.authenticate(revoked)).hasMessageContaining(INVALID);

            stop(server);
            clock.advance(Duration.ofMinutes(1));
            assertThat(identity.authenticate(token).userId()).isEqualTo(USER);
            assertThatThrownBy(() -> identity.authenticate(ApiTokens.generate(new SecureRandom())))
                    .hasMessageContaining("ERROR_REASON_DEPENDENCY_UNAVAILABLE");
        }
    }

    @Test
    void knowsWhatAPrincipalMayDo() {
        var developer = principal(Instant.MAX);
        assertThat(developer.reaches(Role.VIEWER)).isTrue();
        assertThat(developer.reaches(Role.ADMIN)).isFalse();
        developer.requireOwner(USER, "mission", USER);
        assertThatThrownBy(() -> developer.requireOwner(UUID.randomUUID(), "mission", USER))
                .hasMessageContaining("ERROR_REASON_NOT_OWNER");
        developer.requireScope(Set.of());
        var limited = new Principal(
                USER,
                "ada",
                Role.ADMIN,
                Principal.Kind.SERVICE,
                null,
                Set.of("WORK", "UNRECOGNIZED"),
                null,
                Instant.MAX);
        limited.requireScope(Set.of("ACCOUNT", "WORK"));
        limited.requireScope(Set.of(Principal.ANY_SCOPE));
        for (var scopes : List.of(Set.<String>of(), Set.of("AGENT_READ"))) {
            assertThatThrownBy(() -> limited.requireScope(scopes))
                    .hasMessageContaining("ERROR_REASON_SCOPE_INSUFFICIENT");
        }
        var self = Principal.internal("agent-service");
        assertThat(self.actor()).isEqualTo("agent-service");
        assertThat(self.reaches(Role.ADMIN)).isTrue();
        assertThat(developer.actor()).isEqualTo(USER.toString());
        var other = UUID.randomUUID();
        assertThat(developer.actingFor(other).subject()).isEqualTo(other);
    }

    private final String revoked = ApiTokens.generate(new SecureRandom());

    private static RuntimeException unreachable() {
        return Failure.unavailable(
                        dev.sortie.type.v1.ErrorReason.ERROR_REASON_DEPENDENCY_UNAVAILABLE,
                        Duration.ofSeconds(1),
                        "down")
                .exception();
    }

    private static void awaitUninterrupted(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException interrupted) {
            throw new AssertionError(interrupted);
        }
    }

    private static void awaitWaiting(List<Thread> threads) {
        long until = System.nanoTime() + Duration.ofSeconds(60).toNanos();
        while (!threads.stream().allMatch(thread -> thread.getState() == Thread.State.WAITING)) {
            assertThat(System.nanoTime()).isLessThan(until);
            LockSupport.parkNanos(1_000_000);
        }
    }

    private CachingAuthenticator caching(Authenticator delegate) {
        return new CachingAuthenticator(delegate, clock, Duration.ofSeconds(5), Duration.ofMinutes(5));
    }

    private static Principal principal(Instant expiresAt) {
        return new Principal(
                USER, "ada", Role.DEVELOPER, Principal.Kind.USER, null, java.util.Set.of(), null, expiresAt);
    }

    private static ServerInterceptor recording(List<String> seen) {
        return new ServerInterceptor() {
            @Override
            public <Q, P> ServerCall.Listener<Q> interceptCall(
                    ServerCall<Q, P> call, Metadata headers, ServerCallHandler<Q, P> next) {
                if (call.getMethodDescriptor().getFullMethodName().endsWith("WhoAmI")) {
                    seen.add(headers.get(CallContext.AUTHORIZATION));
                }
                return next.startCall(call, headers);
            }
        };
    }

    private static void stop(Server server) throws InterruptedException {
        server.shutdownNow();
        server.awaitTermination();
    }

    private JwtClaims claims() {
        var claims = new JwtClaims();
        claims.setIssuer("sortie");
        claims.setSubject(USER.toString());
        claims.setClaim("username", "ada");
        claims.setClaim("role", "DEVELOPER");
        claims.setClaim("kind", "USER");
        claims.setJwtId(UUID.randomUUID().toString());
        claims.setExpirationTime(NumericDate.fromMilliseconds(clock.millis() + 900_000));
        return claims;
    }

    private static PublicJsonWebKey key(String id) throws Exception {
        var key = OkpJwkGenerator.generateJwk(OctetKeyPairJsonWebKey.SUBTYPE_ED25519);
        key.setKeyId(id);
        return key;
    }

    private static String jwks(PublicJsonWebKey... keys) {
        return new org.jose4j.jwk.JsonWebKeySet(keys).toJson(JsonWebKey.OutputControlLevel.PUBLIC_ONLY);
    }

    private static String sign(PublicJsonWebKey key, JwtClaims claims) throws Exception {
        var signature = new JsonWebSignature();
        signature.setPayload(claims.toJson());
        signature.setKey(key.getPrivateKey());
        signature.setKeyIdHeaderValue(key.getKeyId());
        signature.setAlgorithmHeaderValue(AlgorithmIdentifiers.EDDSA);
        return signature.getCompactSerialization();
    }

    private String unsigned() throws Exception {
        var signature = new JsonWebSignature();
        signature.setAlgorithmConstraints(org.jose4j.jwa.AlgorithmConstraints.NO_CONSTRAINTS);
        signature.setPayload(claims().toJson());
        signature.setKeyIdHeaderValue("k1");
        signature.setAlgorithmHeaderValue(AlgorithmIdentifiers.NONE);
        return signature.getCompactSerialization();
    }

    private String signedWith(String algorithm) throws Exception {
        var signature = new JsonWebSignature();
        signature.setPayload(claims().toJson());
        signature.setKeyIdHeaderValue("k1");
        signature.setAlgorithmHeaderValue(algorithm);
        signature.setKey(
                algorithm.equals(AlgorithmIdentifiers.HMAC_SHA256)
                        ? new org.jose4j.keys.HmacKey(new byte[32])
                        : EcJwkGenerator.generateJwk(EllipticCurves.P256).getPrivateKey());
        return signature.getCompactSerialization();
    }
}
