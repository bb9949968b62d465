package dev.sortie.agent;

import static dev.sortie.agent.AgentFixture.await;
import static dev.sortie.agent.AgentFixture.order;
import static dev.sortie.agent.LogLines.append;
import static dev.sortie.agent.LogLines.line;
import static dev.sortie.agent.LogLines.lines;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.agent.domain.LogPosition;
import dev.sortie.agent.domain.LogSignals;
import dev.sortie.agent.domain.LogTails;
import dev.sortie.agent.store.LogTailStore;
import dev.sortie.agent.v1.ClaimedWork;
import dev.sortie.agent.v1.ExecutionServiceGrpc;
import dev.sortie.agent.v1.LogLevel;
import dev.sortie.agent.v1.LogLine;
import dev.sortie.agent.v1.TailLogsResponse;
import dev.sortie.runtime.testing.SettableClock;
import dev.sortie.runtime.testing.StatusAssert;
import dev.sortie.type.v1.ErrorReason;
import io.grpc.Context;
import io.grpc.Status;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** Logs that are followed while they grow. */
class LogTailTest {
    private static final SettableClock CLOCK = AgentFixture.clock();

    @AutoClose
    private static final AgentFixture AGENT = new AgentFixture(CLOCK);

    private final String queue = "t-" + UUID.randomUUID().toString().substring(0, 8);

    @Test
    void followsALogUntilTheExecutionHasEndedAndEverythingIsSaid() throws Exception {
        var claimed = claimed();
        append(AGENT, claimed, lines(1, 3));
        try (var tail = new Tail(AGENT, claimed)) {
            await("what is there is said", () -> tail.sequences().size() == 3);

            append(AGENT, claimed, lines(4, 700), lines(701, 1_700));
            await("what comes is said", () -> tail.sequences().size() == 1_700);
            append(AGENT, claimed, lines(1_701, 1_701));
            AGENT.complete(claimed);

            tail.awaitEnd();
            assertThat(tail.sequences()).containsExactlyElementsOf(numbers(1, 1_701));
            assertThat(tail.responses.getLast().getLastSequence()).isEqualTo(1_701);
        }
    }

    @Test
    void resumesAfterANumberAndLeavesOutLowerLevels() throws Exception {
        var claimed = claimed();
        append(
                AGENT,
                claimed,
                List.of(
                        line(1),
                        line(2, LogLevel.LOG_LEVEL_WARNING, "odd"),
                        line(3, LogLevel.LOG_LEVEL_CRITICAL, "bad"),
                        line(4)));
        AGENT.complete(claimed);

        try (var tail = new Tail(
                AGENT, Tail.request(claimed, 2, LogLevel.LOG_LEVEL_WARNING).build())) {
            tail.awaitEnd();
            assertThat(tail.sequences()).containsExactly(3L);
            assertThat(tail.responses.getLast().getLastSequence()).isEqualTo(4);
        }
    }

    @Test
    void saysLinesThatComeLateAlthoughTheirNumbersAreLower() throws Exception {
        var claimed = claimed();
        append(AGENT, claimed, lines(101, 110));
        try (var tail = new Tail(AGENT, claimed)) {
            await("what is there is said", () -> tail.sequences().size() == 10);
            append(AGENT, claimed, lines(1, 5));
            append(AGENT, claimed, List.of(line(50), line(105), line(111)));
            await("what came late is said", () -> tail.sequences().size() == 17);
            AGENT.complete(claimed);
            tail.awaitEnd();
            var expected = new ArrayList<>(numbers(101, 110));
            expected.addAll(numbers(1, 5));
            expected.addAll(List.of(50L, 111L));
            assertThat(tail.sequences()).containsExactlyElementsOf(expected);
        }
        // Who comes afterwards has them by number.
        try (var tail = new Tail(AGENT, claimed)) {
            tail.awaitEnd();
            assertThat(tail.sequences()).isSorted().hasSize(17);
        }
    }

    @Test
    void goesOnFromItsCursorWithAnyReplicaWithoutAGapOrARepetition() throws Exception {
        try (var other = new AgentFixture(AGENT.database(), CLOCK)) {
            var claimed = claimed();
            append(AGENT, claimed, lines(1, 1_000), lines(1_001, 2_000), lines(2_001, 2_500));
            var writers = new ArrayList<CompletableFuture<Void>>();
            for (int w = 0; w < 4; w++) {
                // The numbers of the four are mixed, and what one writes may be there before what is less.
                int offset = w;
                writers.add(CompletableFuture.runAsync(
                        () -> write(offset % 2 == 0 ? AGENT : other, claimed, 2_501 + offset, 4, 600),
                        Thread::startVirtualThread));
            }
            var ended = CompletableFuture.allOf(writers.toArray(CompletableFuture[]::new))
                    .thenRunAsync(() -> AGENT.complete(claimed), Thread::startVirtualThread);

            var heard = new ArrayList<Long>();
            var cursor = "";
            int turn = 0;
            while (cursor != null) {
                cursor = read(turn++ % 2 == 0 ? AGENT : other, claimed, cursor, heard);
            }

            ended.get(60, TimeUnit.SECONDS);
            assertThat(heard).doesNotHaveDuplicates().containsExactlyInAnyOrderElementsOf(numbers(1, 4_900));
            assertThat(heard.subList(0, 2_500)).containsExactlyElementsOf(numbers(1, 2_500));
        }
    }

    @Test
    void saysLinesThatAnotherReplicaStoredAndThatTheExecutionEndedThere() throws Exception {
        try (var other = new AgentFixture(AGENT.database(), CLOCK)) {
            var claimed = claimed();
            try (var tail = new Tail(other, claimed)) {
                append(AGENT, claimed, lines(1, 2));
                await("the lines are said there", () -> tail.sequences().size() == 2);
                AGENT.complete(claimed);
                tail.awaitEnd();
            }
        }
    }

    @Test
    void looksForLinesOnceForAllWhoFollow() throws Exception {
        var signals = new LogSignals();
        var tails = new LogTails(new LogTailStore(), signals);
        var claimed = claimed();
        append(AGENT, claimed, lines(1, 1));
        var ended = claimed();
        AGENT.complete(ended);
        var statements = new AtomicInteger();
        var database = AGENT.server().runtime().database();
        database.onStatement((principal, sql, parameters) -> {
            if (parameters.length == 1 && parameters[0] instanceof java.util.Set<?> many && many.size() == 1_002) {
                statements.incrementAndGet();
            }
        });
        try (var knows = signals.follow(UUID.fromString(claimed.getExecutionId()));
                var doesNot = signals.follow(UUID.fromString(claimed.getExecutionId()));
                var waits = signals.follow(UUID.fromString(ended.getExecutionId()))) {
            for (int i = 0; i < 1_000; i++) {
                var _ = signals.follow(UUID.randomUUID());
            }
            knows.seen(new LogPosition(false, Long.MAX_VALUE, 1));

            tails.poll(database.queries());

            assertThat(statements).hasValue(1);
            assertThat(doesNot.await(java.time.Duration.ZERO)).isTrue();
            assertThat(waits.await(java.time.Duration.ZERO)).isTrue();
            assertThat(knows.await(java.time.Duration.ZERO)).isFalse();
        }
    }

    @Test
    void refusesACursorThatIsNone() throws Exception {
        var claimed = claimed();
        for (var cursor : List.of("17", "n1", "x1.1", "nffffffffffffffff.1", "n1.1 ", "a1.12345678901234567")) {
            StatusAssert.fails(() -> AGENT.executions()
                            .tailLogs(Tail.request(claimed).setCursor(cursor).build())
                            .next())
                    .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID)
                    .field("cursor");
        }
    }

    private ClaimedWork claimed() {
        AGENT.enqueue(order(queue));
        return AGENT.claimOne(AGENT.register(1), queue);
    }

    private static List<Long> numbers(long from, long to) {
        return LongStream.rangeClosed(from, to).boxed().toList();
    }

    /** Writes so many lines, each so much further, in messages whose order is not that of their numbers. */
    private static void write(AgentFixture agent, ClaimedWork claimed, long first, int step, int count) {
        var messages = new ArrayList<List<LogLine>>();
        for (int from = 0; from < count; from += 20) {
            var message = new ArrayList<LogLine>();
            for (int i = from; i < from + 20; i++) {
                message.add(line(first + (long) i * step));
            }
            messages.add(message);
        }
        Collections.swap(messages, 1, 7);
        try {
            for (var message : messages) {
                append(agent, claimed, message);
            }
        } catch (Exception failed) {
            throw new IllegalStateException(failed);
        }
    }

    /** Hears two messages and breaks off. Answers where to go on; null at the end of the log. */
    private static String read(AgentFixture agent, ClaimedWork claimed, String cursor, List<Long> heard)
            throws Exception {
        try (var scope = Context.current().withCancellation()) {
            return scope.call(() -> {
                var responses = ExecutionServiceGrpc.newBlockingStub(agent.channel("viewer"))
                        .tailLogs(Tail.request(claimed).setCursor(cursor).build());
                TailLogsResponse last = null;
                for (int i = 0; i < 2; i++) {
                    if (!responses.hasNext()) {
                        return null;
                    }
                    last = responses.next();
                    last.getLinesList().forEach(l -> heard.add(l.getSequence()));
                }
                return last.getCursor();
            });
        }
    }
}
