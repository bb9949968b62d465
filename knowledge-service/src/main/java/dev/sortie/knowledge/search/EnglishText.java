package dev.sortie.knowledge.search;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import org.apache.lucene.analysis.Analyzer;
import org.apache.lucene.analysis.en.EnglishAnalyzer;
import org.apache.lucene.analysis.tokenattributes.TermToBytesRefAttribute;
import org.apache.lucene.util.BytesRef;

/**
 * How text becomes words: Unicode word boundaries, no possessive, lower case, without the 33 commonest words of English,
 * Porter's stems. The same for documents and queries. Safe for concurrent use.
 */
final class EnglishText {
    static final Analyzer ANALYZER = new EnglishAnalyzer();

    private EnglishText() {}

    /** The words of a text, as they are indexed, in order. No character has a meaning of its own. */
    static List<BytesRef> words(String field, String text) {
        var words = new ArrayList<BytesRef>();
        try (var tokens = ANALYZER.tokenStream(field, text)) {
            var word = tokens.addAttribute(TermToBytesRefAttribute.class);
            tokens.reset();
            while (tokens.incrementToken()) {
                words.add(BytesRef.deepCopyOf(word.getBytesRef()));
            }
            tokens.end();
        } catch (IOException impossible) {
            throw new UncheckedIOException("reading a text in memory failed", impossible);
        }
        return words;
    }
}
