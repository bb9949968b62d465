package dev.sortie.agent.api;

import static dev.sortie.runtime.grpc.Messages.duration;
import static dev.sortie.runtime.grpc.Messages.json;
import static dev.sortie.runtime.grpc.Messages.struct;
import static dev.sortie.runtime.grpc.Messages.timestamp;
import static dev.sortie.runtime.grpc.Messages.uuid;

import dev.sortie.agent.domain.Agent;
import dev.sortie.agent.domain.AgentOrder;
import dev.sortie.agent.domain.Agents;
import dev.sortie.agent.store.AgentStore;
import dev.sortie.agent.v1.AgentHeartbeatRequest;
import dev.sortie.agent.v1.AgentHeartbeatResponse;
import dev.sortie.agent.v1.AgentStatus;
import dev.sortie.agent.v1.AgentType;
import dev.sortie.agent.v1.DeactivateAgentRequest;
import dev.sortie.agent.v1.DeactivateAgentResponse;
import dev.sortie.agent.v1.DeleteAgentRequest;
import dev.sortie.agent.v1.DeleteAgentResponse;
import dev.sortie.agent.v1.GetAgentResponse;
import dev.sortie.agent.v1.ListAgentsRequest;
import dev.sortie.agent.v1.ListAgentsResponse;
import dev.sortie.agent.v1.RegisterAgentRequest;
import dev.sortie.agent.v1.RegisterAgentResponse;
import dev.sortie.agent.v1.UpdateAgentRequest;
import dev.sortie.agent.v1.UpdateAgentResponse;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.paging.FieldMasks;
import dev.sortie.runtime.paging.Page;
import dev.sortie.type.v1.ErrorReason;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Agents as messages. */
final class AgentProtos {
    private static final String TYPE_PREFIX = "AGENT_TYPE_";
    private static final String STATUS_PREFIX = "AGENT_STATUS_";

    private AgentProtos() {}

    static Agent.Fields toFields(RegisterAgentRequest request) {
        var agent = request.getAgent();
        return toFields(agent, toType(agent.getType()));
    }

    private static Agent.Fields toFields(
            dev.sortie.agent.v1.Agent agent, dev.sortie.agent.domain.@Nullable AgentType type) {
        return new Agent.Fields(
                agent.getName(),
                type == null ? dev.sortie.agent.domain.AgentType.CODEGEN : type,
                agent.getCapabilitiesList(),
                json(agent.getConfiguration(), "agent.configuration"),
                agent.getMobileCapable(),
                agent.getDeviceAffinity(),
                agent.getLocationEnabled(),
                agent.getBatteryAware());
    }

    static Agents.Edit toEdit(UpdateAgentRequest request) {
        var agent = request.getAgent();
        if (agent.getAgentId().isEmpty()) {
            throw Failure.invalidArgument(
                            ErrorReason.ERROR_REASON_FIELD_INVALID,
                            "agent.agent_id",
                            "value is required: it names what to update")
                    .with("field_count", 1)
                    .exception();
        }
        var paths = FieldMasks.resolve(request.getUpdateMask(), agent);
        // A type that is left out is not in the mask: it is required. Any value serves in its place.
        var given = toFields(agent, toType(agent.getType()));
        return new Agents.Edit(
                UUID.fromString(agent.getAgentId()), agent.getEtag(), present -> edited(present, paths, given));
    }

    private static Agent.Fields edited(Agent.Fields present, Set<String> paths, Agent.Fields given) {
        return new Agent.Fields(
                (paths.contains("name") ? given : present).name(),
                (paths.contains("type") ? given : present).type(),
                (paths.contains("capabilities") ? given : present).capabilities(),
                (paths.contains("configuration") ? given : present).configuration(),
                (paths.contains("mobile_capable") ? given : present).mobileCapable(),
                (paths.contains("device_affinity") ? given : present).deviceAffinity(),
                (paths.contains("location_enabled") ? given : present).locationEnabled(),
                (paths.contains("battery_aware") ? given : present).batteryAware());
    }

    static AgentStore.Filter toFilter(ListAgentsRequest request) {
        return new AgentStore.Filter(
                toType(request.getType()),
                toStatus(request.getStatus()),
                request.getCapabilitiesList(),
                request.getMobileCapableOnly(),
                request.getActiveOnly(),
                request.getAgentIdsList().stream().map(UUID::fromString).toList(),
                switch (request.getOrderBy()) {
                    case AGENT_ORDER_UNSPECIFIED, UNRECOGNIZED -> AgentOrder.CREATION;
                    case AGENT_ORDER_NAME -> AgentOrder.NAME;
                });
    }

    static Agents.Request toRequest(DeleteAgentRequest request) {
        return new Agents.Request(uuid(request.getAgentId()), request.getEtag());
    }

    static Agents.Request toRequest(DeactivateAgentRequest request) {
        return new Agents.Request(uuid(request.getAgentId()), request.getEtag());
    }

    static Agent.Heartbeat toHeartbeat(AgentHeartbeatRequest request) {
        var status = toStatus(request.getStatus());
        return new Agent.Heartbeat(
                uuid(request.getAgentId()),
                status == null ? dev.sortie.agent.domain.AgentStatus.ONLINE : status,
                request.getIpAddress(),
                request.getHostName());
    }

    static RegisterAgentResponse toRegisterResponse(Agent agent) {
        return RegisterAgentResponse.newBuilder().setAgent(toMessage(agent)).build();
    }

    static GetAgentResponse toGetResponse(Agent agent) {
        return GetAgentResponse.newBuilder().setAgent(toMessage(agent)).build();
    }

    static ListAgentsResponse toListResponse(Page<Agent> page) {
        var messages = page.messages(AgentProtos::toMessage);
        return ListAgentsResponse.newBuilder()
                .addAllAgents(messages.items())
                .setNextPageToken(messages.nextPageToken())
                .build();
    }

    static UpdateAgentResponse toUpdateResponse(Agent agent) {
        return UpdateAgentResponse.newBuilder().setAgent(toMessage(agent)).build();
    }

    static DeleteAgentResponse toDeleteResponse(Agent agent) {
        return DeleteAgentResponse.newBuilder().setAgent(toMessage(agent)).build();
    }

    static AgentHeartbeatResponse toHeartbeatResponse(Agent agent) {
        return AgentHeartbeatResponse.newBuilder().setAgent(toMessage(agent)).build();
    }

    static DeactivateAgentResponse toDeactivateResponse(Agent agent) {
        return DeactivateAgentResponse.newBuilder().setAgent(toMessage(agent)).build();
    }

    private static dev.sortie.agent.v1.Agent toMessage(Agent agent) {
        var fields = agent.fields();
        var figures = agent.figures();
        var message = dev.sortie.agent.v1.Agent.newBuilder()
                .setAgentId(agent.id().toString())
                .setName(fields.name())
                .setType(AgentType.valueOf(TYPE_PREFIX + fields.type()))
                .setStatus(AgentStatus.valueOf(STATUS_PREFIX + agent.status()))
                .addAllCapabilities(fields.capabilities())
                .setMobileCapable(fields.mobileCapable())
                .setDeviceAffinity(fields.deviceAffinity())
                .setLocationEnabled(fields.locationEnabled())
                .setBatteryAware(fields.batteryAware())
                .setSuccessRate(figures.successRate())
                .setTotalTasksCompleted(figures.completed())
                .setIpAddress(agent.ipAddress())
                .setHostName(agent.hostName())
                .setCreateTime(timestamp(agent.createdAt()))
                .setUpdateTime(timestamp(agent.updatedAt()))
                .setEtag(Long.toString(agent.version()));
        if (!fields.configuration().equals("{}")) {
            message.setConfiguration(struct(fields.configuration()));
        }
        if (figures.averageResponseTime() != null) {
            message.setAverageResponseDuration(duration(figures.averageResponseTime()));
        }
        if (agent.lastHeartbeatAt() != null) {
            message.setLastHeartbeatTime(timestamp(agent.lastHeartbeatAt()));
        }
        if (agent.currentTaskId() != null) {
            message.setCurrentTaskId(agent.currentTaskId().toString());
        }
        if (agent.deactivatedAt() != null) {
            message.setDeactivateTime(timestamp(agent.deactivatedAt()));
        }
        return message.build();
    }

    private static dev.sortie.agent.domain.@Nullable AgentType toType(AgentType type) {
        return type == AgentType.AGENT_TYPE_UNSPECIFIED
                ? null
                : dev.sortie.agent.domain.AgentType.valueOf(type.name().substring(TYPE_PREFIX.length()));
    }

    private static dev.sortie.agent.domain.@Nullable AgentStatus toStatus(AgentStatus status) {
        return status == AgentStatus.AGENT_STATUS_UNSPECIFIED
                ? null
                : dev.sortie.agent.domain.AgentStatus.valueOf(status.name().substring(STATUS_PREFIX.length()));
    }
}
