package dev.sortie.mission.store;

import dev.sortie.mission.domain.ApiToken;
import dev.sortie.mission.domain.TokenScope;
import dev.sortie.mission.domain.UserKind;
import dev.sortie.runtime.identity.Role;
import dev.sortie.runtime.paging.Keyset;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Rows;
import dev.sortie.runtime.sql.Tx;
import io.vertx.sqlclient.Row;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** The api_tokens table, and who a token stands for. */
public final class ApiTokenStore {
    private static final String COLUMNS = """
            api_token_id, user_id, display_name, prefix, scopes, expires_at, last_used_at, revoked_at, created_at, version
            """;
    private static final String INSERT = """
            INSERT INTO api_tokens (api_token_id, user_id, display_name, prefix, token_hash, expires_at,
                                    scopes, created_at, updated_at)
            VALUES ($1::uuid, $2::uuid, $3::text, $4::text, $5::bytea, $6::timestamptz,
                    $8::text[], $7::timestamptz, $7::timestamptz)
            """;
    private static final String FIND_FOR_UPDATE =
            "SELECT " + COLUMNS + "FROM api_tokens WHERE api_token_id = $1::uuid FOR UPDATE";
    private static final String FIND_BY_HASH = "SELECT " + COLUMNS + "FROM api_tokens WHERE token_hash = $1::bytea";
    private static final String LIST = "SELECT " + COLUMNS + """
            FROM api_tokens
            WHERE user_id = $1::uuid AND (created_at, api_token_id) < ($2::timestamptz, $3::uuid)
            ORDER BY created_at DESC, api_token_id DESC LIMIT $4::int
            """;
    private static final String LIST_FIRST = "SELECT " + COLUMNS + """
            FROM api_tokens WHERE user_id = $1::uuid
            ORDER BY created_at DESC, api_token_id DESC LIMIT $2::int
            """;
    private static final String LIST_WORKING_EXCEPT = "SELECT " + COLUMNS + """
            FROM api_tokens
            WHERE user_id = $1::uuid AND display_name = $2::text AND revoked_at IS NULL AND token_hash <> ALL ($3::bytea[])
            FOR UPDATE
            """;
    private static final String REVOKE = """
            UPDATE api_tokens
            SET revoked_at = $2::timestamptz, updated_at = $2::timestamptz, version = version + 1
            WHERE api_token_id = $1::uuid
            RETURNING
            """ + COLUMNS;
    private static final String DELETE_OF_USER = "DELETE FROM api_tokens WHERE user_id = $1::uuid RETURNING " + COLUMNS;
    private static final String FIND_HOLDER = """
            SELECT t.api_token_id, t.scopes, t.expires_at, t.last_used_at, u.user_id, u.username, u.role, u.kind
            FROM api_tokens t JOIN users u ON u.user_id = t.user_id
            WHERE t.token_hash = $1::bytea AND t.revoked_at IS NULL AND u.is_active
              AND (t.expires_at IS NULL OR t.expires_at > $2::timestamptz)
            """;
    private static final String FIND_ACTIVE_USER = """
            SELECT NULL::uuid AS api_token_id, '{}'::text[] AS scopes, NULL::timestamptz AS expires_at,
                   NULL::timestamptz AS last_used_at, user_id, username, role, kind
            FROM users WHERE user_id = $1::uuid AND is_active
            """;
    // A use is no change of the token; concurrent replicas may each note one.
    private static final String NOTE_USES = """
            UPDATE api_tokens t SET last_used_at = u.used_at
            FROM unnest($1::uuid[], $2::timestamptz[]) AS u (api_token_id, used_at)
            WHERE t.api_token_id = u.api_token_id AND (t.last_used_at IS NULL OR t.last_used_at < u.used_at)
            """;

    /** Who a credential stands for now; without the token's columns for an access token. */
    public record Holder(
            UUID userId,
            String username,
            Role role,
            UserKind kind,
            @Nullable UUID apiTokenId,
            Set<TokenScope> scopes,
            @Nullable Instant expireTime,
            @Nullable Instant lastUseTime) {}

    public void insert(Tx tx, ApiToken token, byte[] hash) {
        tx.update(
                INSERT,
                token.apiTokenId(),
                token.userId(),
                token.displayName(),
                token.prefix(),
                hash,
                token.expireTime(),
                token.createTime(),
                token.scopes().stream().map(Enum::name).toArray(String[]::new));
    }

    public Optional<ApiToken> findForUpdate(Tx tx, UUID apiTokenId) {
        return tx.find(FIND_FOR_UPDATE, ApiTokenStore::toApiToken, apiTokenId);
    }

    public Optional<ApiToken> findByHash(Queries queries, byte[] hash) {
        return queries.find(FIND_BY_HASH, ApiTokenStore::toApiToken, (Object) hash);
    }

    public List<ApiToken> list(Queries queries, UUID userId, @Nullable Keyset after, int limit) {
        return after == null
                ? queries.list(LIST_FIRST, ApiTokenStore::toApiToken, userId, limit)
                : queries.list(LIST, ApiTokenStore::toApiToken, userId, after.instant(0), after.uuid(1), limit);
    }

    /** Tokens of that name that are not revoked and have none of the hashes. */
    public List<ApiToken> listWorkingExcept(Tx tx, UUID userId, String displayName, List<byte[]> hashes) {
        return tx.list(LIST_WORKING_EXCEPT, ApiTokenStore::toApiToken, userId, displayName, hashes);
    }

    public ApiToken revoke(Tx tx, UUID apiTokenId) {
        return tx.find(REVOKE, ApiTokenStore::toApiToken, apiTokenId, tx.now()).orElseThrow();
    }

    /** Deletes all tokens of a user; returns them as they were. */
    public List<ApiToken> deleteOfUser(Tx tx, UUID userId) {
        return tx.list(DELETE_OF_USER, ApiTokenStore::toApiToken, userId);
    }

    /** Empty when no token that works now has the hash, or its user is deactivated. */
    public Optional<Holder> findHolder(Queries queries, byte[] hash) {
        return queries.find(FIND_HOLDER, ApiTokenStore::toHolder, hash, queries.now());
    }

    /** Empty when the user is deactivated or gone. */
    public Optional<Holder> findActiveUser(Queries queries, UUID userId) {
        return queries.find(FIND_ACTIVE_USER, ApiTokenStore::toHolder, userId);
    }

    public void noteUses(Queries queries, Map<UUID, Instant> uses) {
        var tokens = List.copyOf(uses.keySet());
        queries.update(NOTE_USES, tokens, tokens.stream().map(uses::get).toList());
    }

    private static Holder toHolder(Row row) {
        return new Holder(
                row.getUUID("user_id"),
                row.getString("username"),
                Rows.value(row, "role", Role.class),
                Rows.value(row, "kind", UserKind.class),
                row.getUUID("api_token_id"),
                scopes(row),
                Rows.nullableInstant(row, "expires_at"),
                Rows.nullableInstant(row, "last_used_at"));
    }

    private static Set<TokenScope> scopes(Row row) {
        return Rows.strings(row, "scopes").stream().map(TokenScope::valueOf).collect(Collectors.toUnmodifiableSet());
    }

    private static ApiToken toApiToken(Row row) {
        return new ApiToken(
                row.getUUID("api_token_id"),
                row.getUUID("user_id"),
                row.getString("display_name"),
                row.getString("prefix"),
                scopes(row),
                Rows.nullableInstant(row, "expires_at"),
                Rows.nullableInstant(row, "last_used_at"),
                Rows.nullableInstant(row, "revoked_at"),
                Rows.instant(row, "created_at"),
                row.getLong("version"));
    }
}
