package dev.sortie.mission.api;

import static dev.sortie.mission.v1.ToolStepStatus.TOOL_STEP_STATUS_CANCELLED;
import static dev.sortie.mission.v1.ToolStepStatus.TOOL_STEP_STATUS_COMPLETED;
import static dev.sortie.mission.v1.ToolStepStatus.TOOL_STEP_STATUS_FAILED;
import static dev.sortie.mission.v1.ToolStepStatus.TOOL_STEP_STATUS_PENDING;
import static dev.sortie.mission.v1.ToolStepStatus.TOOL_STEP_STATUS_RUNNING;
import static dev.sortie.mission.work.StepFixture.fromAsset;
import static dev.sortie.mission.work.StepFixture.into;
import static dev.sortie.mission.work.StepFixture.literal;
import static dev.sortie.mission.work.StepFixture.struct;
import static dev.sortie.runtime.testing.StatusAssert.fails;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.FieldMask;
import com.google.protobuf.Value;
import dev.sortie.mission.v1.AssetField;
import dev.sortie.mission.v1.CancelToolStepRequest;
import dev.sortie.mission.v1.CompleteHopRequest;
import dev.sortie.mission.v1.CreateToolStepRequest;
import dev.sortie.mission.v1.DeleteMissionRequest;
import dev.sortie.mission.v1.DeleteToolRequest;
import dev.sortie.mission.v1.DeleteToolStepRequest;
import dev.sortie.mission.v1.ErrorReason;
import dev.sortie.mission.v1.ExecuteToolStepRequest;
import dev.sortie.mission.v1.GetToolStepRequest;
import dev.sortie.mission.v1.Hop;
import dev.sortie.mission.v1.ListToolStepsRequest;
import dev.sortie.mission.v1.MoveToolStepRequest;
import dev.sortie.mission.v1.ParameterMapping;
import dev.sortie.mission.v1.RetryToolStepRequest;
import dev.sortie.mission.v1.ToolStep;
import dev.sortie.mission.v1.ToolStepServiceGrpc;
import dev.sortie.mission.v1.UpdateToolStepRequest;
import dev.sortie.mission.v1.UserRole;
import dev.sortie.mission.v1.ValidateToolStepRequest;
import dev.sortie.mission.work.StepFixture;
import io.grpc.Status;
import java.util.List;
import java.util.UUID;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

class ToolStepGrpcServiceTest {
    private static final dev.sortie.type.v1.ErrorReason NOT_FOUND =
            dev.sortie.type.v1.ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND;

    @AutoClose
    static final StepFixture FIXTURE = StepFixture.start();

    @Test
    void givesBackWhatWasCreated() {
        var hop = FIXTURE.activeHop();
        var input = FIXTURE.asset(hop, "1");
        var output = FIXTURE.asset(hop);
        var tool = FIXTURE.tool();
        var wanted = FIXTURE.step(hop)
                .setToolId(tool)
                .setDescription("For the record")
                .setResourceConfigs(struct("{\"key\": {\"nested\": [1.5, null]}}"))
                .putParameterMapping("a", fromAsset(input))
                .putParameterMapping("b", literal("{\"x\": [1, 2.5, \"y\", false, null]}"))
                .putParameterMapping("c", StepFixture.config("key"))
                .putResultMapping("r", into(output))
                .putResultMapping(
                        "s",
                        dev.sortie.mission.v1.ResultMapping.newBuilder()
                                .setIgnore(dev.sortie.mission.v1.Ignore.getDefaultInstance())
                                .build());

        var created = FIXTURE.create(wanted);

        assertThat(created.getStatus()).isEqualTo(TOOL_STEP_STATUS_PENDING);
        assertThat(created.getAttempt()).isZero();
        assertThat(created.getValidationErrorsList()).isEmpty();
        assertThat(created)
                .isEqualTo(wanted.setToolStepId(created.getToolStepId())
                        .setStatus(TOOL_STEP_STATUS_PENDING)
                        .setSequenceOrder(0)
                        .setCreateTime(created.getCreateTime())
                        .setUpdateTime(created.getUpdateTime())
                        .setEtag(created.getEtag())
                        .build());
        assertThat(FIXTURE.now(created)).isEqualTo(created);
        assertThat(FIXTURE.stepsOf(hop)).containsExactly(created);
    }

    @Test
    void insertsStepsWhereTheyAreWanted() {
        var hop = FIXTURE.activeHop();
        var tool = FIXTURE.tool();
        var first = create(hop, tool, "first", null);
        create(hop, tool, "last", null);
        create(hop, tool, "middle", 1);
        create(hop, tool, "after all", 900);

        assertThat(names(hop)).containsExactly("first", "middle", "last", "after all");
        assertThat(FIXTURE.stepsOf(hop)).extracting(ToolStep::getSequenceOrder).containsExactly(0, 1, 2, 3);

        FIXTURE.execute(first);
        fails(() -> create(hop, tool, "too late", 0))
                .with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_NOT_CHANGEABLE)
                .metadata("resource", "hop")
                .metadata("id", hop.getHopId());
        create(hop, tool, "just in time", 1);
        assertThat(names(hop)).containsExactly("first", "just in time", "middle", "last", "after all");
    }

    @Test
    void listsInPagesAndByStatus() {
        var hop = FIXTURE.activeHop();
        var tool = FIXTURE.tool();
        var steps = IntStream.range(0, 5)
                .mapToObj(i -> create(hop, tool, "step " + i, null))
                .toList();
        FIXTURE.execute(steps.getFirst());

        var firstPage = FIXTURE.steps()
                .listToolSteps(ListToolStepsRequest.newBuilder()
                        .setHopId(hop.getHopId())
                        .setPageSize(3)
                        .build());
        assertThat(firstPage.getToolStepsList())
                .extracting(ToolStep::getName)
                .containsExactly("step 0", "step 1", "step 2");
        var secondPage = FIXTURE.steps()
                .listToolSteps(ListToolStepsRequest.newBuilder()
                        .setHopId(hop.getHopId())
                        .setPageSize(3)
                        .setPageToken(firstPage.getNextPageToken())
                        .build());
        assertThat(secondPage.getToolStepsList()).extracting(ToolStep::getName).containsExactly("step 3", "step 4");
        assertThat(secondPage.getNextPageToken()).isEmpty();
        assertThat(FIXTURE.steps()
                        .listToolSteps(ListToolStepsRequest.newBuilder()
                                .setHopId(hop.getHopId())
                                .setStatus(TOOL_STEP_STATUS_RUNNING)
                                .build())
                        .getToolStepsList())
                .extracting(ToolStep::getName)
                .containsExactly("step 0");
        fails(() -> FIXTURE.steps()
                        .listToolSteps(ListToolStepsRequest.newBuilder()
                                .setHopId(hop.getHopId())
                                .setStatus(TOOL_STEP_STATUS_RUNNING)
                                .setPageToken(firstPage.getNextPageToken())
                                .build()))
                .with(Status.Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_PAGE_TOKEN_INVALID);
    }

    @Test
    void leavesResultsOutOfLists() {
        var hop = FIXTURE.activeHop();
        var step = FIXTURE.step(hop, FIXTURE.tool());
        FIXTURE.execute(step);
        FIXTURE.complete(step, "{\"much\": \"text\"}");
        assertThat(FIXTURE.await(step, TOOL_STEP_STATUS_COMPLETED).hasExecutionResult())
                .isTrue();

        assertThat(FIXTURE.stepsOf(hop).getFirst().hasExecutionResult()).isFalse();
    }

    @Test
    void changesTheFieldsThatAreNamedAndValidatesAnew() {
        var hop = FIXTURE.activeHop();
        var step = FIXTURE.step(hop, "nowhere");
        assertThat(step.getValidationErrorsList()).hasSize(1);
        var tool = FIXTURE.tool();

        var updated = FIXTURE.steps()
                .updateToolStep(UpdateToolStepRequest.newBuilder()
                        .setToolStep(step.toBuilder().setToolId(tool).setName("not this"))
                        .setUpdateMask(FieldMask.newBuilder().addPaths("tool_id"))
                        .build())
                .getToolStep();

        assertThat(updated.getToolId()).isEqualTo(tool);
        assertThat(updated.getName()).isEqualTo(step.getName());
        assertThat(updated.getValidationErrorsList()).isEmpty();
        assertThat(updated.getEtag()).isNotEqualTo(step.getEtag());
        fails(() -> update(step.toBuilder().setName("too late")))
                .with(Status.Code.ABORTED, dev.sortie.type.v1.ErrorReason.ERROR_REASON_ETAG_MISMATCH)
                .metadata("resource", "tool_step")
                .metadata("etag", updated.getEtag());
        fails(() -> FIXTURE.steps()
                        .updateToolStep(UpdateToolStepRequest.newBuilder()
                                .setToolStep(updated)
                                .setUpdateMask(FieldMask.newBuilder().addPaths("status"))
                                .build()))
                .with(Status.Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_UPDATE_MASK_INVALID);
        FIXTURE.execute(step);
        fails(() -> update(step.toBuilder().clearEtag().setName("at work")))
                .with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_NOT_CHANGEABLE)
                .metadata("resource", "tool_step")
                .metadata("state", "RUNNING");
    }

    @Test
    void emptiesAMappingThatIsNamedAndNotGiven() {
        var step = FIXTURE.create(
                FIXTURE.step(FIXTURE.activeHop()).setToolId(FIXTURE.tool()).putParameterMapping("a", literal("1")));

        var updated = FIXTURE.steps()
                .updateToolStep(UpdateToolStepRequest.newBuilder()
                        .setToolStep(ToolStep.newBuilder().setToolStepId(step.getToolStepId()))
                        .setUpdateMask(FieldMask.newBuilder().addPaths("parameter_mapping"))
                        .build())
                .getToolStep();

        assertThat(updated.getParameterMappingMap()).isEmpty();
    }

    @Test
    void movesPendingStepsAmongThemselves() {
        var hop = FIXTURE.activeHop();
        var tool = FIXTURE.tool();
        var steps = IntStream.range(0, 4)
                .mapToObj(i -> create(hop, tool, "step " + i, null))
                .toList();
        FIXTURE.execute(steps.getFirst());

        assertThat(move(steps.get(3), 1).getSequenceOrder()).isEqualTo(1);
        assertThat(names(hop)).containsExactly("step 0", "step 3", "step 1", "step 2");
        assertThat(move(steps.get(3), 999).getSequenceOrder()).isEqualTo(3);
        assertThat(names(hop)).containsExactly("step 0", "step 1", "step 2", "step 3");
        var still = FIXTURE.now(steps.get(2));
        assertThat(move(steps.get(2), 2)).isEqualTo(still);

        fails(() -> move(steps.get(2), 0))
                .with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_NOT_CHANGEABLE);
        fails(() -> move(steps.getFirst(), 2))
                .with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_NOT_CHANGEABLE)
                .metadata("state", "RUNNING");
    }

    @Test
    void deletesWhatIsNotAtWorkAndClosesTheGap() {
        var hop = FIXTURE.activeHop();
        var tool = FIXTURE.tool();
        var steps = IntStream.range(0, 3)
                .mapToObj(i -> create(hop, tool, "step " + i, null))
                .toList();
        FIXTURE.execute(steps.getFirst());

        fails(() -> delete(steps.getFirst()))
                .with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_NOT_CHANGEABLE);
        assertThat(delete(steps.get(1)).getName()).isEqualTo("step 1");

        assertThat(FIXTURE.stepsOf(hop)).extracting(ToolStep::getSequenceOrder).containsExactly(0, 1);
        fails(() -> FIXTURE.now(steps.get(1))).with(Status.Code.NOT_FOUND, NOT_FOUND);
    }

    @Test
    void keepsTheOrderDenseHoweverManyChangeItAtOnce() throws Exception {
        var hop = FIXTURE.activeHop();
        var tool = FIXTURE.tool();
        var steps = IntStream.range(0, 20)
                .mapToObj(i -> create(hop, tool, "step " + i, null))
                .toList();

        Together.call(60, i -> switch (i % 3) {
            case 0 -> create(hop, tool, "new " + i, i % 7);
            case 1 -> move(steps.get(i % 20), i % 11);
            default -> delete(steps.get(i % 20));
        });

        var left = FIXTURE.stepsOf(hop);
        assertThat(left)
                .extracting(ToolStep::getSequenceOrder)
                .containsExactlyElementsOf(
                        IntStream.range(0, left.size()).boxed().toList());
        assertThat(left).filteredOn(step -> step.getName().startsWith("new")).hasSize(20);
    }

    @Test
    void letsOneOfManyExecute() throws Exception {
        var step = FIXTURE.step(FIXTURE.activeHop(), FIXTURE.tool());

        var outcomes = Together.call(50, i -> FIXTURE.execute(step));

        assertThat(outcomes).filteredOn(Together.Outcome::succeeded).hasSize(1);
        assertThat(outcomes)
                .filteredOn(outcome -> !outcome.succeeded())
                .allSatisfy(outcome -> dev.sortie.runtime.testing.StatusAssert.of(outcome.failure())
                        .with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_MOVE_NOT_ALLOWED)
                        .metadata("state", "RUNNING")
                        .metadata("move", "EXECUTE")
                        .metadata("allowed_moves", "CANCEL"));
        FIXTURE.awaitOrder(step);
        assertThat(FIXTURE.agent().ordersOf(step.getToolStepId())).hasSize(1);
        assertThat(FIXTURE.now(step).getAttempt()).isEqualTo(1);
    }

    @Test
    void answersARepeatedRequestWithTheFirstAnswer() throws Exception {
        var step = FIXTURE.step(FIXTURE.activeHop(), FIXTURE.tool());
        var request = ExecuteToolStepRequest.newBuilder()
                .setToolStepId(step.getToolStepId())
                .setRequestId(UUID.randomUUID().toString())
                .build();

        var outcomes = Together.call(50, i -> FIXTURE.steps().executeToolStep(request));

        assertThat(outcomes).allMatch(Together.Outcome::succeeded);
        assertThat(outcomes)
                .filteredOn(outcome -> !outcome.answer().getReplayed())
                .hasSize(1);
        assertThat(outcomes)
                .extracting(outcome -> outcome.answer().getToolStep())
                .containsOnly(outcomes.getFirst().answer().getToolStep());
    }

    @Test
    void executesInOrderAndOnlyInAnActiveHop() {
        var mission = FIXTURE.mission();
        var hop = FIXTURE.hop(mission);
        var first = FIXTURE.step(hop, FIXTURE.tool());
        var second = FIXTURE.step(hop, first.getToolId());
        fails(() -> FIXTURE.execute(first))
                .with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_MOVE_NOT_ALLOWED)
                .metadata("resource", "hop")
                .metadata("state", "PENDING");
        FIXTURE.hops()
                .startHop(dev.sortie.mission.v1.StartHopRequest.newBuilder()
                        .setHopId(hop.getHopId())
                        .build());

        fails(() -> FIXTURE.execute(second))
                .with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_OUT_OF_ORDER)
                .metadata("id", second.getToolStepId())
                .metadata("blocking_id", first.getToolStepId())
                .metadata("blocking_state", "PENDING");
        FIXTURE.execute(first);
        FIXTURE.agent().fail(FIXTURE.awaitOrder(first), "no");
        FIXTURE.await(first, TOOL_STEP_STATUS_FAILED);
        fails(() -> FIXTURE.execute(second))
                .with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_OUT_OF_ORDER);
        cancel(first);
        assertThat(FIXTURE.execute(second).getStatus()).isEqualTo(TOOL_STEP_STATUS_RUNNING);
    }

    @Test
    void refusesAStepWithErrorsAndKeepsThem() {
        var hop = FIXTURE.activeHop();
        var tool = FIXTURE.tool();
        var step = FIXTURE.step(hop, tool);
        FIXTURE.putTool(tool, "{\"required\": [\"path\", \"depth\"]}", "{}"); // from now on

        fails(() -> FIXTURE.execute(step))
                .with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_STEP_INVALID)
                .metadata("tool_step_id", step.getToolStepId())
                .metadata("error_count", 2)
                .precondition("parameter_mapping.path")
                .precondition("parameter_mapping.depth");

        var kept = FIXTURE.now(step);
        assertThat(kept.getStatus()).isEqualTo(TOOL_STEP_STATUS_PENDING);
        assertThat(kept.getValidationErrorsList()).hasSize(2);
        assertThat(FIXTURE.agent().ordersOf(step.getToolStepId())).isEmpty();
        FIXTURE.putTool(tool, "{}", "{}");
        var valid = FIXTURE.steps()
                .validateToolStep(ValidateToolStepRequest.newBuilder()
                        .setToolStepId(step.getToolStepId())
                        .build())
                .getToolStep();
        assertThat(valid.getValidationErrorsList()).isEmpty();
        FIXTURE.execute(step);
    }

    @Test
    void allowsOnlyTheMovesOfItsStatus() {
        var hop = FIXTURE.activeHop();
        var step = FIXTURE.step(hop, FIXTURE.tool());
        fails(() -> FIXTURE.retry(step))
                .with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_MOVE_NOT_ALLOWED)
                .metadata("state", "PENDING")
                .metadata("move", "RETRY")
                .metadata("allowed_moves", "EXECUTE,CANCEL");
        assertThat(cancel(step).getStatus()).isEqualTo(TOOL_STEP_STATUS_CANCELLED);
        fails(() -> cancel(step)).with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_MOVE_NOT_ALLOWED);
        fails(() -> FIXTURE.execute(step))
                .with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_MOVE_NOT_ALLOWED)
                .metadata("allowed_moves", "");
        fails(() -> FIXTURE.steps()
                        .retryToolStep(RetryToolStepRequest.newBuilder()
                                .setToolStepId(step.getToolStepId())
                                .setEtag("0")
                                .build()))
                .with(Status.Code.ABORTED, dev.sortie.type.v1.ErrorReason.ERROR_REASON_ETAG_MISMATCH);
    }

    @Test
    void refusesStepsInAHopThatHasEndedOrIsFullOrNotThere() {
        var hop = FIXTURE.activeHop();
        var step = FIXTURE.step(hop, FIXTURE.tool());
        fails(() -> FIXTURE.hops()
                        .completeHop(CompleteHopRequest.newBuilder()
                                .setHopId(hop.getHopId())
                                .build()))
                .with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_STEPS_OPEN)
                .metadata("open_steps", 1);
        cancel(step);
        FIXTURE.hops()
                .completeHop(
                        CompleteHopRequest.newBuilder().setHopId(hop.getHopId()).build());
        fails(() -> FIXTURE.step(hop, step.getToolId()))
                .with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_NOT_CHANGEABLE)
                .metadata("state", "COMPLETED");
        var nowhere = Hop.newBuilder().setHopId(UUID.randomUUID().toString()).build();
        fails(() -> FIXTURE.step(nowhere, step.getToolId()))
                .with(Status.Code.FAILED_PRECONDITION, dev.sortie.type.v1.ErrorReason.ERROR_REASON_REFERENCE_NOT_FOUND)
                .metadata("resource", "hop")
                .metadata("field", "tool_step.hop_id");

        var full = FIXTURE.activeHop();
        FIXTURE.service().database().execute("""
                INSERT INTO tool_steps (tool_step_id, hop_id, tool_id, name, status, sequence_order, created_at, updated_at)
                SELECT gen_random_uuid(), '%s', 't', 'n', 'PENDING', i, now(), now() FROM generate_series(0, 999) i
                """.formatted(full.getHopId()));
        fails(() -> FIXTURE.step(full, step.getToolId()))
                .with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_TOO_MANY_CHILDREN)
                .metadata("resource", "hop")
                .metadata("limit", 1000);
    }

    @Test
    void isHiddenWithItsMission() {
        var mission = FIXTURE.mission();
        var hop = FIXTURE.hop(mission);
        var step = FIXTURE.step(hop, FIXTURE.tool());

        FIXTURE.missions()
                .deleteMission(DeleteMissionRequest.newBuilder()
                        .setMissionId(mission.getMissionId())
                        .build());

        fails(() -> FIXTURE.now(step)).with(Status.Code.NOT_FOUND, NOT_FOUND).metadata("resource", "tool_step");
        fails(() -> FIXTURE.execute(step)).with(Status.Code.NOT_FOUND, NOT_FOUND);
        fails(() -> FIXTURE.stepsOf(hop)).with(Status.Code.NOT_FOUND, NOT_FOUND).metadata("resource", "hop");
        fails(() -> FIXTURE.step(hop, step.getToolId()))
                .with(Status.Code.FAILED_PRECONDITION, dev.sortie.type.v1.ErrorReason.ERROR_REASON_REFERENCE_NOT_FOUND);
    }

    @Test
    void belongsToTheOwnerOfTheMission() {
        var hop = FIXTURE.activeHop();
        var step = FIXTURE.step(hop, FIXTURE.tool());
        var stranger = ToolStepServiceGrpc.newBlockingStub(FIXTURE.service()
                .with(FIXTURE.service().newPerson(UserRole.USER_ROLE_DEVELOPER).token()));
        var viewer = ToolStepServiceGrpc.newBlockingStub(FIXTURE.service().viewer());
        var get = GetToolStepRequest.newBuilder()
                .setToolStepId(step.getToolStepId())
                .build();
        var execute = ExecuteToolStepRequest.newBuilder()
                .setToolStepId(step.getToolStepId())
                .build();

        assertThat(stranger.getToolStep(get).getToolStep()).isEqualTo(step);
        assertThat(viewer.getToolStep(get).getToolStep()).isEqualTo(step);
        fails(() -> stranger.executeToolStep(execute))
                .with(Status.Code.PERMISSION_DENIED, dev.sortie.type.v1.ErrorReason.ERROR_REASON_NOT_OWNER);
        fails(() -> stranger.createToolStep(CreateToolStepRequest.newBuilder()
                        .setToolStep(FIXTURE.step(hop).setToolId(step.getToolId()))
                        .build()))
                .with(Status.Code.PERMISSION_DENIED, dev.sortie.type.v1.ErrorReason.ERROR_REASON_NOT_OWNER);
        fails(() -> viewer.executeToolStep(execute))
                .with(Status.Code.PERMISSION_DENIED, dev.sortie.type.v1.ErrorReason.ERROR_REASON_ROLE_INSUFFICIENT);
        ToolStepServiceGrpc.newBlockingStub(FIXTURE.service().admin()).executeToolStep(execute);
    }

    @Test
    void namesEachFieldThatIsWrong() {
        fails(() -> FIXTURE.steps()
                        .createToolStep(CreateToolStepRequest.newBuilder()
                                .setToolStep(ToolStep.newBuilder()
                                        .setHopId("not an id")
                                        .setToolId("white space")
                                        .setName("n".repeat(256))
                                        .setSequenceOrder(1000)
                                        .putParameterMapping("p", ParameterMapping.getDefaultInstance())
                                        .putParameterMapping(
                                                "q",
                                                ParameterMapping.newBuilder()
                                                        .setAssetField(AssetField.newBuilder()
                                                                .setAssetId("x"))
                                                        .build()))
                                .build()))
                .with(Status.Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("tool_step.hop_id")
                .field("tool_step.tool_id")
                .field("tool_step.name")
                .field("tool_step.sequence_order")
                .field("tool_step.parameter_mapping[\"p\"].source")
                .field("tool_step.parameter_mapping[\"q\"].asset_field.asset_id");
        var hop = FIXTURE.activeHop();
        fails(() -> FIXTURE.create(FIXTURE.step(hop)
                        .setToolId("t")
                        .putParameterMapping(
                                "p",
                                ParameterMapping.newBuilder()
                                        .setLiteralValue(Value.newBuilder().setNumberValue(Double.NaN))
                                        .build())))
                .with(Status.Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID);
    }

    @Test
    void keepsItsToolFromBeingDeletedWhileItIsOpen() {
        var step = FIXTURE.step(FIXTURE.activeHop(), FIXTURE.tool());
        var delete = DeleteToolRequest.newBuilder().setToolId(step.getToolId()).build();

        fails(() -> FIXTURE.tools().deleteTool(delete))
                .with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_TOOL_IN_USE)
                .metadata("open_steps", 1);
        cancel(step);
        FIXTURE.tools().deleteTool(delete);
    }

    private static ToolStep create(Hop hop, String tool, String name, Integer place) {
        var step = FIXTURE.step(hop).setToolId(tool).setName(name);
        return FIXTURE.create(place == null ? step : step.setSequenceOrder(place));
    }

    private static List<String> names(Hop hop) {
        return FIXTURE.stepsOf(hop).stream().map(ToolStep::getName).toList();
    }

    private static ToolStep update(ToolStep.Builder step) {
        return FIXTURE.steps()
                .updateToolStep(
                        UpdateToolStepRequest.newBuilder().setToolStep(step).build())
                .getToolStep();
    }

    private static ToolStep move(ToolStep step, int place) {
        return FIXTURE.steps()
                .moveToolStep(MoveToolStepRequest.newBuilder()
                        .setToolStepId(step.getToolStepId())
                        .setSequenceOrder(place)
                        .build())
                .getToolStep();
    }

    private static ToolStep delete(ToolStep step) {
        return FIXTURE.steps()
                .deleteToolStep(DeleteToolStepRequest.newBuilder()
                        .setToolStepId(step.getToolStepId())
                        .build())
                .getToolStep();
    }

    private static ToolStep cancel(ToolStep step) {
        return FIXTURE.steps()
                .cancelToolStep(CancelToolStepRequest.newBuilder()
                        .setToolStepId(step.getToolStepId())
                        .build())
                .getToolStep();
    }
}
