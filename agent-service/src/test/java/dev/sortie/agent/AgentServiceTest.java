package dev.sortie.agent;

import static dev.sortie.agent.AgentFixture.await;
import static dev.sortie.agent.AgentFixture.claim;
import static dev.sortie.agent.AgentFixture.order;
import static dev.sortie.agent.AgentFixture.struct;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.FieldMask;
import dev.sortie.agent.v1.Agent;
import dev.sortie.agent.v1.AgentHeartbeatRequest;
import dev.sortie.agent.v1.AgentOrder;
import dev.sortie.agent.v1.AgentServiceGrpc;
import dev.sortie.agent.v1.AgentStatus;
import dev.sortie.agent.v1.AgentType;
import dev.sortie.agent.v1.DeactivateAgentRequest;
import dev.sortie.agent.v1.DeleteAgentRequest;
import dev.sortie.agent.v1.DeregisterWorkerRequest;
import dev.sortie.agent.v1.ErrorReason;
import dev.sortie.agent.v1.GetAgentRequest;
import dev.sortie.agent.v1.HeartbeatWorkRequest;
import dev.sortie.agent.v1.ListAgentsRequest;
import dev.sortie.agent.v1.ListWorkersRequest;
import dev.sortie.agent.v1.RegisterAgentRequest;
import dev.sortie.agent.v1.RegisterAgentResponse;
import dev.sortie.agent.v1.UpdateAgentRequest;
import dev.sortie.agent.v1.Worker;
import dev.sortie.agent.v1.WorkerStatus;
import dev.sortie.runtime.grpc.Messages;
import dev.sortie.runtime.testing.SettableClock;
import dev.sortie.runtime.testing.StatusAssert;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** Agents: what they are, when they are there, and what becomes of their workers without them. */
class AgentServiceTest {
    private static final SettableClock CLOCK = AgentFixture.clock();

    @AutoClose
    private static final AgentFixture AGENT = new AgentFixture(CLOCK);

    private final String name = "a-" + UUID.randomUUID();
    private final String queue = "agents-" + UUID.randomUUID().toString().substring(0, 8);

    @Test
    void registersAnAgentAsItIsDescribed() {
        var described = Agent.newBuilder()
                .setName(name)
                .setType(AgentType.AGENT_TYPE_MOBILE_CONTROLLER)
                .addAllCapabilities(List.of("kotlin", "c++"))
                .setConfiguration(struct("depth", 3))
                .setMobileCapable(true)
                .setDeviceAffinity("phone")
                .setLocationEnabled(true)
                .setBatteryAware(true)
                .build();

        var agent = register(described);

        assertThat(agent.toBuilder()
                        .clearAgentId()
                        .clearStatus()
                        .clearCreateTime()
                        .clearUpdateTime()
                        .clearEtag()
                        .build())
                .isEqualTo(described);
        assertThat(agent.getStatus()).isEqualTo(AgentStatus.AGENT_STATUS_OFFLINE);
        assertThat(agent.hasAverageResponseDuration()).isFalse();
        assertThat(AGENT.agent(agent.getAgentId())).isEqualTo(agent);
    }

    @Test
    void ignoresWhatCallersDoNotSetAndRequiresNameAndType() {
        var agent = register(Agent.newBuilder()
                .setName(name)
                .setType(AgentType.AGENT_TYPE_ARCHON)
                .setSuccessRate(1)
                .setTotalTasksCompleted(99)
                .setStatus(AgentStatus.AGENT_STATUS_BUSY)
                .setCurrentTaskId(UUID.randomUUID().toString())
                .setHostName("elsewhere")
                .build());
        assertThat(agent.getSuccessRate()).isZero();
        assertThat(agent.getTotalTasksCompleted()).isZero();
        assertThat(agent.getStatus()).isEqualTo(AgentStatus.AGENT_STATUS_OFFLINE);
        assertThat(agent.getCurrentTaskId()).isEmpty();
        assertThat(agent.getHostName()).isEmpty();

        StatusAssert.fails(() -> register(Agent.getDefaultInstance()))
                .with(Status.Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("agent.name")
                .field("agent.type");
    }

    @Test
    void refusesWhatIsOutOfBounds() {
        for (var broken : List.<UnaryOperator<Agent.Builder>>of(
                agent -> agent.setName("n".repeat(256)),
                agent -> agent.setTypeValue(77),
                agent -> agent.addCapabilities("two words"),
                agent -> agent.addCapabilities("java").addCapabilities("java"),
                agent -> agent.setDeviceAffinity("d".repeat(256)),
                agent -> agent.setConfiguration(struct("k".repeat(65_536), 1)))) {
            var agent = broken.apply(Agent.newBuilder().setName(name).setType(AgentType.AGENT_TYPE_TESTING));
            StatusAssert.fails(() -> register(agent.build()))
                    .with(Status.Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID);
        }
        var id = AGENT.registerAgent().getAgentId();
        for (var broken : List.<UnaryOperator<AgentHeartbeatRequest.Builder>>of(
                beat -> beat.setAgentId("somebody"),
                beat -> beat.setStatus(AgentStatus.AGENT_STATUS_OFFLINE),
                beat -> beat.setStatusValue(9),
                beat -> beat.setIpAddress("fe80::1%eth0"),
                beat -> beat.setIpAddress("1.2.3"),
                beat -> beat.setHostName("h".repeat(256)))) {
            var beat = broken.apply(AgentHeartbeatRequest.newBuilder().setAgentId(id));
            StatusAssert.fails(() -> AGENT.agents().agentHeartbeat(beat.build()))
                    .with(Status.Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID);
        }
    }

    @Test
    void registersOnceForTheSameRequestAndOneOfManyOfTheSameName() throws Exception {
        var request = RegisterAgentRequest.newBuilder()
                .setAgent(Agent.newBuilder().setName(name).setType(AgentType.AGENT_TYPE_TESTING))
                .setRequestId(UUID.randomUUID().toString())
                .build();
        var first = AGENT.agents().registerAgent(request);
        assertThat(AGENT.agents().registerAgent(request))
                .isEqualTo(first.toBuilder().setReplayed(true).build());

        var contested = "contested-" + UUID.randomUUID();
        var answers = atOnce(
                20,
                () -> attempt(() -> AGENT.agents()
                        .registerAgent(RegisterAgentRequest.newBuilder()
                                .setAgent(Agent.newBuilder().setName(contested).setType(AgentType.AGENT_TYPE_TESTING))
                                .build())));
        assertThat(answers.stream().filter(RegisterAgentResponse.class::isInstance))
                .hasSize(1);
        answers.stream()
                .filter(StatusRuntimeException.class::isInstance)
                .forEach(failed -> StatusAssert.of((StatusRuntimeException) failed)
                        .with(Status.Code.ALREADY_EXISTS, ErrorReason.ERROR_REASON_AGENT_NAME_TAKEN)
                        .metadata("name", contested));
    }

    @Test
    void changesTheFieldsOfTheMaskAndNothingElse() {
        var agent = register(Agent.newBuilder()
                .setName(name)
                .setType(AgentType.AGENT_TYPE_TESTING)
                .addCapabilities("java")
                .setBatteryAware(true)
                .build());
        var changed = update(
                agent.toBuilder()
                        .setType(AgentType.AGENT_TYPE_ARCHON)
                        .clearCapabilities()
                        .setBatteryAware(false)
                        .setDeviceAffinity("tablet")
                        .build(),
                "type",
                "capabilities");
        assertThat(changed)
                .isEqualTo(agent.toBuilder()
                        .setType(AgentType.AGENT_TYPE_ARCHON)
                        .clearCapabilities()
                        .setEtag("2")
                        .setUpdateTime(changed.getUpdateTime())
                        .build());
        // Without a mask, what is set; the same again changes nothing.
        assertThat(update(Agent.newBuilder()
                        .setAgentId(agent.getAgentId())
                        .setType(AgentType.AGENT_TYPE_ARCHON)
                        .build()))
                .isEqualTo(changed);
        // With all of it, what is not set is emptied.
        var emptied = update(
                Agent.newBuilder()
                        .setAgentId(agent.getAgentId())
                        .setName(name)
                        .setType(AgentType.AGENT_TYPE_ARCHON)
                        .build(),
                "*");
        assertThat(emptied.getBatteryAware()).isFalse();
        assertThat(emptied.getEtag()).isEqualTo("3");

        StatusAssert.fails(() -> update(agent, "name"))
                .with(Status.Code.ABORTED, dev.sortie.type.v1.ErrorReason.ERROR_REASON_ETAG_MISMATCH);
        StatusAssert.fails(() -> update(emptied, "success_rate"))
                .with(Status.Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_UPDATE_MASK_INVALID);
        var other = AGENT.registerAgent();
        StatusAssert.fails(() ->
                        update(emptied.toBuilder().setName(other.getName()).build(), "name"))
                .with(Status.Code.ALREADY_EXISTS, ErrorReason.ERROR_REASON_AGENT_NAME_TAKEN)
                .metadata("agent_id", other.getAgentId());
        StatusAssert.fails(() -> update(Agent.newBuilder().setName("nameless").build()))
                .with(Status.Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("agent.agent_id");
    }

    @Test
    void letsOneOfManyChangeWhatAllHaveRead() throws Exception {
        var agent = AGENT.registerAgent();
        var answers = atOnce(
                20,
                () -> attempt(() -> update(
                        agent.toBuilder()
                                .setDeviceAffinity(UUID.randomUUID().toString())
                                .build(),
                        "device_affinity")));
        assertThat(answers.stream().filter(Agent.class::isInstance)).hasSize(1);
        assertThat(AGENT.agent(agent.getAgentId()).getEtag()).isEqualTo("2");
    }

    @Test
    void isThereWhileItSendsHeartbeatsAndSaysWhatTheySay() throws Exception {
        var id = AGENT.registerAgent().getAgentId();
        var said = heartbeat(id, AgentStatus.AGENT_STATUS_UNSPECIFIED, "2001:DB8:0:0::1", "castle");
        assertThat(said.getStatus()).isEqualTo(AgentStatus.AGENT_STATUS_ONLINE);
        assertThat(said.getIpAddress()).isEqualTo("2001:db8::1");
        assertThat(said.getHostName()).isEqualTo("castle");
        assertThat(said.getEtag()).isEqualTo("2");
        assertThat(Messages.instant(said.getLastHeartbeatTime())).isEqualTo(CLOCK.instant());

        // The same again, in other words and with less: no version, no change, but it is noted that it was said.
        var then = CLOCK.advance(Duration.ofSeconds(30));
        assertThat(heartbeat(id, AgentStatus.AGENT_STATUS_ONLINE, "2001:db8::0001", "")
                        .getEtag())
                .isEqualTo("2");
        await(
                "the heartbeat is written",
                () -> Messages.instant(AGENT.agent(id).getLastHeartbeatTime()).equals(then));
        assertThat(AGENT.agent(id).getEtag()).isEqualTo("2");
        assertThat(AGENT.number("SELECT count(*) FROM change_log WHERE resource_id = '" + id + "'"))
                .isEqualTo(2);

        assertThat(heartbeat(id, AgentStatus.AGENT_STATUS_BUSY, "10.0.0.7", "").getIpAddress())
                .isEqualTo("10.0.0.7");
        var maintained = heartbeat(id, AgentStatus.AGENT_STATUS_MAINTENANCE, "", "");
        assertThat(maintained.getStatus()).isEqualTo(AgentStatus.AGENT_STATUS_MAINTENANCE);
        assertThat(maintained.getIpAddress()).isEqualTo("10.0.0.7");
        assertThat(maintained.getHostName()).isEqualTo("castle");
    }

    @Test
    void isOfflineAMinuteAfterItsLastHeartbeatAndBackWithTheNext() {
        var id = AGENT.registerAgent().getAgentId();
        heartbeat(id, AgentStatus.AGENT_STATUS_MAINTENANCE, "", "");
        CLOCK.advance(Duration.ofSeconds(59));
        AGENT.markSilentAgents();
        assertThat(AGENT.agent(id).getStatus()).isEqualTo(AgentStatus.AGENT_STATUS_MAINTENANCE);

        CLOCK.advance(Duration.ofSeconds(2));
        AGENT.markSilentAgents();
        var gone = AGENT.agent(id);
        assertThat(gone.getStatus()).isEqualTo(AgentStatus.AGENT_STATUS_OFFLINE);
        assertThat(gone.getEtag()).isEqualTo("3");

        var back = heartbeat(id, AgentStatus.AGENT_STATUS_ONLINE, "", "");
        assertThat(back.getStatus()).isEqualTo(AgentStatus.AGENT_STATUS_ONLINE);
        assertThat(back.getEtag()).isEqualTo("4");
    }

    @Test
    void isThereWhileOneOfItsWorkersCalls() throws Exception {
        var id = AGENT.registerAgent().getAgentId();
        var worker = AGENT.registerFor(id, 1);
        AGENT.work()
                .heartbeatWork(
                        HeartbeatWorkRequest.newBuilder().setWorkerId(worker).build());
        await("the agent is there", () -> AGENT.agent(id).getStatus() == AgentStatus.AGENT_STATUS_ONLINE);
        assertThat(Messages.instant(AGENT.agent(id).getLastHeartbeatTime())).isEqualTo(CLOCK.instant());
    }

    @Test
    void isBusyWithTheClaimsOfItsWorkersAndHasTheNewestTask() {
        var id = AGENT.registerAgent().getAgentId();
        var worker = AGENT.registerFor(id, 5);
        heartbeat(id, AgentStatus.AGENT_STATUS_ONLINE, "", "");
        var tasks = new ArrayList<String>();
        var claims = new ArrayList<dev.sortie.agent.v1.ClaimedWork>();
        for (int i = 0; i < 2; i++) {
            var task = UUID.randomUUID();
            AGENT.taskExists(task);
            tasks.add(task.toString());
            AGENT.enqueue(order(queue).setTaskId(task.toString()));
            CLOCK.advance(Duration.ofSeconds(1));
            claims.add(AGENT.claimOne(worker, queue));
        }
        AGENT.enqueue(order(queue));
        var third = AGENT.claimOne(worker, queue);

        assertThat(AGENT.agent(id).getStatus()).isEqualTo(AgentStatus.AGENT_STATUS_BUSY);
        assertThat(AGENT.agent(id).getCurrentTaskId()).isEqualTo(tasks.getLast());
        assertThat(list(ListAgentsRequest.newBuilder().setStatus(AgentStatus.AGENT_STATUS_BUSY)))
                .contains(id);
        assertThat(list(ListAgentsRequest.newBuilder().setStatus(AgentStatus.AGENT_STATUS_ONLINE)))
                .doesNotContain(id);
        assertThat(heartbeat(id, AgentStatus.AGENT_STATUS_MAINTENANCE, "", "").getStatus())
                .isEqualTo(AgentStatus.AGENT_STATUS_MAINTENANCE);
        heartbeat(id, AgentStatus.AGENT_STATUS_ONLINE, "", "");

        AGENT.complete(claims.getLast());
        assertThat(AGENT.agent(id).getCurrentTaskId()).isEqualTo(tasks.getFirst());
        AGENT.complete(claims.getFirst(), third);
        assertThat(AGENT.agent(id).getStatus()).isEqualTo(AgentStatus.AGENT_STATUS_ONLINE);
        assertThat(AGENT.agent(id).getCurrentTaskId()).isEmpty();
    }

    @Test
    void takesManyHeartbeatsOfManyAgentsAtOnce() throws Exception {
        var ids = new ArrayList<String>();
        for (int i = 0; i < 10; i++) {
            ids.add(AGENT.registerAgent().getAgentId());
        }
        var answers = atOnce(50, () -> {
            for (var id : ids) {
                heartbeat(id, AgentStatus.AGENT_STATUS_BUSY, "10.1.2.3", "host");
            }
            return ids;
        });
        assertThat(answers).hasSize(50);
        for (var id : ids) {
            assertThat(AGENT.agent(id).getStatus()).isEqualTo(AgentStatus.AGENT_STATUS_BUSY);
            assertThat(AGENT.agent(id).getEtag()).as("said once, however often").isEqualTo("2");
        }
        var unknown = UUID.randomUUID().toString();
        StatusAssert.fails(() -> heartbeat(unknown, AgentStatus.AGENT_STATUS_BUSY, "", ""))
                .with(Status.Code.NOT_FOUND, dev.sortie.type.v1.ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND)
                .metadata("resource", "agent");
    }

    @Test
    void listsByFilterAndOrderInPages() {
        var capability = "c" + UUID.randomUUID();
        var ids = new ArrayList<String>();
        for (var each : List.of("Beta", "alpha", "Ärger", "gamma", "delta")) {
            CLOCK.advance(Duration.ofMillis(1));
            ids.add(register(Agent.newBuilder()
                            .setName(each + " " + name)
                            .setType(
                                    ids.size() % 2 == 0
                                            ? AgentType.AGENT_TYPE_DOCUMENTATION
                                            : AgentType.AGENT_TYPE_TESTING)
                            .addCapabilities(capability)
                            .addCapabilities("n" + ids.size())
                            .setMobileCapable(ids.size() < 2)
                            .build())
                    .getAgentId());
        }
        deactivate(ids.get(3));
        var ours = ListAgentsRequest.newBuilder().addCapabilities(capability);

        assertThat(list(ours.clone())).containsExactlyElementsOf(ids.reversed());
        assertThat(list(ours.clone().setOrderBy(AgentOrder.AGENT_ORDER_NAME)))
                .containsExactly(ids.get(0), ids.get(1), ids.get(4), ids.get(3), ids.get(2));
        assertThat(list(ours.clone().setType(AgentType.AGENT_TYPE_TESTING))).containsExactly(ids.get(3), ids.get(1));
        assertThat(list(ours.clone().addCapabilities("n2"))).containsExactly(ids.get(2));
        assertThat(list(ours.clone().setMobileCapableOnly(true))).containsExactly(ids.get(1), ids.get(0));
        assertThat(list(ours.clone().setActiveOnly(true)))
                .doesNotContain(ids.get(3))
                .hasSize(4);
        assertThat(list(ours.clone().setStatus(AgentStatus.AGENT_STATUS_OFFLINE)))
                .hasSize(5);
        assertThat(list(ours.clone().setStatus(AgentStatus.AGENT_STATUS_MAINTENANCE)))
                .isEmpty();
        assertThat(list(ListAgentsRequest.newBuilder()
                        .addAgentIds(ids.get(4))
                        .addAgentIds(ids.get(0))
                        .addAgentIds(UUID.randomUUID().toString())))
                .containsExactly(ids.get(4), ids.get(0));
        StatusAssert.fails(() -> AGENT.agents()
                        .listAgents(
                                ListAgentsRequest.newBuilder().setPageToken("x").build()))
                .with(Status.Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_PAGE_TOKEN_INVALID);
    }

    @Test
    void isDeactivatedForGoodAndItsWorkersFinishWhatTheyHoldAndClaimNoMore() throws Exception {
        var id = AGENT.registerAgent().getAgentId();
        var worker = AGENT.registerFor(id, 5);
        heartbeat(id, AgentStatus.AGENT_STATUS_ONLINE, "", "");
        AGENT.enqueue(order(queue));
        var held = AGENT.claimOne(worker, queue);

        var request = DeactivateAgentRequest.newBuilder()
                .setAgentId(id)
                .setRequestId(UUID.randomUUID().toString())
                .build();
        var gone = AGENT.agents().deactivateAgent(request);
        assertThat(gone.getAgent().getStatus()).isEqualTo(AgentStatus.AGENT_STATUS_OFFLINE);
        assertThat(Messages.instant(gone.getAgent().getDeactivateTime())).isEqualTo(CLOCK.instant());
        assertThat(AGENT.agents().deactivateAgent(request).getReplayed()).isTrue();
        assertThat(deactivate(id).getEtag()).isEqualTo(gone.getAgent().getEtag());

        AGENT.enqueue(order(queue));
        StatusAssert.fails(() -> AGENT.work().claimWork(claim(worker, queue).build()))
                .with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_AGENT_DEACTIVATED)
                .metadata("agent_id", id);
        StatusAssert.fails(() -> AGENT.registerFor(id, 1))
                .with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_AGENT_DEACTIVATED);
        StatusAssert.fails(() -> heartbeat(id, AgentStatus.AGENT_STATUS_ONLINE, "", ""))
                .with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_AGENT_DEACTIVATED);
        AGENT.complete(held);
        AGENT.markSilentAgents();
        assertThat(AGENT.agent(id).getStatus()).isEqualTo(AgentStatus.AGENT_STATUS_OFFLINE);
        assertThat(AGENT.worker(worker).getStatus()).isEqualTo(WorkerStatus.WORKER_STATUS_IDLE);
    }

    @Test
    void refusesACallThatWaitsForWorkWhenItsAgentIsDeactivated() throws Exception {
        var id = AGENT.registerAgent().getAgentId();
        var worker = AGENT.registerFor(id, 1);
        try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            var waiting = threads.submit(() -> attempt(() -> AGENT.work()
                    .claimWork(claim(worker, queue)
                            .setWait(AgentFixture.seconds(60))
                            .build())));
            await("somebody waits", () -> AGENT.server().waiting(queue) == 1);
            deactivate(id);
            StatusAssert.of((StatusRuntimeException) waiting.get())
                    .with(Status.Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_AGENT_DEACTIVATED);
        }
    }

    @Test
    void leavesItsWorkersToThemselvesWhenItIsDeleted() {
        // It is there already: the calls of its worker do not bring it back, which would be a change.
        var agent = heartbeat(AGENT.registerAgent().getAgentId(), AgentStatus.AGENT_STATUS_ONLINE, "", "");
        var worker = AGENT.registerFor(agent.getAgentId(), 2);
        var other = AGENT.register(1);
        AGENT.enqueue(order(queue));
        var held = AGENT.claimOne(worker, queue);
        assertThat(workersOf(agent.getAgentId())).containsExactly(worker);

        StatusAssert.fails(() -> AGENT.agents()
                        .deleteAgent(DeleteAgentRequest.newBuilder()
                                .setAgentId(agent.getAgentId())
                                .setEtag("77")
                                .build()))
                .with(Status.Code.ABORTED, dev.sortie.type.v1.ErrorReason.ERROR_REASON_ETAG_MISMATCH);
        var request = DeleteAgentRequest.newBuilder()
                .setAgentId(agent.getAgentId())
                .setEtag(agent.getEtag())
                .setRequestId(UUID.randomUUID().toString())
                .build();
        assertThat(AGENT.agents().deleteAgent(request).getAgent().getName()).isEqualTo(agent.getName());
        assertThat(AGENT.agents().deleteAgent(request).getReplayed()).isTrue();

        StatusAssert.fails(() -> AGENT.agent(agent.getAgentId()))
                .with(Status.Code.NOT_FOUND, dev.sortie.type.v1.ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND);
        assertThat(AGENT.worker(worker).getAgentId()).isEmpty();
        assertThat(AGENT.worker(worker).getEtag()).isEqualTo("2");
        assertThat(AGENT.worker(other).getEtag()).isEqualTo("1");
        assertThat(AGENT.number("SELECT count(*) FROM change_log WHERE kind = 'DELETED' AND resource_type = 'agent'"
                        + " AND resource_id = '" + agent.getAgentId() + "'"))
                .isEqualTo(1);
        AGENT.complete(held);
        AGENT.addUpFigures();
        // Its name is free again.
        assertThat(register(agent).getAgentId()).isNotEqualTo(agent.getAgentId());
    }

    @Test
    void registersWorkersOnlyAsAgentsThatThereAre() throws Exception {
        var missing = UUID.randomUUID().toString();
        StatusAssert.fails(() -> AGENT.registerFor(missing, 1))
                .with(Status.Code.FAILED_PRECONDITION, dev.sortie.type.v1.ErrorReason.ERROR_REASON_REFERENCE_NOT_FOUND)
                .metadata("field", "worker.agent_id")
                .metadata("id", missing);

        // Whoever comes first: no worker is left with an agent that is gone.
        for (int round = 0; round < 10; round++) {
            var id = AGENT.registerAgent().getAgentId();
            try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
                var registered = threads.submit(() -> attempt(() -> AGENT.registerFor(id, 1)));
                var deleted = threads.submit(() -> AGENT.agents()
                        .deleteAgent(
                                DeleteAgentRequest.newBuilder().setAgentId(id).build()));
                deleted.get();
                if (registered.get() instanceof String worker) {
                    assertThat(AGENT.worker(worker).getAgentId()).isEmpty();
                } else {
                    StatusAssert.of((StatusRuntimeException) registered.get())
                            .with(
                                    Status.Code.FAILED_PRECONDITION,
                                    dev.sortie.type.v1.ErrorReason.ERROR_REASON_REFERENCE_NOT_FOUND);
                }
            }
        }
    }

    @Test
    void listsTheWorkersOfAnAgentByStatusInPages() {
        var id = AGENT.registerAgent().getAgentId();
        var workers = new ArrayList<String>();
        for (int i = 0; i < 4; i++) {
            CLOCK.advance(Duration.ofMillis(1));
            workers.addFirst(AGENT.registerFor(id, 1));
            AGENT.register(1);
        }
        AGENT.workers()
                .deregisterWorker(DeregisterWorkerRequest.newBuilder()
                        .setWorkerId(workers.get(1))
                        .build());
        assertThat(workersOf(id)).containsExactlyElementsOf(workers);
        assertThat(AGENT.workers()
                        .listWorkers(ListWorkersRequest.newBuilder()
                                .setAgentId(id)
                                .setStatus(WorkerStatus.WORKER_STATUS_OFFLINE)
                                .build())
                        .getWorkersList())
                .extracting(Worker::getWorkerId)
                .containsExactly(workers.get(1));
        assertThat(AGENT.workers()
                        .listWorkers(ListWorkersRequest.newBuilder()
                                .setAgentId(id)
                                .setStatus(WorkerStatus.WORKER_STATUS_IDLE)
                                .build())
                        .getWorkersCount())
                .isEqualTo(3);
    }

    @Test
    void asksForMoreThanAViewerToChangeSomething() {
        var viewer = AgentServiceGrpc.newBlockingStub(AGENT.channel("viewer"));
        var id = AGENT.registerAgent().getAgentId();
        assertThat(viewer.getAgent(GetAgentRequest.newBuilder().setAgentId(id).build())
                        .hasAgent())
                .isTrue();
        StatusAssert.fails(() -> viewer.deactivateAgent(
                        DeactivateAgentRequest.newBuilder().setAgentId(id).build()))
                .with(Status.Code.PERMISSION_DENIED, dev.sortie.type.v1.ErrorReason.ERROR_REASON_ROLE_INSUFFICIENT);
    }

    private static Agent register(Agent agent) {
        return AGENT.agents()
                .registerAgent(RegisterAgentRequest.newBuilder().setAgent(agent).build())
                .getAgent();
    }

    private static Agent update(Agent agent, String... paths) {
        return AGENT.agents()
                .updateAgent(UpdateAgentRequest.newBuilder()
                        .setAgent(agent)
                        .setUpdateMask(FieldMask.newBuilder().addAllPaths(Arrays.asList(paths)))
                        .build())
                .getAgent();
    }

    private static Agent deactivate(String id) {
        return AGENT.agents()
                .deactivateAgent(
                        DeactivateAgentRequest.newBuilder().setAgentId(id).build())
                .getAgent();
    }

    private static Agent heartbeat(String id, AgentStatus status, String ipAddress, String hostName) {
        return AGENT.agents()
                .agentHeartbeat(AgentHeartbeatRequest.newBuilder()
                        .setAgentId(id)
                        .setStatus(status)
                        .setIpAddress(ipAddress)
                        .setHostName(hostName)
                        .build())
                .getAgent();
    }

    /** The ids of a list, read in pages of two. */
    private static List<String> list(ListAgentsRequest.Builder request) {
        var ids = new ArrayList<String>();
        do {
            var page = AGENT.agents().listAgents(request.setPageSize(2).build());
            page.getAgentsList().forEach(agent -> ids.add(agent.getAgentId()));
            request.setPageToken(page.getNextPageToken());
        } while (!request.getPageToken().isEmpty());
        return ids;
    }

    private static List<String> workersOf(String agentId) {
        var ids = new ArrayList<String>();
        var request = ListWorkersRequest.newBuilder().setAgentId(agentId).setPageSize(3);
        do {
            var page = AGENT.workers().listWorkers(request.build());
            page.getWorkersList().forEach(worker -> ids.add(worker.getWorkerId()));
            request.setPageToken(page.getNextPageToken());
        } while (!request.getPageToken().isEmpty());
        return ids;
    }

    private static Object attempt(Callable<?> call) throws Exception {
        try {
            return call.call();
        } catch (StatusRuntimeException failed) {
            return failed;
        }
    }

    private static List<Object> atOnce(int callers, Callable<?> call) throws Exception {
        try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            var calls = new ArrayList<java.util.concurrent.Future<?>>();
            for (int i = 0; i < callers; i++) {
                calls.add(threads.submit(call));
            }
            var answers = new ArrayList<Object>();
            for (var future : calls) {
                answers.add(future.get());
            }
            return answers;
        }
    }
}
