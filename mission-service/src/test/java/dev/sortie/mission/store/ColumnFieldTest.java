package dev.sortie.mission.store;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.util.JsonFormat;
import dev.sortie.mission.MissionFixture;
import dev.sortie.mission.v1.AssetServiceGrpc;
import dev.sortie.mission.v1.DodItemServiceGrpc;
import dev.sortie.mission.v1.GetAssetRequest;
import dev.sortie.mission.v1.GetHopRequest;
import dev.sortie.mission.v1.GetMissionRequest;
import dev.sortie.mission.v1.GetPlanRequest;
import dev.sortie.mission.v1.GetProjectRequest;
import dev.sortie.mission.v1.GetResourceCredentialRequest;
import dev.sortie.mission.v1.GetTaskRequest;
import dev.sortie.mission.v1.GetTestRunRequest;
import dev.sortie.mission.v1.GetToolStepRequest;
import dev.sortie.mission.v1.GetUserRequest;
import dev.sortie.mission.v1.HopServiceGrpc;
import dev.sortie.mission.v1.ListDodItemsRequest;
import dev.sortie.mission.v1.ListTaskDependenciesRequest;
import dev.sortie.mission.v1.ListTestLogsRequest;
import dev.sortie.mission.v1.ListTestResultsRequest;
import dev.sortie.mission.v1.MissionServiceGrpc;
import dev.sortie.mission.v1.PlanServiceGrpc;
import dev.sortie.mission.v1.ProjectServiceGrpc;
import dev.sortie.mission.v1.ResourceCredentialServiceGrpc;
import dev.sortie.mission.v1.TaskServiceGrpc;
import dev.sortie.mission.v1.TestRunServiceGrpc;
import dev.sortie.mission.v1.ToolStepServiceGrpc;
import dev.sortie.mission.v1.UserServiceGrpc;
import io.grpc.Channel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.math.BigDecimal;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Every column of the source documents is seen in its message field: fills every table, asks for the rows through the
 * server, and compares what they hold as README.md maps it.
 */
class ColumnFieldTest {
    private static final int ROWS = 40;
    private static final JsonMapper JSON = JsonMapper.shared();
    private static final JsonFormat.Printer PRINTER =
            JsonFormat.printer().preservingProtoFieldNames().alwaysPrintFieldsWithNoPresence();

    /** Shown in another form than they are kept in. That there is something to see must do here. */
    private static final Set<String> OTHER_FORM = Set.of(
            "dod_items.evidence",
            "hops.paused_at",
            "hops.paused_step_id",
            "missions.paused_at",
            "missions.paused_hop_id",
            "test_runs.summary",
            "tool_steps.parameter_mapping",
            "tool_steps.result_mapping");

    @AutoClose
    private static final MissionFixture MISSION = MissionFixture.start();

    /** How a caller sees a row. */
    private interface Reader {
        Message read(Channel caller, JsonNode row);
    }

    private static final Map<String, Reader> READERS = readers();

    @BeforeAll
    static void fill() throws SQLException {
        try (var connection = MISSION.database().connectAsOwner();
                var statement = connection.createStatement()) {
            new SampleRows(connection, ROWS)
                    .count("hops", 2 * ROWS)
                    .count("tool_steps", 4 * ROWS)
                    .fill();
            // Missions and hops refer to each other, so this comes last.
            statement.execute("""
                    UPDATE missions m SET current_hop_id = h.hop_id
                    FROM hops h WHERE h.mission_id = m.mission_id AND h.status = 'ACTIVE' AND m.status = 'ACTIVE'
                    """);
        }
    }

    @Test
    void showsEveryColumnInItsField() throws SQLException {
        var wrong = new TreeSet<String>();
        var tables = SchemaTable.read().columns().stream()
                .collect(Collectors.groupingBy(SchemaTable.Column::table, LinkedHashMap::new, Collectors.toList()));
        for (var table : tables.entrySet()) {
            var reader = READERS.get(table.getKey());
            if (reader == null) {
                wrong.add(table.getKey() + " is read by nobody");
            } else {
                compare(table.getKey(), reader, table.getValue(), wrong);
            }
        }
        assertThat(wrong).isEmpty();
    }

    @Test
    void noticesAValueThatIsShownWrongOrNotAtAll() {
        assertThat(agrees("missions.name", JSON.readTree("\"a\""), JSON.readTree("\"a\"")))
                .isTrue();
        assertThat(agrees("missions.name", JSON.readTree("\"a\""), JSON.readTree("\"b\"")))
                .isFalse();
        assertThat(agrees("missions.status", JSON.readTree("\"QA\""), JSON.readTree("\"MISSION_STATUS_QA\"")))
                .isTrue();
        assertThat(agrees("missions.metadata", JSON.readTree("{\"a\": 1}"), JSON.readTree("{\"a\": 1.0}")))
                .isTrue();
        assertThat(agrees("missions.metadata", JSON.readTree("{\"a\": 1}"), JSON.readTree("{}")))
                .isFalse();
        assertThat(agrees("missions.deadline", JSON.readTree("null"), JSON.readTree("\"2030-01-01T00:00:00Z\"")))
                .isFalse();
    }

    private static void compare(String table, Reader reader, List<SchemaTable.Column> columns, Set<String> wrong)
            throws SQLException {
        var shown = new TreeSet<String>();
        var expected = new TreeSet<String>();
        for (var row : rows(table)) {
            Message message;
            try {
                message = reader.read(MISSION.admin(), row);
            } catch (StatusRuntimeException failed) {
                if (failed.getStatus().getCode() == Status.Code.NOT_FOUND) {
                    continue; // hidden, or in something that is
                }
                throw failed;
            }
            var seen = print(message);
            for (var column : columns) {
                for (var name : column.fields()) {
                    var parts = name.split("\\.");
                    if (!parts[0].equals(message.getDescriptorForType().getName())) {
                        continue; // what the caller asks with, rather than what is answered
                    }
                    expected.add(column.path());
                    var value = row.path(column.column());
                    var field = seen.path(parts[1]);
                    if (!agrees(column.path(), value, field)) {
                        wrong.add("%s is %s, and %s %s".formatted(column.path(), value, name, field));
                    }
                    if (!isEmpty(value) && !isEmpty(field)) {
                        shown.add(column.path());
                    }
                }
            }
        }
        expected.removeAll(shown);
        expected.forEach(path -> wrong.add("no sample row has anything to show in " + path));
    }

    private static boolean agrees(String path, JsonNode value, JsonNode field) {
        if (isEmpty(value) || isEmpty(field)) {
            return isEmpty(value) == isEmpty(field);
        }
        if (OTHER_FORM.contains(path) || canonical(value).equals(canonical(field))) {
            return true;
        }
        var text = value.asString("");
        var shown = field.asString("");
        if (shown.endsWith("_" + text) || shown.equalsIgnoreCase(text)) {
            return true; // the value of an enum, or an address that the database compares in any case
        }
        if (path.endsWith("_millis") || path.endsWith("_micros")) {
            var unit = path.endsWith("_millis") ? Duration.ofMillis(1) : Duration.ofNanos(1000);
            return unit.multipliedBy(value.asLong()).equals(Duration.parse("PT" + shown.replace("s", "S")));
        }
        if (path.endsWith("_hours") && shown.endsWith("s")) {
            return value.decimalValue()
                            .multiply(BigDecimal.valueOf(3600))
                            .compareTo(new BigDecimal(shown.replace("s", "")))
                    == 0;
        }
        try {
            return OffsetDateTime.parse(text).toInstant().equals(Instant.parse(shown));
        } catch (java.time.DateTimeException noTime) {
            return false;
        }
    }

    /** Absent, or what a message cannot tell from it. */
    private static boolean isEmpty(JsonNode node) {
        return node.isNull()
                || node.isMissingNode()
                || (node.isContainer() && node.isEmpty())
                || (node.isBoolean() && !node.booleanValue())
                || (node.isNumber() && node.decimalValue().signum() == 0)
                || (node.isString() && Set.of("", "0").contains(node.stringValue()));
    }

    /** The same for values that mean the same: numbers as messages print them, members in any order. */
    private static Object canonical(JsonNode node) {
        if (node.isObject()) {
            var members = new HashMap<String, Object>();
            node.properties().forEach(member -> members.put(member.getKey(), canonical(member.getValue())));
            return members;
        }
        if (node.isArray()) {
            var items = new ArrayList<>();
            node.forEach(item -> items.add(canonical(item)));
            return items;
        }
        return node.isNumber() ? node.decimalValue().stripTrailingZeros().toPlainString() : node.asString("null");
    }

    private static JsonNode print(Message message) {
        try {
            return JSON.readTree(PRINTER.print(message));
        } catch (InvalidProtocolBufferException broken) {
            throw new IllegalStateException(broken);
        }
    }

    private static List<JsonNode> rows(String table) throws SQLException {
        var all = new ArrayList<JsonNode>();
        try (var connection = MISSION.database().connectAsOwner();
                var statement = connection.createStatement();
                var rows = statement.executeQuery("SELECT to_jsonb(t)::text FROM %s t".formatted(table))) {
            while (rows.next()) {
                all.add(JSON.readTree(rows.getString(1)));
            }
        }
        return all;
    }

    private static Map<String, Reader> readers() {
        var all = new HashMap<String, Reader>();
        all.put(
                "users",
                (caller, row) -> UserServiceGrpc.newBlockingStub(caller)
                        .getUser(GetUserRequest.newBuilder()
                                .setUserId(row.get("user_id").asString())
                                .build())
                        .getUser());
        all.put(
                "missions",
                (caller, row) -> MissionServiceGrpc.newBlockingStub(caller)
                        .getMission(GetMissionRequest.newBuilder()
                                .setMissionId(row.get("mission_id").asString())
                                .setShowDeleted(true)
                                .build())
                        .getMission());
        all.put(
                "hops",
                (caller, row) -> HopServiceGrpc.newBlockingStub(caller)
                        .getHop(GetHopRequest.newBuilder()
                                .setHopId(row.get("hop_id").asString())
                                .build())
                        .getHop());
        all.put(
                "tool_steps",
                (caller, row) -> ToolStepServiceGrpc.newBlockingStub(caller)
                        .getToolStep(GetToolStepRequest.newBuilder()
                                .setToolStepId(row.get("tool_step_id").asString())
                                .build())
                        .getToolStep());
        all.put(
                "assets",
                (caller, row) -> AssetServiceGrpc.newBlockingStub(caller)
                        .getAsset(GetAssetRequest.newBuilder()
                                .setAssetId(row.get("asset_id").asString())
                                .build())
                        .getAsset());
        all.put(
                "resource_credentials",
                (caller, row) -> ResourceCredentialServiceGrpc.newBlockingStub(caller)
                        .getResourceCredential(GetResourceCredentialRequest.newBuilder()
                                .setResourceCredentialId(
                                        row.get("resource_credential_id").asString())
                                .build())
                        .getResourceCredential());
        all.put(
                "dod_items",
                (caller, row) -> DodItemServiceGrpc.newBlockingStub(caller)
                        .listDodItems(ListDodItemsRequest.newBuilder()
                                .setMissionId(row.get("mission_id").asString())
                                .build())
                        .getDodItemsList()
                        .stream()
                        .filter(item -> item.getDodItemId()
                                .equals(row.get("dod_item_id").asString()))
                        .findFirst()
                        .orElseThrow());
        all.put(
                "test_runs",
                (caller, row) -> TestRunServiceGrpc.newBlockingStub(caller)
                        .getTestRun(GetTestRunRequest.newBuilder()
                                .setTestRunId(row.get("test_run_id").asString())
                                .build())
                        .getTestRun());
        all.put(
                "test_results",
                (caller, row) -> TestRunServiceGrpc.newBlockingStub(caller)
                        .listTestResults(ListTestResultsRequest.newBuilder()
                                .setTestRunId(row.get("test_run_id").asString())
                                .build())
                        .getResultsList()
                        .stream()
                        .filter(result ->
                                result.getName().equals(row.get("name").asString()))
                        .findFirst()
                        .orElseThrow());
        all.put(
                "test_log_chunks",
                (caller, row) -> TestRunServiceGrpc.newBlockingStub(caller)
                        .listTestLogs(ListTestLogsRequest.newBuilder()
                                .setTestRunId(row.get("test_run_id").asString())
                                .build())
                        .getLogChunksList()
                        .stream()
                        .filter(chunk ->
                                chunk.getSequence() == row.get("sequence").asLong())
                        .findFirst()
                        .orElseThrow());
        all.put(
                "projects",
                (caller, row) -> ProjectServiceGrpc.newBlockingStub(caller)
                        .getProject(GetProjectRequest.newBuilder()
                                .setProjectId(row.get("project_id").asString())
                                .setShowDeleted(true)
                                .build())
                        .getProject());
        all.put(
                "plans",
                (caller, row) -> PlanServiceGrpc.newBlockingStub(caller)
                        .getPlan(GetPlanRequest.newBuilder()
                                .setPlanId(row.get("plan_id").asString())
                                .setShowDeleted(true)
                                .build())
                        .getPlan());
        all.put(
                "tasks",
                (caller, row) -> TaskServiceGrpc.newBlockingStub(caller)
                        .getTask(GetTaskRequest.newBuilder()
                                .setTaskId(row.get("task_id").asString())
                                .build())
                        .getTask());
        all.put(
                "task_dependencies",
                (caller, row) -> TaskServiceGrpc.newBlockingStub(caller)
                        .listTaskDependencies(ListTaskDependenciesRequest.newBuilder()
                                .setTaskId(row.get("task_id").asString())
                                .build())
                        .getTaskDependenciesList()
                        .stream()
                        .filter(one -> one.getTaskDependencyId()
                                .equals(row.get("task_dependency_id").asString()))
                        .findFirst()
                        .orElseThrow());
        return all;
    }
}
