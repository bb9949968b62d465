package dev.sortie.agent;

import static dev.sortie.agent.AgentFixture.claim;
import static dev.sortie.agent.AgentFixture.order;
import static dev.sortie.agent.AgentFixture.struct;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.agent.v1.ClaimedWork;
import dev.sortie.agent.v1.DedupePolicy;
import dev.sortie.agent.v1.EnqueueWorkOrdersRequest;
import dev.sortie.agent.v1.EnqueueWorkOrdersResponse;
import dev.sortie.agent.v1.WorkOrder;
import dev.sortie.runtime.testing.SettableClock;
import dev.sortie.runtime.testing.TestDatabase;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Queue;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.EnumSource.Mode;

/** Many who place orders with the same dedupe keys at once, at two replicas. */
class DedupeRaceTest {
    private static final int CALLERS = 50;
    private static final SettableClock CLOCK = AgentFixture.clock();

    private static final TestDatabase DATABASE = AgentFixture.newDatabase();
    private static final AgentFixture ONE = new AgentFixture(DATABASE, CLOCK);
    private static final AgentFixture OTHER = new AgentFixture(DATABASE, CLOCK);

    private final String queue = "kr-" + UUID.randomUUID().toString().substring(0, 8);

    @AfterAll
    static void stop() {
        OTHER.close();
        ONE.close();
        DATABASE.close();
    }

    @ParameterizedTest
    @EnumSource(mode = Mode.EXCLUDE, names = "UNRECOGNIZED")
    void leavesOneOrderWithTheKey(DedupePolicy policy) throws Exception {
        Queue<EnqueueWorkOrdersResponse> responses = new ConcurrentLinkedQueue<>();
        var refused = new AtomicInteger();

        AtOnce.call(CALLERS, i -> {
            try {
                responses.add(enqueue(i, policy, order(queue).setDedupeKey("k")));
            } catch (StatusRuntimeException failed) {
                assertThat(failed.getStatus().getCode()).as(failed.getMessage()).isEqualTo(Status.Code.ALREADY_EXISTS);
                refused.incrementAndGet();
            }
            return null;
        });

        assertThat(refused).hasValue(policy == DedupePolicy.DEDUPE_POLICY_FAIL ? CALLERS - 1 : 0);
        assertThat(responses.stream().filter(response -> response.getOutcomes(0).getCreated()))
                .hasSize(policy == DedupePolicy.DEDUPE_POLICY_REPLACE ? CALLERS : 1);
        assertThat(orders(" AND o.dedupe_key = 'k' AND s.status = 'PENDING'")).isEqualTo(1);
        assertThat(orders(" AND o.dedupe_key IS NULL AND s.status = 'CANCELLED'"))
                .isEqualTo(policy == DedupePolicy.DEDUPE_POLICY_REPLACE ? CALLERS - 1 : 0);
        assertOneAfterTheOther(responses);
    }

    @Test
    void leavesOneOrderWithEachOfSeveralKeysWhateverThePolicies() throws Exception {
        Queue<EnqueueWorkOrdersResponse> responses = new ConcurrentLinkedQueue<>();
        var keys = List.of("a", "b", "c");
        AtOnce.call(CALLERS, i -> {
            var random = new Random(i);
            for (int round = 0; round < 4; round++) {
                var orders = keys.stream()
                        .filter(_ -> random.nextInt(3) > 0)
                        .map(key -> order(queue).setDedupeKey(key).setPayload(struct("n", random.nextInt(2))))
                        .toArray(WorkOrder.Builder[]::new);
                for (int from = orders.length - 1; from > 0; from--) {
                    int to = random.nextInt(from + 1);
                    var moved = orders[from];
                    orders[from] = orders[to];
                    orders[to] = moved;
                }
                if (orders.length == 0) {
                    continue;
                }
                try {
                    responses.add(enqueue(i, DedupePolicy.forNumber(random.nextInt(4)), orders));
                } catch (StatusRuntimeException failed) {
                    assertThat(failed.getStatus().getCode())
                            .as(failed.getMessage())
                            .isEqualTo(Status.Code.ALREADY_EXISTS);
                }
            }
            return null;
        });

        assertThat(ONE.number("SELECT count(DISTINCT dedupe_key) FROM work_orders WHERE queue_name = '" + queue + "'"))
                .isEqualTo(3);
        assertThat(orders(" AND o.dedupe_key IS NOT NULL AND s.status = 'PENDING'"))
                .isEqualTo(3);
        assertThat(orders(" AND o.dedupe_key IS NULL AND s.status <> 'CANCELLED'"))
                .isZero();
        assertOneAfterTheOther(responses);
    }

    @Test
    void eitherReplacesOrCompletesWhatIsClaimed() throws Exception {
        Queue<EnqueueWorkOrdersResponse> responses = new ConcurrentLinkedQueue<>();
        Queue<String> completed = new ConcurrentLinkedQueue<>();
        var replacing = new AtomicInteger(10);
        enqueue(0, DedupePolicy.DEDUPE_POLICY_REPLACE, order(queue).setDedupeKey("k"));
        AtOnce.call(20, i -> {
            if (i < 10) {
                try {
                    for (int round = 0; round < 15; round++) {
                        responses.add(enqueue(
                                i,
                                DedupePolicy.DEDUPE_POLICY_REPLACE,
                                order(queue).setDedupeKey("k")));
                    }
                } finally {
                    replacing.decrementAndGet();
                }
                return null;
            }
            var worker = replica(i).register(2);
            while (replacing.get() > 0) {
                var claims = replica(i)
                        .work()
                        .claimWork(claim(worker, queue)
                                .setWait(com.google.protobuf.Duration.newBuilder()
                                        .setNanos(50_000_000))
                                .build())
                        .getClaimsList();
                for (var claimed : claims) {
                    if (completes(replica(i), claimed)) {
                        completed.add(claimed.getWorkOrder().getWorkOrderId());
                    }
                }
            }
            return null;
        });

        assertThat(new HashSet<>(completed)).hasSameSizeAs(completed);
        assertThat(orders(" AND s.status = 'COMPLETED'")).isEqualTo(completed.size());
        assertThat(orders(" AND o.dedupe_key = 'k'")).isEqualTo(1);
        assertThat(orders(" AND o.dedupe_key IS NULL AND s.status NOT IN ('COMPLETED', 'CANCELLED')"))
                .isZero();
        assertThat(responses).hasSize(150);
        assertThat(responses.stream()
                        .map(response -> response.getOutcomes(0).getReplacedWorkOrderId())
                        .distinct())
                .hasSize(150);
        assertThat(ONE.number("""
                SELECT count(*) FROM work_order_states s WHERE s.queue_name = '%s' AND (
                    SELECT count(*) FROM executions x
                    WHERE x.work_order_id = s.work_order_id AND x.status = 'COMPLETED')
                    <> (CASE WHEN s.status = 'COMPLETED' THEN 1 ELSE 0 END)
                """.formatted(queue))).isZero();
    }

    @Test
    void replacesOnceThoughTheConnectionIsLostInTheMiddle() throws Exception {
        var first = enqueue(0, DedupePolicy.DEDUPE_POLICY_REPLACE, order(queue).setDedupeKey("k"))
                .getWorkOrders(0);
        try (var connection = DATABASE.connectAsOwner();
                var executor = Executors.newVirtualThreadPerTaskExecutor()) {
            connection.setAutoCommit(false);
            try (var statement = connection.createStatement()) {
                statement.execute("SELECT FROM work_order_states WHERE work_order_id = '" + first.getWorkOrderId()
                        + "' FOR NO KEY UPDATE");
            }
            var call = executor.submit(() -> enqueue(
                    1,
                    DedupePolicy.DEDUPE_POLICY_REPLACE,
                    order(queue).setDedupeKey("k"),
                    order(queue).setDedupeKey("l")));
            AgentFixture.await("the call waits for the lock", DedupeRaceTest::terminatesOneThatWaits);
            connection.rollback();

            var response = call.get();
            assertThat(response.getOutcomes(0).getReplacedWorkOrderId()).isEqualTo(first.getWorkOrderId());
        }
        assertThat(orders("")).isEqualTo(3);
        assertThat(orders(" AND o.dedupe_key IS NOT NULL AND s.status = 'PENDING'"))
                .isEqualTo(2);
        assertThat(orders(" AND o.dedupe_key IS NULL AND s.status = 'CANCELLED'"))
                .isEqualTo(1);
    }

    private static boolean terminatesOneThatWaits() {
        try (var connection = DATABASE.connectAsSuperuser();
                var statement = connection.createStatement();
                var rows = statement.executeQuery("""
                        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                        WHERE datname = current_database() AND wait_event_type = 'Lock' LIMIT 1
                        """)) {
            return rows.next();
        } catch (SQLException failed) {
            throw new AssertionError(failed);
        }
    }

    private static boolean completes(AgentFixture agent, ClaimedWork claimed) {
        try {
            agent.complete(claimed);
            return true;
        } catch (StatusRuntimeException replaced) {
            assertThat(replaced.getStatus().getCode())
                    .as(replaced.getMessage())
                    .isEqualTo(Status.Code.FAILED_PRECONDITION);
            return false;
        }
    }

    /** Each order that gave up its key was one that was made, and gave it to one other. */
    private void assertOneAfterTheOther(Iterable<EnqueueWorkOrdersResponse> responses) {
        var made = new ArrayList<String>();
        var replaced = new ArrayList<String>();
        for (var response : responses) {
            for (int i = 0; i < response.getOutcomesCount(); i++) {
                if (response.getOutcomes(i).getCreated()) {
                    made.add(response.getWorkOrders(i).getWorkOrderId());
                }
                if (!response.getOutcomes(i).getReplacedWorkOrderId().isEmpty()) {
                    replaced.add(response.getOutcomes(i).getReplacedWorkOrderId());
                }
            }
        }
        assertThat(made).doesNotHaveDuplicates();
        assertThat(replaced).doesNotHaveDuplicates().isSubsetOf(made);
        assertThat(orders("")).isEqualTo(made.size());
        assertThat(orders(" AND o.dedupe_key IS NULL")).isEqualTo(replaced.size());
    }

    private long orders(String condition) {
        return ONE.number("SELECT count(*) FROM work_orders o JOIN work_order_states s USING (work_order_id)"
                + " WHERE o.queue_name = '" + queue + "'" + condition);
    }

    private static AgentFixture replica(int i) {
        return i % 2 == 0 ? ONE : OTHER;
    }

    private static EnqueueWorkOrdersResponse enqueue(int caller, DedupePolicy policy, WorkOrder.Builder... orders) {
        return replica(caller)
                .orders()
                .enqueueWorkOrders(EnqueueWorkOrdersRequest.newBuilder()
                        .addAllWorkOrders(Arrays.stream(orders)
                                .map(WorkOrder.Builder::build)
                                .toList())
                        .setDedupePolicy(policy)
                        .build());
    }
}
