package dev.sortie.runtime.grpc;

import io.grpc.Context;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CancellationException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.MDC;

/**
 * The receiving end of a stream, for code that reads top to bottom on a virtual thread of its own. A few messages are
 * asked for ahead; the sender waits beyond that. A stream that is long ends with UNAVAILABLE when the server stops;
 * others are left to end by themselves.
 */
public final class ClientStream<Q> {
    /** How many messages are asked for ahead, where they are small. */
    static final int AHEAD = 8;

    private final ServerCallStreamObserver<?> observer;
    private final BlockingQueue<Item<Q>> items;
    private volatile boolean stopping;

    private ClientStream(ServerCallStreamObserver<?> observer, int ahead) {
        this.observer = observer;
        this.items = new ArrayBlockingQueue<>(ahead + 2);
    }

    /** A message; none at the end; what went wrong when the sender is gone. */
    private record Item<Q>(@Nullable Q message, @Nullable Throwable failure) {}

    /**
     * Runs a body on a virtual thread, with the context of the call. To be called within the service method.
     *
     * @param drain ends the stream when the server stops; null to let it end by itself
     */
    static <Q, P> StreamObserver<Q> start(
            ServerCallStreamObserver<P> observer, int ahead, @Nullable Drain drain, Function<ClientStream<Q>, P> body) {
        var stream = new ClientStream<Q>(observer, ahead);
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
                            observer.onError(
                                    FailureInterceptor.unclassified(stream.stopping ? ServerStream.stopped() : failed));
                        }
                    }
                    MDC.clear();
                }));
        Runnable stop = () -> {
            stream.stopping = true;
            thread.interrupt();
        };
        Runnable end = () -> {
            if (drain != null) {
                drain.forget(stop);
            }
            thread.interrupt();
        };
        observer.setOnCancelHandler(end);
        observer.setOnCloseHandler(end); // also ended by others, as for a message that breaks a rule
        thread.start();
        if (drain != null) {
            drain.onBegin(stop);
        }
        observer.request(ahead);
        return stream.receiver();
    }

    /**
     * The next message, after waiting for it; null at the end of the stream.
     *
     * @throws CancellationException when the sender is gone before the end
     */
    public @Nullable Q next() {
        try {
            return take(items.take());
        } catch (InterruptedException interrupted) {
            throw new CancellationException("the sender is gone");
        }
    }

    /**
     * The same, waiting for so long.
     *
     * @throws TimeoutException when nothing came meanwhile, not even the end
     */
    public @Nullable Q next(Duration patience) throws TimeoutException {
        try {
            var item = items.poll(patience.toNanos(), TimeUnit.NANOSECONDS);
            if (item == null) {
                throw new TimeoutException("nothing came within " + patience);
            }
            return take(item);
        } catch (InterruptedException interrupted) {
            throw new CancellationException("the sender is gone");
        }
    }

    private @Nullable Q take(Item<Q> item) {
        if (item.failure != null) {
            throw new CancellationException("the sender is gone");
        }
        if (item.message != null) {
            observer.request(1);
        }
        return item.message;
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
