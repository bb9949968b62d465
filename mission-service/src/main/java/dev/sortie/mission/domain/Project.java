package dev.sortie.mission.domain;

import java.time.Instant;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A project as stored.
 *
 * @param id its own
 * @param fields what callers set
 * @param createdBy its owner; null when that user is gone
 * @param deletedAt when it was hidden
 * @param purgeAt when it will be gone for good; with {@code deletedAt}
 * @param createdAt when it was created
 * @param updatedAt when it last changed
 * @param version one more with each change
 */
public record Project(
        UUID id,
        Fields fields,
        @Nullable UUID createdBy,
        @Nullable Instant deletedAt,
        @Nullable Instant purgeAt,
        Instant createdAt,
        Instant updatedAt,
        long version) {

    /**
     * What callers set.
     *
     * @param name 1 to 255 characters
     * @param metadata a JSON object as text
     */
    public record Fields(String name, String description, ProjectStatus status, String metadata) {}

    public boolean isDeleted() {
        return deletedAt != null;
    }

    public ProjectStatus status() {
        return fields.status;
    }
}
