package dev.sortie.runtime.change;

import com.google.protobuf.Timestamp;
import dev.sortie.change.v1.Change;
import dev.sortie.change.v1.ChangeKind;
import dev.sortie.change.v1.ChangeServiceGrpc;
import dev.sortie.change.v1.WatchChangesRequest;
import dev.sortie.change.v1.WatchChangesResponse;
import dev.sortie.runtime.grpc.Messages;
import dev.sortie.runtime.grpc.Replies;
import dev.sortie.runtime.grpc.ServerStream;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Set;
import java.util.UUID;

/** Serves a {@link ChangeFeed} to the outside. */
public final class ChangeGrpcService extends ChangeServiceGrpc.ChangeServiceImplBase {
    private static final Duration CHECKPOINT = Duration.ofSeconds(15);

    private final Replies replies;
    private final ChangeFeed feed;
    private final Duration checkpoint;

    public ChangeGrpcService(Replies replies, ChangeFeed feed) {
        this(replies, feed, CHECKPOINT);
    }

    /**
     * @param checkpoint how long a stream is silent at most
     */
    public ChangeGrpcService(Replies replies, ChangeFeed feed, Duration checkpoint) {
        this.replies = replies;
        this.feed = feed;
        this.checkpoint = checkpoint;
    }

    @Override
    public void watchChanges(WatchChangesRequest request, StreamObserver<WatchChangesResponse> observer) {
        replies.stream(
                request,
                observer,
                r -> feed.watch(r.getCursor().isEmpty() ? feed.now() : Cursor.decode(r.getCursor()), filter(r)),
                (watch, stream) -> send(watch, stream, request.getCursor().isEmpty()));
    }

    private void send(ChangeFeed.Watch watch, ServerStream<WatchChangesResponse> stream, boolean fromNow)
            throws InterruptedException {
        if (fromNow) {
            stream.send(response(watch.next(Duration.ZERO)));
        }
        while (stream.isOpen()) {
            stream.send(response(watch.next(checkpoint)));
        }
    }

    private static ChangeFilter filter(WatchChangesRequest request) {
        var carrying = new HashMap<String, Set<String>>();
        for (var one : request.getAttributeFiltersList()) {
            carrying.computeIfAbsent(one.getResourceType(), _ -> new HashSet<>())
                    .addAll(one.getAttributesList());
        }
        return new ChangeFilter(Set.copyOf(request.getResourceTypesList()), carrying);
    }

    private static WatchChangesResponse response(ChangeFeed.Batch batch) {
        var response =
                WatchChangesResponse.newBuilder().setCursor(batch.cursor().encode());
        var epoch = batch.cursor().epoch();
        batch.changes().forEach(change -> response.addChanges(change(change, epoch)));
        return response.build();
    }

    private static Change change(LoggedChange change, UUID epoch) {
        return Change.newBuilder()
                .setResourceType(change.resourceType())
                .setResourceId(change.resourceId().toString())
                .setKind(
                        switch (change.kind()) {
                            case CREATED -> ChangeKind.CHANGE_KIND_CREATED;
                            case UPDATED -> ChangeKind.CHANGE_KIND_UPDATED;
                            case DELETED -> ChangeKind.CHANGE_KIND_DELETED;
                        })
                .setVersion(change.version())
                .setActor(change.actor())
                .setChangeTime(Timestamp.newBuilder()
                        .setSeconds(change.time().getEpochSecond())
                        .setNanos(change.time().getNano()))
                .setAttributes(Messages.struct(change.attributes()))
                .setCursor(new Cursor(epoch, change.position()).encode())
                .build();
    }
}
