package dev.sortie.runtime.change;

import dev.sortie.runtime.failure.Failure;
import dev.sortie.type.v1.ErrorReason;
import java.nio.ByteBuffer;
import java.util.Base64;
import java.util.UUID;

/**
 * A {@link Position} in the log of one database, in the form that leaves the process: opaque text of 43 characters.
 *
 * @param epoch names the database's history
 */
public record Cursor(UUID epoch, Position position) {

    /** The text form. */
    public String encode() {
        var bytes = ByteBuffer.allocate(32)
                .putLong(epoch.getMostSignificantBits())
                .putLong(epoch.getLeastSignificantBits())
                .putLong(position.xid())
                .putLong(position.seq());
        return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes.array());
    }

    /**
     * Reads the text form.
     *
     * @throws dev.sortie.runtime.failure.FailureException INVALID_ARGUMENT for anything else
     */
    public static Cursor decode(String text) {
        try {
            var bytes = ByteBuffer.wrap(Base64.getUrlDecoder().decode(text));
            if (bytes.remaining() == 32) {
                var epoch = new UUID(bytes.getLong(), bytes.getLong());
                return new Cursor(epoch, new Position(bytes.getLong(), bytes.getLong()));
            }
        } catch (IllegalArgumentException _) {
            // not one of ours
        }
        throw Failure.invalidArgument(
                        ErrorReason.ERROR_REASON_CURSOR_INVALID, "cursor", "not made by this service; watch from now")
                .with("field", "cursor")
                .exception();
    }
}
