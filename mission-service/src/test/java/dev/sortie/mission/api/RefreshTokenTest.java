package dev.sortie.mission.api;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.FieldMask;
import dev.sortie.mission.MissionFixture;
import dev.sortie.mission.MissionFixture.Person;
import dev.sortie.mission.domain.RefreshTokens;
import dev.sortie.mission.v1.AuthServiceGrpc;
import dev.sortie.mission.v1.AuthServiceGrpc.AuthServiceBlockingStub;
import dev.sortie.mission.v1.ChangePasswordRequest;
import dev.sortie.mission.v1.ErrorReason;
import dev.sortie.mission.v1.LoginRequest;
import dev.sortie.mission.v1.LoginResponse;
import dev.sortie.mission.v1.RefreshTokenRequest;
import dev.sortie.mission.v1.RefreshTokenResponse;
import dev.sortie.mission.v1.UpdateUserRequest;
import dev.sortie.mission.v1.User;
import dev.sortie.mission.v1.UserRole;
import dev.sortie.mission.v1.UserServiceGrpc;
import dev.sortie.mission.v1.WhoAmIRequest;
import dev.sortie.runtime.testing.StatusAssert;
import io.grpc.Status.Code;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** How a login goes on, and how it ends. */
class RefreshTokenTest {
    private static final String PASSWORD = "correct horse battery";

    @AutoClose
    private static final MissionFixture MISSION = MissionFixture.start();

    private final AuthServiceBlockingStub anonymous = AuthServiceGrpc.newBlockingStub(MISSION.anonymous());

    @Test
    void exchangesTokensForAsLongAsTheyAreUsed() {
        var person = MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER, PASSWORD);
        var login = login(person);
        var token = login.getRefreshToken();
        assertThat(token).matches("sortie_refresh_[A-Za-z0-9_-]{43}");
        assertThat(login.getRefreshTokenExpireTime().getSeconds())
                .isEqualTo(MISSION.clock().instant().plus(Duration.ofDays(30)).getEpochSecond());
        for (int i = 0; i < 3; i++) {
            MISSION.clock().advance(Duration.ofDays(29));
            var next = refresh(token);
            assertThat(next.getUser()).isEqualTo(login.getUser());
            assertThat(next.getRefreshToken()).isNotEqualTo(token);
            assertThat(next.getExpireTime().getSeconds())
                    .isEqualTo(MISSION.clock()
                            .instant()
                            .plus(Duration.ofMinutes(15))
                            .getEpochSecond());
            assertThat(AuthServiceGrpc.newBlockingStub(MISSION.with(next.getAccessToken()))
                            .whoAmI(WhoAmIRequest.getDefaultInstance())
                            .getPrincipal()
                            .getUserId())
                    .isEqualTo(person.id());
            token = next.getRefreshToken();
        }
        MISSION.clock().advance(Duration.ofDays(30));
        assertRefused(token);
    }

    @Test
    void endsALoginWhoseTokenIsUsedTwice() throws SQLException {
        var person = MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER, PASSWORD);
        var stolen = login(person).getRefreshToken();
        var other = login(person).getRefreshToken();
        var newest = refresh(refresh(stolen).getRefreshToken()).getRefreshToken();
        assertRefused(stolen);
        assertRefused(newest);
        assertThat(refresh(other).hasUser()).isTrue();
        assertThat(strings("SELECT action FROM audit_log WHERE action = 'RefreshTokenReused' AND resource_id = '"
                        + person.id() + "'"))
                .hasSize(1);
    }

    @Test
    void exchangesATokenOnceOfManyTimesAtOnce() throws Exception {
        var person = MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER, PASSWORD);
        var token = login(person).getRefreshToken();
        var outcomes = Together.call(50, number -> refresh(token));
        var succeeded = outcomes.stream().filter(Together.Outcome::succeeded).toList();
        assertThat(succeeded).hasSize(1);
        // All the others used it a second time.
        assertRefused(succeeded.getFirst().answer().getRefreshToken());
        assertThat(tokensOf(person)).isEmpty();
    }

    @Test
    void endsEveryLoginWithThePasswordAndTheAccount() {
        var person = MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER, PASSWORD);
        var users = UserServiceGrpc.newBlockingStub(MISSION.admin());
        var before = List.of(login(person).getRefreshToken(), login(person).getRefreshToken());
        users.changePassword(ChangePasswordRequest.newBuilder()
                .setUserId(person.id())
                .setNewPassword(PASSWORD)
                .build());
        before.forEach(this::assertRefused);

        var later = login(person).getRefreshToken();
        for (boolean active : new boolean[] {false, true}) {
            users.updateUser(UpdateUserRequest.newBuilder()
                    .setUser(User.newBuilder().setUserId(person.id()).setActive(active))
                    .setUpdateMask(FieldMask.newBuilder().addPaths("active"))
                    .build());
            assertRefused(later);
        }
    }

    @Test
    void refusesTheTokenOfAUserWhoIsDeactivated() {
        var person = MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER, PASSWORD);
        var token = login(person).getRefreshToken();
        MISSION.database().execute("UPDATE users SET is_active = false WHERE user_id = '" + person.id() + "'");
        assertRefused(token);
    }

    @Test
    void letsNoExchangeOutliveAChangeOfThePassword() throws Exception {
        var person = MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER, PASSWORD);
        var tokens = new ArrayList<String>();
        for (int i = 0; i < 10; i++) {
            tokens.add(login(person).getRefreshToken());
        }
        var outcomes = Together.call(11, number -> {
            if (number < 10) {
                return refresh(tokens.get(number)).getRefreshToken();
            }
            UserServiceGrpc.newBlockingStub(MISSION.admin())
                    .changePassword(ChangePasswordRequest.newBuilder()
                            .setUserId(person.id())
                            .setNewPassword("another long password")
                            .build());
            return "";
        });
        assertThat(outcomes.getLast().succeeded()).isTrue();
        assertThat(tokensOf(person)).isEmpty();
    }

    @Test
    void refusesWhatIsNoRefreshToken() {
        var person = MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER, PASSWORD);
        var login = login(person);
        for (var token :
                List.of("x", "sortie_refresh_" + "A".repeat(43), person.token(), login.getRefreshToken() + "A")) {
            assertRefused(token);
        }
        StatusAssert.fails(() -> refresh(""))
                .with(Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("refresh_token");
        // Nor does it open anything by itself.
        StatusAssert.fails(() -> AuthServiceGrpc.newBlockingStub(MISSION.with(login.getRefreshToken()))
                        .whoAmI(WhoAmIRequest.getDefaultInstance()))
                .with(Code.UNAUTHENTICATED, dev.sortie.type.v1.ErrorReason.ERROR_REASON_TOKEN_INVALID);
        assertThat(refresh(login.getRefreshToken()).hasUser()).isTrue();
    }

    @Test
    void keepsABoundedNumberOfLoginsAndTokens() throws SQLException {
        var person = MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER, PASSWORD);
        var first = login(person).getRefreshToken();
        // As if there had been many more, all of them later.
        MISSION.clock().advance(Duration.ofSeconds(1));
        insert(person, "gen_random_uuid()", "NULL", RefreshTokens.MAX_FAMILIES);
        var last = login(person).getRefreshToken();
        assertRefused(first);
        assertThat(tokensOf(person)).hasSize(RefreshTokens.MAX_FAMILIES);

        var family = strings("SELECT family_id FROM refresh_tokens WHERE token_hash = sha256(convert_to('" + last
                        + "', 'UTF8'))")
                .getFirst();
        insert(person, "'" + family + "'", "now() - interval '10 years'", 150);
        assertThat(refresh(last).hasUser()).isTrue();
        assertThat(strings("SELECT refresh_token_id FROM refresh_tokens WHERE family_id = '" + family + "'"))
                .hasSizeLessThanOrEqualTo(101);
    }

    @Test
    void purgesTokensWhoseTimeIsOverAndNothingElse() throws SQLException {
        var old = MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER, PASSWORD);
        refresh(login(old).getRefreshToken());
        MISSION.clock().advance(Duration.ofDays(30));
        var present = MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER, PASSWORD);
        login(present);
        MISSION.purgeRefreshTokens();
        assertThat(tokensOf(old)).isEmpty();
        assertThat(tokensOf(present)).hasSize(1);
    }

    @Test
    void keepsNoTokenInTheDatabase() throws SQLException {
        var token =
                login(MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER, PASSWORD)).getRefreshToken();
        assertThat(strings("SELECT t::text FROM refresh_tokens t")).noneMatch(row -> row.contains(token));
    }

    private LoginResponse login(Person person) {
        return anonymous.login(LoginRequest.newBuilder()
                .setUsername(person.user().getUsername())
                .setPassword(PASSWORD)
                .build());
    }

    private RefreshTokenResponse refresh(String token) {
        return anonymous.refreshToken(
                RefreshTokenRequest.newBuilder().setRefreshToken(token).build());
    }

    private void assertRefused(String token) {
        StatusAssert.fails(() -> refresh(token))
                .with(Code.UNAUTHENTICATED, ErrorReason.ERROR_REASON_REFRESH_TOKEN_INVALID);
    }

    private static List<String> tokensOf(Person person) throws SQLException {
        return strings("SELECT refresh_token_id FROM refresh_tokens WHERE user_id = '" + person.id() + "'");
    }

    private static void insert(Person person, String family, String usedAt, int count) {
        var now = "'" + MISSION.clock().instant() + "'::timestamptz";
        MISSION.database()
                .execute("INSERT INTO refresh_tokens SELECT gen_random_uuid(), " + family + ", '" + person.id()
                        + "', sha256(convert_to(gen_random_uuid()::text, 'UTF8')), " + usedAt + ", " + now
                        + " + interval '30 days', " + now + " FROM generate_series(1, " + count + ")");
    }

    private static List<String> strings(String sql) throws SQLException {
        var strings = new ArrayList<String>();
        try (var connection = MISSION.database().connectAsOwner();
                var statement = connection.createStatement();
                var rows = statement.executeQuery(sql)) {
            while (rows.next()) {
                strings.add(rows.getString(1));
            }
        }
        return strings;
    }
}
