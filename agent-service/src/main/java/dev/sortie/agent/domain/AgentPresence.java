package dev.sortie.agent.domain;

import dev.sortie.agent.store.AgentStore;
import dev.sortie.runtime.sql.Tx;
import java.time.Instant;
import java.util.Map;
import java.util.UUID;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * When agents last called, by themselves or by one of their workers. As with {@link Presence}, calls are noted in memory
 * and written about once a second, together.
 */
public final class AgentPresence {
    private static final Logger LOG = LoggerFactory.getLogger(AgentPresence.class);

    private final AgentStore agents;
    private final LastCalls calls = new LastCalls();

    public AgentPresence(AgentStore agents) {
        this.agents = agents;
    }

    /** Notes that an agent called. */
    public void touch(UUID agentId, Instant at) {
        calls.touch(agentId, at);
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
     * Writes when agents called; those that were thought to be gone are back.
     *
     * @param workerCalls when workers called, whosever they are
     */
    public void write(Tx tx, Map<UUID, Instant> workerCalls, Map<UUID, Instant> agentCalls) {
        for (var back : agents.touch(tx, workerCalls, agentCalls, tx.now().minus(Presence.SILENCE))) {
            tx.change(Agents.change(back.agentId(), back.version(), back.said()));
            tx.afterCommit(
                    () -> LOG.atInfo().addKeyValue("agent_id", back.agentId()).log("an agent is back"));
        }
    }

    /** Takes note of agents that have not called for a minute. */
    public int markSilent(Tx tx) {
        var silent = agents.markSilent(tx, tx.now().minus(Presence.SILENCE));
        for (var gone : silent) {
            tx.change(Agents.change(gone.agentId(), gone.version(), gone.said()));
            tx.afterCommit(() ->
                    LOG.atInfo().addKeyValue("agent_id", gone.agentId()).log("an agent has not called for a minute"));
        }
        return silent.size();
    }
}
