package dev.sortie.runtime.grpc;

import io.grpc.Context;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CancellationException;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.MDC;

/**
 * The receiving end of a stream, for code that reads top to bottom on a virtual thread of its own. A few messages are
 * asked for ahead; the sender waits beyond that.
 */
public final class ClientStream<Q> {
    private static final int AHEAD = 8;

    private final ServerCallStreamObserver<?> observer;
    private final BlockingQueue<Item<Q>> items = new ArrayBlockingQueue<>(AHEAD + 2);

    private ClientStream(ServerCallStreamObserver<?> observer) {
        this.observer = observer;
    }

    /** A message; none at the end; what went wrong when the sender is gone. */
    private record Item<Q>(@Nullable Q message, @Nullable Throwable failure) {}

    static <Q, P> StreamObserver<Q> start(ServerCallStreamObserver<P> observer, Function<ClientStream<Q>, P> body) {
        var stream = new ClientStream<Q>(observer);
        observer.disableAutoRequest();
        var call = CallContext.current();
        var thread = Thread.ofVirtual()
                .name("stream")
                .unstarted(Context.current().wrap(() -> {
                    ObservationInterceptor.logFields(call);
                    try {
                        var response = body.apply(stream);
                        observer.onNext(response);
                        observer.onCompleted();
                    } catch (Throwable failed) {
                        if (!observer.isCancelled()) {
                            observer.onError(FailureInterceptor.unclassified(failed));
                        }
                    }
                    MDC.clear();
                }));
        observer.setOnCancelHandler(thread::interrupt);
        observer.setOnCloseHandler(thread::interrupt); // ended by others, as for a message that breaks a rule
        thread.start();
        observer.request(AHEAD);
        return stream.receiver();
    }

    /**
     * The next message, after waiting for it; null at the end of the stream.
     *
     * @throws CancellationException when the sender is gone before the end
     */
    public @Nullable Q next() {
        try {
            var item = items.take();
            if (item.failure != null) {
                throw new CancellationException("the sender is gone");
            }
            if (item.message != null) {
                observer.request(1);
            }
            return item.message;
        } catch (InterruptedException interrupted) {
            throw new CancellationException("the sender is gone");
        }
    }

    private StreamObserver<Q> receiver() {
        // Never more than was asked for, so that adding never waits.
        return new StreamObserver<>() {
            @Override
            public void onNext(Q message) {
                items.add(new Item<>(message, null));
            }

            @Override
            public void onError(Throwable failure) {
                items.add(new Item<>(null, failure));
            }

            @Override
            public void onCompleted() {
                items.add(new Item<>(null, null));
            }
        };
    }
}
