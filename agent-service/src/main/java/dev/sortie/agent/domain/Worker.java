package dev.sortie.agent.domain;

import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A process that claims work.
 *
 * @param maxConcurrentTasks the most claims it may hold
 * @param leaseDuration the lease it gets unless it asks for another
 * @param contextWindowSize in tokens; 0 when not known
 * @param config a JSON object
 * @param heldClaims how many claims it holds
 * @param drainAt since when it gets nothing more; null while it gets work
 * @param capabilities by name; empty where it was not asked for them
 * @param deregisteredAt when it was taken out of service for good; null while it may claim
 * @param agentId as which it works; null for none
 * @param agentDeactivatedAt when that agent was taken out of service; null while it is in it, and without one
 * @param agentInMaintenance whether that agent is being looked after: the worker gets nothing meanwhile
 */
public record Worker(
        UUID id,
        String name,
        WorkerType type,
        WorkerStatus status,
        String softwareVersion,
        int maxConcurrentTasks,
        Duration leaseDuration,
        long contextWindowSize,
        String config,
        int heldClaims,
        Instant lastHeartbeatAt,
        @Nullable Instant drainAt,
        @Nullable Instant deregisteredAt,
        List<Capability> capabilities,
        Instant createdAt,
        Instant updatedAt,
        long version,
        @Nullable UUID agentId,
        @Nullable Instant agentDeactivatedAt,
        boolean agentInMaintenance) {

    /** What a caller says of a worker. */
    public record Draft(
            String name,
            WorkerType type,
            String softwareVersion,
            int maxConcurrentTasks,
            Duration leaseDuration,
            long contextWindowSize,
            String config,
            @Nullable UUID agentId) {}

    Draft draft() {
        return new Draft(
                name, type, softwareVersion, maxConcurrentTasks, leaseDuration, contextWindowSize, config, agentId);
    }

    Worker with(List<Capability> known) {
        return new Worker(
                id,
                name,
                type,
                status,
                softwareVersion,
                maxConcurrentTasks,
                leaseDuration,
                contextWindowSize,
                config,
                heldClaims,
                lastHeartbeatAt,
                drainAt,
                deregisteredAt,
                List.copyOf(known),
                createdAt,
                updatedAt,
                version,
                agentId,
                agentDeactivatedAt,
                agentInMaintenance);
    }

    /** True until it is deregistered. */
    public boolean isRegistered() {
        return deregisteredAt == null;
    }

    /** True from when it is to finish what it holds. */
    public boolean isDraining() {
        return drainAt != null;
    }

    /** How many more claims it may hold. */
    public int room() {
        return Math.max(0, maxConcurrentTasks - heldClaims);
    }
}
