package dev.sortie.mission.api;

import static dev.sortie.runtime.grpc.Messages.uuid;

import dev.sortie.mission.domain.Plans;
import dev.sortie.mission.v1.ActivatePlanRequest;
import dev.sortie.mission.v1.ActivatePlanResponse;
import dev.sortie.mission.v1.CancelPlanRequest;
import dev.sortie.mission.v1.CancelPlanResponse;
import dev.sortie.mission.v1.CompletePlanRequest;
import dev.sortie.mission.v1.CompletePlanResponse;
import dev.sortie.mission.v1.CreatePlanRequest;
import dev.sortie.mission.v1.CreatePlanResponse;
import dev.sortie.mission.v1.DeletePlanRequest;
import dev.sortie.mission.v1.DeletePlanResponse;
import dev.sortie.mission.v1.GetPlanRequest;
import dev.sortie.mission.v1.GetPlanResponse;
import dev.sortie.mission.v1.ListPlanMovesRequest;
import dev.sortie.mission.v1.ListPlanMovesResponse;
import dev.sortie.mission.v1.ListPlansRequest;
import dev.sortie.mission.v1.ListPlansResponse;
import dev.sortie.mission.v1.PausePlanRequest;
import dev.sortie.mission.v1.PausePlanResponse;
import dev.sortie.mission.v1.PlanServiceGrpc.PlanServiceImplBase;
import dev.sortie.mission.v1.UndeletePlanRequest;
import dev.sortie.mission.v1.UndeletePlanResponse;
import dev.sortie.mission.v1.UpdatePlanRequest;
import dev.sortie.mission.v1.UpdatePlanResponse;
import dev.sortie.runtime.grpc.Replies;
import dev.sortie.runtime.paging.PageTokens;
import io.grpc.stub.StreamObserver;

/** {@code sortie.mission.v1.PlanService}. */
public final class PlanGrpcService extends PlanServiceImplBase {
    private final Replies replies;
    private final PageTokens pages;
    private final Plans plans;

    public PlanGrpcService(Replies replies, PageTokens pages, Plans plans) {
        this.replies = replies;
        this.pages = pages;
        this.plans = plans;
    }

    @Override
    public void createPlan(CreatePlanRequest request, StreamObserver<CreatePlanResponse> observer) {
        replies.write(request, observer, PlanProtos::toDraft, plans::create, PlanProtos::toCreateResponse);
    }

    @Override
    public void getPlan(GetPlanRequest request, StreamObserver<GetPlanResponse> observer) {
        replies.read(
                request,
                observer,
                r -> uuid(r.getPlanId()),
                (queries, id) -> plans.get(queries, id, request.getShowDeleted()),
                PlanProtos::toGetResponse);
    }

    @Override
    public void listPlans(ListPlansRequest request, StreamObserver<ListPlansResponse> observer) {
        replies.read(
                request,
                observer,
                pages::open,
                (queries, page) -> plans.list(queries, PlanProtos.toFilter(request), page),
                PlanProtos::toListResponse);
    }

    @Override
    public void updatePlan(UpdatePlanRequest request, StreamObserver<UpdatePlanResponse> observer) {
        replies.write(request, observer, PlanProtos::toEdit, plans::update, PlanProtos::toUpdateResponse);
    }

    @Override
    public void deletePlan(DeletePlanRequest request, StreamObserver<DeletePlanResponse> observer) {
        replies.write(request, observer, PlanProtos::toDeletion, plans::delete, PlanProtos::toDeleteResponse);
    }

    @Override
    public void undeletePlan(UndeletePlanRequest request, StreamObserver<UndeletePlanResponse> observer) {
        replies.write(request, observer, PlanProtos::toRequest, plans::undelete, PlanProtos::toUndeleteResponse);
    }

    @Override
    public void activatePlan(ActivatePlanRequest request, StreamObserver<ActivatePlanResponse> observer) {
        replies.write(request, observer, PlanProtos::toRequest, plans::activate, PlanProtos::toActivateResponse);
    }

    @Override
    public void pausePlan(PausePlanRequest request, StreamObserver<PausePlanResponse> observer) {
        replies.write(request, observer, PlanProtos::toRequest, plans::pause, PlanProtos::toPauseResponse);
    }

    @Override
    public void completePlan(CompletePlanRequest request, StreamObserver<CompletePlanResponse> observer) {
        replies.write(request, observer, PlanProtos::toRequest, plans::complete, PlanProtos::toCompleteResponse);
    }

    @Override
    public void cancelPlan(CancelPlanRequest request, StreamObserver<CancelPlanResponse> observer) {
        replies.write(request, observer, PlanProtos::toRequest, plans::cancel, PlanProtos::toCancelResponse);
    }

    @Override
    public void listPlanMoves(ListPlanMovesRequest request, StreamObserver<ListPlanMovesResponse> observer) {
        replies.read(
                request,
                observer,
                pages::open,
                (queries, page) -> plans.moves(queries, uuid(request.getPlanId()), page),
                MoveProtos::toListPlanMovesResponse);
    }
}
