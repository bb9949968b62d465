package dev.sortie.mission.api;

import static dev.sortie.runtime.grpc.Messages.uuid;

import dev.sortie.mission.domain.ToolSteps;
import dev.sortie.mission.v1.CancelToolStepRequest;
import dev.sortie.mission.v1.CancelToolStepResponse;
import dev.sortie.mission.v1.CreateToolStepRequest;
import dev.sortie.mission.v1.CreateToolStepResponse;
import dev.sortie.mission.v1.DeleteToolStepRequest;
import dev.sortie.mission.v1.DeleteToolStepResponse;
import dev.sortie.mission.v1.ExecuteToolStepRequest;
import dev.sortie.mission.v1.ExecuteToolStepResponse;
import dev.sortie.mission.v1.GetToolStepRequest;
import dev.sortie.mission.v1.GetToolStepResponse;
import dev.sortie.mission.v1.ListToolStepsRequest;
import dev.sortie.mission.v1.ListToolStepsResponse;
import dev.sortie.mission.v1.MoveToolStepRequest;
import dev.sortie.mission.v1.MoveToolStepResponse;
import dev.sortie.mission.v1.RetryToolStepRequest;
import dev.sortie.mission.v1.RetryToolStepResponse;
import dev.sortie.mission.v1.ToolStepServiceGrpc.ToolStepServiceImplBase;
import dev.sortie.mission.v1.UpdateToolStepRequest;
import dev.sortie.mission.v1.UpdateToolStepResponse;
import dev.sortie.mission.v1.ValidateToolStepRequest;
import dev.sortie.mission.v1.ValidateToolStepResponse;
import dev.sortie.runtime.grpc.Replies;
import dev.sortie.runtime.paging.PageTokens;
import io.grpc.stub.StreamObserver;

/** {@code sortie.mission.v1.ToolStepService}. */
public final class ToolStepGrpcService extends ToolStepServiceImplBase {
    private final Replies replies;
    private final PageTokens pages;
    private final ToolSteps steps;
    private final Findings findings;

    public ToolStepGrpcService(Replies replies, PageTokens pages, ToolSteps steps, Findings findings) {
        this.replies = replies;
        this.pages = pages;
        this.steps = steps;
        this.findings = findings;
    }

    @Override
    public void createToolStep(CreateToolStepRequest request, StreamObserver<CreateToolStepResponse> observer) {
        replies.write(request, observer, ToolStepProtos::toDraft, steps::create, ToolStepProtos::toCreateResponse);
    }

    @Override
    public void getToolStep(GetToolStepRequest request, StreamObserver<GetToolStepResponse> observer) {
        replies.read(request, observer, r -> uuid(r.getToolStepId()), steps::get, ToolStepProtos::toGetResponse);
    }

    @Override
    public void listToolSteps(ListToolStepsRequest request, StreamObserver<ListToolStepsResponse> observer) {
        replies.read(
                request,
                observer,
                pages::open,
                (queries, page) -> steps.list(queries, ToolStepProtos.toFilter(request), page),
                ToolStepProtos::toListResponse);
    }

    @Override
    public void updateToolStep(UpdateToolStepRequest request, StreamObserver<UpdateToolStepResponse> observer) {
        replies.write(request, observer, ToolStepProtos::toEdit, steps::update, ToolStepProtos::toUpdateResponse);
    }

    @Override
    public void deleteToolStep(DeleteToolStepRequest request, StreamObserver<DeleteToolStepResponse> observer) {
        replies.write(request, observer, ToolStepProtos::toRequest, steps::delete, ToolStepProtos::toDeleteResponse);
    }

    @Override
    public void moveToolStep(MoveToolStepRequest request, StreamObserver<MoveToolStepResponse> observer) {
        replies.write(request, observer, ToolStepProtos::toRelocation, steps::move, ToolStepProtos::toMoveResponse);
    }

    @Override
    public void validateToolStep(ValidateToolStepRequest request, StreamObserver<ValidateToolStepResponse> observer) {
        replies.write(
                request, observer, r -> uuid(r.getToolStepId()), steps::validate, ToolStepProtos::toValidateResponse);
    }

    @Override
    public void executeToolStep(ExecuteToolStepRequest request, StreamObserver<ExecuteToolStepResponse> observer) {
        findings.keep(() -> replies.write(
                request, observer, ToolStepProtos::toRequest, steps::execute, ToolStepProtos::toExecuteResponse));
    }

    @Override
    public void cancelToolStep(CancelToolStepRequest request, StreamObserver<CancelToolStepResponse> observer) {
        replies.write(request, observer, ToolStepProtos::toRequest, steps::cancel, ToolStepProtos::toCancelResponse);
    }

    @Override
    public void retryToolStep(RetryToolStepRequest request, StreamObserver<RetryToolStepResponse> observer) {
        findings.keep(() -> replies.write(
                request, observer, ToolStepProtos::toRequest, steps::retry, ToolStepProtos::toRetryResponse));
    }
}
