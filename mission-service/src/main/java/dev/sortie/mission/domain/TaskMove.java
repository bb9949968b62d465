package dev.sortie.mission.domain;

import static dev.sortie.mission.domain.TaskStatus.ASSIGNED;
import static dev.sortie.mission.domain.TaskStatus.BLOCKED;
import static dev.sortie.mission.domain.TaskStatus.CANCELLED;
import static dev.sortie.mission.domain.TaskStatus.COMPLETED;
import static dev.sortie.mission.domain.TaskStatus.FAILED;
import static dev.sortie.mission.domain.TaskStatus.IN_PROGRESS;
import static dev.sortie.mission.domain.TaskStatus.PENDING;
import static dev.sortie.mission.domain.TaskStatus.QUEUED;

import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/** The ways of a task from one status to another. */
public enum TaskMove {
    QUEUE(QUEUED, PENDING, FAILED),
    REPORT_PROGRESS(IN_PROGRESS, PENDING, QUEUED, ASSIGNED, IN_PROGRESS, FAILED),
    /** Of a SUPERVISED task: to IN_PROGRESS, where its result waits for approval. */
    COMPLETE(COMPLETED, PENDING, QUEUED, ASSIGNED, IN_PROGRESS),
    FAIL(FAILED, PENDING, QUEUED, ASSIGNED, IN_PROGRESS, BLOCKED),
    CANCEL(CANCELLED, PENDING, QUEUED, ASSIGNED, IN_PROGRESS, BLOCKED, FAILED),
    /** While the result waits for it. */
    APPROVE(COMPLETED, IN_PROGRESS),
    /** While the result waits for it. */
    REJECT(PENDING, IN_PROGRESS),
    /** The task depends on one that is not completed. No call of its own, as all that follow. */
    BLOCK(BLOCKED, PENDING, QUEUED, ASSIGNED),
    /** Nothing blocks the task any more. */
    RELEASE(PENDING, BLOCKED),
    /** A task that needs a person gets one. */
    ASSIGN(ASSIGNED, PENDING, BLOCKED),
    /** It loses that person, or need not have one. */
    UNASSIGN(PENDING, ASSIGNED),
    /** A worker has the order. */
    CLAIM(IN_PROGRESS, QUEUED),
    /** The worker has it no longer; the queue has. */
    UNCLAIM(QUEUED, IN_PROGRESS),
    /** Nobody has it any more. */
    TAKE_BACK(PENDING, QUEUED, IN_PROGRESS);

    private static final Set<TaskMove> JUDGEMENTS = EnumSet.of(APPROVE, REJECT);
    private static final Set<TaskMove> CALLS =
            EnumSet.of(QUEUE, REPORT_PROGRESS, COMPLETE, FAIL, CANCEL, APPROVE, REJECT);

    private final TaskStatus target;
    private final Set<TaskStatus> from;

    TaskMove(TaskStatus target, TaskStatus first, TaskStatus... more) {
        this.target = target;
        this.from = EnumSet.of(first, more);
    }

    /** Where the move leads. */
    public TaskStatus target() {
        return target;
    }

    /**
     * Whether a task in this status can make the move.
     *
     * @param awaitingApproval whether its result waits to be judged: then it is judged, or the task is cancelled
     */
    public boolean isAllowed(TaskStatus status, boolean awaitingApproval) {
        return from.contains(status) && (this == CANCEL || awaitingApproval == JUDGEMENTS.contains(this));
    }

    /** What a caller can do with a task in this status, by name. */
    public static List<String> allowedTo(TaskStatus status, boolean awaitingApproval) {
        return Stream.of(values())
                .filter(CALLS::contains)
                .filter(move -> move.isAllowed(status, awaitingApproval))
                .map(Enum::name)
                .sorted()
                .toList();
    }

    /** Whether any move leads from the one status to the other. */
    public static boolean leads(TaskStatus from, TaskStatus to) {
        return Stream.of(values()).anyMatch(move -> move.target == to && move.from.contains(from))
                // The result of a SUPERVISED task is there, without anybody having said before that it has begun.
                || (to == IN_PROGRESS && COMPLETE.from.contains(from));
    }
}
