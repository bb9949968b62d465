package dev.sortie.mission.api;

import static dev.sortie.runtime.grpc.Messages.uuid;

import dev.sortie.mission.domain.Assets;
import dev.sortie.mission.v1.AssetServiceGrpc.AssetServiceImplBase;
import dev.sortie.mission.v1.CreateAssetRequest;
import dev.sortie.mission.v1.CreateAssetResponse;
import dev.sortie.mission.v1.DeleteAssetRequest;
import dev.sortie.mission.v1.DeleteAssetResponse;
import dev.sortie.mission.v1.DownloadAssetContentRequest;
import dev.sortie.mission.v1.DownloadAssetContentResponse;
import dev.sortie.mission.v1.GetAssetRequest;
import dev.sortie.mission.v1.GetAssetResponse;
import dev.sortie.mission.v1.ListAssetsRequest;
import dev.sortie.mission.v1.ListAssetsResponse;
import dev.sortie.mission.v1.UpdateAssetRequest;
import dev.sortie.mission.v1.UpdateAssetResponse;
import dev.sortie.mission.v1.UploadAssetContentRequest;
import dev.sortie.mission.v1.UploadAssetContentResponse;
import dev.sortie.runtime.grpc.Replies;
import dev.sortie.runtime.paging.PageTokens;
import io.grpc.stub.StreamObserver;

/** {@code sortie.mission.v1.AssetService}. */
public final class AssetGrpcService extends AssetServiceImplBase {
    private final Replies replies;
    private final PageTokens pages;
    private final Assets assets;
    private final AssetUploads uploads;
    private final AssetDownloads downloads;

    public AssetGrpcService(
            Replies replies, PageTokens pages, Assets assets, AssetUploads uploads, AssetDownloads downloads) {
        this.replies = replies;
        this.pages = pages;
        this.assets = assets;
        this.uploads = uploads;
        this.downloads = downloads;
    }

    @Override
    public void createAsset(CreateAssetRequest request, StreamObserver<CreateAssetResponse> observer) {
        replies.write(request, observer, AssetProtos::toDraft, assets::create, AssetProtos::toCreateResponse);
    }

    @Override
    public void getAsset(GetAssetRequest request, StreamObserver<GetAssetResponse> observer) {
        replies.read(
                request,
                observer,
                r -> uuid(r.getAssetId()),
                (queries, id) -> request.getWithoutContent() ? assets.getHead(queries, id) : assets.get(queries, id),
                AssetProtos::toGetResponse);
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

    @Override
    public StreamObserver<UploadAssetContentRequest> uploadAssetContent(
            StreamObserver<UploadAssetContentResponse> observer) {
        return replies.receiveLong(observer, AssetUploads.AHEAD, uploads::receive);
    }

    @Override
    public void downloadAssetContent(
            DownloadAssetContentRequest request, StreamObserver<DownloadAssetContentResponse> observer) {
        replies.stream(request, observer, AssetProtos::toDownload, downloads::send);
    }
}
