package dev.sortie.agent;

import static dev.sortie.agent.AgentFixture.order;
import static dev.sortie.agent.AgentFixture.seconds;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.agent.v1.GetQueueRequest;
import dev.sortie.agent.v1.ListQueuesRequest;
import dev.sortie.agent.v1.PauseQueueRequest;
import dev.sortie.agent.v1.PutQueueRequest;
import dev.sortie.agent.v1.Queue;
import dev.sortie.agent.v1.QueueServiceGrpc;
import dev.sortie.agent.v1.ResumeQueueRequest;
import dev.sortie.runtime.testing.SettableClock;
import dev.sortie.runtime.testing.StatusAssert;
import dev.sortie.type.v1.ErrorReason;
import dev.sortie.type.v1.RetryPolicy;
import io.grpc.Status;
import java.time.Duration;
import java.util.ArrayList;
import java.util.UUID;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** Queues and their settings. */
class QueueServiceTest {
    private static final SettableClock CLOCK = AgentFixture.clock();

    @AutoClose
    private static final AgentFixture AGENT = new AgentFixture(CLOCK);

    private final String name = "q-" + UUID.randomUUID().toString().substring(0, 8);

    @Test
    void makesAQueueWithDefaultsAndReplacesItsSettings() {
        var made = put(Queue.newBuilder());

        assertThat(made.getDefaultTimeout()).isEqualTo(seconds(3600));
        assertThat(made.getDefaultRetryPolicy())
                .isEqualTo(RetryPolicy.newBuilder()
                        .setMaxRetries(3)
                        .setInitialBackoff(seconds(1))
                        .setMaxBackoff(seconds(300))
                        .setBackoffMultiplier(2)
                        .build());
        assertThat(made.getEtag()).isEqualTo("1");
        assertThat(put(Queue.newBuilder())).isEqualTo(made); // the same again changes nothing

        CLOCK.advance(Duration.ofSeconds(1));
        var changed = put(Queue.newBuilder()
                .setDescription("for tests")
                .setDefaultTimeout(seconds(5))
                .setEtag(made.getEtag()));

        assertThat(changed.getDescription()).isEqualTo("for tests");
        assertThat(changed.getDefaultTimeout()).isEqualTo(seconds(5));
        assertThat(changed.getEtag()).isEqualTo("2");
        assertThat(get(name)).isEqualTo(changed);
    }

    @Test
    void leavesOrdersThatAreThereAsTheyAre() {
        var placed = AGENT.enqueue(order(name));
        put(Queue.newBuilder().setDefaultTimeout(seconds(5)));
        assertThat(AGENT.get(placed.getWorkOrderId()).getTimeout()).isEqualTo(seconds(3600));
        assertThat(AGENT.enqueue(order(name)).getTimeout()).isEqualTo(seconds(5));
    }

    @Test
    void refusesAnEtagThatIsNoLongerCurrent() {
        StatusAssert.fails(() -> put(Queue.newBuilder().setEtag("1")))
                .with(Status.Code.ABORTED, ErrorReason.ERROR_REASON_ETAG_MISMATCH);
        put(Queue.newBuilder());
        StatusAssert.fails(() -> put(Queue.newBuilder().setEtag("7").setDescription("other")))
                .with(Status.Code.ABORTED, ErrorReason.ERROR_REASON_ETAG_MISMATCH)
                .metadata("resource", "queue")
                .metadata("id", name)
                .metadata("etag", "1");
        assertThat(get(name).getDescription()).isEmpty();
    }

    @Test
    void pausesAndResumesEachOnce() {
        put(Queue.newBuilder());
        var paused = pause(name);
        assertThat(paused.getPaused()).isTrue();
        assertThat(paused.getEtag()).isEqualTo("2");
        assertThat(pause(name)).isEqualTo(paused);

        var resumed = resume(name);
        assertThat(resumed.getPaused()).isFalse();
        assertThat(resume(name)).isEqualTo(resumed);
        assertThat(AGENT.number("SELECT count(*) FROM change_log WHERE resource_type = 'queue'"
                        + " AND attributes->>'queue_name' = '" + name + "'"))
                .isEqualTo(3);
    }

    @Test
    void knowsNoQueueThatNobodyMade() {
        var unknown = "nobody." + name;
        StatusAssert.fails(() -> get(unknown)).with(Status.Code.NOT_FOUND, ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND);
        StatusAssert.fails(() -> pause(unknown))
                .with(Status.Code.NOT_FOUND, ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND)
                .metadata("resource", "queue")
                .metadata("id", unknown);
        StatusAssert.fails(() -> resume(unknown))
                .with(Status.Code.NOT_FOUND, ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND);
    }

    @Test
    void refusesNamesAndTimesOutOfBoundsAndCallersWhoMayOnlyLook() {
        StatusAssert.fails(() -> AGENT.queues()
                        .putQueue(PutQueueRequest.newBuilder()
                                .setQueue(Queue.newBuilder().setDefaultTimeout(seconds(0)))
                                .build()))
                .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("queue.queue_name")
                .field("queue.default_timeout");
        StatusAssert.fails(() -> QueueServiceGrpc.newBlockingStub(AGENT.channel("viewer"))
                        .putQueue(PutQueueRequest.newBuilder()
                                .setQueue(Queue.newBuilder().setQueueName(name))
                                .build()))
                .with(Status.Code.PERMISSION_DENIED, ErrorReason.ERROR_REASON_ROLE_INSUFFICIENT);
    }

    @Test
    void listsByNameInPages() {
        for (int i = 0; i < 5; i++) {
            AGENT.enqueue(order(name + "-" + i));
        }
        var names = new ArrayList<String>();
        var token = "";
        do {
            var page = AGENT.queues()
                    .listQueues(ListQueuesRequest.newBuilder()
                            .setPageSize(2)
                            .setPageToken(token)
                            .build());
            page.getQueuesList().forEach(queue -> names.add(queue.getQueueName()));
            token = page.getNextPageToken();
        } while (!token.isEmpty());

        assertThat(names).isSorted().doesNotHaveDuplicates().contains(name + "-0", name + "-4");
    }

    private Queue put(Queue.Builder queue) {
        return AGENT.queues()
                .putQueue(PutQueueRequest.newBuilder()
                        .setQueue(queue.setQueueName(name))
                        .build())
                .getQueue();
    }

    private static Queue get(String name) {
        return AGENT.queues()
                .getQueue(GetQueueRequest.newBuilder().setQueueName(name).build())
                .getQueue();
    }

    private static Queue pause(String name) {
        return AGENT.queues()
                .pauseQueue(PauseQueueRequest.newBuilder().setQueueName(name).build())
                .getQueue();
    }

    private static Queue resume(String name) {
        return AGENT.queues()
                .resumeQueue(ResumeQueueRequest.newBuilder().setQueueName(name).build())
                .getQueue();
    }
}
