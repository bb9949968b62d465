package dev.sortie.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReportFilesTest {

    @TempDir
    Path folder;

    @BeforeEach
    void makeFiles() throws IOException {
        Files.createDirectories(folder.resolve("a/b"));
        for (var name : List.of("a/TEST-two.xml", "a/b/TEST-one.xml", "a/b/notes.txt", "c.xml", "odd[1].xml")) {
            Files.writeString(folder.resolve(name), "<testsuites/>");
        }
        Files.writeString(folder.resolve("a/pom.xml"), "<project/>");
        Files.writeString(folder.resolve("a/wide.xml"), "<testsuite/>", StandardCharsets.UTF_16);
        Files.writeString(folder.resolve("a/b/empty.xml"), "");
    }

    @Test
    void takesFilesFoldersAndPatterns() {
        assertThat(find("c.xml")).containsExactly("c.xml");
        assertThat(find("a")).containsExactly("a/TEST-two.xml", "a/b/TEST-one.xml", "a/b/empty.xml", "a/wide.xml");
        assertThat(find("a/pom.xml")).containsExactly("a/pom.xml");
        assertThat(find("**/TEST-*.xml")).containsExactly("a/TEST-two.xml", "a/b/TEST-one.xml");
        assertThat(find("a/TEST*.xml")).containsExactly("a/TEST-two.xml");
        assertThat(find("a/b/notes.txt")).containsExactly("a/b/notes.txt");
        assertThat(find("odd[1].xml")).containsExactly("odd[1].xml");
        assertThat(find("c.xml", "a/b", "c.xml")).containsExactly("c.xml", "a/b/TEST-one.xml", "a/b/empty.xml");
    }

    @Test
    void refusesNamesThatStandForNothing() {
        for (var name : List.of("d.xml", "a/*.html", "x/*.xml", "a/[", "**/{")) {
            assertThatThrownBy(() -> find(name)).as(name).isInstanceOf(CliException.class);
        }
    }

    private List<String> find(String... names) {
        return ReportFiles.find(
                        List.of(names).stream().map(name -> folder + "/" + name).toList())
                .stream()
                .map(path -> folder.relativize(path).toString())
                .toList();
    }
}
