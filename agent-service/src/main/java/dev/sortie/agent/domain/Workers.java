package dev.sortie.agent.domain;

import dev.sortie.agent.store.AgentStore;
import dev.sortie.agent.store.WorkerStore;
import dev.sortie.runtime.id.Ids;
import dev.sortie.runtime.sql.Change;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Tx;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Workers: the processes that do the work. */
public final class Workers {
    /** The attribute of the change that tells of a worker that it drains. */
    static final String DRAINING = "draining";

    private static final Logger LOG = LoggerFactory.getLogger(Workers.class);

    private final WorkerStore workers;
    private final AgentStore agents;
    private final Work work;
    private final WorkSignals signals;
    private final Ids ids;

    public Workers(WorkerStore workers, AgentStore agents, Work work, WorkSignals signals, Ids ids) {
        this.workers = workers;
        this.agents = agents;
        this.work = work;
        this.signals = signals;
        this.ids = ids;
    }

    /**
     * What to list, newest first.
     *
     * @param status null for every status
     * @param type null for every kind of work
     * @param softwareVersion null for every version
     * @param draining null for those that drain and others
     * @param agentId null for every agent's, and nobody's
     * @param before the last worker of the page before; null for the first page
     */
    public record ListRequest(
            @Nullable WorkerStatus status,
            @Nullable WorkerType type,
            @Nullable String softwareVersion,
            @Nullable Boolean draining,
            @Nullable UUID agentId,
            @Nullable UUID before,
            int limit) {}

    /**
     * A change of what a worker has said of itself.
     *
     * @param etag empty for whatever version there is
     */
    public record Edit(UUID workerId, String etag, UnaryOperator<Worker.Draft> change) {}

    public Worker register(Tx tx, Worker.Draft draft) {
        var agentId = draft.agentId();
        if (agentId != null) {
            var agent = agents.lockForWorkers(tx, agentId)
                    .orElseThrow(() -> AgentFailures.referenceNotFound("worker.agent_id", "agent", agentId));
            if (agent.deactivatedAt() != null) {
                throw AgentFailures.agentDeactivated(agentId, agent.deactivatedAt());
            }
        }
        var worker = workers.insert(tx, ids.next(), draft);
        tx.change(Change.created("worker", worker.id(), worker.version())
                .with("worker_id", worker.id())
                .with("status", worker.status()));
        return worker;
    }

    /** Changes what a worker has said of itself; those who wait as that worker look again. */
    public Worker update(Tx tx, Edit edit) {
        var id = edit.workerId();
        var worker = lock(tx, id);
        if (!worker.isRegistered()) {
            throw AgentFailures.workerNotRegistered(id);
        }
        var etag = Long.toString(worker.version());
        if (!edit.etag().isEmpty() && !edit.etag().equals(etag)) {
            throw AgentFailures.etagMismatch("worker", id, etag);
        }
        var draft = edit.change().apply(worker.draft());
        if (!draft.equals(worker.draft())) {
            workers.update(tx, id, draft);
            tx.change(change(id, worker.version() + 1, worker.status()));
            tx.afterCommit(() -> signals.wakeWorker(id));
        }
        return get(tx, id);
    }

    /** Has a worker finish what it holds and get nothing more. */
    public Worker drain(Tx tx, UUID id) {
        var worker = lock(tx, id);
        if (worker.isRegistered() && !worker.isDraining()) {
            workers.drain(tx, id);
            tx.change(change(id, worker.version() + 1, worker.status()).with(DRAINING, true));
            tx.audit("DrainWorker", "worker", id, Map.of());
            tx.afterCommit(() -> {
                LOG.atInfo().addKeyValue("worker_id", id).log("a worker drains");
                signals.wakeWorker(id);
            });
        }
        return get(tx, id);
    }

    private Worker lock(Tx tx, UUID id) {
        return workers.lockAll(tx, List.of(id)).stream()
                .findFirst()
                .orElseThrow(() -> AgentFailures.notFound("worker", id));
    }

    public Worker get(Queries queries, UUID id) {
        var worker = workers.find(queries, id).orElseThrow(() -> AgentFailures.notFound("worker", id));
        return withCapabilities(queries, List.of(worker)).getFirst();
    }

    public List<Worker> list(Queries queries, ListRequest request) {
        return withCapabilities(queries, workers.list(queries, request));
    }

    /** What a worker can do, in place of what was known before. */
    public record Skills(UUID workerId, List<Capability> capabilities) {}

    /** Writes what a worker can do; those who wait as that worker look again. */
    public Worker setCapabilities(Tx tx, Skills skills) {
        var id = skills.workerId();
        var worker = lock(tx, id);
        if (!worker.isRegistered()) {
            throw AgentFailures.workerNotRegistered(id);
        }
        var before = withCapabilities(tx, List.of(worker)).getFirst();
        if (!before.capabilities().equals(skills.capabilities())) {
            workers.setCapabilities(tx, id, skills.capabilities());
            tx.change(change(id, worker.version() + 1, worker.status()));
            tx.afterCommit(signals::wakeAll);
        }
        return get(tx, id);
    }

    private List<Worker> withCapabilities(Queries queries, List<Worker> found) {
        if (found.isEmpty()) {
            return found;
        }
        var known = workers.capabilities(queries, found.stream().map(Worker::id).toList());
        return found.stream()
                .map(worker -> worker.with(known.getOrDefault(worker.id(), List.of())))
                .toList();
    }

    /** Takes a worker out of service for good and gives back what it holds. */
    public Worker deregister(Tx tx, UUID id) {
        var found = get(tx, id);
        if (!found.isRegistered()) {
            return found;
        }
        work.releaseAll(tx, id); // orders before workers, as everybody locks them
        var worker = lock(tx, id);
        if (!worker.isRegistered()) {
            return worker;
        }
        if (worker.heldClaims() > 0) {
            work.releaseAll(tx, id); // claimed meanwhile; from here on it claims no more
        }
        var gone = workers.deregister(tx, id);
        tx.change(change(id, gone.version(), gone.status()).with("deregistered", true));
        return gone;
    }

    /** A worker that came or went. Whether it is IDLE or BUSY follows from the changes of orders. */
    static Change change(UUID id, long version, WorkerStatus status) {
        return Change.updated("worker", id, version).with("worker_id", id).with("status", status);
    }
}
