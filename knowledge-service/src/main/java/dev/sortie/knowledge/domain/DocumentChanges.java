package dev.sortie.knowledge.domain;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** New values of a document's fields; null leaves a field as it is. See {@link DocumentDraft} for their forms. */
public record DocumentChanges(
        @Nullable String title,
        @Nullable DocumentType type,
        @Nullable String content,
        @Nullable String repositoryUrl,
        @Nullable List<String> tags,
        @Nullable String metadata) {}
