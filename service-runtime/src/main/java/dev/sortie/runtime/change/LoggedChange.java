package dev.sortie.runtime.change;

import dev.sortie.runtime.sql.Change;
import java.time.Instant;
import java.util.UUID;

/**
 * A committed change, as the log has it.
 *
 * @param attributes JSON, at most 8 KiB
 */
public record LoggedChange(
        Position position,
        String resourceType,
        UUID resourceId,
        Change.Kind kind,
        long version,
        String actor,
        String attributes,
        Instant time) {}
