package dev.sortie.knowledge.api;

import dev.sortie.knowledge.domain.ContextDocuments;
import dev.sortie.knowledge.v1.ContextDocumentServiceGrpc.ContextDocumentServiceImplBase;
import dev.sortie.knowledge.v1.CreateContextDocumentRequest;
import dev.sortie.knowledge.v1.CreateContextDocumentResponse;
import dev.sortie.knowledge.v1.DeleteContextDocumentRequest;
import dev.sortie.knowledge.v1.DeleteContextDocumentResponse;
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
import dev.sortie.runtime.grpc.Replies;
import dev.sortie.runtime.paging.PageTokens;
import io.grpc.stub.StreamObserver;

/** Context documents and their versions. */
public final class ContextDocumentGrpcService extends ContextDocumentServiceImplBase {
    private final Replies replies;
    private final PageTokens tokens;
    private final ContextDocuments documents;

    public ContextDocumentGrpcService(Replies replies, PageTokens tokens, ContextDocuments documents) {
        this.replies = replies;
        this.tokens = tokens;
        this.documents = documents;
    }

    @Override
    public void createContextDocument(
            CreateContextDocumentRequest request, StreamObserver<CreateContextDocumentResponse> observer) {
        replies.write(
                request,
                observer,
                ContextDocumentProtos::toDraft,
                documents::create,
                ContextDocumentProtos::toCreateResponse);
    }

    @Override
    public void getContextDocument(
            GetContextDocumentRequest request, StreamObserver<GetContextDocumentResponse> observer) {
        replies.read(
                request, observer, ContextDocumentProtos::toGet, documents::get, ContextDocumentProtos::toGetResponse);
    }

    @Override
    public void listContextDocuments(
            ListContextDocumentsRequest request, StreamObserver<ListContextDocumentsResponse> observer) {
        replies.read(
                request,
                observer,
                list -> ContextDocumentProtos.toList(list, tokens),
                documents::list,
                ContextDocumentProtos::toListResponse);
    }

    @Override
    public void updateContextDocument(
            UpdateContextDocumentRequest request, StreamObserver<UpdateContextDocumentResponse> observer) {
        replies.write(
                request,
                observer,
                ContextDocumentProtos::toUpdate,
                documents::update,
                ContextDocumentProtos::toUpdateResponse);
    }

    @Override
    public void deleteContextDocument(
            DeleteContextDocumentRequest request, StreamObserver<DeleteContextDocumentResponse> observer) {
        replies.write(
                request,
                observer,
                ContextDocumentProtos::toDelete,
                documents::delete,
                ContextDocumentProtos::toDeleteResponse);
    }

    @Override
    public void undeleteContextDocument(
            UndeleteContextDocumentRequest request, StreamObserver<UndeleteContextDocumentResponse> observer) {
        replies.write(
                request,
                observer,
                ContextDocumentProtos::toUndelete,
                documents::undelete,
                ContextDocumentProtos::toUndeleteResponse);
    }

    @Override
    public void listContextDocumentVersions(
            ListContextDocumentVersionsRequest request, StreamObserver<ListContextDocumentVersionsResponse> observer) {
        replies.read(
                request,
                observer,
                list -> ContextDocumentProtos.toListVersions(list, tokens),
                documents::listVersions,
                ContextDocumentProtos::toListVersionsResponse);
    }

    @Override
    public void getContextDocumentVersion(
            GetContextDocumentVersionRequest request, StreamObserver<GetContextDocumentVersionResponse> observer) {
        replies.read(
                request,
                observer,
                ContextDocumentProtos::toGetVersion,
                documents::getVersion,
                ContextDocumentProtos::toGetVersionResponse);
    }

    @Override
    public void restoreContextDocumentVersion(
            RestoreContextDocumentVersionRequest request,
            StreamObserver<RestoreContextDocumentVersionResponse> observer) {
        replies.write(
                request,
                observer,
                ContextDocumentProtos::toRestore,
                documents::restore,
                ContextDocumentProtos::toRestoreResponse);
    }
}
