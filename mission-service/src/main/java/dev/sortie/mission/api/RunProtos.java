package dev.sortie.mission.api;

import static dev.sortie.runtime.grpc.Messages.timestamp;

import dev.sortie.mission.domain.Pause;
import dev.sortie.mission.domain.RunState;
import dev.sortie.mission.v1.PausePoint;

/** Between runs and their messages. */
final class RunProtos {
    private RunProtos() {}

    static dev.sortie.mission.v1.RunState toMessage(RunState state) {
        return dev.sortie.mission.v1.RunState.valueOf("RUN_STATE_" + state);
    }

    static PausePoint toMessage(Pause pause) {
        var message = PausePoint.newBuilder().setHopId(pause.hopId().toString()).setPauseTime(timestamp(pause.since()));
        if (pause.stepId() != null) {
            message.setToolStepId(pause.stepId().toString());
        }
        return message.build();
    }
}
