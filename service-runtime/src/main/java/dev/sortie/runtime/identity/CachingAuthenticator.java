package dev.sortie.runtime.identity;

import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.failure.FailureException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Remembers for a short time who a token stands for, and for longer while nobody can be asked. A token that is refused
 * is forgotten at once. Of many calls with one token, one asks and the others wait for it; while nobody can be asked,
 * one asks every second and the others go on with what was known.
 */
public final class CachingAuthenticator implements Authenticator {
    private static final int MAX_TOKENS = 10_000;
    /** How long nobody asks after an ask that could not reach anybody, as long as an old answer serves. */
    private static final Duration PAUSE = Duration.ofSeconds(1);

    private final Authenticator delegate;
    private final InstantSource clock;
    private final Duration fresh;
    private final Duration stale;
    private final ConcurrentHashMap<ByteBuffer, Slot> slots = new ConcurrentHashMap<>();

    /**
     * @param fresh how long an answer is used without asking again: a revoked token works at most so long
     * @param stale how long it is used while the delegate is {@code UNAVAILABLE}
     */
    public CachingAuthenticator(Authenticator delegate, InstantSource clock, Duration fresh, Duration stale) {
        this.delegate = delegate;
        this.clock = clock;
        this.fresh = fresh;
        this.stale = stale;
    }

    private record Known(Principal principal, Instant since) {}

    private record Unreachable(FailureException failure, Instant since) {}

    private static final class Slot {
        final ReentrantLock asking = new ReentrantLock();
        volatile @Nullable Known known;
        volatile @Nullable Unreachable unreachable;
    }

    @Override
    public Principal authenticate(String token) {
        var key = ByteBuffer.wrap(ApiTokens.hash(token)); // the cache holds no secrets
        var slot = slots.get(key);
        if (slot == null) {
            if (slots.size() >= MAX_TOKENS) {
                slots.clear();
            }
            slot = slots.computeIfAbsent(key, _ -> new Slot());
        }
        var principal = withoutAsking(slot);
        if (principal != null) {
            return principal;
        }
        var before = slot.unreachable;
        if (!slot.asking.tryLock()) {
            var known = slot.known;
            if (before != null && known != null && isWithin(known, stale)) {
                return known.principal; // somebody asks already, and most likely in vain
            }
            slot.asking.lock();
        }
        try {
            principal = withoutAsking(slot);
            if (principal != null) {
                return principal;
            }
            var since = slot.unreachable;
            if (since != null && !since.equals(before)) {
                // What was waited for has failed; asking once more for each who waited helps nobody.
                throw since.failure;
            }
            return ask(token, key, slot);
        } finally {
            slot.asking.unlock();
        }
    }

    /** What is known and recent enough, or old while it was in vain to ask a moment ago; null when it takes asking. */
    private @Nullable Principal withoutAsking(Slot slot) {
        var known = slot.known;
        if (known == null) {
            return null;
        }
        var unreachable = slot.unreachable;
        boolean usable = isWithin(known, fresh)
                || (unreachable != null && isRecent(unreachable.since, PAUSE) && isWithin(known, stale));
        return usable ? known.principal : null;
    }

    private Principal ask(String token, ByteBuffer key, Slot slot) {
        try {
            var principal = delegate.authenticate(token);
            slot.known = new Known(principal, clock.instant());
            slot.unreachable = null;
            return principal;
        } catch (FailureException failed) {
            boolean unreachable = switch (failed.failure()) {
                case Failure.Unavailable _, Failure.ResourceExhausted _, Failure.DeadlineExceeded _ -> true;
                default -> false;
            };
            var known = slot.known;
            if (!unreachable || known == null) {
                slots.remove(key, slot);
            }
            if (unreachable) {
                slot.unreachable = new Unreachable(failed, clock.instant());
                if (known != null && isWithin(known, stale)) {
                    return known.principal;
                }
            } else {
                slot.known = null;
            }
            throw failed;
        }
    }

    private boolean isWithin(Known known, Duration age) {
        return clock.instant().isBefore(known.principal.expiresAt()) && isRecent(known.since, age);
    }

    /** False for what lies ahead: the clock was set back, and how old it is nobody knows. */
    private boolean isRecent(Instant since, Duration age) {
        var passed = Duration.between(since, clock.instant());
        return !passed.isNegative() && passed.compareTo(age) < 0;
    }
}
