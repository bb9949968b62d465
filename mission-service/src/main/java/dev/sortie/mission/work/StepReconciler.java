package dev.sortie.mission.work;

import dev.sortie.mission.domain.StepOutcomes;
import dev.sortie.mission.domain.ToolStep;
import dev.sortie.mission.domain.WorkOrders;
import dev.sortie.mission.domain.WorkOrdersException;
import dev.sortie.mission.store.OutboxStore;
import dev.sortie.mission.store.ToolStepStore;
import dev.sortie.runtime.sql.Database;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import java.time.Duration;
import java.util.UUID;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Looks now and then at every running step whether its order is still at work. Outcomes come by the feed; this finds
 * those that were missed because the cursor was lost, and steps whose order is gone.
 */
public final class StepReconciler {
    private static final Logger LOG = LoggerFactory.getLogger(StepReconciler.class);
    private static final int PAGE = 200;
    private static final UUID LEAST = new UUID(0, 0);

    private final Database database;
    private final ToolStepStore steps;
    private final OutboxStore outbox;
    private final StepOutcomes outcomes;
    private final WorkOrders orders;
    private final Duration patience;
    private final Counter mended;

    /**
     * @param patience how long a step must have been running before it is looked at
     */
    public StepReconciler(
            Database database,
            ToolStepStore steps,
            OutboxStore outbox,
            StepOutcomes outcomes,
            WorkOrders orders,
            Duration patience,
            MeterRegistry meters) {
        this.database = database;
        this.steps = steps;
        this.outbox = outbox;
        this.outcomes = outcomes;
        this.orders = orders;
        this.patience = patience;
        this.mended = meters.counter("sortie.tool_steps.reconciled");
    }

    /** Looks at all running steps. Ends early when agent-service is away; the next time will do. */
    public void run() {
        var after = LEAST;
        while (true) {
            var queries = database.queries();
            var page = steps.listRunning(queries, after, queries.now().minus(patience), PAGE);
            for (var step : page) {
                if (!look(step)) {
                    return;
                }
            }
            if (page.size() < PAGE) {
                return;
            }
            after = page.getLast().id();
        }
    }

    /** Looks at one step; false when agent-service is away. */
    private boolean look(ToolStep step) {
        try {
            if (mend(step)) {
                mended.increment();
                LOG.atInfo()
                        .addKeyValue("tool_step_id", step.id())
                        .addKeyValue("attempt", step.state().attempt())
                        .log("a running step was behind its work order");
            }
            return true;
        } catch (WorkOrdersException failed) {
            if (failed.kind() == WorkOrdersException.Kind.AWAY) {
                return false;
            }
            complain(step, failed);
        } catch (RuntimeException failed) {
            complain(step, failed);
        }
        return true;
    }

    private boolean mend(ToolStep step) {
        var id = step.state().workOrderId();
        int attempt = step.state().attempt();
        if (id == null) {
            // The entry goes only with the answer to it; without either, nobody would ever finish the step.
            return !outbox.hasPlacing(database.queries(), step.id(), attempt)
                    && database.transaction(
                            tx -> outcomes.giveUp(tx, step.id(), attempt, null, "its work order was never placed"));
        }
        var order = orders.find(id);
        if (order.isEmpty()) {
            return database.transaction(tx -> outcomes.giveUp(
                    tx, step.id(), attempt, id, "its work order %s does not exist in agent-service".formatted(id)));
        }
        return outcomes.prepare(database.queries(), order.get())
                .map(outcome -> database.transaction(tx -> outcomes.apply(tx, outcome)))
                .orElse(false);
    }

    private static void complain(ToolStep step, RuntimeException failed) {
        LOG.atError()
                .addKeyValue("tool_step_id", step.id())
                .addKeyValue("work_order_id", step.state().workOrderId())
                .setCause(failed)
                .log("a running step cannot be reconciled");
    }
}
