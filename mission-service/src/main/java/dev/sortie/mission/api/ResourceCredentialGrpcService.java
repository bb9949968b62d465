package dev.sortie.mission.api;

import dev.sortie.mission.domain.ResourceCredentials;
import dev.sortie.mission.v1.DeleteResourceCredentialRequest;
import dev.sortie.mission.v1.DeleteResourceCredentialResponse;
import dev.sortie.mission.v1.GetResourceCredentialRequest;
import dev.sortie.mission.v1.GetResourceCredentialResponse;
import dev.sortie.mission.v1.ListResourceCredentialsRequest;
import dev.sortie.mission.v1.ListResourceCredentialsResponse;
import dev.sortie.mission.v1.PutResourceCredentialRequest;
import dev.sortie.mission.v1.PutResourceCredentialResponse;
import dev.sortie.mission.v1.ResourceCredentialServiceGrpc.ResourceCredentialServiceImplBase;
import dev.sortie.mission.v1.RevealResourceCredentialRequest;
import dev.sortie.mission.v1.RevealResourceCredentialResponse;
import dev.sortie.runtime.grpc.Messages;
import dev.sortie.runtime.grpc.Replies;
import dev.sortie.runtime.paging.PageTokens;
import io.grpc.stub.StreamObserver;

/** {@code sortie.mission.v1.ResourceCredentialService}. */
public final class ResourceCredentialGrpcService extends ResourceCredentialServiceImplBase {
    private final Replies replies;
    private final PageTokens pages;
    private final ResourceCredentials credentials;

    public ResourceCredentialGrpcService(Replies replies, PageTokens pages, ResourceCredentials credentials) {
        this.replies = replies;
        this.pages = pages;
        this.credentials = credentials;
    }

    @Override
    public void putResourceCredential(
            PutResourceCredentialRequest request, StreamObserver<PutResourceCredentialResponse> observer) {
        replies.write(
                request,
                observer,
                ResourceCredentialProtos::toDraft,
                credentials::put,
                ResourceCredentialProtos::toPutResponse);
    }

    @Override
    public void getResourceCredential(
            GetResourceCredentialRequest request, StreamObserver<GetResourceCredentialResponse> observer) {
        replies.read(
                request,
                observer,
                r -> Messages.uuid(r.getResourceCredentialId()),
                credentials::get,
                ResourceCredentialProtos::toGetResponse);
    }

    @Override
    public void listResourceCredentials(
            ListResourceCredentialsRequest request, StreamObserver<ListResourceCredentialsResponse> observer) {
        replies.read(
                request,
                observer,
                pages::open,
                (queries, page) -> credentials.list(queries, Messages.nullableUuid(request.getUserId()), page),
                ResourceCredentialProtos::toListResponse);
    }

    @Override
    public void deleteResourceCredential(
            DeleteResourceCredentialRequest request, StreamObserver<DeleteResourceCredentialResponse> observer) {
        replies.write(
                request,
                observer,
                ResourceCredentialProtos::toDeletion,
                credentials::delete,
                ResourceCredentialProtos::toDeleteResponse);
    }

    /** A write, for its row in the audit log: answered once that is committed. */
    @Override
    public void revealResourceCredential(
            RevealResourceCredentialRequest request, StreamObserver<RevealResourceCredentialResponse> observer) {
        replies.write(
                request,
                observer,
                ResourceCredentialProtos::toWanted,
                credentials::reveal,
                ResourceCredentialProtos::toRevealResponse);
    }
}
