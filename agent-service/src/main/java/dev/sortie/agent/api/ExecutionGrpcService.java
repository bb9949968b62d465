package dev.sortie.agent.api;

import static dev.sortie.runtime.grpc.Messages.nullableUuid;
import static dev.sortie.runtime.grpc.Messages.uuid;

import dev.sortie.agent.domain.Executions;
import dev.sortie.agent.domain.LogCalls;
import dev.sortie.agent.domain.LogTails;
import dev.sortie.agent.domain.Logs;
import dev.sortie.agent.v1.AppendLogsRequest;
import dev.sortie.agent.v1.AppendLogsResponse;
import dev.sortie.agent.v1.CancelExecutionRequest;
import dev.sortie.agent.v1.CancelExecutionResponse;
import dev.sortie.agent.v1.ExecutionServiceGrpc;
import dev.sortie.agent.v1.GetExecutionRequest;
import dev.sortie.agent.v1.GetExecutionResponse;
import dev.sortie.agent.v1.ListExecutionsRequest;
import dev.sortie.agent.v1.ListExecutionsResponse;
import dev.sortie.agent.v1.ListLogsRequest;
import dev.sortie.agent.v1.ListLogsResponse;
import dev.sortie.agent.v1.TailLogsRequest;
import dev.sortie.agent.v1.TailLogsResponse;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.grpc.CallContext;
import dev.sortie.runtime.grpc.ClientStream;
import dev.sortie.runtime.grpc.Replies;
import dev.sortie.runtime.paging.Keyset;
import dev.sortie.runtime.paging.PageTokens;
import dev.sortie.runtime.sql.Database;
import dev.sortie.type.v1.ErrorReason;
import io.grpc.stub.StreamObserver;

/** Executions: the attempts at orders, and what workers wrote about them. */
public final class ExecutionGrpcService extends ExecutionServiceGrpc.ExecutionServiceImplBase {
    // A message may have some megabytes: one is being stored, one is there, one is on its way.
    private static final int APPEND_AHEAD = 2;

    private final Replies replies;
    private final PageTokens pageTokens;
    private final Database database;
    private final Executions executions;
    private final Logs logs;
    private final LogCalls logCalls;
    private final LogTails tails;

    public ExecutionGrpcService(
            Replies replies,
            PageTokens pageTokens,
            Database database,
            Executions executions,
            Logs logs,
            LogCalls logCalls,
            LogTails tails) {
        this.replies = replies;
        this.pageTokens = pageTokens;
        this.database = database;
        this.executions = executions;
        this.logs = logs;
        this.logCalls = logCalls;
        this.tails = tails;
    }

    @Override
    public void getExecution(GetExecutionRequest request, StreamObserver<GetExecutionResponse> observer) {
        replies.read(
                request,
                observer,
                r -> uuid(r.getExecutionId()),
                executions::get,
                found -> GetExecutionResponse.newBuilder()
                        .setExecution(ExecutionProtos.toMessage(found))
                        .build());
    }

    @Override
    public void listExecutions(ListExecutionsRequest request, StreamObserver<ListExecutionsResponse> observer) {
        var page = pageTokens.open(request);
        var after = page.after();
        replies.read(
                request,
                observer,
                r -> new Executions.ListRequest(
                        nullableUuid(r.getWorkOrderId()),
                        nullableUuid(r.getWorkerId()),
                        ExecutionProtos.toStatus(r.getStatus()),
                        after == null ? null : after.uuid(0),
                        page.limit()),
                executions::list,
                found -> {
                    var listed = page.page(found, execution -> Keyset.of(execution.id()))
                            .messages(ExecutionProtos::toMessage);
                    return ListExecutionsResponse.newBuilder()
                            .addAllExecutions(listed.items())
                            .setNextPageToken(listed.nextPageToken())
                            .build();
                });
    }

    @Override
    public void cancelExecution(CancelExecutionRequest request, StreamObserver<CancelExecutionResponse> observer) {
        replies.write(
                request,
                observer,
                r -> new Executions.Cancellation(uuid(r.getExecutionId()), r.getReason()),
                executions::cancel,
                found -> CancelExecutionResponse.newBuilder()
                        .setExecution(ExecutionProtos.toMessage(found))
                        .build());
    }

    @Override
    public StreamObserver<AppendLogsRequest> appendLogs(StreamObserver<AppendLogsResponse> observer) {
        return replies.receiveLong(observer, APPEND_AHEAD, this::append);
    }

    @Override
    public void listLogs(ListLogsRequest request, StreamObserver<ListLogsResponse> observer) {
        var page = pageTokens.open(request);
        var after = page.after();
        replies.read(
                request,
                observer,
                r -> ExecutionProtos.toListRequest(r, after == null ? 0 : after.number(0), page.limit()),
                logs::list,
                found -> {
                    var listed = page.page(found.lines(), found.cut(), line -> Keyset.of(line.sequence()))
                            .messages(ExecutionProtos::toMessage);
                    var token = listed.nextPageToken();
                    if (token.isEmpty() && found.searchedTo() != null) {
                        token = page.tokenAfter(Keyset.of(found.searchedTo()));
                    }
                    return ListLogsResponse.newBuilder()
                            .addAllLines(listed.items())
                            .setNextPageToken(token)
                            .build();
                });
    }

    @Override
    public void tailLogs(TailLogsRequest request, StreamObserver<TailLogsResponse> observer) {
        replies.stream(
                request,
                observer,
                ExecutionProtos::toTailRequest,
                (tail, stream) -> tails.follow(
                        () -> database.queries(CallContext.principal()),
                        tail,
                        (lines, highest, position) -> stream.send(TailLogsResponse.newBuilder()
                                .addAllLines(lines.stream()
                                        .map(ExecutionProtos::toMessage)
                                        .toList())
                                .setLastSequence(highest)
                                .setCursor(position.encode())
                                .build())));
    }

    /** Stores message by message; the next one is looked at when the one before is durable. */
    private AppendLogsResponse append(ClientStream<AppendLogsRequest> stream) {
        var queries = database.queries(CallContext.principal());
        var response = AppendLogsResponse.newBuilder();
        var execution = "";
        for (var message = stream.next(); message != null; message = stream.next()) {
            if (!execution.isEmpty() && !execution.equals(message.getExecutionId())) {
                throw Failure.invalidArgument(
                                ErrorReason.ERROR_REASON_FIELD_INVALID,
                                "execution_id",
                                "%s (expected: %s, the same in every message of the stream)",
                                message.getExecutionId(),
                                execution)
                        .with("field_count", 1)
                        .exception();
            }
            execution = message.getExecutionId();
            int stored = logCalls.append(queries.principal(), ExecutionProtos.toAppend(message));
            response.setAppendedCount(response.getAppendedCount() + stored)
                    .setDuplicateCount(response.getDuplicateCount() + message.getLinesCount() - stored);
        }
        if (!execution.isEmpty()) {
            response.setLastSequence(logs.lastSequence(queries, uuid(execution)));
        }
        return response.build();
    }
}
