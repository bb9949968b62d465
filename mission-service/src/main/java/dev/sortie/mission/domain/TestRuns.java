package dev.sortie.mission.domain;

import dev.sortie.mission.store.MissionStore;
import dev.sortie.mission.store.TestRunStore;
import dev.sortie.runtime.id.Ids;
import dev.sortie.runtime.paging.Keyset;
import dev.sortie.runtime.paging.Page;
import dev.sortie.runtime.paging.PageRequest;
import dev.sortie.runtime.sql.Change;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Tx;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * What callers do with runs of tests. Starting and finishing one holds the lock of its mission, so that a mission that
 * completes looks at all of them; results hold the lock of the run only.
 */
public final class TestRuns {
    private static final int MAX_RESULTS = 50_000;
    private static final int MAX_CATEGORIES = 100;
    private static final int MAX_LOG_CHUNKS = 10_000;

    private final TestRunStore runs;
    private final MissionStore missions;
    private final Ids ids;

    public TestRuns(TestRunStore runs, MissionStore missions, Ids ids) {
        this.runs = runs;
        this.missions = missions;
        this.ids = ids;
    }

    /** Results and pieces of the log of one run. */
    public record Report(UUID id, List<TestResult> results, List<TestLogChunk> logChunks) {}

    /**
     * What came of a report.
     *
     * @param added how many results are new
     * @param replaced how many took the place of an earlier one
     */
    public record Reported(TestRun run, long added, long replaced) {}

    /**
     * A run that shall end.
     *
     * @param etag the version that it must still have; empty means any
     */
    public record Finish(UUID id, String etag) {}

    /** Which results to list. */
    public record ResultFilter(UUID id, @Nullable TestResultStatus status) {}

    /** Starts a run. */
    public TestRun start(Tx tx, UUID missionId) {
        var mission = missions.lock(tx, missionId)
                .filter(found -> !found.isDeleted())
                .orElseThrow(() -> Refusals.referenceNotFound("mission_id", "mission", missionId));
        tx.principal().requireOwner(mission.userId(), "mission", mission.id());
        if (mission.status().isTerminal()) {
            throw Refusals.notChangeable(
                    "mission", mission.id(), mission.status(), "a mission that has ended has no new test runs");
        }
        var run = runs.insert(tx, ids.next(), mission.id());
        tx.change(describe(Change.created("test_run", run.id(), run.version()), run));
        return run;
    }

    /**
     * Stores results and pieces of the log. What is there under the same category and name, or at the same place, is
     * replaced: the last word on a test counts, and a stream that broke can be sent again.
     */
    public Reported report(Tx tx, Report report) {
        var filling = fill(tx, report.id());
        filling.put(report.results(), report.logChunks());
        return filling.end();
    }

    /** Takes a run in hand, to fill it batch by batch in one transaction. */
    public Filling fill(Tx tx, UUID id) {
        var run = runs.find(tx, id).orElseThrow(() -> Refusals.notFound("test_run", id));
        checkOwner(tx, run);
        run = runs.lock(tx, id).orElseThrow(() -> Refusals.notFound("test_run", id));
        checkMove(run, TestRun.Move.REPORT);
        return new Filling(tx, run);
    }

    /** A run that is being filled; it is locked. */
    public final class Filling {
        private final Tx tx;
        private final TestRun run;
        private final TreeSet<String> categories;
        private long added;
        private long replaced;
        private int chunksAdded;

        private Filling(Tx tx, TestRun run) {
            this.tx = tx;
            this.run = run;
            this.categories = new TreeSet<>(run.categories());
        }

        /** Stores results and pieces of the log in the place of those that are there. */
        public void put(List<TestResult> results, List<TestLogChunk> logChunks) {
            var last = lastWords(results);
            var chunks = new LinkedHashMap<Long, TestLogChunk>();
            logChunks.forEach(chunk -> chunks.put(chunk.sequence(), chunk));
            last.forEach(result -> categories.add(result.category()));
            if (categories.size() > MAX_CATEGORIES) {
                throw Refusals.tooManyChildren("test_run", run.id(), MAX_CATEGORIES);
            }
            int fresh = runs.putResults(tx, run.id(), last);
            added += fresh;
            replaced += last.size() - fresh;
            if (run.resultCount() + added > MAX_RESULTS) {
                throw Refusals.tooManyChildren("test_run", run.id(), MAX_RESULTS);
            }
            chunksAdded += runs.putLogChunks(tx, run.id(), chunks.values());
            if (run.logChunkCount() + chunksAdded > MAX_LOG_CHUNKS) {
                throw Refusals.tooManyChildren("test_run", run.id(), MAX_LOG_CHUNKS);
            }
        }

        /** The place behind the last piece of the log. */
        public long nextLogPlace() {
            return runs.lastLogPlace(tx, run.id()) + 1;
        }

        /** Writes what the run has by now, as one change. */
        public Reported end() {
            var updated = runs.grow(
                    tx,
                    run.id(),
                    List.copyOf(categories),
                    run.resultCount() + Math.toIntExact(added),
                    run.logChunkCount() + chunksAdded);
            return new Reported(noteChange(tx, updated), added, replaced);
        }
    }

    /** Ends a run, with the summary of its results. */
    public TestRun finish(Tx tx, Finish finish) {
        var mission = runs.missionOf(tx, finish.id())
                .flatMap(missionId -> missions.lock(tx, missionId))
                .filter(found -> !found.isDeleted())
                .orElseThrow(() -> Refusals.notFound("test_run", finish.id()));
        tx.principal().requireOwner(mission.userId(), "mission", mission.id());
        // Under the mission's lock: it may have gone meanwhile. And results that are being stored are waited for.
        var run = runs.lock(tx, finish.id()).orElseThrow(() -> Refusals.notFound("test_run", finish.id()));
        Refusals.checkEtag("test_run", run.id(), finish.etag(), run.version());
        checkMove(run, TestRun.Move.FINISH);
        return noteChange(tx, runs.finish(tx, run.id(), runs.summarize(tx, run.id())));
    }

    public TestRun get(Queries queries, UUID id) {
        return runs.find(queries, id).orElseThrow(() -> Refusals.notFound("test_run", id));
    }

    /**
     * A page of a mission's runs, newest first.
     *
     * @param status only those in it, where given
     */
    public Page<TestRun> list(Queries queries, UUID missionId, @Nullable TestRunStatus status, PageRequest page) {
        if (!missions.isVisible(queries, missionId)) {
            throw Refusals.notFound("mission", missionId);
        }
        return page.page(
                runs.list(queries, missionId, status, page.after(), page.limit()),
                run -> Keyset.of(run.createdAt(), run.id()));
    }

    /** A page of a run's results by category and name. */
    public Page<TestResult> listResults(Queries queries, ResultFilter filter, PageRequest page) {
        get(queries, filter.id());
        var found = runs.listResults(queries, filter, page.after(), page.limit());
        return page.page(found.items(), found.cut(), result -> Keyset.of(result.category(), result.name()));
    }

    /** A page of a run's log. */
    public Page<TestLogChunk> listLogs(Queries queries, UUID id, PageRequest page) {
        get(queries, id);
        var found = runs.listLogChunks(queries, id, page.after(), page.limit());
        return page.page(found.items(), found.cut(), chunk -> Keyset.of(chunk.sequence()));
    }

    /** The newest run of a mission. */
    Optional<TestRun> newest(Tx tx, UUID missionId) {
        return runs.list(tx, missionId, null, null, 1).stream().findFirst();
    }

    /** Deletes the runs of a mission that is purged. */
    void deleteOfMission(Tx tx, UUID missionId) {
        runs.deleteOfMission(tx, missionId)
                .forEach(run -> tx.change(describe(Change.deleted("test_run", run.id(), run.version()), run)));
    }

    private static Collection<TestResult> lastWords(List<TestResult> results) {
        var last = new LinkedHashMap<List<String>, TestResult>();
        results.forEach(result -> last.put(List.of(result.category(), result.name()), result));
        return last.values();
    }

    private void checkOwner(Tx tx, TestRun run) {
        var mission = missions.find(tx, run.missionId()).orElseThrow(() -> Refusals.notFound("test_run", run.id()));
        tx.principal().requireOwner(mission.userId(), "mission", mission.id());
    }

    private static void checkMove(TestRun run, TestRun.Move move) {
        if (run.status() != TestRunStatus.RUNNING) {
            throw Refusals.moveNotAllowed("test_run", run.id(), run.status(), move, List.of());
        }
    }

    private static TestRun noteChange(Tx tx, TestRun run) {
        tx.change(describe(Change.updated("test_run", run.id(), run.version()), run));
        return run;
    }

    static Change describe(Change change, TestRun run) {
        return change.with("status", run.status()).with("mission_id", run.missionId());
    }
}
