package dev.sortie.mission.store;

import dev.sortie.mission.domain.RefreshToken;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Rows;
import dev.sortie.runtime.sql.Tx;
import java.util.Optional;
import java.util.UUID;

/** The refresh_tokens table. Whoever writes to it for a user holds the lock of the user's row, but for the purge. */
public final class RefreshTokenStore {
    private static final String INSERT = """
            INSERT INTO refresh_tokens (refresh_token_id, family_id, user_id, token_hash, expires_at, created_at)
            VALUES ($1::uuid, $2::uuid, $3::uuid, $4::bytea, $5::timestamptz, $6::timestamptz)
            """;
    private static final String FIND = """
            SELECT refresh_token_id, family_id, user_id, used_at, expires_at
            FROM refresh_tokens WHERE token_hash = $1::bytea
            """;
    private static final String MARK_USED =
            "UPDATE refresh_tokens SET used_at = $2::timestamptz WHERE refresh_token_id = $1::uuid";
    private static final String DROP_OLDEST_USED = """
            DELETE FROM refresh_tokens WHERE refresh_token_id IN (
                SELECT refresh_token_id FROM refresh_tokens WHERE family_id = $1::uuid AND used_at IS NOT NULL
                ORDER BY used_at DESC, refresh_token_id DESC OFFSET $2::int)
            """;
    private static final String DROP_OLDEST_FAMILIES = """
            DELETE FROM refresh_tokens WHERE user_id = $1::uuid AND family_id NOT IN (
                SELECT family_id FROM refresh_tokens WHERE user_id = $1::uuid AND used_at IS NULL
                ORDER BY created_at DESC, refresh_token_id DESC LIMIT $2::int)
            """;
    private static final String DELETE_FAMILY = "DELETE FROM refresh_tokens WHERE family_id = $1::uuid";
    private static final String DELETE_OF_USER = "DELETE FROM refresh_tokens WHERE user_id = $1::uuid";
    private static final String DELETE_EXPIRED = """
            DELETE FROM refresh_tokens WHERE refresh_token_id IN (
                SELECT refresh_token_id FROM refresh_tokens WHERE expires_at <= $1::timestamptz
                ORDER BY expires_at LIMIT $2::int FOR UPDATE SKIP LOCKED)
            """;

    public void insert(Tx tx, RefreshToken token, byte[] hash) {
        tx.send(INSERT, token.refreshTokenId(), token.familyId(), token.userId(), hash, token.expireTime(), tx.now());
    }

    public Optional<RefreshToken> find(Queries queries, byte[] hash) {
        return queries.find(
                FIND,
                row -> new RefreshToken(
                        row.getUUID("refresh_token_id"),
                        row.getUUID("family_id"),
                        row.getUUID("user_id"),
                        Rows.instant(row, "expires_at"),
                        Rows.nullableInstant(row, "used_at")),
                (Object) hash);
    }

    public void markUsed(Tx tx, UUID refreshTokenId) {
        tx.send(MARK_USED, refreshTokenId, tx.now());
    }

    /** Forgets the used tokens of a family but for the newest ones. */
    public void dropOldestUsed(Tx tx, UUID familyId, int kept) {
        tx.send(DROP_OLDEST_USED, familyId, kept);
    }

    /** Ends the logins of a user but for those that were used last. */
    public void dropOldestFamilies(Tx tx, UUID userId, int kept) {
        tx.send(DROP_OLDEST_FAMILIES, userId, kept);
    }

    public void deleteFamily(Tx tx, UUID familyId) {
        tx.send(DELETE_FAMILY, familyId);
    }

    public void deleteOfUser(Tx tx, UUID userId) {
        tx.send(DELETE_OF_USER, userId);
    }

    /** Deletes some tokens whose time is over; returns how many. */
    public int deleteExpired(Queries queries, int limit) {
        return queries.update(DELETE_EXPIRED, queries.now(), limit);
    }
}
