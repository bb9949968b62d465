package dev.sortie.mission.api;

import dev.sortie.mission.v1.ApproveMissionRequest;
import dev.sortie.mission.v1.Asset;
import dev.sortie.mission.v1.AssetRole;
import dev.sortie.mission.v1.AssetScopeType;
import dev.sortie.mission.v1.AssetServiceGrpc;
import dev.sortie.mission.v1.AssetServiceGrpc.AssetServiceBlockingStub;
import dev.sortie.mission.v1.CompleteHopRequest;
import dev.sortie.mission.v1.CreateAssetRequest;
import dev.sortie.mission.v1.CreateDodItemRequest;
import dev.sortie.mission.v1.CreateHopRequest;
import dev.sortie.mission.v1.CreateMissionRequest;
import dev.sortie.mission.v1.DodCategory;
import dev.sortie.mission.v1.DodItem;
import dev.sortie.mission.v1.DodItemServiceGrpc;
import dev.sortie.mission.v1.DodItemServiceGrpc.DodItemServiceBlockingStub;
import dev.sortie.mission.v1.GetAssetRequest;
import dev.sortie.mission.v1.GetHopRequest;
import dev.sortie.mission.v1.GetMissionRequest;
import dev.sortie.mission.v1.Hop;
import dev.sortie.mission.v1.HopServiceGrpc;
import dev.sortie.mission.v1.HopServiceGrpc.HopServiceBlockingStub;
import dev.sortie.mission.v1.ListHopsRequest;
import dev.sortie.mission.v1.Mission;
import dev.sortie.mission.v1.MissionServiceGrpc;
import dev.sortie.mission.v1.MissionServiceGrpc.MissionServiceBlockingStub;
import dev.sortie.mission.v1.ReportTestResultsRequest;
import dev.sortie.mission.v1.ReportTestResultsResponse;
import dev.sortie.mission.v1.StartHopRequest;
import dev.sortie.mission.v1.StartTestRunRequest;
import dev.sortie.mission.v1.TestRun;
import dev.sortie.mission.v1.TestRunServiceGrpc;
import dev.sortie.mission.v1.TestRunServiceGrpc.TestRunServiceBlockingStub;
import io.grpc.Channel;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.StreamObserver;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Function;

/** The calls of one caller that tests make again and again. */
record Calls(
        MissionServiceBlockingStub missions,
        HopServiceBlockingStub hops,
        AssetServiceBlockingStub assets,
        DodItemServiceBlockingStub dodItems,
        TestRunServiceBlockingStub testRuns) {

    static Calls of(Channel channel) {
        return new Calls(
                MissionServiceGrpc.newBlockingStub(channel),
                HopServiceGrpc.newBlockingStub(channel),
                AssetServiceGrpc.newBlockingStub(channel),
                DodItemServiceGrpc.newBlockingStub(channel),
                TestRunServiceGrpc.newBlockingStub(channel));
    }

    Mission createMission(String name) {
        return createMission(Mission.newBuilder().setName(name).build());
    }

    Mission createMission(Mission mission) {
        return missions.createMission(
                        CreateMissionRequest.newBuilder().setMission(mission).build())
                .getMission();
    }

    Mission createApprovedMission(String name) {
        return approve(createMission(name).getMissionId());
    }

    Mission approve(String missionId) {
        return missions.approveMission(ApproveMissionRequest.newBuilder()
                        .setMissionId(missionId)
                        .build())
                .getMission();
    }

    Mission mission(String missionId) {
        return missions.getMission(
                        GetMissionRequest.newBuilder().setMissionId(missionId).build())
                .getMission();
    }

    Hop createHop(String missionId, String name) {
        return createHop(Hop.newBuilder().setMissionId(missionId).setName(name).build());
    }

    Hop createHop(Hop hop) {
        return hops.createHop(CreateHopRequest.newBuilder().setHop(hop).build()).getHop();
    }

    Hop hop(String hopId) {
        return hops.getHop(GetHopRequest.newBuilder().setHopId(hopId).build()).getHop();
    }

    Hop start(String hopId) {
        return hops.startHop(StartHopRequest.newBuilder().setHopId(hopId).build())
                .getHop();
    }

    Hop complete(String hopId) {
        return hops.completeHop(CompleteHopRequest.newBuilder().setHopId(hopId).build())
                .getHop();
    }

    List<Hop> hopsOf(String missionId) {
        return hops.listHops(ListHopsRequest.newBuilder()
                        .setMissionId(missionId)
                        .setPageSize(500)
                        .build())
                .getHopsList();
    }

    Asset createAsset(Asset asset) {
        return assets.createAsset(
                        CreateAssetRequest.newBuilder().setAsset(asset).build())
                .getAsset();
    }

    Asset asset(String assetId) {
        return assets.getAsset(GetAssetRequest.newBuilder().setAssetId(assetId).build())
                .getAsset();
    }

    DodItem createDodItem(String missionId, String text) {
        return dodItems.createDodItem(CreateDodItemRequest.newBuilder()
                        .setDodItem(dodItem(missionId, text))
                        .build())
                .getDodItem();
    }

    TestRun startTestRun(String missionId) {
        return testRuns.startTestRun(
                        StartTestRunRequest.newBuilder().setMissionId(missionId).build())
                .getTestRun();
    }

    /** One stream. */
    ReportTestResultsResponse report(List<ReportTestResultsRequest> messages) {
        return stream(TestRunServiceGrpc.newStub(testRuns.getChannel())::reportTestResults, messages);
    }

    /** A stream of requests that is answered once. */
    static <Q, P> P stream(Function<StreamObserver<P>, StreamObserver<Q>> method, List<Q> messages) {
        var answer = new CompletableFuture<P>();
        var requests = method.apply(new StreamObserver<>() {
            @Override
            public void onNext(P response) {
                answer.complete(response);
            }

            @Override
            public void onError(Throwable failed) {
                answer.completeExceptionally(failed);
            }

            @Override
            public void onCompleted() {}
        });
        messages.forEach(requests::onNext);
        requests.onCompleted();
        try {
            return answer.join();
        } catch (CompletionException failed) {
            if (failed.getCause() instanceof StatusRuntimeException refused) {
                throw refused;
            }
            throw failed;
        }
    }

    /** An item with what it must have. */
    static DodItem.Builder dodItem(String missionId, String text) {
        return DodItem.newBuilder()
                .setMissionId(missionId)
                .setText(text)
                .setCategory(DodCategory.DOD_CATEGORY_FUNCTIONAL);
    }

    /** An asset with what it must have. */
    static Asset.Builder asset(AssetScopeType scopeType, String scopeId) {
        return Asset.newBuilder()
                .setScopeType(scopeType)
                .setScopeId(scopeId)
                .setName("An asset")
                .setType("text")
                .setRole(AssetRole.ASSET_ROLE_INTERMEDIATE);
    }
}
