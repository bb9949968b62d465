package dev.sortie.mission.domain;

import static dev.sortie.mission.domain.PlanStatus.ACTIVE;
import static dev.sortie.mission.domain.PlanStatus.CANCELLED;
import static dev.sortie.mission.domain.PlanStatus.COMPLETED;
import static dev.sortie.mission.domain.PlanStatus.DRAFT;
import static dev.sortie.mission.domain.PlanStatus.PAUSED;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.EnumMap;
import java.util.EnumSet;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

class PlanMoveTest {
    /** As the contract has it. */
    private static final Map<PlanStatus, Set<PlanStatus>> WAYS = new EnumMap<>(Map.of(
            DRAFT, EnumSet.of(ACTIVE, CANCELLED),
            ACTIVE, EnumSet.of(PAUSED, COMPLETED, CANCELLED),
            PAUSED, EnumSet.of(ACTIVE, COMPLETED, CANCELLED),
            COMPLETED, EnumSet.noneOf(PlanStatus.class),
            CANCELLED, EnumSet.noneOf(PlanStatus.class)));

    @Test
    void allowsWhatTheContractSaysAndNothingElse() {
        assertThat(PlanMove.allowedTo(DRAFT)).containsExactly("ACTIVATE", "CANCEL");
        assertThat(PlanMove.allowedTo(ACTIVE)).containsExactly("CANCEL", "COMPLETE", "PAUSE");
        assertThat(PlanMove.allowedTo(PAUSED)).containsExactly("ACTIVATE", "CANCEL", "COMPLETE");
        for (var terminal : EnumSet.of(COMPLETED, CANCELLED)) {
            assertThat(terminal.isTerminal()).isTrue();
            assertThat(PlanMove.allowedTo(terminal)).isEmpty();
        }
    }

    @Test
    void neverLeavesTheWaysOfTheContractInAnySequenceOfMoves() {
        var random = new Random(20_261_122);
        for (int walk = 0; walk < 1_000; walk++) {
            var status = DRAFT;
            for (int i = 0; i < 50; i++) {
                var move = PlanMove.values()[random.nextInt(PlanMove.values().length)];
                if (move.isAllowed(status)) {
                    assertThat(WAYS.get(status)).contains(move.target());
                    status = move.target();
                } else {
                    assertThat(PlanMove.allowedTo(status)).doesNotContain(move.name());
                }
            }
        }
    }

    @Test
    void leadsOutOfEveryStatusThatIsNotTerminalAndIntoEveryOneButTheFirst() {
        var reached = EnumSet.noneOf(PlanStatus.class);
        WAYS.values().forEach(reached::addAll);
        assertThat(reached).isEqualTo(EnumSet.complementOf(EnumSet.of(DRAFT)));
        WAYS.forEach((from, ways) -> assertThat(ways.isEmpty()).isEqualTo(from.isTerminal()));
    }
}
