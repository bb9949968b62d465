package dev.sortie.runtime.grpc;

import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** Tells everybody who waits for long (long polls, streams, jobs) that the server is about to stop. */
public final class Drain {
    private final Set<Runnable> listeners = ConcurrentHashMap.newKeySet();
    private volatile boolean begun;

    /** True from the moment at which the server began to stop: answer what there is and end. */
    public boolean hasBegun() {
        return begun;
    }

    /** Calls back, once, when the server begins to stop; at once if it has. The callback must not block. */
    public void onBegin(Runnable listener) {
        listeners.add(listener);
        if (begun && listeners.remove(listener)) {
            listener.run();
        }
    }

    /** Takes a callback back. */
    public void forget(Runnable listener) {
        listeners.remove(listener);
    }

    /** Begins. */
    public void begin() {
        begun = true;
        for (var listener : List.copyOf(listeners)) {
            if (listeners.remove(listener)) {
                listener.run();
            }
        }
    }
}
