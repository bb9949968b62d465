package dev.sortie.mission.api;

import dev.sortie.mission.domain.Tools;
import dev.sortie.mission.v1.DeleteToolRequest;
import dev.sortie.mission.v1.DeleteToolResponse;
import dev.sortie.mission.v1.GetToolRequest;
import dev.sortie.mission.v1.GetToolResponse;
import dev.sortie.mission.v1.ListToolsRequest;
import dev.sortie.mission.v1.ListToolsResponse;
import dev.sortie.mission.v1.PutToolRequest;
import dev.sortie.mission.v1.PutToolResponse;
import dev.sortie.mission.v1.ToolServiceGrpc.ToolServiceImplBase;
import dev.sortie.runtime.grpc.Replies;
import dev.sortie.runtime.paging.PageTokens;
import io.grpc.stub.StreamObserver;

/** {@code sortie.mission.v1.ToolService}. */
public final class ToolGrpcService extends ToolServiceImplBase {
    private final Replies replies;
    private final PageTokens pages;
    private final Tools tools;

    public ToolGrpcService(Replies replies, PageTokens pages, Tools tools) {
        this.replies = replies;
        this.pages = pages;
        this.tools = tools;
    }

    @Override
    public void putTool(PutToolRequest request, StreamObserver<PutToolResponse> observer) {
        replies.write(
                request,
                observer,
                ToolProtos::toDraft,
                (tx, draft) -> tools.put(tx, draft, request.getTool().getEtag()),
                ToolProtos::toPutResponse);
    }

    @Override
    public void getTool(GetToolRequest request, StreamObserver<GetToolResponse> observer) {
        replies.read(request, observer, GetToolRequest::getToolId, tools::get, ToolProtos::toGetResponse);
    }

    @Override
    public void listTools(ListToolsRequest request, StreamObserver<ListToolsResponse> observer) {
        replies.read(
                request,
                observer,
                pages::open,
                (queries, page) -> tools.list(queries, request.getQueueName(), page),
                ToolProtos::toListResponse);
    }

    @Override
    public void deleteTool(DeleteToolRequest request, StreamObserver<DeleteToolResponse> observer) {
        replies.write(
                request,
                observer,
                DeleteToolRequest::getToolId,
                (tx, toolId) -> tools.delete(tx, toolId, request.getEtag()),
                ToolProtos::toDeleteResponse);
    }
}
