package dev.sortie.knowledge.domain;

import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A document as it was from one change to the next.
 *
 * @param number from 1
 * @param content empty where the content was not asked for
 * @param authorId null when that user is gone
 * @param restored the version that this one brought back; 0 for any other change
 */
public record DocumentVersion(
        UUID documentId,
        int number,
        String title,
        DocumentType type,
        String content,
        String repositoryUrl,
        List<String> tags,
        String metadata,
        @Nullable UUID authorId,
        int restored,
        Instant createdAt) {}
