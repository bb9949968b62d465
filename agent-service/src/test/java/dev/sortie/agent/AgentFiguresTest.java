package dev.sortie.agent;

import static dev.sortie.agent.AgentFixture.claim;
import static dev.sortie.agent.AgentFixture.reference;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.sortie.agent.v1.Agent;
import dev.sortie.agent.v1.AgentHeartbeatRequest;
import dev.sortie.agent.v1.CancelWorkOrderRequest;
import dev.sortie.agent.v1.ClaimedWork;
import dev.sortie.agent.v1.WorkFailure;
import dev.sortie.runtime.grpc.Messages;
import dev.sortie.runtime.testing.SettableClock;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** The figures of agents, against what their executions say. */
class AgentFiguresTest {
    private static final SettableClock CLOCK = new SettableClock(Instant.parse("2026-11-20T23:30:00Z"));

    @AutoClose
    private static final AgentFixture AGENT = new AgentFixture(CLOCK);

    private final String queue = "f-" + UUID.randomUUID().toString().substring(0, 8);

    @Test
    void countsWhatWasCompletedFailedOrRanOutAndNotWhatWasGivenBackOrCancelled() throws Exception {
        var agent = AGENT.registerAgent().getAgentId();
        // It is there already: the calls of its worker do not bring it back, which would be a change.
        var etag = AGENT.agents()
                .agentHeartbeat(
                        AgentHeartbeatRequest.newBuilder().setAgentId(agent).build())
                .getAgent()
                .getEtag();
        var worker = AGENT.registerFor(agent, 10);
        AGENT.enqueueAll(AgentFixture.many(6, queue));
        var claims = claims(worker, 6);
        CLOCK.advance(Duration.ofMillis(1_500));
        AGENT.complete(claims.get(0), claims.get(1));
        CLOCK.advance(Duration.ofMillis(1_000));
        AGENT.fail(WorkFailure.newBuilder()
                .setClaim(reference(claims.get(2)))
                .setErrorMessage("no")
                .setNonRetryable(true));
        AGENT.release(claims.get(3));
        AGENT.orders()
                .cancelWorkOrder(CancelWorkOrderRequest.newBuilder()
                        .setWorkOrderId(claims.get(4).getWorkOrder().getWorkOrderId())
                        .build());
        AGENT.addUpFigures();
        assertThat(AGENT.agent(agent).getTotalTasksCompleted()).isEqualTo(2);
        assertThat(AGENT.agent(agent).getEtag())
                .as("figures are no change of the agent")
                .isEqualTo(etag);
        CLOCK.advance(Duration.ofMinutes(2)); // in which nobody hears of the agent: that is a change
        AGENT.endLeases();
        AGENT.addUpFigures();

        var known = AGENT.agent(agent);
        assertThat(known.getTotalTasksCompleted()).isEqualTo(2);
        assertThat(known.getSuccessRate()).isEqualTo(0.5);
        assertThat(Messages.duration(known.getAverageResponseDuration())).isEqualTo(Duration.ofNanos(1_833_333_000L));
        assertIsWhatExecutionsSay(known);
    }

    @Test
    void staysWithExecutionsWhileTwoReplicasEndAttemptsAndAddUpAndTheDatabaseBreaksOff() throws Exception {
        try (var other = new AgentFixture(AGENT.database(), CLOCK);
                var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            var agents = new ArrayList<String>();
            for (int i = 0; i < 3; i++) {
                agents.add(AGENT.registerAgent().getAgentId());
            }
            AGENT.enqueueAll(AgentFixture.many(600, queue));
            var stop = new AtomicBoolean();
            var adding = new ArrayList<Future<?>>();
            for (var replica : List.of(AGENT, other)) {
                adding.add(threads.submit(() -> {
                    while (!stop.get()) {
                        attempt(() -> replica.server().figures().addUp());
                        TimeUnit.MILLISECONDS.sleep(5);
                    }
                    return null;
                }));
            }
            var working = new ArrayList<Future<?>>();
            for (int i = 0; i < 9; i++) {
                var replica = i % 2 == 0 ? AGENT : other;
                var worker = AGENT.registerFor(agents.get(i % 3), 5);
                var random = new Random(i);
                working.add(threads.submit(() -> work(replica, worker, random)));
            }
            try {
                for (int breaks = 0; breaks < 3; breaks++) {
                    long done = AGENT.number("SELECT count(*) FROM executions");
                    AgentFixture.await(
                            "some more attempts have ended",
                            () -> working.stream().allMatch(Future::isDone)
                                    || AGENT.number("SELECT count(*) FROM executions") > done + 50);
                    breakOff();
                }
                for (var future : working) {
                    future.get();
                }
            } finally {
                stop.set(true);
            }
            for (var future : adding) {
                future.get();
            }
            // The last break may not have been noticed yet.
            AgentFixture.await("the server has connections", () -> succeeds(AGENT::addUpFigures));
            long total = 0;
            for (var id : agents) {
                AgentFixture.await("the server has connections", () -> succeeds(() -> AGENT.agent(id)));
                var agent = AGENT.agent(id);
                assertIsWhatExecutionsSay(agent);
                total += agent.getTotalTasksCompleted();
            }
            assertThat(total).isPositive();
        }
    }

    @Test
    void countsADayAnewOnceAndMendsWhatIsNotRight() throws Exception {
        var agent = AGENT.registerAgent().getAgentId();
        var worker = AGENT.registerFor(agent, 10);
        AGENT.enqueueAll(AgentFixture.many(4, queue));
        var claims = claims(worker, 4);
        CLOCK.advance(Duration.ofSeconds(2));
        AGENT.complete(claims.get(0), claims.get(1), claims.get(2));
        AGENT.addUpFigures();
        // As if a server of another release had ended one, and one had been counted twice.
        execute("UPDATE agent_days SET completed_executions = 7, response_time_us = 5 WHERE agent_id = '" + agent
                + "'");
        execute("UPDATE agents SET total_tasks_completed = 7, response_time_us = 5 WHERE agent_id = '" + agent + "'");
        AGENT.fail(claims.get(3)); // may still be to be added
        CLOCK.advance(Duration.ofDays(3));

        AGENT.server().figures().recount();
        AGENT.addUpFigures();
        assertIsWhatExecutionsSay(AGENT.agent(agent));
        long counted = AGENT.number("SELECT count(*) FROM agent_recounts");
        assertThat(counted).isPositive();
        assertThat(AGENT.number("SELECT sum(mended) FROM agent_recounts")).isPositive();

        execute("UPDATE agent_days SET completed_executions = 9 WHERE agent_id = '" + agent + "'");
        AGENT.server().figures().recount();
        assertThat(AGENT.number("SELECT count(*) FROM agent_recounts"))
                .as("each day once")
                .isEqualTo(counted);
        assertThat(AGENT.number("SELECT completed_executions FROM agent_days WHERE agent_id = '" + agent + "'"))
                .isEqualTo(9);
    }

    /** Claims so many orders, which must be there; some may only just be put in line. */
    private List<ClaimedWork> claims(String worker, int count) throws InterruptedException {
        var claims = new ArrayList<ClaimedWork>();
        AgentFixture.await("all are claimed", () -> {
            claims.addAll(AGENT.work()
                    .claimWork(claim(worker, queue)
                            .setMaxOrders(count - claims.size())
                            .build())
                    .getClaimsList());
            return claims.size() == count;
        });
        return claims;
    }

    private void work(AgentFixture replica, String worker, Random random) {
        for (int idle = 0; idle < 20; ) {
            try {
                var claims = replica.work()
                        .claimWork(claim(worker, queue)
                                .setMaxOrders(1 + random.nextInt(5))
                                .build())
                        .getClaimsList();
                idle = claims.isEmpty() ? idle + 1 : 0;
                for (var claimed : claims) {
                    switch (random.nextInt(10)) {
                        case 0 ->
                            replica.fail(WorkFailure.newBuilder()
                                    .setClaim(reference(claimed))
                                    .setErrorMessage("no")
                                    .setNonRetryable(random.nextBoolean()));
                        case 1 -> replica.release(claimed);
                        default -> replica.complete(claimed);
                    }
                }
            } catch (io.grpc.StatusRuntimeException lost) {
                idle++; // what the claims that were lost with it come to does not matter here
            }
        }
    }

    /** Ends every connection of the servers to the database. */
    private static void breakOff() throws SQLException {
        try (var connection = AGENT.database().connectAsSuperuser();
                var statement = connection.createStatement()) {
            statement.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                    + " WHERE datname = current_database() AND pid <> pg_backend_pid()");
        }
    }

    private static void attempt(Runnable action) {
        succeeds(action); // or it is made good the next time
    }

    private static boolean succeeds(Runnable action) {
        try {
            action.run();
            return true;
        } catch (RuntimeException brokenOff) {
            return false;
        }
    }

    private static void assertIsWhatExecutionsSay(Agent agent) {
        var ofAgent = " FROM executions x JOIN workers w USING (worker_id) WHERE w.agent_id = '" + agent.getAgentId()
                + "' AND x.status ";
        long completed = AGENT.number("SELECT count(*)" + ofAgent + "= 'COMPLETED'");
        long all = AGENT.number("SELECT count(*)" + ofAgent + "IN ('COMPLETED', 'FAILED', 'TIMEOUT')");
        assertThat(agent.getTotalTasksCompleted()).isEqualTo(completed);
        assertThat(agent.getSuccessRate()).isCloseTo((double) completed / Math.max(1, all), within(0.0001));
        long average =
                AGENT.number("SELECT coalesce(round(avg(extract(epoch FROM completed_at - started_at)) * 1000000), 0)"
                        + ofAgent + "IN ('COMPLETED', 'FAILED')");
        assertThat(Messages.duration(agent.getAverageResponseDuration()).toNanos() / 1_000)
                .isCloseTo(average, within(1L));
    }

    private static void execute(String sql) throws SQLException {
        try (var connection = AGENT.database().connectAsOwner();
                var statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }
}
