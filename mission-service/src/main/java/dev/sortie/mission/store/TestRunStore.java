package dev.sortie.mission.store;

import dev.sortie.mission.domain.TestLogChunk;
import dev.sortie.mission.domain.TestResult;
import dev.sortie.mission.domain.TestResultStatus;
import dev.sortie.mission.domain.TestRun;
import dev.sortie.mission.domain.TestRunStatus;
import dev.sortie.mission.domain.TestRuns;
import dev.sortie.runtime.paging.Keyset;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Rows;
import dev.sortie.runtime.sql.Tx;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import io.vertx.sqlclient.Row;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** The tables of test runs, their results and their logs. */
public final class TestRunStore {
    // With the item that exceeds it well below the 4 MiB that clients accept unless they say otherwise.
    private static final long MAX_BYTES = 1024 * 1024;

    private static final String COLUMNS = """
            test_run_id, mission_id, status, summary::text AS summary, categories, result_count, log_chunk_count,
            finished_at, created_at, updated_at, version
            """;
    private static final String INSERT = """
            INSERT INTO test_runs (test_run_id, mission_id, created_at, updated_at)
            VALUES ($1::uuid, $2::uuid, $3::timestamptz, $3::timestamptz)
            RETURNING
            """ + COLUMNS;
    private static final String INSERT_AS_IT_WAS = """
            INSERT INTO test_runs (test_run_id, mission_id, status, summary, categories, result_count, log_chunk_count,
                                   finished_at, created_at, updated_at)
            VALUES ($1::uuid, $2::uuid, $3::text, $4::text::jsonb, $5::text[], $6::int, $7::int, $8::timestamptz,
                    $9::timestamptz, $10::timestamptz)
            """;
    // A run goes into hiding with its mission.
    private static final String FIND = "SELECT " + COLUMNS + """
            FROM test_runs WHERE test_run_id = $1::uuid
              AND EXISTS (SELECT FROM missions m WHERE m.mission_id = test_runs.mission_id AND m.deleted_at IS NULL)
            """;
    private static final String LOCK = FIND + " FOR NO KEY UPDATE OF test_runs";
    private static final String MISSION_OF = "SELECT mission_id FROM test_runs WHERE test_run_id = $1::uuid";
    // Counts the new ones: of a row that was there before, xmax is not 0.
    private static final String PUT_RESULTS = """
            WITH put AS (
                INSERT INTO test_results (test_run_id, category, name, status, duration_micros, error, traceback,
                                          created_at, updated_at)
                SELECT $1::uuid, r.category, r.name, r.status, r.duration_micros, r.error, r.traceback,
                       $8::timestamptz, $8::timestamptz
                FROM unnest($2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::text[])
                    AS r (category, name, status, duration_micros, error, traceback)
                ON CONFLICT (test_run_id, category, name) DO UPDATE
                SET status = excluded.status, duration_micros = excluded.duration_micros, error = excluded.error,
                    traceback = excluded.traceback, updated_at = excluded.updated_at
                RETURNING xmax = 0 AS is_new
            )
            SELECT count(*) FILTER (WHERE is_new)::int AS added FROM put
            """;
    private static final String PUT_LOG_CHUNKS = """
            WITH put AS (
                INSERT INTO test_log_chunks (test_run_id, sequence, text, created_at, updated_at)
                SELECT $1::uuid, c.sequence, c.text, $4::timestamptz, $4::timestamptz
                FROM unnest($2::bigint[], $3::text[]) AS c (sequence, text)
                ON CONFLICT (test_run_id, sequence) DO UPDATE
                SET text = excluded.text, updated_at = excluded.updated_at
                RETURNING xmax = 0 AS is_new
            )
            SELECT count(*) FILTER (WHERE is_new)::int AS added FROM put
            """;
    private static final String LAST_LOG_PLACE =
            "SELECT coalesce(max(sequence), 0) AS place FROM test_log_chunks WHERE test_run_id = $1::uuid";
    private static final String GROW = """
            UPDATE test_runs
            SET categories = $2::text[], result_count = $3::int, log_chunk_count = $4::int,
                updated_at = $5::timestamptz, version = version + 1
            WHERE test_run_id = $1::uuid
            RETURNING
            """ + COLUMNS;
    private static final String SUMMARIZE = """
            SELECT category,
                   count(*) FILTER (WHERE status = 'PASSED') AS passed,
                   count(*) FILTER (WHERE status = 'FAILED') AS failed,
                   count(*) FILTER (WHERE status = 'SKIPPED') AS skipped,
                   sum(duration_micros)::bigint AS micros
            FROM test_results WHERE test_run_id = $1::uuid
            GROUP BY category ORDER BY category
            """;
    private static final String FINISH = """
            UPDATE test_runs
            SET status = $2::text, summary = $3::text::jsonb, finished_at = $4::timestamptz,
                updated_at = $4::timestamptz, version = version + 1
            WHERE test_run_id = $1::uuid
            RETURNING
            """ + COLUMNS;
    private static final String DELETE_OF_MISSION =
            "DELETE FROM test_runs WHERE mission_id = $1::uuid RETURNING " + COLUMNS;
    // Ends with the piece that fills the room there is.
    private static final String LIST_LOG_CHUNKS = """
            SELECT c.sequence, c.text, c.found
            FROM (
                SELECT f.sequence, f.text, count(*) OVER () AS found,
                       sum(octet_length(f.text)) OVER (ORDER BY f.sequence) - octet_length(f.text) AS weight_before
                FROM (
                    SELECT sequence, text FROM test_log_chunks
                    WHERE test_run_id = $1::uuid AND sequence > $2::bigint
                    ORDER BY sequence LIMIT $3::int
                ) f
            ) c
            WHERE c.weight_before < $4::bigint
            ORDER BY c.sequence
            """;

    /**
     * Some of what a run has.
     *
     * @param cut whether there are more, within the limit, than one message has room for
     */
    public record Found<T>(List<T> items, boolean cut) {}

    /** Starts a run of a mission that is locked. */
    public TestRun insert(Tx tx, UUID id, UUID missionId) {
        return tx.find(INSERT, TestRunStore::toRun, id, missionId, tx.now()).orElseThrow();
    }

    /** Creates a run in the state in which it was elsewhere; what it counts is put into it apart. */
    public void insertAsItWas(Tx tx, TestRun run) {
        tx.update(
                INSERT_AS_IT_WAS,
                run.id(),
                run.missionId(),
                run.status(),
                run.summary() == null ? null : json(run.summary()),
                run.categories().toArray(new String[0]),
                run.resultCount(),
                run.logChunkCount(),
                run.finishedAt(),
                run.createdAt(),
                run.updatedAt());
    }

    /** A run, unless its mission is hidden. */
    public Optional<TestRun> find(Queries queries, UUID id) {
        return queries.find(FIND, TestRunStore::toRun, id);
    }

    /** The same, held until the end of the transaction. */
    public Optional<TestRun> lock(Tx tx, UUID id) {
        return tx.find(LOCK, TestRunStore::toRun, id);
    }

    /** The mission of a run, which never changes. */
    public Optional<UUID> missionOf(Queries queries, UUID id) {
        return queries.find(MISSION_OF, row -> row.getUUID("mission_id"), id);
    }

    /**
     * A page of a mission's runs, newest first.
     *
     * @param status only those in it, where given
     * @param after time of creation and id of the last one of the page before, where there is one
     */
    public List<TestRun> list(
            Queries queries, UUID missionId, @Nullable TestRunStatus status, @Nullable Keyset after, int limit) {
        return queries.list(
                listSql(status != null, after != null),
                TestRunStore::toRun,
                missionId,
                limit,
                after == null ? null : after.instant(0),
                after == null ? null : after.uuid(1),
                status);
    }

    // One text per combination of filters: each has a plan of its own, with the index that serves it.
    private static String listSql(boolean byStatus, boolean after) {
        return "SELECT " + COLUMNS + "FROM test_runs WHERE mission_id = $1::uuid"
                + (byStatus ? " AND status = $5::text" : " AND $5::text IS NULL")
                + (after
                        ? " AND (created_at, test_run_id) < ($3::timestamptz, $4::uuid)"
                        : " AND $3::timestamptz IS NULL AND $4::uuid IS NULL")
                + " ORDER BY created_at DESC, test_run_id DESC LIMIT $2::int";
    }

    /** Stores results, no two of one category and name, in the place of those that are there; tells how many are new. */
    public int putResults(Tx tx, UUID id, Collection<TestResult> results) {
        return results.isEmpty()
                ? 0
                : tx.find(
                                PUT_RESULTS,
                                row -> row.getInteger("added"),
                                id,
                                texts(results, TestResult::category),
                                texts(results, TestResult::name),
                                texts(results, result -> result.status().name()),
                                results.stream()
                                        .map(result -> micros(result.duration()))
                                        .toArray(Long[]::new),
                                texts(results, TestResult::error),
                                texts(results, TestResult::traceback),
                                tx.now())
                        .orElseThrow();
    }

    /** Stores pieces of the log, no two at one place, in the place of those that are there; tells how many are new. */
    public int putLogChunks(Tx tx, UUID id, Collection<TestLogChunk> chunks) {
        return chunks.isEmpty()
                ? 0
                : tx.find(
                                PUT_LOG_CHUNKS,
                                row -> row.getInteger("added"),
                                id,
                                chunks.stream().map(TestLogChunk::sequence).toArray(Long[]::new),
                                texts(chunks, TestLogChunk::text),
                                tx.now())
                        .orElseThrow();
    }

    /** The place of the last piece of a run's log; 0 where there is none. */
    public long lastLogPlace(Tx tx, UUID id) {
        return tx.find(LAST_LOG_PLACE, row -> row.getLong("place"), id).orElseThrow();
    }

    /** Writes what a run has by now. The run is locked. */
    public TestRun grow(Tx tx, UUID id, List<String> categories, int resultCount, int logChunkCount) {
        return tx.find(
                        GROW,
                        TestRunStore::toRun,
                        id,
                        categories.toArray(new String[0]),
                        resultCount,
                        logChunkCount,
                        tx.now())
                .orElseThrow();
    }

    /** What came of the results that a run has. */
    public TestRun.Summary summarize(Tx tx, UUID id) {
        return new TestRun.Summary(tx.list(
                SUMMARIZE,
                row -> new TestRun.Tally(
                        row.getString("category"),
                        row.getLong("passed"),
                        row.getLong("failed"),
                        row.getLong("skipped"),
                        duration(row.getLong("micros"))),
                id));
    }

    /** Ends a run. */
    public TestRun finish(Tx tx, UUID id, TestRun.Summary summary) {
        return tx.find(FINISH, TestRunStore::toRun, id, summary.status(), json(summary), tx.now())
                .orElseThrow();
    }

    /**
     * A page of a run's results by category and name; fewer than the limit where they are long.
     *
     * @param after category and name of the last one of the page before, where there is one
     */
    public Found<TestResult> listResults(
            Queries queries, TestRuns.ResultFilter filter, @Nullable Keyset after, int limit) {
        var found = new AtomicLong();
        var results = queries.list(
                listResultsSql(filter, after != null),
                row -> {
                    found.set(row.getLong("found"));
                    return toResult(row);
                },
                filter.id(),
                limit,
                MAX_BYTES,
                after == null ? null : after.text(0),
                after == null ? null : after.text(1),
                filter.status());
        return new Found<>(results, found.get() > results.size());
    }

    /**
     * A page of a run's log; fewer pieces than the limit where they are long.
     *
     * @param after the place of the last one of the page before, where there is one
     */
    public Found<TestLogChunk> listLogChunks(Queries queries, UUID id, @Nullable Keyset after, int limit) {
        var found = new AtomicLong();
        var chunks = queries.list(
                LIST_LOG_CHUNKS,
                row -> {
                    found.set(row.getLong("found"));
                    return new TestLogChunk(row.getLong("sequence"), row.getString("text"));
                },
                id,
                after == null ? 0L : after.number(0),
                limit,
                MAX_BYTES);
        return new Found<>(chunks, found.get() > chunks.size());
    }

    /** Deletes all runs of a mission with what they have; tells which. */
    public List<TestRun> deleteOfMission(Tx tx, UUID missionId) {
        return tx.list(DELETE_OF_MISSION, TestRunStore::toRun, missionId);
    }

    // One text per combination of filters: each has a plan of its own. Ends with the result that fills the room there
    // is.
    private static String listResultsSql(TestRuns.ResultFilter filter, boolean after) {
        return """
                SELECT r.category, r.name, r.status, r.duration_micros, r.error, r.traceback, r.found
                FROM (
                    SELECT f.category, f.name, f.status, f.duration_micros, f.error, f.traceback,
                           count(*) OVER () AS found,
                           sum(octet_length(f.error) + octet_length(f.traceback)) OVER (ORDER BY f.category, f.name)
                               - octet_length(f.error) - octet_length(f.traceback) AS weight_before
                    FROM (
                        SELECT category, name, status, duration_micros, error, traceback FROM test_results
                        WHERE test_run_id = $1::uuid
                """
                + (after
                        ? " AND (category, name) > ($4::text, $5::text)"
                        : " AND $4::text IS NULL AND $5::text IS NULL")
                + (filter.status() == null ? " AND $6::text IS NULL" : " AND status = $6::text")
                + """

                        ORDER BY category, name LIMIT $2::int
                    ) f
                ) r
                WHERE r.weight_before < $3::bigint
                ORDER BY r.category, r.name
                """;
    }

    private static <T> String[] texts(Collection<T> items, Function<T, String> text) {
        return items.stream().map(text).toArray(String[]::new);
    }

    private static long micros(Duration duration) {
        return duration.getSeconds() * 1_000_000 + duration.getNano() / 1_000;
    }

    private static Duration duration(long micros) {
        return Duration.of(micros, ChronoUnit.MICROS);
    }

    private static String json(TestRun.Summary summary) {
        var array = new JsonArray();
        summary.categories()
                .forEach(tally -> array.add(new JsonObject()
                        .put("category", tally.category())
                        .put("passed", tally.passed())
                        .put("failed", tally.failed())
                        .put("skipped", tally.skipped())
                        .put("micros", micros(tally.duration()))));
        return array.encode();
    }

    private static TestRun.@Nullable Summary summary(@Nullable String json) {
        return json == null
                ? null
                : new TestRun.Summary(new JsonArray(json)
                        .stream()
                                .map(JsonObject.class::cast)
                                .map(tally -> new TestRun.Tally(
                                        tally.getString("category"),
                                        tally.getLong("passed"),
                                        tally.getLong("failed"),
                                        tally.getLong("skipped"),
                                        duration(tally.getLong("micros"))))
                                .toList());
    }

    private static TestRun toRun(Row row) {
        return new TestRun(
                row.getUUID("test_run_id"),
                row.getUUID("mission_id"),
                Rows.value(row, "status", TestRunStatus.class),
                summary(row.getString("summary")),
                Rows.strings(row, "categories"),
                row.getInteger("result_count"),
                row.getInteger("log_chunk_count"),
                Rows.nullableInstant(row, "finished_at"),
                Rows.instant(row, "created_at"),
                Rows.instant(row, "updated_at"),
                row.getLong("version"));
    }

    private static TestResult toResult(Row row) {
        return new TestResult(
                row.getString("category"),
                row.getString("name"),
                Rows.value(row, "status", TestResultStatus.class),
                duration(row.getLong("duration_micros")),
                row.getString("error"),
                row.getString("traceback"));
    }
}
