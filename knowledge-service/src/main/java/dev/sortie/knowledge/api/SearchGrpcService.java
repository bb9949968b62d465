package dev.sortie.knowledge.api;

import dev.sortie.knowledge.search.SearchIndex;
import dev.sortie.knowledge.v1.QueryRequest;
import dev.sortie.knowledge.v1.QueryResponse;
import dev.sortie.knowledge.v1.SearchServiceGrpc.SearchServiceImplBase;
import dev.sortie.runtime.grpc.Replies;
import dev.sortie.runtime.paging.PageTokens;
import io.grpc.Context;
import io.grpc.Status;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/** Search over what is known. */
public final class SearchGrpcService extends SearchServiceImplBase {
    private final Replies replies;
    private final PageTokens tokens;
    private final SearchIndex index;

    public SearchGrpcService(Replies replies, PageTokens tokens, SearchIndex index) {
        this.replies = replies;
        this.tokens = tokens;
        this.index = index;
    }

    @Override
    public void query(QueryRequest request, StreamObserver<QueryResponse> observer) {
        replies.call(
                request,
                observer,
                q -> SearchProtos.toQuestion(q, tokens),
                (_, question) -> find(question),
                SearchProtos::toResponse);
    }

    private SearchIndex.Answer find(SearchProtos.Question question) {
        var deadline = Context.current().getDeadline();
        var left = deadline == null
                ? SearchIndex.LONGEST_WAIT
                : Duration.ofNanos(deadline.timeRemaining(TimeUnit.NANOSECONDS));
        try {
            return index.find(question.query(), question.least(), left);
        } catch (InterruptedException _) {
            Thread.currentThread().interrupt();
            throw Status.CANCELLED.asRuntimeException();
        }
    }
}
