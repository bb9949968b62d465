package dev.sortie.mission.api;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.mission.MissionFixture;
import dev.sortie.mission.MissionServer;
import dev.sortie.mission.Secrecy;
import dev.sortie.mission.api.ClientAddresses.Network;
import dev.sortie.mission.domain.LoginLimits;
import dev.sortie.mission.store.LoginLimitStore;
import dev.sortie.mission.v1.AuthServiceGrpc;
import dev.sortie.mission.v1.AuthServiceGrpc.AuthServiceBlockingStub;
import dev.sortie.mission.v1.ErrorReason;
import dev.sortie.mission.v1.LoginRequest;
import dev.sortie.mission.v1.UserRole;
import dev.sortie.runtime.testing.RunningServer;
import dev.sortie.runtime.testing.StatusAssert;
import io.grpc.Channel;
import io.grpc.Metadata;
import io.grpc.Status.Code;
import io.grpc.stub.MetadataUtils;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** How often wrong passwords can be given, at two servers over one database. */
class LoginLimitsTest {
    private static final String PASSWORD = "correct horse battery staple";
    private static final String WRONG = "another long password";
    private static final Metadata.Key<String> FORWARDED_FOR =
            Metadata.Key.of("x-forwarded-for", Metadata.ASCII_STRING_MARSHALLER);

    @AutoClose
    private static final MissionFixture MISSION = MissionFixture.start(
            settings -> settings.withLogins(2, 200).withTrustedProxies(List.of(Network.parse("127.0.0.0/8"))));

    @AutoClose
    private static final MissionServer REPLICA = MISSION.startReplica();

    private static final Channel OTHER = RunningServer.of(REPLICA.runtime()).channel();

    @Test
    void shareOneLimitForAUsername() throws Exception {
        var name =
                MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER, PASSWORD).user().getUsername();
        var outcomes = Together.call(60, i -> login(i % 2 == 0 ? MISSION.anonymous() : OTHER, address(i), name, WRONG));
        assertThat(outcomes)
                .filteredOn(outcome -> outcome.failure().getStatus().getCode() == Code.UNAUTHENTICATED)
                .hasSize(LoginLimits.ATTEMPTS);
        assertThat(outcomes)
                .filteredOn(outcome -> outcome.failure().getStatus().getCode() == Code.RESOURCE_EXHAUSTED)
                .hasSize(60 - LoginLimits.ATTEMPTS);
        for (var channel : List.of(MISSION.anonymous(), OTHER)) {
            StatusAssert.fails(() -> login(channel, address(99), name, PASSWORD))
                    .with(Code.RESOURCE_EXHAUSTED, ErrorReason.ERROR_REASON_LOGIN_THROTTLED)
                    .retryable();
        }
        MISSION.clock().advance(LoginLimits.RECOVERY);
        // The right one wipes the slate clean, at both.
        assertThat(login(OTHER, address(99), name, PASSWORD)).isNotEmpty();
        for (int i = 0; i < LoginLimits.ATTEMPTS; i++) {
            StatusAssert.fails(() -> login(MISSION.anonymous(), address(99), name, WRONG))
                    .with(Code.UNAUTHENTICATED, ErrorReason.ERROR_REASON_CREDENTIALS_WRONG);
        }
    }

    @Test
    void shareOneLimitForAnAddressWhateverTheUsername() throws Exception {
        var attacker = "192.0.2." + 200;
        var outcomes = Together.call(
                LoginLimits.ATTEMPTS_OF_ADDRESS + 20,
                i -> login(i % 2 == 0 ? MISSION.anonymous() : OTHER, attacker, "nobody-" + i, WRONG));
        assertThat(outcomes)
                .filteredOn(outcome -> outcome.failure().getStatus().getCode() == Code.UNAUTHENTICATED)
                .hasSize(LoginLimits.ATTEMPTS_OF_ADDRESS);
        var victim =
                MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER, PASSWORD).user().getUsername();
        StatusAssert.fails(() -> login(OTHER, attacker, victim, PASSWORD))
                .with(Code.RESOURCE_EXHAUSTED, ErrorReason.ERROR_REASON_LOGIN_THROTTLED)
                .retryable();
        assertThat(login(OTHER, "198.51.100.77", victim, PASSWORD)).isNotEmpty();
        MISSION.clock().advance(LoginLimits.RECOVERY_OF_ADDRESS);
        assertThat(login(OTHER, attacker, victim, PASSWORD)).isNotEmpty();
    }

    @Test
    void countNothingAgainstAnAddressWhosePasswordsAreRight() {
        var name =
                MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER, PASSWORD).user().getUsername();
        for (int i = 0; i < 5; i++) {
            assertThat(login(MISSION.anonymous(), "203.0.113.5", name, PASSWORD))
                    .isNotEmpty();
        }
        var limits = limits();
        for (int i = 0; i < LoginLimits.ATTEMPTS_OF_ADDRESS; i++) {
            limits.take("somebody-" + i, "203.0.113.5");
        }
        StatusAssert.fails(() -> login(MISSION.anonymous(), "203.0.113.5", name, PASSWORD))
                .with(Code.RESOURCE_EXHAUSTED, ErrorReason.ERROR_REASON_LOGIN_THROTTLED);
    }

    @Test
    void keepNoNamesAndForgetWhatIsOver() {
        var typed = "a password in the wrong field";
        StatusAssert.fails(() -> login(MISSION.anonymous(), "203.0.113.9", typed, WRONG))
                .with(Code.UNAUTHENTICATED, ErrorReason.ERROR_REASON_CREDENTIALS_WRONG);
        Secrecy.assertAbsent(MISSION.database(), typed);
        MISSION.clock().advance(Duration.ofHours(1));
        limits().purge();
        assertThat(MISSION.query("SELECT count(*) FROM login_limits")).isEqualTo("0");
        assertThat(MISSION.query("SELECT relpersistence::text FROM pg_class WHERE relname = 'login_limits'"))
                .isEqualTo("u");
    }

    @Test
    void forgetThoseWhoRecoverFirstWhenThereAreTooMany() {
        try (var mission = MissionFixture.start()) {
            var store = new LoginLimitStore();
            var queries = mission.server().runtime().database().queries();
            for (byte i = 1; i <= 10; i++) {
                var subject = new byte[32];
                subject[0] = i;
                for (int attempts = 0; attempts < i; attempts++) {
                    store.take(queries, subject, queries.now(), LoginLimits.RECOVERY, Duration.ofHours(1));
                }
            }
            store.purge(queries, queries.now(), 3);
            assertThat(mission.query("SELECT string_agg(get_byte(subject, 0)::text, ',' ORDER BY subject)"
                            + " FROM login_limits"))
                    .isEqualTo("8,9,10");
        }
    }

    private static LoginLimits limits() {
        return new LoginLimits(MISSION.server().runtime().database(), new LoginLimitStore());
    }

    private static String login(Channel channel, String address, String username, String password) {
        var headers = new Metadata();
        headers.put(FORWARDED_FOR, address);
        return stub(channel)
                .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(headers))
                .login(LoginRequest.newBuilder()
                        .setUsername(username)
                        .setPassword(password)
                        .build())
                .getAccessToken();
    }

    private static AuthServiceBlockingStub stub(Channel channel) {
        return AuthServiceGrpc.newBlockingStub(channel);
    }

    private static String address(int number) {
        return "198.51.100." + number;
    }
}
