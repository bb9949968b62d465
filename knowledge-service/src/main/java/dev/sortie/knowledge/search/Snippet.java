package dev.sortie.knowledge.search;

import java.util.List;

/**
 * A passage of a document.
 *
 * @param text as it stands in the document
 * @param highlights the words found in it, in order and without overlap
 */
public record Snippet(String text, List<Highlight> highlights) {

    /** A part of a passage, in Unicode code points, the end exclusive. */
    public record Highlight(int start, int end) {}
}
