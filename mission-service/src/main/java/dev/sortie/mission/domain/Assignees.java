package dev.sortie.mission.domain;

import java.util.Collection;
import java.util.Set;
import java.util.UUID;

/** The agents of agent-service, as this service needs them. Every call may throw {@link WorkOrdersException}. */
public interface Assignees {

    /**
     * Those of the agents that exist.
     *
     * @param agentIds at most 500
     */
    Set<UUID> agents(Collection<UUID> agentIds);
}
