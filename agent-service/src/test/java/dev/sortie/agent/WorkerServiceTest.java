package dev.sortie.agent;

import static dev.sortie.agent.AgentFixture.await;
import static dev.sortie.agent.AgentFixture.order;
import static dev.sortie.agent.AgentFixture.seconds;
import static dev.sortie.agent.AgentFixture.struct;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.FieldMask;
import dev.sortie.agent.v1.DeregisterWorkerRequest;
import dev.sortie.agent.v1.DrainWorkerRequest;
import dev.sortie.agent.v1.GetWorkerRequest;
import dev.sortie.agent.v1.HeartbeatWorkRequest;
import dev.sortie.agent.v1.ListWorkersRequest;
import dev.sortie.agent.v1.RegisterWorkerRequest;
import dev.sortie.agent.v1.UpdateWorkerRequest;
import dev.sortie.agent.v1.Worker;
import dev.sortie.agent.v1.WorkerStatus;
import dev.sortie.runtime.grpc.Messages;
import dev.sortie.runtime.testing.SettableClock;
import dev.sortie.runtime.testing.StatusAssert;
import dev.sortie.type.v1.ErrorReason;
import dev.sortie.type.v1.RetryPolicy;
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
    void changesWhatTheMaskNamesAndNothingElse() {
        var worker = AGENT.worker(AGENT.register(4));
        var changed = update(
                worker.toBuilder()
                        .setName("renamed")
                        .setSoftwareVersion("2.0")
                        .setMaxConcurrentTasks(9)
                        .build(),
                "name",
                "software_version");
        assertThat(changed.getName()).isEqualTo("renamed");
        assertThat(changed.getSoftwareVersion()).isEqualTo("2.0");
        assertThat(changed.getMaxConcurrentTasks()).isEqualTo(4);
        assertThat(changed.getEtag()).isNotEqualTo(worker.getEtag());

        var again = update(Worker.newBuilder()
                .setWorkerId(worker.getWorkerId())
                .setMaxConcurrentTasks(2)
                .setLeaseDuration(seconds(7))
                .setContextWindowSize(8_000)
                .setConfig(struct("depth", 1))
                .build());
        assertThat(again.getName()).isEqualTo("renamed");
        assertThat(again.getMaxConcurrentTasks()).isEqualTo(2);
        assertThat(again.getLeaseDuration()).isEqualTo(seconds(7));
        assertThat(again.getContextWindowSize()).isEqualTo(8_000);
        assertThat(again.getConfig()).isEqualTo(struct("depth", 1));
        assertThat(update(again, "*").getEtag()).isEqualTo(again.getEtag());
    }

    @Test
    void refusesChangesOfWhatIsNotThereOrHasChanged() {
        var worker = AGENT.worker(AGENT.register(1));
        update(worker.toBuilder().setName("first").build(), "name");
        StatusAssert.fails(() -> update(worker.toBuilder().setName("second").build(), "name"))
                .with(Status.Code.ABORTED, ErrorReason.ERROR_REASON_ETAG_MISMATCH);
        StatusAssert.fails(() -> update(worker.toBuilder().clearEtag().build(), "drain_time"))
                .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_UPDATE_MASK_INVALID);
        StatusAssert.fails(
                        () -> update(worker.toBuilder().clearEtag().clearName().build(), "name"))
                .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("worker.name");
        StatusAssert.fails(() -> update(Worker.newBuilder().setName("who").build(), "name"))
                .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("worker.worker_id");
        AGENT.workers()
                .deregisterWorker(DeregisterWorkerRequest.newBuilder()
                        .setWorkerId(worker.getWorkerId())
                        .build());
        StatusAssert.fails(() -> update(worker.toBuilder().clearEtag().build(), "name"))
                .with(
                        Status.Code.FAILED_PRECONDITION,
                        dev.sortie.agent.v1.ErrorReason.ERROR_REASON_WORKER_NOT_REGISTERED);
        StatusAssert.fails(() -> update(
                        worker.toBuilder()
                                .clearEtag()
                                .setWorkerId(UUID.randomUUID().toString())
                                .build(),
                        "name"))
                .with(Status.Code.NOT_FOUND, ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND);
    }

    @Test
    void givesNothingMoreToOneThatHoldsAsManyAsItMayFromNowOn() {
        var queue = "less-" + UUID.randomUUID();
        var id = AGENT.register(2);
        AGENT.enqueueAll(AgentFixture.many(2, queue));
        AGENT.claimOne(id, queue);
        update(Worker.newBuilder().setWorkerId(id).setMaxConcurrentTasks(1).build());
        StatusAssert.fails(() ->
                        AGENT.work().claimWork(AgentFixture.claim(id, queue).build()))
                .with(Status.Code.FAILED_PRECONDITION, dev.sortie.agent.v1.ErrorReason.ERROR_REASON_WORKER_AT_CAPACITY);
        update(Worker.newBuilder().setWorkerId(id).setMaxConcurrentTasks(2).build());
        AGENT.claimOne(id, queue);
    }

    @Test
    void listsByKindVersionAndWhetherTheyDrain() {
        var version = "v-" + UUID.randomUUID().toString().substring(0, 8);
        var docs = register(described("docs", TaskType.TASK_TYPE_DOCS, version)).getWorkerId();
        var review = register(described("review", TaskType.TASK_TYPE_REVIEW, version))
                .getWorkerId();
        var gone =
                register(described("gone", TaskType.TASK_TYPE_REVIEW, version)).getWorkerId();
        drain(review);
        drain(gone);
        AGENT.workers()
                .deregisterWorker(
                        DeregisterWorkerRequest.newBuilder().setWorkerId(gone).build());

        var all = ListWorkersRequest.newBuilder().setSoftwareVersion(version);
        assertThat(pages(all)).containsExactlyInAnyOrder(docs, review, gone);
        assertThat(pages(all.clone().setWorkerType(TaskType.TASK_TYPE_DOCS))).containsExactly(docs);
        assertThat(pages(all.clone().setDraining(true))).containsExactly(review);
        assertThat(pages(all.clone().setDraining(false))).containsExactlyInAnyOrder(docs, gone);
        assertThat(pages(all.clone().setStatus(WorkerStatus.WORKER_STATUS_OFFLINE)))
                .containsExactly(gone);
        assertThat(pages(ListWorkersRequest.newBuilder().setDraining(true)))
                .contains(review)
                .doesNotContain(docs, gone);
        assertThat(pages(ListWorkersRequest.newBuilder().setDraining(false)))
                .contains(docs, gone)
                .doesNotContain(review);
        assertThat(pages(ListWorkersRequest.newBuilder().setWorkerType(TaskType.TASK_TYPE_REVIEW)))
                .contains(review, gone)
                .doesNotContain(docs);
        assertThat(pages(ListWorkersRequest.newBuilder()
                        .setWorkerType(TaskType.TASK_TYPE_REVIEW)
                        .setStatus(WorkerStatus.WORKER_STATUS_IDLE)
                        .setDraining(true)))
                .contains(review)
                .doesNotContain(docs, gone);
    }

    @Test
    void givesTheOrdersOfALostWorkerToOthersWhenItsLeaseIsOver() {
        var queue = "lost-" + UUID.randomUUID();
        var lost = register(described("lost", TaskType.TASK_TYPE_TEST, "1").toBuilder()
                        .setMaxConcurrentTasks(3)
                        .setLeaseDuration(seconds(20))
                        .build())
                .getWorkerId();
        AGENT.enqueueAll(AgentFixture.many(3, queue).stream()
                .map(order -> order.toBuilder()
                        .setRetryPolicy(RetryPolicy.newBuilder()
                                .setInitialBackoff(com.google.protobuf.Duration.newBuilder()
                                        .setNanos(1_000_000)))
                        .build())
                .toList());
        for (int i = 0; i < 3; i++) {
            AGENT.claimOne(lost, queue);
        }
        var other = AGENT.register(3);
        CLOCK.advance(Duration.ofMillis(19_500));
        AGENT.endLeases();
        assertThat(AGENT.worker(lost).getHeldClaimCount()).isEqualTo(3);

        CLOCK.advance(Duration.ofSeconds(1));
        AGENT.endLeases();
        assertThat(AGENT.worker(lost).getHeldClaimCount()).isZero();
        assertThat(AGENT.worker(lost).getStatus()).isEqualTo(WorkerStatus.WORKER_STATUS_IDLE);
        CLOCK.advance(Duration.ofSeconds(1));
        for (int i = 0; i < 3; i++) {
            assertThat(AGENT.claimOne(other, queue).getAttempt()).isEqualTo(2);
        }
        CLOCK.advance(Duration.ofSeconds(60));
        AGENT.markSilentWorkers();
        assertThat(AGENT.worker(lost).getStatus()).isEqualTo(WorkerStatus.WORKER_STATUS_OFFLINE);
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

    private static Worker described(String name, TaskType type, String version) {
        return Worker.newBuilder()
                .setName(name)
                .setWorkerType(type)
                .setSoftwareVersion(version)
                .build();
    }

    private static Worker update(Worker worker, String... paths) {
        return AGENT.workers()
                .updateWorker(UpdateWorkerRequest.newBuilder()
                        .setWorker(worker)
                        .setUpdateMask(FieldMask.newBuilder().addAllPaths(List.of(paths)))
                        .build())
                .getWorker();
    }

    private static void drain(String id) {
        AGENT.workers()
                .drainWorker(DrainWorkerRequest.newBuilder().setWorkerId(id).build());
    }

    private static List<String> pages(WorkerStatus status) {
        return pages(ListWorkersRequest.newBuilder().setStatus(status));
    }

    private static List<String> pages(ListWorkersRequest.Builder request) {
        var ids = new ArrayList<String>();
        var token = "";
        do {
            var page = AGENT.workers()
                    .listWorkers(request.setPageSize(2).setPageToken(token).build());
            page.getWorkersList().forEach(worker -> ids.add(worker.getWorkerId()));
            token = page.getNextPageToken();
        } while (!token.isEmpty());
        return ids;
    }
}
