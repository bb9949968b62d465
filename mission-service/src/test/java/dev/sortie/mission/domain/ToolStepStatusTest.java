package dev.sortie.mission.domain;

import static dev.sortie.mission.domain.ToolStepMove.CANCEL;
import static dev.sortie.mission.domain.ToolStepMove.EXECUTE;
import static dev.sortie.mission.domain.ToolStepMove.RETRY;
import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class ToolStepStatusTest {

    @Test
    void allowsWhatTheContractSays() {
        assertThat(ToolStepStatus.PENDING.moves()).containsExactly(EXECUTE, CANCEL);
        assertThat(ToolStepStatus.RUNNING.moves()).containsExactly(CANCEL);
        assertThat(ToolStepStatus.FAILED.moves()).containsExactly(CANCEL, RETRY);
        assertThat(ToolStepStatus.COMPLETED.moves()).isEmpty();
        assertThat(ToolStepStatus.CANCELLED.moves()).isEmpty();
    }

    @ParameterizedTest
    @EnumSource
    void isTerminalWhereNothingIsAllowedAndChangeableWhereItCanBegin(ToolStepStatus status) {
        assertThat(status.isTerminal()).isEqualTo(status.moves().isEmpty());
        assertThat(status.isChangeable()).isEqualTo(status.allows(EXECUTE) || status.allows(RETRY));
    }
}
