package dev.sortie.mission.api;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.FieldMask;
import dev.sortie.mission.MissionFixture;
import dev.sortie.mission.v1.AssetScopeType;
import dev.sortie.mission.v1.CancelHopRequest;
import dev.sortie.mission.v1.CreateHopRequest;
import dev.sortie.mission.v1.DeleteHopRequest;
import dev.sortie.mission.v1.ErrorReason;
import dev.sortie.mission.v1.FailHopRequest;
import dev.sortie.mission.v1.Hop;
import dev.sortie.mission.v1.HopServiceGrpc.HopServiceBlockingStub;
import dev.sortie.mission.v1.HopStatus;
import dev.sortie.mission.v1.ListHopsRequest;
import dev.sortie.mission.v1.MissionStatus;
import dev.sortie.mission.v1.MoveHopRequest;
import dev.sortie.mission.v1.RunState;
import dev.sortie.mission.v1.StartHopRequest;
import dev.sortie.mission.v1.SubmitMissionForQaRequest;
import dev.sortie.mission.v1.UpdateHopRequest;
import dev.sortie.runtime.testing.StatusAssert;
import io.grpc.Status.Code;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

class HopGrpcServiceTest {
    @AutoClose
    private static final MissionFixture MISSION = MissionFixture.start();

    private final Calls developer = Calls.of(MISSION.developer());
    private final HopServiceBlockingStub hops = developer.hops();

    @Test
    void createsAHopAndReadsItBack() {
        var mission = developer.createMission("With a hop").getMissionId();
        var wanted = Hop.newBuilder()
                .setMissionId(mission)
                .setName("Collect")
                .setDescription("Everything there is.")
                .setRationale("Nothing can be said before.")
                .setIsFinal(true)
                .build();
        var made = developer.createHop(wanted);
        assertThat(made.getStatus()).isEqualTo(HopStatus.HOP_STATUS_PENDING);
        assertThat(made.getRunState()).isEqualTo(RunState.RUN_STATE_IDLE);
        assertThat(made.getSequenceOrder()).isZero();
        assertThat(made.hasSequenceOrder()).isTrue();
        assertThat(made.getEtag()).isEqualTo("1");
        assertThat(made.toBuilder()
                        .clearHopId()
                        .clearStatus()
                        .clearSequenceOrder()
                        .clearRunState()
                        .clearCreateTime()
                        .clearUpdateTime()
                        .clearEtag()
                        .build())
                .isEqualTo(wanted);
        assertThat(Calls.of(MISSION.viewer()).hop(made.getHopId())).isEqualTo(made);
    }

    @Test
    void insertsHopsWhereTheyShallBe() {
        var mission = developer.createMission("Ordered").getMissionId();
        developer.createHop(mission, "b");
        developer.createHop(hop(mission, "d").setSequenceOrder(999).build());
        developer.createHop(hop(mission, "a").setSequenceOrder(0).build());
        developer.createHop(hop(mission, "c").setSequenceOrder(2).build());
        assertThat(order(mission)).containsExactly("a", "b", "c", "d");
        assertThat(developer.hopsOf(mission)).extracting(Hop::getSequenceOrder).containsExactly(0, 1, 2, 3);
    }

    @Test
    void movesAndDeletesWithoutLeavingGaps() {
        var mission = developer.createMission("Reordered").getMissionId();
        var ids = new ArrayList<String>();
        for (var name : List.of("a", "b", "c", "d", "e")) {
            ids.add(developer.createHop(mission, name).getHopId());
        }
        assertThat(move(ids.get(0), 3).getSequenceOrder()).isEqualTo(3);
        assertThat(order(mission)).containsExactly("b", "c", "d", "a", "e");
        assertThat(move(ids.get(4), 0).getSequenceOrder()).isZero();
        assertThat(order(mission)).containsExactly("e", "b", "c", "d", "a");
        assertThat(move(ids.get(1), 999).getSequenceOrder()).isEqualTo(4);
        assertThat(order(mission)).containsExactly("e", "c", "d", "a", "b");
        var unmoved = developer.hop(ids.get(1));
        assertThat(move(ids.get(1), 4)).isEqualTo(unmoved);
        delete(ids.get(2));
        assertThat(order(mission)).containsExactly("e", "d", "a", "b");
        assertThat(developer.hopsOf(mission)).extracting(Hop::getSequenceOrder).containsExactly(0, 1, 2, 3);
        StatusAssert.fails(() -> developer.hop(ids.get(2)))
                .with(Code.NOT_FOUND, dev.sortie.type.v1.ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND);
    }

    @Test
    void keepsTheOrderDenseWhileManyInsertMoveAndDelete() throws Exception {
        var mission = developer.createMission("Contended order").getMissionId();
        var first = IntStream.range(0, 20)
                .mapToObj(
                        number -> developer.createHop(mission, "hop " + number).getHopId())
                .toList();
        var outcomes = Together.call(60, number -> {
            var random = new Random(number);
            return switch (number % 3) {
                case 0 ->
                    developer
                            .createHop(hop(mission, "new " + number)
                                    .setSequenceOrder(random.nextInt(25))
                                    .build())
                            .getHopId();
                case 1 -> move(first.get(number / 3), random.nextInt(25)).getHopId();
                default -> number < 30 ? delete(first.get(number / 3)).getHopId() : "";
            };
        });
        outcomes.stream()
                .filter(one -> !one.succeeded())
                .forEach(one -> StatusAssert.of(one.failure())
                        .with(Code.NOT_FOUND, dev.sortie.type.v1.ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND));
        var places =
                developer.hopsOf(mission).stream().map(Hop::getSequenceOrder).toList();
        assertThat(places).hasSize(30);
        assertThat(places)
                .containsExactlyElementsOf(
                        IntStream.range(0, places.size()).boxed().toList());
    }

    @Test
    void keepsWhatHasBegunInItsPlace() {
        var mission = developer.createApprovedMission("Begun").getMissionId();
        var done = developer.createHop(mission, "done").getHopId();
        var active = developer.createHop(mission, "active").getHopId();
        var next = developer.createHop(mission, "next").getHopId();
        developer.start(done);
        developer.complete(done);
        developer.start(active);
        StatusAssert.fails(() -> move(done, 2))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_NOT_CHANGEABLE)
                .metadata("resource", "hop")
                .metadata("state", "COMPLETED");
        StatusAssert.fails(() -> move(next, 1))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_NOT_CHANGEABLE)
                .metadata("state", "PENDING");
        StatusAssert.fails(() -> developer.createHop(
                        hop(mission, "too early").setSequenceOrder(1).build()))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_NOT_CHANGEABLE);
        developer.createHop(hop(mission, "now").setSequenceOrder(2).build());
        assertThat(order(mission)).containsExactly("done", "active", "now", "next");
        StatusAssert.fails(() -> delete(active))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_NOT_CHANGEABLE)
                .metadata("state", "ACTIVE");
        delete(done);
        assertThat(order(mission)).containsExactly("active", "now", "next");
    }

    @Test
    void startsHopsInTheirOrderOneAtATime() {
        var mission = developer.createMission("One by one").getMissionId();
        var first = developer.createHop(mission, "first").getHopId();
        var second = developer.createHop(mission, "second").getHopId();
        StatusAssert.fails(() -> developer.start(first))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_MOVE_NOT_ALLOWED)
                .metadata("resource", "mission")
                .metadata("state", "PENDING")
                .metadata("move", "START_HOP");
        developer.approve(mission);
        StatusAssert.fails(() -> developer.start(second))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_OUT_OF_ORDER)
                .metadata("resource", "hop")
                .metadata("id", second)
                .metadata("blocking_id", first)
                .metadata("blocking_state", "PENDING");
        var started = developer.start(first);
        assertThat(started.getStatus()).isEqualTo(HopStatus.HOP_STATUS_ACTIVE);
        assertThat(started.hasStartTime()).isTrue();
        StatusAssert.fails(() -> developer.start(second))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_HOP_ALREADY_ACTIVE)
                .metadata("mission_id", mission)
                .metadata("active_hop_id", first);
        StatusAssert.fails(() -> developer.start(first))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_MOVE_NOT_ALLOWED)
                .metadata("resource", "hop")
                .metadata("state", "ACTIVE")
                .metadata("allowed_moves", "CANCEL,COMPLETE,FAIL,RUN");
    }

    @Test
    void activatesOneHopOfAHundredStartedAtOnce() throws Exception {
        var mission = developer.createApprovedMission("Crowded").getMissionId();
        var ids = IntStream.range(0, 10)
                .mapToObj(
                        number -> developer.createHop(mission, "hop " + number).getHopId())
                .toList();
        var outcomes = Together.call(100, number -> developer.start(ids.get(number % ids.size())));
        assertThat(outcomes.stream().filter(Together.Outcome::succeeded)).hasSize(1);
        assertThat(developer.hopsOf(mission).stream().filter(hop -> hop.getStatus() == HopStatus.HOP_STATUS_ACTIVE))
                .extracting(Hop::getHopId)
                .containsExactly(ids.getFirst());
        assertThat(developer.mission(mission).getCurrentHopId()).isEqualTo(ids.getFirst());
        assertThat(developer.mission(mission).getEtag()).isEqualTo("3");
    }

    @Test
    void startsOnceForOneRequestId() throws Exception {
        var mission = developer.createApprovedMission("Started once").getMissionId();
        var request = StartHopRequest.newBuilder()
                .setHopId(developer.createHop(mission, "hop").getHopId())
                .setRequestId(UUID.randomUUID().toString())
                .build();
        var outcomes = Together.call(50, number -> hops.startHop(request));
        assertThat(outcomes).allMatch(Together.Outcome::succeeded);
        assertThat(outcomes.stream().map(one -> one.answer().getHop()).distinct())
                .hasSize(1);
        assertThat(outcomes.stream().filter(one -> !one.answer().getReplayed())).hasSize(1);
    }

    @Test
    void endsHopsAndSetsTheMissionFree() {
        var mission = developer.createApprovedMission("Endings").getMissionId();
        var failed = developer.createHop(mission, "failed").getHopId();
        var cancelled = developer.createHop(mission, "cancelled").getHopId();
        var skipped = developer.createHop(mission, "skipped").getHopId();
        var last = developer
                .createHop(hop(mission, "last").setIsFinal(true).build())
                .getHopId();

        StatusAssert.fails(() -> hops.failHop(
                        FailHopRequest.newBuilder().setHopId(failed).build()))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_MOVE_NOT_ALLOWED)
                .metadata("allowed_moves", "CANCEL,RUN,START");
        developer.start(failed);
        var afterFailure = hops.failHop(FailHopRequest.newBuilder()
                        .setHopId(failed)
                        .setReason("the disk is full")
                        .build())
                .getHop();
        assertThat(afterFailure.getStatus()).isEqualTo(HopStatus.HOP_STATUS_FAILED);
        assertThat(afterFailure.getErrorMessage()).isEqualTo("the disk is full");
        assertThat(afterFailure.hasEndTime()).isTrue();
        assertThat(developer.mission(mission).getStatus()).isEqualTo(MissionStatus.MISSION_STATUS_READY_TO_DESIGN);
        assertThat(developer.mission(mission).getCurrentHopId()).isEmpty();

        developer.start(cancelled);
        cancel(cancelled);
        assertThat(developer.mission(mission).getStatus()).isEqualTo(MissionStatus.MISSION_STATUS_READY_TO_DESIGN);
        var etag = developer.mission(mission).getEtag();
        cancel(skipped);
        assertThat(developer.mission(mission).getEtag()).isEqualTo(etag);
        assertThat(developer.hop(skipped).hasStartTime()).isFalse();

        developer.start(last);
        var completed = developer.complete(last);
        assertThat(completed.getStatus()).isEqualTo(HopStatus.HOP_STATUS_COMPLETED);
        assertThat(completed.getIsResolved()).isTrue();
        assertThat(developer.mission(mission).getStatus()).isEqualTo(MissionStatus.MISSION_STATUS_QA);
        StatusAssert.fails(() -> developer.complete(last))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_MOVE_NOT_ALLOWED)
                .metadata("allowed_moves", "");
    }

    @Test
    void takesNoHopsFromQaOn() {
        var mission = developer.createApprovedMission("Judged").getMissionId();
        developer
                .missions()
                .submitMissionForQa(SubmitMissionForQaRequest.newBuilder()
                        .setMissionId(mission)
                        .build());
        StatusAssert.fails(() -> developer.createHop(mission, "late"))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_NOT_CHANGEABLE)
                .metadata("resource", "mission")
                .metadata("state", "QA");
    }

    @Test
    void refusesHopsOfMissionsThatDoNotExist() {
        var nothing = UUID.randomUUID().toString();
        StatusAssert.fails(() -> developer.createHop(nothing, "of nothing"))
                .with(Code.FAILED_PRECONDITION, dev.sortie.type.v1.ErrorReason.ERROR_REASON_REFERENCE_NOT_FOUND)
                .metadata("field", "hop.mission_id")
                .metadata("id", nothing);
        StatusAssert.fails(() -> developer.hopsOf(nothing))
                .with(Code.NOT_FOUND, dev.sortie.type.v1.ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND)
                .metadata("resource", "mission");
        StatusAssert.fails(() -> developer.createHop(Hop.getDefaultInstance()))
                .with(Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("hop.mission_id")
                .field("hop.name");
    }

    @Test
    void holdsAThousandHops() throws SQLException {
        var mission = developer.createMission("Full").getMissionId();
        try (var connection = MISSION.database().connectAsRuntime();
                var insert = connection.prepareStatement("""
                        INSERT INTO hops (hop_id, mission_id, name, sequence_order, created_at, updated_at)
                        SELECT gen_random_uuid(), ?::uuid, 'hop', n, now(), now() FROM generate_series(0, 998) n
                        """)) {
            insert.setString(1, mission);
            insert.execute();
        }
        developer.createHop(hop(mission, "the last one").setSequenceOrder(0).build());
        StatusAssert.fails(() -> developer.createHop(mission, "one too many"))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_TOO_MANY_CHILDREN)
                .metadata("resource", "mission")
                .metadata("id", mission)
                .metadata("limit", "1000");
        var listed = new ArrayList<Integer>();
        var token = "";
        do {
            var page = hops.listHops(ListHopsRequest.newBuilder()
                    .setMissionId(mission)
                    .setPageSize(1_000)
                    .setPageToken(token)
                    .build());
            assertThat(page.getHopsCount()).isLessThanOrEqualTo(500);
            page.getHopsList().forEach(hop -> listed.add(hop.getSequenceOrder()));
            token = page.getNextPageToken();
        } while (!token.isEmpty());
        assertThat(listed)
                .containsExactlyElementsOf(IntStream.range(0, 1_000).boxed().toList());
    }

    @Test
    void pagesThroughHopsThatComeAndGoMeanwhile() {
        var mission = developer.createMission("Paged").getMissionId();
        var ids = IntStream.range(0, 6)
                .mapToObj(
                        number -> developer.createHop(mission, "hop " + number).getHopId())
                .toList();
        var first = ListHopsRequest.newBuilder().setMissionId(mission).setPageSize(3);
        var page = hops.listHops(first.build());
        assertThat(page.getHopsList()).extracting(Hop::getHopId).containsExactlyElementsOf(ids.subList(0, 3));
        var next = first.setPageToken(page.getNextPageToken()).setPageSize(2).build();
        delete(ids.get(0));
        assertThat(hops.listHops(next).getHopsList()).extracting(Hop::getHopId).containsExactly(ids.get(3), ids.get(4));
        developer.createHop(hop(mission, "new").setSequenceOrder(0).build());
        developer.createHop(hop(mission, "newer").setSequenceOrder(0).build());
        assertThat(hops.listHops(next).getHopsList()).extracting(Hop::getHopId).containsExactly(ids.get(3), ids.get(4));
    }

    @Test
    void pagesOnWhereAHopThatIsGoneWas() {
        var mission = developer.createMission("Paged over a gap").getMissionId();
        var ids = IntStream.range(0, 4)
                .mapToObj(
                        number -> developer.createHop(mission, "hop " + number).getHopId())
                .toList();
        var first = ListHopsRequest.newBuilder().setMissionId(mission).setPageSize(2);
        var token = hops.listHops(first.build()).getNextPageToken();
        delete(ids.get(1));
        assertThat(hops.listHops(first.setPageToken(token).build()).getHopsList())
                .extracting(Hop::getHopId)
                .containsExactly(ids.get(2), ids.get(3));
    }

    @Test
    void changesNothingWhenNothingIsDifferent() {
        var made = developer.createHop(developer.createMission("Same").getMissionId(), "same");
        assertThat(update(Hop.newBuilder().setHopId(made.getHopId()).setName("same")))
                .isEqualTo(made);
        assertThat(update(Hop.newBuilder().setHopId(made.getHopId()))).isEqualTo(made);
    }

    @Test
    void listsHopsByStatus() {
        var mission = developer.createApprovedMission("By status").getMissionId();
        var first = developer.createHop(mission, "first").getHopId();
        developer.createHop(mission, "second");
        developer.createHop(mission, "third");
        developer.start(first);
        var pending = hops.listHops(ListHopsRequest.newBuilder()
                .setMissionId(mission)
                .setStatus(HopStatus.HOP_STATUS_PENDING)
                .setPageSize(1)
                .build());
        assertThat(pending.getHopsList()).extracting(Hop::getName).containsExactly("second");
        var more = hops.listHops(ListHopsRequest.newBuilder()
                .setMissionId(mission)
                .setStatus(HopStatus.HOP_STATUS_PENDING)
                .setPageSize(1)
                .setPageToken(pending.getNextPageToken())
                .build());
        assertThat(more.getHopsList()).extracting(Hop::getName).containsExactly("third");
        assertThat(more.getNextPageToken()).isEmpty();
    }

    @Test
    void changesTheFieldsOfAHopThatHasNotEnded() {
        var mission = developer.createApprovedMission("Edited").getMissionId();
        var made = developer.createHop(mission, "before");
        var changed = update(Hop.newBuilder()
                .setHopId(made.getHopId())
                .setName("after")
                .setIsFinal(true)
                .setEtag(made.getEtag()));
        assertThat(changed.getName()).isEqualTo("after");
        assertThat(changed.getIsFinal()).isTrue();
        StatusAssert.fails(() -> update(Hop.newBuilder()
                        .setHopId(made.getHopId())
                        .setName("stale")
                        .setEtag("1")))
                .with(Code.ABORTED, dev.sortie.type.v1.ErrorReason.ERROR_REASON_ETAG_MISMATCH)
                .metadata("resource", "hop");
        var plain = update(Hop.newBuilder().setHopId(made.getHopId()), "is_final");
        assertThat(plain.getIsFinal()).isFalse();
        assertThat(plain.getName()).isEqualTo("after");
        StatusAssert.fails(() -> update(Hop.newBuilder().setHopId(made.getHopId()), "sequence_order"))
                .with(Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_UPDATE_MASK_INVALID);
        cancel(made.getHopId());
        StatusAssert.fails(
                        () -> update(Hop.newBuilder().setHopId(made.getHopId()).setName("late")))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_NOT_CHANGEABLE)
                .metadata("state", "CANCELLED");
    }

    @Test
    void deletesAHopWithItsAssetsAndTellsTheChangeLog() throws SQLException {
        var mission = developer.createMission("With assets").getMissionId();
        var hop = developer.createHop(mission, "to go").getHopId();
        var inHop = developer
                .createAsset(
                        Calls.asset(AssetScopeType.ASSET_SCOPE_TYPE_HOP, hop).build())
                .getAssetId();
        var inMission = developer
                .createAsset(Calls.asset(AssetScopeType.ASSET_SCOPE_TYPE_MISSION, mission)
                        .build())
                .getAssetId();
        var gone = delete(hop);
        assertThat(gone.getName()).isEqualTo("to go");
        StatusAssert.fails(() -> developer.asset(inHop))
                .with(Code.NOT_FOUND, dev.sortie.type.v1.ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND)
                .metadata("resource", "asset");
        assertThat(developer.asset(inMission).getAssetId()).isEqualTo(inMission);
        assertThat(deletions()).contains("hop " + hop, "asset " + inHop).doesNotContain("asset " + inMission);
        StatusAssert.fails(() -> delete(hop))
                .with(Code.NOT_FOUND, dev.sortie.type.v1.ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND);
    }

    @Test
    void repeatsTheAnswerToADeletion() {
        var mission = developer.createMission("Deleted twice").getMissionId();
        var request = DeleteHopRequest.newBuilder()
                .setHopId(developer.createHop(mission, "hop").getHopId())
                .setRequestId(UUID.randomUUID().toString())
                .build();
        var first = hops.deleteHop(request);
        var second = hops.deleteHop(request);
        assertThat(second.getReplayed()).isTrue();
        assertThat(second.getHop()).isEqualTo(first.getHop());
    }

    @Test
    void createsOnceForOneRequestId() throws Exception {
        var mission = developer.createMission("Created once").getMissionId();
        var request = CreateHopRequest.newBuilder()
                .setHop(hop(mission, "once"))
                .setRequestId(UUID.randomUUID().toString())
                .build();
        var outcomes = Together.call(50, number -> hops.createHop(request));
        assertThat(outcomes).allMatch(Together.Outcome::succeeded);
        assertThat(outcomes.stream().map(one -> one.answer().getHop()).distinct())
                .hasSize(1);
        assertThat(order(mission)).containsExactly("once");
    }

    private static Hop.Builder hop(String missionId, String name) {
        return Hop.newBuilder().setMissionId(missionId).setName(name);
    }

    private List<String> order(String missionId) {
        return developer.hopsOf(missionId).stream().map(Hop::getName).toList();
    }

    private Hop move(String hopId, int place) {
        return hops.moveHop(MoveHopRequest.newBuilder()
                        .setHopId(hopId)
                        .setSequenceOrder(place)
                        .build())
                .getHop();
    }

    private Hop delete(String hopId) {
        return hops.deleteHop(DeleteHopRequest.newBuilder().setHopId(hopId).build())
                .getHop();
    }

    private Hop cancel(String hopId) {
        return hops.cancelHop(CancelHopRequest.newBuilder().setHopId(hopId).build())
                .getHop();
    }

    private Hop update(Hop.Builder hop, String... paths) {
        var request = UpdateHopRequest.newBuilder().setHop(hop);
        if (paths.length > 0) {
            request.setUpdateMask(FieldMask.newBuilder().addAllPaths(List.of(paths)));
        }
        return hops.updateHop(request.build()).getHop();
    }

    private static List<String> deletions() throws SQLException {
        var deletions = new ArrayList<String>();
        try (var connection = MISSION.database().connectAsOwner();
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
