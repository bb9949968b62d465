package dev.sortie.mission.work;

import static dev.sortie.mission.v1.ToolStepStatus.TOOL_STEP_STATUS_COMPLETED;
import static dev.sortie.mission.v1.ToolStepStatus.TOOL_STEP_STATUS_FAILED;
import static dev.sortie.mission.work.StepFixture.fromAsset;
import static dev.sortie.mission.work.StepFixture.into;
import static dev.sortie.mission.work.StepFixture.literal;
import static dev.sortie.mission.work.StepFixture.struct;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import dev.sortie.mission.v1.Asset;
import dev.sortie.mission.v1.AssetServiceGrpc;
import dev.sortie.mission.v1.AssetStatus;
import dev.sortie.mission.v1.ToolStep;
import dev.sortie.mission.v1.UploadAssetContentRequest;
import dev.sortie.mission.v1.ValidateToolStepRequest;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.HexFormat;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** Streamed content on its way into and out of steps. */
class StepTransferTest {
    @AutoClose
    private static final StepFixture FIXTURE = StepFixture.start();

    @Test
    void givesAWorkerAReferenceToStreamedContentAndTheNamesOfItsOutputs() {
        var hop = FIXTURE.activeHop();
        var tree = upload(FIXTURE.asset(hop), "a large tree");
        var report = FIXTURE.asset(hop);
        // The schema is of the content, which nobody looks at but the worker.
        var tool = FIXTURE.tool("""
                {"type": "object", "required": ["tree", "limit"],
                 "properties": {"tree": {"type": "string", "maxLength": 3}, "limit": {"type": "integer"}}}
                """, "{}");
        var step = FIXTURE.create(FIXTURE.step(hop)
                .setToolId(tool)
                .putParameterMapping("tree", fromAsset(tree))
                .putParameterMapping("limit", literal("10"))
                .putResultMapping("report", into(report)));
        assertThat(step.getValidationErrorsList()).isEmpty();

        FIXTURE.execute(step);
        FIXTURE.awaitOrder(step);
        var payload = FIXTURE.agent().ordersOf(step.getToolStepId()).getFirst().getPayload();
        assertThat(payload.getFieldsOrThrow("parameters").getStructValue()).isEqualTo(struct("""
                {"tree": {"asset_id": "%s", "size": 12, "sha256": "%s", "media_type": "text/plain"}, "limit": 10}
                """.formatted(
                        tree.getAssetId(), tree.getContentInfo().getSha256())));
        assertThat(payload.getFieldsOrThrow("outputs").getStructValue())
                .isEqualTo(struct("{\"report\": \"%s\"}".formatted(report.getAssetId())));
    }

    @Test
    void stillChecksTheOtherParameters() {
        var hop = FIXTURE.activeHop();
        var tree = upload(FIXTURE.asset(hop), "a large tree");
        var tool = FIXTURE.tool(
                "{\"properties\": {\"tree\": {\"type\": \"null\"}, \"limit\": {\"type\": \"integer\"}}}", "{}");
        var step = FIXTURE.create(FIXTURE.step(hop)
                .setToolId(tool)
                .putParameterMapping("tree", fromAsset(tree))
                .putParameterMapping("limit", literal("\"ten\"")));
        assertThat(step.getValidationErrorsList())
                .singleElement()
                .satisfies(error -> assertThat(error.getField()).isEqualTo("parameter_mapping.limit"));
        var missing = FIXTURE.create(
                FIXTURE.step(hop).setToolId(tool).putParameterMapping("tree", fromAsset(FIXTURE.asset(hop))));
        assertThat(validate(missing).getValidationErrorsList())
                .singleElement()
                .satisfies(error -> assertThat(error.getMessage()).contains("is PENDING"));
    }

    @Test
    void keepsWhatAWorkerUploadedWhenItsResultSaysSo() throws Exception {
        var hop = FIXTURE.activeHop();
        var report = FIXTURE.asset(hop);
        var step = FIXTURE.create(FIXTURE.step(hop)
                .setToolId(FIXTURE.tool("{}", "{\"properties\": {\"report\": {\"type\": \"string\"}}}"))
                .putResultMapping("report", into(report)));
        FIXTURE.execute(step);
        var uploaded = upload(report, "a large report");
        FIXTURE.complete(step, reference(report, uploaded.getContentInfo().getSha256()));
        FIXTURE.await(step, TOOL_STEP_STATUS_COMPLETED);
        var kept = FIXTURE.now(report);
        assertThat(kept.getStatus()).isEqualTo(AssetStatus.ASSET_STATUS_READY);
        assertThat(kept.getContentInfo()).isEqualTo(uploaded.getContentInfo());
        assertThat(kept.getAssetMetadata().getVersion()).isEqualTo(1);
        assertThat(kept.getAssetMetadata().getCreator()).isEqualTo(step.getToolId());
        assertThat(kept.getContentSummary()).isEqualTo("a large report");
    }

    @Test
    void failsWhenTheAssetHasAnotherContentThanTheResultSays() throws Exception {
        var hop = FIXTURE.activeHop();
        var report = FIXTURE.asset(hop);
        var step = FIXTURE.create(FIXTURE.step(hop).setToolId(FIXTURE.tool()).putResultMapping("report", into(report)));
        FIXTURE.execute(step);
        upload(report, "something else");
        FIXTURE.complete(step, reference(report, sha256("what was meant")));
        assertThat(FIXTURE.await(step, TOOL_STEP_STATUS_FAILED).getErrorMessage())
                .contains("cannot be taken over", report.getAssetId());
        // What was uploaded stays, and the next attempt may name it.
        assertThat(FIXTURE.now(report).getStatus()).isEqualTo(AssetStatus.ASSET_STATUS_ERROR);
        FIXTURE.retry(step);
        FIXTURE.complete(step, reference(report, sha256("something else")));
        FIXTURE.await(step, TOOL_STEP_STATUS_COMPLETED);
        assertThat(FIXTURE.now(report).getStatus()).isEqualTo(AssetStatus.ASSET_STATUS_READY);
    }

    @Test
    void writesAResultOverStreamedContent() {
        var hop = FIXTURE.activeHop();
        var report = upload(FIXTURE.asset(hop), "the old one");
        var step = FIXTURE.create(FIXTURE.step(hop).setToolId(FIXTURE.tool()).putResultMapping("report", into(report)));
        FIXTURE.execute(step);
        // A reference to another asset is a value like any other.
        var value = "{\"asset_id\": \"%s\", \"sha256\": \"%s\"}".formatted(step.getToolStepId(), "0".repeat(64));
        FIXTURE.complete(step, "{\"report\": " + value + "}");
        FIXTURE.await(step, TOOL_STEP_STATUS_COMPLETED);
        var now = FIXTURE.now(report);
        assertThat(now.hasContentInfo()).isFalse();
        assertThat(now.getContent().getStructValue()).isEqualTo(struct(value));
        assertThat(now.getAssetMetadata().getVersion()).isEqualTo(2);
    }

    private static String reference(Asset asset, String sha256) {
        return "{\"report\": {\"asset_id\": \"%s\", \"sha256\": \"%s\"}}".formatted(asset.getAssetId(), sha256);
    }

    private static ToolStep validate(ToolStep step) {
        return FIXTURE.steps()
                .validateToolStep(ValidateToolStepRequest.newBuilder()
                        .setToolStepId(step.getToolStepId())
                        .build())
                .getToolStep();
    }

    private static Asset upload(Asset asset, String text) {
        try {
            var call = AssetServiceGrpc.newBlockingV2Stub(FIXTURE.service().developer())
                    .uploadAssetContent();
            call.write(UploadAssetContentRequest.newBuilder()
                    .setAssetId(asset.getAssetId())
                    .setMediaType("text/plain")
                    .setSha256(sha256(text))
                    .setData(ByteString.copyFromUtf8(text))
                    .build());
            call.halfClose();
            return call.read().getAsset();
        } catch (Exception failed) {
            throw new AssertionError(failed);
        }
    }

    private static String sha256(String text) throws Exception {
        return HexFormat.of()
                .formatHex(MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8)));
    }
}
