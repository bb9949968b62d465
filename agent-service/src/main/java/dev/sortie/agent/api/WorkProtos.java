package dev.sortie.agent.api;

import static dev.sortie.runtime.grpc.Messages.duration;
import static dev.sortie.runtime.grpc.Messages.json;
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
import dev.sortie.agent.v1.CompleteWorkRequest;
import dev.sortie.agent.v1.FailWorkRequest;
import dev.sortie.agent.v1.HeartbeatWorkRequest;
import dev.sortie.agent.v1.ReleaseWorkRequest;
import dev.sortie.runtime.failure.FailureStatuses;
import java.util.ArrayList;
import java.util.List;

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
                request.hasLeaseDuration() ? duration(request.getLeaseDuration()) : null);
    }

    static List<Work.Completion> toCompletions(CompleteWorkRequest request) {
        var completions = new ArrayList<Work.Completion>(request.getCompletionsCount());
        for (int i = 0; i < request.getCompletionsCount(); i++) {
            var completion = request.getCompletions(i);
            var field = "completions[" + i + "]";
            completions.add(new Work.Completion(
                    toReference(completion.getClaim()),
                    json(completion.getResult(), field + ".result"),
                    toReport(completion.getReport(), field + ".report")));
        }
        return completions;
    }

    static List<Work.FailedAttempt> toFailures(FailWorkRequest request) {
        var failures = new ArrayList<Work.FailedAttempt>(request.getFailuresCount());
        for (int i = 0; i < request.getFailuresCount(); i++) {
            var failure = request.getFailures(i);
            failures.add(new Work.FailedAttempt(
                    toReference(failure.getClaim()),
                    failure.getErrorMessage(),
                    !failure.getNonRetryable(),
                    failure.hasRetryDelay() ? duration(failure.getRetryDelay()) : null,
                    toReport(failure.getReport(), "failures[" + i + "].report")));
        }
        return failures;
    }

    static List<Work.Release> toReleases(ReleaseWorkRequest request) {
        return request.getClaimsList().stream()
                .map(claim -> new Work.Release(toReference(claim)))
                .toList();
    }

    static ClaimWorkResponse toResponse(List<ClaimedWork> claims) {
        var response = ClaimWorkResponse.newBuilder();
        for (var claim : claims) {
            response.addClaims(dev.sortie.agent.v1.ClaimedWork.newBuilder()
                    .setWorkOrder(WorkOrderProtos.toMessage(claim.order()))
                    .setClaimToken(claim.token())
                    .setExecutionId(claim.executionId().toString())
                    .setAttempt(claim.order().attempt())
                    .setLeaseExpireTime(timestamp(claim.leaseExpiresAt())));
        }
        return response.build();
    }

    List<dev.sortie.agent.v1.HeartbeatOutcome> toHeartbeatOutcomes(List<HeartbeatOutcome> outcomes) {
        return outcomes.stream().map(this::toMessage).toList();
    }

    List<dev.sortie.agent.v1.WorkOutcome> toWorkOutcomes(List<WorkOutcome> outcomes) {
        return outcomes.stream().map(this::toMessage).toList();
    }

    private dev.sortie.agent.v1.HeartbeatOutcome toMessage(HeartbeatOutcome outcome) {
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

    private dev.sortie.agent.v1.WorkOutcome toMessage(WorkOutcome outcome) {
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

    private static ClaimReference toReference(dev.sortie.agent.v1.ClaimReference claim) {
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
