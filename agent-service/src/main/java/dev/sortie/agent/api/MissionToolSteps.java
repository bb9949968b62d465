package dev.sortie.agent.api;

import dev.sortie.agent.domain.ToolSteps;
import dev.sortie.mission.v1.GetToolStepRequest;
import dev.sortie.mission.v1.ToolStepServiceGrpc;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.type.v1.ErrorReason;
import io.grpc.Channel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.UUID;
import java.util.concurrent.TimeUnit;

/** The tool steps of mission-service, asked for as this service. */
public final class MissionToolSteps implements ToolSteps {
    private static final long DEADLINE_SECONDS = 5;
    private static final Duration RETRY_AFTER = Duration.ofSeconds(1);

    private final ToolStepServiceGrpc.ToolStepServiceBlockingStub stub;

    public MissionToolSteps(Channel missionService) {
        this.stub = ToolStepServiceGrpc.newBlockingStub(missionService);
    }

    @Override
    public boolean exists(UUID toolStepId) {
        try {
            var request = GetToolStepRequest.newBuilder()
                    .setToolStepId(toolStepId.toString())
                    .build();
            return stub.withDeadlineAfter(DEADLINE_SECONDS, TimeUnit.SECONDS)
                    .getToolStep(request)
                    .hasToolStep();
        } catch (StatusRuntimeException refused) {
            if (refused.getStatus().getCode() == Status.Code.NOT_FOUND) {
                return false;
            }
            throw Failure.unavailable(
                            ErrorReason.ERROR_REASON_DEPENDENCY_UNAVAILABLE,
                            RETRY_AFTER,
                            "mission-service cannot be asked whether the tool step exists; try again")
                    .with("dependency", "mission-service")
                    .exception();
        }
    }
}
