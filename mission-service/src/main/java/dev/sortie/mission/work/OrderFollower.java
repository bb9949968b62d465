package dev.sortie.mission.work;

import com.google.protobuf.Value;
import dev.sortie.change.v1.Change;
import dev.sortie.change.v1.ChangeKind;
import dev.sortie.mission.domain.OrderOutcomes.News;
import dev.sortie.mission.domain.Outcomes;
import dev.sortie.mission.domain.Subject;
import dev.sortie.mission.domain.TaskAssignees;
import dev.sortie.mission.domain.WorkOrder;
import dev.sortie.mission.domain.WorkOrders;
import dev.sortie.mission.domain.WorkOrdersException;
import dev.sortie.mission.store.FeedCursorStore;
import dev.sortie.runtime.change.ChangeFilter;
import dev.sortie.runtime.change.ChangeFollower;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.failure.FailureException;
import dev.sortie.runtime.sql.Database;
import dev.sortie.runtime.sql.SqlFailures;
import dev.sortie.runtime.sql.Tx;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Hears what becomes of orders, and has it applied, and which agents and workers are gone. The cursor moves in the
 * transaction of an outcome, so that a crash loses none.
 *
 * <p>Every replica follows; which of them applies an outcome is decided by the row of what the order is for. Whoever finds the cursor
 * elsewhere than it left it leaves it there, and goes on from there the next time: a position that any replica wrote is
 * one up to which that replica had dealt with everything, so any of them will do.
 */
public final class OrderFollower implements ChangeFollower.Handler {
    /** What to follow: of orders, those that are for something of ours. */
    public static final ChangeFilter CHANGES = new ChangeFilter(
            Set.of("work_order", "worker", "agent"),
            Map.of(
                    "work_order",
                    Arrays.stream(Subject.Kind.values())
                            .map(Subject.Kind::field)
                            .collect(Collectors.toSet())));

    static final String FEED = "agent-service/work_order";

    private static final Logger LOG = LoggerFactory.getLogger(OrderFollower.class);
    private static final Value NONE = Value.getDefaultInstance();

    private final Database database;
    private final FeedCursorStore cursors;
    private final Outcomes outcomes;
    private final WorkOrders orders;
    private final TaskAssignees assignees;
    private final Runnable reconcile;
    private String known = "";

    /**
     * @param reconcile looks at everything that awaits an order, for when changes may have been missed
     */
    public OrderFollower(
            Database database,
            FeedCursorStore cursors,
            Outcomes outcomes,
            WorkOrders orders,
            TaskAssignees assignees,
            Runnable reconcile) {
        this.database = database;
        this.cursors = cursors;
        this.outcomes = outcomes;
        this.orders = orders;
        this.assignees = assignees;
        this.reconcile = reconcile;
    }

    @Override
    public String cursor() {
        known = stored();
        return known;
    }

    @Override
    public void apply(List<Change> changes, String cursor) {
        var heard = changes.stream()
                .filter(change -> change.getResourceType().equals("work_order"))
                .flatMap(change -> hear(change).stream())
                .toList();
        // Most orders are nobody's here, or were dealt with by another replica: one look spares asking for each.
        var concerned = new HashSet<Subject>();
        for (var kind : Subject.Kind.values()) {
            var news = heard.stream()
                    .filter(one -> one.kind == kind)
                    .map(Heard::news)
                    .toList();
            if (!news.isEmpty()) {
                outcomes.of(kind)
                        .concerned(database.queries(), news)
                        .forEach(id -> concerned.add(new Subject(kind, id)));
            }
        }
        for (var one : heard) {
            if (concerned.contains(one.subject())) {
                apply(one);
            }
        }
        // Orders as they are by now, hence first: what a worker finished before it went is known.
        changes.forEach(this::forget);
        if (!cursor.equals(known)) {
            moveCursor(cursor);
        }
    }

    /** Forgets an agent or a worker that is gone. */
    private void forget(Change change) {
        boolean isDeleted = change.getKind() == ChangeKind.CHANGE_KIND_DELETED;
        switch (change.getResourceType()) {
            case "agent" -> {
                if (isDeleted) {
                    uuid(change.getResourceId()).ifPresent(assignees::forgetAgent);
                }
            }
            case "worker" -> {
                if (isDeleted
                        || change.getAttributes()
                                .getFieldsOrDefault("deregistered", NONE)
                                .getBoolValue()) {
                    uuid(change.getResourceId()).ifPresent(assignees::forgetWorker);
                }
            }
            default -> {}
        }
    }

    @Override
    public void reconcile() {
        reconcile.run();
    }

    private void apply(Heard heard) {
        var id = heard.news.workOrderId();
        try {
            var outcome =
                    orders.find(id).flatMap(order -> outcomes.of(heard.kind).prepare(database.queries(), order));
            if (outcome.isPresent()) {
                boolean moved = database.transaction(tx -> {
                    outcome.get().apply(tx);
                    return move(tx, heard.cursor);
                });
                known = moved ? heard.cursor : stored();
            }
        } catch (RuntimeException failed) {
            if (isPassing(failed)) {
                throw failed; // the batch comes again
            }
            leaveToReconciliation(id, failed);
        }
    }

    /** One order that cannot be dealt with must not keep all others waiting. */
    private static void leaveToReconciliation(UUID workOrderId, RuntimeException failed) {
        LOG.atError()
                .addKeyValue("work_order_id", workOrderId)
                .setCause(failed)
                .log("what became of a work order cannot be applied; it is left to the reconciliation");
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

    /** What a change says of an order; nothing of one that is for nothing here. */
    private static Optional<Heard> hear(Change change) {
        var order = uuid(change.getResourceId());
        if (order.isEmpty()) {
            return Optional.empty();
        }
        for (var kind : Subject.Kind.values()) {
            var subject = uuid(attribute(change, kind.field()));
            if (subject.isPresent()) {
                var worker = uuid(attribute(change, "worker_id")).orElse(null);
                return Optional.of(new Heard(
                        kind, new News(order.get(), subject.get(), statusOf(change), worker), change.getCursor()));
            }
        }
        return Optional.empty();
    }

    private static WorkOrder.@Nullable Status statusOf(Change change) {
        if (change.getKind() == ChangeKind.CHANGE_KIND_DELETED) {
            return null;
        }
        try {
            return WorkOrder.Status.valueOf(attribute(change, "status"));
        } catch (IllegalArgumentException _) {
            return null; // of a newer release: the order itself says more
        }
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

    /** A change, understood. */
    private record Heard(Subject.Kind kind, News news, String cursor) {
        Subject subject() {
            return new Subject(kind, news.subjectId());
        }
    }
}
