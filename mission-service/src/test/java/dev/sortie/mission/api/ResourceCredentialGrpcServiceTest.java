package dev.sortie.mission.api;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import dev.sortie.mission.MissionFixture;
import dev.sortie.mission.Secrecy;
import dev.sortie.mission.domain.CredentialKeys;
import dev.sortie.mission.domain.CredentialKeyset;
import dev.sortie.mission.v1.DeleteResourceCredentialRequest;
import dev.sortie.mission.v1.DeleteUserRequest;
import dev.sortie.mission.v1.GetResourceCredentialRequest;
import dev.sortie.mission.v1.ListResourceCredentialsRequest;
import dev.sortie.mission.v1.PutResourceCredentialRequest;
import dev.sortie.mission.v1.ResourceCredential;
import dev.sortie.mission.v1.ResourceCredentialServiceGrpc;
import dev.sortie.mission.v1.ResourceCredentialServiceGrpc.ResourceCredentialServiceBlockingStub;
import dev.sortie.mission.v1.RevealResourceCredentialRequest;
import dev.sortie.mission.v1.UserRole;
import dev.sortie.mission.v1.UserServiceGrpc;
import dev.sortie.runtime.testing.StatusAssert;
import dev.sortie.type.v1.ErrorReason;
import io.grpc.Status.Code;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.function.Function;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

class ResourceCredentialGrpcServiceTest {
    @AutoClose
    private static final MissionFixture MISSION = MissionFixture.start();

    private static final String SECRET = "hunter2-" + UUID.randomUUID();

    @Test
    void keepsAContentThatOnlyRevealTells() {
        var owner = MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER);
        var stub = stub(owner);
        var put = put(stub, "github", SECRET);
        assertThat(put.getUserId()).isEqualTo(owner.id());
        assertThat(put.getResourceId()).isEqualTo("github");
        assertThat(put.getEtag()).isEqualTo("1");
        assertThat(put.hasCreateTime()).isTrue();
        assertThat(get(stub, put.getResourceCredentialId())).isEqualTo(put);
        assertThat(stub.listResourceCredentials(ListResourceCredentialsRequest.getDefaultInstance())
                        .getResourceCredentialsList())
                .containsExactly(put);
        for (var channel : List.of(MISSION.admin(), MISSION.service())) {
            var revealed = ResourceCredentialServiceGrpc.newBlockingStub(channel)
                    .revealResourceCredential(byId(put.getResourceCredentialId()));
            assertThat(revealed.getResourceCredential()).isEqualTo(put);
            assertThat(revealed.getCredentials()).isEqualTo(content(SECRET));
        }
        Secrecy.assertAbsent(MISSION.database(), SECRET);
    }

    @Test
    void changesNothingWhenTheSameContentIsPutAgainAndTheVersionWhenAnotherIs() {
        var stub = stub(MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER));
        var first = put(stub, "github", "one");
        var before = changes(first);
        assertThat(put(stub, "github", "one")).isEqualTo(first);
        assertThat(changes(first)).isEqualTo(before);

        var second = put(stub, "github", "two");
        assertThat(second.getResourceCredentialId()).isEqualTo(first.getResourceCredentialId());
        assertThat(second.getEtag()).isEqualTo("2");
        assertThat(changes(first)).isEqualTo(before + 1);
        assertThat(reveal(second)).isEqualTo(content("two"));
        assertThat(MISSION.query("SELECT count(*) FROM idempotency_keys WHERE method LIKE '%PutResourceCredential'"))
                .isEqualTo("0");
    }

    @Test
    void comparesEtags() {
        var stub = stub(MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER));
        StatusAssert.fails(() -> stub.putResourceCredential(request("github", "one")
                        .setResourceCredential(ResourceCredential.newBuilder()
                                .setResourceId("github")
                                .setEtag("1"))
                        .build()))
                .with(Code.ABORTED, ErrorReason.ERROR_REASON_ETAG_MISMATCH);
        var put = put(stub, "github", "one");
        StatusAssert.fails(() -> stub.putResourceCredential(request("github", "two")
                        .setResourceCredential(ResourceCredential.newBuilder()
                                .setResourceId("github")
                                .setEtag("7"))
                        .build()))
                .with(Code.ABORTED, ErrorReason.ERROR_REASON_ETAG_MISMATCH)
                .metadata("etag", "1");
        StatusAssert.fails(() -> stub.deleteResourceCredential(DeleteResourceCredentialRequest.newBuilder()
                        .setResourceCredentialId(put.getResourceCredentialId())
                        .setEtag("7")
                        .build()))
                .with(Code.ABORTED, ErrorReason.ERROR_REASON_ETAG_MISMATCH);
        assertThat(reveal(put)).isEqualTo(content("one"));
    }

    @Test
    void letsOwnersAndAdministratorsAtWhatTheyOwnAndNobodyElse() {
        var owner = MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER);
        var put = put(stub(owner), "github", SECRET);
        var other = stub(MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER));
        List<Function<ResourceCredentialServiceBlockingStub, Object>> calls = List.of(
                stub -> get(stub, put.getResourceCredentialId()),
                stub -> stub.listResourceCredentials(ListResourceCredentialsRequest.newBuilder()
                        .setUserId(owner.id())
                        .build()),
                stub -> stub.putResourceCredential(request("github", "x")
                        .setResourceCredential(ResourceCredential.newBuilder()
                                .setUserId(owner.id())
                                .setResourceId("github"))
                        .build()),
                stub -> stub.deleteResourceCredential(DeleteResourceCredentialRequest.newBuilder()
                        .setResourceCredentialId(put.getResourceCredentialId())
                        .build()));
        for (var call : calls) {
            StatusAssert.fails(() -> call.apply(other))
                    .with(Code.PERMISSION_DENIED, ErrorReason.ERROR_REASON_NOT_OWNER);
        }
        for (var person : List.of(other, stub(owner))) {
            StatusAssert.fails(() -> person.revealResourceCredential(byId(put.getResourceCredentialId())))
                    .with(Code.PERMISSION_DENIED, ErrorReason.ERROR_REASON_ROLE_INSUFFICIENT)
                    .metadata("required", "ADMIN");
        }
        var admin = ResourceCredentialServiceGrpc.newBlockingStub(MISSION.admin());
        calls.forEach(call -> call.apply(admin));
        StatusAssert.fails(() -> get(admin, put.getResourceCredentialId()))
                .with(Code.NOT_FOUND, ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND);
    }

    @Test
    void writesDownWhoHasSeenWhatAndTellsNothingWhenItCannot() {
        var put = put(stub(MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER)), "github", SECRET);
        var rows = "SELECT count(*) FROM audit_log WHERE action = 'RevealResourceCredential' AND resource_id = '"
                + put.getResourceCredentialId() + "'";
        reveal(put);
        assertThat(MISSION.query(rows)).isEqualTo("1");
        assertThat(MISSION.query("SELECT detail ->> 'resource_id' FROM audit_log WHERE resource_id = '"
                        + put.getResourceCredentialId() + "' AND action = 'RevealResourceCredential'"))
                .isEqualTo("github");

        MISSION.database()
                .execute(
                        """
                        CREATE FUNCTION no_audit() RETURNS trigger LANGUAGE plpgsql AS
                        $$ BEGIN
                             IF NEW.resource_id = '%s' THEN RAISE EXCEPTION 'the audit log is full'; END IF;
                             RETURN NEW;
                           END $$
                        """.formatted(put.getResourceCredentialId()),
                        "CREATE TRIGGER no_audit BEFORE INSERT ON audit_log FOR EACH ROW EXECUTE FUNCTION no_audit()");
        try {
            StatusAssert.fails(() -> reveal(put)).with(Code.INTERNAL, ErrorReason.ERROR_REASON_INTERNAL);
            assertThat(MISSION.query(rows)).isEqualTo("1");
        } finally {
            MISSION.database().execute("DROP TRIGGER no_audit ON audit_log", "DROP FUNCTION no_audit");
        }
        assertThat(reveal(put)).isEqualTo(content(SECRET));
        assertThat(MISSION.query(rows)).isEqualTo("2");
    }

    @Test
    void deletesOnceAndRepeatsTheAnswer() {
        var stub = stub(MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER));
        var put = put(stub, "github", SECRET);
        var request = DeleteResourceCredentialRequest.newBuilder()
                .setResourceCredentialId(put.getResourceCredentialId())
                .setRequestId(UUID.randomUUID().toString())
                .build();
        assertThat(stub.deleteResourceCredential(request).getResourceCredential())
                .isEqualTo(put);
        assertThat(stub.deleteResourceCredential(request).getReplayed()).isTrue();
        StatusAssert.fails(() -> reveal(put)).with(Code.NOT_FOUND, ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND);
        assertThat(put(stub, "github", SECRET).getResourceCredentialId()).isNotEqualTo(put.getResourceCredentialId());
    }

    @Test
    void listsByResourceInPages() {
        var stub = stub(MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER));
        for (var resource : List.of("c", "a", "e", "b", "d")) {
            put(stub, resource, resource);
        }
        var seen = new ArrayList<String>();
        var token = "";
        do {
            var page = stub.listResourceCredentials(ListResourceCredentialsRequest.newBuilder()
                    .setPageSize(2)
                    .setPageToken(token)
                    .build());
            page.getResourceCredentialsList().forEach(one -> seen.add(one.getResourceId()));
            token = page.getNextPageToken();
        } while (!token.isEmpty());
        assertThat(seen).containsExactly("a", "b", "c", "d", "e");
    }

    @Test
    void makesOneRowHoweverManyPutAtOnce() throws Exception {
        var owner = MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER);
        var stub = stub(owner);
        var outcomes = Together.call(50, i -> put(stub, "github", "value-" + i));
        assertThat(outcomes).allMatch(Together.Outcome::succeeded);
        assertThat(outcomes)
                .extracting(outcome -> outcome.answer().getResourceCredentialId())
                .containsOnly(outcomes.getFirst().answer().getResourceCredentialId());
        assertThat(outcomes).extracting(outcome -> outcome.answer().getEtag()).doesNotHaveDuplicates();
        var last = outcomes.stream()
                .filter(outcome -> outcome.answer().getEtag().equals("50"))
                .findFirst()
                .orElseThrow();
        var stored = reveal(last.answer()).getFieldsOrThrow("token").getStringValue();
        assertThat(stored).isEqualTo("value-" + outcomes.indexOf(last));
    }

    @Test
    void letsAUserHaveAThousand() {
        var owner = MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER);
        var stub = stub(owner);
        var first = put(stub, "first", SECRET);
        MISSION.database().execute("""
                INSERT INTO resource_credentials (resource_credential_id, user_id, resource_id, credentials, key_id,
                                                  created_at, updated_at)
                SELECT gen_random_uuid(), user_id, 'more-' || n, credentials, key_id, created_at, updated_at
                FROM resource_credentials, generate_series(1, 999) AS n
                WHERE resource_credential_id = '%s'
                """.formatted(first.getResourceCredentialId()));
        StatusAssert.fails(() -> put(stub, "one-too-many", SECRET))
                .with(Code.FAILED_PRECONDITION, dev.sortie.mission.v1.ErrorReason.ERROR_REASON_TOO_MANY_CHILDREN)
                .metadata("limit", "1000");
        assertThat(put(stub, "first", "other").getEtag()).isEqualTo("2");
    }

    @Test
    void saysThatItCannotBeReadWhenItWasMovedOrItsKeyIsGone() {
        var stub = stub(MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER));
        var one = put(stub, "one", SECRET);
        var other = put(stub, "other", "another");
        MISSION.database().execute("""
                UPDATE resource_credentials o SET credentials = s.credentials FROM resource_credentials s
                WHERE o.resource_credential_id = '%s' AND s.resource_credential_id = '%s'
                """.formatted(other.getResourceCredentialId(), one.getResourceCredentialId()));
        StatusAssert.fails(() -> reveal(other))
                .with(Code.FAILED_PRECONDITION, dev.sortie.mission.v1.ErrorReason.ERROR_REASON_CREDENTIAL_UNREADABLE)
                .metadata("resource_credential_id", other.getResourceCredentialId())
                .metadata("key", "PRESENT");
        // Whoever has it puts it anew.
        put(stub, "other", "another");
        assertThat(reveal(other)).isEqualTo(content("another"));

        MISSION.database()
                .execute(
                        "INSERT INTO credential_keys (key_id, created_at, updated_at) VALUES (7, now(), now())",
                        "UPDATE resource_credentials SET key_id = 7, credentials = set_byte(credentials, 1, 0)"
                                + " WHERE resource_credential_id = '" + other.getResourceCredentialId() + "'");
        StatusAssert.fails(() -> reveal(other))
                .with(Code.FAILED_PRECONDITION, dev.sortie.mission.v1.ErrorReason.ERROR_REASON_CREDENTIAL_UNREADABLE)
                .metadata("key_id", "7")
                .metadata("key", "ABSENT");
    }

    @Test
    void refusesToEncryptWithAKeyThatIsOutOfService() {
        try (var mission = MissionFixture.start(settings ->
                settings.withCredentialKeys(new CredentialKeys.Source(CredentialKeyset.generate(), null)))) {
            var stub = ResourceCredentialServiceGrpc.newBlockingStub(mission.developer());
            var put = put(stub, "github", SECRET);
            mission.database().execute("UPDATE credential_keys SET retired_at = now()");
            StatusAssert.fails(() -> put(stub, "gitlab", SECRET))
                    .with(Code.FAILED_PRECONDITION, dev.sortie.mission.v1.ErrorReason.ERROR_REASON_NO_CREDENTIAL_KEY)
                    .metadata("state", "RETIRED");
            assertThat(ResourceCredentialServiceGrpc.newBlockingStub(mission.admin())
                            .revealResourceCredential(byId(put.getResourceCredentialId()))
                            .getCredentials())
                    .isEqualTo(content(SECRET));
        }
    }

    @Test
    void saysWhatToConfigureWhereThereAreNoKeys() {
        try (var mission = MissionFixture.start(settings -> settings.withCredentialKeys(CredentialKeys.Source.NONE))) {
            var stub = ResourceCredentialServiceGrpc.newBlockingStub(mission.developer());
            StatusAssert.fails(() -> put(stub, "github", SECRET))
                    .with(Code.FAILED_PRECONDITION, dev.sortie.mission.v1.ErrorReason.ERROR_REASON_NO_CREDENTIAL_KEY)
                    .metadata("state", "MISSING")
                    .message("SORTIE_CREDENTIAL_KEYS_FILE");
            var user = mission.person(UserRole.USER_ROLE_DEVELOPER).id();
            mission.database()
                    .execute(
                            "INSERT INTO credential_keys (key_id, created_at, updated_at) VALUES (1, now(), now())",
                            """
                    INSERT INTO resource_credentials (resource_credential_id, user_id, resource_id, credentials, key_id,
                                                      created_at, updated_at)
                    VALUES ('%s', '%s', 'github', decode(repeat('00', 40), 'hex'), 1, now(), now())
                    """.formatted(user, user));
            StatusAssert.fails(() -> ResourceCredentialServiceGrpc.newBlockingStub(mission.admin())
                            .revealResourceCredential(byId(user)))
                    .with(Code.FAILED_PRECONDITION, dev.sortie.mission.v1.ErrorReason.ERROR_REASON_NO_CREDENTIAL_KEY);
            assertThat(get(stub, user).getResourceId()).isEqualTo("github");
        }
    }

    @Test
    void goesWithItsUser() {
        var owner = MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER);
        var put = put(stub(owner), "github", SECRET);
        UserServiceGrpc.newBlockingStub(MISSION.admin())
                .deleteUser(DeleteUserRequest.newBuilder().setUserId(owner.id()).build());
        assertThat(MISSION.query("SELECT count(*) FROM resource_credentials WHERE user_id = '" + owner.id() + "'"))
                .isEqualTo("0");
        assertThat(MISSION.query("SELECT string_agg(kind, ',' ORDER BY version, kind) FROM change_log"
                        + " WHERE resource_id = '" + put.getResourceCredentialId() + "'"))
                .isEqualTo("CREATED,DELETED");
    }

    @Test
    void refusesWhatIsMalformedAndShowsNothingOfIt() {
        var stub = ResourceCredentialServiceGrpc.newBlockingStub(MISSION.developer());
        var huge = StatusAssert.fails(() -> put(stub, "github", SECRET.repeat(1_000)))
                .with(Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("credentials");
        assertThat(huge.status().toString()).doesNotContain(SECRET);
        var noJson = StatusAssert.fails(() -> put(stub, "github", SECRET + "\0"))
                .with(Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID);
        assertThat(noJson.status().toString()).doesNotContain(SECRET);
        StatusAssert.fails(() -> put(stub, "no spaces", SECRET))
                .with(Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("resource_credential.resource_id");
        StatusAssert.fails(() -> stub.putResourceCredential(PutResourceCredentialRequest.newBuilder()
                        .setResourceCredential(ResourceCredential.newBuilder().setResourceId("github"))
                        .build()))
                .with(Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("credentials");
        var nobody = UUID.randomUUID().toString();
        StatusAssert.fails(() -> ResourceCredentialServiceGrpc.newBlockingStub(MISSION.admin())
                        .putResourceCredential(request("github", SECRET)
                                .setResourceCredential(ResourceCredential.newBuilder()
                                        .setUserId(nobody)
                                        .setResourceId("github"))
                                .build()))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_REFERENCE_NOT_FOUND)
                .metadata("id", nobody);
        var unasked = StatusAssert.fails(
                        () -> stub.revealResourceCredential(RevealResourceCredentialRequest.getDefaultInstance()))
                .with(Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID);
        assertThat(unasked.status().getMessage()).isNotEmpty();
        StatusAssert.fails(() -> stub.revealResourceCredential(RevealResourceCredentialRequest.newBuilder()
                        .setHandle("sortie_handle_none")
                        .build()))
                .with(
                        Code.FAILED_PRECONDITION,
                        dev.sortie.mission.v1.ErrorReason.ERROR_REASON_CREDENTIAL_HANDLE_INVALID);
        Secrecy.assertAbsent(MISSION.database(), SECRET);
    }

    private static ResourceCredentialServiceBlockingStub stub(MissionFixture.Person person) {
        return ResourceCredentialServiceGrpc.newBlockingStub(MISSION.with(person.token()));
    }

    private static ResourceCredential put(
            ResourceCredentialServiceBlockingStub stub, String resourceId, String secret) {
        return stub.putResourceCredential(request(resourceId, secret).build()).getResourceCredential();
    }

    private static PutResourceCredentialRequest.Builder request(String resourceId, String secret) {
        return PutResourceCredentialRequest.newBuilder()
                .setResourceCredential(ResourceCredential.newBuilder().setResourceId(resourceId))
                .setCredentials(content(secret));
    }

    private static Struct content(String secret) {
        return Struct.newBuilder()
                .putFields("user", Value.newBuilder().setStringValue("ada").build())
                .putFields("token", Value.newBuilder().setStringValue(secret).build())
                .build();
    }

    private static ResourceCredential get(ResourceCredentialServiceBlockingStub stub, String id) {
        return stub.getResourceCredential(GetResourceCredentialRequest.newBuilder()
                        .setResourceCredentialId(id)
                        .build())
                .getResourceCredential();
    }

    private static Struct reveal(ResourceCredential credential) {
        return ResourceCredentialServiceGrpc.newBlockingStub(MISSION.admin())
                .revealResourceCredential(byId(credential.getResourceCredentialId()))
                .getCredentials();
    }

    private static RevealResourceCredentialRequest byId(String id) {
        return RevealResourceCredentialRequest.newBuilder()
                .setResourceCredentialId(id)
                .build();
    }

    private static int changes(ResourceCredential credential) {
        return Integer.parseInt(MISSION.query("SELECT count(*) FROM change_log WHERE resource_type ="
                + " 'resource_credential' AND resource_id = '" + credential.getResourceCredentialId() + "'"));
    }
}
