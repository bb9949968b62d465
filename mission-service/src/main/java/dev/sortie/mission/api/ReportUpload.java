package dev.sortie.mission.api;

import com.google.protobuf.ByteString;
import dev.sortie.mission.domain.TestReports;
import dev.sortie.mission.v1.ImportTestReportsRequest;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.failure.FailureException;
import dev.sortie.type.v1.ErrorReason;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Reports as they arrive, kept in a temporary file: memory holds one message at a time, and what reads them can begin
 * again as often as its transaction does.
 */
final class ReportUpload implements AutoCloseable {
    private static final int MAX_FILES = 1_000;
    private static final long MAX_BYTES = 64L << 20;

    private final Path spool;
    private final OutputStream bytes;
    private final MessageDigest digest = sha256();
    private final List<Range> files = new ArrayList<>();
    private @Nullable ImportTestReportsRequest first;
    private long size;

    ReportUpload() {
        try {
            spool = Files.createTempFile("sortie-reports-", ".xml");
            bytes = Files.newOutputStream(spool);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    void add(ImportTestReportsRequest message) {
        if (first == null) {
            first = checkedFirst(message);
        } else {
            checkLater(message, first);
        }
        try {
            if (!message.getFileName().isEmpty()) {
                begin(message.getFileName());
            }
            size += message.getContent().size();
            if (size > MAX_BYTES) {
                throw refused("content", "more than 64 MiB in one stream; use several");
            }
            message.getContent().writeTo(bytes);
            digest.update(message.getContent().asReadOnlyByteBuffer());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void begin(String fileName) {
        if (files.size() == MAX_FILES) {
            throw refused("file_name", "more than " + MAX_FILES + " files in one stream; use several");
        }
        endFile();
        files.add(new Range(spool, fileName, size, size));
        // Neither name nor length can be taken for the bytes of a file.
        digest.update((fileName.length() + ":" + fileName + "@" + size).getBytes(StandardCharsets.UTF_8));
    }

    private void endFile() {
        if (!files.isEmpty()) {
            var last = files.removeLast();
            files.add(new Range(spool, last.name, last.from, size));
        }
    }

    /** What the stream as a whole asked for. */
    TestReports.Import toImport() {
        try {
            bytes.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        endFile();
        return TestRunProtos.toImport(first(), files);
    }

    /** The stream as one request, with a digest in place of the files: what it is recognised by when it comes again. */
    ImportTestReportsRequest digest() {
        return first().toBuilder()
                .clearFileName()
                .setContent(ByteString.copyFrom(digest.digest()))
                .build();
    }

    private ImportTestReportsRequest first() {
        if (first == null) {
            throw refused("test_run_id", "missing: the stream had no message");
        }
        return first;
    }

    @Override
    public void close() {
        try {
            bytes.close();
            Files.deleteIfExists(spool);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static ImportTestReportsRequest checkedFirst(ImportTestReportsRequest message) {
        if (message.getTestRunId().isEmpty()) {
            throw refused("test_run_id", "missing (required in the first message)");
        }
        if (message.getFileName().isEmpty()) {
            throw refused("file_name", "missing (required in the first message)");
        }
        return message.toBuilder().clearContent().build();
    }

    private static void checkLater(ImportTestReportsRequest message, ImportTestReportsRequest first) {
        if (!message.getTestRunId().isEmpty() && !message.getTestRunId().equals(first.getTestRunId())) {
            throw refused(
                    "test_run_id",
                    message.getTestRunId() + " (expected: " + first.getTestRunId()
                            + ", the same in every message of the stream)");
        }
        for (var field : List.of("category", "category_rules", "request_id")) {
            var descriptor = message.getDescriptorForType().findFieldByName(field);
            if (message.getAllFields().containsKey(descriptor)
                    && !message.getField(descriptor).equals(first.getField(descriptor))) {
                throw refused(field, "given in a later message (expected: only in the first one)");
            }
        }
    }

    private static FailureException refused(String field, String problem) {
        return Failure.invalidArgument(ErrorReason.ERROR_REASON_FIELD_INVALID, field, problem)
                .with("field_count", 1)
                .exception();
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    /** One report: some of the bytes of the temporary file. */
    private record Range(Path spool, String name, long from, long to) implements TestReports.ReportFile {
        @Override
        public InputStream open() throws IOException {
            var all = Files.newInputStream(spool);
            all.skipNBytes(from);
            return new BufferedInputStream(new Part(all, to - from));
        }
    }

    /** The next bytes of a stream, as if there were no more. */
    private static final class Part extends InputStream {
        private final InputStream all;
        private long left;

        Part(InputStream all, long left) {
            this.all = all;
            this.left = left;
        }

        @Override
        public int read() throws IOException {
            var one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 0xFF;
        }

        @Override
        public int read(byte[] target, int offset, int length) throws IOException {
            if (left == 0) {
                return -1;
            }
            int read = all.read(target, offset, (int) Math.min(length, left));
            left -= Math.max(0, read);
            return read;
        }

        @Override
        public void close() throws IOException {
            all.close();
        }
    }
}
