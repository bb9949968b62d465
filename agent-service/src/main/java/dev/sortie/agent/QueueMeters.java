package dev.sortie.agent;

import dev.sortie.agent.domain.Activity;
import dev.sortie.agent.domain.QueueStatistics;
import dev.sortie.agent.domain.QueueStats;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.MultiGauge;
import io.micrometer.core.instrument.MultiGauge.Row;
import io.micrometer.core.instrument.Tags;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * What an operator alarms on: what this server has counted, queue by queue, and how much waits in the queues and for how
 * long, which every server says of all of them.
 */
final class QueueMeters {
    // Queues come and go, and a metric stays.
    private static final int MOST_QUEUES = 500;

    private final MeterRegistry meters;
    private final InstantSource clock;
    private final MultiGauge depth;
    private final MultiGauge age;
    private final Set<String> named = ConcurrentHashMap.newKeySet();

    QueueMeters(MeterRegistry meters, InstantSource clock) {
        this.meters = meters;
        this.clock = clock;
        this.depth = MultiGauge.builder("sortie.queue.depth")
                .description("orders of a queue, counted up to 10,000 of each state")
                .register(meters);
        this.age = MultiGauge.builder("sortie.queue.oldest.age")
                .description("for how long the oldest claimable order of a queue has been claimable")
                .baseUnit("seconds")
                .register(meters);
    }

    void counted(String queueName, Activity activity) {
        count(queueName, "enqueued", activity.enqueued());
        count(queueName, "claimed", activity.claimed());
        count(queueName, "completed", activity.completed());
        count(queueName, "failed", activity.failed());
        count(queueName, "timed_out", activity.timedOut());
    }

    private void count(String queueName, String what, long count) {
        if (count > 0) {
            boolean isNamed = named.contains(queueName) || (named.size() < MOST_QUEUES && named.add(queueName));
            Counter.builder("sortie.queue.orders")
                    .description("what this server did with orders of a queue; those of queues beyond 500 together")
                    .tags("queue", isNamed ? queueName : "(others)", "event", what)
                    .register(meters)
                    .increment((double) count);
        }
    }

    synchronized void measure(QueueStatistics statistics) {
        var depths = new ArrayList<Row<?>>();
        var ages = new ArrayList<Row<?>>();
        for (var backlog : statistics.backlogs()) {
            depths.add(row(backlog, "claimable", backlog.claimable()));
            depths.add(row(backlog, "delayed", backlog.delayed()));
            depths.add(row(backlog, "claimed", backlog.claimed()));
            depths.add(row(backlog, "failed", backlog.failed()));
            depths.add(row(backlog, "expired", backlog.expired()));
            var oldest = backlog.oldestAt();
            long waited = oldest == null
                    ? 0
                    : Math.max(0, Duration.between(oldest, clock.instant()).toSeconds());
            ages.add(Row.of(Tags.of("queue", backlog.queueName()), waited));
        }
        depth.register(depths, true);
        age.register(List.copyOf(ages), true);
    }

    private static Row<Number> row(QueueStats.Backlog backlog, String state, QueueStats.Count count) {
        return Row.of(Tags.of("queue", backlog.queueName(), "state", state), count.count());
    }
}
