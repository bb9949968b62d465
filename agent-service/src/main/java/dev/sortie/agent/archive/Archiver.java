package dev.sortie.agent.archive;

import dev.sortie.agent.store.ArchiveStore;
import dev.sortie.agent.store.ArchiveStore.Archived;
import dev.sortie.runtime.id.Ids;
import dev.sortie.runtime.sql.Database;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Moves old executions from the database to files. Every server does it; one writes at a time. An execution leaves the
 * tables in the transaction that says in which file it is, after the file is durable: whatever stops in between leaves
 * the execution where it was, and at worst a file that nobody knows of, which is removed.
 */
public final class Archiver {
    private static final Logger LOG = LoggerFactory.getLogger(Archiver.class);
    private static final int MAX_EXECUTIONS = 1_000;
    private static final long MAX_BYTES = 32L * 1024 * 1024;
    private static final int PAGE = 20;
    private static final Duration LONGEST = Duration.ofMinutes(15);
    private static final DateTimeFormatter FOLDER =
            DateTimeFormatter.ofPattern("yyyy/MM/dd").withZone(ZoneOffset.UTC);

    private final Database database;
    private final ArchiveStore archive;
    private final ArchiveStorage storage;
    private final Ids ids;
    private final Duration after;

    /** @param after how long after their end executions are moved */
    public Archiver(Database database, ArchiveStore archive, ArchiveStorage storage, Ids ids, Duration after) {
        this.database = database;
        this.archive = archive;
        this.storage = storage;
        this.ids = ids;
        this.after = after;
    }

    /** Moves all that are old, unless another server is at it. */
    public void run() {
        try {
            removeAbandoned();
            while (moveSome()) {}
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    /**
     * Moves as many as a file holds.
     *
     * @return whether there may be more
     */
    private boolean moveSome() throws IOException {
        var queries = database.queries();
        var before = queries.now().minus(after);
        if (!archive.hasOld(queries, before)) {
            return false;
        }
        var fileId = ids.next();
        var name = "executions/" + FOLDER.format(queries.now()) + "/" + fileId + ".jsonl.gz";
        if (!database.transaction(tx -> archive.begin(tx, fileId, name, tx.now().plus(LONGEST)))) {
            return false;
        }
        Path file = null;
        int moved;
        boolean isFull;
        try {
            file = scratch(fileId);
            var archived = new ArrayList<Archived>();
            byte[] sha256;
            long size;
            try (var writing = new ArchiveFile(file)) {
                isFull = write(before, writing, archived);
                size = writing.size();
                sha256 = writing.finish();
            }
            storage.put(name, file, sha256);
            moved = finish(fileId, archived, size, sha256);
            if (moved == 0) {
                storage.delete(name);
            }
        } finally {
            // Only what is not yet finished is given up, whatever became of the last transaction.
            database.transaction(tx -> archive.abandon(tx, fileId));
            if (file != null) {
                Files.deleteIfExists(file);
            }
        }
        LOG.atInfo().addKeyValue("file", name).addKeyValue("executions", moved).log("executions archived");
        removeAbandoned();
        return isFull && moved > 0;
    }

    /** Writes a page after the other, so that few executions are in memory. Answers whether the file is full. */
    private boolean write(Instant before, ArchiveFile file, List<Archived> archived) throws IOException {
        var last = new UUID(0, 0);
        while (true) {
            var page = archive.old(database.queries(), last, before, PAGE);
            for (var old : page) {
                long position = file.size();
                archived.add(new Archived(old, position, file.add(old.line())));
                last = old.executionId();
            }
            if (page.size() < PAGE) {
                return false;
            }
            if (archived.size() >= MAX_EXECUTIONS || file.size() >= MAX_BYTES) {
                return true;
            }
        }
    }

    private int finish(UUID fileId, List<Archived> archived, long size, byte[] sha256) {
        return database.transaction(tx -> {
            if (!archive.holds(tx, fileId)) {
                return 0; // it took too long: another server has taken over
            }
            int moved = archive.move(tx, fileId, archived);
            if (moved > 0) {
                archive.stored(tx, fileId, moved, size, sha256);
            }
            return moved;
        });
    }

    /** Removes the files of those who did not come to an end, and then what is known of them. */
    private void removeAbandoned() throws IOException {
        database.transaction(archive::abandonOverdue);
        for (var abandoned : archive.abandoned(database.queries())) {
            storage.delete(abandoned.name());
            Files.deleteIfExists(scratch(abandoned.fileId()));
            database.transaction(tx -> archive.forget(tx, abandoned.fileId()));
        }
    }

    private Path scratch(UUID fileId) throws IOException {
        return storage.scratch().resolve(fileId + ".jsonl.gz");
    }
}
