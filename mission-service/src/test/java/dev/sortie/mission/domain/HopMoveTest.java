package dev.sortie.mission.domain;

import static dev.sortie.mission.domain.HopStatus.ACTIVE;
import static dev.sortie.mission.domain.HopStatus.CANCELLED;
import static dev.sortie.mission.domain.HopStatus.COMPLETED;
import static dev.sortie.mission.domain.HopStatus.FAILED;
import static dev.sortie.mission.domain.HopStatus.PENDING;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.EnumSet;
import org.junit.jupiter.api.Test;

class HopMoveTest {

    @Test
    void allowsWhatTheContractSaysAndNothingElse() {
        assertThat(HopMove.allowedTo(PENDING)).containsExactly("CANCEL", "RUN", "START");
        assertThat(HopMove.allowedTo(ACTIVE)).containsExactly("CANCEL", "COMPLETE", "FAIL", "RUN");
        for (var terminal : EnumSet.of(COMPLETED, FAILED, CANCELLED)) {
            assertThat(terminal.isTerminal()).isTrue();
            assertThat(HopMove.allowedTo(terminal)).isEmpty();
        }
        assertThat(PENDING.isTerminal() || ACTIVE.isTerminal()).isFalse();
    }
}
