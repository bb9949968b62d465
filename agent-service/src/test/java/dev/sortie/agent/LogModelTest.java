package dev.sortie.agent;

import static dev.sortie.agent.AgentFixture.order;
import static dev.sortie.agent.LogLines.message;
import static dev.sortie.agent.LogLines.stream;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import dev.sortie.agent.v1.ClaimedWork;
import dev.sortie.agent.v1.ListLogsRequest;
import dev.sortie.agent.v1.LogLevel;
import dev.sortie.agent.v1.LogLine;
import dev.sortie.runtime.grpc.Messages;
import dev.sortie.runtime.testing.SettableClock;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Logs against what a sorted map would hold: numbers in order, with gaps, sent again, late, by two servers. */
class LogModelTest {
    private static final SettableClock CLOCK = AgentFixture.clock();
    private static final List<LogLevel> LEVELS = List.of(
            LogLevel.LOG_LEVEL_DEBUG,
            LogLevel.LOG_LEVEL_INFO,
            LogLevel.LOG_LEVEL_WARNING,
            LogLevel.LOG_LEVEL_ERROR,
            LogLevel.LOG_LEVEL_CRITICAL);

    @AutoClose
    private static final AgentFixture AGENT = new AgentFixture(CLOCK);

    @AutoClose
    private static final AgentFixture OTHER = new AgentFixture(AGENT.database(), CLOCK);

    private final String queue = "m-" + UUID.randomUUID().toString().substring(0, 8);

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6})
    void holdsEachLineOnceAndFindsIt(long seed) throws Exception {
        var random = new Random(seed);
        AGENT.enqueue(order(queue));
        var claimed = AGENT.claimOne(AGENT.register(1), queue);
        var log = new TreeMap<Long, LogLine>();
        try (var tail = new Tail(OTHER, claimed)) {
            for (int i = 0; i < 60; i++) {
                var written = written(random, log.isEmpty() ? 0 : log.lastKey());
                var answer = stream(random.nextBoolean() ? AGENT : OTHER, message(claimed, written));
                int known = 0;
                for (var line : written) {
                    known += log.putIfAbsent(line.getSequence(), line) == null ? 0 : 1;
                }
                assertThat(answer.getDuplicateCount())
                        .as("seed %d, step %d", seed, i)
                        .isEqualTo(known);
                assertThat(answer.getAppendedCount()).isEqualTo(written.size() - known);
                assertThat(answer.getLastSequence()).isEqualTo(log.lastKey());
            }
            assertThat(listed(claimed, ListLogsRequest.newBuilder().setPageSize(1 + random.nextInt(100))))
                    .isEqualTo(List.copyOf(log.values()));
            for (int i = 0; i < 20; i++) {
                checkSearch(random, claimed, log);
            }
            AGENT.complete(claimed);
            tail.awaitEnd();
            assertThat(tail.sequences()).doesNotHaveDuplicates().containsExactlyInAnyOrderElementsOf(log.keySet());
        }
        long after = random.nextLong(log.lastKey());
        try (var tail =
                new Tail(AGENT, Tail.request(claimed).setAfterSequence(after).build())) {
            tail.awaitEnd();
            assertThat(tail.sequences())
                    .containsExactlyElementsOf(log.tailMap(after, false).keySet());
        }
    }

    private static void checkSearch(Random random, ClaimedWork claimed, TreeMap<Long, LogLine> log) {
        long first = random.nextLong(log.lastKey());
        long last = first + random.nextLong(log.lastKey());
        var level = LEVELS.get(random.nextInt(LEVELS.size()));
        var text = random.nextBoolean() ? "" : "LINE " + random.nextInt(10);
        var found = listed(
                claimed,
                ListLogsRequest.newBuilder()
                        .setPageSize(1 + random.nextInt(50))
                        .setFirstSequence(first)
                        .setLastSequence(last)
                        .setMinLevel(level)
                        .setText(text));
        assertThat(found)
                .isEqualTo(log.subMap(first, true, last, true).values().stream()
                        .filter(line -> line.getLevelValue() >= level.getNumber())
                        .filter(line ->
                                line.getMessage().toUpperCase(Locale.ROOT).contains(text))
                        .toList());
    }

    /** Some lines after those that are there, among them, or both; next to each other, or far apart. */
    private static List<LogLine> written(Random random, long last) {
        long next = random.nextInt(3) == 0 ? 1 + random.nextLong(last + 20) : last + 1 + random.nextInt(3);
        int step = random.nextInt(2) == 0 ? 1 : 1 + random.nextInt(5);
        var numbers = new TreeSet<Long>();
        int count = 1 + random.nextInt(random.nextBoolean() ? 3 : 60);
        for (int i = 0; i < count; i++) {
            numbers.add(next);
            next += step == 1 ? 1 : 1 + random.nextInt(step);
        }
        boolean hasMetadata = random.nextBoolean();
        return numbers.stream().map(number -> line(random, number, hasMetadata)).toList();
    }

    private static LogLine line(Random random, long number, boolean mayHaveMetadata) {
        var line = LogLines.line(number, LEVELS.get(random.nextInt(LEVELS.size())), "line " + number).toBuilder()
                .setLogTime(Messages.timestamp(CLOCK.instant().plusMillis(random.nextInt(10_000))));
        if (mayHaveMetadata && random.nextBoolean()) {
            line.setMetadata(Struct.newBuilder()
                    .putFields(
                            "n", Value.newBuilder().setStringValue("é" + number).build()));
        }
        return line.build();
    }

    private static List<LogLine> listed(ClaimedWork claimed, ListLogsRequest.Builder request) {
        var lines = new ArrayList<LogLine>();
        var token = "";
        do {
            var page = OTHER.executions()
                    .listLogs(request.setExecutionId(claimed.getExecutionId())
                            .setPageToken(token)
                            .build());
            lines.addAll(page.getLinesList());
            token = page.getNextPageToken();
        } while (!token.isEmpty());
        return lines;
    }
}
