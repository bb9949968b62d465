package dev.sortie.mission.domain;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sortie.runtime.failure.Failure.ResourceExhausted;
import dev.sortie.runtime.failure.FailureException;
import dev.sortie.runtime.testing.SettableClock;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class LoginThrottleTest {
    private final SettableClock clock = new SettableClock();
    private final LoginThrottle throttle = new LoginThrottle(clock, 3);

    @Test
    void takesTenAttemptsAtOnceAndThenOneInHalfAMinute() {
        exhaust("ada");
        assertThat(retryAfter("ada")).isEqualTo(Duration.ofSeconds(30));
        clock.advance(Duration.ofSeconds(10));
        assertThat(retryAfter("ada")).isEqualTo(Duration.ofSeconds(20));
        clock.advance(Duration.ofSeconds(20));
        throttle.take("ada");
        assertThat(retryAfter("ada")).isEqualTo(Duration.ofSeconds(30));
        clock.advance(Duration.ofHours(1));
        exhaust("ada");
    }

    @Test
    void countsEachNameForItself() {
        exhaust("ada");
        throttle.take("grace");
    }

    @Test
    void forgetsWrongPasswordsAfterTheRightOne() {
        for (int i = 0; i < 9; i++) {
            throttle.take("ada");
        }
        throttle.reset("ada");
        exhaust("ada");
    }

    @Test
    void countsNoAttemptThatWasNone() {
        exhaust("ada");
        throttle.giveBack("ada");
        throttle.take("ada");
        assertThat(retryAfter("ada")).isPositive();
        throttle.giveBack("nobody");
    }

    @Test
    void remembersABoundedNumberOfNames() {
        exhaust("ada");
        throttle.take("b");
        throttle.take("c");
        assertThat(retryAfter("ada")).isPositive();
        throttle.take("d"); // forgets b, which was tried least lately
        assertThat(retryAfter("ada")).isPositive();
        throttle.take("e");
        throttle.take("f");
        throttle.take("g");
        exhaust("ada");
    }

    private void exhaust(String username) {
        for (int i = 0; i < LoginThrottle.ATTEMPTS; i++) {
            throttle.take(username);
        }
        assertThatThrownBy(() -> throttle.take(username)).isInstanceOf(FailureException.class);
    }

    private Duration retryAfter(String username) {
        try {
            throttle.take(username);
        } catch (FailureException refused) {
            return ((ResourceExhausted) refused.failure()).retryAfter();
        }
        throw new AssertionError("it was taken");
    }
}
