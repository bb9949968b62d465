package dev.sortie.mission.api;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import com.google.protobuf.Message;
import dev.sortie.mission.MissionFixture;
import dev.sortie.mission.v1.ApproveMissionRequest;
import dev.sortie.mission.v1.Asset;
import dev.sortie.mission.v1.AssetScopeType;
import dev.sortie.mission.v1.AssetServiceGrpc;
import dev.sortie.mission.v1.CancelHopRequest;
import dev.sortie.mission.v1.CancelMissionRequest;
import dev.sortie.mission.v1.CompleteDodItemRequest;
import dev.sortie.mission.v1.CompleteHopRequest;
import dev.sortie.mission.v1.CompleteMissionRequest;
import dev.sortie.mission.v1.CreateAssetRequest;
import dev.sortie.mission.v1.CreateDodItemRequest;
import dev.sortie.mission.v1.CreateHopRequest;
import dev.sortie.mission.v1.DeleteAssetRequest;
import dev.sortie.mission.v1.DeleteDodItemRequest;
import dev.sortie.mission.v1.DeleteHopRequest;
import dev.sortie.mission.v1.DeleteMissionRequest;
import dev.sortie.mission.v1.DodItem;
import dev.sortie.mission.v1.DodItemServiceGrpc;
import dev.sortie.mission.v1.FailHopRequest;
import dev.sortie.mission.v1.FailMissionRequest;
import dev.sortie.mission.v1.FinishTestRunRequest;
import dev.sortie.mission.v1.Hop;
import dev.sortie.mission.v1.HopServiceGrpc;
import dev.sortie.mission.v1.ImportTestReportsRequest;
import dev.sortie.mission.v1.Mission;
import dev.sortie.mission.v1.MissionServiceGrpc;
import dev.sortie.mission.v1.MoveHopRequest;
import dev.sortie.mission.v1.ReopenDodItemRequest;
import dev.sortie.mission.v1.ReportTestResultsRequest;
import dev.sortie.mission.v1.ReturnMissionToWorkRequest;
import dev.sortie.mission.v1.RunHopRequest;
import dev.sortie.mission.v1.RunMissionRequest;
import dev.sortie.mission.v1.StartHopRequest;
import dev.sortie.mission.v1.StartTestRunRequest;
import dev.sortie.mission.v1.SubmitMissionForQaRequest;
import dev.sortie.mission.v1.TestRunServiceGrpc;
import dev.sortie.mission.v1.UndeleteMissionRequest;
import dev.sortie.mission.v1.UpdateAssetRequest;
import dev.sortie.mission.v1.UpdateDodItemRequest;
import dev.sortie.mission.v1.UpdateHopRequest;
import dev.sortie.mission.v1.UpdateMissionRequest;
import dev.sortie.mission.v1.UploadAssetContentRequest;
import dev.sortie.mission.v1.UserRole;
import dev.sortie.runtime.testing.StatusAssert;
import dev.sortie.type.v1.ErrorReason;
import io.grpc.Status.Code;
import io.grpc.StatusRuntimeException;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** Every RPC that asks for the owner of a mission, whatever in it the request names. */
class OwnershipTest {
    @AutoClose
    private static final MissionFixture MISSION = MissionFixture.start();

    private static final OwnedServices SERVICES = OwnedServices.of(
            MissionServiceGrpc.getServiceDescriptor(),
            HopServiceGrpc.getServiceDescriptor(),
            AssetServiceGrpc.getServiceDescriptor(),
            DodItemServiceGrpc.getServiceDescriptor(),
            TestRunServiceGrpc.getServiceDescriptor());

    private static final String SHA256_OF_NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    private final Calls owner = Calls.of(MISSION.developer());

    @Test
    void coversEveryRpcThatHasTheRule() {
        assertThat(requests().keySet()).isEqualTo(SERVICES.ownersOnly());
    }

    @Test
    void refusesAnotherDeveloperAndChangesNothing() {
        var stranger =
                MISSION.with(MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER).token());
        requests().forEach((name, request) -> {
            var mission = request.mission;
            var before = owner.mission(mission);
            StatusAssert.fails(() -> SERVICES.call(stranger, name, request.message))
                    .with(Code.PERMISSION_DENIED, ErrorReason.ERROR_REASON_NOT_OWNER)
                    .metadata("resource", "mission")
                    .metadata("id", mission);
            assertThat(owner.mission(mission)).as(name).isEqualTo(before);
        });
    }

    @Test
    void refusesViewersByTheirRole() {
        requests()
                .forEach((name, request) -> StatusAssert.fails(
                                () -> SERVICES.call(MISSION.viewer(), name, request.message))
                        .with(Code.PERMISSION_DENIED, ErrorReason.ERROR_REASON_ROLE_INSUFFICIENT));
    }

    @Test
    void letsAdministratorsAndServicesThrough() {
        for (var channel : List.of(MISSION.admin(), MISSION.service())) {
            requests().forEach((name, request) -> {
                try {
                    SERVICES.call(channel, name, request.message);
                } catch (StatusRuntimeException refused) {
                    assertThat(refused.getStatus().getCode())
                            .as("%s: %s", name, refused.getMessage())
                            .isEqualTo(Code.FAILED_PRECONDITION); // the move, not the caller
                }
            });
        }
    }

    private record Request(String mission, Message message) {}

    /** A request for each RPC, each about a mission of its own. */
    private Map<String, Request> requests() {
        var requests = new TreeMap<String, Request>();
        for (var name : List.of(
                "UpdateMission",
                "DeleteMission",
                "UndeleteMission",
                "ApproveMission",
                "SubmitMissionForQa",
                "ReturnMissionToWork",
                "CompleteMission",
                "FailMission",
                "CancelMission",
                "RunMission",
                "CreateHop",
                "UpdateHop",
                "DeleteHop",
                "MoveHop",
                "StartHop",
                "RunHop",
                "CompleteHop",
                "FailHop",
                "CancelHop",
                "CreateAsset",
                "UpdateAsset",
                "DeleteAsset",
                "UploadAssetContent",
                "CreateDodItem",
                "UpdateDodItem",
                "DeleteDodItem",
                "CompleteDodItem",
                "ReopenDodItem",
                "StartTestRun",
                "ReportTestResults",
                "ImportTestReports",
                "FinishTestRun")) {
            var mission = owner.createApprovedMission("Owned").getMissionId();
            var hop = owner.createHop(mission, "hop").getHopId();
            var asset = owner.createAsset(Calls.asset(AssetScopeType.ASSET_SCOPE_TYPE_HOP, hop)
                            .build())
                    .getAssetId();
            var item = owner.createDodItem(mission, "It works").getDodItemId();
            var run = owner.startTestRun(mission).getTestRunId();
            requests.put(name, new Request(mission, request(name, mission, hop, asset, item, run)));
        }
        return requests;
    }

    private static Message request(String name, String mission, String hop, String asset, String item, String run) {
        return switch (name) {
            case "UpdateMission" ->
                UpdateMissionRequest.newBuilder()
                        .setMission(Mission.newBuilder().setMissionId(mission).setName("taken"))
                        .build();
            case "DeleteMission" ->
                DeleteMissionRequest.newBuilder()
                        .setMissionId(mission)
                        .setForce(true)
                        .build();
            case "UndeleteMission" ->
                UndeleteMissionRequest.newBuilder().setMissionId(mission).build();
            case "ApproveMission" ->
                ApproveMissionRequest.newBuilder().setMissionId(mission).build();
            case "SubmitMissionForQa" ->
                SubmitMissionForQaRequest.newBuilder().setMissionId(mission).build();
            case "ReturnMissionToWork" ->
                ReturnMissionToWorkRequest.newBuilder().setMissionId(mission).build();
            case "CompleteMission" ->
                CompleteMissionRequest.newBuilder().setMissionId(mission).build();
            case "FailMission" ->
                FailMissionRequest.newBuilder().setMissionId(mission).build();
            case "CancelMission" ->
                CancelMissionRequest.newBuilder().setMissionId(mission).build();
            case "RunMission" ->
                RunMissionRequest.newBuilder().setMissionId(mission).build();
            case "CreateHop" ->
                CreateHopRequest.newBuilder()
                        .setHop(Hop.newBuilder().setMissionId(mission).setName("smuggled"))
                        .build();
            case "UpdateHop" ->
                UpdateHopRequest.newBuilder()
                        .setHop(Hop.newBuilder().setHopId(hop).setName("taken"))
                        .build();
            case "DeleteHop" -> DeleteHopRequest.newBuilder().setHopId(hop).build();
            case "MoveHop" -> MoveHopRequest.newBuilder().setHopId(hop).build();
            case "StartHop" -> StartHopRequest.newBuilder().setHopId(hop).build();
            case "RunHop" -> RunHopRequest.newBuilder().setHopId(hop).build();
            case "CompleteHop" -> CompleteHopRequest.newBuilder().setHopId(hop).build();
            case "FailHop" -> FailHopRequest.newBuilder().setHopId(hop).build();
            case "CancelHop" -> CancelHopRequest.newBuilder().setHopId(hop).build();
            case "CreateAsset" ->
                CreateAssetRequest.newBuilder()
                        .setAsset(Calls.asset(AssetScopeType.ASSET_SCOPE_TYPE_HOP, hop))
                        .build();
            case "UpdateAsset" ->
                UpdateAssetRequest.newBuilder()
                        .setAsset(Asset.newBuilder().setAssetId(asset).setName("taken"))
                        .build();
            case "DeleteAsset" ->
                DeleteAssetRequest.newBuilder().setAssetId(asset).build();
            case "UploadAssetContent" ->
                UploadAssetContentRequest.newBuilder()
                        .setAssetId(asset)
                        .setSha256(SHA256_OF_NOTHING)
                        .build();
            case "CreateDodItem" ->
                CreateDodItemRequest.newBuilder()
                        .setDodItem(Calls.dodItem(mission, "smuggled"))
                        .build();
            case "UpdateDodItem" ->
                UpdateDodItemRequest.newBuilder()
                        .setDodItem(DodItem.newBuilder().setDodItemId(item).setText("taken"))
                        .build();
            case "DeleteDodItem" ->
                DeleteDodItemRequest.newBuilder().setDodItemId(item).build();
            case "CompleteDodItem" ->
                CompleteDodItemRequest.newBuilder().setDodItemId(item).build();
            case "ReopenDodItem" ->
                ReopenDodItemRequest.newBuilder().setDodItemId(item).build();
            case "StartTestRun" ->
                StartTestRunRequest.newBuilder().setMissionId(mission).build();
            case "ReportTestResults" ->
                ReportTestResultsRequest.newBuilder().setTestRunId(run).build();
            case "ImportTestReports" ->
                ImportTestReportsRequest.newBuilder()
                        .setTestRunId(run)
                        .setFileName("report.xml")
                        .setContent(ByteString.copyFromUtf8("<testsuite name=\"none\"/>"))
                        .build();
            case "FinishTestRun" ->
                FinishTestRunRequest.newBuilder().setTestRunId(run).build();
            default -> throw new IllegalArgumentException(name);
        };
    }
}
