package dev.sortie.agent.domain;

import dev.sortie.runtime.sql.Queries;
import java.util.Optional;
import java.util.UUID;

/** Executions that are kept in files. */
public interface ArchivedExecutions {
    /**
     * An execution, read back.
     *
     * @throws dev.sortie.runtime.failure.FailureException UNAVAILABLE when it is in a file that cannot be read
     */
    Optional<Executions.Found> find(Queries queries, UUID executionId);
}
