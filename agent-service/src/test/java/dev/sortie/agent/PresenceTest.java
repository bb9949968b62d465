package dev.sortie.agent;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.agent.domain.AgentPresence;
import dev.sortie.agent.domain.Presence;
import dev.sortie.agent.store.AgentStore;
import dev.sortie.agent.store.WorkerStore;
import dev.sortie.agent.v1.AgentStatus;
import dev.sortie.agent.v1.WorkerStatus;
import dev.sortie.runtime.testing.SettableClock;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** Calls are noted in memory and written later; by then a minute may have passed without another. */
class PresenceTest {
    private static final SettableClock CLOCK = AgentFixture.clock();

    @AutoClose
    private static final AgentFixture AGENT = new AgentFixture(CLOCK);

    private final Presence workers = new Presence(new WorkerStore());
    private final AgentPresence agents = new AgentPresence(new AgentStore());

    @Test
    void bringsAWorkerBackWithACallOfTheLastMinuteOnly() {
        var id = AGENT.register(1);
        var called = CLOCK.instant().plusSeconds(10);
        CLOCK.advance(Duration.ofSeconds(80));
        AGENT.markSilentWorkers();
        assertThat(AGENT.worker(id).getStatus()).isEqualTo(WorkerStatus.WORKER_STATUS_OFFLINE);

        write(Map.of(UUID.fromString(id), called), Map.of());
        assertThat(AGENT.worker(id).getStatus()).isEqualTo(WorkerStatus.WORKER_STATUS_OFFLINE);
        write(Map.of(UUID.fromString(id), CLOCK.instant().minusSeconds(50)), Map.of());
        assertThat(AGENT.worker(id).getStatus()).isEqualTo(WorkerStatus.WORKER_STATUS_IDLE);
    }

    @Test
    void bringsAnAgentBackWithACallOfTheLastMinuteOnly() throws Exception {
        var id = AGENT.registerAgent().getAgentId();
        var called = CLOCK.instant().plusSeconds(10);
        CLOCK.advance(Duration.ofSeconds(80));
        AGENT.markSilentAgents();
        assertThat(AGENT.agent(id).getStatus()).isEqualTo(AgentStatus.AGENT_STATUS_OFFLINE);

        write(Map.of(), Map.of(UUID.fromString(id), called));
        assertThat(AGENT.agent(id).getStatus()).isEqualTo(AgentStatus.AGENT_STATUS_OFFLINE);
        // An agent that a job of the server is looking at is passed over, until the next time.
        AgentFixture.await("it is back", () -> {
            write(Map.of(), Map.of(UUID.fromString(id), CLOCK.instant().minusSeconds(50)));
            return AGENT.agent(id).getStatus() == AgentStatus.AGENT_STATUS_ONLINE;
        });
    }

    private void write(Map<UUID, Instant> workerCalls, Map<UUID, Instant> agentCalls) {
        AGENT.server().runtime().database().transaction(tx -> {
            if (!workerCalls.isEmpty()) {
                workers.write(tx, workerCalls);
            }
            agents.write(tx, workerCalls, agentCalls);
            return true;
        });
    }
}
