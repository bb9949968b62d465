package dev.sortie.mission.api;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.FieldMask;
import com.google.protobuf.Struct;
import com.google.protobuf.Timestamp;
import com.google.protobuf.Value;
import dev.sortie.mission.MissionFixture;
import dev.sortie.mission.v1.ApproveMissionRequest;
import dev.sortie.mission.v1.CancelMissionRequest;
import dev.sortie.mission.v1.CompleteMissionRequest;
import dev.sortie.mission.v1.CreateMissionRequest;
import dev.sortie.mission.v1.CreateMissionResponse;
import dev.sortie.mission.v1.ErrorReason;
import dev.sortie.mission.v1.FailMissionRequest;
import dev.sortie.mission.v1.GetMissionRequest;
import dev.sortie.mission.v1.Hop;
import dev.sortie.mission.v1.HopStatus;
import dev.sortie.mission.v1.ListMissionsRequest;
import dev.sortie.mission.v1.Mission;
import dev.sortie.mission.v1.MissionServiceGrpc;
import dev.sortie.mission.v1.MissionServiceGrpc.MissionServiceBlockingStub;
import dev.sortie.mission.v1.MissionStatus;
import dev.sortie.mission.v1.ReturnMissionToWorkRequest;
import dev.sortie.mission.v1.RunMissionRequest;
import dev.sortie.mission.v1.RunState;
import dev.sortie.mission.v1.SubmitMissionForQaRequest;
import dev.sortie.mission.v1.UpdateMissionRequest;
import dev.sortie.mission.v1.UserRole;
import dev.sortie.runtime.testing.StatusAssert;
import io.grpc.Status.Code;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

class MissionGrpcServiceTest {
    @AutoClose
    private static final MissionFixture MISSION = MissionFixture.start();

    private final Calls developer = Calls.of(MISSION.developer());
    private final Calls admin = Calls.of(MISSION.admin());
    private final Calls viewer = Calls.of(MISSION.viewer());
    private final MissionServiceBlockingStub missions = developer.missions();

    @Test
    void createsAMissionWithEverythingInIt() {
        var wanted = Mission.newBuilder()
                .setName("Survey 🛰️")
                .setDescription("Look at it.")
                .setGoal("Know it.")
                .addSuccessCriteria("second \"quoted\"")
                .addSuccessCriteria("first")
                .setMetadata(Struct.newBuilder()
                        .putFields(
                                "config",
                                Value.newBuilder()
                                        .setStructValue(Struct.newBuilder()
                                                .putFields(
                                                        "depth",
                                                        Value.newBuilder()
                                                                .setNumberValue(3.5)
                                                                .build())
                                                .putFields(
                                                        "big",
                                                        Value.newBuilder()
                                                                .setNumberValue(1e300)
                                                                .build()))
                                        .build()))
                .setClient("Ada & Co")
                .setBudgetAmount(0)
                .setBudgetCurrency("EUR")
                .setDeadline(Timestamp.newBuilder().setSeconds(1_900_000_000).setNanos(123_456_000))
                .setAssignedTo("ada")
                .setGithubUrl("https://github.com/example/example")
                .build();
        var made = developer.createMission(wanted);
        assertThat(made.getStatus()).isEqualTo(MissionStatus.MISSION_STATUS_PENDING);
        assertThat(made.getUserId())
                .isEqualTo(MISSION.person(UserRole.USER_ROLE_DEVELOPER).id());
        assertThat(made.getEtag()).isEqualTo("1");
        assertThat(made.getRunning()).isFalse();
        assertThat(made.hasQaTime() || made.hasCompleteTime() || made.hasDeleteTime())
                .isFalse();
        assertThat(wanted.toBuilder()
                        .setMissionId(made.getMissionId())
                        .setUserId(made.getUserId())
                        .setStatus(made.getStatus())
                        .setRunState(RunState.RUN_STATE_IDLE)
                        .setCreateTime(made.getCreateTime())
                        .setUpdateTime(made.getCreateTime())
                        .setEtag("1")
                        .build())
                .isEqualTo(made);
        assertThat(viewer.mission(made.getMissionId())).isEqualTo(made);
    }

    @Test
    void ignoresWhatOnlyTheServerSets() {
        var made = developer.createMission(Mission.newBuilder()
                .setName("Cheeky")
                .setStatus(MissionStatus.MISSION_STATUS_COMPLETED)
                .setRunning(true)
                .setEtag("77")
                .setMissionId("01978c2e-5b1f-7c3a-9d43-0a2b6f1c8e55")
                .build());
        assertThat(made.getStatus()).isEqualTo(MissionStatus.MISSION_STATUS_PENDING);
        assertThat(made.getRunning()).isFalse();
        assertThat(made.getEtag()).isEqualTo("1");
        assertThat(made.getMissionId()).isNotEqualTo("01978c2e-5b1f-7c3a-9d43-0a2b6f1c8e55");
    }

    @Test
    void refusesAMissionThatBreaksItsBounds() {
        StatusAssert.fails(() -> developer.createMission(Mission.getDefaultInstance()))
                .with(Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("mission.name");
        StatusAssert.fails(() -> developer.createMission("x".repeat(256)))
                .with(Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("mission.name");
        StatusAssert.fails(() -> developer.createMission("nul\0"))
                .with(Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("mission.name");
        StatusAssert.fails(() -> developer.createMission(Mission.newBuilder()
                        .setName("x")
                        .setDeadline(Timestamp.newBuilder().setSeconds(Long.MAX_VALUE))
                        .build()))
                .with(Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("mission.deadline");
        StatusAssert.fails(() -> developer.createMission(Mission.newBuilder()
                        .setName("x")
                        .setMetadata(Struct.newBuilder()
                                .putFields(
                                        "n",
                                        Value.newBuilder()
                                                .setNumberValue(Double.NaN)
                                                .build()))
                        .build()))
                .with(Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("mission.metadata.n");
        StatusAssert.fails(() -> developer.createMission(Mission.newBuilder()
                        .setName("x")
                        .setMetadata(Struct.newBuilder()
                                .putFields(
                                        "n",
                                        Value.newBuilder()
                                                .setStringValue("y".repeat(262_144))
                                                .build()))
                        .build()))
                .with(Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("mission.metadata");
    }

    @Test
    void takes255CharactersOfAnyPlaneAsAName() {
        var name = "🛰".repeat(255);
        assertThat(developer.createMission(name).getName()).isEqualTo(name);
    }

    @Test
    void letsOnlyAdministratorsCreateForSomebodyElse() {
        var owner = MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER);
        var wanted =
                Mission.newBuilder().setName("For you").setUserId(owner.id()).build();
        StatusAssert.fails(() -> developer.createMission(wanted))
                .with(Code.PERMISSION_DENIED, dev.sortie.type.v1.ErrorReason.ERROR_REASON_NOT_OWNER);
        assertThat(admin.createMission(wanted).getUserId()).isEqualTo(owner.id());
        assertThat(Calls.of(MISSION.with(owner.token())).createMission(wanted).getUserId())
                .isEqualTo(owner.id());
        var nobody = UUID.randomUUID().toString();
        StatusAssert.fails(() ->
                        admin.createMission(wanted.toBuilder().setUserId(nobody).build()))
                .with(Code.FAILED_PRECONDITION, dev.sortie.type.v1.ErrorReason.ERROR_REASON_REFERENCE_NOT_FOUND)
                .metadata("field", "mission.user_id")
                .metadata("id", nobody);
        StatusAssert.fails(() -> viewer.createMission("no"))
                .with(Code.PERMISSION_DENIED, dev.sortie.type.v1.ErrorReason.ERROR_REASON_ROLE_INSUFFICIENT);
    }

    @Test
    void answersTheSameCreationFiftyTimesAtOnceWithOneMission() throws Exception {
        var request = CreateMissionRequest.newBuilder()
                .setMission(Mission.newBuilder().setName("Only once"))
                .setRequestId(UUID.randomUUID().toString())
                .build();
        var outcomes = Together.call(50, number -> missions.createMission(request));
        assertThat(outcomes).allMatch(Together.Outcome::succeeded);
        assertThat(outcomes.stream().map(one -> one.answer().getMission()).distinct())
                .hasSize(1);
        assertThat(outcomes.stream().filter(one -> !one.answer().getReplayed())).hasSize(1);
        assertThat(count("SELECT count(*) FROM missions WHERE name = 'Only once'"))
                .isOne();
        assertThat(count("SELECT count(*) FROM change_log WHERE resource_id = '"
                        + outcomes.getFirst().answer().getMission().getMissionId() + "'"))
                .isOne();
        StatusAssert.fails(() -> missions.createMission(request.toBuilder()
                        .setMission(Mission.newBuilder().setName("Another"))
                        .build()))
                .with(Code.ALREADY_EXISTS, dev.sortie.type.v1.ErrorReason.ERROR_REASON_REQUEST_ID_REUSED);
        CreateMissionResponse another = admin.missions().createMission(request);
        assertThat(another.getReplayed())
                .as("another caller's request id is its own")
                .isFalse();
    }

    @Test
    void knowsNoMissionThatIsNotThere() {
        var id = UUID.randomUUID().toString();
        StatusAssert.fails(() -> developer.mission(id))
                .with(Code.NOT_FOUND, dev.sortie.type.v1.ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND)
                .metadata("resource", "mission")
                .metadata("id", id);
        StatusAssert.fails(() -> developer.approve(id))
                .with(Code.NOT_FOUND, dev.sortie.type.v1.ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND);
        StatusAssert.fails(() -> developer.mission("not-an-id"))
                .with(Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("mission_id");
    }

    @Test
    void changesTheFieldsThatAreSetOrNamed() {
        var made = developer.createMission(Mission.newBuilder()
                .setName("Before")
                .setGoal("A goal")
                .setBudgetAmount(7)
                .setBudgetCurrency("EUR")
                .build());
        MISSION.clock().advance(Duration.ofSeconds(1));
        var renamed = update(
                made.toBuilder().clear().setMissionId(made.getMissionId()).setName("After"));
        assertThat(renamed.getName()).isEqualTo("After");
        assertThat(renamed.getGoal()).isEqualTo("A goal");
        assertThat(renamed.getEtag()).isEqualTo("2");
        assertThat(renamed.getUpdateTime()).isNotEqualTo(made.getUpdateTime());
        assertThat(renamed.getCreateTime()).isEqualTo(made.getCreateTime());

        var cleared = update(
                Mission.newBuilder().setMissionId(made.getMissionId()).setName("ignored"), "goal", "budget_amount");
        assertThat(cleared.getName()).isEqualTo("After");
        assertThat(cleared.getGoal()).isEmpty();
        assertThat(cleared.hasBudgetAmount()).isFalse();
        assertThat(cleared.getBudgetCurrency()).isEqualTo("EUR");

        var all = update(Mission.newBuilder().setMissionId(made.getMissionId()).setName("All"), "*");
        assertThat(all.getName()).isEqualTo("All");
        assertThat(all.getBudgetCurrency()).isEmpty();
    }

    @Test
    void refusesMasksThatNameWhatCallersCannotSet() {
        var made = developer.createMission("Masked");
        for (var path : List.of("status", "user_id", "mission_id", "etag", "nonsense", "metadata.config")) {
            StatusAssert.fails(() -> update(
                            Mission.newBuilder()
                                    .setMissionId(made.getMissionId())
                                    .setName("x"),
                            path))
                    .with(Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_UPDATE_MASK_INVALID)
                    .metadata("path", path);
        }
        StatusAssert.fails(() -> update(Mission.newBuilder().setMissionId(made.getMissionId()), "name"))
                .with(Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("mission.name");
        StatusAssert.fails(() -> update(Mission.newBuilder().setName("of which?")))
                .with(Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("mission.mission_id");
        assertThat(developer.mission(made.getMissionId())).isEqualTo(made);
    }

    @Test
    void letsOneOfManyWhoSawTheSameVersionChangeIt() throws Exception {
        var made = developer.createMission("Contended");
        var outcomes = Together.call(
                20,
                number -> update(Mission.newBuilder()
                        .setMissionId(made.getMissionId())
                        .setName("Number " + number)
                        .setEtag(made.getEtag())));
        assertThat(outcomes.stream().filter(Together.Outcome::succeeded)).hasSize(1);
        outcomes.stream()
                .filter(one -> !one.succeeded())
                .forEach(one -> StatusAssert.of(one.failure())
                        .with(Code.ABORTED, dev.sortie.type.v1.ErrorReason.ERROR_REASON_ETAG_MISMATCH)
                        .metadata("etag", "2"));
        StatusAssert.fails(() -> missions.approveMission(ApproveMissionRequest.newBuilder()
                        .setMissionId(made.getMissionId())
                        .setEtag("garbage")
                        .build()))
                .with(Code.ABORTED, dev.sortie.type.v1.ErrorReason.ERROR_REASON_ETAG_MISMATCH);
    }

    @Test
    void takesAMissionFromAnIdeaToItsEnd() {
        var id = developer.createMission("All the way").getMissionId();
        assertThat(developer.approve(id).getStatus()).isEqualTo(MissionStatus.MISSION_STATUS_READY_TO_DESIGN);
        var first = developer.createHop(id, "First");
        var last = developer.createHop(Hop.newBuilder()
                .setMissionId(id)
                .setName("Last")
                .setIsFinal(true)
                .build());

        developer.start(first.getHopId());
        assertThat(developer.mission(id).getStatus()).isEqualTo(MissionStatus.MISSION_STATUS_ACTIVE);
        assertThat(developer.mission(id).getCurrentHopId()).isEqualTo(first.getHopId());
        developer.complete(first.getHopId());
        assertThat(developer.mission(id).getStatus()).isEqualTo(MissionStatus.MISSION_STATUS_READY_TO_DESIGN);
        assertThat(developer.mission(id).getCurrentHopId()).isEmpty();

        developer.start(last.getHopId());
        developer.complete(last.getHopId());
        var judged = developer.mission(id);
        assertThat(judged.getStatus()).isEqualTo(MissionStatus.MISSION_STATUS_QA);
        assertThat(judged.hasQaTime()).isTrue();

        var back = missions.returnMissionToWork(ReturnMissionToWorkRequest.newBuilder()
                        .setMissionId(id)
                        .setReason("not yet")
                        .build())
                .getMission();
        assertThat(back.getStatus()).isEqualTo(MissionStatus.MISSION_STATUS_READY_TO_DESIGN);
        assertThat(back.getStatusReason()).isEqualTo("not yet");
        assertThat(back.getQaTime()).isEqualTo(judged.getQaTime());

        MISSION.clock().advance(Duration.ofSeconds(1));
        var again = missions.submitMissionForQa(
                        SubmitMissionForQaRequest.newBuilder().setMissionId(id).build())
                .getMission();
        assertThat(again.getStatus()).isEqualTo(MissionStatus.MISSION_STATUS_QA);
        assertThat(again.getQaTime()).isNotEqualTo(judged.getQaTime());
        var done = missions.completeMission(
                        CompleteMissionRequest.newBuilder().setMissionId(id).build())
                .getMission();
        assertThat(done.getStatus()).isEqualTo(MissionStatus.MISSION_STATUS_COMPLETED);
        assertThat(done.hasCompleteTime()).isTrue();

        StatusAssert.fails(() -> missions.cancelMission(
                        CancelMissionRequest.newBuilder().setMissionId(id).build()))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_MOVE_NOT_ALLOWED)
                .metadata("state", "COMPLETED")
                .metadata("move", "CANCEL")
                .metadata("allowed_moves", "")
                .precondition("mission/" + id);
        StatusAssert.fails(() -> update(Mission.newBuilder().setMissionId(id).setName("Too late")))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_NOT_CHANGEABLE)
                .metadata("resource", "mission")
                .metadata("state", "COMPLETED");
    }

    @Test
    void saysWhichMovesAStatusAllows() {
        var id = developer.createMission("Not approved").getMissionId();
        StatusAssert.fails(() -> missions.completeMission(
                        CompleteMissionRequest.newBuilder().setMissionId(id).build()))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_MOVE_NOT_ALLOWED)
                .metadata("resource", "mission")
                .metadata("id", id)
                .metadata("state", "PENDING")
                .metadata("move", "COMPLETE")
                .metadata("allowed_moves", "APPROVE,CANCEL,FAIL");
        StatusAssert.fails(() -> missions.runMission(
                        RunMissionRequest.newBuilder().setMissionId(id).build()))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_MOVE_NOT_ALLOWED)
                .metadata("move", "RUN");
    }

    @Test
    void keepsAMissionWithAnActiveHopOutOfQa() {
        var id = developer.createApprovedMission("Busy").getMissionId();
        developer.start(developer.createHop(id, "At work").getHopId());
        StatusAssert.fails(() -> missions.submitMissionForQa(
                        SubmitMissionForQaRequest.newBuilder().setMissionId(id).build()))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_MOVE_NOT_ALLOWED)
                .metadata("state", "ACTIVE")
                .metadata("allowed_moves", "CANCEL,FAIL,RUN");
    }

    @Test
    void cancelsTheOpenHopsOfAMissionThatIsGivenUp() {
        for (boolean fails : new boolean[] {true, false}) {
            var id = developer.createApprovedMission("Given up").getMissionId();
            var done = developer.createHop(id, "Done").getHopId();
            var active = developer.createHop(id, "Active").getHopId();
            var pending = developer.createHop(id, "Pending").getHopId();
            developer.start(done);
            developer.complete(done);
            developer.start(active);
            var ended = fails
                    ? missions.failMission(FailMissionRequest.newBuilder()
                                    .setMissionId(id)
                                    .setReason("no use")
                                    .build())
                            .getMission()
                    : missions.cancelMission(CancelMissionRequest.newBuilder()
                                    .setMissionId(id)
                                    .setReason("no use")
                                    .build())
                            .getMission();
            assertThat(ended.getStatus())
                    .isEqualTo(fails ? MissionStatus.MISSION_STATUS_FAILED : MissionStatus.MISSION_STATUS_CANCELLED);
            assertThat(ended.getStatusReason()).isEqualTo("no use");
            assertThat(ended.getCurrentHopId()).isEmpty();
            assertThat(ended.hasCompleteTime()).isTrue();
            assertThat(developer.hop(done).getStatus()).isEqualTo(HopStatus.HOP_STATUS_COMPLETED);
            assertThat(developer.hop(active).getStatus()).isEqualTo(HopStatus.HOP_STATUS_CANCELLED);
            assertThat(developer.hop(active).hasEndTime()).isTrue();
            assertThat(developer.hop(pending).getStatus()).isEqualTo(HopStatus.HOP_STATUS_CANCELLED);
        }
    }

    @Test
    void listsMissionsNewestFirstByOwnerAndStatus() {
        var owner = MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER);
        var calls = Calls.of(MISSION.with(owner.token()));
        var made = new ArrayList<String>();
        for (int i = 0; i < 7; i++) {
            made.addFirst(calls.createMission("Listed " + i).getMissionId());
            MISSION.clock().advance(Duration.ofMillis(i % 2)); // some at the same time
        }
        calls.approve(made.get(2));
        var byOwner = ListMissionsRequest.newBuilder().setUserId(owner.id()).setPageSize(3);
        var listed = pages(byOwner.build(), () -> calls.createMission("Meanwhile"));
        assertThat(listed).containsExactlyElementsOf(inOrder(made));
        var approved = byOwner.clone()
                .setStatus(MissionStatus.MISSION_STATUS_READY_TO_DESIGN)
                .build();
        assertThat(pages(approved, () -> {})).containsExactly(made.get(2));
        assertThat(pages(
                        ListMissionsRequest.newBuilder()
                                .setStatus(MissionStatus.MISSION_STATUS_READY_TO_DESIGN)
                                .setPageSize(500)
                                .build(),
                        () -> {}))
                .contains(made.get(2))
                .doesNotContain(made.get(3));
        assertThat(pages(ListMissionsRequest.getDefaultInstance(), () -> {})).containsAll(made);
    }

    @Test
    void refusesAPageTokenOfAnotherFilter() {
        developer.createMission("One");
        developer.createMission("Two");
        var token = missions.listMissions(
                        ListMissionsRequest.newBuilder().setPageSize(1).build())
                .getNextPageToken();
        assertThat(token).isNotEmpty();
        StatusAssert.fails(() -> missions.listMissions(ListMissionsRequest.newBuilder()
                        .setPageToken(token)
                        .setShowDeleted(true)
                        .build()))
                .with(Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_PAGE_TOKEN_INVALID);
        StatusAssert.fails(() -> missions.listMissions(
                        ListMissionsRequest.newBuilder().setPageSize(-1).build()))
                .with(Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID);
        StatusAssert.fails(() -> missions.listMissions(
                        ListMissionsRequest.newBuilder().setStatusValue(99).build()))
                .with(Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID);
    }

    @Test
    void asksForAToken() {
        StatusAssert.fails(() -> MissionServiceGrpc.newBlockingStub(MISSION.anonymous())
                        .getMission(GetMissionRequest.newBuilder()
                                .setMissionId(UUID.randomUUID().toString())
                                .build()))
                .with(Code.UNAUTHENTICATED, dev.sortie.type.v1.ErrorReason.ERROR_REASON_TOKEN_MISSING);
    }

    /** Newest first; of those made at the same time, the one with the greater id. */
    private List<String> inOrder(List<String> ids) {
        return ids.stream()
                .map(developer::mission)
                .sorted((a, b) -> {
                    int byTime = com.google.protobuf.util.Timestamps.compare(b.getCreateTime(), a.getCreateTime());
                    return byTime != 0 ? byTime : b.getMissionId().compareTo(a.getMissionId());
                })
                .map(Mission::getMissionId)
                .toList();
    }

    private List<String> pages(ListMissionsRequest first, Runnable meanwhile) {
        var ids = new ArrayList<String>();
        var request = first;
        while (true) {
            var page = missions.listMissions(request);
            page.getMissionsList().forEach(mission -> ids.add(mission.getMissionId()));
            if (page.getNextPageToken().isEmpty()) {
                return ids;
            }
            meanwhile.run();
            request = first.toBuilder().setPageToken(page.getNextPageToken()).build();
        }
    }

    private Mission update(Mission.Builder mission, String... paths) {
        var request = UpdateMissionRequest.newBuilder().setMission(mission);
        if (paths.length > 0) {
            request.setUpdateMask(FieldMask.newBuilder().addAllPaths(List.of(paths)));
        }
        return missions.updateMission(request.build()).getMission();
    }

    private static long count(String sql) {
        try (var connection = MISSION.database().connectAsOwner();
                var statement = connection.createStatement();
                var rows = statement.executeQuery(sql)) {
            rows.next();
            return rows.getLong(1);
        } catch (java.sql.SQLException e) {
            throw new AssertionError(e);
        }
    }
}
