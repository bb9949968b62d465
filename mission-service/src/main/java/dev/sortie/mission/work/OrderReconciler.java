package dev.sortie.mission.work;

import dev.sortie.mission.domain.OrderOutcomes;
import dev.sortie.mission.domain.OrderOutcomes.Awaiting;
import dev.sortie.mission.domain.Outcomes;
import dev.sortie.mission.domain.Subject;
import dev.sortie.mission.domain.WorkOrder;
import dev.sortie.mission.domain.WorkOrders;
import dev.sortie.mission.domain.WorkOrdersException;
import dev.sortie.mission.store.OutboxStore;
import dev.sortie.runtime.sql.Database;
import io.micrometer.core.instrument.MeterRegistry;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Looks now and then at everything that awaits a work order whether the order is where it is thought to be. News come by
 * the feed; this finds those that were missed because the cursor was lost, and subjects whose order is gone.
 */
public final class OrderReconciler {
    private static final Logger LOG = LoggerFactory.getLogger(OrderReconciler.class);
    private static final int PAGE = 200;
    private static final UUID LEAST = new UUID(0, 0);

    private final Database database;
    private final OutboxStore outbox;
    private final Outcomes outcomes;
    private final WorkOrders orders;
    private final Duration patience;
    private final MeterRegistry meters;

    /**
     * @param patience how long something must have awaited its order before it is looked at
     */
    public OrderReconciler(
            Database database,
            OutboxStore outbox,
            Outcomes outcomes,
            WorkOrders orders,
            Duration patience,
            MeterRegistry meters) {
        this.database = database;
        this.outbox = outbox;
        this.outcomes = outcomes;
        this.orders = orders;
        this.patience = patience;
        this.meters = meters;
        for (var kind : Subject.Kind.values()) {
            count(kind, 0);
        }
    }

    /** Looks at everything that awaits an order. Ends early when agent-service is away; the next time will do. */
    public void run() {
        for (var kind : Subject.Kind.values()) {
            if (!run(outcomes.of(kind))) {
                return;
            }
        }
    }

    private boolean run(OrderOutcomes ofKind) {
        var after = LEAST;
        while (true) {
            var queries = database.queries();
            var page = ofKind.awaiting(queries, after, queries.now().minus(patience), PAGE);
            var orders = lookAtAll(page);
            if (orders.isEmpty()) {
                return false;
            }
            for (var awaiting : page) {
                if (!look(ofKind, awaiting, orders.get())) {
                    return false;
                }
            }
            if (page.size() < PAGE) {
                return true;
            }
            after = page.getLast().subject().id();
        }
    }

    /** How far the orders of a page are, by one call; empty when agent-service is away. */
    private Optional<Map<UUID, WorkOrder>> lookAtAll(List<Awaiting> page) {
        var ids = new HashSet<UUID>();
        for (var awaiting : page) {
            if (awaiting.workOrderId() != null) {
                ids.add(awaiting.workOrderId());
            }
        }
        try {
            return Optional.of(orders.look(ids));
        } catch (WorkOrdersException failed) {
            if (failed.kind() == WorkOrdersException.Kind.AWAY) {
                return Optional.empty();
            }
            LOG.atError().setCause(failed).log("work orders cannot be looked at together; each is asked for");
            return Optional.of(Map.of());
        }
    }

    /** Looks at one; false when agent-service is away. */
    private boolean look(OrderOutcomes ofKind, Awaiting awaiting, Map<UUID, WorkOrder> known) {
        var subject = awaiting.subject();
        try {
            if (mend(ofKind, awaiting, known)) {
                count(subject.kind(), 1);
                LOG.atInfo()
                        .addKeyValue(subject.kind().field(), subject.id())
                        .addKeyValue("attempt", awaiting.attempt())
                        .log("it was behind its work order");
            }
            return true;
        } catch (WorkOrdersException failed) {
            if (failed.kind() == WorkOrdersException.Kind.AWAY) {
                return false;
            }
            complain(awaiting, failed);
        } catch (RuntimeException failed) {
            complain(awaiting, failed);
        }
        return true;
    }

    private boolean mend(OrderOutcomes ofKind, Awaiting awaiting, Map<UUID, WorkOrder> known) {
        var subject = awaiting.subject();
        var id = awaiting.workOrderId();
        int attempt = awaiting.attempt();
        if (id == null) {
            // The entry goes only with the answer to it; without either, nobody would ever bring it to an end.
            return !outbox.hasPlacing(database.queries(), subject, attempt)
                    && database.transaction(
                            tx -> ofKind.giveUp(tx, subject.id(), attempt, null, "its work order was never placed"));
        }
        // Most are still at work, of which all is known. Of the others, the result is wanted, or that they are gone.
        var seen = known.get(id);
        var order = seen != null && !seen.status().isTerminal() ? Optional.of(seen) : orders.find(id);
        if (order.isEmpty()) {
            return database.transaction(tx -> ofKind.giveUp(
                    tx, subject.id(), attempt, id, "its work order %s does not exist in agent-service".formatted(id)));
        }
        return ofKind.prepare(database.queries(), order.get())
                .map(outcome -> database.transaction(outcome::apply))
                .orElse(false);
    }

    private void count(Subject.Kind kind, int mended) {
        meters.counter("sortie.work_orders.reconciled", "subject", kind.field()).increment(mended);
    }

    private static void complain(Awaiting awaiting, RuntimeException failed) {
        var subject = awaiting.subject();
        LOG.atError()
                .addKeyValue(subject.kind().field(), subject.id())
                .addKeyValue("work_order_id", awaiting.workOrderId())
                .setCause(failed)
                .log("what awaits a work order cannot be reconciled");
    }
}
