package dev.sortie.runtime.change;

import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.sql.Database;
import dev.sortie.type.v1.ErrorReason;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.vertx.pgclient.pubsub.PgSubscriber;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The change log of this service's database, for any number of watchers in this process. One reader asks the database;
 * it is woken by commits here, by notifications from other replicas, and in any case by the clock, which is what makes
 * it right. The newest changes stay in memory; a watcher that is further behind reads the table for itself until it has
 * caught up, so that slow watchers cost nobody else anything.
 */
public final class ChangeFeed implements AutoCloseable {
    /** The most changes in one batch. */
    public static final int MAX_BATCH = ChangeLog.MAX_ROWS;

    private static final Logger LOG = LoggerFactory.getLogger(ChangeFeed.class);
    private static final String CHANNEL = "sortie_change";
    private static final int KEPT_IN_MEMORY = 4_096;
    private static final int MAX_BATCH_CHARACTERS = 1024 * 1024;
    private static final Duration POLL = Duration.ofSeconds(1);
    private static final Duration POLL_WHILE_PENDING = Duration.ofMillis(20);
    // Between two looks, so that many commits are read by one.
    private static final Duration BREATH = Duration.ofMillis(20);

    private final Database database;
    private final ChangeLog log;
    private final UUID replica = UUID.randomUUID();
    private final PgSubscriber subscriber;
    private final Thread reader;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition woken = lock.newCondition();
    private final Condition advanced = lock.newCondition();

    // All below under the lock.
    private final ArrayDeque<LoggedChange> recent = new ArrayDeque<>();
    private @Nullable UUID epoch;
    private Position recentFrom = new Position(0, 0); // everything after it and up to `read` is in `recent`
    private Position read = new Position(0, 0);
    private boolean wake;
    private boolean notify;
    private boolean closed;
    private volatile @Nullable Instant pendingSince;
    private final Counter failures;

    private ChangeFeed(Database database, MeterRegistry meters) {
        this.database = database;
        this.log = new ChangeLog(database);
        this.failures = meters.counter("sortie.change.read.failures");
        Gauge.builder("sortie.change.lag.seconds", this, ChangeFeed::lagSeconds).register(meters);
        this.subscriber = PgSubscriber.subscriber(database.vertx(), database.connectOptions())
                .reconnectPolicy(attempt -> Math.min(5_000L, 100L << Math.min(attempt, 6)));
        this.reader = Thread.ofVirtual().name("change-feed").unstarted(this::run);
    }

    /** Starts reading. A database that is down is tried again until it is up. */
    public static ChangeFeed start(Database database, MeterRegistry meters) {
        var feed = new ChangeFeed(database, meters);
        database.onChange(feed::committedHere);
        var channel = feed.subscriber.channel(CHANNEL);
        channel.subscribeHandler(_ -> feed.wake()); // what was notified before may have been missed
        channel.handler(from -> {
            if (!from.equals(feed.replica.toString())) {
                feed.wake();
            }
        });
        feed.subscribe();
        feed.reader.start();
        return feed;
    }

    /**
     * Some changes in the order of the log.
     *
     * @param changes oldest first; may be empty
     * @param cursor after these and everything that was filtered out before
     */
    public record Batch(List<LoggedChange> changes, Cursor cursor) {}

    /**
     * The present: a watch from here sees what is committed from now on, and perhaps what was committed just before,
     * while an older transaction was still under way. Waits for the database.
     */
    public Cursor now() {
        var slice = log.read(new Position(-1L, Long.MAX_VALUE));
        return new Cursor(slice.epoch(), slice.horizon());
    }

    /** The beginning of what is kept. */
    public Cursor oldest() {
        var slice = log.read(new Position(-1L, Long.MAX_VALUE));
        return new Cursor(slice.epoch(), slice.trimmed());
    }

    /**
     * Watches from a cursor on. Costs nothing while it is not asked for anything.
     *
     * @param resourceTypes the types to see; empty means all
     */
    public Watch watch(Cursor from, Set<String> resourceTypes) {
        return watch(from, ChangeFilter.of(resourceTypes));
    }

    /** The same for some of the changes of a type. */
    public Watch watch(Cursor from, ChangeFilter filter) {
        return new Watch(from, filter);
    }

    /** One watcher's way through the log. For one thread. */
    public final class Watch {
        private final UUID watchedEpoch;
        private final ChangeFilter filter;
        private Position position;

        private Watch(Cursor from, ChangeFilter filter) {
            this.watchedEpoch = from.epoch();
            this.position = from.position();
            this.filter = filter;
        }

        /**
         * The next changes, after waiting for some; empty, with a newer cursor perhaps, when none came in time.
         *
         * @throws dev.sortie.runtime.failure.FailureException OUT_OF_RANGE when what follows the cursor is no longer
         *     kept
         */
        public Batch next(Duration longest) throws InterruptedException {
            long until = System.nanoTime() + longest.toNanos();
            while (true) {
                var found = fromMemory(until);
                if (found == null) {
                    found = fromTable();
                }
                if (!found.isEmpty() || System.nanoTime() - until >= 0) {
                    return new Batch(found, new Cursor(watchedEpoch, position));
                }
            }
        }

        /** What is in memory after the position, after waiting for it; null when memory does not reach back so far. */
        private @Nullable List<LoggedChange> fromMemory(long until) throws InterruptedException {
            lock.lockInterruptibly();
            try {
                while (true) {
                    long left = until - System.nanoTime();
                    if (epoch == null) { // nothing has been read yet
                        if (left <= 0) {
                            return List.of();
                        }
                        advanced.await(left, TimeUnit.NANOSECONDS);
                        continue;
                    }
                    if (!watchedEpoch.equals(epoch) || position.isBefore(recentFrom)) {
                        return null;
                    }
                    var found = collect();
                    if (!found.isEmpty() || left <= 0) {
                        return found;
                    }
                    if (!position.isBefore(read)) {
                        advanced.await(left, TimeUnit.NANOSECONDS);
                    }
                }
            } finally {
                lock.unlock();
            }
        }

        private List<LoggedChange> collect() {
            var found = new ArrayList<LoggedChange>();
            int characters = 0;
            // From the newest backwards to the position is usually a short way.
            var newer = new ArrayDeque<LoggedChange>();
            for (var iterator = recent.descendingIterator(); iterator.hasNext(); ) {
                var change = iterator.next();
                if (!position.isBefore(change.position())) {
                    break;
                }
                newer.push(change);
            }
            for (var change : newer) {
                if (found.size() == MAX_BATCH || characters > MAX_BATCH_CHARACTERS) {
                    return found;
                }
                position = change.position();
                if (filter.concerns(change)) {
                    found.add(change);
                    characters += change.attributes().length();
                }
            }
            if (position.isBefore(read)) {
                position = read;
            }
            return found;
        }

        private List<LoggedChange> fromTable() {
            var slice = log.read(position);
            if (!slice.epoch().equals(watchedEpoch) || position.isBefore(slice.trimmed())) {
                throw tooOld();
            }
            var found = new ArrayList<LoggedChange>();
            int characters = 0;
            for (var change : slice.changes()) {
                if (characters > MAX_BATCH_CHARACTERS) {
                    return found;
                }
                position = change.position();
                if (filter.concerns(change)) {
                    found.add(change);
                    characters += change.attributes().length();
                }
            }
            var end = slice.end();
            if (position.isBefore(end)) {
                position = end;
            }
            return found;
        }
    }

    /** Deletes what is older than a time, bounded per statement. To be called now and then by any replica. */
    public long trim(Instant before) {
        long all = 0;
        long trimmed;
        do {
            trimmed = log.trim(before, 5_000);
            all += trimmed;
        } while (trimmed == 5_000);
        return all;
    }

    /** Reads the log at once rather than at the next tick. */
    public void wake() {
        lock.lock();
        try {
            wake = true;
            woken.signal();
        } finally {
            lock.unlock();
        }
    }

    @Override
    public void close() {
        lock.lock();
        try {
            closed = true;
            woken.signal();
        } finally {
            lock.unlock();
        }
        subscriber.close();
        reader.interrupt();
    }

    private RuntimeException tooOld() {
        var failure = Failure.outOfRange(
                ErrorReason.ERROR_REASON_CURSOR_TOO_OLD,
                "the changes after this cursor are no longer kept; read the resources anew and watch from now");
        var oldest = log.oldestTime();
        return (oldest == null ? failure : failure.with("oldest_time", oldest)).exception();
    }

    private void subscribe() {
        subscriber.connect().onFailure(failed -> {
            LOG.debug("no notifications of changes yet, polling only: {}", failed.getMessage());
            database.vertx().setTimer(5_000, _ -> {
                if (!isClosed()) {
                    subscribe();
                }
            });
        });
    }

    private boolean isClosed() {
        lock.lock();
        try {
            return closed;
        } finally {
            lock.unlock();
        }
    }

    private void committedHere() {
        lock.lock();
        try {
            wake = true;
            notify = true;
            woken.signal();
        } finally {
            lock.unlock();
        }
    }

    private void run() {
        var pause = Duration.ZERO;
        boolean healthy = true;
        while (await(pause)) {
            try {
                tellOthers();
                readOn();
                var pending = pendingSince;
                // A change waits for an older transaction, whose end, if it wrote nothing, wakes nobody.
                pause = pending == null
                        ? POLL
                        : pause.compareTo(POLL_WHILE_PENDING) < 0 || pause.equals(POLL)
                                ? POLL_WHILE_PENDING
                                : min(pause.multipliedBy(2), Duration.ofMillis(200));
                healthy = true;
            } catch (RuntimeException failed) {
                pause = POLL;
                failures.increment();
                if (healthy) {
                    LOG.warn("the change log cannot be read; trying again every second", failed);
                }
                healthy = false;
            }
        }
    }

    private boolean await(Duration pause) {
        lock.lock();
        try {
            long breath = Math.min(BREATH.toNanos(), pause.toNanos());
            while (!closed && breath > 0) {
                breath = woken.awaitNanos(breath);
            }
            long left = pause.minus(BREATH).toNanos();
            while (!wake && !closed && left > 0) {
                left = woken.awaitNanos(left);
            }
            wake = false;
            return !closed;
        } catch (InterruptedException _) {
            return false;
        } finally {
            lock.unlock();
        }
    }

    /** One notification for all commits since the last one. */
    private void tellOthers() {
        boolean due;
        lock.lock();
        try {
            due = notify;
            notify = false;
        } finally {
            lock.unlock();
        }
        if (due) {
            database.queries().list("SELECT pg_notify($1::text, $2::text)::text", _ -> "", CHANNEL, replica.toString());
        }
    }

    private void readOn() {
        while (true) {
            Position from;
            lock.lock();
            try {
                from = read;
            } finally {
                lock.unlock();
            }
            boolean first = from.xid() == 0;
            var slice = log.read(first ? new Position(-1L, Long.MAX_VALUE) : from);
            pendingSince = slice.pendingSince();
            lock.lock();
            try {
                if (!slice.epoch().equals(epoch)) {
                    recent.clear();
                    epoch = slice.epoch();
                    read = slice.horizon();
                    recentFrom = read;
                } else {
                    recent.addAll(slice.changes());
                    read = slice.end();
                    while (recent.size() > KEPT_IN_MEMORY) {
                        recentFrom = recent.removeFirst().position();
                    }
                }
                if (!slice.changes().isEmpty() || first) {
                    advanced.signalAll();
                }
            } finally {
                lock.unlock();
            }
            if (!slice.isFull()) {
                return;
            }
        }
    }

    private double lagSeconds() {
        var pending = pendingSince;
        return pending == null
                ? 0
                : Duration.between(pending, database.clock().instant()).toMillis() / 1_000.0;
    }

    private static Duration min(Duration a, Duration b) {
        return a.compareTo(b) < 0 ? a : b;
    }
}
