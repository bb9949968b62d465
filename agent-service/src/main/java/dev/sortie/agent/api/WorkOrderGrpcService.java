package dev.sortie.agent.api;

import static dev.sortie.runtime.grpc.Messages.uuid;

import dev.sortie.agent.domain.Explanations;
import dev.sortie.agent.domain.Placements;
import dev.sortie.agent.domain.WorkOrders;
import dev.sortie.agent.v1.CancelWorkOrderRequest;
import dev.sortie.agent.v1.CancelWorkOrderResponse;
import dev.sortie.agent.v1.EnqueueWorkOrdersRequest;
import dev.sortie.agent.v1.EnqueueWorkOrdersResponse;
import dev.sortie.agent.v1.ExplainWorkOrderRequest;
import dev.sortie.agent.v1.ExplainWorkOrderResponse;
import dev.sortie.agent.v1.GetWorkOrderRequest;
import dev.sortie.agent.v1.GetWorkOrderResponse;
import dev.sortie.agent.v1.ListWorkOrdersRequest;
import dev.sortie.agent.v1.ListWorkOrdersResponse;
import dev.sortie.agent.v1.RedriveWorkOrdersRequest;
import dev.sortie.agent.v1.RedriveWorkOrdersResponse;
import dev.sortie.agent.v1.WorkOrderServiceGrpc;
import dev.sortie.runtime.grpc.CallContext;
import dev.sortie.runtime.grpc.Replies;
import dev.sortie.runtime.paging.Keyset;
import dev.sortie.runtime.paging.PageTokens;
import dev.sortie.runtime.sql.Combiner;
import dev.sortie.runtime.sql.Database;
import io.grpc.stub.StreamObserver;
import io.micrometer.core.instrument.MeterRegistry;
import java.util.List;

/** Work orders, as those see them who place them. */
public final class WorkOrderGrpcService extends WorkOrderServiceGrpc.WorkOrderServiceImplBase {
    // Of one kind: one at work, the others at their commits.
    private static final int AT_ONCE = 4;
    private static final int MAX_ITEMS = 1_000;

    private final Replies replies;
    private final PageTokens pageTokens;
    private final WorkOrders workOrders;
    private final Placements placements;
    private final Explanations explanations;
    private final Combiner<Placements.Request, List<Placements.Placed>> enqueues;

    public WorkOrderGrpcService(
            Replies replies,
            PageTokens pageTokens,
            WorkOrders workOrders,
            Placements placements,
            Explanations explanations,
            Database database,
            MeterRegistry meters) {
        this.replies = replies;
        this.pageTokens = pageTokens;
        this.workOrders = workOrders;
        this.placements = placements;
        this.explanations = explanations;
        this.enqueues = new Combiner<>(
                database,
                meters,
                "enqueue",
                AT_ONCE,
                MAX_ITEMS,
                request -> request.drafts().size(),
                placements::enqueue);
    }

    @Override
    public void enqueueWorkOrders(
            EnqueueWorkOrdersRequest request, StreamObserver<EnqueueWorkOrdersResponse> observer) {
        replies.combine(
                request,
                observer,
                r -> placements.request(
                        CallContext.principal(),
                        WorkOrderProtos.toDrafts(r),
                        WorkOrderProtos.toPolicy(r.getDedupePolicy())),
                enqueues,
                WorkOrderProtos::toResponse);
    }

    @Override
    public void getWorkOrder(GetWorkOrderRequest request, StreamObserver<GetWorkOrderResponse> observer) {
        replies.read(
                request,
                observer,
                r -> uuid(r.getWorkOrderId()),
                workOrders::get,
                order -> GetWorkOrderResponse.newBuilder()
                        .setWorkOrder(WorkOrderProtos.toMessageFor(CallContext.principal(), order))
                        .build());
    }

    @Override
    public void listWorkOrders(ListWorkOrdersRequest request, StreamObserver<ListWorkOrdersResponse> observer) {
        var page = pageTokens.open(request);
        replies.read(request, observer, r -> WorkOrderProtos.toListRequest(r, page), workOrders::list, found -> {
            var listed = page.page(
                            found,
                            order -> request.getDeadOnly() && order.completedAt() != null
                                    ? Keyset.of(order.id(), order.completedAt())
                                    : Keyset.of(order.id()))
                    .messages(WorkOrderProtos::toMessage);
            return ListWorkOrdersResponse.newBuilder()
                    .addAllWorkOrders(listed.items())
                    .setNextPageToken(listed.nextPageToken())
                    .build();
        });
    }

    @Override
    public void explainWorkOrder(ExplainWorkOrderRequest request, StreamObserver<ExplainWorkOrderResponse> observer) {
        replies.call(
                request,
                observer,
                r -> uuid(r.getWorkOrderId()),
                explanations::explain,
                explanation -> ExplainWorkOrderResponse.newBuilder()
                        .setExplanation(ExplanationProtos.toMessage(explanation))
                        .build());
    }

    @Override
    public void cancelWorkOrder(CancelWorkOrderRequest request, StreamObserver<CancelWorkOrderResponse> observer) {
        replies.write(
                request,
                observer,
                r -> new WorkOrders.Cancellation(uuid(r.getWorkOrderId()), r.getReason()),
                workOrders::cancel,
                order -> CancelWorkOrderResponse.newBuilder()
                        .setWorkOrder(WorkOrderProtos.toMessageFor(CallContext.principal(), order))
                        .build());
    }

    @Override
    public void redriveWorkOrders(
            RedriveWorkOrdersRequest request, StreamObserver<RedriveWorkOrdersResponse> observer) {
        replies.write(
                request,
                observer,
                WorkOrderProtos::toRedrive,
                workOrders::redrive,
                redriven -> RedriveWorkOrdersResponse.newBuilder()
                        .addAllWorkOrders(redriven.stream()
                                .map(WorkOrderProtos::toMessage)
                                .toList())
                        .build());
    }
}
