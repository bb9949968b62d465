package dev.sortie.agent.domain;

import dev.sortie.agent.store.BacklogStore;
import dev.sortie.runtime.change.ChangeFeed;
import dev.sortie.runtime.sql.Database;
import dev.sortie.runtime.sql.Queries;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** How many workers there should be, as far as that follows from what waits in queues. */
public final class Scaling {
    private static final Duration REPEATED = Duration.ofSeconds(30);
    private static final Duration LOOK = Duration.ofSeconds(10);

    private final Database database;
    private final BacklogStore backlogs;
    private final ChangeFeed changes;

    public Scaling(Database database, BacklogStore backlogs, ChangeFeed changes) {
        this.database = database;
        this.backlogs = backlogs;
        this.changes = changes;
    }

    /**
     * By what is scaled.
     *
     * @param targetBacklog orders for each worker; null when not by them
     * @param targetOldestAge seconds that the oldest order waits, for each worker; null when not by them
     * @param activationBacklog with no more orders, no worker need run
     */
    public record Trigger(
            List<String> queueNames,
            @Nullable Double targetBacklog,
            @Nullable Double targetOldestAge,
            double activationBacklog) {}

    /**
     * How much there is to do in queues that are not paused.
     *
     * @param backlog orders that are claimable or held: who holds one must not be stopped for want of others
     * @param oldestAge for how long the oldest claimable one has been so
     */
    public record Load(long backlog, Duration oldestAge) {}

    /** Takes whether there is anything to do. */
    @FunctionalInterface
    public interface Receiver {
        void take(boolean active) throws InterruptedException;
    }

    public Load measure(Queries queries, Trigger trigger) {
        var open = backlogs.find(queries, trigger.queueNames).stream()
                .filter(backlog -> !backlog.paused())
                .toList();
        long backlog = open.stream()
                .mapToLong(one -> one.claimable().count() + one.claimed().count())
                .sum();
        var age = open.stream()
                .map(QueueStats.Backlog::oldestAt)
                .filter(Objects::nonNull)
                .min(Comparator.naturalOrder())
                .map(oldest -> Duration.between(oldest, queries.now()))
                .filter(Duration::isPositive)
                .orElse(Duration.ZERO);
        return new Load(backlog, age);
    }

    public boolean isActive(Queries queries, Trigger trigger) {
        return measure(queries, trigger).backlog > trigger.activationBacklog;
    }

    /** Says whether there is anything to do, whenever that changes; returns only by failing. */
    public void follow(Trigger trigger, Receiver receiver) throws InterruptedException {
        var watch = changes.watch(changes.now(), Set.of("work_order", "queue"));
        Boolean said = null;
        long saidAt = 0;
        while (true) {
            boolean active = isActive(database.queries(), trigger);
            if (said == null || said != active || System.nanoTime() - saidAt >= REPEATED.toNanos()) {
                receiver.take(active);
                said = active;
                saidAt = System.nanoTime();
            }
            // Orders whose time comes are in no change: hence a look now and then.
            long until = System.nanoTime() + LOOK.toNanos();
            boolean changed = false;
            while (!changed && System.nanoTime() < until) {
                changed = watch.next(Duration.ofNanos(Math.max(0, until - System.nanoTime()))).changes().stream()
                        .anyMatch(change -> concerns(change.attributes(), trigger));
            }
            TimeUnit.MILLISECONDS.sleep(500); // one look for what changes meanwhile
        }
    }

    private static boolean concerns(String attributes, Trigger trigger) {
        return trigger.queueNames.stream().anyMatch(name -> attributes.contains('"' + name + '"'));
    }
}
