package dev.sortie.demo;

import com.google.protobuf.Struct;
import dev.sortie.demo.GitRepository.Blob;
import dev.sortie.demo.SurveyTool.WorkContext;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;

/** What the survey's worker can do, one method each. */
final class SurveyTools {

    /** How many files, and samples of markers, the analyses list. */
    private static final int TOP = 15;

    /** Longer lines are cut in samples. */
    private static final int SAMPLE_LENGTH = 160;

    // In two parts, so that the survey does not find its own pattern.
    private static final Pattern MARKER = Pattern.compile("\\b(TO" + "DO|FIX" + "ME|XX" + "X|HA" + "CK)\\b");

    private SurveyTools() {}

    static List<SurveyTool> all() {
        var repository = "string";
        var revision = "string";
        return List.of(
                new SurveyTool(
                        "git.history",
                        "Read the history",
                        "Commits, authors, first and last date of what HEAD reaches.",
                        fields("repository", repository),
                        fields("revision", "string", "history", "object"),
                        SurveyTools::history),
                new SurveyTool(
                        "git.file-tree",
                        "Read the file tree",
                        "Files, bytes and the largest top-level folders of a commit.",
                        fields("repository", repository, "revision", revision),
                        fields("file_tree", "object"),
                        SurveyTools::fileTree),
                new SurveyTool(
                        "code.languages",
                        "Count lines by language",
                        "Files and lines (as `wc -l` counts them) of each language; binary files apart.",
                        fields("repository", repository, "revision", revision),
                        fields("languages", "object"),
                        SurveyTools::languages),
                new SurveyTool(
                        "git.churn",
                        "Find churn hot spots",
                        "The files that most commits changed.",
                        fields("repository", repository, "revision", revision),
                        fields("churn", "object"),
                        SurveyTools::churn),
                new SurveyTool(
                        "code.markers",
                        "Find unfinished work",
                        "Lines that carry a marker of unfinished work.",
                        fields("repository", repository, "revision", revision),
                        fields("markers", "object"),
                        SurveyTools::markers),
                new SurveyTool(
                        "code.largest-files",
                        "Find the largest files",
                        "The files with the most bytes.",
                        fields("repository", repository, "revision", revision, "count", "integer"),
                        fields("largest", "object"),
                        SurveyTools::largest),
                new SurveyTool(
                        "report.write",
                        "Write the report",
                        "Makes one Markdown report of what the other tools found.",
                        fields(
                                "name",
                                "string",
                                "history",
                                "object",
                                "file_tree",
                                "object",
                                "languages",
                                "object",
                                "churn",
                                "object",
                                "markers",
                                "object",
                                "largest",
                                "object"),
                        fields("report", "string"),
                        (parameters, context) -> Map.of("report", SurveyReport.write(parameters))),
                new SurveyTool(
                        "knowledge.store",
                        "Store the report",
                        "Stores a text as a context document.",
                        fields("title", "string", "content", "string", "repository", repository),
                        fields("document", "object"),
                        SurveyTools::store));
    }

    private static Map<String, Object> history(Struct parameters, WorkContext context) {
        var repository = repository(parameters);
        var revision = repository.head();
        var count = new long[2];
        var authors = new HashSet<String>();
        var dates = new String[2];
        repository.lines(
                line -> {
                    var parts = line.split("\t", 3);
                    count[0]++;
                    if (parts[0].contains(" ")) {
                        count[1]++;
                    }
                    authors.add(parts[2]);
                    dates[0] = parts[1];
                    if (dates[1] == null) {
                        dates[1] = parts[1];
                    }
                },
                "log",
                "--format=%P%x09%cI%x09%aE",
                revision);
        context.log("%,d commits, %,d authors".formatted(count[0], authors.size()));
        return Values.map(
                "revision",
                revision,
                "history",
                Values.map(
                        "revision", revision,
                        "branch", repository.branch(),
                        "commits", count[0],
                        "merges", count[1],
                        "authors", authors.size(),
                        "first_commit", dates[0],
                        "last_commit", dates[1]));
    }

    private static Map<String, Object> fileTree(Struct parameters, WorkContext context) {
        var files = files(parameters);
        var folders = new TreeMap<String, long[]>();
        long bytes = 0;
        for (var file : files) {
            bytes += file.size();
            int slash = file.path().indexOf('/');
            var folder = slash < 0 ? "." : file.path().substring(0, slash);
            var sums = folders.computeIfAbsent(folder, key -> new long[2]);
            sums[0]++;
            sums[1] += file.size();
        }
        context.log("%,d files, %,d bytes".formatted(files.size(), bytes));
        var top = folders.entrySet().stream()
                .sorted(Comparator.comparingLong((Map.Entry<String, long[]> entry) -> -entry.getValue()[1]))
                .limit(TOP)
                .map(entry -> Values.map(
                        "folder", entry.getKey(), "files", entry.getValue()[0], "bytes", entry.getValue()[1]))
                .toList();
        return Values.map(
                "file_tree",
                Values.map("files", files.size(), "bytes", bytes, "folder_count", folders.size(), "folders", top));
    }

    private static Map<String, Object> languages(Struct parameters, WorkContext context) {
        var sums = new TreeMap<String, long[]>();
        var binary = new long[1];
        var total = new long[1];
        repository(parameters).read(files(parameters), (blob, content) -> {
            if (GitRepository.isBinary(content)) {
                binary[0]++;
                return;
            }
            long lines = lineCount(content);
            total[0] += lines;
            var sum = sums.computeIfAbsent(Languages.of(blob.path()), key -> new long[2]);
            sum[0]++;
            sum[1] += lines;
        });
        context.log("%,d lines in %,d languages".formatted(total[0], sums.size()));
        var list = sums.entrySet().stream()
                .sorted(Comparator.comparingLong((Map.Entry<String, long[]> entry) -> -entry.getValue()[1]))
                .map(entry -> Values.map(
                        "language", entry.getKey(), "files", entry.getValue()[0], "lines", entry.getValue()[1]))
                .toList();
        return Values.map(
                "languages", Values.map("total_lines", total[0], "binary_files", binary[0], "languages", list));
    }

    private static Map<String, Object> churn(Struct parameters, WorkContext context) {
        var current = new HashSet<String>();
        files(parameters).forEach(file -> current.add(file.path()));
        var changes = new HashMap<String, long[]>();
        repository(parameters)
                .entries( // else git would quote the names that hold quotes, tabs or line ends
                        entry -> {
                            var parts = entry.split("\t", 3);
                            if (parts.length < 3 || !current.contains(parts[2])) {
                                return;
                            }
                            var sum = changes.computeIfAbsent(parts[2], key -> new long[3]);
                            sum[0]++;
                            if (!parts[0].equals("-")) {
                                sum[1] += Long.parseLong(parts[0]);
                                sum[2] += Long.parseLong(parts[1]);
                            }
                        },
                        "log",
                        "-z",
                        "--no-merges",
                        "--no-renames",
                        "--numstat",
                        "--format=",
                        Values.text(parameters, "revision"));
        var top = changes.entrySet().stream()
                .sorted(Comparator.comparingLong((Map.Entry<String, long[]> entry) -> -entry.getValue()[0])
                        .thenComparingLong(entry -> -entry.getValue()[1] - entry.getValue()[2])
                        .thenComparing(Map.Entry::getKey))
                .limit(TOP)
                .map(entry -> Values.map(
                        "path", entry.getKey(),
                        "commits", entry.getValue()[0],
                        "added", entry.getValue()[1],
                        "removed", entry.getValue()[2]))
                .toList();
        if (!top.isEmpty()) {
            context.log("%s changed in most commits: %s"
                    .formatted(top.getFirst().get("path"), top.getFirst().get("commits")));
        }
        return Values.map("churn", Values.map("changed_files", changes.size(), "files", top));
    }

    private static Map<String, Object> markers(Struct parameters, WorkContext context) {
        var byMarker = new TreeMap<String, Object>();
        var samples = new ArrayList<Map<String, Object>>();
        var sums = new long[2];
        repository(parameters).read(files(parameters), (blob, content) -> {
            if (GitRepository.isBinary(content)) {
                return;
            }
            boolean found = false;
            int number = 0;
            for (var line : (Iterable<String>) new String(content, StandardCharsets.UTF_8).lines()::iterator) {
                number++;
                var marker = MARKER.matcher(line);
                if (!marker.find()) {
                    continue;
                }
                found = true;
                sums[0]++;
                byMarker.merge(marker.group(1), 1L, (a, b) -> (Long) a + (Long) b);
                if (samples.size() < TOP) {
                    var text = line.replace('\0', ' ').strip(); // JSON in the database cannot hold U+0000
                    samples.add(Values.map("path", blob.path(), "line", number, "text", shortened(text)));
                }
            }
            if (found) {
                sums[1]++;
            }
        });
        context.log("%,d lines with a marker in %,d files".formatted(sums[0], sums[1]));
        return Values.map(
                "markers", Values.map("lines", sums[0], "files", sums[1], "by_marker", byMarker, "samples", samples));
    }

    private static Map<String, Object> largest(Struct parameters, WorkContext context) {
        var top = files(parameters).stream()
                .sorted(Comparator.comparingLong((Blob file) -> -file.size()).thenComparing(Blob::path))
                .limit(Values.number(parameters, "count"))
                .map(file -> Values.map("path", file.path(), "bytes", file.size()))
                .toList();
        if (!top.isEmpty()) {
            context.log("%s is the largest".formatted(top.getFirst().get("path")));
        }
        return Values.map("largest", Values.map("files", top));
    }

    private static Map<String, Object> store(Struct parameters, WorkContext context) {
        var title = Values.text(parameters, "title");
        var repository = Path.of(Values.text(parameters, "repository")).toUri().toString();
        var document = context.store(title, Values.text(parameters, "content"), repository, List.of("survey"));
        context.log("stored as document " + document.id());
        return Values.map(
                "document", Values.map("context_document_id", document.id(), "revision", document.revision()));
    }

    private static String shortened(String text) {
        if (text.codePointCount(0, text.length()) <= SAMPLE_LENGTH) {
            return text;
        }
        return text.substring(0, text.offsetByCodePoints(0, SAMPLE_LENGTH)) + " …";
    }

    /** As {@code wc -l} counts: the number of line ends. */
    private static long lineCount(byte[] content) {
        long lines = 0;
        for (byte character : content) {
            if (character == '\n') {
                lines++;
            }
        }
        return lines;
    }

    private static GitRepository repository(Struct parameters) {
        return GitRepository.open(Path.of(Values.text(parameters, "repository")));
    }

    private static List<Blob> files(Struct parameters) {
        return repository(parameters).files(Values.text(parameters, "revision"));
    }

    private static Map<String, String> fields(String... namesAndTypes) {
        var fields = new LinkedHashMap<String, String>();
        for (int i = 0; i < namesAndTypes.length; i += 2) {
            fields.put(namesAndTypes[i], namesAndTypes[i + 1]);
        }
        return fields;
    }
}
