package dev.sortie.agent.domain;

/** What an agent is doing. */
public enum AgentStatus {
    OFFLINE,
    ONLINE,
    BUSY,
    MAINTENANCE
}
