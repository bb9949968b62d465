package dev.sortie.mission.domain;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sortie.mission.MissionConfig;
import dev.sortie.mission.MissionFixture;
import dev.sortie.mission.MissionServer;
import dev.sortie.mission.domain.Bootstrap.ServiceAccount;
import dev.sortie.mission.v1.AuthServiceGrpc;
import dev.sortie.mission.v1.ListApiTokensRequest;
import dev.sortie.mission.v1.Principal;
import dev.sortie.mission.v1.RevokeApiTokenRequest;
import dev.sortie.mission.v1.UserKind;
import dev.sortie.mission.v1.UserRole;
import dev.sortie.mission.v1.WhoAmIRequest;
import dev.sortie.runtime.identity.ApiTokens;
import dev.sortie.runtime.testing.RunningServer;
import dev.sortie.runtime.testing.StatusAssert;
import dev.sortie.runtime.testing.TestDatabase;
import dev.sortie.type.v1.ErrorReason;
import io.grpc.Status;
import java.security.SecureRandom;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class BootstrapTest {
    private static final SecureRandom RANDOM = new SecureRandom();

    private final TestDatabase database = MissionFixture.newDatabase();
    private final String adminToken = ApiTokens.generate(RANDOM);
    private final String agentToken = ApiTokens.generate(RANDOM);

    @AfterEach
    void dropDatabase() {
        database.close();
    }

    @Test
    void makesTheAccountsOfTheConfiguration() {
        try (var server = start(List.of(agent(agentToken)), adminToken)) {
            var admin = whoIs(server, adminToken);
            assertThat(admin.getUsername()).isEqualTo("admin");
            assertThat(admin.getRole()).isEqualTo(UserRole.USER_ROLE_ADMIN);
            assertThat(admin.getKind()).isEqualTo(UserKind.USER_KIND_HUMAN);
            var service = whoIs(server, agentToken);
            assertThat(service.getUsername()).isEqualTo("agent-service");
            assertThat(service.getKind()).isEqualTo(UserKind.USER_KIND_SERVICE);
        }
    }

    @Test
    void changesNothingAtTheNextStart() throws SQLException {
        start(List.of(agent(agentToken)), adminToken).close();
        var before = contents();
        start(List.of(agent(agentToken)), adminToken).close();
        assertThat(contents()).isEqualTo(before);
    }

    @Test
    void leavesAdministratorsAloneWithoutAToken() throws SQLException {
        start(List.of(agent(agentToken)), null).close();
        assertThat(contents()).noneMatch(row -> row.contains("(admin,"));
    }

    @Test
    void changesTheTokenOfAServiceInTwoSteps() {
        var newToken = ApiTokens.generate(RANDOM);
        start(List.of(agent(agentToken)), null).close();
        try (var server = start(List.of(agent(newToken), agent(agentToken)), null)) {
            assertThat(whoIs(server, agentToken).getUserId())
                    .isEqualTo(whoIs(server, newToken).getUserId());
        }
        try (var server = start(List.of(agent(newToken)), null)) {
            assertThat(whoIs(server, newToken).getUsername()).isEqualTo("agent-service");
            StatusAssert.fails(() -> whoIs(server, agentToken))
                    .with(Status.Code.UNAUTHENTICATED, ErrorReason.ERROR_REASON_TOKEN_INVALID);
        }
    }

    @Test
    void doesNotBringARevokedTokenBack() {
        try (var server = start(List.of(agent(agentToken)), adminToken)) {
            var running = RunningServer.of(server.runtime());
            var auth = AuthServiceGrpc.newBlockingStub(running.channel(adminToken));
            var own = auth.listApiTokens(ListApiTokensRequest.getDefaultInstance())
                    .getApiTokens(0)
                    .getApiTokenId();
            auth.revokeApiToken(
                    RevokeApiTokenRequest.newBuilder().setApiTokenId(own).build());
        }
        try (var server = start(List.of(agent(agentToken)), adminToken)) {
            StatusAssert.fails(() -> whoIs(server, adminToken))
                    .with(Status.Code.UNAUTHENTICATED, ErrorReason.ERROR_REASON_TOKEN_INVALID);
            assertThat(whoIs(server, agentToken).getUsername()).isEqualTo("agent-service");
        }
    }

    @Test
    void makesOneAccountWhenReplicasStartAtOnce() throws Exception {
        var servers = new ArrayList<MissionServer>();
        try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            var starts = new ArrayList<Future<MissionServer>>();
            for (int i = 0; i < 4; i++) {
                starts.add(threads.submit(() -> start(List.of(agent(agentToken)), adminToken)));
            }
            for (var start : starts) {
                servers.add(start.get());
            }
        }
        servers.forEach(MissionServer::close);
        assertThat(contents().stream().filter(row -> row.startsWith("user"))).hasSize(2);
        assertThat(contents().stream().filter(row -> row.startsWith("token"))).hasSize(2);
    }

    @Test
    void refusesToStartWhenAServiceBearsTheNameOfAPerson() {
        assertThatThrownBy(() -> {
                    start(List.of(), adminToken).close();
                    start(List.of(new ServiceAccount("admin", agentToken)), null)
                            .close();
                })
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("admin")
                .hasMessageNotContaining(agentToken);
    }

    private MissionServer start(List<ServiceAccount> services, String administrator) {
        return MissionServer.start(
                MissionConfig.local(database.runtimeUrl(), SigningKeys.parse(MissionFixture.SIGNING_KEY))
                        .withAccounts(services, administrator));
    }

    private static ServiceAccount agent(String token) {
        return new ServiceAccount("agent-service", token);
    }

    private static Principal whoIs(MissionServer server, String token) {
        var channel = io.grpc.ManagedChannelBuilder.forTarget(server.address())
                .usePlaintext()
                .build();
        try {
            var headers = new io.grpc.Metadata();
            headers.put(dev.sortie.runtime.grpc.CallContext.AUTHORIZATION, "Bearer " + token);
            return AuthServiceGrpc.newBlockingStub(channel)
                    .withInterceptors(io.grpc.stub.MetadataUtils.newAttachHeadersInterceptor(headers))
                    .whoAmI(WhoAmIRequest.getDefaultInstance())
                    .getPrincipal();
        } finally {
            channel.shutdownNow();
        }
    }

    private List<String> contents() throws SQLException {
        var rows = new ArrayList<String>();
        try (var connection = database.connectAsOwner();
                var statement = connection.createStatement();
                var results = statement.executeQuery("""
                        SELECT 'user' || (username, role, kind, version)::text FROM users
                        UNION ALL SELECT 'token' || (user_id, token_hash, revoked_at, version)::text FROM api_tokens
                        UNION ALL SELECT 'change' || count(*) FROM change_log
                        ORDER BY 1
                        """)) {
            while (results.next()) {
                rows.add(results.getString(1));
            }
        }
        return rows;
    }
}
