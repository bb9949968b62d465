package dev.sortie.agent.domain;

import java.util.UUID;

/**
 * A worker gets nothing at present, for its agent is being looked after. Its callers are not told: to them, there is no
 * work.
 */
public final class AgentInMaintenance extends RuntimeException {
    private static final long serialVersionUID = 1;

    private final UUID agentId;

    AgentInMaintenance(UUID agentId) {
        super("agent " + agentId + " is in maintenance", null, false, false);
        this.agentId = agentId;
    }

    public UUID agentId() {
        return agentId;
    }
}
