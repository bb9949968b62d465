package dev.sortie.runtime.change;

import dev.sortie.change.v1.AttributeFilter;
import dev.sortie.change.v1.Change;
import dev.sortie.change.v1.ChangeServiceGrpc;
import dev.sortie.change.v1.WatchChangesRequest;
import io.grpc.Channel;
import io.grpc.Context;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Follows the changes of another service for as long as it is open, through restarts of either side. Each batch is
 * applied at least once, in order; exactly once where the handler moves its cursor in the transaction that applies it.
 */
public final class ChangeFollower implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(ChangeFollower.class);
    private static final long LONGEST_PAUSE_MILLIS = 5_000;

    private final String name;
    private final ChangeServiceGrpc.ChangeServiceBlockingStub stub;
    private final ChangeFilter filter;
    private final Handler handler;
    private final Thread thread;
    private volatile boolean closed;

    /** What is done about the changes. Called by one thread; what it throws is logged, and the batch comes again. */
    public interface Handler {
        /** The cursor that was stored last; empty when there is none. */
        String cursor();

        /** Applies changes and stores the cursor after them, in one transaction. A checkpoint has no changes. */
        void apply(List<Change> changes, String cursor);

        /**
         * Called after following began anew from the present (the cursor is stored): the first time, and when what the
         * cursor pointed to is no longer kept. Whatever may have changed before has to be read from its service.
         */
        void reconcile();
    }

    private ChangeFollower(String name, Channel channel, ChangeFilter filter, Handler handler) {
        this.name = name;
        this.stub = ChangeServiceGrpc.newBlockingStub(channel);
        this.filter = filter;
        this.handler = handler;
        this.thread = Thread.ofVirtual().name("follow-" + name).unstarted(this::run);
    }

    /**
     * Starts to follow.
     *
     * @param name of the service that is followed, for logs
     */
    public static ChangeFollower start(String name, Channel channel, ChangeFilter filter, Handler handler) {
        var follower = new ChangeFollower(name, channel, filter, handler);
        follower.thread.start();
        return follower;
    }

    @Override
    public void close() {
        closed = true;
        thread.interrupt();
    }

    private void run() {
        long pause = 0;
        boolean fromNow = false;
        while (!closed) {
            long begin = System.nanoTime();
            try {
                follow(fromNow);
                fromNow = false;
            } catch (StatusRuntimeException ended) {
                var code = ended.getStatus().getCode();
                if (code == Status.Code.OUT_OF_RANGE || code == Status.Code.INVALID_ARGUMENT) {
                    LOG.warn("the cursor for {} is of no use any more; following from now", name);
                    fromNow = true;
                } else if (!closed) {
                    LOG.info("following {} ended with {}; going on", name, code);
                }
            } catch (RuntimeException failed) {
                if (!closed) {
                    LOG.warn("a change of {} cannot be applied; trying again", name, failed);
                }
            }
            boolean lasted = System.nanoTime() - begin > LONGEST_PAUSE_MILLIS * 1_000_000;
            pause = lasted ? 50 : Math.min(LONGEST_PAUSE_MILLIS, Math.max(50, pause * 2));
            try {
                Thread.sleep(pause / 2 + ThreadLocalRandom.current().nextLong(pause / 2));
            } catch (InterruptedException _) {
                return;
            }
        }
    }

    private void follow(boolean fromNow) {
        var cursor = fromNow ? "" : handler.cursor();
        boolean begun = !cursor.isEmpty();
        var request = WatchChangesRequest.newBuilder().setCursor(cursor).addAllResourceTypes(filter.resourceTypes());
        filter.carrying()
                .forEach((type, attributes) -> request.addAttributeFilters(
                        AttributeFilter.newBuilder().setResourceType(type).addAllAttributes(attributes)));
        // Whatever ends this method ends the stream.
        try (var context = Context.ROOT.withCancellation()) {
            var previous = context.attach();
            try {
                for (var responses = stub.watchChanges(request.build()); responses.hasNext() && !closed; ) {
                    var response = responses.next();
                    handler.apply(response.getChangesList(), response.getCursor());
                    if (!begun) {
                        begun = true;
                        handler.reconcile();
                    }
                }
            } finally {
                context.detach(previous);
            }
        }
    }
}
