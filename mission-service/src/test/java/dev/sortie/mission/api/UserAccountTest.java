package dev.sortie.mission.api;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.FieldMask;
import dev.sortie.mission.MissionFixture;
import dev.sortie.mission.MissionFixture.Person;
import dev.sortie.mission.v1.AuthServiceGrpc;
import dev.sortie.mission.v1.ChangePasswordRequest;
import dev.sortie.mission.v1.DeleteUserRequest;
import dev.sortie.mission.v1.ErrorReason;
import dev.sortie.mission.v1.GetUserRequest;
import dev.sortie.mission.v1.LoginRequest;
import dev.sortie.mission.v1.LoginResponse;
import dev.sortie.mission.v1.UpdateUserRequest;
import dev.sortie.mission.v1.User;
import dev.sortie.mission.v1.UserRole;
import dev.sortie.mission.v1.UserServiceGrpc;
import dev.sortie.mission.v1.UserServiceGrpc.UserServiceBlockingStub;
import dev.sortie.mission.v1.WhoAmIRequest;
import dev.sortie.runtime.testing.StatusAssert;
import io.grpc.Status.Code;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** What users change of their own accounts, and administrators of everybody's. */
class UserAccountTest {
    private static final String PASSWORD = "correct horse battery";
    private static final String OTHER = "another long password";

    @AutoClose
    private static final MissionFixture MISSION = MissionFixture.start();

    private final UserServiceBlockingStub admin = UserServiceGrpc.newBlockingStub(MISSION.admin());

    @Test
    void letsEverybodyChangeTheirOwnNameAddressAndSettings() {
        for (var role : new UserRole[] {UserRole.USER_ROLE_VIEWER, UserRole.USER_ROLE_DEVELOPER}) {
            var person = MISSION.newPerson(role);
            var edited = update(as(person), person.user().toBuilder().setFullName("Ada Lovelace"), "full_name");
            assertThat(edited.getFullName()).isEqualTo("Ada Lovelace");
            assertThat(edited.getEmail()).isEqualTo(person.user().getEmail());
            assertThat(edited.getEtag()).isEqualTo("2");
            // Without a mask, and with what the caller read: the role is named and stays as it is.
            var again = update(as(person), edited.toBuilder().setEmail("new-" + edited.getEmail()));
            assertThat(again.getEmail()).startsWith("new-");
            assertThat(again.getRole()).isEqualTo(role);
            assertThat(get(person)).isEqualTo(again);
        }
    }

    @Test
    void takesAnotherAddressForUnverified() {
        var person = MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER);
        MISSION.database().execute("UPDATE users SET is_verified = true WHERE user_id = '" + person.id() + "'");
        var email = person.user().getEmail();
        var sameInCapitals = User.newBuilder().setUserId(person.id()).setEmail(email.replace("person", "PERSON"));
        assertThat(update(as(person), sameInCapitals, "email").getVerified()).isTrue();
        var another = User.newBuilder().setUserId(person.id()).setEmail("other-" + email);
        assertThat(update(as(person), another, "email").getVerified()).isFalse();
        var taken = MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER);
        StatusAssert.fails(() -> update(
                        as(taken), User.newBuilder().setUserId(taken.id()).setEmail("OTHER-" + email), "email"))
                .with(Code.ALREADY_EXISTS, ErrorReason.ERROR_REASON_EMAIL_TAKEN);
    }

    @Test
    void keepsRoleAndActivityForAdministrators() {
        var person = MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER);
        var promoted = User.newBuilder().setUserId(person.id()).setRole(UserRole.USER_ROLE_ADMIN);
        StatusAssert.fails(() -> update(as(person), promoted, "role"))
                .with(Code.PERMISSION_DENIED, dev.sortie.type.v1.ErrorReason.ERROR_REASON_ROLE_INSUFFICIENT)
                .metadata("required", "ADMIN");
        StatusAssert.fails(() -> update(as(person), User.newBuilder().setUserId(person.id()), "active"))
                .with(Code.PERMISSION_DENIED, dev.sortie.type.v1.ErrorReason.ERROR_REASON_ROLE_INSUFFICIENT);
        assertThat(get(person)).isEqualTo(person.user());
        assertThat(update(admin, promoted, "role").getRole()).isEqualTo(UserRole.USER_ROLE_ADMIN);
    }

    @Test
    void refusesTheAccountOfAnother() {
        var person = MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER, PASSWORD);
        var stranger = as(MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER));
        StatusAssert.fails(() -> update(
                        stranger, User.newBuilder().setUserId(person.id()).setFullName("taken")))
                .with(Code.PERMISSION_DENIED, dev.sortie.type.v1.ErrorReason.ERROR_REASON_NOT_OWNER)
                .metadata("resource", "user")
                .metadata("id", person.id());
        StatusAssert.fails(() -> changePassword(stranger, person.id(), PASSWORD, OTHER))
                .with(Code.PERMISSION_DENIED, dev.sortie.type.v1.ErrorReason.ERROR_REASON_NOT_OWNER);
        StatusAssert.fails(() -> delete(as(person), person.id()))
                .with(Code.PERMISSION_DENIED, dev.sortie.type.v1.ErrorReason.ERROR_REASON_ROLE_INSUFFICIENT);
        assertThat(get(person)).isEqualTo(person.user());
        assertThat(login(person, PASSWORD).getUser().getUserId()).isEqualTo(person.id());
    }

    @Test
    void refusesWhatTheContractDoesNotAllow() {
        var person = MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER);
        for (var path : List.of("username", "verified", "etag", "no_such_field")) {
            StatusAssert.fails(() -> update(admin, person.user().toBuilder(), path))
                    .with(Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_UPDATE_MASK_INVALID)
                    .metadata("path", path);
        }
        StatusAssert.fails(() -> update(admin, User.newBuilder().setUserId(person.id()), "*"))
                .with(Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("user.email");
        StatusAssert.fails(() -> update(admin, User.newBuilder().setFullName("nobody")))
                .with(Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("user.user_id");
        StatusAssert.fails(() -> changePassword(admin, person.id(), "", "too short"))
                .with(Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("new_password");
        var nowhere = UUID.randomUUID().toString();
        for (Runnable call : List.<Runnable>of(
                () -> update(admin, User.newBuilder().setUserId(nowhere).setFullName("nobody")),
                () -> changePassword(admin, nowhere, "", OTHER),
                () -> delete(admin, nowhere))) {
            StatusAssert.fails(call::run)
                    .with(Code.NOT_FOUND, dev.sortie.type.v1.ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND)
                    .metadata("resource", "user")
                    .metadata("id", nowhere);
        }
    }

    @Test
    void refusesAnEtagThatIsNoLongerCurrent() {
        var person = MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER);
        update(admin, person.user().toBuilder().setFullName("first"), "full_name");
        StatusAssert.fails(() -> update(admin, person.user().toBuilder().setFullName("second"), "full_name"))
                .with(Code.ABORTED, dev.sortie.type.v1.ErrorReason.ERROR_REASON_ETAG_MISMATCH)
                .metadata("etag", "2");
        StatusAssert.fails(() -> admin.deleteUser(DeleteUserRequest.newBuilder()
                        .setUserId(person.id())
                        .setEtag("1")
                        .build()))
                .with(Code.ABORTED, dev.sortie.type.v1.ErrorReason.ERROR_REASON_ETAG_MISMATCH);
    }

    @Test
    void throwsADeactivatedUserOutAtOnce() {
        var leaver = MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER, PASSWORD);
        var access = login(leaver, PASSWORD).getAccessToken();
        assertThat(update(admin, User.newBuilder().setUserId(leaver.id()), "active")
                        .getActive())
                .isFalse();
        for (var token : List.of(access, leaver.token())) {
            StatusAssert.fails(() -> whoAmI(token))
                    .with(Code.UNAUTHENTICATED, dev.sortie.type.v1.ErrorReason.ERROR_REASON_TOKEN_INVALID);
        }
        StatusAssert.fails(() -> login(leaver, PASSWORD))
                .with(Code.UNAUTHENTICATED, ErrorReason.ERROR_REASON_CREDENTIALS_WRONG);
        update(admin, User.newBuilder().setUserId(leaver.id()).setActive(true), "active");
        assertThat(whoAmI(leaver.token())).isEqualTo(leaver.id());
    }

    @Test
    void keepsTheLastAdministrator() throws Exception {
        try (var mission = MissionFixture.start()) {
            var users = UserServiceGrpc.newBlockingStub(mission.admin());
            var first = AuthServiceGrpc.newBlockingStub(mission.admin())
                    .whoAmI(WhoAmIRequest.getDefaultInstance())
                    .getPrincipal()
                    .getUserId();
            var demoted = User.newBuilder().setUserId(first).setRole(UserRole.USER_ROLE_VIEWER);
            var deactivated = User.newBuilder().setUserId(first);
            for (Runnable call : List.<Runnable>of(
                    () -> update(users, demoted, "role"),
                    () -> update(users, deactivated, "active"),
                    () -> delete(users, first))) {
                StatusAssert.fails(call::run)
                        .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_LAST_ADMINISTRATOR)
                        .precondition("user/" + first)
                        .metadata("user_id", first);
            }

            // Everybody takes the right from somebody at once: one administrator is left.
            var administrators = new ArrayList<String>(List.of(first));
            for (int i = 0; i < 19; i++) {
                administrators.add(mission.newPerson(UserRole.USER_ROLE_ADMIN).id());
            }
            var services = UserServiceGrpc.newBlockingStub(mission.service());
            var outcomes = Together.call(20, number -> {
                var user = User.newBuilder().setUserId(administrators.get(number));
                return switch (number % 3) {
                    case 0 -> update(services, user.setRole(UserRole.USER_ROLE_DEVELOPER), "role");
                    case 1 -> update(services, user, "active");
                    default -> delete(services, administrators.get(number));
                };
            });
            assertThat(outcomes.stream().filter(Together.Outcome::succeeded)).hasSize(19);
            outcomes.stream()
                    .filter(one -> !one.succeeded())
                    .forEach(one -> StatusAssert.of(one.failure())
                            .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_LAST_ADMINISTRATOR));
        }
    }

    @Test
    void changesOnesOwnPasswordWithTheOldOne() {
        var person = MISSION.newPerson(UserRole.USER_ROLE_VIEWER, PASSWORD);
        StatusAssert.fails(() -> changePassword(as(person), "", OTHER, OTHER))
                .with(Code.PERMISSION_DENIED, ErrorReason.ERROR_REASON_OLD_PASSWORD_WRONG)
                .metadata("user_id", person.id());
        StatusAssert.fails(() -> changePassword(as(person), person.id(), "", OTHER))
                .with(Code.PERMISSION_DENIED, ErrorReason.ERROR_REASON_OLD_PASSWORD_WRONG);
        var access = login(person, PASSWORD).getAccessToken();

        var request = ChangePasswordRequest.newBuilder()
                .setOldPassword(PASSWORD)
                .setNewPassword(OTHER)
                .setRequestId(UUID.randomUUID().toString())
                .build();
        assertThat(as(person).changePassword(request).getUser().getUserId()).isEqualTo(person.id());
        // The old password is none any more, but the repeated call has its answer all the same.
        assertThat(as(person).changePassword(request).getReplayed()).isTrue();

        StatusAssert.fails(() -> login(person, PASSWORD))
                .with(Code.UNAUTHENTICATED, ErrorReason.ERROR_REASON_CREDENTIALS_WRONG);
        assertThat(login(person, OTHER).getUser().getEtag()).isEqualTo("2");
        assertThat(whoAmI(access)).isEqualTo(person.id());
        assertThat(whoAmI(person.token())).isEqualTo(person.id());
    }

    @Test
    void letsAdministratorsSetPasswords() {
        var person = MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER);
        // Whoever has got hold of a token does not make it a login.
        StatusAssert.fails(() -> changePassword(as(person), "", "", OTHER))
                .with(Code.PERMISSION_DENIED, ErrorReason.ERROR_REASON_OLD_PASSWORD_WRONG);
        changePassword(admin, person.id(), "", OTHER);
        assertThat(login(person, OTHER).getUser().getUserId()).isEqualTo(person.id());
        changePassword(admin, person.id(), "whatever", PASSWORD);
        assertThat(login(person, PASSWORD).getUser().getUserId()).isEqualTo(person.id());

        var administrator = MISSION.newPerson(UserRole.USER_ROLE_ADMIN);
        changePassword(as(administrator), "", "", PASSWORD);
        StatusAssert.fails(() -> changePassword(as(administrator), "", "", OTHER))
                .with(Code.PERMISSION_DENIED, ErrorReason.ERROR_REASON_OLD_PASSWORD_WRONG);
        assertThat(changePassword(as(administrator), "", PASSWORD, OTHER).getUserId())
                .isEqualTo(administrator.id());
    }

    @Test
    void changesAPasswordOnceOfManyTimesAtOnce() throws Exception {
        var person = MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER, PASSWORD);
        var outcomes =
                Together.call(10, number -> changePassword(as(person), "", PASSWORD, "new long password " + number));
        assertThat(outcomes.stream().filter(Together.Outcome::succeeded)).hasSize(1);
        for (int i = 0; i < outcomes.size(); i++) {
            if (outcomes.get(i).succeeded()) {
                assertThat(login(person, "new long password " + i).hasUser()).isTrue();
            } else {
                StatusAssert.of(outcomes.get(i).failure())
                        .with(Code.PERMISSION_DENIED, ErrorReason.ERROR_REASON_OLD_PASSWORD_WRONG);
            }
        }
    }

    @Test
    void accountsForChanges() throws SQLException {
        var person = MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER);
        update(admin, User.newBuilder().setUserId(person.id()).setRole(UserRole.USER_ROLE_VIEWER), "role");
        changePassword(admin, person.id(), "", PASSWORD);
        delete(admin, person.id());
        assertThat(strings("SELECT action FROM audit_log WHERE resource_type = 'user' AND resource_id = '" + person.id()
                        + "' ORDER BY audit_id"))
                .containsExactly("CreateUser", "UpdateUser", "ChangePassword", "DeleteUser");
        assertThat(strings("SELECT kind || ' ' || version FROM change_log WHERE resource_type = 'user'"
                        + " AND resource_id = '" + person.id() + "' ORDER BY seq"))
                .containsExactly("CREATED 1", "UPDATED 2", "UPDATED 3", "DELETED 4");
        assertThat(strings("SELECT coalesce(detail::text, '') FROM audit_log")).noneMatch(PASSWORD::contains);
    }

    private static UserServiceBlockingStub as(Person person) {
        return UserServiceGrpc.newBlockingStub(MISSION.with(person.token()));
    }

    private static User update(UserServiceBlockingStub users, User.Builder user, String... paths) {
        return users.updateUser(UpdateUserRequest.newBuilder()
                        .setUser(user)
                        .setUpdateMask(FieldMask.newBuilder().addAllPaths(List.of(paths)))
                        .build())
                .getUser();
    }

    private static User delete(UserServiceBlockingStub users, String userId) {
        return users.deleteUser(DeleteUserRequest.newBuilder().setUserId(userId).build())
                .getUser();
    }

    private static User changePassword(
            UserServiceBlockingStub users, String userId, String oldPassword, String newPassword) {
        return users.changePassword(ChangePasswordRequest.newBuilder()
                        .setUserId(userId)
                        .setOldPassword(oldPassword)
                        .setNewPassword(newPassword)
                        .build())
                .getUser();
    }

    private User get(Person person) {
        return admin.getUser(GetUserRequest.newBuilder().setUserId(person.id()).build())
                .getUser();
    }

    private static LoginResponse login(Person person, String password) {
        return AuthServiceGrpc.newBlockingStub(MISSION.anonymous())
                .login(LoginRequest.newBuilder()
                        .setUsername(person.user().getUsername())
                        .setPassword(password)
                        .build());
    }

    private static String whoAmI(String token) {
        return AuthServiceGrpc.newBlockingStub(MISSION.with(token))
                .whoAmI(WhoAmIRequest.getDefaultInstance())
                .getPrincipal()
                .getUserId();
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
