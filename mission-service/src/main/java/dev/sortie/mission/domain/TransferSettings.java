package dev.sortie.mission.domain;

import java.time.Duration;

/**
 * What the server takes on to move the contents of assets.
 *
 * @param uploadsAtOnce uploads in hand at once, each in some 8 MiB of memory
 * @param downloadsAtOnce downloads in hand at once, each in about 1 MiB of memory
 * @param idleTime how long an upload may send nothing, and a download take nothing
 * @param maxBytes the largest content
 */
public record TransferSettings(int uploadsAtOnce, int downloadsAtOnce, Duration idleTime, long maxBytes) {
    /** The most that the contract and the tables have room for: 1 GiB. */
    public static final long MOST_BYTES = 1L << 30;

    public static final TransferSettings DEFAULT = new TransferSettings(16, 64, Duration.ofMinutes(1), MOST_BYTES);

    /** After how long of hearing nothing of an upload its process must be gone: a live one is heard of more often. */
    public Duration orphanAge() {
        return idleTime.multipliedBy(5);
    }
}
