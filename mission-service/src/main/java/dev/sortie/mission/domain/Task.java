package dev.sortie.mission.domain;

import java.math.BigDecimal;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A task as stored.
 *
 * @param id its own
 * @param planId the plan it belongs to; null for none
 * @param parentTaskId the task it is part of; null for none
 * @param depth how many tasks it is part of
 * @param fields what callers set
 * @param state what moves change
 * @param createdBy null when that user is gone
 * @param dueAt its deadline, or else its plan's, or else {@link #NEVER}
 * @param deadlineWarnedAt when it was last warned of its own deadline, if it is this one
 * @param createdAt when it was created
 * @param updatedAt when it last changed
 * @param version one more with each change
 */
public record Task(
        UUID id,
        @Nullable UUID planId,
        @Nullable UUID parentTaskId,
        int depth,
        Fields fields,
        State state,
        @Nullable UUID createdBy,
        Instant dueAt,
        @Nullable Instant deadlineWarnedAt,
        Instant createdAt,
        Instant updatedAt,
        long version) {
    /** How many levels of subtasks there may be below a task that is part of none. */
    public static final int MAX_DEPTH = 10;

    /** When a task is due that has no deadline: after every time that a caller can give. */
    public static final Instant NEVER = Instant.parse("+10000-01-01T00:00:00Z");

    /**
     * What callers set.
     *
     * @param title 1 to 255 characters
     * @param context a JSON object as text, as is each of the following two
     * @param assignedUserId null for nobody
     * @param assignedAgentId null for any
     * @param estimatedHours to a hundredth; null for no estimate
     * @param deadline its own; null for its plan's
     */
    public record Fields(
            String title,
            String description,
            TaskType type,
            PermissionLevel permissionLevel,
            Priority priority,
            String repositoryUrl,
            String branchName,
            @Nullable Integer issueNumber,
            @Nullable Integer prNumber,
            String context,
            String executionContext,
            String metadata,
            List<String> tags,
            @Nullable UUID assignedUserId,
            @Nullable UUID assignedAgentId,
            String assignedAgentType,
            @Nullable BigDecimal estimatedHours,
            String mobileTaskId,
            String deviceFingerprint,
            SyncStatus syncStatus,
            @Nullable Instant deadline) {

        /** These, with what says nothing of the work to be done as it is in others. */
        Fields withNotesOf(Fields others) {
            return new Fields(
                    title,
                    description,
                    type,
                    permissionLevel,
                    priority,
                    repositoryUrl,
                    branchName,
                    issueNumber,
                    others.prNumber,
                    context,
                    executionContext,
                    others.metadata,
                    others.tags,
                    assignedUserId,
                    assignedAgentId,
                    assignedAgentType,
                    estimatedHours,
                    others.mobileTaskId,
                    others.deviceFingerprint,
                    others.syncStatus,
                    deadline);
        }
    }

    /**
     * How far it is.
     *
     * @param percentage 0 to 100, to a hundredth
     * @param hours what it has taken, to a hundredth; null when nothing was reported
     */
    public record Progress(BigDecimal percentage, @Nullable BigDecimal hours) {}

    /**
     * What a worker has to do with it.
     *
     * @param attempt how often it has been queued
     * @param out whether agent-service has been told, or will be, to do this attempt, and not yet to stop
     * @param workOrderId of this attempt, once it is known
     * @param queueName of this or the last attempt; empty before
     * @param workerId who does or last did it
     */
    public record Dispatch(
            int attempt,
            boolean out,
            @Nullable UUID workOrderId,
            String queueName,
            @Nullable UUID workerId) {

        /** Nobody shall do it any more. */
        Dispatch ended() {
            return new Dispatch(attempt, false, null, queueName, workerId);
        }
    }

    /**
     * What came of it.
     *
     * @param result a JSON object as text, of the last attempt that succeeded; null before, and in lists
     * @param errorMessage why the last attempt failed; empty otherwise
     * @param awaitingApproval whether the result waits to be judged
     * @param rejectionReason why the last result was rejected; empty when none was
     */
    public record Outcome(
            @Nullable String result, String errorMessage, boolean awaitingApproval, String rejectionReason) {}

    /**
     * What moves change.
     *
     * @param reason given with the last move; may be empty
     * @param startedAt when work on this or the last attempt began
     * @param completedAt when it ended, one way or another
     */
    public record State(
            TaskStatus status,
            String reason,
            Progress progress,
            Dispatch dispatch,
            Outcome outcome,
            @Nullable Instant startedAt,
            @Nullable Instant completedAt) {
        private static final BigDecimal NOTHING = new BigDecimal("0.00");
        private static final BigDecimal ALL = new BigDecimal("100.00");

        /** Of a task that begins. */
        static State first(TaskStatus status) {
            return new State(
                    status,
                    "",
                    new Progress(NOTHING, null),
                    new Dispatch(0, false, null, "", null),
                    new Outcome(null, "", false, ""),
                    null,
                    null);
        }

        /** At rest, without anybody who shall do it. */
        State resting(TaskStatus rest, String why) {
            return new State(
                    rest,
                    why,
                    progress,
                    dispatch.ended(),
                    new Outcome(outcome.result, outcome.errorMessage, false, outcome.rejectionReason),
                    startedAt,
                    null);
        }

        /** Another attempt, on a queue. */
        State queued(String queue, String why) {
            return new State(
                    TaskStatus.QUEUED,
                    why,
                    new Progress(NOTHING, progress.hours),
                    new Dispatch(dispatch.attempt + 1, true, null, queue, null),
                    new Outcome(outcome.result, "", false, outcome.rejectionReason),
                    null,
                    null);
        }

        /** Its order is placed. */
        State placed(UUID workOrderId) {
            return withDispatch(
                    status,
                    new Dispatch(dispatch.attempt, true, workOrderId, dispatch.queueName, dispatch.workerId),
                    startedAt);
        }

        /** A worker has it. */
        State claimed(UUID workerId, Instant now) {
            return withDispatch(
                    TaskStatus.IN_PROGRESS,
                    new Dispatch(dispatch.attempt, true, dispatch.workOrderId, dispatch.queueName, workerId),
                    startedAt == null ? now : startedAt);
        }

        /** The queue has it again. */
        State unclaimed() {
            return withDispatch(TaskStatus.QUEUED, dispatch, null);
        }

        /** The same, and whoever had it is gone. */
        State left() {
            return withDispatch(
                    TaskStatus.QUEUED,
                    new Dispatch(dispatch.attempt, true, dispatch.workOrderId, dispatch.queueName, null),
                    null);
        }

        private State withDispatch(TaskStatus newStatus, Dispatch newDispatch, @Nullable Instant newStartedAt) {
            return new State(newStatus, reason, progress, newDispatch, outcome, newStartedAt, null);
        }

        /** Somebody works on it, and is as far as this. */
        State inProgress(Progress reported, String why, Instant now) {
            return new State(
                    TaskStatus.IN_PROGRESS,
                    why,
                    reported,
                    dispatch,
                    new Outcome(outcome.result, "", false, outcome.rejectionReason),
                    startedAt == null || status == TaskStatus.FAILED ? now : startedAt,
                    null);
        }

        /** Its result is there, to be judged. */
        State awaitingApproval(@Nullable String result, String why, Instant now) {
            return new State(
                    TaskStatus.IN_PROGRESS,
                    why,
                    progress,
                    dispatch.ended(),
                    new Outcome(result, "", true, outcome.rejectionReason),
                    startedAt == null ? now : startedAt,
                    null);
        }

        /** Done. */
        State completed(@Nullable String result, String why, Instant now) {
            return new State(
                    TaskStatus.COMPLETED,
                    why,
                    new Progress(ALL, progress.hours),
                    dispatch.ended(),
                    new Outcome(result, "", false, outcome.rejectionReason),
                    startedAt == null ? now : startedAt,
                    now);
        }

        /** Its result is not good enough. */
        State rejected(String why) {
            return new State(
                    TaskStatus.PENDING,
                    why,
                    progress,
                    dispatch,
                    new Outcome(outcome.result, "", false, why),
                    startedAt,
                    null);
        }

        /** Given up because it failed. */
        State failed(String message, String why, Instant now) {
            return ended(TaskStatus.FAILED, message, why, now);
        }

        /** Given up because nobody wants it any more. */
        State cancelled(String why, Instant now) {
            return ended(TaskStatus.CANCELLED, outcome.errorMessage, why, now);
        }

        private State ended(TaskStatus end, String message, String why, Instant now) {
            return new State(
                    end,
                    why,
                    progress,
                    dispatch.ended(),
                    new Outcome(outcome.result, message, false, outcome.rejectionReason),
                    startedAt,
                    now);
        }
    }

    public DeadlineState deadlineState() {
        return DeadlineState.of(fields.deadline, deadlineWarnedAt);
    }

    public TaskStatus status() {
        return state.status;
    }

    /** Whether the task can make the move now. */
    public boolean allows(TaskMove move) {
        return move.isAllowed(state.status, state.outcome.awaitingApproval);
    }
}
