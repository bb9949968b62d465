package dev.sortie.mission.api;

import static dev.sortie.runtime.grpc.Messages.uuid;

import dev.sortie.mission.domain.Assets;
import dev.sortie.mission.v1.AssetServiceGrpc.AssetServiceImplBase;
import dev.sortie.mission.v1.CreateAssetRequest;
import dev.sortie.mission.v1.CreateAssetResponse;
import dev.sortie.mission.v1.DeleteAssetRequest;
import dev.sortie.mission.v1.DeleteAssetResponse;
import dev.sortie.mission.v1.GetAssetRequest;
import dev.sortie.mission.v1.GetAssetResponse;
import dev.sortie.mission.v1.ListAssetsRequest;
import dev.sortie.mission.v1.ListAssetsResponse;
import dev.sortie.mission.v1.UpdateAssetRequest;
import dev.sortie.mission.v1.UpdateAssetResponse;
import dev.sortie.runtime.grpc.Replies;
import dev.sortie.runtime.paging.PageTokens;
import io.grpc.stub.StreamObserver;

/** {@code sortie.mission.v1.AssetService}. */
public final class AssetGrpcService extends AssetServiceImplBase {
    private final Replies replies;
    private final PageTokens pages;
    private final Assets assets;

    public AssetGrpcService(Replies replies, PageTokens pages, Assets assets) {
        this.replies = replies;
        this.pages = pages;
        this.assets = assets;
    }

    @Override
    public void createAsset(CreateAssetRequest request, StreamObserver<CreateAssetResponse> observer) {
        replies.write(request, observer, AssetProtos::toDraft, assets::create, AssetProtos::toCreateResponse);
    }

    @Override
    public void getAsset(GetAssetRequest request, StreamObserver<GetAssetResponse> observer) {
        replies.read(request, observer, r -> uuid(r.getAssetId()), assets::get, AssetProtos::toGetResponse);
    }

    @Override
    public void listAssets(ListAssetsRequest request, StreamObserver<ListAssetsResponse> observer) {
        replies.read(
                request,
                observer,
                pages::open,
                (queries, page) -> assets.list(queries, AssetProtos.toFilter(request), page),
                AssetProtos::toListResponse);
    }

    @Override
    public void updateAsset(UpdateAssetRequest request, StreamObserver<UpdateAssetResponse> observer) {
        replies.write(request, observer, AssetProtos::toEdit, assets::update, AssetProtos::toUpdateResponse);
    }

    @Override
    public void deleteAsset(DeleteAssetRequest request, StreamObserver<DeleteAssetResponse> observer) {
        replies.write(request, observer, AssetProtos::toDeletion, assets::delete, AssetProtos::toDeleteResponse);
    }
}
