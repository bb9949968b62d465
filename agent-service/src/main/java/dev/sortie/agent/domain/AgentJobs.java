package dev.sortie.agent.domain;

import dev.sortie.agent.store.ClaimStore;
import dev.sortie.agent.store.LogStore;
import dev.sortie.runtime.change.ChangeFeed;
import dev.sortie.runtime.change.LoggedChange;
import dev.sortie.runtime.sql.Database;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What the service does by itself. Every replica does it: what one has locked, the others pass over, and doing it twice
 * changes nothing.
 */
public final class AgentJobs {
    private static final Logger LOG = LoggerFactory.getLogger(AgentJobs.class);
    private static final int BATCH = 500;
    private static final Duration FEED_PATIENCE = Duration.ofSeconds(30);

    private final Database database;
    private final ChangeFeed changes;
    private final Claiming claiming;
    private final Work work;
    private final Presence presence;
    private final AgentPresence agentPresence;
    private final LogTails tails;
    private final ClaimStore claims;
    private final LogStore logStore;
    private final WorkSignals signals;
    private final IdleWorkers idle;

    public AgentJobs(
            Database database,
            ChangeFeed changes,
            Claiming claiming,
            Work work,
            Presence presence,
            AgentPresence agentPresence,
            LogTails tails,
            ClaimStore claims,
            LogStore logStore,
            WorkSignals signals,
            IdleWorkers idle) {
        this.database = database;
        this.changes = changes;
        this.claiming = claiming;
        this.work = work;
        this.presence = presence;
        this.agentPresence = agentPresence;
        this.tails = tails;
        this.claims = claims;
        this.logStore = logStore;
        this.signals = signals;
        this.idle = idle;
    }

    /** Ends the claims whose leases have run out. */
    public void endLeases() {
        if (claims.hasRunOut(database.queries())) {
            while (database.transaction(tx -> work.timeOut(tx, BATCH)) == BATCH) {}
        }
    }

    /** Gives orders their places in line whose time has come. */
    public void promoteOrders() {
        if (claims.hasDue(database.queries())) {
            while (database.transaction(tx -> claiming.promote(tx, BATCH)) >= BATCH) {}
        }
    }

    /** Forgets lanes in which nothing stands. */
    public void forgetLanes() {
        database.transaction(tx -> {
            claiming.forgetLanes(tx);
            return true;
        });
    }

    /** Gives up the orders that nobody claimed in time. */
    public void expireOrders() {
        if (claims.hasLate(database.queries())) {
            while (database.transaction(tx -> work.expire(tx, BATCH)) == BATCH) {}
        }
    }

    /**
     * Writes when workers and agents called, and has workers look again that drain: the change that told of it may have
     * been missed. What cannot be written now is written the next time.
     */
    public void writePresence() {
        if (!presence.hasCalls() && !agentPresence.hasCalls()) {
            return;
        }
        var calls = presence.take();
        var agentCalls = agentPresence.take();
        try {
            var draining = database.transaction(tx -> {
                var found = calls.isEmpty() ? List.<UUID>of() : presence.write(tx, calls);
                agentPresence.write(tx, calls, agentCalls);
                return found;
            });
            draining.forEach(this::lookAgain);
        } catch (RuntimeException failed) {
            calls.forEach(presence::touch);
            agentCalls.forEach(agentPresence::touch);
            throw failed;
        }
    }

    /** Takes note of agents that have fallen silent. */
    public void markSilentAgents() {
        while (database.transaction(agentPresence::markSilent) == BATCH) {}
    }

    /** Takes note of workers that have fallen silent. */
    public void markSilentWorkers() {
        while (database.transaction(presence::markSilent) == BATCH) {}
    }

    /** Wakes those who wait for work that is there, or will be before long; whatever signals were lost. */
    public void lookForWork() {
        var queueNames = signals.waitedFor();
        if (queueNames.isEmpty()) {
            return;
        }
        for (var outlook : claims.lookAhead(database.queries(), queueNames)) {
            signals.wake(outlook.queueName(), outlook.claimable());
            if (outlook.nextRunAt() != null) {
                signals.wakeAt(outlook.queueName(), outlook.nextRunAt());
            }
        }
    }

    /**
     * Looks for work as soon as some replica has changed orders or queues, without waiting for the next time, and wakes
     * those who wait as a worker that is to drain, or for an agent that is being looked after. Returns only by failing;
     * what it then misses is found all the same, a moment later.
     *
     * @param look has {@link #lookForWork} run
     */
    public void followFeed(Runnable look) throws InterruptedException {
        var watch = changes.watch(changes.now(), Set.of("work_order", "queue", "worker", "agent"));
        while (true) {
            var batch = watch.next(FEED_PATIENCE).changes();
            for (var change : batch) {
                if (isDrain(change)) {
                    lookAgain(change.resourceId());
                } else if (change.resourceType().equals("agent")) {
                    signals.wakeAgent(change.resourceId());
                }
            }
            boolean claimable = batch.stream().anyMatch(AgentJobs::mayMakeClaimable);
            if (claimable && !signals.waitedFor().isEmpty()) {
                look.run();
            }
        }
    }

    /** A worker is to drain: it is to hear of it now. */
    private void lookAgain(UUID workerId) {
        idle.forget(workerId);
        signals.wakeWorker(workerId);
    }

    /** Wakes those who follow logs that other replicas have written. */
    public void lookForLines() {
        tails.poll(database.queries());
    }

    private static boolean isDrain(LoggedChange change) {
        return change.resourceType().equals("worker") && change.attributes().contains('"' + Workers.DRAINING + '"');
    }

    private static boolean mayMakeClaimable(LoggedChange change) {
        return change.resourceType().equals("queue")
                || (change.resourceType().equals("work_order")
                        && change.attributes().contains('"' + WorkOrderStatus.PENDING.name() + '"'));
    }

    /** Makes the partitions that logs will need and drops those that are no longer kept. */
    public void keepLogPartitions() {
        int dropped = 0;
        while (logStore.keepPartitions(database.queries()) > 0) {
            dropped++;
        }
        if (dropped > 0) {
            LOG.atInfo().addKeyValue("days", dropped).log("execution logs of past days dropped");
        }
    }
}
