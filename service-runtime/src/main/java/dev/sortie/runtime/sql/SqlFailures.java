package dev.sortie.runtime.sql;

import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.failure.FailureException;
import dev.sortie.type.v1.ErrorReason;
import io.vertx.core.VertxException;
import io.vertx.core.http.ConnectionPoolTooBusyException;
import io.vertx.pgclient.PgException;
import io.vertx.sqlclient.ClosedConnectionException;
import java.io.IOException;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/** What a failure of the database means to the caller. */
public final class SqlFailures {
    private static final Duration SOON = Duration.ofMillis(100);
    private static final Duration LATER = Duration.ofSeconds(1);
    private static final Set<String> CONFLICTS = Set.of("40001", "40P01");

    private SqlFailures() {}

    /** The failure to tell, or null when it is a fault of this program. */
    public static @Nullable Failure classify(Throwable thrown) {
        if (thrown instanceof PgException answer) {
            return ofSqlState(answer.getSqlState());
        }
        if (thrown instanceof ConnectionPoolTooBusyException) {
            return Failure.resourceExhausted(
                            ErrorReason.ERROR_REASON_OVERLOADED,
                            SOON,
                            "as many calls wait for the database as may; try again")
                    .with("limit", "database_waiting");
        }
        return isConnectionLost(thrown) ? unavailable() : null;
    }

    /** True when the same transaction may succeed if it is run again. */
    static boolean isConflict(Throwable thrown) {
        return (thrown instanceof PgException answer && CONFLICTS.contains(answer.getSqlState()))
                // A snapshot from before the lock does not show the equal request that was faster.
                || (thrown instanceof ConstraintViolation violation && violation.isOf("idempotency_keys_pkey"));
    }

    /** True when a statement was prepared before a migration changed what it returns. */
    static boolean isStalePlan(Throwable thrown) {
        return thrown instanceof PgException answer && "0A000".equals(answer.getSqlState());
    }

    /** True when nothing is known of a statement that was under way, other than that its transaction is not committed. */
    static boolean isConnectionLost(Throwable thrown) {
        var origin = thrown instanceof FailureException && thrown.getCause() != null ? thrown.getCause() : thrown;
        return origin instanceof ClosedConnectionException
                || origin instanceof IOException
                || (origin instanceof PgException answer && answer.getSqlState().startsWith("57P"))
                || (origin instanceof VertxException vertx && isClosed(vertx.getMessage()));
    }

    /** The client has no types for these. */
    private static boolean isClosed(@Nullable String message) {
        return message != null
                && (message.startsWith("Connection is not active")
                        || message.equals("Connection was closed")
                        || message.startsWith("Pending requests failed to be sent due to connection"));
    }

    /** A broken constraint as its own type, so that stores need not know the client's. */
    static RuntimeException translate(Throwable thrown) {
        if (thrown instanceof PgException answer && answer.getSqlState().startsWith("23")) {
            var constraint = answer.getConstraint();
            return new ConstraintViolation(constraint == null ? "" : constraint, answer.getSqlState(), answer);
        }
        if (thrown instanceof RuntimeException unchecked) {
            return unchecked;
        }
        var failure = thrown instanceof TimeoutException ? outOfTime() : classify(thrown);
        return failure == null ? new IllegalStateException(thrown) : new FailureException(failure, thrown);
    }

    private static @Nullable Failure ofSqlState(String state) {
        return switch (state) {
            case "40001", "40P01", "55P03" -> contention();
            case "57014" -> outOfTime();
            case "53300" ->
                Failure.resourceExhausted(
                                ErrorReason.ERROR_REASON_OVERLOADED, LATER, "the database takes no more connections")
                        .with("limit", "database_connections");
            case "25006", "25P03", "57P01", "57P02", "57P03" -> unavailable();
            default -> state.startsWith("08") || state.startsWith("53") ? unavailable() : null;
        };
    }

    private static Failure outOfTime() {
        return Failure.deadlineExceeded(
                ErrorReason.ERROR_REASON_DEADLINE_EXCEEDED,
                "the call's time ran out in the database; whether it was done is not known");
    }

    private static Failure contention() {
        return new Failure.Aborted(
                ErrorReason.ERROR_REASON_CONTENTION.name(),
                "concurrent transactions stood in each other's way too often; try again with the same request id",
                Map.of("attempts", Integer.toString(Database.MAX_ATTEMPTS)),
                SOON);
    }

    private static Failure unavailable() {
        return Failure.unavailable(
                        ErrorReason.ERROR_REASON_DEPENDENCY_UNAVAILABLE,
                        LATER,
                        "the database does not answer; try again with the same request id")
                .with("dependency", "database");
    }
}
