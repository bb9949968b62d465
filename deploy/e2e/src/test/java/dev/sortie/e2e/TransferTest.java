package dev.sortie.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import com.google.protobuf.UnsafeByteOperations;
import dev.sortie.mission.v1.Asset;
import dev.sortie.mission.v1.AssetRole;
import dev.sortie.mission.v1.AssetScopeType;
import dev.sortie.mission.v1.AssetServiceGrpc;
import dev.sortie.mission.v1.AssetServiceGrpc.AssetServiceBlockingStub;
import dev.sortie.mission.v1.AssetServiceGrpc.AssetServiceBlockingV2Stub;
import dev.sortie.mission.v1.CreateAssetRequest;
import dev.sortie.mission.v1.CreateMissionRequest;
import dev.sortie.mission.v1.DownloadAssetContentRequest;
import dev.sortie.mission.v1.GetAssetRequest;
import dev.sortie.mission.v1.Mission;
import dev.sortie.mission.v1.MissionServiceGrpc;
import dev.sortie.mission.v1.UploadAssetContentRequest;
import dev.sortie.mission.v1.UploadAssetContentResponse;
import io.grpc.Channel;
import io.grpc.ClientInterceptors;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusException;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.BlockingClientCall;
import io.grpc.stub.MetadataUtils;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.ResourceLock;

/**
 * Contents much larger than the memory of the server. {@code -Dsortie.transfer.mib=1024} moves the largest that there may
 * be.
 */
@ResourceLock(Cluster.MACHINE)
class TransferTest {

    private static final int MIB = Integer.getInteger("sortie.transfer.mib", 256);
    private static final int CHUNK = 256 * 1024;
    /** A fraction of a content; what the server cannot do without takes half of it. */
    private static final String MEMORY =
            "-Xmx112m -XX:MaxDirectMemorySize=48m -XX:+ExitOnOutOfMemoryError -XX:+UseSerialGC";

    @AutoClose
    private static Cluster cluster;

    private static AssetServiceBlockingStub assets;
    private static AssetServiceBlockingV2Stub streams;

    @BeforeAll
    static void start(@TempDir Path folder) {
        cluster = Cluster.start(folder, Map.of("JDK_JAVA_OPTIONS", MEMORY, "SORTIE_TRANSFER_IDLE_TIME", "6s"));
        var channel = authorized();
        assets = AssetServiceGrpc.newBlockingStub(channel);
        streams = AssetServiceGrpc.newBlockingV2Stub(channel);
    }

    @Test
    void movesContentThatIsLargerThanTheServersMemory() throws Exception {
        var asset = newAsset();
        long begin = System.nanoTime();
        var sum = sha256();
        var upload = begin(asset);
        for (int i = 0; i < 4 * MIB; i++) {
            sum.update(chunk(i));
            upload.write(data(i));
        }
        var sha256 = HexFormat.of().formatHex(sum.digest());
        var uploaded = finish(upload, sha256);
        assertThat(uploaded.getContentInfo().getSize()).isEqualTo(4L * MIB * CHUNK);
        long middle = System.nanoTime();
        assertThat(download(asset, 0, "")).isEqualTo(sha256);
        System.out.printf(
                "%d MiB up in %d ms, down in %d ms%n",
                MIB, (middle - begin) / 1_000_000, (System.nanoTime() - middle) / 1_000_000);
    }

    @Test
    void leavesNothingOfAnUploadWhenTheServerIsKilled() throws Exception {
        var asset = newAsset();
        var upload = begin(asset);
        for (int i = 0; i < 64; i++) {
            upload.write(data(i));
        }
        await(() -> count("asset_chunks WHERE content_id = (SELECT content_id FROM asset_contents WHERE asset_id = '"
                        + asset + "')")
                > 32);
        cluster.killAndRestart("mission");
        assertThat(failure(upload)).isEqualTo(Status.Code.UNAVAILABLE);
        await(() -> count("asset_contents WHERE status = 'UPLOADING' OR asset_id IS NULL") == 0);
        assertThat(
                        count(
                                "asset_chunks k WHERE NOT EXISTS (SELECT FROM asset_contents c WHERE c.content_id = k.content_id)"))
                .isZero();
        assertThat(assets.getAsset(
                                GetAssetRequest.newBuilder().setAssetId(asset).build())
                        .getAsset()
                        .getEtag())
                .isEqualTo("1");
    }

    @Test
    void goesOnWithADownloadAfterTheServerWasKilled() throws Exception {
        var asset = newAsset();
        var sum = sha256();
        var upload = begin(asset);
        for (int i = 0; i < 128; i++) {
            sum.update(chunk(i));
            upload.write(data(i));
        }
        var sha256 = HexFormat.of().formatHex(sum.digest());
        finish(upload, sha256);

        var partial = sha256();
        long offset = 0;
        var first = assets.downloadAssetContent(
                DownloadAssetContentRequest.newBuilder().setAssetId(asset).build());
        first.next();
        try {
            while (true) {
                var message = first.next();
                partial.update(message.getData().asReadOnlyByteBuffer());
                offset += message.getData().size();
                if (offset == 3 * CHUNK) {
                    cluster.killAndRestart("mission");
                }
            }
        } catch (StatusRuntimeException broken) {
            assertThat(broken.getStatus().getCode()).isEqualTo(Status.Code.UNAVAILABLE);
        }
        assertThat(offset).isBetween(3L * CHUNK, 127L * CHUNK);
        var rest = assets.withWaitForReady()
                .downloadAssetContent(DownloadAssetContentRequest.newBuilder()
                        .setAssetId(asset)
                        .setOffset(offset)
                        .setSha256(sha256)
                        .build());
        rest.forEachRemaining(message -> partial.update(message.getData().asReadOnlyByteBuffer()));
        assertThat(HexFormat.of().formatHex(partial.digest())).isEqualTo(sha256);
    }

    @Test
    void movesContentWithNode(@TempDir Path folder) throws Exception {
        if (!NodeProgram.isInstalled()) {
            System.out.println("Node is not installed here: its transfer of content was left out.");
            return;
        }
        var moved = NodeProgram.run("transfer.mjs", cluster, folder, List.of("--asset", newAsset(), "--mib", "64"));
        System.out.print(moved.output());
        assertThat(moved.code()).as(moved.output()).isZero();
        assertThat(moved.output()).contains("taken up again at " + 128 * CHUNK);
    }

    private static String download(String asset, long offset, String sha256) throws Exception {
        var sum = sha256();
        var messages = assets.downloadAssetContent(DownloadAssetContentRequest.newBuilder()
                .setAssetId(asset)
                .setOffset(offset)
                .setSha256(sha256)
                .build());
        messages.forEachRemaining(message -> sum.update(message.getData().asReadOnlyByteBuffer()));
        return HexFormat.of().formatHex(sum.digest());
    }

    private static BlockingClientCall<UploadAssetContentRequest, UploadAssetContentResponse> begin(String asset)
            throws Exception {
        var upload = streams.withWaitForReady().uploadAssetContent();
        upload.write(UploadAssetContentRequest.newBuilder().setAssetId(asset).build());
        return upload;
    }

    private static Asset finish(
            BlockingClientCall<UploadAssetContentRequest, UploadAssetContentResponse> upload, String sha256)
            throws Exception {
        upload.write(UploadAssetContentRequest.newBuilder().setSha256(sha256).build());
        upload.halfClose();
        return upload.read().getAsset();
    }

    private static Status.Code failure(BlockingClientCall<?, UploadAssetContentResponse> upload) throws Exception {
        try {
            upload.read();
            throw new AssertionError("it answered");
        } catch (StatusException broken) {
            return broken.getStatus().getCode();
        }
    }

    private static UploadAssetContentRequest data(int number) {
        ByteString data = UnsafeByteOperations.unsafeWrap(chunk(number));
        return UploadAssetContentRequest.newBuilder().setData(data).build();
    }

    /** The same for the same number. */
    private static byte[] chunk(int number) {
        var bytes = new byte[CHUNK];
        new SplittableRandom(number).nextBytes(bytes);
        return bytes;
    }

    private static MessageDigest sha256() throws Exception {
        return MessageDigest.getInstance("SHA-256");
    }

    private static String newAsset() {
        var mission = MissionServiceGrpc.newBlockingStub(authorized())
                .withWaitForReady()
                .createMission(CreateMissionRequest.newBuilder()
                        .setMission(Mission.newBuilder().setName("Large"))
                        .build())
                .getMission();
        return assets.withWaitForReady()
                .createAsset(CreateAssetRequest.newBuilder()
                        .setAsset(Asset.newBuilder()
                                .setScopeType(AssetScopeType.ASSET_SCOPE_TYPE_MISSION)
                                .setScopeId(mission.getMissionId())
                                .setName("Large")
                                .setType("file")
                                .setRole(AssetRole.ASSET_ROLE_INPUT))
                        .build())
                .getAsset()
                .getAssetId();
    }

    private static int count(String from) {
        return Integer.parseInt(cluster.query("mission", "SELECT count(*) FROM " + from));
    }

    private static void await(BooleanSupplier condition) {
        long end = System.nanoTime() + Duration.ofMinutes(3).toNanos();
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() > end) {
                throw new AssertionError("waited in vain; the log of mission-service ends:\n" + cluster.log("mission"));
            }
            LockSupport.parkNanos(Duration.ofMillis(50).toNanos());
        }
    }

    private static Channel authorized() {
        var headers = new Metadata();
        headers.put(
                Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER), "Bearer " + cluster.adminToken());
        return ClientInterceptors.intercept(
                cluster.channels().get("mission"), MetadataUtils.newAttachHeadersInterceptor(headers));
    }
}
