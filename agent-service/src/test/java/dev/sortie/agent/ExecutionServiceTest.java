package dev.sortie.agent;

import static dev.sortie.agent.AgentFixture.order;
import static dev.sortie.agent.AgentFixture.struct;
import static dev.sortie.agent.LogLines.line;
import static dev.sortie.agent.LogLines.lines;
import static dev.sortie.agent.LogLines.message;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.agent.v1.AppendLogsRequest;
import dev.sortie.agent.v1.AppendLogsResponse;
import dev.sortie.agent.v1.CancelExecutionRequest;
import dev.sortie.agent.v1.ClaimedWork;
import dev.sortie.agent.v1.ErrorReason;
import dev.sortie.agent.v1.Execution;
import dev.sortie.agent.v1.ExecutionStatus;
import dev.sortie.agent.v1.GetExecutionRequest;
import dev.sortie.agent.v1.ListExecutionsRequest;
import dev.sortie.agent.v1.ListLogsRequest;
import dev.sortie.agent.v1.LogLevel;
import dev.sortie.agent.v1.LogLine;
import dev.sortie.agent.v1.TailLogsRequest;
import dev.sortie.agent.v1.WorkOrderStatus;
import dev.sortie.runtime.grpc.Messages;
import dev.sortie.runtime.testing.SettableClock;
import dev.sortie.runtime.testing.StatusAssert;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** Executions and what workers write about them. */
class ExecutionServiceTest {
    private static final SettableClock CLOCK = AgentFixture.clock();

    @AutoClose
    private static final AgentFixture AGENT = new AgentFixture(CLOCK);

    private final String queue = "x-" + UUID.randomUUID().toString().substring(0, 8);

    @Test
    void storesLinesAndDropsThoseThatAreThere() throws Exception {
        var claimed = claimed();

        var first = append(claimed, lines(1, 5), lines(6, 8));
        var again = append(claimed, lines(4, 10));

        assertThat(first)
                .isEqualTo(AppendLogsResponse.newBuilder()
                        .setLastSequence(8)
                        .setAppendedCount(8)
                        .build());
        assertThat(again)
                .isEqualTo(AppendLogsResponse.newBuilder()
                        .setLastSequence(10)
                        .setAppendedCount(2)
                        .setDuplicateCount(5)
                        .build());
        assertThat(list(claimed, LogLevel.LOG_LEVEL_UNSPECIFIED))
                .extracting(LogLine::getSequence)
                .containsExactly(1L, 2L, 3L, 4L, 5L, 6L, 7L, 8L, 9L, 10L);
    }

    @Test
    void keepsALineAsItWasWrittenWithTheTimeOfItsArrivalWhereItHasNone() throws Exception {
        var claimed = claimed();
        var written = Messages.timestamp(CLOCK.instant().minusSeconds(40));
        var full = line(1).toBuilder()
                .setLevel(LogLevel.LOG_LEVEL_ERROR)
                .setMessage("∆ it broke\n\ttwice")
                .setMetadata(struct("file", 7))
                .setLogTime(written)
                .build();

        append(claimed, List.of(full, line(2)));

        assertThat(list(claimed, LogLevel.LOG_LEVEL_UNSPECIFIED))
                .containsExactly(
                        full,
                        line(2).toBuilder()
                                .setLogTime(Messages.timestamp(CLOCK.instant()))
                                .build());
        assertThat(list(claimed, LogLevel.LOG_LEVEL_WARNING)).containsExactly(full);
    }

    @Test
    void takesLinesOnlyWhileTheClaimIsCurrentAndKeepsThoseOfEarlierMessages() throws Exception {
        var claimed = claimed();
        append(claimed, lines(1, 2));
        AGENT.complete(claimed);

        assertFails(() -> append(claimed, lines(3, 4)))
                .with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_CLAIM_STALE)
                .metadata("work_order_id", claimed.getWorkOrder().getWorkOrderId())
                .metadata("status", "COMPLETED");
        var forged = claimed().toBuilder().setClaimToken("guessed").build();
        assertFails(() -> append(forged, lines(1, 1)))
                .with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_CLAIM_STALE);
        var late = claimed();
        CLOCK.advance(Duration.ofSeconds(31));
        assertFails(() -> append(late, lines(1, 1)))
                .with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_CLAIM_STALE);
        assertThat(list(claimed, LogLevel.LOG_LEVEL_UNSPECIFIED)).hasSize(2);
        assertThat(list(forged, LogLevel.LOG_LEVEL_UNSPECIFIED)).isEmpty();
    }

    @Test
    void wantsRisingNumbersAndOneExecution() throws Exception {
        var claimed = claimed();
        var unordered = List.of(line(1), line(9), line(7));
        assertFails(() -> append(claimed, lines(1, 3), unordered))
                .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_LOG_OUT_OF_ORDER)
                .metadata("sequence", 7)
                .metadata("previous_sequence", 9);
        assertThat(list(claimed, LogLevel.LOG_LEVEL_UNSPECIFIED)).hasSize(3);

        var other = claimed();
        assertFails(() -> stream(message(claimed, lines(4, 4)), message(other, lines(1, 1))))
                .with(Status.Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("execution_id");
        assertFails(() -> append(claimed, lines(10, 1_010)))
                .with(Status.Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("lines");
        assertThat(stream()).isEqualTo(AppendLogsResponse.getDefaultInstance());
    }

    @Test
    void storesEachLineOnceHoweverManySendItAtOnce() throws Exception {
        var claimed = claimed();
        var calls = new ArrayList<CompletableFuture<AppendLogsResponse>>();
        for (int i = 0; i < 10; i++) {
            int from = 1 + i;
            calls.add(CompletableFuture.supplyAsync(
                    () -> {
                        try {
                            return append(claimed, lines(from, from + 99));
                        } catch (Exception failed) {
                            throw new IllegalStateException(failed);
                        }
                    },
                    Thread::startVirtualThread));
        }
        long appended = 0;
        for (var call : calls) {
            appended += call.get(60, TimeUnit.SECONDS).getAppendedCount();
        }
        assertThat(appended).isEqualTo(109);
    }

    @Test
    void listsLinesInPagesThatEndEarlyWhereLinesAreLong() throws Exception {
        var claimed = claimed();
        var lines = new ArrayList<LogLine>();
        for (int i = 1; i <= 50; i++) {
            lines.add(line(i).toBuilder()
                    .setMessage(Integer.toString(i).repeat(60_000).substring(0, 60_000))
                    .build());
        }
        append(claimed, lines);

        var sequences = new ArrayList<Long>();
        var token = "";
        int pages = 0;
        do {
            var page = AGENT.executions()
                    .listLogs(ListLogsRequest.newBuilder()
                            .setExecutionId(claimed.getExecutionId())
                            .setPageSize(40)
                            .setPageToken(token)
                            .build());
            assertThat(page.getSerializedSize()).isLessThan(2 * 1024 * 1024);
            page.getLinesList().forEach(line -> sequences.add(line.getSequence()));
            token = page.getNextPageToken();
            pages++;
        } while (!token.isEmpty());

        assertThat(sequences)
                .containsExactlyElementsOf(LongStream.rangeClosed(1, 50).boxed().toList());
        assertThat(pages).isEqualTo(3);
    }

    @Test
    void listsExecutionsNewestFirstWithoutTheirOutput() {
        AGENT.enqueue(order(queue));
        var worker = AGENT.register(1);
        var ids = new ArrayList<String>();
        for (int i = 0; i < 3; i++) {
            var claimed = AGENT.claimOne(worker, queue);
            ids.addFirst(claimed.getExecutionId());
            AGENT.fail(claimed);
            CLOCK.advance(Duration.ofSeconds(10));
        }
        var last = AGENT.claimOne(worker, queue);
        ids.addFirst(last.getExecutionId());
        var ofOrder = ListExecutionsRequest.newBuilder()
                .setWorkOrderId(last.getWorkOrder().getWorkOrderId());

        assertThat(list(ofOrder)).extracting(Execution::getExecutionId).containsExactlyElementsOf(ids);
        assertThat(list(ofOrder)).extracting(Execution::getAttempt).containsExactly(4, 3, 2, 1);
        assertThat(list(ofOrder.clone().setStatus(ExecutionStatus.EXECUTION_STATUS_RUNNING)))
                .extracting(Execution::getExecutionId)
                .containsExactly(last.getExecutionId());
        assertThat(list(ListExecutionsRequest.newBuilder().setWorkerId(worker)))
                .extracting(Execution::getExecutionId)
                .containsExactlyElementsOf(ids);
        assertThat(list(ListExecutionsRequest.newBuilder().setStatus(ExecutionStatus.EXECUTION_STATUS_FAILED)))
                .extracting(Execution::getExecutionId)
                .containsSubsequence(ids.subList(1, 4));
        assertThat(list(ListExecutionsRequest.newBuilder()))
                .extracting(Execution::getExecutionId)
                .containsSubsequence(ids);
        var first =
                AGENT.executions().listExecutions(ofOrder.clone().setPageSize(3).build());
        assertThat(AGENT.executions()
                        .listExecutions(ofOrder.clone()
                                .setPageSize(3)
                                .setPageToken(first.getNextPageToken())
                                .build())
                        .getExecutionsList())
                .extracting(Execution::getExecutionId)
                .containsExactly(ids.get(3));
    }

    @Test
    void cancelsAnAttemptThatRunsAndItsOrderWithIt() throws Exception {
        var claimed = claimed();

        var cancelled = cancel(claimed.getExecutionId());

        assertThat(cancelled.getStatus()).isEqualTo(ExecutionStatus.EXECUTION_STATUS_CANCELLED);
        assertThat(cancelled.hasDuration()).isTrue();
        assertThat(AGENT.get(claimed.getWorkOrder().getWorkOrderId()).getStatus())
                .isEqualTo(WorkOrderStatus.WORK_ORDER_STATUS_CANCELLED);
        assertThat(cancel(claimed.getExecutionId())).isEqualTo(cancelled);
        StatusAssert.fails(() -> AGENT.complete(claimed))
                .with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_CLAIM_STALE);
    }

    @Test
    void doesNotCancelAnOrderForAnAttemptThatHasEnded() {
        AGENT.enqueue(order(queue));
        var worker = AGENT.register(1);
        var first = AGENT.claimOne(worker, queue);
        AGENT.fail(first);
        CLOCK.advance(Duration.ofSeconds(10));
        var second = AGENT.claimOne(worker, queue);

        StatusAssert.fails(() -> cancel(first.getExecutionId()))
                .with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_MOVE_NOT_ALLOWED)
                .metadata("resource", "execution")
                .metadata("state", "FAILED");
        AGENT.complete(second);
        StatusAssert.fails(() -> cancel(UUID.randomUUID().toString()))
                .with(Status.Code.NOT_FOUND, dev.sortie.type.v1.ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND);
    }

    private static Execution cancel(String id) {
        return AGENT.executions()
                .cancelExecution(CancelExecutionRequest.newBuilder()
                        .setExecutionId(id)
                        .setReason("no longer wanted")
                        .build())
                .getExecution();
    }

    @Test
    void knowsNoExecutionThatNeverWas() {
        var unknown = UUID.randomUUID().toString();
        StatusAssert.fails(() -> AGENT.executions()
                        .getExecution(GetExecutionRequest.newBuilder()
                                .setExecutionId(unknown)
                                .build()))
                .with(Status.Code.NOT_FOUND, dev.sortie.type.v1.ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND);
        StatusAssert.fails(() -> AGENT.executions()
                        .listLogs(ListLogsRequest.newBuilder()
                                .setExecutionId(unknown)
                                .build()))
                .with(Status.Code.NOT_FOUND, dev.sortie.type.v1.ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND)
                .metadata("resource", "execution");
        StatusAssert.fails(() -> AGENT.executions()
                        .tailLogs(TailLogsRequest.newBuilder()
                                .setExecutionId(unknown)
                                .build())
                        .next())
                .with(Status.Code.NOT_FOUND, dev.sortie.type.v1.ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND);
    }

    private ClaimedWork claimed() {
        AGENT.enqueue(order(queue));
        return AGENT.claimOne(AGENT.register(1), queue);
    }

    @SafeVarargs
    private static AppendLogsResponse append(ClaimedWork claimed, List<LogLine>... messages) throws Exception {
        return LogLines.append(AGENT, claimed, messages);
    }

    private static AppendLogsResponse stream(AppendLogsRequest... messages) throws Exception {
        return LogLines.stream(AGENT, messages);
    }

    private interface Call {
        Object call() throws Exception;
    }

    private static StatusAssert assertFails(Call call) throws InterruptedException, TimeoutException {
        try {
            call.call();
        } catch (ExecutionException failed) {
            return StatusAssert.of((StatusRuntimeException) failed.getCause());
        } catch (Exception other) {
            throw new AssertionError(other);
        }
        throw new AssertionError("expected a failure, but the call succeeded");
    }

    private static List<LogLine> list(ClaimedWork claimed, LogLevel minLevel) {
        return AGENT.executions()
                .listLogs(ListLogsRequest.newBuilder()
                        .setExecutionId(claimed.getExecutionId())
                        .setMinLevel(minLevel)
                        .build())
                .getLinesList();
    }

    private static List<Execution> list(ListExecutionsRequest.Builder request) {
        return AGENT.executions().listExecutions(request.build()).getExecutionsList();
    }
}
