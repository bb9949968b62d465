package dev.sortie.knowledge.search;

import dev.sortie.knowledge.domain.ContextDocuments;
import dev.sortie.knowledge.store.ContextDocumentStore;
import dev.sortie.knowledge.v1.ErrorReason;
import dev.sortie.runtime.change.ChangeFeed;
import dev.sortie.runtime.change.Cursor;
import dev.sortie.runtime.change.LoggedChange;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.failure.FailureException;
import dev.sortie.runtime.process.PeriodicJob;
import dev.sortie.runtime.sql.Database;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import java.io.IOException;
import java.time.Duration;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.apache.lucene.store.AlreadyClosedException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The search over context documents. One thread keeps the index: it opens what an earlier process left or builds it from
 * the database, then follows the change log, reading the documents that changed as they are now. The index remembers its
 * place in the log in its own commits; what a commit has not, the log tells again, and telling something twice changes
 * nothing. Hence no crash loses anything, and an index that is missing, damaged, of another schema or too far behind is
 * simply made anew.
 *
 * <p>While there is no complete index, searches answer UNAVAILABLE with ERROR_REASON_INDEX_BEHIND and everything else
 * works: that is why the service's readiness does not depend on it.
 */
public final class SearchIndex implements AutoCloseable {
    /** The longest that a search waits for the revision that it must see. */
    public static final Duration LONGEST_WAIT = Duration.ofSeconds(10);

    private static final Logger LOG = LoggerFactory.getLogger(SearchIndex.class);
    private static final UUID LEAST = new UUID(0, 0);
    private static final Comparator<UUID> DATABASE_ORDER = ((Comparator<UUID>)
                    (a, b) -> Long.compareUnsigned(a.getMostSignificantBits(), b.getMostSignificantBits()))
            .thenComparing((a, b) -> Long.compareUnsigned(a.getLeastSignificantBits(), b.getLeastSignificantBits()));
    /** How long the follower waits for changes at most, hence how late it hears of the end of an idle transaction. */
    private static final Duration LISTEN = Duration.ofMillis(100);
    /** Makes a burst of commits cost a few refreshes rather than one each. */
    private static final Duration BETWEEN_REFRESHES = Duration.ofMillis(25);

    private static final Duration COMMIT_INTERVAL = Duration.ofSeconds(5);
    /** Also when no document changed: so that the place in the log stays within what the log keeps. */
    private static final Duration COMMIT_WHEN_IDLE = Duration.ofHours(1);

    private static final Duration SHORTEST_PAUSE = Duration.ofMillis(200);
    private static final Duration LONGEST_PAUSE = Duration.ofSeconds(10);
    private static final Duration CLOSING = Duration.ofSeconds(5);
    private static final Duration RETRY = Duration.ofSeconds(1);

    private final IndexFolder folder;
    private final Database database;
    private final ContextDocumentStore store;
    private final ChangeFeed changes;
    private final Counter builds;
    private final Thread keeper;
    private final PeriodicJob committer;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition advanced = lock.newCondition();
    private final Condition ended = lock.newCondition();
    private final ReentrantLock committing = new ReentrantLock();

    // Of the keeper's thread: the index, and up to where it has everything.
    private @Nullable DocumentIndex index;
    private @Nullable Cursor position;
    private long refreshedAt;

    private volatile @Nullable Shown shown;
    private volatile boolean uncommitted;
    private volatile long committedAt = System.nanoTime();
    private volatile boolean damaged;
    private volatile boolean closed;

    /** What searches see: the index, and the place in the change log up to which it has everything. */
    private record Shown(DocumentIndex index, Cursor upTo) {}

    /**
     * What was found.
     *
     * @param revision up to where changes were seen
     */
    public record Answer(SearchResult result, Cursor revision) {}

    private SearchIndex(
            IndexFolder folder,
            Database database,
            ContextDocumentStore store,
            ChangeFeed changes,
            MeterRegistry meters) {
        this.folder = folder;
        this.database = database;
        this.store = store;
        this.changes = changes;
        this.builds = meters.counter("sortie.search.index.builds");
        Gauge.builder("sortie.search.index.documents", this, SearchIndex::documents)
                .register(meters);
        this.keeper = Thread.ofVirtual().name("search-index").unstarted(this::keep);
        this.committer = PeriodicJob.start("search-commit", COMMIT_INTERVAL, meters, this::commitSometimes);
    }

    /**
     * Starts to keep an index; returns at once.
     *
     * @param folder belongs to the index until that is closed
     */
    public static SearchIndex start(
            IndexFolder folder,
            Database database,
            ContextDocumentStore store,
            ChangeFeed changes,
            MeterRegistry meters) {
        var started = new SearchIndex(folder, database, store, changes, meters);
        started.keeper.start();
        return started;
    }

    /**
     * Finds documents.
     *
     * @param least the search sees everything up to there, for which it waits; null when it need not
     * @param longest how long the caller waits for the answer
     * @throws FailureException UNAVAILABLE while there is no index or it is behind {@code least}, INVALID_ARGUMENT for a
     *     revision of another database, DEADLINE_EXCEEDED
     */
    public Answer find(SearchQuery question, @Nullable Cursor least, Duration longest) throws InterruptedException {
        long until = System.nanoTime() + longest.toNanos();
        var view = least == null ? shown : await(least, longest);
        if (view == null) {
            throw behind("the search index is being built; try again");
        }
        try (var searcher = view.index.searcher()) {
            var search = new DocumentSearch(searcher.search(), () -> System.nanoTime() - until > 0);
            return new Answer(search.find(question), view.upTo);
        } catch (SearchTimeoutException _) {
            throw Failure.deadlineExceeded(
                            dev.sortie.type.v1.ErrorReason.ERROR_REASON_DEADLINE_EXCEEDED,
                            "the search was not done in time")
                    .exception();
        } catch (AlreadyClosedException _) {
            throw behind("the search index is being built; try again");
        } catch (IOException broken) {
            LOG.error("the search index cannot be read; it is made anew", broken);
            damaged = true;
            throw behind("the search index is being built; try again");
        }
    }

    /** True while searches are answered. */
    public boolean isReady() {
        return shown != null;
    }

    /** Makes everything that was indexed durable, and ends. */
    @Override
    public void close() {
        lock.lock();
        try {
            closed = true;
            ended.signalAll();
            advanced.signalAll();
        } finally {
            lock.unlock();
        }
        // Neither thread is interrupted while it writes: that would break the index, and cost a new one.
        committing.lock();
        try {
            committer.close();
        } finally {
            committing.unlock();
        }
        try {
            if (!keeper.join(CLOSING)) {
                keeper.interrupt();
                keeper.join(CLOSING);
            }
        } catch (InterruptedException _) {
            Thread.currentThread().interrupt();
        }
        if (shown != null && uncommitted) {
            commit();
        }
        discard();
    }

    /** Waits for an index that has everything up to a revision. */
    private @Nullable Shown await(Cursor least, Duration longest) throws InterruptedException {
        var now = shown;
        if (now != null && covers(now, least)) {
            return now;
        }
        changes.wake();
        // Less than the caller's time, so that the caller learns why.
        long left = Math.min(LONGEST_WAIT.toNanos(), longest.toNanos() / 10 * 9);
        lock.lockInterruptibly();
        try {
            while (!closed) {
                now = shown;
                if (now != null && covers(now, least)) {
                    return now;
                }
                if (left <= 0) {
                    break;
                }
                left = advanced.awaitNanos(left);
            }
        } finally {
            lock.unlock();
        }
        throw behind("the search index has not caught up with min_revision; try again, or without it");
    }

    private static boolean covers(Shown view, Cursor least) {
        if (!view.upTo.epoch().equals(least.epoch())) {
            throw Failure.invalidArgument(
                            ErrorReason.ERROR_REASON_REVISION_INVALID,
                            "min_revision",
                            "not made by this service; use the revision of a response, or none")
                    .with("field", "min_revision")
                    .exception();
        }
        return view.upTo.position().compareTo(least.position()) >= 0;
    }

    private static FailureException behind(String message) {
        return Failure.unavailable(ErrorReason.ERROR_REASON_INDEX_BEHIND, RETRY, message)
                .exception();
    }

    /** The life of the keeper. */
    private void keep() {
        var pause = SHORTEST_PAUSE;
        while (!closed) {
            try {
                var kept = index == null ? open() : index;
                follow(kept);
                pause = SHORTEST_PAUSE;
            } catch (InterruptedException _) {
                return;
            } catch (FailureException tooOld) {
                LOG.warn("the change log does not reach back to the search index; it is made anew");
                damaged = true;
            } catch (IOException | RuntimeException | Error failed) {
                // Errors too: Lucene gives its writer up when memory runs out, and nobody else would notice.
                LOG.error("the search index cannot be kept; it is made anew", failed);
                damaged = true;
            }
            if (damaged) {
                discard();
            }
            try {
                pause(pause);
            } catch (InterruptedException _) {
                return;
            }
            var doubled = pause.multipliedBy(2);
            pause = doubled.compareTo(LONGEST_PAUSE) < 0 ? doubled : LONGEST_PAUSE;
        }
    }

    private DocumentIndex open() throws IOException, InterruptedException {
        if (!damaged) {
            var found = DocumentIndex.open(folder.index());
            if (found.isPresent()) {
                index = found.get();
                try {
                    position = Cursor.decode(index.committedPosition());
                    LOG.info("search index opened with {} documents", index.documents());
                    return index;
                } catch (FailureException garbled) {
                    LOG.warn("the search index does not say up to where it is", garbled);
                    discard();
                }
            }
        }
        return build();
    }

    /** Reads all documents. What changes in the meantime is read again from the log. */
    private DocumentIndex build() throws IOException, InterruptedException {
        long begin = System.nanoTime();
        builds.increment();
        var fresh = DocumentIndex.create(folder.index());
        damaged = false;
        try {
            var from = fromDatabase(changes::now);
            var last = LEAST;
            long documents = 0;
            boolean complete = false;
            while (!complete) {
                var after = last;
                var batch = fromDatabase(() -> store.batchAfter(database.queries(), after));
                fresh.put(batch.documents());
                documents += batch.documents().size();
                complete = batch.complete();
                last = complete ? last : batch.documents().getLast().id();
            }
            fresh.refresh();
            fresh.commit(from.encode());
            LOG.info(
                    "search index built from {} documents in {} ms",
                    documents,
                    TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - begin));
            position = from;
            index = fresh;
            return fresh;
        } catch (IOException | InterruptedException | RuntimeException failed) {
            fresh.close();
            throw failed;
        }
    }

    /** Applies changes until the end, or the end of the index. */
    private void follow(DocumentIndex kept) throws IOException, InterruptedException {
        var from = Objects.requireNonNull(position);
        var watch = changes.watch(from, Set.of(ContextDocuments.RESOURCE_TYPE));
        // An index of yesterday is shown once it is of today.
        var present = fromDatabase(changes::now);
        while (!closed && !damaged) {
            var batch = fromDatabase(() -> watch.next(LISTEN));
            boolean changed = !batch.changes().isEmpty();
            if (changed) {
                apply(kept, batch.changes());
                awaitNextRefresh();
                kept.refresh();
                refreshedAt = System.nanoTime();
            }
            position = batch.cursor();
            if (batch.cursor().position().compareTo(present.position()) >= 0) {
                show(new Shown(kept, batch.cursor()));
            }
            uncommitted |= changed;
        }
    }

    private void apply(DocumentIndex kept, List<LoggedChange> batch) throws IOException, InterruptedException {
        var remaining = new TreeSet<UUID>(DATABASE_ORDER);
        batch.forEach(change -> remaining.add(change.resourceId()));
        var gone = new HashSet<UUID>();
        while (!remaining.isEmpty()) {
            var found = fromDatabase(() -> store.batch(database.queries(), remaining));
            kept.put(found.documents());
            found.documents().forEach(document -> remaining.remove(document.id()));
            // Documents come in order: what the batch passed over is hidden or purged.
            var passed = found.complete()
                    ? remaining
                    : remaining.headSet(found.documents().getLast().id());
            gone.addAll(passed);
            passed.clear();
        }
        kept.remove(gone);
    }

    private void awaitNextRefresh() throws InterruptedException {
        long left = refreshedAt + BETWEEN_REFRESHES.toNanos() - System.nanoTime();
        if (left > 0) {
            TimeUnit.NANOSECONDS.sleep(left);
        }
    }

    private void show(@Nullable Shown view) {
        lock.lock();
        try {
            shown = view;
            advanced.signalAll();
        } finally {
            lock.unlock();
        }
    }

    private void commitSometimes() {
        boolean idleForLong = System.nanoTime() - committedAt > COMMIT_WHEN_IDLE.toNanos();
        if (shown == null || !(uncommitted || idleForLong) || !committing.tryLock()) {
            return;
        }
        try {
            commit();
        } finally {
            committing.unlock();
        }
    }

    private void commit() {
        uncommitted = false;
        var view = shown;
        if (view == null) {
            return;
        }
        try {
            view.index.commit(view.upTo.encode());
            committedAt = System.nanoTime();
        } catch (AlreadyClosedException _) {
            LOG.debug("the search index was given up before it was committed");
        } catch (IOException | RuntimeException failed) {
            LOG.error("the search index cannot be made durable; it is made anew", failed);
            damaged = true;
        }
    }

    private void discard() {
        show(null);
        var given = index;
        index = null;
        if (given != null) {
            try {
                given.close();
            } catch (IOException | RuntimeException failed) {
                LOG.debug("closing an index that is given up failed", failed);
            }
        }
    }

    private int documents() {
        var view = shown;
        try {
            return view == null ? 0 : view.index.documents();
        } catch (AlreadyClosedException _) {
            return 0;
        }
    }

    /** Something that asks the database. */
    @FunctionalInterface
    private interface Ask<T> {
        T ask() throws InterruptedException;
    }

    /**
     * Asks until there is an answer: a database that is away does not hurt the index.
     *
     * @throws FailureException OUT_OF_RANGE alone
     */
    private <T> T fromDatabase(Ask<T> question) throws InterruptedException {
        var pause = SHORTEST_PAUSE;
        while (true) {
            try {
                return question.ask();
            } catch (RuntimeException failed) {
                if (failed instanceof FailureException known && known.failure() instanceof Failure.OutOfRange) {
                    throw failed;
                }
                LOG.warn("the search index waits for the database: {}", failed.getMessage());
            }
            pause(pause);
            pause = pause.multipliedBy(2).compareTo(LONGEST_PAUSE) < 0 ? pause.multipliedBy(2) : LONGEST_PAUSE;
        }
    }

    /** Waits, and ends the keeper when the index is closed meanwhile. */
    private void pause(Duration longest) throws InterruptedException {
        lock.lockInterruptibly();
        try {
            long left = longest.toNanos();
            while (!closed && left > 0) {
                left = ended.awaitNanos(left);
            }
        } finally {
            lock.unlock();
        }
        if (closed) {
            throw new InterruptedException();
        }
    }
}
