package dev.sortie.mission.work;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.FieldMask;
import com.google.protobuf.Struct;
import dev.sortie.agent.v1.WorkOrder;
import dev.sortie.agent.v1.WorkOrderStatus;
import dev.sortie.mission.MoveChains;
import dev.sortie.mission.domain.HopMove;
import dev.sortie.mission.domain.HopStatus;
import dev.sortie.mission.domain.MissionMove;
import dev.sortie.mission.domain.MissionStatus;
import dev.sortie.mission.domain.ToolStepMove;
import dev.sortie.mission.domain.ToolStepStatus;
import dev.sortie.mission.v1.ApproveMissionRequest;
import dev.sortie.mission.v1.CancelHopRequest;
import dev.sortie.mission.v1.CancelMissionRequest;
import dev.sortie.mission.v1.CancelToolStepRequest;
import dev.sortie.mission.v1.CompleteHopRequest;
import dev.sortie.mission.v1.CreateHopRequest;
import dev.sortie.mission.v1.CreateMissionRequest;
import dev.sortie.mission.v1.CreateToolStepRequest;
import dev.sortie.mission.v1.DeleteHopRequest;
import dev.sortie.mission.v1.DeleteMissionRequest;
import dev.sortie.mission.v1.DeleteToolStepRequest;
import dev.sortie.mission.v1.ExecuteToolStepRequest;
import dev.sortie.mission.v1.FailHopRequest;
import dev.sortie.mission.v1.Hop;
import dev.sortie.mission.v1.ListHopsRequest;
import dev.sortie.mission.v1.ListToolStepsRequest;
import dev.sortie.mission.v1.Mission;
import dev.sortie.mission.v1.MoveHopRequest;
import dev.sortie.mission.v1.MoveToolStepRequest;
import dev.sortie.mission.v1.RetryToolStepRequest;
import dev.sortie.mission.v1.ReturnMissionToWorkRequest;
import dev.sortie.mission.v1.RunHopRequest;
import dev.sortie.mission.v1.RunMissionRequest;
import dev.sortie.mission.v1.StartHopRequest;
import dev.sortie.mission.v1.SubmitMissionForQaRequest;
import dev.sortie.mission.v1.ToolStep;
import dev.sortie.mission.v1.UndeleteMissionRequest;
import dev.sortie.mission.v1.UpdateHopRequest;
import dev.sortie.mission.v1.UpdateToolStepRequest;
import io.grpc.Status.Code;
import io.grpc.StatusRuntimeException;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Several callers who run, pause, order and end the same missions, hops and steps at random, while a worker does what it
 * gets, well or badly: nothing forbidden is ever reached, and nothing is forgotten.
 */
class RandomRunsTest {
    @AutoClose
    private static final StepFixture FIXTURE = StepFixture.start();

    private static final int CALLERS = 5;
    private static final int MOVES = 70;
    private static final Set<Code> EXPECTED = Set.of(Code.FAILED_PRECONDITION, Code.NOT_FOUND);
    private static final String NOBODY = "01978c2e-5b1f-7c3a-9d43-0a2b6f1c8e55";
    private static final String TOOL = FIXTURE.tool();

    // Each of these finds what must not be.
    private static final List<String> FORBIDDEN = List.of("""
            SELECT 'hops with a gap in mission ' || mission_id FROM hops GROUP BY mission_id
            HAVING max(sequence_order) <> count(*) - 1 OR min(sequence_order) <> 0
            """, """
            SELECT 'steps with a gap in hop ' || hop_id FROM tool_steps GROUP BY hop_id
            HAVING max(sequence_order) <> count(*) - 1 OR min(sequence_order) <> 0
            """, """
            SELECT 'two hops active in mission ' || mission_id FROM hops WHERE status = 'ACTIVE' GROUP BY mission_id
            HAVING count(*) > 1
            """, """
            SELECT 'not its active hop in mission ' || m.mission_id
            FROM missions m LEFT JOIN hops h ON h.mission_id = m.mission_id AND h.status = 'ACTIVE'
            WHERE m.current_hop_id IS DISTINCT FROM h.hop_id OR (m.status = 'ACTIVE') <> (h.hop_id IS NOT NULL)
            """, """
            SELECT 'at work in a hop that is not: ' || tool_step_id FROM tool_steps s JOIN hops h USING (hop_id)
            WHERE s.status = 'RUNNING' AND h.status <> 'ACTIVE'
            """, """
            SELECT 'begun before one that has not: ' || s.tool_step_id
            FROM tool_steps s JOIN tool_steps e ON e.hop_id = s.hop_id AND e.sequence_order < s.sequence_order
            WHERE s.status IN ('RUNNING', 'COMPLETED') AND e.status = 'PENDING'
            """, """
            SELECT 'running without a step at work: ' || hop_id FROM hops h
            WHERE running AND NOT EXISTS (SELECT FROM tool_steps s WHERE s.hop_id = h.hop_id AND s.status = 'RUNNING')
            """, """
            SELECT 'running, but not its hop: ' || m.mission_id
            FROM missions m LEFT JOIN hops h ON h.hop_id = m.current_hop_id
            WHERE m.running AND h.running IS NOT TRUE
            """, """
            SELECT 'waits for a hop that does not wait: ' || m.mission_id
            FROM missions m LEFT JOIN hops h ON h.hop_id = m.paused_hop_id AND h.mission_id = m.mission_id
            WHERE m.paused_at IS NOT NULL
              AND (CASE WHEN m.paused_step_id IS NULL THEN h.status = 'PENDING'
                        ELSE h.status = 'ACTIVE' AND h.paused_step_id = m.paused_step_id END) IS NOT TRUE
            """, """
            SELECT 'waits for a step that does not wait: ' || h.hop_id
            FROM hops h LEFT JOIN tool_steps s ON s.tool_step_id = h.paused_step_id AND s.hop_id = h.hop_id
            WHERE h.paused_at IS NOT NULL AND s.status IS DISTINCT FROM 'PENDING'
            """, """
            SELECT 'goes on although it is hidden: ' || mission_id FROM missions m
            WHERE deleted_at IS NOT NULL
              AND (running OR EXISTS (SELECT FROM hops h WHERE h.mission_id = m.mission_id AND h.running))
            """);

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    void reachesNothingForbiddenAndForgetsNothing(long seed) throws Exception {
        var missions = IntStream.range(0, 2)
                .mapToObj(number -> FIXTURE.missions()
                        .createMission(CreateMissionRequest.newBuilder()
                                .setMission(Mission.newBuilder().setName("Random " + seed + "." + number))
                                .build())
                        .getMission()
                        .getMissionId())
                .toList();
        missions.forEach(mission -> FIXTURE.missions()
                .approveMission(
                        ApproveMissionRequest.newBuilder().setMissionId(mission).build()));
        var over = new CountDownLatch(1);
        try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            var worker = threads.submit(() -> work(new Random(seed), over));
            var callers = new ArrayList<Future<?>>();
            for (int i = 0; i < CALLERS; i++) {
                var random = new Random(seed * 1_000 + i);
                callers.add(threads.submit(() -> {
                    for (int move = 0; move < MOVES; move++) {
                        attempt(random, missions.get(random.nextInt(missions.size())));
                        if (move % 10 == 0) {
                            assertNothingForbidden();
                        }
                    }
                    return null;
                }));
            }
            try {
                for (var caller : callers) {
                    caller.get();
                }
                // Every run comes to its end by itself: at the last hop, at a failure, or at a mark.
                Eventually.see(
                        () -> strings("SELECT tool_step_id::text FROM tool_steps WHERE status = 'RUNNING'"),
                        List::isEmpty);
            } finally {
                over.countDown();
            }
            worker.get();
        }
        assertNothingForbidden();
        assertEveryMoveIsOfTheModel();
        MoveChains.assertWhole(FIXTURE.service().database());
        Eventually.see(() -> FIXTURE.agent().orders(), orders -> orders.stream().noneMatch(RandomRunsTest::isOpen));
    }

    private void attempt(Random random, String mission) {
        try {
            move(random, mission);
        } catch (StatusRuntimeException refused) {
            if (!EXPECTED.contains(refused.getStatus().getCode())) {
                throw refused;
            }
        }
    }

    private void move(Random random, String mission) {
        var missions = FIXTURE.missions();
        var hops = FIXTURE.hops();
        var steps = FIXTURE.steps();
        switch (random.nextInt(32)) {
            case 0, 1, 2 -> addHop(random, mission);
            case 3, 4, 5 -> addStep(random, anyHop(random, mission));
            case 6, 7, 8, 9, 10 ->
                missions.runMission(
                        RunMissionRequest.newBuilder().setMissionId(mission).build());
            case 11, 12 ->
                hops.runHop(RunHopRequest.newBuilder()
                        .setHopId(anyHop(random, mission))
                        .build());
            case 13 ->
                hops.startHop(StartHopRequest.newBuilder()
                        .setHopId(anyHop(random, mission))
                        .build());
            case 14 ->
                hops.completeHop(CompleteHopRequest.newBuilder()
                        .setHopId(anyHop(random, mission))
                        .build());
            case 15 ->
                hops.updateHop(UpdateHopRequest.newBuilder()
                        .setHop(Hop.newBuilder()
                                .setHopId(anyHop(random, mission))
                                .setPauseBefore(random.nextBoolean()))
                        .setUpdateMask(FieldMask.newBuilder().addPaths("pause_before"))
                        .build());
            case 16, 17 ->
                steps.updateToolStep(UpdateToolStepRequest.newBuilder()
                        .setToolStep(ToolStep.newBuilder()
                                .setToolStepId(anyStep(random, mission))
                                .setPauseBefore(random.nextBoolean()))
                        .setUpdateMask(FieldMask.newBuilder().addPaths("pause_before"))
                        .build());
            case 18 ->
                hops.moveHop(MoveHopRequest.newBuilder()
                        .setHopId(anyHop(random, mission))
                        .setSequenceOrder(random.nextInt(6))
                        .build());
            case 19 ->
                steps.moveToolStep(MoveToolStepRequest.newBuilder()
                        .setToolStepId(anyStep(random, mission))
                        .setSequenceOrder(random.nextInt(4))
                        .build());
            case 20 ->
                hops.deleteHop(DeleteHopRequest.newBuilder()
                        .setHopId(anyHop(random, mission))
                        .build());
            case 21 ->
                steps.deleteToolStep(DeleteToolStepRequest.newBuilder()
                        .setToolStepId(anyStep(random, mission))
                        .build());
            case 22, 23 ->
                steps.executeToolStep(ExecuteToolStepRequest.newBuilder()
                        .setToolStepId(anyStep(random, mission))
                        .build());
            case 24, 25 ->
                steps.retryToolStep(RetryToolStepRequest.newBuilder()
                        .setToolStepId(anyStep(random, mission))
                        .build());
            case 26 ->
                steps.cancelToolStep(CancelToolStepRequest.newBuilder()
                        .setToolStepId(anyStep(random, mission))
                        .build());
            case 27 -> endHop(random, anyHop(random, mission));
            case 28 ->
                missions.submitMissionForQa(SubmitMissionForQaRequest.newBuilder()
                        .setMissionId(mission)
                        .build());
            case 29 ->
                missions.returnMissionToWork(ReturnMissionToWorkRequest.newBuilder()
                        .setMissionId(mission)
                        .build());
            case 30 -> hideAndShow(mission);
            default -> {
                if (random.nextInt(20) == 0) {
                    missions.cancelMission(CancelMissionRequest.newBuilder()
                            .setMissionId(mission)
                            .build());
                }
            }
        }
    }

    private static void addHop(Random random, String mission) {
        var hop = FIXTURE.hops()
                .createHop(CreateHopRequest.newBuilder()
                        .setHop(Hop.newBuilder()
                                .setMissionId(mission)
                                .setName("hop")
                                .setSequenceOrder(random.nextInt(8))
                                .setPauseBefore(random.nextInt(4) == 0)
                                .setIsFinal(random.nextInt(6) == 0))
                        .build())
                .getHop();
        for (int i = random.nextInt(3); i > 0; i--) {
            addStep(random, hop.getHopId());
        }
    }

    private static void addStep(Random random, String hop) {
        FIXTURE.steps()
                .createToolStep(CreateToolStepRequest.newBuilder()
                        .setToolStep(ToolStep.newBuilder()
                                .setHopId(hop)
                                .setName("step")
                                .setToolId(random.nextInt(8) == 0 ? "unknown" : TOOL)
                                .setSequenceOrder(random.nextInt(5))
                                .setPauseBefore(random.nextInt(4) == 0))
                        .build());
    }

    private static void endHop(Random random, String hop) {
        if (random.nextBoolean()) {
            FIXTURE.hops().failHop(FailHopRequest.newBuilder().setHopId(hop).build());
        } else {
            FIXTURE.hops().cancelHop(CancelHopRequest.newBuilder().setHopId(hop).build());
        }
    }

    private static void hideAndShow(String mission) {
        FIXTURE.missions()
                .deleteMission(
                        DeleteMissionRequest.newBuilder().setMissionId(mission).build());
        FIXTURE.missions()
                .undeleteMission(UndeleteMissionRequest.newBuilder()
                        .setMissionId(mission)
                        .build());
    }

    /** One of the hops that are there, the active one more often than others. */
    private static String anyHop(Random random, String mission) {
        var there = FIXTURE.hops()
                .listHops(ListHopsRequest.newBuilder().setMissionId(mission).build())
                .getHopsList();
        if (there.isEmpty()) {
            return NOBODY;
        }
        var active = there.stream()
                .filter(hop -> hop.getStatus() == dev.sortie.mission.v1.HopStatus.HOP_STATUS_ACTIVE)
                .findFirst();
        return active.isPresent() && random.nextBoolean()
                ? active.get().getHopId()
                : there.get(random.nextInt(there.size())).getHopId();
    }

    private static String anyStep(Random random, String mission) {
        var hop = anyHop(random, mission);
        var there = FIXTURE.steps()
                .listToolSteps(ListToolStepsRequest.newBuilder().setHopId(hop).build())
                .getToolStepsList();
        return there.isEmpty()
                ? NOBODY
                : there.get(random.nextInt(there.size())).getToolStepId();
    }

    /** Does what there is to do, and fails at a fourth of it. */
    private static Void work(Random random, CountDownLatch over) throws InterruptedException {
        while (over.getCount() > 0) {
            var open = FIXTURE.agent().orders().stream()
                    .filter(RandomRunsTest::isOpen)
                    .toList();
            if (open.isEmpty()) {
                over.await(5, TimeUnit.MILLISECONDS);
                continue;
            }
            var order = open.get(random.nextInt(open.size())).getWorkOrderId();
            if (random.nextInt(4) == 0) {
                FIXTURE.agent().fail(order, "out of luck");
            } else {
                FIXTURE.agent().complete(order, Struct.getDefaultInstance());
            }
        }
        return null;
    }

    private static boolean isOpen(WorkOrder order) {
        return order.getStatus() == WorkOrderStatus.WORK_ORDER_STATUS_PENDING;
    }

    private static void assertNothingForbidden() {
        for (var forbidden : FORBIDDEN) {
            assertThat(strings(forbidden)).isEmpty();
        }
    }

    private static void assertEveryMoveIsOfTheModel() {
        var moves = strings("SELECT DISTINCT resource || ' ' || from_status || ' ' || to_status FROM moves"
                + " WHERE from_status IS NOT NULL");
        assertThat(moves).isNotEmpty().allSatisfy(move -> {
            var parts = move.split(" ");
            boolean known = switch (parts[0]) {
                case "MISSION" ->
                    Stream.of(MissionMove.values())
                            .anyMatch(way -> way != MissionMove.RUN
                                    && way.target() == MissionStatus.valueOf(parts[2])
                                    && way.isAllowed(MissionStatus.valueOf(parts[1]), false));
                case "HOP" ->
                    Stream.of(HopMove.values())
                            .anyMatch(way -> way.target() == HopStatus.valueOf(parts[2])
                                    && way.isAllowed(HopStatus.valueOf(parts[1])));
                default -> isOfTheModel(ToolStepStatus.valueOf(parts[1]), ToolStepStatus.valueOf(parts[2]));
            };
            assertThat(known).as(move).isTrue();
        });
    }

    private static boolean isOfTheModel(ToolStepStatus from, ToolStepStatus to) {
        return switch (to) {
            case RUNNING -> from.allows(ToolStepMove.EXECUTE) || from.allows(ToolStepMove.RETRY);
            case CANCELLED -> from.allows(ToolStepMove.CANCEL);
            case COMPLETED, FAILED -> from == ToolStepStatus.RUNNING;
            case PENDING -> false;
        };
    }

    private static List<String> strings(String sql) {
        var strings = new ArrayList<String>();
        try (var connection = FIXTURE.service().database().connectAsOwner();
                var statement = connection.createStatement();
                var rows = statement.executeQuery(sql)) {
            while (rows.next()) {
                strings.add(rows.getString(1));
            }
        } catch (SQLException failed) {
            throw new AssertionError(failed);
        }
        return strings;
    }
}
