package dev.sortie.agent;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.agent.v1.WorkOrder;
import dev.sortie.runtime.grpc.Messages;
import dev.sortie.runtime.testing.TestDatabase;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * What has become of all orders of a database, change by change, and whether it can be explained: by a state machine as
 * simple as the contract is, and by counting.
 *
 * <p>The order of the change log agrees with the order of commits as far as it matters here: what was committed before a
 * change was written stands before it. So a claim stands behind every claim that it had to count.
 */
final class OrderHistory {
    private final List<Event> events = new ArrayList<>();
    private final Map<String, Order> orders = new LinkedHashMap<>();
    private final Map<String, Attempt> attempts = new HashMap<>();
    private final Map<String, String> keys = new HashMap<>();
    private final Map<String, Long> drained = new HashMap<>();
    private final Map<String, TreeMap<Long, Long>> attached = new HashMap<>();

    /**
     * A change of an order. Worker and execution are empty where no claim has to do with it.
     *
     * @param position among all changes, those of workers and sessions included
     */
    record Event(
            long position,
            String orderId,
            long version,
            String status,
            String workerId,
            String executionId,
            int attempt,
            Instant at) {}

    /** What the tables say of an order. */
    record Order(
            String id,
            String queueName,
            String concurrencyKey,
            String fairnessKey,
            int priority,
            int maxRetries,
            String status,
            int retryCount,
            long version,
            double result) {
        boolean isOpen() {
            return status.equals("PENDING") || status.equals("CLAIMED");
        }
    }

    /** What the tables say of an attempt that has ended. */
    record Attempt(
            String executionId, String orderId, String status, int attempt, boolean givenBack, String errorType) {}

    /** An order that a session of a worker was assigned. */
    record Assigned(String executionId, String workerId, long epoch) {}

    private interface Reader {
        void read(ResultSet rows) throws SQLException;
    }

    OrderHistory(TestDatabase database) {
        try (var connection = database.connectAsOwner()) {
            each(
                    connection,
                    """
                    SELECT o.work_order_id, o.queue_name, o.concurrency_key, o.fairness_key, o.priority, o.max_retries, s.status, s.retry_count,
                        s.version, coalesce((r.result->>'n')::double precision, -1)
                    FROM work_orders o
                    JOIN work_order_states s USING (work_order_id)
                    LEFT JOIN work_order_results r USING (work_order_id)
                    ORDER BY o.work_order_id
                    """,
                    rows -> orders.put(
                            rows.getString(1),
                            new Order(
                                    rows.getString(1),
                                    rows.getString(2),
                                    rows.getString(3),
                                    rows.getString(4),
                                    rows.getInt(5),
                                    rows.getInt(6),
                                    rows.getString(7),
                                    rows.getInt(8),
                                    rows.getLong(9),
                                    rows.getDouble(10))));
            each(
                    connection,
                    """
                    SELECT position, resource_id, version, attributes->>'status', coalesce(attributes->>'worker_id', ''),
                        coalesce(attributes->>'execution_id', ''), coalesce((attributes->>'attempt')::integer, 0),
                        change_time
                    FROM (SELECT *, row_number() OVER (ORDER BY xid, seq) AS position FROM change_log) c
                    WHERE resource_type = 'work_order' ORDER BY position
                    """,
                    rows -> events.add(new Event(
                            rows.getLong(1),
                            rows.getString(2),
                            rows.getLong(3),
                            rows.getString(4),
                            rows.getString(5),
                            rows.getString(6),
                            rows.getInt(7),
                            rows.getObject(8, OffsetDateTime.class).toInstant())));
            each(connection, """
                    SELECT position, resource_id, resource_type, version
                    FROM (SELECT *, row_number() OVER (ORDER BY xid, seq) AS position FROM change_log) c
                    WHERE resource_type = 'worker_session'
                       OR (resource_type = 'worker' AND attributes->>'draining' IS NOT NULL)
                    """, rows -> {
                if (rows.getString(3).equals("worker")) {
                    drained.put(rows.getString(2), rows.getLong(1));
                } else {
                    attached.computeIfAbsent(rows.getString(2), _ -> new TreeMap<>())
                            .put(rows.getLong(4), rows.getLong(1));
                }
            });
            each(
                    connection,
                    "SELECT queue_name || ' ' || dedupe_key, work_order_id FROM work_orders WHERE dedupe_key IS NOT NULL",
                    rows -> keys.put(rows.getString(1), rows.getString(2)));
            each(
                    connection,
                    """
                    SELECT execution_id, work_order_id, status, attempt, given_back, coalesce(error_type, '')
                    FROM executions
                    """,
                    rows -> attempts.put(
                            rows.getString(1),
                            new Attempt(
                                    rows.getString(1),
                                    rows.getString(2),
                                    rows.getString(3),
                                    rows.getInt(4),
                                    rows.getBoolean(5),
                                    rows.getString(6))));
        } catch (SQLException failed) {
            throw new AssertionError(failed);
        }
    }

    private static void each(Connection connection, String sql, Reader reader) throws SQLException {
        try (var statement = connection.createStatement();
                var rows = statement.executeQuery(sql)) {
            while (rows.next()) {
                reader.read(rows);
            }
        }
    }

    Map<String, Order> orders() {
        return orders;
    }

    Map<String, Attempt> attempts() {
        return attempts;
    }

    private Map<String, List<Event>> moves() {
        return events.stream().collect(Collectors.groupingBy(Event::orderId));
    }

    private static String told(Object order, List<Event> moves) {
        return order + " " + moves.stream().map(Object::toString).collect(Collectors.joining("\n  ", "\n  ", ""));
    }

    /** Each order stands where its changes have led it, each change was allowed, and attempts are retries and one. */
    void checkMoves() {
        var byOrder = moves();
        assertThat(byOrder.keySet()).isEqualTo(orders.keySet());
        var executions = attempts.values().stream().collect(Collectors.groupingBy(Attempt::orderId));
        orders.forEach((id, order) -> checkMoves(order, byOrder.get(id), executions.getOrDefault(id, List.of())));
    }

    private void checkMoves(Order order, List<Event> moves, List<Attempt> executions) {
        var told = told(order, moves);
        var status = "";
        var held = "";
        int retries = 0;
        int forgiven = 0;
        int version = 0;
        int claims = 0;
        for (var move : moves) {
            assertThat(move.version).as(told).isEqualTo(++version);
            var next = move.status + (move.executionId.isEmpty() ? "" : " by claim");
            var allowed = switch (next) {
                case "PENDING" -> List.of("", "FAILED", "EXPIRED");
                case "CLAIMED by claim", "EXPIRED" -> List.of("PENDING");
                case "PENDING by claim", "COMPLETED by claim", "FAILED by claim", "CANCELLED by claim" ->
                    List.of("CLAIMED");
                case "CANCELLED" -> List.of("PENDING");
                default -> List.<String>of();
            };
            assertThat(allowed).as("%s after %s: %s", next, status, told).contains(status);
            if (next.equals("CLAIMED by claim")) {
                claims++;
                held = move.executionId;
                assertThat(move.attempt).as(told).isEqualTo(retries + 1);
            } else if (!move.executionId.isEmpty()) {
                assertThat(move.executionId).as(told).isEqualTo(held);
                var attempt = attempts.get(held);
                assertThat(attempt).as(told).isNotNull();
                assertThat(attempt.attempt).as(told).isEqualTo(retries + 1);
                assertThat(move.status)
                        .as(told)
                        .isIn(
                                switch (attempt.status) {
                                    case "COMPLETED" -> List.of("COMPLETED");
                                    case "FAILED", "TIMEOUT" -> List.of("PENDING", "FAILED");
                                    default -> attempt.givenBack ? List.of("PENDING") : List.of("CANCELLED");
                                });
                if (move.status.equals("PENDING") && !attempt.givenBack) {
                    retries++;
                    assertThat(retries - forgiven).as(told).isLessThanOrEqualTo(order.maxRetries);
                }
            } else if (next.equals("PENDING") && !status.isEmpty()) {
                retries += status.equals("FAILED") ? 1 : 0;
                forgiven = retries;
            }
            status = move.status;
        }
        assertThat(order.status).as(told).isEqualTo(status);
        assertThat(order.version).as(told).isEqualTo(version);
        assertThat(order.retryCount).as(told).isEqualTo(retries);
        // One for each claim that has ended.
        assertThat(executions).as(told).hasSize(order.status.equals("CLAIMED") ? claims - 1 : claims);
        assertThat(executions.stream().filter(e -> e.status.equals("COMPLETED")).count())
                .as(told)
                .isEqualTo(order.status.equals("COMPLETED") ? 1 : 0);
        if (order.status.equals("COMPLETED") || order.status.equals("FAILED")) {
            assertThat(executions.stream().filter(e -> !e.givenBack).count())
                    .as(told)
                    .isEqualTo(retries + 1);
        }
    }

    /**
     * Never more is held at a time of what has something in common than may be.
     *
     * @param group what an order counts for when a worker claims it; empty for nothing
     */
    void checkHeld(String what, Function<Claim, String> group, Function<String, Integer> most) {
        var holders = new HashMap<String, String>();
        var counts = new HashMap<String, Integer>();
        for (var event : events) {
            var before = holders.remove(event.orderId);
            if (before != null) {
                counts.merge(before, -1, Integer::sum);
            }
            if (event.status.equals("CLAIMED")) {
                var name = group.apply(new Claim(orders.get(event.orderId), event));
                if (!name.isEmpty()) {
                    holders.put(event.orderId, name);
                    assertThat(counts.merge(name, 1, Integer::sum))
                            .as("held of %s %s at %s", what, name, event)
                            .isLessThanOrEqualTo(most.apply(name));
                }
            }
        }
    }

    /** A claim of an order. */
    record Claim(Order order, Event event) {}

    /** All claims, as they were made. */
    List<Claim> claims() {
        return events.stream()
                .filter(event -> event.status.equals("CLAIMED"))
                .map(event -> new Claim(orders.get(event.orderId), event))
                .toList();
    }

    /**
     * One order of a queue has a key at a time, from when it is placed until another one takes it over, which finds it
     * ended.
     *
     * @param keys the key with which an order was placed, its queue before it; by order
     * @param replaced the order that gave its key to another one, by that other one
     */
    void checkKeys(Map<String, String> keys, Map<String, String> replaced) {
        var holders = new HashMap<String, String>();
        var statuses = new HashMap<String, String>();
        for (var event : events) {
            statuses.put(event.orderId, event.status);
            var key = keys.get(event.orderId);
            if (event.version == 1 && key != null) {
                var before = holders.put(key, event.orderId);
                assertThat(replaced.get(event.orderId))
                        .as("the order that had the key %s before %s", key, event)
                        .isEqualTo(before);
                assertThat(before == null ? "none" : statuses.get(before))
                        .as("what became of the order that had the key %s before %s", key, event)
                        .isNotIn("PENDING", "CLAIMED");
            }
        }
        assertThat(this.keys).isEqualTo(holders);
    }

    /**
     * No order is claimed after its time or completed after its deadline, and none expires before; after an attempt that
     * failed another one follows, unless there is a reason why not.
     *
     * @param placed as the orders were placed
     * @param putBack as orders were put back, by their ids and versions
     * @param hopeless the executions of which somebody said that trying again is of no use
     * @param longestWait before another attempt
     */
    void checkTimes(
            Map<String, WorkOrder> placed, Map<String, WorkOrder> putBack, Set<String> hopeless, Duration longestWait) {
        moves().forEach((id, moves) -> {
            var order = placed.get(id);
            var fatal = order.getRetryPolicy().getNonRetryableErrorTypesList();
            var told = told(order, moves);
            var deadline = deadline(order);
            var limit = order.hasExpireTime()
                            && Messages.instant(order.getExpireTime()).isBefore(deadline)
                    ? Messages.instant(order.getExpireTime())
                    : deadline;
            int retries = 0;
            for (var move : moves) {
                var attempt = attempts.get(move.executionId);
                switch (move.status) {
                    case "CLAIMED" -> assertThat(move.at).as(told).isBefore(limit);
                    case "COMPLETED" -> assertThat(move.at).as(told).isBefore(deadline);
                    case "EXPIRED" -> assertThat(move.at).as(told).isAfterOrEqualTo(limit);
                    case "FAILED" ->
                        assertThat(retries == order.getRetryPolicy().getMaxRetries()
                                        || fatal.contains(attempt.errorType)
                                        || hopeless.contains(move.executionId)
                                        || !move.at.plus(longestWait).isBefore(deadline))
                                .as(told)
                                .isTrue();
                    case "PENDING" -> {
                        if (move.version > 1 && attempt == null) {
                            deadline = deadline(putBack.get(id + " " + move.version));
                            limit = deadline;
                            retries = 0;
                        } else if (attempt != null && !attempt.givenBack) {
                            limit = deadline;
                            retries++;
                            assertThat(fatal).as(told).doesNotContain(attempt.errorType);
                            assertThat(move.at).as(told).isBefore(deadline);
                        }
                    }
                    default -> {}
                }
            }
        });
    }

    private static Instant deadline(WorkOrder order) {
        return order.hasDeadlineTime() ? Messages.instant(order.getDeadlineTime()) : Instant.MAX;
    }

    /** Nobody who is to leave claims anything. */
    void checkDrained() {
        for (var claim : claims()) {
            assertThat(claim.event.position)
                    .as("claimed by one who is to leave: %s", claim)
                    .isLessThan(drained.getOrDefault(claim.event.workerId, Long.MAX_VALUE));
        }
    }

    /** No session is assigned anything once its worker has attached another one. */
    void checkFenced(Collection<Assigned> assigned) {
        var byExecution = assigned.stream().collect(Collectors.toMap(Assigned::executionId, one -> one));
        for (var claim : claims()) {
            var one = byExecution.get(claim.event.executionId);
            if (one != null) {
                assertThat(claim.event.workerId).isEqualTo(one.workerId);
                var next = attached.get(one.workerId).higherEntry(one.epoch);
                assertThat(claim.event.position)
                        .as("assigned to session %d before %s: %s", one.epoch, next, claim)
                        .isLessThan(next == null ? Long.MAX_VALUE : next.getValue());
            }
        }
    }

    /**
     * In no stretch of time are there more claims from a queue than a burst, and what the rate adds in that stretch. A
     * claim whose transaction waited for others counts for their time, which is when it got its token.
     */
    void checkRate(String queueName, int orders, Duration interval, int burst) {
        var times = new ArrayList<Instant>();
        var latest = Instant.MIN;
        for (var claim : claims()) {
            if (claim.order.queueName.equals(queueName)) {
                latest = Comparator.<Instant>naturalOrder().compare(claim.event.at, latest) > 0
                        ? claim.event.at
                        : latest;
                times.add(latest);
            }
        }
        for (int i = 0; i < times.size(); i++) {
            for (int j = i; j < times.size(); j++) {
                double elapsed = Duration.between(times.get(i), times.get(j)).toNanos();
                assertThat(j - i + 1)
                        .as("claims from %s from %s to %s", queueName, times.get(i), times.get(j))
                        .isLessThanOrEqualTo((int) Math.floor(burst + elapsed * orders / interval.toNanos() + 1e-6));
            }
        }
    }
}
