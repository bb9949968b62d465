package dev.sortie.agent.domain;

import dev.sortie.agent.store.SessionStore;
import dev.sortie.runtime.sql.Combiner.Item;
import dev.sortie.runtime.sql.Combiner.Operation;
import dev.sortie.runtime.sql.Combiner.Outcome;
import dev.sortie.runtime.sql.Tx;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Keeps out what comes from a session after which its worker has attached another one, in the transaction that would do
 * it. What comes by calls of their own passes.
 */
public final class SessionFence {
    private final SessionStore sessions;
    private final Claiming claiming;
    private final Work work;

    public SessionFence(SessionStore sessions, Claiming claiming, Work work) {
        this.sessions = sessions;
        this.claiming = claiming;
        this.work = work;
    }

    /** Claims; and nobody attaches meanwhile, so that the next session sees what the one before it has got. */
    public List<Outcome<List<ClaimedWork>>> claim(Tx tx, List<Item<Fenced<Claiming.ClaimRequest>>> items) {
        return pass(tx, items, workers -> sessions.lock(tx, workers), claiming::claim);
    }

    /** Extends leases. */
    public List<Outcome<Work.HeartbeatAnswer>> heartbeat(Tx tx, List<Item<Fenced<Work.Heartbeat>>> items) {
        return pass(tx, items, workers -> sessions.find(tx, workers), work::heartbeat);
    }

    /** Ends claims. */
    public List<Outcome<List<WorkOutcome>>> end(Tx tx, List<Item<Fenced<Work.Ends>>> items) {
        return pass(tx, items, workers -> sessions.find(tx, workers), work::end);
    }

    /** Finds the epochs that count. */
    private interface Epochs {
        Map<UUID, Long> of(Collection<UUID> workerIds);
    }

    private static <D, R> List<Outcome<R>> pass(
            Tx tx, List<Item<Fenced<D>>> items, Epochs epochs, Operation<D, R> operation) {
        var fenced = workers(items);
        var current = fenced.isEmpty() ? Map.<UUID, Long>of() : epochs.of(fenced);
        var passed = new ArrayList<Item<D>>();
        for (var item : items) {
            if (isCurrent(item.value().session(), current)) {
                passed.add(new Item<>(item.principal(), item.value().value()));
            }
        }
        var done = passed.isEmpty() ? List.<Outcome<R>>of() : operation.run(tx, passed);
        var outcomes = new ArrayList<Outcome<R>>();
        int next = 0;
        for (var item : items) {
            var session = item.value().session();
            outcomes.add(
                    session == null || isCurrent(session, current)
                            ? done.get(next++)
                            : Outcome.refused(AgentFailures.sessionSuperseded(session.workerId(), session.epoch())
                                    .exception()));
        }
        return outcomes;
    }

    private static <D> Set<UUID> workers(List<Item<Fenced<D>>> items) {
        return items.stream()
                .map(item -> item.value().session())
                .filter(session -> session != null)
                .map(Fenced.Session::workerId)
                .collect(Collectors.toSet());
    }

    private static boolean isCurrent(Fenced.@Nullable Session session, Map<UUID, Long> current) {
        return session == null || current.getOrDefault(session.workerId(), 0L) == session.epoch();
    }
}
