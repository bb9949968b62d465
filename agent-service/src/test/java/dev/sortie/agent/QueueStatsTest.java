package dev.sortie.agent;

import static dev.sortie.agent.AgentFixture.claim;
import static dev.sortie.agent.AgentFixture.order;
import static dev.sortie.agent.AgentFixture.seconds;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.agent.v1.ClaimedWork;
import dev.sortie.agent.v1.GetQueueStatsRequest;
import dev.sortie.agent.v1.OrderCount;
import dev.sortie.agent.v1.PauseQueueRequest;
import dev.sortie.agent.v1.QueueActivity;
import dev.sortie.agent.v1.QueueStats;
import dev.sortie.agent.v1.WorkFailure;
import dev.sortie.runtime.grpc.Messages;
import dev.sortie.runtime.testing.SettableClock;
import dev.sortie.runtime.testing.StatusAssert;
import dev.sortie.type.v1.ErrorReason;
import dev.sortie.type.v1.RetryPolicy;
import io.grpc.Status;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** What goes on in queues: one database, two servers. */
class QueueStatsTest {
    private static final SettableClock CLOCK = AgentFixture.clock();

    @AutoClose
    private static final AgentFixture AGENT = new AgentFixture(CLOCK);

    @AutoClose
    private static final AgentFixture OTHER = new AgentFixture(AGENT.database(), CLOCK);

    private final String queue = "stats-" + UUID.randomUUID().toString().substring(0, 8);

    @Test
    void countsOrdersByWhereTheyAre() {
        for (int i = 0; i < 5; i++) {
            AGENT.enqueue(order(queue));
        }
        AGENT.enqueue(order(queue)
                .addRequiredCapabilities(dev.sortie.agent.v1.CapabilityRequirement.newBuilder()
                        .setName("java")
                        .setMinLevel(dev.sortie.agent.v1.CapabilityLevel.CAPABILITY_LEVEL_BEGINNER)));
        AGENT.enqueue(order(queue).setRunTime(Messages.timestamp(CLOCK.instant().plusSeconds(36_000))));
        AGENT.enqueue(order(queue)
                .setPriority(5)
                .setExpireTime(Messages.timestamp(CLOCK.instant().plusSeconds(5))));
        var worker = AGENT.register(10);
        AGENT.fail(WorkFailure.newBuilder()
                .setClaim(AgentFixture.reference(AGENT.claimOne(worker, queue)))
                .setErrorMessage("of no use")
                .setNonRetryable(true));
        AGENT.complete(AGENT.claimOne(worker, queue));
        AGENT.claimOne(worker, queue);
        CLOCK.advance(Duration.ofSeconds(6));
        AGENT.expireOrders();

        var depth = stats(AGENT).getDepth();
        assertThat(depth.getClaimable()).isEqualTo(exactly(3));
        assertThat(depth.getDelayed()).isEqualTo(exactly(1));
        assertThat(depth.getClaimed()).isEqualTo(exactly(1));
        assertThat(depth.getFailed()).isEqualTo(exactly(1));
        assertThat(depth.getExpired()).isEqualTo(exactly(1));
    }

    @Test
    void saysSinceWhenTheOldestIsClaimable() {
        var first = AGENT.enqueue(order(queue).setPriority(5));
        var delayed = CLOCK.instant().plusSeconds(30);
        AGENT.enqueue(order(queue).setRunTime(Messages.timestamp(delayed)));
        CLOCK.advance(Duration.ofSeconds(20));
        AGENT.enqueue(order(queue).setPriority(1));

        // A less urgent one that stands behind it in line is older.
        assertThat(stats(AGENT).getOldestClaimableTime()).isEqualTo(first.getEnqueueTime());
        assertThat(stats(AGENT).getOldestClaimableAge()).isEqualTo(seconds(20));
        var worker = AGENT.register(10);
        AGENT.claimOne(worker, queue);
        assertThat(stats(AGENT).getOldestClaimableAge()).isEqualTo(seconds(20));
        AGENT.claimOne(worker, queue);
        assertThat(stats(AGENT).hasOldestClaimableTime()).isFalse();
        CLOCK.advance(Duration.ofSeconds(25));
        assertThat(stats(AGENT).getOldestClaimableAge()).isEqualTo(seconds(15));
    }

    @Test
    void addsUpWhatBothServersCount() throws Exception {
        var worker = AGENT.register(1_000);
        AGENT.enqueueAll(AgentFixture.many(30, queue));
        OTHER.enqueueAll(AgentFixture.many(30, queue));
        CLOCK.advance(Duration.ofSeconds(2));
        var claims = new ArrayList<ClaimedWork>();
        for (int i = 0; i < 40; i++) {
            claims.add((i % 2 == 0 ? AGENT : OTHER).claimOne(worker, queue));
        }
        CLOCK.advance(Duration.ofSeconds(8));
        for (int i = 0; i < 36; i++) {
            (i % 2 == 0 ? OTHER : AGENT).complete(claims.get(i));
        }
        AGENT.fail(claims.get(36));
        OTHER.fail(claims.get(37));
        AGENT.release(claims.get(38)); // neither good nor bad
        CLOCK.advance(Duration.ofSeconds(60));
        AGENT.endLeases();

        // Whichever server ended the lease counts it after that is committed.
        AgentFixture.await("the lease that ran out is counted", () -> {
            OTHER.server().statistics().write();
            return stats(AGENT).getActivity(1).getTimedOut() > 0;
        });
        var activity = stats(AGENT).getActivity(1);
        assertThat(activity.getEnqueued()).isEqualTo(60);
        assertThat(activity.getClaimed()).isEqualTo(40);
        assertThat(activity.getCompleted()).isEqualTo(36);
        assertThat(activity.getFailed()).isEqualTo(2);
        assertThat(activity.getTimedOut()).isEqualTo(1);
        var window = Messages.duration(activity.getWindow());
        assertThat(window).isBetween(Duration.ofSeconds(290), Duration.ofSeconds(300));
        assertThat(activity.getCompletedPerSecond()).isCloseTo(36.0 / window.toSeconds(), Percentage.withPercentage(1));
        // Everybody waited for two seconds, and ran for eight: to within a step.
        assertThat(Messages.duration(activity.getWaiting().getP50()))
                .isBetween(Duration.ofMillis(1_600), Duration.ofMillis(2_400));
        assertThat(Messages.duration(activity.getRunning().getP99()))
                .isBetween(Duration.ofMillis(6_600), Duration.ofMillis(9_600));

        // What was longest ago is out of the shortest window first, and of the longest one last.
        CLOCK.advance(Duration.ofMinutes(30));
        assertThat(stats(OTHER).getActivityList())
                .extracting(QueueActivity::getCompleted)
                .containsExactly(0L, 0L, 36L);
        CLOCK.advance(Duration.ofMinutes(31));
        assertThat(stats(OTHER).getActivityList())
                .extracting(QueueActivity::getCompleted)
                .containsExactly(0L, 0L, 0L);
        assertThat(stats(OTHER).getActivity(2).hasRunning()).isFalse();
    }

    @Test
    void forgetsWhatIsOldAndKeepsNothingOfQueuesThatAreNotThere() {
        var worker = AGENT.register(1);
        AGENT.work().claimWork(claim(worker, queue).build());
        AGENT.server().statistics().write();
        assertThat(rows()).isZero();
        AGENT.enqueue(order(queue));
        AGENT.server().statistics().write();
        assertThat(rows()).isOne();
        CLOCK.advance(Duration.ofHours(3));
        AGENT.server().statistics().forget();
        assertThat(rows()).isZero();
    }

    @Test
    void saysWhetherTheQueueIsPausedAndKnowsNoOther() {
        StatusAssert.fails(() -> stats(AGENT))
                .with(Status.Code.NOT_FOUND, ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND)
                .metadata("resource", "queue")
                .metadata("id", queue);
        AGENT.enqueue(order(queue));
        assertThat(stats(AGENT).getPaused()).isFalse();
        AGENT.queues()
                .pauseQueue(PauseQueueRequest.newBuilder().setQueueName(queue).build());
        var paused = stats(OTHER);
        assertThat(paused.getPaused()).isTrue();
        assertThat(paused.getDepth().getClaimable()).isEqualTo(exactly(1));
        assertThat(paused.getActivityList()).hasSize(3);
    }

    @Test
    void isAMetricThatAnOperatorAlarmsOn() throws Exception {
        AGENT.enqueue(order(queue).setRetryPolicy(RetryPolicy.newBuilder().setMaxRetries(0)));
        AGENT.complete(AGENT.claimOne(AGENT.register(1), queue));
        AGENT.enqueueAll(AgentFixture.many(7, queue));
        AGENT.server().statistics().write();
        AGENT.server().measureQueues();
        var metrics = metrics();
        assertThat(metrics)
                .anyMatch(line -> line.startsWith("sortie_queue_depth{") && isOfQueue(line, "claimable", "7.0"))
                .anyMatch(line -> line.startsWith("sortie_queue_orders_total{") && isOfQueue(line, "enqueued", "8.0"))
                .anyMatch(line -> line.startsWith("sortie_queue_orders_total{") && isOfQueue(line, "completed", "1.0"))
                .anyMatch(line -> line.startsWith("sortie_queue_oldest_age_seconds{") && line.contains(queue));
    }

    private boolean isOfQueue(String line, String what, String value) {
        return line.contains("\"" + queue + "\"") && line.contains("\"" + what + "\"") && line.endsWith(" " + value);
    }

    private static List<String> metrics() throws IOException, InterruptedException {
        var runtime = AGENT.server().runtime();
        var host = runtime.address().substring(0, runtime.address().lastIndexOf(':'));
        try (var client = HttpClient.newHttpClient()) {
            var uri = URI.create("http://" + host + ":" + runtime.adminPort() + "/metrics");
            return client.send(HttpRequest.newBuilder(uri).build(), BodyHandlers.ofString())
                    .body()
                    .lines()
                    .toList();
        }
    }

    private QueueStats stats(AgentFixture server) {
        return server.queues()
                .getQueueStats(
                        GetQueueStatsRequest.newBuilder().setQueueName(queue).build())
                .getStats();
    }

    private long rows() {
        return AGENT.number("SELECT count(*) FROM queue_activity WHERE queue_name = '" + queue + "'");
    }

    private static OrderCount exactly(int count) {
        return OrderCount.newBuilder().setCount(count).build();
    }
}
