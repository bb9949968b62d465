package dev.sortie.mission.domain;

import dev.sortie.mission.store.CredentialKeyStore;
import dev.sortie.runtime.sql.Database;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;

/** Keeps a server's keys up to date, and tells which it has, so that a new one is used once all servers have it. */
public final class CredentialKeyReports implements AutoCloseable {
    /** How often a server says that it runs, at least. */
    private static final Duration AGAIN = Duration.ofSeconds(10);

    private final Database database;
    private final CredentialKeyStore store;
    private final CredentialKeys keys;
    private final UUID replicaId;
    private Optional<CredentialKeyset> told = Optional.empty();
    private long toldAt;
    private boolean toldOnce;

    public CredentialKeyReports(Database database, CredentialKeyStore store, CredentialKeys keys, UUID replicaId) {
        this.database = database;
        this.store = store;
        this.keys = keys;
        this.replicaId = replicaId;
    }

    /** Looks for other keys, and says what is there. */
    public synchronized void run() {
        keys.refresh();
        var present = keys.current();
        long now = System.nanoTime();
        if (toldOnce && present.equals(told) && now - toldAt < AGAIN.toNanos()) {
            return;
        }
        store.report(
                database.queries(),
                replicaId,
                present.map(CredentialKeyset::ids).orElse(Set.of()),
                present.map(CredentialKeyset::primaryId).orElse(null));
        told = present;
        toldAt = now;
        toldOnce = true;
    }

    /** Takes leave. */
    @Override
    public void close() {
        store.forget(database.queries(), replicaId);
    }
}
