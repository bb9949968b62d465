package dev.sortie.agent.archive;

import dev.sortie.agent.domain.AgentFailures;
import dev.sortie.agent.domain.ArchivedExecutions;
import dev.sortie.agent.domain.Executions;
import dev.sortie.agent.store.ArchiveStore;
import dev.sortie.agent.store.ExecutionStore;
import dev.sortie.agent.store.LateReportStore;
import dev.sortie.runtime.sql.Queries;
import java.io.IOException;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Reads executions back from their files. */
public final class ExecutionArchive implements ArchivedExecutions {
    private static final Logger LOG = LoggerFactory.getLogger(ExecutionArchive.class);

    private final ArchiveStore archive;
    private final ExecutionStore executions;
    private final LateReportStore lateReports;
    private final @Nullable ArchiveStorage storage;

    /** @param storage null when there is no archive any more, or none that this server knows */
    public ExecutionArchive(
            ArchiveStore archive,
            ExecutionStore executions,
            LateReportStore lateReports,
            @Nullable ArchiveStorage storage) {
        this.archive = archive;
        this.executions = executions;
        this.lateReports = lateReports;
        this.storage = storage;
    }

    @Override
    public Optional<Executions.Found> find(Queries queries, UUID executionId) {
        return archive.place(queries, executionId).map(place -> {
            var line = read(executionId, place);
            var execution = executions
                    .restore(queries, line, place.archivedAt())
                    .filter(restored -> restored.id().equals(executionId))
                    .orElseThrow(() -> unreadable(executionId, place, "it holds something else there"));
            return new Executions.Found(
                    execution,
                    execution.hasLateReport()
                            ? lateReports.restore(queries, line).orElse(null)
                            : null);
        });
    }

    private String read(UUID executionId, ArchiveStore.Place place) {
        if (storage == null) {
            throw unreadable(executionId, place, "no archive is set");
        }
        try {
            return ArchiveFile.unpack(storage.read(place.fileName(), place.position(), place.length()));
        } catch (IOException failed) {
            LOG.atWarn()
                    .setCause(failed)
                    .addKeyValue("execution_id", executionId)
                    .addKeyValue("file", place.fileName())
                    .log("an archived execution cannot be read");
            throw unreadable(executionId, place, "the file cannot be read");
        }
    }

    private static RuntimeException unreadable(UUID executionId, ArchiveStore.Place place, String why) {
        return AgentFailures.archiveUnavailable(executionId, place.fileName(), why);
    }
}
