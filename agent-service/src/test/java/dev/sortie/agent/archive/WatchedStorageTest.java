package dev.sortie.agent.archive;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sortie.runtime.id.Ids;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.InstantSource;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class WatchedStorageTest {
    @TempDir
    Path folder;

    private final SimpleMeterRegistry meters = new SimpleMeterRegistry();
    private Path root;
    private WatchedStorage storage;

    @BeforeEach
    void open() {
        root = folder.resolve("archive");
        var location = new ArchiveLocation.Folder(root);
        storage = new WatchedStorage(location.open(), location, Ids.timeOrdered(InstantSource.system()), meters);
    }

    @Test
    void triesItOnceAndLeavesNothing() throws Exception {
        assertThat(usable()).isNaN();
        assertThat(storage.check()).isFalse(); // it was not broken before
        assertThat(usable()).isEqualTo(1);
        assertThat(storage.problem()).isNull();
        try (var files = Files.walk(root)) {
            assertThat(files.filter(Files::isRegularFile)).isEmpty();
        }
        Files.delete(root.resolve(".writing"));
        assertThat(storage.check()).isFalse();
        assertThat(root.resolve(".writing")).doesNotExist(); // one that works is left alone
    }

    @Test
    void saysWhyItCannotBeUsedUntilItCan() throws Exception {
        Files.writeString(root, "in the way");
        assertThat(storage.check()).isFalse();
        assertThat(usable()).isZero();
        assertThat(storage.problem()).contains(root.toString());

        Files.delete(root);
        assertThat(storage.check()).isTrue();
        assertThat(usable()).isEqualTo(1);
        assertThat(storage.problem()).isNull();
    }

    @Test
    void noticesWhatFailsForOthers() throws Exception {
        storage.check();
        Files.delete(root.resolve(".writing"));
        Files.delete(root);
        Files.writeString(root, "in the way");
        assertThatThrownBy(storage::scratch).isInstanceOf(IOException.class);
        assertThat(storage.isUsable()).isFalse();
    }

    @Test
    void doesNotTakeAFileThatIsGoneForAStorageThatIsGone() {
        storage.check();
        assertThatThrownBy(() -> storage.read("executions/gone", 0, 1)).isInstanceOf(NoSuchFileException.class);
        assertThat(storage.isUsable()).isTrue();
    }

    private double usable() {
        return meters.get("sortie.archive.usable").gauge().value();
    }
}
