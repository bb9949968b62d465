package dev.sortie.runtime.grpc;

import dev.sortie.runtime.failure.Failure;
import dev.sortie.type.v1.ErrorReason;
import io.grpc.Context;
import io.grpc.stub.ServerCallStreamObserver;
import java.time.Duration;
import java.util.concurrent.CancellationException;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.slf4j.MDC;

/**
 * The sending end of a stream, for code that reads top to bottom on a virtual thread of its own. {@link #send} waits
 * while the receiver is slow, so nothing piles up. The stream ends when its body returns or throws; a server that stops
 * interrupts the thread and ends the stream with UNAVAILABLE.
 */
public final class ServerStream<P> {
    private final ServerCallStreamObserver<P> observer;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private boolean stopping;

    private ServerStream(ServerCallStreamObserver<P> observer) {
        this.observer = observer;
    }

    /** What writes to a stream. */
    @FunctionalInterface
    public interface Body<P> {
        /** Sends until there is nothing more to send. */
        void run(ServerStream<P> stream) throws InterruptedException;
    }

    /** Runs a body on a virtual thread, with the context of the call. To be called within the service method. */
    static <P> void start(ServerCallStreamObserver<P> observer, Drain drain, Body<P> body) {
        var stream = new ServerStream<>(observer);
        observer.setOnReadyHandler(stream::wake);
        var call = CallContext.current();
        var thread = Thread.ofVirtual()
                .name("stream")
                .unstarted(Context.current().wrap(() -> {
                    ObservationInterceptor.logFields(call);
                    stream.run(body);
                    MDC.clear();
                }));
        Runnable stop = () -> {
            stream.stop();
            thread.interrupt();
        };
        Runnable end = () -> {
            drain.forget(stop);
            thread.interrupt();
        };
        observer.setOnCancelHandler(end);
        observer.setOnCloseHandler(end);
        thread.start();
        drain.onBegin(stop);
    }

    /**
     * Sends a message, after waiting for the receiver to have room for it.
     *
     * @throws CancellationException when the receiver is gone
     */
    public void send(P message) throws InterruptedException {
        lock.lock();
        try {
            while (!observer.isReady() && isOpen()) {
                changed.await();
            }
        } finally {
            lock.unlock();
        }
        write(message);
    }

    /**
     * The same, waiting for so long.
     *
     * @throws TimeoutException when the receiver took nothing meanwhile
     */
    public void send(P message, Duration patience) throws InterruptedException, TimeoutException {
        long left = patience.toNanos();
        lock.lock();
        try {
            while (!observer.isReady() && isOpen()) {
                if (left <= 0) {
                    throw new TimeoutException("nothing was taken within " + patience);
                }
                left = changed.awaitNanos(left);
            }
        } finally {
            lock.unlock();
        }
        write(message);
    }

    private void write(P message) throws InterruptedException {
        if (observer.isCancelled()) {
            throw new CancellationException("the receiver is gone");
        }
        if (isStopping()) {
            throw new InterruptedException();
        }
        observer.onNext(message);
    }

    /** False once the receiver is gone or the server stops. */
    public boolean isOpen() {
        return !observer.isCancelled() && !isStopping();
    }

    private void run(Body<P> body) {
        try {
            body.run(this);
            observer.onCompleted();
        } catch (Throwable ended) {
            if (observer.isCancelled()) {
                return;
            }
            observer.onError(FailureInterceptor.unclassified(isStopping() ? stopped() : ended));
        }
    }

    /** What a stream ends with that a stopping server ends. */
    static RuntimeException stopped() {
        return Failure.unavailable(
                        ErrorReason.ERROR_REASON_DEPENDENCY_UNAVAILABLE,
                        Duration.ofMillis(500),
                        "the server stops; call again, from where this stream ended")
                .with("dependency", "server")
                .exception();
    }

    private boolean isStopping() {
        lock.lock();
        try {
            return stopping;
        } finally {
            lock.unlock();
        }
    }

    private void stop() {
        lock.lock();
        try {
            stopping = true;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    private void wake() {
        lock.lock();
        try {
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }
}
