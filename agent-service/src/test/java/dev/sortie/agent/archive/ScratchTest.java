package dev.sortie.agent.archive;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ScratchTest {
    @TempDir
    Path parent;

    @Test
    void makesItsFolderAgainWhenSomebodyHasRemovedIt() throws Exception {
        try (var scratch = new Scratch(parent)) {
            var first = scratch.folder();
            assertThat(scratch.folder()).isEqualTo(first).isDirectory();
            Files.delete(first);
            assertThat(scratch.folder()).isDirectory();
        }
        assertThat(parent).isEmptyDirectory();
    }

    @Test
    void removesWhatOthersHaveLeftLongAgoAndNothingElse() throws Exception {
        var old = Files.createDirectory(parent.resolve("sortie-archive-1"));
        Files.writeString(old.resolve("file"), "left");
        Files.setLastModifiedTime(old, FileTime.from(Instant.EPOCH));
        var busy = Files.createDirectory(parent.resolve("sortie-archive-2"));
        var foreign = Files.createDirectory(parent.resolve("something"));
        Files.setLastModifiedTime(foreign, FileTime.from(Instant.EPOCH));
        try (var scratch = new Scratch(parent)) {
            scratch.folder();
            assertThat(old).doesNotExist();
            assertThat(busy).exists();
            assertThat(foreign).exists();
        }
    }

    @Test
    void failsWhereThereIsNoRoomForTemporaryFiles() {
        try (var scratch = new Scratch(parent.resolve("missing"))) {
            assertThatThrownBy(scratch::folder).isInstanceOf(IOException.class);
        }
    }
}
