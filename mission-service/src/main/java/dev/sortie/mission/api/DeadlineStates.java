package dev.sortie.mission.api;

import dev.sortie.mission.domain.DeadlineState;

/** What has been said of deadlines, as messages have it. */
final class DeadlineStates {
    private DeadlineStates() {}

    static dev.sortie.mission.v1.DeadlineState toMessage(DeadlineState state) {
        return switch (state) {
            case QUIET -> dev.sortie.mission.v1.DeadlineState.DEADLINE_STATE_UNSPECIFIED;
            case APPROACHING -> dev.sortie.mission.v1.DeadlineState.DEADLINE_STATE_APPROACHING;
            case PASSED -> dev.sortie.mission.v1.DeadlineState.DEADLINE_STATE_PASSED;
        };
    }
}
