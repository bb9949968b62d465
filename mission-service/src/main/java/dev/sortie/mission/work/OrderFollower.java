package dev.sortie.mission.work;

import com.google.protobuf.Value;
import dev.sortie.change.v1.Change;
import dev.sortie.change.v1.ChangeKind;
import dev.sortie.mission.domain.StepOutcomes;
import dev.sortie.mission.domain.WorkOrder;
import dev.sortie.mission.domain.WorkOrders;
import dev.sortie.mission.domain.WorkOrdersException;
import dev.sortie.mission.store.FeedCursorStore;
import dev.sortie.mission.store.ToolStepStore;
import dev.sortie.runtime.change.ChangeFollower;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.failure.FailureException;
import dev.sortie.runtime.sql.Database;
import dev.sortie.runtime.sql.SqlFailures;
import dev.sortie.runtime.sql.Tx;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Hears of orders that are finished, and has their outcomes applied. The cursor moves in the transaction of an outcome,
 * so that a crash loses none.
 *
 * <p>Every replica follows; which of them applies an outcome is decided by the step's row. Whoever finds the cursor
 * elsewhere than it left it leaves it there, and goes on from there the next time: a position that any replica wrote is
 * one up to which that replica had dealt with everything, so any of them will do.
 */
public final class OrderFollower implements ChangeFollower.Handler {
    /** What to follow. */
    public static final Set<String> RESOURCES = Set.of("work_order");

    static final String FEED = "agent-service/work_order";

    private static final Logger LOG = LoggerFactory.getLogger(OrderFollower.class);
    private static final Value NONE = Value.getDefaultInstance();

    private final Database database;
    private final FeedCursorStore cursors;
    private final ToolStepStore steps;
    private final StepOutcomes outcomes;
    private final WorkOrders orders;
    private final Runnable reconcile;
    private String known = "";

    /**
     * @param reconcile looks at every running step, for when changes may have been missed
     */
    public OrderFollower(
            Database database,
            FeedCursorStore cursors,
            ToolStepStore steps,
            StepOutcomes outcomes,
            WorkOrders orders,
            Runnable reconcile) {
        this.database = database;
        this.cursors = cursors;
        this.steps = steps;
        this.outcomes = outcomes;
        this.orders = orders;
        this.reconcile = reconcile;
    }

    @Override
    public String cursor() {
        known = stored();
        return known;
    }

    @Override
    public void apply(List<Change> changes, String cursor) {
        var finished = changes.stream().filter(OrderFollower::isFinished).toList();
        var concerned = finished.stream()
                .flatMap(change -> stepOf(change).stream())
                .distinct()
                .toList();
        // Most orders are nobody's here, or were dealt with by another replica: one look spares asking for each.
        var awaiting = concerned.isEmpty() ? Set.<UUID>of() : steps.runningAmong(database.queries(), concerned);
        for (var change : finished) {
            if (stepOf(change).filter(awaiting::contains).isPresent()) {
                apply(change);
            }
        }
        if (!cursor.equals(known)) {
            moveCursor(cursor);
        }
    }

    @Override
    public void reconcile() {
        reconcile.run();
    }

    private void apply(Change change) {
        var id = uuid(change.getResourceId());
        try {
            var outcome = id.flatMap(orders::find).flatMap(order -> outcomes.prepare(database.queries(), order));
            if (outcome.isPresent()) {
                boolean moved = database.transaction(tx -> {
                    outcomes.apply(tx, outcome.get());
                    return move(tx, change.getCursor());
                });
                known = moved ? change.getCursor() : stored();
            }
        } catch (RuntimeException failed) {
            if (isPassing(failed)) {
                throw failed; // the batch comes again
            }
            leaveToReconciliation(change, failed);
        }
    }

    /** One order that cannot be dealt with must not keep all others waiting. */
    private static void leaveToReconciliation(Change change, RuntimeException failed) {
        LOG.atError()
                .addKeyValue("work_order_id", change.getResourceId())
                .setCause(failed)
                .log("the outcome of a work order cannot be applied; it is left to the reconciliation");
    }

    /** Whether the same may go well a little later: the database or agent-service does not answer, or is busy. */
    private static boolean isPassing(RuntimeException failed) {
        if (failed instanceof WorkOrdersException refused) {
            return refused.kind() == WorkOrdersException.Kind.AWAY;
        }
        var failure = failed instanceof FailureException known ? known.failure() : SqlFailures.classify(failed);
        return failure instanceof Failure.Unavailable
                || failure instanceof Failure.ResourceExhausted
                || failure instanceof Failure.DeadlineExceeded
                || failure instanceof Failure.Aborted;
    }

    private void moveCursor(String to) {
        boolean moved = known.isEmpty()
                ? cursors.begin(database.queries(), FEED, to)
                : cursors.move(database.queries(), FEED, known, to);
        known = moved ? to : stored();
    }

    private boolean move(Tx tx, String to) {
        return to.isEmpty() || cursors.move(tx, FEED, known, to);
    }

    private String stored() {
        return cursors.find(database.queries(), FEED).orElse("");
    }

    /** Whether the change may be the end of an order. */
    private static boolean isFinished(Change change) {
        var status = attribute(change, "status");
        if (change.getKind() == ChangeKind.CHANGE_KIND_DELETED || status.isEmpty()) {
            return true;
        }
        try {
            return WorkOrder.Status.valueOf(status).isTerminal();
        } catch (IllegalArgumentException _) {
            return true; // of a newer release: the order itself says more
        }
    }

    private static Optional<UUID> stepOf(Change change) {
        return uuid(attribute(change, "tool_step_id"));
    }

    private static String attribute(Change change, String name) {
        return change.getAttributes().getFieldsOrDefault(name, NONE).getStringValue();
    }

    private static Optional<UUID> uuid(String text) {
        try {
            return Optional.of(UUID.fromString(text));
        } catch (IllegalArgumentException _) {
            return Optional.empty();
        }
    }
}
