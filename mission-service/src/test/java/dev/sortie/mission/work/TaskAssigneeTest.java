package dev.sortie.mission.work;

import static dev.sortie.mission.v1.TaskStatus.TASK_STATUS_COMPLETED;
import static dev.sortie.mission.v1.TaskStatus.TASK_STATUS_IN_PROGRESS;
import static dev.sortie.mission.v1.TaskStatus.TASK_STATUS_PENDING;
import static dev.sortie.mission.v1.TaskStatus.TASK_STATUS_QUEUED;
import static dev.sortie.mission.work.PlanFixture.newTask;
import static dev.sortie.mission.work.StepFixture.struct;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.FieldMask;
import dev.sortie.agent.v1.WorkOrderStatus;
import dev.sortie.mission.MoveChains;
import dev.sortie.mission.v1.Task;
import dev.sortie.mission.v1.UpdateTaskRequest;
import dev.sortie.runtime.testing.StatusAssert;
import dev.sortie.type.v1.ErrorReason;
import io.grpc.Status.Code;
import java.sql.SQLException;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** Tasks are meant for agents that there are, and hear of it when an agent or a worker goes. */
class TaskAssigneeTest {
    @AutoClose
    private static final PlanFixture FIXTURE = PlanFixture.start();

    private final FakeAgentService service = FIXTURE.agent();
    private final String agent = service.addAgent();

    @AfterEach
    void movesAreWhole() throws SQLException {
        MoveChains.assertWhole(FIXTURE.service().database());
    }

    @Test
    void refusesAnAgentThatDoesNotExist() {
        var missing = UUID.randomUUID().toString();
        StatusAssert.fails(() -> FIXTURE.create(newTask().setAssignedAgentId(missing)))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_REFERENCE_NOT_FOUND)
                .metadata("field", "task.assigned_agent_id")
                .metadata("resource", "agent")
                .metadata("id", missing);
        var task = FIXTURE.create(newTask().setAssignedAgentId(agent));
        StatusAssert.fails(() -> meanFor(task, missing))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_REFERENCE_NOT_FOUND);
        assertThat(FIXTURE.now(task).getAssignedAgentId()).isEqualTo(agent);
        var other = service.addAgent();
        assertThat(meanFor(task, other).getAssignedAgentId()).isEqualTo(other);
        assertThat(meanFor(task, "").getAssignedAgentId()).isEmpty();
    }

    @Test
    void saysSoWhenAgentServiceIsAway() {
        try (var alone = PlanFixture.start()) {
            var task = alone.create(newTask());
            var there = alone.agent().addAgent();
            alone.agent().down();
            StatusAssert.fails(() -> alone.create(newTask().setAssignedAgentId(there)))
                    .with(Code.UNAVAILABLE, ErrorReason.ERROR_REASON_DEPENDENCY_UNAVAILABLE)
                    .metadata("dependency", "agent-service")
                    .retryable();
            // Whatever has nothing to do with agents goes on.
            assertThat(alone.tasks()
                            .updateTask(UpdateTaskRequest.newBuilder()
                                    .setTask(task.toBuilder().setTitle("Another title"))
                                    .setUpdateMask(FieldMask.newBuilder().addPaths("title"))
                                    .build())
                            .getTask()
                            .getTitle())
                    .isEqualTo("Another title");
        }
    }

    @Test
    void isMeantForAnyAndPendingAgainWhenItsAgentIsDeletedWhileItIsInProgress() {
        var waiting = FIXTURE.create(newTask().setAssignedAgentId(agent));
        var working = FIXTURE.queue(FIXTURE.create(newTask().setAssignedAgentId(agent)));
        var order = FIXTURE.awaitOrder(working);
        service.claim(order, UUID.randomUUID().toString());
        FIXTURE.await(working, TASK_STATUS_IN_PROGRESS);
        var queued = FIXTURE.queue(FIXTURE.create(newTask().setAssignedAgentId(agent)));
        FIXTURE.awaitOrder(queued);
        var done = FIXTURE.queue(FIXTURE.create(newTask().setAssignedAgentId(agent)));
        FIXTURE.complete(done, "{}");
        FIXTURE.await(done, TASK_STATUS_COMPLETED);
        var others = FIXTURE.create(newTask().setAssignedAgentId(service.addAgent()));

        service.deleteAgent(agent);

        var interrupted = FIXTURE.await(working, TASK_STATUS_PENDING);
        assertThat(interrupted.getAssignedAgentId()).isEmpty();
        assertThat(interrupted.getStatusReason()).contains("agent", "deleted");
        for (var task : new Task[] {waiting, queued, done}) {
            Eventually.see(
                    () -> FIXTURE.now(task), now -> now.getAssignedAgentId().isEmpty());
        }
        assertThat(FIXTURE.now(queued).getStatus()).isEqualTo(TASK_STATUS_QUEUED);
        assertThat(FIXTURE.now(done).getStatus()).isEqualTo(TASK_STATUS_COMPLETED);
        assertThat(FIXTURE.now(others)).isEqualTo(others);
        Eventually.see(
                () -> service.ordersOfTask(working.getTaskId()).getFirst().getStatus(),
                status -> status == WorkOrderStatus.WORK_ORDER_STATUS_CANCELLED);

        // It begins anew, for any.
        FIXTURE.queue(interrupted);
        FIXTURE.complete(interrupted, "{\"again\": true}");
        assertThat(FIXTURE.await(interrupted, TASK_STATUS_COMPLETED).getResult())
                .isEqualTo(struct("{\"again\": true}"));
    }

    @Test
    void findsAnAgentThatIsGoneWithoutAWord() {
        var task = FIXTURE.create(newTask().setAssignedAgentId(agent));
        var other = FIXTURE.create(newTask().setAssignedAgentId(service.addAgent()));
        service.loseAgent(agent);
        service.replaceLog();
        Eventually.see(() -> FIXTURE.now(task), now -> now.getAssignedAgentId().isEmpty());
        assertThat(FIXTURE.now(other)).isEqualTo(other);
        Eventually.see(
                () -> FIXTURE.service()
                        .server()
                        .runtime()
                        .meters()
                        .counter("sortie.references.mended", "reference", "task.assigned_agent_id")
                        .count(),
                mended -> mended >= 1);
    }

    @Test
    void forgetsAWorkerThatGoesBeforeItHasFinishedAndKeepsWhoFinished() {
        var worker = UUID.randomUUID().toString();
        var done = FIXTURE.queuedTask();
        service.claim(FIXTURE.awaitOrder(done), worker);
        FIXTURE.await(done, TASK_STATUS_IN_PROGRESS);
        FIXTURE.complete(done, "{}");
        var held = FIXTURE.queuedTask();
        service.claim(FIXTURE.awaitOrder(held), worker);
        FIXTURE.await(held, TASK_STATUS_IN_PROGRESS);

        service.deregister(worker);

        var back = Eventually.see(
                () -> FIXTURE.now(held), now -> now.getAssignedWorkerId().isEmpty());
        assertThat(back.getStatus()).isEqualTo(TASK_STATUS_QUEUED);
        assertThat(FIXTURE.await(done, TASK_STATUS_COMPLETED).getAssignedWorkerId())
                .isEqualTo(worker);

        var next = UUID.randomUUID().toString();
        service.claim(FIXTURE.awaitOrder(held), next);
        assertThat(FIXTURE.await(held, TASK_STATUS_IN_PROGRESS).getAssignedWorkerId())
                .isEqualTo(next);
    }

    private static Task meanFor(Task task, String agentId) {
        return FIXTURE.tasks()
                .updateTask(UpdateTaskRequest.newBuilder()
                        .setTask(task.toBuilder().clearEtag().setAssignedAgentId(agentId))
                        .setUpdateMask(FieldMask.newBuilder().addPaths("assigned_agent_id"))
                        .build())
                .getTask();
    }
}
