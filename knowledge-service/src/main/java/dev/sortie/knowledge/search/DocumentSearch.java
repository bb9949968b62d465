package dev.sortie.knowledge.search;

import dev.sortie.runtime.paging.Keyset;
import dev.sortie.runtime.paging.Page;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
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
    /** Of more words found in one document, the first ones of each are enough to choose passages from. */
    private static final int MAX_OCCURRENCES = 2_000;

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
        var occurrences = occurrences(page.items(), distinct);
        var hits = new ArrayList<SearchResult.Hit>(page.items().size());
        for (var scored : page.items()) {
            if (timeout.shouldExit()) {
                throw new SearchTimeoutException();
            }
            hits.add(hit((FieldDoc) scored, occurrences.getOrDefault(scored.doc, List.of()), weights));
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

    private SearchResult.Hit hit(FieldDoc found, List<Snippets.Occurrence> occurrences, double[] weights)
            throws IOException {
        var document = IndexFields.fromIndex(searcher.storedFields(), found.doc);
        var content = document.content();
        // Where the content ends, the title begins.
        var within = occurrences.stream()
                .filter(occurrence -> occurrence.start() < content.length())
                .toList();
        return new SearchResult.Hit(
                document.withoutContent(), (Float) found.fields[0], Snippets.of(content, within, weights));
    }

    /** Where the words stand in each hit. Looks each word up once per segment, not once per hit. */
    private Map<Integer, List<Snippets.Occurrence>> occurrences(List<ScoreDoc> hits, List<BytesRef> words)
            throws IOException {
        var occurrences = new HashMap<Integer, List<Snippets.Occurrence>>();
        var leaves = searcher.getIndexReader().leaves();
        var inLeaf = new TreeMap<Integer, List<Integer>>();
        hits.stream()
                .map(hit -> hit.doc)
                .sorted()
                .forEach(number -> inLeaf.computeIfAbsent(ReaderUtil.subIndex(number, leaves), _ -> new ArrayList<>())
                        .add(number));
        int most = Math.max(1, MAX_OCCURRENCES / words.size());
        for (var entry : inLeaf.entrySet()) {
            var leaf = leaves.get(entry.getKey());
            for (int word = 0; word < words.size(); word++) {
                var postings =
                        leaf.reader().postings(new Term(IndexFields.TEXT, words.get(word)), PostingsEnum.OFFSETS);
                for (var number : postings == null ? List.<Integer>of() : entry.getValue()) {
                    int target = number - leaf.docBase;
                    if (postings.docID() < target) {
                        postings.advance(target);
                    }
                    if (postings.docID() == target) {
                        collect(postings, word, most, occurrences.computeIfAbsent(number, _ -> new ArrayList<>()));
                    }
                }
            }
        }
        return occurrences;
    }

    private static void collect(PostingsEnum postings, int word, int most, List<Snippets.Occurrence> occurrences)
            throws IOException {
        int count = Math.min(postings.freq(), most);
        for (int i = 0; i < count; i++) {
            postings.nextPosition();
            occurrences.add(new Snippets.Occurrence(postings.startOffset(), postings.endOffset(), word));
        }
    }
}
