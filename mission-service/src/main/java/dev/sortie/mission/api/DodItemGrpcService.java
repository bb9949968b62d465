package dev.sortie.mission.api;

import dev.sortie.mission.domain.DodItems;
import dev.sortie.mission.v1.CompleteDodItemRequest;
import dev.sortie.mission.v1.CompleteDodItemResponse;
import dev.sortie.mission.v1.CreateDodItemRequest;
import dev.sortie.mission.v1.CreateDodItemResponse;
import dev.sortie.mission.v1.DeleteDodItemRequest;
import dev.sortie.mission.v1.DeleteDodItemResponse;
import dev.sortie.mission.v1.DodItemServiceGrpc.DodItemServiceImplBase;
import dev.sortie.mission.v1.ListDodItemsRequest;
import dev.sortie.mission.v1.ListDodItemsResponse;
import dev.sortie.mission.v1.ReopenDodItemRequest;
import dev.sortie.mission.v1.ReopenDodItemResponse;
import dev.sortie.mission.v1.UpdateDodItemRequest;
import dev.sortie.mission.v1.UpdateDodItemResponse;
import dev.sortie.runtime.grpc.Replies;
import dev.sortie.runtime.paging.PageTokens;
import io.grpc.stub.StreamObserver;

/** {@code sortie.mission.v1.DodItemService}. */
public final class DodItemGrpcService extends DodItemServiceImplBase {
    private final Replies replies;
    private final PageTokens pages;
    private final DodItems items;

    public DodItemGrpcService(Replies replies, PageTokens pages, DodItems items) {
        this.replies = replies;
        this.pages = pages;
        this.items = items;
    }

    @Override
    public void createDodItem(CreateDodItemRequest request, StreamObserver<CreateDodItemResponse> observer) {
        replies.write(request, observer, DodItemProtos::toDraft, items::create, DodItemProtos::toCreateResponse);
    }

    @Override
    public void listDodItems(ListDodItemsRequest request, StreamObserver<ListDodItemsResponse> observer) {
        replies.read(
                request,
                observer,
                pages::open,
                (queries, page) -> items.list(queries, DodItemProtos.toFilter(request), page),
                DodItemProtos::toListResponse);
    }

    @Override
    public void updateDodItem(UpdateDodItemRequest request, StreamObserver<UpdateDodItemResponse> observer) {
        replies.write(request, observer, DodItemProtos::toEdit, items::update, DodItemProtos::toUpdateResponse);
    }

    @Override
    public void deleteDodItem(DeleteDodItemRequest request, StreamObserver<DeleteDodItemResponse> observer) {
        replies.write(request, observer, DodItemProtos::toRequest, items::delete, DodItemProtos::toDeleteResponse);
    }

    @Override
    public void completeDodItem(CompleteDodItemRequest request, StreamObserver<CompleteDodItemResponse> observer) {
        replies.write(
                request,
                observer,
                r -> items.checkElsewhere(DodItemProtos.toCompletion(r)),
                items::complete,
                DodItemProtos::toCompleteResponse);
    }

    @Override
    public void reopenDodItem(ReopenDodItemRequest request, StreamObserver<ReopenDodItemResponse> observer) {
        replies.write(request, observer, DodItemProtos::toRequest, items::reopen, DodItemProtos::toReopenResponse);
    }
}
