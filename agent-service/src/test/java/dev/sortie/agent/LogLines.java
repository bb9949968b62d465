package dev.sortie.agent;

import dev.sortie.agent.v1.AppendLogsRequest;
import dev.sortie.agent.v1.AppendLogsResponse;
import dev.sortie.agent.v1.ClaimedWork;
import dev.sortie.agent.v1.ExecutionServiceGrpc;
import dev.sortie.agent.v1.LogLevel;
import dev.sortie.agent.v1.LogLine;
import io.grpc.stub.StreamObserver;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.LongStream;

/** Log lines as tests write them. */
final class LogLines {
    private LogLines() {}

    static LogLine line(long sequence) {
        return line(sequence, LogLevel.LOG_LEVEL_INFO, "line " + sequence);
    }

    static LogLine line(long sequence, LogLevel level, String message) {
        return LogLine.newBuilder()
                .setSequence(sequence)
                .setLevel(level)
                .setMessage(message)
                .build();
    }

    static List<LogLine> lines(long from, long to) {
        return LongStream.rangeClosed(from, to).mapToObj(LogLines::line).toList();
    }

    static AppendLogsRequest message(ClaimedWork claimed, List<LogLine> lines) {
        return AppendLogsRequest.newBuilder()
                .setExecutionId(claimed.getExecutionId())
                .setClaimToken(claimed.getClaimToken())
                .addAllLines(lines)
                .build();
    }

    /** Sends messages with these lines; throws an ExecutionException when the call fails. */
    @SafeVarargs
    static AppendLogsResponse append(AgentFixture agent, ClaimedWork claimed, List<LogLine>... messages)
            throws Exception {
        return stream(
                agent,
                Arrays.stream(messages).map(lines -> message(claimed, lines)).toArray(AppendLogsRequest[]::new));
    }

    static AppendLogsResponse stream(AgentFixture agent, AppendLogsRequest... messages) throws Exception {
        var answer = new CompletableFuture<AppendLogsResponse>();
        var sender = ExecutionServiceGrpc.newStub(agent.channel()).appendLogs(new StreamObserver<>() {
            @Override
            public void onNext(AppendLogsResponse response) {
                answer.complete(response);
            }

            @Override
            public void onError(Throwable failed) {
                answer.completeExceptionally(failed);
            }

            @Override
            public void onCompleted() {}
        });
        for (var message : messages) {
            sender.onNext(message);
        }
        sender.onCompleted();
        return answer.get(60, TimeUnit.SECONDS);
    }
}
