package dev.sortie.mission.work;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Struct;
import dev.sortie.mission.MissionFixture.Person;
import dev.sortie.mission.Secrecy;
import dev.sortie.mission.v1.CancelToolStepRequest;
import dev.sortie.mission.v1.DeleteResourceCredentialRequest;
import dev.sortie.mission.v1.ErrorReason;
import dev.sortie.mission.v1.ExecuteToolStepRequest;
import dev.sortie.mission.v1.GetToolRequest;
import dev.sortie.mission.v1.PutResourceCredentialRequest;
import dev.sortie.mission.v1.PutToolRequest;
import dev.sortie.mission.v1.ResourceCredential;
import dev.sortie.mission.v1.ResourceCredentialServiceGrpc;
import dev.sortie.mission.v1.RevealResourceCredentialRequest;
import dev.sortie.mission.v1.RevealResourceCredentialResponse;
import dev.sortie.mission.v1.Tool;
import dev.sortie.mission.v1.ToolStep;
import dev.sortie.mission.v1.ToolStepStatus;
import dev.sortie.mission.v1.UserRole;
import dev.sortie.mission.v1.ValidateToolStepRequest;
import dev.sortie.runtime.testing.StatusAssert;
import io.grpc.Status.Code;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Tools that work with resources: their steps need credentials, their work orders have handles. */
class CredentialHandlesTest {
    @AutoClose
    private static final StepFixture FIXTURE = StepFixture.start();

    private static final Person WORKER = FIXTURE.service().newPerson(UserRole.USER_ROLE_DEVELOPER);
    private static final String SECRET = "hunter2-" + UUID.randomUUID();

    private static final PrintStream TERMINAL = System.err;
    private static final ByteArrayOutputStream LOG = new ByteArrayOutputStream();

    /** All that these tests bring about is logged there. */
    @BeforeAll
    static void readTheLog() {
        System.setErr(new PrintStream(LOG, true, StandardCharsets.UTF_8));
    }

    @AfterAll
    static void hasNoSecretInTheLog() {
        System.setErr(TERMINAL);
        var log = LOG.toString(StandardCharsets.UTF_8);
        TERMINAL.print(log);
        assertThat(log)
                .contains("ResourceCredentialService/RevealResourceCredential FAILED_PRECONDITION")
                .doesNotContain(SECRET)
                .doesNotContain("sortie_handle_");
    }

    @Test
    void keepsTheResourcesOfATool() {
        var tool = tool("b", "a");
        assertThat(FIXTURE.tools()
                        .getTool(GetToolRequest.newBuilder().setToolId(tool).build())
                        .getTool()
                        .getResourceIdsList())
                .containsExactly("b", "a");
        StatusAssert.fails(() -> tool("a", "a"))
                .with(Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("tool.resource_ids");
    }

    @Test
    void refusesToExecuteAStepWithoutTheCredentialThatItsToolNeeds() {
        var resource = "resource-" + UUID.randomUUID();
        var step = FIXTURE.step(FIXTURE.activeHop(), tool(resource));
        assertThat(step.getValidationErrorsList()).singleElement().satisfies(error -> {
            assertThat(error.getField()).isEqualTo("tool_id");
            assertThat(error.getMessage()).contains('"' + resource + '"').contains("PutResourceCredential");
        });
        StatusAssert.fails(() -> FIXTURE.execute(step))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_STEP_INVALID)
                .precondition("tool_id");

        put(resource);
        assertThat(FIXTURE.steps()
                        .validateToolStep(ValidateToolStepRequest.newBuilder()
                                .setToolStepId(step.getToolStepId())
                                .build())
                        .getToolStep()
                        .getValidationErrorsList())
                .isEmpty();
        assertThat(FIXTURE.execute(step).getStatus()).isEqualTo(ToolStepStatus.TOOL_STEP_STATUS_RUNNING);
    }

    @Test
    void givesTheWorkerAHandleThatItRedeemsAndNobodyTheSecret() {
        put("github");
        put("registry");
        var step = FIXTURE.execute(FIXTURE.step(FIXTURE.activeHop(), tool("github", "registry")));
        var handles = handlesOf(step);
        assertThat(handles.getFieldsMap()).containsOnlyKeys("github", "registry");
        for (var resource : List.of("github", "registry")) {
            var revealed = reveal(handle(handles, resource));
            assertThat(revealed.getResourceCredential().getResourceId()).isEqualTo(resource);
            assertThat(revealed.getCredentials()).isEqualTo(content());
        }
        assertThat(FIXTURE.service()
                        .query("SELECT string_agg(detail ->> 'resource_id', ',' ORDER BY detail ->> 'resource_id')"
                                + " FROM audit_log WHERE user_id = '" + WORKER.id() + "' AND action ="
                                + " 'RevealResourceCredential' AND detail ->> 'tool_step_id' = '"
                                + step.getToolStepId() + "' AND detail ->> 'attempt' = '1'"))
                .isEqualTo("github,registry");
        Secrecy.assertAbsent(FIXTURE.service().database(), SECRET);
        assertThat(FIXTURE.agent().ordersOf(step.getToolStepId()).toString()).doesNotContain(SECRET);
    }

    @Test
    void endsAHandleWithItsAttempt() {
        put("github");
        var step = FIXTURE.execute(FIXTURE.step(FIXTURE.activeHop(), tool("github")));
        var first = handle(handlesOf(step), "github");
        reveal(first);
        FIXTURE.agent().fail(FIXTURE.awaitOrder(step), "it broke");
        FIXTURE.await(step, ToolStepStatus.TOOL_STEP_STATUS_FAILED);
        StatusAssert.fails(() -> reveal(first))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_CREDENTIAL_HANDLE_INVALID)
                .metadata("tool_step_id", step.getToolStepId())
                .metadata("state", "FAILED");

        var again = FIXTURE.retry(step);
        var second = handle(handlesOf(again), "github");
        assertThat(second).isNotEqualTo(first);
        assertThat(reveal(second).getCredentials()).isEqualTo(content());
        StatusAssert.fails(() -> reveal(first))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_CREDENTIAL_HANDLE_INVALID)
                .metadata("attempt", "1");

        FIXTURE.complete(again, "{}");
        FIXTURE.await(again, ToolStepStatus.TOOL_STEP_STATUS_COMPLETED);
        StatusAssert.fails(() -> reveal(second))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_CREDENTIAL_HANDLE_INVALID)
                .metadata("state", "COMPLETED");
    }

    @Test
    void endsAHandleWhenTheStepIsCancelledAndWhenTheCredentialGoes() {
        put("github");
        var cancelled = FIXTURE.execute(FIXTURE.step(FIXTURE.activeHop(), tool("github")));
        var handle = handle(handlesOf(cancelled), "github");
        FIXTURE.steps()
                .cancelToolStep(CancelToolStepRequest.newBuilder()
                        .setToolStepId(cancelled.getToolStepId())
                        .build());
        StatusAssert.fails(() -> reveal(handle))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_CREDENTIAL_HANDLE_INVALID);

        var resource = "resource-" + UUID.randomUUID();
        var credential = put(resource);
        var running = FIXTURE.execute(FIXTURE.step(FIXTURE.activeHop(), tool(resource)));
        var orphan = handle(handlesOf(running), resource);
        ResourceCredentialServiceGrpc.newBlockingStub(FIXTURE.service().developer())
                .deleteResourceCredential(DeleteResourceCredentialRequest.newBuilder()
                        .setResourceCredentialId(credential.getResourceCredentialId())
                        .build());
        put(resource); // another one, which the handle is not for
        StatusAssert.fails(() -> reveal(orphan))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_CREDENTIAL_HANDLE_INVALID);
    }

    @Test
    void saysInTheStepThatACredentialCannotBeRead() {
        var resource = "resource-" + UUID.randomUUID();
        var credential = put(resource);
        var step = FIXTURE.step(FIXTURE.activeHop(), tool(resource));
        assertThat(step.getValidationErrorsList()).isEmpty();
        FIXTURE.service()
                .database()
                .execute("UPDATE resource_credentials SET credentials = set_byte(credentials, 20,"
                        + " get_byte(credentials, 20) # 1) WHERE resource_credential_id = '"
                        + credential.getResourceCredentialId() + "'");
        StatusAssert.fails(() -> FIXTURE.steps()
                        .executeToolStep(ExecuteToolStepRequest.newBuilder()
                                .setToolStepId(step.getToolStepId())
                                .build()))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_STEP_INVALID)
                .message("cannot be decrypted");
        assertThat(FIXTURE.now(step).getValidationErrorsList()).hasSize(1);
    }

    @Test
    void placesNoHandlesWhereTheToolNeedsNone() {
        put("github");
        var step = FIXTURE.execute(FIXTURE.step(FIXTURE.activeHop(), FIXTURE.tool()));
        FIXTURE.awaitOrder(step);
        assertThat(FIXTURE.agent()
                        .ordersOf(step.getToolStepId())
                        .getFirst()
                        .getPayload()
                        .containsFields("credentials"))
                .isFalse();
    }

    private static String tool(String... resourceIds) {
        var id = "tool-" + UUID.randomUUID();
        FIXTURE.tools()
                .putTool(PutToolRequest.newBuilder()
                        .setTool(Tool.newBuilder()
                                .setToolId(id)
                                .setName("A tool")
                                .setQueueName("work")
                                .addAllResourceIds(List.of(resourceIds)))
                        .build());
        return id;
    }

    private static ResourceCredential put(String resource) {
        return ResourceCredentialServiceGrpc.newBlockingStub(FIXTURE.service().developer())
                .putResourceCredential(PutResourceCredentialRequest.newBuilder()
                        .setResourceCredential(ResourceCredential.newBuilder().setResourceId(resource))
                        .setCredentials(content())
                        .build())
                .getResourceCredential();
    }

    private static Struct content() {
        return StepFixture.struct("{\"token\": \"" + SECRET + "\"}");
    }

    private static Struct handlesOf(ToolStep step) {
        return Eventually.see(
                        () -> FIXTURE.agent().ordersOf(step.getToolStepId()),
                        orders -> orders.size() == step.getAttempt())
                .getLast()
                .getPayload()
                .getFieldsOrThrow("credentials")
                .getStructValue();
    }

    private static String handle(Struct handles, String resource) {
        return handles.getFieldsOrThrow(resource).getStringValue();
    }

    private static RevealResourceCredentialResponse reveal(String handle) {
        return ResourceCredentialServiceGrpc.newBlockingStub(FIXTURE.service().with(WORKER.token()))
                .revealResourceCredential(RevealResourceCredentialRequest.newBuilder()
                        .setHandle(handle)
                        .build());
    }
}
