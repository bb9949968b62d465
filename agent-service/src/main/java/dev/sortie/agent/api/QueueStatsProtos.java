package dev.sortie.agent.api;

import static dev.sortie.runtime.grpc.Messages.duration;
import static dev.sortie.runtime.grpc.Messages.timestamp;

import dev.sortie.agent.domain.Histogram;
import dev.sortie.agent.domain.QueueStats;
import dev.sortie.agent.v1.DurationPercentiles;
import dev.sortie.agent.v1.OrderCount;
import dev.sortie.agent.v1.QueueActivity;
import dev.sortie.agent.v1.QueueDepth;
import java.time.Duration;
import java.time.Instant;

/** What goes on in queues, as messages. */
final class QueueStatsProtos {
    private QueueStatsProtos() {}

    static dev.sortie.agent.v1.QueueStats toMessage(QueueStats stats) {
        var backlog = stats.backlog();
        var message = dev.sortie.agent.v1.QueueStats.newBuilder()
                .setQueueName(backlog.queueName())
                .setPaused(backlog.paused())
                .setDepth(QueueDepth.newBuilder()
                        .setClaimable(toMessage(backlog.claimable()))
                        .setDelayed(toMessage(backlog.delayed()))
                        .setClaimed(toMessage(backlog.claimed()))
                        .setFailed(toMessage(backlog.failed()))
                        .setExpired(toMessage(backlog.expired())))
                .setReadTime(timestamp(stats.readAt()));
        var oldest = backlog.oldestAt();
        if (oldest != null) {
            message.setOldestClaimableTime(timestamp(oldest));
            message.setOldestClaimableAge(duration(age(oldest, stats.readAt())));
        }
        stats.windows().forEach(window -> message.addActivity(toMessage(window)));
        return message.build();
    }

    static OrderCount toMessage(QueueStats.Count count) {
        return OrderCount.newBuilder()
                .setCount(count.count())
                .setAtLeast(count.atLeast())
                .build();
    }

    private static Duration age(Instant since, Instant now) {
        return now.isBefore(since) ? Duration.ZERO : Duration.between(since, now);
    }

    private static QueueActivity toMessage(QueueStats.Window window) {
        var activity = window.activity();
        var message = QueueActivity.newBuilder()
                .setWindow(duration(window.length()))
                .setEnqueued(activity.enqueued())
                .setClaimed(activity.claimed())
                .setCompleted(activity.completed())
                .setFailed(activity.failed())
                .setTimedOut(activity.timedOut())
                .setEnqueuedPerSecond(window.perSecond(activity.enqueued()))
                .setClaimedPerSecond(window.perSecond(activity.claimed()))
                .setCompletedPerSecond(window.perSecond(activity.completed()))
                .setFailedPerSecond(window.perSecond(activity.failed()))
                .setTimedOutPerSecond(window.perSecond(activity.timedOut()));
        if (!activity.waits().isEmpty()) {
            message.setWaiting(toMessage(activity.waits()));
        }
        if (!activity.runs().isEmpty()) {
            message.setRunning(toMessage(activity.runs()));
        }
        return message.build();
    }

    private static DurationPercentiles toMessage(Histogram histogram) {
        return DurationPercentiles.newBuilder()
                .setP50(duration(histogram.percentile(0.50)))
                .setP95(duration(histogram.percentile(0.95)))
                .setP99(duration(histogram.percentile(0.99)))
                .build();
    }
}
