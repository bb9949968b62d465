package dev.sortie.agent;

import static dev.sortie.agent.AgentFixture.order;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.agent.v1.CompleteWorkResponse;
import dev.sortie.agent.v1.PauseQueueRequest;
import dev.sortie.agent.v1.ResumeQueueRequest;
import dev.sortie.externalscaler.v1.ExternalScalerGrpc;
import dev.sortie.externalscaler.v1.GetMetricsRequest;
import dev.sortie.externalscaler.v1.IsActiveResponse;
import dev.sortie.externalscaler.v1.MetricSpec;
import dev.sortie.externalscaler.v1.ScaledObjectRef;
import dev.sortie.runtime.testing.FakeAuthenticator;
import dev.sortie.runtime.testing.SettableClock;
import dev.sortie.runtime.testing.StatusAssert;
import dev.sortie.type.v1.ErrorReason;
import dev.sortie.type.v1.Scope;
import io.grpc.Status;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** The scaler, as KEDA calls it: without metadata, with the token in what its trigger says. */
class ExternalScalerTest {
    private static final SettableClock CLOCK = AgentFixture.clock();

    @AutoClose
    private static final AgentFixture AGENT = new AgentFixture(CLOCK);

    private final String queue = "keda-" + UUID.randomUUID().toString().substring(0, 8);
    private final ExternalScalerGrpc.ExternalScalerBlockingStub keda =
            ExternalScalerGrpc.newBlockingStub(AGENT.anonymousChannel());

    @Test
    void measuresTheBacklogAndTheAgeOfTheOldest() {
        AGENT.enqueueAll(AgentFixture.many(3, queue));
        AGENT.enqueueAll(AgentFixture.many(4, queue + ".b"));
        CLOCK.advance(Duration.ofSeconds(42));
        var both = trigger(Map.of("queueName", queue + ", " + queue + ".b", "targetOldestAge", "30"));
        assertThat(keda.isActive(both).getResult()).isTrue();
        assertThat(value(both, "sortie-backlog")).isEqualTo(7);
        assertThat(value(both, "sortie-oldest-age")).isEqualTo(42);

        // Who works must not be stopped for want of more work.
        var worker = AGENT.register(10);
        var one = trigger(Map.of());
        for (int i = 0; i < 3; i++) {
            AGENT.claimOne(worker, queue);
        }
        assertThat(value(one, "sortie-backlog")).isEqualTo(3);
        assertThat(value(one, "sortie-oldest-age")).isZero();
        assertThat(keda.isActive(one).getResult()).isTrue();
    }

    @Test
    void saysByWhatItIsScaled() {
        assertThat(keda.getMetricSpec(trigger(Map.of())).getMetricSpecsList())
                .containsExactly(spec("sortie-backlog", 5, 5));
        assertThat(keda.getMetricSpec(trigger(Map.of("targetBacklog", "0.5", "targetOldestAge", "30")))
                        .getMetricSpecsList())
                .containsExactly(spec("sortie-backlog", 1, 0.5), spec("sortie-oldest-age", 30, 30));
        var streamed = keda.withDeadlineAfter(60, TimeUnit.SECONDS).streamMetricSpec(trigger(Map.of()));
        assertThat(streamed.next().getMetricSpecsList()).containsExactly(spec("sortie-backlog", 5, 5));
    }

    @Test
    void isInactiveBelowItsThresholdPausedAndUnknown() {
        assertThat(keda.isActive(trigger(Map.of())).getResult()).isFalse();
        assertThat(value(trigger(Map.of()), "sortie-backlog")).isZero();
        AGENT.enqueueAll(AgentFixture.many(2, queue));
        assertThat(keda.isActive(trigger(Map.of("activationBacklog", "2"))).getResult())
                .isFalse();
        assertThat(keda.isActive(trigger(Map.of("activationBacklog", "1"))).getResult())
                .isTrue();
        pause();
        assertThat(keda.isActive(trigger(Map.of())).getResult()).isFalse();
        assertThat(value(trigger(Map.of()), "sortie-backlog")).isZero();
        assertThat(value(trigger(Map.of()), "sortie-oldest-age")).isZero();
    }

    @Test
    void streamsWhetherThereIsAnythingToDo() throws Exception {
        var said = new LinkedBlockingQueue<Boolean>();
        var stream = stream(trigger(Map.of()), said);
        try {
            assertThat(next(said)).isFalse();
            AGENT.enqueue(order(queue));
            assertThat(nextOther(said, false)).isTrue();
            pause();
            assertThat(nextOther(said, true)).isFalse();
            AGENT.queues()
                    .resumeQueue(
                            ResumeQueueRequest.newBuilder().setQueueName(queue).build());
            assertThat(nextOther(said, false)).isTrue();
            assertThat(complete()).isNotNull();
            assertThat(nextOther(said, true)).isFalse();
        } finally {
            stream.cancel("enough", null);
        }
    }

    @Test
    void namesTheEntryThatIsWrong() {
        var wrong = Map.of(
                "targetBacklog", List.of("0", "-1", "1e3", "NaN", "five"),
                "targetOldestAge", List.of("30s", "0"),
                "activationBacklog", List.of("-1", "x"),
                "queueName", List.of("", "Upper", "a,,b", "a b"));
        wrong.forEach((key, values) ->
                values.forEach(value -> StatusAssert.fails(() -> keda.isActive(trigger(Map.of(key, value))))
                        .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID)
                        .field("scalerMetadata." + key)));
        var none = trigger(Map.of()).toBuilder()
                .removeScalerMetadata("targetBacklog")
                .build();
        StatusAssert.fails(() -> keda.getMetricSpec(none))
                .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("scalerMetadata.targetBacklog");
        StatusAssert.fails(() -> value(trigger(Map.of()), "other"))
                .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("metricName");
        StatusAssert.fails(() -> value(none, "sortie-backlog"))
                .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("scaledObjectRef.scalerMetadata.targetBacklog");
    }

    @Test
    void answersNobodyWithoutATokenOfItsScope() {
        var without = trigger(Map.of()).toBuilder()
                .removeScalerMetadata("tokenFromEnv")
                .build();
        StatusAssert.fails(() -> keda.isActive(without))
                .with(Status.Code.UNAUTHENTICATED, ErrorReason.ERROR_REASON_TOKEN_MISSING);
        StatusAssert.fails(() -> keda.streamIsActive(without).next())
                .with(Status.Code.UNAUTHENTICATED, ErrorReason.ERROR_REASON_TOKEN_MISSING);
        StatusAssert.fails(() -> keda.streamMetricSpec(without).next())
                .with(Status.Code.UNAUTHENTICATED, ErrorReason.ERROR_REASON_TOKEN_MISSING);
        StatusAssert.fails(() -> keda.getMetricSpec(without))
                .with(Status.Code.UNAUTHENTICATED, ErrorReason.ERROR_REASON_TOKEN_MISSING);
        StatusAssert.fails(() -> value(without, "sortie-backlog"))
                .with(Status.Code.UNAUTHENTICATED, ErrorReason.ERROR_REASON_TOKEN_MISSING);
        // Before anything else is said of the request.
        StatusAssert.fails(() -> keda.isActive(trigger(Map.of("tokenFromEnv", "nobody's", "targetBacklog", "x"))))
                .with(Status.Code.UNAUTHENTICATED, ErrorReason.ERROR_REASON_TOKEN_INVALID);
        var limited = FakeAuthenticator.limitedTo(Scope.SCOPE_WORK);
        StatusAssert.fails(() -> keda.isActive(trigger(Map.of("tokenFromEnv", limited))))
                .with(Status.Code.PERMISSION_DENIED, ErrorReason.ERROR_REASON_SCOPE_INSUFFICIENT);
        assertThat(keda.isActive(trigger(Map.of("tokenFromEnv", FakeAuthenticator.limitedTo(Scope.SCOPE_AGENT_READ))))
                        .getResult())
                .isFalse();

        // As everywhere, too; and what is sent as metadata is what counts.
        assertThat(ExternalScalerGrpc.newBlockingStub(AGENT.channel("viewer"))
                        .isActive(without)
                        .getResult())
                .isFalse();
        StatusAssert.fails(() -> ExternalScalerGrpc.newBlockingStub(AGENT.channel("nobody's"))
                        .isActive(trigger(Map.of())))
                .with(Status.Code.UNAUTHENTICATED, ErrorReason.ERROR_REASON_TOKEN_INVALID);
    }

    private CompleteWorkResponse complete() {
        return AGENT.complete(AGENT.claimOne(AGENT.register(1), queue));
    }

    private void pause() {
        AGENT.queues()
                .pauseQueue(PauseQueueRequest.newBuilder().setQueueName(queue).build());
    }

    private static boolean next(LinkedBlockingQueue<Boolean> said) throws InterruptedException {
        var next = said.poll(60, TimeUnit.SECONDS);
        assertThat(next).as("what is said next").isNotNull();
        return next;
    }

    /** What is said after what is repeated. */
    private static boolean nextOther(LinkedBlockingQueue<Boolean> said, boolean before) throws InterruptedException {
        for (int i = 0; i < 10; i++) {
            boolean next = next(said);
            if (next != before) {
                return next;
            }
        }
        return before;
    }

    private static ClientCallStreamObserver<ScaledObjectRef> stream(
            ScaledObjectRef trigger, LinkedBlockingQueue<Boolean> said) {
        var call = new Receiver(said);
        ExternalScalerGrpc.newStub(AGENT.anonymousChannel()).streamIsActive(trigger, call);
        return call.call;
    }

    private static final class Receiver implements ClientResponseObserver<ScaledObjectRef, IsActiveResponse> {
        private final LinkedBlockingQueue<Boolean> said;
        private ClientCallStreamObserver<ScaledObjectRef> call;

        Receiver(LinkedBlockingQueue<Boolean> said) {
            this.said = said;
        }

        @Override
        public void beforeStart(ClientCallStreamObserver<ScaledObjectRef> started) {
            call = started;
        }

        @Override
        public void onNext(IsActiveResponse response) {
            said.add(response.getResult());
        }

        @Override
        public void onError(Throwable ended) {}

        @Override
        public void onCompleted() {}
    }

    private double value(ScaledObjectRef trigger, String metric) {
        var values = keda.getMetrics(GetMetricsRequest.newBuilder()
                        .setScaledObjectRef(trigger)
                        .setMetricName(metric)
                        .build())
                .getMetricValuesList();
        assertThat(values).hasSize(1);
        assertThat(values.getFirst().getMetricName()).isEqualTo(metric);
        assertThat(values.getFirst().getMetricValue())
                .isEqualTo(Math.round(values.getFirst().getMetricValueFloat()));
        return values.getFirst().getMetricValueFloat();
    }

    private ScaledObjectRef trigger(Map<String, String> said) {
        var metadata = new HashMap<>(Map.of(
                "scalerAddress", "agent-service:7402",
                "queueName", queue,
                "targetBacklog", "5",
                "tokenFromEnv", "viewer"));
        metadata.putAll(said);
        return ScaledObjectRef.newBuilder()
                .setName("workers")
                .setNamespace("default")
                .putAllScalerMetadata(metadata)
                .build();
    }

    private static MetricSpec spec(String name, long target, double exact) {
        return MetricSpec.newBuilder()
                .setMetricName(name)
                .setTargetSize(target)
                .setTargetSizeFloat(exact)
                .build();
    }
}
