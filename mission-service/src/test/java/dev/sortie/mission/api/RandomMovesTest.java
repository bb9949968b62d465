package dev.sortie.mission.api;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.mission.MissionFixture;
import dev.sortie.mission.MoveChains;
import dev.sortie.mission.domain.HopMove;
import dev.sortie.mission.domain.HopStatus;
import dev.sortie.mission.domain.MissionMove;
import dev.sortie.mission.domain.MissionStatus;
import dev.sortie.mission.v1.ApproveMissionRequest;
import dev.sortie.mission.v1.CancelHopRequest;
import dev.sortie.mission.v1.CancelMissionRequest;
import dev.sortie.mission.v1.CompleteMissionRequest;
import dev.sortie.mission.v1.DeleteHopRequest;
import dev.sortie.mission.v1.DeleteMissionRequest;
import dev.sortie.mission.v1.FailHopRequest;
import dev.sortie.mission.v1.FailMissionRequest;
import dev.sortie.mission.v1.Hop;
import dev.sortie.mission.v1.ListHopsRequest;
import dev.sortie.mission.v1.MoveHopRequest;
import dev.sortie.mission.v1.ReturnMissionToWorkRequest;
import dev.sortie.mission.v1.SubmitMissionForQaRequest;
import dev.sortie.mission.v1.UndeleteMissionRequest;
import io.grpc.Status.Code;
import io.grpc.StatusRuntimeException;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Several callers who move the same missions about at random: nothing forbidden is ever reached. */
class RandomMovesTest {
    @AutoClose
    private static final MissionFixture MISSION = MissionFixture.start();

    private static final int CALLERS = 6;
    private static final int MOVES = 60;
    private static final Set<Code> EXPECTED = Set.of(Code.FAILED_PRECONDITION, Code.NOT_FOUND);

    private final Calls developer = Calls.of(MISSION.developer());

    /** One change of a mission or hop, as the change log has it. */
    private record Logged(String id, long version, String status, boolean deleted) {}

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    void reachesNothingForbidden(long seed) throws Exception {
        var missions = IntStream.range(0, 2)
                .mapToObj(number ->
                        developer.createMission("Random " + seed + "." + number).getMissionId())
                .toList();
        var outcomes = Together.call(CALLERS, caller -> {
            var random = new Random(seed * 1_000 + caller);
            for (int i = 0; i < MOVES; i++) {
                attempt(random, missions.get(random.nextInt(missions.size())));
            }
            return caller;
        });
        assertThat(outcomes).allSatisfy(outcome -> assertThat(outcome.failure()).isNull());
        for (var mission : missions) {
            assertMissionIsWhole(mission);
        }
        MoveChains.assertWhole(MISSION.database());
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
        var missions = developer.missions();
        var hops = developer.hops();
        switch (random.nextInt(18)) {
            case 0 ->
                missions.approveMission(
                        ApproveMissionRequest.newBuilder().setMissionId(mission).build());
            case 1 ->
                missions.submitMissionForQa(SubmitMissionForQaRequest.newBuilder()
                        .setMissionId(mission)
                        .build());
            case 2, 3 ->
                missions.returnMissionToWork(ReturnMissionToWorkRequest.newBuilder()
                        .setMissionId(mission)
                        .build());
            case 4 -> {
                // The ends come rarely, so that there is something to do until then.
                switch (random.nextInt(12)) {
                    case 0 ->
                        missions.failMission(FailMissionRequest.newBuilder()
                                .setMissionId(mission)
                                .build());
                    case 1 ->
                        missions.cancelMission(CancelMissionRequest.newBuilder()
                                .setMissionId(mission)
                                .build());
                    case 2 ->
                        missions.completeMission(CompleteMissionRequest.newBuilder()
                                .setMissionId(mission)
                                .build());
                    default -> developer.mission(mission);
                }
            }
            case 5 ->
                missions.deleteMission(
                        DeleteMissionRequest.newBuilder().setMissionId(mission).build());
            case 6, 7 ->
                missions.undeleteMission(UndeleteMissionRequest.newBuilder()
                        .setMissionId(mission)
                        .build());
            case 8, 9, 10 ->
                developer.createHop(Hop.newBuilder()
                        .setMissionId(mission)
                        .setName("hop")
                        .setSequenceOrder(random.nextInt(6))
                        .setIsFinal(random.nextInt(4) == 0)
                        .build());
            case 11 ->
                hops.moveHop(MoveHopRequest.newBuilder()
                        .setHopId(anyHop(random, mission))
                        .setSequenceOrder(random.nextInt(6))
                        .build());
            case 12 ->
                hops.deleteHop(DeleteHopRequest.newBuilder()
                        .setHopId(anyHop(random, mission))
                        .build());
            case 13, 14 -> developer.start(anyHop(random, mission));
            case 15 -> developer.complete(anyHop(random, mission));
            case 16 ->
                hops.failHop(FailHopRequest.newBuilder()
                        .setHopId(anyHop(random, mission))
                        .build());
            default ->
                hops.cancelHop(CancelHopRequest.newBuilder()
                        .setHopId(anyHop(random, mission))
                        .build());
        }
    }

    /** One of the first hops that are there, so that several callers choose the same. */
    private String anyHop(Random random, String mission) {
        var there = developer
                .hops()
                .listHops(ListHopsRequest.newBuilder().setMissionId(mission).build())
                .getHopsList();
        return there.isEmpty()
                ? "01978c2e-5b1f-7c3a-9d43-0a2b6f1c8e55"
                : there.get(random.nextInt(Math.min(4, there.size()))).getHopId();
    }

    private void assertMissionIsWhole(String mission) throws SQLException {
        var places = strings(
                "SELECT sequence_order::text FROM hops WHERE mission_id = '%s' ORDER BY hops.sequence_order", mission);
        assertThat(places)
                .containsExactlyElementsOf(IntStream.range(0, places.size())
                        .mapToObj(Integer::toString)
                        .toList());
        var active = strings("SELECT hop_id::text FROM hops WHERE mission_id = '%s' AND status = 'ACTIVE'", mission);
        var current = strings(
                "SELECT current_hop_id::text FROM missions WHERE mission_id = '%s' AND current_hop_id IS NOT NULL",
                mission);
        assertThat(current).isEqualTo(active);
        assertThat(active).hasSizeLessThanOrEqualTo(1);
        var status = strings("SELECT status FROM missions WHERE mission_id = '%s'", mission);
        assertThat(status.equals(List.of("ACTIVE"))).isEqualTo(!active.isEmpty());

        var history = history(
                "SELECT resource_id::text, version, attributes ->> 'status', kind = 'DELETED' FROM change_log"
                        + " WHERE resource_type = 'mission' AND resource_id = '%s' ORDER BY version",
                mission);
        assertHistory(
                history,
                (from, to) -> Stream.of(MissionMove.values())
                        .anyMatch(move -> move != MissionMove.RUN
                                && move.target() == MissionStatus.valueOf(to)
                                && move.isAllowed(MissionStatus.valueOf(from), false)));

        var hops = strings(
                "SELECT DISTINCT resource_id::text FROM change_log WHERE resource_type = 'hop'"
                        + " AND attributes ->> 'mission_id' = '%s'",
                mission);
        for (var hop : hops) {
            var changes = history(
                    "SELECT resource_id::text, version, attributes ->> 'status', kind = 'DELETED' FROM change_log"
                            + " WHERE resource_type = 'hop' AND resource_id = '%s' ORDER BY version, xid, seq",
                    hop);
            assertHistory(
                    changes,
                    (from, to) -> Stream.of(HopMove.values())
                            .anyMatch(move ->
                                    move.target() == HopStatus.valueOf(to) && move.isAllowed(HopStatus.valueOf(from))));
        }
    }

    private interface Transition {
        boolean isAllowed(String from, String to);
    }

    /** Every version is there once, from the first on, and leads to the next by a move that there is. */
    private static void assertHistory(List<Logged> history, Transition transition) {
        assertThat(history).isNotEmpty();
        for (int i = 0; i < history.size(); i++) {
            var now = history.get(i);
            assertThat(now.version).isEqualTo(i + 1);
            if (now.deleted) {
                assertThat(i).isEqualTo(history.size() - 1);
            } else if (i == 0) {
                assertThat(now.status).isEqualTo("PENDING");
            } else if (!now.status.equals(history.get(i - 1).status)) {
                assertThat(transition.isAllowed(history.get(i - 1).status, now.status))
                        .as("%s → %s of %s", history.get(i - 1).status, now.status, now.id)
                        .isTrue();
            }
        }
    }

    private static List<String> strings(String sql, String id) throws SQLException {
        var strings = new ArrayList<String>();
        try (var connection = MISSION.database().connectAsOwner();
                var statement = connection.createStatement();
                var rows = statement.executeQuery(sql.formatted(id))) {
            while (rows.next()) {
                strings.add(rows.getString(1));
            }
        }
        return strings;
    }

    private static List<Logged> history(String sql, String id) throws SQLException {
        var history = new ArrayList<Logged>();
        try (var connection = MISSION.database().connectAsOwner();
                var statement = connection.createStatement();
                var rows = statement.executeQuery(sql.formatted(id))) {
            while (rows.next()) {
                history.add(new Logged(rows.getString(1), rows.getLong(2), rows.getString(3), rows.getBoolean(4)));
            }
        }
        return history;
    }
}
