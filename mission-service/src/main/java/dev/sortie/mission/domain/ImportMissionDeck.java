package dev.sortie.mission.domain;

import dev.sortie.mission.store.DodItemStore;
import dev.sortie.mission.store.MissionStore;
import dev.sortie.mission.store.TestRunStore;
import dev.sortie.mission.store.UserStore;
import dev.sortie.runtime.sql.Change;
import java.net.URI;
import java.net.URISyntaxException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/** Rows of Mission Deck: missions for clients, their definitions of done, and the runs of their tests. */
final class ImportMissionDeck {
    private static final Map<String, MissionStatus> STATUSES = new TreeMap<>(
            Map.of("active", MissionStatus.ACTIVE, "qa", MissionStatus.QA, "complete", MissionStatus.COMPLETED));
    private static final Pattern COUNT = Pattern.compile("(?:(.{1,50})_)?(passed|failed|skipped|total|duration)");
    private static final int MAX_RESULTS = 50_000;
    private static final int MAX_CATEGORIES = 100;
    private static final int MAX_LOG_CHUNKS = 10_000;
    private static final int CHUNK = 65_536;
    private static final int BATCH = 500;
    private static final double LONGEST = Duration.ofDays(7).toSeconds();

    private final MissionStore missions;
    private final DodItemStore items;
    private final TestRunStore runs;
    private final UserStore users;
    private final MissionFlow flow;

    ImportMissionDeck(MissionStore missions, DodItemStore items, TestRunStore runs, UserStore users, MissionFlow flow) {
        this.missions = missions;
        this.items = items;
        this.runs = runs;
        this.users = users;
        this.flow = flow;
    }

    Importable mission(ImportColumns row, Instant now) {
        var status = row.requiredChoice("status", STATUSES);
        if (status == MissionStatus.ACTIVE) {
            status = MissionStatus.READY_TO_DESIGN;
            row.note("status", "READY_TO_DESIGN, since a mission without hops has none that is active");
        }
        var created = ImportColumns.or(row.time("created_at"), now);
        var assignedTo = row.required("assigned_to", 255);
        var deadline = row.time("deadline");
        var budget = row.integer("budget", 0, Long.MAX_VALUE);
        if (deadline == null || budget == null) {
            throw row.rejected(deadline == null ? "deadline" : "budget", "missing");
        }
        var fields = new Mission.Fields(
                row.required("title", 255),
                "",
                "",
                List.of(),
                "{}",
                row.required("client", 255),
                budget,
                "",
                deadline,
                assignedTo,
                url(row, "github_url"));
        var ended = status == MissionStatus.READY_TO_DESIGN ? null : created;
        if (ended != null) {
            row.note("status", status + " at its creation, since no other time is known");
        }
        row.done();
        var known = status;
        return new Importable() {
            @Override
            public String resource() {
                return "mission";
            }

            @Override
            public UUID write(ImportTarget target, UUID id) {
                var tx = target.tx();
                var owner = users.findByEmail(tx, assignedTo).map(User::userId).orElseGet(() -> {
                    target.note("assigned_to", "no user has this address, so the mission belongs to who imports it");
                    return tx.principal().subject();
                });
                var mission = missions.insertAsItWas(
                        tx,
                        new Mission(
                                id,
                                owner,
                                fields,
                                known,
                                null,
                                false,
                                null,
                                "",
                                ended,
                                known == MissionStatus.COMPLETED ? ended : null,
                                null,
                                null,
                                null,
                                created,
                                created,
                                1));
                flow.noteImported(tx, mission, List.of(), List.of());
                return id;
            }
        };
    }

    Importable dodItem(ImportColumns row, Instant now) {
        var missionId = row.requiredId("mission_id");
        var text = row.required("text", 4_096);
        var category = row.requiredChoice("category", ImportWords.DOD_CATEGORY);
        var completed = row.flag("completed", false);
        var completedAt = row.time("completed_at");
        if (completed && completedAt == null) {
            row.note("completed_at", "the time of the import, since it is not known");
            completedAt = now;
        } else if (!completed && completedAt != null) {
            row.note("completed_at", "dropped: the item is open");
            completedAt = null;
        }
        row.done();
        var at = completedAt;
        return new Importable() {
            @Override
            public String resource() {
                return "dod_item";
            }

            @Override
            public UUID write(ImportTarget target, UUID id) {
                var tx = target.tx();
                var mission = lock(target, missionId);
                if (items.count(tx, mission.id()) >= Refusals.MAX_CHILDREN) {
                    throw new ImportRejection("mission_id", "the mission has 1,000 items already");
                }
                var item = new DodItem(
                        id,
                        mission.id(),
                        new DodItem.Fields(text, category),
                        completed,
                        null,
                        null,
                        at,
                        mission.createdAt(),
                        at == null ? mission.createdAt() : at,
                        1);
                items.insertAsItWas(tx, item);
                tx.change(DodItems.describe(Change.created("dod_item", id, 1), item));
                return id;
            }
        };
    }

    Importable testRun(ImportColumns row, Instant now) {
        var missionId = row.requiredId("mission_id");
        var status = row.requiredChoice("status", ImportWords.TEST_RUN);
        var created = ImportColumns.or(row.time("created_at"), now);
        var results = results(row);
        var given = row.columns("summary");
        var logs = chunks(row, row.text("logs", MAX_LOG_CHUNKS * CHUNK));
        var summary = given == null ? summarize(results) : summary(given);
        if (status != TestRunStatus.RUNNING && summary.status() != status) {
            var total = summary.total();
            row.note(
                    "status",
                    "stays %s, although %d tests passed and %d failed"
                            .formatted(status, total.passed(), total.failed()));
        }
        var categories = new TreeSet<String>();
        results.forEach(result -> categories.add(result.category()));
        if (categories.size() > MAX_CATEGORIES || summary.categories().size() > MAX_CATEGORIES) {
            throw row.rejected("results", "more than " + MAX_CATEGORIES + " categories");
        }
        row.done();
        var isOver = status != TestRunStatus.RUNNING;
        return new Importable() {
            @Override
            public String resource() {
                return "test_run";
            }

            @Override
            public UUID write(ImportTarget target, UUID id) {
                var tx = target.tx();
                var mission = lock(target, missionId);
                var run = new TestRun(
                        id,
                        mission.id(),
                        status,
                        isOver ? summary : null,
                        List.copyOf(categories),
                        results.size(),
                        logs.size(),
                        isOver ? created : null,
                        created,
                        created,
                        1);
                runs.insertAsItWas(tx, run);
                for (int from = 0; from < results.size(); from += BATCH) {
                    runs.putResults(tx, id, results.subList(from, Math.min(results.size(), from + BATCH)));
                }
                for (var chunk : logs) {
                    runs.putLogChunks(tx, id, List.of(chunk));
                }
                tx.change(TestRuns.describe(Change.created("test_run", id, 1), run));
                return id;
            }
        };
    }

    private Mission lock(ImportTarget target, String missionId) {
        var id = target.required("mission_id", "missions", missionId);
        return missions.lock(target.tx(), id)
                .filter(mission -> !mission.isDeleted())
                .orElseThrow(
                        () -> new ImportRejection("mission_id", "mission " + missionId + " has been deleted here"));
    }

    // ---- what a run has ----

    private static List<TestResult> results(ImportColumns row) {
        var results = new LinkedHashMap<List<String>, TestResult>();
        for (var one : row.rows("results", MAX_RESULTS)) {
            var seconds = one.amount("duration");
            if (seconds != null && seconds > LONGEST) {
                throw one.rejected("duration", "more than 7 days");
            }
            var category = one.text("category", 50);
            var result = new TestResult(
                    category.isBlank() ? TestReports.DEFAULT_CATEGORY : category,
                    one.required(one.either("name", "test"), 512),
                    one.requiredChoice("status", ImportWords.TEST_RESULT),
                    seconds == null ? Duration.ZERO : Duration.ofNanos(Math.round(seconds * 1e6) * 1_000),
                    cut(one, "error", JunitReport.MAX_ERROR),
                    cut(one, "traceback", JunitReport.MAX_TRACEBACK));
            one.done();
            if (results.put(List.of(result.category(), result.name()), result) != null) {
                one.note("name", "replaces an earlier result of the same test");
            }
        }
        return List.copyOf(results.values());
    }

    private static String cut(ImportColumns row, String name, int max) {
        var text = row.text(name, Integer.MAX_VALUE);
        if (text.length() > max) {
            row.note(name, "cut to " + max + " characters");
        }
        return Texts.cut(text, max);
    }

    private static TestRun.Summary summarize(List<TestResult> results) {
        var tallies = new TreeMap<String, long[]>();
        var durations = new TreeMap<String, Duration>();
        for (var result : results) {
            var counts = tallies.computeIfAbsent(result.category(), _ -> new long[3]);
            switch (result.status()) {
                case PASSED -> counts[0]++;
                case FAILED -> counts[1]++;
                case SKIPPED -> counts[2]++;
            }
            durations.merge(result.category(), result.duration(), Duration::plus);
        }
        var summary = new ArrayList<TestRun.Tally>();
        tallies.forEach((category, counts) -> summary.add(new TestRun.Tally(
                category, counts[0], counts[1], counts[2], durations.getOrDefault(category, Duration.ZERO))));
        return new TestRun.Summary(summary);
    }

    /** {@code functional_passed}, {@code functional_total} and so on, or {@code passed}, {@code failed} of everything. */
    private static TestRun.Summary summary(ImportColumns given) {
        var counts = new TreeMap<String, Map<String, JsonNode>>();
        given.rest().forEach((name, value) -> {
            var parts = COUNT.matcher(name);
            if (!parts.matches()) {
                throw given.rejected(name, "there is no such count (expected: such as functional_passed)");
            }
            var category = parts.group(1) == null ? TestReports.DEFAULT_CATEGORY : parts.group(1);
            counts.computeIfAbsent(category, _ -> new LinkedHashMap<>()).put(parts.group(2), value);
        });
        var tallies = new ArrayList<TestRun.Tally>();
        counts.forEach((category, values) -> {
            long passed = count(given, category, "passed", values.get("passed"));
            long skipped = count(given, category, "skipped", values.get("skipped"));
            long failed = values.containsKey("failed")
                    ? count(given, category, "failed", values.get("failed"))
                    : Math.max(0, count(given, category, "total", values.get("total")) - passed - skipped);
            var seconds = values.get("duration");
            if (seconds != null && (!seconds.isNumber() || seconds.doubleValue() < 0 || seconds.doubleValue() > 1e9)) {
                throw given.rejected(category + "_duration", "no number of seconds");
            }
            tallies.add(new TestRun.Tally(
                    category,
                    passed,
                    failed,
                    skipped,
                    seconds == null
                            ? Duration.ZERO
                            : Duration.ofNanos(Math.round(seconds.doubleValue() * 1e6) * 1_000)));
        });
        return new TestRun.Summary(tallies);
    }

    private static long count(ImportColumns given, String category, String name, @Nullable JsonNode value) {
        if (value == null) {
            return 0;
        }
        if (!value.isIntegralNumber() || !value.canConvertToInt() || value.intValue() < 0) {
            throw given.rejected(category + "_" + name, "no whole number of at least 0");
        }
        return value.intValue();
    }

    private static List<TestLogChunk> chunks(ImportColumns row, String log) {
        var chunks = new ArrayList<TestLogChunk>();
        for (int from = 0; from < log.length(); ) {
            int to = Texts.before(log, Math.min(log.length(), from + CHUNK));
            chunks.add(new TestLogChunk(chunks.size() + 1L, log.substring(from, to)));
            from = to;
        }
        if (chunks.size() > MAX_LOG_CHUNKS) {
            throw row.rejected("logs", "too long");
        }
        return chunks;
    }

    /** An address; empty where there is none. */
    static String url(ImportColumns row, String name) {
        var url = row.text(name, 500);
        try {
            if (!url.isEmpty() && !new URI(url).isAbsolute()) {
                throw row.rejected(name, "no URL");
            }
        } catch (URISyntaxException _) {
            throw row.rejected(name, "no URL");
        }
        return url;
    }
}
