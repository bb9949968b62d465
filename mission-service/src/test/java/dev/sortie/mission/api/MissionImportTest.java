package dev.sortie.mission.api;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import dev.sortie.mission.MissionFixture;
import dev.sortie.mission.v1.AuthServiceGrpc;
import dev.sortie.mission.v1.DodItem;
import dev.sortie.mission.v1.GetMissionTreeRequest;
import dev.sortie.mission.v1.GetTaskRequest;
import dev.sortie.mission.v1.GetTestRunRequest;
import dev.sortie.mission.v1.GetUserRequest;
import dev.sortie.mission.v1.HopNode;
import dev.sortie.mission.v1.HopStatus;
import dev.sortie.mission.v1.ImportMissionsRequest;
import dev.sortie.mission.v1.ImportMissionsResponse;
import dev.sortie.mission.v1.ImportOutcome;
import dev.sortie.mission.v1.ImportedRecord;
import dev.sortie.mission.v1.ListDodItemsRequest;
import dev.sortie.mission.v1.ListTaskDependenciesRequest;
import dev.sortie.mission.v1.ListTestResultsRequest;
import dev.sortie.mission.v1.LoginRequest;
import dev.sortie.mission.v1.MissionServiceGrpc;
import dev.sortie.mission.v1.MissionStatus;
import dev.sortie.mission.v1.MissionTree;
import dev.sortie.mission.v1.Task;
import dev.sortie.mission.v1.TaskDependency;
import dev.sortie.mission.v1.TaskServiceGrpc;
import dev.sortie.mission.v1.TaskStatus;
import dev.sortie.mission.v1.TestRunStatus;
import dev.sortie.mission.v1.ToolStepStatus;
import dev.sortie.mission.v1.User;
import dev.sortie.mission.v1.UserServiceGrpc;
import dev.sortie.runtime.testing.StatusAssert;
import io.grpc.Status.Code;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class MissionImportTest {
    @AutoClose
    private static final MissionFixture MISSION = MissionFixture.start();

    /** Of "correct horse battery staple". */
    private static final String BCRYPT = "$2b$10$N9qo8uLOickgx2ZMRZoMyehtJ/whDdsI.d1w/JqKiOrDw8pCT0JLG";

    private static final AtomicInteger COUNTER = new AtomicInteger();

    private final Calls admin = Calls.of(MISSION.admin());
    /** Each test has a source of its own, in which its ids are unique. */
    private final String source = "source-" + COUNTER.incrementAndGet();

    // ---- what comes of records ----

    @Test
    void makesHopsAndStepsOfWhatMissionsHeldAsJson() {
        importOwner();
        var answer = run(
                mission("m1")
                        .put("status", "active")
                        .put(
                                "hop_history",
                                new JsonArray()
                                        .add(hop("h1", "completed")
                                                .put("rationale", "First things first")
                                                .put("output_mapping", new JsonObject().put("list", "a1"))
                                                .put(
                                                        "tool_steps",
                                                        new JsonArray()
                                                                .add(step("s1", "completed")
                                                                        .put("started_at", "2025-05-05 08:05:00")
                                                                        .put("completed_at", "2025-05-05 08:10:00")
                                                                        .put(
                                                                                "execution_result",
                                                                                new JsonObject().put("found", 2))
                                                                        .put(
                                                                                "result_mapping",
                                                                                mapping("list", "asset_field", "list"))
                                                                        .put("resource_configs", "{\"depth\": 3}")))))
                        .put(
                                "current_hop",
                                hop("h2", "active")
                                        .put("is_final", true)
                                        .put(
                                                "tool_steps",
                                                new JsonArray()
                                                        .add(step("s2", "running"))
                                                        .add(step("s3", "pending")
                                                                .put(
                                                                        "parameter_mapping",
                                                                        mapping("in", "asset_field", "a1"))))),
                row("assets", asset("a1", "mission", "m1").put("content", new JsonArray().add("x"))));
        assertThat(outcomes(answer)).containsExactlyInAnyOrder("CREATED missions m1", "CREATED assets a1");
        var tree = tree(id(answer, "missions", "m1"));
        assertThat(tree.getMission().getStatus()).isEqualTo(MissionStatus.MISSION_STATUS_ACTIVE);
        assertThat(tree.getMission().getCurrentHopId())
                .isEqualTo(tree.getHops(1).getHop().getHopId());
        assertThat(tree.getHopsList())
                .extracting(HopNode::getHop)
                .extracting(hop -> hop.getName() + " " + hop.getStatus() + " " + hop.getSequenceOrder())
                .containsExactly("Hop h1 HOP_STATUS_COMPLETED 0", "Hop h2 HOP_STATUS_ACTIVE 1");
        assertThat(tree.getHops(0).getHop().getRationale()).isEqualTo("First things first");
        assertThat(tree.getHops(1).getHop().getIsFinal()).isTrue();
        var done = tree.getHops(0).getToolSteps(0);
        assertThat(done.getStatus()).isEqualTo(ToolStepStatus.TOOL_STEP_STATUS_COMPLETED);
        assertThat(done.getStartTime().getSeconds()).isEqualTo(1746432300L);
        assertThat(done.getResourceConfigs().getFieldsMap()).containsKey("depth");
        // The name that the hop had for the asset stands for the asset, wherever it comes in.
        var asset = id(answer, "assets", "a1");
        assertThat(done.getResultMappingOrThrow("list").getAssetField().getAssetId())
                .isEqualTo(asset);
        assertThat(tree.getHops(1)
                        .getToolSteps(1)
                        .getParameterMappingOrThrow("in")
                        .getAssetField()
                        .getAssetId())
                .isEqualTo(asset);
        assertThat(tree.getAssets(0).getAssetId()).isEqualTo(asset);
        // Nobody works on it any more, so it has failed and can be retried.
        assertThat(tree.getHops(1).getToolSteps(0).getStatus()).isEqualTo(ToolStepStatus.TOOL_STEP_STATUS_FAILED);
        assertThat(record(answer, "missions", "m1").getNotesList())
                .anyMatch(note -> note.startsWith("hop_history[0].output_mapping: dropped"))
                .anyMatch(note -> note.startsWith("current_hop.tool_steps[0].status: FAILED"))
                // What was taken is not told as dropped.
                .noneMatch(note -> note.contains("_mapping.in.") || note.contains("result_mapping.list."));
    }

    @Test
    void leavesAMissionThatHasEndedAsItEnded() {
        importOwner();
        var answer = run(
                mission("done").put("status", "complete").put("updated_at", "2025-03-03 17:00:00"),
                mission("off")
                        .put("status", "cancelled")
                        .put(
                                "current_hop",
                                hop("open", "active").put("tool_steps", new JsonArray().add(step("s", "pending")))));
        var done = tree(id(answer, "missions", "done")).getMission();
        assertThat(done.getStatus()).isEqualTo(MissionStatus.MISSION_STATUS_COMPLETED);
        assertThat(done.getCompleteTime().getSeconds()).isEqualTo(1741021200L);
        assertThat(done.getCreateTime().getSeconds()).isEqualTo(1746432000L);
        var off = tree(id(answer, "missions", "off"));
        assertThat(off.getHops(0).getHop().getStatus()).isEqualTo(HopStatus.HOP_STATUS_CANCELLED);
        assertThat(off.getHops(0).getToolSteps(0).getStatus()).isEqualTo(ToolStepStatus.TOOL_STEP_STATUS_CANCELLED);
        assertThat(off.getMission().getCurrentHopId()).isEmpty();
    }

    @Test
    void goesOnWithAnImportedMission() {
        importOwner();
        var answer = run(mission("m").put("status", "ready_to_design"));
        var id = id(answer, "missions", "m");
        var hop = admin.createHop(id, "Next").getHopId();
        admin.start(hop);
        admin.complete(hop);
        assertThat(admin.mission(id).getStatus()).isEqualTo(MissionStatus.MISSION_STATUS_READY_TO_DESIGN);
    }

    @Test
    void takesMissionDeckRowsAsTheyAre() {
        var answer = run(
                deckMission("47").encode(),
                deck(
                        "dod_items",
                        new JsonObject()
                                .put("id", "d1")
                                .put("mission_id", "47")
                                .put("text", "It sends")
                                .put("category", "non-functional")
                                .put("completed", true)
                                .put("completed_at", "2025-11-06 16:20:00")),
                deck(
                        "test_runs",
                        new JsonObject()
                                .put("id", "run-1")
                                .put("mission_id", "47")
                                .put("status", "passed")
                                .put(
                                        "summary",
                                        new JsonObject()
                                                .put("functional_passed", 8)
                                                .put("functional_total", 10)
                                                .put("performance_passed", 2)
                                                .put("performance_total", 3))
                                .put(
                                        "results",
                                        new JsonArray()
                                                .add(new JsonObject()
                                                        .put("name", "test_send_message")
                                                        .put("status", "passed"))
                                                .add(new JsonObject()
                                                        .put("name", "test_callback_handler")
                                                        .put("status", "failed")
                                                        .put("error", "KeyError: callback_data")))
                                .put("created_at", "2025-11-06 18:00:00")));
        assertThat(outcomes(answer))
                .containsExactlyInAnyOrder("CREATED missions 47", "CREATED dod_items d1", "CREATED test_runs run-1");
        var mission = admin.mission(id(answer, "missions", "47"));
        assertThat(mission.getName()).isEqualTo("Telegram Notifier");
        assertThat(mission.getBudgetAmount()).isEqualTo(300);
        assertThat(mission.getStatus()).isEqualTo(MissionStatus.MISSION_STATUS_READY_TO_DESIGN);
        var items = admin.dodItems()
                .listDodItems(ListDodItemsRequest.newBuilder()
                        .setMissionId(mission.getMissionId())
                        .build())
                .getDodItemsList();
        assertThat(items).extracting(DodItem::getCompleted).containsExactly(true);
        var runId = id(answer, "test_runs", "run-1");
        var run = admin.testRuns()
                .getTestRun(GetTestRunRequest.newBuilder().setTestRunId(runId).build())
                .getTestRun();
        assertThat(run.getStatus()).isEqualTo(TestRunStatus.TEST_RUN_STATUS_PASSED);
        assertThat(run.getSummary().getCategoriesList())
                .extracting(one -> one.getCategory() + " " + one.getPassed() + "/" + one.getTotal())
                .containsExactly("functional 8/10", "performance 2/3");
        assertThat(admin.testRuns()
                        .listTestResults(ListTestResultsRequest.newBuilder()
                                .setTestRunId(runId)
                                .build())
                        .getResultsList())
                .hasSize(2);
        assertThat(record(answer, "test_runs", "run-1").getNotesList()).anyMatch(note -> note.contains("stays PASSED"));
    }

    @Test
    void letsUsersLogInWithThePasswordsThatTheyHad() {
        var name = "import-" + source;
        var answer = run(agentVine(
                "users",
                new JsonObject()
                        .put("id", "u1")
                        .put("username", name)
                        .put("email", name + "@example.com")
                        .put("hashed_password", BCRYPT)
                        .put("role", "developer")
                        .put("is_verified", true)
                        .put("settings", new JsonObject().put("theme", "dark"))));
        assertThat(outcomes(answer)).containsExactly("CREATED users u1");
        var user = user(id(answer, "users", "u1"));
        assertThat(user.getVerified()).isTrue();
        assertThat(user.getSettings().getFieldsMap()).containsKey("theme");
        var login = LoginRequest.newBuilder().setUsername(name);
        assertThat(AuthServiceGrpc.newBlockingStub(MISSION.anonymous())
                        .login(login.setPassword("correct horse battery staple").build())
                        .getAccessToken())
                .isNotEmpty();
    }

    @Test
    void takesSomebodyWithAKnownAddressForThatUser() {
        var person = MISSION.newPerson(dev.sortie.mission.v1.UserRole.USER_ROLE_VIEWER)
                .user();
        var answer = run(
                row(
                        "users",
                        new JsonObject()
                                .put("user_id", 9)
                                .put("email", person.getEmail().toUpperCase(java.util.Locale.ROOT))
                                .put("password", BCRYPT)),
                mission("m").put("user_id", 9));
        assertThat(outcomes(answer)).containsExactlyInAnyOrder("LINKED users 9", "CREATED missions m");
        assertThat(user(person.getUserId())).isEqualTo(person);
        assertThat(admin.mission(id(answer, "missions", "m")).getUserId()).isEqualTo(person.getUserId());
    }

    @Test
    void takesTasksAndWhatTheyDependOn() {
        var answer = run(
                agentVine("tasks", task("t1", "in_progress").put("permission_level", "supervised")),
                agentVine("tasks", task("t2", "blocked").put("parent_task_id", "t1")),
                agentVine(
                        "tasks",
                        task("t3", "completed")
                                .put("started_at", "2025-09-01T09:00:00+00:00")
                                .put("completed_at", "2025-09-01T11:00:00+00:00")),
                agentVine("task_dependencies", dependency("d1", "t2", "t1", "blocks")),
                agentVine("task_dependencies", dependency("d2", "t2", "t3", "blocks")),
                agentVine("task_dependencies", dependency("d3", "t1", "t3", "related")));
        assertThat(answer.getCreatedCount()).as("%s", answer).isEqualTo(6);
        assertThat(task(id(answer, "tasks", "t1")).getStatus()).isEqualTo(TaskStatus.TASK_STATUS_PENDING);
        var blocked = task(id(answer, "tasks", "t2"));
        assertThat(blocked.getStatus()).isEqualTo(TaskStatus.TASK_STATUS_BLOCKED);
        assertThat(blocked.getParentTaskId()).isEqualTo(id(answer, "tasks", "t1"));
        var done = task(id(answer, "tasks", "t3"));
        assertThat(done.getStatus()).isEqualTo(TaskStatus.TASK_STATUS_COMPLETED);
        assertThat(done.getCompleteTime().getSeconds()).isEqualTo(1756724400L);
        assertThat(done.getProgressPercentage()).isEqualTo(100);
        assertThat(done.getCreateTime().getSeconds()).isEqualTo(1756713600L);
        // What the dependency became is what the record stands for.
        var dependencies = TaskServiceGrpc.newBlockingStub(MISSION.admin())
                .listTaskDependencies(ListTaskDependenciesRequest.newBuilder()
                        .setTaskId(blocked.getTaskId())
                        .build())
                .getTaskDependenciesList();
        assertThat(dependencies)
                .extracting(TaskDependency::getTaskDependencyId)
                .containsExactlyInAnyOrder(
                        id(answer, "task_dependencies", "d1"), id(answer, "task_dependencies", "d2"));
        var refused = run(
                agentVine("task_dependencies", dependency("d4", "t1", "t2", "blocks")),
                agentVine("task_dependencies", dependency("d5", "t2", "t2", "blocks")),
                agentVine("task_dependencies", dependency("d6", "t2", "t1", "related")),
                agentVine("task_dependencies", dependency("d7", "t2", "t9", "blocks")),
                agentVine("tasks", task("t4", "pending").put("created_by", "u9")),
                agentVine("tasks", task("t5", "pending").put("issue_number", 0)));
        assertThat(refused.getRejectedCount()).as("%s", refused).isEqualTo(6);
        assertThat(refused.getRecordsList())
                .extracting(ImportedRecord::getField)
                .containsExactly("", "", "", "depends_on_task_id", "created_by", "issue_number");
    }

    // ---- repeating ----

    @Test
    void changesNothingTheSecondTime() throws Exception {
        importOwner();
        var lines = List.of(
                mission("m").put("current_hop", hop("h", "pending")).encode(),
                row("assets", asset("a", "hop", "h")),
                deckMission("47").encode());
        var first = send(lines);
        assertThat(first.getCreatedCount()).isEqualTo(3);
        var before = rows();
        var again = send(lines);
        assertThat(again.getUnchangedCount()).isEqualTo(3);
        assertThat(again.getRecordsList())
                .extracting(ImportedRecord::getResourceId)
                .containsExactlyInAnyOrderElementsOf(first.getRecordsList().stream()
                        .map(ImportedRecord::getResourceId)
                        .toList());
        assertThat(rows()).isEqualTo(before);
        // The order of columns and space between them are no other content; a value is.
        var changed = new JsonObject(normal(new JsonObject(lines.getFirst())));
        var record = changed.getJsonObject("record");
        var turned = new JsonObject();
        var names = new ArrayList<>(record.fieldNames());
        Collections.reverse(names);
        names.forEach(name -> turned.put(name, record.getValue(name)));
        assertThat(send(List.of(changed.put("record", turned).encode().replace("\",\"", "\" , \"")))
                        .getUnchangedCount())
                .isEqualTo(1);
        var conflict =
                send(List.of(changed.put("record", turned.put("name", "Other")).encode()));
        assertThat(conflict.getConflictCount()).isEqualTo(1);
        assertThat(conflict.getRecords(0).getReason()).contains("other content");
        assertThat(rows()).isEqualTo(before);
    }

    @Test
    void importsOnceWhenManyDoAtOnce() throws Exception {
        importOwner();
        var lines = List.of(
                mission("m").put("current_hop", hop("h", "pending")).encode(), row("assets", asset("a", "hop", "h")));
        var outcomes = Together.call(10, _ -> send(lines));
        assertThat(outcomes).allMatch(Together.Outcome::succeeded);
        assertThat(outcomes.stream()
                        .mapToLong(one -> one.answer().getCreatedCount())
                        .sum())
                .isEqualTo(2);
        assertThat(outcomes.stream()
                        .mapToLong(one -> one.answer().getUnchangedCount())
                        .sum())
                .isEqualTo(18);
    }

    @Test
    void doesNotBringBackWhatWasDeletedSince() {
        importOwner();
        var line = mission("m").encode();
        var id = id(send(List.of(line)), "missions", "m");
        admin.missions()
                .deleteMission(dev.sortie.mission.v1.DeleteMissionRequest.newBuilder()
                        .setMissionId(id)
                        .setForce(true)
                        .build());
        assertThat(send(List.of(line)).getUnchangedCount()).isEqualTo(1);
        StatusAssert.fails(() -> admin.mission(id))
                .with(Code.NOT_FOUND, dev.sortie.type.v1.ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND);
        var late = run(row("assets", asset("a", "mission", "m")));
        assertThat(late.getRecords(0).getReason()).contains("deleted here");
    }

    // ---- what is wrong ----

    @Test
    void rejectsLinesThatAreNoRecords() {
        var answer = sendBytes(List.of(
                "{\"form\": \"mission-system\"".getBytes(UTF_8),
                "[]".getBytes(UTF_8),
                "{\"a\": 1}".getBytes(UTF_8),
                "{\"a\": 1, \"a\": 2}".getBytes(UTF_8),
                "{\"a\": 1} {}".getBytes(UTF_8),
                "".getBytes(UTF_8),
                "{\"name\": \"Grüße\"}".getBytes(ISO_8859_1),
                "{\"form\": \"jira\", \"table\": \"issues\", \"record\": {}}".getBytes(UTF_8),
                "{\"form\": \"agentvine\", \"table\": \"pets\", \"record\": {}}".getBytes(UTF_8),
                "{\"form\": \"agentvine\", \"table\": \"users\", \"record\": []}".getBytes(UTF_8),
                "{\"form\": \"agentvine\", \"table\": \"users\", \"color\": 1, \"record\": {}}".getBytes(UTF_8),
                "{\"form\": \"agentvine\", \"table\": \"users\", \"source\": \"a b\", \"record\": {}}".getBytes(UTF_8),
                ("{\"x\": " + "[".repeat(300) + "]".repeat(300) + "}").getBytes(UTF_8)));
        assertThat(answer.getRecordsList())
                .extracting(ImportedRecord::getLine)
                .containsExactly(1L, 2L, 3L, 4L, 5L, 7L, 8L, 9L, 10L, 11L, 12L, 13L);
        assertThat(answer.getRejectedCount()).isEqualTo(12);
        assertThat(answer.getRecordsList())
                .extracting(ImportedRecord::getReason)
                .satisfiesExactly(
                        reason -> assertThat(reason).contains("no JSON"),
                        reason -> assertThat(reason).contains("no object"),
                        reason -> assertThat(reason).contains("not recognized"),
                        reason -> assertThat(reason).contains("no JSON"),
                        reason -> assertThat(reason).contains("no JSON"),
                        reason -> assertThat(reason).contains("not UTF-8"),
                        reason -> assertThat(reason).contains("mission-deck"),
                        reason -> assertThat(reason).contains("no table pets"),
                        reason -> assertThat(reason).contains("no object"),
                        reason -> assertThat(reason).contains("no part of a line"),
                        reason -> assertThat(reason).contains("expected"),
                        reason -> assertThat(reason).contains("no JSON"));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "{'name': null}|name|missing",
                "{'name': 7}|name|no text",
                "{'name': '%s'}|name|too long",
                "{'status': 'asleep'}|status|expected",
                "{'color': 'red'}|color|no such column",
                "{'user_id': 99}|user_id|no record 99",
                "{'user_id': null}|user_id|missing",
                "{'created_at': 'yesterday'}|created_at|no time",
                "{'created_at': '2025-02-30 00:00:00'}|created_at|no time",
                "{'success_criteria': 'all of it'}|success_criteria|no JSON",
                "{'success_criteria': [1]}|success_criteria[0]|no text",
                "{'metadata': []}|metadata|no object",
                "{'metadata': {'big': '%s%s%s%s%s%s%s%s%s%s'}}|metadata|more than 256 KiB",
                "{'description': 'a\\u0000b'}|description|NUL",
                "{'description': 'a\\ud800b'}|description|half",
                "{'hop_history': {}}|hop_history|no array",
                "{'hop_history': [7]}|hop_history[0]|no object",
                "{'hop_history': [{'name': 'a', 'color': 'red'}]}|hop_history[0].color|no such column",
                "{'hop_history': [{'name': 'a', 'status': 'active'}, {'name': 'b', 'status': 'active'}]}|hop_history[1].status|second active",
                "{'hop_history': [{'id': 1, 'name': 'a'}, {'id': 1, 'name': 'b'}]}|hop_history[1].id|imported before",
                "{'current_hop': {'name': 'a', 'tool_steps': [{'name': 'x'}]}}|current_hop.tool_steps[0].tool_id|missing",
                "{'current_hop': {'name': 'a', 'tool_steps': [{'tool_id': 'x', 'parameter_mapping': {'p': {'type': 'magic'}}}]}}|current_hop.tool_steps[0].parameter_mapping.p.type|expected",
                "{'current_hop': {'name': 'a', 'tool_steps': [{'tool_id': 'x', 'parameter_mapping': {'p': {'type': 'asset_field'}}}]}}|current_hop.tool_steps[0].parameter_mapping.p.state_asset|missing",
                "{'assets': [{'name': 'a', 'type': 't', 'role': 'star'}]}|assets[0].role|expected",
            })
    void rejectsAMissionForOneColumn(String columns, String field, String reason) throws Exception {
        importOwner();
        var before = rows();
        var row = mission("bad").getJsonObject("record");
        var text = columns.replace('\'', '"').replace("%s", "x".repeat(30_000));
        // The same column twice would be no JSON at all.
        for (var name : new JsonObject(text.replace("\\ud800", "")).fieldNames()) {
            row.remove(name);
        }
        var line = "{\"form\":\"mission-system\",\"table\":\"missions\",\"source\":\"" + source + "\",\"record\":"
                + row.encode().replaceAll("}$", "") + "," + text.substring(1) + "}";
        var answer = sendBytes(List.of(line.getBytes(UTF_8)));
        assertThat(answer.getRecordsList()).singleElement().satisfies(record -> {
            assertThat(record.getOutcome()).isEqualTo(ImportOutcome.IMPORT_OUTCOME_REJECTED);
            assertThat(record.getField()).isEqualTo(field);
            assertThat(record.getReason()).contains(reason);
        });
        assertThat(rows()).isEqualTo(before);
    }

    @Test
    void saysWhoHasTheTablesThatItDoesNotTake() {
        var answer = run(
                deck("chat_messages", new JsonObject().put("id", "c")),
                agentVine("workers", new JsonObject().put("id", "w")),
                agentVine("context_documents", new JsonObject().put("id", "d")));
        assertThat(answer.getRecordsList())
                .extracting(ImportedRecord::getReason)
                .containsExactly(
                        "chat_messages belong to agent-service, not to this import",
                        "workers belong to agent-service, not to this import",
                        "context_documents belong to knowledge-service, not to this import");
    }

    @Test
    void neverTellsAPasswordOrItsHash() {
        var answer = run(
                agentVine(
                        "users",
                        new JsonObject()
                                .put("id", "u")
                                .put("username", "secretive")
                                .put("email", "secretive@example.com")
                                .put("hashed_password", "hunter2hunter2")
                                .put("role", "viewer")),
                row(
                        "users",
                        new JsonObject()
                                .put("user_id", 3)
                                .put("email", source + "@example.org")
                                .put("password", "hunter2hunter2")));
        assertThat(answer.getRejectedCount()).isEqualTo(1);
        assertThat(answer.getCreatedCount()).isEqualTo(1);
        assertThat(answer.toString()).doesNotContain("hunter2");
    }

    @Test
    void reportsWhatIsWrongFirstAndCountsWhatItHasNoRoomFor() {
        importOwner();
        var lines = new ArrayList<String>();
        IntStream.range(0, 2_100).forEach(_ -> lines.add("{}"));
        lines.addFirst(mission("m").encode());
        var answer = Calls.stream(
                MissionServiceGrpc.newStub(MISSION.admin())::importMissions,
                List.of(ImportMissionsRequest.newBuilder()
                        .setFirstLine(1_001)
                        .setContent(ByteString.copyFromUtf8(String.join("\r\n", lines)))
                        .build()));
        assertThat(answer.getRecordsCount()).isEqualTo(2_000);
        assertThat(answer.getRecords(0).getLine()).isEqualTo(1_002);
        assertThat(answer.getOmittedCount()).isEqualTo(101);
        assertThat(answer.getCreatedCount()).isEqualTo(1);
    }

    @Test
    void boundsLinesAndCalls() {
        var block = ByteString.copyFrom(new byte[1 << 20]);
        var long_ = new ArrayList<ImportMissionsRequest>();
        for (int i = 0; i < 9; i++) {
            long_.add(ImportMissionsRequest.newBuilder().setContent(block).build());
        }
        long_.add(ImportMissionsRequest.newBuilder()
                .setContent(ByteString.copyFromUtf8("\n{}"))
                .build());
        var answer = Calls.stream(MissionServiceGrpc.newStub(MISSION.admin())::importMissions, long_);
        assertThat(answer.getRecordsList())
                .extracting(ImportedRecord::getReason)
                .satisfiesExactly(
                        reason -> assertThat(reason).contains("longer than 8 MiB"),
                        reason -> assertThat(reason).contains("not recognized"));
        var many = ImportMissionsRequest.newBuilder()
                .setContent(ByteString.copyFromUtf8("{}\n".repeat(10_001)))
                .build();
        StatusAssert.fails(
                        () -> Calls.stream(MissionServiceGrpc.newStub(MISSION.admin())::importMissions, List.of(many)))
                .with(Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("content");
        assertThat(Calls.stream(MissionServiceGrpc.newStub(MISSION.admin())::importMissions, List.of()))
                .isEqualTo(ImportMissionsResponse.getDefaultInstance());
    }

    // ---- whatever comes ----

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    void comesToTheSameInBatchesOfAnySize(long seed) throws Exception {
        var random = new Random(seed);
        var lines = new ArrayList<String>();
        lines.add(row("users", owner()));
        for (int i = 0; i < 12; i++) {
            lines.add(envelope("mission-system", "missions", randomMission(random, "m" + i))
                    .encode());
            lines.add(row("assets", asset("a" + i, "mission", "m" + random.nextInt(12))));
        }
        var whole = summary(send(lines));
        for (int size : new int[] {1, 7}) {
            var other = new ArrayList<String>();
            for (int from = 0; from < lines.size(); from += size) {
                var part = lines.subList(from, Math.min(lines.size(), from + size)).stream()
                        .map(line -> line.replace("\"" + source + "\"", "\"" + source + "-" + size + "\""))
                        .toList();
                summary(send(part)).forEach(other::add);
            }
            assertThat(other.stream()
                            .map(line -> line.replace("LINKED", "CREATED").replace(source + "-" + size, source))
                            .toList())
                    .containsExactlyInAnyOrderElementsOf(whole);
        }
        // What came too early is taken now that what it refers to is there; and then there is nothing left to do.
        assertThat(summary(send(lines)))
                .allMatch(line -> line.startsWith("UNCHANGED") || line.startsWith("CREATED assets"));
        var before = rows();
        assertThat(summary(send(lines))).allMatch(line -> line.startsWith("UNCHANGED"));
        assertThat(rows()).isEqualTo(before);
    }

    @ParameterizedTest
    @ValueSource(longs = {11, 12})
    void storesAWholeMissionOrNothingWhateverComes(long seed) throws Exception {
        importOwner();
        var random = new Random(seed);
        for (int round = 0; round < 120; round++) {
            var mission = randomMission(random, "r" + seed + "." + round);
            var line = mutate(random, mission).encode();
            var before = rows();
            var answer = sendBytes(List.of(random.nextInt(6) == 0 ? scramble(random, line) : line.getBytes(UTF_8)));
            for (var record : answer.getRecordsList()) {
                assertThat(record.getReason()).as(line).doesNotContain("breaks the rule");
                if (record.getOutcome() == ImportOutcome.IMPORT_OUTCOME_CREATED
                        && record.getTable().equals("missions")) {
                    var tree = tree(record.getResourceId());
                    assertThat(tree.getMission().getStatus() == MissionStatus.MISSION_STATUS_ACTIVE)
                            .as(line)
                            .isEqualTo(!tree.getMission().getCurrentHopId().isEmpty());
                } else {
                    assertThat(rows()).as(line).isEqualTo(before);
                }
            }
        }
    }

    private static JsonObject randomMission(Random random, String id) {
        var statuses = List.of("pending", "ready_to_design", "active", "qa", "completed", "failed", "cancelled");
        var hopStatuses = List.of("pending", "completed", "failed", "cancelled");
        var stepStatuses = List.of("pending", "running", "completed", "failed", "cancelled");
        var mission = missionOf("x", id).put("status", statuses.get(random.nextInt(statuses.size())));
        var history = new JsonArray();
        for (int i = random.nextInt(4); i > 0; i--) {
            var steps = new JsonArray();
            for (int k = random.nextInt(3); k > 0; k--) {
                steps.add(step(id + ".s" + i + "." + k, stepStatuses.get(random.nextInt(5)))
                        .put("parameter_mapping", mapping("p", "asset_field", "a" + random.nextInt(5))));
            }
            history.add(hop(id + ".h" + i, hopStatuses.get(random.nextInt(4))).put("tool_steps", steps));
        }
        mission.put("hop_history", history);
        if (random.nextBoolean()) {
            mission.put("current_hop", hop(id + ".h0", random.nextBoolean() ? "active" : "pending"));
        }
        return mission;
    }

    /** Puts odd values into a few columns, at any depth. */
    private JsonObject mutate(Random random, JsonObject row) {
        var odd = Arrays.<Object>asList(
                null,
                "",
                " ",
                "x",
                "ä".repeat(300),
                0,
                -1,
                1e300,
                3.5,
                true,
                new JsonArray(),
                new JsonObject(),
                "2025-13-01",
                "\u0000",
                "[]",
                "{}",
                "null",
                Long.MAX_VALUE,
                new JsonArray().add(1).add("a"),
                "active",
                "completed");
        var copy = row.copy();
        for (int change = random.nextInt(4); change > 0; change--) {
            Object at = copy;
            while (true) {
                if (at instanceof JsonObject object && !object.isEmpty()) {
                    var names = new ArrayList<>(object.fieldNames());
                    var name = names.get(random.nextInt(names.size()));
                    var value = object.getValue(name);
                    if ((value instanceof JsonObject || value instanceof JsonArray) && random.nextInt(4) > 0) {
                        at = value;
                        continue;
                    }
                    switch (random.nextInt(3)) {
                        case 0 -> object.remove(name);
                        case 1 -> object.put("odd" + random.nextInt(3), odd.get(random.nextInt(odd.size())));
                        default -> object.put(name, odd.get(random.nextInt(odd.size())));
                    }
                } else if (at instanceof JsonArray array && !array.isEmpty()) {
                    int index = random.nextInt(array.size());
                    var value = array.getValue(index);
                    if ((value instanceof JsonObject || value instanceof JsonArray) && random.nextInt(4) > 0) {
                        at = value;
                        continue;
                    }
                    array.getList().set(index, odd.get(random.nextInt(odd.size())));
                }
                break;
            }
        }
        return envelope("mission-system", "missions", copy);
    }

    private static byte[] scramble(Random random, String line) {
        var bytes = line.getBytes(UTF_8);
        for (int i = random.nextInt(3); i >= 0; i--) {
            byte one = (byte) random.nextInt(256);
            bytes[random.nextInt(bytes.length)] = one == '\n' ? (byte) ' ' : one;
        }
        return bytes;
    }

    // ---- records ----

    private void importOwner() {
        assertThat(send(List.of(row("users", owner()))).getRejectedCount()).isZero();
    }

    private JsonObject owner() {
        return new JsonObject().put("user_id", 7).put("email", "owner@" + source + ".example.com");
    }

    private JsonObject mission(String id) {
        return envelope("mission-system", "missions", missionOf(source, id));
    }

    private static JsonObject missionOf(String source, String id) {
        return new JsonObject()
                .put("id", id)
                .put("user_id", 7)
                .put("name", "Mission " + id)
                .put("status", "pending")
                .put("created_at", "2025-05-05 08:00:00")
                .put("updated_at", "2025-05-05 08:30:00");
    }

    private static JsonObject hop(String id, String status) {
        return new JsonObject().put("id", id).put("name", "Hop " + id).put("status", status);
    }

    private static JsonObject step(String id, String status) {
        return new JsonObject().put("id", id).put("tool_id", "git.history").put("status", status);
    }

    private static JsonObject mapping(String name, String type, String asset) {
        return new JsonObject().put(name, new JsonObject().put("type", type).put("state_asset", asset));
    }

    private static JsonObject asset(String id, String scopeType, String scopeId) {
        return new JsonObject()
                .put("id", id)
                .put("user_id", 7)
                .put("scope_type", scopeType)
                .put("scope_id", scopeId)
                .put("name", "Asset " + id)
                .put("type", "list")
                .put("role", "input");
    }

    private static JsonObject task(String id, String status) {
        return new JsonObject()
                .put("id", id)
                .put("title", "Task " + id)
                .put("task_type", "feature")
                .put("permission_level", "autonomous")
                .put("priority", "high")
                .put("status", status)
                .put("created_at", "2025-09-01T08:00:00+00:00");
    }

    private static JsonObject dependency(String id, String task, String dependsOn, String type) {
        return new JsonObject()
                .put("id", id)
                .put("task_id", task)
                .put("depends_on_task_id", dependsOn)
                .put("dependency_type", type);
    }

    private JsonObject deckMission(String id) {
        return envelope(
                "mission-deck",
                "missions",
                new JsonObject()
                        .put("id", id)
                        .put("title", "Telegram Notifier")
                        .put("client", "Acme Corp")
                        .put("budget", 300)
                        .put("deadline", "2025-11-08 23:59:59")
                        .put("status", "active")
                        .put("assigned_to", "person1@scopelock.ai")
                        .put("github_url", "https://github.com/mind-protocol/mission-47")
                        .put("created_at", "2025-11-05 10:00:00"));
    }

    private String deck(String table, JsonObject record) {
        return envelope("mission-deck", table, record).encode();
    }

    private String agentVine(String table, JsonObject record) {
        return envelope("agentvine", table, record).encode();
    }

    private String row(String table, JsonObject record) {
        return envelope("mission-system", table, record).encode();
    }

    private JsonObject envelope(String form, String table, JsonObject record) {
        return new JsonObject()
                .put("form", form)
                .put("table", table)
                .put("source", source)
                .put("record", record);
    }

    // ---- calls ----

    private static ImportMissionsResponse run(Object... lines) {
        return send(Stream.of(lines)
                .map(line -> line instanceof JsonObject object ? normal(object) : line.toString())
                .toList());
    }

    /** Columns put beside the record of an envelope belong into it. */
    private static String normal(JsonObject envelope) {
        var record = envelope.getJsonObject("record");
        for (var name : List.copyOf(envelope.fieldNames())) {
            if (!List.of("form", "table", "source", "record").contains(name)) {
                record.put(name, envelope.remove(name));
            }
        }
        return envelope.encode();
    }

    private static ImportMissionsResponse send(List<String> lines) {
        return sendBytes(lines.stream()
                .map(line -> line.startsWith("{\"form\"") && line.contains("\"record\"") ? tidy(line) : line)
                .map(line -> line.getBytes(UTF_8))
                .toList());
    }

    private static String tidy(String line) {
        try {
            return normal(new JsonObject(line));
        } catch (RuntimeException odd) {
            return line;
        }
    }

    private static ImportMissionsResponse sendBytes(List<byte[]> lines) {
        var messages = new ArrayList<ImportMissionsRequest>();
        for (var line : lines) {
            // Cut in the middle, to be put together again.
            int middle = line.length / 2;
            messages.add(ImportMissionsRequest.newBuilder()
                    .setContent(ByteString.copyFrom(line, 0, middle))
                    .build());
            messages.add(ImportMissionsRequest.newBuilder()
                    .setContent(ByteString.copyFrom(line, middle, line.length - middle)
                            .concat(ByteString.copyFromUtf8("\n")))
                    .build());
        }
        return Calls.stream(MissionServiceGrpc.newStub(MISSION.admin())::importMissions, messages);
    }

    private static List<String> outcomes(ImportMissionsResponse answer) {
        return summary(answer);
    }

    private static List<String> summary(ImportMissionsResponse answer) {
        return answer.getRecordsList().stream()
                .map(record -> record.getOutcome().name().substring("IMPORT_OUTCOME_".length()) + " "
                        + record.getTable()
                        + " " + record.getSourceId()
                        + (record.getReason().isEmpty() ? "" : ": " + record.getField() + " " + record.getReason()))
                .toList();
    }

    private static ImportedRecord record(ImportMissionsResponse answer, String table, String sourceId) {
        return answer.getRecordsList().stream()
                .filter(record ->
                        record.getTable().equals(table) && record.getSourceId().equals(sourceId))
                .findFirst()
                .orElseThrow();
    }

    private static String id(ImportMissionsResponse answer, String table, String sourceId) {
        var record = record(answer, table, sourceId);
        assertThat(record.getReason()).as("%s", record).isEmpty();
        return record.getResourceId();
    }

    private MissionTree tree(String missionId) {
        return admin.missions()
                .getMissionTree(GetMissionTreeRequest.newBuilder()
                        .setMissionId(missionId)
                        .build())
                .getTree();
    }

    private static Task task(String id) {
        return TaskServiceGrpc.newBlockingStub(MISSION.admin())
                .getTask(GetTaskRequest.newBuilder().setTaskId(id).build())
                .getTask();
    }

    private static User user(String id) {
        return UserServiceGrpc.newBlockingStub(MISSION.admin())
                .getUser(GetUserRequest.newBuilder().setUserId(id).build())
                .getUser();
    }

    /** How many rows each table has that an import writes to, and of what versions. */
    private static Map<String, String> rows() throws Exception {
        var rows = new HashMap<String, String>();
        try (var connection = MISSION.database().connectAsOwner();
                var statement = connection.createStatement()) {
            for (var table : List.of(
                    "users",
                    "missions",
                    "hops",
                    "tool_steps",
                    "assets",
                    "dod_items",
                    "test_runs",
                    "tasks",
                    "imported_records")) {
                var version = switch (table) {
                    case "imported_records" -> "0";
                    // The server may warn of a deadline at any time.
                    case "missions", "tasks" -> "version - (deadline_warned_at IS NOT NULL)::integer";
                    default -> "version";
                };
                try (var row = statement.executeQuery(
                        "SELECT count(*) || ' ' || coalesce(sum(" + version + "), 0) FROM " + table)) {
                    row.next();
                    rows.put(table, row.getString(1));
                }
            }
        }
        return rows;
    }
}
