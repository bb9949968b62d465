package dev.sortie.knowledge;

import dev.sortie.change.v1.ChangeServiceGrpc;
import dev.sortie.knowledge.v1.ContextDocumentServiceGrpc;
import dev.sortie.knowledge.v1.GetContextDocumentRequest;
import dev.sortie.knowledge.v1.SearchServiceGrpc;
import dev.sortie.runtime.testing.FakeAuthenticator;
import dev.sortie.runtime.testing.ScopeRules;
import dev.sortie.runtime.testing.StatusAssert;
import dev.sortie.runtime.testing.TestDatabase;
import dev.sortie.type.v1.ErrorReason;
import dev.sortie.type.v1.Scope;
import io.grpc.Status.Code;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** What a limited API token can do here. */
class TokenScopeTest {
    @AutoClose
    private static final TestDatabase DATABASE = TestKnowledge.database();

    @AutoClose
    private static final TestKnowledge KNOWLEDGE = TestKnowledge.start(DATABASE);

    @Test
    void limitsTokensToWhatTheyWereMadeFor() {
        ScopeRules.check(
                scope -> KNOWLEDGE.server.channel(FakeAuthenticator.limitedTo(scope)),
                List.of(
                        ContextDocumentServiceGrpc.getServiceDescriptor(),
                        SearchServiceGrpc.getServiceDescriptor(),
                        ChangeServiceGrpc.getServiceDescriptor()));
    }

    @Test
    void saysWhichScopeIsMissing() {
        var channel = KNOWLEDGE.server.channel(FakeAuthenticator.limitedTo(Scope.SCOPE_WORK));
        StatusAssert.fails(() -> ContextDocumentServiceGrpc.newBlockingStub(channel)
                        .getContextDocument(GetContextDocumentRequest.newBuilder()
                                .setContextDocumentId(UUID.randomUUID().toString())
                                .build()))
                .with(Code.PERMISSION_DENIED, ErrorReason.ERROR_REASON_SCOPE_INSUFFICIENT)
                .metadata("required", "KNOWLEDGE_READ");
    }
}
