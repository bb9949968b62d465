package dev.sortie.mission.domain;

import dev.sortie.mission.store.ApiTokenStore;
import dev.sortie.mission.store.ApiTokenStore.Holder;
import dev.sortie.runtime.identity.ApiTokens;
import dev.sortie.runtime.identity.Authenticator;
import dev.sortie.runtime.identity.JwtAuthenticator;
import dev.sortie.runtime.identity.Principal;
import dev.sortie.runtime.identity.TokenAuthenticator;
import dev.sortie.runtime.sql.Database;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.HashMap;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;

/**
 * Who a token stands for, as the database says at this moment: a revoked token and a deactivated user are refused with
 * the next call, and a changed role holds from then on.
 */
public final class Identities {
    /** How old the time of last use may be before it is written anew. */
    private static final Duration USE_PRECISION = Duration.ofMinutes(1);

    private final Database database;
    private final ApiTokenStore store;
    private final JwtAuthenticator accessTokens;
    private final ConcurrentHashMap<UUID, Instant> uses = new ConcurrentHashMap<>();

    public Identities(Database database, ApiTokenStore store, SigningKeys keys, InstantSource clock) {
        this.database = database;
        this.store = store;
        this.accessTokens = new JwtAuthenticator(keys::toJwks, clock);
    }

    /** The authenticator of mission-service, which owns users and tokens. */
    public Authenticator authenticator() {
        return new TokenAuthenticator(this::ofAccessToken, this::ofApiToken);
    }

    /** Writes the times of last use that were noted since the last time. Called now and then, and at the end. */
    public void writeUses() {
        var noted = new HashMap<UUID, Instant>();
        for (var use : Map.copyOf(uses).entrySet()) {
            if (uses.remove(use.getKey(), use.getValue())) {
                noted.put(use.getKey(), use.getValue());
            }
        }
        if (!noted.isEmpty()) {
            store.noteUses(database.queries(), noted);
        }
    }

    private Principal ofAccessToken(String token) {
        var claimed = accessTokens.authenticate(token);
        var holder = store.findActiveUser(database.queries(), claimed.userId()).orElseThrow(JwtAuthenticator::invalid);
        return principal(holder, claimed.expiresAt());
    }

    private Principal ofApiToken(String token) {
        var queries = database.queries();
        var holder = store.findHolder(queries, ApiTokens.hash(token)).orElseThrow(JwtAuthenticator::invalid);
        var lastUse = holder.lastUseTime();
        if (holder.apiTokenId() != null
                && (lastUse == null || lastUse.plus(USE_PRECISION).isBefore(queries.now()))) {
            uses.put(holder.apiTokenId(), queries.now());
        }
        return principal(holder, holder.expireTime() == null ? Instant.MAX : holder.expireTime());
    }

    private static Principal principal(Holder holder, Instant expiresAt) {
        return new Principal(
                holder.userId(),
                holder.username(),
                holder.role(),
                kindOf(holder.kind()),
                holder.apiTokenId(),
                holder.scopes().stream().map(Enum::name).collect(Collectors.toUnmodifiableSet()),
                null,
                expiresAt);
    }

    static Principal.Kind kindOf(UserKind kind) {
        return switch (kind) {
            case HUMAN -> Principal.Kind.USER;
            case SERVICE -> Principal.Kind.SERVICE;
        };
    }
}
