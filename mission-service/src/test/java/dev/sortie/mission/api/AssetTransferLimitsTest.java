package dev.sortie.mission.api;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.mission.MissionFixture;
import dev.sortie.mission.domain.TransferSettings;
import dev.sortie.mission.v1.AssetScopeType;
import dev.sortie.mission.v1.AssetServiceGrpc;
import dev.sortie.mission.v1.DownloadAssetContentRequest;
import dev.sortie.mission.v1.ErrorReason;
import dev.sortie.mission.work.Eventually;
import dev.sortie.runtime.testing.StatusAssert;
import io.grpc.Status.Code;
import io.grpc.StatusException;
import io.grpc.stub.BlockingClientCall;
import java.time.Duration;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** What the server does not let transfers take. */
class AssetTransferLimitsTest {
    private static final int LARGEST = 8 << 20;

    @AutoClose
    private static final MissionFixture MISSION = fixture(2, 1, Duration.ofMinutes(5));

    @AutoClose
    private static final MissionFixture IMPATIENT = fixture(2, 1, Duration.ofSeconds(5));

    private final Calls developer = Calls.of(MISSION.developer());
    private final Transfers transfers = new Transfers(MISSION.developer());
    private final String asset = newAsset(MISSION);

    @Test
    void endsAnUploadThatSendsNothing() {
        var bytes = Transfers.random(1 << 20, 1);
        var id = newAsset(IMPATIENT);
        var upload = new Transfers(IMPATIENT.developer())
                .begin(Transfers.named(id, bytes))
                .send(bytes, 0, 1000);
        StatusAssert.fails(upload::answer)
                .with(Code.ABORTED, ErrorReason.ERROR_REASON_TRANSFER_STALLED)
                .metadata("asset_id", id);
        var silent = AssetServiceGrpc.newBlockingV2Stub(IMPATIENT.developer()).uploadAssetContent();
        StatusAssert.fails(() -> read(silent))
                .with(Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("asset_id");
    }

    @Test
    void endsADownloadThatTakesNothing() throws Exception {
        var bytes = Transfers.random(LARGEST, 2);
        var id = newAsset(IMPATIENT);
        new Transfers(IMPATIENT.developer()).upload(id, bytes);
        var call = AssetServiceGrpc.newBlockingV2Stub(IMPATIENT.developer())
                .downloadAssetContent(
                        DownloadAssetContentRequest.newBuilder().setAssetId(id).build());
        var first = call.read();
        assertThat(first.getContentInfo().getSize()).isEqualTo(LARGEST);
        Eventually.see(() -> gauge(IMPATIENT, "sortie.asset.content.downloads"), taken -> taken == 0);
        StatusAssert.fails(() -> {
                    while (read(call) != null) {
                        // what is on its way still comes
                    }
                })
                .with(Code.ABORTED, ErrorReason.ERROR_REASON_TRANSFER_STALLED)
                .metadata("asset_id", id);
    }

    @Test
    void refusesMoreTransfersThanItTakesAtOnce() throws Exception {
        var bytes = Transfers.random(LARGEST, 3);
        transfers.upload(asset, bytes);
        Eventually.see(() -> gauge(MISSION, "sortie.asset.content.uploads"), taken -> taken == 0);
        try (var _ = transfers.begin(Transfers.named(asset, bytes));
                var _ = transfers.begin(Transfers.named(asset, bytes))) {
            Eventually.see(() -> gauge(MISSION, "sortie.asset.content.uploads"), taken -> taken == 2);
            StatusAssert.fails(() -> transfers.upload(asset, bytes))
                    .with(Code.RESOURCE_EXHAUSTED, dev.sortie.type.v1.ErrorReason.ERROR_REASON_OVERLOADED)
                    .metadata("limit", "uploads")
                    .retryable();
        }
        Eventually.see(() -> gauge(MISSION, "sortie.asset.content.uploads"), taken -> taken == 0);
        assertThat(transfers.upload(asset, bytes).getContentInfo().getSize()).isEqualTo(LARGEST);

        var request = DownloadAssetContentRequest.newBuilder().setAssetId(asset).build();
        var call = AssetServiceGrpc.newBlockingV2Stub(MISSION.developer()).downloadAssetContent(request);
        call.read();
        StatusAssert.fails(() -> transfers.download(request))
                .with(Code.RESOURCE_EXHAUSTED, dev.sortie.type.v1.ErrorReason.ERROR_REASON_OVERLOADED)
                .metadata("limit", "downloads")
                .retryable();
        call.cancel("enough", null);
        Eventually.see(() -> gauge(MISSION, "sortie.asset.content.downloads"), taken -> taken == 0);
        assertThat(transfers.download(request).bytes()).isEqualTo(bytes);
    }

    @Test
    void refusesContentThatIsTooLarge() {
        var bytes = Transfers.random(LARGEST + 1, 4);
        StatusAssert.fails(() -> transfers.upload(asset, bytes))
                .with(Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_CONTENT_TOO_LARGE)
                .metadata("limit", LARGEST)
                .field("data");
        StatusAssert.fails(() -> transfers
                        .begin(Transfers.named(asset, bytes).setSize(LARGEST + 1))
                        .answer())
                .with(Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_CONTENT_TOO_LARGE)
                .field("size");
        assertThat(developer.asset(asset).getEtag()).isEqualTo("1");
    }

    @Test
    void measuresWhatGoesInAndOut() {
        double in = bytes("in");
        double out = bytes("out");
        transfers.upload(asset, Transfers.random(12_345, 5));
        transfers.download(asset);
        assertThat(bytes("in") - in).isGreaterThanOrEqualTo(12_345);
        assertThat(bytes("out") - out).isGreaterThanOrEqualTo(12_345);
    }

    @Test
    void endsTransfersWhenTheServerStops() throws Exception {
        try (var other = MissionFixture.start()) {
            var there = new Transfers(other.developer());
            var id = newAsset(other);
            var bytes = Transfers.random(LARGEST, 6);
            var upload = there.begin(Transfers.named(id, bytes)).send(bytes, 0, 1 << 20);
            Eventually.see(() -> gauge(other, "sortie.asset.content.uploads"), taken -> taken == 1);
            var stopping = Thread.ofVirtual().start(() -> other.server().close());
            StatusAssert.fails(upload::answer)
                    .with(Code.UNAVAILABLE, dev.sortie.type.v1.ErrorReason.ERROR_REASON_DEPENDENCY_UNAVAILABLE)
                    .retryable();
            assertThat(stopping.join(Duration.ofMinutes(1))).isTrue();
        }
    }

    private static <P> P read(BlockingClientCall<?, P> call) {
        try {
            return call.read();
        } catch (StatusException refused) {
            throw refused.getStatus().asRuntimeException(refused.getTrailers());
        } catch (InterruptedException interrupted) {
            throw new AssertionError(interrupted);
        }
    }

    private static MissionFixture fixture(int uploads, int downloads, Duration idleTime) {
        return MissionFixture.start(
                settings -> settings.withTransfers(new TransferSettings(uploads, downloads, idleTime, LARGEST)));
    }

    private static String newAsset(MissionFixture mission) {
        var developer = Calls.of(mission.developer());
        return developer
                .createAsset(Calls.asset(
                                AssetScopeType.ASSET_SCOPE_TYPE_MISSION,
                                developer.createMission("Limited").getMissionId())
                        .build())
                .getAssetId();
    }

    private static double gauge(MissionFixture mission, String name) {
        return mission.server().runtime().meters().get(name).gauge().value();
    }

    private static double bytes(String direction) {
        return MISSION.server()
                .runtime()
                .meters()
                .get("sortie.asset.content.bytes")
                .tag("direction", direction)
                .counter()
                .count();
    }
}
