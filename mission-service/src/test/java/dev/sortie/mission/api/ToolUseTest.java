package dev.sortie.mission.api;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.mission.v1.CancelToolStepRequest;
import dev.sortie.mission.v1.DeleteToolRequest;
import dev.sortie.mission.v1.ErrorReason;
import dev.sortie.mission.v1.GetToolRequest;
import dev.sortie.mission.v1.ToolStep;
import dev.sortie.mission.work.StepFixture;
import dev.sortie.runtime.testing.StatusAssert;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.util.ArrayList;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** Tools and the steps that use them. */
class ToolUseTest {
    @AutoClose
    private static final StepFixture FIXTURE = StepFixture.start();

    @Test
    void keepsAToolWhileUnfinishedStepsUseIt() {
        var tool = FIXTURE.tool();
        var hop = FIXTURE.hop(FIXTURE.mission());
        var step = FIXTURE.step(hop, tool);
        StatusAssert.fails(() -> delete(tool))
                .with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_TOOL_IN_USE)
                .metadata("tool_id", tool)
                .metadata("open_steps", 1);
        FIXTURE.steps()
                .cancelToolStep(CancelToolStepRequest.newBuilder()
                        .setToolStepId(step.getToolStepId())
                        .build());
        delete(tool);
        StatusAssert.fails(() -> FIXTURE.tools()
                        .getTool(GetToolRequest.newBuilder().setToolId(tool).build()))
                .with(Status.Code.NOT_FOUND, dev.sortie.type.v1.ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND);
        assertThat(FIXTURE.now(step).getToolId()).isEqualTo(tool);
    }

    @Test
    void deletesNoToolThatAStepHasJustFound() throws Exception {
        for (int round = 0; round < 5; round++) {
            var tool = FIXTURE.tool();
            var mission = FIXTURE.mission();
            int callers = 8;
            var together = new CountDownLatch(callers + 1);
            try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
                var steps = new ArrayList<Future<ToolStep>>();
                for (int i = 0; i < callers; i++) {
                    var hop = FIXTURE.hop(mission);
                    Callable<ToolStep> call = () -> {
                        together.countDown();
                        together.await();
                        return FIXTURE.step(hop, tool);
                    };
                    steps.add(threads.submit(call));
                }
                var deleted = threads.submit(() -> {
                    together.countDown();
                    together.await();
                    try {
                        delete(tool);
                        return true;
                    } catch (StatusRuntimeException refused) {
                        StatusAssert.of(refused)
                                .with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_TOOL_IN_USE);
                        return false;
                    }
                });
                for (var step : steps) {
                    assertThat(step.get().getValidationErrorsCount() > 0)
                            .as("the tool was gone when the step was made")
                            .isEqualTo(deleted.get());
                }
            }
        }
    }

    private static void delete(String tool) {
        FIXTURE.tools()
                .deleteTool(DeleteToolRequest.newBuilder().setToolId(tool).build());
    }
}
