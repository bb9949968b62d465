package dev.sortie.agent.domain;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class HistogramTest {

    @Test
    void losesNoMoreThanAStep() {
        var random = new Random(7);
        var histogram = new Histogram();
        var all = new ArrayList<Duration>();
        for (int i = 0; i < 10_000; i++) {
            // From a millisecond to some hours, as many of each magnitude.
            var duration = Duration.ofNanos((long) (1e6 * Math.pow(10, random.nextDouble() * 7)));
            all.add(duration);
            histogram.add(duration);
        }
        Collections.sort(all);
        for (var share : List.of(0.01, 0.5, 0.95, 0.99, 1.0)) {
            double exact = all.get((int) Math.ceil(share * all.size()) - 1).toNanos();
            assertThat(histogram.percentile(share).toNanos() / exact)
                    .as("%s", share)
                    .isBetween(1 / 1.2, 1.2);
        }
    }

    @Test
    void addsUpAndComesBackAsItWasKept() {
        var one = new Histogram();
        one.add(Duration.ofMillis(3));
        one.add(Duration.ZERO);
        var other = new Histogram();
        other.add(Duration.ofDays(400)); // beyond the last step
        other.add(Duration.ofSeconds(2));
        one.add(other);
        assertThat(one.counts().stream().mapToInt(Integer::intValue).sum()).isEqualTo(4);
        assertThat(Histogram.of(one.counts()).counts()).isEqualTo(one.counts());
        assertThat(one.percentile(1)).isGreaterThan(Duration.ofDays(8));
        assertThat(one.percentile(0.25)).isLessThanOrEqualTo(Duration.ofMillis(1));
    }

    @Test
    void saysNothingOfNoCases() {
        assertThat(new Histogram().isEmpty()).isTrue();
        assertThat(new Histogram().counts()).isEmpty();
        assertThat(new Histogram().percentile(0.5)).isEqualTo(Duration.ZERO);
    }
}
