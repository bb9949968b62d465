package dev.sortie.agent.archive;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FolderStorageTest extends ArchiveStorageContract {
    @TempDir
    Path folder;

    private ArchiveStorage storage;

    @Override
    ArchiveStorage storage() {
        if (storage == null) {
            storage = new FolderStorage(folder.resolve("archive"));
        }
        return storage;
    }

    @Test
    void failsWhereAFileIsInTheWay() throws Exception {
        Files.writeString(folder.resolve("file"), "not a folder");
        try (var blocked = new FolderStorage(folder.resolve("file"))) {
            assertThatThrownBy(blocked::scratch).isInstanceOf(IOException.class);
        }
    }

    @Test
    void readsFilesOfAnotherStorageOfTheFolder() throws Exception {
        var content = content(100);
        put(name, content);
        try (var other = new FolderStorage(folder.resolve("archive"))) {
            assertThat(other.read(name, 0, 100)).isEqualTo(content);
        }
    }
}
