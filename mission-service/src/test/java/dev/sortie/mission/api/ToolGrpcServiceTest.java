package dev.sortie.mission.api;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Duration;
import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import com.google.protobuf.util.JsonFormat;
import dev.sortie.mission.MissionFixture;
import dev.sortie.mission.v1.DeleteToolRequest;
import dev.sortie.mission.v1.GetToolRequest;
import dev.sortie.mission.v1.ListToolsRequest;
import dev.sortie.mission.v1.PutToolRequest;
import dev.sortie.mission.v1.Tool;
import dev.sortie.mission.v1.ToolServiceGrpc;
import dev.sortie.mission.v1.ToolServiceGrpc.ToolServiceBlockingStub;
import dev.sortie.mission.v1.UserRole;
import dev.sortie.runtime.testing.StatusAssert;
import dev.sortie.type.v1.ErrorReason;
import dev.sortie.type.v1.RetryPolicy;
import io.grpc.Status;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

class ToolGrpcServiceTest {
    @AutoClose
    private static final MissionFixture MISSION = MissionFixture.start();

    private final ToolServiceBlockingStub tools = ToolServiceGrpc.newBlockingStub(MISSION.developer());

    @Test
    void putsAToolAndReadsItBack() {
        var schema = struct("{'type': 'object', 'properties': {'path': {'type': 'string', 'minLength': 1}}}");
        var wanted = tool("git.history").toBuilder()
                .setDescription("Reads the history of a repository.")
                .setInputSchema(schema)
                .setOutputSchema(struct("{'type': 'object'}"))
                .setTimeout(Duration.newBuilder().setSeconds(90))
                .setRetryPolicy(RetryPolicy.newBuilder().setMaxRetries(0))
                .build();
        var put = put(wanted);
        assertThat(put.getInputSchema()).isEqualTo(schema);
        assertThat(put.getTimeout().getSeconds()).isEqualTo(90);
        assertThat(put.getRetryPolicy().getMaxRetries()).isZero();
        assertThat(put.getRetryPolicy().getInitialBackoff().getSeconds()).isEqualTo(1);
        assertThat(put.getRetryPolicy().getMaxBackoff().getSeconds()).isEqualTo(300);
        assertThat(put.getRetryPolicy().getBackoffMultiplier()).isEqualTo(2);
        assertThat(put.getEtag()).isEqualTo("1");
        assertThat(get("git.history")).isEqualTo(put);
    }

    @Test
    void keepsTheTypesOfErrorsThatAreNotTriedAgain() {
        var wanted = tool("picky").toBuilder()
                .setRetryPolicy(RetryPolicy.newBuilder()
                        .addNonRetryableErrorTypes("ValidationError")
                        .addNonRetryableErrorTypes("a,\"b\""))
                .build();
        var first = put(wanted);
        assertThat(first.getRetryPolicy().getNonRetryableErrorTypesList())
                .containsExactly("ValidationError", "a,\"b\"");
        assertThat(put(wanted)).isEqualTo(first);
        assertThat(get("picky")).isEqualTo(first);
        var without = put(tool("picky"));
        assertThat(without.getEtag()).isEqualTo("2");
        assertThat(without.getRetryPolicy().getNonRetryableErrorTypesList()).isEmpty();
        StatusAssert.fails(() -> put(tool("picky").toBuilder()
                        .setRetryPolicy(RetryPolicy.newBuilder().addNonRetryableErrorTypes(""))
                        .build()))
                .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("tool.retry_policy.non_retryable_error_types[0]");
    }

    @Test
    void fillsInWhatIsLeftOut() {
        var put = put(tool("plain"));
        assertThat(put.hasInputSchema()).isFalse();
        assertThat(put.hasOutputSchema()).isFalse();
        assertThat(put.getTimeout().getSeconds()).isEqualTo(3600);
        assertThat(put.getRetryPolicy().getMaxRetries()).isEqualTo(3);
    }

    @Test
    void changesNothingWhenTheSameToolIsPutAgain() {
        var wanted = tool("same").toBuilder()
                .setInputSchema(struct("{'properties': {'b': {'minLength': 1, 'maxLength': 2}}, 'type': 'object'}"))
                .build();
        var first = put(wanted);
        MISSION.clock().advance(java.time.Duration.ofSeconds(1));
        assertThat(put(wanted)).isEqualTo(first);
        assertThat(put(first)).isEqualTo(first);
        var changed = put(wanted.toBuilder().setName("Another name").build());
        assertThat(changed.getEtag()).isEqualTo("2");
        assertThat(changed.getCreateTime()).isEqualTo(first.getCreateTime());
        assertThat(changed.getUpdateTime()).isNotEqualTo(first.getUpdateTime());
    }

    @Test
    void refusesToReplaceAnotherVersionThanTheOneThatWasRead() {
        var first = put(tool("versioned"));
        var second = put(first.toBuilder().setName("Second").build());
        StatusAssert.fails(() -> put(first.toBuilder().setName("Third").build()))
                .with(Status.Code.ABORTED, ErrorReason.ERROR_REASON_ETAG_MISMATCH)
                .metadata("resource", "tool")
                .metadata("id", "versioned")
                .metadata("etag", "2");
        StatusAssert.fails(() -> put(tool("not.there").toBuilder().setEtag("1").build()))
                .with(Status.Code.ABORTED, ErrorReason.ERROR_REASON_ETAG_MISMATCH);
        assertThat(get("versioned")).isEqualTo(second);
    }

    @Test
    void refusesSchemasThatAreNone() {
        var bad = tool("bad.schema").toBuilder()
                .setInputSchema(struct("{'type': 'objekt'}"))
                .setOutputSchema(struct("{'$ref': 'http://127.0.0.1:1/schema'}"))
                .build();
        StatusAssert.fails(() -> put(bad))
                .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("tool.input_schema", "/type")
                .field("tool.output_schema");
        StatusAssert.fails(() -> get("bad.schema"))
                .with(Status.Code.NOT_FOUND, ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND);
    }

    @Test
    void refusesWhatTheContractDoesNotAllow() {
        StatusAssert.fails(() -> put(Tool.getDefaultInstance()))
                .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("tool.tool_id")
                .field("tool.name")
                .field("tool.queue_name");
        StatusAssert.fails(() -> put(tool("white space")))
                .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("tool.tool_id");
        StatusAssert.fails(() -> put(tool("t").toBuilder().setQueueName("UPPER").build()))
                .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("tool.queue_name");
        StatusAssert.fails(() -> put(tool("t").toBuilder()
                        .setTimeout(Duration.newBuilder().setSeconds(86_401))
                        .build()))
                .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("tool.timeout");
        StatusAssert.fails(() -> put(tool("t").toBuilder()
                        .setInputSchema(Struct.newBuilder()
                                .putFields(
                                        "title",
                                        Value.newBuilder()
                                                .setStringValue("x".repeat(65_536))
                                                .build()))
                        .build()))
                .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("tool.input_schema");
    }

    @Test
    void refusesWhatJsonOrTheDatabaseCannotHold() {
        for (var value : new Value[] {
            Value.newBuilder().setNumberValue(Double.NaN).build(),
            Value.newBuilder().setNumberValue(Double.NEGATIVE_INFINITY).build(),
            Value.newBuilder().setStringValue("a\0b").build(),
            Value.getDefaultInstance(),
        }) {
            StatusAssert.fails(() -> put(tool("odd").toBuilder()
                            .setInputSchema(Struct.newBuilder().putFields("default", value))
                            .build()))
                    .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID);
        }
        StatusAssert.fails(() -> put(tool("odd").toBuilder().setName("a\0b").build()))
                .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID);
    }

    @Test
    void listsToolsByIdPageByPage() {
        IntStream.range(0, 7).forEach(i -> put(tool("page/" + i)));
        var seen = new ArrayList<String>();
        var request = ListToolsRequest.newBuilder().setPageSize(3).build();
        do {
            var page = tools.listTools(request);
            assertThat(page.getToolsCount()).isBetween(1, 3);
            page.getToolsList().forEach(tool -> seen.add(tool.getToolId()));
            request = request.toBuilder().setPageToken(page.getNextPageToken()).build();
        } while (!request.getPageToken().isEmpty());
        assertThat(seen).doesNotHaveDuplicates().contains("page/0", "page/6");
        assertThat(seen.stream().filter(id -> id.startsWith("page/"))).isSorted();
        StatusAssert.fails(() -> tools.listTools(ListToolsRequest.newBuilder()
                        .setPageToken("bm90IG91cnM")
                        .build()))
                .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_PAGE_TOKEN_INVALID);
    }

    @Test
    void deletesAToolOnceForOneRequestId() {
        var put = put(tool("to.delete"));
        StatusAssert.fails(() -> delete("to.delete", "7", ""))
                .with(Status.Code.ABORTED, ErrorReason.ERROR_REASON_ETAG_MISMATCH);
        var requestId = UUID.randomUUID().toString();
        var deleted = tools.deleteTool(DeleteToolRequest.newBuilder()
                .setToolId("to.delete")
                .setEtag(put.getEtag())
                .setRequestId(requestId)
                .build());
        assertThat(deleted.getTool()).isEqualTo(put);
        var again = tools.deleteTool(DeleteToolRequest.newBuilder()
                .setToolId("to.delete")
                .setEtag(put.getEtag())
                .setRequestId(requestId)
                .build());
        assertThat(again.getReplayed()).isTrue();
        assertThat(again.getTool()).isEqualTo(put);
        StatusAssert.fails(() -> delete("to.delete", "", ""))
                .with(Status.Code.NOT_FOUND, ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND)
                .metadata("resource", "tool")
                .metadata("id", "to.delete");
    }

    @Test
    void tellsWatchersWhatChangedAndNothingElse() throws SQLException {
        var put = put(tool("watched"));
        put(put);
        put(put.toBuilder().setQueueName("elsewhere").build());
        delete("watched", "", "");
        var seen = new ArrayList<String>();
        try (var connection = MISSION.database().connectAsOwner();
                var statement = connection.createStatement();
                var rows = statement.executeQuery("""
                        SELECT kind, version, attributes ->> 'queue_name', actor
                        FROM change_log WHERE resource_type = 'tool' AND attributes ->> 'tool_id' = 'watched'
                        ORDER BY xid, seq
                        """)) {
            while (rows.next()) {
                seen.add(rows.getString(1) + " " + rows.getLong(2) + " " + rows.getString(3));
                assertThat(rows.getString(4))
                        .isEqualTo(MISSION.person(UserRole.USER_ROLE_DEVELOPER).id());
            }
        }
        assertThat(seen).containsExactly("CREATED 1 tools", "UPDATED 2 elsewhere", "DELETED 2 elsewhere");
    }

    @Test
    void makesOneToolOfManyPutsAtOnce() throws Exception {
        int callers = 50;
        var together = new CountDownLatch(callers);
        try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            var puts = new ArrayList<Future<Tool>>();
            for (int i = 0; i < callers; i++) {
                var wanted = tool("raced").toBuilder().setName("Name " + i % 2).build();
                Callable<Tool> call = () -> {
                    together.countDown();
                    together.await();
                    return put(wanted);
                };
                puts.add(threads.submit(call));
            }
            long highest = 0;
            for (var put : puts) {
                highest = Math.max(highest, Long.parseLong(put.get().getEtag()));
            }
            assertThat(get("raced").getEtag()).isEqualTo(Long.toString(highest));
        }
    }

    private Tool put(Tool tool) {
        return tools.putTool(PutToolRequest.newBuilder().setTool(tool).build()).getTool();
    }

    private Tool get(String toolId) {
        return tools.getTool(GetToolRequest.newBuilder().setToolId(toolId).build())
                .getTool();
    }

    private Tool delete(String toolId, String etag, String requestId) {
        return tools.deleteTool(DeleteToolRequest.newBuilder()
                        .setToolId(toolId)
                        .setEtag(etag)
                        .setRequestId(requestId)
                        .build())
                .getTool();
    }

    private static Tool tool(String toolId) {
        return Tool.newBuilder()
                .setToolId(toolId)
                .setName("A tool")
                .setQueueName("tools")
                .build();
    }

    private static Struct struct(String json) {
        try {
            var struct = Struct.newBuilder();
            JsonFormat.parser().merge(json.replace('\'', '"'), struct);
            return struct.build();
        } catch (com.google.protobuf.InvalidProtocolBufferException wrong) {
            throw new AssertionError(wrong);
        }
    }
}
