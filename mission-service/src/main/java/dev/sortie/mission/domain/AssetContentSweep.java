package dev.sortie.mission.domain;

import dev.sortie.mission.store.AssetContentStore;
import dev.sortie.runtime.sql.Database;
import dev.sortie.runtime.sql.Tx;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import java.time.Duration;
import java.util.Queue;
import java.util.UUID;
import java.util.concurrent.ConcurrentLinkedQueue;

/**
 * Removes streamed contents that nobody needs: those that were replaced, those whose assets are gone, and what broken
 * uploads left. In short transactions of a few pieces each, whatever the size. May run in every replica at once: they
 * pass over what another one is at.
 */
public final class AssetContentSweep {
    /** Pieces that go in one transaction: 16 MiB. */
    private static final int AT_ONCE = 64;

    private final Database database;
    private final AssetContentStore contents;
    private final Duration orphanAge;
    private final Queue<UUID> broken = new ConcurrentLinkedQueue<>();
    private final Counter removed;

    /**
     * @param orphanAge after how long of hearing nothing of an upload its process must be gone
     */
    public AssetContentSweep(Database database, AssetContentStore contents, Duration orphanAge, MeterRegistry meters) {
        this.database = database;
        this.contents = contents;
        this.orphanAge = orphanAge;
        this.removed = meters.counter("sortie.asset.contents.removed");
    }

    /** Has what an upload of this process left removed at the next run. Never blocks, and needs no working thread. */
    public void abandon(UUID contentId) {
        broken.add(contentId);
    }

    /** Removes until nothing is left to remove, or until the thread is interrupted. */
    public void runOnce() {
        for (var contentId = broken.peek(); contentId != null; contentId = broken.peek()) {
            contents.abandon(database.queries(), contentId);
            broken.remove(contentId);
        }
        var queries = database.queries();
        contents.abandonSilent(queries, queries.now().minus(orphanAge));
        boolean found = true;
        while (found && !Thread.currentThread().isInterrupted()) {
            found = database.transaction(this::removeSome);
        }
    }

    private boolean removeSome(Tx tx) {
        var found = contents.takeUnneeded(tx);
        found.ifPresent(contentId -> {
            if (contents.deleteChunks(tx, contentId, AT_ONCE) < AT_ONCE) {
                contents.delete(tx, contentId);
                tx.afterCommit(removed::increment);
            }
        });
        return found.isPresent();
    }
}
