package dev.sortie.knowledge.search;

import dev.sortie.knowledge.domain.ContextDocument;
import dev.sortie.runtime.paging.Keyset;
import dev.sortie.runtime.paging.Page;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.UUID;
import org.apache.lucene.index.PostingsEnum;
import org.apache.lucene.index.QueryTimeout;
import org.apache.lucene.index.ReaderUtil;
import org.apache.lucene.index.Term;
import org.apache.lucene.search.BooleanClause.Occur;
import org.apache.lucene.search.BooleanQuery;
import org.apache.lucene.search.FieldDoc;
import org.apache.lucene.search.IndexSearcher;
import org.apache.lucene.search.Query;
import org.apache.lucene.search.ScoreDoc;
import org.apache.lucene.search.Sort;
import org.apache.lucene.search.SortField;
import org.apache.lucene.search.TermInSetQuery;
import org.apache.lucene.search.TermQuery;
import org.apache.lucene.search.TopFieldCollectorManager;
import org.apache.lucene.util.BytesRef;
import org.jspecify.annotations.Nullable;

/** Answers a question from a view of the index. */
final class DocumentSearch {
    // Ids, not Lucene's numbers, decide between equal scores: they are the same in every replica and after a rebuild.
    private static final Sort ORDER =
            new Sort(SortField.FIELD_SCORE, new SortField(IndexFields.ID, SortField.Type.STRING));
    /** Of a word that a document repeats more often, the first ones are enough to choose passages from. */
    private static final int MAX_OCCURRENCES = 1_000;

    private final IndexSearcher searcher;
    private final QueryTimeout timeout;

    /**
     * @param timeout says when nobody waits for the answer any longer
     */
    DocumentSearch(IndexSearcher searcher, QueryTimeout timeout) {
        this.searcher = searcher;
        this.timeout = timeout;
        searcher.setTimeout(timeout);
    }

    /**
     * Finds.
     *
     * @throws SearchTimeoutException when the time was up before the answer was complete
     */
    SearchResult find(SearchQuery question) throws IOException {
        var words = EnglishText.words(IndexFields.TEXT, question.text());
        if (words.isEmpty()) {
            return new SearchResult(new Page<>(List.of(), ""), 0);
        }
        var request = question.page();
        var found = searcher.search(
                query(words, question),
                new TopFieldCollectorManager(ORDER, request.limit(), place(request.after()), SearchResult.EXACT_HITS));
        if (searcher.timedOut()) {
            throw new SearchTimeoutException();
        }
        var page = request.page(List.of(found.scoreDocs), DocumentSearch::place);
        var distinct = List.copyOf(new LinkedHashSet<>(words));
        var weights = weights(distinct);
        var hits = new ArrayList<SearchResult.Hit>(page.items().size());
        for (var scored : page.items()) {
            if (timeout.shouldExit()) {
                throw new SearchTimeoutException();
            }
            hits.add(hit((FieldDoc) scored, distinct, weights));
        }
        return new SearchResult(new Page<>(hits, page.nextPageToken()), found.totalHits.value());
    }

    private static Query query(List<BytesRef> words, SearchQuery question) {
        var any = new BooleanQuery.Builder();
        words.forEach(word -> any.add(new TermQuery(new Term(IndexFields.TEXT, word)), Occur.SHOULD));
        var all = new BooleanQuery.Builder().add(any.build(), Occur.MUST);
        if (!question.types().isEmpty()) {
            var types = question.types().stream()
                    .map(type -> new BytesRef(type.name()))
                    .toList();
            all.add(new TermInSetQuery(IndexFields.TYPE, types), Occur.FILTER);
        }
        for (var tag : question.tags()) {
            all.add(new TermQuery(new Term(IndexFields.TAG, tag)), Occur.FILTER);
        }
        if (!question.repositoryUrl().isEmpty()) {
            all.add(new TermQuery(new Term(IndexFields.REPOSITORY, question.repositoryUrl())), Occur.FILTER);
        }
        return all.build();
    }

    /** The place of a hit in the order of hits, for a page token, and back. */
    private static Keyset place(ScoreDoc scored) {
        var fields = ((FieldDoc) scored).fields;
        return Keyset.of(
                (long) Float.floatToRawIntBits((Float) fields[0]),
                UUID.fromString(((BytesRef) fields[1]).utf8ToString()));
    }

    private static @Nullable FieldDoc place(@Nullable Keyset after) {
        if (after == null) {
            return null;
        }
        float score = Float.intBitsToFloat((int) after.number(0));
        var id = new BytesRef(after.uuid(1).toString());
        // The number would decide between hits equal in score and id, of which there are none.
        return new FieldDoc(Integer.MAX_VALUE, score, new Object[] {score, id});
    }

    private double[] weights(List<BytesRef> words) throws IOException {
        var collection = searcher.collectionStatistics(IndexFields.TEXT);
        var weights = new double[words.size()];
        for (int i = 0; collection != null && i < weights.length; i++) {
            int documents = searcher.getIndexReader().docFreq(new Term(IndexFields.TEXT, words.get(i)));
            weights[i] = ExactLengthBm25.idf(collection.docCount(), documents);
        }
        return weights;
    }

    private SearchResult.Hit hit(FieldDoc found, List<BytesRef> words, double[] weights) throws IOException {
        var document = IndexFields.fromIndex(searcher.storedFields(), found.doc);
        var snippets = Snippets.of(document.content(), occurrences(found, document, words), weights);
        return new SearchResult.Hit(document.withoutContent(), (Float) found.fields[0], snippets);
    }

    private List<Snippets.Occurrence> occurrences(ScoreDoc found, ContextDocument document, List<BytesRef> words)
            throws IOException {
        var leaves = searcher.getIndexReader().leaves();
        var leaf = leaves.get(ReaderUtil.subIndex(found.doc, leaves));
        int number = found.doc - leaf.docBase;
        int length = document.content().length();
        var occurrences = new ArrayList<Snippets.Occurrence>();
        for (int word = 0; word < words.size(); word++) {
            var postings = leaf.reader().postings(new Term(IndexFields.TEXT, words.get(word)), PostingsEnum.OFFSETS);
            if (postings == null || postings.advance(number) != number) {
                continue;
            }
            int count = Math.min(postings.freq(), MAX_OCCURRENCES);
            for (int i = 0; i < count; i++) {
                postings.nextPosition();
                if (postings.startOffset() >= length) {
                    break; // the rest is in the title
                }
                occurrences.add(new Snippets.Occurrence(postings.startOffset(), postings.endOffset(), word));
            }
        }
        return occurrences;
    }
}
