package dev.sortie.knowledge;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.knowledge.domain.ContextDocuments;
import dev.sortie.knowledge.domain.DocumentDraft;
import dev.sortie.knowledge.store.ContextDocumentStore;
import dev.sortie.knowledge.v1.ContextDocument;
import dev.sortie.knowledge.v1.ContextDocumentVersion;
import dev.sortie.knowledge.v1.CreateContextDocumentRequest;
import dev.sortie.knowledge.v1.CreateContextDocumentResponse;
import dev.sortie.knowledge.v1.DeleteContextDocumentRequest;
import dev.sortie.knowledge.v1.DocumentType;
import dev.sortie.knowledge.v1.GetContextDocumentRequest;
import dev.sortie.knowledge.v1.ListContextDocumentVersionsRequest;
import dev.sortie.knowledge.v1.UndeleteContextDocumentRequest;
import dev.sortie.knowledge.v1.UpdateContextDocumentRequest;
import dev.sortie.runtime.testing.StatusAssert;
import dev.sortie.runtime.testing.TestDatabase;
import dev.sortie.type.v1.ErrorReason;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** What happens when many want the same at once, and what happens by itself. */
final class ContextDocumentRacesTest {
    private static final int CALLERS = 50;

    @AutoClose
    private static final TestDatabase DATABASE = TestKnowledge.database();

    @AutoClose
    private static final TestKnowledge KNOWLEDGE = TestKnowledge.start(DATABASE);

    private final ContextDocuments documents =
            new ContextDocuments(new ContextDocumentStore(), KNOWLEDGE.runtime.ids());

    @Test
    void ofManyUpdatesWithTheSameEtagOneWins() throws Exception {
        var document = KNOWLEDGE.create("race", "text").getContextDocument();

        var outcomes = atOnce(() -> {
            try {
                update(document, "by " + UUID.randomUUID());
                return "won";
            } catch (StatusRuntimeException failed) {
                StatusAssert.of(failed).with(Status.Code.ABORTED, ErrorReason.ERROR_REASON_ETAG_MISMATCH);
                return "lost";
            }
        });

        assertThat(outcomes).containsOnlyOnce("won");
        assertThat(get(document).getVersion()).isEqualTo(2);
    }

    @Test
    void manyUpdatesWithoutAnEtagMakeAVersionEach() throws Exception {
        var document = KNOWLEDGE.create("race", "text").getContextDocument().toBuilder()
                .clearEtag()
                .build();

        var versions = atOnce(() -> update(document, "by " + UUID.randomUUID()).getVersion());

        assertThat(versions)
                .containsExactlyInAnyOrderElementsOf(
                        IntStream.rangeClosed(2, CALLERS + 1).boxed().toList());
        var kept = KNOWLEDGE
                .documents()
                .listContextDocumentVersions(ListContextDocumentVersionsRequest.newBuilder()
                        .setContextDocumentId(document.getContextDocumentId())
                        .setPageSize(500)
                        .build())
                .getVersionsList();
        assertThat(kept)
                .extracting(ContextDocumentVersion::getContextDocument)
                .extracting(ContextDocument::getVersion)
                .isSortedAccordingTo((a, b) -> b - a)
                .hasSize(CALLERS + 1);
    }

    @Test
    void theSameRequestManyTimesIsOneDocumentAndEqualAnswers() throws Exception {
        var title = "once " + UUID.randomUUID();
        var request = CreateContextDocumentRequest.newBuilder()
                .setContextDocument(ContextDocument.newBuilder()
                        .setTitle(title)
                        .setDocumentType(DocumentType.DOCUMENT_TYPE_PLAN)
                        .setContent("text"))
                .setRequestId(UUID.randomUUID().toString())
                .build();

        var answers = atOnce(() -> KNOWLEDGE.documents().createContextDocument(request));

        assertThat(answers).filteredOn(answer -> !answer.getReplayed()).hasSize(1);
        assertThat(answers.stream()
                        .map(answer -> answer.toBuilder().clearReplayed().build())
                        .distinct())
                .hasSize(1);
        try (var connection = DATABASE.connectAsOwner();
                var rows = connection
                        .createStatement()
                        .executeQuery("SELECT count(*) FROM context_documents WHERE title = '" + title + "'")) {
            rows.next();
            assertThat(rows.getInt(1)).isEqualTo(1);
        }
        StatusAssert.fails(() -> KNOWLEDGE
                        .documents()
                        .createContextDocument(request.toBuilder()
                                .setContextDocument(
                                        request.getContextDocument().toBuilder().setTitle("another"))
                                .build()))
                .with(Status.Code.ALREADY_EXISTS, ErrorReason.ERROR_REASON_REQUEST_ID_REUSED)
                .metadata("request_id", request.getRequestId());
    }

    @Test
    void aRevisionLeadsToItsWriteWhileLaterTransactionsAreUnderWay() throws Exception {
        KNOWLEDGE.awaitIndex();
        try (var underWay = DATABASE.connectAsOwner();
                var ended = DATABASE.connectAsOwner()) {
            underWay.setAutoCommit(false);
            var written = KNOWLEDGE.runtime.database().transaction(tx -> {
                var created = documents.create(
                        tx,
                        new DocumentDraft(
                                "overtaken",
                                dev.sortie.knowledge.domain.DocumentType.GUIDE,
                                "okapi",
                                "",
                                List.of(),
                                "{}"));
                takeId(underWay);
                takeId(ended);
                return created;
            });
            assertThat(KNOWLEDGE.titles("okapi", written.revision().encode())).containsExactly("overtaken");
            underWay.rollback();
        }
    }

    private static void takeId(Connection connection) {
        try (var statement = connection.createStatement()) {
            statement.execute("SELECT pg_current_xact_id()");
        } catch (SQLException failed) {
            throw new AssertionError(failed);
        }
    }

    @Test
    void aRepeatedDeleteIsAnsweredAsTheFirstOne() {
        var id = KNOWLEDGE.create("gone", "text").getContextDocument().getContextDocumentId();
        var request = DeleteContextDocumentRequest.newBuilder()
                .setContextDocumentId(id)
                .setForce(true)
                .setRequestId(UUID.randomUUID().toString())
                .build();

        var first = KNOWLEDGE.documents().deleteContextDocument(request);
        var second = KNOWLEDGE.documents().deleteContextDocument(request);

        assertThat(second).isEqualTo(first.toBuilder().setReplayed(true).build());
        StatusAssert.fails(() -> KNOWLEDGE
                        .documents()
                        .deleteContextDocument(request.toBuilder()
                                .setRequestId(UUID.randomUUID().toString())
                                .build()))
                .with(Status.Code.NOT_FOUND, ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND);
    }

    @Test
    void hiddenDocumentsArePurgedAfterThirtyDaysByOneOfManyReplicas() throws Exception {
        try (var database = TestKnowledge.database();
                var knowledge = TestKnowledge.start(database)) {
            var hidden = new ArrayList<CreateContextDocumentResponse>();
            for (int i = 0; i < 7; i++) {
                hidden.add(knowledge.create("hidden " + i, "text"));
            }
            var visible = knowledge.create("visible", "text").getContextDocument();
            hidden.forEach(created -> knowledge
                    .documents()
                    .deleteContextDocument(DeleteContextDocumentRequest.newBuilder()
                            .setContextDocumentId(created.getContextDocument().getContextDocumentId())
                            .build()));
            knowledge.clock.advance(Duration.ofDays(30));
            assertThat(knowledge.runtime.database().transaction(documents::purgeExpired))
                    .isZero();
            knowledge.clock.advance(Duration.ofSeconds(1));
            StatusAssert.fails(() -> knowledge
                            .documents()
                            .undeleteContextDocument(UndeleteContextDocumentRequest.newBuilder()
                                    .setContextDocumentId(hidden.getFirst()
                                            .getContextDocument()
                                            .getContextDocumentId())
                                    .build()))
                    .with(Status.Code.NOT_FOUND, ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND);

            var purged = atOnce(() -> knowledge.runtime.database().transaction(documents::purgeExpired));

            // The server's own job may have some in hand: whoever takes one, it is gone in the end, and went once.
            assertThat(purged.stream().mapToInt(Integer::intValue).sum()).isLessThanOrEqualTo(7);
            TestKnowledge.await(() -> counts(database).equals(List.of(1, 1, 7)));
            assertThat(knowledge
                            .documents()
                            .getContextDocument(GetContextDocumentRequest.newBuilder()
                                    .setContextDocumentId(visible.getContextDocumentId())
                                    .build())
                            .getContextDocument())
                    .isEqualTo(visible);
        }
    }

    /** Documents, their versions, and changes that say that something is gone. */
    private static List<Integer> counts(TestDatabase database) {
        try (var connection = database.connectAsOwner();
                var rows = connection.createStatement().executeQuery("""
                        SELECT (SELECT count(*) FROM context_documents),
                               (SELECT count(*) FROM context_document_versions),
                               (SELECT count(*) FROM change_log WHERE kind = 'DELETED')
                        """)) {
            rows.next();
            return List.of(rows.getInt(1), rows.getInt(2), rows.getInt(3));
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }

    private static ContextDocument update(ContextDocument document, String title) {
        return KNOWLEDGE
                .documents()
                .updateContextDocument(UpdateContextDocumentRequest.newBuilder()
                        .setContextDocument(document.toBuilder().setTitle(title))
                        .build())
                .getContextDocument();
    }

    private static ContextDocument get(ContextDocument document) {
        return KNOWLEDGE
                .documents()
                .getContextDocument(GetContextDocumentRequest.newBuilder()
                        .setContextDocumentId(document.getContextDocumentId())
                        .build())
                .getContextDocument();
    }

    /** What fifty get who begin at the same moment. */
    private static <T> List<T> atOnce(Callable<T> call) throws InterruptedException, ExecutionException {
        var begin = new CountDownLatch(1);
        try (var executor = Executors.newVirtualThreadPerTaskExecutor()) {
            var calls = IntStream.range(0, CALLERS)
                    .mapToObj(_ -> executor.submit(() -> {
                        begin.await();
                        return call.call();
                    }))
                    .toList();
            begin.countDown();
            var results = new ArrayList<T>();
            for (var running : calls) {
                results.add(running.get());
            }
            return results;
        }
    }
}
