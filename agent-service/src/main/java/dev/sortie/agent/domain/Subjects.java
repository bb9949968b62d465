package dev.sortie.agent.domain;

/** What mission-service has that work orders can be for. */
@FunctionalInterface
public interface Subjects {

    /**
     * True when it exists.
     *
     * @throws dev.sortie.runtime.failure.FailureException UNAVAILABLE when mission-service cannot be asked
     */
    boolean exists(Subject subject);
}
