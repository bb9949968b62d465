package dev.sortie.agent.domain;

/** How a list of agents is ordered. */
public enum AgentOrder {
    /** Newest first. */
    CREATION,
    /** By name. */
    NAME
}
