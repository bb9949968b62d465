package dev.sortie.agent.api;

import dev.sortie.agent.domain.QueueStatistics;
import dev.sortie.agent.domain.Queues;
import dev.sortie.agent.v1.GetQueueRequest;
import dev.sortie.agent.v1.GetQueueResponse;
import dev.sortie.agent.v1.GetQueueStatsRequest;
import dev.sortie.agent.v1.GetQueueStatsResponse;
import dev.sortie.agent.v1.ListQueuesRequest;
import dev.sortie.agent.v1.ListQueuesResponse;
import dev.sortie.agent.v1.PauseQueueRequest;
import dev.sortie.agent.v1.PauseQueueResponse;
import dev.sortie.agent.v1.PutQueueRequest;
import dev.sortie.agent.v1.PutQueueResponse;
import dev.sortie.agent.v1.QueueServiceGrpc;
import dev.sortie.agent.v1.ResumeQueueRequest;
import dev.sortie.agent.v1.ResumeQueueResponse;
import dev.sortie.runtime.grpc.Replies;
import dev.sortie.runtime.paging.Keyset;
import dev.sortie.runtime.paging.PageTokens;
import io.grpc.stub.StreamObserver;

/** Queues: what workers claim from. */
public final class QueueGrpcService extends QueueServiceGrpc.QueueServiceImplBase {
    private final Replies replies;
    private final PageTokens pageTokens;
    private final Queues queues;
    private final QueueStatistics statistics;

    public QueueGrpcService(Replies replies, PageTokens pageTokens, Queues queues, QueueStatistics statistics) {
        this.replies = replies;
        this.pageTokens = pageTokens;
        this.queues = queues;
        this.statistics = statistics;
    }

    @Override
    public void putQueue(PutQueueRequest request, StreamObserver<PutQueueResponse> observer) {
        replies.write(
                request,
                observer,
                QueueProtos::toDraft,
                queues::put,
                queue -> PutQueueResponse.newBuilder()
                        .setQueue(QueueProtos.toMessage(queue))
                        .build());
    }

    @Override
    public void getQueue(GetQueueRequest request, StreamObserver<GetQueueResponse> observer) {
        replies.read(
                request,
                observer,
                GetQueueRequest::getQueueName,
                queues::get,
                queue -> GetQueueResponse.newBuilder()
                        .setQueue(QueueProtos.toMessage(queue))
                        .build());
    }

    @Override
    public void listQueues(ListQueuesRequest request, StreamObserver<ListQueuesResponse> observer) {
        var page = pageTokens.open(request);
        var after = page.after();
        replies.read(
                request,
                observer,
                _ -> new Queues.ListRequest(after == null ? null : after.text(0), page.limit()),
                queues::list,
                found -> {
                    var listed =
                            page.page(found, queue -> Keyset.of(queue.name())).messages(QueueProtos::toMessage);
                    return ListQueuesResponse.newBuilder()
                            .addAllQueues(listed.items())
                            .setNextPageToken(listed.nextPageToken())
                            .build();
                });
    }

    @Override
    public void pauseQueue(PauseQueueRequest request, StreamObserver<PauseQueueResponse> observer) {
        replies.write(
                request,
                observer,
                PauseQueueRequest::getQueueName,
                queues::pause,
                queue -> PauseQueueResponse.newBuilder()
                        .setQueue(QueueProtos.toMessage(queue))
                        .build());
    }

    @Override
    public void resumeQueue(ResumeQueueRequest request, StreamObserver<ResumeQueueResponse> observer) {
        replies.write(
                request,
                observer,
                ResumeQueueRequest::getQueueName,
                queues::resume,
                queue -> ResumeQueueResponse.newBuilder()
                        .setQueue(QueueProtos.toMessage(queue))
                        .build());
    }

    @Override
    public void getQueueStats(GetQueueStatsRequest request, StreamObserver<GetQueueStatsResponse> observer) {
        replies.read(
                request,
                observer,
                GetQueueStatsRequest::getQueueName,
                statistics::get,
                stats -> GetQueueStatsResponse.newBuilder()
                        .setStats(QueueStatsProtos.toMessage(stats))
                        .build());
    }
}
