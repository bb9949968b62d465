package dev.sortie.mission.work;

import static dev.sortie.mission.v1.ToolStepStatus.TOOL_STEP_STATUS_COMPLETED;
import static dev.sortie.mission.v1.ToolStepStatus.TOOL_STEP_STATUS_FAILED;
import static dev.sortie.runtime.testing.StatusAssert.fails;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.mission.MoveChains;
import dev.sortie.mission.v1.ApproveMissionRequest;
import dev.sortie.mission.v1.CancelHopRequest;
import dev.sortie.mission.v1.CancelMissionRequest;
import dev.sortie.mission.v1.CompleteHopRequest;
import dev.sortie.mission.v1.CreateMissionRequest;
import dev.sortie.mission.v1.DeleteHopRequest;
import dev.sortie.mission.v1.DeleteMissionRequest;
import dev.sortie.mission.v1.ListMissionMovesRequest;
import dev.sortie.mission.v1.ListMissionMovesResponse;
import dev.sortie.mission.v1.Mission;
import dev.sortie.mission.v1.MissionServiceGrpc;
import dev.sortie.mission.v1.MissionStatus;
import dev.sortie.mission.v1.Move;
import dev.sortie.mission.v1.MoveResource;
import dev.sortie.mission.v1.RetryToolStepRequest;
import dev.sortie.mission.v1.RunMissionRequest;
import dev.sortie.mission.v1.StartHopRequest;
import dev.sortie.mission.v1.SubmitMissionForQaRequest;
import dev.sortie.mission.v1.ToolStep;
import dev.sortie.mission.v1.UserRole;
import dev.sortie.type.v1.ErrorReason;
import io.grpc.Status.Code;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** Who moved what, when and why. */
class MissionMovesTest {
    @AutoClose
    private static final StepFixture FIXTURE = StepFixture.start();

    @AfterAll
    static void everyChainIsWhole() throws SQLException {
        MoveChains.assertWhole(FIXTURE.service().database());
    }

    @Test
    void tellsWhoMovedAMissionAndWhy() {
        var clock = FIXTURE.service().clock();
        var developer = FIXTURE.service().person(UserRole.USER_ROLE_DEVELOPER).id();
        var mission = FIXTURE.missions()
                .createMission(CreateMissionRequest.newBuilder()
                        .setMission(Mission.newBuilder().setName("A mission"))
                        .build())
                .getMission();
        FIXTURE.missions()
                .approveMission(ApproveMissionRequest.newBuilder()
                        .setMissionId(mission.getMissionId())
                        .setReason("the client agrees")
                        .build());
        MissionServiceGrpc.newBlockingStub(FIXTURE.service().admin())
                .submitMissionForQa(SubmitMissionForQaRequest.newBuilder()
                        .setMissionId(mission.getMissionId())
                        .setReason("nothing is left to do")
                        .build());

        var moves = moves(mission);

        assertThat(moves)
                .extracting(Move::getFromStatus, Move::getToStatus, Move::getReason)
                .containsExactly(
                        tuple("READY_TO_DESIGN", "QA", "nothing is left to do"),
                        tuple("PENDING", "READY_TO_DESIGN", "the client agrees"),
                        tuple("", "PENDING", ""));
        assertThat(moves).allSatisfy(move -> {
            assertThat(move.getResource()).isEqualTo(MoveResource.MOVE_RESOURCE_MISSION);
            assertThat(move.getResourceId()).isEqualTo(mission.getMissionId());
            assertThat(move.getMoveTime().getSeconds())
                    .isEqualTo(clock.instant().getEpochSecond());
        });
        assertThat(moves.get(1).getActor()).isEqualTo(developer);
        assertThat(moves.get(0).getActor()).isNotEqualTo(developer);
    }

    @Test
    void tellsWhatMovedByItself() {
        var mission = FIXTURE.mission();
        var first = FIXTURE.hop(mission);
        var last = FIXTURE.hop(mission, true);
        var one = FIXTURE.step(first, FIXTURE.tool());
        var two = FIXTURE.step(last, one.getToolId());
        FIXTURE.missions()
                .runMission(RunMissionRequest.newBuilder()
                        .setMissionId(mission.getMissionId())
                        .setReason("go")
                        .build());
        var orderOfOne = FIXTURE.awaitOrder(one);
        FIXTURE.complete(one, "{}");
        FIXTURE.complete(two, "{}");
        Eventually.see(() -> FIXTURE.now(mission), now -> now.getStatus() == MissionStatus.MISSION_STATUS_QA);

        assertThat(moves(mission, one.getToolStepId()))
                .extracting(Move::getToStatus, Move::getReason)
                .containsExactly(
                        tuple("COMPLETED", "work order " + orderOfOne + " completed"),
                        tuple("RUNNING", "the mission was run: go"),
                        tuple("PENDING", ""));
        assertThat(moves(mission, first.getHopId()))
                .extracting(Move::getToStatus, Move::getReason)
                .containsExactly(
                        tuple("COMPLETED", "its last step is done"),
                        tuple("ACTIVE", "the mission was run: go"),
                        tuple("PENDING", ""));
        assertThat(moves(mission, last.getHopId()).get(1)).satisfies(move -> {
            assertThat(move.getReason()).isEqualTo("the mission runs, and it is the next hop");
            assertThat(move.getActor()).isEqualTo("mission-service");
        });
        assertThat(moves(mission, mission.getMissionId()))
                .extracting(Move::getToStatus, Move::getReason)
                .startsWith(
                        tuple("QA", "hop \"A hop\", the final one, completed"),
                        tuple("ACTIVE", "hop \"A hop\" began"),
                        tuple("READY_TO_DESIGN", "hop \"A hop\" completed"),
                        tuple("ACTIVE", "hop \"A hop\" began"));
    }

    @Test
    void tellsWhatAStepFailedOfAndWhoRetriedIt() {
        var hop = FIXTURE.activeHop();
        var mission = Mission.newBuilder().setMissionId(hop.getMissionId()).build();
        var step = FIXTURE.step(hop, FIXTURE.tool());
        FIXTURE.execute(step);
        var order = FIXTURE.awaitOrder(step);
        FIXTURE.agent().fail(order, "out of luck");
        FIXTURE.await(step, TOOL_STEP_STATUS_FAILED);
        FIXTURE.steps()
                .retryToolStep(RetryToolStepRequest.newBuilder()
                        .setToolStepId(step.getToolStepId())
                        .setReason("once more")
                        .build());
        assertThat(moves(mission, step.getToolStepId()))
                .extracting(Move::getFromStatus, Move::getToStatus, Move::getReason)
                .startsWith(
                        tuple("FAILED", "RUNNING", "once more"),
                        tuple("RUNNING", "FAILED", "work order " + order + ": out of luck"));
    }

    @Test
    void tellsWhatWasCancelledWithTheMission() {
        var mission = FIXTURE.mission();
        var active = FIXTURE.hop(mission);
        var pending = FIXTURE.hop(mission);
        var running = FIXTURE.step(active, FIXTURE.tool());
        var waiting = FIXTURE.step(active, running.getToolId());
        FIXTURE.hops()
                .startHop(StartHopRequest.newBuilder()
                        .setHopId(active.getHopId())
                        .setReason("designed")
                        .build());
        FIXTURE.execute(running);
        FIXTURE.missions()
                .cancelMission(CancelMissionRequest.newBuilder()
                        .setMissionId(mission.getMissionId())
                        .setReason("not wanted")
                        .build());
        for (var one :
                List.of(active.getHopId(), pending.getHopId(), waiting.getToolStepId(), running.getToolStepId())) {
            assertThat(moves(mission, one).getFirst()).satisfies(move -> {
                assertThat(move.getToStatus()).isEqualTo("CANCELLED");
                assertThat(move.getReason()).isEqualTo("the mission was cancelled: not wanted");
            });
        }
        assertThat(moves(mission, active.getHopId()).get(1).getReason()).isEqualTo("designed");
        assertThat(moves(mission, running.getToolStepId()).getFirst().getFromStatus())
                .isEqualTo("RUNNING");
        assertThat(moves(mission, waiting.getToolStepId()).getFirst().getFromStatus())
                .isEqualTo("PENDING");
        assertThat(moves(mission, mission.getMissionId()).getFirst().getReason())
                .isEqualTo("not wanted");
    }

    @Test
    void keepsTheMovesOfADeletedHopButNotThoseOfADeletedMission() throws SQLException {
        var mission = FIXTURE.mission();
        var hop = FIXTURE.hop(mission);
        FIXTURE.hops()
                .cancelHop(CancelHopRequest.newBuilder()
                        .setHopId(hop.getHopId())
                        .setReason("a detour")
                        .build());
        FIXTURE.hops()
                .deleteHop(
                        DeleteHopRequest.newBuilder().setHopId(hop.getHopId()).build());
        assertThat(moves(mission, hop.getHopId())).extracting(Move::getReason).containsExactly("a detour", "");
        FIXTURE.missions()
                .deleteMission(DeleteMissionRequest.newBuilder()
                        .setMissionId(mission.getMissionId())
                        .setForce(true)
                        .build());
        assertThat(MoveChains.statuses(FIXTURE.service().database(), hop.getHopId()))
                .isEmpty();
        fails(() -> moves(mission)).with(Code.NOT_FOUND, ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND);
    }

    @Test
    void tellsThatDeletionInterruptedAStep() throws SQLException {
        var hop = FIXTURE.activeHop();
        var step = FIXTURE.step(hop, FIXTURE.tool());
        FIXTURE.execute(step);
        FIXTURE.missions()
                .deleteMission(DeleteMissionRequest.newBuilder()
                        .setMissionId(hop.getMissionId())
                        .build());
        assertThat(MoveChains.statuses(FIXTURE.service().database(), step.getToolStepId()))
                .containsExactly("PENDING", "RUNNING", "FAILED");
    }

    @Test
    void showsATimelinePageByPageAndByKind() {
        var mission = FIXTURE.mission();
        var hop = FIXTURE.hop(mission);
        ToolStep step = FIXTURE.step(hop, FIXTURE.tool());
        FIXTURE.hops()
                .startHop(StartHopRequest.newBuilder().setHopId(hop.getHopId()).build());
        FIXTURE.execute(step);
        FIXTURE.complete(step, "{}");
        FIXTURE.await(step, TOOL_STEP_STATUS_COMPLETED);
        FIXTURE.hops()
                .completeHop(
                        CompleteHopRequest.newBuilder().setHopId(hop.getHopId()).build());
        var all = moves(mission);
        assertThat(all).hasSize(10); // 4 of the mission, 3 of the hop, 3 of the step

        var request = ListMissionMovesRequest.newBuilder()
                .setMissionId(mission.getMissionId())
                .setPageSize(3);
        var paged = new ArrayList<Move>();
        ListMissionMovesResponse page;
        do {
            page = FIXTURE.missions().listMissionMoves(request.build());
            paged.addAll(page.getMovesList());
            request.setPageToken(page.getNextPageToken());
        } while (!page.getNextPageToken().isEmpty());
        assertThat(paged).isEqualTo(all);

        var steps = FIXTURE.missions()
                .listMissionMoves(ListMissionMovesRequest.newBuilder()
                        .setMissionId(mission.getMissionId())
                        .setResource(MoveResource.MOVE_RESOURCE_TOOL_STEP)
                        .build())
                .getMovesList();
        assertThat(steps)
                .isEqualTo(all.stream()
                        .filter(move -> move.getResource() == MoveResource.MOVE_RESOURCE_TOOL_STEP)
                        .toList());
    }

    @Test
    void knowsNoMovesOfAMissionThatIsNotThere() {
        fails(() -> FIXTURE.missions()
                        .listMissionMoves(ListMissionMovesRequest.newBuilder()
                                .setMissionId(UUID.randomUUID().toString())
                                .build()))
                .with(Code.NOT_FOUND, ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND)
                .metadata("resource", "mission");
        var others = FIXTURE.mission();
        var mission = FIXTURE.mission();
        assertThat(moves(mission, others.getMissionId())).isEmpty();
    }

    @Test
    void takesAReasonOfAnyPermittedLength() {
        var mission = FIXTURE.mission();
        var hop = FIXTURE.hop(mission);
        var reason = "é".repeat(4_096);
        FIXTURE.missions()
                .cancelMission(CancelMissionRequest.newBuilder()
                        .setMissionId(mission.getMissionId())
                        .setReason(reason)
                        .build());
        assertThat(moves(mission, mission.getMissionId()).getFirst().getReason())
                .isEqualTo(reason);
        assertThat(moves(mission, hop.getHopId()).getFirst().getReason())
                .hasSize(4_096)
                .startsWith("the mission was cancelled: é")
                .endsWith("…");
    }

    private static List<Move> moves(Mission mission) {
        return moves(mission, "");
    }

    private static List<Move> moves(Mission mission, String resourceId) {
        return FIXTURE.missions()
                .listMissionMoves(ListMissionMovesRequest.newBuilder()
                        .setMissionId(mission.getMissionId())
                        .setResourceId(resourceId)
                        .setPageSize(500)
                        .build())
                .getMovesList();
    }

    private static org.assertj.core.groups.Tuple tuple(Object... values) {
        return org.assertj.core.groups.Tuple.tuple(values);
    }
}
