package dev.sortie.agent;

import static dev.sortie.agent.AgentFixture.claim;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.agent.v1.ClaimReference;
import dev.sortie.agent.v1.CompleteWorkRequest;
import dev.sortie.agent.v1.ExecutionStatus;
import dev.sortie.agent.v1.GetWorkerRequest;
import dev.sortie.agent.v1.ListExecutionsRequest;
import dev.sortie.agent.v1.ListWorkOrdersRequest;
import dev.sortie.agent.v1.WorkCompletion;
import dev.sortie.agent.v1.WorkOrderStatus;
import dev.sortie.agent.v1.WorkerStatus;
import dev.sortie.runtime.testing.TestDatabase;
import dev.sortie.runtime.testing.TestPostgres;
import java.sql.SQLException;
import org.junit.jupiter.api.Test;

/** What the release before left behind. */
class MigrationTest {
    private static final String WORKER = "01978c2e-0000-7000-8000-000000000001";
    private static final String CLAIMED = "01978c2e-0000-7000-8000-000000000011";
    private static final String PENDING = "01978c2e-0000-7000-8000-000000000012";
    private static final String DELAYED = "01978c2e-0000-7000-8000-000000000013";
    private static final String FAILED = "01978c2e-0000-7000-8000-000000000014";

    @Test
    void carriesOrdersClaimsAndAttemptsOver() throws SQLException {
        try (var database = older();
                var clockwork = start(database)) {
            assertThat(clockwork.get(PENDING).getStatus()).isEqualTo(WorkOrderStatus.WORK_ORDER_STATUS_PENDING);
            assertThat(clockwork
                            .executions()
                            .listExecutions(ListExecutionsRequest.newBuilder()
                                    .setStatus(ExecutionStatus.EXECUTION_STATUS_RUNNING)
                                    .build())
                            .getExecutionsList())
                    .singleElement()
                    .satisfies(running -> assertThat(running.getWorkOrderId()).isEqualTo(CLAIMED));
            assertThat(clockwork
                            .workers()
                            .getWorker(GetWorkerRequest.newBuilder()
                                    .setWorkerId(WORKER)
                                    .build())
                            .getWorker()
                            .getStatus())
                    .isEqualTo(WorkerStatus.WORKER_STATUS_BUSY);

            // What was claimed by the release before is completed by this one, and its attempt stands there once.
            clockwork
                    .work()
                    .completeWork(CompleteWorkRequest.newBuilder()
                            .addCompletions(WorkCompletion.newBuilder()
                                    .setClaim(ClaimReference.newBuilder()
                                            .setWorkOrderId(CLAIMED)
                                            .setClaimToken("a-token")))
                            .build());
            assertThat(clockwork
                            .executions()
                            .listExecutions(ListExecutionsRequest.newBuilder()
                                    .setWorkOrderId(CLAIMED)
                                    .build())
                            .getExecutionsList())
                    .singleElement()
                    .satisfies(ended ->
                            assertThat(ended.getStatus()).isEqualTo(ExecutionStatus.EXECUTION_STATUS_COMPLETED));

            clockwork.promoteOrders();
            // What waited is claimed, and what is delayed is not.
            assertThat(clockwork
                            .work()
                            .claimWork(claim(WORKER, "old").setMaxOrders(5).build())
                            .getClaimsList())
                    .extracting(claimed -> claimed.getWorkOrder().getWorkOrderId())
                    .containsExactly(PENDING);
            assertThat(clockwork
                            .orders()
                            .listWorkOrders(ListWorkOrdersRequest.newBuilder()
                                    .setStatus(WorkOrderStatus.WORK_ORDER_STATUS_FAILED)
                                    .build())
                            .getWorkOrdersList())
                    .singleElement()
                    .satisfies(dead -> assertThat(dead.getWorkOrderId()).isEqualTo(FAILED));
        }
    }

    private static AgentFixture start(TestDatabase database) {
        return new AgentFixture(database, java.time.InstantSource.system());
    }

    /** A database as the release before left it: with one order of each kind. */
    private static TestDatabase older() throws SQLException {
        var migrations = AgentServer.IDENTITY.migrations();
        var database =
                TestPostgres.database("agent-v4", url -> migrations.migrate(url, TestPostgres.runtimeRole(), "4"));
        try (var connection = database.connectAsOwner();
                var statement = connection.createStatement()) {
            statement.execute("""
                    INSERT INTO workers (worker_id, name, worker_type, software_version, max_concurrent_tasks,
                        lease_duration_ms, context_window_size, config, held_claims, last_heartbeat_at, created_at,
                        updated_at)
                    VALUES ('%1$s', 'w', 'TEST', '1', 4, 60000, 0, '{}', 1, now() + interval '1 hour', now(), now());
                    INSERT INTO queues (queue_name, queue_id, description, default_timeout_ms, max_retries,
                        initial_backoff_ms, max_backoff_ms, backoff_multiplier, created_at, updated_at)
                    VALUES ('old', gen_random_uuid(), '', 3600000, 3, 1000, 300000, 2, now(), now());
                    INSERT INTO work_orders (work_order_id, queue_name, priority, payload, max_retries,
                        initial_backoff_ms, max_backoff_ms, backoff_multiplier, timeout_ms, content_hash, enqueued_at)
                    SELECT id::uuid, 'old', 3, '{}', 3, 1000, 300000, 2, 3600000, '\\x00', now()
                    FROM unnest(ARRAY['%2$s', '%3$s', '%4$s', '%5$s']) AS id;
                    INSERT INTO work_order_states (work_order_id, queue_name, priority, status, run_at, worker_id,
                        execution_id, claim_hash, claimed_at, attempt_ends_at, lease_expires_at, updated_at, version)
                    VALUES ('%2$s', 'old', 3, 'CLAIMED', now(), '%1$s', '%2$s', sha256('a-token'), now(),
                        now() + interval '1 hour', now() + interval '1 hour', now(), 2);
                    INSERT INTO executions (execution_id, work_order_id, worker_id, status, attempt, claim_hash,
                        started_at, updated_at)
                    VALUES ('%2$s', '%2$s', '%1$s', 'RUNNING', 1, sha256('a-token'), now(), now());
                    INSERT INTO worker_assignments (assignment_id, worker_id, work_order_id, attempt, status, assigned_at)
                    VALUES (gen_random_uuid(), '%1$s', '%2$s', 1, 'ACTIVE', now());
                    INSERT INTO work_order_states (work_order_id, queue_name, priority, status, run_at, updated_at)
                    VALUES ('%3$s', 'old', 3, 'PENDING', now() - interval '1 second', now()),
                        ('%4$s', 'old', 3, 'PENDING', now() + interval '1 hour', now());
                    INSERT INTO work_order_states (work_order_id, queue_name, priority, status, run_at, completed_at,
                        updated_at)
                    VALUES ('%5$s', 'old', 3, 'FAILED', now(), now(), now());
                    """.formatted(WORKER, CLAIMED, PENDING, DELAYED, FAILED));
        }
        migrations.migrate(database.ownerUrl(), TestPostgres.runtimeRole());
        return database;
    }
}
