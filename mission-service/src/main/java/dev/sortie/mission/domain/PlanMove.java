package dev.sortie.mission.domain;

import static dev.sortie.mission.domain.PlanStatus.ACTIVE;
import static dev.sortie.mission.domain.PlanStatus.CANCELLED;
import static dev.sortie.mission.domain.PlanStatus.COMPLETED;
import static dev.sortie.mission.domain.PlanStatus.DRAFT;
import static dev.sortie.mission.domain.PlanStatus.PAUSED;

import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/** The ways of a plan from one status to another. */
public enum PlanMove {
    ACTIVATE(ACTIVE, DRAFT, PAUSED),
    PAUSE(PAUSED, ACTIVE),
    /** Not while a task of it is open. */
    COMPLETE(COMPLETED, ACTIVE, PAUSED),
    CANCEL(CANCELLED, DRAFT, ACTIVE, PAUSED);

    private final PlanStatus target;
    private final Set<PlanStatus> from;

    PlanMove(PlanStatus target, PlanStatus first, PlanStatus... more) {
        this.target = target;
        this.from = EnumSet.of(first, more);
    }

    /** Where the move leads. */
    public PlanStatus target() {
        return target;
    }

    /** Whether a plan in this status can make the move. */
    public boolean isAllowed(PlanStatus status) {
        return from.contains(status);
    }

    /** What a plan in this status can do, by name. */
    public static List<String> allowedTo(PlanStatus status) {
        return Stream.of(values())
                .filter(move -> move.isAllowed(status))
                .map(Enum::name)
                .sorted()
                .toList();
    }
}
