package dev.sortie.knowledge;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.FieldMask;
import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import dev.sortie.knowledge.v1.ContextDocument;
import dev.sortie.knowledge.v1.ContextDocumentVersion;
import dev.sortie.knowledge.v1.CreateContextDocumentRequest;
import dev.sortie.knowledge.v1.DeleteContextDocumentRequest;
import dev.sortie.knowledge.v1.DocumentType;
import dev.sortie.knowledge.v1.GetContextDocumentRequest;
import dev.sortie.knowledge.v1.GetContextDocumentVersionRequest;
import dev.sortie.knowledge.v1.ListContextDocumentVersionsRequest;
import dev.sortie.knowledge.v1.ListContextDocumentVersionsResponse;
import dev.sortie.knowledge.v1.ListContextDocumentsRequest;
import dev.sortie.knowledge.v1.RestoreContextDocumentVersionRequest;
import dev.sortie.knowledge.v1.UndeleteContextDocumentRequest;
import dev.sortie.knowledge.v1.UpdateContextDocumentRequest;
import dev.sortie.runtime.identity.Principal;
import dev.sortie.runtime.identity.Role;
import dev.sortie.runtime.testing.FakeAuthenticator;
import dev.sortie.runtime.testing.StatusAssert;
import dev.sortie.runtime.testing.TestDatabase;
import dev.sortie.type.v1.ErrorReason;
import io.grpc.Status;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

final class ContextDocumentsTest {
    @AutoClose
    private static final TestDatabase DATABASE = TestKnowledge.database();

    @AutoClose
    private static final TestKnowledge KNOWLEDGE = TestKnowledge.start(DATABASE);

    private static final String ABSENT = "01978c2e-5b1f-7c3a-9d43-0a2b6f1c8e55";

    @Test
    void readsBackWhatWasCreated() {
        var draft = ContextDocument.newBuilder()
                .setTitle("Landing gear")
                .setDocumentType(DocumentType.DOCUMENT_TYPE_SPECIFICATION)
                .setContent("# Gear\n\nThree wheels. 🛬")
                .setRepositoryUrl("https://example.org/gear.git")
                .addTags("gear")
                .addTags("Ünïcode")
                .setMetadata(struct("depth", 3))
                .build();

        var created = KNOWLEDGE
                .documents()
                .createContextDocument(CreateContextDocumentRequest.newBuilder()
                        .setContextDocument(draft)
                        .build())
                .getContextDocument();

        assertThat(get(created.getContextDocumentId())).isEqualTo(created);
        assertThat(created.toBuilder()
                        .clearContextDocumentId()
                        .clearCreatedBy()
                        .clearVersion()
                        .clearCreateTime()
                        .clearUpdateTime()
                        .clearEtag()
                        .build())
                .isEqualTo(draft);
        assertThat(created.getCreatedBy())
                .isEqualTo(FakeAuthenticator.DEVELOPER.userId().toString());
        assertThat(created.getVersion()).isEqualTo(1);
        assertThat(created.getCreateTime().getSeconds())
                .isEqualTo(KNOWLEDGE.clock.instant().getEpochSecond());
        assertThat(created.getUpdateTime()).isEqualTo(created.getCreateTime());
        assertThat(created.hasDeleteTime()).isFalse();
    }

    @Test
    void takesTheLongestContentOfTheWidestCharacters() {
        var content = "🛩".repeat(1_048_576);

        var created = KNOWLEDGE.create("long", content).getContextDocument();

        assertThat(get(created.getContextDocumentId()).getContent()).isEqualTo(content);
    }

    @Test
    void refusesADocumentThatLacksWhatIsRequiredOrIsOutOfBounds() {
        StatusAssert.fails(() ->
                        KNOWLEDGE.documents().createContextDocument(CreateContextDocumentRequest.getDefaultInstance()))
                .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("context_document");
        StatusAssert.fails(() -> KNOWLEDGE.create("", ""))
                .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("context_document.title")
                .field("context_document.content");
        StatusAssert.fails(() -> KNOWLEDGE.create("x".repeat(256), "text"))
                .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("context_document.title");
        StatusAssert.fails(() -> KNOWLEDGE.create("title", DocumentType.DOCUMENT_TYPE_UNSPECIFIED, "text", ""))
                .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("context_document.document_type");
        StatusAssert.fails(() -> KNOWLEDGE.create("title", "text", "twice", "twice"))
                .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("context_document.tags");
    }

    @Test
    void refusesCharactersThatTheDatabaseCannotKeep() {
        StatusAssert.fails(() -> KNOWLEDGE.create("a\u0000b", "text"))
                .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID);
        StatusAssert.fails(() -> KNOWLEDGE.create("title", "a\u0000b"))
                .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID);
        StatusAssert.fails(() -> createWithMetadata(Struct.newBuilder()
                        .putFields(
                                "a",
                                Value.newBuilder().setStringValue("a\u0000b").build())
                        .build()))
                .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID);
    }

    @Test
    void refusesMetadataThatIsNoJsonOrTooLarge() {
        StatusAssert.fails(() -> createWithMetadata(struct("x", Double.NaN)))
                .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("context_document.metadata.x");
        StatusAssert.fails(() -> createWithMetadata(Struct.newBuilder()
                        .putFields(
                                "x",
                                Value.newBuilder()
                                        .setStringValue("y".repeat(65_536))
                                        .build())
                        .build()))
                .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("context_document.metadata");
    }

    @Test
    void answersNotFoundForWhatIsNotThere() {
        StatusAssert.fails(() -> get(ABSENT))
                .with(Status.Code.NOT_FOUND, ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND)
                .metadata("resource", "context_document")
                .metadata("id", ABSENT);
        StatusAssert.fails(() -> update(ContextDocument.newBuilder()
                        .setContextDocumentId(ABSENT)
                        .setTitle("x")
                        .build()))
                .with(Status.Code.NOT_FOUND, ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND);
        StatusAssert.fails(() -> delete(ABSENT, false))
                .with(Status.Code.NOT_FOUND, ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND);
        StatusAssert.fails(() -> undelete(ABSENT))
                .with(Status.Code.NOT_FOUND, ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND);
        StatusAssert.fails(() -> versions(ABSENT, 0, ""))
                .with(Status.Code.NOT_FOUND, ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND);
        StatusAssert.fails(() -> version(ABSENT, 1))
                .with(Status.Code.NOT_FOUND, ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND);
        StatusAssert.fails(() -> restore(ABSENT, 1))
                .with(Status.Code.NOT_FOUND, ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND);
        StatusAssert.fails(() -> get("not-an-id"))
                .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("context_document_id");
    }

    @Test
    void anUpdateChangesTheFieldsThatAreSetAndAddsAVersion() {
        var created = KNOWLEDGE.create("before", "text", "tag").getContextDocument();
        KNOWLEDGE.clock.advance(Duration.ofMinutes(1));

        var updated = update(ContextDocument.newBuilder()
                .setContextDocumentId(created.getContextDocumentId())
                .setTitle("after")
                .setEtag(created.getEtag())
                .build());

        assertThat(updated.getTitle()).isEqualTo("after");
        assertThat(updated.getContent()).isEqualTo("text");
        assertThat(updated.getTagsList()).containsExactly("tag");
        assertThat(updated.getVersion()).isEqualTo(2);
        assertThat(updated.getEtag()).isNotEqualTo(created.getEtag());
        assertThat(updated.getCreateTime()).isEqualTo(created.getCreateTime());
        assertThat(updated.getUpdateTime().getSeconds())
                .isEqualTo(created.getUpdateTime().getSeconds() + 60);
        assertThat(get(created.getContextDocumentId())).isEqualTo(updated);
    }

    @Test
    void anUpdateWithAMaskEmptiesWhatItNamesAndLeavesTheRest() {
        var id = KNOWLEDGE
                .create("title", DocumentType.DOCUMENT_TYPE_PLAN, "text", "https://example.org/r", "a", "b")
                .getContextDocument()
                .getContextDocumentId();

        var updated = update(
                ContextDocument.newBuilder()
                        .setContextDocumentId(id)
                        .setTitle("not in the mask")
                        .build(),
                "tags",
                "repository_url",
                "metadata");

        assertThat(updated.getTitle()).isEqualTo("title");
        assertThat(updated.getTagsList()).isEmpty();
        assertThat(updated.getRepositoryUrl()).isEmpty();
        assertThat(updated.getVersion()).isEqualTo(2);
    }

    @Test
    void anUpdateThatChangesNothingAddsNoVersion() {
        var created = createWithMetadata(struct("depth", 3));

        var updated = update(created.toBuilder().clearEtag().build(), "*");

        assertThat(updated).isEqualTo(created);
        assertThat(versions(created.getContextDocumentId(), 0, "").getVersionsCount())
                .isEqualTo(1);
    }

    @Test
    void refusesAMaskWithPathsThatCallersCannotSet() {
        var id = KNOWLEDGE.create("title", "text").getContextDocument().getContextDocumentId();
        var resource = ContextDocument.newBuilder().setContextDocumentId(id).build();

        StatusAssert.fails(() -> update(resource, "colour"))
                .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_UPDATE_MASK_INVALID)
                .metadata("path", "colour");
        StatusAssert.fails(() -> update(resource, "version"))
                .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_UPDATE_MASK_INVALID);
        StatusAssert.fails(() -> update(resource, "title"))
                .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID);
        StatusAssert.fails(() ->
                        update(ContextDocument.newBuilder().setTitle("no id").build()))
                .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("context_document.context_document_id");
    }

    @Test
    void refusesAnEtagThatIsNoLongerCurrent() {
        var created = KNOWLEDGE.create("title", "text").getContextDocument();
        var id = created.getContextDocumentId();
        var current = update(created.toBuilder().setTitle("newer").build()).getEtag();

        StatusAssert.fails(() -> update(created.toBuilder().setTitle("mine").build()))
                .with(Status.Code.ABORTED, ErrorReason.ERROR_REASON_ETAG_MISMATCH)
                .metadata("resource", "context_document")
                .metadata("id", id)
                .metadata("etag", current);
        StatusAssert.fails(() -> KNOWLEDGE
                        .documents()
                        .deleteContextDocument(DeleteContextDocumentRequest.newBuilder()
                                .setContextDocumentId(id)
                                .setEtag(created.getEtag())
                                .build()))
                .with(Status.Code.ABORTED, ErrorReason.ERROR_REASON_ETAG_MISMATCH);
        StatusAssert.fails(() -> KNOWLEDGE
                        .documents()
                        .undeleteContextDocument(UndeleteContextDocumentRequest.newBuilder()
                                .setContextDocumentId(id)
                                .setEtag(created.getEtag())
                                .build()))
                .with(Status.Code.ABORTED, ErrorReason.ERROR_REASON_ETAG_MISMATCH);
        StatusAssert.fails(() -> KNOWLEDGE
                        .documents()
                        .restoreContextDocumentVersion(RestoreContextDocumentVersionRequest.newBuilder()
                                .setContextDocumentId(id)
                                .setVersion(1)
                                .setEtag(created.getEtag())
                                .build()))
                .with(Status.Code.ABORTED, ErrorReason.ERROR_REASON_ETAG_MISMATCH);
    }

    @Test
    void keepsEveryVersionAndGoesBackToOne() {
        var first = KNOWLEDGE.create("one", "first text", "a").getContextDocument();
        var id = first.getContextDocumentId();
        KNOWLEDGE.clock.advance(Duration.ofMinutes(1));
        update(first.toBuilder()
                .setTitle("two")
                .setContent("second text")
                .clearEtag()
                .build());

        var restored = restore(id, 1);

        assertThat(restored.getTitle()).isEqualTo("one");
        assertThat(restored.getContent()).isEqualTo("first text");
        assertThat(restored.getVersion()).isEqualTo(3);
        var versions = versions(id, 0, "").getVersionsList();
        assertThat(versions)
                .extracting(v -> v.getContextDocument().getVersion())
                .containsExactly(3, 2, 1);
        assertThat(versions).extracting(v -> v.getContextDocument().getTitle()).containsExactly("one", "two", "one");
        assertThat(versions)
                .extracting(v -> v.getContextDocument().getContent())
                .containsOnly("");
        assertThat(versions)
                .extracting(ContextDocumentVersion::getRestoredVersion)
                .containsExactly(1, 0, 0);
        assertThat(versions)
                .extracting(ContextDocumentVersion::getAuthorId)
                .containsOnly(FakeAuthenticator.DEVELOPER.userId().toString());
        var second = version(id, 2).getContextDocument();
        assertThat(second.getContent()).isEqualTo("second text");
        assertThat(second.getUpdateTime().getSeconds())
                .isEqualTo(first.getUpdateTime().getSeconds() + 60);
        StatusAssert.fails(() -> version(id, 4))
                .with(Status.Code.NOT_FOUND, ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND)
                .metadata("resource", "context_document_version")
                .metadata("version", 4);
        StatusAssert.fails(() -> restore(id, 4))
                .with(Status.Code.NOT_FOUND, ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND);
    }

    @Test
    void restoringTheNewestVersionIsAVersionToo() {
        var id = KNOWLEDGE.create("one", "text").getContextDocument().getContextDocumentId();

        assertThat(restore(id, 1).getVersion()).isEqualTo(2);
        assertThat(version(id, 2).getRestoredVersion()).isEqualTo(1);
    }

    @Test
    void pagesThroughVersions() {
        var document = KNOWLEDGE.create("0", "text").getContextDocument();
        for (int i = 1; i < 5; i++) {
            document = update(document.toBuilder().setTitle(Integer.toString(i)).build());
        }
        var id = document.getContextDocumentId();

        var numbers = new ArrayList<Integer>();
        var token = "";
        do {
            var page = versions(id, 2, token);
            page.getVersionsList()
                    .forEach(v -> numbers.add(v.getContextDocument().getVersion()));
            token = page.getNextPageToken();
        } while (!token.isEmpty());

        assertThat(numbers).containsExactly(5, 4, 3, 2, 1);
    }

    @Test
    void hidesADocumentAndBringsItBackWhole() {
        var created = KNOWLEDGE.create("hidden", "text", "tag").getContextDocument();
        var id = created.getContextDocumentId();

        var deleted = delete(id, false);

        assertThat(deleted.getContent()).isEmpty();
        assertThat(deleted.getPurgeTime().getSeconds() - deleted.getDeleteTime().getSeconds())
                .isEqualTo(Duration.ofDays(30).toSeconds());
        for (var call : new Runnable[] {
            () -> get(id),
            () -> update(created.toBuilder().clearEtag().setTitle("x").build()),
            () -> delete(id, false),
            () -> versions(id, 0, ""),
            () -> version(id, 1),
            () -> restore(id, 1)
        }) {
            StatusAssert.fails(call::run).with(Status.Code.NOT_FOUND, ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND);
        }
        assertThat(KNOWLEDGE
                        .documents()
                        .getContextDocument(GetContextDocumentRequest.newBuilder()
                                .setContextDocumentId(id)
                                .setShowDeleted(true)
                                .build())
                        .getContextDocument()
                        .hasDeleteTime())
                .isTrue();

        var back = undelete(id);

        assertThat(back.toBuilder().clearEtag().build())
                .isEqualTo(created.toBuilder().clearEtag().build());
        assertThat(undelete(id)).isEqualTo(back);
    }

    @Test
    void forcePurgesAtOnceAlsoWhatIsHidden() {
        var visible = KNOWLEDGE.create("a", "text").getContextDocument().getContextDocumentId();
        var hidden = KNOWLEDGE.create("b", "text").getContextDocument().getContextDocumentId();
        delete(hidden, false);

        for (var id : new String[] {visible, hidden}) {
            assertThat(delete(id, true).getContextDocumentId()).isEqualTo(id);
            StatusAssert.fails(() -> undelete(id))
                    .with(Status.Code.NOT_FOUND, ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND);
        }
    }

    @Test
    void onlyTheCreatorAnAdministratorOrAServiceMayDelete() {
        KNOWLEDGE.callers.know("stranger", FakeAuthenticator.user(9, "stranger", Role.DEVELOPER, Principal.Kind.USER));
        var id = KNOWLEDGE.create("mine", "text").getContextDocument().getContextDocumentId();
        var request = DeleteContextDocumentRequest.newBuilder()
                .setContextDocumentId(id)
                .build();
        var undelete = UndeleteContextDocumentRequest.newBuilder()
                .setContextDocumentId(id)
                .build();

        StatusAssert.fails(() -> KNOWLEDGE.documents("stranger").deleteContextDocument(request))
                .with(Status.Code.PERMISSION_DENIED, ErrorReason.ERROR_REASON_NOT_OWNER)
                .metadata("resource", "context_document")
                .metadata("id", id);
        KNOWLEDGE.documents("admin").deleteContextDocument(request);
        StatusAssert.fails(() -> KNOWLEDGE.documents("stranger").undeleteContextDocument(undelete))
                .with(Status.Code.PERMISSION_DENIED, ErrorReason.ERROR_REASON_NOT_OWNER);
        KNOWLEDGE.documents("service").undeleteContextDocument(undelete);
        KNOWLEDGE.documents("developer").deleteContextDocument(request);
    }

    @Test
    void theDocumentOfAUserWhoIsGoneBelongsToAdministrators() {
        var id = KNOWLEDGE.create("orphan", "text").getContextDocument().getContextDocumentId();
        DATABASE.execute("UPDATE context_documents SET created_by = NULL WHERE id = '" + id + "'");

        assertThat(get(id).getCreatedBy()).isEmpty();
        StatusAssert.fails(() -> delete(id, false))
                .with(Status.Code.PERMISSION_DENIED, ErrorReason.ERROR_REASON_NOT_OWNER);
        KNOWLEDGE
                .documents("admin")
                .deleteContextDocument(DeleteContextDocumentRequest.newBuilder()
                        .setContextDocumentId(id)
                        .build());
    }

    @Test
    void aViewerReadsAndDoesNotWrite() {
        var id = KNOWLEDGE.create("seen", "text").getContextDocument().getContextDocumentId();

        assertThat(KNOWLEDGE
                        .documents("viewer")
                        .getContextDocument(GetContextDocumentRequest.newBuilder()
                                .setContextDocumentId(id)
                                .build())
                        .getContextDocument()
                        .getTitle())
                .isEqualTo("seen");
        StatusAssert.fails(() -> KNOWLEDGE
                        .documents("viewer")
                        .createContextDocument(CreateContextDocumentRequest.getDefaultInstance()))
                .with(Status.Code.PERMISSION_DENIED, ErrorReason.ERROR_REASON_ROLE_INSUFFICIENT);
        StatusAssert.fails(() -> KNOWLEDGE
                        .documents("forged")
                        .getContextDocument(GetContextDocumentRequest.newBuilder()
                                .setContextDocumentId(id)
                                .build()))
                .with(Status.Code.UNAUTHENTICATED, ErrorReason.ERROR_REASON_TOKEN_INVALID);
    }

    @Test
    void listsNewestFirstUnderEveryFilter() {
        var repository = "https://example.org/" + UUID.randomUUID();
        for (int i = 0; i < 5; i++) {
            KNOWLEDGE.clock.advance(Duration.ofSeconds(1));
            KNOWLEDGE.create(
                    "list " + i,
                    i % 2 == 0 ? DocumentType.DOCUMENT_TYPE_PLAN : DocumentType.DOCUMENT_TYPE_DESIGN,
                    "text",
                    repository,
                    "all",
                    "n" + i);
        }
        var all = ListContextDocumentsRequest.newBuilder().setRepositoryUrl(repository);

        assertThat(titles(all)).containsExactly("list 4", "list 3", "list 2", "list 1", "list 0");
        assertThat(titles(all.clone().setDocumentType(DocumentType.DOCUMENT_TYPE_PLAN)))
                .containsExactly("list 4", "list 2", "list 0");
        assertThat(titles(all.clone().setTag("n3"))).containsExactly("list 3");
        assertThat(titles(all.clone().setTag("N3"))).isEmpty();
        assertThat(titles(all.clone().setPageSize(2))).hasSize(5);
        var firstPage = KNOWLEDGE
                .documents()
                .listContextDocuments(all.clone().setPageSize(2).build());
        assertThat(firstPage.getContextDocumentsList())
                .extracting(ContextDocument::getContent)
                .containsOnly("");
        StatusAssert.fails(() -> KNOWLEDGE
                        .documents()
                        .listContextDocuments(all.clone()
                                .setTag("all")
                                .setPageToken(firstPage.getNextPageToken())
                                .build()))
                .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_PAGE_TOKEN_INVALID);
    }

    @Test
    void listsHiddenDocumentsOnlyWhenAsked() {
        var repository = "https://example.org/" + UUID.randomUUID();
        var id = KNOWLEDGE
                .create("hidden", DocumentType.DOCUMENT_TYPE_GUIDE, "text", repository)
                .getContextDocument()
                .getContextDocumentId();
        delete(id, false);
        var list = ListContextDocumentsRequest.newBuilder().setRepositoryUrl(repository);

        assertThat(titles(list)).isEmpty();
        assertThat(titles(list.clone().setShowDeleted(true))).containsExactly("hidden");
    }

    private static List<String> titles(ListContextDocumentsRequest.Builder request) {
        var titles = new ArrayList<String>();
        var token = "";
        do {
            var page = KNOWLEDGE
                    .documents()
                    .listContextDocuments(request.setPageToken(token).build());
            page.getContextDocumentsList().forEach(document -> titles.add(document.getTitle()));
            token = page.getNextPageToken();
        } while (!token.isEmpty());
        return titles;
    }

    private static Struct struct(String name, double value) {
        return Struct.newBuilder()
                .putFields(name, Value.newBuilder().setNumberValue(value).build())
                .build();
    }

    private static ContextDocument createWithMetadata(Struct metadata) {
        return KNOWLEDGE
                .documents()
                .createContextDocument(CreateContextDocumentRequest.newBuilder()
                        .setContextDocument(ContextDocument.newBuilder()
                                .setTitle("title")
                                .setDocumentType(DocumentType.DOCUMENT_TYPE_GUIDE)
                                .setContent("text")
                                .setMetadata(metadata))
                        .build())
                .getContextDocument();
    }

    private static ContextDocument get(String id) {
        return KNOWLEDGE
                .documents()
                .getContextDocument(GetContextDocumentRequest.newBuilder()
                        .setContextDocumentId(id)
                        .build())
                .getContextDocument();
    }

    private static ContextDocument update(ContextDocument document, String... paths) {
        var request = UpdateContextDocumentRequest.newBuilder().setContextDocument(document);
        if (paths.length > 0) {
            request.setUpdateMask(
                    FieldMask.newBuilder().addAllPaths(List.of(paths)).build());
        }
        return KNOWLEDGE.documents().updateContextDocument(request.build()).getContextDocument();
    }

    private static ContextDocument delete(String id, boolean force) {
        return KNOWLEDGE
                .documents()
                .deleteContextDocument(DeleteContextDocumentRequest.newBuilder()
                        .setContextDocumentId(id)
                        .setForce(force)
                        .build())
                .getContextDocument();
    }

    private static ContextDocument undelete(String id) {
        return KNOWLEDGE
                .documents()
                .undeleteContextDocument(UndeleteContextDocumentRequest.newBuilder()
                        .setContextDocumentId(id)
                        .build())
                .getContextDocument();
    }

    private static ListContextDocumentVersionsResponse versions(String id, int pageSize, String pageToken) {
        return KNOWLEDGE
                .documents()
                .listContextDocumentVersions(ListContextDocumentVersionsRequest.newBuilder()
                        .setContextDocumentId(id)
                        .setPageSize(pageSize)
                        .setPageToken(pageToken)
                        .build());
    }

    private static ContextDocumentVersion version(String id, int number) {
        return KNOWLEDGE
                .documents()
                .getContextDocumentVersion(GetContextDocumentVersionRequest.newBuilder()
                        .setContextDocumentId(id)
                        .setVersion(number)
                        .build())
                .getVersion();
    }

    private static ContextDocument restore(String id, int number) {
        return KNOWLEDGE
                .documents()
                .restoreContextDocumentVersion(RestoreContextDocumentVersionRequest.newBuilder()
                        .setContextDocumentId(id)
                        .setVersion(number)
                        .build())
                .getContextDocument();
    }
}
