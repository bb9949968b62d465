package dev.sortie.runtime.id;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.runtime.testing.SettableClock;
import java.time.Duration;
import java.time.Instant;
import java.util.HashSet;
import java.util.UUID;
import org.junit.jupiter.api.Test;

class IdsTest {
    private final SettableClock clock = new SettableClock(Instant.parse("2026-03-01T00:00:00.123Z"));
    private final Ids ids = Ids.timeOrdered(clock);

    @Test
    void makesUuidsOfVersionSevenThatBeginWithTheTime() {
        var id = ids.next();
        assertThat(id.version()).isEqualTo(7);
        assertThat(id.variant()).isEqualTo(2);
        assertThat(id.getMostSignificantBits() >>> 16).isEqualTo(clock.millis());
    }

    @Test
    void ordersByTimeAndNeverRepeats() {
        var seen = new HashSet<UUID>();
        var last = "";
        for (int i = 0; i < 1_000; i++) {
            var id = ids.next();
            assertThat(seen.add(id)).isTrue();
            assertThat(id.toString()).isGreaterThan(last);
            last = id.toString();
            clock.advance(Duration.ofMillis(1));
        }
        for (int i = 0; i < 10_000; i++) {
            assertThat(seen.add(ids.next())).isTrue();
        }
    }
}
