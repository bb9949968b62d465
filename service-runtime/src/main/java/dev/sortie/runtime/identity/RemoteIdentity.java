package dev.sortie.runtime.identity;

import com.google.protobuf.Timestamp;
import dev.sortie.mission.v1.AuthServiceGrpc;
import dev.sortie.mission.v1.GetJwksRequest;
import dev.sortie.mission.v1.UserKind;
import dev.sortie.mission.v1.WhoAmIRequest;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.type.v1.ErrorReason;
import io.grpc.Channel;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.MetadataUtils;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

/** Identity as mission-service sees it, for the services that do not own users. */
public final class RemoteIdentity {
    private static final Duration FRESH = Duration.ofSeconds(5);
    private static final Duration STALE = Duration.ofMinutes(5);
    private static final Metadata.Key<String> AUTHORIZATION =
            Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

    private final AuthServiceGrpc.AuthServiceBlockingStub stub;

    private RemoteIdentity(Channel missionService) {
        this.stub = AuthServiceGrpc.newBlockingStub(missionService);
    }

    /**
     * Access tokens are verified here with mission-service's keys; API tokens are shown to it. Answers are used for
     * 5 seconds, and up to 5 minutes while mission-service cannot be reached.
     */
    public static Authenticator authenticator(Channel missionService, InstantSource clock) {
        var remote = new RemoteIdentity(missionService);
        var tokens = new TokenAuthenticator(new JwtAuthenticator(remote::jwks, clock), remote::whoAmI);
        return new CachingAuthenticator(tokens, clock, FRESH, STALE);
    }

    private Principal whoAmI(String token) {
        var headers = new Metadata();
        headers.put(AUTHORIZATION, "Bearer " + token);
        try {
            var answer = stub.withInterceptors(MetadataUtils.newAttachHeadersInterceptor(headers))
                    .withDeadlineAfter(5, TimeUnit.SECONDS)
                    .whoAmI(WhoAmIRequest.getDefaultInstance())
                    .getPrincipal();
            var role = switch (answer.getRole()) {
                case USER_ROLE_ADMIN -> Role.ADMIN;
                case USER_ROLE_DEVELOPER -> Role.DEVELOPER;
                case USER_ROLE_VIEWER, USER_ROLE_UNSPECIFIED, UNRECOGNIZED -> Role.VIEWER;
            };
            return new Principal(
                    UUID.fromString(answer.getUserId()),
                    answer.getUsername(),
                    role,
                    answer.getKind() == UserKind.USER_KIND_SERVICE ? Principal.Kind.SERVICE : Principal.Kind.USER,
                    answer.getApiTokenId().isEmpty() ? null : UUID.fromString(answer.getApiTokenId()),
                    scopes(answer),
                    null,
                    answer.hasExpireTime() ? instant(answer.getExpireTime()) : Instant.MAX);
        } catch (StatusRuntimeException refused) {
            throw refused.getStatus().getCode() == Status.Code.UNAUTHENTICATED
                    ? JwtAuthenticator.invalid()
                    : unreachable();
        }
    }

    /** A scope that this release does not know limits all the same: to nothing that it has. */
    private static Set<String> scopes(dev.sortie.mission.v1.Principal answer) {
        return answer.getScopesList().stream()
                .map(scope -> scope.name().replaceFirst("^SCOPE_", ""))
                .filter(scope -> !scope.equals(Principal.ANY_SCOPE))
                .collect(Collectors.toUnmodifiableSet());
    }

    private String jwks() {
        try {
            var keys = new JsonArray();
            for (var key : stub.withDeadlineAfter(5, TimeUnit.SECONDS)
                    .getJwks(GetJwksRequest.getDefaultInstance())
                    .getKeysList()) {
                keys.add(new JsonObject()
                        .put("kid", key.getKid())
                        .put("kty", key.getKty())
                        .put("crv", key.getCrv())
                        .put("x", key.getX())
                        .put("alg", key.getAlg())
                        .put("use", key.getUse()));
            }
            return new JsonObject().put("keys", keys).encode();
        } catch (StatusRuntimeException refused) {
            throw unreachable();
        }
    }

    private static RuntimeException unreachable() {
        return Failure.unavailable(
                        ErrorReason.ERROR_REASON_DEPENDENCY_UNAVAILABLE,
                        Duration.ofSeconds(1),
                        "mission-service cannot be asked who this token stands for; try again")
                .with("dependency", "mission-service")
                .exception();
    }

    private static Instant instant(Timestamp time) {
        return Instant.ofEpochSecond(time.getSeconds(), time.getNanos());
    }
}
