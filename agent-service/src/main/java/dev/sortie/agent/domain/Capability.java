package dev.sortie.agent.domain;

/**
 * Something that a worker can do.
 *
 * @param metadata a JSON object
 */
public record Capability(String name, CapabilityLevel level, String metadata) {}
