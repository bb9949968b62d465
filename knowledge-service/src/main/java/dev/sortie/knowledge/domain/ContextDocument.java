package dev.sortie.knowledge.domain;

import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A document in one of its versions.
 *
 * @param content Markdown; empty where the content was not asked for
 * @param repositoryUrl empty for none
 * @param metadata a JSON object
 * @param createdBy null when that user is gone
 * @param versionNumber the number of its versions so far, from 1
 * @param deletedAt null while it is not hidden
 * @param rowVersion grows with every change, hiding and bringing back included; the number in the etag
 */
public record ContextDocument(
        UUID id,
        String title,
        DocumentType type,
        String content,
        String repositoryUrl,
        List<String> tags,
        String metadata,
        @Nullable UUID createdBy,
        int versionNumber,
        Instant createdAt,
        Instant updatedAt,
        @Nullable Instant deletedAt,
        long rowVersion) {

    /** How long a hidden document can be brought back. */
    public static final Duration KEPT_AFTER_DELETION = Duration.ofDays(30);

    /** When the document will be gone for good; null while it is not hidden. */
    public @Nullable Instant purgeAt() {
        return deletedAt == null ? null : deletedAt.plus(KEPT_AFTER_DELETION);
    }

    /** The same, without its content. */
    public ContextDocument withoutContent() {
        return new ContextDocument(
                id,
                title,
                type,
                "",
                repositoryUrl,
                tags,
                metadata,
                createdBy,
                versionNumber,
                createdAt,
                updatedAt,
                deletedAt,
                rowVersion);
    }

    /** Changes with every change of the document. */
    public String etag() {
        return Long.toString(rowVersion);
    }
}
