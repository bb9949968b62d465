package dev.sortie.mission.work;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import com.google.protobuf.util.JsonFormat;
import dev.sortie.mission.MissionConfig;
import dev.sortie.mission.MissionFixture;
import dev.sortie.mission.v1.ApproveMissionRequest;
import dev.sortie.mission.v1.Asset;
import dev.sortie.mission.v1.AssetField;
import dev.sortie.mission.v1.AssetRole;
import dev.sortie.mission.v1.AssetScopeType;
import dev.sortie.mission.v1.AssetServiceGrpc;
import dev.sortie.mission.v1.AssetServiceGrpc.AssetServiceBlockingStub;
import dev.sortie.mission.v1.ConfigValue;
import dev.sortie.mission.v1.CreateAssetRequest;
import dev.sortie.mission.v1.CreateHopRequest;
import dev.sortie.mission.v1.CreateMissionRequest;
import dev.sortie.mission.v1.CreateToolStepRequest;
import dev.sortie.mission.v1.ExecuteToolStepRequest;
import dev.sortie.mission.v1.GetAssetRequest;
import dev.sortie.mission.v1.GetHopRequest;
import dev.sortie.mission.v1.GetMissionRequest;
import dev.sortie.mission.v1.GetToolStepRequest;
import dev.sortie.mission.v1.Hop;
import dev.sortie.mission.v1.HopServiceGrpc;
import dev.sortie.mission.v1.HopServiceGrpc.HopServiceBlockingStub;
import dev.sortie.mission.v1.ListToolStepsRequest;
import dev.sortie.mission.v1.Mission;
import dev.sortie.mission.v1.MissionServiceGrpc;
import dev.sortie.mission.v1.MissionServiceGrpc.MissionServiceBlockingStub;
import dev.sortie.mission.v1.ParameterMapping;
import dev.sortie.mission.v1.PutToolRequest;
import dev.sortie.mission.v1.ResultMapping;
import dev.sortie.mission.v1.RetryToolStepRequest;
import dev.sortie.mission.v1.StartHopRequest;
import dev.sortie.mission.v1.Tool;
import dev.sortie.mission.v1.ToolServiceGrpc;
import dev.sortie.mission.v1.ToolServiceGrpc.ToolServiceBlockingStub;
import dev.sortie.mission.v1.ToolStep;
import dev.sortie.mission.v1.ToolStepServiceGrpc;
import dev.sortie.mission.v1.ToolStepServiceGrpc.ToolStepServiceBlockingStub;
import dev.sortie.mission.v1.ToolStepStatus;
import dev.sortie.type.v1.RetryPolicy;
import java.sql.SQLException;
import java.util.List;
import java.util.UUID;
import java.util.function.UnaryOperator;

/** mission-service as it runs, with an agent-service that a test plays, and a developer who calls. */
public final class StepFixture implements AutoCloseable {
    private final FakeAgentService agent;
    private final MissionFixture mission;
    private MissionServiceBlockingStub missions;
    private HopServiceBlockingStub hops;
    private ToolStepServiceBlockingStub steps;
    private AssetServiceBlockingStub assets;
    private ToolServiceBlockingStub tools;

    private StepFixture(FakeAgentService agent, MissionFixture mission) {
        this.agent = agent;
        this.mission = mission;
        connect();
    }

    public static StepFixture start() {
        var agent = FakeAgentService.start();
        return new StepFixture(agent, MissionFixture.start(settings -> settings.withAgent(agent.address(), "")));
    }

    /** The same with other settings. */
    public static StepFixture start(UnaryOperator<MissionConfig> change) {
        var agent = FakeAgentService.start();
        return new StepFixture(
                agent, MissionFixture.start(settings -> change.apply(settings.withAgent(agent.address(), ""))));
    }

    private void connect() {
        var channel = mission.developer();
        missions = MissionServiceGrpc.newBlockingStub(channel);
        hops = HopServiceGrpc.newBlockingStub(channel);
        steps = ToolStepServiceGrpc.newBlockingStub(channel);
        assets = AssetServiceGrpc.newBlockingStub(channel);
        tools = ToolServiceGrpc.newBlockingStub(mission.admin());
    }

    /** Stops mission-service, whatever it is at. */
    public void stopService() {
        mission.stopServer();
    }

    /** Starts mission-service again. */
    public void startService() {
        mission.startServer();
        connect();
    }

    /** Lets nothing leave the outbox that comes in from now on. */
    public void stopDispatching() {
        mission.database()
                .execute(
                        """
                        CREATE FUNCTION wait_for_ever() RETURNS trigger LANGUAGE plpgsql AS
                        $$ BEGIN NEW.due_at := 'infinity'; RETURN NEW; END $$
                        """,
                        "CREATE TRIGGER outbox_waits BEFORE INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION wait_for_ever()");
    }

    /** How much is still to be told to agent-service. */
    public int outboxSize() {
        return Integer.parseInt(query("SELECT count(*) FROM outbox"));
    }

    /** How far the feed of agent-service has been dealt with. */
    public String cursor() {
        return query("SELECT coalesce(max(cursor), '') FROM feed_cursors");
    }

    private String query(String sql) {
        try (var connection = mission.database().connectAsOwner();
                var statement = connection.createStatement();
                var rows = statement.executeQuery(sql)) {
            rows.next();
            return rows.getString(1);
        } catch (SQLException failed) {
            throw new AssertionError(failed);
        }
    }

    public FakeAgentService agent() {
        return agent;
    }

    public MissionFixture service() {
        return mission;
    }

    public MissionServiceBlockingStub missions() {
        return missions;
    }

    public HopServiceBlockingStub hops() {
        return hops;
    }

    public ToolStepServiceBlockingStub steps() {
        return steps;
    }

    public AssetServiceBlockingStub assets() {
        return assets;
    }

    public ToolServiceBlockingStub tools() {
        return tools;
    }

    /** A tool that takes and gives anything. */
    public String tool() {
        return tool("{}", "{}");
    }

    /** A new tool with schemas. */
    public String tool(String inputSchema, String outputSchema) {
        var id = "tool-" + UUID.randomUUID();
        putTool(id, inputSchema, outputSchema);
        return id;
    }

    public void putTool(String id, String inputSchema, String outputSchema) {
        tools.putTool(PutToolRequest.newBuilder()
                .setTool(Tool.newBuilder()
                        .setToolId(id)
                        .setName("A tool")
                        .setQueueName("work")
                        .setRetryPolicy(RetryPolicy.newBuilder().addNonRetryableErrorTypes("Hopeless"))
                        .setInputSchema(struct(inputSchema))
                        .setOutputSchema(struct(outputSchema)))
                .build());
    }

    /** An approved mission. */
    public Mission mission() {
        return mission("{}");
    }

    /** The same with metadata. */
    public Mission mission(String metadata) {
        var created = missions.createMission(CreateMissionRequest.newBuilder()
                        .setMission(Mission.newBuilder().setName("A mission").setMetadata(struct(metadata)))
                        .build())
                .getMission();
        return missions.approveMission(ApproveMissionRequest.newBuilder()
                        .setMissionId(created.getMissionId())
                        .build())
                .getMission();
    }

    public Hop hop(Mission mission) {
        return hop(mission, false);
    }

    public Hop hop(Mission mission, boolean isFinal) {
        return hops.createHop(CreateHopRequest.newBuilder()
                        .setHop(Hop.newBuilder()
                                .setMissionId(mission.getMissionId())
                                .setName("A hop")
                                .setIsFinal(isFinal))
                        .build())
                .getHop();
    }

    /** A hop of a new mission, started. */
    public Hop activeHop() {
        var hop = hop(mission());
        return hops.startHop(
                        StartHopRequest.newBuilder().setHopId(hop.getHopId()).build())
                .getHop();
    }

    /** An asset in a hop's scope, without content. */
    public Asset asset(Hop hop) {
        return create(Asset.newBuilder()
                .setScopeType(AssetScopeType.ASSET_SCOPE_TYPE_HOP)
                .setScopeId(hop.getHopId()));
    }

    /** An asset in a mission's scope, without content. */
    public Asset asset(Mission mission) {
        return create(Asset.newBuilder()
                .setScopeType(AssetScopeType.ASSET_SCOPE_TYPE_MISSION)
                .setScopeId(mission.getMissionId()));
    }

    /** An asset in a hop's scope, READY. */
    public Asset asset(Hop hop, String content) {
        return create(Asset.newBuilder()
                .setScopeType(AssetScopeType.ASSET_SCOPE_TYPE_HOP)
                .setScopeId(hop.getHopId())
                .setContent(value(content)));
    }

    private Asset create(Asset.Builder asset) {
        return assets.createAsset(CreateAssetRequest.newBuilder()
                        .setAsset(asset.setName("An asset").setType("text").setRole(AssetRole.ASSET_ROLE_INTERMEDIATE))
                        .build())
                .getAsset();
    }

    /** A step at the end of a hop. */
    public ToolStep step(Hop hop, String toolId) {
        return create(step(hop).setToolId(toolId));
    }

    /** A step to be made. */
    public ToolStep.Builder step(Hop hop) {
        return ToolStep.newBuilder().setHopId(hop.getHopId()).setName("A step");
    }

    public ToolStep create(ToolStep.Builder step) {
        return steps.createToolStep(
                        CreateToolStepRequest.newBuilder().setToolStep(step).build())
                .getToolStep();
    }

    public ToolStep execute(ToolStep step) {
        return steps.executeToolStep(ExecuteToolStepRequest.newBuilder()
                        .setToolStepId(step.getToolStepId())
                        .build())
                .getToolStep();
    }

    public ToolStep retry(ToolStep step) {
        return steps.retryToolStep(RetryToolStepRequest.newBuilder()
                        .setToolStepId(step.getToolStepId())
                        .build())
                .getToolStep();
    }

    /** A step as it is now. */
    public ToolStep now(ToolStep step) {
        return steps.getToolStep(GetToolStepRequest.newBuilder()
                        .setToolStepId(step.getToolStepId())
                        .build())
                .getToolStep();
    }

    public Hop now(Hop hop) {
        return hops.getHop(GetHopRequest.newBuilder().setHopId(hop.getHopId()).build())
                .getHop();
    }

    public Mission now(Mission mission) {
        return missions.getMission(GetMissionRequest.newBuilder()
                        .setMissionId(mission.getMissionId())
                        .build())
                .getMission();
    }

    public Asset now(Asset asset) {
        return assets.getAsset(GetAssetRequest.newBuilder()
                        .setAssetId(asset.getAssetId())
                        .build())
                .getAsset();
    }

    public List<ToolStep> stepsOf(Hop hop) {
        return steps.listToolSteps(ListToolStepsRequest.newBuilder()
                        .setHopId(hop.getHopId())
                        .setPageSize(500)
                        .build())
                .getToolStepsList();
    }

    /** A step once it is in a status. */
    public ToolStep await(ToolStep step, ToolStepStatus status) {
        return Eventually.see(() -> now(step), seen -> seen.getStatus() == status);
    }

    /** The order of a step's current attempt, once it is known. */
    public String awaitOrder(ToolStep step) {
        return Eventually.see(() -> now(step), seen -> !seen.getWorkOrderId().isEmpty())
                .getWorkOrderId();
    }

    /** Plays the worker: hands in a result for the step's current attempt. */
    public void complete(ToolStep step, String result) {
        agent.complete(awaitOrder(step), struct(result));
    }

    public static ParameterMapping fromAsset(Asset asset) {
        return ParameterMapping.newBuilder()
                .setAssetField(AssetField.newBuilder().setAssetId(asset.getAssetId()))
                .build();
    }

    public static ParameterMapping literal(String json) {
        return ParameterMapping.newBuilder().setLiteralValue(value(json)).build();
    }

    public static ParameterMapping config(String key) {
        return ParameterMapping.newBuilder()
                .setConfigValue(ConfigValue.newBuilder().setConfigKey(key))
                .build();
    }

    public static ResultMapping into(Asset asset) {
        return ResultMapping.newBuilder()
                .setAssetField(AssetField.newBuilder().setAssetId(asset.getAssetId()))
                .build();
    }

    public static Struct struct(String json) {
        var struct = Struct.newBuilder();
        merge(json, struct);
        return struct.build();
    }

    public static Value value(String json) {
        var value = Value.newBuilder();
        merge(json, value);
        return value.build();
    }

    private static void merge(String json, com.google.protobuf.Message.Builder message) {
        try {
            JsonFormat.parser().merge(json, message);
        } catch (InvalidProtocolBufferException malformed) {
            throw new IllegalArgumentException(json, malformed);
        }
    }

    @Override
    public void close() {
        mission.close();
        agent.close();
    }
}
