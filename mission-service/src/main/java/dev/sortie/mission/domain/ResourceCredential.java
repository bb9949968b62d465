package dev.sortie.mission.domain;

import java.time.Instant;
import java.util.UUID;

/**
 * What a user presents to a resource, encrypted.
 *
 * @param resourceId the resource, as tools name it
 * @param sealed the content, encrypted
 * @param keyId the number of the key it is encrypted with
 * @param updateTime when the content last changed; to encrypt it anew is no change
 */
public record ResourceCredential(
        UUID id,
        UUID userId,
        String resourceId,
        byte[] sealed,
        long keyId,
        Instant createTime,
        Instant updateTime,
        long version) {

    @Override
    public String toString() {
        return "ResourceCredential[" + id + "]";
    }
}
