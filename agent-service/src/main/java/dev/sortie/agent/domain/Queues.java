package dev.sortie.agent.domain;

import dev.sortie.agent.store.LaneStore;
import dev.sortie.agent.store.QueueStore;
import dev.sortie.runtime.id.Ids;
import dev.sortie.runtime.identity.Principal;
import dev.sortie.runtime.sql.Change;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Tx;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** Queues: what workers claim from. */
public final class Queues {
    private final QueueStore queues;
    private final LaneStore lanes;
    private final WorkSignals signals;
    private final Ids ids;

    public Queues(QueueStore queues, LaneStore lanes, WorkSignals signals, Ids ids) {
        this.queues = queues;
        this.lanes = lanes;
        this.signals = signals;
        this.ids = ids;
    }

    /**
     * What to list, by name.
     *
     * @param after the last queue of the page before; null for the first page
     */
    public record ListRequest(@Nullable String after, int limit) {}

    /** Creates a queue, or gives it other settings. */
    public Queue put(Tx tx, Queue.Draft draft) {
        if (draft.etag() == null) {
            var made = queues.insert(tx, List.of(draft), List.of(ids.next()));
            if (!made.isEmpty()) {
                var queue = limited(tx, draft) ? queues.update(tx, draft) : made.getFirst();
                tx.change(created(queue));
                return queue;
            }
        }
        var queue =
                queues.lock(tx, draft.name()).orElseThrow(() -> AgentFailures.etagMismatch("queue", draft.name(), ""));
        var etag = Long.toString(queue.version());
        if (draft.etag() != null && !draft.etag().equals(etag)) {
            throw AgentFailures.etagMismatch("queue", draft.name(), etag);
        }
        if (draft.describes(queue)) {
            return queue;
        }
        limited(tx, draft);
        var changed = queues.update(tx, draft);
        tx.change(updated(changed));
        tx.afterCommit(() -> signals.claimable(draft.name(), Integer.MAX_VALUE, tx.now()));
        return changed;
    }

    private boolean limited(Tx tx, Queue.Draft draft) {
        if (draft.limits().equals(Limits.NONE)) {
            return false;
        }
        lanes.beginTurns(tx, List.of(draft.name()));
        return true;
    }

    public Queue get(Queries queries, String name) {
        return queues.find(queries, name).orElseThrow(() -> AgentFailures.notFound("queue", name));
    }

    public List<Queue> list(Queries queries, ListRequest request) {
        return queues.list(queries, request);
    }

    public Queue pause(Tx tx, String name) {
        return setPaused(tx, name, true);
    }

    public Queue resume(Tx tx, String name) {
        var queue = setPaused(tx, name, false);
        tx.afterCommit(() -> signals.claimable(name, Integer.MAX_VALUE, tx.now()));
        return queue;
    }

    /**
     * The queues of these names; those that are missing are made.
     *
     * @param namers by name, who asks for it
     */
    Map<String, Queue> ensure(Tx tx, Map<String, Principal> namers) {
        var found = new HashMap<String, Queue>();
        if (namers.isEmpty()) {
            return found;
        }
        var names = namers.keySet();
        queues.findAll(tx, names).forEach(queue -> found.put(queue.name(), queue));
        var missing = new TreeSet<>(names); // in one order for everybody, so that no two wait for each other
        missing.removeAll(found.keySet());
        if (!missing.isEmpty()) {
            var drafts = missing.stream().map(Queue.Draft::named).toList();
            for (var queue : queues.insert(
                    tx, drafts, missing.stream().map(_ -> ids.next()).toList())) {
                tx.change(created(queue), namers.getOrDefault(queue.name(), tx.principal()));
            }
            queues.findAll(tx, missing).forEach(queue -> found.put(queue.name(), queue));
        }
        return found;
    }

    private Queue setPaused(Tx tx, String name, boolean paused) {
        var changed = queues.setPaused(tx, name, paused);
        changed.ifPresent(queue -> tx.change(updated(queue)));
        return changed.orElseGet(() -> get(tx, name));
    }

    private static Change created(Queue queue) {
        return describe(Change.created("queue", queue.id(), queue.version()), queue);
    }

    private static Change updated(Queue queue) {
        return describe(Change.updated("queue", queue.id(), queue.version()), queue);
    }

    private static Change describe(Change change, Queue queue) {
        return change.with("queue_name", queue.name()).with("paused", queue.paused());
    }
}
