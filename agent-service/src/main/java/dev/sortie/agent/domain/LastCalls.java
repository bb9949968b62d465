package dev.sortie.agent.domain;

import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;

/** Who called last when, noted in memory until it is written. */
final class LastCalls {
    private final Map<UUID, Instant> calls = new ConcurrentHashMap<>();

    void touch(UUID id, Instant at) {
        calls.merge(id, at, (one, other) -> one.isAfter(other) ? one : other);
    }

    boolean isEmpty() {
        return calls.isEmpty();
    }

    /** What was noted; it is forgotten here. A call that comes meanwhile is in this or in the next. */
    Map<UUID, Instant> take() {
        var taken = new HashMap<UUID, Instant>();
        for (var id : List.copyOf(calls.keySet())) {
            var at = calls.remove(id);
            if (at != null) {
                taken.put(id, at);
            }
        }
        return taken;
    }
}
