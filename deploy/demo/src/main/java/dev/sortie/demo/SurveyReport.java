package dev.sortie.demo;

import com.google.protobuf.Struct;
import java.util.List;
import java.util.Locale;

/** Makes the Markdown report of a survey from what its tools found. */
final class SurveyReport {

    private final StringBuilder text = new StringBuilder();

    private SurveyReport() {}

    static String write(Struct parameters) {
        var report = new SurveyReport();
        report.summary(
                Values.text(parameters, "name"),
                Values.object(parameters, "history"),
                Values.object(parameters, "file_tree"),
                Values.object(parameters, "languages"),
                Values.object(parameters, "markers"));
        report.languages(Values.object(parameters, "languages"));
        report.folders(Values.object(parameters, "file_tree"));
        report.churn(Values.object(parameters, "churn"));
        report.markers(Values.object(parameters, "markers"));
        report.largest(Values.object(parameters, "largest"));
        return report.text.toString();
    }

    private void summary(String name, Struct history, Struct tree, Struct languages, Struct markers) {
        line("# Survey of %s", name);
        line("");
        line("At commit `%s` (%s).", Values.text(history, "revision"), Values.text(history, "branch"));
        line("");
        line("| | |");
        line("| --- | ---: |");
        line("| Commits | %,d |", Values.number(history, "commits"));
        line("| of them merges | %,d |", Values.number(history, "merges"));
        line("| Authors (e-mail addresses) | %,d |", Values.number(history, "authors"));
        line("| First commit | %s |", Values.text(history, "first_commit"));
        line("| Last commit | %s |", Values.text(history, "last_commit"));
        line("| Files | %,d |", Values.number(tree, "files"));
        line("| Bytes | %,d |", Values.number(tree, "bytes"));
        line("| Lines of text | %,d |", Values.number(languages, "total_lines"));
        line("| Lines with a marker of unfinished work | %,d |", Values.number(markers, "lines"));
    }

    private void languages(Struct languages) {
        heading("Lines by language");
        line(
                "Lines are counted as `wc -l` does; %,d binary files are left out, and so are links and submodules.",
                Values.number(languages, "binary_files"));
        table("| Language | Files | Lines | Share |", "| --- | ---: | ---: | ---: |");
        double total = Math.max(1, Values.number(languages, "total_lines"));
        for (var language : Values.objects(languages, "languages")) {
            long lines = Values.number(language, "lines");
            line(
                    "| %s | %,d | %,d | %.1f %% |",
                    Values.text(language, "language"), Values.number(language, "files"), lines, 100 * lines / total);
        }
    }

    private void folders(Struct tree) {
        heading("Top-level folders");
        note(Values.objects(tree, "folders"), Values.number(tree, "folder_count"), "by bytes");
        table("| Folder | Files | Bytes |", "| --- | ---: | ---: |");
        for (var folder : Values.objects(tree, "folders")) {
            line(
                    "| %s | %,d | %,d |",
                    code(Values.text(folder, "folder")),
                    Values.number(folder, "files"),
                    Values.number(folder, "bytes"));
        }
    }

    private void churn(Struct churn) {
        heading("Churn hot spots");
        note(Values.objects(churn, "files"), Values.number(churn, "changed_files"), "by commits, merges left out");
        table("| File | Commits | Lines added | Lines removed |", "| --- | ---: | ---: | ---: |");
        for (var file : Values.objects(churn, "files")) {
            line(
                    "| %s | %,d | %,d | %,d |",
                    code(Values.text(file, "path")),
                    Values.number(file, "commits"),
                    Values.number(file, "added"),
                    Values.number(file, "removed"));
        }
    }

    private void markers(Struct markers) {
        heading("Unfinished work");
        if (Values.number(markers, "lines") == 0) {
            line("No line carries a marker.");
            return;
        }
        line(
                "%,d lines in %,d files carry a marker:",
                Values.number(markers, "lines"), Values.number(markers, "files"));
        line("");
        Values.object(markers, "by_marker")
                .getFieldsMap()
                .forEach((marker, count) -> line("- %s: %,d", marker, Math.round(count.getNumberValue())));
        line("");
        var samples = Values.objects(markers, "samples");
        line(samples.size() < Values.number(markers, "lines") ? "The first of them:" : "They are:");
        line("");
        for (var sample : samples) {
            line(
                    "- %s %s",
                    code(Values.text(sample, "path") + ":" + Values.number(sample, "line")),
                    code(Values.text(sample, "text")));
        }
    }

    private void largest(Struct largest) {
        heading("Largest files");
        table("| File | Bytes |", "| --- | ---: |");
        for (var file : Values.objects(largest, "files")) {
            line("| %s | %,d |", code(Values.text(file, "path")), Values.number(file, "bytes"));
        }
    }

    private void heading(String heading) {
        line("");
        line("## %s", heading);
        line("");
    }

    private void note(List<Struct> listed, long all, String order) {
        if (listed.size() < all) {
            line("The first %,d of %,d, %s.", listed.size(), all, order);
        } else {
            line("All %,d, %s.", all, order);
        }
    }

    private void table(String header, String rule) {
        if (!text.toString().endsWith("\n\n")) {
            line("");
        }
        line("%s", header);
        line("%s", rule);
    }

    /** As inline code on one line that is also safe within a table. */
    private static String code(String raw) {
        var content = raw.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t");
        var fence = content.contains("`") ? "``" : "`";
        var padding = content.startsWith("`") || content.endsWith("`") ? " " : "";
        return fence + padding + content.replace("|", "\\|") + padding + fence;
    }

    private void line(String format, Object... arguments) {
        text.append(String.format(Locale.ROOT, format, arguments)).append('\n');
    }
}
