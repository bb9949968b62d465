package dev.sortie.agent;

import dev.sortie.agent.v1.ClaimedWork;
import dev.sortie.agent.v1.ExecutionServiceGrpc;
import dev.sortie.agent.v1.LogLevel;
import dev.sortie.agent.v1.LogLine;
import dev.sortie.agent.v1.TailLogsRequest;
import dev.sortie.agent.v1.TailLogsResponse;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** One who follows a log. */
final class Tail implements ClientResponseObserver<TailLogsRequest, TailLogsResponse>, AutoCloseable {
    final List<TailLogsResponse> responses = new CopyOnWriteArrayList<>();
    final CompletableFuture<Void> ended = new CompletableFuture<>();
    private @Nullable ClientCallStreamObserver<TailLogsRequest> call;

    Tail(AgentFixture agent, TailLogsRequest request) {
        ExecutionServiceGrpc.newStub(agent.channel("viewer")).tailLogs(request, this);
    }

    Tail(AgentFixture agent, ClaimedWork claimed) {
        this(agent, request(claimed).build());
    }

    static TailLogsRequest.Builder request(ClaimedWork claimed) {
        return TailLogsRequest.newBuilder().setExecutionId(claimed.getExecutionId());
    }

    static TailLogsRequest.Builder request(ClaimedWork claimed, long after, LogLevel minLevel) {
        return request(claimed).setAfterSequence(after).setMinLevel(minLevel);
    }

    List<Long> sequences() {
        return responses.stream()
                .flatMap(response -> response.getLinesList().stream())
                .map(LogLine::getSequence)
                .toList();
    }

    void awaitEnd() throws Exception {
        ended.get(60, TimeUnit.SECONDS);
    }

    @Override
    public void beforeStart(ClientCallStreamObserver<TailLogsRequest> started) {
        call = started;
    }

    @Override
    public void onNext(TailLogsResponse response) {
        responses.add(response);
    }

    @Override
    public void onError(Throwable failed) {
        ended.completeExceptionally(failed);
    }

    @Override
    public void onCompleted() {
        ended.complete(null);
    }

    /** Breaks off, unless it has ended. */
    @Override
    public void close() {
        if (call != null) {
            call.cancel("enough", null);
        }
    }
}
