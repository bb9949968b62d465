package dev.sortie.mission.domain;

import static dev.sortie.mission.domain.MissionStatus.ACTIVE;
import static dev.sortie.mission.domain.MissionStatus.CANCELLED;
import static dev.sortie.mission.domain.MissionStatus.COMPLETED;
import static dev.sortie.mission.domain.MissionStatus.FAILED;
import static dev.sortie.mission.domain.MissionStatus.PENDING;
import static dev.sortie.mission.domain.MissionStatus.QA;
import static dev.sortie.mission.domain.MissionStatus.READY_TO_DESIGN;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.EnumSet;
import org.junit.jupiter.api.Test;

class MissionMoveTest {

    @Test
    void allowsWhatTheContractSaysAndNothingElse() {
        assertThat(MissionMove.allowedTo(PENDING, false)).containsExactly("APPROVE", "CANCEL", "FAIL");
        assertThat(MissionMove.allowedTo(READY_TO_DESIGN, false))
                .containsExactly("CANCEL", "FAIL", "RUN", "START_HOP", "SUBMIT_FOR_QA");
        assertThat(MissionMove.allowedTo(ACTIVE, true)).containsExactly("CANCEL", "FAIL", "RUN");
        assertThat(MissionMove.allowedTo(ACTIVE, false))
                .containsExactly("CANCEL", "FAIL", "RUN", "START_HOP", "SUBMIT_FOR_QA");
        assertThat(MissionMove.allowedTo(QA, false)).containsExactly("CANCEL", "COMPLETE", "FAIL", "RETURN_TO_WORK");
        for (var terminal : EnumSet.of(COMPLETED, FAILED, CANCELLED)) {
            assertThat(terminal.isTerminal()).isTrue();
            assertThat(MissionMove.allowedTo(terminal, false)).isEmpty();
        }
    }

    @Test
    void leadsOutOfEveryStatusThatIsNotTerminalAndIntoEveryOneButTheFirst() {
        var reached = EnumSet.noneOf(MissionStatus.class);
        for (var move : MissionMove.values()) {
            reached.add(move.target());
        }
        assertThat(reached).isEqualTo(EnumSet.complementOf(EnumSet.of(PENDING)));
        for (var status : MissionStatus.values()) {
            boolean leads = EnumSet.allOf(MissionMove.class).stream().anyMatch(move -> move.isAllowed(status, false));
            assertThat(leads).as(status.name()).isNotEqualTo(status.isTerminal());
        }
    }

    @Test
    void doesNotStartAHopNorJudgeWhileOneIsActive() {
        assertThat(MissionMove.START_HOP.isAllowed(ACTIVE, true)).isFalse();
        assertThat(MissionMove.SUBMIT_FOR_QA.isAllowed(ACTIVE, true)).isFalse();
        assertThat(MissionMove.END_HOP.isAllowed(READY_TO_DESIGN, false)).isFalse();
    }
}
