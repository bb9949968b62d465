package dev.sortie.agent;

import static dev.sortie.agent.AgentFixture.order;
import static dev.sortie.agent.LogLines.line;
import static dev.sortie.agent.LogLines.lines;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.agent.v1.ClaimedWork;
import dev.sortie.agent.v1.ListLogsRequest;
import dev.sortie.agent.v1.ListLogsResponse;
import dev.sortie.agent.v1.LogLevel;
import dev.sortie.agent.v1.LogLine;
import dev.sortie.runtime.grpc.Messages;
import dev.sortie.runtime.testing.SettableClock;
import dev.sortie.runtime.testing.StatusAssert;
import dev.sortie.type.v1.ErrorReason;
import io.grpc.Status;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** Finding lines of an execution by what they are. */
class LogSearchTest {
    private static final SettableClock CLOCK = AgentFixture.clock();

    @AutoClose
    private static final AgentFixture AGENT = new AgentFixture(CLOCK);

    private final String queue = "s-" + UUID.randomUUID().toString().substring(0, 8);

    @Test
    void findsTextWhateverTheCaseOfItsLetters() throws Exception {
        var claimed = claimed();
        LogLines.append(
                AGENT,
                claimed,
                List.of(
                        line(1, LogLevel.LOG_LEVEL_INFO, "Connection REFUSED by peer"),
                        line(2, LogLevel.LOG_LEVEL_INFO, "100% done_"),
                        line(3, LogLevel.LOG_LEVEL_INFO, "ÄPFEL auf der Straße"),
                        line(4, LogLevel.LOG_LEVEL_INFO, "")));

        assertThat(sequences(request(claimed).setText("refused"))).containsExactly(1L);
        assertThat(sequences(request(claimed).setText("% DONE_"))).containsExactly(2L);
        assertThat(sequences(request(claimed).setText("%done"))).isEmpty();
        assertThat(sequences(request(claimed).setText("äpfel AUF der strasse"))).containsExactly(3L);
        assertThat(sequences(request(claimed).setText(""))).containsExactly(1L, 2L, 3L, 4L);
    }

    @Test
    void meetsEveryConditionAtOnce() throws Exception {
        var claimed = claimed();
        var begin = CLOCK.instant();
        var written = new ArrayList<LogLine>();
        for (int i = 1; i <= 20; i++) {
            written.add(
                    line(i, i % 2 == 0 ? LogLevel.LOG_LEVEL_ERROR : LogLevel.LOG_LEVEL_DEBUG, "n" + i % 5).toBuilder()
                            .setLogTime(Messages.timestamp(begin.plusSeconds(i)))
                            .build());
        }
        LogLines.append(AGENT, claimed, written);

        assertThat(sequences(request(claimed).setMinLevel(LogLevel.LOG_LEVEL_WARNING)))
                .containsExactly(2L, 4L, 6L, 8L, 10L, 12L, 14L, 16L, 18L, 20L);
        assertThat(sequences(
                        request(claimed).setMinLevel(LogLevel.LOG_LEVEL_ERROR).setText("N0")))
                .containsExactly(10L, 20L);
        assertThat(sequences(between(claimed, begin.plusSeconds(3), begin.plusSeconds(6))))
                .containsExactly(3L, 4L, 5L);
        assertThat(sequences(between(claimed, begin.plusSeconds(3), begin.plusSeconds(11))
                        .setFirstSequence(5)
                        .setLastSequence(9)
                        .setMinLevel(LogLevel.LOG_LEVEL_CRITICAL)))
                .isEmpty();
        assertThat(sequences(request(claimed).setFirstSequence(5).setLastSequence(7)))
                .containsExactly(5L, 6L, 7L);
        assertThat(sequences(request(claimed).setFirstSequence(19))).containsExactly(19L, 20L);
    }

    @Test
    void pagesThroughWhatItFinds() throws Exception {
        var claimed = claimed();
        LogLines.append(AGENT, claimed, lines(1, 100));

        var request = request(claimed).setText("line 1").setPageSize(5);
        assertThat(sequences(request)).containsExactly(1L, 10L, 11L, 12L, 13L, 14L, 15L, 16L, 17L, 18L, 19L, 100L);
        assertThat(pages(request)).hasSize(3);
        assertThat(pages(request(claimed)
                        .setFirstSequence(11)
                        .setLastSequence(20)
                        .setPageSize(10)))
                .hasSize(1);
    }

    @Test
    void looksAtSoManyLinesAndGoesOnWithTheNextPage() throws Exception {
        var claimed = claimed();
        LogLines.append(AGENT, claimed, lines(1, 1));
        AGENT.number("""
                WITH written AS (
                    INSERT INTO execution_logs (execution_id, sequence, level, message, logged_at)
                    SELECT '%s'::uuid, n, CASE n WHEN 75000 THEN 'ERROR' ELSE 'DEBUG' END, 'line ' || n, now()
                    FROM generate_series(2, 110000) AS n
                    RETURNING 1)
                SELECT count(*) FROM written
                """.formatted(claimed.getExecutionId()));

        var errors = pages(request(claimed).setMinLevel(LogLevel.LOG_LEVEL_ERROR));
        assertThat(errors).hasSize(3);
        assertThat(errors.getFirst().getLinesList()).isEmpty();
        assertThat(errors.get(1).getLinesList())
                .extracting(LogLine::getSequence)
                .containsExactly(75_000L);
        assertThat(errors.getLast().getLinesList()).isEmpty();
        assertThat(sequences(request(claimed).setText("LINE 10999")))
                .containsExactly(
                        10_999L, 109_990L, 109_991L, 109_992L, 109_993L, 109_994L, 109_995L, 109_996L, 109_997L,
                        109_998L, 109_999L);
    }

    @Test
    void looksAtChunksAndSingleLinesAlike() throws Exception {
        var claimed = claimed();
        LogLines.append(AGENT, claimed, lines(1, 1));
        // Chunks of ten odd numbers each, and single lines between them: what is looked at ends by either.
        AGENT.number("""
                WITH chunks AS (
                    INSERT INTO execution_log_chunks (execution_id, batch, first_sequence, last_sequence, line_count,
                        byte_count, sequences, levels, messages, logged_at)
                    SELECT '%1$s'::uuid, nextval('execution_log_batches_seq'), n * 20 + 1, n * 20 + 19, 10, 100,
                        ARRAY (SELECT n * 20 + i FROM generate_series(1, 19, 2) i ORDER BY i),
                        ARRAY (SELECT CASE WHEN n * 20 + i = 75001 THEN 'ERROR' ELSE 'DEBUG' END
                            FROM generate_series(1, 19, 2) i ORDER BY i),
                        ARRAY (SELECT 'line ' || n * 20 + i FROM generate_series(1, 19, 2) i ORDER BY i),
                        array_fill(now(), ARRAY[10])
                    FROM generate_series(1, 5999) n
                    RETURNING 1
                ), lines AS (
                    INSERT INTO execution_logs (execution_id, sequence, level, message, logged_at)
                    SELECT '%1$s'::uuid, n, CASE n WHEN 75002 THEN 'ERROR' ELSE 'DEBUG' END, 'line ' || n, now()
                    FROM generate_series(22, 120000, 2) n
                    RETURNING 1
                )
                SELECT (SELECT count(*) FROM chunks) + (SELECT count(*) FROM lines)
                """.formatted(claimed.getExecutionId()));

        var errors = pages(request(claimed).setMinLevel(LogLevel.LOG_LEVEL_ERROR));
        assertThat(errors).hasSizeBetween(2, 3);
        assertThat(errors.getFirst().getLinesList())
                .extracting(LogLine::getSequence)
                .containsExactly(75_001L, 75_002L);
        assertThat(sequences(request(claimed).setText("LINE 10999").setPageSize(2)))
                .containsExactly(
                        10_999L, 109_990L, 109_991L, 109_992L, 109_993L, 109_994L, 109_995L, 109_996L, 109_997L,
                        109_998L, 109_999L);
        assertThat(sequences(request(claimed).setFirstSequence(19_990).setLastSequence(20_011)))
                .isEqualTo(LongStream.rangeClosed(19_990, 20_011).boxed().toList());
    }

    @Test
    void refusesARangeThatEndsBeforeItBegins() throws Exception {
        var claimed = claimed();
        var now = CLOCK.instant();

        StatusAssert.fails(() -> AGENT.executions()
                        .listLogs(request(claimed)
                                .setFirstSequence(7)
                                .setLastSequence(6)
                                .build()))
                .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("last_sequence");
        StatusAssert.fails(() -> AGENT.executions()
                        .listLogs(between(claimed, now, now.minusMillis(1)).build()))
                .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("end_time");
        var first = AGENT.executions().listLogs(request(claimed).build());
        assertThat(first.getNextPageToken()).isEmpty();
        StatusAssert.fails(() -> AGENT.executions()
                        .listLogs(request(claimed).setPageToken("made-up").build()))
                .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_PAGE_TOKEN_INVALID);
    }

    private ClaimedWork claimed() {
        AGENT.enqueue(order(queue));
        return AGENT.claimOne(AGENT.register(1), queue);
    }

    private static ListLogsRequest.Builder request(ClaimedWork claimed) {
        return ListLogsRequest.newBuilder().setExecutionId(claimed.getExecutionId());
    }

    private static ListLogsRequest.Builder between(ClaimedWork claimed, Instant start, Instant end) {
        return request(claimed).setStartTime(Messages.timestamp(start)).setEndTime(Messages.timestamp(end));
    }

    private static List<ListLogsResponse> pages(ListLogsRequest.Builder request) {
        var pages = new ArrayList<ListLogsResponse>();
        var token = "";
        do {
            pages.add(AGENT.executions()
                    .listLogs(request.clone().setPageToken(token).build()));
            token = pages.getLast().getNextPageToken();
        } while (!token.isEmpty());
        return pages;
    }

    private static List<Long> sequences(ListLogsRequest.Builder request) {
        return pages(request).stream()
                .flatMap(page -> page.getLinesList().stream())
                .map(LogLine::getSequence)
                .toList();
    }
}
