package dev.sortie.knowledge.search;

import org.apache.lucene.index.FieldInvertState;
import org.apache.lucene.search.CollectionStatistics;
import org.apache.lucene.search.TermStatistics;
import org.apache.lucene.search.similarities.Similarity;

/**
 * BM25 with the length of each document as it is. Lucene's own keeps lengths in one byte, which tells lengths apart to
 * about one part in eight only; here the norm of a document is its length in words.
 *
 * <p>The score of a word is {@code idf · tf / (tf + k1 · (1 − b + b · length / average length))} with
 * {@code idf = ln(1 + (N − n + 0.5) / (n + 0.5))}; that of a document is the sum over the words of the query.
 */
final class ExactLengthBm25 extends Similarity {
    private static final float K1 = 1.2f;
    private static final float B = 0.75f;

    @Override
    public long computeNorm(FieldInvertState state) {
        // 0 is kept for documents without the field.
        return Math.max(1, state.getLength() - state.getNumOverlap());
    }

    @Override
    public SimScorer scorer(float boost, CollectionStatistics collection, TermStatistics... terms) {
        double idf = 0;
        for (var term : terms) {
            idf += idf(collection.docCount(), term.docFreq());
        }
        float averageLength = (float) (collection.sumTotalTermFreq() / (double) collection.docCount());
        return new WordScorer((float) (boost * idf), averageLength);
    }

    /** How much it tells that a document has a word that {@code found} of all {@code documents} have. */
    static double idf(long documents, long found) {
        return Math.log(1 + (documents - found + 0.5) / (found + 0.5));
    }

    private static final class WordScorer extends SimScorer {
        private final float weight;
        private final float fixed;
        private final float perWord;

        WordScorer(float weight, float averageLength) {
            this.weight = weight;
            this.fixed = K1 * (1 - B);
            this.perWord = K1 * B / averageLength;
        }

        @Override
        public float score(float frequency, long length) {
            // In this form rounding keeps the order that Lucene skips by: more of a word never scores less, nor does a
            // shorter document.
            return weight - weight / (1 + frequency / (fixed + perWord * length));
        }
    }
}
