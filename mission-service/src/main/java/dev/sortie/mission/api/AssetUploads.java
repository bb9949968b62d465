package dev.sortie.mission.api;

import com.google.protobuf.ByteString;
import dev.sortie.mission.domain.AssetContentInfo;
import dev.sortie.mission.domain.AssetContents;
import dev.sortie.mission.domain.TransferRefusals;
import dev.sortie.mission.domain.TransferSettings;
import dev.sortie.mission.v1.UploadAssetContentRequest;
import dev.sortie.mission.v1.UploadAssetContentResponse;
import dev.sortie.runtime.grpc.CallContext;
import dev.sortie.runtime.grpc.ClientStream;
import dev.sortie.runtime.grpc.Replies;
import dev.sortie.runtime.identity.Principal;
import dev.sortie.runtime.sql.Database;
import dev.sortie.runtime.sql.Isolation;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Takes the contents of assets: what comes is cut into pieces, and a few of them at a time are stored before more is
 * asked for. So the sender goes as fast as the database does, and memory stays the same whatever the length.
 */
public final class AssetUploads {
    /** Messages of at most 1 MiB each that wait to be stored. */
    static final int AHEAD = 2;
    /** Pieces that are stored in one transaction: 1 MiB. */
    private static final int AT_ONCE = 4;

    private final Database database;
    private final Replies replies;
    private final AssetContents contents;
    private final TransferSettings settings;
    private final Consumer<UUID> abandon;
    private final TransferSlots slots;
    private final Counter bytes;

    /**
     * @param abandon sees to it that what an upload left is removed, if it left anything; does not wait for it
     */
    public AssetUploads(
            Database database,
            Replies replies,
            AssetContents contents,
            TransferSettings settings,
            Consumer<UUID> abandon,
            MeterRegistry meters) {
        this.database = database;
        this.replies = replies;
        this.contents = contents;
        this.settings = settings;
        this.abandon = abandon;
        this.slots = new TransferSlots("uploads", settings.uploadsAtOnce(), meters);
        this.bytes = meters.counter("sortie.asset.content.bytes", "direction", "in");
    }

    /** Takes one content. */
    UploadAssetContentResponse receive(ClientStream<UploadAssetContentRequest> stream) {
        try (var _ = slots.take()) {
            var first = next(stream, null);
            if (first == null) {
                throw AssetProtos.invalid("asset_id", "there was no message (expected: one at least)");
            }
            var upload = AssetProtos.toUpload(first);
            var earlier = replay(first);
            return earlier == null ? receive(stream, first, upload) : earlier;
        }
    }

    private UploadAssetContentResponse receive(
            ClientStream<UploadAssetContentRequest> stream,
            UploadAssetContentRequest first,
            AssetContents.Upload upload) {
        var principal = CallContext.principal();
        boolean mayBeRepeat =
                !first.getRequestId().isEmpty() && first.getSha256().isEmpty();
        checkPromise(first);
        var contentId = contents.nextId();
        var mayBeThere = new AtomicBoolean();
        boolean kept = false;
        try {
            var heardOf = database.clock().instant(); // not later than what is stored of it
            var begun = database.transaction(principal, Isolation.READ_COMMITTED, tx -> {
                var written = contents.begin(tx, contentId, upload, mayBeRepeat);
                mayBeThere.set(true); // from here on, a call that ends does not tell whether it was committed
                return written;
            });
            var incoming = new Incoming(begun, principal, first, heardOf);
            incoming.accept(first.getData());
            for (var message = next(stream, upload.assetId());
                    message != null;
                    message = next(stream, upload.assetId())) {
                incoming.accept(message);
            }
            var response = incoming.finish();
            kept = !response.getReplayed();
            return response;
        } finally {
            if (mayBeThere.get() && !kept) {
                abandon.accept(contentId);
            }
        }
    }

    /** What was answered to the same request before, as far as its first message tells which it is. */
    private @Nullable UploadAssetContentResponse replay(UploadAssetContentRequest first) {
        if (first.getRequestId().isEmpty() || first.getSha256().isEmpty()) {
            return null;
        }
        var answer = replies.transact(
                identity(first, first.getSha256()), _ -> UploadAssetContentResponse.getDefaultInstance(), _ -> false);
        return answer.getReplayed() ? answer : null;
    }

    /** What makes two uploads the same. */
    private static UploadAssetContentRequest identity(UploadAssetContentRequest first, String sha256) {
        return first.toBuilder().clearData().clearSize().setSha256(sha256).build();
    }

    private void checkPromise(UploadAssetContentRequest first) {
        if (first.getSize() > settings.maxBytes()) {
            throw TransferRefusals.tooLarge("size", settings.maxBytes());
        }
    }

    private @Nullable UploadAssetContentRequest next(
            ClientStream<UploadAssetContentRequest> stream, @Nullable UUID assetId) {
        try {
            return stream.next(settings.idleTime());
        } catch (TimeoutException _) {
            if (assetId == null) {
                throw AssetProtos.invalid("asset_id", "no message came (expected: one that names the asset)");
            }
            throw TransferRefusals.uploadStalled(assetId);
        }
    }

    /** A content on its way. */
    private final class Incoming {
        private final AssetContents.Begun begun;
        private final Principal principal;
        private final UploadAssetContentRequest first;
        private final MessageDigest digest = Sha256.begin();
        private final List<byte[]> chunks = new ArrayList<>(AT_ONCE);
        private ByteBuffer chunk = ByteBuffer.allocate(AssetContents.CHUNK_BYTES);
        private int position;
        private long size;
        private String sha256;
        private Instant heardOf;

        Incoming(AssetContents.Begun begun, Principal principal, UploadAssetContentRequest first, Instant heardOf) {
            this.begun = begun;
            this.principal = principal;
            this.first = first;
            this.sha256 = first.getSha256();
            this.heardOf = heardOf;
        }

        /** A message after the first one. */
        void accept(UploadAssetContentRequest message) {
            checkPlace(message);
            if (!message.getSha256().isEmpty()) {
                sha256 = message.getSha256();
            }
            accept(message.getData());
        }

        void accept(ByteString data) {
            size += data.size();
            if (first.hasSize() && size > first.getSize()) {
                throw TransferRefusals.mismatch("size", first.getSize(), size);
            }
            if (size > settings.maxBytes()) {
                throw TransferRefusals.tooLarge("data", settings.maxBytes());
            }
            bytes.increment(data.size());
            var coming = data.asReadOnlyByteBuffer();
            digest.update(coming.duplicate());
            while (coming.hasRemaining()) {
                int taken = Math.min(chunk.remaining(), coming.remaining());
                chunk.put(chunk.position(), coming, coming.position(), taken);
                chunk.position(chunk.position() + taken);
                coming.position(coming.position() + taken);
                if (!chunk.hasRemaining()) {
                    chunks.add(chunk.array());
                    chunk = ByteBuffer.allocate(AssetContents.CHUNK_BYTES);
                    if (chunks.size() == AT_ONCE) {
                        store();
                    }
                }
            }
            // Slow ones are heard of too, before anybody thinks them dead.
            if (!database.clock().instant().isBefore(heardOf.plus(settings.idleTime()))) {
                store();
            }
        }

        UploadAssetContentResponse finish() {
            if (chunk.position() > 0) {
                var last = new byte[chunk.position()];
                chunk.get(0, last);
                chunks.add(last);
            }
            store();
            if (sha256.isEmpty()) {
                throw AssetProtos.invalid("sha256", "not set (expected: in the first message or in the last one)");
            }
            if (first.hasSize() && size != first.getSize()) {
                throw TransferRefusals.mismatch("size", first.getSize(), size);
            }
            var actual = HexFormat.of().formatHex(digest.digest());
            if (!actual.equals(sha256)) {
                throw TransferRefusals.mismatch("sha256", sha256, actual);
            }
            var upload = begun.upload();
            var info = new AssetContentInfo(size, actual, upload.mediaType(), upload.fileName());
            var sketch = contents.sketch(database.queries(principal), begun, info);
            return replies.transact(
                    identity(first, actual),
                    tx -> AssetProtos.toUploadResponse(contents.complete(tx, begun, info, sketch)),
                    _ -> true);
        }

        private void checkPlace(UploadAssetContentRequest message) {
            if (!sha256.isEmpty() && first.getSha256().isEmpty()) {
                throw AssetProtos.invalid(
                        "sha256", "more came after it (expected: in the first message or in the last one)");
            }
            if (!sha256.isEmpty() && !message.getSha256().isEmpty()) {
                throw AssetProtos.invalid("sha256", "given again (expected: in the first message or in the last one)");
            }
            var rest = message.toBuilder().clearSha256().clearData().build().getAllFields();
            if (!rest.isEmpty()) {
                throw AssetProtos.invalid(
                        rest.keySet().iterator().next().getName(), "given again (expected: in the first message)");
            }
        }

        private void store() {
            var now = database.clock().instant(); // what is stored says this, however long it takes
            database.transaction(principal, Isolation.READ_COMMITTED, tx -> {
                contents.append(tx, begun, position, chunks);
                return chunks.size();
            });
            position += chunks.size();
            chunks.clear();
            heardOf = now;
        }
    }
}
