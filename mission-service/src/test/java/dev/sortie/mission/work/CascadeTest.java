package dev.sortie.mission.work;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.agent.v1.WorkOrderStatus;
import dev.sortie.mission.v1.CancelHopRequest;
import dev.sortie.mission.v1.CancelMissionRequest;
import dev.sortie.mission.v1.DeleteHopRequest;
import dev.sortie.mission.v1.DeleteMissionRequest;
import dev.sortie.mission.v1.FailHopRequest;
import dev.sortie.mission.v1.FailMissionRequest;
import dev.sortie.mission.v1.Hop;
import dev.sortie.mission.v1.HopStatus;
import dev.sortie.mission.v1.Mission;
import dev.sortie.mission.v1.StartHopRequest;
import dev.sortie.mission.v1.ToolStep;
import dev.sortie.mission.v1.ToolStepStatus;
import java.sql.SQLException;
import java.util.TreeSet;
import java.util.function.BiConsumer;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What the end of a mission or hop does to the steps in it and to their work orders. */
class CascadeTest {
    @AutoClose
    private static final StepFixture FIXTURE = StepFixture.start();

    /** The ways to end an active hop without success. */
    enum Way {
        CANCEL_MISSION((mission, hop) -> FIXTURE.missions()
                .cancelMission(CancelMissionRequest.newBuilder()
                        .setMissionId(mission.getMissionId())
                        .setReason("not wanted")
                        .build())),
        FAIL_MISSION((mission, hop) -> FIXTURE.missions()
                .failMission(FailMissionRequest.newBuilder()
                        .setMissionId(mission.getMissionId())
                        .setReason("not wanted")
                        .build())),
        CANCEL_HOP((mission, hop) -> FIXTURE.hops()
                .cancelHop(CancelHopRequest.newBuilder()
                        .setHopId(hop.getHopId())
                        .setReason("not wanted")
                        .build())),
        FAIL_HOP((mission, hop) -> FIXTURE.hops()
                .failHop(FailHopRequest.newBuilder()
                        .setHopId(hop.getHopId())
                        .setReason("not wanted")
                        .build()));

        private final BiConsumer<Mission, Hop> end;

        Way(BiConsumer<Mission, Hop> end) {
            this.end = end;
        }
    }

    @ParameterizedTest
    @EnumSource(Way.class)
    void cancelsOpenStepsAndTheirOrders(Way way) {
        var mission = FIXTURE.mission();
        var hop = FIXTURE.hop(mission);
        FIXTURE.hops()
                .startHop(StartHopRequest.newBuilder().setHopId(hop.getHopId()).build());
        var done = FIXTURE.step(hop, FIXTURE.tool());
        var running = FIXTURE.step(hop, FIXTURE.tool());
        var pending = FIXTURE.step(hop, FIXTURE.tool());
        var laterHop = FIXTURE.hop(mission);
        var later = FIXTURE.step(laterHop, FIXTURE.tool());
        FIXTURE.execute(done);
        FIXTURE.complete(done, "{}");
        FIXTURE.await(done, ToolStepStatus.TOOL_STEP_STATUS_COMPLETED);
        FIXTURE.execute(running);
        FIXTURE.awaitOrder(running);

        way.end.accept(mission, hop);

        assertThat(status(done)).isEqualTo(ToolStepStatus.TOOL_STEP_STATUS_COMPLETED);
        assertThat(status(running)).isEqualTo(ToolStepStatus.TOOL_STEP_STATUS_CANCELLED);
        assertThat(status(pending)).isEqualTo(ToolStepStatus.TOOL_STEP_STATUS_CANCELLED);
        boolean endsMission = way == Way.CANCEL_MISSION || way == Way.FAIL_MISSION;
        assertThat(status(later))
                .isEqualTo(
                        endsMission
                                ? ToolStepStatus.TOOL_STEP_STATUS_CANCELLED
                                : ToolStepStatus.TOOL_STEP_STATUS_PENDING);
        assertThat(FIXTURE.now(laterHop).getStatus())
                .isEqualTo(endsMission ? HopStatus.HOP_STATUS_CANCELLED : HopStatus.HOP_STATUS_PENDING);
        assertIsCancelled(running);
    }

    @Test
    void tellsOfEverythingThatAPurgeTakesAway() throws SQLException {
        var mission = FIXTURE.mission();
        var hop = FIXTURE.hop(mission);
        FIXTURE.hops()
                .startHop(StartHopRequest.newBuilder().setHopId(hop.getHopId()).build());
        var running = FIXTURE.step(hop, FIXTURE.tool());
        var pending = FIXTURE.step(hop, FIXTURE.tool());
        var asset = FIXTURE.asset(hop);
        FIXTURE.execute(running);
        FIXTURE.awaitOrder(running);

        FIXTURE.missions()
                .deleteMission(DeleteMissionRequest.newBuilder()
                        .setMissionId(mission.getMissionId())
                        .setForce(true)
                        .build());

        assertIsCancelled(running);
        assertThat(deletions())
                .contains(
                        "mission " + mission.getMissionId(),
                        "hop " + hop.getHopId(),
                        "tool_step " + running.getToolStepId(),
                        "tool_step " + pending.getToolStepId(),
                        "asset " + asset.getAssetId());
    }

    @Test
    void tellsOfTheStepsOfADeletedHop() throws SQLException {
        var hop = FIXTURE.hop(FIXTURE.mission());
        var step = FIXTURE.step(hop, FIXTURE.tool());
        FIXTURE.hops()
                .deleteHop(
                        DeleteHopRequest.newBuilder().setHopId(hop.getHopId()).build());
        assertThat(deletions()).contains("hop " + hop.getHopId(), "tool_step " + step.getToolStepId());
    }

    private static ToolStepStatus status(ToolStep step) {
        return FIXTURE.now(step).getStatus();
    }

    private static void assertIsCancelled(ToolStep step) {
        Eventually.see(
                () -> FIXTURE.agent().ordersOf(step.getToolStepId()),
                orders -> orders.size() == 1
                        && orders.getFirst().getStatus() == WorkOrderStatus.WORK_ORDER_STATUS_CANCELLED);
    }

    private static TreeSet<String> deletions() throws SQLException {
        var deletions = new TreeSet<String>();
        try (var connection = FIXTURE.service().database().connectAsOwner();
                var statement = connection.createStatement();
                var rows = statement.executeQuery(
                        "SELECT resource_type || ' ' || resource_id FROM change_log WHERE kind = 'DELETED'")) {
            while (rows.next()) {
                deletions.add(rows.getString(1));
            }
        }
        return deletions;
    }
}
