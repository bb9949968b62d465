package dev.sortie.mission.domain;

import java.time.Instant;
import java.util.List;
import java.util.UUID;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * An item of a mission's definition of done as stored.
 *
 * @param id its own
 * @param missionId the mission it belongs to
 * @param fields what callers set
 * @param completed whether it holds
 * @param evidence what shows it; null where nothing was given, and while it is open
 * @param completedBy the user who completed it; null while it is open, and when that user is gone
 * @param completedAt null while it is open
 * @param createdAt when it was created
 * @param updatedAt when it last changed
 * @param version one more with each change
 */
public record DodItem(
        UUID id,
        UUID missionId,
        Fields fields,
        boolean completed,
        @Nullable Evidence evidence,
        @Nullable UUID completedBy,
        @Nullable Instant completedAt,
        Instant createdAt,
        Instant updatedAt,
        long version) {

    /**
     * What callers set.
     *
     * @param text 1 to 4,096 characters
     */
    public record Fields(String text, DodCategory category) {}

    /** What shows that an item holds. */
    public record Evidence(Kind kind, UUID id) {
        /** What it is. */
        public enum Kind {
            TEST_RUN,
            ASSET,
            /** Of agent-service. */
            EXECUTION
        }
    }

    /** Where an item stands. */
    public enum State {
        OPEN,
        COMPLETE
    }

    /** The ways from one state to the other. */
    public enum Move {
        COMPLETE(State.OPEN),
        REOPEN(State.COMPLETE);

        private final State from;

        Move(State from) {
            this.from = from;
        }

        public boolean isAllowed(State state) {
            return from == state;
        }

        /** What a caller can do with an item in this state, by name. */
        static List<String> allowedTo(State state) {
            return Stream.of(values())
                    .filter(move -> move.isAllowed(state))
                    .map(Enum::name)
                    .toList();
        }
    }

    public State state() {
        return completed ? State.COMPLETE : State.OPEN;
    }
}
