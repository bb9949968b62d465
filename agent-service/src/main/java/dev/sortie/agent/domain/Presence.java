package dev.sortie.agent.domain;

import dev.sortie.agent.store.WorkerStore;
import dev.sortie.runtime.sql.Tx;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * When workers last called. Calls are noted in memory and written about once a second, all of them in one statement:
 * what many workers say often must cost the database next to nothing.
 */
public final class Presence {
    private static final Logger LOG = LoggerFactory.getLogger(Presence.class);
    /** How long somebody who is there may be silent. */
    static final Duration SILENCE = Duration.ofMinutes(1);

    private final WorkerStore workers;
    private final LastCalls calls = new LastCalls();

    public Presence(WorkerStore workers) {
        this.workers = workers;
    }

    /** Notes that a worker called. */
    public void touch(UUID workerId, Instant at) {
        calls.touch(workerId, at);
    }

    /** True when there is something to write. */
    public boolean hasCalls() {
        return !calls.isEmpty();
    }

    /** Takes what was noted, to be written. */
    public Map<UUID, Instant> take() {
        return calls.take();
    }

    /**
     * Writes when workers called; those that were thought to be gone are back.
     *
     * @return those that drain
     */
    public List<UUID> write(Tx tx, Map<UUID, Instant> taken) {
        var draining = new ArrayList<UUID>();
        for (var caller : workers.touch(tx, taken, tx.now().minus(SILENCE))) {
            var id = caller.turn().workerId();
            if (caller.back()) {
                tx.change(Workers.change(
                        id, caller.turn().version(), caller.turn().status()));
                tx.afterCommit(() -> LOG.atInfo().addKeyValue("worker_id", id).log("a worker is back"));
            }
            if (caller.draining()) {
                draining.add(id);
            }
        }
        return draining;
    }

    /** Takes note of workers that have not called for a minute. Their leases run out by themselves. */
    public int markSilent(Tx tx) {
        var silent = workers.markSilent(tx, tx.now().minus(SILENCE));
        for (var gone : silent) {
            tx.change(Workers.change(gone.workerId(), gone.version(), gone.status()));
            tx.afterCommit(() ->
                    LOG.atInfo().addKeyValue("worker_id", gone.workerId()).log("a worker has not called for a minute"));
        }
        return silent.size();
    }
}
