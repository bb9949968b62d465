package dev.sortie.knowledge.api;

import dev.sortie.knowledge.search.SearchIndex;
import dev.sortie.knowledge.search.SearchQuery;
import dev.sortie.knowledge.search.SearchResult;
import dev.sortie.knowledge.search.Snippet;
import dev.sortie.knowledge.v1.ErrorReason;
import dev.sortie.knowledge.v1.Highlight;
import dev.sortie.knowledge.v1.QueryRequest;
import dev.sortie.knowledge.v1.QueryResponse;
import dev.sortie.knowledge.v1.SearchHit;
import dev.sortie.runtime.change.Cursor;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.failure.FailureException;
import dev.sortie.runtime.paging.PageTokens;
import org.jspecify.annotations.Nullable;

/** Between the messages of SearchService and the search. */
final class SearchProtos {
    private static final int DEFAULT_HITS = 10;
    private static final int MAX_HITS = 100;

    private SearchProtos() {}

    /** A question, and the revision that it must see; null for any. */
    record Question(SearchQuery query, @Nullable Cursor least) {}

    static Question toQuestion(QueryRequest request, PageTokens tokens) {
        var query = new SearchQuery(
                request.getText(),
                request.getDocumentTypesList().stream()
                        .map(ContextDocumentProtos::toType)
                        .toList(),
                request.getTagsList(),
                request.getRepositoryUrl(),
                tokens.open(request, DEFAULT_HITS, MAX_HITS));
        return new Question(query, request.getMinRevision().isEmpty() ? null : toRevision(request.getMinRevision()));
    }

    static QueryResponse toResponse(SearchIndex.Answer answer) {
        var result = answer.result();
        return QueryResponse.newBuilder()
                .addAllHits(result.page().map(SearchProtos::toMessage).items())
                .setNextPageToken(result.page().nextPageToken())
                .setTotalHits(result.totalHits())
                .setRevision(answer.revision().encode())
                .build();
    }

    private static SearchHit toMessage(SearchResult.Hit hit) {
        return SearchHit.newBuilder()
                .setContextDocument(ContextDocumentProtos.toMessage(hit.document()))
                .setScore(hit.score())
                .addAllSnippets(
                        hit.snippets().stream().map(SearchProtos::toMessage).toList())
                .build();
    }

    private static dev.sortie.knowledge.v1.Snippet toMessage(Snippet snippet) {
        return dev.sortie.knowledge.v1.Snippet.newBuilder()
                .setText(snippet.text())
                .addAllHighlights(snippet.highlights().stream()
                        .map(highlight -> Highlight.newBuilder()
                                .setStart(highlight.start())
                                .setEnd(highlight.end())
                                .build())
                        .toList())
                .build();
    }

    private static Cursor toRevision(String text) {
        try {
            return Cursor.decode(text);
        } catch (FailureException _) {
            throw Failure.invalidArgument(
                            ErrorReason.ERROR_REASON_REVISION_INVALID,
                            "min_revision",
                            "not made by this service; use the revision of a response, or none")
                    .with("field", "min_revision")
                    .exception();
        }
    }
}
