package dev.sortie.agent;

import static dev.sortie.agent.AgentFixture.await;
import static dev.sortie.agent.AgentFixture.order;
import static dev.sortie.agent.AgentFixture.seconds;
import static dev.sortie.agent.AgentFixture.struct;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.agent.v1.DeregisterWorkerRequest;
import dev.sortie.agent.v1.GetWorkerRequest;
import dev.sortie.agent.v1.HeartbeatWorkRequest;
import dev.sortie.agent.v1.ListWorkersRequest;
import dev.sortie.agent.v1.RegisterWorkerRequest;
import dev.sortie.agent.v1.Worker;
import dev.sortie.agent.v1.WorkerStatus;
import dev.sortie.runtime.grpc.Messages;
import dev.sortie.runtime.testing.SettableClock;
import dev.sortie.runtime.testing.StatusAssert;
import dev.sortie.type.v1.ErrorReason;
import dev.sortie.type.v1.TaskType;
import io.grpc.Status;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** Workers: how they come and go. */
class WorkerServiceTest {
    private static final SettableClock CLOCK = AgentFixture.clock();

    @AutoClose
    private static final AgentFixture AGENT = new AgentFixture(CLOCK);

    @Test
    void registersAWorkerAsItDescribesItself() {
        var described = Worker.newBuilder()
                .setName("surveyor")
                .setWorkerType(TaskType.TASK_TYPE_REVIEW)
                .setSoftwareVersion("1.2")
                .setMaxConcurrentTasks(4)
                .setLeaseDuration(seconds(12))
                .setContextWindowSize(200_000)
                .setConfig(struct("depth", 3))
                .build();

        var worker = register(described);

        assertThat(worker.toBuilder()
                        .clearWorkerId()
                        .clearStatus()
                        .clearLastHeartbeatTime()
                        .clearCreateTime()
                        .clearUpdateTime()
                        .clearEtag()
                        .build())
                .isEqualTo(described);
        assertThat(worker.getStatus()).isEqualTo(WorkerStatus.WORKER_STATUS_IDLE);
        assertThat(Messages.instant(worker.getLastHeartbeatTime())).isEqualTo(CLOCK.instant());
        assertThat(AGENT.worker(worker.getWorkerId())).isEqualTo(worker);
    }

    @Test
    void fillsInDefaultsAndRequiresNameAndType() {
        var worker = AGENT.worker(AGENT.register(0));
        assertThat(worker.getMaxConcurrentTasks()).isEqualTo(1);
        assertThat(worker.getLeaseDuration()).isEqualTo(seconds(30));
        StatusAssert.fails(() -> register(Worker.getDefaultInstance()))
                .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("worker.name")
                .field("worker.worker_type");
    }

    @Test
    void registersOnceForTheSameRequest() {
        var request = RegisterWorkerRequest.newBuilder()
                .setWorker(Worker.newBuilder().setName("once").setWorkerType(TaskType.TASK_TYPE_DOCS))
                .setRequestId(UUID.randomUUID().toString())
                .build();
        var first = AGENT.workers().registerWorker(request);
        assertThat(AGENT.workers().registerWorker(request))
                .isEqualTo(first.toBuilder().setReplayed(true).build());
    }

    @Test
    void takesAWorkerToBeGoneAfterAMinuteWithoutACallAndToBeBackWithTheNext() throws Exception {
        var id = AGENT.register(1);
        CLOCK.advance(Duration.ofSeconds(59));
        AGENT.markSilentWorkers();
        assertThat(AGENT.worker(id).getStatus()).isEqualTo(WorkerStatus.WORKER_STATUS_IDLE);

        CLOCK.advance(Duration.ofSeconds(2));
        AGENT.markSilentWorkers();
        var gone = AGENT.worker(id);
        assertThat(gone.getStatus()).isEqualTo(WorkerStatus.WORKER_STATUS_OFFLINE);
        assertThat(gone.getEtag()).isEqualTo("2");

        AGENT.work()
                .heartbeatWork(HeartbeatWorkRequest.newBuilder().setWorkerId(id).build());
        await("the worker is back", () -> AGENT.worker(id).getStatus() == WorkerStatus.WORKER_STATUS_IDLE);
        assertThat(Messages.instant(AGENT.worker(id).getLastHeartbeatTime())).isEqualTo(CLOCK.instant());

        CLOCK.advance(Duration.ofSeconds(61));
        AGENT.markSilentWorkers();
        var queue = "back-" + UUID.randomUUID();
        AGENT.enqueue(order(queue));
        AGENT.claimOne(id, queue);
        assertThat(AGENT.worker(id).getStatus()).isEqualTo(WorkerStatus.WORKER_STATUS_BUSY);
        assertThat(AGENT.number("SELECT count(DISTINCT version) FROM change_log WHERE resource_id = '" + id + "'"))
                .isEqualTo(5);
        assertThat(AGENT.worker(id).getEtag()).isEqualTo("5");
    }

    @Test
    void listsNewestFirstByStatusInPages() {
        var ids = new ArrayList<String>();
        for (int i = 0; i < 5; i++) {
            CLOCK.advance(Duration.ofMillis(1));
            ids.addFirst(AGENT.register(1));
        }
        AGENT.workers()
                .deregisterWorker(DeregisterWorkerRequest.newBuilder()
                        .setWorkerId(ids.get(1))
                        .build());
        var queue = "list-" + UUID.randomUUID();
        AGENT.enqueue(order(queue));
        AGENT.claimOne(ids.get(2), queue);

        assertThat(pages(WorkerStatus.WORKER_STATUS_UNSPECIFIED)).containsSubsequence(ids);
        assertThat(pages(WorkerStatus.WORKER_STATUS_BUSY)).contains(ids.get(2)).doesNotContain(ids.get(0));
        assertThat(pages(WorkerStatus.WORKER_STATUS_OFFLINE))
                .contains(ids.get(1))
                .doesNotContain(ids.get(0));
        assertThat(pages(WorkerStatus.WORKER_STATUS_IDLE))
                .containsSubsequence(ids.get(0), ids.get(3), ids.get(4))
                .doesNotContain(ids.get(1), ids.get(2));
    }

    @Test
    void knowsNoWorkerThatWasNeverRegistered() {
        var unknown = UUID.randomUUID().toString();
        StatusAssert.fails(() -> AGENT.workers()
                        .getWorker(GetWorkerRequest.newBuilder()
                                .setWorkerId(unknown)
                                .build()))
                .with(Status.Code.NOT_FOUND, ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND)
                .metadata("resource", "worker");
        StatusAssert.fails(() -> AGENT.workers()
                        .deregisterWorker(DeregisterWorkerRequest.newBuilder()
                                .setWorkerId(unknown)
                                .build()))
                .with(Status.Code.NOT_FOUND, ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND);
        StatusAssert.fails(() -> AGENT.workers()
                        .getWorker(GetWorkerRequest.newBuilder()
                                .setWorkerId("not-an-id")
                                .build()))
                .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("worker_id");
    }

    private static Worker register(Worker worker) {
        return AGENT.workers()
                .registerWorker(
                        RegisterWorkerRequest.newBuilder().setWorker(worker).build())
                .getWorker();
    }

    private static List<String> pages(WorkerStatus status) {
        var ids = new ArrayList<String>();
        var token = "";
        do {
            var page = AGENT.workers()
                    .listWorkers(ListWorkersRequest.newBuilder()
                            .setStatus(status)
                            .setPageSize(2)
                            .setPageToken(token)
                            .build());
            page.getWorkersList().forEach(worker -> ids.add(worker.getWorkerId()));
            token = page.getNextPageToken();
        } while (!token.isEmpty());
        return ids;
    }
}
