package dev.sortie.agent.api;

import dev.sortie.agent.domain.Scaling;
import dev.sortie.externalscaler.v1.ExternalScalerGrpc;
import dev.sortie.externalscaler.v1.GetMetricSpecResponse;
import dev.sortie.externalscaler.v1.GetMetricsRequest;
import dev.sortie.externalscaler.v1.GetMetricsResponse;
import dev.sortie.externalscaler.v1.IsActiveResponse;
import dev.sortie.externalscaler.v1.ScaledObjectRef;
import dev.sortie.runtime.grpc.Replies;
import dev.sortie.runtime.grpc.ServerStream;
import io.grpc.stub.StreamObserver;
import java.util.concurrent.CountDownLatch;

/** Tells KEDA how many workers there should be. */
public final class ExternalScalerGrpcService extends ExternalScalerGrpc.ExternalScalerImplBase {
    private final Replies replies;
    private final Scaling scaling;

    public ExternalScalerGrpcService(Replies replies, Scaling scaling) {
        this.replies = replies;
        this.scaling = scaling;
    }

    @Override
    public void isActive(ScaledObjectRef request, StreamObserver<IsActiveResponse> observer) {
        replies.read(request, observer, ScalerProtos::toTrigger, scaling::isActive, ScalerProtos::toResponse);
    }

    @Override
    public void streamIsActive(ScaledObjectRef request, StreamObserver<IsActiveResponse> observer) {
        replies.stream(
                request,
                observer,
                ScalerProtos::toTrigger,
                (trigger, stream) -> scaling.follow(trigger, active -> stream.send(ScalerProtos.toResponse(active))));
    }

    @Override
    public void getMetricSpec(ScaledObjectRef request, StreamObserver<GetMetricSpecResponse> observer) {
        replies.call(request, observer, ScalerProtos::toTrigger, (_, trigger) -> trigger, ScalerProtos::toSpecs);
    }

    @Override
    public void getMetrics(GetMetricsRequest request, StreamObserver<GetMetricsResponse> observer) {
        replies.read(
                request,
                observer,
                ScalerProtos::toQuestion,
                (queries, question) -> scaling.measure(queries, question.trigger()),
                load -> ScalerProtos.toResponse(request.getMetricName(), load));
    }

    @Override
    public void streamMetricSpec(ScaledObjectRef request, StreamObserver<GetMetricSpecResponse> observer) {
        replies.stream(request, observer, ScalerProtos::toTrigger, ExternalScalerGrpcService::sendSpecs);
    }

    private static void sendSpecs(Scaling.Trigger trigger, ServerStream<GetMetricSpecResponse> stream)
            throws InterruptedException {
        stream.send(ScalerProtos.toSpecs(trigger));
        new CountDownLatch(1).await(); // until the receiver is gone or the server stops
    }
}
