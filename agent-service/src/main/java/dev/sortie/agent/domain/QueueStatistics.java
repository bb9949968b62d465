package dev.sortie.agent.domain;

import dev.sortie.agent.store.ActivityStore;
import dev.sortie.agent.store.BacklogStore;
import dev.sortie.runtime.sql.Database;
import dev.sortie.runtime.sql.Queries;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.ReentrantLock;

/** What goes on in queues: counted by every server, added up in the database. */
public final class QueueStatistics {
    private static final List<Duration> WINDOWS =
            List.of(Duration.ofMinutes(1), Duration.ofMinutes(5), Duration.ofHours(1));
    private static final Duration KEPT = Duration.ofHours(2);
    private static final int BATCH = 5_000;

    private final Database database;
    private final Tallies tallies;
    private final ActivityStore activities;
    private final BacklogStore backlogs;
    private final WorkSignals signals;
    private final Listener listener;
    private final ReentrantLock writing = new ReentrantLock();

    /** Hears of what this server has counted. */
    @FunctionalInterface
    public interface Listener {
        void counted(String queueName, Activity activity);
    }

    public QueueStatistics(
            Database database,
            Tallies tallies,
            ActivityStore activities,
            BacklogStore backlogs,
            WorkSignals signals,
            Listener listener) {
        this.database = database;
        this.tallies = tallies;
        this.activities = activities;
        this.backlogs = backlogs;
        this.signals = signals;
        this.listener = listener;
    }

    /** What goes on in a queue, with all that this server has counted. */
    public QueueStats get(Queries queries, String queueName) {
        write(queries);
        var backlog = backlogs.find(queries, List.of(queueName)).stream()
                .findFirst()
                .orElseThrow(() -> AgentFailures.notFound("queue", queueName));
        var now = queries.now();
        var since = WINDOWS.stream().map(window -> begin(now, window)).toList();
        var kept = activities.list(queries, queueName, since.getLast());
        return new QueueStats(
                backlog, since.stream().map(from -> window(from, now, kept)).toList(), now);
    }

    private static QueueStats.Window window(Instant from, Instant now, Map<Instant, Activity> kept) {
        var sum = new Activity();
        kept.forEach((at, activity) -> {
            if (!at.isBefore(from)) {
                sum.add(activity);
            }
        });
        return new QueueStats.Window(Duration.between(from, now), sum);
    }

    /** The first slot that is wholly within a window. */
    private static Instant begin(Instant now, Duration window) {
        return Tallies.slotOf(now.minus(window)).plus(Tallies.SLOT);
    }

    /** Writes what was counted. What cannot be written now is written the next time. */
    public void write() {
        var waitedFor = signals.waitedFor();
        if (!waitedFor.isEmpty()) {
            tallies.asked(waitedFor, database.clock().instant());
        }
        write(database.queries());
    }

    /** When it returns, all that was counted before it began is written, by whomever. */
    private void write(Queries queries) {
        writing.lock();
        try {
            var taken = tallies.take();
            if (!taken.isEmpty()) {
                write(queries, taken);
            }
        } finally {
            writing.unlock();
        }
    }

    private void write(Queries queries, Map<Tallies.Slot, Activity> taken) {
        try {
            activities.add(queries, taken);
        } catch (RuntimeException failed) {
            tallies.putBack(taken);
            throw failed;
        }
        taken.forEach((slot, activity) -> listener.counted(slot.queueName(), activity));
    }

    /** How many orders are where, queue by queue, counted less far than for one of them. */
    public List<QueueStats.Backlog> backlogs() {
        return backlogs.findAll(database.queries());
    }

    /** Forgets what is too old for anybody to ask for. */
    public void forget() {
        var queries = database.queries();
        while (activities.forget(queries, queries.now().minus(KEPT), BATCH) == BATCH) {}
    }
}
