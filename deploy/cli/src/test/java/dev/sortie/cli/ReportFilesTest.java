package dev.sortie.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
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
    }

    @Test
    void takesFilesFoldersAndPatterns() {
        assertThat(find("c.xml")).containsExactly("c.xml");
        assertThat(find("a")).containsExactly("a/TEST-two.xml", "a/b/TEST-one.xml");
        assertThat(find("**/TEST-*.xml")).containsExactly("a/TEST-two.xml", "a/b/TEST-one.xml");
        assertThat(find("a/*.xml")).containsExactly("a/TEST-two.xml");
        assertThat(find("a/b/notes.txt")).containsExactly("a/b/notes.txt");
        assertThat(find("odd[1].xml")).containsExactly("odd[1].xml");
        assertThat(find("c.xml", "a/b", "c.xml")).containsExactly("c.xml", "a/b/TEST-one.xml");
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
