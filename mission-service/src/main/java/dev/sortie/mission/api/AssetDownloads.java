package dev.sortie.mission.api;

import com.google.protobuf.ByteString;
import com.google.protobuf.UnsafeByteOperations;
import dev.sortie.mission.domain.AssetContents;
import dev.sortie.mission.domain.TransferRefusals;
import dev.sortie.mission.domain.TransferSettings;
import dev.sortie.mission.v1.DownloadAssetContentResponse;
import dev.sortie.runtime.grpc.CallContext;
import dev.sortie.runtime.grpc.ServerStream;
import dev.sortie.runtime.sql.Database;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.UUID;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/** Sends the streamed contents of assets, a few pieces in memory at a time, as fast as they are taken. */
public final class AssetDownloads {
    /** Pieces that are read at once. */
    private static final int AT_ONCE = 2;

    private final Database database;
    private final AssetContents contents;
    private final TransferSettings settings;
    private final TransferSlots slots;
    private final Counter bytes;

    public AssetDownloads(Database database, AssetContents contents, TransferSettings settings, MeterRegistry meters) {
        this.database = database;
        this.contents = contents;
        this.settings = settings;
        this.slots = new TransferSlots("downloads", settings.downloadsAtOnce(), meters);
        this.bytes = meters.counter("sortie.asset.content.bytes", "direction", "out");
    }

    /**
     * What shall be sent.
     *
     * @param sha256 what the content must still be; empty means any
     */
    record Download(UUID assetId, long offset, String sha256) {}

    /** Sends a content from an offset to its end. */
    void send(Download download, ServerStream<DownloadAssetContentResponse> stream) throws InterruptedException {
        try (var _ = slots.take()) {
            var principal = CallContext.principal();
            var stored = contents.open(
                    database.queries(principal), download.assetId(), download.offset(), download.sha256());
            send(
                    stream,
                    stored,
                    DownloadAssetContentResponse.newBuilder()
                            .setContentInfo(AssetProtos.toMessage(stored.info()))
                            .setContentVersion(stored.version())
                            .setOffset(download.offset()));
            long offset = download.offset();
            long size = stored.info().size();
            var digest = offset == 0 ? Sha256.begin() : null;
            while (offset < size) {
                int position = (int) (offset / AssetContents.CHUNK_BYTES);
                for (var chunk : contents.read(database.queries(principal), stored, position, AT_ONCE)) {
                    int skipped = (int) (offset % AssetContents.CHUNK_BYTES);
                    var data = UnsafeByteOperations.unsafeWrap(chunk, skipped, chunk.length - skipped);
                    check(stored, digest, chunk, offset + data.size());
                    send(stream, stored, part(offset, data));
                    offset += data.size();
                    bytes.increment(data.size());
                }
            }
        }
    }

    private static DownloadAssetContentResponse.Builder part(long offset, ByteString data) {
        return DownloadAssetContentResponse.newBuilder().setOffset(offset).setData(data);
    }

    /** Before the last piece is sent: what is kept is what was taken. */
    private static void check(AssetContents.Stored stored, @Nullable MessageDigest digest, byte[] chunk, long sent) {
        long size = stored.info().size();
        boolean isWhole = sent == size || (sent < size && chunk.length == AssetContents.CHUNK_BYTES);
        if (digest != null) {
            digest.update(chunk);
            isWhole &= sent < size
                    || HexFormat.of()
                            .formatHex(digest.digest())
                            .equals(stored.info().sha256());
        }
        if (!isWhole) {
            throw new IllegalStateException(
                    "content " + stored.contentId() + " of asset " + stored.assetId() + " is damaged");
        }
    }

    private void send(
            ServerStream<DownloadAssetContentResponse> stream,
            AssetContents.Stored stored,
            DownloadAssetContentResponse.Builder message)
            throws InterruptedException {
        try {
            stream.send(message.build(), settings.idleTime());
        } catch (TimeoutException _) {
            throw TransferRefusals.downloadStalled(stored.assetId());
        }
    }
}
