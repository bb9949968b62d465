package dev.sortie.mission.work;

import static dev.sortie.mission.v1.ToolStepStatus.TOOL_STEP_STATUS_CANCELLED;
import static dev.sortie.mission.v1.ToolStepStatus.TOOL_STEP_STATUS_COMPLETED;
import static dev.sortie.mission.v1.ToolStepStatus.TOOL_STEP_STATUS_FAILED;
import static dev.sortie.mission.v1.ToolStepStatus.TOOL_STEP_STATUS_RUNNING;
import static dev.sortie.mission.work.StepFixture.config;
import static dev.sortie.mission.work.StepFixture.fromAsset;
import static dev.sortie.mission.work.StepFixture.into;
import static dev.sortie.mission.work.StepFixture.literal;
import static dev.sortie.mission.work.StepFixture.struct;
import static dev.sortie.mission.work.StepFixture.value;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.agent.v1.WorkOrderStatus;
import dev.sortie.mission.v1.AssetStatus;
import dev.sortie.mission.v1.CancelToolStepRequest;
import dev.sortie.mission.v1.DeleteMissionRequest;
import dev.sortie.mission.v1.StartHopRequest;
import dev.sortie.mission.v1.ToolStep;
import dev.sortie.mission.v1.UndeleteMissionRequest;
import io.grpc.Status;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** From the execution of a step to its end, with everything between the two services as it runs. */
class StepExecutionTest {
    @AutoClose
    static final StepFixture FIXTURE = StepFixture.start();

    @Test
    void placesOneOrderWithTheResolvedParameters() {
        var mission = FIXTURE.mission("{\"config\": {\"depth\": 3, \"branch\": \"of the mission\"}}");
        var hop = FIXTURE.hops()
                .startHop(StartHopRequest.newBuilder()
                        .setHopId(FIXTURE.hop(mission).getHopId())
                        .build())
                .getHop();
        var tree = FIXTURE.asset(hop, "{\"files\": [\"a\", \"b\"]}");
        var step = FIXTURE.create(FIXTURE.step(hop)
                .setToolId(FIXTURE.tool())
                .setResourceConfigs(struct("{\"branch\": \"of the step\"}"))
                .putParameterMapping("tree", fromAsset(tree))
                .putParameterMapping("limit", literal("10"))
                .putParameterMapping("nothing", literal("null"))
                .putParameterMapping("depth", config("depth"))
                .putParameterMapping("branch", config("branch")));

        var running = FIXTURE.execute(step);
        assertThat(running.getStatus()).isEqualTo(TOOL_STEP_STATUS_RUNNING);
        assertThat(running.getAttempt()).isEqualTo(1);
        assertThat(running.hasStartTime()).isTrue();
        var order = FIXTURE.awaitOrder(step);

        assertThat(FIXTURE.agent().ordersOf(step.getToolStepId()))
                .singleElement()
                .satisfies(placed -> {
                    assertThat(placed.getWorkOrderId()).isEqualTo(order);
                    assertThat(placed.getQueueName()).isEqualTo("work");
                    assertThat(placed.getTimeout().getSeconds()).isEqualTo(3600);
                    assertThat(placed.getRetryPolicy().getMaxRetries()).isEqualTo(3);
                    assertThat(placed.getRetryPolicy().getNonRetryableErrorTypesList())
                            .containsExactly("Hopeless");
                    assertThat(placed.getPayload()).isEqualTo(struct("""
                    {"tool_id": "%s", "tool_step_id": "%s", "hop_id": "%s", "mission_id": "%s", "attempt": 1,
                     "parameters": {"tree": {"files": ["a", "b"]}, "limit": 10, "nothing": null, "depth": 3,
                                    "branch": "of the step"}}
                    """.formatted(
                                    step.getToolId(), step.getToolStepId(), hop.getHopId(), mission.getMissionId())));
                });
    }

    @Test
    void takesAnAcceptedResultOver() {
        var hop = FIXTURE.activeHop();
        var report = FIXTURE.asset(hop);
        var numbers = FIXTURE.asset(hop);
        var step = FIXTURE.create(FIXTURE.step(hop)
                .setToolId(FIXTURE.tool())
                .putResultMapping("report", into(report))
                .putResultMapping("numbers", into(numbers)));

        FIXTURE.execute(step);
        FIXTURE.complete(step, "{\"report\": \"all is well\", \"numbers\": [1, 2.5], \"rest\": true}");

        var completed = FIXTURE.await(step, TOOL_STEP_STATUS_COMPLETED);
        assertThat(completed.getExecutionResult())
                .isEqualTo(struct("{\"report\": \"all is well\", \"numbers\": [1, 2.5], \"rest\": true}"));
        assertThat(completed.hasCompleteTime()).isTrue();
        assertThat(completed.getErrorMessage()).isEmpty();
        assertThat(FIXTURE.now(report)).satisfies(asset -> {
            assertThat(asset.getStatus()).isEqualTo(AssetStatus.ASSET_STATUS_READY);
            assertThat(asset.getContent()).isEqualTo(value("\"all is well\""));
            assertThat(asset.getContentSummary()).isEqualTo("all is well");
            assertThat(asset.getAssetMetadata().getCreator()).isEqualTo(step.getToolId());
            assertThat(asset.getAssetMetadata().getVersion()).isEqualTo(1);
            assertThat(asset.getAssetMetadata().getTokenCount()).isEqualTo(3);
        });
        assertThat(FIXTURE.now(numbers).getContent()).isEqualTo(value("[1, 2.5]"));
    }

    @Test
    void failsWhenAnAssetGoesInTheMomentInWhichTheResultIsTakenOver() throws Exception {
        var hop = FIXTURE.activeHop();
        var report = FIXTURE.asset(hop);
        var step = FIXTURE.create(FIXTURE.step(hop).setToolId(FIXTURE.tool()).putResultMapping("report", into(report)));
        FIXTURE.execute(step);
        FIXTURE.awaitOrder(step);
        try (var deleting = FIXTURE.service().database().connectAsOwner();
                var statement = deleting.createStatement()) {
            deleting.setAutoCommit(false);
            statement.execute("DELETE FROM assets WHERE asset_id = '" + report.getAssetId() + "'");
            FIXTURE.complete(step, "{\"report\": 1}");
            Eventually.see(() -> waiting(statement), count -> count > 0);
            deleting.commit();
        }
        assertThat(FIXTURE.await(step, TOOL_STEP_STATUS_FAILED).getErrorMessage())
                .contains(report.getAssetId(), "does not exist any more");
    }

    /** How many wait for a lock. */
    private static int waiting(Statement statement) {
        try (var rows = statement.executeQuery("SELECT count(*) FROM pg_locks WHERE NOT granted")) {
            rows.next();
            return rows.getInt(1);
        } catch (SQLException failed) {
            throw new AssertionError(failed);
        }
    }

    @Test
    void leavesTheHopToItsCallersWhenItDoesNotRun() {
        var hop = FIXTURE.activeHop();
        var first = FIXTURE.step(hop, FIXTURE.tool());
        var second = FIXTURE.step(hop, first.getToolId());

        FIXTURE.execute(first);
        FIXTURE.complete(first, "{}");
        FIXTURE.await(first, TOOL_STEP_STATUS_COMPLETED);

        assertThat(FIXTURE.now(second).getAttempt()).isZero();
        assertThat(FIXTURE.now(hop).getStatus()).isEqualTo(hop.getStatus());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            {}                                 | {}                                  | no field "report"
            {"report": 1}                      | {"properties": {"report": {"type": "string"}}} | /report
            {"report": "x", "more": 1}         | {"properties": {"report": {}}, "additionalProperties": false} | output schema
            {"report": "a\\u0000b"}            | {}                                  | U+0000
            """)
    void failsOnAResultThatCannotBeTakenOver(String result, String outputSchema, String why) {
        var hop = FIXTURE.activeHop();
        var report = FIXTURE.asset(hop);
        var step = FIXTURE.create(
                FIXTURE.step(hop).setToolId(FIXTURE.tool("{}", outputSchema)).putResultMapping("report", into(report)));

        FIXTURE.execute(step);
        FIXTURE.complete(step, result);

        var failed = FIXTURE.await(step, TOOL_STEP_STATUS_FAILED);
        assertThat(failed.getErrorMessage()).contains("cannot be taken over").contains(why);
        assertThat(failed.hasExecutionResult()).isFalse();
        assertThat(FIXTURE.now(report).getStatus()).isEqualTo(AssetStatus.ASSET_STATUS_ERROR);
    }

    @Test
    void failsWithItsOrderAndCanBeTriedAgain() {
        var hop = FIXTURE.activeHop();
        var report = FIXTURE.asset(hop);
        var step = FIXTURE.create(FIXTURE.step(hop).setToolId(FIXTURE.tool()).putResultMapping("report", into(report)));

        FIXTURE.execute(step);
        var first = FIXTURE.awaitOrder(step);
        FIXTURE.agent().fail(first, "the disk is full");
        var failed = FIXTURE.await(step, TOOL_STEP_STATUS_FAILED);
        assertThat(failed.getErrorMessage()).isEqualTo("the disk is full");
        assertThat(failed.hasCompleteTime()).isTrue();
        assertThat(FIXTURE.now(report).getStatus()).isEqualTo(AssetStatus.ASSET_STATUS_ERROR);

        var again = FIXTURE.retry(step);
        assertThat(again.getAttempt()).isEqualTo(2);
        assertThat(again.getErrorMessage()).isEmpty();
        assertThat(again.getWorkOrderId()).isEmpty();
        assertThat(again.hasCompleteTime()).isFalse();
        assertThat(FIXTURE.awaitOrder(step)).isNotEqualTo(first);
        FIXTURE.complete(step, "{\"report\": \"there\"}");

        FIXTURE.await(step, TOOL_STEP_STATUS_COMPLETED);
        assertThat(FIXTURE.now(report).getStatus()).isEqualTo(AssetStatus.ASSET_STATUS_READY);
        assertThat(FIXTURE.agent().ordersOf(step.getToolStepId()))
                .extracting(
                        order -> order.getPayload().getFieldsOrThrow("attempt").getNumberValue())
                .containsExactly(1.0, 2.0);
    }

    @Test
    void keepsAnAssetThatItReadsWhenItFailsToRewriteIt() {
        var hop = FIXTURE.activeHop();
        var text = FIXTURE.asset(hop, "\"a draft\"");
        var step = FIXTURE.create(FIXTURE.step(hop)
                .setToolId(FIXTURE.tool())
                .putParameterMapping("text", fromAsset(text))
                .putResultMapping("text", into(text)));

        FIXTURE.execute(step);
        FIXTURE.agent().fail(FIXTURE.awaitOrder(step), "no");
        FIXTURE.await(step, TOOL_STEP_STATUS_FAILED);
        assertThat(FIXTURE.now(text).getStatus()).isEqualTo(AssetStatus.ASSET_STATUS_READY);

        FIXTURE.retry(step);
        FIXTURE.complete(step, "{\"text\": \"better\"}");
        FIXTURE.await(step, TOOL_STEP_STATUS_COMPLETED);
        assertThat(FIXTURE.now(text).getContent()).isEqualTo(value("\"better\""));
        assertThat(FIXTURE.now(text).getAssetMetadata().getVersion()).isEqualTo(2);
    }

    @ParameterizedTest
    @CsvSource({"WORK_ORDER_STATUS_EXPIRED, expired", "WORK_ORDER_STATUS_CANCELLED, cancelled"})
    void failsWhenItsOrderEndsWithoutAResult(WorkOrderStatus status, String why) {
        var step = FIXTURE.step(FIXTURE.activeHop(), FIXTURE.tool());
        FIXTURE.execute(step);

        FIXTURE.agent().end(FIXTURE.awaitOrder(step), status);

        assertThat(FIXTURE.await(step, TOOL_STEP_STATUS_FAILED).getErrorMessage())
                .contains(why);
    }

    @Test
    void takesOneResultHoweverOftenItIsAnnounced() {
        var hop = FIXTURE.activeHop();
        var report = FIXTURE.asset(hop);
        var step = FIXTURE.create(FIXTURE.step(hop).setToolId(FIXTURE.tool()).putResultMapping("report", into(report)));
        FIXTURE.execute(step);
        FIXTURE.complete(step, "{\"report\": 1}");
        var completed = FIXTURE.await(step, TOOL_STEP_STATUS_COMPLETED);

        FIXTURE.agent().repeat(completed.getWorkOrderId());
        FIXTURE.agent().repeat(completed.getWorkOrderId());
        awaitFeedIsRead();

        assertThat(FIXTURE.now(step)).isEqualTo(completed);
        assertThat(FIXTURE.now(report).getAssetMetadata().getVersion()).isEqualTo(1);
    }

    @Test
    void hasItsOrderCancelledAndIgnoresWhatComesOfItStill() {
        var step = FIXTURE.step(FIXTURE.activeHop(), FIXTURE.tool());
        FIXTURE.execute(step);
        var order = FIXTURE.awaitOrder(step);

        var cancelled = cancel(step);

        assertThat(cancelled.getStatus()).isEqualTo(TOOL_STEP_STATUS_CANCELLED);
        Eventually.see(
                () -> FIXTURE.agent().ordersOf(step.getToolStepId()),
                orders -> orders.getFirst().getStatus() == WorkOrderStatus.WORK_ORDER_STATUS_CANCELLED);
        FIXTURE.agent().complete(order, struct("{}"));
        awaitFeedIsRead();
        assertThat(FIXTURE.now(step)).isEqualTo(cancelled);
    }

    @Test
    void failsAndSaysWhyWhenTheOrderIsRefusedForGood() {
        var step = FIXTURE.step(FIXTURE.activeHop(), FIXTURE.tool());
        FIXTURE.agent()
                .refuse(
                        Status.FAILED_PRECONDITION.withDescription("tool step does not exist"),
                        "ERROR_REASON_REFERENCE_NOT_FOUND");
        try {
            FIXTURE.execute(step);
            var failed = FIXTURE.await(step, TOOL_STEP_STATUS_FAILED);
            assertThat(failed.getErrorMessage())
                    .contains("tool step does not exist")
                    .contains("ERROR_REASON_REFERENCE_NOT_FOUND");
        } finally {
            FIXTURE.agent().refuse(Status.OK, "");
        }
        FIXTURE.retry(step);
        FIXTURE.complete(step, "{}");
        FIXTURE.await(step, TOOL_STEP_STATUS_COMPLETED);
    }

    @Test
    void isInterruptedWithItsMissionAndCanBeTriedAgainWhenThatIsBack() {
        var mission = FIXTURE.mission();
        var hop = FIXTURE.hop(mission);
        FIXTURE.hops()
                .startHop(StartHopRequest.newBuilder().setHopId(hop.getHopId()).build());
        var step = FIXTURE.step(hop, FIXTURE.tool());
        FIXTURE.execute(step);
        FIXTURE.awaitOrder(step);

        FIXTURE.missions()
                .deleteMission(DeleteMissionRequest.newBuilder()
                        .setMissionId(mission.getMissionId())
                        .build());
        Eventually.see(
                () -> FIXTURE.agent().ordersOf(step.getToolStepId()),
                orders -> orders.getFirst().getStatus() == WorkOrderStatus.WORK_ORDER_STATUS_CANCELLED);
        FIXTURE.missions()
                .undeleteMission(UndeleteMissionRequest.newBuilder()
                        .setMissionId(mission.getMissionId())
                        .build());

        assertThat(FIXTURE.now(step).getStatus()).isEqualTo(TOOL_STEP_STATUS_FAILED);
        FIXTURE.retry(step);
        FIXTURE.complete(step, "{}");
        FIXTURE.await(step, TOOL_STEP_STATUS_COMPLETED);
    }

    private static ToolStep cancel(ToolStep step) {
        return FIXTURE.steps()
                .cancelToolStep(CancelToolStepRequest.newBuilder()
                        .setToolStepId(step.getToolStepId())
                        .setReason("not wanted")
                        .build())
                .getToolStep();
    }

    /** Another step that completes has come by the same feed, after everything before. */
    private static void awaitFeedIsRead() {
        var last = FIXTURE.step(FIXTURE.activeHop(), FIXTURE.tool());
        FIXTURE.execute(last);
        FIXTURE.complete(last, "{}");
        FIXTURE.await(last, TOOL_STEP_STATUS_COMPLETED);
        FIXTURE.service().clock().advance(Duration.ofSeconds(1));
    }
}
