package dev.sortie.demo;

import com.google.protobuf.Duration;
import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import dev.sortie.mission.v1.ApproveMissionRequest;
import dev.sortie.mission.v1.Asset;
import dev.sortie.mission.v1.AssetField;
import dev.sortie.mission.v1.AssetRole;
import dev.sortie.mission.v1.AssetScopeType;
import dev.sortie.mission.v1.AssetServiceGrpc;
import dev.sortie.mission.v1.CompleteMissionRequest;
import dev.sortie.mission.v1.ConfigValue;
import dev.sortie.mission.v1.CreateAssetRequest;
import dev.sortie.mission.v1.CreateHopRequest;
import dev.sortie.mission.v1.CreateMissionRequest;
import dev.sortie.mission.v1.CreateToolStepRequest;
import dev.sortie.mission.v1.GetAssetRequest;
import dev.sortie.mission.v1.GetMissionTreeRequest;
import dev.sortie.mission.v1.Hop;
import dev.sortie.mission.v1.HopServiceGrpc;
import dev.sortie.mission.v1.Mission;
import dev.sortie.mission.v1.MissionServiceGrpc;
import dev.sortie.mission.v1.MissionServiceGrpc.MissionServiceBlockingStub;
import dev.sortie.mission.v1.MissionTree;
import dev.sortie.mission.v1.ParameterMapping;
import dev.sortie.mission.v1.PutToolRequest;
import dev.sortie.mission.v1.ResultMapping;
import dev.sortie.mission.v1.RunMissionRequest;
import dev.sortie.mission.v1.Tool;
import dev.sortie.mission.v1.ToolServiceGrpc;
import dev.sortie.mission.v1.ToolStep;
import dev.sortie.mission.v1.ToolStepServiceGrpc;
import dev.sortie.type.v1.RetryPolicy;
import io.grpc.stub.AbstractStub;
import java.util.HashMap;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;

/** The mission "survey this code base": three hops, eight steps, and the assets that pass between them. */
final class Survey {

    private static final int CALL_SECONDS = 10;

    private final Connection connection;
    private final GitRepository repository;
    private final Map<String, String> assetIds = new HashMap<>();
    private String missionId = "";

    Survey(Connection connection, GitRepository repository) {
        this.connection = connection;
        this.repository = repository;
    }

    /** Tells mission-service what the worker can do. */
    void putTools() {
        for (var tool : SurveyTools.all()) {
            var request = PutToolRequest.newBuilder()
                    .setTool(Tool.newBuilder()
                            .setToolId(tool.id())
                            .setName(tool.name())
                            .setDescription(tool.description())
                            .setInputSchema(tool.inputSchema())
                            .setOutputSchema(tool.outputSchema())
                            .setQueueName(SurveyTool.QUEUE)
                            .setTimeout(Duration.newBuilder().setSeconds(600))
                            .setRetryPolicy(RetryPolicy.newBuilder()
                                    .setMaxRetries(10)
                                    .setInitialBackoff(Duration.newBuilder().setNanos(200_000_000))))
                    .build();
            call(ToolServiceGrpc.newBlockingStub(connection.channel()), stub -> stub.putTool(request));
        }
    }

    /** Creates the mission with everything in it, and answers its id. */
    String create() {
        var config = Values.map("repository", repository.folder().toString(), "name", repository.name());
        var request = CreateMissionRequest.newBuilder()
                .setMission(Mission.newBuilder()
                        .setName("Survey of " + repository.name())
                        .setGoal("Know what this code base is made of, where it changes most, and what is unfinished.")
                        .addSuccessCriteria("A report with numbers that git and wc confirm.")
                        .addSuccessCriteria("The report can be found by a search.")
                        .setMetadata(Values.object(Values.map("config", config))))
                .setRequestId(newRequestId())
                .build();
        missionId = mission(stub -> stub.createMission(request)).getMission().getMissionId();

        createAsset("revision", "The surveyed commit", "text");
        createAsset("history", "History", "git.history");
        createAsset("file_tree", "File tree", "git.file_tree");
        createAsset("languages", "Lines by language", "code.languages");
        createAsset("churn", "Churn hot spots", "git.churn");
        createAsset("markers", "Unfinished work", "code.markers");
        createAsset("largest", "Largest files", "code.largest_files");
        createAsset("report", "Report", "text");
        createAsset("document", "Stored document", "reference");

        var collect = createHop("Collect", "History and file tree, at one commit.", false);
        createStep(collect, "git.history", Map.of("repository", config("repository")), "revision", "history");
        createStep(collect, "git.file-tree", atRevision(), "file_tree");

        var analyse = createHop("Analyse", "What the files say.", false);
        createStep(analyse, "code.languages", atRevision(), "languages");
        createStep(analyse, "git.churn", atRevision(), "churn");
        createStep(analyse, "code.markers", atRevision(), "markers");
        var largest = new HashMap<>(atRevision());
        largest.put("count", literal(Values.of(15)));
        createStep(analyse, "code.largest-files", largest, "largest");

        var report = createHop("Report", "One text, kept where it can be found.", true);
        var findings = new HashMap<String, ParameterMapping>();
        findings.put("name", config("name"));
        for (var finding : new String[] {"history", "file_tree", "languages", "churn", "markers", "largest"}) {
            findings.put(finding, asset(finding));
        }
        createStep(report, "report.write", findings, "report");
        createStep(
                report,
                "knowledge.store",
                Map.of(
                        "title", literal(Values.of("Survey of " + repository.name())),
                        "content", asset("report"),
                        "repository", config("repository")),
                "document");
        return missionId;
    }

    void approveAndRun() {
        var approve = ApproveMissionRequest.newBuilder()
                .setMissionId(missionId)
                .setRequestId(newRequestId())
                .build();
        mission(stub -> stub.approveMission(approve));
        var run = RunMissionRequest.newBuilder()
                .setMissionId(missionId)
                .setRequestId(newRequestId())
                .build();
        mission(stub -> stub.runMission(run));
    }

    void complete() {
        var request = CompleteMissionRequest.newBuilder()
                .setMissionId(missionId)
                .setRequestId(newRequestId())
                .build();
        mission(stub -> stub.completeMission(request));
    }

    MissionTree tree() {
        var request = GetMissionTreeRequest.newBuilder().setMissionId(missionId).build();
        return mission(stub -> stub.getMissionTree(request)).getTree();
    }

    /** The Markdown report. */
    String report() {
        return content("report").getStringValue();
    }

    /** The stored document's id and the revision from which a search sees it. */
    Struct document() {
        return content("document").getStructValue();
    }

    private Value content(String asset) {
        var request = GetAssetRequest.newBuilder().setAssetId(assetId(asset)).build();
        return call(AssetServiceGrpc.newBlockingStub(connection.channel()), stub -> stub.getAsset(request))
                .getAsset()
                .getContent();
    }

    private void createAsset(String key, String name, String type) {
        var role = key.equals("report") || key.equals("document")
                ? AssetRole.ASSET_ROLE_OUTPUT
                : AssetRole.ASSET_ROLE_INTERMEDIATE;
        var request = CreateAssetRequest.newBuilder()
                .setAsset(Asset.newBuilder()
                        .setScopeType(AssetScopeType.ASSET_SCOPE_TYPE_MISSION)
                        .setScopeId(missionId)
                        .setName(name)
                        .setType(type)
                        .setSubtype(key.equals("report") ? "markdown" : "")
                        .setRole(role))
                .setRequestId(newRequestId())
                .build();
        var asset = call(AssetServiceGrpc.newBlockingStub(connection.channel()), stub -> stub.createAsset(request));
        assetIds.put(key, asset.getAsset().getAssetId());
    }

    private String createHop(String name, String rationale, boolean isFinal) {
        var request = CreateHopRequest.newBuilder()
                .setHop(Hop.newBuilder()
                        .setMissionId(missionId)
                        .setName(name)
                        .setRationale(rationale)
                        .setIsFinal(isFinal))
                .setRequestId(newRequestId())
                .build();
        return call(HopServiceGrpc.newBlockingStub(connection.channel()), stub -> stub.createHop(request))
                .getHop()
                .getHopId();
    }

    /** Each result is the field of this name, and goes into the asset of this name. */
    private void createStep(String hopId, String toolId, Map<String, ParameterMapping> parameters, String... results) {
        var name = SurveyTools.all().stream()
                .filter(tool -> tool.id().equals(toolId))
                .findFirst()
                .orElseThrow()
                .name();
        var step = ToolStep.newBuilder()
                .setHopId(hopId)
                .setToolId(toolId)
                .setName(name)
                .putAllParameterMapping(parameters);
        for (var result : results) {
            step.putResultMapping(
                    result,
                    ResultMapping.newBuilder()
                            .setAssetField(AssetField.newBuilder().setAssetId(assetId(result)))
                            .build());
        }
        var request = CreateToolStepRequest.newBuilder()
                .setToolStep(step)
                .setRequestId(newRequestId())
                .build();
        call(ToolStepServiceGrpc.newBlockingStub(connection.channel()), stub -> stub.createToolStep(request));
    }

    private Map<String, ParameterMapping> atRevision() {
        return Map.of("repository", config("repository"), "revision", asset("revision"));
    }

    private ParameterMapping asset(String key) {
        return ParameterMapping.newBuilder()
                .setAssetField(AssetField.newBuilder().setAssetId(assetId(key)))
                .build();
    }

    private static ParameterMapping config(String key) {
        return ParameterMapping.newBuilder()
                .setConfigValue(ConfigValue.newBuilder().setConfigKey(key))
                .build();
    }

    private static ParameterMapping literal(Value value) {
        return ParameterMapping.newBuilder().setLiteralValue(value).build();
    }

    private String assetId(String key) {
        var id = assetIds.get(key);
        if (id == null) {
            throw new IllegalArgumentException("the survey has no asset " + key);
        }
        return id;
    }

    private <T> T mission(Function<MissionServiceBlockingStub, T> call) {
        return call(MissionServiceGrpc.newBlockingStub(connection.channel()), call);
    }

    private static <S extends AbstractStub<S>, T> T call(S stub, Function<S, T> call) {
        return Connection.patiently(() -> call.apply(stub.withDeadlineAfter(CALL_SECONDS, TimeUnit.SECONDS)));
    }

    private static String newRequestId() {
        return UUID.randomUUID().toString();
    }
}
