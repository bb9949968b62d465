package dev.sortie.agent.api;

import static dev.sortie.runtime.grpc.Messages.duration;
import static dev.sortie.runtime.grpc.Messages.timestamp;
import static dev.sortie.runtime.grpc.Messages.uuid;

import dev.sortie.agent.domain.ClaimedWork;
import dev.sortie.agent.domain.SessionMessage;
import dev.sortie.agent.domain.SessionReply;
import dev.sortie.agent.domain.Work;
import dev.sortie.agent.v1.SessionAck;
import dev.sortie.agent.v1.SessionAttach;
import dev.sortie.agent.v1.SessionAttached;
import dev.sortie.agent.v1.SessionClaimEnd;
import dev.sortie.agent.v1.SessionClosing;
import dev.sortie.agent.v1.SessionClosingReason;
import dev.sortie.agent.v1.SessionLogsOutcome;
import dev.sortie.agent.v1.WorkRequest;
import dev.sortie.agent.v1.WorkResponse;
import dev.sortie.runtime.failure.FailureStatuses;
import java.util.ArrayList;
import java.util.List;

/** What is said in sessions, as messages. */
final class SessionProtos {
    // So that a message stays below the 4 MiB that clients accept, whatever became of each.
    private static final int MAX_OUTCOMES = 1_000;

    private final FailureStatuses statuses;
    private final WorkProtos work;

    SessionProtos(FailureStatuses statuses) {
        this.statuses = statuses;
        this.work = new WorkProtos(statuses);
    }

    static SessionMessage toMessage(WorkRequest request) {
        return new SessionMessage(
                request.getSequence(),
                request.hasAttach() ? toAttach(request.getAttach()) : null,
                ExecutionProtos.toAppends(request.getLogsList()),
                request.getHeartbeat() || request.getCheckpointsCount() > 0,
                WorkProtos.toCheckpoints(request.getCheckpointsList()),
                WorkProtos.toCompletions(request.getCompletionsList()),
                WorkProtos.toFailures(request.getFailuresList()),
                request.getReleasesList().stream()
                        .map(claim -> new Work.Release(WorkProtos.toReference(claim), null))
                        .toList(),
                request.getQueueNamesList(),
                request.getCredits(),
                request.getDrain());
    }

    private static SessionMessage.Attach toAttach(SessionAttach attach) {
        return new SessionMessage.Attach(
                uuid(attach.getWorkerId()),
                attach.getQueueNamesList(),
                attach.hasLeaseDuration() ? duration(attach.getLeaseDuration()) : null,
                attach.hasResume()
                        ? new SessionMessage.Resume(
                                attach.getResume().getSessionEpoch(),
                                attach.getResume().getClaimsList().stream()
                                        .map(WorkProtos::toReference)
                                        .distinct()
                                        .toList())
                        : null);
    }

    /** As few messages as they fit in. */
    List<WorkResponse> toResponses(List<? extends SessionReply> replies) {
        var responses = new ArrayList<WorkResponse>();
        var response = WorkResponse.newBuilder();
        int outcomes = 0;
        for (var reply : replies) {
            int adds = reply instanceof SessionReply.Ack ack ? size(ack) : 1;
            if (outcomes > 0 && outcomes + adds > MAX_OUTCOMES) {
                responses.add(response.build());
                response = WorkResponse.newBuilder();
                outcomes = 0;
            }
            outcomes += adds;
            switch (reply) {
                case SessionReply.Ack ack -> response.addAcks(toMessage(ack));
                case SessionReply.Attached attached -> response.setAttached(toMessage(attached));
                case SessionReply.ClaimEnd end ->
                    response.addEndedClaims(SessionClaimEnd.newBuilder()
                            .setWorkOrderId(end.workOrderId().toString())
                            .setExecutionId(end.executionId().toString())
                            .setStatus(WorkOrderProtos.toMessage(end.status())));
                case SessionReply.DrainRequested _ -> response.setDrainRequested(true);
                case SessionReply.Closing closing ->
                    response.setClosing(SessionClosing.newBuilder().setReason(toMessage(closing.reason())));
            }
        }
        responses.add(response.build());
        return responses;
    }

    static WorkResponse toAssignment(List<ClaimedWork> claims) {
        var response = WorkResponse.newBuilder();
        claims.forEach(claim -> response.addAssignments(WorkProtos.toMessage(claim)));
        return response.build();
    }

    private static int size(SessionReply.Ack ack) {
        return 1
                + ack.lost().size()
                + ack.completions().size()
                + ack.failures().size()
                + ack.releases().size()
                + ack.logs().size();
    }

    private SessionAck toMessage(SessionReply.Ack ack) {
        var message = SessionAck.newBuilder().setSequence(ack.sequence()).setCredits(ack.credits());
        if (ack.failure() != null) {
            message.setError(statuses.toStatus(ack.failure()));
        }
        if (ack.leasesUntil() != null) {
            message.setLeaseExpireTime(timestamp(ack.leasesUntil()));
        }
        ack.lost().forEach(lost -> message.addLostClaims(work.toMessage(lost)));
        ack.completions().forEach(outcome -> message.addCompletions(work.toMessage(outcome)));
        ack.failures().forEach(outcome -> message.addFailures(work.toMessage(outcome)));
        ack.releases().forEach(outcome -> message.addReleases(work.toMessage(outcome)));
        ack.logs().forEach(outcome -> message.addLogs(toMessage(outcome)));
        return message.build();
    }

    private SessionLogsOutcome toMessage(SessionReply.LogsOutcome outcome) {
        var message = SessionLogsOutcome.newBuilder()
                .setExecutionId(outcome.executionId().toString())
                .setAppendedCount(outcome.appended())
                .setDuplicateCount(outcome.duplicates());
        if (outcome.failure() != null) {
            message.setError(statuses.toStatus(outcome.failure()));
        }
        return message.build();
    }

    private SessionAttached toMessage(SessionReply.Attached attached) {
        var message = SessionAttached.newBuilder()
                .setSessionEpoch(attached.epoch())
                .setLeaseDuration(duration(attached.leaseDuration()))
                .setHeartbeatInterval(duration(attached.heartbeatInterval()));
        attached.resumed().forEach(outcome -> message.addResumedClaims(work.toMessage(outcome)));
        return message.build();
    }

    private static SessionClosingReason toMessage(SessionReply.Closing.Reason reason) {
        return switch (reason) {
            case SERVER_STOPS -> SessionClosingReason.SESSION_CLOSING_REASON_SERVER_STOPS;
            case AGE -> SessionClosingReason.SESSION_CLOSING_REASON_AGE;
            case TOKEN_ENDS -> SessionClosingReason.SESSION_CLOSING_REASON_TOKEN_ENDS;
        };
    }
}
