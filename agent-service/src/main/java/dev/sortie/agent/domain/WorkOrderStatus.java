package dev.sortie.agent.domain;

import java.util.EnumSet;
import java.util.Set;

/** Where an order stands, and what may happen to it there. */
public enum WorkOrderStatus {
    PENDING,
    CLAIMED,
    COMPLETED,
    FAILED,
    EXPIRED,
    CANCELLED;

    /** What happens to orders. */
    public enum Move {
        CLAIM,
        COMPLETE,
        FAIL,
        TIME_OUT,
        RELEASE,
        EXPIRE,
        CANCEL,
        REDRIVE
    }

    /** The moves that this status allows. */
    public Set<Move> moves() {
        return switch (this) {
            case PENDING -> EnumSet.of(Move.CLAIM, Move.EXPIRE, Move.CANCEL);
            case CLAIMED -> EnumSet.of(Move.COMPLETE, Move.FAIL, Move.TIME_OUT, Move.RELEASE, Move.CANCEL);
            case FAILED, EXPIRED -> EnumSet.of(Move.REDRIVE);
            case COMPLETED, CANCELLED -> EnumSet.noneOf(Move.class);
        };
    }

    public boolean allows(Move move) {
        return moves().contains(move);
    }

    public boolean isTerminal() {
        return this != PENDING && this != CLAIMED;
    }
}
