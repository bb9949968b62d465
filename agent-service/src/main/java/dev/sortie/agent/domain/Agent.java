package dev.sortie.agent.domain;

import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * An identity as which workers work.
 *
 * @param said the status as its heartbeats say it; OFFLINE when they have stopped
 * @param status the same, with what its workers are at
 * @param currentTaskId the task that its workers claimed last, of those that they are at
 * @param lastHeartbeatAt when it or one of its workers last called; null when none has
 * @param ipAddress as its heartbeats say it; empty when none has
 * @param hostName the same
 * @param deactivatedAt when it was taken out of service for good; null while it is in it
 */
public record Agent(
        UUID id,
        Fields fields,
        AgentStatus said,
        AgentStatus status,
        @Nullable UUID currentTaskId,
        Figures figures,
        @Nullable Instant lastHeartbeatAt,
        String ipAddress,
        String hostName,
        @Nullable Instant deactivatedAt,
        Instant createdAt,
        Instant updatedAt,
        long version) {

    /**
     * What callers set.
     *
     * @param capabilities each once
     * @param configuration a JSON object
     */
    public record Fields(
            String name,
            AgentType type,
            List<String> capabilities,
            String configuration,
            boolean mobileCapable,
            String deviceAffinity,
            boolean locationEnabled,
            boolean batteryAware) {}

    /**
     * What has come of the attempts of its workers.
     *
     * @param successRate 0 to 1; 0 before the first
     * @param averageResponseTime from claims to results and failures; null before the first
     */
    public record Figures(double successRate, @Nullable Duration averageResponseTime, long completed) {}

    /**
     * A heartbeat.
     *
     * @param ipAddress empty for the one that is known
     * @param hostName empty for the one that is known
     */
    public record Heartbeat(UUID agentId, AgentStatus status, String ipAddress, String hostName) {}
}
