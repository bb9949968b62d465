package dev.sortie.mission.api;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Timestamp;
import dev.sortie.mission.MissionFixture;
import dev.sortie.mission.MissionFixture.Person;
import dev.sortie.mission.domain.SigningKeys;
import dev.sortie.mission.v1.ApiToken;
import dev.sortie.mission.v1.AuthServiceGrpc;
import dev.sortie.mission.v1.AuthServiceGrpc.AuthServiceBlockingStub;
import dev.sortie.mission.v1.CreateApiTokenRequest;
import dev.sortie.mission.v1.ErrorReason;
import dev.sortie.mission.v1.GetJwksRequest;
import dev.sortie.mission.v1.ListApiTokensRequest;
import dev.sortie.mission.v1.LoginRequest;
import dev.sortie.mission.v1.LoginResponse;
import dev.sortie.mission.v1.RevokeApiTokenRequest;
import dev.sortie.mission.v1.UserKind;
import dev.sortie.mission.v1.UserRole;
import dev.sortie.mission.v1.WhoAmIRequest;
import dev.sortie.runtime.identity.ApiTokens;
import dev.sortie.runtime.testing.StatusAssert;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

class AuthGrpcServiceTest {
    private static final String PASSWORD = "correct horse battery";

    @AutoClose
    private static final MissionFixture MISSION = MissionFixture.start(settings -> settings.withLogins(2, 16));

    private final AuthServiceBlockingStub anonymous = AuthServiceGrpc.newBlockingStub(MISSION.anonymous());
    private final AuthServiceBlockingStub admin = AuthServiceGrpc.newBlockingStub(MISSION.admin());

    @Test
    void exchangesAPasswordForAnAccessTokenThatWorksForAQuarterOfAnHour() {
        var person = MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER, PASSWORD);
        var login = login(person.user().getUsername(), PASSWORD);
        assertThat(login.getUser().getUserId()).isEqualTo(person.id());
        assertThat(login.getUser().hasLastLoginTime()).isTrue();
        assertThat(login.getUser().getEtag()).isEqualTo(person.user().getEtag());
        assertThat(login.getExpireTime().getSeconds())
                .isEqualTo(
                        MISSION.clock().instant().plus(Duration.ofMinutes(15)).getEpochSecond());

        var me = AuthServiceGrpc.newBlockingStub(MISSION.with(login.getAccessToken()))
                .whoAmI(WhoAmIRequest.getDefaultInstance())
                .getPrincipal();
        assertThat(me.getUserId()).isEqualTo(person.id());
        assertThat(me.getUsername()).isEqualTo(person.user().getUsername());
        assertThat(me.getRole()).isEqualTo(UserRole.USER_ROLE_DEVELOPER);
        assertThat(me.getKind()).isEqualTo(UserKind.USER_KIND_HUMAN);
        assertThat(me.getApiTokenId()).isEmpty();
        assertThat(me.getExpireTime()).isEqualTo(login.getExpireTime());
    }

    @Test
    void takesTheBcryptHashOfAnOlderSystemAndReplacesIt() throws SQLException {
        var person = MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER);
        MISSION.database()
                .execute("UPDATE users SET password_hash ="
                        + " '$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW' WHERE user_id = '"
                        + person.id() + "'");
        StatusAssert.fails(() -> login(person.user().getUsername(), PASSWORD))
                .with(Status.Code.UNAUTHENTICATED, ErrorReason.ERROR_REASON_CREDENTIALS_WRONG);
        assertThat(passwordHash(person)).startsWith("$2y$");
        for (int i = 0; i < 2; i++) {
            var login = login(person.user().getUsername(), "U*U");
            assertThat(login.getUser().getEtag()).isEqualTo(person.user().getEtag());
            assertThat(passwordHash(person)).startsWith("$argon2id$");
        }
    }

    @Test
    void answersTheSameWhetherAUserExistsOrNot() throws SQLException {
        var person = MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER, PASSWORD);
        var withoutPassword = MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER);
        var deactivated = MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER, PASSWORD);
        deactivate(deactivated);
        var answers = new ArrayList<com.google.rpc.Status>();
        for (var attempt : new String[][] {
            {"nobody-at-all", PASSWORD},
            {person.user().getUsername(), "another long password"},
            {withoutPassword.user().getUsername(), PASSWORD},
            {deactivated.user().getUsername(), PASSWORD},
            {deactivated.user().getUsername(), "another long password"},
            {"agent-service", PASSWORD},
            {"no such name \u00e9 %", PASSWORD},
        }) {
            answers.add(StatusAssert.fails(() -> login(attempt[0], attempt[1]))
                    .with(Status.Code.UNAUTHENTICATED, ErrorReason.ERROR_REASON_CREDENTIALS_WRONG)
                    .status());
        }
        assertThat(answers).allMatch(answers.getFirst()::equals);
    }

    @Test
    void slowsDownWhoTriesPasswordsWhetherAUserExistsOrNot() {
        var person = MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER, PASSWORD);
        var answers = new ArrayList<com.google.rpc.Status>();
        for (var username : new String[] {person.user().getUsername(), "nobody-to-be-tried"}) {
            for (int i = 0; i < 10; i++) {
                StatusAssert.fails(() -> login(username, "another long password"))
                        .with(Status.Code.UNAUTHENTICATED, ErrorReason.ERROR_REASON_CREDENTIALS_WRONG);
            }
            answers.add(StatusAssert.fails(() -> login(username, PASSWORD))
                    .with(Status.Code.RESOURCE_EXHAUSTED, ErrorReason.ERROR_REASON_LOGIN_THROTTLED)
                    .retryable()
                    .status());
        }
        assertThat(answers.getFirst()).isEqualTo(answers.getLast());
        MISSION.clock().advance(Duration.ofSeconds(30));
        assertThat(login(person.user().getUsername(), PASSWORD).hasUser()).isTrue();
    }

    @Test
    void refusesLoginsBeyondItsBoundAndServesEverythingElse() throws Exception {
        int callers = 80;
        var together = new CountDownLatch(callers);
        int busy = 0;
        int wrong = 0;
        try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            var calls = new ArrayList<Future<StatusRuntimeException>>();
            for (int i = 0; i < callers; i++) {
                var nobody = "nobody-" + i;
                Callable<StatusRuntimeException> call = () -> {
                    together.countDown();
                    together.await();
                    try {
                        login(nobody, PASSWORD);
                        throw new AssertionError("nobody logged in");
                    } catch (StatusRuntimeException refused) {
                        return refused;
                    }
                };
                calls.add(threads.submit(call));
            }
            assertThat(anonymous.getJwks(GetJwksRequest.getDefaultInstance()).getKeysCount())
                    .isEqualTo(1);
            for (var call : calls) {
                var refused = call.get();
                if (refused.getStatus().getCode() == Status.Code.RESOURCE_EXHAUSTED) {
                    StatusAssert.of(refused)
                            .with(Status.Code.RESOURCE_EXHAUSTED, ErrorReason.ERROR_REASON_LOGIN_BUSY)
                            .retryable();
                    busy++;
                } else {
                    assertThat(refused.getStatus().getCode()).isEqualTo(Status.Code.UNAUTHENTICATED);
                    wrong++;
                }
            }
        }
        assertThat(wrong).isGreaterThanOrEqualTo(18);
        assertThat(busy).isPositive();
    }

    @Test
    void makesATokenThatActsAsItsUser() {
        var person = MISSION.newPerson(UserRole.USER_ROLE_VIEWER);
        var created = as(person)
                .createApiToken(CreateApiTokenRequest.newBuilder()
                        .setDisplayName("my laptop")
                        .build());
        var token = created.getApiToken();
        assertThat(ApiTokens.isWellFormed(created.getSecret())).isTrue();
        assertThat(created.getSecret()).startsWith(token.getPrefix());
        assertThat(token.getPrefix()).startsWith("sortie_").hasSize(13);
        assertThat(token.getUserId()).isEqualTo(person.id());
        assertThat(token.getDisplayName()).isEqualTo("my laptop");
        assertThat(token.hasExpireTime()).isFalse();
        assertThat(token.hasLastUseTime()).isFalse();
        var me = AuthServiceGrpc.newBlockingStub(MISSION.with(created.getSecret()))
                .whoAmI(WhoAmIRequest.getDefaultInstance())
                .getPrincipal();
        assertThat(me.getUserId()).isEqualTo(person.id());
        assertThat(me.getRole()).isEqualTo(UserRole.USER_ROLE_VIEWER);
        assertThat(me.getApiTokenId()).isEqualTo(token.getApiTokenId());
        assertThat(me.hasExpireTime()).isFalse();
    }

    @Test
    void keepsNoSecretInTheDatabase() throws SQLException {
        var person = MISSION.newPerson(UserRole.USER_ROLE_VIEWER);
        var secret = person.token().substring(20, 40);
        try (var connection = MISSION.database().connectAsOwner();
                var statement = connection.createStatement();
                var rows = statement.executeQuery("""
                        SELECT t::text FROM api_tokens t
                        UNION ALL SELECT encode(response, 'escape') FROM idempotency_keys
                        UNION ALL SELECT c::text FROM change_log c
                        UNION ALL SELECT a::text FROM audit_log a
                        """)) {
            while (rows.next()) {
                assertThat(rows.getString(1)).doesNotContain(secret);
            }
        }
    }

    @Test
    void makesATokenThatExpiresInTheFutureOnly() {
        var person = MISSION.newPerson(UserRole.USER_ROLE_VIEWER);
        var now = MISSION.clock().instant().getEpochSecond();
        StatusAssert.fails(() -> as(person)
                        .createApiToken(CreateApiTokenRequest.newBuilder()
                                .setDisplayName("past")
                                .setExpireTime(Timestamp.newBuilder().setSeconds(now))
                                .build()))
                .with(Status.Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("expire_time");
        StatusAssert.fails(() -> as(person).createApiToken(CreateApiTokenRequest.getDefaultInstance()))
                .with(Status.Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("display_name");
    }

    @Test
    void letsOnlyAdministratorsTouchTokensOfOthers() {
        var owner = MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER);
        var other = MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER);
        var token = only(owner);
        StatusAssert.fails(() -> as(other)
                        .createApiToken(CreateApiTokenRequest.newBuilder()
                                .setUserId(owner.id())
                                .setDisplayName("not mine")
                                .build()))
                .with(Status.Code.PERMISSION_DENIED, dev.sortie.type.v1.ErrorReason.ERROR_REASON_NOT_OWNER)
                .metadata("resource", "user");
        StatusAssert.fails(() -> as(other)
                        .listApiTokens(ListApiTokensRequest.newBuilder()
                                .setUserId(owner.id())
                                .build()))
                .with(Status.Code.PERMISSION_DENIED, dev.sortie.type.v1.ErrorReason.ERROR_REASON_NOT_OWNER);
        StatusAssert.fails(() -> revoke(as(other), token.getApiTokenId()))
                .with(Status.Code.PERMISSION_DENIED, dev.sortie.type.v1.ErrorReason.ERROR_REASON_NOT_OWNER)
                .metadata("resource", "api_token")
                .metadata("id", token.getApiTokenId());
        assertThat(as(owner).whoAmI(WhoAmIRequest.getDefaultInstance()).hasPrincipal())
                .isTrue();
        assertThat(revoke(admin, token.getApiTokenId()).hasRevokeTime()).isTrue();
    }

    @Test
    void saysThatAUserOrATokenDoesNotExist() {
        var nowhere = UUID.randomUUID().toString();
        StatusAssert.fails(() -> admin.createApiToken(CreateApiTokenRequest.newBuilder()
                        .setUserId(nowhere)
                        .setDisplayName("for nobody")
                        .build()))
                .with(Status.Code.NOT_FOUND, dev.sortie.type.v1.ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND)
                .metadata("resource", "user");
        StatusAssert.fails(() -> revoke(admin, nowhere))
                .with(Status.Code.NOT_FOUND, dev.sortie.type.v1.ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND)
                .metadata("resource", "api_token");
    }

    @Test
    void listsTokensNewestFirstPageByPage() {
        var person = MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER);
        var made = new ArrayList<String>();
        for (int i = 0; i < 5; i++) {
            MISSION.clock().advance(Duration.ofSeconds(1));
            made.addFirst(as(person)
                    .createApiToken(CreateApiTokenRequest.newBuilder()
                            .setDisplayName("token " + i)
                            .build())
                    .getApiToken()
                    .getApiTokenId());
        }
        var seen = new ArrayList<String>();
        var request = ListApiTokensRequest.newBuilder().setPageSize(2).build();
        do {
            var page = as(person).listApiTokens(request);
            assertThat(page.getApiTokensCount()).isBetween(1, 2);
            page.getApiTokensList().forEach(token -> seen.add(token.getApiTokenId()));
            request = request.toBuilder().setPageToken(page.getNextPageToken()).build();
        } while (!request.getPageToken().isEmpty());
        assertThat(seen).hasSize(6).startsWith(made.toArray(String[]::new));
    }

    @Test
    void revokesATokenOnceAndForGood() {
        var person = MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER);
        var second = as(person)
                .createApiToken(CreateApiTokenRequest.newBuilder()
                        .setDisplayName("second")
                        .build());
        var first = revoke(as(person), second.getApiToken().getApiTokenId());
        MISSION.clock().advance(Duration.ofSeconds(1));
        assertThat(revoke(as(person), second.getApiToken().getApiTokenId())).isEqualTo(first);
        StatusAssert.fails(() -> AuthServiceGrpc.newBlockingStub(MISSION.with(second.getSecret()))
                        .whoAmI(WhoAmIRequest.getDefaultInstance()))
                .with(Status.Code.UNAUTHENTICATED, dev.sortie.type.v1.ErrorReason.ERROR_REASON_TOKEN_INVALID);
    }

    @Test
    void showsThePublicKeysOfAccessTokens() {
        var keys = anonymous.getJwks(GetJwksRequest.getDefaultInstance()).getKeysList();
        var expected = SigningKeys.parse(MissionFixture.SIGNING_KEY).current();
        assertThat(keys).singleElement().satisfies(key -> {
            assertThat(key.getKid()).isEqualTo(expected.keyId());
            assertThat(key.getX()).isEqualTo(expected.x());
            assertThat(key.getKty()).isEqualTo("OKP");
            assertThat(key.getCrv()).isEqualTo("Ed25519");
            assertThat(key.getAlg()).isEqualTo("EdDSA");
            assertThat(key.getUse()).isEqualTo("sig");
        });
    }

    private ApiToken only(Person person) {
        return as(person)
                .listApiTokens(ListApiTokensRequest.getDefaultInstance())
                .getApiTokens(0);
    }

    private static ApiToken revoke(AuthServiceBlockingStub stub, String apiTokenId) {
        return stub.revokeApiToken(RevokeApiTokenRequest.newBuilder()
                        .setApiTokenId(apiTokenId)
                        .build())
                .getApiToken();
    }

    private LoginResponse login(String username, String password) {
        return anonymous.login(LoginRequest.newBuilder()
                .setUsername(username)
                .setPassword(password)
                .build());
    }

    private static AuthServiceBlockingStub as(Person person) {
        return AuthServiceGrpc.newBlockingStub(MISSION.with(person.token()));
    }

    private static String passwordHash(Person person) throws SQLException {
        try (var connection = MISSION.database().connectAsOwner();
                var statement = connection.createStatement();
                var rows = statement.executeQuery(
                        "SELECT password_hash FROM users WHERE user_id = '" + person.id() + "'")) {
            rows.next();
            return rows.getString(1);
        }
    }

    private static void deactivate(Person person) {
        MISSION.database().execute("UPDATE users SET is_active = false WHERE user_id = '" + person.id() + "'");
    }
}
