package dev.sortie.mission.domain;

import static dev.sortie.mission.domain.MissionStatus.ACTIVE;
import static dev.sortie.mission.domain.MissionStatus.CANCELLED;
import static dev.sortie.mission.domain.MissionStatus.COMPLETED;
import static dev.sortie.mission.domain.MissionStatus.FAILED;
import static dev.sortie.mission.domain.MissionStatus.PENDING;
import static dev.sortie.mission.domain.MissionStatus.QA;
import static dev.sortie.mission.domain.MissionStatus.READY_TO_DESIGN;

import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/** The ways of a mission from one status to another. */
public enum MissionMove {
    APPROVE(READY_TO_DESIGN, PENDING),
    /** Not while a hop is active: a mission has one at most. */
    START_HOP(ACTIVE, READY_TO_DESIGN, ACTIVE),
    /** Lets hops follow one another. Changes the status only through the hops that it starts. */
    RUN(ACTIVE, READY_TO_DESIGN, ACTIVE),
    /** Not while a hop is active. */
    SUBMIT_FOR_QA(QA, READY_TO_DESIGN, ACTIVE),
    RETURN_TO_WORK(READY_TO_DESIGN, QA),
    COMPLETE(COMPLETED, QA),
    FAIL(FAILED, PENDING, READY_TO_DESIGN, ACTIVE, QA),
    CANCEL(CANCELLED, PENDING, READY_TO_DESIGN, ACTIVE, QA),
    /** The active hop ends, whichever way, and there is more to do. No call of its own: a hop's move brings it about. */
    END_HOP(READY_TO_DESIGN, ACTIVE),
    /** The active hop completes and is the final one. No call of its own either. */
    END_FINAL_HOP(QA, ACTIVE);

    private final MissionStatus target;
    private final Set<MissionStatus> from;

    MissionMove(MissionStatus target, MissionStatus first, MissionStatus... more) {
        this.target = target;
        this.from = EnumSet.of(first, more);
    }

    /** Where the move leads. */
    public MissionStatus target() {
        return target;
    }

    /**
     * Whether a mission in this status can make the move.
     *
     * @param hopActive whether one of its hops is active
     */
    public boolean isAllowed(MissionStatus status, boolean hopActive) {
        return from.contains(status) && !(hopActive && (this == START_HOP || this == SUBMIT_FOR_QA));
    }

    /** What a caller can do with a mission in this status, by name. */
    public static List<String> allowedTo(MissionStatus status, boolean hopActive) {
        return Stream.of(values())
                .filter(move -> move != END_HOP && move != END_FINAL_HOP)
                .filter(move -> move.isAllowed(status, hopActive))
                .map(Enum::name)
                .sorted()
                .toList();
    }
}
