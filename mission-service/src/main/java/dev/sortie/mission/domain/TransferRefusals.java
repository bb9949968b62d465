package dev.sortie.mission.domain;

import dev.sortie.mission.v1.ErrorReason;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.failure.Failure.PreconditionViolation;
import dev.sortie.runtime.failure.FailureException;
import java.time.Duration;
import java.util.List;
import java.util.UUID;

/** Why content is not taken, or not given. */
public final class TransferRefusals {
    private static final Duration RETRY_AFTER = Duration.ofSeconds(1);

    private TransferRefusals() {}

    /** What came is not what was promised. */
    public static FailureException mismatch(String field, Object expected, Object actual) {
        return Failure.invalidArgument(
                        ErrorReason.ERROR_REASON_CONTENT_MISMATCH,
                        field,
                        "%s was promised, and what came has %s",
                        expected,
                        actual)
                .with("field", field)
                .with("expected", expected)
                .with("actual", actual)
                .exception();
    }

    public static FailureException tooLarge(String field, long limit) {
        return Failure.invalidArgument(
                        ErrorReason.ERROR_REASON_CONTENT_TOO_LARGE,
                        field,
                        "the content is too long (expected: <= %d bytes)",
                        limit)
                .with("limit", limit)
                .exception();
    }

    public static FailureException uploadStalled(UUID assetId) {
        return stalled(assetId, "nothing came for too long, so the upload was given up; send it again");
    }

    public static FailureException downloadStalled(UUID assetId) {
        return stalled(assetId, "nothing was taken for too long; go on from the last byte that came");
    }

    /** The content is another one than it was. */
    public static FailureException changed(UUID assetId, String why) {
        return Failure.aborted(ErrorReason.ERROR_REASON_CONTENT_CHANGED, "asset %s: %s", assetId, why)
                .with("asset_id", assetId)
                .exception();
    }

    public static FailureException notStreamed(Asset asset) {
        var why = asset.status() == AssetStatus.PENDING ? "it has no content" : "it has no streamed content";
        return Failure.failedPrecondition(
                        ErrorReason.ERROR_REASON_CONTENT_NOT_STREAMED,
                        List.of(new PreconditionViolation("CONTENT", "asset/" + asset.id(), why)),
                        "asset %s is %s: %s to download",
                        asset.id(),
                        asset.status(),
                        why)
                .with("asset_id", asset.id())
                .with("state", asset.status())
                .exception();
    }

    /**
     * As much of it is in hand as the server takes.
     *
     * @param what {@code uploads} or {@code downloads}
     */
    public static FailureException overloaded(String what, int limit) {
        return Failure.resourceExhausted(
                        dev.sortie.type.v1.ErrorReason.ERROR_REASON_OVERLOADED,
                        RETRY_AFTER,
                        "the server has as many %s in hand as it takes (%d); try again",
                        what,
                        limit)
                .with("limit", what)
                .exception();
    }

    private static FailureException stalled(UUID assetId, String why) {
        return Failure.aborted(ErrorReason.ERROR_REASON_TRANSFER_STALLED, "asset %s: %s", assetId, why)
                .with("asset_id", assetId)
                .exception();
    }
}
