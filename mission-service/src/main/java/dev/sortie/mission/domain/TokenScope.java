package dev.sortie.mission.domain;

/** What an API token can be limited to, as the contract has it. */
public enum TokenScope {
    ACCOUNT,
    MISSION_READ,
    MISSION_WRITE,
    AGENT_READ,
    AGENT_WRITE,
    WORK,
    KNOWLEDGE_READ,
    KNOWLEDGE_WRITE,
    CHANGE_READ
}
