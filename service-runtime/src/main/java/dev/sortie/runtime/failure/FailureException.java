package dev.sortie.runtime.failure;

import org.jspecify.annotations.Nullable;

/** Carries a {@link Failure} out of a call. Expected, hence cheap: it has no stack trace. */
public final class FailureException extends RuntimeException {
    private final transient Failure failure;

    /** A failure, and what brought it about where that is worth a line in the log. */
    public FailureException(Failure failure, @Nullable Throwable cause) {
        super(failure.reason() + ": " + failure.message(), cause, false, false);
        this.failure = failure;
    }

    public Failure failure() {
        return failure;
    }
}
