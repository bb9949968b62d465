package dev.sortie.knowledge.domain;

import java.util.List;

/**
 * What a new document is made of.
 *
 * @param repositoryUrl empty for none
 * @param metadata a JSON object
 */
public record DocumentDraft(
        String title, DocumentType type, String content, String repositoryUrl, List<String> tags, String metadata) {}
