package dev.sortie.mission.domain;

import java.time.Instant;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * What is kept of a refresh token; not the token itself.
 *
 * @param familyId what all tokens that came of one login have in common
 * @param usedTime when it was exchanged for the next one; null while it works
 */
public record RefreshToken(
        UUID refreshTokenId,
        UUID familyId,
        UUID userId,
        Instant expireTime,
        @Nullable Instant usedTime) {}
