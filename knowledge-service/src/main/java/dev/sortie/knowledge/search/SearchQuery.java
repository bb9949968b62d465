package dev.sortie.knowledge.search;

import dev.sortie.knowledge.domain.DocumentType;
import dev.sortie.runtime.paging.PageRequest;
import java.util.List;

/**
 * A question.
 *
 * @param text the words to find; no character has a meaning of its own
 * @param types only documents of these; empty for every one
 * @param tags only documents with all of these
 * @param repositoryUrl only documents of this repository; empty for every one
 */
public record SearchQuery(
        String text, List<DocumentType> types, List<String> tags, String repositoryUrl, PageRequest page) {}
