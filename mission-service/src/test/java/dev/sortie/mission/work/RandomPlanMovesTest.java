package dev.sortie.mission.work;

import static dev.sortie.mission.work.PlanFixture.newTask;
import static dev.sortie.mission.work.StepFixture.struct;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.FieldMask;
import dev.sortie.agent.v1.WorkOrder;
import dev.sortie.agent.v1.WorkOrderStatus;
import dev.sortie.mission.MoveChains;
import dev.sortie.mission.domain.PlanMove;
import dev.sortie.mission.domain.PlanStatus;
import dev.sortie.mission.v1.ActivatePlanRequest;
import dev.sortie.mission.v1.CancelPlanRequest;
import dev.sortie.mission.v1.CancelTaskRequest;
import dev.sortie.mission.v1.CompletePlanRequest;
import dev.sortie.mission.v1.DeletePlanRequest;
import dev.sortie.mission.v1.DeleteTaskRequest;
import dev.sortie.mission.v1.PausePlanRequest;
import dev.sortie.mission.v1.Plan;
import dev.sortie.mission.v1.ScalingStrategy;
import dev.sortie.mission.v1.Task;
import dev.sortie.mission.v1.UndeletePlanRequest;
import dev.sortie.mission.v1.UpdatePlanRequest;
import io.grpc.Status.Code;
import io.grpc.StatusRuntimeException;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Several callers who move the same plans about at random, while workers work: nothing forbidden is ever reached. */
class RandomPlanMovesTest {
    private static final int CALLERS = 5;
    private static final int MOVES = 60;
    private static final Set<Code> EXPECTED = EnumSet.of(Code.FAILED_PRECONDITION, Code.NOT_FOUND);

    @ParameterizedTest
    @ValueSource(longs = {1, 2})
    void reachesNothingForbiddenAndForgetsNoOrder(long seed) throws Exception {
        try (var fixture = PlanFixture.start();
                var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            var plans = new ArrayList<Plan>();
            for (var strategy : List.of(
                    ScalingStrategy.SCALING_STRATEGY_FIXED,
                    ScalingStrategy.SCALING_STRATEGY_ADAPTIVE,
                    ScalingStrategy.SCALING_STRATEGY_ELASTIC)) {
                for (int i = 0; i < 2; i++) {
                    plans.add(fixture.create(
                            fixture.newPlan().setScalingStrategy(strategy).setAgentCount(3)));
                }
            }
            var callers = new ArrayList<Future<?>>();
            for (int i = 0; i < CALLERS; i++) {
                var random = new Random(seed * 1_000 + i);
                callers.add(threads.submit(() -> {
                    for (int move = 0; move < MOVES; move++) {
                        attempt(fixture, random, plans.get(random.nextInt(plans.size())));
                    }
                    return null;
                }));
            }
            for (var caller : callers) {
                caller.get();
            }
            fixture.service().clock().advance(Duration.ofMinutes(1));
            Eventually.see(fixture::outboxSize, size -> size == 0);

            // Whatever is at work is awaited, and nothing else is.
            Eventually.see(() -> openOrders(fixture).equals(awaitedOrders(fixture)), agree -> agree);
            assertThat(strings(fixture, """
                            SELECT t.task_id::text FROM tasks t JOIN plans p USING (plan_id)
                            WHERE t.dispatched AND (p.deleted_at IS NOT NULL OR p.status IN ('DRAFT', 'CANCELLED'))
                            """)).isEmpty();
            assertThat(strings(fixture, """
                            SELECT t.task_id::text FROM tasks t JOIN plans p USING (plan_id)
                            WHERE p.status = 'CANCELLED' AND t.status NOT IN ('COMPLETED', 'FAILED', 'CANCELLED')
                            """)).isEmpty();
            MoveChains.assertWhole(fixture.service().database());
            for (var step : strings(fixture, """
                    SELECT DISTINCT from_status || ' ' || to_status FROM moves
                    WHERE resource = 'PLAN' AND from_status IS NOT NULL
                    """)) {
                var from = PlanStatus.valueOf(step.split(" ")[0]);
                var to = PlanStatus.valueOf(step.split(" ")[1]);
                assertThat(PlanMove.values()).as(step).anyMatch(move -> move.isAllowed(from) && move.target() == to);
            }
        }
    }

    private static void attempt(PlanFixture fixture, Random random, Plan plan) {
        try {
            move(fixture, random, plan.getPlanId());
        } catch (StatusRuntimeException refused) {
            assertThat(refused.getStatus().getCode()).as("%s", refused).isIn(EXPECTED);
        }
    }

    private static void move(PlanFixture fixture, Random random, String id) {
        var plans = fixture.plans();
        switch (random.nextInt(24)) {
            case 0, 1, 2, 3 ->
                plans.activatePlan(
                        ActivatePlanRequest.newBuilder().setPlanId(id).build());
            case 4, 5 ->
                plans.pausePlan(PausePlanRequest.newBuilder().setPlanId(id).build());
            case 6 ->
                plans.completePlan(
                        CompletePlanRequest.newBuilder().setPlanId(id).build());
            case 7 -> {
                if (random.nextInt(5) == 0) {
                    plans.cancelPlan(
                            CancelPlanRequest.newBuilder().setPlanId(id).build());
                }
            }
            case 8 ->
                plans.deletePlan(DeletePlanRequest.newBuilder().setPlanId(id).build());
            case 9, 10 ->
                plans.undeletePlan(
                        UndeletePlanRequest.newBuilder().setPlanId(id).build());
            case 11 ->
                plans.updatePlan(UpdatePlanRequest.newBuilder()
                        .setPlan(Plan.newBuilder().setPlanId(id).setAgentCount(1 + random.nextInt(4)))
                        .setUpdateMask(FieldMask.newBuilder().addPaths("agent_count"))
                        .build());
            case 12 ->
                some(fixture, random, id)
                        .ifPresent(task -> fixture.tasks()
                                .cancelTask(CancelTaskRequest.newBuilder()
                                        .setTaskId(task.getTaskId())
                                        .build()));
            case 13 ->
                some(fixture, random, id)
                        .ifPresent(task -> fixture.tasks()
                                .deleteTask(DeleteTaskRequest.newBuilder()
                                        .setTaskId(task.getTaskId())
                                        .build()));
            case 14 -> some(fixture, random, id).ifPresent(fixture::queue);
            case 15, 16, 17, 18 -> fixture.create(newTask().setPlanId(id));
            default -> work(fixture, random);
        }
    }

    private static Optional<Task> some(PlanFixture fixture, Random random, String planId) {
        var tasks = fixture.tasksOf(Plan.newBuilder().setPlanId(planId).build());
        return tasks.isEmpty() ? Optional.empty() : Optional.of(tasks.get(random.nextInt(tasks.size())));
    }

    /** What a worker may do to some order that is not finished. */
    private static void work(PlanFixture fixture, Random random) {
        var open = open(fixture);
        if (open.isEmpty()) {
            return;
        }
        var id = open.get(random.nextInt(open.size())).getWorkOrderId();
        switch (random.nextInt(6)) {
            case 0 -> fixture.agent().ifOpen(id, () -> fixture.agent().fail(id, "no luck"));
            case 1 -> fixture.agent().ifOpen(id, () -> fixture.agent().loseClaim(id));
            case 2, 3 ->
                fixture.agent()
                        .ifOpen(
                                id,
                                () -> fixture.agent()
                                        .claim(id, UUID.randomUUID().toString()));
            default -> fixture.agent().ifOpen(id, () -> fixture.agent().complete(id, struct("{}")));
        }
    }

    private static List<WorkOrder> open(PlanFixture fixture) {
        return fixture.agent().orders().stream()
                .filter(order -> order.getStatus() == WorkOrderStatus.WORK_ORDER_STATUS_PENDING
                        || order.getStatus() == WorkOrderStatus.WORK_ORDER_STATUS_CLAIMED)
                .toList();
    }

    private static Set<String> openOrders(PlanFixture fixture) {
        var ids = new TreeSet<String>();
        open(fixture).forEach(order -> ids.add(order.getWorkOrderId()));
        return ids;
    }

    private static Set<String> awaitedOrders(PlanFixture fixture) {
        return new TreeSet<>(
                strings(fixture, "SELECT coalesce(work_order_id::text, 'unknown') FROM tasks WHERE dispatched"));
    }

    private static List<String> strings(PlanFixture fixture, String sql) {
        var strings = new ArrayList<String>();
        try (var connection = fixture.service().database().connectAsOwner();
                var rows = connection.createStatement().executeQuery(sql)) {
            while (rows.next()) {
                strings.add(rows.getString(1));
            }
        } catch (SQLException failed) {
            throw new AssertionError(failed);
        }
        return strings;
    }
}
