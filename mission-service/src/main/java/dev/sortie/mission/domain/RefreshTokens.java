package dev.sortie.mission.domain;

import dev.sortie.mission.store.RefreshTokenStore;
import dev.sortie.mission.store.UserStore;
import dev.sortie.runtime.id.Ids;
import dev.sortie.runtime.identity.ApiTokens;
import dev.sortie.runtime.sql.Database;
import dev.sortie.runtime.sql.Tx;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What people go on with when their access token has expired. Each use exchanges the token for the next one of its
 * family. One that was exchanged before has been copied, and nobody can tell by whom: its whole family ends.
 *
 * <p>Everything here happens under the lock of the user's row. So a token is exchanged once, and none that is just being
 * made outlives a change of the password or the end of the account.
 */
public final class RefreshTokens {
    /** How long a token works. */
    public static final Duration LIFETIME = Duration.ofDays(30);
    /** How many logins a user can have at once; a further one ends the one that was used least lately. */
    public static final int MAX_FAMILIES = 50;
    /** How many used tokens of a login are recognized; an older one is just unknown. */
    static final int MAX_USED = 100;

    private static final Logger LOG = LoggerFactory.getLogger(RefreshTokens.class);
    private static final String PREFIX = "sortie_refresh_";
    private static final int PURGED_AT_ONCE = 1_000;
    private static final Base64.Encoder BASE64 = Base64.getUrlEncoder().withoutPadding();

    private final Database database;
    private final RefreshTokenStore store;
    private final UserStore users;
    private final Ids ids;
    private final SecureRandom random;

    public RefreshTokens(Database database, RefreshTokenStore store, UserStore users, Ids ids, SecureRandom random) {
        this.database = database;
        this.store = store;
        this.users = users;
        this.ids = ids;
        this.random = random;
    }

    /** A new token, which is known here and now and never again. */
    public record Issued(String token, Instant expireTime) {
        @Override
        public String toString() {
            return "Issued[until " + expireTime + "]";
        }
    }

    /** Whose token was exchanged, and for what. */
    record Exchanged(User user, Issued next) {}

    /** Begins a family. The user is locked. */
    Issued issue(Tx tx, UUID userId) {
        store.dropOldestFamilies(tx, userId, MAX_FAMILIES - 1);
        return insert(tx, ids.next(), userId);
    }

    /** Exchanges a token for the next one. Empty when it does not work: the transaction is to be committed all the same. */
    Optional<Exchanged> exchange(Tx tx, String token) {
        var hash = ApiTokens.hash(token);
        var user = store.find(tx, hash).flatMap(found -> users.lock(tx, found.userId()));
        // Asked anew under the lock: it may have been used or revoked meanwhile.
        var present = user.flatMap(_ -> store.find(tx, hash));
        if (user.isEmpty() || present.isEmpty()) {
            return Optional.empty();
        }
        var old = present.get();
        if (old.usedTime() != null) {
            store.deleteFamily(tx, old.familyId());
            tx.audit("RefreshTokenReused", "user", old.userId(), Map.of());
            tx.afterCommit(() -> LOG.atWarn()
                    .addKeyValue("user_id", old.userId())
                    .log("a refresh token was used twice; its login has ended"));
            return Optional.empty();
        }
        if (!user.get().active() || !old.expireTime().isAfter(tx.now())) {
            return Optional.empty();
        }
        store.markUsed(tx, old.refreshTokenId());
        store.dropOldestUsed(tx, old.familyId(), MAX_USED);
        return Optional.of(new Exchanged(user.get(), insert(tx, old.familyId(), old.userId())));
    }

    /** Ends all logins of a user. The user is locked. */
    void revokeAll(Tx tx, UUID userId) {
        store.deleteOfUser(tx, userId);
    }

    /** Deletes the tokens whose time is over. May run in every replica at once. */
    public void purge() {
        int purged = PURGED_AT_ONCE;
        while (purged == PURGED_AT_ONCE && !Thread.currentThread().isInterrupted()) {
            purged = store.deleteExpired(database.queries(), PURGED_AT_ONCE);
        }
    }

    private Issued insert(Tx tx, UUID familyId, UUID userId) {
        var secret = new byte[32];
        random.nextBytes(secret);
        var token = PREFIX + BASE64.encodeToString(secret);
        var kept = new RefreshToken(ids.next(), familyId, userId, tx.now().plus(LIFETIME), null);
        store.insert(tx, kept, ApiTokens.hash(token));
        return new Issued(token, kept.expireTime());
    }
}
