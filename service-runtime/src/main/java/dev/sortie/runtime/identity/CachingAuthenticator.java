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
 * is forgotten at once. Of many calls with one token, one asks and the others wait for it.
 */
public final class CachingAuthenticator implements Authenticator {
    private static final int MAX_TOKENS = 10_000;

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

    private static final class Slot {
        final ReentrantLock asking = new ReentrantLock();
        volatile @Nullable Known known;
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
        var known = slot.known;
        if (known != null && isWithin(known, fresh)) {
            return known.principal;
        }
        slot.asking.lock();
        try {
            known = slot.known;
            if (known != null && isWithin(known, fresh)) {
                return known.principal;
            }
            return ask(token, key, slot, known);
        } finally {
            slot.asking.unlock();
        }
    }

    private Principal ask(String token, ByteBuffer key, Slot slot, @Nullable Known known) {
        try {
            var principal = delegate.authenticate(token);
            slot.known = new Known(principal, clock.instant());
            return principal;
        } catch (FailureException failed) {
            boolean unreachable = switch (failed.failure()) {
                case Failure.Unavailable _, Failure.ResourceExhausted _, Failure.DeadlineExceeded _ -> true;
                default -> false;
            };
            if (unreachable && known != null && isWithin(known, stale)) {
                return known.principal;
            }
            if (!unreachable || known == null) {
                slots.remove(key, slot);
            }
            throw failed;
        }
    }

    private boolean isWithin(Known known, Duration age) {
        var now = clock.instant();
        return now.isBefore(known.principal.expiresAt())
                && Duration.between(known.since, now).compareTo(age) < 0;
    }
}
