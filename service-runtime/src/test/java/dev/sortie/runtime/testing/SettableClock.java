package dev.sortie.runtime.testing;

import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.concurrent.atomic.AtomicReference;

/** A clock that stands still until a test moves it. */
public final class SettableClock implements InstantSource {
    private final AtomicReference<Instant> now;

    /** Stands at a time. */
    public SettableClock(Instant now) {
        this.now = new AtomicReference<>(now);
    }

    /** Stands at a fixed, arbitrary time. */
    public SettableClock() {
        this(Instant.parse("2030-01-01T12:00:00Z"));
    }

    @Override
    public Instant instant() {
        return now.get();
    }

    /** Moves on by a time. */
    public Instant advance(Duration time) {
        return now.updateAndGet(instant -> instant.plus(time));
    }

    /** Jumps to a time. */
    public void set(Instant instant) {
        now.set(instant);
    }
}
