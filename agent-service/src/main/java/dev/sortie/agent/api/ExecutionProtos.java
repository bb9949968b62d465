package dev.sortie.agent.api;

import static dev.sortie.runtime.grpc.Messages.duration;
import static dev.sortie.runtime.grpc.Messages.instant;
import static dev.sortie.runtime.grpc.Messages.json;
import static dev.sortie.runtime.grpc.Messages.struct;
import static dev.sortie.runtime.grpc.Messages.timestamp;
import static dev.sortie.runtime.grpc.Messages.uuid;

import dev.sortie.agent.domain.Execution;
import dev.sortie.agent.domain.ExecutionStatus;
import dev.sortie.agent.domain.Executions;
import dev.sortie.agent.domain.LateReport;
import dev.sortie.agent.domain.LogLevel;
import dev.sortie.agent.domain.LogLine;
import dev.sortie.agent.domain.LogPosition;
import dev.sortie.agent.domain.LogTails;
import dev.sortie.agent.domain.Logs;
import dev.sortie.agent.v1.AppendLogsRequest;
import dev.sortie.agent.v1.ListLogsRequest;
import dev.sortie.agent.v1.SessionLogs;
import dev.sortie.agent.v1.TailLogsRequest;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.failure.FailureException;
import dev.sortie.type.v1.ErrorReason;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Executions and log lines as messages. */
final class ExecutionProtos {
    private ExecutionProtos() {}

    static dev.sortie.agent.v1.Execution toMessage(Execution execution) {
        var report = execution.report();
        var message = dev.sortie.agent.v1.Execution.newBuilder()
                .setExecutionId(execution.id().toString())
                .setWorkOrderId(execution.workOrderId().toString())
                .setWorkerId(execution.workerId().toString())
                .setStatus(toMessage(execution.status()))
                .setAttempt(execution.attempt())
                .setStdout(report.stdout())
                .setStderr(report.stderr())
                .setErrorMessage(execution.errorMessage())
                .setErrorType(execution.errorType())
                .setStartTime(timestamp(execution.startedAt()))
                .setUpdateTime(timestamp(execution.updatedAt()))
                .setReportedLate(execution.hasLateReport());
        var subject = execution.subject();
        if (subject != null) {
            var id = subject.id().toString();
            switch (subject.kind()) {
                case TOOL_STEP -> message.setToolStepId(id);
                case TASK -> message.setTaskId(id);
            }
        }
        if (report.exitCode() != null) {
            message.setExitCode(report.exitCode());
        }
        if (report.metrics() != null) {
            message.setMetrics(struct(report.metrics()));
        }
        if (execution.completedAt() != null) {
            message.setCompleteTime(timestamp(execution.completedAt()))
                    .setDuration(duration(Duration.between(execution.startedAt(), execution.completedAt())));
        }
        if (execution.archivedAt() != null) {
            message.setArchiveTime(timestamp(execution.archivedAt()));
        }
        return message.build();
    }

    static dev.sortie.agent.v1.Execution toMessage(Executions.Found found) {
        var message = toMessage(found.execution());
        var late = found.lateReport();
        return late == null
                ? message
                : message.toBuilder().setLateReport(toMessage(late)).build();
    }

    private static dev.sortie.agent.v1.LateReport toMessage(LateReport late) {
        var report = late.report();
        var message = dev.sortie.agent.v1.LateReport.newBuilder()
                .setStatus(toMessage(late.status()))
                .setErrorMessage(late.errorMessage())
                .setErrorType(late.errorType())
                .setStdout(report.stdout())
                .setStderr(report.stderr())
                .setReportTime(timestamp(late.reportedAt()));
        if (late.result() != null) {
            message.setResult(struct(late.result()));
        }
        if (report.exitCode() != null) {
            message.setExitCode(report.exitCode());
        }
        if (report.metrics() != null) {
            message.setMetrics(struct(report.metrics()));
        }
        return message.build();
    }

    static Logs.Append toAppend(AppendLogsRequest request) {
        var lines = new ArrayList<LogLine>(request.getLinesCount());
        for (int i = 0; i < request.getLinesCount(); i++) {
            lines.add(toLine(request.getLines(i), "lines[" + i + "]"));
        }
        return new Logs.Append(uuid(request.getExecutionId()), request.getClaimToken(), lines);
    }

    /**
     * What to list.
     *
     * @param after the number after which the page begins; 0 for the first page
     */
    static Logs.ListRequest toListRequest(ListLogsRequest request, long after, int limit) {
        long first = request.getFirstSequence();
        long last = request.getLastSequence() == 0 ? Long.MAX_VALUE : request.getLastSequence();
        if (last < first) {
            throw endsBeforeItBegins("last_sequence", "first_sequence");
        }
        var startTime = request.hasStartTime() ? instant(request.getStartTime(), "start_time") : null;
        var endTime = request.hasEndTime() ? instant(request.getEndTime(), "end_time") : null;
        if (startTime != null && endTime != null && endTime.isBefore(startTime)) {
            throw endsBeforeItBegins("end_time", "start_time");
        }
        var minLevel = toLevel(request.getMinLevel());
        return new Logs.ListRequest(
                uuid(request.getExecutionId()),
                Math.max(first, after + 1),
                last,
                minLevel == null ? LogLevel.DEBUG : minLevel,
                request.getText(),
                startTime,
                endTime,
                limit);
    }

    static LogTails.Request toTailRequest(TailLogsRequest request) {
        LogPosition position = null;
        if (!request.getCursor().isEmpty()) {
            position = LogPosition.of(request.getCursor())
                    .orElseThrow(() -> Failure.invalidArgument(
                                    ErrorReason.ERROR_REASON_FIELD_INVALID,
                                    "cursor",
                                    "not a cursor (expected: that of a message of TailLogs)")
                            .with("field_count", 1)
                            .exception());
        }
        return new LogTails.Request(
                uuid(request.getExecutionId()), request.getAfterSequence(), position, toLevel(request.getMinLevel()));
    }

    private static FailureException endsBeforeItBegins(String end, String begin) {
        return Failure.invalidArgument(
                        ErrorReason.ERROR_REASON_FIELD_INVALID, end, "less than %s (expected: not less)", begin)
                .with("field_count", 1)
                .exception();
    }

    static List<Logs.Append> toAppends(List<SessionLogs> messages) {
        var appends = new ArrayList<Logs.Append>(messages.size());
        for (int i = 0; i < messages.size(); i++) {
            var message = messages.get(i);
            var lines = new ArrayList<LogLine>(message.getLinesCount());
            for (int j = 0; j < message.getLinesCount(); j++) {
                lines.add(toLine(message.getLines(j), "logs[" + i + "].lines[" + j + "]"));
            }
            appends.add(new Logs.Append(uuid(message.getExecutionId()), message.getClaimToken(), lines));
        }
        return appends;
    }

    private static LogLine toLine(dev.sortie.agent.v1.LogLine line, String field) {
        var level = toLevel(line.getLevel());
        if (level == null) {
            throw new IllegalArgumentException(field + ".level: " + line.getLevel() + " (expected: a known level)");
        }
        return new LogLine(
                line.getSequence(),
                level,
                line.getMessage(),
                line.hasMetadata() ? json(line.getMetadata(), field + ".metadata") : null,
                line.hasLogTime() ? instant(line.getLogTime(), field + ".log_time") : null);
    }

    static dev.sortie.agent.v1.LogLine toMessage(LogLine line) {
        var message = dev.sortie.agent.v1.LogLine.newBuilder()
                .setSequence(line.sequence())
                .setLevel(toMessage(line.level()))
                .setMessage(line.message());
        if (line.metadata() != null) {
            message.setMetadata(struct(line.metadata()));
        }
        if (line.loggedAt() != null) {
            message.setLogTime(timestamp(line.loggedAt()));
        }
        return message.build();
    }

    static @Nullable ExecutionStatus toStatus(dev.sortie.agent.v1.ExecutionStatus status) {
        return switch (status) {
            case EXECUTION_STATUS_RUNNING -> ExecutionStatus.RUNNING;
            case EXECUTION_STATUS_COMPLETED -> ExecutionStatus.COMPLETED;
            case EXECUTION_STATUS_FAILED -> ExecutionStatus.FAILED;
            case EXECUTION_STATUS_TIMEOUT -> ExecutionStatus.TIMEOUT;
            case EXECUTION_STATUS_CANCELLED -> ExecutionStatus.CANCELLED;
            case EXECUTION_STATUS_UNSPECIFIED, UNRECOGNIZED -> null;
        };
    }

    static dev.sortie.agent.v1.ExecutionStatus toMessage(ExecutionStatus status) {
        return switch (status) {
            case RUNNING -> dev.sortie.agent.v1.ExecutionStatus.EXECUTION_STATUS_RUNNING;
            case COMPLETED -> dev.sortie.agent.v1.ExecutionStatus.EXECUTION_STATUS_COMPLETED;
            case FAILED -> dev.sortie.agent.v1.ExecutionStatus.EXECUTION_STATUS_FAILED;
            case TIMEOUT -> dev.sortie.agent.v1.ExecutionStatus.EXECUTION_STATUS_TIMEOUT;
            case CANCELLED -> dev.sortie.agent.v1.ExecutionStatus.EXECUTION_STATUS_CANCELLED;
        };
    }

    static @Nullable LogLevel toLevel(dev.sortie.agent.v1.LogLevel level) {
        return switch (level) {
            case LOG_LEVEL_DEBUG -> LogLevel.DEBUG;
            case LOG_LEVEL_INFO -> LogLevel.INFO;
            case LOG_LEVEL_WARNING -> LogLevel.WARNING;
            case LOG_LEVEL_ERROR -> LogLevel.ERROR;
            case LOG_LEVEL_CRITICAL -> LogLevel.CRITICAL;
            case LOG_LEVEL_UNSPECIFIED, UNRECOGNIZED -> null;
        };
    }

    static dev.sortie.agent.v1.LogLevel toMessage(LogLevel level) {
        return switch (level) {
            case DEBUG -> dev.sortie.agent.v1.LogLevel.LOG_LEVEL_DEBUG;
            case INFO -> dev.sortie.agent.v1.LogLevel.LOG_LEVEL_INFO;
            case WARNING -> dev.sortie.agent.v1.LogLevel.LOG_LEVEL_WARNING;
            case ERROR -> dev.sortie.agent.v1.LogLevel.LOG_LEVEL_ERROR;
            case CRITICAL -> dev.sortie.agent.v1.LogLevel.LOG_LEVEL_CRITICAL;
        };
    }
}
