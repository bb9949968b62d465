package dev.sortie.runtime.id;

import java.security.SecureRandom;
import java.time.InstantSource;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;

/** Makes the ids of resources. */
@FunctionalInterface
public interface Ids {

    /** An id that was never given before. */
    UUID next();

    /**
     * UUIDv7: 48 bits of milliseconds, then random bits, so that rows made one after the other lie beside each other in
     * an index. Ids order by time across processes to the millisecond, and not within it.
     */
    static Ids timeOrdered(InstantSource clock) {
        var secureSeed = new SecureRandom();
        long node = secureSeed.nextLong();
        return () -> {
            var random = ThreadLocalRandom.current();
            long high = (clock.millis() << 16) | 0x7000L | (random.nextLong() & 0x0FFFL);
            long low = ((random.nextLong() ^ node) & 0x3FFF_FFFF_FFFF_FFFFL) | 0x8000_0000_0000_0000L;
            return new UUID(high, low);
        };
    }
}
