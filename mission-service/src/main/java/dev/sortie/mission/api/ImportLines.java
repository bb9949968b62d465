package dev.sortie.mission.api;

import com.google.protobuf.ByteString;
import dev.sortie.mission.domain.Imports;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.type.v1.ErrorReason;
import java.io.ByteArrayOutputStream;

/** Lines out of pieces that are cut anywhere. Holds one line at most, and nothing of one that is too long. */
final class ImportLines {
    private static final int MAX_LINES = 10_000;
    private static final long MAX_BYTES = 64L << 20;

    private final Sink sink;
    private final ByteArrayOutputStream line = new ByteArrayOutputStream();
    private long number;
    private long lines;
    private long bytes;
    private boolean tooLong;

    /** Takes a line. */
    interface Sink {
        /** A line that is not blank, without its end. */
        void line(long number, byte[] bytes);

        /** A line that is too long. */
        void tooLong(long number);
    }

    /** @param firstLine the number of the first line */
    ImportLines(long firstLine, Sink sink) {
        this.number = firstLine;
        this.sink = sink;
    }

    void add(ByteString content) {
        bytes += content.size();
        if (bytes > MAX_BYTES) {
            throw refused("more than 64 MiB in one call; use several");
        }
        for (int i = 0; i < content.size(); i++) {
            byte one = content.byteAt(i);
            if (one == '\n') {
                end();
            } else if (line.size() < Imports.MAX_LINE) {
                line.write(one);
            } else {
                tooLong = true;
            }
        }
    }

    /** The last line need not have an end. */
    void end() {
        var whole = line.toByteArray();
        line.reset();
        if (tooLong) {
            count();
            sink.tooLong(number);
        } else if (!isBlank(whole)) {
            count();
            sink.line(number, withoutMark(whole));
        }
        tooLong = false;
        number++;
    }

    private void count() {
        if (++lines > MAX_LINES) {
            throw refused("more than 10,000 lines in one call; use several");
        }
    }

    private static boolean isBlank(byte[] line) {
        for (byte one : line) {
            if (one != ' ' && one != '\t' && one != '\r') {
                return false;
            }
        }
        return true;
    }

    /** Some editors begin a file with a mark that it is UTF-8. */
    private static byte[] withoutMark(byte[] line) {
        return line.length >= 3 && line[0] == (byte) 0xEF && line[1] == (byte) 0xBB && line[2] == (byte) 0xBF
                ? java.util.Arrays.copyOfRange(line, 3, line.length)
                : line;
    }

    private static RuntimeException refused(String problem) {
        return Failure.invalidArgument(ErrorReason.ERROR_REASON_FIELD_INVALID, "content", problem)
                .with("field_count", 1)
                .exception();
    }
}
