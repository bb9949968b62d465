package dev.sortie.mission.api;

import static dev.sortie.runtime.grpc.Messages.uuid;

import dev.sortie.mission.domain.Hops;
import dev.sortie.mission.v1.CancelHopRequest;
import dev.sortie.mission.v1.CancelHopResponse;
import dev.sortie.mission.v1.CompleteHopRequest;
import dev.sortie.mission.v1.CompleteHopResponse;
import dev.sortie.mission.v1.CreateHopRequest;
import dev.sortie.mission.v1.CreateHopResponse;
import dev.sortie.mission.v1.DeleteHopRequest;
import dev.sortie.mission.v1.DeleteHopResponse;
import dev.sortie.mission.v1.FailHopRequest;
import dev.sortie.mission.v1.FailHopResponse;
import dev.sortie.mission.v1.GetHopRequest;
import dev.sortie.mission.v1.GetHopResponse;
import dev.sortie.mission.v1.HopServiceGrpc.HopServiceImplBase;
import dev.sortie.mission.v1.ListHopsRequest;
import dev.sortie.mission.v1.ListHopsResponse;
import dev.sortie.mission.v1.MoveHopRequest;
import dev.sortie.mission.v1.MoveHopResponse;
import dev.sortie.mission.v1.RunHopRequest;
import dev.sortie.mission.v1.RunHopResponse;
import dev.sortie.mission.v1.StartHopRequest;
import dev.sortie.mission.v1.StartHopResponse;
import dev.sortie.mission.v1.UpdateHopRequest;
import dev.sortie.mission.v1.UpdateHopResponse;
import dev.sortie.runtime.grpc.Replies;
import dev.sortie.runtime.paging.PageTokens;
import io.grpc.stub.StreamObserver;

/** {@code sortie.mission.v1.HopService}. */
public final class HopGrpcService extends HopServiceImplBase {
    private final Replies replies;
    private final PageTokens pages;
    private final Hops hops;
    private final Findings findings;

    public HopGrpcService(Replies replies, PageTokens pages, Hops hops, Findings findings) {
        this.replies = replies;
        this.pages = pages;
        this.hops = hops;
        this.findings = findings;
    }

    @Override
    public void createHop(CreateHopRequest request, StreamObserver<CreateHopResponse> observer) {
        replies.write(request, observer, HopProtos::toDraft, hops::create, HopProtos::toCreateResponse);
    }

    @Override
    public void getHop(GetHopRequest request, StreamObserver<GetHopResponse> observer) {
        replies.read(request, observer, r -> uuid(r.getHopId()), hops::get, HopProtos::toGetResponse);
    }

    @Override
    public void listHops(ListHopsRequest request, StreamObserver<ListHopsResponse> observer) {
        replies.read(
                request,
                observer,
                pages::open,
                (queries, page) ->
                        hops.list(queries, uuid(request.getMissionId()), HopProtos.toStatus(request.getStatus()), page),
                HopProtos::toListResponse);
    }

    @Override
    public void updateHop(UpdateHopRequest request, StreamObserver<UpdateHopResponse> observer) {
        replies.write(request, observer, HopProtos::toEdit, hops::update, HopProtos::toUpdateResponse);
    }

    @Override
    public void deleteHop(DeleteHopRequest request, StreamObserver<DeleteHopResponse> observer) {
        replies.write(request, observer, HopProtos::toRequest, hops::delete, HopProtos::toDeleteResponse);
    }

    @Override
    public void moveHop(MoveHopRequest request, StreamObserver<MoveHopResponse> observer) {
        replies.write(request, observer, HopProtos::toRelocation, hops::move, HopProtos::toMoveResponse);
    }

    @Override
    public void startHop(StartHopRequest request, StreamObserver<StartHopResponse> observer) {
        replies.write(request, observer, HopProtos::toRequest, hops::start, HopProtos::toStartResponse);
    }

    @Override
    public void runHop(RunHopRequest request, StreamObserver<RunHopResponse> observer) {
        findings.keep(
                () -> replies.write(request, observer, HopProtos::toRequest, hops::run, HopProtos::toRunResponse));
    }

    @Override
    public void completeHop(CompleteHopRequest request, StreamObserver<CompleteHopResponse> observer) {
        replies.write(request, observer, HopProtos::toRequest, hops::complete, HopProtos::toCompleteResponse);
    }

    @Override
    public void failHop(FailHopRequest request, StreamObserver<FailHopResponse> observer) {
        replies.write(request, observer, HopProtos::toRequest, hops::fail, HopProtos::toFailResponse);
    }

    @Override
    public void cancelHop(CancelHopRequest request, StreamObserver<CancelHopResponse> observer) {
        replies.write(request, observer, HopProtos::toRequest, hops::cancel, HopProtos::toCancelResponse);
    }
}
