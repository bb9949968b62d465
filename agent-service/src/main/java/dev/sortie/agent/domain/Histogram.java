package dev.sortie.agent.domain;

import java.time.Duration;
import java.util.Arrays;
import java.util.List;

/**
 * How many cases took how long, in steps that grow by a fifth or so: four to each doubling, from a millisecond to ten
 * days. Of what it says, no more is lost than a step, and histograms of several servers and times can be added up.
 */
public final class Histogram {
    private static final int STEPS_TO_DOUBLE = 4;
    private static final int STEPS = 120;
    private static final double NANOS = 1_000_000;

    private final int[] counts;

    public Histogram() {
        this.counts = new int[STEPS];
    }

    /** One that was kept; counts beyond the last step are dropped. */
    public static Histogram of(List<Integer> kept) {
        var histogram = new Histogram();
        for (int i = 0; i < Math.min(kept.size(), STEPS); i++) {
            histogram.counts[i] = kept.get(i);
        }
        return histogram;
    }

    void add(Duration duration) {
        counts[step(duration)]++;
    }

    void add(Histogram other) {
        Arrays.setAll(counts, i -> counts[i] + other.counts[i]);
    }

    /** The counts up to the last one that is not zero. */
    public List<Integer> counts() {
        int end = STEPS;
        while (end > 0 && counts[end - 1] == 0) {
            end--;
        }
        return Arrays.stream(counts, 0, end).boxed().toList();
    }

    public boolean isEmpty() {
        return Arrays.stream(counts).allMatch(count -> count == 0);
    }

    /**
     * What a share of the cases took no longer than: a duration within the step that holds it.
     *
     * @param share from 0 (exclusive) to 1
     * @return zero when there was no case
     */
    public Duration percentile(double share) {
        long cases = Arrays.stream(counts).asLongStream().sum();
        long wanted = Math.max(1, (long) Math.ceil(share * cases));
        long before = 0;
        for (int i = 0; i < STEPS; i++) {
            if (counts[i] > 0 && before + counts[i] >= wanted) {
                double within = (double) (wanted - before) / counts[i];
                return Duration.ofNanos((long) (NANOS * (end(i - 1) + within * (end(i) - end(i - 1)))));
            }
            before += counts[i];
        }
        return Duration.ZERO;
    }

    private static int step(Duration duration) {
        double millis = duration.toNanos() / NANOS;
        if (millis <= 1) {
            return 0;
        }
        return Math.min(STEPS - 1, (int) Math.ceil(STEPS_TO_DOUBLE * Math.log(millis) / Math.log(2)));
    }

    /** In milliseconds. */
    private static double end(int step) {
        return step < 0 ? 0 : Math.pow(2, (double) step / STEPS_TO_DOUBLE);
    }
}
