package dev.sortie.knowledge;

import dev.sortie.knowledge.v1.ContextDocument;
import dev.sortie.knowledge.v1.ContextDocumentServiceGrpc;
import dev.sortie.knowledge.v1.ContextDocumentServiceGrpc.ContextDocumentServiceBlockingStub;
import dev.sortie.knowledge.v1.CreateContextDocumentRequest;
import dev.sortie.knowledge.v1.CreateContextDocumentResponse;
import dev.sortie.knowledge.v1.DocumentType;
import dev.sortie.knowledge.v1.QueryRequest;
import dev.sortie.knowledge.v1.QueryResponse;
import dev.sortie.knowledge.v1.SearchServiceGrpc;
import dev.sortie.knowledge.v1.SearchServiceGrpc.SearchServiceBlockingStub;
import dev.sortie.runtime.grpc.ServerSettings;
import dev.sortie.runtime.process.ServiceRuntime;
import dev.sortie.runtime.sql.DatabaseSettings;
import dev.sortie.runtime.testing.FakeAuthenticator;
import dev.sortie.runtime.testing.RunningServer;
import dev.sortie.runtime.testing.SettableClock;
import dev.sortie.runtime.testing.TestDatabase;
import dev.sortie.runtime.testing.TestPostgres;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/** The whole service for a test: real server, real database, real index, its own clock and callers. */
public final class TestKnowledge implements AutoCloseable {
    public final SettableClock clock;
    public final FakeAuthenticator callers = new FakeAuthenticator();
    public final ServiceRuntime runtime;
    public final RunningServer server;

    private TestKnowledge(TestDatabase database, Path indexFolder, SettableClock clock) {
        this.clock = clock;
        var config = new KnowledgeConfig(
                ServerSettings.local(), DatabaseSettings.of(database.runtimeUrl()), "", null, indexFolder);
        this.runtime = KnowledgeServer.start(config, clock, _ -> callers);
        this.server = RunningServer.of(runtime);
        try {
            runtime.awaitReady(Duration.ofSeconds(30));
        } catch (Exception failed) {
            close();
            throw new AssertionError("the service did not start", failed);
        }
    }

    /** A fresh database with the schema. */
    public static TestDatabase database() {
        return TestPostgres.database(
                "knowledge",
                ownerUrl -> KnowledgeServer.IDENTITY.migrations().migrate(ownerUrl, TestPostgres.runtimeRole()));
    }

    /** The service over a database and an index folder of its own. */
    public static TestKnowledge start(TestDatabase database) {
        return start(database, temporaryFolder());
    }

    /** The service over a database and an index folder. */
    public static TestKnowledge start(TestDatabase database, Path indexFolder) {
        return new TestKnowledge(database, indexFolder, new SettableClock());
    }

    /** A folder among what the build makes, and cleans up. */
    public static Path temporaryFolder() {
        try {
            return Files.createTempDirectory(Files.createDirectories(Path.of("target")), "index");
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    public ContextDocumentServiceBlockingStub documents() {
        return documents("developer");
    }

    public ContextDocumentServiceBlockingStub documents(String token) {
        return ContextDocumentServiceGrpc.newBlockingStub(server.channel(token)).withMaxInboundMessageSize(16_000_000);
    }

    public SearchServiceBlockingStub search() {
        return SearchServiceGrpc.newBlockingStub(server.channel("viewer")).withMaxInboundMessageSize(16_000_000);
    }

    /** Creates a document as the developer. */
    public CreateContextDocumentResponse create(String title, String content, String... tags) {
        return create(title, DocumentType.DOCUMENT_TYPE_GUIDE, content, "", tags);
    }

    public CreateContextDocumentResponse create(
            String title, DocumentType type, String content, String repositoryUrl, String... tags) {
        return documents()
                .createContextDocument(CreateContextDocumentRequest.newBuilder()
                        .setContextDocument(ContextDocument.newBuilder()
                                .setTitle(title)
                                .setDocumentType(type)
                                .setContent(content)
                                .setRepositoryUrl(repositoryUrl)
                                .addAllTags(List.of(tags)))
                        .build());
    }

    /** Searches for documents, which must include every change up to a revision. */
    public QueryResponse find(String text, String minRevision) {
        return find(QueryRequest.newBuilder()
                .setText(text)
                .setMinRevision(minRevision)
                .build());
    }

    /** Searches, once there is an index. */
    public QueryResponse find(QueryRequest request) {
        awaitIndex();
        return search().query(request);
    }

    /** The titles of what a search finds. */
    public List<String> titles(String text, String minRevision) {
        return find(text, minRevision).getHitsList().stream()
                .map(hit -> hit.getContextDocument().getTitle())
                .toList();
    }

    /** Waits until searches are answered. */
    public void awaitIndex() {
        await(() -> {
            try {
                search().query(QueryRequest.newBuilder().setText("anything").build());
                return true;
            } catch (StatusRuntimeException failed) {
                if (failed.getStatus().getCode() != Status.Code.UNAVAILABLE) {
                    throw failed;
                }
                return false;
            }
        });
    }

    /** Waits for a condition. */
    public static void await(BooleanSupplier condition) {
        long until = System.nanoTime() + Duration.ofSeconds(30).toNanos();
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() > until) {
                throw new AssertionError("the condition did not come true in 30 s");
            }
            LockSupport.parkNanos(5_000_000);
        }
    }

    @Override
    public void close() {
        server.close();
    }
}
