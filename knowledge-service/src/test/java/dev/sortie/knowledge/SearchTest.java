package dev.sortie.knowledge;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.knowledge.v1.ContextDocument;
import dev.sortie.knowledge.v1.DeleteContextDocumentRequest;
import dev.sortie.knowledge.v1.DocumentType;
import dev.sortie.knowledge.v1.ErrorReason;
import dev.sortie.knowledge.v1.QueryRequest;
import dev.sortie.knowledge.v1.QueryResponse;
import dev.sortie.knowledge.v1.RestoreContextDocumentVersionRequest;
import dev.sortie.knowledge.v1.SearchHit;
import dev.sortie.knowledge.v1.UndeleteContextDocumentRequest;
import dev.sortie.knowledge.v1.UpdateContextDocumentRequest;
import dev.sortie.runtime.change.Cursor;
import dev.sortie.runtime.change.Position;
import dev.sortie.runtime.testing.StatusAssert;
import dev.sortie.runtime.testing.TestDatabase;
import io.grpc.Status;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class SearchTest {
    @AutoClose
    private static final TestDatabase DATABASE = TestKnowledge.database();

    @AutoClose
    private static final TestKnowledge KNOWLEDGE = TestKnowledge.start(DATABASE);

    @BeforeAll
    static void awaitIndex() {
        KNOWLEDGE.awaitIndex();
    }

    @Test
    void seesEachWriteByItsRevision() {
        var created = KNOWLEDGE.create("Quokka", "A marsupial of Rottnest.");
        assertThat(KNOWLEDGE.titles("quokkas", created.getRevision())).containsExactly("Quokka");
        var document = created.getContextDocument();

        var updated = KNOWLEDGE
                .documents()
                .updateContextDocument(UpdateContextDocumentRequest.newBuilder()
                        .setContextDocument(document.toBuilder().setTitle("Numbat"))
                        .build());
        assertThat(KNOWLEDGE.titles("rottnest", updated.getRevision())).containsExactly("Numbat");
        assertThat(KNOWLEDGE.titles("quokka", updated.getRevision())).isEmpty();

        var restored = KNOWLEDGE
                .documents()
                .restoreContextDocumentVersion(RestoreContextDocumentVersionRequest.newBuilder()
                        .setContextDocumentId(document.getContextDocumentId())
                        .setVersion(1)
                        .build());
        assertThat(KNOWLEDGE.titles("rottnest", restored.getRevision())).containsExactly("Quokka");

        var deleted = KNOWLEDGE.documents().deleteContextDocument(delete(document, false));
        assertThat(KNOWLEDGE.titles("rottnest", deleted.getRevision())).isEmpty();

        var back = KNOWLEDGE
                .documents()
                .undeleteContextDocument(UndeleteContextDocumentRequest.newBuilder()
                        .setContextDocumentId(document.getContextDocumentId())
                        .build());
        assertThat(KNOWLEDGE.titles("rottnest", back.getRevision())).containsExactly("Quokka");

        var purged = KNOWLEDGE.documents().deleteContextDocument(delete(document, true));
        assertThat(KNOWLEDGE.titles("rottnest", purged.getRevision())).isEmpty();
    }

    @Test
    void seesTheRevisionOfAWriteThatChangedNothing() {
        var document = KNOWLEDGE.create("Still", "unmoved").getContextDocument();

        var unchanged = KNOWLEDGE
                .documents()
                .updateContextDocument(UpdateContextDocumentRequest.newBuilder()
                        .setContextDocument(document)
                        .build());

        assertThat(unchanged.getContextDocument()).isEqualTo(document);
        assertThat(KNOWLEDGE.titles("unmoved", unchanged.getRevision())).containsExactly("Still");
    }

    @Test
    void seesAChangeSoonWithoutARevisionToo() {
        KNOWLEDGE.create("Soon", "wombatful");

        TestKnowledge.await(() -> KNOWLEDGE.titles("wombatful", "").equals(List.of("Soon")));
    }

    @Test
    void aHitIsTheDocumentWithoutItsContent() {
        var created = KNOWLEDGE.create(
                "Axolotl",
                DocumentType.DOCUMENT_TYPE_REFERENCE,
                "Ambystoma mexicanum",
                "https://example.org/a",
                "x",
                "y");

        var found = KNOWLEDGE.find("ambystoma", created.getRevision());

        assertThat(found.getTotalHits()).isEqualTo(1);
        assertThat(found.getNextPageToken()).isEmpty();
        assertThat(found.getHits(0).getContextDocument())
                .isEqualTo(
                        created.getContextDocument().toBuilder().clearContent().build());
        assertThat(found.getHits(0).getScore()).isPositive();
        assertThat(KNOWLEDGE.find("ambystoma", found.getRevision()).getTotalHits())
                .isEqualTo(1);
    }

    @Test
    void matchesWhateverTheCaseAndInflection() {
        var revision = KNOWLEDGE
                .create("Kestrels", "They were HOVERING over the runway's end.")
                .getRevision();

        assertThat(KNOWLEDGE.titles("hovered kestrel RUNWAYS", revision)).containsExactly("Kestrels");
        assertThat(KNOWLEDGE.titles("hovered nothingelse", revision)).containsExactly("Kestrels");
    }

    @Test
    void wordsOfTheTitleCountMore() {
        KNOWLEDGE.create("Gannet", "plunges into water here");
        var revision = KNOWLEDGE.create("Plunge", "gannet into water here").getRevision();

        assertThat(KNOWLEDGE.titles("gannet", revision)).containsExactly("Gannet", "Plunge");
    }

    @Test
    void filtersByTypeLabelsAndRepository() {
        KNOWLEDGE.create("f1", DocumentType.DOCUMENT_TYPE_PLAN, "tapir", "https://example.org/1", "red", "big");
        KNOWLEDGE.create("f2", DocumentType.DOCUMENT_TYPE_DESIGN, "tapir", "https://example.org/2", "red");
        var revision = KNOWLEDGE
                .create("f3", DocumentType.DOCUMENT_TYPE_GUIDE, "tapir", "https://example.org/2", "blue", "big")
                .getRevision();
        var all = QueryRequest.newBuilder().setText("tapir").setMinRevision(revision);

        assertThat(titles(all)).containsExactlyInAnyOrder("f1", "f2", "f3");
        assertThat(titles(all.clone()
                        .addDocumentTypes(DocumentType.DOCUMENT_TYPE_PLAN)
                        .addDocumentTypes(DocumentType.DOCUMENT_TYPE_GUIDE)))
                .containsExactlyInAnyOrder("f1", "f3");
        assertThat(titles(all.clone().addTags("red"))).containsExactlyInAnyOrder("f1", "f2");
        assertThat(titles(all.clone().addTags("red").addTags("big"))).containsExactly("f1");
        assertThat(titles(all.clone().addTags("Red"))).isEmpty();
        assertThat(titles(all.clone().setRepositoryUrl("https://example.org/2")))
                .containsExactlyInAnyOrder("f2", "f3");
        assertThat(titles(all.clone()
                        .setRepositoryUrl("https://example.org/2")
                        .addTags("big")
                        .addDocumentTypes(DocumentType.DOCUMENT_TYPE_GUIDE)))
                .containsExactly("f3");
    }

    @Test
    void pagesThroughEqualScoresWithoutLossOrRepetition() {
        var revision = "";
        for (int i = 0; i < 25; i++) {
            revision = KNOWLEDGE.create("page", "okapi").getRevision();
        }

        var ids = new ArrayList<String>();
        var token = "";
        do {
            var page = KNOWLEDGE.find(QueryRequest.newBuilder()
                    .setText("okapi")
                    .setMinRevision(revision)
                    .setPageToken(token)
                    .build());
            assertThat(page.getTotalHits()).isEqualTo(25);
            assertThat(page.getHitsCount()).isLessThanOrEqualTo(10);
            page.getHitsList().forEach(hit -> ids.add(hit.getContextDocument().getContextDocumentId()));
            token = page.getNextPageToken();
        } while (!token.isEmpty());

        assertThat(new HashSet<>(ids)).hasSize(25);
        assertThat(ids).hasSize(25).isSorted();
    }

    @Test
    void refusesAPageTokenOfAnotherQuestion() {
        KNOWLEDGE.create("token", "echidna");
        var revision = KNOWLEDGE.create("token", "echidna").getRevision();
        var request = QueryRequest.newBuilder()
                .setText("echidna")
                .setMinRevision(revision)
                .setPageSize(1);
        var token = KNOWLEDGE.find(request.build()).getNextPageToken();

        assertThat(KNOWLEDGE.find(request.setPageToken(token).build()).getHitsCount())
                .isEqualTo(1);
        StatusAssert.fails(() -> KNOWLEDGE.find(request.setText("echidnas").build()))
                .with(Status.Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_PAGE_TOKEN_INVALID)
                .metadata("field", "page_token");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "title:(narwhal AND -tusk)^2",
                "\"narwhal",
                "narwhal\"~3 [a TO b] {c} /regex.*/ \\",
                "+narwhal && || ! * ? ~",
                "NARWHAL's \u200b \ud83d\udc0b",
                "narwhal\n\t\r\u00a0\u2028",
                "\ud800 narwhal"
            })
    void takesEveryCharacterAsItIs(String text) {
        var revision = KNOWLEDGE.create("Narwhal", "It has a tusk.").getRevision();

        assertThat(KNOWLEDGE.titles(text, revision)).contains("Narwhal");
    }

    @ParameterizedTest
    @ValueSource(strings = {"the", "to be or not to be", "?", "   ", "\"\"", "()", "-"})
    void findsNothingWhereThereIsNoWordToFind(String text) {
        var found = KNOWLEDGE.find(text, "");

        assertThat(found.getHitsList()).isEmpty();
        assertThat(found.getTotalHits()).isZero();
        assertThat(found.getNextPageToken()).isEmpty();
    }

    @Test
    void takesQueriesOfEveryLengthTheContractAllows() {
        var revision = KNOWLEDGE.create("Long", "capybara").getRevision();
        var words = new StringBuilder("capybara");
        for (char c = 'b'; words.length() < 1_022; c = c == 'z' ? 'b' : (char) (c + 1)) {
            words.append(' ').append(c);
        }

        assertThat(KNOWLEDGE.titles(words.toString(), revision)).contains("Long");
        assertThat(KNOWLEDGE.titles("capybara " + "y".repeat(1_015), revision)).contains("Long");
        assertThat(KNOWLEDGE.titles("capybara " + "水".repeat(1_015), revision)).contains("Long");
        for (var text : List.of("", "z".repeat(1_025))) {
            StatusAssert.fails(() -> KNOWLEDGE
                            .search()
                            .query(QueryRequest.newBuilder().setText(text).build()))
                    .with(Status.Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                    .field("text");
        }
    }

    @Test
    void findsWordsOfOtherScripts() {
        var revision = KNOWLEDGE
                .create("Größe", "Überprüfung der Größe, 東京タワー, Москва, naïve")
                .getRevision();

        for (var text : List.of("größe", "ÜBERPRÜFUNG", "東京", "москва", "naïve")) {
            assertThat(KNOWLEDGE.titles(text, revision)).as(text).contains("Größe");
        }
    }

    @Test
    void showsPassagesWithTheWordsInCodePoints() {
        var content = "🛩🛩 Intro. " + "Filler words stand here. ".repeat(40)
                + "The 🛩 pangolin rolls into a ball; two pangolins 🛩 roll. "
                + "More filler stands here. ".repeat(40)
                + "At last a pangolin sleeps.";
        var revision = KNOWLEDGE.create("Scales", content).getRevision();

        var snippets = KNOWLEDGE.find("pangolin rolling", revision).getHits(0).getSnippetsList();

        assertThat(snippets).hasSize(2);
        assertThat(snippets).allSatisfy(snippet -> assertThat(content).contains(snippet.getText()));
        assertThat(snippets.get(0).getHighlightsList())
                .extracting(
                        highlight -> codePoints(snippets.get(0).getText(), highlight.getStart(), highlight.getEnd()))
                .containsExactly("pangolin", "rolls", "pangolins", "roll");
        assertThat(snippets.get(1).getText()).endsWith("At last a pangolin sleeps.");
    }

    @Test
    void aWordOfTheTitleAloneGivesNoPassage() {
        var revision = KNOWLEDGE.create("Dugong", "A sea cow.").getRevision();

        assertThat(KNOWLEDGE.find("dugong", revision).getHits(0).getSnippetsList())
                .isEmpty();
    }

    @Test
    void refusesARevisionThatThisServiceDidNotMake() {
        var elsewhere = new Cursor(UUID.randomUUID(), new Position(1, 0)).encode();

        for (var revision : List.of("nonsense", elsewhere, "x".repeat(256))) {
            StatusAssert.fails(() -> KNOWLEDGE.find("anything", revision))
                    .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_REVISION_INVALID)
                    .field("min_revision")
                    .metadata("field", "min_revision");
        }
    }

    @Test
    void saysWhenItHasNotCaughtUpInTime() {
        var now = Cursor.decode(KNOWLEDGE.find("anything", "").getRevision());
        var future = new Cursor(now.epoch(), new Position(now.position().xid() + 1_000_000, 0)).encode();
        var request = QueryRequest.newBuilder()
                .setText("anything")
                .setMinRevision(future)
                .build();

        StatusAssert.fails(() -> KNOWLEDGE
                        .search()
                        .withDeadlineAfter(60, TimeUnit.SECONDS)
                        .query(request))
                .with(Status.Code.UNAVAILABLE, ErrorReason.ERROR_REASON_INDEX_BEHIND)
                .retryable();
    }

    private static DeleteContextDocumentRequest delete(ContextDocument document, boolean force) {
        return DeleteContextDocumentRequest.newBuilder()
                .setContextDocumentId(document.getContextDocumentId())
                .setForce(force)
                .build();
    }

    private static List<String> titles(QueryRequest.Builder request) {
        QueryResponse found = KNOWLEDGE.find(request.build());
        assertThat(found.getTotalHits()).isEqualTo(found.getHitsCount());
        return found.getHitsList().stream()
                .map(SearchHit::getContextDocument)
                .map(ContextDocument::getTitle)
                .toList();
    }

    private static String codePoints(String text, int start, int end) {
        return text.substring(text.offsetByCodePoints(0, start), text.offsetByCodePoints(0, end));
    }
}
