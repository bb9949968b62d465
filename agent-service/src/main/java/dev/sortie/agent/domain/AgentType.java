package dev.sortie.agent.domain;

/** What kind of agent it is. */
public enum AgentType {
    CODEGEN,
    TESTING,
    DOCUMENTATION,
    ARCHON,
    MOBILE_CONTROLLER
}
