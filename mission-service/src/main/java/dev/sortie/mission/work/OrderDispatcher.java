package dev.sortie.mission.work;

import dev.sortie.mission.domain.OrderOutcomes;
import dev.sortie.mission.domain.OutboxEntry;
import dev.sortie.mission.domain.Outcomes;
import dev.sortie.mission.domain.WorkOrderDraft;
import dev.sortie.mission.domain.WorkOrders;
import dev.sortie.mission.domain.WorkOrdersException;
import dev.sortie.mission.store.OutboxStore;
import dev.sortie.runtime.sql.Database;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

/**
 * Empties the outbox: tells agent-service which orders to place and which to cancel. Any number of replicas may do so at
 * once. Whatever is interrupted in the middle is done again, which changes nothing: an order has one name.
 */
public final class OrderDispatcher {
    private static final Logger LOG = LoggerFactory.getLogger(OrderDispatcher.class);
    private static final int BATCH = 32;
    /** Somewhat longer than a call to agent-service may take, and no longer: a sender that was killed leaves its claim. */
    private static final Duration CLAIM = Duration.ofSeconds(8);

    private static final Duration FIRST_PAUSE = Duration.ofMillis(250);
    private static final Duration LONGEST_PAUSE = Duration.ofSeconds(5);
    private static final int MAX_FAULTS = 20;

    private final Database database;
    private final OutboxStore outbox;
    private final Outcomes outcomes;
    private final WorkOrders orders;
    private final AtomicLong waiting = new AtomicLong();
    private final AtomicLong longestWaitSeconds = new AtomicLong();

    public OrderDispatcher(
            Database database, OutboxStore outbox, Outcomes outcomes, WorkOrders orders, MeterRegistry meters) {
        this.database = database;
        this.outbox = outbox;
        this.outcomes = outcomes;
        this.orders = orders;
        Gauge.builder("sortie.outbox.entries", waiting, AtomicLong::get).register(meters);
        Gauge.builder("sortie.outbox.oldest.seconds", longestWaitSeconds, AtomicLong::get)
                .register(meters);
    }

    /** Sends everything that is due now. What cannot be sent is due again a little later. */
    public void run() throws InterruptedException {
        int taken;
        do {
            taken = runOnce();
        } while (taken == BATCH);
    }

    /** Looks how much waits to be sent, for those who watch. */
    public void measure() {
        var queries = database.queries();
        var backlog = outbox.backlog(queries);
        waiting.set(backlog.entries());
        var oldest = backlog.oldest();
        longestWaitSeconds.set(
                oldest == null ? 0 : Duration.between(oldest, queries.now()).toSeconds());
    }

    /** Sends some of what is due; tells how many. */
    int runOnce() throws InterruptedException {
        var due = database.transaction(tx -> outbox.claimDue(tx, tx.now().plus(CLAIM), BATCH));
        if (due.size() == 1) {
            send(due.getFirst());
            return 1;
        }
        try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            var sent = new ArrayList<Future<?>>();
            due.forEach(entry -> sent.add(threads.submit(() -> send(entry))));
            for (var one : sent) {
                one.get();
            }
        } catch (ExecutionException failed) {
            // What was taken comes up again when the claim on it ends.
            throw new IllegalStateException("an entry of the outbox could not be dealt with", failed.getCause());
        }
        return due.size();
    }

    private void send(OutboxEntry entry) {
        try {
            switch (entry.kind()) {
                case ENQUEUE -> place(entry, Objects.requireNonNull(entry.draft()));
                case CANCEL -> cancel(entry);
            }
        } catch (WorkOrdersException failed) {
            handle(entry, failed);
        }
    }

    private void place(OutboxEntry entry, WorkOrderDraft draft) {
        var order = orders.place(draft);
        database.transaction(tx -> {
            outcomesOf(entry).placed(tx, entry.subject().id(), entry.attempt(), order);
            // Where it has become something else, what it is for was cancelled meanwhile, and so will be the order.
            return outbox.remove(tx, entry);
        });
        LOG.atInfo()
                .addKeyValue(entry.subject().kind().field(), entry.subject().id())
                .addKeyValue("attempt", entry.attempt())
                .addKeyValue("work_order_id", order)
                .log("work order is placed");
    }

    private void cancel(OutboxEntry entry) {
        UUID order = entry.workOrderId();
        if (order == null) {
            // It may have arrived, be on its way, or never have left: placing it makes the first of the three true, and
            // one that still comes in after this finds its name taken.
            order = orders.place(Objects.requireNonNull(entry.draft()));
        }
        orders.cancel(order, entry.reason());
        outbox.remove(database.queries(), entry);
        LOG.atInfo()
                .addKeyValue(entry.subject().kind().field(), entry.subject().id())
                .addKeyValue("attempt", entry.attempt())
                .addKeyValue("work_order_id", order)
                .log("work order is cancelled");
    }

    private void handle(OutboxEntry entry, WorkOrdersException failed) {
        boolean hopeless = switch (failed.kind()) {
            case AWAY -> false;
            case REFUSED -> true;
            case FAULTY -> entry.sends() >= MAX_FAULTS;
        };
        if (!hopeless) {
            postpone(entry, failed);
            return;
        }
        LOG.atWarn()
                .addKeyValue(entry.subject().kind().field(), entry.subject().id())
                .addKeyValue("attempt", entry.attempt())
                .addKeyValue("kind", entry.kind())
                .addKeyValue("error", failed.text())
                .log("agent-service refuses");
        database.transaction(tx -> {
            if (entry.kind() == OutboxEntry.Kind.ENQUEUE) {
                outcomesOf(entry)
                        .giveUp(
                                tx,
                                entry.subject().id(),
                                entry.attempt(),
                                null,
                                "agent-service does not take the work order: " + failed.text());
            }
            return outbox.remove(tx, entry);
        });
    }

    private OrderOutcomes outcomesOf(OutboxEntry entry) {
        return outcomes.of(entry.subject().kind());
    }

    private void postpone(OutboxEntry entry, WorkOrdersException failed) {
        long longest = FIRST_PAUSE.toMillis() << Math.min(entry.sends() - 1, 10);
        long pause = Math.min(LONGEST_PAUSE.toMillis(), longest);
        long jittered = pause - ThreadLocalRandom.current().nextLong(pause / 4);
        var queries = database.queries();
        outbox.postpone(queries, entry, queries.now().plusMillis(jittered), failed.text());
        // Once for each entry is enough: it goes on as long as it has to.
        LOG.atLevel(entry.sends() == 1 ? Level.WARN : Level.DEBUG)
                .addKeyValue(entry.subject().kind().field(), entry.subject().id())
                .addKeyValue("sends", entry.sends())
                .addKeyValue("error", failed.text())
                .log("agent-service does not take what is sent; it is sent again");
    }
}
