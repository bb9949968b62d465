package dev.sortie.agent;

import static dev.sortie.agent.AgentFixture.await;
import static dev.sortie.agent.AgentFixture.order;
import static dev.sortie.agent.AgentFixture.reference;
import static dev.sortie.agent.AgentFixture.struct;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.agent.archive.ArchiveSettings;
import dev.sortie.agent.archive.S3Server;
import dev.sortie.agent.v1.CompleteWorkRequest;
import dev.sortie.agent.v1.ErrorReason;
import dev.sortie.agent.v1.Execution;
import dev.sortie.agent.v1.ExecutionReport;
import dev.sortie.agent.v1.ListExecutionsRequest;
import dev.sortie.agent.v1.ListLogsRequest;
import dev.sortie.agent.v1.WorkCompletion;
import dev.sortie.runtime.grpc.Messages;
import dev.sortie.runtime.testing.SettableClock;
import dev.sortie.runtime.testing.StatusAssert;
import dev.sortie.runtime.testing.TestDatabase;
import io.grpc.Status;
import java.io.ByteArrayInputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Old executions in a bucket, seen by callers. */
class S3ArchiveTest {
    private static final SettableClock CLOCK = AgentFixture.clock();
    private static final TestDatabase DATABASE = AgentFixture.newDatabase();
    private static final Duration AFTER = Duration.ofDays(90);

    @TempDir
    static Path folder;

    private static S3Server storage;
    private static AgentFixture agent;

    private final String queue = "s-" + UUID.randomUUID().toString().substring(0, 8);

    @BeforeAll
    static void start() throws Exception {
        storage = new S3Server(folder);
        agent = new AgentFixture(DATABASE, CLOCK, new ArchiveSettings(storage.location("agents/"), AFTER));
        await("the bucket has been tried", () -> agent.server().archive().isUsable());
    }

    @AfterEach
    void mend() {
        storage.gate().open();
    }

    @AfterAll
    static void stop() {
        agent.close();
        storage.close();
        DATABASE.close();
    }

    @Test
    void readsAnExecutionBackFromTheBucket() throws Exception {
        var was = ended(3);
        CLOCK.advance(AFTER.plusSeconds(1));
        var archived = CLOCK.instant();
        archiveAll(was);

        for (var execution : was) {
            assertThat(agent.execution(execution.getExecutionId()))
                    .isEqualTo(execution.toBuilder()
                            .setArchiveTime(Messages.timestamp(archived))
                            .build());
        }
        assertThat(agent.executions()
                        .listExecutions(ListExecutionsRequest.newBuilder()
                                .setWorkerId(was.getFirst().getWorkerId())
                                .build())
                        .getExecutionsList())
                .extracting(Execution::getExecutionId)
                .containsExactlyInAnyOrderElementsOf(ids(was));
        assertThat(agent.executions()
                        .listLogs(ListLogsRequest.newBuilder()
                                .setExecutionId(was.getFirst().getExecutionId())
                                .build())
                        .getLinesList())
                .isEmpty();

        var name = storage.names("agents/executions/").getFirst();
        try (var lines = new GZIPInputStream(new ByteArrayInputStream(storage.content(name)))) {
            assertThat(new String(lines.readAllBytes(), StandardCharsets.UTF_8).lines())
                    .allSatisfy(line -> assertThat(new io.vertx.core.json.JsonObject(line).getJsonObject("execution"))
                            .isNotEmpty());
        }
    }

    @Test
    void losesNothingWhileTheStorageIsDownAndGoesOnAfterwards() throws Exception {
        var archived = ended(2);
        CLOCK.advance(AFTER.plusSeconds(1));
        archiveAll(archived);
        var waiting = ended(2);
        CLOCK.advance(AFTER.plusSeconds(1));

        storage.gate().shut();
        await("the archiver says that it cannot", () -> {
            try {
                agent.server().archiver().run();
                return false; // the server's own run was just at it
            } catch (UncheckedIOException _) {
                return true;
            }
        });
        assertThat(agent.server().archive().isUsable()).isFalse();
        assertThat(usable()).isZero();
        assertThat(agent.server().archive().problem())
                .contains("s3://sortie-archive/agents/", "127.0.0.1")
                .doesNotContain(S3Server.SECRET);
        for (var execution : waiting) {
            assertThat(agent.execution(execution.getExecutionId())).isEqualTo(execution);
        }
        for (var execution : archived) {
            StatusAssert.fails(() -> agent.execution(execution.getExecutionId()))
                    .with(Status.Code.UNAVAILABLE, ErrorReason.ERROR_REASON_ARCHIVE_UNAVAILABLE)
                    .metadata("execution_id", execution.getExecutionId())
                    .retryable();
        }
        assertThat(agent.executions()
                        .listExecutions(ListExecutionsRequest.newBuilder()
                                .setWorkerId(archived.getFirst().getWorkerId())
                                .build())
                        .getExecutionsList())
                .hasSize(2);

        storage.gate().open();
        await("it is seen that the storage is back", () -> {
            agent.server().archive().check();
            return agent.server().archive().isUsable();
        });
        assertThat(usable()).isEqualTo(1);
        archiveAll(waiting);
        for (var execution : List.of(archived.getLast(), waiting.getLast())) {
            assertThat(agent.execution(execution.getExecutionId()).getStdout()).isEqualTo(execution.getStdout());
        }
        await("nothing is left over", () -> {
            agent.server().archiver().run();
            return agent.number("SELECT count(*) FROM archive_files WHERE status <> 'STORED'") == 0;
        });
        assertThat(storage.names("agents/executions/"))
                .hasSize((int) agent.number("SELECT count(*) FROM archive_files WHERE status = 'STORED'"));
    }

    @Test
    void saysThatAnExecutionCannotBeReadWhoseObjectIsGone() throws Exception {
        var was = ended(1).getFirst();
        CLOCK.advance(AFTER.plusSeconds(1));
        archiveAll(List.of(was));
        storage.remove("agents/" + fileOf(was));
        StatusAssert.fails(() -> agent.execution(was.getExecutionId()))
                .with(Status.Code.UNAVAILABLE, ErrorReason.ERROR_REASON_ARCHIVE_UNAVAILABLE)
                .metadata("file", fileOf(was));
        assertThat(agent.server().archive().isUsable()).isTrue();
        agent.number("WITH gone AS (DELETE FROM archived_executions WHERE execution_id = '" + was.getExecutionId()
                + "' RETURNING file_id), file AS (DELETE FROM archive_files f USING gone g"
                + " WHERE f.file_id = g.file_id RETURNING 1) SELECT count(*) FROM file");
    }

    @Test
    void servesWithoutTheBucketAndSaysWhatToDo() throws Exception {
        try (var database = AgentFixture.newDatabase();
                var without = new AgentFixture(
                        database, CLOCK, new ArchiveSettings(storage.location("not-made", ""), AFTER))) {
            await("the bucket has been tried", () -> without.server().archive().problem() != null);
            assertThat(without.server().archive().problem())
                    .contains("there is no bucket not-made; make it, or set SORTIE_ARCHIVE");
            without.enqueue(order(queue));
            without.complete(without.claimOne(without.register(1), queue));
        }
    }

    @Test
    void stopsWhileTheStorageSaysNothingAndAnotherServerGoesOn() throws Exception {
        try (var database = AgentFixture.newDatabase()) {
            var settings = new ArchiveSettings(storage.location("stopped/"), AFTER);
            String id;
            try (var before = new AgentFixture(database, CLOCK)) {
                before.enqueue(order(queue));
                var claimed = before.claimOne(before.register(1), queue);
                before.complete(claimed);
                id = claimed.getExecutionId();
            }
            CLOCK.advance(AFTER.plusSeconds(1));
            storage.gate().fallSilent();
            Path scratch;
            try (var stopped = new AgentFixture(database, CLOCK, settings)) {
                scratch = stopped.server().archive().scratch();
                await(
                        "a file is being written",
                        () -> stopped.number("SELECT count(*) FROM archive_files WHERE status = 'WRITING'") == 1);
            }
            assertThat(scratch).doesNotExist();

            storage.gate().open();
            CLOCK.advance(Duration.ofMinutes(16)); // it may not have been able to say that it gave up
            try (var next = new AgentFixture(database, CLOCK, settings)) {
                await("the other one archives", () -> {
                    next.server().archiver().run();
                    return next.execution(id).hasArchiveTime();
                });
                assertThat(storage.names("stopped/executions/"))
                        .hasSize((int) next.number("SELECT count(*) FROM archive_files"));
            }
        }
    }

    /** Executions that have just ended, as they are seen. */
    private List<Execution> ended(int count) {
        var worker = agent.register(count);
        agent.enqueueAll(AgentFixture.many(count, queue));
        var ended = new ArrayList<Execution>();
        for (int i = 0; i < count; i++) {
            var claimed = agent.claimOne(worker, queue);
            agent.work()
                    .completeWork(CompleteWorkRequest.newBuilder()
                            .addCompletions(WorkCompletion.newBuilder()
                                    .setClaim(reference(claimed))
                                    .setResult(struct("answer", i))
                                    .setReport(ExecutionReport.newBuilder()
                                            .setExitCode(i)
                                            .setStdout("∆ output " + i)
                                            .setStderr("\terrors\n")
                                            .setMetrics(struct("seconds", 1.5))))
                            .build());
            ended.add(agent.execution(claimed.getExecutionId()));
        }
        return ended;
    }

    /** Archives, with the server's own job, which may be at it already. */
    private static void archiveAll(List<Execution> executions) throws InterruptedException {
        await("old executions are archived", () -> {
            agent.server().archiver().run();
            return agent.number("SELECT count(*) FROM archived_executions WHERE execution_id IN ('"
                            + String.join("','", ids(executions)) + "')")
                    == executions.size();
        });
    }

    private static List<String> ids(List<Execution> executions) {
        return executions.stream().map(Execution::getExecutionId).toList();
    }

    private static double usable() {
        return agent.server()
                .runtime()
                .meters()
                .get("sortie.archive.usable")
                .gauge()
                .value();
    }

    private static String fileOf(Execution execution) throws Exception {
        try (var connection = DATABASE.connectAsOwner();
                var statement = connection.createStatement();
                var rows = statement.executeQuery("SELECT f.name FROM archive_files f JOIN archived_executions a"
                        + " ON a.file_id = f.file_id WHERE a.execution_id = '" + execution.getExecutionId() + "'")) {
            rows.next();
            return rows.getString(1);
        }
    }
}
