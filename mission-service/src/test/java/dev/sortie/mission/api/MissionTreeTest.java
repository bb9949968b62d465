package dev.sortie.mission.api;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ListValue;
import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import dev.sortie.mission.MissionFixture;
import dev.sortie.mission.domain.MissionTrees;
import dev.sortie.mission.store.AssetStore;
import dev.sortie.mission.store.HopStore;
import dev.sortie.mission.store.MissionStore;
import dev.sortie.mission.store.ToolStepStore;
import dev.sortie.mission.v1.Asset;
import dev.sortie.mission.v1.AssetField;
import dev.sortie.mission.v1.AssetScopeType;
import dev.sortie.mission.v1.CreateToolStepRequest;
import dev.sortie.mission.v1.DeleteHopRequest;
import dev.sortie.mission.v1.DeleteMissionRequest;
import dev.sortie.mission.v1.GetMissionTreeRequest;
import dev.sortie.mission.v1.GetMissionTreeResponse;
import dev.sortie.mission.v1.Hop;
import dev.sortie.mission.v1.HopNode;
import dev.sortie.mission.v1.Mission;
import dev.sortie.mission.v1.MissionTree;
import dev.sortie.mission.v1.MoveHopRequest;
import dev.sortie.mission.v1.ParameterMapping;
import dev.sortie.mission.v1.ToolStep;
import dev.sortie.mission.v1.ToolStepServiceGrpc;
import dev.sortie.runtime.identity.Principal;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.testing.StatusAssert;
import dev.sortie.type.v1.ErrorReason;
import io.grpc.Status.Code;
import io.vertx.sqlclient.Row;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;
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

    @Test
    void readsFiftyHopsOfTwentyStepsByFourStatementsInOneAnswer() {
        var mission = developer.createApprovedMission("Wide").getMissionId();
        fill(mission, 50, 20, "", "{}");
        var statements = new ArrayList<String>();
        var runtime = MISSION.server().runtime();
        var trees = new MissionTrees(new MissionStore(), new HopStore(), new ToolStepStore(), new AssetStore());
        var request = GetMissionTreeRequest.newBuilder().setMissionId(mission).build();
        var page = runtime.pageTokens().open(request, MissionTrees.MAX_NODES, MissionTrees.MAX_NODES);
        var read = runtime.database()
                .transaction(tx -> trees.read(
                        new Counting(tx, statements),
                        new dev.sortie.mission.domain.MissionTree.Wish(UUID.fromString(mission), true, true, true),
                        page));
        assertThat(statements).hasSizeLessThanOrEqualTo(4);
        assertThat(read.nodes().items()).hasSize(50 + 50 * 20);

        var answer = developer.missions().getMissionTree(request);
        assertThat(answer.getNextPageToken()).isEmpty();
        assertThat(answer.getTree().getHopsList())
                .hasSize(50)
                .allSatisfy(hop -> assertThat(hop.getToolStepsList()).hasSize(20));
    }

    @Test
    void showsTheLargestMissionPageByPage() {
        var mission = developer
                .createMission(Mission.newBuilder()
                        .setName("Vast")
                        .setDescription("😀".repeat(65_536))
                        .setGoal("😀".repeat(65_536))
                        .addAllSuccessCriteria(Collections.nCopies(100, "é".repeat(4_096)))
                        .setMetadata(Struct.newBuilder()
                                .putFields(
                                        "numbers",
                                        Value.newBuilder()
                                                .setListValue(ListValue.newBuilder()
                                                        .addAllValues(Collections.nCopies(
                                                                20_000,
                                                                Value.newBuilder()
                                                                        .setNumberValue(1)
                                                                        .build())))
                                                .build()))
                        .build())
                .getMissionId();
        // Of the steps of the first hops, some have JSON just short enough to be shown, and some have much more.
        fill(mission, 1_000, 0, "repeat('😀', 65536)", "{}");
        steps(
                mission,
                0,
                0,
                300,
                "jsonb_build_object('p', jsonb_build_object('type', 'literal_value', 'value',"
                        + " to_jsonb(array_fill(0, ARRAY[1300]))))");
        steps(
                mission,
                0,
                300,
                1_000,
                "jsonb_build_object('p', jsonb_build_object('type', 'literal_value', 'value',"
                        + " to_jsonb(repeat('x', 260000))))");
        steps(mission, 1, 0, 1_000, "'{}'");
        steps(mission, 999, 0, 1_000, "'{}'");
        MISSION.database().execute("""
                INSERT INTO assets (asset_id, user_id, scope_type, scope_id, mission_id, name, description, type, role,
                                    created_at, updated_at)
                SELECT gen_random_uuid(), m.user_id, CASE WHEN n %% 2 = 0 THEN 'MISSION' ELSE 'HOP' END,
                       CASE WHEN n %% 2 = 0 THEN m.mission_id ELSE h.hop_id END, m.mission_id, 'asset', repeat('😀', 4000),
                       'text', 'INPUT', now(), now()
                FROM missions m JOIN hops h USING (mission_id), generate_series(1, 1500) AS n
                WHERE m.mission_id = '%s' AND h.sequence_order = 2
                """.formatted(mission));

        var request = GetMissionTreeRequest.newBuilder().setMissionId(mission).setIncludeExecutionResults(true);
        var hops = new ArrayList<String>();
        var steps = new ArrayList<String>();
        var assets = new ArrayList<String>();
        GetMissionTreeResponse answer;
        do {
            answer = developer.missions().getMissionTree(request.build());
            assertThat(answer.getSerializedSize()).isLessThan(4 << 20);
            var tree = answer.getTree();
            assertThat(tree.getMission().getDescription().codePoints().count()).isEqualTo(16_384);
            assertThat(tree.getCutFieldsOrThrow(mission).getPathsList())
                    .containsExactlyInAnyOrder("description", "goal", "success_criteria");
            tree.getAssetsList().forEach(asset -> assets.add(asset.getAssetId()));
            for (var node : tree.getHopsList()) {
                if (hops.isEmpty() || !hops.getLast().equals(node.getHop().getHopId())) {
                    hops.add(node.getHop().getHopId());
                }
                assertThat(node.getHop().getDescription().codePoints().count()).isEqualTo(1_000);
                assertThat(tree.getCutFieldsOrThrow(node.getHop().getHopId()).getPathsList())
                        .contains("description");
                for (var step : node.getToolStepsList()) {
                    steps.add(step.getToolStepId());
                    boolean shown = step.getParameterMappingCount() > 0;
                    boolean cut = tree.getCutFieldsMap().containsKey(step.getToolStepId())
                            && tree.getCutFieldsOrThrow(step.getToolStepId())
                                    .getPathsList()
                                    .contains("parameter_mapping");
                    if (node.getHop().getSequenceOrder() == 0) {
                        assertThat(shown).isEqualTo(step.getSequenceOrder() < 300);
                        assertThat(cut).isEqualTo(!shown);
                    }
                }
                node.getAssetsList().forEach(asset -> assets.add(asset.getAssetId()));
            }
            request.setPageToken(answer.getNextPageToken());
        } while (!answer.getNextPageToken().isEmpty());
        assertThat(hops).doesNotHaveDuplicates().hasSize(1_000);
        assertThat(steps).doesNotHaveDuplicates().hasSize(3_000);
        assertThat(assets).doesNotHaveDuplicates().hasSize(1_500);
    }

    @Test
    void leavesOutWhatIsNotAskedFor() {
        var mission = developer.createApprovedMission("Sparse").getMissionId();
        var hop = developer.createHop(mission, "hop").getHopId();
        step(hop, "step", asset(AssetScopeType.ASSET_SCOPE_TYPE_HOP, hop));
        MISSION.database()
                .execute("UPDATE tool_steps SET execution_result = '{\"found\": 1}' WHERE hop_id = '" + hop + "'");
        var request = GetMissionTreeRequest.newBuilder().setMissionId(mission);
        var missions = developer.missions();
        assertThat(missions.getMissionTree(request.build())
                        .getTree()
                        .getHops(0)
                        .getToolSteps(0)
                        .hasExecutionResult())
                .isFalse();
        var whole = missions.getMissionTree(
                        request.setIncludeExecutionResults(true).build())
                .getTree();
        assertThat(whole.getHops(0)
                        .getToolSteps(0)
                        .getExecutionResult()
                        .getFieldsOrThrow("found")
                        .getNumberValue())
                .isOne();
        assertThat(whole.getCutFieldsMap()).isEmpty();
        var bare = missions.getMissionTree(
                        request.setOmitAssets(true).setOmitToolSteps(true).build())
                .getTree();
        assertThat(bare.getHops(0).getToolStepsList()).isEmpty();
        assertThat(bare.getHops(0).getAssetsList()).isEmpty();
        assertThat(bare.getHops(0).getHop()).isEqualTo(developer.hop(hop));

        MISSION.database()
                .execute("UPDATE tool_steps SET execution_result = jsonb_build_object('found', repeat('x', 20000))"
                        + " WHERE hop_id = '" + hop + "'");
        var tree = missions.getMissionTree(GetMissionTreeRequest.newBuilder()
                        .setMissionId(mission)
                        .setIncludeExecutionResults(true)
                        .build())
                .getTree();
        var step = tree.getHops(0).getToolSteps(0);
        assertThat(step.hasExecutionResult()).isFalse();
        assertThat(tree.getCutFieldsOrThrow(step.getToolStepId()).getPathsList())
                .containsExactly("execution_result");
    }

    @Test
    void goesOnWhereThePageBeforeEndedAlthoughHopsAndStepsComeAndGo() {
        var mission = developer.createApprovedMission("Moving").getMissionId();
        var hops = IntStream.range(0, 4)
                .mapToObj(
                        number -> developer.createHop(mission, "hop " + number).getHopId())
                .toList();
        hops.forEach(hop -> IntStream.range(0, 3).forEach(number -> bareStep(hop)));
        var request = GetMissionTreeRequest.newBuilder().setMissionId(mission).setPageSize(6);
        var first = developer.missions().getMissionTree(request.build());
        // Four nodes of the first hop, and two of the second.
        assertThat(first.getTree().getHopsList())
                .extracting(node -> node.getToolStepsCount())
                .containsExactly(3, 1);

        // A hop comes in before, and the one that has not been shown at all goes.
        developer.createHop(Hop.newBuilder()
                .setMissionId(mission)
                .setName("new")
                .setSequenceOrder(0)
                .build());
        developer
                .hops()
                .deleteHop(DeleteHopRequest.newBuilder().setHopId(hops.get(2)).build());
        var second = developer
                .missions()
                .getMissionTree(request.setPageToken(first.getNextPageToken()).build());
        assertThat(second.getTree().getHopsList())
                .extracting(node -> node.getHop().getHopId())
                .containsExactly(hops.get(1), hops.get(3));
        assertThat(second.getTree().getHops(0).getToolStepsCount()).isEqualTo(2);
        assertThat(second.getTree().getHops(1).getToolStepsCount()).isEqualTo(3);
        assertThat(second.getNextPageToken()).isEmpty();

        // The hop where the page ended goes itself: its place is another's, which is shown from its beginning.
        developer
                .hops()
                .deleteHop(DeleteHopRequest.newBuilder().setHopId(hops.get(1)).build());
        developer
                .hops()
                .deleteHop(DeleteHopRequest.newBuilder()
                        .setHopId(developer.hopsOf(mission).getFirst().getHopId())
                        .build());
        var third = developer.missions().getMissionTree(request.build());
        assertThat(third.getTree().getHopsList())
                .extracting(node -> node.getHop().getHopId())
                .containsExactly(hops.get(3));
        assertThat(third.getTree().getHops(0).getToolStepsCount()).isEqualTo(3);
    }

    @Test
    void refusesThePageTokenOfAnotherTree() {
        var one = developer.createApprovedMission("One").getMissionId();
        fill(one, 3, 0, "''", "{}");
        var other = developer.createApprovedMission("Other").getMissionId();
        var token = developer
                .missions()
                .getMissionTree(GetMissionTreeRequest.newBuilder()
                        .setMissionId(one)
                        .setPageSize(1)
                        .build())
                .getNextPageToken();
        StatusAssert.fails(() -> developer
                        .missions()
                        .getMissionTree(GetMissionTreeRequest.newBuilder()
                                .setMissionId(other)
                                .setPageToken(token)
                                .build()))
                .with(Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_PAGE_TOKEN_INVALID);
    }

    /** Hops at the end of a mission, with steps in each. */
    private static void fill(String mission, int hops, int steps, String description, String parameters) {
        MISSION.database().execute("""
                INSERT INTO hops (hop_id, mission_id, name, description, rationale, status, sequence_order, created_at,
                                  updated_at)
                SELECT gen_random_uuid(), '%s', 'hop', %s, %s, 'PENDING', n, now(), now()
                FROM generate_series(0, %d) AS n
                """.formatted(
                        mission,
                        description.isEmpty() ? "''" : description,
                        description.isEmpty() ? "''" : description,
                        hops - 1));
        for (int hop = 0; steps > 0 && hop < hops; hop++) {
            steps(mission, hop, 0, steps, "'" + parameters + "'");
        }
    }

    /** Steps of a hop, from one place to another, the second excluded. */
    private static void steps(String mission, int hop, int from, int to, String parameters) {
        MISSION.database().execute("""
                INSERT INTO tool_steps (tool_step_id, hop_id, tool_id, name, description, status, sequence_order,
                                        parameter_mapping, result_mapping, resource_configs, created_at, updated_at)
                SELECT gen_random_uuid(), h.hop_id, repeat('t', 255), repeat('😀', 255), repeat('😀', %d), 'PENDING', n,
                       %s, '{}', '{}', now(), now()
                FROM hops h, generate_series(%d, %d) AS n
                WHERE h.mission_id = '%s' AND h.sequence_order = %d
                """.formatted(to - from > 100 ? 4_000 : 10, parameters, from, to - 1, mission, hop));
    }

    private static void bareStep(String hop) {
        ToolStepServiceGrpc.newBlockingStub(MISSION.developer())
                .createToolStep(CreateToolStepRequest.newBuilder()
                        .setToolStep(ToolStep.newBuilder()
                                .setHopId(hop)
                                .setToolId("unknown")
                                .setName("step"))
                        .build());
    }

    /** Notes the statements that go through it. */
    private record Counting(Queries queries, List<String> statements) implements Queries {
        @Override
        public <T> List<T> list(String sql, Function<Row, T> mapper, Object... parameters) {
            statements.add(sql);
            return queries.list(sql, mapper, parameters);
        }

        @Override
        public <T> Optional<T> find(String sql, Function<Row, T> mapper, Object... parameters) {
            statements.add(sql);
            return queries.find(sql, mapper, parameters);
        }

        @Override
        public int update(String sql, Object... parameters) {
            statements.add(sql);
            return queries.update(sql, parameters);
        }

        @Override
        public Instant now() {
            return queries.now();
        }

        @Override
        public Principal principal() {
            return queries.principal();
        }
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
