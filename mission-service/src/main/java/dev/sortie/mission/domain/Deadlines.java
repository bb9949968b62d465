package dev.sortie.mission.domain;

import dev.sortie.mission.store.DeadlineStore;
import dev.sortie.mission.store.MissionStore;
import dev.sortie.mission.store.PlanStore;
import dev.sortie.mission.store.TaskStore;
import dev.sortie.runtime.sql.Change;
import dev.sortie.runtime.sql.Database;
import dev.sortie.runtime.sql.Tx;
import io.micrometer.core.instrument.MeterRegistry;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

/**
 * Warns of the deadlines of missions, plans and tasks that have not ended: once when they are near, and once when they
 * have passed. Whoever wants to know watches the changes, or looks at the resource. May run in every replica at once.
 */
public final class Deadlines {
    private static final Logger LOG = LoggerFactory.getLogger(Deadlines.class);
    private static final int BATCH = 100;

    private final Database database;
    private final DeadlineStore deadlines;
    private final MissionStore missions;
    private final PlanStore plans;
    private final TaskStore tasks;
    private final Duration ahead;
    private final MeterRegistry meters;

    /**
     * @param ahead how long before a deadline it is near
     */
    public Deadlines(
            Database database,
            DeadlineStore deadlines,
            MissionStore missions,
            PlanStore plans,
            TaskStore tasks,
            Duration ahead,
            MeterRegistry meters) {
        this.database = database;
        this.deadlines = deadlines;
        this.missions = missions;
        this.plans = plans;
        this.tasks = tasks;
        this.ahead = ahead;
        this.meters = meters;
    }

    /** Warns of everything that there is to warn of. */
    public void run() {
        warn((tx, before) -> deadlines.warnOfMissions(tx, before, BATCH), this::mission);
        warn((tx, before) -> deadlines.warnOfPlans(tx, before, BATCH), this::plan);
        warn((tx, before) -> deadlines.warnOfTasks(tx, before, BATCH), this::task);
    }

    private void warn(BiFunction<Tx, Instant, List<UUID>> find, BiFunction<Tx, UUID, Optional<Warning>> describe) {
        int warned = BATCH;
        while (warned == BATCH && !Thread.currentThread().isInterrupted()) {
            warned = database.transaction(tx -> {
                var ids = find.apply(tx, tx.now().plus(ahead));
                ids.forEach(id -> describe.apply(tx, id).ifPresent(warning -> tell(tx, warning)));
                return ids.size();
            });
        }
    }

    private void tell(Tx tx, Warning warning) {
        var change = warning.change;
        tx.change(change.with("deadline_warning", warning.state));
        tx.afterCommit(() -> {
            meters.counter("sortie.deadlines.warned", "resource", change.resourceType(), "state", warning.state.name())
                    .increment();
            LOG.atLevel(warning.state == DeadlineState.PASSED ? Level.WARN : Level.INFO)
                    .addKeyValue(change.resourceType() + "_id", change.id())
                    .addKeyValue("deadline", warning.deadline)
                    .addKeyValue("state", warning.state)
                    .log("a deadline is near or has passed");
        });
    }

    private Optional<Warning> mission(Tx tx, UUID id) {
        return missions.find(tx, id)
                .map(mission -> warning(
                        tx,
                        MissionFlow.describe(Change.updated("mission", id, mission.version()), mission),
                        mission.fields().deadline()));
    }

    private Optional<Warning> plan(Tx tx, UUID id) {
        return plans.find(tx, id)
                .map(plan -> warning(
                        tx,
                        Plans.describe(Change.updated("plan", id, plan.version()), plan),
                        plan.fields().deadline()));
    }

    private Optional<Warning> task(Tx tx, UUID id) {
        return tasks.find(tx, id)
                .map(task -> warning(
                        tx,
                        TaskFlow.describe(Change.updated("task", id, task.version()), task),
                        task.fields().deadline()));
    }

    private static Warning warning(Tx tx, Change change, @Nullable Instant deadline) {
        return new Warning(change, deadline, DeadlineState.of(deadline, tx.now()));
    }

    private record Warning(Change change, @Nullable Instant deadline, DeadlineState state) {}
}
