package dev.sortie.mission.domain;

import dev.sortie.mission.v1.ErrorReason;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.failure.FailureException;
import dev.sortie.runtime.sql.Tx;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Fills runs of tests from the reports that test runners write. */
public final class TestReports {
    /** What results are of when nobody says. */
    public static final String DEFAULT_CATEGORY = "functional";

    private static final int MAX_NAME = 512;
    private static final int MAX_CHUNK = 65_536;
    /** How much is stored at once: so many results, or so many characters of results or log. */
    private static final int BATCH = 500;

    private static final int BATCH_CHARACTERS = 1 << 20;

    private final TestRuns runs;

    public TestReports(TestRuns runs) {
        this.runs = runs;
    }

    /**
     * Files to take into a run.
     *
     * @param category what results are of that no rule matches
     * @param rules of several that match a result's name, the first one counts
     */
    public record Import(UUID testRunId, String category, List<CategoryRule> rules, List<ReportFile> files) {
        private String categoryOf(String name) {
            return rules.stream()
                    .filter(rule -> rule.matches(name))
                    .map(CategoryRule::category)
                    .findFirst()
                    .orElse(category);
        }
    }

    /** A file that can be read again and again. */
    public interface ReportFile {
        /** As the caller calls it. */
        String name();

        /** Its bytes, from their beginning. */
        InputStream open() throws IOException;
    }

    /** Gives a category to results whose whole name matches: {@code *} is any text, {@code ?} any character. */
    public record CategoryRule(String pattern, String category) {
        boolean matches(String name) {
            // On a mismatch only the last * is tried again: never more than the product of the two lengths.
            int at = 0;
            int star = -1;
            int resume = 0;
            int place = 0;
            while (place < name.length()) {
                if (at < pattern.length() && pattern.charAt(at) == '*') {
                    star = at++;
                    resume = place;
                } else if (at < pattern.length()
                        && (pattern.charAt(at) == '?' || pattern.charAt(at) == name.charAt(place))) {
                    at++;
                    place++;
                } else if (star >= 0) {
                    at = star + 1;
                    place = ++resume;
                } else {
                    return false;
                }
            }
            while (at < pattern.length() && pattern.charAt(at) == '*') {
                at++;
            }
            return at == pattern.length();
        }
    }

    /** What came of an import. */
    public record Imported(TestRuns.Reported reported, List<FileTally> files) {}

    /** What one file had. */
    public record FileTally(String name, long passed, long failed, long skipped) {}

    /** Takes all files, or none: what is wrong with one of them undoes the transaction. */
    public Imported take(Tx tx, Import reports) {
        var filling = runs.fill(tx, reports.testRunId());
        var batch = new Batch(filling, reports);
        var tallies = new ArrayList<FileTally>();
        for (var file : reports.files()) {
            tallies.add(read(file, batch));
        }
        batch.flush(true);
        return new Imported(filling.end(), tallies);
    }

    private static FileTally read(ReportFile file, Batch batch) {
        var counts = new EnumMap<TestResultStatus, Long>(TestResultStatus.class);
        try (var bytes = file.open()) {
            JunitReport.read(bytes, new JunitReport.Sink() {
                @Override
                public void test(JunitReport.Test test) {
                    counts.merge(test.status(), 1L, Long::sum);
                    batch.add(test);
                }

                @Override
                public void log(@Nullable String title, String text) {
                    batch.log(title, text);
                }
            });
        } catch (JunitReport.BrokenException broken) {
            throw refused(file.name(), broken);
        } catch (IOException unreadable) {
            throw new UncheckedIOException(unreadable);
        }
        return new FileTally(
                file.name(),
                counts.getOrDefault(TestResultStatus.PASSED, 0L),
                counts.getOrDefault(TestResultStatus.FAILED, 0L),
                counts.getOrDefault(TestResultStatus.SKIPPED, 0L));
    }

    private static FailureException refused(String fileName, JunitReport.BrokenException broken) {
        return Failure.invalidArgument(
                        ErrorReason.ERROR_REASON_TEST_REPORT_INVALID,
                        "content",
                        "%s, line %d, column %d: %s",
                        fileName,
                        broken.line(),
                        broken.column(),
                        broken.problem())
                .with("file_name", fileName)
                .with("line", broken.line())
                .with("column", broken.column())
                .exception();
    }

    /** What has been read and is not stored yet; never much. */
    private static final class Batch {
        private final TestRuns.Filling filling;
        private final Import reports;
        /** The names in use, each with the number of the last test that wanted it. */
        private final Map<Key, Integer> taken = new HashMap<>();

        private final List<TestResult> results = new ArrayList<>();
        private final List<TestLogChunk> chunks = new ArrayList<>();
        private final StringBuilder log = new StringBuilder();
        private long nextLogPlace;
        private int characters;

        Batch(TestRuns.Filling filling, Import reports) {
            this.filling = filling;
            this.reports = reports;
            this.nextLogPlace = filling.nextLogPlace();
        }

        void add(JunitReport.Test test) {
            var category = reports.categoryOf(Texts.cut(test.name(), MAX_NAME));
            var result = new TestResult(
                    category,
                    unused(category, test.name()),
                    test.status(),
                    test.duration(),
                    test.error(),
                    test.traceback());
            results.add(result);
            characters += result.name().length()
                    + result.error().length()
                    + result.traceback().length();
            flushWhenLarge();
        }

        void log(@Nullable String title, String text) {
            if (title != null) {
                if (!log.isEmpty() && log.charAt(log.length() - 1) != '\n') {
                    log.append('\n');
                }
                log.append("--- ").append(Texts.cut(title, MAX_NAME)).append(" ---\n");
            }
            for (int from = 0; from < text.length(); ) {
                int to = Math.min(text.length(), from + MAX_CHUNK);
                log.append(text, from, to);
                from = to;
                packLog(MAX_CHUNK);
            }
            flushWhenLarge();
        }

        /** Makes pieces of the log while more than that many characters are there. */
        private void packLog(int left) {
            while (log.length() > left) {
                int end = Texts.before(log, Math.min(log.length(), MAX_CHUNK));
                chunks.add(new TestLogChunk(nextLogPlace++, Texts.clean(log.substring(0, end))));
                log.delete(0, end);
                characters += end;
            }
        }

        private void flushWhenLarge() {
            if (results.size() >= BATCH || characters >= BATCH_CHARACTERS) {
                flush(false);
            }
        }

        void flush(boolean all) {
            if (all) {
                packLog(0);
            }
            filling.put(List.copyOf(results), List.copyOf(chunks));
            results.clear();
            chunks.clear();
            characters = 0;
        }

        /** Two tests of one name are two results. */
        private String unused(String category, String name) {
            var wanted = Key.of(category, fitting(name));
            var last = taken.putIfAbsent(wanted, 1);
            if (last == null) {
                return fitting(name);
            }
            while (true) {
                var numbered = fitting(name + " (" + ++last + ")");
                if (taken.putIfAbsent(Key.of(category, numbered), 1) == null) {
                    taken.put(wanted, last);
                    return numbered;
                }
            }
        }
    }

    /** A long name keeps its beginning, and stays another one than all others that begin so. */
    private static String fitting(String name) {
        return name.length() <= MAX_NAME
                ? name
                : Texts.cut(name, MAX_NAME - 16) + HexFormat.of().formatHex(digest(name), 0, 8);
    }

    /** A name by its digest: fifty thousand long ones would take too much room. */
    private record Key(String hash) {
        static Key of(String category, String name) {
            return new Key(new String(digest(category + '\n' + name), 0, 16, StandardCharsets.ISO_8859_1));
        }
    }

    private static byte[] digest(String text) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException(impossible);
        }
    }
}
