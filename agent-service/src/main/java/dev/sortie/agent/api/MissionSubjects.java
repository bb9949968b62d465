package dev.sortie.agent.api;

import dev.sortie.agent.domain.Subject;
import dev.sortie.agent.domain.Subjects;
import dev.sortie.mission.v1.GetTaskRequest;
import dev.sortie.mission.v1.GetToolStepRequest;
import dev.sortie.mission.v1.TaskServiceGrpc;
import dev.sortie.mission.v1.ToolStepServiceGrpc;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.type.v1.ErrorReason;
import io.grpc.Channel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/** What mission-service has that work orders can be for, asked for as this service. */
public final class MissionSubjects implements Subjects {
    private static final long DEADLINE_SECONDS = 5;
    private static final Duration RETRY_AFTER = Duration.ofSeconds(1);

    private final ToolStepServiceGrpc.ToolStepServiceBlockingStub toolSteps;
    private final TaskServiceGrpc.TaskServiceBlockingStub tasks;

    public MissionSubjects(Channel missionService) {
        this.toolSteps = ToolStepServiceGrpc.newBlockingStub(missionService);
        this.tasks = TaskServiceGrpc.newBlockingStub(missionService);
    }

    @Override
    public boolean exists(Subject subject) {
        try {
            return switch (subject.kind()) {
                case TOOL_STEP ->
                    toolSteps
                            .withDeadlineAfter(DEADLINE_SECONDS, TimeUnit.SECONDS)
                            .getToolStep(GetToolStepRequest.newBuilder()
                                    .setToolStepId(subject.id().toString())
                                    .build())
                            .hasToolStep();
                case TASK ->
                    tasks.withDeadlineAfter(DEADLINE_SECONDS, TimeUnit.SECONDS)
                            .getTask(GetTaskRequest.newBuilder()
                                    .setTaskId(subject.id().toString())
                                    .build())
                            .hasTask();
            };
        } catch (StatusRuntimeException refused) {
            if (refused.getStatus().getCode() == Status.Code.NOT_FOUND) {
                return false;
            }
            throw Failure.unavailable(
                            ErrorReason.ERROR_REASON_DEPENDENCY_UNAVAILABLE,
                            RETRY_AFTER,
                            "mission-service cannot be asked whether %s %s exists; try again",
                            subject.kind().resource(),
                            subject.id())
                    .with("dependency", "mission-service")
                    .exception();
        }
    }
}
