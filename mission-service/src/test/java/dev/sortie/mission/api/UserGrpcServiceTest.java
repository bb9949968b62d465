package dev.sortie.mission.api;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import dev.sortie.mission.MissionFixture;
import dev.sortie.mission.v1.AuthServiceGrpc;
import dev.sortie.mission.v1.CreateUserRequest;
import dev.sortie.mission.v1.CreateUserResponse;
import dev.sortie.mission.v1.ErrorReason;
import dev.sortie.mission.v1.GetUserRequest;
import dev.sortie.mission.v1.ListUsersRequest;
import dev.sortie.mission.v1.LoginRequest;
import dev.sortie.mission.v1.User;
import dev.sortie.mission.v1.UserKind;
import dev.sortie.mission.v1.UserRole;
import dev.sortie.mission.v1.UserServiceGrpc;
import dev.sortie.mission.v1.UserServiceGrpc.UserServiceBlockingStub;
import dev.sortie.runtime.testing.StatusAssert;
import io.grpc.Status;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

class UserGrpcServiceTest {
    private static final String PASSWORD = "correct horse battery";

    @AutoClose
    private static final MissionFixture MISSION = MissionFixture.start();

    private final UserServiceBlockingStub users = UserServiceGrpc.newBlockingStub(MISSION.admin());

    @Test
    void createsAUserAndReadsItBack() {
        var created = users.createUser(CreateUserRequest.newBuilder()
                        .setUser(user("ada").toBuilder()
                                .setFullName("Ada Lovelace")
                                .setSettings(Struct.newBuilder()
                                        .putFields(
                                                "lines",
                                                Value.newBuilder()
                                                        .setNumberValue(25)
                                                        .build())))
                        .setPassword(PASSWORD)
                        .build())
                .getUser();
        assertThat(created.getUsername()).isEqualTo("ada");
        assertThat(created.getFullName()).isEqualTo("Ada Lovelace");
        assertThat(created.getRole()).isEqualTo(UserRole.USER_ROLE_DEVELOPER);
        assertThat(created.getKind()).isEqualTo(UserKind.USER_KIND_HUMAN);
        assertThat(created.getActive()).isTrue();
        assertThat(created.getVerified()).isFalse();
        assertThat(created.hasLastLoginTime()).isFalse();
        assertThat(created.getSettings().getFieldsOrThrow("lines").getNumberValue())
                .isEqualTo(25);
        assertThat(created.getEtag()).isEqualTo("1");
        assertThat(get(created.getUserId())).isEqualTo(created);
    }

    @Test
    void takesAUsernameOnce() {
        create("grace");
        StatusAssert.fails(() -> users.createUser(CreateUserRequest.newBuilder()
                        .setUser(user("grace").toBuilder().setEmail("other@example.com"))
                        .build()))
                .with(Status.Code.ALREADY_EXISTS, ErrorReason.ERROR_REASON_USERNAME_TAKEN)
                .metadata("username", "grace");
    }

    @Test
    void takesAnEmailAddressOnceWhateverItsCase() {
        create("alan");
        StatusAssert.fails(() -> users.createUser(CreateUserRequest.newBuilder()
                        .setUser(user("alan2").toBuilder().setEmail("ALAN@example.com"))
                        .build()))
                .with(Status.Code.ALREADY_EXISTS, ErrorReason.ERROR_REASON_EMAIL_TAKEN);
    }

    @Test
    void refusesWhatTheContractDoesNotAllow() {
        StatusAssert.fails(() -> users.createUser(CreateUserRequest.getDefaultInstance()))
                .with(Status.Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("user");
        StatusAssert.fails(() -> users.createUser(CreateUserRequest.newBuilder()
                        .setUser(User.newBuilder().setFullName("Nobody"))
                        .build()))
                .with(Status.Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("user.username")
                .field("user.email")
                .field("user.role");
        StatusAssert.fails(() -> users.createUser(CreateUserRequest.newBuilder()
                        .setUser(User.newBuilder()
                                .setUsername("Upper Case")
                                .setEmail("no address")
                                .setRoleValue(99)
                                .setFullName("x".repeat(256)))
                        .setPassword("too short")
                        .build()))
                .with(Status.Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("user.username")
                .field("user.email")
                .field("user.role")
                .field("user.full_name")
                .field("password")
                .metadata("field_count", 5);
    }

    @Test
    void ignoresWhatOnlyTheServerSets() {
        var created = users.createUser(CreateUserRequest.newBuilder()
                        .setUser(user("kurt").toBuilder()
                                .setUserId(UUID.randomUUID().toString())
                                .setKind(UserKind.USER_KIND_SERVICE)
                                .setVerified(true)
                                .setEtag("7"))
                        .build())
                .getUser();
        assertThat(created.getKind()).isEqualTo(UserKind.USER_KIND_HUMAN);
        assertThat(created.getVerified()).isFalse();
        assertThat(created.getEtag()).isEqualTo("1");
    }

    @Test
    void saysThatAUserDoesNotExist() {
        var id = UUID.randomUUID().toString();
        StatusAssert.fails(() -> get(id))
                .with(Status.Code.NOT_FOUND, dev.sortie.type.v1.ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND)
                .metadata("resource", "user")
                .metadata("id", id);
        StatusAssert.fails(() -> get("no-uuid"))
                .with(Status.Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("user_id");
    }

    @Test
    void makesOneUserOfTheSameRequestFiftyTimesAtOnce() throws Exception {
        var request = CreateUserRequest.newBuilder()
                .setUser(user("fifty"))
                .setRequestId(UUID.randomUUID().toString())
                .build();
        int callers = 50;
        var together = new CountDownLatch(callers);
        var answers = new HashSet<CreateUserResponse>();
        try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            var calls = new ArrayList<Future<CreateUserResponse>>();
            for (int i = 0; i < callers; i++) {
                Callable<CreateUserResponse> call = () -> {
                    together.countDown();
                    together.await();
                    return users.createUser(request);
                };
                calls.add(threads.submit(call));
            }
            int first = 0;
            for (var call : calls) {
                first += call.get().getReplayed() ? 0 : 1;
                answers.add(call.get().toBuilder().clearReplayed().build());
            }
            assertThat(first).isEqualTo(1);
        }
        assertThat(answers).hasSize(1);
        StatusAssert.fails(() -> users.createUser(
                        request.toBuilder().setUser(user("fifty-one")).build()))
                .with(Status.Code.ALREADY_EXISTS, dev.sortie.type.v1.ErrorReason.ERROR_REASON_REQUEST_ID_REUSED);
    }

    @Test
    void keepsNoFastHashOfAPassword() throws SQLException {
        var request = CreateUserRequest.newBuilder()
                .setUser(user("edsger"))
                .setPassword(PASSWORD)
                .setRequestId(UUID.randomUUID().toString())
                .build();
        users.createUser(request);
        var other = users.createUser(
                request.toBuilder().setPassword("another long password").build());
        assertThat(other.getReplayed()).isTrue();
        var auth = AuthServiceGrpc.newBlockingStub(MISSION.anonymous());
        assertThat(auth.login(LoginRequest.newBuilder()
                                .setUsername("edsger")
                                .setPassword(PASSWORD)
                                .build())
                        .getUser()
                        .getUsername())
                .isEqualTo("edsger");
        assertThat(everythingStoredAsText()).contains("edsger").doesNotContain(PASSWORD, "another long password");
    }

    @Test
    void listsUsersByNamePageByPage() {
        for (var name : new String[] {"list-c", "list-a", "list-b"}) {
            create(name);
        }
        var seen = new ArrayList<String>();
        var request = ListUsersRequest.newBuilder()
                .setPageSize(2)
                .setRole(UserRole.USER_ROLE_DEVELOPER)
                .build();
        do {
            var page = users.listUsers(request);
            page.getUsersList().forEach(user -> {
                assertThat(user.getRole()).isEqualTo(UserRole.USER_ROLE_DEVELOPER);
                seen.add(user.getUsername());
            });
            request = request.toBuilder().setPageToken(page.getNextPageToken()).build();
        } while (!request.getPageToken().isEmpty());
        assertThat(seen).isSorted().doesNotHaveDuplicates().contains("list-a", "list-b", "list-c");
        assertThat(users.listUsers(ListUsersRequest.getDefaultInstance()).getUsersList())
                .extracting(User::getUsername)
                .contains("admin", "agent-service", "knowledge-service", "mission-service");
    }

    @Test
    void bindsAPageTokenToItsFilter() {
        create("bound-a");
        create("bound-b");
        var first = users.listUsers(ListUsersRequest.newBuilder().setPageSize(1).build());
        StatusAssert.fails(() -> users.listUsers(ListUsersRequest.newBuilder()
                        .setPageToken(first.getNextPageToken())
                        .setRole(UserRole.USER_ROLE_VIEWER)
                        .build()))
                .with(Status.Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_PAGE_TOKEN_INVALID);
    }

    private static String everythingStoredAsText() throws SQLException {
        var text = new StringBuilder();
        try (var connection = MISSION.database().connectAsOwner();
                var statement = connection.createStatement();
                var rows = statement.executeQuery("""
                        SELECT u::text FROM users u
                        UNION ALL SELECT encode(response, 'escape') FROM idempotency_keys
                        UNION ALL SELECT c::text FROM change_log c
                        UNION ALL SELECT a::text FROM audit_log a
                        """)) {
            while (rows.next()) {
                text.append(rows.getString(1)).append('\n');
            }
        }
        return text.toString();
    }

    private User create(String username) {
        return users.createUser(
                        CreateUserRequest.newBuilder().setUser(user(username)).build())
                .getUser();
    }

    private User get(String userId) {
        return users.getUser(GetUserRequest.newBuilder().setUserId(userId).build())
                .getUser();
    }

    private static User user(String username) {
        return User.newBuilder()
                .setUsername(username)
                .setEmail(username + "@example.com")
                .setRole(UserRole.USER_ROLE_DEVELOPER)
                .build();
    }
}
