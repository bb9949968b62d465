package dev.sortie.mission.domain;

import dev.sortie.mission.store.AssetContentStore;
import dev.sortie.mission.store.AssetStore;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.failure.FailureException;
import dev.sortie.runtime.id.Ids;
import dev.sortie.runtime.sql.Change;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Tx;
import java.io.ByteArrayOutputStream;
import java.util.List;
import java.util.UUID;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Streamed contents of assets. One comes in many short transactions, which nobody sees anything of, and becomes the
 * asset's content in the last one.
 */
public final class AssetContents {
    /** How long the pieces are that a content is kept in, all but the last one. */
    public static final int CHUNK_BYTES = 256 * 1024;

    private static final Logger LOG = LoggerFactory.getLogger(AssetContents.class);

    private final AssetContentStore contents;
    private final AssetStore store;
    private final Assets assets;
    private final Ids ids;

    public AssetContents(AssetContentStore contents, AssetStore store, Assets assets, Ids ids) {
        this.contents = contents;
        this.store = store;
        this.assets = assets;
        this.ids = ids;
    }

    /**
     * What an upload says of itself.
     *
     * @param etag the version that the asset must still have; empty means any
     * @param summary the content in short; empty to have it made
     */
    public record Upload(UUID assetId, String etag, String mediaType, String fileName, String summary) {}

    /**
     * An upload that has begun.
     *
     * @param contentId of what comes
     * @param contentChanges how often the asset's content had been changed by then
     */
    public record Begun(Upload upload, UUID contentId, long contentChanges) {}

    /**
     * Content that can be read.
     *
     * @param version the version of the content
     */
    public record Stored(UUID assetId, UUID contentId, AssetContentInfo info, int version) {}

    /** An id for a content that is to come. */
    public UUID nextId() {
        return ids.next();
    }

    /**
     * Begins an upload.
     *
     * @param contentId of what comes
     * @param isRepeat whether it may turn out to be one that was done before, so that the asset's version tells nothing
     */
    public Begun begin(Tx tx, UUID contentId, Upload upload, boolean isRepeat) {
        var asset =
                store.findHead(tx, upload.assetId()).orElseThrow(() -> Refusals.notFound("asset", upload.assetId()));
        tx.principal().requireOwner(asset.userId(), "mission", asset.missionId());
        if (!isRepeat) {
            Refusals.checkEtag("asset", asset.id(), upload.etag(), asset.version());
        }
        contents.insert(tx, contentId, upload.assetId(), upload.mediaType(), upload.fileName());
        return new Begun(upload, contentId, asset.contentChanges());
    }

    /**
     * Keeps some pieces.
     *
     * @param position of the first one: 0, 1, 2 …
     * @param chunks each of {@link #CHUNK_BYTES}, but for the last one of the content; none to say that more will come
     */
    public void append(Tx tx, Begun begun, int position, List<byte[]> chunks) {
        if (!contents.append(tx, begun.contentId(), position, chunks)) {
            throw givenUp(tx, begun);
        }
    }

    /** Looks at what has come; to be done before the last transaction, because counting takes a while. */
    public ContentSketch sketch(Queries queries, Begun begun, AssetContentInfo info) {
        var beginning = new ByteArrayOutputStream();
        if (ContentSketch.mayBeText(info.mediaType())) {
            int chunks = info.size() <= ContentSketch.MAX_COUNTED ? ContentSketch.MAX_COUNTED / CHUNK_BYTES : 1;
            contents.readUploading(queries, begun.contentId(), chunks).forEach(beginning::writeBytes);
        }
        return ContentSketch.of(info, beginning.toByteArray());
    }

    /** Makes what has come the content of its asset, which becomes READY, in the place of what was there before. */
    public Asset complete(Tx tx, Begun begun, AssetContentInfo info, ContentSketch sketch) {
        var upload = begun.upload();
        var asset = assets.lock(tx, upload.assetId(), upload.etag());
        if (asset.contentChanges() != begun.contentChanges()) {
            throw TransferRefusals.changed(
                    upload.assetId(), "the content was written by somebody else since this upload began");
        }
        store.detachStreamed(tx, asset.id());
        if (!contents.complete(tx, begun.contentId(), info)) {
            throw givenUp(tx, begun);
        }
        var written = store.putStreamed(
                tx,
                asset.id(),
                info,
                upload.summary().isEmpty() ? sketch.summary() : upload.summary(),
                sketch.tokenCount());
        tx.change(Assets.describe(Change.updated("asset", written.id(), written.version()), written));
        tx.afterCommit(() -> LOG.atInfo()
                .addKeyValue("asset_id", written.id())
                .addKeyValue("bytes", info.size())
                .log("asset has streamed content"));
        return written;
    }

    /**
     * The present content of an asset, to be read from a place in it.
     *
     * @param sha256 what it must still be; empty means any
     */
    public Stored open(Queries queries, UUID assetId, long offset, String sha256) {
        var stored = contents.find(queries, assetId).orElseThrow(() -> {
            var asset = store.findHead(queries, assetId).orElseThrow(() -> Refusals.notFound("asset", assetId));
            return sha256.isEmpty()
                    ? TransferRefusals.notStreamed(asset)
                    : TransferRefusals.changed(assetId, "its content is no longer the one asked for");
        });
        if (!sha256.isEmpty() && !sha256.equals(stored.info().sha256())) {
            throw TransferRefusals.changed(assetId, "its content is no longer the one asked for");
        }
        if (offset > stored.info().size()) {
            throw Failure.invalidArgument(
                            dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID,
                            "offset",
                            "%d (expected: <= %d, the content's size)",
                            offset,
                            stored.info().size())
                    .with("field_count", 1)
                    .exception();
        }
        return stored;
    }

    /**
     * Some pieces of a content, one after the other.
     *
     * @param position of the first one
     */
    public List<byte[]> read(Queries queries, Stored stored, int position, int count) {
        var chunks = contents.read(queries, stored.contentId(), position, count);
        if (chunks.isEmpty()) {
            throw store.findHead(queries, stored.assetId()).isPresent()
                    ? TransferRefusals.changed(stored.assetId(), "its content was replaced while it was read")
                    : Refusals.notFound("asset", stored.assetId());
        }
        return chunks;
    }

    private FailureException givenUp(Tx tx, Begun begun) {
        var assetId = begun.upload().assetId();
        return store.findHead(tx, assetId).isPresent()
                ? TransferRefusals.uploadStalled(assetId)
                : Refusals.notFound("asset", assetId);
    }
}
