package dev.sortie.agent.api;

import dev.sortie.agent.domain.ClaimedWork;
import dev.sortie.agent.domain.SessionPeer;
import dev.sortie.agent.domain.SessionReply;
import dev.sortie.agent.domain.WorkSession;
import dev.sortie.agent.domain.WorkSessions;
import dev.sortie.agent.v1.WorkRequest;
import dev.sortie.agent.v1.WorkResponse;
import dev.sortie.runtime.grpc.CallContext;
import io.grpc.Context;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The stream of a session. In hand are a bounded number of messages that came, and none that goes: whoever says something
 * waits until the receiver has room. One thread takes what comes and is the only one to end the stream; another one hands
 * out work.
 */
final class WorkSessionStream implements StreamObserver<WorkRequest>, SessionPeer {
    /** The most messages in hand that came, those asked for ahead included. */
    static final int MOST_IN_HAND = 36;

    private static final int AHEAD = 4;
    private static final long MOST_BYTES = 1024 * 1024;
    private static final Duration LAST_WORK = Duration.ofSeconds(10);

    private final ServerCallStreamObserver<WorkResponse> observer;
    private final SessionProtos protos;
    private final AtomicInteger inHand; // of all streams
    private final WorkSession session;
    private final Context context = Context.current();
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();

    // All below under the lock.
    private final ArrayDeque<WorkRequest> inbox = new ArrayDeque<>();
    private long bytes;
    private int asked;
    private boolean halfClosed;
    private boolean gone;

    private WorkSessionStream(
            WorkSessions sessions,
            SessionProtos protos,
            AtomicInteger inHand,
            ServerCallStreamObserver<WorkResponse> observer) {
        this.observer = observer;
        this.protos = protos;
        this.inHand = inHand;
        this.session = sessions.open(CallContext.principal(), this);
    }

    /** Starts; to be called within the service method. */
    static StreamObserver<WorkRequest> start(
            WorkSessions sessions,
            SessionProtos protos,
            AtomicInteger inHand,
            ServerCallStreamObserver<WorkResponse> observer) {
        var stream = new WorkSessionStream(sessions, protos, inHand, observer);
        observer.disableAutoRequest();
        observer.setOnReadyHandler(stream::signal);
        observer.setOnCancelHandler(stream::goneAway);
        observer.setOnCloseHandler(stream::goneAway); // also ended by others, as for a message that breaks a rule
        stream.start("session", stream::run);
        stream.askForMore();
        return stream;
    }

    private Thread start(String name, Runnable body) {
        return Thread.ofVirtual().name(name).start(context.wrap(body));
    }

    @Override
    public void onNext(WorkRequest message) {
        lock.lock();
        try {
            asked--;
            if (gone) {
                return; // ended this moment
            }
            inbox.add(message);
            inHand.incrementAndGet();
            bytes += message.getSerializedSize();
            changed.signalAll();
        } finally {
            lock.unlock();
        }
        askForMore();
    }

    @Override
    public void onError(Throwable failure) {
        goneAway();
    }

    @Override
    public void onCompleted() {
        lock.lock();
        try {
            halfClosed = true;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
        session.halfClosed();
    }

    private void goneAway() {
        lock.lock();
        try {
            gone = true;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
        session.over(null);
    }

    /** Asks for as many messages as there is room for. */
    private void askForMore() {
        int more;
        lock.lock();
        try {
            int room = bytes < MOST_BYTES ? MOST_IN_HAND - inbox.size() : 0;
            more = Math.min(AHEAD, room) - asked;
            if (more <= 0 || gone) {
                return;
            }
            asked += more;
        } finally {
            lock.unlock();
        }
        observer.request(more);
    }

    /** Takes what comes until nothing more does. */
    private void run() {
        Thread assigning = null;
        Throwable failed = null;
        try {
            for (var batch = next(); !batch.isEmpty(); batch = next()) {
                session.take(batch.stream().map(SessionProtos::toMessage).toList());
                if (assigning == null) {
                    assigning = start("assign", session::assign);
                }
            }
        } catch (Throwable thrown) {
            failed = thrown;
        }
        session.over(null);
        try {
            if (assigning != null) {
                assigning.join(LAST_WORK); // what it has claimed is handed over or given back
            }
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
        }
        end(failed);
    }

    private void end(@Nullable Throwable failed) {
        lock.lock();
        try {
            inHand.addAndGet(-inbox.size());
            inbox.clear();
            boolean wasGone = gone || observer.isCancelled();
            gone = true;
            if (wasGone) {
                return;
            }
            var reason = session.failure();
            if (failed != null) {
                observer.onError(failed);
            } else if (reason != null) {
                observer.onError(reason.exception());
            } else {
                observer.onCompleted();
            }
        } finally {
            lock.unlock();
        }
    }

    /** All messages that are there, after waiting for one; none at the end. */
    private List<WorkRequest> next() throws InterruptedException {
        var batch = new ArrayList<WorkRequest>();
        lock.lock();
        try {
            while (inbox.isEmpty() && !halfClosed && isOpen()) {
                changed.await();
            }
            if (isOpen()) {
                batch.addAll(inbox);
                inbox.clear();
                inHand.addAndGet(-batch.size());
                bytes = 0;
            }
        } finally {
            lock.unlock();
        }
        askForMore();
        return batch;
    }

    /** Under the lock. */
    private boolean isOpen() {
        return !gone && !context.isCancelled() && !session.isOver();
    }

    @Override
    public boolean awaitRoom() {
        lock.lock();
        try {
            while (!observer.isReady() && isOpen()) {
                changed.awaitUninterruptibly();
            }
            return isOpen();
        } finally {
            lock.unlock();
        }
    }

    @Override
    public void tell(List<? extends SessionReply> replies) {
        for (var response : protos.toResponses(replies)) {
            lock.lock();
            try {
                if (!awaitRoom() || !send(response)) {
                    return;
                }
            } finally {
                lock.unlock();
            }
        }
    }

    @Override
    public boolean assign(List<ClaimedWork> work, BooleanSupplier isWanted) {
        var response = SessionProtos.toAssignment(work);
        lock.lock();
        try {
            return awaitRoom() && isWanted.getAsBoolean() && send(response);
        } finally {
            lock.unlock();
        }
    }

    /**
     * Under the lock.
     *
     * @return false when it is sure that it does not arrive; of what is on its way when the stream breaks, nobody knows
     */
    private boolean send(WorkResponse response) {
        try {
            observer.onNext(response);
            return true;
        } catch (IllegalStateException ended) {
            gone = true; // by others, as for a message that breaks a rule
            return false;
        }
    }

    @Override
    public void over() {
        signal();
    }

    private void signal() {
        lock.lock();
        try {
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }
}
