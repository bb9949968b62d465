package dev.sortie.knowledge.api;

import dev.sortie.knowledge.domain.ContextDocuments;
import dev.sortie.knowledge.domain.ContextDocuments.Written;
import dev.sortie.knowledge.domain.DocumentChanges;
import dev.sortie.knowledge.domain.DocumentDraft;
import dev.sortie.knowledge.domain.DocumentFilter;
import dev.sortie.knowledge.domain.DocumentVersion;
import dev.sortie.knowledge.v1.ContextDocument;
import dev.sortie.knowledge.v1.ContextDocumentVersion;
import dev.sortie.knowledge.v1.CreateContextDocumentRequest;
import dev.sortie.knowledge.v1.CreateContextDocumentResponse;
import dev.sortie.knowledge.v1.DeleteContextDocumentRequest;
import dev.sortie.knowledge.v1.DeleteContextDocumentResponse;
import dev.sortie.knowledge.v1.DocumentType;
import dev.sortie.knowledge.v1.GetContextDocumentRequest;
import dev.sortie.knowledge.v1.GetContextDocumentResponse;
import dev.sortie.knowledge.v1.GetContextDocumentVersionRequest;
import dev.sortie.knowledge.v1.GetContextDocumentVersionResponse;
import dev.sortie.knowledge.v1.ListContextDocumentVersionsRequest;
import dev.sortie.knowledge.v1.ListContextDocumentVersionsResponse;
import dev.sortie.knowledge.v1.ListContextDocumentsRequest;
import dev.sortie.knowledge.v1.ListContextDocumentsResponse;
import dev.sortie.knowledge.v1.RestoreContextDocumentVersionRequest;
import dev.sortie.knowledge.v1.RestoreContextDocumentVersionResponse;
import dev.sortie.knowledge.v1.UndeleteContextDocumentRequest;
import dev.sortie.knowledge.v1.UndeleteContextDocumentResponse;
import dev.sortie.knowledge.v1.UpdateContextDocumentRequest;
import dev.sortie.knowledge.v1.UpdateContextDocumentResponse;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.grpc.Messages;
import dev.sortie.runtime.paging.FieldMasks;
import dev.sortie.runtime.paging.Page;
import dev.sortie.runtime.paging.PageTokens;
import dev.sortie.type.v1.ErrorReason;
import java.util.Set;
import java.util.UUID;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Between the messages of ContextDocumentService and the domain. */
final class ContextDocumentProtos {
    private static final String NO_METADATA = "{}";
    private static final String METADATA = "context_document.metadata";

    private ContextDocumentProtos() {}

    static DocumentDraft toDraft(CreateContextDocumentRequest request) {
        var document = request.getContextDocument();
        return new DocumentDraft(
                document.getTitle(),
                toType(document.getDocumentType()),
                document.getContent(),
                document.getRepositoryUrl(),
                document.getTagsList(),
                Messages.json(document.getMetadata(), METADATA));
    }

    static CreateContextDocumentResponse toCreateResponse(Written written) {
        return CreateContextDocumentResponse.newBuilder()
                .setContextDocument(toMessage(written.document()))
                .setRevision(written.revision().encode())
                .build();
    }

    static ContextDocuments.Get toGet(GetContextDocumentRequest request) {
        return new ContextDocuments.Get(Messages.uuid(request.getContextDocumentId()), request.getShowDeleted());
    }

    static GetContextDocumentResponse toGetResponse(dev.sortie.knowledge.domain.ContextDocument document) {
        return GetContextDocumentResponse.newBuilder()
                .setContextDocument(toMessage(document))
                .build();
    }

    static ContextDocuments.ListDocuments toList(ListContextDocumentsRequest request, PageTokens tokens) {
        var type = request.getDocumentType();
        var filter = new DocumentFilter(
                type == DocumentType.DOCUMENT_TYPE_UNSPECIFIED ? null : toType(type),
                request.getRepositoryUrl(),
                request.getTag(),
                request.getShowDeleted());
        return new ContextDocuments.ListDocuments(filter, tokens.open(request));
    }

    static ListContextDocumentsResponse toListResponse(Page<dev.sortie.knowledge.domain.ContextDocument> page) {
        var messages = page.messages(ContextDocumentProtos::toMessage);
        return ListContextDocumentsResponse.newBuilder()
                .addAllContextDocuments(messages.items())
                .setNextPageToken(messages.nextPageToken())
                .build();
    }

    static ContextDocuments.Update toUpdate(UpdateContextDocumentRequest request) {
        var document = request.getContextDocument();
        var paths = FieldMasks.resolve(request.getUpdateMask(), document);
        var changes = new DocumentChanges(
                given(paths, "title", document::getTitle),
                given(paths, "document_type", () -> toType(document.getDocumentType())),
                given(paths, "content", document::getContent),
                given(paths, "repository_url", document::getRepositoryUrl),
                given(paths, "tags", document::getTagsList),
                given(paths, "metadata", () -> Messages.json(document.getMetadata(), METADATA)));
        return new ContextDocuments.Update(toId(document), document.getEtag(), changes);
    }

    static UpdateContextDocumentResponse toUpdateResponse(Written written) {
        return UpdateContextDocumentResponse.newBuilder()
                .setContextDocument(toMessage(written.document()))
                .setRevision(written.revision().encode())
                .build();
    }

    static ContextDocuments.Delete toDelete(DeleteContextDocumentRequest request) {
        return new ContextDocuments.Delete(
                Messages.uuid(request.getContextDocumentId()), request.getEtag(), request.getForce());
    }

    static DeleteContextDocumentResponse toDeleteResponse(Written written) {
        return DeleteContextDocumentResponse.newBuilder()
                .setContextDocument(toMessage(written.document()))
                .setRevision(written.revision().encode())
                .build();
    }

    static ContextDocuments.Undelete toUndelete(UndeleteContextDocumentRequest request) {
        return new ContextDocuments.Undelete(Messages.uuid(request.getContextDocumentId()), request.getEtag());
    }

    static UndeleteContextDocumentResponse toUndeleteResponse(Written written) {
        return UndeleteContextDocumentResponse.newBuilder()
                .setContextDocument(toMessage(written.document()))
                .setRevision(written.revision().encode())
                .build();
    }

    static ContextDocuments.ListVersions toListVersions(ListContextDocumentVersionsRequest request, PageTokens tokens) {
        return new ContextDocuments.ListVersions(Messages.uuid(request.getContextDocumentId()), tokens.open(request));
    }

    static ListContextDocumentVersionsResponse toListVersionsResponse(Page<DocumentVersion> page) {
        var messages = page.messages(ContextDocumentProtos::toMessage);
        return ListContextDocumentVersionsResponse.newBuilder()
                .addAllVersions(messages.items())
                .setNextPageToken(messages.nextPageToken())
                .build();
    }

    static ContextDocuments.GetVersion toGetVersion(GetContextDocumentVersionRequest request) {
        return new ContextDocuments.GetVersion(Messages.uuid(request.getContextDocumentId()), request.getVersion());
    }

    static GetContextDocumentVersionResponse toGetVersionResponse(DocumentVersion version) {
        return GetContextDocumentVersionResponse.newBuilder()
                .setVersion(toMessage(version))
                .build();
    }

    static ContextDocuments.Restore toRestore(RestoreContextDocumentVersionRequest request) {
        return new ContextDocuments.Restore(
                Messages.uuid(request.getContextDocumentId()), request.getVersion(), request.getEtag());
    }

    static RestoreContextDocumentVersionResponse toRestoreResponse(Written written) {
        return RestoreContextDocumentVersionResponse.newBuilder()
                .setContextDocument(toMessage(written.document()))
                .setRevision(written.revision().encode())
                .build();
    }

    static ContextDocument toMessage(dev.sortie.knowledge.domain.ContextDocument document) {
        var message = ContextDocument.newBuilder()
                .setContextDocumentId(document.id().toString())
                .setTitle(document.title())
                .setDocumentType(toMessage(document.type()))
                .setContent(document.content())
                .setRepositoryUrl(document.repositoryUrl())
                .addAllTags(document.tags())
                .setCreatedBy(orEmpty(document.createdBy()))
                .setVersion(document.versionNumber())
                .setCreateTime(Messages.timestamp(document.createdAt()))
                .setUpdateTime(Messages.timestamp(document.updatedAt()))
                .setEtag(document.etag());
        if (!document.metadata().equals(NO_METADATA)) {
            message.setMetadata(Messages.struct(document.metadata()));
        }
        if (document.deletedAt() != null) {
            message.setDeleteTime(Messages.timestamp(document.deletedAt()));
        }
        var purgeAt = document.purgeAt();
        if (purgeAt != null) {
            message.setPurgeTime(Messages.timestamp(purgeAt));
        }
        return message.build();
    }

    private static ContextDocumentVersion toMessage(DocumentVersion version) {
        var document = ContextDocument.newBuilder()
                .setContextDocumentId(version.documentId().toString())
                .setTitle(version.title())
                .setDocumentType(toMessage(version.type()))
                .setContent(version.content())
                .setRepositoryUrl(version.repositoryUrl())
                .addAllTags(version.tags())
                .setVersion(version.number())
                .setUpdateTime(Messages.timestamp(version.createdAt()));
        if (!version.metadata().equals(NO_METADATA)) {
            document.setMetadata(Messages.struct(version.metadata()));
        }
        return ContextDocumentVersion.newBuilder()
                .setContextDocument(document)
                .setAuthorId(orEmpty(version.authorId()))
                .setRestoredVersion(version.restored())
                .build();
    }

    static dev.sortie.knowledge.domain.DocumentType toType(DocumentType type) {
        return switch (type) {
            case DOCUMENT_TYPE_DESIGN -> dev.sortie.knowledge.domain.DocumentType.DESIGN;
            case DOCUMENT_TYPE_PLAN -> dev.sortie.knowledge.domain.DocumentType.PLAN;
            case DOCUMENT_TYPE_SPECIFICATION -> dev.sortie.knowledge.domain.DocumentType.SPECIFICATION;
            case DOCUMENT_TYPE_GUIDE -> dev.sortie.knowledge.domain.DocumentType.GUIDE;
            case DOCUMENT_TYPE_REFERENCE -> dev.sortie.knowledge.domain.DocumentType.REFERENCE;
            case DOCUMENT_TYPE_UNSPECIFIED, UNRECOGNIZED ->
                throw Failure.invalidArgument(
                                ErrorReason.ERROR_REASON_FIELD_INVALID,
                                "context_document.document_type",
                                "%s (expected: a type)",
                                type)
                        .exception();
        };
    }

    private static DocumentType toMessage(dev.sortie.knowledge.domain.DocumentType type) {
        return switch (type) {
            case DESIGN -> DocumentType.DOCUMENT_TYPE_DESIGN;
            case PLAN -> DocumentType.DOCUMENT_TYPE_PLAN;
            case SPECIFICATION -> DocumentType.DOCUMENT_TYPE_SPECIFICATION;
            case GUIDE -> DocumentType.DOCUMENT_TYPE_GUIDE;
            case REFERENCE -> DocumentType.DOCUMENT_TYPE_REFERENCE;
        };
    }

    private static UUID toId(ContextDocument document) {
        if (document.getContextDocumentId().isEmpty()) {
            throw Failure.invalidArgument(
                            ErrorReason.ERROR_REASON_FIELD_INVALID,
                            "context_document.context_document_id",
                            "value is required")
                    .exception();
        }
        return Messages.uuid(document.getContextDocumentId());
    }

    private static String orEmpty(@Nullable UUID id) {
        return id == null ? "" : id.toString();
    }

    private static <T> @Nullable T given(Set<String> paths, String path, Supplier<T> value) {
        return paths.contains(path) ? value.get() : null;
    }
}
