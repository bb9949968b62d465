package dev.sortie.mission.api;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.mission.MissionFixture;
import dev.sortie.mission.v1.AssetScopeType;
import dev.sortie.mission.v1.CompleteDodItemRequest;
import dev.sortie.mission.v1.DeleteMissionRequest;
import dev.sortie.mission.v1.GetMissionRequest;
import dev.sortie.mission.v1.GetTestRunRequest;
import dev.sortie.mission.v1.ListAssetsRequest;
import dev.sortie.mission.v1.ListMissionsRequest;
import dev.sortie.mission.v1.Mission;
import dev.sortie.mission.v1.MissionStatus;
import dev.sortie.mission.v1.ReportTestResultsRequest;
import dev.sortie.mission.v1.UndeleteMissionRequest;
import dev.sortie.mission.v1.UserRole;
import dev.sortie.mission.work.Eventually;
import dev.sortie.runtime.testing.StatusAssert;
import dev.sortie.type.v1.ErrorReason;
import io.grpc.Status.Code;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** Missions that are hidden, come back, and go for good. */
class MissionDeletionTest {
    @AutoClose
    private static final MissionFixture MISSION = MissionFixture.start();

    private final Calls developer = Calls.of(MISSION.developer());

    /** A mission at work, with an asset of its own, one of its hop, an item of its definition of done, and a test run. */
    private record Whole(String mission, String hop, String asset, String hopAsset, String dodItem, String testRun) {}

    @Test
    void hidesAMissionWithEverythingInItAndBringsItBack() {
        var whole = whole("Hidden");
        var before = developer.mission(whole.mission);
        var hidden = delete(whole.mission, false);
        assertThat(hidden.hasDeleteTime()).isTrue();
        assertThat(hidden.getPurgeTime().getSeconds() - hidden.getDeleteTime().getSeconds())
                .isEqualTo(Duration.ofDays(30).toSeconds());
        assertThat(hidden.getStatus()).isEqualTo(before.getStatus());
        assertIsNotThere(whole);
        assertThat(developer
                        .missions()
                        .getMission(GetMissionRequest.newBuilder()
                                .setMissionId(whole.mission)
                                .setShowDeleted(true)
                                .build())
                        .getMission())
                .isEqualTo(hidden);
        assertThat(listed(false)).doesNotContain(whole.mission);
        assertThat(listed(true)).contains(whole.mission);

        var back = undelete(whole.mission);
        assertThat(back.hasDeleteTime() || back.hasPurgeTime()).isFalse();
        assertThat(back.getStatus()).isEqualTo(MissionStatus.MISSION_STATUS_ACTIVE);
        assertThat(back.getCurrentHopId()).isEqualTo(whole.hop);
        assertThat(developer.asset(whole.asset).getAssetId()).isEqualTo(whole.asset);
        assertThat(developer.asset(whole.hopAsset).getAssetId()).isEqualTo(whole.hopAsset);
        assertThat(developer.complete(whole.hop).getHopId()).isEqualTo(whole.hop);
        assertThat(listed(false)).contains(whole.mission);
    }

    @Test
    void leavesAMissionThatIsNotHiddenAsItIs() {
        var made = developer.createMission("Here");
        assertThat(undelete(made.getMissionId())).isEqualTo(made);
        StatusAssert.fails(() -> undelete(UUID.randomUUID().toString()))
                .with(Code.NOT_FOUND, ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND);
    }

    @Test
    void purgesAtOnceWhenForced() throws SQLException {
        var whole = whole("Forced");
        var before = developer.mission(whole.mission);
        assertThat(delete(whole.mission, true)).isEqualTo(before);
        assertIsGone(whole);
        StatusAssert.fails(() -> undelete(whole.mission))
                .with(Code.NOT_FOUND, ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND);

        var hidden = whole("Hidden, then forced");
        delete(hidden.mission, false);
        delete(hidden.mission, true);
        assertIsGone(hidden);
    }

    @Test
    void hidesOnce() throws Exception {
        var whole = whole("Hidden once");
        var outcomes = Together.call(20, number -> delete(whole.mission, false));
        assertThat(outcomes.stream().filter(Together.Outcome::succeeded)).hasSize(1);
        outcomes.stream()
                .filter(one -> !one.succeeded())
                .forEach(one -> StatusAssert.of(one.failure())
                        .with(Code.NOT_FOUND, ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND));
        StatusAssert.fails(() -> developer
                        .missions()
                        .deleteMission(DeleteMissionRequest.newBuilder()
                                .setMissionId(whole.mission)
                                .setEtag("1")
                                .setForce(true)
                                .build()))
                .with(Code.ABORTED, ErrorReason.ERROR_REASON_ETAG_MISMATCH);
    }

    @Test
    void purgesHiddenMissionsAfterThirtyDaysAndNothingElse() throws Exception {
        var old = whole("Old");
        delete(old.mission, false);
        MISSION.clock().advance(Duration.ofDays(10));
        var younger = whole("Younger");
        delete(younger.mission, false);
        var kept = whole("Kept");
        MISSION.clock().advance(Duration.ofDays(20));
        // Its time is over, whether or not the purge has come round.
        StatusAssert.fails(() -> undelete(old.mission))
                .with(Code.NOT_FOUND, ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND);
        // As in several replicas at once.
        var outcomes = Together.call(5, number -> {
            MISSION.purgeMissions();
            return number;
        });
        assertThat(outcomes).allMatch(Together.Outcome::succeeded);
        // The server's own job may have it in hand: the callers then passed it over.
        Eventually.see(() -> ids("missions", old), List::isEmpty);
        assertIsGone(old);
        assertThat(undelete(younger.mission).hasDeleteTime()).isFalse();
        assertThat(developer.mission(kept.mission).getMissionId()).isEqualTo(kept.mission);
    }

    @Test
    void accountsForDeletions() throws SQLException {
        var mission = developer.createMission("Accounted for").getMissionId();
        delete(mission, false);
        delete(mission, true);
        assertThat(strings("SELECT action || ' ' || detail::text FROM audit_log WHERE resource_id = '" + mission
                        + "' ORDER BY audit_id"))
                .containsExactly("DeleteMission {\"force\": false}", "DeleteMission {\"force\": true}");
    }

    private Whole whole(String name) {
        var mission = developer.createApprovedMission(name).getMissionId();
        var hop = developer.createHop(mission, "hop").getHopId();
        developer.createHop(mission, "another");
        developer.start(hop);
        return new Whole(
                mission,
                hop,
                developer
                        .createAsset(Calls.asset(AssetScopeType.ASSET_SCOPE_TYPE_MISSION, mission)
                                .build())
                        .getAssetId(),
                developer
                        .createAsset(Calls.asset(AssetScopeType.ASSET_SCOPE_TYPE_HOP, hop)
                                .build())
                        .getAssetId(),
                developer.createDodItem(mission, "It works").getDodItemId(),
                developer.startTestRun(mission).getTestRunId());
    }

    private void assertIsNotThere(Whole whole) {
        StatusAssert.fails(() -> developer.mission(whole.mission))
                .with(Code.NOT_FOUND, ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND);
        StatusAssert.fails(() -> developer.hopsOf(whole.mission))
                .with(Code.NOT_FOUND, ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND)
                .metadata("resource", "mission");
        StatusAssert.fails(() -> developer.hop(whole.hop))
                .with(Code.NOT_FOUND, ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND)
                .metadata("resource", "hop");
        StatusAssert.fails(() -> developer.complete(whole.hop))
                .with(Code.NOT_FOUND, ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND)
                .metadata("resource", "hop");
        for (var asset : List.of(whole.asset, whole.hopAsset)) {
            StatusAssert.fails(() -> developer.asset(asset))
                    .with(Code.NOT_FOUND, ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND)
                    .metadata("resource", "asset");
        }
        StatusAssert.fails(() -> developer
                        .assets()
                        .listAssets(ListAssetsRequest.newBuilder()
                                .setScopeType(AssetScopeType.ASSET_SCOPE_TYPE_HOP)
                                .setScopeId(whole.hop)
                                .build()))
                .with(Code.NOT_FOUND, ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND);
        StatusAssert.fails(() -> developer
                        .dodItems()
                        .completeDodItem(CompleteDodItemRequest.newBuilder()
                                .setDodItemId(whole.dodItem)
                                .build()))
                .with(Code.NOT_FOUND, ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND)
                .metadata("resource", "dod_item");
        StatusAssert.fails(() -> developer
                        .testRuns()
                        .getTestRun(GetTestRunRequest.newBuilder()
                                .setTestRunId(whole.testRun)
                                .build()))
                .with(Code.NOT_FOUND, ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND)
                .metadata("resource", "test_run");
        StatusAssert.fails(() -> developer.report(List.of(ReportTestResultsRequest.newBuilder()
                        .setTestRunId(whole.testRun)
                        .build())))
                .with(Code.NOT_FOUND, ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND);
        StatusAssert.fails(() -> developer.createDodItem(whole.mission, "late"))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_REFERENCE_NOT_FOUND);
        StatusAssert.fails(() -> developer.createHop(whole.mission, "late"))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_REFERENCE_NOT_FOUND);
        StatusAssert.fails(() -> developer.createAsset(Calls.asset(AssetScopeType.ASSET_SCOPE_TYPE_HOP, whole.hop)
                        .build()))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_REFERENCE_NOT_FOUND);
    }

    private static List<String> ids(String table, Whole whole) {
        try {
            return strings("SELECT mission_id::text FROM " + table + " WHERE mission_id = '" + whole.mission + "'");
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }

    private void assertIsGone(Whole whole) throws SQLException {
        assertIsNotThere(whole);
        for (var table : List.of("missions", "hops", "assets", "dod_items", "test_runs")) {
            assertThat(ids(table, whole)).as(table).isEmpty();
        }
        assertThat(strings("SELECT resource_type || ' ' || resource_id FROM change_log WHERE kind = 'DELETED'"))
                .contains(
                        "mission " + whole.mission,
                        "hop " + whole.hop,
                        "asset " + whole.asset,
                        "asset " + whole.hopAsset,
                        "dod_item " + whole.dodItem,
                        "test_run " + whole.testRun);
    }

    private Mission delete(String missionId, boolean force) {
        return developer
                .missions()
                .deleteMission(DeleteMissionRequest.newBuilder()
                        .setMissionId(missionId)
                        .setForce(force)
                        .build())
                .getMission();
    }

    private Mission undelete(String missionId) {
        return developer
                .missions()
                .undeleteMission(UndeleteMissionRequest.newBuilder()
                        .setMissionId(missionId)
                        .build())
                .getMission();
    }

    private List<String> listed(boolean showDeleted) {
        return developer
                .missions()
                .listMissions(ListMissionsRequest.newBuilder()
                        .setUserId(MISSION.person(UserRole.USER_ROLE_DEVELOPER).id())
                        .setShowDeleted(showDeleted)
                        .setPageSize(500)
                        .build())
                .getMissionsList()
                .stream()
                .map(Mission::getMissionId)
                .toList();
    }

    private static List<String> strings(String sql) throws SQLException {
        var strings = new ArrayList<String>();
        try (var connection = MISSION.database().connectAsOwner();
                var statement = connection.createStatement();
                var rows = statement.executeQuery(sql)) {
            while (rows.next()) {
                strings.add(rows.getString(1));
            }
        }
        return strings;
    }
}
