package dev.sortie.mission.domain;

import dev.sortie.mission.v1.ErrorReason;
import dev.sortie.runtime.failure.Failure;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * How often a wrong password can be given for a username, whether or not there is such a user: a few times at once, and
 * then once in a while. The right one wipes the slate clean. In memory: each replica counts for itself, and a new one
 * begins anew.
 */
public final class LoginThrottle {
    /** How many wrong passwords are taken at once. */
    public static final int ATTEMPTS = 10;
    /** How long it takes until one more is. */
    public static final Duration RECOVERY = Duration.ofSeconds(30);
    /** How many usernames are remembered; the one that was tried least lately is forgotten first. */
    static final int MAX_NAMES = 65_536;

    private static final Duration BURST = RECOVERY.multipliedBy(ATTEMPTS - 1L);

    private final InstantSource clock;
    private final int maxNames;
    /** When a username will have all its attempts again. */
    private final Map<String, Instant> recovered = new LinkedHashMap<>(16, 0.75f, true);

    public LoginThrottle(InstantSource clock) {
        this(clock, MAX_NAMES);
    }

    LoginThrottle(InstantSource clock, int maxNames) {
        this.clock = clock;
        this.maxNames = maxNames;
    }

    /**
     * Takes one attempt of a username. To be taken before the password is looked at, or many could be tried at once.
     *
     * @throws dev.sortie.runtime.failure.FailureException RESOURCE_EXHAUSTED when there is none
     */
    public synchronized void take(String username) {
        var now = clock.instant();
        var from = recovered.getOrDefault(username, now);
        var base = from.isBefore(now) ? now : from;
        if (base.isAfter(now.plus(BURST))) {
            throw Failure.resourceExhausted(
                            ErrorReason.ERROR_REASON_LOGIN_THROTTLED,
                            Duration.between(now.plus(BURST), base),
                            "too many wrong passwords were given for this username; wait before the next one")
                    .exception();
        }
        recovered.put(username, base.plus(RECOVERY));
        if (recovered.size() > maxNames) {
            var eldest = recovered.keySet().iterator();
            eldest.next();
            eldest.remove();
        }
    }

    /** The attempt was none: the password was not looked at. */
    public synchronized void giveBack(String username) {
        recovered.computeIfPresent(username, (_, at) -> at.minus(RECOVERY));
    }

    /** The password was the right one. */
    public synchronized void reset(String username) {
        recovered.remove(username);
    }
}
