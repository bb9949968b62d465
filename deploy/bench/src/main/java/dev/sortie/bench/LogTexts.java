package dev.sortie.bench;

import com.google.protobuf.Timestamp;
import dev.sortie.agent.v1.LogLevel;
import dev.sortie.agent.v1.LogLine;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Random;

/** Lines as a program writes them: about a hundred characters, alike and yet not the same. */
final class LogTexts {
    private static final Timestamp TIME =
            Timestamp.newBuilder().setSeconds(1_790_000_000).build();
    private static final List<String> TEXTS = texts(10_000);

    private LogTexts() {}

    /** The text of a line. */
    static String of(long sequence) {
        return TEXTS.get((int) (sequence % TEXTS.size()));
    }

    /** Lines that follow each other, a millisecond apart. */
    static List<LogLine> lines(long first, int count) {
        var lines = new ArrayList<LogLine>(count);
        for (long sequence = first; sequence < first + count; sequence++) {
            lines.add(LogLine.newBuilder()
                    .setSequence(sequence)
                    .setLevel(LogLevel.LOG_LEVEL_INFO)
                    .setMessage(of(sequence))
                    .setLogTime(TIME.toBuilder()
                            .setSeconds(TIME.getSeconds() + sequence / 1_000)
                            .setNanos((int) (sequence % 1_000) * 1_000_000))
                    .build());
        }
        return lines;
    }

    /** When a line was written, in milliseconds since 1970. */
    static long millis(long sequence) {
        return TIME.getSeconds() * 1_000 + sequence;
    }

    private static List<String> texts(int count) {
        var random = new Random(1);
        var texts = new ArrayList<String>(count);
        for (int i = 0; i < count; i++) {
            texts.add(String.format(
                    Locale.ROOT,
                    "GET /api/v1/things/%d answered %d in %d ms, %d rows, cache %s, trace %016x",
                    random.nextInt(1_000_000),
                    random.nextInt(20) == 0 ? 404 : 200,
                    random.nextInt(2_000),
                    random.nextInt(100),
                    random.nextBoolean() ? "hit" : "miss",
                    random.nextLong()));
        }
        return texts;
    }
}
