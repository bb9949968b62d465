package dev.sortie.agent.api;

import static dev.sortie.runtime.grpc.Messages.uuid;

import dev.sortie.agent.domain.Workers;
import dev.sortie.agent.v1.DeregisterWorkerRequest;
import dev.sortie.agent.v1.DeregisterWorkerResponse;
import dev.sortie.agent.v1.DrainWorkerRequest;
import dev.sortie.agent.v1.DrainWorkerResponse;
import dev.sortie.agent.v1.GetWorkerRequest;
import dev.sortie.agent.v1.GetWorkerResponse;
import dev.sortie.agent.v1.ListWorkersRequest;
import dev.sortie.agent.v1.ListWorkersResponse;
import dev.sortie.agent.v1.RegisterWorkerRequest;
import dev.sortie.agent.v1.RegisterWorkerResponse;
import dev.sortie.agent.v1.SetWorkerCapabilitiesRequest;
import dev.sortie.agent.v1.SetWorkerCapabilitiesResponse;
import dev.sortie.agent.v1.UpdateWorkerRequest;
import dev.sortie.agent.v1.UpdateWorkerResponse;
import dev.sortie.agent.v1.WorkerServiceGrpc;
import dev.sortie.runtime.grpc.Replies;
import dev.sortie.runtime.paging.Keyset;
import dev.sortie.runtime.paging.PageTokens;
import io.grpc.stub.StreamObserver;

/** Workers: the processes that do the work. */
public final class WorkerGrpcService extends WorkerServiceGrpc.WorkerServiceImplBase {
    private final Replies replies;
    private final PageTokens pageTokens;
    private final Workers workers;

    public WorkerGrpcService(Replies replies, PageTokens pageTokens, Workers workers) {
        this.replies = replies;
        this.pageTokens = pageTokens;
        this.workers = workers;
    }

    @Override
    public void registerWorker(RegisterWorkerRequest request, StreamObserver<RegisterWorkerResponse> observer) {
        replies.write(
                request,
                observer,
                WorkerProtos::toDraft,
                workers::register,
                worker -> RegisterWorkerResponse.newBuilder()
                        .setWorker(WorkerProtos.toMessage(worker))
                        .build());
    }

    @Override
    public void getWorker(GetWorkerRequest request, StreamObserver<GetWorkerResponse> observer) {
        replies.read(
                request,
                observer,
                r -> uuid(r.getWorkerId()),
                workers::get,
                worker -> GetWorkerResponse.newBuilder()
                        .setWorker(WorkerProtos.toMessage(worker))
                        .build());
    }

    @Override
    public void listWorkers(ListWorkersRequest request, StreamObserver<ListWorkersResponse> observer) {
        var page = pageTokens.open(request);
        var after = page.after();
        replies.read(
                request,
                observer,
                r -> WorkerProtos.toList(r, after == null ? null : after.uuid(0), page.limit()),
                workers::list,
                found -> {
                    var listed =
                            page.page(found, worker -> Keyset.of(worker.id())).messages(WorkerProtos::toMessage);
                    return ListWorkersResponse.newBuilder()
                            .addAllWorkers(listed.items())
                            .setNextPageToken(listed.nextPageToken())
                            .build();
                });
    }

    @Override
    public void updateWorker(UpdateWorkerRequest request, StreamObserver<UpdateWorkerResponse> observer) {
        replies.write(
                request,
                observer,
                WorkerProtos::toEdit,
                workers::update,
                worker -> UpdateWorkerResponse.newBuilder()
                        .setWorker(WorkerProtos.toMessage(worker))
                        .build());
    }

    @Override
    public void drainWorker(DrainWorkerRequest request, StreamObserver<DrainWorkerResponse> observer) {
        replies.write(
                request,
                observer,
                r -> uuid(r.getWorkerId()),
                workers::drain,
                worker -> DrainWorkerResponse.newBuilder()
                        .setWorker(WorkerProtos.toMessage(worker))
                        .build());
    }

    @Override
    public void deregisterWorker(DeregisterWorkerRequest request, StreamObserver<DeregisterWorkerResponse> observer) {
        replies.write(
                request,
                observer,
                r -> uuid(r.getWorkerId()),
                workers::deregister,
                worker -> DeregisterWorkerResponse.newBuilder()
                        .setWorker(WorkerProtos.toMessage(worker))
                        .build());
    }

    @Override
    public void setWorkerCapabilities(
            SetWorkerCapabilitiesRequest request, StreamObserver<SetWorkerCapabilitiesResponse> observer) {
        replies.write(
                request,
                observer,
                WorkerProtos::toSkills,
                workers::setCapabilities,
                worker -> SetWorkerCapabilitiesResponse.newBuilder()
                        .setWorker(WorkerProtos.toMessage(worker))
                        .build());
    }
}
