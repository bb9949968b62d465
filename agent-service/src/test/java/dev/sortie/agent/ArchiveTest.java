package dev.sortie.agent;

import static dev.sortie.agent.AgentFixture.order;
import static dev.sortie.agent.AgentFixture.reference;
import static dev.sortie.agent.AgentFixture.struct;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sortie.agent.archive.ArchiveLocation;
import dev.sortie.agent.archive.ArchiveSettings;
import dev.sortie.agent.archive.ArchiveStorage;
import dev.sortie.agent.archive.Archiver;
import dev.sortie.agent.archive.FolderStorage;
import dev.sortie.agent.store.ArchiveStore;
import dev.sortie.agent.v1.ClaimedWork;
import dev.sortie.agent.v1.CompleteWorkRequest;
import dev.sortie.agent.v1.ErrorReason;
import dev.sortie.agent.v1.Execution;
import dev.sortie.agent.v1.ExecutionReport;
import dev.sortie.agent.v1.ExecutionStatus;
import dev.sortie.agent.v1.ListExecutionsRequest;
import dev.sortie.agent.v1.ListLogsRequest;
import dev.sortie.agent.v1.WorkCompletion;
import dev.sortie.agent.v1.WorkFailure;
import dev.sortie.agent.v1.WorkOrderStatus;
import dev.sortie.runtime.grpc.Messages;
import dev.sortie.runtime.testing.SettableClock;
import dev.sortie.runtime.testing.StatusAssert;
import dev.sortie.runtime.testing.TestDatabase;
import io.grpc.Status;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Old executions leave the database for files, and are read back from these. */
class ArchiveTest {
    /** Says of an ended execution that it is in a file, which is not there. */
    static final String MOVE_BY_HAND = """
            WITH file AS (
                INSERT INTO archive_files (file_id, name, status, written_until, execution_count, size_bytes, sha256,
                    created_at, stored_at)
                VALUES (gen_random_uuid(), 'gone-%1$s', 'STORED', now(), 1, 1, '\\x00', now(), now())
                RETURNING file_id
            ), gone AS (
                DELETE FROM executions WHERE execution_id = '%1$s'
                RETURNING execution_id, work_order_id, worker_id, status, attempt, started_at, completed_at, updated_at
            ), moved AS (
                INSERT INTO archived_executions (execution_id, work_order_id, worker_id, status, attempt,
                    has_late_report, started_at, completed_at, updated_at, archived_at, file_id, position, length)
                SELECT g.execution_id, g.work_order_id, g.worker_id, g.status, g.attempt, false, g.started_at,
                    g.completed_at, g.updated_at, now(), f.file_id, 0, 1
                FROM gone g CROSS JOIN file f
                RETURNING 1
            )
            SELECT count(*) FROM moved
            """;

    private static final SettableClock CLOCK = AgentFixture.clock();
    private static final TestDatabase DATABASE = AgentFixture.newDatabase();
    private static final Duration AFTER = Duration.ofDays(90);

    @TempDir
    static Path folder;

    private static AgentFixture agent;

    private final String queue = "a-" + UUID.randomUUID().toString().substring(0, 8);

    @BeforeAll
    static void start() throws Exception {
        agent = new AgentFixture(DATABASE, CLOCK, new ArchiveSettings(new ArchiveLocation.Folder(folder), AFTER));
        // Until then a file is there that belongs to nobody.
        AgentFixture.await(
                "the folder has been tried", () -> agent.server().archive().isUsable());
    }

    @AfterAll
    static void stop() {
        agent.close();
        DATABASE.close();
    }

    @Test
    void readsAnExecutionBackAsItWas() throws Exception {
        var worker = agent.register(1);
        agent.enqueue(order(queue));
        var failed = agent.claimOne(worker, queue);
        agent.fail(WorkFailure.newBuilder()
                .setClaim(reference(failed))
                .setErrorMessage("∆ it broke")
                .setReport(report("first")));
        CLOCK.advance(Duration.ofSeconds(10));
        var done = agent.claimOne(worker, queue);
        CLOCK.advance(Duration.ofMillis(1_500));
        complete(done, report("second"));
        StatusAssert.fails(() -> complete(failed, report("too late")))
                .with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_CLAIM_STALE);
        var before = List.of(execution(failed), execution(done));
        assertThat(before.getFirst().getReportedLate()).isTrue();
        assertThat(before.getLast().getDuration()).isEqualTo(Messages.duration(Duration.ofMillis(1_500)));

        CLOCK.advance(AFTER.plusSeconds(1));
        agent.server().archiver().run();

        var archived = CLOCK.instant();
        assertThat(agent.number("SELECT count(*) FROM executions WHERE work_order_id = '%s'"
                        .formatted(done.getWorkOrder().getWorkOrderId())))
                .isZero();
        for (var was : before) {
            assertThat(agent.execution(was.getExecutionId()))
                    .isEqualTo(was.toBuilder()
                            .setArchiveTime(Messages.timestamp(archived))
                            .build());
        }
        assertThat(agent.get(done.getWorkOrder().getWorkOrderId()).getStatus())
                .isEqualTo(WorkOrderStatus.WORK_ORDER_STATUS_COMPLETED);
        assertThat(agent.executions()
                        .listLogs(ListLogsRequest.newBuilder()
                                .setExecutionId(done.getExecutionId())
                                .build())
                        .getLinesList())
                .isEmpty();
    }

    @Test
    void listsWhatIsArchivedAmongTheOthers() {
        var worker = agent.register(5);
        agent.enqueue(order(queue));
        var ids = new ArrayList<String>();
        var old = agent.claimOne(worker, queue);
        agent.fail(old);
        CLOCK.advance(AFTER.plusHours(1));
        var young = agent.claimOne(worker, queue);
        agent.fail(young);
        CLOCK.advance(Duration.ofHours(1));
        var running = agent.claimOne(worker, queue);
        ids.addAll(List.of(running.getExecutionId(), young.getExecutionId(), old.getExecutionId()));

        agent.server().archiver().run();

        var ofOrder = ListExecutionsRequest.newBuilder()
                .setWorkOrderId(old.getWorkOrder().getWorkOrderId());
        assertThat(list(ofOrder)).extracting(Execution::getExecutionId).containsExactlyElementsOf(ids);
        assertThat(list(ofOrder)).extracting(Execution::hasArchiveTime).containsExactly(false, false, true);
        assertThat(list(ListExecutionsRequest.newBuilder().setWorkerId(worker)))
                .extracting(Execution::getExecutionId)
                .containsExactlyElementsOf(ids);
        assertThat(list(ListExecutionsRequest.newBuilder().setStatus(ExecutionStatus.EXECUTION_STATUS_FAILED)))
                .extracting(Execution::getExecutionId)
                .containsSubsequence(ids.subList(1, 3));
        assertThat(list(ListExecutionsRequest.newBuilder()))
                .extracting(Execution::getExecutionId)
                .containsSubsequence(ids);
        var first =
                agent.executions().listExecutions(ofOrder.clone().setPageSize(2).build());
        assertThat(agent.executions()
                        .listExecutions(ofOrder.clone()
                                .setPageSize(2)
                                .setPageToken(first.getNextPageToken())
                                .build())
                        .getExecutionsList())
                .extracting(Execution::getExecutionId)
                .containsExactly(old.getExecutionId());
    }

    @Test
    void writesFilesThatOthersCanRead() throws Exception {
        var ids = ended(45);
        CLOCK.advance(AFTER.plusSeconds(1));
        agent.server().archiver().run();

        var name = text("SELECT f.name FROM archive_files f JOIN archived_executions a ON a.file_id = f.file_id"
                + " WHERE a.execution_id = '" + ids.getFirst() + "'");
        var file = folder.resolve(name);
        var found = new ArrayList<String>();
        try (var lines = new GZIPInputStream(new BufferedInputStream(Files.newInputStream(file)))) {
            new String(lines.readAllBytes(), StandardCharsets.UTF_8)
                    .lines()
                    .forEach(line -> found.add(new io.vertx.core.json.JsonObject(line)
                            .getJsonObject("execution")
                            .getString("execution_id")));
        }
        assertThat(found).containsAll(ids).isSorted();
        assertThat(Files.readString(file, StandardCharsets.ISO_8859_1)).doesNotContain("claim_hash");
        assertThat(text("SELECT encode(sha256, 'hex') FROM archive_files WHERE name = '" + name + "'"))
                .isEqualTo(HexFormat.of()
                        .formatHex(MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(file))));
        assertThat(agent.number("SELECT size_bytes FROM archive_files WHERE name = '" + name + "'"))
                .isEqualTo(Files.size(file));
        assertThat(folder.resolve(".writing")).isEmptyDirectory();
    }

    @Test
    void losesNothingAndDoublesNothingWhenItFailsBetweenTwoSteps() throws Exception {
        var ids = ended(3);
        CLOCK.advance(AFTER.plusSeconds(1));
        for (int step = 0; step < 3; step++) {
            int at = step;
            var failing = new Wrapped() {
                @Override
                public Path scratch() throws IOException {
                    return at == 0 ? fail() : super.scratch();
                }

                @Override
                public void put(String name, Path file, byte[] sha256) throws IOException {
                    if (at == 1) {
                        fail();
                    }
                    super.put(name, file, sha256);
                    fail();
                }
            };
            assertThatThrownBy(() -> archiver(failing).run()).isInstanceOf(UncheckedIOException.class);
            assertInDatabase(ids);
        }
        archiver(new Wrapped()).run();
        assertArchivedOnce(ids);
    }

    @Test
    void takesOverFromAServerThatDiedWhenItsTimeIsUp() throws Exception {
        var ids = ended(3);
        CLOCK.advance(AFTER.plusSeconds(1));
        // It had put its file there, and then was no more.
        Files.createDirectories(folder.resolve("executions"));
        var orphan = Files.writeString(folder.resolve("executions/orphan-" + queue), "not known to anybody");
        agent.number("""
                WITH written AS (
                    INSERT INTO archive_files (file_id, name, status, written_until, created_at)
                    VALUES (gen_random_uuid(), 'executions/orphan-%s', 'WRITING', '%s', now())
                    RETURNING 1)
                SELECT count(*) FROM written
                """.formatted(queue, CLOCK.instant().plus(Duration.ofMinutes(15))));

        agent.server().archiver().run();
        assertInDatabase(ids);

        CLOCK.advance(Duration.ofMinutes(15));
        agent.server().archiver().run();
        assertThat(orphan).doesNotExist();
        assertArchivedOnce(ids);
    }

    @Test
    void doesNotBelieveAServerThatWakesAfterAnotherHasTakenOver() throws Exception {
        var ids = ended(3);
        CLOCK.advance(AFTER.plusSeconds(1));
        var files = new ArrayList<String>();
        var slow = new Wrapped() {
            @Override
            public void put(String name, Path file, byte[] sha256) throws IOException {
                super.put(name, file, sha256);
                files.add(name);
                CLOCK.advance(Duration.ofMinutes(16));
                agent.server().archiver().run();
            }
        };
        archiver(slow).run();
        assertArchivedOnce(ids);
        assertThat(folder.resolve(files.getFirst())).doesNotExist();

        // The same before it has put its file there.
        var more = ended(3);
        CLOCK.advance(AFTER.plusSeconds(1));
        var slower = new Wrapped() {
            @Override
            public void put(String name, Path file, byte[] sha256) throws IOException {
                CLOCK.advance(Duration.ofMinutes(16));
                agent.server().archiver().run();
                super.put(name, file, sha256);
            }
        };
        assertThatThrownBy(() -> archiver(slower).run()).isInstanceOf(UncheckedIOException.class);
        assertArchivedOnce(more);
    }

    @Test
    void leavesWhatHasChangedSinceItWasWrittenForTheNextTime() throws Exception {
        var ids = ended(3);
        CLOCK.advance(AFTER.plusSeconds(1));
        var meanwhile = new Wrapped() {
            @Override
            public void put(String name, Path file, byte[] sha256) throws IOException {
                super.put(name, file, sha256);
                agent.number("""
                        WITH written AS (
                            UPDATE executions SET updated_at = updated_at + interval '1 second', stdout = 'changed'
                            WHERE execution_id = '%s' RETURNING 1)
                        SELECT count(*) FROM written
                        """.formatted(ids.get(1)));
            }
        };
        archiver(meanwhile).run();
        assertArchivedOnce(List.of(ids.get(0), ids.get(2)));
        assertInDatabase(List.of(ids.get(1)));

        agent.server().archiver().run();
        assertArchivedOnce(ids);
        assertThat(agent.execution(ids.get(1)).getStdout()).isEqualTo("changed");
    }

    @Test
    void archivesOnceHoweverManyServersAreAtIt() throws Exception {
        var ids = ended(120);
        CLOCK.advance(AFTER.plusSeconds(1));
        var runs = new ArrayList<CompletableFuture<Void>>();
        for (int i = 0; i < 6; i++) {
            runs.add(CompletableFuture.runAsync(archiver(new Wrapped())::run, Thread::startVirtualThread));
        }
        CompletableFuture.allOf(runs.toArray(CompletableFuture[]::new)).get(60, TimeUnit.SECONDS);
        agent.server().archiver().run();
        assertArchivedOnce(ids);
    }

    @Test
    void saysThatAnExecutionCannotBeReadWhoseFileIsDamagedOrGone() throws Exception {
        var ids = ended(2);
        CLOCK.advance(AFTER.plusSeconds(1));
        agent.server().archiver().run();
        var file = folder.resolve(
                text("SELECT f.name FROM archive_files f JOIN archived_executions a ON a.file_id = f.file_id"
                        + " WHERE a.execution_id = '" + ids.getFirst() + "'"));
        var whole = Files.readAllBytes(file);
        long position =
                agent.number("SELECT position FROM archived_executions WHERE execution_id = '" + ids.getFirst() + "'");

        var damaged = whole.clone();
        damaged[(int) position + 40] ^= 1;
        Files.write(file, damaged);
        assertUnreadable(ids.getFirst());
        assertThat(agent.execution(ids.getLast()).getExecutionId()).isEqualTo(ids.getLast());

        Files.delete(file);
        assertUnreadable(ids.getFirst());
        Files.write(file, whole);
        assertThat(agent.execution(ids.getFirst()).getExecutionId()).isEqualTo(ids.getFirst());
    }

    private static void assertUnreadable(String id) {
        StatusAssert.fails(() -> agent.execution(id))
                .with(Status.Code.UNAVAILABLE, ErrorReason.ERROR_REASON_ARCHIVE_UNAVAILABLE)
                .metadata("execution_id", id);
    }

    /** Executions that have just ended, the oldest first. */
    private List<String> ended(int count) {
        var worker = agent.register(count);
        agent.enqueueAll(AgentFixture.many(count, queue));
        var ids = new ArrayList<String>();
        for (int i = 0; i < count; i++) {
            var claimed = agent.claimOne(worker, queue);
            complete(claimed, report("n" + i));
            ids.add(claimed.getExecutionId());
            CLOCK.advance(Duration.ofMillis(2)); // their ids are in their order
        }
        return ids;
    }

    private static ExecutionReport report(String stdout) {
        return ExecutionReport.newBuilder()
                .setExitCode(3)
                .setStdout(stdout)
                .setStderr("\tstderr\n")
                .setMetrics(struct("seconds", 1.5))
                .build();
    }

    private static void complete(ClaimedWork claimed, ExecutionReport report) {
        agent.work()
                .completeWork(CompleteWorkRequest.newBuilder()
                        .addCompletions(WorkCompletion.newBuilder()
                                .setClaim(reference(claimed))
                                .setResult(struct("answer", 42))
                                .setReport(report))
                        .build());
    }

    private static Execution execution(ClaimedWork claimed) {
        return agent.execution(claimed.getExecutionId());
    }

    private static List<Execution> list(ListExecutionsRequest.Builder request) {
        return agent.executions().listExecutions(request.build()).getExecutionsList();
    }

    private static void assertInDatabase(List<String> ids) {
        assertThat(agent.number(
                        "SELECT count(*) FROM executions WHERE execution_id IN ('" + String.join("','", ids) + "')"))
                .isEqualTo(ids.size());
        for (var id : ids) {
            assertThat(agent.execution(id).hasArchiveTime()).isFalse();
        }
    }

    /** Each is in one file, and no longer in the table; no file is there of which nothing is known. */
    private static void assertArchivedOnce(List<String> ids) throws IOException {
        var list = "('" + String.join("','", ids) + "')";
        assertThat(agent.number("SELECT count(*) FROM executions WHERE execution_id IN " + list))
                .isZero();
        assertThat(agent.number("SELECT count(*) FROM archived_executions WHERE execution_id IN " + list))
                .isEqualTo(ids.size());
        for (var id : ids) {
            assertThat(agent.execution(id).hasArchiveTime()).isTrue();
        }
        assertThat(agent.number("SELECT count(*) FROM archive_files WHERE status <> 'STORED'"))
                .isZero();
        try (var files = Files.walk(folder)) {
            assertThat(files.filter(Files::isRegularFile).count())
                    .isEqualTo(agent.number("SELECT count(*) FROM archive_files"));
        }
    }

    private static Archiver archiver(ArchiveStorage storage) {
        var runtime = agent.server().runtime();
        return new Archiver(runtime.database(), new ArchiveStore(), storage, runtime.ids(), AFTER);
    }

    private static String text(String sql) throws Exception {
        try (var connection = DATABASE.connectAsOwner();
                var statement = connection.createStatement();
                var rows = statement.executeQuery(sql)) {
            rows.next();
            return rows.getString(1);
        }
    }

    /** The folder, with accidents. */
    private static class Wrapped implements ArchiveStorage {
        private final ArchiveStorage inner = new FolderStorage(folder);

        static Path fail() throws IOException {
            throw new IOException("an accident");
        }

        @Override
        public Path scratch() throws IOException {
            return inner.scratch();
        }

        @Override
        public void put(String name, Path file, byte[] sha256) throws IOException {
            inner.put(name, file, sha256);
        }

        @Override
        public byte[] read(String name, long position, int length) throws IOException {
            return inner.read(name, position, length);
        }

        @Override
        public void delete(String name) throws IOException {
            inner.delete(name);
        }

        @Override
        public void close() {
            inner.close();
        }
    }
}
