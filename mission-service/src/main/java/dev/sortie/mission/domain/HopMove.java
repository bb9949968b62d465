package dev.sortie.mission.domain;

import static dev.sortie.mission.domain.HopStatus.ACTIVE;
import static dev.sortie.mission.domain.HopStatus.CANCELLED;
import static dev.sortie.mission.domain.HopStatus.COMPLETED;
import static dev.sortie.mission.domain.HopStatus.FAILED;
import static dev.sortie.mission.domain.HopStatus.PENDING;

import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/** The ways of a hop from one status to another. */
public enum HopMove {
    START(ACTIVE, PENDING),
    /** Lets steps follow one another; starts a pending hop. */
    RUN(ACTIVE, PENDING, ACTIVE),
    COMPLETE(COMPLETED, ACTIVE),
    FAIL(FAILED, ACTIVE),
    CANCEL(CANCELLED, PENDING, ACTIVE);

    private final HopStatus target;
    private final Set<HopStatus> from;

    HopMove(HopStatus target, HopStatus first, HopStatus... more) {
        this.target = target;
        this.from = EnumSet.of(first, more);
    }

    /** Where the move leads. */
    public HopStatus target() {
        return target;
    }

    /** Whether a hop in this status can make the move. */
    public boolean isAllowed(HopStatus status) {
        return from.contains(status);
    }

    /** What a caller can do with a hop in this status, by name. */
    public static List<String> allowedTo(HopStatus status) {
        return Stream.of(values())
                .filter(move -> move.isAllowed(status))
                .map(Enum::name)
                .sorted()
                .toList();
    }
}
