package dev.sortie.knowledge.search;

import dev.sortie.knowledge.domain.ContextDocument;
import dev.sortie.runtime.paging.Page;
import java.util.List;

/**
 * What was found.
 *
 * @param page the best first
 * @param totalHits exact up to {@link #EXACT_HITS}, the least there are beyond
 */
public record SearchResult(Page<Hit> page, long totalHits) {
    /** Up to how many hits are counted. */
    public static final int EXACT_HITS = 10_000;

    /** A document that was found, without its content. */
    public record Hit(ContextDocument document, float score, List<Snippet> snippets) {}
}
