package dev.sortie.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.groups.Tuple.tuple;

import com.google.protobuf.Struct;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The survey's tools on a repository whose every number is known. */
class SurveyToolsTest {

    private static final String MARKER = "TO" + "DO";

    @TempDir
    Path folder;

    @BeforeEach
    void makeRepository() throws Exception {
        git("init", "-q", "-b", "trunk");
        write("src/Main.java", "class Main {\n    // " + MARKER + ": everything\n}\n");
        write("README.md", "# Read me\nno line end here");
        commit("ada@example.org", "begin");
        write(
                "src/Main.java",
                "class Main {\n    // " + MARKER + ": nearly everything\n    // " + MARKER + "S are fine\n}\n");
        write("päth with spaces/ünï|code.py", "print(1)\n");
        Files.write(folder.resolve("logo.bin"), new byte[] {1, 0, 10, 10});
        Files.createSymbolicLink(folder.resolve("link"), Path.of("README.md"));
        commit("grace@example.org", "go on");
    }

    @Test
    void countsTheHistoryAsGitDoes() {
        var history = run("git.history", Map.of()).getFieldsOrThrow("history").getStructValue();

        assertThat(Values.number(history, "commits")).isEqualTo(2);
        assertThat(Values.number(history, "authors")).isEqualTo(2);
        assertThat(Values.text(history, "branch")).isEqualTo("trunk");
        assertThat(Values.text(history, "first_commit")).isLessThanOrEqualTo(Values.text(history, "last_commit"));
    }

    @Test
    void countsRegularFilesOfTheCommitAndNoLinks() throws Exception {
        write("not-committed.txt", "x");

        var tree =
                atHead("git.file-tree", Map.of()).getFieldsOrThrow("file_tree").getStructValue();

        assertThat(Values.number(tree, "files")).isEqualTo(4);
        assertThat(Values.number(tree, "folder_count")).isEqualTo(3);
    }

    @Test
    void countsLinesAsWcDoesAndLeavesBinaryFilesOut() {
        var languages =
                atHead("code.languages", Map.of()).getFieldsOrThrow("languages").getStructValue();

        assertThat(Values.number(languages, "total_lines")).isEqualTo(4 + 1 + 1);
        assertThat(Values.number(languages, "binary_files")).isEqualTo(1);
        assertThat(Values.objects(languages, "languages"))
                .extracting(language -> Values.text(language, "language"), language -> Values.number(language, "lines"))
                .containsExactlyInAnyOrder(tuple("Java", 4L), tuple("Markdown", 1L), tuple("Python", 1L));
    }

    @Test
    void putsTheFileThatMostCommitsChangedFirst() {
        var churn = atHead("git.churn", Map.of()).getFieldsOrThrow("churn").getStructValue();

        var first = Values.objects(churn, "files").getFirst();
        assertThat(Values.text(first, "path")).isEqualTo("src/Main.java");
        assertThat(Values.number(first, "commits")).isEqualTo(2);
        assertThat(Values.number(churn, "changed_files")).isEqualTo(4);
    }

    @Test
    void findsMarkersAsWholeWordsOnly() {
        var markers =
                atHead("code.markers", Map.of()).getFieldsOrThrow("markers").getStructValue();

        assertThat(Values.number(markers, "lines")).isEqualTo(1);
        assertThat(Values.number(Values.object(markers, "by_marker"), MARKER)).isEqualTo(1);
        assertThat(Values.objects(markers, "samples").getFirst())
                .extracting(sample -> Values.text(sample, "path"), sample -> Values.number(sample, "line"))
                .containsExactly("src/Main.java", 2L);
    }

    @Test
    void listsAsManyOfTheLargestFilesAsAskedFor() {
        var largest = atHead("code.largest-files", Map.of("count", 2))
                .getFieldsOrThrow("largest")
                .getStructValue();

        assertThat(Values.objects(largest, "files"))
                .extracting(file -> Values.text(file, "path"))
                .hasSize(2)
                .startsWith("src/Main.java");
    }

    @Test
    void writesAReportThatSurvivesTableCharactersInNames() {
        var parameters = Values.map("name", "sample");
        parameters.putAll(fields(run("git.history", Map.of())));
        for (var tool : List.of("git.file-tree", "code.languages", "git.churn", "code.markers")) {
            parameters.putAll(fields(atHead(tool, Map.of())));
        }
        parameters.putAll(fields(atHead("code.largest-files", Map.of("count", 15))));

        var report = Values.text(run("report.write", parameters), "report");

        assertThat(report).contains("# Survey of sample", "| Commits | 2 |", "| Lines of text | 6 |", "ünï\\|code.py");
    }

    @Test
    void takesFileNamesAsTheyAre() throws Exception {
        var odd = List.of("two\nlines.txt", "tab\tstop.txt", "a \"quoted\".txt", "back\\slash.txt");
        for (var name : odd) {
            write(name, "x\n");
        }
        commit("ada@example.org", "odd names");

        var churn = atHead("git.churn", Map.of());
        assertThat(Values.objects(churn.getFieldsOrThrow("churn").getStructValue(), "files"))
                .extracting(file -> Values.text(file, "path"))
                .containsAll(odd);
    }

    @Test
    void putsEachNameOnOneLineOfTheReport() {
        var file = Values.map("path", "two\nlines\t.txt", "bytes", 1);
        var parameters = Values.map("name", "sample");
        parameters.putAll(fields(run("git.history", Map.of())));
        for (var tool : List.of("git.file-tree", "code.languages", "git.churn", "code.markers")) {
            parameters.putAll(fields(atHead(tool, Map.of())));
        }
        parameters.put("largest", Values.map("files", List.of(file)));

        assertThat(Values.text(run("report.write", parameters), "report")).contains("| `two\\nlines\\t.txt` | 1 |");
    }

    @Test
    void saysClearlyWhyAFolderCannotBeSurveyed(@TempDir Path plain) throws Exception {
        assertThatThrownBy(() -> GitRepository.open(plain)).hasMessageContaining("not in a git repository");
        assertThatThrownBy(() -> GitRepository.open(plain.resolve("absent"))).hasMessageContaining("is not a folder");

        command(plain, "git", "init", "-q");

        assertThatThrownBy(() -> GitRepository.open(plain)).hasMessageContaining("no commit yet");
    }

    @Test
    void surveysTheWholeRepositoryFromAFolderWithin() throws IOException {
        assertThat(GitRepository.open(folder.resolve("src")).folder().toRealPath())
                .isEqualTo(folder.toRealPath());
    }

    @Test
    void refusesOptionsThatItDoesNotKnow() {
        assertThatThrownBy(() -> DemoOptions.parse(List.of("--fast"), Map.of("SORTIE_TOKEN", "t")))
                .hasMessageContaining("--fast");
        assertThatThrownBy(() -> DemoOptions.parse(List.of("--data", folder.toString()), Map.of()))
                .hasMessageContaining("admin.token");
    }

    private Struct atHead(String toolId, Map<String, Object> more) {
        var parameters = Values.map("revision", GitRepository.open(folder).head());
        parameters.putAll(more);
        return run(toolId, parameters);
    }

    private Struct run(String toolId, Map<String, Object> more) {
        var parameters = Values.map("repository", folder.toString());
        parameters.putAll(more);
        var tool = SurveyTools.all().stream()
                .filter(candidate -> candidate.id().equals(toolId))
                .findFirst()
                .orElseThrow();
        return Values.object(tool.work().run(Values.object(parameters), new Quiet()));
    }

    private static Map<String, Object> fields(Struct object) {
        return Map.copyOf(object.getFieldsMap());
    }

    private void write(String path, String content) throws IOException {
        var file = folder.resolve(path);
        Files.createDirectories(file.getParent());
        Files.writeString(file, content);
    }

    private void commit(String author, String message) throws Exception {
        git("add", "-A");
        git(
                "-c",
                "user.name=A",
                "-c",
                "user.email=" + author,
                "-c",
                "commit.gpgsign=false",
                "commit",
                "-q",
                "-m",
                message);
    }

    private void git(String... arguments) throws Exception {
        var command = new ArrayList<>(List.of("git"));
        command.addAll(List.of(arguments));
        command(folder, command.toArray(String[]::new));
    }

    private static void command(Path folder, String... command) throws Exception {
        var process = new ProcessBuilder(command)
                .directory(folder.toFile())
                .redirectErrorStream(true)
                .start();
        var output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(output).isZero();
    }

    private record Quiet() implements SurveyTool.WorkContext {
        @Override
        public void log(String message) {}

        @Override
        public String workOrderId() {
            return "order";
        }

        @Override
        public SurveyTool.StoredDocument store(String title, String content, String repositoryUrl, List<String> tags) {
            throw new IllegalStateException("no tool but knowledge.store stores");
        }
    }
}
