package dev.sortie.agent.domain;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

class RetryPolicyTest {
    private final RetryPolicy policy =
            new RetryPolicy(5, Duration.ofSeconds(2), Duration.ofSeconds(30), 3, List.of("Fatal"));

    @Test
    void waitsLongerEachTimeUpToTheLongest() {
        assertThat(policy.backoff(1, 0)).isEqualTo(Duration.ofSeconds(2));
        assertThat(policy.backoff(2, 0)).isEqualTo(Duration.ofSeconds(6));
        assertThat(policy.backoff(3, 0)).isEqualTo(Duration.ofSeconds(18));
        assertThat(policy.backoff(4, 0)).isEqualTo(Duration.ofSeconds(30));
        assertThat(policy.backoff(100, 0)).isEqualTo(Duration.ofSeconds(30));
    }

    @Test
    void takesUpToATenthAway() {
        assertThat(policy.backoff(4, 0.5)).isEqualTo(Duration.ofMillis(28_500));
        assertThat(policy.backoff(4, Math.nextDown(1.0))).isBetween(Duration.ofSeconds(27), Duration.ofMillis(27_001));
    }

    @Test
    void waitsNotAtAllWhereNothingIsTheWait() {
        assertThat(new RetryPolicy(1, Duration.ZERO, Duration.ofDays(1), 10, List.of()).backoff(7, 0.3))
                .isZero();
        assertThat(new RetryPolicy(1, Duration.ofHours(1), Duration.ZERO, 1, List.of()).backoff(1, 0.3))
                .isZero();
    }

    @Test
    void fillsHolesFromAnotherPolicy() {
        assertThat(RetryPolicy.Wish.NONE.orElse(policy)).isEqualTo(policy);
        assertThat(new RetryPolicy.Wish(0, null, Duration.ofSeconds(9), null, List.of()).orElse(policy))
                .isEqualTo(new RetryPolicy(0, Duration.ofSeconds(2), Duration.ofSeconds(9), 3, List.of("Fatal")));
    }
}
