package dev.sortie.agent.archive;

import dev.sortie.runtime.id.Ids;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import java.io.EOFException;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A storage, and whether it can be used. Serving does not depend on that: executions stay in the database meanwhile. It
 * is tried at the start, and after something has failed until it works again; one that works is left alone.
 */
public final class WatchedStorage implements ArchiveStorage {
    private static final Logger LOG = LoggerFactory.getLogger(WatchedStorage.class);
    private static final byte[] CONTENT = {'o', 'k', '\n'};

    private final ArchiveStorage storage;
    private final ArchiveLocation location;
    private final String trial;
    private final ReentrantLock trying = new ReentrantLock();
    private volatile State state = State.UNKNOWN;
    private volatile @Nullable String problem;

    private enum State {
        UNKNOWN,
        USABLE,
        BROKEN
    }

    /** @param location where the storage is */
    public WatchedStorage(ArchiveStorage storage, ArchiveLocation location, Ids ids, MeterRegistry meters) {
        this.storage = storage;
        this.location = location;
        this.trial = "check-" + ids.next();
        Gauge.builder("sortie.archive.usable", this, watched -> switch (watched.state) {
                    case UNKNOWN -> Double.NaN;
                    case USABLE -> 1;
                    case BROKEN -> 0;
                })
                .register(meters);
    }

    /**
     * Tries it, unless it works as far as is known: puts a small file there, reads it and removes it.
     *
     * @return whether it can be used again after it could not
     */
    public boolean check() {
        trying.lock(); // who tries beside another finds that one's file removed
        try {
            var before = state;
            if (before == State.USABLE) {
                return false;
            }
            tryOut();
            state = State.USABLE;
            problem = null;
            LOG.info("old executions go to {}", location);
            return before == State.BROKEN;
        } catch (IOException failed) {
            broken(failed);
            return false;
        } finally {
            trying.unlock();
        }
    }

    /** Whether it works, as far as is known. */
    public boolean isUsable() {
        return state == State.USABLE;
    }

    /** Why it cannot be used; null while it can, or while that is not known. */
    public @Nullable String problem() {
        return problem;
    }

    private void tryOut() throws IOException {
        var file = storage.scratch().resolve(trial);
        try {
            Files.write(file, CONTENT);
            storage.put(trial, file, MessageDigest.getInstance("SHA-256").digest(CONTENT));
            if (!Arrays.equals(storage.read(trial, 0, CONTENT.length), CONTENT)) {
                throw new EOFException(trial + " is something else");
            }
            storage.delete(trial);
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException(impossible);
        } catch (NoSuchFileException | EOFException other) {
            throw new IOException(location + " does not give back what was put there", other);
        } finally {
            Files.deleteIfExists(file);
        }
    }

    private void broken(IOException failed) {
        if (failed instanceof InterruptedIOException || failed instanceof ClosedByInterruptException) {
            return; // this server stops
        }
        var why = String.valueOf(failed.getMessage());
        boolean isNews = !why.equals(problem);
        problem = why;
        state = State.BROKEN;
        if (isNews) {
            LOG.atWarn()
                    .setCause(failed)
                    .log("the archive cannot be used; old executions stay in the database until it can: {}", why);
        }
    }

    private interface Use<T> {
        T run() throws IOException;
    }

    private <T> T use(Use<T> use) throws IOException {
        try {
            return use.run();
        } catch (NoSuchFileException | EOFException | UnreadableFileException ofTheFile) {
            throw ofTheFile;
        } catch (IOException failed) {
            broken(failed);
            throw failed;
        }
    }

    @Override
    public Path scratch() throws IOException {
        return use(storage::scratch);
    }

    @Override
    public void put(String name, Path file, byte[] sha256) throws IOException {
        use(() -> {
            storage.put(name, file, sha256);
            return name;
        });
    }

    @Override
    public byte[] read(String name, long position, int length) throws IOException {
        return use(() -> storage.read(name, position, length));
    }

    @Override
    public void delete(String name) throws IOException {
        use(() -> {
            storage.delete(name);
            return name;
        });
    }

    @Override
    public void close() {
        storage.close();
    }

    @Override
    public String toString() {
        return storage.toString();
    }
}
