package dev.sortie.mission.domain;

import dev.sortie.mission.store.CredentialKeyStore;
import dev.sortie.mission.store.CredentialKeyStore.Replica;
import dev.sortie.mission.store.ResourceCredentialStore;
import dev.sortie.runtime.sql.Database;
import dev.sortie.runtime.sql.Tx;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.function.Predicate;

/**
 * Replaces the key that credentials are encrypted with while servers go on to serve, in phases: a new key is added, and
 * becomes the primary one when all servers have it; then every credential is encrypted with it; then the old key, which
 * nothing needs any more, is taken out of service and removed. Each phase can be stopped at any moment and run again:
 * what it has done it finds done.
 */
public final class CredentialKeyRotation {
    /** How many credentials are encrypted in one transaction. */
    static final int BATCH = 100;

    private static final Duration BETWEEN_LOOKS = Duration.ofMillis(200);
    private static final UUID FIRST = new UUID(0, 0);

    private final Database database;
    private final CredentialKeyStore keyStore;
    private final ResourceCredentialStore credentials;
    private final CredentialKeyFile file;
    private final Duration patience;
    private final Consumer<String> tell;

    /** What can be done, alone or in this order. */
    public enum Phase {
        STATUS,
        ADD,
        PROMOTE,
        REENCRYPT,
        REMOVE,
        ALL
    }

    /**
     * @param patience how long to wait for servers to take the file over
     * @param tell is told what happens, in sentences
     */
    public CredentialKeyRotation(
            Database database,
            CredentialKeyStore keyStore,
            ResourceCredentialStore credentials,
            CredentialKeyFile file,
            Duration patience,
            Consumer<String> tell) {
        this.database = database;
        this.keyStore = keyStore;
        this.credentials = credentials;
        this.file = file;
        this.patience = patience;
        this.tell = tell;
    }

    /** Runs a phase; true when what it is for is done. */
    public boolean run(Phase phase) {
        var present = file.read();
        if (present.isEmpty()) {
            return begin(phase);
        }
        var keys = present.get();
        return switch (phase) {
            case STATUS -> status(keys);
            case ADD -> add(keys);
            case PROMOTE -> promote(keys);
            case REENCRYPT -> reencrypt(keys);
            case REMOVE -> remove(keys);
            case ALL -> all(keys);
        };
    }

    private boolean begin(Phase phase) {
        if (phase != Phase.ALL && phase != Phase.ADD) {
            tell.accept("There is no file " + file.path() + ".");
            return false;
        }
        var keys = CredentialKeyset.parse(CredentialKeyset.generate());
        file.write(keys);
        tell.accept("Made %s with key %d. Give it to every server as %s_FILE."
                .formatted(file.path(), keys.primaryId(), CredentialKeys.SETTING));
        return true;
    }

    private boolean all(CredentialKeyset keys) {
        if (keys.nextId().isPresent() || !keys.oldIds().isEmpty()) {
            tell.accept("Going on with the rotation that was begun.");
        } else if (!add(keys)) {
            return false;
        }
        if (!promote(now()) || !reencrypt(now())) {
            return false;
        }
        // Once more for what a server may have written with the old key in the very moment.
        return remove(now()) || (reencrypt(now()) && remove(now()));
    }

    private boolean status(CredentialKeyset keys) {
        var queries = database.queries();
        for (var id : keys.oldIds()) {
            tell.accept("key %d (old): %d credentials".formatted(id, credentials.countOfKey(queries, id)));
        }
        long primary = keys.primaryId();
        tell.accept("key %d (primary): %d credentials".formatted(primary, credentials.countOfKey(queries, primary)));
        keys.nextId()
                .ifPresent(id -> tell.accept(
                        "key %d (next): %d credentials".formatted(id, credentials.countOfKey(queries, id))));
        for (var replica : keyStore.replicas(queries)) {
            tell.accept("server %s: encrypts with %s, decrypts with %s"
                    .formatted(
                            replica.id(),
                            replica.primaryKeyId() == null ? "none" : replica.primaryKeyId(),
                            replica.keyIds().isEmpty() ? "none" : replica.keyIds()));
        }
        return true;
    }

    private boolean add(CredentialKeyset keys) {
        var next = keys.nextId();
        if (next.isPresent()) {
            tell.accept("Key %d is there, and encrypts nothing yet.".formatted(next.get()));
            return true;
        }
        var added = keys.withNewKey();
        file.write(added);
        tell.accept("Added key %d, which encrypts nothing yet."
                .formatted(added.nextId().orElseThrow()));
        return true;
    }

    private boolean promote(CredentialKeyset keys) {
        var next = keys.nextId();
        if (next.isEmpty()) {
            tell.accept("Key %d encrypts, and none waits to follow it.".formatted(keys.primaryId()));
            return true;
        }
        long id = next.get();
        if (!awaitServers(replica -> replica.keyIds().contains(id), "have key " + id)) {
            return false;
        }
        file.write(keys.promoted(id));
        audit("PromoteCredentialKey", id);
        tell.accept("Key %d encrypts from now on.".formatted(id));
        return true;
    }

    private boolean reencrypt(CredentialKeyset keys) {
        long primary = keys.primaryId();
        if (!awaitServers(replica -> encryptsWith(replica, primary), "encrypt with key " + primary)) {
            return false;
        }
        long left = credentials.countWithOtherKey(database.queries(), primary);
        long done = 0;
        var unreadable = new ArrayList<UUID>();
        var after = FIRST;
        while (true) {
            var from = after;
            var batch = database.transaction(tx -> reencryptSome(tx, keys, from));
            if (batch.last() == null) {
                break;
            }
            after = batch.last();
            done += batch.done();
            unreadable.addAll(batch.unreadable());
            tell.accept("Encrypted %d of %d credentials with key %d.".formatted(done, Math.max(left, done), primary));
            if (Thread.currentThread().isInterrupted()) {
                return false;
            }
        }
        if (unreadable.isEmpty()) {
            tell.accept("Every credential is encrypted with key %d.".formatted(primary));
            return true;
        }
        tell.accept(
                "%d credentials cannot be decrypted with the keys of %s; put or delete them, or give their keys back: %s"
                        .formatted(
                                unreadable.size(),
                                file.path(),
                                unreadable.subList(0, Math.min(10, unreadable.size()))));
        return false;
    }

    /**
     * What one transaction did.
     *
     * @param last the last credential it looked at; null when none was left
     */
    private record Batch(
            int done,
            List<UUID> unreadable,
            @org.jspecify.annotations.Nullable UUID last) {}

    private Batch reencryptSome(Tx tx, CredentialKeyset keys, UUID after) {
        long primary = keys.primaryId();
        if (!keyStore.hold(tx, primary)) {
            throw new IllegalStateException(
                    "key " + primary + ", the primary one of " + file.path() + ", has been taken out of service");
        }
        var ids = new ArrayList<UUID>();
        var sealed = new ArrayList<byte[]>();
        var unreadable = new ArrayList<UUID>();
        UUID last = null;
        for (var credential : credentials.lockWithOtherKey(tx, primary, after, BATCH)) {
            last = credential.id();
            CredentialContent.open(keys, credential)
                    .ifPresentOrElse(
                            content -> {
                                ids.add(credential.id());
                                sealed.add(content.seal(keys, credential.id()));
                            },
                            () -> unreadable.add(credential.id()));
        }
        if (!ids.isEmpty()) {
            credentials.sealAnew(tx, ids, sealed, primary);
        }
        return new Batch(ids.size(), unreadable, last);
    }

    private boolean remove(CredentialKeyset keys) {
        if (keys.oldIds().isEmpty()) {
            tell.accept("There is no old key.");
            return true;
        }
        long primary = keys.primaryId();
        if (!awaitServers(replica -> encryptsWith(replica, primary), "encrypt with key " + primary)) {
            return false;
        }
        var removed = new ArrayList<Long>();
        for (long id : keys.oldIds()) {
            long uses = database.transaction(tx -> retireUnused(tx, id));
            if (uses == 0) {
                removed.add(id);
            } else {
                tell.accept("Key %d stays: %d credentials are encrypted with it.".formatted(id, uses));
            }
        }
        if (!removed.isEmpty()) {
            file.write(keys.without(removed));
            removed.forEach(id -> tell.accept("Removed key %d.".formatted(id)));
        }
        return removed.size() == keys.oldIds().size();
    }

    /** Out of service first, then out of the file: so no server can encrypt with what is not there any more. */
    private long retireUnused(Tx tx, long id) {
        keyStore.lock(tx, id);
        long uses = credentials.countOfKey(tx, id);
        if (uses == 0) {
            keyStore.retire(tx, id);
            tx.audit("RetireCredentialKey", "credential_key", null, Map.of("key_id", id));
        }
        return uses;
    }

    private boolean awaitServers(Predicate<Replica> isReady, String what) {
        long until = System.nanoTime() + patience.toNanos();
        boolean told = false;
        while (true) {
            var behind = keyStore.replicas(database.queries()).stream()
                    .filter(Predicate.not(isReady))
                    .toList();
            if (behind.isEmpty()) {
                return true;
            }
            if (System.nanoTime() - until > 0 || Thread.currentThread().isInterrupted()) {
                tell.accept("%d servers do not %s yet. Give them %s as it is now, then run this again: %s"
                        .formatted(
                                behind.size(),
                                what,
                                file.path(),
                                behind.stream().map(Replica::id).toList()));
                return false;
            }
            if (!told) {
                told = true;
                tell.accept("Waiting for %d servers to %s.".formatted(behind.size(), what));
            }
            LockSupport.parkNanos(BETWEEN_LOOKS.toNanos());
        }
    }

    private static boolean encryptsWith(Replica replica, long id) {
        var primary = replica.primaryKeyId();
        return primary != null && primary == id;
    }

    private CredentialKeyset now() {
        return file.read().orElseThrow(() -> new IllegalStateException(file.path() + " is gone"));
    }

    private void audit(String action, long keyId) {
        database.transaction(tx -> {
            tx.audit(action, "credential_key", null, Map.of("key_id", keyId));
            return true;
        });
    }
}
