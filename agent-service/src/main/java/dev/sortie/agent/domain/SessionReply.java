package dev.sortie.agent.domain;

import dev.sortie.runtime.failure.Failure;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** What a worker is told in its session, other than what it is assigned. */
public sealed interface SessionReply {
    /**
     * The session has begun.
     *
     * @param resumed what became of the claims that were to be resumed
     * @param heartbeatInterval how often to be heard of
     */
    record Attached(long epoch, List<HeartbeatOutcome> resumed, Duration leaseDuration, Duration heartbeatInterval)
            implements SessionReply {}

    /**
     * A message was taken.
     *
     * @param failure why the credits were not added; null when they were
     * @param leasesUntil when the first of the extended leases runs out; null when there are none
     * @param lost claims whose leases were not extended
     * @param credits unused ones, after the message
     */
    record Ack(
            long sequence,
            @Nullable Failure failure,
            @Nullable Instant leasesUntil,
            List<HeartbeatOutcome> lost,
            List<WorkOutcome> completions,
            List<WorkOutcome> failures,
            List<WorkOutcome> releases,
            List<LogsOutcome> logs,
            int credits)
            implements SessionReply {}

    /**
     * What became of log lines.
     *
     * @param failure null when they were taken
     */
    record LogsOutcome(
            UUID executionId,
            int appended,
            int duplicates,
            @Nullable Failure failure) {}

    /** A claim that others have ended. */
    record ClaimEnd(UUID workOrderId, UUID executionId, WorkOrderStatus status) implements SessionReply {}

    /** The worker is to finish what it holds, and gets nothing more. */
    record DrainRequested() implements SessionReply {}

    /** The session ends before long. */
    record Closing(Reason reason) implements SessionReply {
        /** Why. */
        public enum Reason {
            SERVER_STOPS,
            AGE,
            TOKEN_ENDS
        }
    }
}
