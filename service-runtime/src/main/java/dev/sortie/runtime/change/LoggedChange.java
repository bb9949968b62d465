package dev.sortie.runtime.change;

import dev.sortie.runtime.sql.Change;
import java.time.Instant;
import java.util.UUID;

/**
 * A committed change, as the log has it.
 *
 * @param attributes JSON as PostgreSQL writes it, at most 8 KiB
 */
public record LoggedChange(
        Position position,
        String resourceType,
        UUID resourceId,
        Change.Kind kind,
        long version,
        String actor,
        String attributes,
        Instant time) {
    /** Whether it has an attribute. Within a text value, the quotes that this looks for are escaped. */
    boolean carries(String attribute) {
        return attributes.contains("\"" + attribute + "\": ");
    }
}
