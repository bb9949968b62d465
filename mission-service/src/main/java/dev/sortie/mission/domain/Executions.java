package dev.sortie.mission.domain;

import java.util.UUID;

/** The executions of agent-service, as this service needs them. Every call may throw {@link WorkOrdersException}. */
public interface Executions {

    /** Whether agent-service has it. */
    boolean exists(UUID executionId);
}
