package dev.sortie.agent.api;

import static dev.sortie.runtime.grpc.Messages.duration;
import static dev.sortie.runtime.grpc.Messages.json;
import static dev.sortie.runtime.grpc.Messages.struct;
import static dev.sortie.runtime.grpc.Messages.timestamp;
import static dev.sortie.runtime.grpc.Messages.uuid;

import dev.sortie.agent.domain.ClaimReference;
import dev.sortie.agent.domain.ClaimedWork;
import dev.sortie.agent.domain.Claiming;
import dev.sortie.agent.domain.ExecutionReport;
import dev.sortie.agent.domain.HeartbeatOutcome;
import dev.sortie.agent.domain.Work;
import dev.sortie.agent.domain.WorkOutcome;
import dev.sortie.agent.v1.ClaimWorkRequest;
import dev.sortie.agent.v1.ClaimWorkResponse;
import dev.sortie.agent.v1.HeartbeatWorkRequest;
import dev.sortie.agent.v1.ReleaseWorkRequest;
import dev.sortie.agent.v1.WorkCheckpoint;
import dev.sortie.agent.v1.WorkCompletion;
import dev.sortie.agent.v1.WorkFailure;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.failure.FailureException;
import dev.sortie.runtime.failure.FailureStatuses;
import dev.sortie.type.v1.ErrorReason;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Claims and what becomes of them, as messages. */
final class WorkProtos {
    private final FailureStatuses statuses;

    WorkProtos(FailureStatuses statuses) {
        this.statuses = statuses;
    }

    static Claiming.ClaimRequest toClaim(ClaimWorkRequest request) {
        return new Claiming.ClaimRequest(
                uuid(request.getWorkerId()),
                request.getQueueNamesList(),
                request.getMaxOrders(),
                request.hasLeaseDuration() ? duration(request.getLeaseDuration()) : null);
    }

    static Work.Heartbeat toHeartbeat(HeartbeatWorkRequest request) {
        return new Work.Heartbeat(
                uuid(request.getWorkerId()),
                request.getClaimsList().stream().map(WorkProtos::toReference).toList(),
                request.hasLeaseDuration() ? duration(request.getLeaseDuration()) : null,
                toCheckpoints(request.getCheckpointsList(), request.getClaimsList()));
    }

    static List<Work.Completion> toCompletions(List<WorkCompletion> messages) {
        var completions = new ArrayList<Work.Completion>(messages.size());
        for (int i = 0; i < messages.size(); i++) {
            var completion = messages.get(i);
            var field = "completions[" + i + "]";
            completions.add(new Work.Completion(
                    toReference(completion.getClaim()),
                    json(completion.getResult(), field + ".result"),
                    toReport(completion.getReport(), field + ".report")));
        }
        return completions;
    }

    static List<Work.FailedAttempt> toFailures(List<WorkFailure> messages) {
        var failures = new ArrayList<Work.FailedAttempt>(messages.size());
        for (int i = 0; i < messages.size(); i++) {
            var failure = messages.get(i);
            failures.add(new Work.FailedAttempt(
                    toReference(failure.getClaim()),
                    failure.getErrorMessage(),
                    failure.getErrorType(),
                    !failure.getNonRetryable(),
                    failure.hasRetryDelay() ? duration(failure.getRetryDelay()) : null,
                    toReport(failure.getReport(), "failures[" + i + "].report"),
                    failure.hasCheckpoint() ? json(failure.getCheckpoint(), "failures[" + i + "].checkpoint") : null));
        }
        return failures;
    }

    static List<Work.Release> toReleases(ReleaseWorkRequest request) {
        var checkpoints = toCheckpoints(request.getCheckpointsList(), request.getClaimsList());
        return request.getClaimsList().stream()
                .map(WorkProtos::toReference)
                .map(claim -> new Work.Release(claim, checkpoints.get(claim.workOrderId())))
                .toList();
    }

    /** By order: each of a claim in the same request, at most one of each. */
    private static Map<UUID, String> toCheckpoints(
            List<WorkCheckpoint> checkpoints, List<dev.sortie.agent.v1.ClaimReference> claims) {
        var said = toCheckpoints(checkpoints);
        var claimed = claims.stream().map(claim -> uuid(claim.getWorkOrderId())).collect(Collectors.toSet());
        for (int i = 0; i < checkpoints.size(); i++) {
            if (!claimed.contains(uuid(checkpoints.get(i).getWorkOrderId()))) {
                throw invalid(
                        "checkpoints[" + i + "]",
                        "of no claim in the request (expected: the order of one of the claims)");
            }
        }
        return said;
    }

    /** By order, at most one of each. */
    static Map<UUID, String> toCheckpoints(List<WorkCheckpoint> checkpoints) {
        if (checkpoints.isEmpty()) {
            return Map.of();
        }
        var said = new HashMap<UUID, String>();
        for (int i = 0; i < checkpoints.size(); i++) {
            var field = "checkpoints[" + i + "]";
            var id = uuid(checkpoints.get(i).getWorkOrderId());
            if (said.put(id, json(checkpoints.get(i).getCheckpoint(), field + ".checkpoint")) != null) {
                throw invalid(field, "is there twice (expected: one of each order)");
            }
        }
        return said;
    }

    private static FailureException invalid(String field, String what) {
        return Failure.invalidArgument(ErrorReason.ERROR_REASON_FIELD_INVALID, field + ".work_order_id", what)
                .with("field_count", 1)
                .exception();
    }

    static ClaimWorkResponse toResponse(List<ClaimedWork> claims) {
        var response = ClaimWorkResponse.newBuilder();
        for (var claim : claims) {
            response.addClaims(toMessage(claim));
        }
        return response.build();
    }

    static dev.sortie.agent.v1.ClaimedWork toMessage(ClaimedWork claim) {
        var message = dev.sortie.agent.v1.ClaimedWork.newBuilder()
                .setWorkOrder(WorkOrderProtos.toMessage(claim.order()))
                .setClaimToken(claim.token())
                .setExecutionId(claim.executionId().toString())
                .setAttempt(claim.order().attempt())
                .setLeaseExpireTime(timestamp(claim.leaseExpiresAt()));
        if (claim.checkpoint() != null) {
            message.setCheckpoint(struct(claim.checkpoint()));
        }
        return message.build();
    }

    /** Of a call of its own, which fails when nothing of it is accepted. */
    List<dev.sortie.agent.v1.HeartbeatOutcome> toHeartbeatOutcomes(List<HeartbeatOutcome> outcomes) {
        failUnless(
                outcomes, outcome -> outcome.failure() == null || outcome.cancelRequested(), HeartbeatOutcome::failure);
        return outcomes.stream().map(this::toMessage).toList();
    }

    /** Of a call of its own, which fails when nothing of it is accepted. */
    List<dev.sortie.agent.v1.WorkOutcome> toWorkOutcomes(List<WorkOutcome> outcomes) {
        failUnless(outcomes, outcome -> outcome.failure() == null, WorkOutcome::failure);
        return outcomes.stream().map(this::toMessage).toList();
    }

    private static <O> void failUnless(
            List<O> outcomes, Predicate<O> isAccepted, Function<O, @Nullable Failure> failure) {
        if (!outcomes.isEmpty() && outcomes.stream().noneMatch(isAccepted)) {
            throw Objects.requireNonNull(failure.apply(outcomes.getFirst())).exception();
        }
    }

    dev.sortie.agent.v1.HeartbeatOutcome toMessage(HeartbeatOutcome outcome) {
        var message = dev.sortie.agent.v1.HeartbeatOutcome.newBuilder()
                .setWorkOrderId(outcome.workOrderId().toString())
                .setCancelRequested(outcome.cancelRequested());
        if (outcome.leaseExpiresAt() != null) {
            message.setLeaseExpireTime(timestamp(outcome.leaseExpiresAt()));
        }
        if (outcome.failure() != null) {
            message.setError(statuses.toStatus(outcome.failure()));
        }
        return message.build();
    }

    dev.sortie.agent.v1.WorkOutcome toMessage(WorkOutcome outcome) {
        var message = dev.sortie.agent.v1.WorkOutcome.newBuilder()
                .setWorkOrderId(outcome.workOrderId().toString())
                .setReplayed(outcome.replayed());
        if (outcome.status() != null) {
            message.setStatus(WorkOrderProtos.toMessage(outcome.status()));
        }
        if (outcome.runAt() != null) {
            message.setRunTime(timestamp(outcome.runAt()));
        }
        if (outcome.failure() != null) {
            message.setError(statuses.toStatus(outcome.failure()));
        }
        return message.build();
    }

    static ClaimReference toReference(dev.sortie.agent.v1.ClaimReference claim) {
        return new ClaimReference(uuid(claim.getWorkOrderId()), claim.getClaimToken());
    }

    private static ExecutionReport toReport(dev.sortie.agent.v1.ExecutionReport report, String field) {
        return new ExecutionReport(
                report.hasExitCode() ? report.getExitCode() : null,
                report.getStdout(),
                report.getStderr(),
                report.hasMetrics() ? json(report.getMetrics(), field + ".metrics") : null);
    }
}
