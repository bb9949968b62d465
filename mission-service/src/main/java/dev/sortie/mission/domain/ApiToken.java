package dev.sortie.mission.domain;

import java.time.Instant;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * What is kept of an API token; not its secret.
 *
 * @param userId the user that it acts as
 * @param prefix the first characters of the secret
 * @param scopes what it is limited to; empty means everything that its user may do
 * @param expireTime null when it works for ever
 * @param lastUseTime to about a minute; null before the first use
 * @param revokeTime null while it works
 */
public record ApiToken(
        UUID apiTokenId,
        UUID userId,
        String displayName,
        String prefix,
        Set<TokenScope> scopes,
        @Nullable Instant expireTime,
        @Nullable Instant lastUseTime,
        @Nullable Instant revokeTime,
        Instant createTime,
        long version) {}
