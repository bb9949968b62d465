package dev.sortie.demo;

import dev.sortie.agent.v1.AppendLogsRequest;
import dev.sortie.agent.v1.AppendLogsResponse;
import dev.sortie.agent.v1.ExecutionServiceGrpc.ExecutionServiceStub;
import dev.sortie.agent.v1.LogLevel;
import dev.sortie.agent.v1.LogLine;
import io.grpc.Status;
import io.grpc.stub.StreamObserver;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** The log of one execution. Lines that did not get through are sent again with the next ones: their numbers tell. */
final class ExecutionLog implements AutoCloseable {

    private final ExecutionServiceStub executions;
    private final String executionId;
    private final String claimToken;
    private final List<LogLine> unsent = new ArrayList<>();
    private long sequence;

    ExecutionLog(ExecutionServiceStub executions, String executionId, String claimToken) {
        this.executions = executions;
        this.executionId = executionId;
        this.claimToken = claimToken;
    }

    /** Adds a line and tries to send what is unsent. A log that does not get through never stops the work. */
    synchronized void add(String message) {
        unsent.add(LogLine.newBuilder()
                .setSequence(++sequence)
                .setLevel(LogLevel.LOG_LEVEL_INFO)
                .setMessage(message)
                .build());
        flush();
    }

    synchronized void flush() {
        if (unsent.isEmpty()) {
            return;
        }
        var answer = new Answer();
        var stream = executions.withDeadlineAfter(5, TimeUnit.SECONDS).appendLogs(answer);
        stream.onNext(AppendLogsRequest.newBuilder()
                .setExecutionId(executionId)
                .setClaimToken(claimToken)
                .addAllLines(unsent)
                .build());
        stream.onCompleted();
        try {
            answer.get(6, TimeUnit.SECONDS);
            unsent.clear();
        } catch (ExecutionException | TimeoutException missed) {
            System.err.println("Log lines did not get through: " + Status.fromThrowable(missed));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public void close() {
        unsent.clear();
    }

    private static final class Answer extends CompletableFuture<AppendLogsResponse>
            implements StreamObserver<AppendLogsResponse> {
        @Override
        public void onNext(AppendLogsResponse response) {
            complete(response);
        }

        @Override
        public void onError(Throwable failure) {
            completeExceptionally(failure);
        }

        @Override
        public void onCompleted() {
            completeExceptionally(new IllegalStateException("no answer"));
        }
    }
}
