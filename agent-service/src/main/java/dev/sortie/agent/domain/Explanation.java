package dev.sortie.agent.domain;

import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Why an order is not running, or that it is.
 *
 * @param reasons what keeps it back before its place in line; at least one
 */
public record Explanation(WorkOrder order, List<Reason> reasons, Instant readAt) {

    /** Whether anything but its place in line keeps it from being claimed. */
    public boolean isBlocked() {
        return reasons.stream().anyMatch(Reason::blocks);
    }

    /** One reason. */
    public sealed interface Reason {
        /** For people. */
        String sentence();

        /** Whether it keeps an order from being claimed whose turn it is. */
        default boolean blocks() {
            return true;
        }
    }

    /** The queue hands out no work. */
    public record Paused(
            String queueName,
            @Nullable Instant since,
            @Nullable String by) implements Reason {
        @Override
        public String sentence() {
            return "Queue %s is paused%s%s; ResumeQueue lets it hand out work again."
                    .formatted(queueName, since == null ? "" : " since " + since, by == null ? "" : " by " + by);
        }
    }

    /** Its time has not come. */
    public record Delayed(Instant until, Duration remaining, int failures, String errorMessage) implements Reason {
        @Override
        public String sentence() {
            var after = failures == 0
                    ? ""
                    : ", after %d failed attempt%s; the last one: %s"
                            .formatted(failures, failures == 1 ? "" : "s", shortened(errorMessage));
            return "It may not be claimed before %s, in %s%s.".formatted(until, shortened(remaining), after);
        }
    }

    /** The rate limit is used up. */
    public record RateLimited(Limits.Rate rate, double tokens, Instant nextToken) implements Reason {
        @Override
        public String sentence() {
            return "The queue hands out %d orders in %s, and has done so; the next one may go at %s."
                    .formatted(rate.orders(), shortened(rate.interval()), nextToken);
        }
    }

    /** Workers hold as many orders as they may: of the queue, or of a key of it. */
    public record Full(String concurrencyKey, int held, int limit) implements Reason {
        @Override
        public String sentence() {
            return "Workers hold %d orders of %s, which may have %d in hand."
                    .formatted(
                            held, concurrencyKey.isEmpty() ? "the queue" : "concurrency key " + concurrencyKey, limit);
        }
    }

    /** How many of the workers that are there have a capability at a level, or a higher one. */
    public record Skill(String name, CapabilityLevel level, int workers) {}

    /**
     * Nobody is there who could do it, or nobody who has room for it.
     *
     * @param live how many workers are there
     * @param capable how many of them can do all of it
     * @param withRoom how many of these hold less than they may, and get more
     * @param draining how many of them get nothing more
     * @param resting how many of the others get nothing while their agents are in maintenance
     */
    public record Workers(int live, int capable, int withRoom, int draining, int resting, List<Skill> skills)
            implements Reason {
        @Override
        public String sentence() {
            if (live == 0) {
                return "No worker is there.";
            }
            if (capable > 0) {
                return ("All %d workers that could do it hold as many orders as they may, get nothing more (%d), or get"
                                + " nothing while their agents are in maintenance (%d).")
                        .formatted(capable, draining, resting);
            }
            return "None of the %d workers that are there can do all that it requires: %s."
                    .formatted(
                            live,
                            skills.stream()
                                    .map(skill -> "%d of them %s %s".formatted(skill.workers, skill.level, skill.name))
                                    .collect(Collectors.joining(", ")));
        }
    }

    /** Nobody has asked for work of the queue lately. */
    public record NobodyAsks(String queueName, @Nullable Instant lastAt) implements Reason {
        @Override
        public String sentence() {
            return "No worker has asked for work of queue %s %s."
                    .formatted(queueName, lastAt == null ? "within two hours" : "since " + lastAt);
        }
    }

    /**
     * A place in line.
     *
     * @param before how many orders go first
     * @param atLeast whether there may be more
     * @param overtaking how many of them came later, and go first for their fairness keys' sake
     * @param overtakingKeys how many fairness keys those have
     */
    public record Place(int before, boolean atLeast, int overtaking, int overtakingKeys) {
        /** Nothing is before it. */
        public boolean isFirst() {
            return before == 0 && !atLeast;
        }
    }

    /** Orders that came later go first, since their keys have had less. */
    public record TurnOfOthers(Place place, String fairnessKey) implements Reason {
        @Override
        public String sentence() {
            return "%d orders of %d other fairness keys that came later go first, for key %s has had more than they."
                    .formatted(
                            place.overtaking(), place.overtakingKeys(), fairnessKey.isEmpty() ? "\"\"" : fairnessKey);
        }

        @Override
        public boolean blocks() {
            return false;
        }
    }

    /** Where it stands in line. */
    public record InLine(Place place, String fairnessKey) implements Reason {
        @Override
        public String sentence() {
            if (place.isFirst()) {
                return "It is the next one in line.";
            }
            return "%s%d orders go first.".formatted(place.atLeast() ? "At least " : "", place.before());
        }

        @Override
        public boolean blocks() {
            return false;
        }
    }

    /** A worker holds it. */
    public record Running(
            UUID workerId,
            UUID executionId,
            Instant since,
            Instant leaseExpiresAt,
            Instant endsAt,
            int attempt,
            int maxAttempts)
            implements Reason {
        @Override
        public String sentence() {
            return "Worker %s has held it since %s: attempt %d of %d, its lease runs until %s."
                    .formatted(workerId, since, attempt, maxAttempts, leaseExpiresAt);
        }

        @Override
        public boolean blocks() {
            return false;
        }
    }

    /** It is dead. */
    public record Dead(WorkOrderStatus status, Instant at, String errorMessage, int attempts, int maxAttempts)
            implements Reason {
        @Override
        public String sentence() {
            var why = status == WorkOrderStatus.EXPIRED
                    ? "nobody had claimed it in time"
                    : "attempt %d of %d failed: %s".formatted(attempts, maxAttempts, shortened(errorMessage));
            return "It is %s since %s: %s. RedriveWorkOrders puts it back.".formatted(status, at, why);
        }

        @Override
        public boolean blocks() {
            return false;
        }
    }

    /** It is over. */
    public record Ended(WorkOrderStatus status, Instant at) implements Reason {
        @Override
        public String sentence() {
            return "It is %s since %s.".formatted(status, at);
        }

        @Override
        public boolean blocks() {
            return false;
        }
    }

    private static String shortened(String text) {
        return text.length() <= 200 ? text : text.substring(0, 200) + "…";
    }

    private static String shortened(Duration duration) {
        var whole = duration.toSeconds() > 0 ? Duration.ofSeconds(duration.toSeconds()) : duration;
        return whole.toString().substring(2).toLowerCase(java.util.Locale.ROOT);
    }
}
