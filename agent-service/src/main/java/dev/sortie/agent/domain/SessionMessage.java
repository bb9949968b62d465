package dev.sortie.agent.domain;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * What a worker says in its session.
 *
 * @param attach null unless it begins the session
 * @param heartbeat always where there are checkpoints
 * @param checkpoints JSON objects by order
 * @param queueNames empty for as before
 */
public record SessionMessage(
        long sequence,
        @Nullable Attach attach,
        List<Logs.Append> logs,
        boolean heartbeat,
        Map<UUID, String> checkpoints,
        List<Work.Completion> completions,
        List<Work.FailedAttempt> failures,
        List<Work.Release> releases,
        List<String> queueNames,
        int credits,
        boolean drain) {

    /**
     * Begins a session.
     *
     * @param leaseDuration null for the worker's own
     * @param resume null for a worker that has just started
     */
    public record Attach(
            UUID workerId,
            List<String> queueNames,
            @Nullable Duration leaseDuration,
            @Nullable Resume resume) {}

    /** What a worker still works on, from the session of an epoch. */
    public record Resume(long epoch, List<ClaimReference> claims) {}
}
