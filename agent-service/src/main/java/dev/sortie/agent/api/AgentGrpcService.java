package dev.sortie.agent.api;

import static dev.sortie.runtime.grpc.Messages.uuid;

import dev.sortie.agent.domain.Agent;
import dev.sortie.agent.domain.Agents;
import dev.sortie.agent.v1.AgentHeartbeatRequest;
import dev.sortie.agent.v1.AgentHeartbeatResponse;
import dev.sortie.agent.v1.AgentServiceGrpc;
import dev.sortie.agent.v1.DeactivateAgentRequest;
import dev.sortie.agent.v1.DeactivateAgentResponse;
import dev.sortie.agent.v1.DeleteAgentRequest;
import dev.sortie.agent.v1.DeleteAgentResponse;
import dev.sortie.agent.v1.GetAgentRequest;
import dev.sortie.agent.v1.GetAgentResponse;
import dev.sortie.agent.v1.ListAgentsRequest;
import dev.sortie.agent.v1.ListAgentsResponse;
import dev.sortie.agent.v1.RegisterAgentRequest;
import dev.sortie.agent.v1.RegisterAgentResponse;
import dev.sortie.agent.v1.UpdateAgentRequest;
import dev.sortie.agent.v1.UpdateAgentResponse;
import dev.sortie.runtime.grpc.Replies;
import dev.sortie.runtime.paging.PageTokens;
import dev.sortie.runtime.sql.Combiner;
import dev.sortie.runtime.sql.Database;
import io.grpc.stub.StreamObserver;
import io.micrometer.core.instrument.MeterRegistry;

/** Agents: the identities as which workers work. */
public final class AgentGrpcService extends AgentServiceGrpc.AgentServiceImplBase {
    private static final int AT_ONCE = 2;
    private static final int MAX_HEARTBEATS = 500;

    private final Replies replies;
    private final PageTokens pages;
    private final Agents agents;
    private final Combiner<Agent.Heartbeat, Agent> heartbeats;

    public AgentGrpcService(Replies replies, PageTokens pages, Agents agents, Database database, MeterRegistry meters) {
        this.replies = replies;
        this.pages = pages;
        this.agents = agents;
        this.heartbeats =
                new Combiner<>(database, meters, "agent-heartbeat", AT_ONCE, MAX_HEARTBEATS, _ -> 1, agents::heartbeat);
    }

    @Override
    public void registerAgent(RegisterAgentRequest request, StreamObserver<RegisterAgentResponse> observer) {
        replies.write(request, observer, AgentProtos::toFields, agents::register, AgentProtos::toRegisterResponse);
    }

    @Override
    public void getAgent(GetAgentRequest request, StreamObserver<GetAgentResponse> observer) {
        replies.read(request, observer, r -> uuid(r.getAgentId()), agents::get, AgentProtos::toGetResponse);
    }

    @Override
    public void listAgents(ListAgentsRequest request, StreamObserver<ListAgentsResponse> observer) {
        replies.read(
                request,
                observer,
                pages::open,
                (queries, page) -> agents.list(queries, AgentProtos.toFilter(request), page),
                AgentProtos::toListResponse);
    }

    @Override
    public void updateAgent(UpdateAgentRequest request, StreamObserver<UpdateAgentResponse> observer) {
        replies.write(request, observer, AgentProtos::toEdit, agents::update, AgentProtos::toUpdateResponse);
    }

    @Override
    public void deleteAgent(DeleteAgentRequest request, StreamObserver<DeleteAgentResponse> observer) {
        replies.write(request, observer, AgentProtos::toRequest, agents::delete, AgentProtos::toDeleteResponse);
    }

    @Override
    public void agentHeartbeat(AgentHeartbeatRequest request, StreamObserver<AgentHeartbeatResponse> observer) {
        replies.combine(request, observer, AgentProtos::toHeartbeat, heartbeats, AgentProtos::toHeartbeatResponse);
    }

    @Override
    public void deactivateAgent(DeactivateAgentRequest request, StreamObserver<DeactivateAgentResponse> observer) {
        replies.write(request, observer, AgentProtos::toRequest, agents::deactivate, AgentProtos::toDeactivateResponse);
    }
}
