package dev.sortie.mission.domain;

import org.jspecify.annotations.Nullable;

/** agent-service did not do what it was asked. */
public final class WorkOrdersException extends RuntimeException {
    private final Kind kind;

    /** What to make of it. */
    public enum Kind {
        /** It does not answer, or asks for patience, or does not let this service in: the same call may succeed later. */
        AWAY,
        /** It says no to what it was asked: the same call will never succeed. */
        REFUSED,
        /** It failed. Perhaps it will not the next time. */
        FAULTY
    }

    public WorkOrdersException(Kind kind, String message, @Nullable Throwable cause) {
        super(message, cause);
        this.kind = kind;
    }

    public Kind kind() {
        return kind;
    }

    /** What happened, in a sentence for people. */
    public String text() {
        return String.valueOf(getMessage());
    }
}
