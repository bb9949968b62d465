package dev.sortie.mission.work;

import static dev.sortie.mission.v1.TaskStatus.TASK_STATUS_COMPLETED;
import static dev.sortie.mission.work.PlanFixture.newTask;
import static dev.sortie.mission.work.StepFixture.struct;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.agent.v1.WorkOrderStatus;
import dev.sortie.mission.MissionFixture;
import dev.sortie.mission.v1.ActivatePlanRequest;
import dev.sortie.mission.v1.CompletePlanRequest;
import dev.sortie.mission.v1.CreateTaskRequest;
import dev.sortie.mission.v1.ErrorReason;
import dev.sortie.mission.v1.PausePlanRequest;
import dev.sortie.mission.v1.Plan;
import dev.sortie.mission.v1.PlanServiceGrpc;
import dev.sortie.mission.v1.PlanStatus;
import dev.sortie.mission.v1.ScalingStrategy;
import dev.sortie.mission.v1.TaskServiceGrpc;
import dev.sortie.runtime.testing.RunningServer;
import dev.sortie.runtime.testing.StatusAssert;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** Two replicas, schedulers, callers and workers at once: a plan never has more dispatched than it may. */
class SchedulingRaceTest {
    private static final int AGENTS = 3;

    /** Between two rounds, so that other tests have the processors, too. */
    private static final Duration BREATH = Duration.ofMillis(5);

    @Test
    void neverHasMoreDispatchedThanThePlanHasAgentsAndEndsWithEverythingDone() throws Exception {
        try (var fixture = PlanFixture.start();
                var replica = fixture.service().startReplica();
                var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            // What the database saw at the end of every transaction that dispatched something.
            fixture.service().database().execute("""
                    CREATE TABLE seen (plan_id uuid, dispatched bigint)
                    """, """
                    CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
                        INSERT INTO seen SELECT NEW.plan_id, count(*) FROM tasks
                        WHERE plan_id = NEW.plan_id AND dispatched; RETURN NULL; END $$
                    """, """
                    CREATE CONSTRAINT TRIGGER tasks_seen AFTER UPDATE ON tasks DEFERRABLE INITIALLY DEFERRED
                    FOR EACH ROW WHEN (NEW.dispatched AND NOT OLD.dispatched) EXECUTE FUNCTION see()
                    """);
            var plan = fixture.activePlan(ScalingStrategy.SCALING_STRATEGY_FIXED, AGENTS);
            var other = PlanServiceGrpc.newBlockingStub(RunningServer.of(replica.runtime())
                    .channel(fixture.service()
                            .person(dev.sortie.mission.v1.UserRole.USER_ROLE_DEVELOPER)
                            .token()));
            var othersTasks = TaskServiceGrpc.newBlockingStub(other.getChannel());
            var over = new CountDownLatch(1);
            var working = new ArrayList<Future<?>>();

            // Workers complete, and now and then fail, what is there; schedulers run in both replicas.
            working.add(threads.submit(() -> work(fixture, over)));
            for (var server : List.of(fixture.service().server(), replica)) {
                working.add(threads.submit(repeatedly(over, () -> MissionFixture.schedulePlans(server))));
            }
            // Callers pause and activate the plan at both.
            working.add(threads.submit(repeatedly(over, () -> toggle(fixture.plans(), plan))));
            working.add(threads.submit(repeatedly(over, () -> toggle(other, plan))));
            try {
                // Callers add tasks at both.
                var adding = new ArrayList<Future<?>>();
                for (int i = 0; i < 60; i++) {
                    var stub = i % 2 == 0 ? fixture.tasks() : othersTasks;
                    adding.add(threads.submit(() -> stub.createTask(CreateTaskRequest.newBuilder()
                            .setTask(newTask().setPlanId(plan.getPlanId()))
                            .build())));
                }
                for (var one : adding) {
                    one.get();
                }
                Eventually.see(() -> fixture.count(plan, TASK_STATUS_COMPLETED), count -> count >= 40);
            } finally {
                over.countDown();
            }
            for (var one : working) {
                one.get();
            }

            assertThat(fixture.number("SELECT max(dispatched) FROM seen")).isEqualTo(AGENTS);
            fixture.agent()
                    .orders()
                    .forEach(order -> assertThat(order.getTaskId()).isNotEmpty());
            assertThat(fixture.agent().orders())
                    .extracting(order -> order.getDedupeKey())
                    .doesNotHaveDuplicates();
        }
    }

    @Test
    void completesAPlanOnlyWhenNoTaskSlipsInMeanwhile() throws Exception {
        try (var fixture = PlanFixture.start();
                var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            for (int round = 0; round < 10; round++) {
                var plan = fixture.activePlan(ScalingStrategy.SCALING_STRATEGY_FIXED, 1);
                var adding = new ArrayList<Future<Boolean>>();
                for (int i = 0; i < 5; i++) {
                    adding.add(threads.submit(() -> succeeds(() -> fixture.task(plan))));
                }
                var completing = threads.submit(() -> succeeds(() -> fixture.plans()
                        .completePlan(CompletePlanRequest.newBuilder()
                                .setPlanId(plan.getPlanId())
                                .build())));
                int added = 0;
                for (var one : adding) {
                    added += one.get() ? 1 : 0;
                }
                assertThat(fixture.tasksOf(plan)).hasSize(added);
                if (completing.get()) {
                    assertThat(added).isZero();
                    assertThat(fixture.now(plan).getStatus()).isEqualTo(PlanStatus.PLAN_STATUS_COMPLETED);
                    StatusAssert.fails(() -> fixture.task(plan))
                            .with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_NOT_CHANGEABLE);
                } else {
                    assertThat(fixture.now(plan).getStatus()).isEqualTo(PlanStatus.PLAN_STATUS_ACTIVE);
                }
            }
        }
    }

    private static Void work(PlanFixture fixture, CountDownLatch over) throws InterruptedException {
        while (!over.await(BREATH.toMillis(), TimeUnit.MILLISECONDS)) {
            for (var order : fixture.agent().orders()) {
                if (order.getStatus() == WorkOrderStatus.WORK_ORDER_STATUS_PENDING) {
                    fixture.agent()
                            .claim(order.getWorkOrderId(), UUID.randomUUID().toString());
                } else if (order.getStatus() == WorkOrderStatus.WORK_ORDER_STATUS_CLAIMED) {
                    fixture.agent().complete(order.getWorkOrderId(), struct("{}"));
                }
            }
        }
        return null;
    }

    private static void toggle(PlanServiceGrpc.PlanServiceBlockingStub plans, Plan plan) {
        succeeds(() -> plans.pausePlan(
                PausePlanRequest.newBuilder().setPlanId(plan.getPlanId()).build()));
        succeeds(() -> plans.activatePlan(
                ActivatePlanRequest.newBuilder().setPlanId(plan.getPlanId()).build()));
    }

    private static Callable<Void> repeatedly(CountDownLatch over, Runnable what) {
        return () -> {
            while (!over.await(BREATH.toMillis(), TimeUnit.MILLISECONDS)) {
                what.run();
            }
            return null;
        };
    }

    private static boolean succeeds(Runnable call) {
        try {
            call.run();
            return true;
        } catch (StatusRuntimeException refused) {
            assertThat(refused.getStatus().getCode()).isEqualTo(Status.Code.FAILED_PRECONDITION);
            return false;
        }
    }
}
