package dev.sortie.mission.domain;

import dev.sortie.mission.store.ApiTokenStore;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.id.Ids;
import dev.sortie.runtime.identity.ApiTokens;
import dev.sortie.runtime.identity.Principal;
import dev.sortie.runtime.paging.Keyset;
import dev.sortie.runtime.paging.Page;
import dev.sortie.runtime.paging.PageRequest;
import dev.sortie.runtime.sql.Change;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Tx;
import dev.sortie.type.v1.ErrorReason;
import java.security.SecureRandom;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** The API tokens of users. */
public final class UserTokens {
    private static final int PREFIX_LENGTH = ApiTokens.PREFIX.length() + 6;

    private final ApiTokenStore store;
    private final Users users;
    private final Ids ids;
    private final SecureRandom random;

    public UserTokens(ApiTokenStore store, Users users, Ids ids, SecureRandom random) {
        this.store = store;
        this.users = users;
        this.ids = ids;
        this.random = random;
    }

    /**
     * A token to be made.
     *
     * @param userId the user that it acts as; null for the caller
     * @param expireTime null for one that works for ever
     * @param scopes what it shall be limited to; empty for what the caller's is
     */
    public record Draft(
            @Nullable UUID userId,
            String displayName,
            @Nullable Instant expireTime,
            Set<TokenScope> scopes) {}

    /** A new token and its secret, which is known here and now and never again. */
    public record Created(ApiToken apiToken, String secret) {
        @Override
        public String toString() {
            return "Created[" + apiToken + "]";
        }
    }

    /** Makes a token for the caller, or for somebody whom the caller may act on. */
    public Created create(Tx tx, Draft draft) {
        var owner = ownerOf(tx.principal(), draft.userId());
        if (draft.expireTime() != null && !draft.expireTime().isAfter(tx.now())) {
            throw Failure.invalidArgument(
                            ErrorReason.ERROR_REASON_FIELD_INVALID,
                            "expire_time",
                            "%s (expected: later than now)",
                            draft.expireTime())
                    .with("field_count", 1)
                    .exception();
        }
        users.get(tx, owner);
        var scopes = scopesOf(tx.principal(), draft.scopes());
        var secret = ApiTokens.generate(random);
        return new Created(insert(tx, owner, draft.displayName(), secret, draft.expireTime(), scopes), secret);
    }

    /** Who is limited gives nobody, and least of all themselves, a token that is less so. */
    private static Set<TokenScope> scopesOf(Principal caller, Set<TokenScope> wanted) {
        if (wanted.isEmpty()) {
            return caller.scopes().stream().map(TokenScope::valueOf).collect(Collectors.toUnmodifiableSet());
        }
        wanted.forEach(scope -> caller.requireScope(Set.of(scope.name())));
        return wanted;
    }

    /**
     * The caller's tokens, or those of somebody whom the caller may act on, newest first.
     *
     * @param userId whose; null for the caller's
     */
    public Page<ApiToken> list(Queries queries, @Nullable UUID userId, PageRequest page) {
        return page.page(
                store.list(queries, ownerOf(queries.principal(), userId), page.after(), page.limit()),
                token -> Keyset.of(token.createTime(), token.apiTokenId()));
    }

    /** Makes a token stop working. */
    public ApiToken revoke(Tx tx, UUID apiTokenId) {
        var token = store.findForUpdate(tx, apiTokenId)
                .orElseThrow(() -> Failure.notFound(
                                ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND, "API token %s does not exist", apiTokenId)
                        .with("resource", "api_token")
                        .with("id", apiTokenId)
                        .exception());
        tx.principal().requireOwner(token.userId(), "api_token", apiTokenId);
        return token.revokeTime() == null ? revoke(tx, token) : token;
    }

    /**
     * Makes the user have exactly the given secrets among those of one display name: makes what is missing, revokes the
     * rest. One that was revoked by somebody stays revoked.
     *
     * @return how many of the given secrets do not work because they were revoked
     */
    int ensure(Tx tx, UUID userId, String displayName, List<String> secrets) {
        var hashes = secrets.stream().map(ApiTokens::hash).toList();
        for (var stale : store.listWorkingExcept(tx, userId, displayName, hashes)) {
            revoke(tx, stale);
        }
        int revoked = 0;
        for (var secret : secrets) {
            var present = store.findByHash(tx, ApiTokens.hash(secret));
            if (present.isEmpty()) {
                insert(tx, userId, displayName, secret, null, Set.of());
            } else if (!present.get().userId().equals(userId)) {
                throw new IllegalStateException("one API token is given for two users");
            } else if (present.get().revokeTime() != null) {
                revoked++;
            }
        }
        return revoked;
    }

    private ApiToken insert(
            Tx tx,
            UUID userId,
            String displayName,
            String secret,
            @Nullable Instant expireTime,
            Set<TokenScope> scopes) {
        var token = new ApiToken(
                ids.next(),
                userId,
                displayName,
                secret.substring(0, PREFIX_LENGTH),
                scopes,
                expireTime,
                null,
                null,
                tx.now(),
                1);
        store.insert(tx, token, ApiTokens.hash(secret));
        note(tx, Change.created("api_token", token.apiTokenId(), token.version()), "CreateApiToken", token);
        return token;
    }

    private ApiToken revoke(Tx tx, ApiToken token) {
        var revoked = store.revoke(tx, token.apiTokenId());
        note(tx, Change.updated("api_token", token.apiTokenId(), revoked.version()), "RevokeApiToken", revoked);
        return revoked;
    }

    private static void note(Tx tx, Change change, String action, ApiToken token) {
        tx.change(change.with("user_id", token.userId()).with("revoked", token.revokeTime() != null));
        tx.audit(
                action,
                "api_token",
                token.apiTokenId(),
                Map.of("user_id", token.userId().toString()));
    }

    private static UUID ownerOf(Principal caller, @Nullable UUID userId) {
        var owner = userId == null ? caller.subject() : userId;
        caller.requireOwner(owner, "user", owner);
        return owner;
    }
}
