package dev.sortie.mission.domain;

import dev.sortie.mission.store.PlanStore;
import dev.sortie.runtime.sql.Database;
import dev.sortie.runtime.sql.Tx;
import java.util.Collection;
import java.util.List;
import java.util.UUID;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps as many of a plan's ready tasks dispatched as its scaling strategy says: what should be done first before the
 * rest. What is dispatched is counted, and added to, under the lock of the plan's row alone; so any number of replicas
 * and calls may schedule at once, and a plan never has more out than it may.
 *
 * <p>What makes room, or work, schedules in its own transaction. What that leaves (a plan that was held, more tasks than
 * fit into one transaction) the job finds, which looks at every plan.
 */
public final class PlanScheduler {
    private static final Logger LOG = LoggerFactory.getLogger(PlanScheduler.class);
    /** How many tasks are dispatched in one transaction. */
    private static final int BATCH = 100;

    private static final int PAGE = 200;
    private static final UUID LEAST = new UUID(0, 0);

    private final Database database;
    private final PlanStore plans;
    private final Supplier<TaskFlow> tasks;
    private final Runnable goOn;

    /**
     * @param tasks asked for only when there is something to schedule: tasks, for their part, know of their dispatch
     * @param goOn has {@link #run} run soon
     */
    public PlanScheduler(Database database, PlanStore plans, Supplier<TaskFlow> tasks, Runnable goOn) {
        this.database = database;
        this.plans = plans;
        this.tasks = tasks;
        this.goOn = goOn;
    }

    /** Schedules plans as far as nobody else holds them; the job sees to the others, once this is committed. */
    void schedule(Tx tx, Collection<UUID> planIds) {
        boolean left = false;
        for (var id : planIds) {
            var plan = plans.lockIfFree(tx, id);
            left |= plan.isEmpty() || schedule(tx, plan.get());
        }
        if (left) {
            tx.afterCommit(goOn);
        }
    }

    /** Looks at all plans that have tasks to dispatch and room for them. May run in every replica at once. */
    public void run() {
        boolean left = true;
        while (left && !Thread.currentThread().isInterrupted()) {
            left = runOnce();
        }
    }

    private boolean runOnce() {
        boolean left = false;
        var after = LEAST;
        while (true) {
            var page = plans.listWithRoom(database.queries(), after, PAGE);
            for (var id : page) {
                left |= database.transaction(tx ->
                        plans.lockIfFree(tx, id).map(plan -> schedule(tx, plan)).orElse(false));
            }
            if (page.size() < PAGE) {
                return left;
            }
            after = page.getLast();
        }
    }

    /**
     * Dispatches tasks of a plan that is held.
     *
     * @return whether there may be more to dispatch
     */
    private boolean schedule(Tx tx, Plan plan) {
        if (plan.room(0) == 0 || !plans.isProjectVisible(tx, plan.projectId())) {
            return false;
        }
        boolean isBounded = plan.fields().scalingStrategy() != ScalingStrategy.ELASTIC;
        int room = Math.min(BATCH, plan.room(isBounded ? plans.countDispatched(tx, plan.id()) : 0));
        var ready = room == 0 ? List.<UUID>of() : plans.lockReady(tx, plan.id(), room);
        for (var id : ready) {
            tasks.get().queue(tx, tasks.get().lock(tx, id), "its plan has room for it");
        }
        if (!ready.isEmpty()) {
            tx.afterCommit(() -> LOG.atInfo()
                    .addKeyValue("plan_id", plan.id())
                    .addKeyValue("tasks", ready.size())
                    .log("plan dispatches tasks"));
        }
        return ready.size() == BATCH;
    }
}
