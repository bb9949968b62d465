package dev.sortie.agent;

import static dev.sortie.agent.AgentFixture.await;
import static dev.sortie.agent.AgentFixture.order;
import static dev.sortie.agent.LogLines.append;
import static dev.sortie.agent.LogLines.lines;
import static dev.sortie.agent.LogLines.message;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import dev.sortie.agent.v1.AppendLogsResponse;
import dev.sortie.agent.v1.ClaimedWork;
import dev.sortie.agent.v1.ErrorReason;
import dev.sortie.agent.v1.ExecutionServiceGrpc;
import dev.sortie.agent.v1.ListLogsRequest;
import dev.sortie.agent.v1.LogLevel;
import dev.sortie.agent.v1.LogLine;
import dev.sortie.runtime.grpc.Messages;
import dev.sortie.runtime.testing.SettableClock;
import dev.sortie.runtime.testing.StatusAssert;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.StreamObserver;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** Log lines as they are stored: by many at once, after an accident, and into which partition. */
class LogAppendTest {
    private static final SettableClock CLOCK = AgentFixture.clock();

    @AutoClose
    private static final AgentFixture AGENT = new AgentFixture(CLOCK);

    private final String queue = "l-" + UUID.randomUUID().toString().substring(0, 8);

    @Test
    void keepsTheLogsOfManyWorkersApartWhoWriteAtOnce() throws Exception {
        int workers = 30;
        var claims = new ArrayList<ClaimedWork>();
        for (int i = 0; i < workers; i++) {
            claims.add(claimed());
        }
        var stale = claims.getLast();
        AGENT.release(stale);
        var calls = new ArrayList<CompletableFuture<AppendLogsResponse>>();
        for (var claim : claims) {
            calls.add(appending(claim, lines(1, 40), lines(31, 90), lines(1, 100)));
        }
        for (int i = 0; i < workers - 1; i++) {
            assertThat(calls.get(i).get(60, TimeUnit.SECONDS))
                    .isEqualTo(AppendLogsResponse.newBuilder()
                            .setLastSequence(100)
                            .setAppendedCount(100)
                            .setDuplicateCount(100)
                            .build());
            assertThat(sequences(claims.get(i))).containsExactlyElementsOf(numbers(1, 100));
        }
        // One among many whose claim is not current is refused, and nobody else.
        assertThat(status(calls.getLast()))
                .satisfies(failed -> StatusAssert.of(failed)
                        .with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_CLAIM_STALE));
    }

    @Test
    void saysHowFarAStreamGotThatBrokeOff() throws Exception {
        var claimed = claimed();
        assertThat(append(AGENT, claimed, List.of()).getLastSequence()).isZero();
        var sender = ExecutionServiceGrpc.newStub(AGENT.channel()).appendLogs(new StreamObserver<>() {
            @Override
            public void onNext(AppendLogsResponse response) {}

            @Override
            public void onError(Throwable failed) {}

            @Override
            public void onCompleted() {}
        });
        for (int i = 0; i < 20; i++) {
            sender.onNext(message(claimed, lines(1 + i * 50, 50 + i * 50)));
        }
        await("some lines are stored", () -> lastSequence(claimed) >= 50);
        sender.onError(Status.CANCELLED.asRuntimeException());

        // What is stored is whole messages from the first one on.
        long last = append(AGENT, claimed, List.of()).getLastSequence();
        assertThat(last % 50).isZero();
        append(AGENT, claimed, lines(last + 1, last + 100), lines(1_001, 1_010));
        assertThat(sequences(claimed))
                .startsWith(numbers(1, last + 100).toArray(Long[]::new))
                .contains(1_010L);

        AGENT.complete(claimed);
        assertThat(status(appending(claimed, List.of())))
                .satisfies(failed -> StatusAssert.of(failed)
                        .with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_CLAIM_STALE));
    }

    @Test
    void takesNoLineOnceTheExecutionHasEndedHoweverCloseTheTwoAre() throws Exception {
        for (int i = 0; i < 10; i++) {
            var claimed = claimed();
            var writing = appending(claimed, lines(1, 300), lines(301, 600), lines(601, 900));
            AGENT.complete(claimed);
            var atTheEnd = sequences(claimed);
            try {
                writing.get(60, TimeUnit.SECONDS);
            } catch (ExecutionException refused) {
                assertThat(refused).hasRootCauseInstanceOf(StatusRuntimeException.class);
            }
            assertThat(sequences(claimed)).isEqualTo(atTheEnd);
        }
    }

    @Test
    void makesLogPartitionsAheadAndDropsThemAfterAMonth() throws Exception {
        var claimed = claimed();
        append(AGENT, claimed, lines(1, 3));
        AGENT.complete(claimed);
        long days = AGENT.number(PARTITIONS.formatted("execution_logs"));

        CLOCK.advance(Duration.ofDays(31));
        AGENT.server().jobs().keepLogPartitions();
        assertThat(sequences(claimed)).hasSize(3);

        CLOCK.advance(Duration.ofDays(1));
        await("the day is dropped", () -> {
            AGENT.server().jobs().keepLogPartitions();
            return sequences(claimed).isEmpty();
        });
        assertThat(AGENT.number(PARTITIONS.formatted("execution_logs")))
                .isLessThan(days + 33)
                .isGreaterThan(7)
                .isEqualTo(AGENT.number(PARTITIONS.formatted("execution_log_batches")))
                .isEqualTo(AGENT.number(PARTITIONS.formatted("execution_log_chunks")));

        // A day that nobody prepared is prepared by the first line.
        CLOCK.advance(Duration.ofDays(20));
        assertThat(append(AGENT, claimed(), lines(1, 1)).getAppendedCount()).isEqualTo(1);
    }

    @Test
    void keepsPartitionsInTwoServersAtOnceAndLeavesADayInUseForTheNextTime() throws Exception {
        try (var database = AgentFixture.newDatabase()) {
            var clock = AgentFixture.clock();
            try (var one = new AgentFixture(database, clock);
                    var other = new AgentFixture(database, clock)) {
                one.enqueue(order(queue));
                var claimed = one.claimOne(one.register(1), queue);
                append(one, claimed, lines(1, 3));
                one.complete(claimed);
                clock.advance(Duration.ofDays(33));
                try (var reader = database.connectAsOwner();
                        var statement = reader.createStatement()) {
                    reader.setAutoCommit(false);
                    statement.execute("SELECT count(*) FROM execution_logs");

                    var keeping = CompletableFuture.allOf(
                            CompletableFuture.runAsync(
                                    one.server().jobs()::keepLogPartitions, Thread::startVirtualThread),
                            CompletableFuture.runAsync(
                                    other.server().jobs()::keepLogPartitions, Thread::startVirtualThread));
                    keeping.get(60, TimeUnit.SECONDS);

                    // The days to come are there although those of the past could not be dropped.
                    one.enqueue(order(queue));
                    assertThat(append(other, one.claimOne(one.register(1), queue), lines(1, 1))
                                    .getAppendedCount())
                            .isEqualTo(1);
                    assertThat(sequences(one, claimed)).hasSize(3);
                    reader.rollback();
                } catch (SQLException failed) {
                    throw new AssertionError(failed);
                }
                await("the day is dropped", () -> {
                    one.server().jobs().keepLogPartitions();
                    return sequences(one, claimed).isEmpty();
                });
            }
        }
    }

    @Test
    void storesARowForManyLinesAndForEachThatComesLate() throws Exception {
        var claimed = claimed();
        append(AGENT, claimed, lines(11, 1_010), lines(1_021, 1_030));
        var text = "x".repeat(65_536);
        var large = LongStream.rangeClosed(1_041, 1_050)
                .mapToObj(n -> LogLines.line(n, LogLevel.LOG_LEVEL_INFO, text))
                .toList();
        append(AGENT, claimed, large);
        append(AGENT, claimed, lines(1_001, 1_023), lines(1_061, 1_061));

        assertThat(AGENT.number(COUNT.formatted("execution_log_chunks", claimed.getExecutionId())))
                .isEqualTo(2 + 3 + 1); // no more of large lines in a row than are read at once
        assertThat(AGENT.number(COUNT.formatted("execution_logs", claimed.getExecutionId())))
                .isEqualTo(10);
        assertThat(sequences(claimed))
                .isEqualTo(Stream.of(numbers(11, 1_030), numbers(1_041, 1_050), numbers(1_061, 1_061))
                        .flatMap(List::stream)
                        .toList());
        assertThat(AGENT.executions()
                        .listLogs(ListLogsRequest.newBuilder()
                                .setExecutionId(claimed.getExecutionId())
                                .setFirstSequence(1_045)
                                .setPageSize(3)
                                .build())
                        .getLinesList())
                .extracting(LogLine::getMessage)
                .containsOnly(text);
    }

    @Test
    void keepsEveryCharacterAndWhatIsEmpty() throws Exception {
        var claimed = claimed();
        var texts = List.of("", "a\u001eb", "", "\u001e", "{}", "'\"\\,NULL", "é\n\t\u0001\u001f", "");
        var fields = Struct.newBuilder()
                .putFields(
                        "k\u001e\n", Value.newBuilder().setStringValue("\u001e").build())
                .build();
        var sent = new ArrayList<LogLine>();
        for (int i = 0; i < texts.size(); i++) {
            var line = LogLines.line(i + 1, LogLevel.LOG_LEVEL_INFO, texts.get(i)).toBuilder()
                    .setLogTime(Messages.timestamp(CLOCK.instant()));
            if (i % 3 == 1) {
                line.setMetadata(fields);
            }
            sent.add(line.build());
        }
        append(AGENT, claimed, sent.subList(0, 1), sent.subList(1, 4), sent.subList(4, 7), sent.subList(7, 8));

        assertThat(AGENT.number(COUNT.formatted("execution_logs", claimed.getExecutionId())))
                .isEqualTo(3);
        assertThat(AGENT.executions()
                        .listLogs(ListLogsRequest.newBuilder()
                                .setExecutionId(claimed.getExecutionId())
                                .build())
                        .getLinesList())
                .isEqualTo(sent);
    }

    private static final String COUNT = "SELECT count(*) FROM %s WHERE execution_id = '%s'";
    private static final String PARTITIONS = "SELECT count(*) FROM pg_inherits WHERE inhparent = '%s'::regclass";

    private ClaimedWork claimed() {
        AGENT.enqueue(order(queue));
        return AGENT.claimOne(AGENT.register(1), queue);
    }

    @SafeVarargs
    private static CompletableFuture<AppendLogsResponse> appending(ClaimedWork claimed, List<LogLine>... messages) {
        var answer = new CompletableFuture<AppendLogsResponse>();
        Thread.startVirtualThread(() -> {
            try {
                answer.complete(append(AGENT, claimed, messages));
            } catch (ExecutionException failed) {
                answer.completeExceptionally(failed.getCause());
            } catch (Throwable failed) {
                answer.completeExceptionally(failed);
            }
        });
        return answer;
    }

    private static StatusRuntimeException status(CompletableFuture<?> call) throws Exception {
        try {
            call.get(60, TimeUnit.SECONDS);
        } catch (ExecutionException failed) {
            return (StatusRuntimeException) failed.getCause();
        }
        throw new AssertionError("expected a failure, but the call succeeded");
    }

    private static long lastSequence(ClaimedWork claimed) {
        return AGENT.number("SELECT coalesce(max(last_sequence), 0) FROM execution_log_chunks WHERE execution_id = '%s'"
                .formatted(claimed.getExecutionId()));
    }

    private static List<Long> sequences(ClaimedWork claimed) {
        return sequences(AGENT, claimed);
    }

    private static List<Long> sequences(AgentFixture agent, ClaimedWork claimed) {
        var sequences = new ArrayList<Long>();
        var token = "";
        do {
            var page = agent.executions()
                    .listLogs(ListLogsRequest.newBuilder()
                            .setExecutionId(claimed.getExecutionId())
                            .setPageSize(500)
                            .setPageToken(token)
                            .build());
            page.getLinesList().forEach(line -> sequences.add(line.getSequence()));
            token = page.getNextPageToken();
        } while (!token.isEmpty());
        return sequences;
    }

    private static List<Long> numbers(long from, long to) {
        return LongStream.rangeClosed(from, to).boxed().toList();
    }
}
