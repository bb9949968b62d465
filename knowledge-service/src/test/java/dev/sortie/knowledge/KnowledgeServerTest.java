package dev.sortie.knowledge;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.knowledge.v1.ContextDocumentServiceGrpc;
import dev.sortie.knowledge.v1.ListContextDocumentsRequest;
import dev.sortie.knowledge.v1.SearchServiceGrpc;
import dev.sortie.mission.v1.AuthServiceGrpc;
import dev.sortie.mission.v1.Principal;
import dev.sortie.mission.v1.UserKind;
import dev.sortie.mission.v1.UserRole;
import dev.sortie.mission.v1.WhoAmIRequest;
import dev.sortie.mission.v1.WhoAmIResponse;
import dev.sortie.runtime.grpc.ServerSettings;
import dev.sortie.runtime.identity.ApiTokens;
import dev.sortie.runtime.process.ServiceProcess;
import dev.sortie.runtime.sql.DatabaseSettings;
import dev.sortie.runtime.testing.FakeAuthenticator;
import dev.sortie.runtime.testing.RunningServer;
import dev.sortie.runtime.testing.StatusAssert;
import dev.sortie.runtime.testing.TestDatabase;
import dev.sortie.runtime.testing.TestPostgres;
import dev.sortie.type.v1.ErrorReason;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.MethodDescriptor;
import io.grpc.ServerBuilder;
import io.grpc.Status;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.StreamObserver;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class KnowledgeServerTest {
    @TempDir
    private Path folder;

    @Test
    void waitsForItsSchema() throws Exception {
        try (var database = TestPostgres.emptyDatabase();
                var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            var starting = threads.submit(() -> TestKnowledge.start(database, folder));
            KnowledgeServer.IDENTITY.migrations().migrate(database.ownerUrl(), TestPostgres.runtimeRole());

            try (var knowledge = starting.get()) {
                var revision = knowledge.create("Late", "schema").getRevision();
                assertThat(knowledge.titles("schema", revision)).containsExactly("Late");
            }
        }
    }

    @Test
    void asksMissionServiceWhoCalls() throws Exception {
        var token = ApiTokens.generate(new SecureRandom());
        var mission = ServerBuilder.forPort(0)
                .addService(new AuthServiceGrpc.AuthServiceImplBase() {
                    @Override
                    public void whoAmI(WhoAmIRequest request, StreamObserver<WhoAmIResponse> observer) {
                        observer.onNext(WhoAmIResponse.newBuilder()
                                .setPrincipal(Principal.newBuilder()
                                        .setUserId(FakeAuthenticator.VIEWER
                                                .userId()
                                                .toString())
                                        .setUsername("someone")
                                        .setRole(UserRole.USER_ROLE_VIEWER)
                                        .setKind(UserKind.USER_KIND_HUMAN))
                                .build());
                        observer.onCompleted();
                    }
                })
                .build()
                .start();
        try (var database = TestKnowledge.database();
                var runtime = KnowledgeServer.start(config(database, "127.0.0.1:" + mission.getPort()));
                var server = RunningServer.of(runtime)) {
            runtime.awaitReady(Duration.ofSeconds(30));

            var stub = ContextDocumentServiceGrpc.newBlockingStub(server.channel(token));

            assertThat(stub.listContextDocuments(ListContextDocumentsRequest.getDefaultInstance())
                            .getContextDocumentsList())
                    .isEmpty();
        } finally {
            mission.shutdownNow();
        }
    }

    @Test
    void saysSoWhenMissionServiceCannotBeAsked() throws Exception {
        try (var database = TestKnowledge.database();
                var runtime = KnowledgeServer.start(config(database, "127.0.0.1:1"));
                var server = RunningServer.of(runtime)) {
            runtime.awaitReady(Duration.ofSeconds(30));

            var stub =
                    ContextDocumentServiceGrpc.newBlockingStub(server.channel(ApiTokens.generate(new SecureRandom())));

            StatusAssert.fails(() -> stub.listContextDocuments(ListContextDocumentsRequest.getDefaultInstance()))
                    .with(Status.Code.UNAVAILABLE, ErrorReason.ERROR_REASON_DEPENDENCY_UNAVAILABLE)
                    .metadata("dependency", "mission-service")
                    .retryable();
        }
    }

    @Test
    void everyMethodAsksWhoCallsAndLetsViewersOnlyRead() {
        try (var database = TestKnowledge.database();
                var knowledge = TestKnowledge.start(database, folder)) {
            var methods = Stream.of(
                            ContextDocumentServiceGrpc.getServiceDescriptor(), SearchServiceGrpc.getServiceDescriptor())
                    .flatMap(service -> service.getMethods().stream())
                    .toList();
            assertThat(methods).hasSize(10);
            for (var method : methods) {
                StatusAssert.fails(() -> call(knowledge.server.channel(), method))
                        .with(Status.Code.UNAUTHENTICATED, ErrorReason.ERROR_REASON_TOKEN_MISSING);
                if (!method.getBareMethodName().matches("(Get|List|Query).*")) {
                    StatusAssert.fails(() -> call(knowledge.server.channel("viewer"), method))
                            .with(Status.Code.PERMISSION_DENIED, ErrorReason.ERROR_REASON_ROLE_INSUFFICIENT);
                }
            }
        }
    }

    @Test
    void migratesFromTheCommandLineAsOftenAsOneLikes() {
        try (var database = TestPostgres.emptyDatabase()) {
            var environment = Map.of(
                    "SORTIE_DATABASE_URL", database.runtimeUrl(),
                    "SORTIE_MIGRATION_DATABASE_URL", database.ownerUrl());
            for (int i = 0; i < 2; i++) {
                assertThat(run(environment, "migrate")).contains("knowledge-service: the database is up to date");
            }
        }
    }

    @Test
    void explainsItsSettings() {
        assertThat(run(Map.of(), "--help"))
                .contains("SORTIE_DATABASE_URL", "SORTIE_INDEX_FOLDER", "SORTIE_MISSION_ADDRESS", "7403", "7413");
    }

    private KnowledgeConfig config(TestDatabase database, String missionAddress) {
        return new KnowledgeConfig(
                ServerSettings.local(), DatabaseSettings.of(database.runtimeUrl()), missionAddress, "token", folder);
    }

    private static <Q, P> P call(Channel channel, MethodDescriptor<Q, P> method) {
        if (!(method.getRequestMarshaller() instanceof MethodDescriptor.PrototypeMarshaller<Q> marshaller)) {
            throw new AssertionError(method);
        }
        return ClientCalls.blockingUnaryCall(channel, method, CallOptions.DEFAULT, marshaller.getMessagePrototype());
    }

    private static String run(Map<String, String> environment, String command) {
        var out = new ByteArrayOutputStream();
        var print = new PrintStream(out, true, StandardCharsets.UTF_8);
        var process = new ServiceProcess(KnowledgeServer.IDENTITY, new KnowledgeMain.Program(), print, print);
        assertThat(process.run(environment, List.of(command))).isEqualTo(ServiceProcess.OK);
        return out.toString(StandardCharsets.UTF_8);
    }
}
