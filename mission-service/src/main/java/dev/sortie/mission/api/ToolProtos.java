package dev.sortie.mission.api;

import static dev.sortie.runtime.grpc.Messages.duration;
import static dev.sortie.runtime.grpc.Messages.json;
import static dev.sortie.runtime.grpc.Messages.struct;
import static dev.sortie.runtime.grpc.Messages.timestamp;

import dev.sortie.mission.domain.RetryPolicy;
import dev.sortie.mission.domain.Tool;
import dev.sortie.mission.domain.ToolDraft;
import dev.sortie.mission.v1.DeleteToolResponse;
import dev.sortie.mission.v1.GetToolResponse;
import dev.sortie.mission.v1.ListToolsResponse;
import dev.sortie.mission.v1.PutToolRequest;
import dev.sortie.mission.v1.PutToolResponse;
import dev.sortie.runtime.paging.Page;
import java.util.List;

/** Between tools and their messages. */
final class ToolProtos {
    private ToolProtos() {}

    static ToolDraft toDraft(PutToolRequest request) {
        var tool = request.getTool();
        return new ToolDraft(
                tool.getToolId(),
                tool.getName(),
                tool.getDescription(),
                tool.hasInputSchema() ? json(tool.getInputSchema(), "tool.input_schema") : null,
                tool.hasOutputSchema() ? json(tool.getOutputSchema(), "tool.output_schema") : null,
                tool.getQueueName(),
                tool.hasTimeout() ? duration(tool.getTimeout()) : ToolDraft.DEFAULT_TIMEOUT,
                toRetryPolicy(tool.getRetryPolicy()),
                List.copyOf(tool.getResourceIdsList()));
    }

    static RetryPolicy toRetryPolicy(dev.sortie.type.v1.RetryPolicy policy) {
        var byDefault = RetryPolicy.DEFAULT;
        return new RetryPolicy(
                policy.hasMaxRetries() ? policy.getMaxRetries() : byDefault.maxRetries(),
                policy.hasInitialBackoff() ? duration(policy.getInitialBackoff()) : byDefault.initialBackoff(),
                policy.hasMaxBackoff() ? duration(policy.getMaxBackoff()) : byDefault.maxBackoff(),
                policy.hasBackoffMultiplier() ? policy.getBackoffMultiplier() : byDefault.backoffMultiplier(),
                policy.getNonRetryableErrorTypesList().stream().distinct().toList());
    }

    static dev.sortie.type.v1.RetryPolicy toMessage(RetryPolicy policy) {
        return dev.sortie.type.v1.RetryPolicy.newBuilder()
                .setMaxRetries(policy.maxRetries())
                .setInitialBackoff(duration(policy.initialBackoff()))
                .setMaxBackoff(duration(policy.maxBackoff()))
                .setBackoffMultiplier(policy.backoffMultiplier())
                .addAllNonRetryableErrorTypes(policy.nonRetryableErrorTypes())
                .build();
    }

    static dev.sortie.mission.v1.Tool toMessage(Tool tool) {
        var message = dev.sortie.mission.v1.Tool.newBuilder()
                .setToolId(tool.toolId())
                .setName(tool.name())
                .setDescription(tool.description())
                .setQueueName(tool.queueName())
                .setTimeout(duration(tool.timeout()))
                .setRetryPolicy(toMessage(tool.retryPolicy()))
                .addAllResourceIds(tool.resourceIds())
                .setCreateTime(timestamp(tool.createTime()))
                .setUpdateTime(timestamp(tool.updateTime()))
                .setEtag(Long.toString(tool.version()));
        if (tool.inputSchema() != null) {
            message.setInputSchema(struct(tool.inputSchema()));
        }
        if (tool.outputSchema() != null) {
            message.setOutputSchema(struct(tool.outputSchema()));
        }
        return message.build();
    }

    static PutToolResponse toPutResponse(Tool tool) {
        return PutToolResponse.newBuilder().setTool(toMessage(tool)).build();
    }

    static GetToolResponse toGetResponse(Tool tool) {
        return GetToolResponse.newBuilder().setTool(toMessage(tool)).build();
    }

    static ListToolsResponse toListResponse(Page<Tool> page) {
        var messages = page.messages(tool -> toMessage(tool));
        return ListToolsResponse.newBuilder()
                .addAllTools(messages.items())
                .setNextPageToken(messages.nextPageToken())
                .build();
    }

    static DeleteToolResponse toDeleteResponse(Tool tool) {
        return DeleteToolResponse.newBuilder().setTool(toMessage(tool)).build();
    }
}
