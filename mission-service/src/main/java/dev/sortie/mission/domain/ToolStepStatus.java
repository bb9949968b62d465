package dev.sortie.mission.domain;

import java.util.List;
import java.util.Set;

/** Where a step stands, and the moves that callers have there. */
public enum ToolStepStatus {
    PENDING(ToolStepMove.EXECUTE, ToolStepMove.CANCEL),
    /** Completes and fails by itself, when its work order does. */
    RUNNING(ToolStepMove.CANCEL),
    COMPLETED,
    FAILED(ToolStepMove.RETRY, ToolStepMove.CANCEL),
    CANCELLED;

    private final Set<ToolStepMove> moves;

    ToolStepStatus(ToolStepMove... moves) {
        this.moves = Set.of(moves);
    }

    /** The moves that callers have, in the order in which they are declared. */
    public List<ToolStepMove> moves() {
        return moves.stream().sorted().toList();
    }

    public boolean allows(ToolStepMove move) {
        return moves.contains(move);
    }

    /** True for a step that nothing can change any more. */
    public boolean isTerminal() {
        return moves.isEmpty();
    }

    /** True where the step's fields may still be changed: it has not begun, or has to be mended. */
    public boolean isChangeable() {
        return this == PENDING || this == FAILED;
    }
}
