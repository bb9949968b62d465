package dev.sortie.mission.api;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.mission.MissionFixture;
import dev.sortie.mission.v1.AuthServiceGrpc;
import dev.sortie.mission.v1.AuthServiceGrpc.AuthServiceBlockingStub;
import dev.sortie.mission.v1.CreateApiTokenRequest;
import dev.sortie.mission.v1.ListApiTokensRequest;
import dev.sortie.mission.v1.ListMissionsRequest;
import dev.sortie.mission.v1.MissionServiceGrpc;
import dev.sortie.mission.v1.ResourceCredentialServiceGrpc;
import dev.sortie.mission.v1.RevealResourceCredentialRequest;
import dev.sortie.mission.v1.UserRole;
import dev.sortie.mission.v1.WhoAmIRequest;
import dev.sortie.runtime.testing.StatusAssert;
import dev.sortie.type.v1.ErrorReason;
import dev.sortie.type.v1.Scope;
import io.grpc.Status.Code;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** API tokens that are limited: how they are made and shown. AuthorizationTest has what each can call. */
class TokenScopeTest {
    @AutoClose
    private static final MissionFixture MISSION = MissionFixture.start();

    @Test
    void showsWhatATokenIsLimitedTo() {
        var person = MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER);
        var created = stub(person.token())
                .createApiToken(CreateApiTokenRequest.newBuilder()
                        .setDisplayName("worker")
                        .addScopes(Scope.SCOPE_WORK)
                        .addScopes(Scope.SCOPE_MISSION_READ)
                        .build());
        assertThat(created.getApiToken().getScopesList()).containsExactly(Scope.SCOPE_MISSION_READ, Scope.SCOPE_WORK);
        var limited = stub(created.getSecret());
        assertThat(limited.whoAmI(WhoAmIRequest.getDefaultInstance())
                        .getPrincipal()
                        .getScopesList())
                .containsExactly(Scope.SCOPE_MISSION_READ, Scope.SCOPE_WORK);
        assertThat(stub(person.token())
                        .whoAmI(WhoAmIRequest.getDefaultInstance())
                        .getPrincipal()
                        .getScopesList())
                .isEmpty();
        assertThat(stub(person.token())
                        .listApiTokens(ListApiTokensRequest.getDefaultInstance())
                        .getApiTokensList())
                .contains(created.getApiToken());
        assertThat(MissionServiceGrpc.newBlockingStub(MISSION.with(created.getSecret()))
                        .listMissions(ListMissionsRequest.getDefaultInstance())
                        .getMissionsList())
                .isEmpty();
        StatusAssert.fails(() -> limited.listApiTokens(ListApiTokensRequest.getDefaultInstance()))
                .with(Code.PERMISSION_DENIED, ErrorReason.ERROR_REASON_SCOPE_INSUFFICIENT)
                .metadata("required", "ACCOUNT")
                .metadata("scopes", "MISSION_READ,WORK");
    }

    @Test
    void givesNobodyMoreThanTheyHave() {
        var person = MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER);
        var limited = stub(MISSION.newToken(person.id(), Scope.SCOPE_ACCOUNT, Scope.SCOPE_WORK));
        StatusAssert.fails(() -> create(limited, Scope.SCOPE_WORK, Scope.SCOPE_MISSION_WRITE))
                .with(Code.PERMISSION_DENIED, ErrorReason.ERROR_REASON_SCOPE_INSUFFICIENT)
                .metadata("required", "MISSION_WRITE");
        assertThat(create(limited, Scope.SCOPE_WORK)).containsExactly(Scope.SCOPE_WORK);
        assertThat(create(limited)).containsExactly(Scope.SCOPE_ACCOUNT, Scope.SCOPE_WORK);
        assertThat(create(stub(person.token()))).isEmpty();
    }

    @Test
    void refusesScopesThatAreNone() {
        var stub = stub(MISSION.person(UserRole.USER_ROLE_DEVELOPER).token());
        for (var scopes : List.of(
                List.of(Scope.SCOPE_UNSPECIFIED),
                List.of(Scope.SCOPE_ANY),
                List.of(Scope.SCOPE_WORK, Scope.SCOPE_WORK))) {
            StatusAssert.fails(() -> create(stub, scopes.toArray(Scope[]::new)))
                    .with(Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID);
        }
        StatusAssert.fails(() -> stub.createApiToken(CreateApiTokenRequest.newBuilder()
                        .setDisplayName("unknown")
                        .addScopesValue(999)
                        .build()))
                .with(Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID);
    }

    @Test
    void letsAWorkerRedeemHandlesAndRevealNothingById() {
        var admin = MISSION.query("SELECT user_id FROM users WHERE username = 'admin'");
        var worker =
                ResourceCredentialServiceGrpc.newBlockingStub(MISSION.with(MISSION.newToken(admin, Scope.SCOPE_WORK)));
        StatusAssert.fails(() -> worker.revealResourceCredential(RevealResourceCredentialRequest.newBuilder()
                        .setResourceCredentialId(UUID.randomUUID().toString())
                        .build()))
                .with(Code.PERMISSION_DENIED, ErrorReason.ERROR_REASON_SCOPE_INSUFFICIENT)
                .metadata("required", "ACCOUNT");
        StatusAssert.fails(() -> worker.revealResourceCredential(RevealResourceCredentialRequest.newBuilder()
                        .setHandle("sortie_handle_unknown")
                        .build()))
                .with(
                        Code.FAILED_PRECONDITION,
                        dev.sortie.mission.v1.ErrorReason.ERROR_REASON_CREDENTIAL_HANDLE_INVALID);
    }

    private static AuthServiceBlockingStub stub(String token) {
        return AuthServiceGrpc.newBlockingStub(MISSION.with(token));
    }

    private static List<Scope> create(AuthServiceBlockingStub stub, Scope... scopes) {
        return stub.createApiToken(CreateApiTokenRequest.newBuilder()
                        .setDisplayName("test")
                        .addAllScopes(List.of(scopes))
                        .build())
                .getApiToken()
                .getScopesList();
    }
}
