package dev.sortie.mission.api;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Value;
import dev.sortie.mission.MissionFixture;
import dev.sortie.mission.v1.Asset;
import dev.sortie.mission.v1.AssetField;
import dev.sortie.mission.v1.AssetScopeType;
import dev.sortie.mission.v1.CreateToolStepRequest;
import dev.sortie.mission.v1.DeleteMissionRequest;
import dev.sortie.mission.v1.GetMissionTreeRequest;
import dev.sortie.mission.v1.Hop;
import dev.sortie.mission.v1.HopNode;
import dev.sortie.mission.v1.MissionTree;
import dev.sortie.mission.v1.MoveHopRequest;
import dev.sortie.mission.v1.ParameterMapping;
import dev.sortie.mission.v1.ToolStep;
import dev.sortie.mission.v1.ToolStepServiceGrpc;
import dev.sortie.runtime.testing.StatusAssert;
import dev.sortie.type.v1.ErrorReason;
import io.grpc.Status.Code;
import java.time.Duration;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

class MissionTreeTest {
    @AutoClose
    private static final MissionFixture MISSION = MissionFixture.start();

    private final Calls developer = Calls.of(MISSION.developer());

    @Test
    void readsAMissionWithEverythingInIt() {
        var mission = developer.createApprovedMission("A tree").getMissionId();
        var second = developer.createHop(mission, "second").getHopId();
        var first = developer.createHop(mission, "first").getHopId();
        developer
                .hops()
                .moveHop(MoveHopRequest.newBuilder()
                        .setHopId(first)
                        .setSequenceOrder(0)
                        .build());
        var input = asset(AssetScopeType.ASSET_SCOPE_TYPE_MISSION, mission);
        var output = asset(AssetScopeType.ASSET_SCOPE_TYPE_HOP, second);
        var later = asset(AssetScopeType.ASSET_SCOPE_TYPE_HOP, second);
        var steps = IntStream.range(0, 3)
                .mapToObj(number -> step(second, "step " + number, input))
                .toList();

        var tree = tree(mission);
        assertThat(tree.getMission()).isEqualTo(developer.mission(mission));
        assertThat(tree.getHopsList())
                .extracting(HopNode::getHop)
                .containsExactly(developer.hop(first), developer.hop(second));
        assertThat(tree.getAssetsList())
                .containsExactly(
                        developer.asset(input).toBuilder().clearContent().build());
        assertThat(tree.getHops(0).getToolStepsList()).isEmpty();
        assertThat(tree.getHops(0).getAssetsList()).isEmpty();
        assertThat(tree.getHops(1).getToolStepsList()).containsExactlyElementsOf(steps);
        assertThat(tree.getHops(1).getAssetsList())
                .extracting(Asset::getAssetId)
                .containsExactly(output, later);
        assertThat(tree.getHops(1).getAssetsList()).noneMatch(Asset::hasContent);
    }

    @Test
    void knowsNoTreeOfAHiddenMission() {
        var mission = developer.createMission("Hidden").getMissionId();
        developer
                .missions()
                .deleteMission(
                        DeleteMissionRequest.newBuilder().setMissionId(mission).build());
        StatusAssert.fails(() -> tree(mission))
                .with(Code.NOT_FOUND, ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND)
                .metadata("resource", "mission");
        StatusAssert.fails(() -> tree(UUID.randomUUID().toString()))
                .with(Code.NOT_FOUND, ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND);
    }

    @Test
    void seesOneMomentWhileHopsComeAndGo() throws Exception {
        var mission = developer.createApprovedMission("Busy").getMissionId();
        for (int i = 0; i < 5; i++) {
            developer.createHop(mission, "hop " + i);
        }
        var over = new AtomicBoolean();
        var writer = Thread.ofVirtual().start(() -> {
            try {
                for (int i = 0; i < 40; i++) {
                    // Always behind what has begun, and before what has not.
                    var hop = developer.createHop(Hop.newBuilder()
                            .setMissionId(mission)
                            .setName("extra")
                            .setSequenceOrder(i)
                            .build());
                    developer.start(hop.getHopId());
                    developer.complete(hop.getHopId());
                }
            } finally {
                over.set(true);
            }
        });
        while (!over.get()) {
            var tree = tree(mission);
            assertThat(tree.getHopsList())
                    .extracting(node -> node.getHop().getSequenceOrder())
                    .containsExactlyElementsOf(
                            IntStream.range(0, tree.getHopsCount()).boxed().toList());
            var active = tree.getHopsList().stream()
                    .filter(node -> node.getHop().getStatus() == dev.sortie.mission.v1.HopStatus.HOP_STATUS_ACTIVE)
                    .map(node -> node.getHop().getHopId())
                    .findFirst();
            assertThat(tree.getMission().getCurrentHopId()).isEqualTo(active.orElse(""));
        }
        writer.join();
    }

    private MissionTree tree(String mission) {
        return developer
                .missions()
                .getMissionTree(
                        GetMissionTreeRequest.newBuilder().setMissionId(mission).build())
                .getTree();
    }

    private String asset(AssetScopeType scopeType, String scopeId) {
        MISSION.clock().advance(Duration.ofMillis(1));
        return developer
                .createAsset(Calls.asset(scopeType, scopeId)
                        .setContent(Value.newBuilder().setStringValue("content"))
                        .build())
                .getAssetId();
    }

    private static ToolStep step(String hop, String name, String asset) {
        return ToolStepServiceGrpc.newBlockingStub(MISSION.developer())
                .createToolStep(CreateToolStepRequest.newBuilder()
                        .setToolStep(ToolStep.newBuilder()
                                .setHopId(hop)
                                .setToolId("unknown")
                                .setName(name)
                                .putParameterMapping(
                                        "input",
                                        ParameterMapping.newBuilder()
                                                .setAssetField(
                                                        AssetField.newBuilder().setAssetId(asset))
                                                .build()))
                        .build())
                .getToolStep();
    }
}
