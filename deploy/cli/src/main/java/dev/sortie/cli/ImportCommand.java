package dev.sortie.cli;

import com.google.protobuf.ByteString;
import dev.sortie.mission.v1.ImportMissionsRequest;
import dev.sortie.mission.v1.ImportMissionsResponse;
import dev.sortie.mission.v1.ImportOutcome;
import dev.sortie.mission.v1.ImportedRecord;
import dev.sortie.mission.v1.MissionServiceGrpc;
import io.grpc.StatusException;
import io.grpc.stub.BlockingClientCall;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** {@code sortie import}: records of older systems, in batches. */
final class ImportCommand implements Command {
    private static final int BATCH_LINES = 500;
    private static final int BATCH_BYTES = 8 << 20;
    private static final int MESSAGE = 512 * 1024;

    @Override
    public String help() {
        return """
                Takes records of older systems: newline-delimited JSON, one record on each line. Prints progress and what is
                wrong with each record that is rejected. The same input twice changes nothing; so after a failure, or when
                the records have been mended, run it again.

                usage: sortie import [OPTION…] FILE        (- reads standard input)

                A line is {"form": …, "table": …, "source": …, "record": {…}}, or the bare record where its columns tell
                what it is. Records come after those that they refer to. deploy/examples/import has examples.

                  form mission-system   users, missions (with current_hop and hop_history), assets
                  form mission-deck     missions, dod_items, test_runs
                  form agentvine        users, tasks, task_dependencies

                Asks for the token of an administrator.

                Exit codes: 0 everything is there; 1 records were rejected or in conflict; 2 it did not work.

                options
                  --quiet                 print no notes about what was dropped or adapted
                """;
    }

    @Override
    public Set<String> options() {
        return Set.of();
    }

    @Override
    public Set<String> flags() {
        return Set.of("--quiet");
    }

    @Override
    public int run(Arguments arguments, Terminal terminal) {
        if (arguments.rest().size() != 1) {
            throw new CliException("expected: one file, or - for standard input; see --help");
        }
        var name = arguments.rest().getFirst();
        var quiet = arguments.has("--quiet");
        try (var input = name.equals("-") ? terminal.in() : Files.newInputStream(Path.of(name));
                var connection = Connection.open(arguments, terminal.environment())) {
            var lines = new BufferedInputStream(input, 1 << 16);
            var totals = new Totals(terminal.out(), quiet);
            long line = 1;
            while (true) {
                var batch = Batch.read(lines);
                if (batch.lines == 0) {
                    break;
                }
                long first = line;
                totals.add(connection.call(() -> send(connection, batch.bytes, first)), line + batch.lines - 1);
                line += batch.lines;
            }
            totals.end();
            return totals.isGood() ? ExitCode.OK : ExitCode.NOT_GOOD;
        } catch (IOException e) {
            throw new CliException(name + " cannot be read: " + e.getMessage(), e);
        }
    }

    private static ImportMissionsResponse send(Connection connection, byte[] bytes, long firstLine)
            throws StatusException, InterruptedException, TimeoutException {
        BlockingClientCall<ImportMissionsRequest, ImportMissionsResponse> call = MissionServiceGrpc.newBlockingV2Stub(
                        connection.channel())
                .withDeadlineAfter(10, TimeUnit.MINUTES)
                .importMissions();
        for (int from = 0; from < bytes.length; from += MESSAGE) {
            var message = ImportMissionsRequest.newBuilder()
                    .setContent(ByteString.copyFrom(bytes, from, Math.min(MESSAGE, bytes.length - from)));
            if (from == 0) {
                message.setFirstLine(firstLine);
            }
            if (!call.write(message.build())) {
                break; // it has answered already, which says why
            }
        }
        call.halfClose();
        var answer = call.read();
        if (answer == null) {
            throw new CliException("the server ended the call without an answer");
        }
        return answer;
    }

    /** Some lines, whole. */
    private record Batch(byte[] bytes, int lines) {
        static Batch read(InputStream input) throws IOException {
            var bytes = new ByteArrayOutputStream();
            int lines = 0;
            boolean open = false;
            int one;
            // A line beyond the limit of a batch is cut here and told by the server, which takes none that long.
            while (lines < BATCH_LINES && bytes.size() < BATCH_BYTES && (one = input.read()) >= 0) {
                bytes.write(one);
                open = one != '\n';
                if (!open) {
                    lines++;
                }
            }
            while (open && (one = input.read()) >= 0) {
                if (bytes.size() < 2 * BATCH_BYTES || one == '\n') {
                    bytes.write(one);
                }
                if (one == '\n') {
                    open = false;
                    lines++;
                }
            }
            return new Batch(bytes.toByteArray(), open ? lines + 1 : lines);
        }
    }

    /** What came of all batches so far. */
    private static final class Totals {
        private final PrintStream out;
        private final boolean quiet;
        private long created;
        private long linked;
        private long unchanged;
        private long conflicts;
        private long rejected;

        Totals(PrintStream out, boolean quiet) {
            this.out = out;
            this.quiet = quiet;
        }

        void add(ImportMissionsResponse answer, long lastLine) {
            created += answer.getCreatedCount();
            linked += answer.getLinkedCount();
            unchanged += answer.getUnchangedCount();
            conflicts += answer.getConflictCount();
            rejected += answer.getRejectedCount();
            answer.getRecordsList().forEach(this::print);
            if (answer.getOmittedCount() > 0) {
                out.printf("  … and %d records more%n", answer.getOmittedCount());
            }
            out.printf("up to line %d: %s%n", lastLine, counts());
        }

        private void print(ImportedRecord record) {
            var what = "line %d: %s".formatted(record.getLine(), name(record));
            if (record.getOutcome() == ImportOutcome.IMPORT_OUTCOME_REJECTED
                    || record.getOutcome() == ImportOutcome.IMPORT_OUTCOME_CONFLICT) {
                out.printf(
                        "%s %s: %s%s%n",
                        what,
                        record.getOutcome() == ImportOutcome.IMPORT_OUTCOME_REJECTED ? "rejected" : "in conflict",
                        record.getField().isEmpty() ? "" : record.getField() + ": ",
                        record.getReason());
            } else if (!quiet) {
                record.getNotesList().forEach(note -> out.printf("%s %s%n", what, note));
            }
        }

        private static String name(ImportedRecord record) {
            return record.getTable().isEmpty()
                    ? "record"
                    : record.getForm() + " " + record.getTable()
                            + (record.getSourceId().isEmpty() ? "" : " " + record.getSourceId());
        }

        void end() {
            out.printf("Imported: %s%n", counts());
        }

        private String counts() {
            return "%d created, %d linked, %d unchanged, %d in conflict, %d rejected"
                    .formatted(created, linked, unchanged, conflicts, rejected);
        }

        boolean isGood() {
            return conflicts == 0 && rejected == 0;
        }
    }
}
