package dev.sortie.agent.archive;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.EOFException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;

/** What every storage of the archive must do. */
abstract class ArchiveStorageContract {
    static final int LARGE = 3 * 1024 * 1024;

    final String name = "executions/2026/11/22/" + UUID.randomUUID() + ".jsonl.gz";

    abstract ArchiveStorage storage();

    @Test
    void readsBackWhatWasPut() throws Exception {
        var content = content(LARGE);
        put(name, content);
        assertThat(storage().read(name, 0, content.length)).isEqualTo(content);
        assertThat(storage().read(name, 1_000_000, 77)).isEqualTo(Arrays.copyOfRange(content, 1_000_000, 1_000_077));
        assertThat(storage().read(name, content.length - 1L, 1))
                .isEqualTo(Arrays.copyOfRange(content, content.length - 1, content.length));
    }

    @Test
    void takesTheSameContentAgain() throws Exception {
        var content = content(10_000);
        put(name, content);
        put(name, content);
        assertThat(storage().read(name, 0, content.length)).isEqualTo(content);
    }

    @Test
    void saysThatThereIsNoSuchFile() {
        assertThatThrownBy(() -> storage().read(name, 0, 1)).isInstanceOf(NoSuchFileException.class);
    }

    @Test
    void saysThatAFileIsShorter() throws Exception {
        put(name, content(100));
        assertThatThrownBy(() -> storage().read(name, 99, 2)).isInstanceOf(EOFException.class);
        assertThatThrownBy(() -> storage().read(name, 100, 1)).isInstanceOf(EOFException.class);
        assertThatThrownBy(() -> storage().read(name, 1_000, 1)).isInstanceOf(EOFException.class);
    }

    @Test
    void removesAFileAndNothingWhenThereIsNone() throws Exception {
        put(name, content(100));
        storage().delete(name);
        assertThatThrownBy(() -> storage().read(name, 0, 1)).isInstanceOf(NoSuchFileException.class);
        storage().delete(name);
    }

    @Test
    void keepsFilesApart() throws Exception {
        var one = content(100);
        var other = content(100);
        put(name, one);
        put(name + ".2", other);
        storage().delete(name);
        assertThat(storage().read(name + ".2", 0, 100)).isEqualTo(other);
    }

    @Test
    void leavesNothingWhenItIsInterrupted() throws Exception {
        var content = content(LARGE);
        var file = file(content);
        var failure = new CompletableFuture<Throwable>();
        Thread.ofVirtual().start(() -> {
            Thread.currentThread().interrupt();
            try {
                storage().put(name, file, sha256(content));
                failure.complete(null);
            } catch (Throwable failed) {
                failure.complete(failed);
            }
        });
        assertThat(failure.get(60, TimeUnit.SECONDS)).isInstanceOf(IOException.class);
        assertThatThrownBy(() -> storage().read(name, 0, 1)).isInstanceOf(NoSuchFileException.class);

        put(name, content);
        assertThat(storage().read(name, 0, content.length)).isEqualTo(content);
    }

    @Test
    void hasTheWholeFileOrNoneWhileSeveralPutIt() throws Exception {
        var content = content(LARGE);
        var done = new AtomicBoolean();
        var begin = new CountDownLatch(1);
        var putting = new ArrayList<CompletableFuture<Void>>();
        for (int i = 0; i < 4; i++) {
            var file = file(content);
            putting.add(CompletableFuture.runAsync(
                    () -> unchecked(() -> {
                        begin.await();
                        storage().put(name, file, sha256(content));
                    }),
                    Thread::startVirtualThread));
        }
        var reading = CompletableFuture.runAsync(
                () -> unchecked(() -> {
                    begin.await();
                    while (!done.get()) {
                        try {
                            assertThat(storage().read(name, LARGE - 1_000, 1_000))
                                    .isEqualTo(Arrays.copyOfRange(content, LARGE - 1_000, LARGE));
                        } catch (NoSuchFileException _) {
                            TimeUnit.MILLISECONDS.sleep(2); // not yet; let those who put it go on
                        }
                    }
                }),
                Thread::startVirtualThread);
        begin.countDown();
        try {
            CompletableFuture.allOf(putting.toArray(CompletableFuture[]::new)).get(90, TimeUnit.SECONDS);
        } finally {
            done.set(true);
        }
        reading.get(60, TimeUnit.SECONDS);
        assertThat(storage().read(name, 0, content.length)).isEqualTo(content);
    }

    @Test
    void staysWithinItself() throws Exception {
        var file = file(content(1));
        assertThatThrownBy(() -> storage().put("../outside", file, sha256(content(1))))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> storage().read("a/../../outside", 0, 1)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> storage().delete("../outside")).isInstanceOf(IllegalArgumentException.class);
    }

    final void put(String name, byte[] content) throws Exception {
        storage().put(name, file(content), sha256(content));
    }

    /** A file that is to be put. */
    final Path file(byte[] content) throws IOException {
        return Files.write(storage().scratch().resolve(UUID.randomUUID().toString()), content);
    }

    static byte[] sha256(byte[] content) throws Exception {
        return MessageDigest.getInstance("SHA-256").digest(content);
    }

    static byte[] content(int length) {
        var content = new byte[length];
        new Random(length).nextBytes(content);
        return content;
    }

    interface Step {
        void run() throws Exception;
    }

    private static void unchecked(Step step) {
        try {
            step.run();
        } catch (Exception failed) {
            throw new AssertionError(failed);
        }
    }
}
