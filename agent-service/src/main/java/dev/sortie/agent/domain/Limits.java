package dev.sortie.agent.domain;

import java.time.Duration;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What a queue hands out at most, and to whose orders.
 *
 * @param concurrency the most claims at a time; 0 means no limit
 * @param concurrencyPerKey the same for each concurrency key
 * @param rate null for no limit
 * @param weights by fairness key; 1 where there is none
 */
public record Limits(
        int concurrency, int concurrencyPerKey, @Nullable Rate rate, Map<String, Double> weights) {
    public static final Limits NONE = new Limits(0, 0, null, Map.of());

    public Limits {
        weights = Map.copyOf(weights);
    }

    /**
     * A bucket of tokens.
     *
     * @param orders how many come in an interval
     * @param burst how many it holds
     */
    public record Rate(int orders, Duration interval, int burst) {}

    double weight(String fairnessKey) {
        return weights.getOrDefault(fairnessKey, 1.0);
    }
}
