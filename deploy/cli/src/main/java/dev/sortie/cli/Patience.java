package dev.sortie.cli;

import java.time.Duration;
import java.util.concurrent.locks.LockSupport;

/** How often something is tried again that a server which is away, or busy, did not do. */
final class Patience {
    private static final int TRIES = 12;
    private static final Duration LONGEST_PAUSE = Duration.ofSeconds(4);

    private int tries;
    private Duration pause = Duration.ofMillis(200);

    /** Waits a moment, longer each time; false when it was tried often enough. */
    boolean isLeft() {
        if (++tries > TRIES) {
            return false;
        }
        LockSupport.parkNanos(pause.toNanos());
        pause = pause.multipliedBy(2).compareTo(LONGEST_PAUSE) > 0 ? LONGEST_PAUSE : pause.multipliedBy(2);
        return true;
    }
}
