package dev.sortie.mission.api;

import static dev.sortie.runtime.grpc.Messages.json;
import static dev.sortie.runtime.grpc.Messages.struct;
import static dev.sortie.runtime.grpc.Messages.timestamp;
import static dev.sortie.runtime.grpc.Messages.uuid;
import static dev.sortie.runtime.grpc.Messages.value;

import dev.sortie.mission.domain.ToolStep;
import dev.sortie.mission.domain.ToolSteps;
import dev.sortie.mission.store.ToolStepStore;
import dev.sortie.mission.v1.AssetField;
import dev.sortie.mission.v1.CancelToolStepRequest;
import dev.sortie.mission.v1.CancelToolStepResponse;
import dev.sortie.mission.v1.ConfigValue;
import dev.sortie.mission.v1.CreateToolStepRequest;
import dev.sortie.mission.v1.CreateToolStepResponse;
import dev.sortie.mission.v1.DeleteToolStepRequest;
import dev.sortie.mission.v1.DeleteToolStepResponse;
import dev.sortie.mission.v1.ExecuteToolStepRequest;
import dev.sortie.mission.v1.ExecuteToolStepResponse;
import dev.sortie.mission.v1.GetToolStepResponse;
import dev.sortie.mission.v1.Ignore;
import dev.sortie.mission.v1.ListToolStepsRequest;
import dev.sortie.mission.v1.ListToolStepsResponse;
import dev.sortie.mission.v1.MoveToolStepRequest;
import dev.sortie.mission.v1.MoveToolStepResponse;
import dev.sortie.mission.v1.ParameterMapping;
import dev.sortie.mission.v1.ResultMapping;
import dev.sortie.mission.v1.RetryToolStepRequest;
import dev.sortie.mission.v1.RetryToolStepResponse;
import dev.sortie.mission.v1.ToolStepStatus;
import dev.sortie.mission.v1.UpdateToolStepRequest;
import dev.sortie.mission.v1.UpdateToolStepResponse;
import dev.sortie.mission.v1.ValidateToolStepResponse;
import dev.sortie.mission.v1.ValidationError;
import dev.sortie.runtime.paging.FieldMasks;
import dev.sortie.runtime.paging.Page;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Between tool steps and their messages. */
final class ToolStepProtos {
    private static final String STATUS_PREFIX = "TOOL_STEP_STATUS_";

    private ToolStepProtos() {}

    static ToolSteps.Draft toDraft(CreateToolStepRequest request) {
        var step = request.getToolStep();
        return new ToolSteps.Draft(
                uuid(step.getHopId()),
                new ToolStep.Fields(
                        step.getToolId(),
                        step.getName(),
                        step.getDescription(),
                        toParameters(step),
                        toResults(step),
                        toConfigs(step),
                        step.getPauseBefore()),
                step.hasSequenceOrder() ? step.getSequenceOrder() : null);
    }

    static ToolSteps.Edit toEdit(UpdateToolStepRequest request) {
        var step = request.getToolStep();
        var paths = FieldMasks.resolve(request.getUpdateMask(), step);
        // Decoded here and not while it is applied: what is wrong with it is wrong whatever the step is.
        var parameters = toParameters(step);
        var results = toResults(step);
        var configs = toConfigs(step);
        return new ToolSteps.Edit(
                ResourceIds.required(step.getToolStepId(), "tool_step.tool_step_id"),
                step.getEtag(),
                present -> new ToolStep.Fields(
                        paths.contains("tool_id") ? step.getToolId() : present.toolId(),
                        paths.contains("name") ? step.getName() : present.name(),
                        paths.contains("description") ? step.getDescription() : present.description(),
                        paths.contains("parameter_mapping") ? parameters : present.parameterMapping(),
                        paths.contains("result_mapping") ? results : present.resultMapping(),
                        paths.contains("resource_configs") ? configs : present.resourceConfigs(),
                        paths.contains("pause_before") ? step.getPauseBefore() : present.pauseBefore()));
    }

    static ToolStepStore.Filter toFilter(ListToolStepsRequest request) {
        return new ToolStepStore.Filter(uuid(request.getHopId()), toStatus(request.getStatus()), request.getToolId());
    }

    static ToolSteps.Request toRequest(DeleteToolStepRequest request) {
        return new ToolSteps.Request(uuid(request.getToolStepId()), request.getEtag(), "");
    }

    static ToolSteps.Relocation toRelocation(MoveToolStepRequest request) {
        return new ToolSteps.Relocation(uuid(request.getToolStepId()), request.getEtag(), request.getSequenceOrder());
    }

    static ToolSteps.Request toRequest(ExecuteToolStepRequest request) {
        return new ToolSteps.Request(uuid(request.getToolStepId()), request.getEtag(), request.getReason());
    }

    static ToolSteps.Request toRequest(CancelToolStepRequest request) {
        return new ToolSteps.Request(uuid(request.getToolStepId()), request.getEtag(), request.getReason());
    }

    static ToolSteps.Request toRequest(RetryToolStepRequest request) {
        return new ToolSteps.Request(uuid(request.getToolStepId()), request.getEtag(), request.getReason());
    }

    static CreateToolStepResponse toCreateResponse(ToolStep step) {
        return CreateToolStepResponse.newBuilder().setToolStep(toMessage(step)).build();
    }

    static GetToolStepResponse toGetResponse(ToolStep step) {
        return GetToolStepResponse.newBuilder().setToolStep(toMessage(step)).build();
    }

    static UpdateToolStepResponse toUpdateResponse(ToolStep step) {
        return UpdateToolStepResponse.newBuilder().setToolStep(toMessage(step)).build();
    }

    static DeleteToolStepResponse toDeleteResponse(ToolStep step) {
        return DeleteToolStepResponse.newBuilder().setToolStep(toMessage(step)).build();
    }

    static MoveToolStepResponse toMoveResponse(ToolStep step) {
        return MoveToolStepResponse.newBuilder().setToolStep(toMessage(step)).build();
    }

    static ValidateToolStepResponse toValidateResponse(ToolStep step) {
        return ValidateToolStepResponse.newBuilder()
                .setToolStep(toMessage(step))
                .build();
    }

    static ExecuteToolStepResponse toExecuteResponse(ToolStep step) {
        return ExecuteToolStepResponse.newBuilder().setToolStep(toMessage(step)).build();
    }

    static CancelToolStepResponse toCancelResponse(ToolStep step) {
        return CancelToolStepResponse.newBuilder().setToolStep(toMessage(step)).build();
    }

    static RetryToolStepResponse toRetryResponse(ToolStep step) {
        return RetryToolStepResponse.newBuilder().setToolStep(toMessage(step)).build();
    }

    static ListToolStepsResponse toListResponse(Page<ToolStep> page) {
        var messages = page.messages(step -> toMessage(step));
        return ListToolStepsResponse.newBuilder()
                .addAllToolSteps(messages.items())
                .setNextPageToken(messages.nextPageToken())
                .build();
    }

    static dev.sortie.mission.v1.ToolStep toMessage(ToolStep step) {
        var fields = step.fields();
        var state = step.state();
        var message = dev.sortie.mission.v1.ToolStep.newBuilder()
                .setToolStepId(step.id().toString())
                .setHopId(step.hopId().toString())
                .setToolId(fields.toolId())
                .setName(fields.name())
                .setDescription(fields.description())
                .setStatus(ToolStepStatus.valueOf(STATUS_PREFIX + state.status()))
                .setSequenceOrder(step.sequenceOrder())
                .setResourceConfigs(struct(fields.resourceConfigs()))
                .setPauseBefore(fields.pauseBefore())
                .setErrorMessage(state.errorMessage())
                .setAttempt(state.attempt())
                .setCreateTime(timestamp(step.createdAt()))
                .setUpdateTime(timestamp(step.updatedAt()))
                .setEtag(Long.toString(step.version()));
        fields.parameterMapping().forEach((name, mapping) -> message.putParameterMapping(name, toMessage(mapping)));
        fields.resultMapping().forEach((name, mapping) -> message.putResultMapping(name, toMessage(mapping)));
        for (var error : state.validationErrors()) {
            message.addValidationErrors(
                    ValidationError.newBuilder().setField(error.field()).setMessage(error.message()));
        }
        if (state.executionResult() != null) {
            message.setExecutionResult(struct(state.executionResult()));
        }
        if (state.workOrderId() != null) {
            message.setWorkOrderId(state.workOrderId().toString());
        }
        if (state.startedAt() != null) {
            message.setStartTime(timestamp(state.startedAt()));
        }
        if (state.completedAt() != null) {
            message.setCompleteTime(timestamp(state.completedAt()));
        }
        return message.build();
    }

    private static dev.sortie.mission.domain.@Nullable ToolStepStatus toStatus(ToolStepStatus status) {
        return status == ToolStepStatus.TOOL_STEP_STATUS_UNSPECIFIED
                ? null
                : dev.sortie.mission.domain.ToolStepStatus.valueOf(status.name().substring(STATUS_PREFIX.length()));
    }

    private static Map<String, dev.sortie.mission.domain.ParameterMapping> toParameters(
            dev.sortie.mission.v1.ToolStep step) {
        var mappings = new TreeMap<String, dev.sortie.mission.domain.ParameterMapping>();
        step.getParameterMappingMap().forEach((name, mapping) -> {
            var field = "tool_step.parameter_mapping[\"" + name + "\"]";
            mappings.put(
                    name,
                    switch (mapping.getSourceCase()) {
                        case ASSET_FIELD ->
                            new dev.sortie.mission.domain.ParameterMapping.AssetField(
                                    uuid(mapping.getAssetField().getAssetId()));
                        case LITERAL_VALUE ->
                            new dev.sortie.mission.domain.ParameterMapping.LiteralValue(
                                    json(mapping.getLiteralValue(), field + ".literal_value"));
                        case CONFIG_VALUE ->
                            new dev.sortie.mission.domain.ParameterMapping.ConfigValue(
                                    mapping.getConfigValue().getConfigKey());
                        case SOURCE_NOT_SET -> throw new IllegalArgumentException(field); // the contract requires one
                    });
        });
        return mappings;
    }

    private static Map<String, dev.sortie.mission.domain.ResultMapping> toResults(dev.sortie.mission.v1.ToolStep step) {
        var mappings = new TreeMap<String, dev.sortie.mission.domain.ResultMapping>();
        step.getResultMappingMap()
                .forEach((name, mapping) -> mappings.put(
                        name,
                        switch (mapping.getTargetCase()) {
                            case ASSET_FIELD ->
                                new dev.sortie.mission.domain.ResultMapping.AssetField(
                                        uuid(mapping.getAssetField().getAssetId()));
                            case IGNORE -> new dev.sortie.mission.domain.ResultMapping.Ignore();
                            case TARGET_NOT_SET -> throw new IllegalArgumentException(name);
                        }));
        return mappings;
    }

    private static String toConfigs(dev.sortie.mission.v1.ToolStep step) {
        return json(step.getResourceConfigs(), "tool_step.resource_configs");
    }

    private static ParameterMapping toMessage(dev.sortie.mission.domain.ParameterMapping mapping) {
        var message = ParameterMapping.newBuilder();
        switch (mapping) {
            case dev.sortie.mission.domain.ParameterMapping.AssetField asset ->
                message.setAssetField(
                        AssetField.newBuilder().setAssetId(asset.assetId().toString()));
            case dev.sortie.mission.domain.ParameterMapping.LiteralValue literal ->
                message.setLiteralValue(value(literal.value()));
            case dev.sortie.mission.domain.ParameterMapping.ConfigValue config ->
                message.setConfigValue(ConfigValue.newBuilder().setConfigKey(config.configKey()));
        }
        return message.build();
    }

    private static ResultMapping toMessage(dev.sortie.mission.domain.ResultMapping mapping) {
        var message = ResultMapping.newBuilder();
        switch (mapping) {
            case dev.sortie.mission.domain.ResultMapping.AssetField asset ->
                message.setAssetField(
                        AssetField.newBuilder().setAssetId(asset.assetId().toString()));
            case dev.sortie.mission.domain.ResultMapping.Ignore _ -> message.setIgnore(Ignore.getDefaultInstance());
        }
        return message.build();
    }
}
