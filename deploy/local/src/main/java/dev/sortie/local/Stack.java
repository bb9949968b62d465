package dev.sortie.local;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What {@code up} has started, to be closed in reverse. A signal may arrive in the middle of a start; closing then waits
 * for the step at hand, so that nothing is started that nobody closes, and no step begins after it.
 */
final class Stack implements AutoCloseable {

    private static final Logger LOG = LoggerFactory.getLogger(Stack.class);

    private final Deque<AutoCloseable> started = new ArrayDeque<>();
    private boolean closed;

    /** Starts something. */
    synchronized <T extends AutoCloseable> T start(Supplier<T> starter) {
        if (closed) {
            throw new LocalException("Stopped while it was starting.");
        }
        var resource = starter.get();
        started.push(resource);
        return resource;
    }

    synchronized boolean closed() {
        return closed;
    }

    /** Closes everything, the newest first, whatever fails on the way. Twice is once. */
    @Override
    public synchronized void close() {
        closed = true;
        while (!started.isEmpty()) {
            var resource = started.pop();
            try {
                resource.close();
            } catch (Exception e) {
                LOG.error("Stopping {} failed", resource, e);
            }
        }
    }
}
