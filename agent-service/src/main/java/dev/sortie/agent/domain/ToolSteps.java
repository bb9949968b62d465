package dev.sortie.agent.domain;

import java.util.UUID;

/** The tool steps of mission-service. */
@FunctionalInterface
public interface ToolSteps {

    /**
     * True when the step exists.
     *
     * @throws dev.sortie.runtime.failure.FailureException UNAVAILABLE when mission-service cannot be asked
     */
    boolean exists(UUID toolStepId);
}
