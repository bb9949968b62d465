package dev.sortie.local;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DataFolderTest {

    @TempDir
    Path temp;

    @Test
    void onlyItsOwnerGetsIn() throws Exception {
        var folder = new DataFolder(temp.resolve("a/b"));
        folder.create();

        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(folder.root())))
                .isEqualTo("rwx------");
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(folder.secrets())))
                .isEqualTo("rwx------");
        folder.check();
    }

    @Test
    void onlyItsOwnerReadsWhatItHoldsInAFolderThatSomebodyMadeForAll() throws Exception {
        var root = temp.resolve("shared");
        Files.createDirectory(root, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwxr-xr-x")));
        var folder = new DataFolder(root);
        folder.create();
        for (var held : List.of(folder.secrets(), folder.logs(), folder.knowledge())) {
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(held)))
                    .isEqualTo("rwx------");
        }
    }

    @Test
    void aFolderWithSomethingElseInItIsRefusedAndLeftAlone() throws Exception {
        Files.writeString(temp.resolve("thesis.txt"), "years of work");

        assertThatThrownBy(() -> new DataFolder(temp).check())
                .isInstanceOf(LocalException.class)
                .hasMessageContaining("is not a data folder of Sortie")
                .hasMessageContaining("--data");
        try (var entries = Files.list(temp)) {
            assertThat(entries).containsExactly(temp.resolve("thesis.txt"));
        }
    }

    @Test
    void aFileInThePlaceOfTheFolderIsRefused() throws Exception {
        var file = Files.writeString(temp.resolve("file"), "");

        assertThatThrownBy(() -> new DataFolder(file).check()).hasMessageContaining("is a file");
    }

    @Test
    void aFolderOfAnotherLayoutIsRefused() throws Exception {
        var folder = new DataFolder(temp.resolve("data"));
        folder.create();
        Files.writeString(folder.marker(), "7\n");

        assertThatThrownBy(folder::check).hasMessageContaining("has layout 7 (expected: 1)");
    }

    @Test
    void anotherUsersFolderIsRefused() throws Exception {
        var folder = new DataFolder(temp.resolve("data"));
        folder.create();
        // Only root can make this case; for others the system itself refuses.
        assumeTrue(Integer.valueOf(0).equals(Files.getAttribute(temp, "unix:uid")), "needs root to give files away");
        Files.setAttribute(folder.root(), "unix:uid", 12345);

        assertThatThrownBy(folder::check).isInstanceOf(LocalException.class).hasMessageContaining("belongs to 12345");
    }

    @Test
    void deletingLeavesWhatSomebodyElsePutThere() throws Exception {
        var folder = new DataFolder(temp.resolve("data"));
        folder.create();
        Files.createDirectories(folder.postgresql().resolve("base/1"));
        Files.writeString(folder.postgresql().resolve("base/1/2"), "rows");
        var outside = Files.writeString(temp.resolve("outside"), "mine");
        Files.delete(folder.knowledge());
        Files.createSymbolicLink(folder.knowledge(), temp);
        var notes = Files.writeString(folder.root().resolve("notes.txt"), "mine");

        assertThat(folder.delete()).containsExactly(notes);

        assertThat(notes).exists();
        assertThat(outside).exists();
        assertThat(folder.exists()).isFalse();
        Files.delete(notes);
        folder.create();
        assertThat(folder.delete()).isEmpty();
        assertThat(folder.root()).doesNotExist();
    }

    @Test
    void ofManyAtOnceOneGetsTheLock() throws Exception {
        var folder = new DataFolder(temp.resolve("data"));
        try (var executor = Executors.newVirtualThreadPerTaskExecutor()) {
            var locks = executor
                    .invokeAll(IntStream.range(0, 20)
                            .<Callable<Boolean>>mapToObj(
                                    i -> () -> folder.tryLock().isPresent())
                            .toList())
                    .stream()
                    .map(future -> future.resultNow())
                    .toList();
            assertThat(locks).containsOnlyOnce(true);
        }
    }

    @Test
    void aLockThatIsClosedCanBeTakenAgain() {
        var folder = new DataFolder(temp.resolve("data"));
        for (var round : List.of(1, 2)) {
            try (var lock = folder.lock("up")) {
                assertThat(lock.folder()).as("round " + round).isSameAs(folder);
                assertThat(RunFile.read(folder))
                        .hasValueSatisfying(run -> assertThat(run.process())
                                .hasValueSatisfying(process -> assertThat(process.pid())
                                        .isEqualTo(ProcessHandle.current().pid())));
                assertThatThrownBy(() -> folder.lock("up"))
                        .isInstanceOfSatisfying(
                                LocalException.class,
                                e -> assertThat(e.exitCode()).isEqualTo(ExitCode.ALREADY_RUNNING))
                        .hasMessageContaining(
                                "process " + ProcessHandle.current().pid());
            }
            assertThat(RunFile.read(folder)).isEmpty();
        }
    }

    @Test
    void aRunFileOfAProcessThatIsGoneNamesNobody() throws Exception {
        var folder = new DataFolder(temp.resolve("data"));
        folder.create();
        var process = new ProcessBuilder("true").start();
        assertThat(process.waitFor(10, TimeUnit.SECONDS)).isTrue();
        var self = ProcessHandle.current();
        new RunFile("up", process.pid(), self.info().startInstant().orElseThrow(), RunFile.READY, Map.of())
                .write(folder);
        assertThat(RunFile.read(folder).flatMap(RunFile::process)).isEmpty();

        // The number lives, but as another process than the one that wrote the file.
        new RunFile(
                        "up",
                        self.pid(),
                        self.info().startInstant().orElseThrow().minusSeconds(60),
                        RunFile.READY,
                        Map.of())
                .write(folder);
        assertThat(RunFile.read(folder).flatMap(RunFile::process)).isEmpty();
    }

    @Test
    void aRunFileThatCannotBeReadNamesNobody() throws Exception {
        var folder = new DataFolder(temp.resolve("data"));
        folder.create();
        Files.writeString(folder.runFile(), "pid=not a number");

        assertThat(RunFile.read(folder)).isEmpty();
    }

    @Test
    void secretsAreMadeOnceAndReadableByTheirOwnerAlone() throws Exception {
        var secrets = new Secrets(temp);

        var password = secrets.password("one");

        assertThat(password).hasSize(43).isEqualTo(secrets.password("one")).isNotEqualTo(secrets.password("two"));
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(secrets.file("one"))))
                .isEqualTo("rw-------");
        try (var entries = Files.list(temp)) {
            assertThat(entries).hasSize(2);
        }
    }
}
