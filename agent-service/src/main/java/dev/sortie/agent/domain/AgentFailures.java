package dev.sortie.agent.domain;

import dev.sortie.agent.v1.ErrorReason;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.failure.FailureException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** The failures of agent-service's calls, by name. */
public final class AgentFailures {
    private AgentFailures() {}

    static FailureException notFound(String resource, Object id) {
        return Failure.notFound(
                        dev.sortie.type.v1.ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND,
                        "%s %s does not exist",
                        resource,
                        id)
                .with("resource", resource)
                .with("id", id)
                .exception();
    }

    static FailureException subjectNotFound(int position, Subject subject) {
        var field = "work_orders[%d].%s".formatted(position, subject.kind().field());
        return Failure.failedPrecondition(
                        dev.sortie.type.v1.ErrorReason.ERROR_REASON_REFERENCE_NOT_FOUND,
                        "%s: %s %s does not exist",
                        field,
                        subject.kind().resource(),
                        subject.id())
                .with("field", field)
                .with("resource", subject.kind().resource())
                .with("id", subject.id())
                .exception();
    }

    /** What a resource shall refer to does not exist. */
    static FailureException referenceNotFound(String field, String resource, Object id) {
        return Failure.failedPrecondition(
                        dev.sortie.type.v1.ErrorReason.ERROR_REASON_REFERENCE_NOT_FOUND,
                        List.of(new Failure.PreconditionViolation(
                                "REFERENCE", field, "%s %s does not exist".formatted(resource, id))),
                        "%s: %s %s does not exist",
                        field,
                        resource,
                        id)
                .with("field", field)
                .with("resource", resource)
                .with("id", id)
                .exception();
    }

    static FailureException agentDeactivated(UUID agentId, Instant deactivatedAt) {
        return Failure.failedPrecondition(
                        ErrorReason.ERROR_REASON_AGENT_DEACTIVATED,
                        "agent %s has been deactivated; it takes no more work",
                        agentId)
                .with("agent_id", agentId)
                .with("deactivate_time", deactivatedAt)
                .exception();
    }

    /** @param agentId whose name it is; null when it became that a moment ago */
    static FailureException agentNameTaken(String name, @Nullable UUID agentId) {
        var failure = Failure.alreadyExists(
                        ErrorReason.ERROR_REASON_AGENT_NAME_TAKEN,
                        "another agent has the name %s; choose another",
                        name)
                .with("name", name);
        return (agentId == null ? failure : failure.with("agent_id", agentId)).exception();
    }

    static FailureException etagMismatch(String resource, Object id, String current) {
        return Failure.aborted(
                        dev.sortie.type.v1.ErrorReason.ERROR_REASON_ETAG_MISMATCH,
                        "%s %s has changed; read it again and decide anew",
                        resource,
                        id)
                .with("resource", resource)
                .with("id", id)
                .with("etag", current)
                .exception();
    }

    /** @param whatever whether the other order's content makes no difference */
    static FailureException dedupeKeyTaken(String dedupeKey, UUID workOrderId, boolean whatever) {
        return Failure.alreadyExists(
                        ErrorReason.ERROR_REASON_DEDUPE_KEY_TAKEN,
                        whatever
                                ? "the queue has order %s with dedupe_key %s already; use another key"
                                : "the queue has order %s with dedupe_key %s and other content; use another key",
                        workOrderId,
                        dedupeKey)
                .with("dedupe_key", dedupeKey)
                .with("work_order_id", workOrderId)
                .exception();
    }

    static FailureException moveNotAllowed(UUID workOrderId, WorkOrderStatus status, WorkOrderStatus.Move move) {
        var allowed = status.moves().stream().map(Enum::name).collect(Collectors.joining(","));
        return Failure.failedPrecondition(
                        ErrorReason.ERROR_REASON_MOVE_NOT_ALLOWED,
                        "work order %s is %s, which does not allow %s",
                        workOrderId,
                        status,
                        move)
                .with("resource", "work_order")
                .with("id", workOrderId)
                .with("state", status)
                .with("move", move)
                .with("allowed_moves", allowed)
                .exception();
    }

    static FailureException executionHasEnded(UUID executionId, ExecutionStatus status) {
        return Failure.failedPrecondition(
                        ErrorReason.ERROR_REASON_MOVE_NOT_ALLOWED,
                        "execution %s is %s, which does not allow CANCEL",
                        executionId,
                        status)
                .with("resource", "execution")
                .with("id", executionId)
                .with("state", status)
                .with("move", "CANCEL")
                .with("allowed_moves", "")
                .exception();
    }

    static FailureException workerNotRegistered(UUID workerId) {
        return Failure.failedPrecondition(
                        ErrorReason.ERROR_REASON_WORKER_NOT_REGISTERED,
                        "worker %s is not registered; register it and try again",
                        workerId)
                .with("worker_id", workerId)
                .exception();
    }

    static FailureException dedupeKeyContended(int tries) {
        return new Failure.Aborted(
                        dev.sortie.type.v1.ErrorReason.ERROR_REASON_CONTENTION.name(),
                        "others place orders with the same dedupe keys all the time; try again with the same request id",
                        Map.of("attempts", Integer.toString(tries)),
                        Duration.ofMillis(100))
                .exception();
    }

    static FailureException workerAtCapacity(UUID workerId, int limit) {
        return Failure.failedPrecondition(
                        ErrorReason.ERROR_REASON_WORKER_AT_CAPACITY,
                        "worker %s holds as many claims as it may (%d); finish some first",
                        workerId,
                        limit)
                .with("worker_id", workerId)
                .with("limit", limit)
                .exception();
    }

    static FailureException workerDraining(UUID workerId) {
        return Failure.failedPrecondition(
                        ErrorReason.ERROR_REASON_WORKER_DRAINING,
                        "worker %s drains: it finishes what it holds and gets nothing more",
                        workerId)
                .with("worker_id", workerId)
                .exception();
    }

    static Failure claimStale(UUID workOrderId, @Nullable WorkOrderStatus status) {
        var failure = Failure.failedPrecondition(
                        ErrorReason.ERROR_REASON_CLAIM_STALE,
                        "the claim token is not the current one of work order %s; stop working on it",
                        workOrderId)
                .with("work_order_id", workOrderId);
        return status == null ? failure : failure.with("status", status);
    }

    static FailureException sessionMisused(long sequence, String what) {
        return Failure.invalidArgument(
                        ErrorReason.ERROR_REASON_SESSION_MISUSED, "sequence", "message %d %s", sequence, what)
                .with("sequence", sequence)
                .exception();
    }

    static Failure sessionSuperseded(UUID workerId, long epoch) {
        return Failure.aborted(
                        ErrorReason.ERROR_REASON_SESSION_SUPERSEDED,
                        "worker %s has attached another session since the one of epoch %d",
                        workerId,
                        epoch)
                .with("worker_id", workerId)
                .with("epoch", epoch);
    }

    /** @param session null for one that nobody has attached to */
    static Failure sessionSilent(Fenced.@Nullable Session session) {
        var failure = Failure.aborted(
                ErrorReason.ERROR_REASON_SESSION_SILENT, "nothing was heard of the worker for a minute; attach again");
        return session == null
                ? failure
                : failure.with("worker_id", session.workerId()).with("epoch", session.epoch());
    }

    /** True for what ends a session: the worker has another one, or is not there any more. */
    static boolean endsSession(Failure failure) {
        return failure.reason().equals(ErrorReason.ERROR_REASON_SESSION_SUPERSEDED.name())
                || failure.reason().equals(ErrorReason.ERROR_REASON_WORKER_NOT_REGISTERED.name())
                || failure.reason().equals(ErrorReason.ERROR_REASON_AGENT_DEACTIVATED.name());
    }

    static boolean isAtCapacity(Failure failure) {
        return failure.reason().equals(ErrorReason.ERROR_REASON_WORKER_AT_CAPACITY.name());
    }

    static boolean isOfDrainingWorker(Failure failure) {
        return failure.reason().equals(ErrorReason.ERROR_REASON_WORKER_DRAINING.name());
    }

    static Failure sessionNotClosed() {
        return Failure.unavailable(
                        dev.sortie.type.v1.ErrorReason.ERROR_REASON_DEPENDENCY_UNAVAILABLE,
                        Duration.ofMillis(500),
                        "the server ends the session; attach again")
                .with("dependency", "server");
    }

    static FailureException tooManySessions(int most) {
        return Failure.resourceExhausted(
                        dev.sortie.type.v1.ErrorReason.ERROR_REASON_OVERLOADED,
                        Duration.ofSeconds(1),
                        "the server has as many work sessions as it takes (%d); try again",
                        most)
                .with("limit", "work_sessions")
                .exception();
    }

    static Failure creditsExceeded(int credits, int most) {
        return Failure.outOfRange(
                        ErrorReason.ERROR_REASON_CREDITS_EXCEEDED,
                        "the session has %d unused credits; with these it would have more than %d",
                        credits,
                        most)
                .with("credits", credits)
                .with("limit", most);
    }

    static FailureException logOutOfOrder(long sequence, long previous) {
        return Failure.invalidArgument(
                        ErrorReason.ERROR_REASON_LOG_OUT_OF_ORDER,
                        "lines",
                        "sequence %d follows %d (expected: rising numbers within a message)",
                        sequence,
                        previous)
                .with("sequence", sequence)
                .with("previous_sequence", previous)
                .exception();
    }

    /** An execution is in a file that cannot be read. */
    public static FailureException archiveUnavailable(UUID executionId, String file, String why) {
        return Failure.unavailable(
                        ErrorReason.ERROR_REASON_ARCHIVE_UNAVAILABLE,
                        Duration.ofSeconds(5),
                        "execution %s is in the archive, and %s",
                        executionId,
                        why)
                .with("execution_id", executionId)
                .with("file", file)
                .exception();
    }
}
