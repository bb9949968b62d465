package dev.sortie.mission.api;

import dev.sortie.mission.domain.ToolSteps;
import dev.sortie.mission.domain.ValidationError;
import dev.sortie.mission.v1.ErrorReason;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.failure.FailureException;
import dev.sortie.runtime.grpc.CallContext;
import dev.sortie.runtime.sql.Database;
import dev.sortie.runtime.sql.Isolation;
import java.util.UUID;

/**
 * Keeps what a validation found although the call fails for it: the call's own transaction is undone with everything in
 * it, so what was found is kept in another one.
 */
public final class Findings {
    private final Database database;
    private final ToolSteps steps;

    public Findings(Database database, ToolSteps steps) {
        this.database = database;
        this.steps = steps;
    }

    /** Makes a call that may set a step to work. */
    void keep(Runnable call) {
        try {
            call.run();
        } catch (FailureException refused) {
            if (refused.failure() instanceof Failure.FailedPrecondition failure
                    && failure.reason().equals(ErrorReason.ERROR_REASON_STEP_INVALID.name())) {
                var id = UUID.fromString(failure.metadata().getOrDefault("tool_step_id", ""));
                var errors = failure.violations().stream()
                        .map(violation -> new ValidationError(violation.subject(), violation.description()))
                        .toList();
                database.transaction(
                        CallContext.principal(), Isolation.READ_COMMITTED, tx -> steps.keepErrors(tx, id, errors));
            }
            throw refused;
        }
    }
}
